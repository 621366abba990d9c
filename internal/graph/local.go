package graph

import (
	"cmp"
	"slices"

	"github.com/plinthsec/plinth"
)

// local is the part of a Map between a start and a goal, relations with the same ends folded into one arc. Its node 0 is the
// start, 1 the goal. No arc enters the start or leaves the goal.
type local struct {
	nodes []uint32
	arcs  [][]arc // by node, by the order of relations
	// uncertain: some arc rests on conditions only.
	uncertain bool
}

type arc struct {
	to        int32
	uncertain bool // all its relations rest on conditions
}

func (g *local) join(from, to int32, uncertain bool) {
	g.arcs[from] = append(g.arcs[from], arc{to, uncertain})
	g.uncertain = g.uncertain || uncertain
}

// paths returns the shortest paths of a pair, and how many more are known. The last back was for the goal.
func (s *seeker) paths(from, to uint32, limit int) ([]Path, int) {
	g := s.cutOut(from, to)
	ways, rest := g.shortest(limit, &s.work)
	if len(ways) == 0 {
		return nil, rest
	}
	cut, known := s.cut(from, to, g, ways)
	out := make([]Path, len(ways))
	for i, way := range ways {
		p := Path{From: from, To: to, Cut: cut, Uncut: !known}
		for k := 1; k < len(way); k++ {
			hop := s.m.hop(g.nodes[way[k-1]], g.nodes[way[k]])
			p.When = every(p.When, s.m.relations[hop.Relation].When)
			p.Hops = append(p.Hops, hop)
		}
		out[i] = p
	}
	return out, rest
}

// cutOut takes out all that lies between the start and the goal; where that is too much, what lies on paths that are at most two
// steps longer than the shortest, or on the shortest.
func (s *seeker) cutOut(from, to uint32) *local {
	for _, slack := range []uint32{far - 1, 2, 0} {
		if g := s.cutOutNear(from, to, slack); g != nil {
			return g
		}
	}
	return s.straight(from, to)
}

func (s *seeker) cutOutNear(from, to, slack uint32) *local {
	g := &local{nodes: []uint32{from, to}, arcs: make([][]arc, 2)}
	number := map[uint32]int32{from: 0, to: 1}
	depth := []uint32{0, 0}
	longest := s.dist[from] + min(slack, far-1-s.dist[from])
	total := 0
	for i := 0; i < len(g.nodes); i++ {
		if i == 1 {
			continue
		}
		_, ends := s.m.walked.Out(g.nodes[i])
		if total += len(ends); total > maxLocal {
			return nil
		}
		s.work -= len(ends)
		for k := 0; k < len(ends); {
			w, first := ends[k], k
			for k < len(ends) && ends[k] == w {
				k++
			}
			if w == from || w == g.nodes[i] || s.stamp[w] != s.round || depth[i]+1+min(s.dist[w], far-2-depth[i]) > longest {
				continue
			}
			n, ok := number[w]
			if !ok {
				n = int32(len(g.nodes))
				number[w] = n
				g.nodes, g.arcs, depth = append(g.nodes, w), append(g.arcs, nil), append(depth, depth[i]+1)
			}
			g.join(int32(i), n, s.m.uncertain(g.nodes[i], first, k))
		}
	}
	return g
}

// straight is one shortest path.
func (s *seeker) straight(from, to uint32) *local {
	g := &local{nodes: []uint32{from, to}, arcs: make([][]arc, 2)}
	at := 0
	for v := from; v != to; {
		_, ends := s.m.walked.Out(v)
		k := slices.IndexFunc(ends, func(w uint32) bool { return s.stamp[w] == s.round && s.dist[w]+1 == s.dist[v] })
		end := k
		for end < len(ends) && ends[end] == ends[k] {
			end++
		}
		next := len(g.nodes)
		if ends[k] == to {
			next = 1
		} else {
			g.nodes, g.arcs = append(g.nodes, ends[k]), append(g.arcs, nil)
		}
		g.join(int32(at), int32(next), s.m.uncertain(v, k, end))
		v, at = ends[k], next
	}
	return g
}

