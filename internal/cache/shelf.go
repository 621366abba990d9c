package cache

import (
	"cmp"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/plinthsec/plinth"
)

// Shelf is the part of a store that belongs to one reader and one project. It is safe for concurrent use.
type Shelf struct {
	store *Store
	kind  string
	fsys  fs.FS
	read  func(name string) ([]byte, error)
	stale atomic.Bool // a file is no longer what the run has listed
}

// Shelf returns the units of one kind, which are made of the files of fsys; read reads one of those that a run has listed.
func (s *Store) Shelf(kind string, fsys fs.FS, read func(name string) ([]byte, error)) *Shelf {
	return &Shelf{store: s, kind: kind, fsys: fsys, read: read}
}

// Read reads a file that the run has listed. Where it is no longer the same nothing is put on the shelf from then on.
func (s *Shelf) Read(name string) ([]byte, error) {
	data, err := s.read(name)
	if err != nil || SumOf(data) != s.Sum(name) {
		s.stale.Store(true)
	}
	return data, err
}

// Sum is the hash of the content of a file that the run has listed, the zero Sum for any other.
func (s *Shelf) Sum(name string) Sum {
	sum, _ := s.store.Sum(name)
	return sum
}

// Record returns a file system that remembers what is asked of it.
func (s *Shelf) Record() *Recorder {
	return &Recorder{shelf: s, fsys: s.fsys, inputs: map[Input]bool{}}
}

// Take returns what an earlier run put under this name, if all that it was made from is what it was; own tells what the inputs of the
// reader's own kinds are at present.
func (s *Shelf) Take(name string, own func(Kind, string) Sum) (body string, ok bool) {
	key := unitName{s.kind, name}
	u, ok := s.store.oldUnits[key]
	if !ok {
		return "", false
	}
	for _, in := range u.Inputs {
		sum, ok := Sum{}, true
		if in.Kind >= Own {
			sum = own(in.Kind, in.Name)
		} else {
			sum, ok = s.now(in.Kind, in.Name)
		}
		if !ok || sum != in.Sum {
			return "", false
		}
	}
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	s.store.units[key] = u
	return u.Body, true
}

// Put keeps what was made from what a recorder saw. Nothing is kept where it could not see everything.
func (s *Shelf) Put(name string, from *Recorder, body []byte) {
	from.mu.Lock()
	defer from.mu.Unlock()
	if from.lost || s.stale.Load() {
		return
	}
	inputs := slices.SortedFunc(maps.Keys(from.inputs), func(a, b Input) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), strings.Compare(a.Name, b.Name), slices.Compare(a.Sum[:], b.Sum[:]))
	})
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	s.store.units[unitName{s.kind, name}] = Unit{Inputs: inputs, Body: string(body)}
	s.store.changed = true
}

// Sink hands everything on to another sink and keeps it, for Put. It is safe for concurrent use as long as the other one is.
type Sink struct {
	To plinth.Sink

	mu        sync.Mutex
	resources []*plinth.Resource
	problems  []plinth.Problem
}

var _ plinth.Sink = (*Sink)(nil)

// Resource implements plinth.Sink.
func (s *Sink) Resource(r *plinth.Resource) {
	s.mu.Lock()
	s.resources = append(s.resources, r)
	s.mu.Unlock()
	s.To.Resource(r)
}

// Problem implements plinth.Sink.
func (s *Sink) Problem(p plinth.Problem) {
	s.mu.Lock()
	s.problems = append(s.problems, p)
	s.mu.Unlock()
	s.To.Problem(p)
}

// Bytes are what was handed on, for Replay; nil where it is no answer to keep: time was over, or something went wrong in the program.
func (s *Sink) Bytes() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	var e plinth.Encoder
	e.Uint(uint64(len(s.problems)))
	for _, p := range s.problems {
		if p.Kind == plinth.Timeout || p.Kind == plinth.Internal {
			return nil
		}
		e.Problem(p)
	}
	e.Uint(uint64(len(s.resources)))
	for _, r := range s.resources {
		e.Resource(r)
	}
	return e.Bytes()
}

// Replay hands on what a Sink kept, and tells how many resources it was. Of a damaged body it hands on nothing: it is one that no run
// left, since a store has a checksum.
func Replay(body string, to plinth.Sink) (resources int, err error) {
	d := plinth.NewDecoder(body)
	problems := make([]plinth.Problem, d.Count())
	for i := range problems {
		problems[i] = d.Problem()
	}
	list := make([]*plinth.Resource, d.Count())
	for i := range list {
		list[i] = d.Resource()
	}
	if err := d.Err(); err != nil {
		return 0, err
	}
	for _, p := range problems {
		to.Problem(p)
	}
	for _, r := range list {
		to.Resource(r)
	}
	return len(list), nil
}
