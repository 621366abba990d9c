package rego_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/engine/rego"
	"github.com/plinthsec/plinth/internal/golden"
	policy "github.com/plinthsec/plinth/internal/policy/rego"
	"github.com/plinthsec/plinth/internal/read/dockerfile"
	"github.com/plinthsec/plinth/internal/read/kubernetes"
	"github.com/plinthsec/plinth/internal/read/terraform"
	"github.com/plinthsec/plinth/internal/scan"
	"github.com/plinthsec/plinth/internal/tree"
)

// TestCases: files below policy/ are the policies, those below data/ what they see as data, the others the target.
func TestCases(t *testing.T) {
	golden.Run(t, "testdata/*.txtar", func(t *testing.T, files map[string]string) string {
		dir := t.TempDir()
		target := map[string]string{}
		for name, text := range files {
			if !strings.HasPrefix(name, "policy/") && !strings.HasPrefix(name, "data/") {
				target[name] = text
				continue
			}
			p := filepath.Join(dir, name)
			if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		var data []string
		if _, err := os.Stat(filepath.Join(dir, "data")); err == nil {
			data = []string{filepath.Join(dir, "data")}
		}
		pack, err := policy.Load([]string{filepath.Join(dir, "policy")}, data, policy.Auto)
		if err != nil {
			return strings.ReplaceAll(err.Error(), filepath.ToSlash(dir)+"/", "") + "\n"
		}
		run := scan.Run{
			Config:  &plinth.Config{Jobs: 2},
			Readers: []plinth.Reader{dockerfile.New(), kubernetes.New(), terraform.New()},
			Engines: []scan.Engine{rego.New(pack, form)},
		}
		res, err := run.Scan(t.Context(), tree.Memory("t", target))
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		keys := map[string]bool{}
		for _, f := range res.Findings {
			if keys[f.Key] {
				t.Errorf("two findings have the key of %s", f.Message)
			}
			keys[f.Key] = true
			on := ""
			if f.Resource != nil {
				on = " " + f.Resource.Label()
			}
			fmt.Fprintf(&b, "%s %s %s:%d%s: %s %s %v\n", f.Rule.Severity, f.Rule.ID, f.At.Path, f.At.Line, on, f.Verdict, f.Message, f.Because)
		}
		for _, p := range res.Problems {
			fmt.Fprintf(&b, "problem %s %s:%d: %s\n", p.Kind, p.At.Path, p.At.Line, p.Text)
		}
		return strings.ReplaceAll(b.String(), filepath.ToSlash(dir)+"/", "")
	})
}

func form(name string) rego.Written {
	if terraform.IsHCL(name) {
		return terraform.Written
	}
	if dockerfile.New().Wants(name, nil) {
		return dockerfile.Written
	}
	return nil
}
