package kube

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/plinthsec/plinth/internal/golden"
)

// TestGolden compares all relations of small clusters with what is written beside them.
func TestGolden(t *testing.T) {
	golden.Run(t, "testdata/*.txtar", func(t *testing.T, files map[string]string) string { return relate(t, read(t, files)).String() })
}

// String lists the relations, sorted, each with the lines that prove it.
func (h *heap) String() string {
	var out []string
	for _, r := range h.relations {
		var lines, when []string
		for _, e := range r.Evidence {
			lines = append(lines, fmt.Sprint(e.At.Line))
		}
		for _, w := range r.When {
			when = append(when, strings.Join(w, " and "))
		}
		s := fmt.Sprintf("%s %s %s → %s (%s)", r.Kind, r.Technique, r.From, r.To, strings.Join(lines, " "))
		if len(when) > 0 {
			s += " if " + strings.Join(when, ", or ")
		}
		out = append(out, s)
	}
	slices.Sort(out)
	return strings.Join(out, "\n") + "\n"
}
