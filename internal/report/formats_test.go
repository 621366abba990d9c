package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"strings"
	"testing"
	"time"

	"github.com/plinthsec/plinth"
)

func write(t *testing.T, f func(*bytes.Buffer) error) string {
	t.Helper()
	var b bytes.Buffer
	if err := f(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestJUnit reads the report as a CI service does: counts agree with what is in it, and every case is of one kind.
func TestJUnit(t *testing.T) {
	text := write(t, func(b *bytes.Buffer) error { return writeJUnit(b, sample(), Options{}) })
	var out junitSuites
	if err := xml.Unmarshal([]byte(text), &out); err != nil {
		t.Fatal(err)
	}
	tests, failures, errors, skipped := 0, 0, 0, 0
	for _, s := range out.Suites {
		if s.Tests != len(s.Cases) {
			t.Errorf("suite %s says %d tests and has %d", s.Name, s.Tests, len(s.Cases))
		}
		tests += s.Tests
		for _, c := range s.Cases {
			if c.Failure != nil {
				failures++
			}
			if c.Error != nil {
				errors++
			}
			if c.Skipped != nil {
				skipped++
			}
		}
	}
	if tests != out.Tests || failures != out.Failures || errors != out.Errors || failures != 1 || errors != 1 || skipped != 2 {
		t.Errorf("%d tests, %d failures, %d errors, %d skipped: %s", tests, failures, errors, skipped, text)
	}
	if !strings.Contains(text, `name="infra/a b/main.tf"`) || strings.Contains(text, "\x1b") {
		t.Errorf("paths are not from the repository's root, or control characters got through: %s", text)
	}
}

func TestGitLab(t *testing.T) {
	text := write(t, func(b *bytes.Buffer) error { return writeGitLab(b, sample(), Options{}) })
	var out []gitlabIssue
	if err := json.Unmarshal([]byte(text), &out); err != nil || len(out) != 1 {
		t.Fatal(err, text)
	}
	if i := out[0]; i.Severity != "critical" || i.Location.Path != "infra/a b/main.tf" || i.Location.Lines.Begin != 3 || len(i.Fingerprint) != 32 {
		t.Errorf("got %+v", i)
	}
}

// TestGitHub shows that no text of the target ends a workflow command or begins one.
func TestGitHub(t *testing.T) {
	r := sample()
	r.Findings[0].Message = "100%\n::set-env name=X::y"
	r.Findings[0].At.Path = "a,b:c\n.tf"
	text := write(t, func(b *bytes.Buffer) error { return writeGitHub(b, r, Options{}) })
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) != 2 {
		t.Fatalf("%d lines: %s", len(lines), text)
	}
	if want := "::error file=infra/a%2Cb%3Ac%0A.tf,line=3,endLine=3,title=aws-s3-versioning (high)%3A S3 bucket keeps no earlier versions::100%25 ::set-env name=X::y%0Afix: Turn versioning on for the bucket."; lines[0] != want {
		t.Errorf("got  %s\nwant %s", lines[0], want)
	}
	if want := "::error file=infra/x.tf,line=9,title=could not be looked at (broken)::a block is not closed"; lines[1] != want {
		t.Errorf("got  %s\nwant %s", lines[1], want)
	}
}

// TestMarkdown shows that a name cannot become a mention, a link, HTML or the end of a cell.
func TestMarkdown(t *testing.T) {
	r := sample()
	r.Findings[0].Message = "@team <script> [x](y) | a\n# b"
	text := write(t, func(b *bytes.Buffer) error { return writeMarkdown(b, r, Options{}) })
	for _, bad := range []string{"@team", "<script>", "x](y)", " | a", "\n# b"} {
		if strings.Contains(text, bad) {
			t.Errorf("%q is in %s", bad, text)
		}
	}
	if !strings.Contains(text, "### Plinth: 1 high · 1 unknown · 1 suppressed") || !strings.Contains(text, "`infra/a b/main.tf:3`") {
		t.Errorf("got %s", text)
	}
	many := sample()
	for range 100_000 {
		many.Problems = append(many.Problems, Problem{".", plinth.Problem{Kind: plinth.Broken, Text: strings.Repeat("x", 100)}})
	}
	if text := write(t, func(b *bytes.Buffer) error { return writeMarkdown(b, many, Options{}) }); len(text) > 65_536 {
		t.Errorf("%d characters are too many for a comment", len(text))
	}
}

// TestHTML shows that the page asks for nothing from elsewhere and that no text of the target becomes HTML.
func TestHTML(t *testing.T) {
	r := sample()
	r.Findings[0].Message = `</div><img src=x onerror=alert(1)>`
	r.Problems[0].Text = `<script>alert(2)</script>`
	text := write(t, func(b *bytes.Buffer) error { return writeHTML(b, r, Options{}) })
	for _, bad := range []string{"<img", "alert(2)</script>", "src=\"", "href=", "http://", "https://", "hunter22"} {
		if strings.Contains(text, bad) {
			t.Errorf("%q is in the page", bad)
		}
	}
	for _, want := range []string{"S3 bucket keeps no earlier versions", "Content-Security-Policy", "CKV_AWS_21", "var.status", "test bucket"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in the page", want)
		}
	}
}

// TestHTMLOverview reads what the page says before the findings, and where it folds problems away.
func TestHTMLOverview(t *testing.T) {
	r := sample()
	other := *r.Findings[0].Finding
	other.Key, other.At = "k7", plinth.Location{Path: "c/d/e/f.tf", Line: 1}
	advice := other
	advice.Key, advice.Rule = "k8", &plinth.Rule{ID: "advice", Title: "Advice"}
	r.Findings = append(r.Findings, Finding{".", &other}, Finding{".", &advice})
	r.Targets[0].Title = "shop"
	r.Problems = append(r.Problems, Problem{".", plinth.Problem{Kind: plinth.NotDownloaded, At: plinth.Location{Path: "m.tf"}, Text: "a module is missing"}})
	text := write(t, func(b *bytes.Buffer) error { return writeHTML(b, r, Options{}) })
	for _, want := range []string{
		"<title>Plinth · shop</title>", "<b>1 place could not be looked at</b>", `data-folder="c/d"`, `data-folder="a b"`,
		`<details class="fold" open><summary>Could not be looked at <span class="bad">broken 1</span>`, `<details class="fold"><summary>Not looked at <span class="soft">not-downloaded 1</span>`,
		"<code>m.tf</code>", `data-severity="info" aria-pressed="false"`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in the page", want)
		}
	}
	if strings.Contains(text, time.Now().UTC().Format(time.DateOnly)) {
		t.Error("the page changes from day to day")
	}
	junit := func(o Options) string {
		return write(t, func(b *bytes.Buffer) error { return writeJUnit(b, r, o) })
	}
	if strings.Contains(junit(Options{}), "advice") || !strings.Contains(junit(Options{Wide: true}), "advice") {
		t.Error("advice is a failed test only where everything is asked for")
	}
}
