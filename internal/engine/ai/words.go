package ai

import "bytes"

// finder finds which of a few words a text has, in one pass that leaves out most bytes: two bytes of the text tell how far the next
// word may begin. Wu and Manber, A fast algorithm for multi-pattern searching, 1994. It is immutable.
type finder struct {
	words [][]byte
	index map[string]int
	least int          // bytes of the shortest word
	shift [pairs]uint8 // by two bytes, how many to go on; 0: a word may have them as the last of its first least bytes
	here  [pairs]uint8 // by the same, one more than the place in lists of the words that have them there
	lists [][]int
}

const (
	pairs    = 1 << 12 // of two bytes that are told apart: so few that a processor has them at hand
	maxShift = 255
	maxLists = 255 // that a byte can tell apart; the data have a fifth of it
)

func pairOf(a, b byte) uint16 { return (uint16(a)<<5 ^ uint16(b)) & (pairs - 1) }

// newFinder returns a finder of words of two bytes and more.
func newFinder(list []string) *finder {
	f := &finder{index: map[string]int{}, least: maxShift}
	for _, w := range list {
		if _, known := f.index[w]; known || len(w) < 2 {
			continue
		}
		f.index[w] = len(f.words)
		f.words = append(f.words, []byte(w))
		f.least = min(f.least, len(w))
	}
	for i := range f.shift {
		f.shift[i] = uint8(f.least - 1)
	}
	for i, w := range f.words {
		for k := 1; k < f.least; k++ {
			pair := pairOf(w[k-1], w[k])
			f.shift[pair] = min(f.shift[pair], uint8(f.least-1-k))
		}
		pair := pairOf(w[f.least-2], w[f.least-1])
		if f.here[pair] == 0 && len(f.lists) < maxLists {
			f.lists = append(f.lists, nil)
			f.here[pair] = uint8(len(f.lists))
		}
		if at := f.here[pair]; at > 0 {
			f.lists[at-1] = append(f.lists[at-1], i)
		}
	}
	return f
}

// some tells whether a text has one of the words.
func (f *finder) some(data []byte) bool {
	shift := &f.shift
	for i := f.least - 1; i < len(data); {
		pair := pairOf(data[i-1], data[i])
		if on := shift[pair]; on > 0 {
			i += int(on)
			continue
		}
		for _, w := range f.at(pair) {
			if bytes.HasPrefix(data[i-f.least+1:], f.words[w]) {
				return true
			}
		}
		i++
	}
	return false
}

func (f *finder) at(pair uint16) []int {
	if n := f.here[pair]; n > 0 {
		return f.lists[n-1]
	}
	return nil
}

// find returns which words a text has, nil where it has none.
func (f *finder) find(data []byte) words {
	var found []bool
	shift := &f.shift
	for i := f.least - 1; i < len(data); {
		pair := pairOf(data[i-1], data[i])
		if on := shift[pair]; on > 0 {
			i += int(on)
			continue
		}
		for _, w := range f.at(pair) {
			if (found == nil || !found[w]) && bytes.HasPrefix(data[i-f.least+1:], f.words[w]) {
				if found == nil {
					found = make([]bool, len(f.words))
				}
				found[w] = true
			}
		}
		i++
	}
	return words{f, found}
}

// words are those that a text has.
type words struct {
	of    *finder
	found []bool
}

func (w words) has(word string) bool {
	i, ok := w.of.index[word]
	return ok && w.found != nil && w.found[i]
}

// some tells whether the text has one of the words.
func (w words) some(list []string) bool {
	for _, word := range list {
		if w.has(word) {
			return true
		}
	}
	return false
}
