package report

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	_ "github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif" // carries the schema of the standard
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/plinthsec/plinth"
)

// sample is a report with every kind of content.
func sample() *Report {
	rule := &plinth.Rule{
		ID: "aws-s3-versioning", Engine: "misconfig", Aliases: []string{"CKV_AWS_21"}, Title: "S3 bucket keeps no earlier versions", Why: "A deleted object is gone.",
		Fix: "Turn versioning on for the bucket.", Severity: plinth.High, CWE: []string{"CWE-693"},
	}
	decl := &plinth.Declaration{Address: `module.a["x"].aws_s3_bucket.b`, Type: "aws_s3_bucket", At: plinth.Location{Path: "a b/main.tf", Line: 2, Col: 1, EndLine: 4, EndCol: 2}}
	res := &plinth.Resource{ID: "tf:#x", Type: "AWS::S3::Bucket", Decl: decl, Props: plinth.MapOf(nil), Source: plinth.MapOf(nil)}
	at := plinth.Location{Path: "a b/main.tf", Line: 3, Col: 3, EndLine: 3, EndCol: 24}
	find := plinth.Finding{
		Key: "k1", Rule: rule, Resource: res, Decl: decl, At: at, Message: "versioning is \x1b[31m\"Suspended\"", Verdict: plinth.Fail,
		Evidence: []plinth.Step{{Note: "set by variable v", At: plinth.Location{Path: "vars.tf", Line: 1}}},
	}
	unknown, silenced := find, find
	unknown.Key, unknown.Verdict, unknown.Because = "k2", plinth.Undecided, []string{"var.status"}
	silenced.Key, silenced.Suppressed = "k3", &plinth.Suppression{By: "comment", Why: "test bucket"}
	return &Report{
		Version: "1.2.3", Targets: []Target{{Name: ".", Kind: "dir", Prefix: "infra", Seen: 3, Read: 2, Skipped: 1, ByReader: map[string]int{"terraform": 2}}},
		Findings:  []Finding{{".", &find}, {".", &unknown}, {".", &silenced}},
		Problems:  []Problem{{".", plinth.Problem{Kind: plinth.Broken, At: plinth.Location{Path: "x.tf", Line: 9, Col: 1}, Text: "a block is not closed"}}},
		Resources: []*plinth.Resource{res}, Engines: []Engine{{"misconfig", 1, 1}}, FailOn: plinth.High, Exit: 1,
		Source: func(_, path string) ([]byte, error) {
			return []byte("# a bucket\nresource \"aws_s3_bucket\" \"b\" {\n  password = \"hunter22\"\n}\n"), nil
		},
	}
}

// standardSchema is the schema text inside the module that carries it.
func standardSchema(t *testing.T) string {
	t.Helper()
	dir, err := exec.Command("go", "list", "-f", "{{.Dir}}", "github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif").Output()
	if err != nil {
		t.Fatal(err)
	}
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(strings.TrimSpace(string(dir)), "schema.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	text := ""
	ast.Inspect(file, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING && len(lit.Value) > len(text) {
			if s, err := strconv.Unquote(lit.Value); err == nil {
				text = s
			}
		}
		return true
	})
	return text
}

