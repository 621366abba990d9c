package rule

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/plinthsec/plinth"
)

const good = `id: aws-s3-versioning          # what is asked
aliases: [CKV_AWS_21, "kics:1", 'AWS-0090',   # three
  Long-Name]
title: S3 bucket keeps no earlier versions
why: A deleted object is gone.
fix: Turn versioning on.
severity: medium
cwe: [CWE-693]
controls: ["cis-aws-3.0:2.1.2"]
attack: [T1485]
on:
  - AWS::S3::Bucket
  - "AWS::S3::Other"
when: "p.?BucketName.orValue('') != 'x'"
fail: "p.?VersioningConfiguration.?Status.orValue('') != 'Enabled'"
message: "versioning is {{VersioningConfiguration.Status}} in {{src p.VersioningConfiguration}}"
examples:
  bad:
    - cloudformation: |
        Resources: {}
  good:
    - terraform: {main.tf: "a", x/y.tf: "b"}
`

func set(t *testing.T, text string) *Set {
	t.Helper()
	s, err := Load(fstest.MapFS{"a/rule.yaml": {Data: []byte(text)}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestLoad(t *testing.T) {
	s := set(t, good)
	if problems := s.Check(nil); len(problems) > 0 {
		t.Fatal(problems)
	}
	rules := s.ByType("AWS::S3::Other", func(p plinth.Problem) { t.Error(p) })
	if len(rules) != 1 || s.Find("ckv_aws_21") != rules[0] || s.Find("LONG-NAME") != rules[0] || s.Find("aws-s3-versioning") != rules[0] {
		t.Fatalf("not found: %v", rules)
	}
	if near := s.Nearest("aws-s3-versionin"); near != "aws-s3-versioning" {
		t.Errorf("nearest is %q", near)
	}
	r := rules[0]
	if diff := cmp.Diff([]string{"VersioningConfiguration", "Status"}, r.At); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"CKV_AWS_21", "kics:1", "AWS-0090", "Long-Name"}, r.Aliases); diff != "" {
		t.Error(diff)
	}
	if len(r.Message) != 4 || !r.Message[3].Name || !r.Message[3].Root {
		t.Errorf("message %+v", r.Message)
	}
	examples, _ := r.Examples()
	if len(examples) != 2 || !examples[0].Bad || examples[0].Files["template.yaml"] == "" || examples[1].Files["x/y.tf"] != "b" {
		t.Errorf("examples %+v", examples)
	}
}

func TestFaults(t *testing.T) {
	for _, c := range []struct{ from, to, want string }{
		{"severity: medium", "severity: bad", "7:1: there is no severity bad; there are info, low, medium, high and critical"},
		{"severity: medium", "severty: medium", "1:1: the rule has no severity\n7:1: there is no field severty; the nearest is severity"},
		{"'x'\"", "'x'\"\neach: A..B", "15:1: A..B is no property path, as A.B[].C"},
		{"p.?BucketName.orValue('')", "q.?BucketName.orValue('')", "14:8: when: there is no variable q; the nearest is p"},
		{"orValue('') != 'Enabled'", "orValu('') != 'Enabled'", "15:49: fail: there is no function orValu; the nearest is orValue"},
		{"    - terraform: {main.tf: \"a\", x/y.tf: \"b\"}", "    - teraform: x", "22:7: there is no form teraform of examples; the nearest is terraform"},
		{"\"kics:1\"", "ckv_aws_21", "2:23: ckv_aws_21 stands twice in aliases"},
		{"title: S3 bucket keeps no earlier versions", "title: S3 bucket.", "4:1: the title is one line without a full stop"},
		{"cwe: [CWE-693]", "cwe: [693]", "8:7: cwe holds texts"},
		{"{{src p.VersioningConfiguration}}", "{{src p", "16:1: the message has a {{ without }}"},
		{"\n  good:\n    - terraform: {main.tf: \"a\", x/y.tf: \"b\"}\n", "\n", "17:1: the rule has no good example"},
		{"fail: \"p.?VersioningConfiguration.?Status.orValue('') != 'Enabled'\"", "fail: |\n  true &&\n  nope(p)", "17:7: fail: there is no function nope"},
	} {
		text := strings.Replace(good, c.from, c.to, 1)
		if text == good {
			t.Fatalf("%s is not in the rule", c.from)
		}
		var got []string
		for _, p := range set(t, text).Check(nil) {
			got = append(got, strings.TrimPrefix(Faults{p}.Error(), "a/rule.yaml:"))
		}
		if diff := cmp.Diff(c.want, strings.Join(got, "\n")); diff != "" {
			t.Errorf("%s instead of %s (-want +got)\n%s", c.to, c.from, diff)
		}
	}
}

func TestSelect(t *testing.T) {
	fsys := fstest.MapFS{}
	for _, id := range []string{"aws-a-b", "aws-a-c", "k8s-d"} {
		fsys[id+".yaml"] = &fstest.MapFile{Data: []byte("id: " + id + "\naliases: [X-" + id + "]\non: T\n")}
	}
	s, err := Load(fsys)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		only, skip []string
		want       string
	}{
		{nil, nil, "aws-a-b aws-a-c k8s-d"},
		{[]string{"x-AWS-a-b", "k8s-d"}, nil, "aws-a-b k8s-d"},
		{[]string{"misconfig"}, []string{"aws-*"}, "k8s-d"},
		{[]string{"secret"}, nil, ""},
		{[]string{"aws-a-d"}, nil, `error: there is no rule or engine "aws-a-d"; the nearest is aws-a-b`},
	} {
		got := ""
		if chosen, err := s.Select(c.only, c.skip, []string{"misconfig", "secret"}); err != nil {
			got = "error: " + err.Error()
		} else {
			for _, e := range chosen.entries {
				got += " " + e.id
			}
		}
		if got = strings.TrimSpace(got); got != c.want {
			t.Errorf("only %v skip %v: %s, want %s", c.only, c.skip, got, c.want)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(good)
	f.Add("id: [\non: {a: b}\nfail: '{{'")
	f.Fuzz(func(t *testing.T, text string) {
		e := newEntry("a.yaml", text, &environments{})
		r, problems := e.load()
		if r == nil && len(problems) == 0 {
			t.Fatal("no rule and no problem")
		}
		e.examples()
	})
}
