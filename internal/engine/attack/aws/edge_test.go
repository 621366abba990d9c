package aws

import (
	"slices"
	"testing"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/graph"
	"github.com/plinthsec/plinth/internal/iam/account"
	"github.com/plinthsec/plinth/internal/read/cloudformation"
	"github.com/plinthsec/plinth/internal/read/terraform"
	"github.com/plinthsec/plinth/internal/scan"
	"github.com/plinthsec/plinth/internal/tree"
)

// sink keeps what it is told.
type sink struct {
	t         *testing.T
	nodes     []plinth.Node
	relations []plinth.Relation
	problems  []plinth.Problem
}

func (s *sink) Node(n plinth.Node)       { s.nodes = append(s.nodes, n) }
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
	r := &scan.Run{Config: &plinth.Config{Jobs: 1}, Readers: []plinth.Reader{cloudformation.New(), terraform.New()}}
	res, err := r.Scan(t.Context(), tree.Memory("t", files))
	if err != nil {
		t.Fatal(err)
	}
	e, err := account.New(res.Graph)
	if err != nil {
		t.Fatal(err)
	}
	s := &sink{t: t}
	if err := Relate(t.Context(), &graph.Scene{Graph: res.Graph}, e, s); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestEdges runs the examples of every technique: in the positive one mia uses it without condition that another example takes
// away, in the negative one nobody does.
func TestEdges(t *testing.T) {
	b, err := load()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range b.edges {
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
					return r.Technique == e.id && (r.From == "tf:.#aws_iam_user.mia" || r.From == "tf:.#aws_iam_role.mia")
				})
				if got != example.want {
					t.Errorf("technique found: %v, want %v in\n%s", got, example.want, example.text)
					for _, r := range s.relations {
						t.Logf("%s %s %s %s %v", r.From, r.Kind, r.To, r.Technique, r.When)
					}
				}
				for _, p := range s.problems {
					t.Errorf("problem %+v", p)
				}
			}
		})
	}
}
