package graph

import (
	"slices"

	"github.com/plinthsec/plinth"
)

// Of returns the resources that a value of the i-th resource refers to itself, not what is inside it, in the order of their
// indexes.
func (g *Graph) Of(i int32, v plinth.Value) []int32 {
	if len(v.Refs()) == 0 {
		return nil
	}
	f := finder{g: g, at: g.places()}
	w, _ := world(g.resources[i])
	f.begin(w, i)
	for _, r := range v.Refs() {
		f.resolve(r.To)
	}
	slices.Sort(f.found)
	return slices.Compact(f.found)
}
