// Package golden runs tests that are files: each archive below testdata holds the input and, in the file named want, what comes out.
package golden

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "write the golden files anew")

// Run calls got with the input files of each archive that the pattern names, and compares its answer with the file want; with -update
// it writes that file. An archive without want wants nothing.
func Run(t *testing.T, pattern string, got func(t *testing.T, files map[string]string) string) {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) == 0 {
		t.Fatal("no archives: ", pattern, err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			files, want := map[string]string{}, ""
			a.Files = slices.DeleteFunc(a.Files, func(f txtar.File) bool {
				if f.Name == "want" {
					want = string(f.Data)
					return true
				}
				files[f.Name] = string(f.Data)
				return false
			})
			text := got(t, files)
			if *update {
				a.Files = append(a.Files, txtar.File{Name: "want", Data: []byte(text)})
				if err := os.WriteFile(name, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(want, text); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
