// Package cache keeps what was found out about the files of a target from one run to the next: by their content, so that nothing
// old is ever taken for something that changed.
//
// A Store is one file on disk that belongs to one target, one build of the program and one way to run it. It holds a table of files
// (how the disk knows them, the hash of their content, marks that a scan made) and units: what a reader made of some inputs, with
// the inputs. A unit counts as long as all its inputs are what they were.
package cache

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/plinthsec/plinth"
)

const (
	magic    = "plinth cache 1\n"
	maxStore = 256 << 20 // bytes of one store: a larger one is not written, and not read
	maxAll   = 1 << 30   // bytes of all stores in a folder
	maxCount = 256       // stores in a folder
	ending   = ".cache"

	// unsettled is how long after a change of a file the disk's clock may not tell a further change from it.
	unsettled = 2 * time.Second
)

// Sum is a hash of a content: the first half of its SHA-256. The zero Sum stands for something that is not there.
type Sum [16]byte

// SumOf returns the hash of a content.
func SumOf(data []byte) Sum {
	full := sha256.Sum256(data)
	return Sum(full[:16])
}

// SumOfAll returns a hash of several texts, which tells where one ends and the next begins.
func SumOfAll(texts ...string) Sum {
	h := sha256.New()
	var n [8]byte
	for _, t := range texts {
		binary.LittleEndian.PutUint64(n[:], uint64(len(t)))
		h.Write(n[:])
		h.Write([]byte(t))
	}
	return Sum(h.Sum(nil)[:16])
}

func (s Sum) String() string { return hex.EncodeToString(s[:]) }

// Stat is how the disk knows a file. Two different contents of a file never have the same Stat once it is settled.
type Stat struct {
	Size, Modified, Changed int64 // bytes, nanoseconds since 1970
	Inode                   uint64
}

// File is what is known of a file.
type File struct {
	Stat  Stat
	Sum   Sum
	Marks uint64 // what a scan found out about the content, in its own words
}

// Input is something that a unit was made from.
type Input struct {
	Kind Kind
	Name string
	Sum  Sum
}

// Kind says what an input is.
type Kind byte

// The kinds of inputs. A reader has further ones, from Own on.
const (
	Content Kind = iota // of a file
	Status              // whether there is something of this name, and whether it is a folder
	Names               // of what lies in a folder
	Own
)

// Unit is what was made from its inputs.
type Unit struct {
	Inputs []Input
	Body   string

	written string // as it stands in the store that it was read from
}

type unitName struct{ kind, name string }

// Store is what earlier runs left, and what this one leaves. It is safe for concurrent use.
type Store struct {
	path string
	key  Sum
	time time.Time // when the run began, before it looked at any file

	oldFiles map[string]File
	oldUnits map[unitName]Unit
	size     int // bytes of what was read

	mu      sync.Mutex
	files   map[string]File
	units   map[unitName]Unit
	changed bool
}

// New returns an empty store that is never written; now is when the run began, before it looked at any file.
func New(now time.Time) *Store {
	return &Store{time: now, files: map[string]File{}, units: map[unitName]Unit{}}
}

// Again returns a store for a further run over the same target, which knows what this one has found out. The disk may not tell that the
// content of some files has changed: these are read again.
func (s *Store) Again(changed []string, now time.Time) *Store {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.carry()
	next := New(now)
	next.oldFiles, next.oldUnits = maps.Clone(s.files), s.units
	for _, name := range changed {
		if f, ok := next.oldFiles[name]; ok {
			f.Stat = Stat{}
			next.oldFiles[name] = f
		}
	}
	return next
}

