package tree

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

const (
	maxIndex   = 1 << 28   // bytes of the index of a pack, 8 million objects: git reads the packs of larger ones
	maxHeld    = 256 << 20 // bytes of objects that are kept because others are differences to them
	maxLoaded  = 64 << 20  // bytes of a pack that is read at once: most of it is needed, and a call for each object costs as much as the object
	readAhead  = 1 << 20   // bytes that are read at once while the heads of objects are looked at
	longHead   = 64        // bytes of the head of an object at most: ten of the size, twenty of the base
	idBytes    = 20        // of a SHA-1: repositories with other hashes are left to git
	indexHead  = 8 + 256*4 // bytes of an index before the ids
	packTail   = 20        // bytes behind the last object: a checksum
	sparse     = 8         // objects of a pack for each wanted one from which git is asked: it looks at those alone, and here all heads are read
	kindOffset = 6         // difference to an object that lies before
	kindRef    = 7         // difference to an object that is named
)

var (
	errPack  = errors.New("the pack has another form")
	packKind = map[byte]byte{'c': 1, 't': 4, 'b': 3}
)

// packed reads the objects that lie in packs without git, which has to unpack each of the versions of a file again and to hand it over
// (https://git-scm.com/docs/gitformat-pack): an object is made once from the one that it is a difference to. It calls visit for each, from
// at most jobs goroutines, and returns the places in list of those that it could not read or that are in no pack. They are left to git,
// which also tells what is wrong with them.
func (h *History) packed(ctx context.Context, jobs int, list []entry, visit func(entry, []byte, *Kin)) (rest []entry, err error) {
	if h.staged || h.received || len(list) == 0 || len(list[0].id) != 2*idBytes {
		return list, nil
	}
	out, err := h.output(ctx, "rev-parse", "--path-format=absolute", "--git-path", "objects/pack")
	if err != nil {
		return list, ctx.Err() // a git that is older than 2.31
	}
	names, err := filepath.Glob(filepath.Join(globbed(strings.TrimRight(string(out), "\r\n")), "*.idx"))
	if err != nil {
		return list, nil
	}
	done, places := make([]bool, len(list)), make(map[[idBytes]byte]int32, len(list))
	for i := range list {
		if id, ok := unhex([]byte(list[i].id)); ok {
			places[id] = int32(i)
		}
	}
	w := &packing{visit: func(o made) {
		if e := list[o.place]; packKind[e.kind] == o.kind && (e.size < 0 || e.size == int64(len(o.data))) { // what git says of it
			done[o.place] = true
			visit(e, o.data, o.kin)
		}
	}}
	for _, name := range names {
		if info, err := os.Stat(name); err != nil || info.Size()/(idBytes+8) > int64(len(list))*sparse {
			continue
		}
		idx, err := readIndex(name)
		if err != nil {
			continue // what does not fit the form is left
		}
		p, err := openPack(name, idx, func(id []byte) int32 {
			if place, ok := places[[idBytes]byte(id)]; ok && !done[place] {
				return place
			}
			return -1
		})
		if err != nil {
			continue
		}
		p.link()
		w.unfold(ctx, jobs, p, p.roots)
		p.close()
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	for i := range list {
		if !done[i] {
			rest = append(rest, list[i])
		}
	}
	return rest, nil
}

// globbed is a path as a pattern that means it.
func globbed(path string) string {
	return strings.NewReplacer("[", "[[]", "*", "[*]", "?", "[?]").Replace(path)
}

// packing makes the objects of packs.
type packing struct {
	visit func(made) // is called from several goroutines
	held  atomic.Int64
}

// made is an object of a pack.
type made struct {
	place int32 // that the pack was told
	kind  uint8
	data  []byte // not kept after the call
	base  *made  // what it was made from, which was made before in the same goroutine; nil: it is whole
	kin   *Kin   // of a blob
}

// openPack opens the pack of an index, which readIndex has read. place tells where an object is wanted; -1: nowhere.
func openPack(index string, idx []byte, place func(id []byte) int32) (*packFile, error) {
	name := strings.TrimSuffix(index, ".idx") + ".pack"
	if info, err := os.Stat(name); err != nil || !info.Mode().IsRegular() {
		return nil, errPack
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	p := &packFile{idx: idx, r: f, close: func() { _ = f.Close() }}
	if err := p.open(f, place); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

// readIndex reads the index of a pack.
func readIndex(name string) ([]byte, error) {
	idx, err := readAtMost(name, maxIndex)
	if err != nil {
		return nil, err
	}
	if len(idx) < indexHead+2*packTail || !bytes.HasPrefix(idx, []byte("\xfftOc\x00\x00\x00\x02")) {
		return nil, errPack
	}
	return idx, nil
}

// open reads what has to be known of a pack.
func (p *packFile) open(f *os.File, place func(id []byte) int32) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	p.size = info.Size()
	if p.size <= maxLoaded {
		p.whole = make([]byte, p.size)
		if _, err := io.ReadFull(f, p.whole); err != nil {
			return err
		}
	}
	return p.read(place)
}

// unfold makes the wanted objects that are whole or, by any number of steps, differences to the roots.
func (w *packing) unfold(ctx context.Context, jobs int, p *packFile, roots []int32) {
	var next atomic.Int64
	var g errgroup.Group
	for range max(1, jobs) {
		g.Go(func() error {
			u := &unfolder{p: p, w: w}
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(roots) {
					return nil
				}
				u.unfold(roots[i])
			}
			return nil
		})
	}
	_ = g.Wait() // it has no errors: what was not read is not done
}

// packFile is a pack whose objects are known by their offsets.
type packFile struct {
	idx   []byte // the index
	close func()
	r     io.ReaderAt
	size  int64
	whole []byte     // all of it; nil: it is large, parts are read when they are asked
	n     int        // objects
	nodes []packNode // by offset
	first []int32    // of the children of each node, in kids
	kids  []int32    // nodes that are differences to a node and needed
	roots []int32    // that are needed and whole
}

type packNode struct {
	off, end int64 // of the object; end is where the next one begins
	data     int64 // of its compressed data
	size     int64 // uncompressed
	base     int32 // the node that it is a difference to; -1: none
	place    int32 // in the list of those that are wanted; -1: none
	kind     uint8
	needed   bool
}

// part returns bytes of the pack, in room where they are not in memory.
func (p *packFile) part(from, n int64, room *[]byte) ([]byte, bool) {
	if p.whole != nil {
		return p.whole[min(from, int64(len(p.whole))):min(from+n, int64(len(p.whole)))], true
	}
	*room = slices.Grow((*room)[:0], int(n))[:n]
	k, err := p.r.ReadAt(*room, from)
	return (*room)[:k], err == nil || err == io.EOF
}

// read takes the offsets from the index, and the heads of the objects from the pack.
func (p *packFile) read(place func(id []byte) int32) error {
	idx := p.idx
	n := int(binary.BigEndian.Uint32(idx[indexHead-4:]))
	small := indexHead + n*(idBytes+4)
	large := small + 4*n
	if n < 0 || n > maxIndex/(idBytes+8) || len(idx) < large+2*packTail {
		return errPack
	}
	p.nodes, p.n = make([]packNode, n), n
	order := make([]uint64, n) // offsets, and places in the index
	for i := range order {
		off := uint64(binary.BigEndian.Uint32(idx[small+4*i:]))
		if off&0x80000000 != 0 {
			at := large + int(off&0x7fffffff)*8
			if at+8 > len(idx) {
				return errPack
			}
			off = binary.BigEndian.Uint64(idx[at:])
		}
		if off < 12 || off >= uint64(p.size) || off >= 1<<40 {
			return errPack
		}
		order[i] = off<<24 | uint64(i)
	}
	slices.Sort(order)
	byID := make([]int32, n)
	for k, o := range order {
		i := int(o & (1<<24 - 1))
		byID[i] = int32(k)
		x := &p.nodes[k]
		*x = packNode{off: int64(o >> 24), end: p.size - packTail, base: -1, place: place(p.id(i))}
		if k > 0 {
			p.nodes[k-1].end = x.off
		}
	}
	return p.heads(func(id []byte) int32 {
		i := sort.Search(n, func(i int) bool { return bytes.Compare(p.id(i), id) >= 0 })
		if i == n || !bytes.Equal(p.id(i), id) {
			return -1
		}
		return byID[i]
	})
}

// id is the i-th of the objects, which the index has in order.
func (p *packFile) id(i int) []byte { return p.idx[indexHead+i*idBytes:][:idBytes] }

// heads reads kind, size and base of each object.
func (p *packFile) heads(find func(id []byte) int32) error {
	var window, room []byte
	var from int64
	ok := false
	for i := range p.nodes {
		x := &p.nodes[i]
		if x.off < from || x.off+longHead > from+int64(len(window)) {
			from = x.off
			if window, ok = p.part(from, min(readAhead, p.size-from), &room); !ok || int64(len(window)) <= x.off-from {
				return errPack
			}
		}
		head := window[x.off-from : min(int64(len(window)), x.off-from+longHead)]
		n, err := x.head(head)
		if err != nil {
			return err
		}
		switch x.kind {
		case kindOffset:
			back, used := baseOffset(head[n:])
			if used == 0 || back <= 0 || back > x.off {
				return errPack
			}
			n += used
			at, ok := slices.BinarySearchFunc(p.nodes, x.off-back, func(n packNode, off int64) int { return int(min(max(n.off-off, -1), 1)) })
			if !ok {
				return errPack
			}
			x.base = int32(at)
		case kindRef:
			if len(head) < n+idBytes {
				return errPack
			}
			x.base = find(head[n : n+idBytes])
			n += idBytes
			if x.base < 0 {
				x.place = -1 // of a thin pack, which git completes: it reads the object
			}
		}
		x.data = x.off + int64(n)
		if x.data > x.end {
			return errPack
		}
	}
	return nil
}

// head reads kind and size and returns how many bytes they take.
func (x *packNode) head(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, errPack
	}
	x.kind, x.size = b[0]>>4&7, int64(b[0]&15)
	n := 1
	for shift := 4; b[n-1]&0x80 != 0; shift += 7 {
		if n == len(b) || shift > 53 {
			return 0, errPack
		}
		x.size |= int64(b[n]&0x7f) << shift
		n++
	}
	return n, nil
}

