package graph

// None stands for no node.
const None = ^uint32(0)

// CSR is a directed graph in compressed sparse rows, both ways. Nodes count from 0; an edge is known by its index in the slices
// that the graph was made of. It is immutable and safe for concurrent use.
type CSR struct {
	n        int
	from, to []uint32
	out, in  rows
}

// rows are the edges of each node, one node after the other.
type rows struct {
	start []uint32 // n+1
	edge  []uint32
	end   []uint32 // the other end of each edge
}

func (r *rows) of(i uint32) (edges, ends []uint32) {
	a, b := r.start[i], r.start[i+1]
	return r.edge[a:b], r.end[a:b]
}

// NewCSR joins n nodes by the edges from[i] → to[i], without those in leave. It keeps the two slices, which must be equally long;
// each of their values is below n.
func NewCSR(n int, from, to []uint32, leave Set) *CSR {
	return &CSR{n: n, from: from, to: to, out: newRows(n, from, to, leave), in: newRows(n, to, from, leave)}
}

func newRows(n int, near, far []uint32, leave Set) rows {
	r := rows{start: make([]uint32, n+1)}
	for i, v := range near {
		if !leave.Has(uint32(i)) {
			r.start[v+1]++
		}
	}
	for i := range n {
		r.start[i+1] += r.start[i]
	}
	r.edge, r.end = make([]uint32, r.start[n]), make([]uint32, r.start[n])
	next := make([]uint32, n)
	copy(next, r.start)
	for i, v := range near {
		if !leave.Has(uint32(i)) {
			r.edge[next[v]], r.end[next[v]] = uint32(i), far[i]
			next[v]++
		}
	}
	return r
}

// Len returns the number of nodes.
func (c *CSR) Len() int { return c.n }

// Ends returns the two nodes of an edge.
func (c *CSR) Ends(edge uint32) (from, to uint32) { return c.from[edge], c.to[edge] }

// Out returns the edges that leave a node and the nodes they lead to. The slices are not to be changed.
func (c *CSR) Out(node uint32) (edges, to []uint32) { return c.out.of(node) }

// In returns the edges that enter a node and the nodes they come from. The slices are not to be changed.
func (c *CSR) In(node uint32) (edges, from []uint32) { return c.in.of(node) }

// Forward returns the nodes that can be reached from some of the given ones without the edges in skip; these are among them.
func (c *CSR) Forward(from []uint32, skip Set) Set { return c.search(&c.out, from, skip, nil) }

// Backward returns the nodes from which some of the given ones can be reached without the edges in skip; these are among them.
func (c *CSR) Backward(to []uint32, skip Set) Set { return c.search(&c.in, to, skip, nil) }

// Between returns the nodes that lie on walks from some of the first to some of the last nodes without the edges in skip.
func (c *CSR) Between(from, to []uint32, skip Set) Set {
	return both(c.Forward(from, skip), c.Backward(to, skip))
}

// search walks breadth first inside the nodes of only, all where that is nil.
func (c *CSR) search(r *rows, from []uint32, skip, only Set) Set {
	seen := NewSet(c.n)
	queue := make([]uint32, 0, 1024)
	for _, v := range from {
		if !seen.Has(v) && (only == nil || only.Has(v)) {
			seen.Add(v)
			queue = append(queue, v)
		}
	}
	for len(queue) > 0 {
		v := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		edges, ends := r.of(v)
		for i, w := range ends {
			if seen.Has(w) || skip != nil && skip.Has(edges[i]) || only != nil && !only.Has(w) {
				continue
			}
			seen.Add(w)
			queue = append(queue, w)
		}
	}
	return seen
}

// Meets tells whether some of the last nodes can be reached from some of the first without the edges in skip.
func (c *CSR) Meets(from, to []uint32, skip Set) bool {
	reached := c.Forward(from, skip)
	for _, v := range to {
		if reached.Has(v) {
			return true
		}
	}
	return false
}
