package picture

import (
	"fmt"
	"html"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/plinthsec/plinth/internal/graph"
)

// Widths of texts in characters.
const (
	boxChars   = 30
	labelChars = 36
)

// style draws on light and on dark ground, as the reader's system wants it.
const style = `<style>
svg{font:12px system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;background:#fff}
text{fill:#1f2937}.type,.note{fill:#4b5563;font-size:11px}.place{fill:#1d4ed8;font-size:11px;font-family:ui-monospace,Menlo,Consolas,"DejaVu Sans Mono",monospace}
.fix{fill:#047857;font-weight:600}.name,.head{font-weight:600}.when{font-style:italic;fill:#92400e;font-size:11px}
.box{fill:#f3f4f6;stroke:#9ca3af}.start{fill:#fef3c7;stroke:#b45309}.goal{fill:#fee2e2;stroke:#b91c1c;stroke-width:2}.choke{stroke-dasharray:5 3;stroke-width:2}
.line{fill:none;stroke:#6b7280;stroke-width:1.4}.maybe{stroke-dasharray:5 4}#tip path{fill:#6b7280}
@media (prefers-color-scheme:dark){svg{background:#111827}text{fill:#f3f4f6}.type,.note{fill:#9ca3af}.place{fill:#93c5fd}.fix{fill:#6ee7b7}
.when{fill:#fcd34d}.box{fill:#1f2937;stroke:#6b7280}.start{fill:#422006;stroke:#f59e0b}.goal{fill:#450a0a;stroke:#f87171}.line{stroke:#9ca3af}#tip path{fill:#9ca3af}}
</style>
`

// line is one line of text.
type line struct{ class, text string }