// baseOffset reads how far before an object its base lies, and how many bytes say so; 0 bytes where it is not said.
func baseOffset(b []byte) (back int64, n int) {
	for n < len(b) && n < 9 {
		back = back<<7 | int64(b[n]&0x7f)
		n++
		if b[n-1]&0x80 == 0 {
			return back, n
		}
		back++
	}
	return 0, 0
}

// link finds the objects that are needed for the wanted ones, and which of them are whole.
func (p *packFile) link() {
	p.first = make([]int32, len(p.nodes)+1)
	for i := range p.nodes {
		if p.nodes[i].place < 0 {
			continue
		}
		for k := int32(i); k >= 0 && !p.nodes[k].needed; k = p.nodes[k].base {
			p.nodes[k].needed = true
		}
	}
	for i := range p.nodes {
		switch x := &p.nodes[i]; {
		case !x.needed:
		case x.base >= 0:
			p.first[x.base+1]++
		case x.kind != kindRef:
			p.roots = append(p.roots, int32(i))
		}
	}
	for i := range p.nodes {
		p.first[i+1] += p.first[i]
	}
	p.kids = make([]int32, p.first[len(p.nodes)])
	next := slices.Clone(p.first)
	for i := range p.nodes {
		if x := &p.nodes[i]; x.needed && x.base >= 0 {
			p.kids[next[x.base]] = int32(i)
			next[x.base]++
		}
	}
}

