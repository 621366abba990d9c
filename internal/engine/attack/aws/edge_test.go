package aws

import (
	"slices"
	"strings"
	"testing"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/engine/attack/technique/techniquetest"
	"github.com/plinthsec/plinth/internal/graph"
	"github.com/plinthsec/plinth/internal/iam/account"
	"github.com/plinthsec/plinth/internal/read/cloudformation"
	"github.com/plinthsec/plinth/internal/read/terraform"
	"github.com/plinthsec/plinth/internal/trial/trialtest"
)

func draw(t *testing.T, files map[string]string) *techniquetest.Sink {
	t.Helper()
	g := trialtest.Graph(t, files, cloudformation.New(), terraform.New())
	e, err := account.New(g)
	if err != nil {
		t.Fatal(err)
	}
	s := &techniquetest.Sink{T: t}
	if err := Relate(t.Context(), &graph.Scene{Graph: g}, e, s); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestEdges(t *testing.T) {
	edges, err := load()
	if err != nil {
		t.Fatal(err)
	}
	techniquetest.Examples(t, edges, draw, func(r plinth.Relation) bool {
		return r.From == "tf:.#aws_iam_user.mia" || r.From == "tf:.#aws_iam_role.mia"
	})
}

// TestGolden leaves out what administrators hold, which is everything.
func TestGolden(t *testing.T) {
	techniquetest.Golden(t, func(t *testing.T, files map[string]string) *techniquetest.Sink {
		s := draw(t, files)
		s.Relations = slices.DeleteFunc(s.Relations, func(r plinth.Relation) bool { return strings.HasSuffix(string(r.From), ":admin") })
		return s
	})
}
