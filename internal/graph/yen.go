package graph

import (
	"cmp"
	"slices"
)

// shortest returns up to limit paths from node 0 to node 1, first those that rest on no condition, each group by length, and how
// many more it came to know. Each visits no node twice. Work is what may be looked at.
//
// The algorithm is that of Yen: Finding the k shortest loopless paths in a network (1971).
func (g *local) shortest(limit int, work *int) (found [][]int32, rest int) {
	y := &yen{g: g, work: work, stamp: make([]uint32, len(g.nodes)), before: make([]int32, len(g.nodes))}
	found, rest = y.run(nil, limit)
	if len(found) < limit || rest == 0 && g.uncertain {
		y.all = true
		found, rest = y.run(found, limit)
	}
	return found, rest
}

type yen struct {
	g      *local
	all    bool // arcs with conditions, too
	work   *int
	round  uint32
	stamp  []uint32 // round in which a node was reached or shut
	before []int32
	queue  []int32
}

func comparePaths(a, b []int32) int { return cmp.Or(cmp.Compare(len(a), len(b)), slices.Compare(a, b)) }

// run finds the shortest paths and adds those that are not known yet.
func (y *yen) run(known [][]int32, limit int) ([][]int32, int) {
	found := slices.Clone(known)
	isKnown := func(path []int32) bool {
		return slices.ContainsFunc(known, func(p []int32) bool { return slices.Equal(p, path) })
	}
	var done, candidates [][]int32 // candidates are in order
	add := func(path []int32) {
		if at, ok := slices.BinarySearchFunc(candidates, path, comparePaths); path != nil && !ok {
			candidates = slices.Insert(candidates, at, path)
		}
	}
	add(y.search([]int32{0}, nil))
	for len(candidates) > 0 {
		path := candidates[0]
		if !isKnown(path) {
			if len(found) == limit || *y.work < 0 && len(found) > 0 {
				return found, len(slices.DeleteFunc(candidates, isKnown))
			}
			found = append(found, path)
		}
		candidates = candidates[1:]
		done = append(done, path)
		for i := range len(path) - 1 {
			add(y.search(path[:i+1], done))
		}
	}
	return found, 0
}

// search returns the shortest path that begins with head and goes on differently from all paths told that begin so.
func (y *yen) search(head []int32, told [][]int32) []int32 {
	y.round++
	for _, v := range head {
		y.stamp[v] = y.round
	}
	spur := head[len(head)-1]
	y.queue = append(y.queue[:0], spur)
	for i := 0; i < len(y.queue); i++ {
		v := y.queue[i]
		*y.work -= len(y.g.arcs[v])
		for _, a := range y.g.arcs[v] {
			if y.stamp[a.to] == y.round || a.uncertain && !y.all || v == spur && taken(head, a.to, told) {
				continue
			}
			y.stamp[a.to], y.before[a.to] = y.round, v
			if a.to == 1 {
				return y.trace(head, spur)
			}
			y.queue = append(y.queue, a.to)
		}
	}
	return nil
}

func taken(head []int32, next int32, told [][]int32) bool {
	return slices.ContainsFunc(told, func(p []int32) bool {
		return len(p) > len(head) && p[len(head)] == next && slices.Equal(p[:len(head)], head)
	})
}

func (y *yen) trace(head []int32, spur int32) []int32 {
	var tail []int32
	for v := int32(1); v != spur; v = y.before[v] {
		tail = append(tail, v)
	}
	slices.Reverse(tail)
	return append(slices.Clone(head), tail...)
}
