package ai

import "bytes"

// finder finds which of a few words a text has, in one pass. It is immutable.
type finder struct {
	words [][]byte
	index map[string]int
	pairs [1 << 16]bool    // the first two bytes of a word
	begin map[uint16][]int // words by their first two bytes
}

func newFinder(words []string) *finder {
	f := &finder{index: map[string]int{}, begin: map[uint16][]int{}}
	for _, w := range words {
		if _, known := f.index[w]; known || len(w) < 2 {
			continue
		}
		i := len(f.words)
		f.index[w] = i
		f.words = append(f.words, []byte(w))
		pair := uint16(w[0])<<8 | uint16(w[1])
		f.pairs[pair] = true
		f.begin[pair] = append(f.begin[pair], i)
	}
	return f
}

// find returns which words a text has, nil where it has none.
func (f *finder) find(data []byte) words {
	var found []bool
	for i := 0; i+1 < len(data); i++ {
		pair := uint16(data[i])<<8 | uint16(data[i+1])
		if !f.pairs[pair] {
			continue
		}
		for _, w := range f.begin[pair] {
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
