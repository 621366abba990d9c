// Package techniquetest tests the parts of the engine attack: the examples of their techniques, and the relations that files lead to.
package techniquetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/engine/attack/technique"
	"github.com/plinthsec/plinth/internal/golden"
)

// Sink keeps what it is told. A relation without a proof fails the test.
type Sink struct {
	T         *testing.T
	Nodes     []plinth.Node
	Relations []plinth.Relation
	Problems  []plinth.Problem
}

// Node takes a node.
func (s *Sink) Node(n plinth.Node) { s.Nodes = append(s.Nodes, n) }

// Problem takes a problem.
func (s *Sink) Problem(p plinth.Problem) { s.Problems = append(s.Problems, p) }

// Relation takes a relation.
func (s *Sink) Relation(r plinth.Relation) {
	if len(r.Evidence) == 0 {
		s.T.Errorf("%s %s %s: nothing proves it", r.From, r.Kind, r.To)
	}
	for _, step := range r.Evidence {
		if step.At.Path == "" || step.Note == "" {
			s.T.Errorf("%s %s %s: a step without a place or a note: %+v", r.From, r.Kind, r.To, step)
		}
	}
	s.Relations = append(s.Relations, r)
}

// Draw tells the relations of some files.
type Draw func(t *testing.T, files map[string]string) *Sink

// Examples runs the examples of every technique: in the positive one somebody who passes for mia uses it, in the negative one nobody
// does.
func Examples(t *testing.T, list []technique.Technique, draw Draw, mia func(plinth.Relation) bool) {
	t.Helper()
	for _, e := range list {
		t.Run(e.ID, func(t *testing.T) {
			if e.Title == "" || e.Positive == "" || e.Negative == "" {
				t.Fatal("a title or an example is missing")
			}
			for _, example := range []struct {
				text string
				want bool
			}{{e.Positive, true}, {e.Negative, false}} {
				s := draw(t, map[string]string{"main.tf": example.text})
				if got := slices.ContainsFunc(s.Relations, func(r plinth.Relation) bool { return r.Technique == e.ID && mia(r) }); got != example.want {
					t.Errorf("technique found: %v, want %v in\n%s\n%s", got, example.want, example.text, s)
				}
				for _, p := range s.Problems {
					t.Errorf("problem %+v", p)
				}
			}
		})
	}
}

// Golden holds the relations that each archive of testdata leads to.
func Golden(t *testing.T, draw Draw) {
	t.Helper()
	golden.Run(t, "testdata/*.txtar", func(t *testing.T, files map[string]string) string { return draw(t, files).String() })
}

// String lists the relations and the problems, sorted.
func (s *Sink) String() string {
	var lines []string
	for _, r := range s.Relations {
		line := fmt.Sprintf("%s -%s-> %s", r.From, strings.TrimSpace(string(r.Kind)+" "+r.Technique), r.To)
		if len(r.Permissions) > 0 {
			line += " by " + strings.Join(r.Permissions, ", ")
		}
		for _, term := range r.When {
			line += "\n    if " + strings.Join(term, " and ")
		}
		for _, step := range r.Evidence {
			line += fmt.Sprintf("\n    %s:%d (%d) %s", step.At.Path, step.At.Line, step.Cost, step.Note)
		}
		lines = append(lines, line)
	}
	for _, p := range s.Problems {
		lines = append(lines, "problem: "+p.Text)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n") + "\n"
}
