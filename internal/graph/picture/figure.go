package picture

import (
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/graph"
)

// Limits of a picture: more can be drawn, but not read.
const (
	maxBoxes = 40 // nodes
	maxNotes = 3  // pieces of evidence at one arrow
)

// figure is what is drawn: the nodes and hops of the first paths of an answer.
type figure struct {
	m      *graph.Map
	boxes  []box
	arrows []arrow
	fixes  []graph.Place
	proven bool
	left   int // paths that are not drawn
}

type box struct {
	node               *plinth.Node
	start, goal, choke bool
}

type arrow struct {
	from, to int
	hop      graph.Hop
}

func newFigure(m *graph.Map, a *graph.Answer) *figure {
	f := &figure{m: m, fixes: a.Fixes, proven: a.Proven, left: a.Rest.Pairs + a.Rest.Paths}
	number := map[uint32]int{}
	drawn := map[[2]uint32]bool{}
	for _, p := range a.Paths {
		fresh := 0
		for _, h := range p.Hops {
			if _, ok := number[h.To]; !ok {
				fresh++
			}
		}
		if len(f.boxes) > 0 && len(f.boxes)+fresh > maxBoxes {
			f.left++
			continue
		}
		at := func(node uint32) int {
			n, ok := number[node]
			if !ok {
				n = len(f.boxes)
				number[node] = n
				f.boxes = append(f.boxes, box{node: &m.Nodes()[node], choke: slices.Contains(a.Chokes, node)})
			}
			return n
		}
		for _, h := range p.Hops {
			from, to := at(h.From), at(h.To)
			if key := [2]uint32{h.From, h.To}; !drawn[key] {
				drawn[key] = true
				f.arrows = append(f.arrows, arrow{from, to, h})
			}
		}
		f.boxes[at(p.From)].start, f.boxes[at(p.To)].goal = true, true
	}
	return f
}

// conditional tells whether an arrow holds only sometimes.
func (f *figure) conditional(a arrow) bool { return f.m.Relations()[a.hop.Relation].When != nil }

// heading says what an arrow means: its kind and the technique.
func (f *figure) heading(a arrow) string {
	r := &f.m.Relations()[a.hop.Relation]
	words := string(r.Kind)
	if r.Technique != "" {
		words += " " + r.Technique
	}
	if len(a.hop.Also) > 0 {
		words += " (also " + strings.Join(a.hop.Also, ", ") + ")"
	}
	return words
}

// note is a line of evidence beside an arrow.
type note struct {
	place, text string
	fix         bool // changing the place is one of the fixes
}

// notes are the evidence of an arrow, fixes first, and how much more there is.
func (f *figure) notes(a arrow) (notes []note, more int) {
	r := &f.m.Relations()[a.hop.Relation]
	for _, s := range r.Evidence {
		if s.At.Path == "" {
			continue
		}
		n := note{place: place(s.At), text: s.Note, fix: s.Cost > 0 && slices.ContainsFunc(f.fixes, func(p graph.Place) bool { return p.At.Path == s.At.Path && p.At.Line == s.At.Line })}
		if !slices.ContainsFunc(notes, func(o note) bool { return o.place == n.place }) {
			notes = append(notes, n)
		}
	}
	slices.SortStableFunc(notes, func(a, b note) int {
		switch {
		case a.fix == b.fix:
			return 0
		case a.fix:
			return -1
		}
		return 1
	})
	more = max(0, len(notes)-maxNotes)
	return notes[:len(notes)-more], more
}

// when is the condition of an arrow in words, "" where it holds always.
func (f *figure) when(a arrow) string {
	var terms []string
	for _, t := range f.m.Relations()[a.hop.Relation].When {
		terms = append(terms, strings.Join(t, " and "))
	}
	if len(terms) == 0 {
		return ""
	}
	return "only if " + strings.Join(terms, ", or ")
}

// typeOf is a type without what stands before the last two words.
func typeOf(n *plinth.Node) string {
	return strings.TrimPrefix(n.Type, "AWS::")
}

// wrap breaks a text into lines of at most width characters, at spaces and behind / : . _ - where it can, and at most lines of
// them, the last of which ends with … when something is left out.
func wrap(text string, width, lines int) []string {
	var out []string
	rest := []rune(strings.Join(strings.Fields(text), " "))
	for len(rest) > 0 {
		if len(out) == lines {
			last := []rune(out[lines-1])
			out[lines-1] = string(last[:min(len(last), width-1)]) + "…"
			return out
		}
		n := min(width, len(rest))
		if n < len(rest) {
			for k := n; k > width/2; k-- {
				if rest[k] == ' ' || strings.ContainsRune(" /:._-", rest[k-1]) {
					n = k
					break
				}
			}
		}
		out = append(out, strings.TrimSpace(string(rest[:n])))
		rest = []rune(strings.TrimLeft(string(rest[n:]), " "))
	}
	return out
}
