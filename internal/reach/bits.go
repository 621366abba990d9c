package reach

import "math/bits"

// set is a bitset of pods, or of columns. Two sets that meet have one length.
type set []uint64

func newSet(n int) set { return make(set, (n+63)/64) }

func (s set) add(i int)      { s[i/64] |= 1 << (i % 64) }
func (s set) has(i int) bool { return s[i/64]>>(i%64)&1 != 0 }

func (s set) or(o set) {
	for i := range s {
		s[i] |= o[i]
	}
}

func (s set) and(o set) {
	for i := range s {
		s[i] &= o[i]
	}
}

func (s set) andNot(o set) {
	for i := range s {
		s[i] &^= o[i]
	}
}

// fill puts the first n in.
func (s set) fill(n int) {
	for i := range s {
		s[i] = ^uint64(0)
	}
	if n%64 != 0 {
		s[len(s)-1] = 1<<(n%64) - 1
	}
}

// each visits the members in order.
func (s set) each(visit func(i int)) {
	for w, word := range s {
		for ; word != 0; word &= word - 1 {
			visit(w*64 + bits.TrailingZeros64(word))
		}
	}
}

// index finds by label: which of n things have a label, and which have it with a value.
type index struct {
	n      int
	keys   map[string]set
	values map[[2]string]set
}

func newIndex(n int) *index {
	return &index{n: n, keys: map[string]set{}, values: map[[2]string]set{}}
}

func (x *index) add(i int, labels map[string]string) {
	for k, v := range labels {
		if x.keys[k] == nil {
			x.keys[k] = newSet(x.n)
		}
		x.keys[k].add(i)
		at := [2]string{k, v}
		if x.values[at] == nil {
			x.values[at] = newSet(x.n)
		}
		x.values[at].add(i)
	}
}

// term is one requirement of a selector.
type term struct {
	key    string
	values []string // none: the label itself
	not    bool
}

// find returns what meets every term: In and NotIn hold by value, and NotIn holds where the label is missing
// (https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#set-based-requirement).
func (x *index) find(terms []term) set {
	out := newSet(x.n)
	out.fill(x.n)
	for _, t := range terms {
		hit := newSet(x.n)
		if len(t.values) == 0 {
			if s := x.keys[t.key]; s != nil {
				hit.or(s)
			}
		}
		for _, v := range t.values {
			if s := x.values[[2]string{t.key, v}]; s != nil {
				hit.or(s)
			}
		}
		if t.not {
			out.andNot(hit)
		} else {
			out.and(hit)
		}
	}
	return out
}
