package query

import (
	"slices"

	"github.com/plinthsec/plinth/internal/graph"
)

// step fills slots: it tries all nodes that one may be, or walks relations from a node that is known.
type step struct {
	node    *nodePattern // that it finds
	known   bool         // the node stands in its slot already: it only has to be the one
	text    string       // an id, name or address that it has
	rel     *relPattern  // nil: the node is sought among all
	bound   bool         // the relation stands in its slot already
	from    int          // slot of the node that the relation starts at
	back    bool         // the relation is walked against the pattern
	short   bool         // by a shortest path
	ends    []*pattern   // paths that are complete with it
	filters []expr
}

// match finds all ways to fill the slots of a match; found is told each, and says whether to go on.
func (x *executor) match(m *match, row []Value, found func() bool) {
	r := &matcher{x: x, e: &env{x: x, row: row}, found: found}
	if !r.plan(m) {
		return
	}
	r.step(0)
}

type matcher struct {
	x     *executor
	e     *env
	steps []step
	used  []uint32 // relations: within one match each is walked once
	found func() bool
	stop  bool
}

// plan orders the patterns: what hangs on known nodes first, then what begins with the fewest. It is false where a condition that
// needs no slot fails.
func (r *matcher) plan(m *match) bool {
	known := map[int]bool{}
	fresh := map[int]bool{}
	for _, slot := range m.fresh {
		fresh[slot] = true
	}
	left := slices.Clone(m.patterns)
	for len(left) > 0 {
		best, at, price := 0, 0, -1
		for i, p := range left {
			for k, n := range p.nodes {
				c := 0
				if fresh[n.slot] && !known[n.slot] {
					c = 1 + r.count(m, n)
				}
				if price < 0 || c < price {
					best, at, price = i, k, c
				}
			}
		}
		r.chain(m, left[best], at, fresh, known)
		left = slices.Delete(left, best, best+1)
	}
	return r.place(m, fresh)
}

// chain adds the steps of a pattern that begins with one of its nodes.
func (r *matcher) chain(m *match, p *pattern, at int, fresh, known map[int]bool) {
	isKnown := func(n *nodePattern) bool { return known[n.slot] || !fresh[n.slot] }
	text, _ := named(m, p.nodes[at])
	r.steps = append(r.steps, step{node: p.nodes[at], known: isKnown(p.nodes[at]), text: text})
	known[p.nodes[at].slot] = true
	walk := func(rel *relPattern, from, to *nodePattern, back bool) {
		r.steps = append(r.steps, step{node: to, known: isKnown(to), rel: rel, bound: known[rel.slot] || !fresh[rel.slot], from: from.slot, back: back, short: p.shortest})
		known[to.slot], known[rel.slot] = true, true
	}
	for i := at; i < len(p.rels); i++ {
		walk(p.rels[i], p.nodes[i], p.nodes[i+1], false)
	}
	for i := at - 1; i >= 0; i-- {
		walk(p.rels[i], p.nodes[i+1], p.nodes[i], true)
	}
	if p.slot >= 0 {
		known[p.slot] = true
		last := &r.steps[len(r.steps)-1]
		last.ends = append(last.ends, p)
	}
}

// place puts each condition behind the step after which all its slots are filled.
func (r *matcher) place(m *match, fresh map[int]bool) bool {
	filled := map[int]int{}
	for i, s := range r.steps {
		slots := []int{s.node.slot}
		if s.rel != nil {
			slots = append(slots, s.rel.slot)
		}
		for _, p := range s.ends {
			slots = append(slots, p.slot)
		}
		for _, slot := range slots {
			if _, ok := filled[slot]; !ok {
				filled[slot] = i
			}
		}
	}
	for _, c := range m.where {
		last := -1
		for _, ref := range c.refs {
			if fresh[ref] {
				last = max(last, filled[ref])
			}
		}
		if last >= 0 {
			r.steps[last].filters = append(r.steps[last].filters, c.expr)
		} else if !holds(c.expr.eval(r.e)) {
			return false
		}
	}
	return true
}

// named returns the text that a condition or a property says the id, name or address of a node is.
func named(m *match, n *nodePattern) (string, bool) {
	for _, p := range n.props {
		if c, ok := p.value.(*constant); ok && isName(p.name) && c.value.kind == kString {
			return c.value.str, true
		}
	}
	for _, c := range m.where {
		b, ok := c.expr.(*binary)
		if !ok || b.op != "=" {
			continue
		}
		for _, side := range [][2]expr{{b.a, b.b}, {b.b, b.a}} {
			a, ok1 := side[0].(*access)
			t, ok2 := side[1].(*constant)
			if !ok1 || !ok2 || !isName(a.name) || t.value.kind != kString {
				continue
			}
			if v, ok := a.of.(*variable); ok && v.slot == n.slot {
				return t.value.str, true
			}
		}
	}
	return "", false
}

