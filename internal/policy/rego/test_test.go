package rego

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestOwnTests: tests that hold, that do not, that are skipped, and what cannot be run.
func TestOwnTests(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"p.rego":      "package p\n\nok(x) if x > 1\n",
		"p_test.rego": "package p\n\ntest_holds if ok(2)\n\ntest_fails if ok(1)\n\ntodo_test_later if ok(0)\n",
		"g/suite.yaml": "apiVersion: test.gatekeeper.sh/v1alpha1\nkind: Suite\ntests:\n- name: t\n  template: t.yaml\n  constraint: c.yaml\n  cases:\n" +
			"  - {name: right, object: o.yaml, assertions: [{violations: yes, message: \"^no b$\"}, {violations: 1}]}\n" +
			"  - {name: wrong, object: o.yaml, assertions: [{violations: no}, {violations: 2}, {message: other}]}\n" +
			"  - {name: gone, object: none.yaml, assertions: [{violations: no}]}\n  - {name: later, skip: true}\n" +
			"- {name: bad, template: bad.yaml, invalid: true}\n",
		"g/t.yaml": "apiVersion: templates.gatekeeper.sh/v1\nkind: ConstraintTemplate\nmetadata: {name: needs}\nspec:\n  crd: {spec: {names: {kind: Needs}}}\n  targets:\n  - rego: |\n" +
			"      package needs\n      violation[{\"msg\": msg}] {\n        key := input.parameters.key\n        not input.review.object.data[key]\n        msg := sprintf(\"no %v\", [key])\n      }\n",
		"g/c.yaml":   "apiVersion: constraints.gatekeeper.sh/v1beta1\nkind: Needs\nmetadata: {name: b}\nspec: {parameters: {key: b}}\n",
		"g/o.yaml":   "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: o}\ndata: {a: x}\n",
		"g/bad.yaml": "apiVersion: templates.gatekeeper.sh/v1\nkind: ConstraintTemplate\nmetadata: {name: bad}\nspec:\n  crd: {spec: {names: {kind: Bad}}}\n  targets: [{rego: \"package bad {\"}]\n",
	} {
		p := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	out, found, err := Test(t.Context(), []string{dir}, Auto)
	if err != nil || !found {
		t.Fatal(found, err)
	}
	got := fmt.Sprintf("%d suites %d ran %d skipped\n", out.Suites, out.Ran, out.Skipped)
	for _, w := range out.Wrong {
		text, _, _ := strings.Cut(w.Text, ": open") // the system's words for a missing file
		text, _, _ = strings.Cut(text, ": stat")
		got += fmt.Sprintf("%s:%d %s\n", strings.TrimPrefix(w.At.Path, filepath.ToSlash(dir)+"/"), w.At.Line, text)
	}
	const want = `1 suites 8 ran 2 skipped
p_test.rego:5 test_fails does not hold
g/suite.yaml:1 t/wrong: wants no violations, has 1: no b
g/suite.yaml:1 t/wrong: wants 2 violations, has 1: no b
g/suite.yaml:1 t/wrong: wants some violations, has 0: no b
g/suite.yaml:1 none.yaml
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
