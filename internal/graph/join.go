package graph

import (
	"cmp"
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
)

// joiner makes one node of all that share an id or an alias. Nodes go by their place in the order of rank.
type joiner struct {
	told   []plinth.Node
	order  []uint32             // of told, by rank
	boss   []uint32             // by place: a place of the same node, before it or itself
	holder map[plinth.ID]uint32 // place of an id or alias
}

const nobody = ^uint32(0) // holds an alias that several nodes share and that does not make them one

// merges tells whether an alias makes one node of those that share it.
func merges(alias plinth.ID) bool { return alias != "" && strings.IndexByte(string(alias), '{') < 0 }

func newJoiner(told []plinth.Node) *joiner {
	j := &joiner{told: told, order: ascending(len(told)), boss: ascending(len(told)), holder: make(map[plinth.ID]uint32, 2*len(told))}
	slices.SortFunc(j.order, func(a, b uint32) int { return cmp.Or(rank(&told[a], &told[b]), cmp.Compare(a, b)) })
	for at, i := range j.order {
		j.join(told[i].ID, uint32(at))
		for _, a := range told[i].Aliases {
			if merges(a) {
				j.join(a, uint32(at))
			}
		}
	}
	found := map[plinth.ID]uint32{}
	for at, i := range j.order {
		for _, a := range told[i].Aliases {
			if a == "" || merges(a) {
				continue
			}
			top := j.top(uint32(at))
			if first, ok := found[a]; ok && first != top {
				top = nobody
			}
			found[a] = top
		}
	}
	for a, top := range found {
		if _, ok := j.holder[a]; !ok && top != nobody {
			j.holder[a] = top
		}
	}
	return j
}

func ascending(n int) []uint32 {
	out := make([]uint32, n)
	for i := range out {
		out[i] = uint32(i)
	}
	return out
}

func (j *joiner) top(at uint32) uint32 {
	for j.boss[at] != at {
		j.boss[at] = j.boss[j.boss[at]]
		at = j.boss[at]
	}
	return at
}

func (j *joiner) join(id plinth.ID, at uint32) {
	first, ok := j.holder[id]
	if !ok {
		j.holder[id] = at
		return
	}
	a, b := j.top(first), j.top(at)
	j.boss[max(a, b)] = min(a, b)
}