// unfolder makes objects from their bases. It is for one goroutine.
type unfolder struct {
	p     *packFile
	w     *packing
	zip   inflater
	raw   []byte // room for what is compressed
	delta []byte
	rooms [][]byte // that are free
	kins  []*Kin   // that are free

	copies []Copy // of the last difference
	serial uint64
}

// branch is an object whose differences are being made.
type branch struct {
	made
	kids []int32
}

// unfold makes a whole object and all that are differences to it, the deepest first. What cannot be made is left.
func (u *unfolder) unfold(root int32) {
	x := &u.p.nodes[root]
	if x.size > maxFile {
		return
	}
	data, ok := u.inflate(x, u.room(int(x.size)))
	if !ok {
		return
	}
	stack := []branch{{made{place: x.place, kind: x.kind, data: data, kin: u.kin(x.kind, nil)}, u.kids(root)}}
	u.show(&stack[0].made)
	for len(stack) > 0 {
		b := &stack[len(stack)-1]
		if len(b.kids) == 0 {
			u.drop(b.data)
			u.free(b.kin)
			stack = stack[:len(stack)-1]
			continue
		}
		k := b.kids[0]
		b.kids = b.kids[1:]
		child := &u.p.nodes[k]
		if child.size > 2*maxFile || u.w.held.Load() > maxHeld {
			continue
		}
		if u.delta, ok = u.inflate(child, slices.Grow(u.delta[:0], int(child.size))[:child.size]); !ok {
			continue
		}
		data, ok := u.patch(b.data)
		if !ok {
			continue
		}
		o := made{child.place, x.kind, data, &b.made, u.kin(x.kind, &b.made)}
		u.show(&o)
		if o.base = nil; o.kin != nil {
			o.kin.Base, o.kin.Copies = nil, nil
		}
		if len(b.kids) == 0 { // nothing else needs it
			u.drop(b.data)
			u.free(b.kin)
			stack = stack[:len(stack)-1]
		}
		stack = append(stack, branch{o, u.kids(k)})
	}
}

