package google

import (
	"testing"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/graph"
)

// TestCircles: names that refer to each other, and a folder in itself, end.
func TestCircles(t *testing.T) {
	account := func(name, other string) *plinth.Resource {
		address := "google_service_account." + name
		to := plinth.UnknownOf(other).WithRefs(plinth.Ref{To: "google_service_account." + other, Attr: "email"})
		return &plinth.Resource{
			ID: plinth.ID("tf:.#" + address), Type: typeAccount, Name: name, Decl: &plinth.Declaration{Address: address, Type: "google_service_account"},
			Source: plinth.MapOf([]plinth.Field{{Key: "account_id", Value: to}, {Key: "project", Value: to}}),
		}
	}
	self := plinth.UnknownOf("google_folder.f").WithRefs(plinth.Ref{To: "google_folder.f", Attr: "name"})
	folder := &plinth.Resource{
		ID: "tf:.#google_folder.f", Type: typeFolder, Decl: &plinth.Declaration{Address: "google_folder.f", Type: "google_folder"},
		Source: plinth.MapOf([]plinth.Field{{Key: "parent", Value: self}}),
	}
	e := New(graph.New([]*plinth.Resource{account("a", "b"), account("b", "a"), folder}))
	if len(e.Principals()) == 0 {
		t.Error("no principals")
	}
	if got := e.Scopes(folder); len(got) == 0 || len(got) > maxDepth {
		t.Errorf("a folder in itself lies in %v", got)
	}
}
