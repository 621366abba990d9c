package graph

import (
	"sort"
	"strings"
	"sync"

	"github.com/plinthsec/plinth"
)

// Map is the security graph of a target: nodes, sorted by id, and the relations between them, sorted by their ends. Both are known
// by their index. It is immutable and safe for concurrent use.
type Map struct {
	nodes     []plinth.Node
	relations []plinth.Relation
	from, to  []uint32
	walked    *CSR
	all       func() *CSR
	finder    func() *directory
	places    func() *places
}

func (m *Map) index() {
	still := NewSet(len(m.relations))
	for i := range m.relations {
		if !m.relations[i].Kind.Walked() {
			still.Add(uint32(i))
		}
	}
	m.walked = NewCSR(len(m.nodes), m.from, m.to, still)
	m.all = sync.OnceValue(func() *CSR { return NewCSR(len(m.nodes), m.from, m.to, nil) })
	m.places = sync.OnceValue(func() *places { return newPlaces(m) })
	m.finder = sync.OnceValue(func() *directory { return newDirectory(m) })
}

// Nodes returns all nodes, sorted by id. The slice is not to be changed.
func (m *Map) Nodes() []plinth.Node { return m.nodes }

// Relations returns all relations; their ends are ids of nodes. The slice is not to be changed.
func (m *Map) Relations() []plinth.Relation { return m.relations }

// Ends returns the nodes of a relation.
func (m *Map) Ends(relation uint32) (from, to uint32) { return m.from[relation], m.to[relation] }

// Node returns the index of the node with this very id.
func (m *Map) Node(id plinth.ID) (uint32, bool) {
	i, ok := sort.Find(len(m.nodes), func(i int) int { return strings.Compare(string(id), string(m.nodes[i].ID)) })
	return uint32(i), ok
}

// Walked returns the graph of the relations that an attacker walks, All that of all of them. An edge has the index of its relation.
func (m *Map) Walked() *CSR { return m.walked }

// All returns the graph of all relations, see Walked.
func (m *Map) All() *CSR { return m.all() }

// Forward returns the nodes that an attacker who holds some of the given ones gets without the relations in skip.
func (m *Map) Forward(from []uint32, skip Set) Set { return m.walked.Forward(from, skip) }

// Backward returns the nodes whose holder gets some of the given ones without the relations in skip.
func (m *Map) Backward(to []uint32, skip Set) Set { return m.walked.Backward(to, skip) }
