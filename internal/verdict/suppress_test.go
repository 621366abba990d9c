package verdict

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/plinthsec/plinth"
)

// place numbers of the text in each case: the block begins at the line that holds "block", the deciding line holds "decides".
func TestComments(t *testing.T) {
	rule := &plinth.Rule{ID: "aws-x-open", Aliases: []string{"CKV_AWS_1", "AVD-AWS-0001", "aws-x-no-open", "kics:0000-1"}}
	for _, tc := range []struct {
		name, file, text string
		lacks            bool // the finding is about something that the block lacks
		want             string
	}{
		{"checkov inside the block", "a.tf", "block {\n  # checkov:skip=CKV_AWS_1: test bucket\n  decides = 1\n}\n", false, "test bucket"},
		{"checkov outside", "a.tf", "# checkov:skip=CKV_AWS_1: test\nblock {\n  decides = 1\n}\n", false, ""},
		{"behind the line, other case", "a.tf", "block {\n  decides = 1 #trivy:ignore:avd-aws-0001\n}\n", false, "no reason given"},
		{"above the line", "a.tf", "block {\n  # tfsec:ignore:aws-x-no-open\n  decides = 1\n}\n", false, "no reason given"},
		{"above another line", "a.tf", "block {\n  # tfsec:ignore:aws-x-no-open\n  other = 1\n  decides = 1\n}\n", false, ""},
		{"above the block", "a.tf", "# trivy:ignore:AVD-AWS-0001\nblock {\n  other = 1\n}\n", true, "no reason given"},
		{"above the block, another comment between", "a.tf", "# trivy:ignore:AVD-AWS-0001\n# why it is so\n\nblock {\n  decides = 1\n}\n", false, "no reason given"},
		{"on the block", "a.tf", "block { // tfsec:ignore:aws-x-*\n  decides = 1\n}\n", false, "no reason given"},
		{"two on one line", "a.tf", "block {\n  decides = 1 #tfsec:ignore:other tfsec:ignore:aws-x-no-open\n}\n", false, "no reason given"},
		{"above an inner block", "a.tf", "block {\n  # trivy:ignore:AVD-AWS-0001\n  inner {\n    a = [\n      decides,\n    ]\n  }\n}\n", false, "no reason given"},
		{"above an earlier inner block", "a.tf", "block {\n  # trivy:ignore:AVD-AWS-0001\n  inner {\n    a = 1\n  }\n  decides = 1\n}\n", false, ""},
		{"ended", "a.tf", "# trivy:ignore:AVD-AWS-0001:exp:2020-01-01\nblock {\n  decides = 1\n}\n", false, ""},
		{"not ended", "a.tf", "# trivy:ignore:AVD-AWS-0001:exp:2999-01-01\nblock {\n  decides = 1\n}\n", false, "no reason given"},
		{"in a string", "a.tf", "block {\n  decides = \"# trivy:ignore:AVD-AWS-0001\"\n}\n", false, ""},
		{"another rule", "a.tf", "# trivy:ignore:AVD-AWS-0002\nblock {\n  decides = 1\n}\n", false, ""},
		{"kics, next line", "a.tf", "block {\n  # kics-scan ignore-line\n  decides = 1\n}\n", false, "no reason given"},
		{"kics, next block", "a.tf", "# kics-scan ignore-block\nblock {\n  decides = 1\n}\n", false, "no reason given"},
		{"kics, whole file", "a.tf", "# kics-scan disable=1111-2,0000-1\n\nblock {\n  decides = 1\n}\n", false, "no reason given"},
		{"own form", "a.tf", "# plinth:ignore aws-x-open until=2999-01-01 why=\"behind the VPN\"\nblock {\n  decides = 1\n}\n", false, "behind the VPN"},
		{"own form without a reason", "a.tf", "# plinth:ignore aws-x-open\nblock {\n  decides = 1\n}\n", false, ""},
		{"Dockerfile, above FROM", "Dockerfile", "# trivy:ignore:AVD-AWS-0001\nblock alpine\nRUN x\n", true, "no reason given"},
		{"YAML, above the first key of a map", "a.yaml", "block:\n  list:\n    # trivy:ignore:AVD-AWS-0001\n    - name: a\n      decides: 1\n", false, ""},
		{"YAML, above a key", "a.yaml", "block:\n  # trivy:ignore:AVD-AWS-0001\n  map:\n    decides: 1\n", false, "no reason given"},
		{"CRLF", "a.tf", "block {\r\n  decides = 1 # trivy:ignore:AVD-AWS-0001\r\n}\r\n", false, "no reason given"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			lines := strings.Split(tc.text, "\n")
			decl := &plinth.Declaration{At: plinth.Location{Path: tc.file, EndLine: int32(len(lines) - 1)}}
			at := plinth.Location{Path: tc.file}
			for i, l := range lines {
				n := int32(i + 1)
				if strings.HasPrefix(l, "block") {
					decl.At.Line = n
					decl.Header = plinth.Location{Path: tc.file, Line: n, EndLine: n}
				}
				if strings.Contains(l, "decides") {
					at.Line, at.EndLine = n, n
				}
			}
			if tc.lacks {
				at = decl.Header
			}
			list := []plinth.Finding{{Rule: rule, Decl: decl, At: at, Verdict: plinth.Fail}}
			Comments{Read: func(string) ([]byte, error) { return []byte(tc.text), nil }, Today: "2026-01-01", Problem: func(plinth.Problem) {}}.Suppress(list)
			got := ""
			if s := list[0].Suppressed; s != nil {
				got = s.Why
			}
			if got != tc.want {
				t.Errorf("suppressed because %q, want %q", got, tc.want)
			}
		})
	}
}

