package graph

import (
	"slices"

	"github.com/plinthsec/plinth"
)

// Builder gathers nodes and relations. It is a Sink.
type Builder struct {
	nodes     []plinth.Node
	relations []plinth.Relation
	problem   func(plinth.Problem)
}

var _ Sink = (*Builder)(nil)

// NewBuilder returns an empty Builder that passes on problems, its own and those it is told.
func NewBuilder(problem func(plinth.Problem)) *Builder { return &Builder{problem: problem} }

// Grow makes room for as many more nodes and relations.
func (b *Builder) Grow(nodes, relations int) {
	b.nodes, b.relations = slices.Grow(b.nodes, nodes), slices.Grow(b.relations, relations)
}

// Node takes a node. One without an id is refused with a problem.
func (b *Builder) Node(n plinth.Node) {
	if n.ID == "" {
		b.problem(plinth.Problem{Kind: plinth.Internal, At: n.At, Text: "a node of type " + n.Type + " without an id was left out of the graph"})
		return
	}
	b.nodes = append(b.nodes, n)
}

// Relation takes a relation. One whose evidence names no file is refused with a problem.
func (b *Builder) Relation(r plinth.Relation) {
	if r.From == "" || r.To == "" || !slices.ContainsFunc(r.Evidence, func(s plinth.Step) bool { return s.At.Path != "" }) {
		text := "the relation " + string(r.From) + " " + string(r.Kind) + " " + string(r.To) + " was left out of the graph: nothing proves it"
		b.problem(plinth.Problem{Kind: plinth.Internal, Text: text})
		return
	}
	if len(r.When) == 0 || slices.ContainsFunc(r.When, func(term []string) bool { return len(term) == 0 }) {
		r.When = nil // it holds always
	}
	b.relations = append(b.relations, r)
}

// Problem passes on.
func (b *Builder) Problem(p plinth.Problem) { b.problem(p) }

// Build merges what was told into a Map; it does not depend on the order of telling. The Builder keeps nothing of it and may be told
// more, but what a Map holds is not to be changed.
func (b *Builder) Build() *Map {
	m := &Map{}
	j := newJoiner(b.nodes)
	m.settle(b.relations, m.number(b.relations, j))
	m.index()
	return m
}
