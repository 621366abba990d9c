package graph

import (
	"iter"
	"math/bits"
)

// Set is a set of indexes of nodes or relations, a bit each. The nil Set is empty and may be asked, not added to.
type Set []uint64

// NewSet returns an empty set for indexes below n.
func NewSet(n int) Set { return make(Set, (n+63)/64) }

// Has tells whether i is in the set.
func (s Set) Has(i uint32) bool { return int(i/64) < len(s) && s[i/64]&(1<<(i%64)) != 0 }

// Add puts i into the set, which must have been made large enough.
func (s Set) Add(i uint32) { s[i/64] |= 1 << (i % 64) }

// Remove takes i, for which there must be room, out of the set.
func (s Set) Remove(i uint32) { s[i/64] &^= 1 << (i % 64) }

// Len counts the set.
func (s Set) Len() int {
	n := 0
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}

// All returns the indexes in the set, ascending.
func (s Set) All() iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		for i, w := range s {
			for ; w != 0; w &= w - 1 {
				if !yield(uint32(i*64 + bits.TrailingZeros64(w))) {
					return
				}
			}
		}
	}
}

// both returns what is in a and in b.
func both(a, b Set) Set {
	out := make(Set, min(len(a), len(b)))
	for i := range out {
		out[i] = a[i] & b[i]
	}
	return out
}
