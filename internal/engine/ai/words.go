package ai

import "bytes"

const maxPairs = 255 // beginnings that a byte can tell apart; the data have a quarter of it

// finder finds which of a few words a text has, in one pass. It is immutable.
type finder struct {
	words [][]byte
	index map[string]int
	pairs [1 << 16]uint8 // by the first two bytes of a word, one more than its place in begin
	begin [][]int        // words that begin alike
}

func newFinder(words []string) *finder {
	f := &finder{index: map[string]int{}}
	for _, w := range words {
		if _, known := f.index[w]; known || len(w) < 2 {
			continue
		}
		i := len(f.words)
		f.index[w] = i
		f.words = append(f.words, []byte(w))
		pair := uint16(w[0])<<8 | uint16(w[1])
		if f.pairs[pair] == 0 {
			if len(f.begin) == maxPairs {
				continue
			}
			f.begin = append(f.begin, nil)
			f.pairs[pair] = uint8(len(f.begin))
		}
		at := f.pairs[pair] - 1
		f.begin[at] = append(f.begin[at], i)
	}
	return f
}

// find returns which words a text has, nil where it has none.
func (f *finder) find(data []byte) words {
	var found []bool
	for i := 0; i+1 < len(data); i++ {
		pair := uint16(data[i])<<8 | uint16(data[i+1])
		at := f.pairs[pair]
		if at == 0 {
			continue
		}
		for _, w := range f.begin[at-1] {
			if (found == nil || !found[w]) && bytes.HasPrefix(data[i:], f.words[w]) {
				if found == nil {
					found = make([]bool, len(f.words))
				}
				found[w] = true
			}
		}
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
