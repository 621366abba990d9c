package plinth_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/plinthsec/plinth"

// tiers are the floors of the house, lowest first. A room may import every room of a lower floor; within a floor only what
// arrows names.
var tiers = [][]string{
	{"."},
	{"internal/lazy", "internal/cache"},
	{"internal/golden", "internal/value", "internal/tree", "internal/document", "internal/module"},
	{"internal/policy", "internal/rule", "internal/form", "rules"},
	{"internal/graph", "internal/iam", "internal/reach"},
	{"internal/read", "internal/collect", "internal/engine", "internal/verdict", "internal/report", "internal/outside"},
	{"internal/fix"},
	{"internal/scan"},
	{"internal/all", "internal/trial"},
	{"internal/cli"},
	{"cmd", "script"},
}

// arrows are the imports within one floor, each with its reason.
var arrows = []struct{ from, to, why string }{
	{"internal/document", "internal/value", "a document is a value"},
	{"internal/rule", "internal/policy", "a rule holds compiled expressions"},
	{"internal/read/cloudformation", "internal/read/cloudformation/intrinsic", "the functions of a template"},
	{"internal/read/terraform", "internal/read/terraform/expr", "expressions of the language"},
	{"internal/read/terraform", "internal/read/terraform/function", "functions of the language"},
	{"internal/read/terraform/expr", "internal/read/terraform/function", "an expression calls functions"},
	{"internal/read/kubernetes", "internal/read/kubernetes/helm", "charts become manifests"},
	{"internal/read/plan", "internal/read/terraform/function", "conversions of a plan's values"},
	{"internal/engine/attack", "internal/engine/attack/aws", "a part of the engine"},
	{"internal/engine/attack/aws", "internal/engine/attack/technique", "what leads on is data"},
	{"internal/engine/attack/azure", "internal/engine/attack/technique", "what leads on is data"},
	{"internal/engine/attack/google", "internal/engine/attack/technique", "what leads on is data"},
	{"internal/engine/attack/kube", "internal/engine/attack/technique", "what leads on is data"},
	{"internal/engine/attack/technique/techniquetest", "internal/engine/attack/technique", "what it tests"},
	{"internal/engine/attack", "internal/engine/attack/bind", "a part of the engine"},
	{"internal/engine/attack", "internal/engine/attack/kube", "a part of the engine"},
	{"internal/iam/rbac", "internal/iam", "formulas of conditions"},
	{"internal/graph/snapshot", "internal/graph", "saves and loads the graph"},
	{"internal/graph/query", "internal/graph", "asks the graph"},
	{"internal/graph/picture", "internal/graph", "draws answers"},
	{"internal/reach/cloud", "internal/reach", "sets of addresses and ports"},
	{"internal/reach/cloud", "internal/graph", "what a resource refers to"},
	{"internal/reach/suggest", "internal/reach", "what may talk, and the proof that a suggestion keeps it"},
	{"internal/iam/google", "internal/iam", "formulas of conditions, embedded roles"},
	{"internal/iam/azure", "internal/iam", "formulas of conditions, embedded roles"},
	{"internal/iam/google", "internal/graph", "estates are made of resources"},
	{"internal/iam/azure", "internal/graph", "estates are made of resources"},
	{"internal/engine/attack", "internal/engine/attack/google", "a part of the engine"},
	{"internal/engine/secret", "internal/engine/secret/verify", "a part of the engine"},
	{"internal/engine/attack", "internal/engine/attack/azure", "a part of the engine"},
	{"internal/iam/account", "internal/iam", "policies of principals and resources"},
	{"internal/iam/account", "internal/graph", "accounts are made of resources"},
	{"internal/iam/least", "internal/iam", "what is allowed today"},
	{"internal/iam/least", "internal/iam/account", "workloads, their roles, and what they name"},
}

// owners are the modules that one room has adopted: only it, and rooms below it, may import them.
var owners = map[string]string{
	"cel.dev/cel-go":                      "internal/policy",
	"github.com/open-policy-agent/opa":    "internal/policy/rego",
	"github.com/hashicorp/hcl":            "internal/read/terraform",
	"github.com/zclconf/go-cty":           "internal/read/terraform",
	"github.com/moby/buildkit":            "internal/read/dockerfile",
	"mvdan.cc/sh":                         "internal/read/dockerfile",
	"github.com/spf13/cobra":              "internal/cli",
	"github.com/Masterminds/sprig":        "internal/read/kubernetes/helm",
	"modernc.org/sqlite":                  "internal/graph/snapshot",
	"github.com/hashicorp/terraform-json": "internal/read/plan",
}