// uncertain tells whether all of a node's relations with these places in its row rest on conditions.
func (m *Map) uncertain(node uint32, first, end int) bool {
	edges, _ := m.walked.Out(node)
	for _, e := range edges[first:end] {
		if m.relations[e].When == nil {
			return false
		}
	}
	return true
}

// hop chooses among the relations that lead from one node to another.
func (m *Map) hop(from, to uint32) Hop {
	edges, ends := m.walked.Out(from)
	h := Hop{From: from, To: to, Relation: None}
	first, _ := slices.BinarySearch(ends, to)
	for k := first; k < len(ends) && ends[k] == to; k++ {
		h.Others = append(h.Others, edges[k])
	}
	slices.SortFunc(h.Others, func(x, y uint32) int { return compareHops(&m.relations[x], &m.relations[y], x, y) })
	h.Relation, h.Others = h.Others[0], h.Others[1:]
	for _, e := range h.Others {
		if t := m.relations[e].Technique; t != "" && t != m.relations[h.Relation].Technique {
			h.Also = append(h.Also, t)
		}
	}
	slices.Sort(h.Also)
	h.Also = slices.Compact(h.Also)
	return h
}

func compareHops(a, b *plinth.Relation, x, y uint32) int {
	return cmp.Or(cmp.Compare(sure(a.When), sure(b.When)), cmp.Compare(effort(a), effort(b)), cmp.Compare(len(a.Evidence), len(b.Evidence)),
		compareWhen(a.When, b.When), cmp.Compare(x, y))
}

// cut returns the places each of which ends all ways of the pair, and whether there was time to look. Ways are some of its paths, at
// least one.
func (s *seeker) cut(from, to uint32, g *local, ways [][]int32) ([]Place, bool) {
	rests := s.m.rests(g, ways[0])
	for _, way := range ways[1:] {
		other := s.m.rests(g, way)
		rests = slices.DeleteFunc(rests, func(r rest) bool {
			return !slices.ContainsFunc(other, func(o rest) bool { return o.place == r.place })
		})
	}
	var out []Place
	for _, r := range rests {
		if s.work < 0 {
			return nil, false
		}
		if s.ends(from, to, s.m.places().rested[r.place]) {
			out = append(out, s.m.told(r.place, r.relation))
		}
	}
	slices.SortFunc(out, comparePlaces)
	return out, true
}

// rest is a place that a path rests on, and a relation that says so.
type rest struct{ place, relation uint32 }

// rests returns the places without which a path is none: all relations of one of its hops rest on them.
func (m *Map) rests(g *local, way []int32) []rest {
	p := m.places()
	var out []rest
	for k := 1; k < len(way); k++ {
		hop := m.hop(g.nodes[way[k-1]], g.nodes[way[k]])
		for _, n := range p.of[hop.Relation] {
			spare := slices.ContainsFunc(hop.Others, func(r uint32) bool { return !slices.Contains(p.of[r], n) })
			known := slices.ContainsFunc(out, func(r rest) bool { return r.place == n })
			if !spare && !known {
				out = append(out, rest{n, hop.Relation})
			}
		}
	}
	return out
}

// told returns a place in the words of one of the relations that rest on it.
func (m *Map) told(n, relation uint32) Place {
	place := m.places().list[n]
	for _, step := range m.relations[relation].Evidence {
		if step.Cost > 0 && step.At.Path == place.At.Path && step.At.Line == place.At.Line {
			place.At, place.Note, place.Resource = step.At, step.Note, step.Resource
			break
		}
	}
	return place
}

// ends tells whether no way from a start to a goal is left without some relations. The last back was for the goal.
func (s *seeker) ends(from, to uint32, without []uint32) bool {
	for _, r := range without {
		s.skip.Add(r)
	}
	defer func() {
		for _, r := range without {
			s.skip[r/64] = 0
		}
	}()
	s.visit++
	s.seen[from] = s.visit
	queue := []uint32{from}
	for len(queue) > 0 {
		v := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		edges, ends := s.m.walked.Out(v)
		s.work -= len(edges)
		for k, w := range ends {
			if s.stamp[w] != s.round || s.seen[w] == s.visit || s.skip.Has(edges[k]) {
				continue
			}
			if w == to {
				return false
			}
			s.seen[w] = s.visit
			queue = append(queue, w)
		}
	}
	return true
}
