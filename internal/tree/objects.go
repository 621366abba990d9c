package tree

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

const (
	maxObjects = 4 << 20  // objects of a repository that is read without git: some hundred bytes of memory each
	maxEntries = 16 << 20 // entries of all its folders: 8 bytes each
	maxLoose   = 64 << 20 // bytes of loose files that are kept until their turn comes
	looseHead  = 64       // bytes of a loose object that hold its head
)

// Kinds of objects: https://git-scm.com/docs/gitformat-pack.
const (
	kindCommit = 1
	kindTree   = 2
	kindBlob   = 3
	kindTag    = 4
)

// Numbers that are none of an object.
const (
	noObject  = -1 // what is named is not in the repository
	submodule = -2 // it is not of this repository
)

// store is the objects of a repository, read without git. An object is a number: its place among the sorted ids.
type store struct {
	*gitFolder
	packs []*packFile
	loose map[int32]loose
	held  int      // bytes of their files
	zip   inflater // for the one who opens it
	sorted
	kind []uint8

	slot    []int32 // of an object of a kind in one of these; of blobs there is none
	commits []commit
	trees   []folder
	tags    []int32 // what each one names

	entries []treeEntry
	names   []treeName
	known   map[string]int32 // names, by mode and name as they are in a tree

	order []int32  // commits that refs reach, newest first
	path  []string // of objects in these, by number
	met   []bool   // by number
}

// loose is an object that has a file of its own.
type loose struct {
	file       []byte // as it is; nil: it is read again when its turn comes
	head, size int    // bytes of the object's head, and of the object behind it
}

type commit struct {
	whole   bool // it has the form that commits have
	tree    int32
	parents []int32
	date    int64  // of the committer, in seconds since 1970
	author  string // the line, without what it begins with; "" where its text has an encoding of its own
}

// folder is a tree: a part of the entries.
type folder struct {
	from, to int32
	whole    bool
}

type treeEntry struct {
	child int32 // a number
	name  int32 // in names
}

type treeName struct {
	mode uint32
	name string
}

// sorted are ids in order.
type sorted struct {
	ids []byte
	fan []int32 // how many ids begin with less than each pair of bytes
}

func newSorted(ids []byte) sorted {
	s := sorted{ids: ids, fan: make([]int32, 1<<16+1)}
	for i := 0; i < len(ids); i += idBytes {
		s.fan[int(binary.BigEndian.Uint16(ids[i:]))+1]++
	}
	for i := range 1 << 16 {
		s.fan[i+1] += s.fan[i]
	}
	return s
}

func (s *sorted) len() int { return len(s.ids) / idBytes }

// number finds an object by its id.
func (s *sorted) number(id []byte) int32 {
	head := int(binary.BigEndian.Uint16(id))
	from, to := s.fan[head], s.fan[head+1]
	for from < to {
		mid := (from + to) / 2
		switch bytes.Compare(s.ids[int(mid)*idBytes:][:idBytes], id[:idBytes]) {
		case 0:
			return mid
		case -1:
			from = mid + 1
		default:
			to = mid
		}
	}
	return noObject
}

func (s *sorted) id(n int32) string { return hex.EncodeToString(s.ids[int(n)*idBytes:][:idBytes]) }

// describe is an object to be shown.
func (s *store) describe(n int32, size int64) entry {
	e := entry{id: s.id(n), size: size}
	switch s.kind[n] {
	case kindCommit:
		e.kind = 'c'
	case kindTag:
		e.kind = 't'
	default:
		e.kind, e.path = 'b', s.path[n]
	}
	return e
}

// named finds an object by the digits of its id.
func (s *sorted) named(digits []byte) int32 {
	id, ok := unhex(digits)
	if !ok {
		return noObject
	}
	return s.number(id[:])
}

// unhex is the id that digits write.
func unhex(digits []byte) (id [idBytes]byte, ok bool) {
	if len(digits) != 2*idBytes {
		return id, false
	}
	_, err := hex.Decode(id[:], digits)
	return id, err == nil
}

