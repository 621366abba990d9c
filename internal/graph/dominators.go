package graph

import "slices"

// Dominance says which nodes every walk from some starts to a node passes.
//
// It is found by the algorithm of Cooper, Harvey and Kennedy: A Simple, Fast Dominance Algorithm (2001).
type Dominance struct {
	number []uint32 // of each node in postorder, None where no walk leads
	order  []uint32 // node by number
	before []uint32 // number of the immediate dominator by number; len(order) is the origin, which stands before all starts
}

// Dominators looks at all walks from some of the given nodes that keep off the edges in skip and inside the nodes of only, where
// that is not nil.
func (c *CSR) Dominators(from []uint32, skip, only Set) *Dominance {
	d := &Dominance{number: make([]uint32, c.n)}
	for i := range d.number {
		d.number[i] = None
	}
	d.walk(c, from, skip, only)
	origin := uint32(len(d.order))
	d.before = make([]uint32, origin+1)
	for i := range d.before {
		d.before[i] = None
	}
	d.before[origin] = origin
	start, in := d.entries(c, from, skip)
	top := d.top(from)
	for changed := true; changed; {
		changed = false
		for at := int(origin) - 1; at >= 0; at-- {
			if d.before[at] == top {
				continue // it cannot rise
			}
			if best := d.nearest(in[start[at]:start[at+1]]); best != d.before[at] {
				d.before[at], changed = best, true
			}
		}
	}
	return d
}

// entries returns from where each node is entered, all by number: the origin alone for a start.
func (d *Dominance) entries(c *CSR, from []uint32, skip Set) (start, in []uint32) {
	origin := uint32(len(d.order))
	first := NewSet(len(d.order))
	for _, v := range from {
		if d.number[v] != None {
			first.Add(d.number[v])
		}
	}
	start, in = make([]uint32, origin+1), make([]uint32, 0, len(c.in.end))
	for at, v := range d.order {
		if first.Has(uint32(at)) {
			in = append(in, origin)
		} else {
			edges, ends := c.in.of(v)
			for i, w := range ends {
				if n := d.number[w]; n != None && (skip == nil || !skip.Has(edges[i])) {
					in = append(in, n)
				}
			}
		}
		start[at+1] = uint32(len(in))
	}
	return start, in
}

// top returns the number above which no dominator of another node lies: that of the only start, else the origin.
func (d *Dominance) top(from []uint32) uint32 {
	top := uint32(len(d.order))
	for _, v := range from {
		switch n := d.number[v]; {
		case n == None || n == top:
		case top == uint32(len(d.order)):
			top = n
		default:
			return uint32(len(d.order))
		}
	}
	return top
}

// nearest returns the last node that all walks known so far over some entries share.
func (d *Dominance) nearest(entries []uint32) uint32 {
	best := None
	for _, n := range entries {
		switch {
		case d.before[n] == None:
		case best == None:
			best = n
		default:
			best = d.meet(best, n)
		}
	}
	return best
}

// meet returns the last common dominator of two nodes, all by number.
func (d *Dominance) meet(a, b uint32) uint32 {
	for a != b {
		for a < b {
			a = d.before[a]
		}
		for b < a {
			b = d.before[b]
		}
	}
	return a
}

// walk numbers the nodes that can be reached in postorder.
func (d *Dominance) walk(c *CSR, from []uint32, skip, only Set) {
	seen := NewSet(c.n)
	type frame struct{ node, next, end uint32 } // edges of the node that are to be looked at, as places in the rows
	var stack []frame
	enter := func(v uint32) {
		if !seen.Has(v) && (only == nil || only.Has(v)) {
			seen.Add(v)
			stack = append(stack, frame{node: v, next: c.out.start[v], end: c.out.start[v+1]})
		}
	}
	for _, v := range from {
		enter(v)
		for len(stack) > 0 {
			f := &stack[len(stack)-1]
			if f.next < f.end {
				i := f.next
				f.next++
				if skip == nil || !skip.Has(c.out.edge[i]) {
					enter(c.out.end[i])
				}
				continue
			}
			d.order = append(d.order, f.node)
			stack = stack[:len(stack)-1]
		}
	}
	for at, v := range d.order {
		d.number[v] = uint32(at)
	}
}

// Reached tells whether some walk leads to a node.
func (d *Dominance) Reached(node uint32) bool { return d.number[node] != None }

// Immediate returns the last node before the given one that every walk to it passes; None where there is none.
func (d *Dominance) Immediate(node uint32) uint32 {
	n := d.number[node]
	if n == None || d.before[n] == uint32(len(d.order)) {
		return None
	}
	return d.order[d.before[n]]
}

// Common returns the nodes that every walk to any of the given ones passes, in the order of the walks. A node that is the only one
// reached is among them itself, as a start is that is the only one.
func (d *Dominance) Common(to []uint32) []uint32 {
	at, origin := None, uint32(len(d.order))
	for _, v := range to {
		n := d.number[v]
		switch {
		case n == None:
		case at == None:
			at = n
		default:
			at = d.meet(at, n)
		}
	}
	var out []uint32
	for ; at != None && at != origin; at = d.before[at] {
		out = append(out, d.order[at])
	}
	slices.Reverse(out)
	return out
}
