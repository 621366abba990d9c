package terraform

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"golang.org/x/tools/txtar"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/read/readtest"
	"github.com/plinthsec/plinth/internal/read/terraform/function"
)

// seeds adds the golden archives' files.
func seeds(f *testing.F, add func(name string, data []byte)) {
	names, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, n := range names {
		data, err := os.ReadFile(n)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range txtar.Parse(data).Files {
			add(file.Name, file.Data)
		}
	}
}

// FuzzParse compiles any bytes as a file of either syntax.
func FuzzParse(f *testing.F) {
	seeds(f, func(name string, data []byte) { f.Add(data, isJSON(name)) })
	funcs := function.All()
	f.Fuzz(func(t *testing.T, data []byte, json bool) {
		name := "f.tf"
		if json {
			name = "f.tf.json"
		}
		p := parseFile(name, data, funcs)
		for _, b := range p.blocks {
			if b.at.Path != name || b.at.Line < 1 || b.at.EndLine < b.at.Line {
				t.Errorf("block %s at %+v", b.kind, b.at)
			}
		}
	})
}

// FuzzEvaluate evaluates any bytes as a root module, beside a module that it can call and a variable file.
func FuzzEvaluate(f *testing.F) {
	seeds(f, func(name string, data []byte) {
		if filepath.Ext(name) == ".tf" {
			f.Add(data, []byte("variable \"a\" {}\noutput \"b\" { value = var.a }\n"), []byte("a = 1"))
		}
	})
	f.Fuzz(func(t *testing.T, root, module, vars []byte) {
		if len(root)+len(module)+len(vars) > 20_000 {
			return
		}
		files := fstest.MapFS{"main.tf": {Data: root}, "m/main.tf": {Data: module}, "terraform.tfvars": {Data: vars}}
		p := &plinth.Project{FS: files, Config: &plinth.Config{Jobs: 1}}
		for _, n := range []string{"m/main.tf", "main.tf", "terraform.tfvars"} {
			p.Files = append(p.Files, plinth.File{Path: n, Data: files[n].Data})
		}
		to := &readtest.Recorder{}
		if err := New().Read(context.Background(), p, to); err != nil {
			t.Fatal(err)
		}
		ids := map[plinth.ID]bool{}
		for _, r := range to.Resources {
			if ids[r.ID] {
				t.Errorf("id %s twice", r.ID)
			}
			ids[r.ID] = true
			if r.Decl == nil || r.Decl.At.Line < 1 || r.Source.Kind() != plinth.Map {
				t.Errorf("resource %s is not whole", r.ID)
			}
		}
	})
}
