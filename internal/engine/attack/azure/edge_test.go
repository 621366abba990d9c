package azure

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/golden"
	"github.com/plinthsec/plinth/internal/graph"
	"github.com/plinthsec/plinth/internal/read/terraform"
	"github.com/plinthsec/plinth/internal/scan"
	"github.com/plinthsec/plinth/internal/tree"
)

// sink keeps what it is told.
type sink struct {
	t         *testing.T
	relations []plinth.Relation
	problems  []plinth.Problem
}

func (s *sink) Node(plinth.Node)         {}
func (s *sink) Problem(p plinth.Problem) { s.problems = append(s.problems, p) }
func (s *sink) Relation(r plinth.Relation) {
	for _, step := range r.Evidence {
		if step.At.Path == "" || step.Note == "" {
			s.t.Errorf("%s %s %s: a step without a place or a note: %+v", r.From, r.Kind, r.To, step)
		}
	}
	s.relations = append(s.relations, r)
}

// draw tells the relations of some files.
func draw(t *testing.T, files map[string]string) *sink {
	t.Helper()
	r := &scan.Run{Config: &plinth.Config{Jobs: 1}, Readers: []plinth.Reader{terraform.New()}}
	res, err := r.Scan(t.Context(), tree.Memory("t", files))
	if err != nil {
		t.Fatal(err)
	}
	s := &sink{t: t}
	if err := Relate(t.Context(), &graph.Scene{Graph: res.Graph}, s); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestEdges runs the examples of every technique: in the positive one mia uses it, in the negative one nobody does.
func TestEdges(t *testing.T) {
	edges, err := load()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range edges {
		t.Run(e.id, func(t *testing.T) {
			if e.title == "" {
				t.Error("no title")
			}
			for _, example := range []struct {
				text string
				want bool
			}{{e.positive, true}, {e.negative, false}} {
				if example.text == "" {
					t.Fatal("no example")
				}
				s := draw(t, map[string]string{"main.tf": example.text})
				got := slices.ContainsFunc(s.relations, func(r plinth.Relation) bool {
					return r.Technique == e.id && r.From == "tf:.#azurerm_user_assigned_identity.mia" && (len(r.When) == 0)
				})
				if got != example.want {
					t.Errorf("technique found: %v, want %v in\n%s", got, example.want, example.text)
					t.Log(written(s))
				}
				for _, p := range s.problems {
					t.Errorf("problem %+v", p)
				}
			}
		})
	}
}

// TestGolden holds the relations that each testdata file leads to.
func TestGolden(t *testing.T) {
	golden.Run(t, "testdata/*.txtar", func(t *testing.T, files map[string]string) string { return written(draw(t, files)) })
}

func written(s *sink) string {
	var lines []string
	for _, r := range s.relations {
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
	for _, p := range s.problems {
		lines = append(lines, "problem: "+p.Text)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n") + "\n"
}
