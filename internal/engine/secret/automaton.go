package secret

import "fmt"

const (
	maxStates  = 1<<16 - 1 // a state is a uint16
	maxClasses = 128
	maxSerial  = 512 // bytes of a text that one chain of steps reads; longer ones are read at four places in turn
)

// automaton finds all keywords in a text in one pass (Aho and Corasick, "Efficient string matching", CACM 18, 1975), without
// regard to the case of ASCII letters. The table is dense: one load is one step. Bytes that no keyword has share a class.
type automaton struct {
	class [256]uint8
	shift uint
	next  []uint16 // state<<shift | class → state; the states with an output come last
	first uint16   // the first state with an output
	out   [][]int32

	longest int // bytes of the longest keyword
}

// node is a state while the table is built.
type node struct {
	next [maxClasses]int32
	fail int32
	out  []int32
}

// newAutomaton builds the table for lower-case keywords. Keyword i is reported as i.
func newAutomaton(keywords []string) (*automaton, error) {
	a := &automaton{}
	classes := 1
	for _, k := range keywords {
		a.longest = max(a.longest, len(k))
		for i := range len(k) {
			if c := k[i]; a.class[c] == 0 {
				if classes == maxClasses {
					return nil, fmt.Errorf("the keywords have more than %d different characters", maxClasses)
				}
				a.class[c] = uint8(classes)
				classes++
			}
		}
	}
	for c := 'A'; c <= 'Z'; c++ {
		a.class[c] = a.class[c+'a'-'A']
	}
	for a.shift = 1; 1<<a.shift < classes; a.shift++ {
	}
	nodes := a.trie(keywords)
	if len(nodes) > maxStates {
		return nil, fmt.Errorf("the keywords need more than %d states", maxStates)
	}
	order := a.link(nodes, classes)
	a.number(nodes, order, classes)
	return a, nil
}

func (a *automaton) trie(keywords []string) []node {
	nodes := make([]node, 1, 4096)
	for id, k := range keywords {
		at := int32(0)
		for i := range len(k) {
			c := a.class[k[i]]
			if nodes[at].next[c] == 0 {
				nodes = append(nodes, node{})
				nodes[at].next[c] = int32(len(nodes) - 1)
			}
			at = nodes[at].next[c]
		}
		nodes[at].out = append(nodes[at].out, int32(id))
	}
	return nodes
}

// link makes the trie an automaton and returns its states by distance from the root.
func (a *automaton) link(nodes []node, classes int) []int32 {
	order := make([]int32, 1, len(nodes))
	for i := 0; i < len(order); i++ {
		at := order[i]
		fail := nodes[at].fail
		for c := range classes {
			to := nodes[at].next[c]
			switch {
			case to != 0:
				order = append(order, to)
				if at != 0 {
					nodes[to].fail = nodes[fail].next[c]
				}
				nodes[to].out = append(nodes[to].out, nodes[nodes[to].fail].out...)
			case at != 0:
				nodes[at].next[c] = nodes[fail].next[c]
			}
		}
	}
	return order
}

// number gives the states without an output the low numbers, so that a comparison tells the others.
func (a *automaton) number(nodes []node, order []int32, classes int) {
	name := make([]uint16, len(nodes))
	n := uint16(0)
	for _, at := range order {
		if len(nodes[at].out) == 0 {
			name[at] = n
			n++
		}
	}
	a.first = n
	for _, at := range order {
		if len(nodes[at].out) > 0 {
			name[at] = n
			n++
			a.out = append(a.out, nodes[at].out)
		}
	}
	a.next = make([]uint16, len(nodes)<<a.shift)
	for _, at := range order {
		row := a.next[int(name[at])<<a.shift:]
		for c := range classes {
			row[c] = name[nodes[at].next[c]]
		}
	}
}

// hit is a keyword that ends before byte end.
type hit struct {
	keyword int32
	end     int32
}

// find appends the hits of a text to hits, in the order of their ends. A long text is read at four places in turn: each step
// waits for the load before it, and a processor has room for several such chains. spare is room for what they find.
func (a *automaton) find(text []byte, hits []hit, spare *[3][]hit) []hit {
	if len(text) < maxSerial || len(text) < 4*a.longest {
		return a.scan(text, 0, 0, hits)
	}
	quarter := len(text) / 4
	found := *spare
	for k := range found {
		found[k] = found[k][:0]
	}
	next, shift, first, class := a.next, a.shift, a.first, &a.class
	var from [4]int
	for k := 1; k < 4; k++ {
		from[k] = k*quarter - a.longest + 1 // what begins before a border and ends behind it is found behind it
	}
	n := quarter + a.longest - 1
	var s0, s1, s2, s3 uint16
	t0, t1, t2, t3 := text[:n], text[from[1]:from[1]+n], text[from[2]:from[2]+n], text[from[3]:from[3]+n]
	// The first stream would read beyond its quarter; it stops where the second one reports.
	for i := 0; i < len(t0) && i < len(t1) && i < len(t2) && i < len(t3); i++ {
		s0 = next[uint(s0)<<shift|uint(class[t0[i]])]
		s1 = next[uint(s1)<<shift|uint(class[t1[i]])]
		s2 = next[uint(s2)<<shift|uint(class[t2[i]])]
		s3 = next[uint(s3)<<shift|uint(class[t3[i]])]
		if s0 >= first && i < quarter {
			hits = a.report(s0, i+1, hits)
		}
		if s1 >= first && i >= a.longest-1 {
			found[0] = a.report(s1, from[1]+i+1, found[0])
		}
		if s2 >= first && i >= a.longest-1 {
			found[1] = a.report(s2, from[2]+i+1, found[1])
		}
		if s3 >= first && i >= a.longest-1 {
			found[2] = a.report(s3, from[3]+i+1, found[2])
		}
	}
	for _, f := range found {
		hits = append(hits, f...)
	}
	*spare = found
	return a.scan(text[from[3]+n:], s3, from[3]+n, hits)
}

// scan reads a text that begins at byte offset with the automaton in a state.
func (a *automaton) scan(text []byte, state uint16, offset int, hits []hit) []hit {
	next, shift, first, class := a.next, a.shift, a.first, &a.class
	for i, b := range text {
		state = next[uint(state)<<shift|uint(class[b])]
		if state >= first {
			hits = a.report(state, offset+i+1, hits)
		}
	}
	return hits
}

func (a *automaton) report(state uint16, end int, hits []hit) []hit {
	for _, k := range a.out[state-a.first] {
		hits = append(hits, hit{k, int32(end)})
	}
	return hits
}
