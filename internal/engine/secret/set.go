package secret

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/value"
)

// Set is the rules of a run. It is safe for concurrent use.
type Set struct {
	entries []*entry // sorted by id
	names   func() map[string]*entry
	index   func() (*index, error)
}

// entry is a rule file of which only the names and keywords are known until one of the keywords turns up.
type entry struct {
	heading
	file string
	data string
	load func() (*Rule, []plinth.Problem)
}

// index finds the rules whose keywords are in a text.
type index struct {
	auto      *automaton
	keywords  []string
	byKeyword [][]int32 // keyword → entries
	files     []int32   // entries of rules for whole files
	pathed    []int32   // entries of rules with keywords that are for files of certain paths
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
// at once: the error is Faults for what is wrong with the latter. Of a folder only the files with find: are rules for secrets.
func Load(fsys fs.FS, dirs ...string) (*Set, error) {
	var entries []*entry
	if fsys != nil {
		var err error
		if entries, err = scan(fsys, ""); err != nil {
			return nil, fmt.Errorf("load embedded rules: %w", err)
		}
	}
	var faults Faults
	for _, dir := range dirs {
		more, err := scan(os.DirFS(dir), filepath.ToSlash(dir))
		if err != nil {
			return nil, fmt.Errorf("load rules: %w", err)
		}
		for _, e := range more {
			_, problems := e.load()
			faults = append(faults, problems...)
		}
		entries = append(entries, more...)
	}
	if len(dirs) > 0 {
		faults = append(faults, doubled(entries)...)
	}
	if len(faults) > 0 {
		return nil, faults
	}
	return newSet(entries), nil
}

// scan finds the rule files of a folder and reads their headings.
func scan(fsys fs.FS, prefix string) ([]*entry, error) {
	var out []*entry
	err := fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if ext := path.Ext(p); d.IsDir() || ext != ".yaml" && ext != ".yml" {
			return nil
		}
		if len(out) == maxFiles {
			return fmt.Errorf("more than %d rule files", maxFiles)
		}
		data, err := fs.ReadFile(fsys, p)
		if err != nil {
			return err
		}
		if !Mine(data) {
			return nil
		}
		if len(data) > maxFile {
			return fmt.Errorf("%s is larger than %d bytes", path.Join(prefix, p), maxFile)
		}
		out = append(out, newEntry(path.Join(prefix, p), string(data)))
		return nil
	})
	return out, err
}

// Mine tells whether the text of a rule file is a rule for secrets.
func Mine(data []byte) bool {
	s := string(data)
	return strings.HasPrefix(s, "find:") || strings.Contains(s, "\nfind:")
}

func newEntry(file, data string) *entry {
	e := &entry{heading: headingOf(data), file: file, data: data}
	e.load = sync.OnceValues(func() (*Rule, []plinth.Problem) { return readRule(file, data, e.heading) })
	return e
}

// given makes an entry of a rule that is there already.
func given(r *Rule) *entry {
	e := &entry{heading: heading{id: r.ID, aliases: r.Aliases, keywords: r.Keywords, pathed: len(r.paths) > 0 || r.pathExpr != nil}, file: r.File}
	e.load = func() (*Rule, []plinth.Problem) { return r, nil }
	return e
}

