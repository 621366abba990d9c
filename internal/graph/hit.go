package graph

import (
	"cmp"
	"slices"
)

const maxBranches = 20_000 // of the exact search; what real estates need is far less

// hit returns a cheapest choice of places that has one of each set, sorted, and whether it is proven the cheapest. Sets are
// sorted and not empty.
func hit(sets [][]uint32, weight []uint64) (chosen []uint32, exact bool) {
	sets = slices.Clone(sets)
	chosen, sets = reduce(sets, weight)
	exact = true
	branches := maxBranches
	for _, part := range parts(sets) {
		h := &hitter{weight: weight, branches: &branches}
		h.best, h.price = greedyHit(part, weight)
		h.search(part, nil, 0)
		chosen = append(chosen, h.best...)
	}
	slices.Sort(chosen)
	return slices.Compact(chosen), branches > 0
}

// reduce takes what must be chosen, and drops sets that hold others and places that others stand for at no higher price.
func reduce(sets [][]uint32, weight []uint64) (forced []uint32, rest [][]uint32) {
	for {
		changed := false
		sets = smallest(sets)
		var single []uint32
		for _, s := range sets {
			if len(s) == 1 {
				single = append(single, s[0])
			}
		}
		if len(single) > 0 {
			forced = append(forced, single...)
			slices.Sort(single)
			sets = slices.DeleteFunc(sets, func(s []uint32) bool {
				return slices.ContainsFunc(s, func(n uint32) bool { _, ok := slices.BinarySearch(single, n); return ok })
			})
			changed = true
		}
		if dropped := dominated(sets, weight); len(dropped) > 0 {
			for i, s := range sets {
				sets[i] = slices.DeleteFunc(slices.Clone(s), func(n uint32) bool { return dropped[n] })
			}
			changed = true
		}
		if !changed {
			return forced, sets
		}
	}
}

// inSets returns the numbers of the sets that hold each place.
func inSets(sets [][]uint32) map[uint32][]int32 {
	in := map[uint32][]int32{}
	for i, s := range sets {
		for _, n := range s {
			in[n] = append(in[n], int32(i))
		}
	}
	return in
}

// smallest drops sets that hold another one, and doubles.
func smallest(sets [][]uint32) [][]uint32 {
	slices.SortFunc(sets, func(a, b []uint32) int { return cmp.Or(cmp.Compare(len(a), len(b)), slices.Compare(a, b)) })
	sets = slices.CompactFunc(sets, slices.Equal)
	in := inSets(sets)
	drop := make([]bool, len(sets))
	for i, s := range sets {
		if drop[i] {
			continue
		}
		rare := slices.MinFunc(s, func(a, b uint32) int { return cmp.Or(cmp.Compare(len(in[a]), len(in[b])), cmp.Compare(a, b)) })
		for _, k := range in[rare] {
			if int(k) > i && !drop[k] && subset(s, sets[k]) {
				drop[k] = true
			}
		}
	}
	out := sets[:0]
	for i, s := range sets {
		if !drop[i] {
			out = append(out, s)
		}
	}
	return out
}

// subset tells whether all of less, sorted, is among more, sorted.
func subset[T cmp.Ordered](less, more []T) bool {
	i := 0
	for _, w := range more {
		if i < len(less) && less[i] == w {
			i++
		}
	}
	return i == len(less)
}

// dominated returns places whose sets all hold another place that is not dearer.
func dominated(sets [][]uint32, weight []uint64) map[uint32]bool {
	in := inSets(sets)
	dropped := map[uint32]bool{}
	for _, s := range sets {
		for _, a := range s {
			if dropped[a] {
				continue
			}
			// Whatever stands for a stands in this set, too.
			for _, b := range s {
				if a == b || dropped[b] || weight[b] > weight[a] || !subset(in[a], in[b]) {
					continue
				}
				if len(in[a]) == len(in[b]) && weight[a] == weight[b] && a < b {
					continue // equals: the first stays
				}
				dropped[a] = true
				break
			}
		}
	}
	return dropped
}

// parts splits sets into groups that share no place.
func parts(sets [][]uint32) [][][]uint32 {
	boss := map[uint32]uint32{}
	find := func(n uint32) uint32 {
		for {
			b, ok := boss[n]
			if !ok || b == n {
				return n
			}
			n = b
		}
	}
	for _, s := range sets {
		for _, n := range s[1:] {
			a, b := find(s[0]), find(n)
			boss[max(a, b)] = min(a, b)
		}
	}
	at := map[uint32]int{}
	var out [][][]uint32
	for _, s := range sets {
		top := find(s[0])
		i, ok := at[top]
		if !ok {
			i = len(out)
			at[top] = i
			out = append(out, nil)
		}
		out[i] = append(out[i], s)
	}
	return out
}

// greedyHit chooses what hits most sets for its price, again and again.
func greedyHit(sets [][]uint32, weight []uint64) (chosen []uint32, price uint64) {
	for len(sets) > 0 {
		best, most := None, 0
		for n, in := range inSets(sets) {
			if best == None || uint64(len(in))*weight[best] > uint64(most)*weight[n] || uint64(len(in))*weight[best] == uint64(most)*weight[n] && n < best {
				best, most = n, len(in)
			}
		}
		chosen, price = append(chosen, best), price+weight[best]
		sets = without(sets, best)
	}
	return chosen, price
}

func without(sets [][]uint32, n uint32) [][]uint32 {
	return slices.DeleteFunc(slices.Clone(sets), func(s []uint32) bool { return slices.Contains(s, n) })
}

// hitter branches over the places of a smallest set that is not hit.
type hitter struct {
	weight   []uint64
	best     []uint32
	price    uint64
	branches *int
}

func (h *hitter) search(sets [][]uint32, chosen []uint32, price uint64) {
	if len(sets) == 0 {
		if price < h.price {
			h.best, h.price = slices.Clone(chosen), price
		}
		return
	}
	if *h.branches--; *h.branches <= 0 || price+h.bound(sets) >= h.price {
		return
	}
	s := slices.MinFunc(sets, func(a, b []uint32) int { return cmp.Compare(len(a), len(b)) })
	order := slices.Clone(s)
	slices.SortStableFunc(order, func(a, b uint32) int { return cmp.Compare(h.weight[a], h.weight[b]) })
	for i, n := range order {
		rest := without(sets, n)
		// What was tried before n is not taken any more: those choices were looked at.
		for k := range rest {
			rest[k] = slices.DeleteFunc(slices.Clone(rest[k]), func(m uint32) bool { return slices.Contains(order[:i], m) })
		}
		if slices.ContainsFunc(rest, func(s []uint32) bool { return len(s) == 0 }) {
			continue
		}
		h.search(rest, append(slices.Clone(chosen), n), price+h.weight[n])
	}
}

// bound is what sets without a common place cost at least.
func (h *hitter) bound(sets [][]uint32) (sum uint64) {
	used := map[uint32]bool{}
	for _, s := range sets {
		if slices.ContainsFunc(s, func(n uint32) bool { return used[n] }) {
			continue
		}
		least := h.weight[s[0]]
		for _, n := range s {
			used[n] = true
			least = min(least, h.weight[n])
		}
		sum += least
	}
	return sum
}
