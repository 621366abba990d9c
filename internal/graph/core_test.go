package graph

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/plinthsec/plinth"
)

// tangle returns a random graph small enough to try everything, some of its edges to be skipped, and some nodes it may be kept to.
func tangle(rnd *rand.Rand) (c *CSR, skip, only Set) {
	n := 1 + rnd.IntN(9)
	m := rnd.IntN(3 * n)
	from, to := make([]uint32, m), make([]uint32, m)
	skip = NewSet(m)
	for i := range m {
		from[i], to[i] = uint32(rnd.IntN(n)), uint32(rnd.IntN(n))
		if rnd.IntN(8) == 0 {
			skip.Add(uint32(i))
		}
	}
	if rnd.IntN(2) == 0 {
		only = NewSet(n)
		for v := range n {
			if rnd.IntN(5) > 0 {
				only.Add(uint32(v))
			}
		}
	}
	return NewCSR(n, from, to, nil), skip, only
}

// reachable walks one edge after the other; never over node without.
func reachable(c *CSR, from []uint32, skip, only Set, without uint32) []bool {
	seen := make([]bool, c.n)
	allowed := func(v uint32) bool { return v != without && (only == nil || only.Has(v)) }
	for _, v := range from {
		if allowed(v) {
			seen[v] = true
		}
	}
	for range c.n {
		for e := range c.from {
			if seen[c.from[e]] && !skip.Has(uint32(e)) && allowed(c.to[e]) {
				seen[c.to[e]] = true
			}
		}
	}
	return seen
}

func TestCoreEqualsTryingAll(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	for round := range 3000 {
		c, skip, only := tangle(rnd)
		from := pick(rnd, c.n)
		if rnd.IntN(2) == 0 {
			only = nil
			sets(t, c, from, skip)
			blasts(t, c, skip)
		}
		dominators(t, c, from, skip, only)
		if t.Failed() {
			t.Fatalf("round %d: %v → %v from %v, skip %v, only %v", round, c.from, c.to, from, slices.Collect(skip.All()), only)
		}
	}
}

func sets(t *testing.T, c *CSR, from []uint32, skip Set) {
	t.Helper()
	want, got := reachable(c, from, skip, nil, None), c.Forward(from, skip)
	for v := range uint32(c.n) {
		if want[v] != got.Has(v) {
			t.Errorf("Forward reaches %d: %v", v, got.Has(v))
		}
		if c.Backward([]uint32{v}, skip).Has(from[0]) != reachable(c, from[:1], skip, nil, None)[v] {
			t.Errorf("Backward from %d is wrong", v)
		}
	}
}

func blasts(t *testing.T, c *CSR, skip Set) {
	t.Helper()
	var targets []uint32
	for v := range uint32(c.n) {
		targets = append(targets, v)
	}
	b := c.Blast(targets, skip)
	for _, v := range targets {
		if want := c.Backward([]uint32{v}, skip).Len(); int(b.Reach[v]) != want {
			t.Errorf("%d nodes reach %d, want %d", b.Reach[v], v, want)
		}
		if want := c.Forward([]uint32{v}, skip).Len(); int(b.Holds[v]) != want {
			t.Errorf("%d reaches %d nodes, want %d", v, b.Holds[v], want)
		}
	}
}

// dominators holds each set of dominators against what is not reached without a node.
func dominators(t *testing.T, c *CSR, from []uint32, skip, only Set) {
	t.Helper()
	d := c.Dominators(from, skip, only)
	reached := reachable(c, from, skip, only, None)
	for v := range uint32(c.n) {
		if d.Reached(v) != reached[v] {
			t.Errorf("%d reached: %v", v, d.Reached(v))
		}
		if !reached[v] {
			continue
		}
		var want []uint32
		for u := range uint32(c.n) {
			if u == v || reached[u] && !reachable(c, from, skip, only, u)[v] {
				want = append(want, u)
			}
		}
		got := d.Common([]uint32{v})
		if i := d.Immediate(v); len(got) > 1 && i != got[len(got)-2] || len(got) == 1 && i != None {
			t.Errorf("%d stands before %d, but %v do", i, v, got)
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%v stand before %d, want %v", got, v, want)
		}
	}
}

// TestBlastOfMany has more targets than one pass follows.
func TestBlastOfMany(t *testing.T) {
	n := 3000
	var from, to []uint32
	for i := range uint32(n - 1) {
		from, to = append(from, i), append(to, i+1)
	}
	var targets []uint32
	for v := range uint32(n) {
		targets = append(targets, v)
	}
	b := NewCSR(n, from, to, nil).Blast(targets, nil)
	for v := range n {
		if int(b.Reach[v]) != v+1 || int(b.Holds[v]) != n-v {
			t.Fatalf("%d: reached by %d, reaches %d", v, b.Reach[v], b.Holds[v])
		}
	}
}

func TestCutEqualsTryingAll(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 8))
	for round := range 3000 {
		n := 2 + rnd.IntN(7)
		f := NewFlow(n)
		type edge struct {
			from, to int32
			price    uint32
		}
		var edges []edge
		for range rnd.IntN(4 * n) {
			e := edge{int32(rnd.IntN(n)), int32(rnd.IntN(n)), uint32(rnd.IntN(9))}
			if rnd.IntN(10) == 0 {
				e.price = Endless
			}
			edges = append(edges, e)
			f.Arc(e.from, e.to, e.price)
		}
		price := func(near func(int32) bool) (sum uint64) {
			for _, e := range edges {
				if near(e.from) && !near(e.to) {
					if e.price == Endless {
						return uint64(Endless)
					}
					sum += uint64(e.price)
				}
			}
			return sum
		}
		want := uint64(Endless)
		for mask := range 1 << n {
			if mask&1 == 1 && mask&2 == 0 {
				want = min(want, price(func(v int32) bool { return mask>>v&1 == 1 }))
			}
		}
		got, near := f.Cut(0, 1)
		if got != want {
			t.Fatalf("round %d: %v: %d, want %d", round, edges, got, want)
		}
		if got != uint64(Endless) && price(func(v int32) bool { return near.Has(uint32(v)) }) != got {
			t.Fatalf("round %d: %v: the side %v does not cost %d", round, edges, near, got)
		}
	}
}

// TestAlways shows that a condition without a term, or with an empty one, is none.
func TestAlways(t *testing.T) {
	for _, when := range []plinth.Condition{nil, {}, {{}}, {{"a"}, {}}} {
		b := NewBuilder(func(p plinth.Problem) { t.Error(p) })
		b.Relation(plinth.Relation{From: "a", To: "b", Kind: plinth.Can, When: when, Evidence: []plinth.Step{{At: plinth.Location{Path: "x", Line: 1}}}})
		if got := b.Build().Relations()[0].When; got != nil {
			t.Errorf("%v is kept as %v", when, got)
		}
	}
}
