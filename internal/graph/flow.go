package graph

// Endless is a capacity that nothing cuts.
const Endless = ^uint32(0)

// Flow is a network of arcs with capacities, in which the cheapest cut is found by Dinic's algorithm: Algorithm for solution of a
// problem of maximum flow (1970). It is not for concurrent use.
type Flow struct {
	first []int32 // arc of each node, -1: none
	next  []int32 // arc of the same node
	to    []int32
	free  []uint32 // capacity left; arcs come in pairs, i and i^1 are one back and forth
	level []int32
	at    []int32
}

// NewFlow returns a network of n nodes without arcs.
func NewFlow(n int) *Flow {
	f := &Flow{first: make([]int32, n)}
	for i := range f.first {
		f.first[i] = -1
	}
	return f
}

// Node adds a node and returns its number.
func (f *Flow) Node() int32 {
	f.first = append(f.first, -1)
	return int32(len(f.first) - 1)
}

// Arc joins two nodes one way and returns the number of the arc.
func (f *Flow) Arc(from, to int32, capacity uint32) int32 {
	i := int32(len(f.to))
	f.to = append(f.to, to, from)
	f.free = append(f.free, capacity, 0)
	f.next = append(f.next, f.first[from], f.first[to])
	f.first[from], f.first[to] = i, i+1
	return i
}

// Cut sends as much as it can from source to sink and returns how much that is, the price of the cheapest cut, with the nodes on
// the source's side of the cut that is nearest to the source. An endless way makes the price Endless and the set empty.
func (f *Flow) Cut(source, sink int32) (price uint64, near Set) {
	if source == sink {
		return uint64(Endless), nil
	}
	for f.rank(source, sink) {
		f.at = append(f.at[:0], f.first...)
		for {
			sent := f.send(source, sink)
			if sent == 0 {
				break
			}
			if sent == Endless {
				return uint64(Endless), nil
			}
			price += uint64(sent)
		}
	}
	near = NewSet(len(f.first))
	for v, l := range f.level {
		if l >= 0 {
			near.Add(uint32(v))
		}
	}
	return price, near
}

// rank numbers the nodes by their distance from the source over arcs with capacity left.
func (f *Flow) rank(source, sink int32) bool {
	f.level = append(f.level[:0], f.first...)
	for i := range f.level {
		f.level[i] = -1
	}
	f.level[source] = 0
	queue := []int32{source}
	for len(queue) > 0 {
		v := queue[0]
		queue = queue[1:]
		for a := f.first[v]; a >= 0; a = f.next[a] {
			if w := f.to[a]; f.free[a] > 0 && f.level[w] < 0 {
				f.level[w] = f.level[v] + 1
				queue = append(queue, w)
			}
		}
	}
	return f.level[sink] >= 0
}

// send pushes along one shortest way and returns how much went, 0 when there is no way left at these distances.
func (f *Flow) send(source, sink int32) uint32 {
	var way []int32 // arcs
	v := source
	for v != sink {
		a := f.at[v]
		for a >= 0 && (f.free[a] == 0 || f.level[f.to[a]] != f.level[v]+1) {
			a = f.next[a]
		}
		f.at[v] = a
		if a >= 0 {
			way = append(way, a)
			v = f.to[a]
			continue
		}
		if v == source {
			return 0
		}
		last := way[len(way)-1]
		way = way[:len(way)-1]
		v = f.to[last^1]
		f.at[v] = f.next[last]
	}
	least := Endless
	for _, a := range way {
		least = min(least, f.free[a])
	}
	if least == Endless {
		return Endless
	}
	for _, a := range way {
		if f.free[a] != Endless {
			f.free[a] -= least
		}
		if f.free[a^1] != Endless {
			f.free[a^1] += min(least, Endless-1-f.free[a^1])
		}
	}
	return least
}
