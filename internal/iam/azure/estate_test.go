package azure

import (
	"testing"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/graph"
)

// TestCircles: resource groups that are looked up by each other's names end, and so do resources that are parts of each other.
func TestCircles(t *testing.T) {
	of := func(typ, address, argument, other string) *plinth.Resource {
		to := plinth.UnknownOf(other).WithRefs(plinth.Ref{To: other, Attr: "name"})
		return &plinth.Resource{
			ID: plinth.ID("tf:.#" + address), Type: typ, Data: address[:4] == "data", Decl: &plinth.Declaration{Address: address},
			Source: plinth.MapOf([]plinth.Field{{Key: argument, Value: to}}),
		}
	}
	const group = "data:azurerm_resource_group"
	a, b := of(group, "data.azurerm_resource_group.a", "name", "data.azurerm_resource_group.b"), of(group, "data.azurerm_resource_group.b", "name", "data.azurerm_resource_group.a")
	c, d := of("Microsoft.X/c", "azurerm_x.c", "server_id", "azurerm_x.d"), of("Microsoft.X/d", "azurerm_x.d", "server_id", "azurerm_x.c")
	in := of("Microsoft.X/e", "azurerm_x.e", "resource_group_name", "data.azurerm_resource_group.a")
	e := New(graph.New([]*plinth.Resource{a, b, c, d, in}))
	for _, r := range []*plinth.Resource{c, in} {
		if got := e.Scopes(r); len(got) == 0 || got[len(got)-1] != subscription+"@tf:." {
			t.Errorf("%s lies in %v", r.ID, got)
		}
	}
}