func newSet(entries []*entry) *Set {
	sort.SliceStable(entries, func(i, j int) bool { return entries[i].id < entries[j].id })
	s := &Set{entries: entries}
	s.names = sync.OnceValue(func() map[string]*entry {
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
	s.index = sync.OnceValues(func() (*index, error) { return newIndex(entries) })
	return s
}

func newIndex(entries []*entry) (*index, error) {
	x := &index{}
	at := map[string]int{}
	for i, e := range entries {
		if len(e.keywords) == 0 {
			x.files = append(x.files, int32(i))
		} else if e.pathed {
			x.pathed = append(x.pathed, int32(i))
		}
		for _, k := range e.keywords {
			n, ok := at[k]
			if !ok {
				n = len(x.keywords)
				at[k] = n
				x.keywords = append(x.keywords, k)
				x.byKeyword = append(x.byKeyword, nil)
			}
			x.byKeyword[n] = append(x.byKeyword[n], int32(i))
		}
	}
	var err error
	x.auto, err = newAutomaton(x.keywords)
	return x, err
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

// All returns all rules, sorted by id. A rule that cannot be used is a problem and is left out.
func (s *Set) All(problem func(plinth.Problem)) []*Rule {
	out := make([]*Rule, 0, len(s.entries))
	for _, e := range s.entries {
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

// Check reads all rules, with their examples, and returns what is wrong with them.
func (s *Set) Check() []plinth.Problem {
	out := doubled(s.entries)
	asked := map[string]*entry{}
	for _, e := range s.entries {
		r, problems := e.load()
		out = append(out, problems...)
		if r == nil {
			continue
		}
		_, _, problems = r.Examples()
		out = append(out, problems...)
		for _, a := range r.Aliases {
			if first := asked[strings.ToLower(a)]; first != nil {
				out = append(out, plinth.Problem{
					Kind: plinth.Broken, At: plinth.Location{Path: e.file, Line: 1, Col: 1},
					Text: fmt.Sprintf("alias %s already stands at %s", a, first.id),
				})
			}
			asked[strings.ToLower(a)] = e
		}
	}
	return out
}

// Find returns the rule of this id or alias, without regard to case; nil where there is none or it cannot be used.
func (s *Set) Find(name string) *Rule {
	e := s.names()[strings.ToLower(name)]
	if e == nil {
		return nil
	}
	r, _ := e.load()
	return r
}

// Names returns the ids and aliases of all rules.
func (s *Set) Names() []string {
	var out []string
	for _, e := range s.entries {
		out = append(append(out, e.id), e.aliases...)
	}
	return out
}

// Knows tells whether a name is the id or an alias of a rule, or a pattern that an id matches.
func (s *Set) Knows(name string) bool { return len(s.named(name)) > 0 }

func (s *Set) named(name string) []*entry {
	if e := s.names()[strings.ToLower(name)]; e != nil {
		return []*entry{e}
	}
	var out []*entry
	for _, e := range s.entries {
		if ok, err := path.Match(name, e.id); name == Name || ok && err == nil {
			out = append(out, e)
		}
	}
	return out
}

// Select returns the rules that are asked for: those that only names (all, where it is empty) without those that skip names.
// A name is an id, an alias, the name of the engine, or a pattern with * for ids. Other names are those of other engines.
func (s *Set) Select(only, skip []string) *Set {
	if len(only) == 0 && len(skip) == 0 {
		return s
	}
	keep, drop := map[*entry]bool{}, map[*entry]bool{}
	for _, name := range only {
		for _, e := range s.named(name) {
			keep[e] = true
		}
	}
	for _, name := range skip {
		for _, e := range s.named(name) {
			drop[e] = true
		}
	}
	var out []*entry
	for _, e := range s.entries {
		if (len(only) == 0 || keep[e]) && !drop[e] {
			out = append(out, e)
		}
	}
	return newSet(out)
}

// Only returns the set of one rule.
func Only(r *Rule) *Set { return newSet([]*entry{given(r)}) }

// Join returns the rules of several sets; of rules with the same id the last one counts.
func Join(sets ...*Set) *Set {
	var out []*entry
	at := map[string]int{}
	for _, s := range sets {
		if s == nil {
			continue
		}
		for _, e := range s.entries {
			if i, ok := at[e.id]; ok {
				out[i] = e
				continue
			}
			at[e.id] = len(out)
			out = append(out, e)
		}
	}
	return newSet(out)
}

// Nearest returns the id or alias most like a name, "" where none is.
func (s *Set) Nearest(name string) string { return value.Nearest(name, s.Names()) }

// heading is what a rule file is found by.
type heading struct {
	id       string
	aliases  []string
	keywords []string
	pathed   bool // it is for files of certain paths
	cut      int  // where the examples begin; the length of the text where they do not stand last
}

// headingOf picks the names and keywords from a rule file without parsing it: id, aliases and find.keywords, lists in brackets.
// What it cannot read the parser complains about.
func headingOf(data string) heading {
	h := heading{cut: len(data)}
	for at := 0; at < len(data); {
		end := len(data)
		if i := strings.IndexByte(data[at:], '\n'); i >= 0 {
			end = at + i + 1
		}
		l := data[at:end]
		switch {
		case strings.HasPrefix(l, "id:"):
			h.id = strings.TrimSpace(l[len("id:"):])
		case strings.HasPrefix(l, "aliases:"):
			h.aliases = bracketed(data[at:])
		case strings.HasPrefix(l, "  keywords:"):
			h.keywords = bracketed(data[at:])
		case strings.HasPrefix(l, "  paths:"):
			h.pathed = true
		case strings.HasPrefix(l, "examples:"):
			h.cut = at
			return h
		}
		at = end
	}
	return h
}

// bracketed splits the first list in brackets of a text.
func bracketed(s string) []string {
	_, s, ok := strings.Cut(s, "[")
	var out []string
	for ok {
		s = strings.TrimLeft(s, " ,\n")
		if s == "" || s[0] == ']' {
			break
		}
		var word string
		if s[0] == '\'' || s[0] == '"' {
			quote := s[:1]
			word, s, ok = strings.Cut(s[1:], quote)
			for ok && quote == "'" && strings.HasPrefix(s, quote) { // '' is a quote
				var more string
				more, s, ok = strings.Cut(s[1:], quote)
				word += quote + more
			}
			if ok {
				out = append(out, word)
			}
			continue
		}
		i := strings.IndexAny(s, ",]\n")
		if i < 0 {
			break
		}
		out, s = append(out, strings.TrimSpace(s[:i])), s[i:]
	}
	return out
}
