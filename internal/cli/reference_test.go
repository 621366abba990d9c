package cli

import (
	"bytes"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/all"
)

var update = flag.Bool("update", false, "write the generated pages and golden files")

const docs = "../../docs"

// TestReferenceIsFresh holds the generated pages of docs against the commands, settings and rules.
func TestReferenceIsFresh(t *testing.T) {
	set, err := all.Rules(nil)
	if err != nil {
		t.Fatal(err)
	}
	pages, err := Reference(set.All(func(p plinth.Problem) { t.Errorf("%s: %s", p.At.Path, p.Text) }))
	if err != nil {
		t.Fatal(err)
	}
	if t.Failed() {
		t.FailNow() // pages of rules that cannot be read would go missing
	}
	for name, want := range pages {
		path := filepath.Join(docs, filepath.FromSlash(name))
		if *update {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, want, 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
			t.Errorf("docs/%s is not fresh: go test ./internal/cli -update", name)
		}
	}
	for _, dir := range []string{"commands", "rules"} {
		stale(t, dir, pages)
	}
}

// stale finds pages of what is no more.
func stale(t *testing.T, dir string, pages map[string][]byte) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(docs, dir), func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name := dir + "/" + filepath.Base(p)
		if _, ok := pages[name]; ok {
			return nil
		}
		if *update {
			return os.Remove(p)
		}
		t.Errorf("docs/%s describes what is no more: go test ./internal/cli -update", name)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestSchema holds the schema of plinth.yaml against what the loader takes.
func TestSchema(t *testing.T) {
	text, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("plinth.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile("plinth.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		yaml, json string
		ok         bool
	}{
		{"projects: [a, b]\nfail-on: critical\n", `{"projects":["a","b"],"fail-on":"critical"}`, true},
		{"terraform:\n  var-files: [x.tfvars]\n", `{"terraform":{"var-files":["x.tfvars"]}}`, true},
		{"fail-on: hihg\n", `{"fail-on":"hihg"}`, false},
		{"projcets: [a]\n", `{"projcets":["a"]}`, false},
		{"jobs: 0\n", `{"jobs":0}`, false},
		{"strict: maybe\n", `{"strict":"maybe"}`, false},
	} {
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(tc.json))
		if err != nil {
			t.Fatal(err)
		}
		if got := compiled.Validate(v) == nil; got != tc.ok {
			t.Errorf("schema says %v of %s", got, tc.json)
		}
		path := filepath.Join(t.TempDir(), configName)
		if err := os.WriteFile(path, []byte(tc.yaml), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := fromFile(fresh(), path); (err == nil) != tc.ok {
			t.Errorf("loader says %v of %q", err, tc.yaml)
		}
	}
}
