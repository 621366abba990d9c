package graph

import (
	"cmp"
	"slices"
)

// Limits of the search for the cheapest fixes. Where one is met the answer is a set that ends all paths, but may not be the cheapest.
const (
	maxRounds  = 200   // searches for paths that are still left
	maxSets    = 4000  // paths that must be ended
	perRound   = 250   // paths learnt from one search
	maxShrunk  = 500   // places that are tried to be left out of a set
	fixWork    = 300e6 // relations looked at
	perCost    = 1 << 10
	maxCutArcs = 2_000_000 // relations that the network for the cheapest cut may have
)

// fixer seeks the cheapest set of places without which no path of a question is left. It learns paths one by one: the cheapest set
// that hits all known paths is a lower bound, and when no path is left without it, it is the answer.
type fixer struct {
	m       *Map
	q       Question
	between Set
	p       *places
	weight  []uint64 // by place: cost first, then their number
	work    int
	next    []uint32 // relation that leads on, by node
	stamp   []uint32
	round   uint32
	queue   []uint32
	tasks   []task
	goal    Set // goals of the task at hand
	lasting int // pairs that no change separates
}

// task is to separate some starts from some goals. Starts that are goals are separate already.
type task struct{ from, to []uint32 }

func (m *Map) fix(q Question, between Set, a *Answer) {
	f := &fixer{m: m, q: q, between: between, p: m.places(), work: fixWork, next: make([]uint32, m.walked.n), stamp: make([]uint32, m.walked.n), goal: NewSet(m.walked.n)}
	f.weight = make([]uint64, len(f.p.list))
	for i := range f.weight {
		f.weight[i] = uint64(f.p.list[i].Cost)*perCost + 1
	}
	f.plan()
	var chosen []uint32
	chosen, a.Proven = f.solve()
	a.Lasting = f.lasting
	for _, n := range chosen {
		a.Fixes = append(a.Fixes, f.p.list[n])
	}
	slices.SortFunc(a.Fixes, comparePlaces)
}

// plan makes the tasks: one for all goals to which no start has a way that rests on nothing that can be changed, and one for each
// other goal, without such starts. As a start that is a goal itself is separate in the first task, its way to each other goal is a
// task of its own.
func (f *fixer) plan() {
	fixed := NewSet(len(f.m.relations))
	for i, of := range f.p.of {
		if len(of) > 0 {
			fixed.Add(uint32(i))
		}
	}
	common := task{from: f.q.From}
	var single []task
	for _, to := range f.q.To {
		free := f.m.walked.search(&f.m.walked.in, []uint32{to}, fixed, f.between)
		var rest, twice []uint32
		lasting := 0
		for _, v := range f.q.From {
			switch {
			case v == to:
			case free.Has(v):
				lasting++
			default:
				rest = append(rest, v)
				if _, goal := slices.BinarySearch(f.q.To, v); goal {
					twice = append(twice, v)
				}
			}
		}
		f.lasting += lasting
		if lasting == 0 {
			common.to = append(common.to, to)
			rest = twice
		}
		if len(rest) > 0 {
			single = append(single, task{from: rest, to: []uint32{to}})
		}
	}
	f.tasks = append([]task{common}, single...)
}

// solve returns the set and whether it is proven the cheapest.
func (f *fixer) solve() (chosen []uint32, proven bool) {
	var sets [][]uint32
	exact := true
	for range maxRounds {
		left := f.left(chosen)
		if len(left) == 0 {
			if exact {
				return chosen, true
			}
			break
		}
		if sets = append(sets, left...); len(sets) > maxSets || f.work < 0 {
			break
		}
		chosen, exact = hit(sets, f.weight)
	}
	bound := uint64(0)
	if exact {
		bound = f.cost(chosen)
	}
	best := f.greedy(chosen)
	if cut := f.cheapestCut(); cut != nil {
		if left := f.left(cut); len(left) == 0 {
			if cut = f.shrink(cut); f.price(cut) < f.price(best) {
				best = cut
			}
		}
	}
	return best, exact && f.cost(best) == bound
}

func (f *fixer) price(places []uint32) (sum uint64) {
	for _, n := range places {
		sum += f.weight[n]
	}
	return sum
}

func (f *fixer) cost(places []uint32) (sum uint64) {
	for _, n := range places {
		sum += uint64(f.p.list[n].Cost)
	}
	return sum
}

// greedy adds places until no path is left and then drops those that are not needed.
func (f *fixer) greedy(chosen []uint32) []uint32 {
	chosen = slices.Clone(chosen)
	for left := f.left(chosen); len(left) > 0; left = f.left(chosen) {
		more, _ := hit(left, f.weight)
		chosen = append(chosen, more...)
	}
	return f.shrink(chosen)
}

