package picture

import (
	"fmt"
	"io"
	"strings"

	"github.com/plinthsec/plinth/internal/graph"
)

// Mermaid writes the paths of an answer as a flow chart that GitHub, GitLab and many wikis draw. Arrows that hold under a condition are
// dotted.
func Mermaid(w io.Writer, m *graph.Map, a *graph.Answer) error {
	f := newFigure(m, a)
	var b strings.Builder
	b.WriteString("flowchart TD\n")
	for i, box := range f.boxes {
		label := mermaidText(name(box.node))
		if t := typeOf(box.node); t != "" && t != box.node.Name {
			label += "<br/><small>" + mermaidText(t) + "</small>"
		}
		fmt.Fprintf(&b, "  n%d[\"%s\"]%s\n", i, label, class(box))
	}
	for _, arrow := range f.arrows {
		lines := []string{"<b>" + mermaidText(f.heading(arrow)) + "</b>"}
		notes, more := f.notes(arrow)
		for _, n := range notes {
			text := mermaidText(n.place)
			if n.fix {
				text = "fix: " + text
			}
			lines = append(lines, text)
		}
		if more > 0 {
			lines = append(lines, fmt.Sprintf("and %d more", more))
		}
		if when := f.when(arrow); when != "" {
			lines = append(lines, "<i>"+mermaidText(when)+"</i>")
		}
		line := "--"
		head := "-->"
		if f.conditional(arrow) {
			line, head = "-.", ".->"
		}
		fmt.Fprintf(&b, "  n%d %s \"%s\" %s n%d\n", arrow.from, line, strings.Join(lines, "<br/>"), head, arrow.to)
	}
	if f.left > 0 {
		fmt.Fprintf(&b, "  %%%% %d more paths are not drawn\n", f.left)
	}
	b.WriteString("  classDef start stroke:#b45309,stroke-width:2px\n  classDef goal stroke:#b91c1c,stroke-width:3px\n  classDef choke stroke-width:3px,stroke-dasharray:4 2\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func class(b box) string {
	switch {
	case b.goal:
		return ":::goal"
	case b.start:
		return ":::start"
	case b.choke:
		return ":::choke"
	}
	return ""
}

// mermaidText writes a text so that nothing in it means anything to Mermaid or to HTML.
func mermaidText(s string) string {
	var b strings.Builder
	for _, r := range strings.Join(strings.Fields(s), " ") {
		if strings.ContainsRune("\"#&<>`\\;{}[]()|%*_~", r) || r < ' ' {
			fmt.Fprintf(&b, "#%d;", r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}