// TestModuleCalls: a comment on a call silences everything below it, in every instance.
func TestModuleCalls(t *testing.T) {
	rule := &plinth.Rule{ID: "aws-x-open"}
	files := map[string]string{"main.tf": "# plinth:ignore aws-x-open why=\"cache\"\nmodule \"cache\" {\n  count = 2\n}\nmodule \"db\" {\n}\n"}
	find := func(line, end int32) plinth.Finding {
		decl := &plinth.Declaration{At: plinth.Location{Path: "m/main.tf", Line: 1, EndLine: 3}, Callers: []plinth.Location{{Path: "main.tf", Line: line, EndLine: end}}}
		return plinth.Finding{Rule: rule, Decl: decl, At: plinth.Location{Path: "m/main.tf", Line: 2, EndLine: 2}, Verdict: plinth.Fail}
	}
	list := []plinth.Finding{find(2, 4), find(5, 6)}
	read := func(p string) ([]byte, error) {
		if s, ok := files[p]; ok {
			return []byte(s), nil
		}
		return nil, errors.New("no file")
	}
	Comments{Read: read, Today: "2026-01-01", Problem: func(p plinth.Problem) { t.Error(p) }}.Suppress(list)
	if got := fmt.Sprint(list[0].Suppressed != nil, list[1].Suppressed != nil); got != "true false" {
		t.Error(got)
	}
}

// TestUnused tells the comments that name a rule that ran and silence nothing, and no others.
func TestUnused(t *testing.T) {
	rule := &plinth.Rule{ID: "aws-x-open", Aliases: []string{"CKV_AWS_1"}}
	text := "a = 1 # checkov:skip=CKV_AWS_1:known\nb = 1 # checkov:skip=CKV_AWS_1:gone\nc = 1 # checkov:skip=CKV_OTHER_9:not ours\nd = 1 # kics-scan ignore-line\n"
	at := plinth.Location{Path: "a.tf", Line: 1, EndLine: 1}
	list := []plinth.Finding{{Rule: rule, Decl: &plinth.Declaration{At: at, Header: at}, At: at, Verdict: plinth.Fail}}
	var told []string
	Comments{
		Read: func(string) ([]byte, error) { return []byte(text), nil }, Today: "2026-01-01", Files: []string{"a.tf"},
		Knows:   func(id string) bool { return id == "ckv_aws_1" },
		Problem: func(p plinth.Problem) { told = append(told, fmt.Sprintf("%s %d %s", p.Kind, p.At.Line, p.Text)) },
	}.Suppress(list)
	if want := []string{"unused 2 the suppression of ckv_aws_1 silences nothing"}; !slices.Equal(told, want) {
		t.Errorf("got %q, want %q", told, want)
	}
}

func FuzzNotes(f *testing.F) {
	f.Add("a.tf", []byte("# trivy:ignore:X\nblock {\n  a = \"}\" # checkov:skip=Y:z\n}\n# kics-scan ignore-block\n"))
	f.Add("a.yaml", []byte("# plinth:ignore x why=\"\"\na:\n  - b: c\n"))
	f.Fuzz(func(_ *testing.T, name string, data []byte) { notes(name, data) })
}
