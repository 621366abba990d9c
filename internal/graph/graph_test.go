package graph

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plinthsec/plinth"
)

func res(id, typ string, to ...string) *plinth.Resource {
	fields := []plinth.Field{{Key: "name", Value: plinth.StringOf(id)}}
	for _, t := range to {
		v := plinth.UnknownOf(t).WithRefs(plinth.Ref{To: t, Attr: "arn"})
		fields = append(fields, plinth.Field{Key: t, Value: plinth.ListOf([]plinth.Value{v})})
	}
	return &plinth.Resource{ID: plinth.ID(id), Type: typ, Props: plinth.MapOf(fields)}
}

func names(g *Graph, of []int32) []string {
	var out []string
	for _, i := range of {
		out = append(out, string(g.Resources()[i].ID))
	}
	return out
}

func TestReferences(t *testing.T) {
	all := []*plinth.Resource{
		res("tf:#a.x", "A", "b.y", "a.x"),
		res("tf:#a.one", "A", `b.y["k"]`, "b.y[*]"),
		res("tf:#module.m[0].a.x", "A", "module.m[0].b.y", `module.m.b.y[1]`),
		res("tf:#module.m[1].a.x", "A", "module.m[*].b.y[0]", "gone.z"),
		res(`tf:#b.y["k"]`, "B"),
		res(`tf:#b.y["]."]`, "B"),
		res("tf:#module.m[0].b.y[0]", "B"),
		res("tf:#module.m[0].b.y[1]", "B"),
		res("tf:#module.m[1].b.y[0]", "B"),
		res("tf:other#b.y", "B"),
	}
	all[4].Aliases = []plinth.ID{"tf:#gone.z"}
	g := New(all)
	for i, want := range [][]string{
		{`tf:#b.y["k"]`, `tf:#b.y["]."]`},
		{`tf:#b.y["k"]`, `tf:#b.y["]."]`},
		{"tf:#module.m[0].b.y[0]", "tf:#module.m[0].b.y[1]"},
		{`tf:#b.y["k"]`, "tf:#module.m[0].b.y[0]", "tf:#module.m[1].b.y[0]"},
	} {
		if diff := cmp.Diff(want, names(g, g.Refers(int32(i)))); diff != "" {
			t.Errorf("%s refers to (-want +got)\n%s", all[i].ID, diff)
		}
	}
	if diff := cmp.Diff([]string{"tf:#a.x", "tf:#a.one", "tf:#module.m[1].a.x"}, names(g, g.Referred(4))); diff != "" {
		t.Errorf("referred (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]string{"A", "B"}, g.Types()); diff != "" {
		t.Error(diff)
	}
	if i, ok := g.ByProps(all[3].Props, 0); !ok || i != 3 {
		t.Errorf("ByProps = %d, %v", i, ok)
	}
	if _, ok := g.ByProps(plinth.Value{}, 0); ok {
		t.Error("nothing has a resource")
	}
}