func (u *unfolder) kids(i int32) []int32 { return u.p.kids[u.p.first[i]:u.p.first[i+1]] }

// room returns a buffer of a size.
func (u *unfolder) room(size int) []byte {
	u.w.held.Add(int64(size))
	if i := slices.IndexFunc(u.rooms, func(b []byte) bool { return cap(b) >= size }); i >= 0 {
		b := u.rooms[i][:size]
		u.rooms = slices.Delete(u.rooms, i, i+1)
		return b
	}
	if len(u.rooms) == spareRooms { // a larger one takes the place of a small one
		u.rooms = u.rooms[1:]
	}
	return make([]byte, size, size+size/4)
}

const spareRooms = 6 // buffers that are kept for the next objects

func (u *unfolder) drop(b []byte) {
	u.w.held.Add(-int64(len(b)))
	if len(u.rooms) < spareRooms {
		u.rooms = append(u.rooms, b)
	}
}

// kin is what an object of a kind has in common with its base, after the difference between them was made good.
func (u *unfolder) kin(kind uint8, base *made) *Kin {
	if kind != kindBlob {
		return nil
	}
	k := &Kin{}
	if n := len(u.kins); n > 0 {
		k, u.kins = u.kins[n-1], u.kins[:n-1]
	}
	u.serial++
	if k.Serial = u.serial; base != nil && base.place >= 0 {
		k.Base, k.Copies = base.kin, u.copies
	}
	return k
}

// free takes back what is known of an object from which all others are made.
func (u *unfolder) free(k *Kin) {
	if k != nil {
		u.kins = append(u.kins, k)
	}
}

// show hands over an object that is wanted.
func (u *unfolder) show(o *made) {
	if o.place >= 0 {
		u.w.visit(*o)
	}
}

// inflate uncompresses the data of an object, which has the size of to, and checks its checksum.
func (u *unfolder) inflate(x *packNode, to []byte) ([]byte, bool) {
	raw, ok := u.p.part(x.data, min(x.end-x.data, 2*maxFile), &u.raw)
	return to, ok && u.zip.zlib(to, raw)
}

// patch applies the difference to its base: copies from the base, and new bytes.
func (u *unfolder) patch(base []byte) ([]byte, bool) {
	d := u.delta
	from, n := binary.Uvarint(d)
	if n <= 0 || from != uint64(len(base)) {
		return nil, false
	}
	d = d[n:]
	size, n := binary.Uvarint(d)
	if n <= 0 || size > maxFile {
		return nil, false
	}
	d = d[n:]
	out := u.room(int(size))
	at := 0
	u.copies = u.copies[:0]
	for len(d) > 0 {
		op := d[0]
		d = d[1:]
		if op&0x80 == 0 {
			if op == 0 || int(op) > len(d) || int(op) > len(out)-at {
				break
			}
			at += copy(out[at:], d[:op])
			d = d[op:]
			continue
		}
		start, count := 0, 0
		for i := range 7 {
			if op&(1<<i) == 0 {
				continue
			}
			if len(d) == 0 {
				u.drop(out)
				return nil, false
			}
			if i < 4 {
				start |= int(d[0]) << (8 * i)
			} else {
				count |= int(d[0]) << (8 * (i - 4))
			}
			d = d[1:]
		}
		if count == 0 {
			count = 0x10000
		}
		if start > len(base) || count > len(base)-start || count > len(out)-at {
			break
		}
		if n := len(u.copies); n > 0 && u.copies[n-1].To+u.copies[n-1].Len == at && u.copies[n-1].From+u.copies[n-1].Len == start {
			u.copies[n-1].Len += count
		} else {
			u.copies = append(u.copies, Copy{at, start, count})
		}
		at += copy(out[at:], base[start:start+count])
	}
	if len(d) > 0 || at != len(out) {
		u.drop(out)
		return nil, false
	}
	return out, true
}
