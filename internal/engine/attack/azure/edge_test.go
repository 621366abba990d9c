package azure

import (
	"testing"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/engine/attack/technique/techniquetest"
	"github.com/plinthsec/plinth/internal/graph"
	"github.com/plinthsec/plinth/internal/read/terraform"
	"github.com/plinthsec/plinth/internal/trial/trialtest"
)

func draw(t *testing.T, files map[string]string) *techniquetest.Sink {
	t.Helper()
	s := &techniquetest.Sink{T: t}
	if err := Relate(t.Context(), &graph.Scene{Graph: trialtest.Graph(t, files, terraform.New())}, s); err != nil {
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
		return r.From == "tf:.#azurerm_user_assigned_identity.mia" && len(r.When) == 0
	})
}

func TestGolden(t *testing.T) { techniquetest.Golden(t, draw) }
