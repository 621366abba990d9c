package podsecurity_test

import (
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"testing"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/engine/misconfig"
	"github.com/plinthsec/plinth/internal/read/kubernetes"
	"github.com/plinthsec/plinth/internal/rule"
	"github.com/plinthsec/plinth/internal/scan"
	"github.com/plinthsec/plinth/internal/tree"
	"github.com/plinthsec/plinth/rules"
)

const (
	baseline   = "pod-security-baseline:"
	restricted = "pod-security-restricted:"
	latest     = 35
)

// standards returns the rules that answer for a control of the Pod Security Standards.
func standards(t *testing.T) *rule.Set {
	t.Helper()
	all, err := rule.Load(rules.FS)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, r := range all.All(func(p plinth.Problem) {}) {
		for _, c := range r.Controls {
			if strings.HasPrefix(c, baseline) || strings.HasPrefix(c, restricted) {
				ids = append(ids, r.ID)
				break
			}
		}
	}
	set, err := all.Select(ids, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if set.Len() < 20 {
		t.Fatalf("%d rules with controls of the standards", set.Len())
	}
	return set
}

// judge scans files and returns the failed controls of each file.
func judge(t *testing.T, set *rule.Set, minor int, files map[string]string) map[string]map[string]bool {
	t.Helper()
	engine := misconfig.New(set)
	engine.PodSecurity = minor
	run := scan.Run{Config: &plinth.Config{Jobs: 2, Offline: true}, Readers: []plinth.Reader{kubernetes.New()}, Engines: []scan.Engine{engine}}
	res, err := run.Scan(t.Context(), tree.Memory("pods", files))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range res.Problems {
		t.Errorf("v1.%d %s:%d: %s", minor, p.At.Path, p.At.Line, p.Text)
	}
	out := map[string]map[string]bool{}
	for _, f := range res.Findings {
		if f.Verdict != plinth.Fail {
			t.Errorf("v1.%d %s: %s is %s", minor, f.At.Path, f.Rule.ID, f.Verdict)
		}
		if out[f.At.Path] == nil {
			out[f.At.Path] = map[string]bool{}
		}
		for _, c := range f.Controls() {
			out[f.At.Path][c] = true
		}
	}
	return out
}

// upstream returns the folder of the test pods: LEVEL/VERSION/pass|fail/CONTROL.yaml.
func upstream(t *testing.T) string {
	t.Helper()
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "k8s.io/pod-security-admission").Output()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(strings.TrimSpace(string(dir)), "test", "testdata")
}

// pods returns the text of the test pods of a level and version by pass|fail/NAME.
func pods(t *testing.T, level string, minor int) map[string]string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(upstream(t), level, "v1."+strconv.Itoa(minor), "*", "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		out[path.Base(filepath.Dir(name))+"/"+filepath.Base(name)] = string(data)
	}
	return out
}

// TestUpstreamPods judges every test pod of every version by the rules of its level. The version comes from the label of the
// namespace.
func TestUpstreamPods(t *testing.T) {
	set := standards(t)
	count := 0
	for _, level := range []string{"baseline", "restricted"} {
		for minor := range latest + 1 {
			files := pods(t, level, minor)
			count += len(files)
			files["namespace.yaml"] = fmt.Sprintf("apiVersion: v1\nkind: Namespace\nmetadata:\n  name: default\n  labels: {pod-security.kubernetes.io/enforce-version: v1.%d}\n", minor)
			failed := judge(t, set, 0, files)
			for name := range files {
				var of []string
				for c := range failed[name] {
					if level == "restricted" || strings.HasPrefix(c, baseline) {
						of = append(of, c)
					}
				}
				sort.Strings(of)
				switch kind := path.Dir(name); {
				case kind == "pass" && len(of) > 0:
					t.Errorf("%s v1.%d %s passes, but fails %s", level, minor, name, of)
				case kind == "fail" && len(of) == 0:
					t.Errorf("%s v1.%d %s fails, but passes", level, minor, name)
				}
			}
		}
	}
	if count != 4241 {
		t.Errorf("%d pods, want 4241", count)
	}
	t.Logf("%d pods", count)
}