func isName(property string) bool {
	return property == "id" || property == "name" || property == "address"
}

// count guesses how many nodes a pattern fits.
func (r *matcher) count(m *match, n *nodePattern) int {
	if _, ok := named(m, n); ok {
		return 1
	}
	all := len(r.x.m.Nodes())
	if len(n.labels) > 0 {
		return 2 + all/10
	}
	return 2 + all
}

// step fills the slots of one step and goes on to the next; it is false when the search is to stop.
func (r *matcher) step(i int) {
	if r.stop || r.x.err != nil {
		return
	}
	if i == len(r.steps) {
		if !r.found() {
			r.stop = true
		}
		return
	}
	s := &r.steps[i]
	switch {
	case s.rel != nil && s.short:
		r.shortest(i, s)
	case s.rel != nil && s.rel.many:
		r.many(i, s)
	case s.rel != nil:
		r.one(i, s)
	case s.known:
		if v := r.e.row[s.node.slot]; v.kind == kNode && r.fits(s.node, v.index) {
			r.advance(i)
		}
	default:
		r.scan(i, s)
	}
}

// scan tries all nodes, or those that are called as the pattern says.
func (r *matcher) scan(i int, s *step) {
	try := func(v uint32) bool {
		if r.stop || r.x.spend(1) {
			return false
		}
		if r.fits(s.node, v) {
			r.e.row[s.node.slot] = r.node(v)
			r.advance(i)
		}
		return true
	}
	if s.text != "" && len(s.text) < maxName && !slices.Contains(graph.Words, s.text) {
		for _, v := range r.x.m.Find(s.text) {
			if !try(v) {
				return
			}
		}
		return
	}
	for v := range uint32(len(r.x.m.Nodes())) {
		if !try(v) {
			return
		}
	}
}

// advance completes paths, checks the conditions of a step whose slots are filled, and goes on.
func (r *matcher) advance(i int) {
	s := &r.steps[i]
	for _, p := range s.ends {
		r.e.row[p.slot] = r.path(p)
	}
	for _, f := range s.filters {
		if !holds(f.eval(r.e)) {
			return
		}
	}
	r.step(i + 1)
}

func (r *matcher) node(v uint32) Value { return Value{kind: kNode, index: v, m: r.x.m} }

// fits tells whether a node is as a pattern says.
func (r *matcher) fits(n *nodePattern, v uint32) bool {
	node := &r.x.m.Nodes()[v]
	for _, any := range n.labels {
		if !slices.ContainsFunc(any, func(label string) bool { return isLabel(node, label) }) {
			return false
		}
	}
	for _, p := range n.props {
		if same, _ := equal(propertyOf(r.node(v), p.name), p.value.eval(r.e)); !same {
			return false
		}
	}
	return true
}

func (r *matcher) fitsRelation(p *relPattern, rel uint32) bool {
	if len(p.kinds) > 0 && !slices.Contains(p.kinds, string(r.x.m.Relations()[rel].Kind)) {
		return false
	}
	for _, prop := range p.props {
		v := propertyOf(Value{kind: kRelation, index: rel, m: r.x.m}, prop.name)
		if same, _ := equal(v, prop.value.eval(r.e)); !same {
			return false
		}
	}
	return true
}

// neighbours calls visit for each relation of a node that a pattern fits, with the node at its other end, until visit is false.
func (r *matcher) neighbours(s *step, v uint32, visit func(rel, to uint32) bool) {
	all := r.x.m.All()
	dir := s.rel.dir
	switch {
	case s.back && dir == outward:
		dir = inward
	case s.back && dir == inward:
		dir = outward
	}
	row := func(edges, ends []uint32, loops bool) bool {
		for k, rel := range edges {
			if r.stop || r.x.spend(1) {
				return false
			}
			if !loops && ends[k] == v || slices.Contains(r.used, rel) || !r.fitsRelation(s.rel, rel) {
				continue
			}
			if !visit(rel, ends[k]) {
				return false
			}
		}
		return true
	}
	if dir != inward {
		if edges, ends := all.Out(v); !row(edges, ends, true) {
			return
		}
	}
	if dir != outward {
		edges, ends := all.In(v)
		row(edges, ends, dir == inward)
	}
}