func TestSARIFIsValid(t *testing.T) {
	schema, err := jsonschema.UnmarshalJSON(strings.NewReader(standardSchema(t)))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("sarif.json", schema); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile("sarif.json")
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]*Report{"full": sample(), "empty": {}} {
		var out bytes.Buffer
		if err := writeSARIF(&out, r, Options{}); err != nil {
			t.Fatal(err)
		}
		doc, err := jsonschema.UnmarshalJSON(&out)
		if err != nil {
			t.Fatal(err)
		}
		if err := compiled.Validate(doc); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSARIFContent(t *testing.T) {
	var out bytes.Buffer
	if err := writeSARIF(&out, sample(), Options{}); err != nil {
		t.Fatal(err)
	}
	got := out.String()
	for _, want := range []string{`"uri": "infra/a%20b/main.tf"`, `"plinth/v1": "k1"`, `"kind": "inSource"`, `"level": "error"`} {
		if !strings.Contains(got, want) {
			t.Errorf("lacks %s", want)
		}
	}
	for _, no := range []string{"\x1b", "k2"} {
		if strings.Contains(got, no) {
			t.Errorf("holds %q", no)
		}
	}
}

// TestSARIFResults reads what services make use of: columns, the way that evidence takes, what a baseline knows, and who silenced a result.
func TestSARIFResults(t *testing.T) {
	r := sample()
	line := "äöü😀 password = \"x\""
	r.Source = func(string, string) ([]byte, error) { return []byte("\n\n" + line + "\n"), nil }
	at := int32(strings.Index(line, "password") + 1)
	r.Findings[0].At = plinth.Location{Path: "a b/main.tf", Line: 3, Col: at, EndLine: 3, EndCol: at + 8}
	known := *r.Findings[0].Finding
	known.Key, known.Suppressed = "k5", &plinth.Suppression{By: "baseline"}
	nowhere := known
	nowhere.Key, nowhere.At, nowhere.Evidence, nowhere.Suppressed = "k6", plinth.Location{}, nil, nil
	r.Findings[2].Suppressed.At = plinth.Location{Path: "a b/main.tf", Line: 2}
	r.Findings = append(r.Findings, Finding{".", &known}, Finding{".", &nowhere})
	r.Priority = func(*plinth.Finding) plinth.Priority { return plinth.Priority{Score: 70} }

	read := func(format func(io.Writer, *Report, Options) error) sarifRun {
		var log sarifLog
		if err := json.Unmarshal([]byte(write(t, func(b *bytes.Buffer) error { return format(b, r, Options{}) })), &log); err != nil {
			t.Fatal(err)
		}
		return log.Runs[0]
	}
	list := read(writeSARIF).Results
	if len(list) != 4 {
		t.Fatalf("%d results", len(list))
	}
	first, silenced, old, bare := list[0], list[1], list[2], list[3]
	if g := first.Locations[0].Physical.Region; g.StartColumn != 7 || g.EndColumn != 15 {
		t.Errorf("columns count in bytes: %+v", g)
	}
	steps := first.Flows[0].Threads[0].Locations
	if len(steps) != 2 || steps[0].Location.Message.Text != "set by variable v" || steps[1].Location.Physical.Region.StartLine != 3 || first.Rank != 70 || first.Baseline != "new" {
		t.Errorf("got %+v", first)
	}
	if s := silenced.Suppressions[0]; s.Kind != "inSource" || s.Location.Physical.Region.StartLine != 2 {
		t.Errorf("got %+v", s)
	}
	if old.Baseline != "unchanged" || old.Suppressions[0].Kind != "external" {
		t.Errorf("got %+v", old)
	}
	if bare.Locations[0].Physical != nil || bare.Locations[0].Logical == nil {
		t.Errorf("got %+v", bare.Locations)
	}

	if got := read(writeGitHubSARIF).Results; len(got) != 2 {
		t.Errorf("%d results for GitHub", len(got))
	}
	small := *r.Findings[0].Finding
	small.Rule = &plinth.Rule{ID: "small", Title: "x", Severity: plinth.Low}
	r.Findings = nil
	for range sarifResults {
		r.Findings = append(r.Findings, Finding{".", &small})
	}
	r.Findings = append(r.Findings, Finding{".", &nowhere})
	run := read(writeGitHubSARIF)
	told := run.Invocations[0].Notifications
	if len(run.Results) != sarifResults || run.Results[0].RuleID != nowhere.Rule.ID || !strings.HasPrefix(told[len(told)-1].Message.Text, "1 results of the lowest severity are left out") {
		t.Errorf("%d results, %+v", len(run.Results), told)
	}
}