// shrink drops places without which still no path is left, dear ones first.
func (f *fixer) shrink(chosen []uint32) []uint32 {
	slices.SortFunc(chosen, func(a, b uint32) int { return cmp.Or(cmp.Compare(f.weight[b], f.weight[a]), cmp.Compare(b, a)) })
	for i, tried := 0, 0; i < len(chosen) && tried < maxShrunk && f.work > 0; tried++ {
		without := slices.Delete(slices.Clone(chosen), i, i+1)
		if len(f.left(without)) == 0 {
			chosen = without
		} else {
			i++
		}
	}
	slices.Sort(chosen)
	return chosen
}

// left returns some paths that are left when places are changed, each as the sorted places that it rests on, no two of them with a
// place in common.
func (f *fixer) left(changed []uint32) (sets [][]uint32) {
	skip := NewSet(len(f.m.relations))
	for _, n := range changed {
		for _, r := range f.p.rested[n] {
			skip.Add(r)
		}
	}
	used := map[uint32]bool{}
	for i, t := range f.tasks {
		f.back(t.to, skip)
		for _, v := range t.to {
			f.goal.Add(v)
		}
		sets = f.gather(t.from, used, sets)
		for _, v := range t.to {
			f.goal.Remove(v)
		}
		if len(sets) >= perRound || i == 0 && len(sets) > 0 {
			break
		}
	}
	return sets
}

// back finds for each node a relation on a shortest way to some goal.
func (f *fixer) back(goals []uint32, skip Set) {
	f.round++
	f.queue = f.queue[:0]
	for _, v := range goals {
		f.stamp[v], f.next[v] = f.round, None
		f.queue = append(f.queue, v)
	}
	for i := 0; i < len(f.queue); i++ {
		edges, ends := f.m.walked.In(f.queue[i])
		f.work -= len(edges)
		for k, w := range ends {
			if f.stamp[w] == f.round || skip.Has(edges[k]) || !f.between.Has(w) {
				continue
			}
			f.stamp[w], f.next[w] = f.round, edges[k]
			f.queue = append(f.queue, w)
		}
	}
}

// gather adds the ways of a task, after back.
func (f *fixer) gather(starts []uint32, used map[uint32]bool, sets [][]uint32) [][]uint32 {
	for _, v := range starts {
		if f.goal.Has(v) || f.stamp[v] != f.round {
			continue
		}
		var set []uint32
		for !f.goal.Has(v) {
			set = append(set, f.p.of[f.next[v]]...)
			v = f.m.to[f.next[v]]
		}
		slices.Sort(set)
		set = slices.Compact(set)
		if slices.ContainsFunc(set, func(n uint32) bool { return used[n] }) {
			continue
		}
		for _, n := range set {
			used[n] = true
		}
		if sets = append(sets, set); len(sets) >= perRound {
			break
		}
	}
	return sets
}

// cheapestCut returns the places of a cheapest cut of the network of the first task, in which each relation costs its cheapest place and relations of
// one node that share theirs pay once. It is nil where the network is too large or cannot be cut.
func (f *fixer) cheapestCut() []uint32 {
	number := map[uint32]int32{}
	net := NewFlow(2)
	for v := range f.between.All() {
		number[v] = net.Node()
	}
	type via struct {
		from int32
		n    uint32
	}
	shared := map[via]int32{}
	var arcs []struct {
		arc int32
		n   uint32
	}
	total := 0
	for v := range f.between.All() {
		edges, ends := f.m.walked.Out(v)
		if total += len(edges); total > maxCutArcs {
			return nil
		}
		for k, w := range ends {
			to, ok := number[w]
			if !ok {
				continue
			}
			n, ok := f.cheapest(edges[k])
			if !ok {
				net.Arc(number[v], to, Endless)
				continue
			}
			mid, ok := shared[via{number[v], n}]
			if !ok {
				mid = net.Node()
				shared[via{number[v], n}] = mid
				arcs = append(arcs, struct {
					arc int32
					n   uint32
				}{net.Arc(number[v], mid, uint32(f.weight[n])), n})
			}
			net.Arc(mid, to, Endless)
		}
	}
	t := f.tasks[0]
	for _, v := range t.from {
		if at, ok := number[v]; ok && !slices.Contains(t.to, v) {
			net.Arc(0, at, Endless)
		}
	}
	for _, v := range t.to {
		if at, ok := number[v]; ok {
			net.Arc(at, 1, Endless)
		}
	}
	price, near := net.Cut(0, 1)
	if price == uint64(Endless) {
		return nil
	}
	var out []uint32
	for _, a := range arcs {
		if near.Has(uint32(net.to[a.arc^1])) && !near.Has(uint32(net.to[a.arc])) {
			out = append(out, a.n)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// cheapest returns the cheapest place of a relation; of equally cheap ones that on which most relations rest.
func (f *fixer) cheapest(relation uint32) (uint32, bool) {
	of := f.p.of[relation]
	if len(of) == 0 {
		return 0, false
	}
	return slices.MinFunc(of, func(a, b uint32) int {
		return cmp.Or(cmp.Compare(f.weight[a], f.weight[b]), cmp.Compare(len(f.p.rested[b]), len(f.p.rested[a])), cmp.Compare(a, b))
	}), true
}