// arrive fills the slots of the node and of the relations that a step found, where the node fits.
func (r *matcher) arrive(i int, s *step, to uint32, trail []uint32, back bool) {
	if s.known {
		if v := r.e.row[s.node.slot]; v.kind != kNode || v.index != to {
			return
		}
	}
	if !r.fits(s.node, to) {
		return
	}
	switch {
	case s.rel.many && s.rel.wanted:
		r.e.row[s.rel.slot] = r.trail(trail, back)
	case !s.rel.many:
		r.e.row[s.rel.slot] = Value{kind: kRelation, index: trail[0], m: r.x.m}
	}
	before := r.e.row[s.node.slot]
	r.e.row[s.node.slot] = r.node(to)
	r.advance(i)
	r.e.row[s.node.slot] = before
}

func (r *matcher) one(i int, s *step) {
	from := r.e.row[s.from]
	if from.kind != kNode {
		return
	}
	before := r.e.row[s.rel.slot]
	r.neighbours(s, from.index, func(rel, to uint32) bool {
		if s.bound && (before.kind != kRelation || before.index != rel) {
			return true
		}
		r.used = append(r.used, rel)
		r.arrive(i, s, to, r.used[len(r.used)-1:], false)
		r.used = r.used[:len(r.used)-1]
		return true
	})
}

// many walks all trails of as many relations as the pattern wants.
func (r *matcher) many(i int, s *step) {
	from := r.e.row[s.from]
	if from.kind != kNode {
		return
	}
	var trail []uint32
	var walk func(v uint32)
	walk = func(v uint32) {
		if len(trail) >= s.rel.min {
			r.arrive(i, s, v, trail, s.back)
		}
		if len(trail) == s.rel.max {
			return
		}
		r.neighbours(s, v, func(rel, to uint32) bool {
			r.used, trail = append(r.used, rel), append(trail, rel)
			walk(to)
			r.used, trail = r.used[:len(r.used)-1], trail[:len(trail)-1]
			return true
		})
	}
	walk(from.index)
}

// trail makes the list of relations of a trail, in the order of the pattern.
func (r *matcher) trail(rels []uint32, back bool) Value {
	out := make([]Value, len(rels))
	for i, rel := range rels {
		out[i] = Value{kind: kRelation, index: rel, m: r.x.m}
	}
	if back {
		slices.Reverse(out)
	}
	return listValue(out)
}

// shortest walks breadth first and arrives once at each node.
func (r *matcher) shortest(i int, s *step) {
	from := r.e.row[s.from]
	if from.kind != kNode {
		return
	}
	type came struct {
		rel, from uint32
		depth     int
	}
	seen := map[uint32]came{from.index: {}}
	queue := []uint32{from.index}
	for len(queue) > 0 && !r.stop && r.x.err == nil {
		v := queue[0]
		queue = queue[1:]
		at := seen[v]
		if at.depth >= s.rel.min && (v != from.index || s.rel.min == 0) {
			var trail []uint32
			for w := v; w != from.index; w = seen[w].from {
				trail = append(trail, seen[w].rel)
			}
			r.used = append(r.used, trail...)
			r.arrive(i, s, v, trail, !s.back)
			r.used = r.used[:len(r.used)-len(trail)]
		}
		if at.depth == s.rel.max {
			continue
		}
		r.neighbours(s, v, func(rel, to uint32) bool {
			if _, ok := seen[to]; !ok {
				seen[to] = came{rel, v, at.depth + 1}
				queue = append(queue, to)
			}
			return true
		})
	}
}

// path puts a path together from the slots of its pattern.
func (r *matcher) path(p *pattern) Value {
	out := &more{nodes: []uint32{r.e.row[p.nodes[0].slot].index}}
	for _, rel := range p.rels {
		v := r.e.row[rel.slot]
		rels := []Value{v}
		if rel.many {
			rels = v.list()
		}
		for _, one := range rels {
			out.rels = append(out.rels, one.index)
			out.nodes = append(out.nodes, other(r.x.m, one.index, out.nodes[len(out.nodes)-1]))
		}
	}
	return Value{kind: kPath, more: out, m: r.x.m}
}

// other returns the end of a relation that is not v.
func other(m *graph.Map, rel, v uint32) uint32 {
	from, to := m.Ends(rel)
	if from == v {
		return to
	}
	return from
}
