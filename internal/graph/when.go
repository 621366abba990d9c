package graph

import (
	"cmp"
	"slices"

	"github.com/plinthsec/plinth"
)

// maxTerms bounds a condition. Where two conditions together would have more terms, the shortest are kept for "one of them", as a
// reader does not read more, and none is lost for "all of them", see every.
const maxTerms = 64

func compareWhen(a, b plinth.Condition) int {
	return cmp.Or(cmp.Compare(len(a), len(b)), slices.CompareFunc(a, b, slices.Compare[[]string]))
}

func equalWhen(a, b plinth.Condition) bool { return compareWhen(a, b) == 0 }

// either holds where a or b does.
func either(a, b plinth.Condition) plinth.Condition {
	if a == nil || b == nil {
		return nil
	}
	return shorten(append(slices.Clone(a), b...))
}

// every holds where a and b do. Where that would take more than maxTerms lists, it is said with the words of a condition: what
// is asked then is more than either asks, never less.
func every(a, b plinth.Condition) plinth.Condition {
	if a == nil {
		return b
	}
	if b == nil {
		return a
	}
	if len(a)*len(b) > maxTerms {
		a, b = a[:max(1, min(len(a), maxTerms/len(b)))], b[:min(len(b), maxTerms)]
	}
	out := make(plinth.Condition, 0, len(a)*len(b))
	for _, x := range a {
		for _, y := range b {
			out = append(out, append(slices.Clone(x), y...))
		}
	}
	return shorten(out)
}

// shorten sorts the terms, drops those that ask more than another one, and keeps the first maxTerms.
func shorten(c plinth.Condition) plinth.Condition {
	for i, term := range c {
		if len(term) == 0 {
			return nil
		}
		term = slices.Clone(term)
		slices.Sort(term)
		c[i] = slices.Compact(term)
	}
	slices.SortFunc(c, func(a, b []string) int { return cmp.Or(cmp.Compare(len(a), len(b)), slices.Compare(a, b)) })
	out := c[:0]
	for _, term := range c {
		if !slices.ContainsFunc(out, func(less []string) bool { return subset(less, term) }) {
			out = append(out, term)
		}
	}
	return slices.Clip(out[:min(len(out), maxTerms)])
}
