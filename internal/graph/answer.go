package graph

import (
	"cmp"
	"slices"

	"github.com/plinthsec/plinth"
)

// Limits of one answer.
const (
	defaultLimit = 5          // paths of a pair: nobody reads more, they differ in details
	defaultPairs = 1000       // pairs told: what a report can hold
	pairWork     = 300e6      // relations looked at for finding pairs: some seconds
	detailWork   = 200e6      // relations looked at for the paths and cuts of all pairs told: some seconds
	maxLocal     = 50_000     // relations of the part of the graph in which a pair's paths are sought
	maxPairs     = 1 << 20    // pairs held at once while the shortest are sought
	far          = ^uint32(0) // distance of what does not lead there
)

// Question asks how an attacker who holds one of the nodes From gets one of the nodes To.
type Question struct {
	From, To []uint32
	Limit    int // paths told for each pair of a start and a goal; 0: 5
	Pairs    int // pairs told, the nearest first; 0: 1000
}

// Answer says which ways there are and what ends them.
type Answer struct {
	// Paths come unconditional ones first, then short ones, then by their ends.
	Paths  []Path
	Joined int // pairs of a start and a goal that some path joins
	// Rest counts what was left out: pairs that are not told, and, at least, paths of those that are.
	Rest Rest
	// Fixes is a set of places without which no path of the question is left, cheapest first, but for Lasting pairs: these are joined
	// by relations that rest on nothing that can be changed. Proven: no set is cheaper.
	Fixes   []Place
	Proven  bool
	Lasting int
	Chokes  []uint32 // nodes that all paths pass, starts and goals aside, in the order of the paths
	// Partial: the graph is so large that not all pairs were looked for.
	Partial bool
}

// Rest counts what an answer leaves out.
type Rest struct{ Pairs, Paths int }

// Path is a way from a start to a goal that visits no node twice. Paths that visit the same nodes are one.
type Path struct {
	From, To uint32
	Hops     []Hop
	When     plinth.Condition
	// Cut lists the places each of which alone ends all ways from From to To, cheapest first. It was found by searching again without
	// each of them. Uncut: there was no time for that.
	Cut   []Place
	Uncut bool
}

// Hop is one step of a path.
type Hop struct {
	From, To uint32
	Relation uint32   // the surest, then the cheapest one to remove, then the one with least evidence
	Others   []uint32 // that lead the same way
	Also     []string // techniques of the others, sorted, without that of Relation
}

// Place is a line that relations rest on.
type Place struct {
	At       plinth.Location
	Note     string // what it proves
	Resource string
	Cost     uint8 // of changing it; of several opinions the highest
}

// Answer answers. A start that is a goal itself is asked for its ways to the others.
func (m *Map) Answer(q Question) Answer {
	q.From, q.To = unique(q.From), unique(q.To)
	q.Limit, q.Pairs = cmp.Or(max(q.Limit, 0), defaultLimit), cmp.Or(max(q.Pairs, 0), defaultPairs)
	var a Answer
	between := m.walked.Between(q.From, q.To, nil)
	s := &seeker{m: m, between: between, stamp: make([]uint32, m.walked.n), dist: make([]uint32, m.walked.n)}
	pairs := s.pairs(q, &a)
	a.Rest.Pairs = a.Joined - len(pairs)
	s.work = detailWork
	s.skip, s.seen = NewSet(len(m.relations)), make([]uint32, m.walked.n)
	for i := 0; i < len(pairs); {
		to := pairs[i].to
		s.back(to, false)
		for ; i < len(pairs) && pairs[i].to == to; i++ {
			paths, rest := s.paths(pairs[i].from, to, q.Limit)
			a.Paths = append(a.Paths, paths...)
			a.Rest.Paths += rest
		}
	}
	slices.SortStableFunc(a.Paths, func(x, y Path) int {
		return cmp.Or(cmp.Compare(sure(x.When), sure(y.When)), cmp.Compare(len(x.Hops), len(y.Hops)), cmp.Compare(x.From, y.From), cmp.Compare(x.To, y.To))
	})
	if a.Joined > 0 {
		a.Chokes = m.chokes(q, between)
		m.fix(q, between, &a)
	}
	return a
}

