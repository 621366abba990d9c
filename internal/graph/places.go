package graph

import (
	"cmp"
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
)

// places are the lines that relations rest on and that can be changed.
type places struct {
	list   []Place // sorted by path and line
	of     [][]uint32
	rested [][]uint32 // relations by place
}

type spotKey struct {
	path string
	line int32
}

func newPlaces(m *Map) *places {
	p := &places{of: make([][]uint32, len(m.relations))}
	number := map[spotKey]uint32{}
	for i := range m.relations {
		for _, s := range m.relations[i].Evidence {
			if s.Cost == 0 || s.At.Path == "" {
				continue
			}
			key := spotKey{s.At.Path, s.At.Line}
			n, ok := number[key]
			if !ok {
				n = uint32(len(p.list))
				number[key] = n
				p.list = append(p.list, Place{At: s.At, Note: s.Note, Resource: s.Resource})
				p.rested = append(p.rested, nil)
			}
			p.list[n].Cost = max(p.list[n].Cost, s.Cost)
			if !slices.Contains(p.of[i], n) {
				p.of[i] = append(p.of[i], n)
				p.rested[n] = append(p.rested[n], uint32(i))
			}
		}
	}
	return p
}

// comparePlaces puts cheap ones first.
func comparePlaces(a, b Place) int {
	return cmp.Or(cmp.Compare(a.Cost, b.Cost), compareAt(a.At, b.At), strings.Compare(a.Note, b.Note))
}

// effort is the sum of all that must be changed to take the whole evidence away.
func effort(r *plinth.Relation) int {
	n := 0
	for i := range r.Evidence {
		n += int(r.Evidence[i].Cost)
	}
	return n
}
