package iam_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/engine/iam"
	"github.com/plinthsec/plinth/internal/graph"
	"github.com/plinthsec/plinth/internal/read/kubernetes"
	"github.com/plinthsec/plinth/internal/rule"
	"github.com/plinthsec/plinth/internal/scan"
	"github.com/plinthsec/plinth/internal/tree"
	"github.com/plinthsec/plinth/rules"

	"github.com/plinthsec/plinth/internal/read/terraform"
)

var update = flag.Bool("update", false, "write findings into the golden files")

var _ scan.Engine = (*iam.Engine)(nil)

func TestAudits(t *testing.T) {
	list, err := iam.Audits()
	if err != nil || len(list) == 0 {
		t.Fatal(err)
	}
	for _, r := range list {
		if r.Title == "" || r.Why == "" || r.Fix == "" || r.Severity == plinth.Info || len(r.CWE) == 0 || len(r.Links) == 0 {
			t.Errorf("%s says too little", r.ID)
		}
		if !iam.Knows(r.ID) {
			t.Errorf("%s is not known", r.ID)
		}
	}
	if got := iam.Select(list, []string{"iam-trust-*"}, []string{"iam-trust-anybody"}); len(got) != 1 {
		t.Errorf("%d audits of trust", len(got))
	}
}

// TestGolden compares findings with what is written beside the inputs; every audit must be among them.
func TestGolden(t *testing.T) {
	audits, err := iam.Audits()
	if err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatal("no cases", err)
	}
	seen := map[string]bool{}
	for _, name := range names {
		ar, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		dir, want := t.TempDir(), ""
		for _, f := range ar.Files {
			if f.Name == "want" {
				want = string(f.Data)
			} else if err := os.WriteFile(filepath.Join(dir, f.Name), f.Data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got := findings(t, iam.New(audits), dir)
		for _, a := range audits {
			seen[a.ID] = seen[a.ID] || strings.Contains(got, a.ID+" ")
		}
		if *update {
			ar.Files = slices.DeleteFunc(ar.Files, func(f txtar.File) bool { return f.Name == "want" })
			ar.Files = append(ar.Files, txtar.File{Name: "want", Data: []byte(got)})
			if err := os.WriteFile(name, txtar.Format(ar), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
	for _, a := range audits {
		if !seen[a.ID] {
			t.Errorf("no case finds %s", a.ID)
		}
	}
}

func findings(t *testing.T, e *iam.Engine, dir string) string {
	t.Helper()
	target, err := tree.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	run := &scan.Run{Config: &plinth.Config{}, Readers: []plinth.Reader{kubernetes.New(), terraform.New()}}
	res, err := run.Scan(context.Background(), target)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	report := func(f plinth.Finding) {
		s := fmt.Sprintf("%s %s %s:%d %s", f.Rule.ID, f.Verdict, f.At.Path, f.At.Line, f.Message)
		if len(f.Because) > 0 {
			s += " because " + strings.Join(f.Because, ", ")
		}
		out = append(out, s)
	}
	if _, err := e.Check(context.Background(), graph.New(res.Resources), 1, report, func(p plinth.Problem) { t.Error(p.Text) }); err != nil {
		t.Fatal(err)
	}
	slices.Sort(out)
	return strings.Join(out, "\n") + "\n"
}

// TestYields: the rules that audits yield to are there.
func TestYields(t *testing.T) {
	set, err := rule.Load(rules.FS)
	if err != nil {
		t.Fatal(err)
	}
	list, err := iam.Audits()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range list {
		for _, id := range a.YieldsTo {
			if set.Find(id) == nil {
				t.Errorf("%s yields to %s, which is no rule", a.ID, id)
			}
		}
	}
}
