package terraform

import (
	"path"
	"slices"
	"sync"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/cache"
)

// The reader's own kinds of what something is made from.
const (
	ofFolder    = cache.Own + iota // the configuration files of a folder
	ofVariables                    // the variable files of a folder
	ofManifest                     // the list of modules that are installed for a root module
)

// folder is a folder with configuration files.
type folder struct {
	module func() *module // parses the files when it is asked first; safe for concurrent use
	known  bool           // what follows is known without that
	calls  []string
}

// called returns the folders that the folder's modules call.
func (f *folder) called() []string {
	if f.known {
		return f.calls
	}
	return f.module().called()
}

func (m *module) called() []string {
	var out []string
	for _, n := range m.callOrder {
		if c := m.calls[n]; c.local != "" {
			out = append(out, c.local)
		}
	}
	return out
}

// tell reports what is wrong with the files of a module.
func (l *loader) tell(m *module) {
	for _, p := range m.problems {
		l.Problem(p)
	}
}

// open returns a folder: without parsing its files where what they call, and what is wrong with them, is known from an earlier run.
func (l *loader) open(dir string) *folder {
	f := &folder{module: sync.OnceValue(func() *module { return l.parseFolder(dir) })}
	if l.shelf == nil {
		l.tell(f.module())
		return f
	}
	if body, ok := l.shelf.Take("folder "+dir, l.now); ok {
		d := plinth.NewDecoder(body)
		problems := make([]plinth.Problem, d.Count())
		for i := range problems {
			problems[i] = d.Problem()
		}
		for range d.Count() {
			f.calls = append(f.calls, d.String())
		}
		if f.known = d.Err() == nil; f.known {
			for _, p := range problems {
				l.Problem(p)
			}
			return f
		}
	}
	m := f.module()
	l.tell(m)
	var e plinth.Encoder
	e.Uint(uint64(len(m.problems)))
	for _, p := range m.problems {
		e.Problem(p)
	}
	calls := m.called()
	e.Uint(uint64(len(calls)))
	for _, dir := range calls {
		e.String(dir)
	}
	rec := l.shelf.Record()
	rec.Note(l.input(ofFolder, dir))
	l.shelf.Put("folder "+dir, rec, e.Bytes())
	return f
}

// again hands over what was made under a name before, and tells how many resources that is, or makes it. What is made notes what it is
// made from, and tells whether it may be kept.
func (l *loader) again(name string, made func(rec *cache.Recorder, to plinth.Sink) bool) (resources int) {
	if l.shelf == nil {
		made(nil, l)
		return 0
	}
	if body, ok := l.shelf.Take(name, l.now); ok {
		if n, err := cache.Replay(body, l); err == nil {
			return n
		}
	}
	rec, to := l.shelf.Record(), &cache.Sink{To: l}
	if made(rec, to) {
		if body := to.Bytes(); body != nil {
			l.shelf.Put(name, rec, body)
		}
	}
	return 0
}

// note notes a file of the project as something that a thing is made from.
func (l *loader) note(rec *cache.Recorder, name string) {
	if rec != nil {
		rec.Note(cache.Input{Kind: cache.Content, Name: name, Sum: l.shelf.Sum(name)})
	}
}

func (l *loader) input(kind cache.Kind, dir string) cache.Input {
	return cache.Input{Kind: kind, Name: dir, Sum: l.now(kind, dir)}
}

// now tells what one of the reader's own inputs is at present.
func (l *loader) now(kind cache.Kind, dir string) cache.Sum {
	key := cache.Input{Kind: kind, Name: dir}
	if sum, ok := l.sums.Load(key); ok {
		return sum.(cache.Sum)
	}
	sum := l.sum(kind, dir)
	l.sums.Store(key, sum)
	return sum
}

func (l *loader) sum(kind cache.Kind, dir string) cache.Sum {
	var names []string
	switch kind {
	case ofFolder:
		names = l.dirs[dir]
	case ofVariables:
		names = slices.Clone(l.auto[dir])
		for _, n := range [...]string{"terraform.tfvars", "terraform.tfvars.json"} {
			if _, ok := l.files[path.Join(dir, n)]; ok {
				names = append(names, path.Join(dir, n))
			}
		}
	case ofManifest:
		if n := path.Join(dir, ".terraform/modules/modules.json"); l.manifests[dir] != nil {
			names = []string{n}
		}
	}
	if len(names) == 0 {
		return cache.Sum{}
	}
	words := make([]string, 0, 2*len(names))
	for _, n := range names {
		sum := l.shelf.Sum(n)
		words = append(words, n, string(sum[:]))
	}
	return cache.SumOfAll(words...)
}