// openStore lists the objects of a repository. What git has to read is errUnusual.
func openStore(f *gitFolder) (*store, error) {
	s := &store{gitFolder: f, loose: map[int32]loose{}, known: map[string]int32{}}
	names, err := os.ReadDir(s.in("objects"))
	if err != nil {
		return nil, errUnusual
	}
	var single []byte
	for _, d := range names {
		if n := d.Name(); len(n) == 2 && strings.Trim(n, "0123456789abcdef") == "" {
			if single, err = s.singles(n, single); err != nil {
				return nil, err
			}
		}
	}
	if err := s.open(single); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// singles adds the ids of the loose objects of a folder.
func (s *store) singles(dir string, ids []byte) ([]byte, error) {
	files, err := os.ReadDir(s.in("objects/" + dir))
	if err != nil {
		return nil, errUnusual
	}
	for _, f := range files {
		if id, err := hex.DecodeString(dir + f.Name()); err == nil && len(id) == idBytes && f.Type().IsRegular() {
			ids = append(ids, id...)
		}
	}
	return ids, nil
}

// open numbers the objects and opens the packs.
func (s *store) open(single []byte) error {
	names, err := filepath.Glob(filepath.Join(globbed(s.in("objects/pack")), "*.idx"))
	if err != nil {
		return errUnusual
	}
	var indexes, lists [][]byte
	for _, name := range names {
		idx, err := readIndex(name)
		n := int64(0)
		if err == nil {
			n = int64(binary.BigEndian.Uint32(idx[indexHead-4:]))
		}
		if err != nil || int64(len(idx)) < indexHead+n*idBytes {
			return errUnusual
		}
		indexes, lists = append(indexes, idx), append(lists, idx[indexHead:][:n*idBytes])
	}
	s.sorted = newSorted(merged(append(lists, single)))
	n := s.len()
	if n == 0 || n > maxObjects {
		return errUnusual
	}
	s.kind, s.slot = make([]uint8, n), make([]int32, n)
	for i, name := range names {
		p, err := openPack(name, indexes[i], func(id []byte) int32 {
			if k := s.number(id); k >= 0 && s.kind[k] == 0 {
				s.kind[k] = unnamed
				return k
			}
			return noObject
		})
		if err != nil {
			return errUnusual
		}
		s.packs = append(s.packs, p)
		if !p.kinds(s.kind) {
			return errUnusual
		}
		p.link()
	}
	for i := 0; i < len(single); i += idBytes {
		if k := s.number(single[i:]); s.kind[k] == 0 {
			if err := s.look(k); err != nil {
				return err
			}
		}
	}
	s.seat()
	return nil
}

const unnamed = 255 // the kind of an object before it is known

// merged joins lists of ids to one that is sorted and has each once.
func merged(lists [][]byte) []byte {
	lists = slices.DeleteFunc(lists, func(l []byte) bool { return len(l) == 0 })
	switch {
	case len(lists) == 0:
		return nil
	case len(lists) == 1 && ascending(lists[0]):
		return lists[0]
	}
	var all [][idBytes]byte
	for _, l := range lists {
		for i := 0; i < len(l); i += idBytes {
			all = append(all, [idBytes]byte(l[i:]))
		}
	}
	slices.SortFunc(all, func(a, b [idBytes]byte) int { return bytes.Compare(a[:], b[:]) })
	all = slices.Compact(all)
	out := make([]byte, 0, len(all)*idBytes)
	for _, id := range all {
		out = append(out, id[:]...)
	}
	return out
}

func ascending(ids []byte) bool {
	for i := idBytes; i < len(ids); i += idBytes {
		if bytes.Compare(ids[i-idBytes:i], ids[i:i+idBytes]) >= 0 {
			return false
		}
	}
	return true
}

// kinds finds the kinds of the objects of a pack, which those of differences have from what they are made from.
func (p *packFile) kinds(kind []uint8) bool {
	for i := range p.nodes {
		k, hops := int32(i), 0
		for p.nodes[k].base >= 0 {
			if k, hops = p.nodes[k].base, hops+1; hops > len(p.nodes) {
				return false
			}
			if b := &p.nodes[k]; b.place >= 0 && kind[b.place] != unnamed { // made known before
				break
			}
		}
		of := p.nodes[k].kind
		if of >= kindOffset {
			if p.nodes[k].place < 0 {
				return false
			}
			of = kind[p.nodes[k].place]
		}
		if of < kindCommit || of > kindTag {
			return false
		}
		if place := p.nodes[i].place; place >= 0 {
			kind[place] = of
		}
	}
	return true
}

// seat gives the objects of each kind places of their own.
func (s *store) seat() {
	var count [kindTag + 1]int32
	for i, k := range s.kind {
		s.slot[i] = count[k]
		count[k]++
	}
	s.commits, s.trees, s.tags = make([]commit, count[kindCommit]), make([]folder, count[kindTree]), make([]int32, count[kindTag])
}

// look finds the kind of a loose object: https://git-scm.com/docs/gitformat-loose.
func (s *store) look(n int32) error {
	data, err := s.readLoose(n)
	if err != nil {
		return errUnusual
	}
	if data == nil {
		s.kind[n], s.loose[n] = kindBlob, loose{size: maxFile + 1} // git tells of it
		return nil
	}
	kind, size, head := s.zip.single(data)
	if kind == 0 {
		return errUnusual
	}
	if s.held+len(data) > maxLoose {
		data = nil
	}
	s.kind[n], s.loose[n] = kind, loose{data, head, size}
	s.held += len(data)
	return nil
}

// readLoose reads the file of a loose object, nil where it is too large.
func (s *store) readLoose(n int32) ([]byte, error) {
	id := s.id(n)
	f, err := os.Open(s.in("objects/" + id[:2] + "/" + id[2:]))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.Size() > maxFile {
		return nil, err
	}
	data := make([]byte, info.Size())
	_, err = io.ReadFull(f, data)
	return data, err
}

// single reads the head of a loose object: its kind, its size, and how many bytes the head has. Kind 0 is another form.
func (z *inflater) single(data []byte) (kind uint8, size, head int) {
	var room [looseHead]byte
	if len(data) < 2 {
		return 0, 0, 0
	}
	n, _, _ := z.inflate(room[:], data[2:])
	text, _, ok := bytes.Cut(room[:n], []byte{0})
	word, digits, _ := strings.Cut(string(text), " ")
	kind = map[string]uint8{"commit": kindCommit, "tree": kindTree, "blob": kindBlob, "tag": kindTag}[word]
	size, err := strconv.Atoi(digits)
	if !ok || err != nil || size < 0 {
		return 0, 0, 0
	}
	return kind, size, len(text) + 1
}

// whole uncompresses a loose object, which is to be used before the next one is.
func (z *inflater) whole(o loose) ([]byte, bool) {
	if o.size > maxFile {
		return nil, false
	}
	z.room = slices.Grow(z.room[:0], o.head+o.size)[:o.head+o.size]
	return z.room[o.head:], z.zlib(z.room, o.file)
}

// close lets the packs go.
func (s *store) close() {
	for _, p := range s.packs {
		p.close()
	}
}

// each makes the objects of some kinds and calls visit for each, from at most jobs goroutines, trees from one of them alone.
func (s *store) each(ctx context.Context, jobs int, kinds func(uint8) bool, visit func(made)) {
	w := &packing{visit: visit}
	for _, p := range s.packs {
		var roots []int32
		for _, k := range p.roots {
			if kinds(p.nodes[k].kind) {
				roots = append(roots, k)
			}
		}
		w.unfold(ctx, jobs, p, roots)
	}
	list := make([]int32, 0, len(s.loose))
	for n := range s.loose {
		if kinds(s.kind[n]) {
			list = append(list, n)
		}
	}
	slices.Sort(list)
	var next atomic.Int64
	var g errgroup.Group
	for range max(1, jobs) {
		g.Go(func() error {
			var z inflater
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(list) {
					return nil
				}
				o := s.loose[list[i]]
				if o.file == nil {
					o.file, _ = s.readLoose(list[i]) // what cannot be read is left
				}
				if data, ok := z.whole(o); ok {
					visit(made{place: list[i], kind: s.kind[list[i]], data: data})
				}
			}
			return nil
		})
	}
	_ = g.Wait() // it has no errors
}
