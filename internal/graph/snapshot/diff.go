package snapshot

import (
	"cmp"
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/graph"
)

// Change is what is in one graph and not in another.
type Change struct {
	Nodes     []plinth.Node     // by id
	Relations []plinth.Relation // by ends, kind and technique
}

// Empty tells whether nothing is in it.
func (c *Change) Empty() bool { return len(c.Nodes) == 0 && len(c.Relations) == 0 }

// Diff tells what came and what went from one graph to a later one. Nodes are known by their ids. A relation is known by its ends,
// its kind, its technique, its permissions and its condition: that its evidence moved to another line is no change, and one proof of
// several that came or went is none.
func Diff(before, after *graph.Map) (came, went Change) {
	return missing(after, before), missing(before, after)
}

// missing returns what a has and b has not.
func missing(a, b *graph.Map) Change {
	var c Change
	for i := range a.Nodes() {
		if _, ok := b.Node(a.Nodes()[i].ID); !ok {
			c.Nodes = append(c.Nodes, a.Nodes()[i])
		}
	}
	for i := range a.Relations() {
		if !has(b, a.Relations()[i]) {
			c.Relations = append(c.Relations, a.Relations()[i])
		}
	}
	slices.SortStableFunc(c.Relations, compare)
	c.Relations = slices.CompactFunc(c.Relations, func(a, b plinth.Relation) bool { return compare(a, b) == 0 })
	return c
}

func compare(a, b plinth.Relation) int {
	return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To), cmp.Compare(a.Kind, b.Kind), strings.Compare(a.Technique, b.Technique),
		slices.Compare(a.Permissions, b.Permissions), slices.CompareFunc(a.When, b.When, slices.Compare[[]string]))
}

// has tells whether a graph has a relation that says the same.
func has(m *graph.Map, r plinth.Relation) bool {
	from, ok := m.Node(r.From)
	if !ok {
		return false
	}
	to, ok := m.Node(r.To)
	if !ok {
		return false
	}
	edges, ends := m.All().Out(from)
	at, _ := slices.BinarySearch(ends, to)
	for ; at < len(ends) && ends[at] == to; at++ {
		if compare(m.Relations()[edges[at]], r) == 0 {
			return true
		}
	}
	return false
}
