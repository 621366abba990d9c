package graph

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"github.com/plinthsec/plinth"
)

// random returns a small estate: nodes n0…, relations that rest on one to three of few places.
func random(rnd *rand.Rand) (nodes []plinth.Node, relations []plinth.Relation) {
	n, places := 3+rnd.IntN(6), 2+rnd.IntN(6)
	for i := range n {
		nodes = append(nodes, plinth.Node{ID: plinth.ID("n" + strconv.Itoa(i))})
	}
	for range rnd.IntN(18) {
		r := plinth.Relation{From: nodes[rnd.IntN(n)].ID, To: nodes[rnd.IntN(n)].ID, Kind: plinth.Can}
		for range 1 + rnd.IntN(3) {
			place := rnd.IntN(places)
			cost := uint8(1 + place%3)
			if rnd.IntN(6) == 0 {
				cost = 0
			}
			r.Evidence = append(r.Evidence, proof("f", int32(place+1), cost)...)
		}
		if rnd.IntN(4) == 0 {
			r.When = plinth.Condition{{"c" + strconv.Itoa(rnd.IntN(3))}}
		}
		if rnd.IntN(10) == 0 {
			r.Kind = plinth.Runs
		}
		relations = append(relations, r)
	}
	return nodes, relations
}

// naive finds everything by trying all.
type naive struct {
	m      *Map
	places map[int32]uint8 // cost by line
}

func newNaive(m *Map) *naive {
	n := &naive{m: m, places: map[int32]uint8{}}
	for _, r := range m.relations {
		for _, s := range r.Evidence {
			if s.Cost > 0 {
				n.places[s.At.Line] = max(n.places[s.At.Line], s.Cost)
			}
		}
	}
	return n
}

func (n *naive) stands(r *plinth.Relation, without map[int32]bool) bool {
	return r.Kind.Walked() && !slices.ContainsFunc(r.Evidence, func(s plinth.Step) bool { return s.Cost > 0 && without[s.At.Line] })
}

// ways returns all simple paths as node sequences, with whether one goes without conditions.
func (n *naive) ways(from, to uint32, without map[int32]bool) map[string]bool {
	out := map[string]bool{}
	var walk func(path []uint32, sure bool)
	walk = func(path []uint32, sure bool) {
		at := path[len(path)-1]
		if at == to && len(path) > 1 {
			out[key(path)] = out[key(path)] || sure
			return
		}
		for i := range n.m.relations {
			r := &n.m.relations[i]
			if n.m.from[i] == at && !slices.Contains(path, n.m.to[i]) && n.stands(r, without) {
				walk(append(slices.Clone(path), n.m.to[i]), sure && r.When == nil)
			}
		}
	}
	if from != to {
		walk([]uint32{from}, true)
	}
	return out
}

func key(path []uint32) string {
	s := ""
	for _, v := range path {
		s += strconv.Itoa(int(v)) + " "
	}
	return s
}

func (n *naive) joined(q Question, without map[int32]bool) int {
	count := 0
	for _, f := range q.From {
		for _, t := range q.To {
			if len(n.ways(f, t, without)) > 0 {
				count++
			}
		}
	}
	return count
}

// cheapest tries all sets of places and returns the cost of the cheapest of those that leave fewest pairs joined, and how many these are.
func (n *naive) cheapest(q Question) (cost, lasting int) {
	var lines []int32
	for l := range n.places {
		lines = append(lines, l)
	}
	all := map[int32]bool{}
	for _, l := range lines {
		all[l] = true
	}
	lasting, cost = n.joined(q, all), -1
	for mask := range 1 << len(lines) {
		without, sum := map[int32]bool{}, 0
		for i, l := range lines {
			if mask>>i&1 == 1 {
				without[l] = true
				sum += int(n.places[l])
			}
		}
		if (cost < 0 || sum < cost) && n.joined(q, without) == lasting {
			cost = sum
		}
	}
	return cost, lasting
}

