package outside

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/plinthsec/plinth"
)

type files []string

func (f files) Has(p string) bool { return slices.Contains(f, p) }

func TestSARIF(t *testing.T) {
	text := `{"version": "2.1.0", "runs": [{
	  "tool": {"driver": {"name": "finder", "rules": [
	    {"id": "sqli", "shortDescription": {"text": "SQL injection"}, "properties": {"tags": ["security", "external/cwe/cwe-089"]}},
	    {"id": "path", "relationships": [{"target": {"id": "22", "toolComponent": {"name": "CWE"}}}]},
	    {"id": "cmd", "properties": {"cwe": ["CWE-78: OS Command Injection"]}}]}},
	  "originalUriBaseIds": {"SRC": {"uri": "service/"}},
	  "results": [
	    {"ruleId": "sqli", "ruleIndex": 0, "level": "error", "message": {"text": "joined text"}, "locations": [{"physicalLocation": {"artifactLocation": {"uri": "app/db.go"}, "region": {"startLine": 7}}}],
	     "codeFlows": [{"threadFlows": [{"locations": [{"location": {"message": {"text": "id"}, "physicalLocation": {"artifactLocation": {"uri": "app/db.go"}, "region": {"startLine": 3}}}}]}]}]},
	    {"ruleId": "path", "locations": [{"physicalLocation": {"artifactLocation": {"uri": "main.go", "uriBaseId": "SRC"}}}], "message": {}},
	    {"ruleId": "cmd", "locations": [{"physicalLocation": {"artifactLocation": {"uri": "file:///home/me/checkout/app/db.go"}}}], "message": {}, "suppressions": [{"justification": "checked"}]},
	    {"ruleId": "cmd", "kind": "pass", "locations": [{"physicalLocation": {"artifactLocation": {"uri": "app/db.go"}}}], "message": {}},
	    {"ruleId": "cmd", "locations": [{"physicalLocation": {"artifactLocation": {"uri": "elsewhere.go"}}}], "message": {}}
	  ]}]}`
	list, problems, err := Read("r.sarif", []byte(text), files{"app/db.go", "service/main.go"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range list {
		line := f.Rule.ID + " " + strings.Join(f.Rule.CWE, ",") + " " + f.At.Path + " " + f.Rule.Severity.String()
		if f.Suppressed != nil {
			line += " silent"
		}
		got = append(got, line)
	}
	want := []string{"sqli CWE-89 app/db.go high", "path CWE-22 service/main.go medium", "cmd CWE-78 app/db.go medium silent"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if len(list) > 0 && (len(list[0].Evidence) != 1 || list[0].Evidence[0].At.Line != 3) {
		t.Errorf("the flow is %v", list[0].Evidence)
	}
	if len(problems) != 1 || !strings.HasPrefix(problems[0].Text, "1 results") {
		t.Errorf("problems %v", problems)
	}
}

func TestCycloneDX(t *testing.T) {
	text := `{"bomFormat": "CycloneDX", "specVersion": "1.6",
	  "metadata": {"component": {"type": "container", "name": "registry.example/team/api", "version": "2.1"}},
	  "components": [{"bom-ref": "a", "type": "library", "name": "left", "version": "1.0", "purl": "pkg:npm/left@1.0?x=y"}, {"bom-ref": "b", "name": "right", "version": "2"}],
	  "vulnerabilities": [
	    {"id": "CVE-2030-1", "cwes": [502], "ratings": [{"severity": "medium"}, {"severity": "critical"}], "affects": [{"ref": "a"}, {"ref": "b"}]},
	    {"id": "CVE-2030-2", "cwes": [22], "affects": [{"ref": "a"}], "analysis": {"state": "not_affected", "justification": "code_not_reachable"}}]}`
	list, _, err := Read("bom.json", []byte(text), files{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range list {
		line := f.Rule.ID + " " + f.Path + " " + f.Resource.Name + " " + f.Rule.Severity.String()
		if f.Suppressed != nil {
			line += " silent: " + f.Suppressed.Why
		}
		got = append(got, line)
	}
	want := []string{
		"CVE-2030-1 pkg:npm/left@1.0 registry.example/team/api:2.1 critical", "CVE-2030-1 right@2 registry.example/team/api:2.1 critical",
		"CVE-2030-2 pkg:npm/left@1.0 registry.example/team/api:2.1 info silent: not_affected code_not_reachable",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestVEX(t *testing.T) {
	report := plinth.Finding{Rule: &plinth.Rule{ID: "CVE-2030-1"}, Path: "pkg:npm/left@1.0"}
	other := plinth.Finding{Rule: &plinth.Rule{ID: "CVE-2030-1"}, Path: "pkg:npm/left@1.1"}
	vex := `{"bomFormat": "CycloneDX", "vulnerabilities": [{"id": "CVE-2030-1", "analysis": {"state": "false_positive"}, "affects": [{"ref": "urn:cdx:1234/1#pkg:npm/left@1.0"}]}]}`
	list, _, err := Read("vex.json", []byte(vex), files{})
	if err != nil {
		t.Fatal(err)
	}
	list = append(list, report, other)
	Apply(list)
	if list[1].Suppressed == nil || list[2].Suppressed != nil {
		t.Errorf("silenced: %v, %v", list[1].Suppressed, list[2].Suppressed)
	}
}

func TestRefused(t *testing.T) {
	for text, want := range map[string]string{
		`<bom/>`: "XML", `[]`: "no JSON", `{}`: "neither SARIF", `{"version": "1.0.0", "runs": []}`: "only 2.1.0", `{"runs": {}, "version": "2.1.0"}`: "no SARIF",
	} {
		if _, _, err := Read("x", []byte(text), files{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func TestImageOfComponent(t *testing.T) {
	for text, want := range map[string]string{
		`{"purl": "pkg:oci/web@sha256%3Aaa?repository_url=ghcr.io/shop/web&tag=1.2"}`:  "ghcr.io/shop/web:1.2",
		`{"purl": "pkg:oci/web@sha256%3Aaa?repository_url=ghcr.io/shop/web"}`:          "ghcr.io/shop/web@sha256:aa",
		`{"type": "container", "name": "ghcr.io/shop/web:1.2", "version": "sha256:a"}`: "ghcr.io/shop/web:1.2",
		`{"type": "application", "name": "web"}`:                                       "",
	} {
		var c component
		if err := json.Unmarshal([]byte(text), &c); err != nil {
			t.Fatal(err)
		}
		if got := c.image(); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"version":"2.1.0","runs":[{"tool":{"driver":{"rules":[{"id":"a"}]}},"results":[{"ruleIndex":0,"rule":{"index":-1},"locations":[{"physicalLocation":{"artifactLocation":{"index":3}}}]}]}]}`))
	f.Add([]byte(`{"bomFormat":"CycloneDX","components":[{"components":[{}]}],"vulnerabilities":[{"affects":[{"ref":"urn:cdx:#"}]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		list, _, err := Read("x", data, files{"a"})
		if err != nil {
			return
		}
		Apply(list)
		for _, x := range list {
			if x.Rule == nil || x.At.Path == "" {
				t.Errorf("a finding without rule or place: %v", x)
			}
		}
	})
}
