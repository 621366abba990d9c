package verdict

import (
	"fmt"
	"testing"

	"github.com/plinthsec/plinth"
)

func TestBaseline(t *testing.T) {
	list := Sort([]plinth.Finding{finding("dev", "a.b", "p", 3), finding("dev", "a.c", "p", 9), finding("dev", "a.d", "p", 12)})
	report := `{"schema":"plinth.report/1","findings":[{"key":"` + list[0].Key + `","suppressed":null},{"key":"` + list[1].Key + `","suppressed":{"by":"comment"}}]}`
	b, err := ReadBaseline("old.json", []byte(report))
	if err != nil {
		t.Fatal(err)
	}
	b.Suppress(list, "2026-01-01")
	if list[0].Suppressed == nil || list[0].Suppressed.By != "baseline" || list[1].Suppressed != nil || list[2].Suppressed != nil {
		t.Errorf("%v %v %v", list[0].Suppressed, list[1].Suppressed, list[2].Suppressed)
	}
	for _, bad := range []string{"", "[]", "{}", `{"schema":"other"}`} {
		if _, err := ReadBaseline("x", []byte(bad)); err == nil {
			t.Errorf("%q is taken for a baseline", bad)
		}
	}
}

// TestBaselineFile writes a baseline, reads it again, and takes out what is gone.
func TestBaselineFile(t *testing.T) {
	list := Sort([]plinth.Finding{finding("dev", "a.b", "p", 3), finding("dev", "a.c", "p", 9)})
	text, err := NewBaseline("2026-01-01", list).JSON()
	if err != nil {
		t.Fatal(err)
	}
	b, err := ReadBaseline("base.json", text)
	if err != nil || b.Created != "2026-01-01" || len(b.Known) != 2 || b.Known[0].Resource == "" {
		t.Fatal(err, b)
	}
	gone := b.Prune(list[:1])
	if len(gone) != 1 || len(b.Known) != 1 || b.Known[0].Key != list[0].Key {
		t.Errorf("gone %v, left %v", gone, b.Known)
	}
	b.Suppress(list, "2026-01-01")
	if list[0].Suppressed == nil {
		t.Error("the finding that is left is not known")
	}
}

// TestPeers reads the files in which peers keep what is accepted.
func TestPeers(t *testing.T) {
	open := &plinth.Rule{ID: "aws-x-open", Aliases: []string{"CKV_AWS_1", "AVD-AWS-0001"}}
	at := func(path, address string) plinth.Finding {
		return plinth.Finding{Rule: open, At: plinth.Location{Path: path, Line: 1}, Decl: &plinth.Declaration{Address: address}, Verdict: plinth.Fail}
	}
	for _, tc := range []struct{ name, text, want string }{
		{"b.json", `{"failed_checks": [{"file": "/a/main.tf", "findings": [{"resource": "aws_x.y", "check_ids": ["CKV_AWS_1"]}]}]}`, "true false false true"},
		{".trivyignore", "# ours\nAVD-AWS-0001\n", "true true true true"},
		{".trivyignore", "AVD-AWS-0001 exp:2025-12-31\n", "false false false false"},
		{".trivyignore", "AVD-AWS-0001 exp:2026-01-01 # soon\n", "true true true true"},
		{".trivyignore.yaml", "misconfigurations:\n  - id: AVD-AWS-0001\n    paths: [\"b/**\"]\n    statement: old\n", "false false true false"},
	} {
		b, err := ReadBaseline(tc.name, []byte(tc.text))
		if err != nil {
			t.Fatal(tc.name, err)
		}
		list := []plinth.Finding{at("a/main.tf", "aws_x.y"), at("a/main.tf", "aws_x.z"), at("b/main.tf", "aws_x.y"), at("a/main.tf", "module.m.aws_x.y")}
		b.Suppress(list, "2026-01-01")
		got := fmt.Sprint(list[0].Suppressed != nil, list[1].Suppressed != nil, list[2].Suppressed != nil, list[3].Suppressed != nil)
		if got != tc.want {
			t.Errorf("%s %q: %s, want %s", tc.name, tc.text, got, tc.want)
		}
	}
	if _, err := ReadBaseline(".trivyignore.yaml", []byte("misconfigurations:\n  - id: A\n    expired_at: soon\n")); err == nil {
		t.Error("a wrong date is taken")
	}
}

func TestAccepted(t *testing.T) {
	list := Sort([]plinth.Finding{finding("dev", "a.b", "p", 3), finding("dev", "module.m[0].a.b", "p", 9)})
	a := Accept("config", []plinth.Exception{
		{Rules: []string{list[0].Rule.ID}, Resources: []string{"module.*.a.b"}, Why: "old", At: plinth.Location{Path: "plinth.yaml", Line: 3}},
		{Rules: []string{"nothing-*"}, Why: "x", At: plinth.Location{Path: "plinth.yaml", Line: 4}},
		{Rules: []string{"*"}, Why: "x", Until: "2025-06-30", At: plinth.Location{Path: "plinth.yaml", Line: 5}},
	})
	a.Suppress(list, "2026-01-01")
	silent := 0
	for _, f := range list {
		if f.Suppressed != nil {
			silent++
			if f.Decl.Address != "module.m[0].a.b" || f.Suppressed.By != "config" {
				t.Errorf("silenced %s by %s", f.Decl.Address, f.Suppressed.By)
			}
		}
	}
	var lines []int32
	a.Unused("2026-01-01", func(p plinth.Problem) { lines = append(lines, p.At.Line) })
	if silent != 1 || fmt.Sprint(lines) != "[4 5]" {
		t.Errorf("%d silenced, unused on lines %v", silent, lines)
	}
}
