package kube

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

var update = flag.Bool("update", false, "write what is told into the golden files")

// TestGolden compares all relations of small clusters with what is written beside them.
func TestGolden(t *testing.T) {
	list, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(list) == 0 {
		t.Fatal("no cases", err)
	}
	for _, name := range list {
		t.Run(filepath.Base(name), func(t *testing.T) {
			ar, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			files, want := map[string]string{}, ""
			for _, f := range ar.Files {
				if f.Name == "want" {
					want = string(f.Data)
				} else {
					files[f.Name] = string(f.Data)
				}
			}
			got := relate(t, read(t, files)).String()
			if *update {
				ar.Files = slices.DeleteFunc(ar.Files, func(f txtar.File) bool { return f.Name == "want" })
				ar.Files = append(ar.Files, txtar.File{Name: "want", Data: []byte(got)})
				if err := os.WriteFile(name, txtar.Format(ar), 0o644); err != nil {
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
