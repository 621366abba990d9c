package tree

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
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
func (h *History) packed(ctx context.Context, jobs int, list []entry, visit func(entry, []byte)) (rest []entry, err error) {
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
	w := &packing{list: list, done: make([]bool, len(list)), places: make(map[[idBytes]byte]int32, len(list)), visit: visit}
	for i := range list {
		var id [idBytes]byte
		if n, err := hex.Decode(id[:], []byte(list[i].id)); err == nil && n == idBytes {
			w.places[id] = int32(i)
		}
	}
	for _, name := range names {
		w.pack(ctx, jobs, name)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	for i := range list {
		if !w.done[i] {
			rest = append(rest, list[i])
		}
	}
	return rest, nil
}

// globbed is a path as a pattern that means it.
func globbed(path string) string {
	return strings.NewReplacer("[", "[[]", "*", "[*]", "?", "[?]").Replace(path)
}

// packing reads the wanted objects of one pack after the other.
type packing struct {
	list   []entry
	done   []bool // by place in list
	places map[[idBytes]byte]int32
	visit  func(entry, []byte)
	held   atomic.Int64
}

// pack reads one pack. What does not fit the form is left.
func (w *packing) pack(ctx context.Context, jobs int, index string) {
	info, err := os.Stat(index)
	if err != nil || info.Size() > maxIndex || info.Size()/(idBytes+8) > int64(len(w.list))*sparse {
		return
	}
	idx, err := os.ReadFile(index)
	if err != nil {
		return
	}
	f, err := os.Open(strings.TrimSuffix(index, ".idx") + ".pack")
	if err != nil {
		return
	}
	defer f.Close()
	if info, err = f.Stat(); err != nil {
		return
	}
	p := &packFile{r: f, size: info.Size()}
	if p.size <= maxLoaded {
		p.whole = make([]byte, p.size)
		if _, err := io.ReadFull(f, p.whole); err != nil {
			return
		}
	}
	if p.read(idx, w) != nil {
		return
	}
	roots := p.link()
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
	r     io.ReaderAt
	size  int64
	whole []byte     // all of it; nil: it is large, parts are read when they are asked
	nodes []packNode // by offset
	first []int32    // of the children of each node, in kids
	kids  []int32    // nodes that are differences to a node and needed
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
func (p *packFile) read(idx []byte, w *packing) error {
	if len(idx) < indexHead+2*packTail || !bytes.HasPrefix(idx, []byte("\xfftOc\x00\x00\x00\x02")) {
		return errPack
	}
	n := int(binary.BigEndian.Uint32(idx[indexHead-4:]))
	small := indexHead + n*(idBytes+4)
	large := small + 4*n
	if n < 0 || n > maxIndex/(idBytes+8) || len(idx) < large+2*packTail {
		return errPack
	}
	p.nodes = make([]packNode, n)
	for i := range p.nodes {
		off := int64(binary.BigEndian.Uint32(idx[small+4*i:]))
		if off&0x80000000 != 0 {
			at := large + int(off&0x7fffffff)*8
			if at+8 > len(idx) {
				return errPack
			}
			off = int64(binary.BigEndian.Uint64(idx[at:]))
		}
		if off < 12 || off >= p.size {
			return errPack
		}
		id := [idBytes]byte(idx[indexHead+i*idBytes:])
		place, ok := w.places[id]
		if !ok || w.done[place] {
			place = -1
		}
		p.nodes[i] = packNode{off: off, base: -1, place: place, data: int64(i)} // data holds the place in the index until the head is read
	}
	byID := make([]int32, n)
	slices.SortFunc(p.nodes, func(a, b packNode) int { return int(min(max(a.off-b.off, -1), 1)) })
	for i := range p.nodes {
		byID[p.nodes[i].data] = int32(i)
		p.nodes[i].end = p.size - packTail
		if i+1 < n {
			p.nodes[i].end = p.nodes[i+1].off
		}
	}
	return p.heads(func(id []byte) int32 {
		i := sort.Search(n, func(i int) bool { return bytes.Compare(idx[indexHead+i*idBytes:indexHead+(i+1)*idBytes], id) >= 0 })
		if i == n || !bytes.Equal(idx[indexHead+i*idBytes:indexHead+(i+1)*idBytes], id) {
			return -1
		}
		return byID[i]
	})
}

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
func (p *packFile) link() (roots []int32) {
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
			roots = append(roots, int32(i))
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
	return roots
}

// unfolder makes objects from their bases. It is for one goroutine.
type unfolder struct {
	p     *packFile
	w     *packing
	zip   inflater
	raw   []byte // room for what is compressed
	delta []byte
	free  [][]byte
}

// branch is an object whose differences are being made.
type branch struct {
	data []byte
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
	u.show(x, x.kind, data)
	stack := []branch{{data, u.kids(root)}}
	for len(stack) > 0 {
		b := &stack[len(stack)-1]
		if len(b.kids) == 0 {
			u.drop(b.data)
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
		made, ok := u.patch(b.data)
		if !ok {
			continue
		}
		u.show(child, x.kind, made)
		if len(b.kids) == 0 { // nothing else needs it
			u.drop(b.data)
			stack = stack[:len(stack)-1]
		}
		stack = append(stack, branch{made, u.kids(k)})
	}
}

func (u *unfolder) kids(i int32) []int32 { return u.p.kids[u.p.first[i]:u.p.first[i+1]] }

// room returns a buffer of a size.
func (u *unfolder) room(size int) []byte {
	u.w.held.Add(int64(size))
	if i := slices.IndexFunc(u.free, func(b []byte) bool { return cap(b) >= size }); i >= 0 {
		b := u.free[i][:size]
		u.free = slices.Delete(u.free, i, i+1)
		return b
	}
	if len(u.free) == spareRooms { // a larger one takes the place of a small one
		u.free = u.free[1:]
	}
	return make([]byte, size, size+size/4)
}

const spareRooms = 6 // buffers that are kept for the next objects

func (u *unfolder) drop(b []byte) {
	u.w.held.Add(-int64(len(b)))
	if len(u.free) < spareRooms {
		u.free = append(u.free, b)
	}
}

// show hands over an object that is wanted, if it is what git says of it.
func (u *unfolder) show(x *packNode, kind uint8, data []byte) {
	if x.place < 0 {
		return
	}
	e := u.w.list[x.place]
	if packKind[e.kind] != kind || e.size >= 0 && e.size != int64(len(data)) {
		return
	}
	u.w.done[x.place] = true
	u.w.visit(e, data)
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
		at += copy(out[at:], base[start:start+count])
	}
	if len(d) > 0 || at != len(out) {
		u.drop(out)
		return nil, false
	}
	return out, true
}
