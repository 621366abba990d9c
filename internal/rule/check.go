package rule

import (
	"fmt"
	"sort"
	"strings"

	"github.com/plinthsec/plinth"
)

// Check reads all rules, with their examples, and returns what is wrong with them. known tells whether a type has a property
// (names joined by dots, without brackets): a path that no reader can give would never match. known may be nil.
func (s *Set) Check(known func(typ, path string) error) []plinth.Problem {
	out := doubled(s.entries)
	asked, ids := map[string]*entry{}, map[string]bool{}
	for _, e := range s.entries {
		ids[e.id] = true
	}
	for _, e := range s.entries {
		r, problems := e.load()
		out = append(out, problems...)
		if r == nil {
			continue
		}
		_, problems = r.Examples()
		out = append(out, problems...)
		if known != nil {
			out = append(out, e.unknownPaths(r, known)...)
		}
		for _, id := range r.YieldsTo {
			if !ids[id] {
				out = append(out, e.problem("it yields to %s, which is no rule", id))
			}
		}
		for _, a := range r.Aliases {
			for _, typ := range r.On {
				key := strings.ToLower(a) + "\x00" + typ + "\x00" + strings.Join(r.Each, ".") + "\x00" + strings.Join(r.At, ".") // of the elements of another list, or of another place, it is another question
				if first := asked[key]; first != nil {
					out = append(out, e.problem("alias %s already stands at %s for %s; two rules do not answer one question", a, first.id, typ))
				}
				asked[key] = e
			}
		}
	}
	sort.SliceStable(out, func(i, j int) bool {
		if out[i].At.Path != out[j].At.Path {
			return out[i].At.Path < out[j].At.Path
		}
		return out[i].At.Line < out[j].At.Line
	})
	return out
}

func (e *entry) problem(format string, args ...any) plinth.Problem {
	return plinth.Problem{Kind: plinth.Broken, At: plinth.Location{Path: e.file, Line: 1, Col: 1}, Text: fmt.Sprintf(format, args...)}
}

// unknownPaths holds every property that the rule reads against what is known of its types. One of several types may lack it.
func (e *entry) unknownPaths(r *Rule, known func(typ, path string) error) []plinth.Problem {
	var out []plinth.Problem
	said := map[string]bool{}
	ask := func(types []string, steps []string) {
		path := strings.Join(withoutElements(steps), ".")
		if path == "" || said[path] {
			return
		}
		var first error
		for _, typ := range types {
			err := known(typ, path)
			if err == nil {
				return
			}
			if first == nil {
				first = err
			}
		}
		if said[path] = true; first != nil {
			at := plinth.Location{Path: e.file, Line: e.lineOf(steps[len(steps)-1]), Col: 1}
			out = append(out, plinth.Problem{Kind: plinth.Broken, At: at, Text: first.Error()})
		}
	}
	paths := r.Fail.Paths()
	if r.When != nil {
		paths = append(paths[:len(paths):len(paths)], r.When.Paths()...)
	}
	for _, p := range paths {
		switch p.Root {
		case names[P]:
			ask(r.On, p.Steps)
		case names[E]:
			ask(r.On, append(r.Each[:len(r.Each):len(r.Each)], p.Steps...))
		case "":
			ask([]string{p.Type}, p.Steps)
		}
	}
	ask(r.On, r.Each)
	return out
}

// lineOf finds the first line of a condition that has a name in it.
func (e *entry) lineOf(name string) int32 {
	line := int32(0)
	for text := range strings.SplitSeq(e.head(), "\n") {
		line++
		key, _, _ := strings.Cut(text, ":")
		if strings.Contains(text, name) && key != "title" && key != "why" && key != "fix" && key != "id" {
			return line
		}
	}
	return 1
}

func withoutElements(steps []string) []string {
	var out []string
	for _, s := range steps {
		if s != "[]" {
			out = append(out, s)
		}
	}
	return out
}