// rank puts the node first whose word counts: one with a resource, then by id, then by the rest so that no two orders of telling
// differ.
func rank(a, b *plinth.Node) int {
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

// merged joins the nodes at some places, which ascend.
func (j *joiner) merged(group []uint32) plinth.Node {
	n := j.told[j.order[group[0]]]
	if len(group) == 1 && len(n.Aliases) == 0 && len(n.Names) == 0 {
		return n
	}
	aliases, names := slices.Clone(n.Aliases), slices.Clone(n.Names)
	for _, i := range group[1:] {
		o := &j.told[j.order[i]]
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

// joined are the ends of all relations, as numbers of nodes.
type joined struct{ from, to []uint32 }

// number makes the nodes, with a bare one for each end of a relation that nobody told, and returns the ends of the relations.
func (m *Map) number(relations []plinth.Relation, j *joiner) joined {
	var bare []plinth.ID
	ends := joined{from: make([]uint32, len(relations)), to: make([]uint32, len(relations))}
	for i := range relations {
		r := &relations[i]
		if i > 0 && r.From == relations[i-1].From {
			ends.from[i] = ends.from[i-1]
		} else {
			ends.from[i] = j.end(r.From, &bare)
		}
		ends.to[i] = j.end(r.To, &bare)
	}
	groups := newRows(len(j.order), j.tops(), ascending(len(j.order)), nil)
	nodes, provisional := make([]plinth.Node, 0, len(j.order)+len(bare)), make([]uint32, 0, len(j.order)+len(bare))
	for at := range j.order {
		if _, group := groups.of(uint32(at)); len(group) > 0 {
			nodes, provisional = append(nodes, j.merged(group)), append(provisional, uint32(at))
		}
	}
	for i, id := range bare {
		nodes, provisional = append(nodes, plinth.Node{ID: id, Name: string(id), Address: string(id)}), append(provisional, uint32(len(j.order)+i))
	}
	sorted := ascending(len(nodes))
	slices.SortFunc(sorted, func(a, b uint32) int { return strings.Compare(string(nodes[a].ID), string(nodes[b].ID)) })
	final := make([]uint32, len(j.order)+len(bare))
	m.nodes = make([]plinth.Node, len(nodes))
	for at, i := range sorted {
		m.nodes[at], final[provisional[i]] = nodes[i], uint32(at)
	}
	for i := range relations {
		ends.from[i], ends.to[i] = final[ends.from[i]], final[ends.to[i]]
	}
	return ends
}

// end returns the top place of an id; for one that nobody told the next place after all.
func (j *joiner) end(id plinth.ID, bare *[]plinth.ID) uint32 {
	at, ok := j.holder[id]
	if !ok {
		at = uint32(len(j.order) + len(*bare))
		j.holder[id] = at
		*bare = append(*bare, id)
	}
	if int(at) < len(j.order) {
		return j.top(at)
	}
	return at
}

func (j *joiner) tops() []uint32 {
	out := make([]uint32, len(j.order))
	for at := range out {
		out[at] = j.top(uint32(at))
	}
	return out
}

// settle keeps the relations in the order of their ends, then so that those which say the same stand together, and joins these: same
// ends, kind, technique and places of evidence. Of such a pair with equal permissions either condition is enough; with equal
// conditions the permissions come together; else both stay.
func (m *Map) settle(relations []plinth.Relation, ends joined) {
	out := newRows(len(m.nodes), ends.from, ends.to, nil)
	m.relations = make([]plinth.Relation, 0, len(relations))
	m.from, m.to = make([]uint32, 0, len(relations)), make([]uint32, 0, len(relations))
	var run []uint64
	for v := range m.nodes {
		edges, far := out.of(uint32(v))
		run = run[:0]
		for i, edge := range edges {
			run = append(run, uint64(far[i])<<32|uint64(edge))
		}
		slices.Sort(run)
		for len(run) > 0 {
			n := 1
			for n < len(run) && run[n]>>32 == run[0]>>32 {
				n++
			}
			m.parallel(relations, uint32(v), run[:n])
			run = run[n:]
		}
	}
}

// parallel keeps the relations of two nodes, each given by its end and its number.
func (m *Map) parallel(relations []plinth.Relation, from uint32, run []uint64) {
	to, first := uint32(run[0]>>32), len(m.relations)
	if len(run) > 1 {
		slices.SortStableFunc(run, func(a, b uint64) int { return compareRelations(&relations[uint32(a)], &relations[uint32(b)]) })
	}
	for _, packed := range run {
		r := relations[uint32(packed)]
		r.From, r.To = m.nodes[from].ID, m.nodes[to].ID
		if len(run) == 1 || !absorb(m.relations[first:], r) {
			m.relations, m.from, m.to = append(m.relations, r), append(m.from, from), append(m.to, to)
		}
	}
}

// absorb joins r with one of the last relations, all with the same ends, where that says the same.
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

// same tells whether two relations with the same ends say the same.
func same(a, b *plinth.Relation) bool {
	return a.Kind == b.Kind && a.Technique == b.Technique &&
		slices.EqualFunc(a.Evidence, b.Evidence, func(a, b plinth.Step) bool { return a.At == b.At })
}

// compareRelations orders relations with the same ends so that those which say the same stand together, the surest first.
func compareRelations(a, b *plinth.Relation) int {
	return cmp.Or(strings.Compare(string(a.Kind), string(b.Kind)), strings.Compare(a.Technique, b.Technique),
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
