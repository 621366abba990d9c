// Package trialtest tests engines that judge by audits: what they say, and what they find in the files of testdata.
package trialtest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/golden"
	"github.com/plinthsec/plinth/internal/graph"
	"github.com/plinthsec/plinth/internal/scan"
	"github.com/plinthsec/plinth/internal/tree"
)

// Audits shows that every audit says enough, that the engine finds in each archive of testdata what its file want lists, and that
// every audit is found in some of them.
func Audits(t *testing.T, list []*plinth.Rule, engine scan.Engine, readers ...plinth.Reader) {
	t.Helper()
	if len(list) == 0 {
		t.Fatal("no audits")
	}
	for _, r := range list {
		if r.Severity == plinth.Info || len(r.CWE) == 0 || len(r.Links) == 0 {
			t.Errorf("%s says too little", r.ID)
		}
	}
	seen := map[string]bool{}
	golden.Run(t, "testdata/*.txtar", func(t *testing.T, files map[string]string) string {
		var out []string
		for _, f := range Findings(t, engine, files, readers...) {
			seen[f.Rule.ID] = true
			s := fmt.Sprintf("%s %s %s:%d %s", f.Rule.ID, f.Verdict, f.At.Path, f.At.Line, f.Message)
			if len(f.Because) > 0 {
				s += " because " + strings.Join(f.Because, ", ")
			}
			out = append(out, s)
		}
		slices.Sort(out)
		return strings.Join(out, "\n") + "\n"
	})
	for _, r := range list {
		if !seen[r.ID] {
			t.Errorf("no case finds %s", r.ID)
		}
	}
}

// Graph returns the resources of files.
func Graph(t testing.TB, files map[string]string, readers ...plinth.Reader) *graph.Graph {
	t.Helper()
	run := &scan.Run{Config: &plinth.Config{Jobs: 1, Offline: true}, Readers: readers}
	res, err := run.Scan(t.Context(), tree.Memory("t", files))
	if err != nil {
		t.Fatal(err)
	}
	return res.Graph
}

// Findings returns what an engine finds in files; a problem fails the test.
func Findings(t *testing.T, engine scan.Engine, files map[string]string, readers ...plinth.Reader) []plinth.Finding {
	t.Helper()
	run := &scan.Run{Config: &plinth.Config{Jobs: 1, Offline: true}, Readers: readers, Engines: []scan.Engine{engine}}
	res, err := run.Scan(t.Context(), tree.Memory(".", files))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range res.Problems {
		t.Errorf("%s:%d: %s", p.At.Path, p.At.Line, p.Text)
	}
	return res.Findings
}
