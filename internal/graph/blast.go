package graph

import "math/bits"

const blastWords = 16 // targets that one pass follows, in words of 64: their marks take 128 bytes a node

// Blast says how many nodes reach each of some targets, and how many of the targets each node reaches.
type Blast struct {
	Reach []uint32 // by target: nodes that reach it, itself included
	Holds []uint32 // by node: targets that it reaches, itself included
}

// Blast follows the edges back from all targets at once: nodes that reach one another are folded into one, and marks of all
// targets go backwards over what remains. A doubled target counts twice.
func (c *CSR) Blast(targets []uint32, skip Set) Blast {
	b := Blast{Reach: make([]uint32, len(targets)), Holds: make([]uint32, c.n)}
	f := c.fold(skip)
	for at := 0; at < len(targets); at += blastWords * 64 {
		some := targets[at:min(at+blastWords*64, len(targets))]
		f.blast(some, b.Reach[at:at+len(some)], b.Holds)
	}
	return b
}

// folded is a graph whose strongly connected parts have become one node each. Parts are numbered so that edges lead to lower ones.
type folded struct {
	part  []uint32 // by node
	size  []uint32 // by part
	start []uint32 // by part, into to
	to    []uint32
}

func (f *folded) blast(targets []uint32, reach, holds []uint32) {
	words := (len(targets) + 63) / 64
	marks := make([]uint64, len(f.size)*words)
	for i, v := range targets {
		marks[int(f.part[v])*words+i/64] |= 1 << (i % 64)
	}
	var sum column
	sum.begin(words)
	held := make([]uint32, len(f.size))
	for p := range f.size {
		own := marks[p*words : (p+1)*words]
		for _, q := range f.to[f.start[p]:f.start[p+1]] {
			for i, w := range marks[int(q)*words : (int(q)+1)*words] {
				own[i] |= w
			}
		}
		for i, w := range own {
			if w != 0 {
				held[p] += uint32(bits.OnesCount64(w))
				sum.add(i, w, f.size[p])
			}
		}
	}
	for i := range targets {
		reach[i] = sum.of(i)
	}
	for v, p := range f.part {
		holds[v] += held[p]
	}
}

// column counts bits in place: plane k holds bit k of the count of each column, so that adding a word costs two steps on average.
type column struct{ planes [][32]uint64 }

func (c *column) begin(words int) { c.planes = make([][32]uint64, words) }

func (c *column) add(word int, w uint64, times uint32) {
	p := &c.planes[word]
	for ; times != 0; times &= times - 1 {
		carry := w
		for k := bits.TrailingZeros32(times); carry != 0 && k < 32; k++ {
			p[k], carry = p[k]^carry, p[k]&carry
		}
	}
}

func (c *column) of(i int) uint32 {
	n := uint32(0)
	for k, plane := range c.planes[i/64] {
		n |= uint32(plane>>(i%64)&1) << k
	}
	return n
}

// fold finds the strongly connected parts by Tarjan's algorithm: Depth-first search and linear graph algorithms (1972). The part of
// the busiest node, which in most graphs of many is by far the largest, it takes out before: two searches with a bit a node find it
// in less time than one that numbers the nodes (Fleischer, Hendrickson, Pinar: On identifying strongly connected components in
// parallel, 2000).
func (c *CSR) fold(skip Set) *folded {
	f := &folded{part: make([]uint32, c.n)}
	t := tarjan{c: c, skip: skip, f: f, seen: make([]uint32, c.n)}
	if c.n > 0 {
		busy := []uint32{c.busiest()}
		after := c.Forward(busy, skip)
		core := both(after, c.Backward(busy, skip))
		for v := range core.All() {
			t.seen[v] = None
		}
		for v := range after.All() {
			if t.seen[v] == 0 {
				t.visit(v)
			}
		}
		part := uint32(len(f.size))
		for v := range core.All() {
			f.part[v] = part
		}
		f.size = append(f.size, uint32(core.Len()))
	}
	for v := range c.n {
		if t.seen[v] == 0 {
			t.visit(uint32(v))
		}
	}
	f.start = make([]uint32, len(f.size)+1)
	byPart := newRows(len(f.size), f.part, f.part, nil)
	last := make([]uint32, len(f.size))
	for p := range f.size {
		members, _ := byPart.of(uint32(p))
		for _, v := range members {
			edges, ends := c.out.of(v)
			for i, w := range ends {
				if q := f.part[w]; q != uint32(p) && last[q] != uint32(p)+1 && (skip == nil || !skip.Has(edges[i])) {
					last[q] = uint32(p) + 1
					f.to = append(f.to, q)
				}
			}
		}
		f.start[p+1] = uint32(len(f.to))
	}
	return f
}

// busiest returns the node which most edges enter or leave, whichever are fewer.
func (c *CSR) busiest() (node uint32) {
	most := uint32(0)
	for v := range c.n {
		if n := min(c.out.start[v+1]-c.out.start[v], c.in.start[v+1]-c.in.start[v]); n > most {
			node, most = uint32(v), n
		}
	}
	return node
}

type tarjan struct {
	c     *CSR
	skip  Set
	f     *folded
	seen  []uint32 // number by node, counted from 1; 0: not seen; None: its part is known
	count uint32
	open  []uint32
	stack []visit
}

type visit struct{ node, next, number, low uint32 }

func (t *tarjan) enter(v uint32) {
	t.count++
	t.seen[v] = t.count
	t.open = append(t.open, v)
	t.stack = append(t.stack, visit{node: v, number: t.count, low: t.count})
}

func (t *tarjan) visit(v uint32) {
	t.enter(v)
	for len(t.stack) > 0 {
		top := &t.stack[len(t.stack)-1]
		edges, ends := t.c.out.of(top.node)
		if int(top.next) < len(ends) {
			i := top.next
			top.next++
			if t.skip != nil && t.skip.Has(edges[i]) {
				continue
			}
			if n := t.seen[ends[i]]; n != 0 {
				top.low = min(top.low, n)
			} else {
				t.enter(ends[i])
			}
			continue
		}
		done := *top
		t.stack = t.stack[:len(t.stack)-1]
		if len(t.stack) > 0 {
			above := &t.stack[len(t.stack)-1]
			above.low = min(above.low, done.low)
		}
		if done.low == done.number {
			t.close(done.node)
		}
	}
}

// close makes a part of all open nodes down to v.
func (t *tarjan) close(v uint32) {
	part, size := uint32(len(t.f.size)), uint32(0)
	for {
		w := t.open[len(t.open)-1]
		t.open = t.open[:len(t.open)-1]
		t.f.part[w], t.seen[w] = part, None
		size++
		if w == v {
			break
		}
	}
	t.f.size = append(t.f.size, size)
}