// Open opens the store of a key in a folder, which may not exist; now is when the run began, before it looked at any file. What is
// damaged, or somebody else's, is as good as empty.
func Open(dir string, key Sum, now time.Time) *Store {
	s := &Store{path: filepath.Join(dir, key.String()+ending), key: key, time: now, files: map[string]File{}, units: map[unitName]Unit{}}
	f, err := os.Open(s.path)
	if err != nil {
		return s
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.Size() > maxStore {
		return s
	}
	s.load(f, int(info.Size()))
	if now.Sub(info.ModTime()) > 24*time.Hour {
		_ = os.Chtimes(s.path, now, now) // it is in use; where that fails it is forgotten sooner
	}
	return s
}

var table = crc32.MakeTable(crc32.Castagnoli)

func (s *Store) load(r io.Reader, size int) {
	head := magic + string(s.key[:])
	if size < len(head)+crc32.Size {
		return
	}
	var text strings.Builder // of which all that is read stays a part
	text.Grow(size)
	sum := crc32.New(table)
	var end [crc32.Size]byte
	if _, err := io.CopyBuffer(io.MultiWriter(&text, sum), io.LimitReader(r, int64(size-len(end))), make([]byte, 64<<10)); err != nil {
		return
	}
	if _, err := io.ReadFull(r, end[:]); err != nil || sum.Sum32() != binary.LittleEndian.Uint32(end[:]) || !strings.HasPrefix(text.String(), head) {
		return
	}
	s.parse(text.String()[len(head):])
	s.size = size
}

// parse reads what a store holds behind its head; nothing of it counts where it is damaged.
func (s *Store) parse(text string) {
	d := plinth.NewDecoder(text)
	count := d.Count()
	files := make(map[string]File, count)
	for range count {
		name := d.Raw()
		files[name] = File{Stat: Stat{Size: int64(d.Uint()), Modified: int64(d.Uint()), Changed: int64(d.Uint()), Inode: d.Uint()}, Sum: readSum(d), Marks: d.Uint()}
	}
	count = d.Count()
	units := make(map[unitName]Unit, count)
	for range count {
		start := d.At()
		name := unitName{d.Raw(), d.Raw()}
		u := Unit{Inputs: make([]Input, d.Count())}
		for i := range u.Inputs {
			u.Inputs[i] = Input{Kind: Kind(d.Uint()), Name: d.Raw(), Sum: readSum(d)}
		}
		u.Body = d.Raw()
		u.written = text[start:d.At()]
		units[name] = u
	}
	if d.Err() == nil {
		s.oldFiles, s.oldUnits = files, units
	}
}

func readSum(d *plinth.Decoder) (s Sum) {
	copy(s[:], d.Fixed(len(s)))
	return s
}

// File returns what an earlier run knew of a file. Same tells that the file has not changed since, so that it need not be read.
func (s *Store) File(name string, st Stat) (f File, same bool) {
	f, ok := s.oldFiles[name]
	return f, ok && f.Stat == st && st != Stat{}
}

// Known tells whether an earlier run left something.
func (s *Store) Known() bool { return s.oldFiles != nil }

// Keep keeps what is known of a file for the next run.
func (s *Store) Keep(name string, f File) {
	edge := s.time.Add(-unsettled).UnixNano()
	if f.Stat.Modified > edge || f.Stat.Changed > edge {
		f.Stat = Stat{}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files[name] = f
	s.changed = s.changed || s.oldFiles[name] != f
}

// Sum is the hash of a file's content that this run has kept.
func (s *Store) Sum(name string) (Sum, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, ok := s.files[name]
	return f.Sum, ok
}

// Save writes the store where that is worth it, and removes the oldest of all that are too many.
func (s *Store) Save() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.carry()
	if !s.changed && len(s.files) == len(s.oldFiles) && len(s.units) == len(s.oldUnits) {
		return nil
	}
	data := s.bytes()
	if len(data) > maxStore {
		return nil
	}
	dir := filepath.Dir(s.path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("cache: %w", err)
	}
	f, err := os.CreateTemp(dir, "*.new")
	if err != nil {
		return fmt.Errorf("cache: %w", err)
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), s.path)
	}
	if err != nil {
		return fmt.Errorf("cache: %w", errors.Join(err, os.Remove(f.Name())))
	}
	return s.prune(dir)
}

// carry keeps units that nobody has asked for, where they were made from files alone and these are the same.
func (s *Store) carry() {
	for name, u := range s.oldUnits {
		if _, ok := s.units[name]; ok {
			continue
		}
		same := func(in Input) bool { return in.Kind == Content && s.files[in.Name].Sum == in.Sum }
		if !slices.ContainsFunc(u.Inputs, func(in Input) bool { return !same(in) }) {
			s.units[name] = u
		}
	}
}

func (s *Store) bytes() []byte {
	var e plinth.Encoder
	e.Grow(s.size + s.size/8)
	e.Fixed(magic)
	e.Fixed(string(s.key[:]))
	e.Uint(uint64(len(s.files)))
	for name, f := range s.files {
		e.Raw(name)
		for _, n := range [...]int64{f.Stat.Size, f.Stat.Modified, f.Stat.Changed} {
			e.Uint(uint64(n))
		}
		e.Uint(f.Stat.Inode)
		e.Fixed(string(f.Sum[:]))
		e.Uint(f.Marks)
	}
	e.Uint(uint64(len(s.units)))
	for name, u := range s.units {
		if u.written != "" {
			e.Fixed(u.written)
			continue
		}
		e.Raw(name.kind)
		e.Raw(name.name)
		e.Uint(uint64(len(u.Inputs)))
		for _, in := range u.Inputs {
			e.Uint(uint64(in.Kind))
			e.Raw(in.Name)
			e.Fixed(string(in.Sum[:]))
		}
		e.Raw(u.Body)
	}
	return binary.LittleEndian.AppendUint32(e.Bytes(), crc32.Checksum(e.Bytes(), table))
}

// prune removes the stores that were not used for longest, and what an interrupted run left of one.
func (s *Store) prune(dir string) error {
	list, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("cache: %w", err)
	}
	var stores []fs.FileInfo
	for _, d := range list {
		info, err := d.Info()
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		switch path.Ext(d.Name()) {
		case ending:
			stores = append(stores, info)
		case ".new":
			if s.time.Sub(info.ModTime()) > time.Hour {
				_ = os.Remove(filepath.Join(dir, d.Name()))
			}
		}
	}
	slices.SortFunc(stores, func(a, b fs.FileInfo) int { return b.ModTime().Compare(a.ModTime()) })
	var all int64
	for i, info := range stores {
		if all += info.Size(); i >= maxCount || i > 0 && all > maxAll {
			_ = os.Remove(filepath.Join(dir, info.Name())) // another run may have done it
		}
	}
	return nil
}