// sure is 0 for what holds always.
func sure(c plinth.Condition) int {
	if c == nil {
		return 0
	}
	return 1
}

func unique(nodes []uint32) []uint32 {
	nodes = slices.Clone(nodes)
	slices.Sort(nodes)
	return slices.Compact(nodes)
}

// chokes returns the nodes that all walks of the question pass.
func (m *Map) chokes(q Question, between Set) []uint32 {
	common := m.walked.Dominators(q.From, nil, between).Common(q.To)
	return slices.DeleteFunc(common, func(v uint32) bool {
		_, start := slices.BinarySearch(q.From, v)
		_, goal := slices.BinarySearch(q.To, v)
		return start || goal
	})
}

// seeker seeks pairs and paths.
type seeker struct {
	m       *Map
	between Set
	round   uint32
	stamp   []uint32 // round in which dist was set
	dist    []uint32 // to the goal of the round
	queue   []uint32
	work    int // relations that may still be looked at
	skip    Set // relations left out, all bits clear between searches
	visit   uint32
	seen    []uint32 // visit in which a node was seen
}

type pair struct {
	from, to  uint32
	dist      uint32
	uncertain bool // every path rests on a condition
}

func comparePairs(a, b pair) int {
	return cmp.Or(compareBool(a.uncertain, b.uncertain), cmp.Compare(a.dist, b.dist), cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to))
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// pairs returns the nearest pairs, by goal, and counts all.
func (s *seeker) pairs(q Question, a *Answer) []pair {
	s.work = pairWork
	start := NewSet(s.m.walked.n)
	for _, v := range q.From {
		start.Add(v)
	}
	var out []pair
	for _, to := range q.To {
		if !s.between.Has(to) {
			continue
		}
		if s.work < 0 {
			a.Partial = true
			break
		}
		at := len(out)
		conditional := s.back(to, false)
		for _, v := range s.queue {
			if v != to && start.Has(v) {
				out = append(out, pair{from: v, to: to, dist: s.dist[v], uncertain: true})
			}
		}
		if conditional {
			s.back(to, true)
		}
		for i := at; i < len(out); i++ {
			if d := s.distance(out[i].from); d != far {
				out[i].dist, out[i].uncertain = d, false
			}
		}
		a.Joined += len(out) - at
		if len(out) > maxPairs {
			slices.SortFunc(out, comparePairs)
			out = out[:min(len(out), q.Pairs)]
		}
	}
	slices.SortFunc(out, comparePairs)
	out = slices.Clip(out[:min(len(out), q.Pairs)])
	slices.SortFunc(out, func(a, b pair) int { return cmp.Or(cmp.Compare(a.to, b.to), comparePairs(a, b)) })
	return out
}

// back finds how far each node is from a goal, and leaves the nodes in queue in the order of their distance. It tells whether it
// walked over a relation with a condition; sure makes it leave those out.
func (s *seeker) back(to uint32, sure bool) (conditional bool) {
	s.round++
	s.queue = append(s.queue[:0], to)
	s.stamp[to], s.dist[to] = s.round, 0
	for i := 0; i < len(s.queue); i++ {
		v := s.queue[i]
		edges, ends := s.m.walked.In(v)
		s.work -= len(edges)
		for k, w := range ends {
			if !s.between.Has(w) {
				continue
			}
			if s.m.relations[edges[k]].When != nil {
				conditional = true
				if sure {
					continue
				}
			}
			if s.stamp[w] != s.round {
				s.stamp[w], s.dist[w] = s.round, s.dist[v]+1
				s.queue = append(s.queue, w)
			}
		}
	}
	return conditional
}

func (s *seeker) distance(v uint32) uint32 {
	if s.stamp[v] != s.round {
		return far
	}
	return s.dist[v]
}
