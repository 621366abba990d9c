package aws

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestGolden holds the relations that each testdata file leads to, without those of administrators over what is theirs.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no cases", err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			target := map[string]string{}
			want, at := "", -1
			for i, f := range archive.Files {
				if f.Name == "want" {
					want, at = string(f.Data), i
					continue
				}
				target[f.Name] = string(f.Data)
			}
			got := written(draw(t, target))
			if *update && at >= 0 {
				archive.Files[at].Data = []byte(got)
				if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
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
