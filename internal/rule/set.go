package rule

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"sort"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/value"
)

// Set is the rules of a run. It is safe for concurrent use.
type Set struct {
	entries []*entry // sorted by id
	byType  map[string][]*entry
	byName  func() map[string]*entry // ids and aliases in lower case
}

// entry is a rule file of which only the names are known until somebody asks for more.
type entry struct {
	heading
	file string
	data string
	envs *environments
	load func() (*Rule, []plinth.Problem)
}

// Faults are what is wrong with rule files.
type Faults []plinth.Problem

func (f Faults) Error() string {
	var b strings.Builder
	for i, p := range f {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%s:%d:%d: %s", p.At.Path, p.At.Line, p.At.Col, p.Text)
	}
	return b.String()
}

// Load returns the rules below fsys (nil: none), which are read as they are needed, and those of the folders, which are checked
// at once: the error is Faults for what is wrong with the latter.
func Load(fsys fs.FS, dirs ...string) (*Set, error) {
	envs := &environments{}
	var entries []*entry
	if fsys != nil {
		var err error
		if entries, err = scan(fsys, "", envs); err != nil {
			return nil, fmt.Errorf("load embedded rules: %w", err)
		}
	}
	var own []*entry
	for _, dir := range dirs {
		info, err := os.Stat(dir)
		if err != nil {
			return nil, fmt.Errorf("load rules: %w", err)
		}
		if !info.IsDir() {
			return nil, fmt.Errorf("load rules: %s is not a folder", dir)
		}
		more, err := scan(os.DirFS(dir), filepath.ToSlash(dir), envs)
		if err != nil {
			return nil, fmt.Errorf("load rules: %w", err)
		}
		own = append(own, more...)
	}
	var faults Faults
	for _, e := range own {
		_, problems := e.load()
		faults = append(faults, problems...)
	}
	entries = append(entries, own...)
	if len(own) > 0 {
		faults = append(faults, doubled(entries)...)
	}
	if len(faults) > 0 {
		return nil, faults
	}
	return newSet(entries), nil
}

// scan finds the rule files of a folder and reads their headings.
func scan(fsys fs.FS, prefix string, envs *environments) ([]*entry, error) {
	var names []string
	err := fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if ext := path.Ext(p); d.IsDir() || ext != ".yaml" && ext != ".yml" {
			return nil
		}
		if len(names) == maxFiles {
			return fmt.Errorf("more than %d rule files", maxFiles)
		}
		names = append(names, p)
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := make([]*entry, len(names))
	workers := runtime.GOMAXPROCS(0)
	var g errgroup.Group
	for w := range workers {
		g.Go(func() (err error) {
			for i := w; i < len(names) && err == nil; i += workers {
				out[i], err = open(fsys, prefix, names[i], envs)
			}
			return err
		})
	}
	err = g.Wait()
	return slices.DeleteFunc(out, func(e *entry) bool { return e == nil }), err
}

// open reads the heading of a rule file; nil for a rule for secrets.
func open(fsys fs.FS, prefix, name string, envs *environments) (*entry, error) {
	data, err := fs.ReadFile(fsys, name)
	switch {
	case err != nil:
		return nil, err
	case len(data) > maxFile:
		return nil, fmt.Errorf("%s is larger than %d bytes", path.Join(prefix, name), maxFile)
	case bytes.Contains(data, []byte("\nfind:")):
		return nil, nil
	}
	return newEntry(path.Join(prefix, name), string(data), envs), nil
}

func newEntry(file, data string, envs *environments) *entry {
	e := &entry{heading: headingOf(data), file: file, data: data, envs: envs}
	e.load = sync.OnceValues(func() (*Rule, []plinth.Problem) { return e.read(e.head()) })
	return e
}

func newSet(entries []*entry) *Set {
	s := &Set{entries: entries, byType: map[string][]*entry{}}
	sort.SliceStable(entries, func(i, j int) bool { return entries[i].id < entries[j].id })
	for _, e := range entries {
		for _, t := range e.on {
			s.byType[t] = append(s.byType[t], e)
		}
	}
	s.byName = sync.OnceValue(func() map[string]*entry {
		m := make(map[string]*entry, 4*len(entries))
		for _, e := range slices.Backward(entries) {
			for _, a := range e.aliases {
				m[strings.ToLower(a)] = e
			}
		}
		for _, e := range entries {
			m[strings.ToLower(e.id)] = e
		}
		return m
	})
	return s
}

// doubled finds ids that several files have.
func doubled(entries []*entry) []plinth.Problem {
	var out []plinth.Problem
	first := map[string]*entry{}
	for _, e := range entries {
		if f := first[e.id]; f != nil {
			out = append(out, plinth.Problem{
				Kind: plinth.Broken, At: plinth.Location{Path: e.file, Line: 1, Col: 1},
				Text: fmt.Sprintf("rule %s is already in %s", e.id, f.file),
			})
			continue
		}
		first[e.id] = e
	}
	return out
}

