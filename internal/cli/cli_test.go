package cli

import (
	"bytes"
	"context"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

// TestCommands runs the command lines of testdata/*.txtar. Each archive holds input files, "args" (one argument a line),
// optionally "stdin", and what is wanted: "exit", "stdout", "stderr". A line "…" in a wanted text stands for any lines.
// go test -update renews stdout, stderr and exit.
func TestCommands(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) { runCase(t, file, nil) })
	}
}

// runCase runs one case. A server, where there is one, is what the commands reach; it is called REGISTRY in the archive.
func runCase(t *testing.T, file string, server *httptest.Server) {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s := Streams{}
	from, to := strings.NewReplacer(), strings.NewReplacer()
	if server != nil {
		host := strings.TrimPrefix(server.URL, "https://")
		from, to, s.HTTP = strings.NewReplacer("REGISTRY", host), strings.NewReplacer(host, "REGISTRY"), server.Client()
	}
	dir := t.TempDir()
	parts := map[string]*txtar.File{}
	for i := range archive.Files {
		f := &archive.Files[i]
		switch f.Name {
		case "args", "stdin", "exit", "stdout", "stderr":
			parts[f.Name] = f
			continue
		}
		path := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(from.Replace(string(f.Data))), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if parts["args"] == nil {
		t.Fatal("the case has no args")
	}
	var stdin []byte
	if parts["stdin"] != nil {
		stdin = parts["stdin"].Data
	}
	t.Chdir(dir)
	var out, talk bytes.Buffer
	s.In, s.Out, s.Err = bytes.NewReader(stdin), &out, &talk
	code := Run(context.Background(), strings.Split(strings.TrimSpace(string(parts["args"].Data)), "\n"), s)
	got := map[string]string{"stdout": to.Replace(out.String()), "stderr": to.Replace(talk.String()), "exit": strconv.Itoa(code) + "\n"}
	changed := false
	for _, name := range []string{"exit", "stdout", "stderr"} {
		f := parts[name]
		if f == nil || matches(string(f.Data), got[name]) {
			continue
		}
		if *update {
			f.Data, changed = []byte(got[name]), true
			continue
		}
		t.Errorf("%s (-want +got):\n%s", name, cmp.Diff(string(f.Data), got[name]))
	}
	if changed {
		t.Chdir(origin)
		if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// origin is the folder of the package: cases run elsewhere.
var origin = func() string {
	dir, err := os.Getwd()
	if err != nil {
		panic(err)
	}
	return dir
}()

// matches compares line by line; "…" alone stands for any number of lines.
func matches(want, got string) bool {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	var match func(i, j int) bool
	match = func(i, j int) bool {
		for ; i < len(w); i, j = i+1, j+1 {
			if w[i] == "…" {
				for k := j; k <= len(g); k++ {
					if match(i+1, k) {
						return true
					}
				}
				return false
			}
			if j >= len(g) || w[i] != g[j] {
				return false
			}
		}
		return j == len(g)
	}
	return match(0, 0)
}
