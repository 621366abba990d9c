package graph

import (
	"cmp"
	"slices"
	"strings"

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

// merges tells whether an alias makes one node of those that share it.
func merges(alias plinth.ID) bool { return alias != "" && strings.IndexByte(string(alias), '{') < 0 }

// Build merges what was told into a Map; it does not depend on the order of telling. The Builder keeps nothing of it and may be told
// more, but what a Map holds is not to be changed.
func (b *Builder) Build() *Map {
	relations := slices.Clone(b.relations)
	m := &Map{ids: map[plinth.ID]uint32{}}
	m.merge(b.nodes)
	m.settle(relations)
	m.index()
	return m
}

// merge makes one node of all that share an id or an alias.
func (m *Map) merge(told []plinth.Node) {
	nodes := slices.Clone(told)
	slices.SortStableFunc(nodes, rank)
	boss := make([]int32, len(nodes))
	for i := range boss {
		boss[i] = int32(i)
	}
	find := func(i int32) int32 {
		for boss[i] != i {
			boss[i] = boss[boss[i]]
			i = boss[i]
		}
		return i
	}
	holder := make(map[plinth.ID]int32, 2*len(nodes))
	join := func(id plinth.ID, i int32) {
		first, ok := holder[id]
		if !ok {
			holder[id] = i
			return
		}
		if a, b := find(first), find(i); a < b {
			boss[b] = a
		} else {
			boss[a] = b
		}
	}
	for i := range nodes {
		join(nodes[i].ID, int32(i))
		for _, a := range nodes[i].Aliases {
			if merges(a) {
				join(a, int32(i))
			}
		}
	}
	groups := make([][]int32, len(nodes))
	for i := range nodes {
		top := find(int32(i))
		groups[top] = append(groups[top], int32(i))
	}
	for _, group := range groups {
		if len(group) > 0 {
			m.nodes = append(m.nodes, merged(nodes, group))
		}
	}
	slices.SortFunc(m.nodes, func(a, b plinth.Node) int { return strings.Compare(string(a.ID), string(b.ID)) })
}

// rank puts the node first whose word counts: one with a resource, then by id, then by the rest so that no two orders of telling
// differ.
func rank(a, b plinth.Node) int {
	if (a.Resource == nil) != (b.Resource == nil) {
		if a.Resource != nil {
			return -1
		}
		return 1
	}
	order := cmp.Or(strings.Compare(string(a.ID), string(b.ID)), strings.Compare(a.Type, b.Type), strings.Compare(a.Name, b.Name),
		strings.Compare(a.Address, b.Address), compareAt(a.At, b.At))
	if order == 0 && a.Resource != nil {
		order = cmp.Or(strings.Compare(string(a.Resource.ID), string(b.Resource.ID)), strings.Compare(a.Resource.Type, b.Resource.Type))
	}
	return order
}

// merged joins the nodes of a group, which is in the order of rank.
func merged(nodes []plinth.Node, group []int32) plinth.Node {
	n := nodes[group[0]]
	if len(group) == 1 && len(n.Aliases) == 0 && len(n.Names) == 0 {
		return n
	}
	aliases, names := slices.Clone(n.Aliases), slices.Clone(n.Names)
	for _, i := range group[1:] {
		o := &nodes[i]
		n.Type, n.Name, n.Address = cmp.Or(n.Type, o.Type), cmp.Or(n.Name, o.Name), cmp.Or(n.Address, o.Address)
		if n.At == (plinth.Location{}) {
			n.At = o.At
		}
		aliases = append(append(aliases, o.Aliases...), o.ID)
		names = append(names, o.Names...)
		if o.Name != n.Name && o.Name != "" {
			names = append(names, o.Name)
		}
	}
	slices.Sort(aliases)
	slices.Sort(names)
	n.Aliases = slices.Compact(slices.DeleteFunc(aliases, func(a plinth.ID) bool { return a == n.ID || a == "" }))
	n.Names = slices.Compact(slices.DeleteFunc(names, func(s string) bool { return s == n.Name || s == "" }))
	return n
}

// settle resolves the ends of the relations, which it keeps, adds bare nodes for ends that nobody told, and drops doubles.
func (m *Map) settle(relations []plinth.Relation) {
	known := m.resolver()
	var bare []plinth.Node
	end := func(id plinth.ID) {
		if _, ok := known[id]; !ok {
			known[id] = ""
			bare = append(bare, plinth.Node{ID: id, Name: string(id), Address: string(id)})
		}
	}
	for i := range relations {
		end(relations[i].From)
		end(relations[i].To)
	}
	if len(bare) > 0 {
		m.nodes = append(m.nodes, bare...)
		slices.SortFunc(m.nodes, func(a, b plinth.Node) int { return strings.Compare(string(a.ID), string(b.ID)) })
	}
	for i := range m.nodes {
		m.ids[m.nodes[i].ID] = uint32(i)
	}
	for i := range relations {
		r := &relations[i]
		r.From, r.To = cmp.Or(known[r.From], r.From), cmp.Or(known[r.To], r.To)
	}
	m.relations = distinct(relations)
	m.from, m.to = make([]uint32, len(m.relations)), make([]uint32, len(m.relations))
	for i := range m.relations {
		m.from[i], m.to[i] = m.ids[m.relations[i].From], m.ids[m.relations[i].To]
	}
}

// resolver returns the id of the node that each id and alias means. An alias that several nodes share means none.
func (m *Map) resolver() map[plinth.ID]plinth.ID {
	known := make(map[plinth.ID]plinth.ID, 2*len(m.nodes))
	shared := map[plinth.ID]bool{}
	for i := range m.nodes {
		for _, a := range m.nodes[i].Aliases {
			if other, ok := known[a]; ok && other != m.nodes[i].ID {
				shared[a] = true
			}
			known[a] = m.nodes[i].ID
		}
	}
	for a := range shared {
		delete(known, a)
	}
	for i := range m.nodes {
		known[m.nodes[i].ID] = m.nodes[i].ID
	}
	return known
}

// distinct sorts relations and joins those that say the same: same ends, kind, technique and places of evidence. Of such a pair with
// equal permissions either condition is enough; with equal conditions the permissions come together; else both stay.
func distinct(relations []plinth.Relation) []plinth.Relation {
	slices.SortStableFunc(relations, compareRelations)
	out := relations[:0]
	for _, r := range relations {
		if n := len(out); n == 0 || !absorb(out, r) {
			out = append(out, r)
		}
	}
	clear(relations[len(out):])
	return out
}

// absorb joins r with one of the last relations where that says the same.
func absorb(out []plinth.Relation, r plinth.Relation) bool {
	for i := len(out) - 1; i >= 0 && same(&out[i], &r); i-- {
		o := &out[i]
		if equalWhen(o.When, r.When) {
			permissions := append(slices.Clone(o.Permissions), r.Permissions...)
			slices.Sort(permissions)
			o.Permissions = slices.Compact(permissions)
			return true
		}
		if slices.Equal(o.Permissions, r.Permissions) {
			o.When = either(o.When, r.When)
			return true
		}
	}
	return false
}

func same(a, b *plinth.Relation) bool {
	return a.From == b.From && a.To == b.To && a.Kind == b.Kind && a.Technique == b.Technique &&
		slices.EqualFunc(a.Evidence, b.Evidence, func(a, b plinth.Step) bool { return a.At == b.At })
}

// compareRelations orders relations so that those which say the same stand together, the surest first.
func compareRelations(a, b plinth.Relation) int {
	return cmp.Or(strings.Compare(string(a.From), string(b.From)), strings.Compare(string(a.To), string(b.To)),
		strings.Compare(string(a.Kind), string(b.Kind)), strings.Compare(a.Technique, b.Technique),
		slices.CompareFunc(a.Evidence, b.Evidence, func(a, b plinth.Step) int { return compareAt(a.At, b.At) }),
		compareWhen(a.When, b.When), slices.Compare(a.Permissions, b.Permissions),
		slices.CompareFunc(a.Evidence, b.Evidence, func(a, b plinth.Step) int {
			return cmp.Or(cmp.Compare(a.Cost, b.Cost), strings.Compare(a.Note, b.Note), strings.Compare(a.Resource, b.Resource))
		}))
}

func compareAt(a, b plinth.Location) int {
	return cmp.Or(strings.Compare(a.Path, b.Path), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col),
		cmp.Compare(a.EndLine, b.EndLine), cmp.Compare(a.EndCol, b.EndCol))
}