func pick(rnd *rand.Rand, n int) []uint32 {
	var out []uint32
	for range 1 + rnd.IntN(3) {
		out = append(out, uint32(rnd.IntN(n)))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func TestAnswerEqualsTryingAll(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for round := range 1500 {
		nodes, relations := random(rnd)
		m := build(t, nodes, relations)
		q := Question{From: pick(rnd, len(nodes)), To: pick(rnd, len(nodes)), Limit: 3}
		n := newNaive(m)
		a := m.Answer(q)
		if want := n.joined(q, nil); a.Joined != want {
			t.Fatalf("round %d: joined %d, want %d", round, a.Joined, want)
		}
		for _, from := range q.From {
			for _, to := range q.To {
				checkPair(t, n, &a, from, to, 3)
			}
		}
		want, lasting := n.cheapest(q)
		got, lines := 0, map[int32]bool{}
		for _, p := range a.Fixes {
			got += int(p.Cost)
			lines[p.At.Line] = true
		}
		if a.Lasting != lasting || a.Joined > 0 && (!a.Proven || got != want || n.joined(q, lines) > lasting) {
			t.Fatalf("round %d: fixes %v (lasting %d, proven %v), want cost %d (%d)", round, a.Fixes, a.Lasting, a.Proven, want, lasting)
		}
		checkChokes(t, n, q, a.Chokes)
		if t.Failed() {
			t.Fatalf("round %d", round)
		}
	}
}

func checkPair(t *testing.T, n *naive, a *Answer, from, to uint32, limit int) {
	t.Helper()
	ways := n.ways(from, to, nil)
	type way struct {
		sure bool
		hops int
	}
	var want, got []way
	for k, sure := range ways {
		hops := -1
		for _, c := range k {
			if c == ' ' {
				hops++
			}
		}
		want = append(want, way{sure, hops})
	}
	slices.SortFunc(want, func(a, b way) int { return cmp.Or(compareBool(b.sure, a.sure), cmp.Compare(a.hops, b.hops)) })
	rest := max(0, len(want)-limit)
	want = want[:len(want)-rest]
	seen := map[string]bool{}
	for _, p := range a.Paths {
		if p.From != from || p.To != to {
			continue
		}
		nodes := []uint32{p.From}
		for _, h := range p.Hops {
			nodes = append(nodes, h.To)
			if n.m.from[h.Relation] != h.From || n.m.to[h.Relation] != h.To {
				t.Errorf("hop %+v goes over another relation", h)
			}
		}
		if _, ok := ways[key(nodes)]; !ok || seen[key(nodes)] {
			t.Errorf("path %v is none, or told twice", nodes)
		}
		seen[key(nodes)] = true
		got = append(got, way{p.When == nil, len(p.Hops)})
		for line := range n.places {
			ends := len(n.ways(from, to, map[int32]bool{line: true})) == 0
			told := slices.ContainsFunc(p.Cut, func(c Place) bool { return c.At.Line == line })
			if ends != told {
				t.Errorf("line %d ends all ways: %v; told: %v", line, ends, told)
			}
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("paths %d → %d: %v, want %v", from, to, got, want)
	}
	if rest > 0 && a.Rest.Paths == 0 {
		t.Errorf("paths %d → %d: no word of the %d left out", from, to, rest)
	}
}

func checkChokes(t *testing.T, n *naive, q Question, got []uint32) {
	t.Helper()
	var want []uint32
	common := map[string]int{}
	total := 0
	for _, f := range q.From {
		for _, to := range q.To {
			for k := range n.ways(f, to, nil) {
				total++
				for v := range n.m.nodes {
					if slices.Contains(split(k), strconv.Itoa(v)) {
						common[strconv.Itoa(v)]++
					}
				}
			}
		}
	}
	for v := range n.m.nodes {
		if total > 0 && common[strconv.Itoa(v)] == total && !slices.Contains(q.From, uint32(v)) && !slices.Contains(q.To, uint32(v)) {
			want = append(want, uint32(v))
		}
	}
	overlap := slices.ContainsFunc(q.From, func(v uint32) bool { return slices.Contains(q.To, v) })
	got = unique(got)
	if !overlap && !slices.Equal(got, want) || overlap && len(got) > 0 {
		t.Errorf("chokes %v, want %v", got, want)
	}
}

func split(s string) (out []string) {
	word := ""
	for _, c := range s {
		if c == ' ' {
			out, word = append(out, word), ""
		} else {
			word += string(c)
		}
	}
	return out
}
