package aws

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/plinthsec/plinth/internal/golden"
)

// TestGolden holds the relations that each testdata file leads to, without those of administrators over what is theirs.
func TestGolden(t *testing.T) {
	golden.Run(t, "testdata/*.txtar", func(t *testing.T, files map[string]string) string { return written(draw(t, files)) })
}

func written(s *sink) string {
	var lines []string
	for _, r := range s.relations {
		if strings.HasSuffix(string(r.From), ":admin") {
			continue
		}
		line := fmt.Sprintf("%s -%s-> %s", r.From, strings.TrimSpace(string(r.Kind)+" "+r.Technique), r.To)
		if len(r.Permissions) > 0 {
			line += " by " + strings.Join(r.Permissions, ", ")
		}
		for _, term := range r.When {
			line += "\n    if " + strings.Join(term, " and ")
		}
		for _, step := range r.Evidence {
			line += fmt.Sprintf("\n    %s:%d (%d) %s", step.At.Path, step.At.Line, step.Cost, step.Note)
		}
		lines = append(lines, line)
	}
	for _, p := range s.problems {
		lines = append(lines, "problem: "+p.Text)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n") + "\n"
}