// imports returns the imports of each package outside tests, by folder, and the packages without a doc comment.
func imports(t *testing.T) (map[string][]string, []string) {
	t.Helper()
	found, documented := map[string]map[string]bool{}, map[string]bool{}
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); p != "." && (strings.HasPrefix(name, ".") || name == "testdata" || name == "examples" || name == "node_modules" || hasModule(p)) {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(p, ".go") || strings.HasSuffix(p, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), p, nil, parser.ImportsOnly|parser.ParseComments)
		if err != nil {
			return err
		}
		dir := filepath.ToSlash(filepath.Dir(p))
		if found[dir] == nil {
			found[dir] = map[string]bool{}
		}
		if file.Doc != nil {
			documented[dir] = true
		}
		for _, i := range file.Imports {
			name, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			found[dir][name] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	out, bare := map[string][]string{}, []string{}
	for dir, set := range found {
		for name := range set {
			out[dir] = append(out[dir], name)
		}
		sort.Strings(out[dir])
		if !documented[dir] {
			bare = append(bare, dir)
		}
	}
	sort.Strings(bare)
	return out, bare
}

func hasModule(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil
}

// floor returns the floor of a room and the name under which the table knows it.
func floor(dir string) (int, string) {
	for at := dir; ; at = path.Dir(at) {
		for i, rooms := range tiers {
			for _, room := range rooms {
				if room == at && (at != "." || dir == ".") {
					return i, room
				}
			}
		}
		if at == "." {
			return -1, ""
		}
	}
}

func TestImportsFall(t *testing.T) {
	all, bare := imports(t)
	for _, dir := range bare {
		t.Errorf("package %s has no doc comment that says what it is", dir)
	}
	for dir, list := range all {
		if dir == "internal/form/gen" { // a generator, no part of the house
			continue
		}
		from, _ := floor(dir)
		if from < 0 {
			t.Errorf("%s stands on no floor of the house: put it into tiers", dir)
			continue
		}
		for _, name := range list {
			to, ours := strings.CutPrefix(name, module)
			if !ours {
				foreign(t, dir, name)
				continue
			}
			to = strings.TrimPrefix(to, "/")
			if to == "" {
				to = "."
			}
			if lower, _ := floor(to); lower > from || lower == from && !allowed(dir, to) {
				t.Errorf("%s imports %s: imports only fall; move the type to the lower room or name the arrow with its reason", dir, to)
			}
		}
	}
}

func allowed(from, to string) bool {
	for _, a := range arrows {
		if a.from == from && a.to == to {
			return true
		}
	}
	return false
}

func foreign(t *testing.T, dir, name string) {
	t.Helper()
	if dir == "." && strings.Contains(name, ".") {
		t.Errorf("the vocabulary imports %s; it may import the standard library only", name)
	}
	for mod, room := range owners {
		if (name == mod || strings.HasPrefix(name, mod+"/")) && dir != room && !strings.HasPrefix(dir, room+"/") {
			t.Errorf("%s imports %s, which belongs to %s", dir, name, room)
		}
	}
}

// TestEveryPluginIsListed finds readers and engines that package all does not run.
func TestEveryPluginIsListed(t *testing.T) {
	all, _ := imports(t)
	listed := map[string]bool{}
	for _, name := range all["internal/all"] {
		listed[strings.TrimPrefix(name, module+"/")] = true
	}
	for dir := range all {
		parent := path.Dir(dir)
		if (parent == "internal/read" || parent == "internal/engine") && dir != "internal/read/readtest" && !listed[dir] {
			t.Errorf("%s is not in internal/all", dir)
		}
	}
}

// TestDependenciesAreExplained holds docs/dependencies.md against go.mod.
func TestDependenciesAreExplained(t *testing.T) {
	mod, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := os.ReadFile("docs/dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(string(mod), "\n") {
		f := strings.Fields(strings.TrimPrefix(strings.TrimSpace(line), "require "))
		if len(f) < 2 || !strings.Contains(f[0], ".") || !strings.HasPrefix(f[1], "v") || strings.Contains(line, "// indirect") {
			continue
		}
		if !strings.Contains(string(doc), "`"+f[0]+"`") {
			t.Errorf("docs/dependencies.md has no line for %s", f[0])
		}
	}
}