// Len returns the number of rules.
func (s *Set) Len() int { return len(s.entries) }

// ByType returns the rules for resources of a type, sorted by id. A rule that cannot be used is a problem and is left out.
func (s *Set) ByType(typ string, problem func(plinth.Problem)) []*Rule {
	list := s.byType[typ]
	if PodSpec(typ) != nil {
		list = append(slices.Clip(list), s.byType[Workload]...)
		sort.SliceStable(list, func(i, j int) bool { return list[i].id < list[j].id })
		list = slices.CompactFunc(list, func(a, b *entry) bool { return a == b })
	}
	return loaded(list, problem)
}

// Prepare reads the rules for resources of some types, side by side, so that ByType has them.
func (s *Set) Prepare(types []string, jobs int) {
	var g errgroup.Group
	g.SetLimit(max(1, jobs))
	for _, typ := range types {
		g.Go(func() error {
			defer func() { _ = recover() }() // whoever asks next meets it again
			s.ByType(typ, func(plinth.Problem) {})
			return nil
		})
	}
	_ = g.Wait()
}

// All returns all rules, sorted by id. A rule that cannot be used is a problem and is left out.
func (s *Set) All(problem func(plinth.Problem)) []*Rule { return loaded(s.entries, problem) }

func loaded(list []*entry, problem func(plinth.Problem)) []*Rule {
	out := make([]*Rule, 0, len(list))
	for _, e := range list {
		r, problems := e.load()
		for _, p := range problems {
			problem(p)
		}
		if r != nil {
			out = append(out, r)
		}
	}
	return out
}

// Find returns the rule of this id or alias, without regard to case; nil where there is none or it cannot be used.
func (s *Set) Find(name string) *Rule {
	e := s.byName()[strings.ToLower(name)]
	if e == nil {
		return nil
	}
	r, _ := e.load()
	return r
}

// Knows tells whether a name is the id or an alias of a rule, or a pattern that an id matches.
func (s *Set) Knows(name string) bool {
	if s.byName()[strings.ToLower(name)] != nil {
		return true
	}
	return slices.ContainsFunc(s.entries, func(e *entry) bool { ok, err := path.Match(name, e.id); return ok && err == nil })
}

// Nearest returns the id or alias most like a name, "" where none is.
func (s *Set) Nearest(name string) string {
	var names []string
	for _, e := range s.entries {
		names = append(append(names, e.id), e.aliases...)
	}
	return value.Nearest(name, names)
}

// Select returns the rules that are asked for: those that only names (all, where it is empty) without those that skip names.
// A name is an id, an alias, the name of an engine, or a pattern with * for ids. engines are all names of engines. The error
// names what nothing has.
func (s *Set) Select(only, skip, engines []string) (*Set, error) {
	if len(only) == 0 && len(skip) == 0 {
		return s, nil
	}
	keep, errOnly := s.named(only, engines)
	drop, errSkip := s.named(skip, engines)
	if err := errors.Join(errOnly, errSkip); err != nil {
		return nil, err
	}
	var out []*entry
	for _, e := range s.entries {
		if (len(only) == 0 || keep[e]) && !drop[e] {
			out = append(out, e)
		}
	}
	return newSet(out), nil
}

func (s *Set) named(list, engines []string) (map[*entry]bool, error) {
	found := map[*entry]bool{}
	var faults []error
	for _, name := range list {
		switch e := s.byName()[strings.ToLower(name)]; {
		case e != nil:
			found[e] = true
		case slices.Contains(engines, name):
			for _, e := range s.entries {
				found[e] = found[e] || name == Engine
			}
		default:
			some := false
			for _, e := range s.entries {
				if ok, err := path.Match(name, e.id); ok && err == nil {
					found[e], some = true, true
				}
			}
			if !some {
				faults = append(faults, s.unheard(name, engines))
			}
		}
	}
	return found, errors.Join(faults...)
}

func (s *Set) unheard(name string, engines []string) error {
	near := value.Nearest(name, engines)
	if near == "" {
		near = s.Nearest(name)
	}
	if near == "" {
		return fmt.Errorf("there is no rule or engine %q", name)
	}
	return fmt.Errorf("there is no rule or engine %q; the nearest is %s", name, near)
}

// Nothing returns the set without rules.
func Nothing() *Set { return newSet(nil) }

// Only returns the set of one rule.
func Only(r *Rule) *Set {
	e := &entry{heading: heading{id: r.ID, aliases: r.Aliases, on: r.On}, file: r.File}
	e.load = func() (*Rule, []plinth.Problem) { return r, nil }
	return newSet([]*entry{e})
}