// SVG draws the paths of an answer from top to bottom: nodes, and beside each arrow what proves it. Arrows that hold under a condition are
// dashed, places that are among the fixes are marked, and so are nodes that all paths pass. Nothing in it is fetched or run.
func SVG(w io.Writer, m *graph.Map, a *graph.Answer) error {
	f := newFigure(m, a)
	boxes, labels := make([][]line, len(f.boxes)), make([][]line, len(f.arrows))
	boxSizes, labelSizes := make([]size, len(f.boxes)), make([]size, len(f.arrows))
	for i := range f.boxes {
		boxes[i] = f.boxLines(f.boxes[i])
		boxSizes[i] = measure(boxes[i], padding)
	}
	ends := make([][2]int, len(f.arrows))
	for i, arrow := range f.arrows {
		labels[i] = f.labelLines(arrow)
		labelSizes[i] = measure(labels[i], 2)
		ends[i] = [2]int{arrow.from, arrow.to}
	}
	l := newLayout(boxSizes, labelSizes, ends)
	width, height := l.extent()
	foot := f.foot()
	for _, line := range foot {
		width = max(width, 2*margin+charWidth*float64(utf8.RuneCountInString(line.text)))
	}
	var b strings.Builder
	total := height + float64(len(foot))*lineHeight
	fmt.Fprintf(&b, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" width=\"%.0f\" height=\"%.0f\" role=\"img\" aria-label=\"%s\">\n",
		width, total, width, total, escape(fmt.Sprintf("%d attack paths", len(a.Paths))))
	b.WriteString(style)
	b.WriteString("<defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" orient=\"auto-start-reverse\"><path d=\"M0 0 8 4 0 8z\"/></marker></defs>\n")
	for i, arrow := range f.arrows {
		f.drawArrow(&b, l, i, arrow)
	}
	for i := range f.arrows {
		it := &l.items[l.label[i]]
		drawLines(&b, labels[i], it.x+8, it.y+2, f.arrowTitle(f.arrows[i]))
	}
	for i, box := range f.boxes {
		drawBox(&b, &l.items[i], box, boxes[i])
	}
	drawLines(&b, foot, margin, height-margin/2, "")
	b.WriteString("</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func (f *figure) boxLines(b box) []line {
	var out []line
	for _, s := range wrap(name(b.node), boxChars, 4) {
		out = append(out, line{"name", s})
	}
	if t := typeOf(b.node); t != "" && t != b.node.Name {
		for _, s := range wrap(t, boxChars, 2) {
			out = append(out, line{"type", s})
		}
	}
	if p := place(b.node.At); p != "" {
		for _, s := range wrap(p, boxChars, 2) {
			out = append(out, line{"place", s})
		}
	}
	return out
}

func (f *figure) labelLines(a arrow) []line {
	var out []line
	for _, s := range wrap(f.heading(a), labelChars, 2) {
		out = append(out, line{"head", s})
	}
	notes, more := f.notes(a)
	for _, n := range notes {
		class, text := "place", n.place
		if n.fix {
			class, text = "place fix", "fix: "+text
		}
		for _, s := range wrap(text, labelChars, 2) {
			out = append(out, line{class, s})
		}
		for _, s := range wrap(n.text, labelChars, 2) {
			out = append(out, line{"note", s})
		}
	}
	if more > 0 {
		out = append(out, line{"note", fmt.Sprintf("and %d more", more)})
	}
	for _, s := range wrap(f.when(a), labelChars, 3) {
		out = append(out, line{"when", s})
	}
	return out
}

// foot says below the picture what ends all paths, and what is not drawn.
func (f *figure) foot() []line {
	var out []line
	if len(f.fixes) > 0 {
		head := "Changing these places ends all paths"
		if f.proven {
			head += ", and nothing cheaper does"
		}
		out = append(out, line{"head", head + ":"})
	}
	for i, p := range f.fixes {
		if i == 2*maxNotes {
			out = append(out, line{"note", fmt.Sprintf("and %d more", len(f.fixes)-i)})
			break
		}
		for _, s := range wrap(place(p.At)+" — "+p.Note, 3*labelChars, 1) {
			out = append(out, line{"place fix", s})
		}
	}
	if f.left > 0 {
		out = append(out, line{"note", fmt.Sprintf("%d more paths are not drawn.", f.left)})
	}
	return out
}

func measure(lines []line, pad float64) size {
	long := 0.0
	for _, l := range lines {
		char := charWidth
		if l.class == "name" || l.class == "head" {
			char = boldWidth
		}
		long = max(long, char*float64(utf8.RuneCountInString(l.text)))
	}
	return size{width: long + 2*pad + 6, height: lineHeight*float64(len(lines)) + 2*pad}
}

func drawBox(b *strings.Builder, it *item, box box, lines []line) {
	class := "box"
	switch {
	case box.goal:
		class += " goal"
	case box.start:
		class += " start"
	}
	if box.choke {
		class += " choke"
	}
	fmt.Fprintf(b, "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" rx=\"6\"/>\n", class, it.x-it.left, it.y, it.left+it.right, it.height)
	title := string(box.node.ID)
	if box.node.Type != "" {
		title += " (" + box.node.Type + ")"
	}
	drawLines(b, lines, it.x-it.left+padding+2, it.y+padding, title)
}

// drawLines writes lines of text below one another; title is shown when the pointer rests on them.
func drawLines(b *strings.Builder, lines []line, x, y float64, title string) {
	if len(lines) == 0 {
		return
	}
	b.WriteString("<g>")
	if title != "" {
		b.WriteString("<title>" + escape(title) + "</title>")
	}
	for i, l := range lines {
		fmt.Fprintf(b, "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\">%s</text>", l.class, x, y+lineHeight*float64(i)+11, escape(l.text))
	}
	b.WriteString("</g>\n")
}

// arrowTitle is all evidence of an arrow.
func (f *figure) arrowTitle(a arrow) string {
	r := &f.m.Relations()[a.hop.Relation]
	out := []string{f.heading(a)}
	if len(r.Permissions) > 0 {
		out = append(out, strings.Join(r.Permissions, ", "))
	}
	for _, s := range r.Evidence {
		out = append(out, strings.TrimSpace(place(s.At)+" "+s.Note))
	}
	return strings.Join(out, "\n")
}

// drawArrow draws a smooth line through the items of an arrow. It passes its label on the left.
func (f *figure) drawArrow(b *strings.Builder, l *layout, i int, a arrow) {
	class := "line"
	if f.conditional(a) {
		class += " maybe"
	}
	route := l.routes[i]
	type point struct{ x, y float64 }
	var points []point
	add := func(x, y float64) {
		if p := (point{x, y}); len(points) == 0 || points[len(points)-1] != p { // a tip needs a line that has a direction
			points = append(points, p)
		}
	}
	for k, n := range route {
		it := &l.items[n]
		if k > 0 {
			add(it.x, it.top-1)
		}
		switch k {
		case 0:
			add(it.x, it.y+it.height+1)
			add(it.x, it.bottom+1)
		case len(route) - 1:
			add(it.x, it.y-1)
		default:
			add(it.x, it.bottom+1)
		}
	}
	var d strings.Builder
	fmt.Fprintf(&d, "M%.1f %.1f", points[0].x, points[0].y)
	for k := 1; k < len(points); k++ {
		p, q := points[k-1], points[k]
		if p.x == q.x {
			fmt.Fprintf(&d, "L%.1f %.1f", q.x, q.y)
			continue
		}
		bend := (q.y - p.y) / 2
		fmt.Fprintf(&d, "C%.1f %.1f %.1f %.1f %.1f %.1f", p.x, p.y+bend, q.x, q.y-bend, q.x, q.y)
	}
	end := "marker-end"
	if l.back[i] {
		end = "marker-start"
	}
	fmt.Fprintf(b, "<path class=\"%s\" d=\"%s\" %s=\"url(#tip)\"/>\n", class, d.String(), end)
}

// escape writes a text for XML, without the characters that XML cannot hold.
func escape(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' && r != '\n' || r == utf8.RuneError || r == 0xfffe || r == 0xffff {
			return ' '
		}
		return r
	}, s)
	return html.EscapeString(s)
}
