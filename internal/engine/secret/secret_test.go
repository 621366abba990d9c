package secret

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/tree"
	"github.com/plinthsec/plinth/rules"
)

// Tokens of the right form that nobody issued, in two pieces, since hosts of repositories refuse whole ones.
const (
	gitlab = "glpat" + "-q8Vd2mZ0kR3tYx7Wb1nL"
	second = "glpat" + "-Zr7Kc4Qm1Tx9Wv2Nb8Hd"
)

// look returns the findings in one file.
func look(t *testing.T, path, text string) []plinth.Finding {
	t.Helper()
	e := New(ours(t))
	e.File(path, []byte(text), func(p plinth.Problem) { t.Error(p) })
	return reported(t, e)
}

func reported(t *testing.T, e *Engine) []plinth.Finding {
	t.Helper()
	var out []plinth.Finding
	if _, err := e.Check(context.Background(), nil, 1, func(f plinth.Finding) { out = append(out, f) }, func(p plinth.Problem) { t.Error(p) }); err != nil {
		t.Fatal(err)
	}
	return out
}

func utf16le(s string) string {
	var b strings.Builder
	b.WriteString("\xff\xfe")
	for _, u := range utf16.Encode([]rune(s)) {
		b.WriteByte(byte(u))
		b.WriteByte(byte(u >> 8))
	}
	return b.String()
}

func TestPlaces(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		want       []plinth.Location
	}{
		{"plain", "a\n  t = '" + gitlab + "'", []plinth.Location{{Path: "x", Line: 2, Col: 8, EndLine: 2, EndCol: 34}}},
		{"two of a line", gitlab + " " + second, []plinth.Location{{Path: "x", Line: 1, Col: 1, EndLine: 1, EndCol: 27}, {Path: "x", Line: 1, Col: 28, EndLine: 1, EndCol: 54}}},
		{"escaped", `"a\n` + gitlab + `\n"`, []plinth.Location{{Path: "x", Line: 1, Col: 5, EndLine: 1, EndCol: 31}}},
		{"a longer word", "x" + gitlab, nil},
		{"UTF-16", utf16le("a\r\nb = " + gitlab + "\r\n"), []plinth.Location{{Path: "x", Line: 2, Col: 5, EndLine: 2, EndCol: 31}}},
		{"base64", "k: " + base64.StdEncoding.EncodeToString([]byte("token="+gitlab+"\n")), []plinth.Location{{Path: "x", Line: 1, Col: 4, EndLine: 1, EndCol: 48}}},
		{"base64 of base64", base64.StdEncoding.EncodeToString([]byte("a = " + base64.StdEncoding.EncodeToString([]byte("token="+gitlab)))), []plinth.Location{{Path: "x", Line: 1, Col: 1, EndLine: 1, EndCol: 65}}},
		{"percent", "u=%67lpat%2D" + gitlab[6:] + "\n", []plinth.Location{{Path: "x", Line: 1, Col: 1, EndLine: 1, EndCol: 33}}},
		{"unicode escapes", `"\u0067lpat` + gitlab[5:] + `"`, []plinth.Location{{Path: "x", Line: 1, Col: 1, EndLine: 1, EndCol: 34}}},
		{"output of a notebook", "{\"cells\": [{\"outputs\": [{\"text\": [\n \"token: " + gitlab + "\\n\"]}]}]}", []plinth.Location{{Path: "x", Line: 2, Col: 10, EndLine: 2, EndCol: 36}}},
		{"binary", "\x00\x01" + gitlab, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got []plinth.Location
			for _, f := range look(t, "x", tc.text) {
				got = append(got, f.At)
			}
			if d := cmp.Diff(tc.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestSameSecret: a secret that stands several times in a file is one finding.
func TestSameSecret(t *testing.T) {
	list := look(t, "x", "a = "+gitlab+"\nb = "+second+"\nc = "+gitlab+"\n")
	if len(list) != 2 {
		t.Fatalf("%d findings, want 2", len(list))
	}
	for _, f := range list {
		if f.At.Line == 1 && (len(f.Evidence) != 1 || f.Evidence[0].At.Line != 3) {
			t.Errorf("evidence %v", f.Evidence)
		}
		if f.Path == "" || strings.Contains(f.Message, gitlab[8:20]) || strings.Contains(f.Message, second[8:20]) {
			t.Errorf("message %q, hash %q", f.Message, f.Path)
		}
	}
}

func TestRedact(t *testing.T) {
	for in, want := range map[string]string{"": "…", "short": "…", "eightchr": "ei…", "fifteen-letters": "fi…", "sixteen-letters!": "sixt…ers!", "ab\x00d------------": "ab.d…----"} {
		if got := redact([]byte(in)); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestAllowed(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		silent     bool
	}{
		{"none", "a = " + gitlab, false},
		{"gitleaks", "a = " + gitlab + " # gitleaks:allow", true},
		{"with a reason", "a = " + gitlab + " // gitleaks:allow it is revoked", true},
		{"detect-secrets", "a = " + gitlab + " # pragma: allowlist secret", true},
		{"trufflehog", "a = " + gitlab + " # trufflehog:ignore", true},
		{"the next line", "# pragma: allowlist nextline secret\na = " + gitlab, true},
		{"two lines below", "# pragma: allowlist nextline secret\n\na = " + gitlab, false},
		{"the line above says nothing", "# gitleaks:allow\na = " + gitlab, false},
	} {
		list := look(t, "x", tc.text)
		if len(list) != 1 || (list[0].Suppressed != nil) != tc.silent {
			t.Errorf("%s: %v", tc.name, list)
		}
	}
	e := New(ours(t))
	e.Plain = true
	e.File("x", []byte("a = "+gitlab+" # gitleaks:allow"), func(plinth.Problem) {})
	if list := reported(t, e); len(list) != 1 || list[0].Suppressed != nil {
		t.Errorf("a comment of a repository that is not trusted counts: %v", list)
	}
}

// TestNoSecrets holds kinds of texts that were taken for secrets in public repositories.
func TestNoSecrets(t *testing.T) {
	for name, tc := range map[string]struct{ path, text string }{
		"encrypted by SOPS":             {"a.yaml", "client_secret: ENC[AES256_GCM,data:Zm9yZ2V0MDl3aGF0MTd5b3UzOXNhdzQ4aGVyZTU3b25lMjY=,iv:MTIzNGE1Njc4YjkwMTJjMzQ1NmQ3ODkw,tag:aGk0dGhlcmUyYWdhaW4zOQ==,type:str]\n"},
		"a reference to other settings": {"a.json", `{"password": "PrivateSettingsRef:serverPassword"}`},
		"what a task replaces":          {"a.json", `{"password": "__orders-database-password__"}`},
		"a token of a request":          {"a.json", `{"ClientRequestToken": "3f2b8c1e-7d64-4a90-9e21-5bc0d7f8a613", "ChangeToken": "91be7a40-02cd-4f6e-8a35-d1e9c4b7f028"}`},
		"an attribute in code":          {"a.tf", `key = "k8s_core_v1_secret_map.till.data"`},
		"a kind of label":               {"a.yaml", `key: "b4k3ry.example.org/purpose"`},
		"the name of a Secret":          {"a.yaml", "kind: Secret\nmetadata:\n  name: bakerycharts\n"},
	} {
		if list := look(t, tc.path, tc.text); len(list) != 0 {
			t.Errorf("%s: %s %s", name, list[0].Rule.ID, list[0].Message)
		}
	}
	certificate := "kind: Secret\ndata:\n  ca: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUJ4VENDQVd1Z0F3SUJBZ0lVZk5h\n"
	if list := look(t, "a.yaml", certificate); len(list) != 1 || list[0].Rule.Severity != plinth.Info {
		t.Errorf("a certificate: %v", list)
	}
}

func TestKnown(t *testing.T) {
	var told []string
	known := IgnoreFile(".gitleaksignore", []byte("# comment\r\n\r\na.txt:gitlab-pat:1\r\n"+strings.Repeat("a", 40)+":b.txt:gitlab-pat:1\nnonsense\n"), func(p plinth.Problem) { told = append(told, p.Text) })
	if len(told) != 1 {
		t.Errorf("problems %v", told)
	}
	base, err := Baseline("old.json", []byte(`[{"RuleID":"gitlab-pat","File":"c.txt","StartLine":1,"Fingerprint":"c.txt:gitlab-pat:1"},{"RuleID":"gitlab-pat","File":"d.txt","StartLine":1}]`))
	if err != nil {
		t.Fatal(err)
	}
	known.Join(base)
	rules := ours(t)
	var got []string
	for _, name := range []string{"a.txt", "b.txt", "c.txt", "d.txt", "e.txt"} {
		e := New(rules)
		e.Known = known
		e.File(name, []byte("x "+gitlab), func(plinth.Problem) {})
		for _, f := range reported(t, e) {
			by := ""
			if f.Suppressed != nil {
				by = f.Suppressed.By
			}
			got = append(got, f.At.Path+" "+by)
		}
	}
	if d := cmp.Diff([]string{"a.txt config", "b.txt ", "c.txt baseline", "d.txt baseline", "e.txt "}, got); d != "" {
		t.Error(d)
	}
}

// TestElsewhere: a finding tells of the other places of its secret, in its file and in others.
func TestElsewhere(t *testing.T) {
	e := New(ours(t))
	e.File("c.txt", []byte("x "+gitlab+"\ny "+gitlab), func(plinth.Problem) {})
	e.File("a.txt", []byte("x "+gitlab+" # gitleaks:allow\n"+gitlab), func(plinth.Problem) {})
	e.File("d.txt", []byte("x "+second), func(plinth.Problem) {})
	var got []string
	for _, f := range reported(t, e) {
		line := fmt.Sprintf("%s:%d", f.At.Path, f.At.Line)
		for _, s := range f.Evidence {
			line += fmt.Sprintf(", %s:%d %s", s.At.Path, s.At.Line, s.Note)
		}
		got = append(got, line)
	}
	slices.Sort(got)
	want := []string{
		"a.txt:2, a.txt:1 the same secret, silenced there: gitleaks:allow, c.txt:1 the same secret in another file",
		"c.txt:1, c.txt:2 the same secret, a.txt:2 the same secret in another file",
		"d.txt:1",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestHistory: a secret of several objects is one finding, at its first commit.
func TestHistory(t *testing.T) {
	e := New(ours(t))
	problem := func(p plinth.Problem) { t.Error(p) }
	for _, o := range []tree.Object{{ID: "1", Path: "new.env", Data: []byte("T=" + gitlab)}, {ID: "2", Path: "old.env", Data: []byte("\nT=" + gitlab)}, {ID: "3", Message: true, Data: []byte("use " + second)}} {
		if !e.Object(o, problem) {
			t.Errorf("nothing in object %s", o.ID)
		}
	}
	if e.Object(tree.Object{ID: "4", Path: "a", Data: []byte("nothing")}, problem) {
		t.Error("something in nothing")
	}
	e.Origin("1", tree.Origin{Path: "new.env", Commit: "c2", Author: "B", Date: "2026-02-01", InHead: true})
	e.Origin("2", tree.Origin{Path: "old.env", Commit: "c1", Author: "A", Date: "2026-01-01"})
	e.Origin("3", tree.Origin{Path: tree.MessagePath, Commit: "c3", Author: "C", Date: "2026-03-01"})
	var got []string
	for _, f := range reported(t, e) {
		got = append(got, f.At.Path+" "+f.Commit+" "+f.Evidence[0].Note)
	}
	want := []string{"old.env c1 commit c1 by A on 2026-01-01; still in HEAD", tree.MessagePath + " c3 commit c3 by C on 2026-03-01; in the message of the commit"}
	if got[0] != want[0] {
		got[0], got[1] = got[1], got[0]
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestHostile: texts that are made of beginnings of secrets end in a problem, not in an hour.
func TestHostile(t *testing.T) {
	for _, piece := range []string{"-eyJ", "secret ", "aiven ", "AAAA", "password=", "glpat-", "-----BEGIN "} {
		e := New(ours(t))
		e.File("x", []byte(strings.Repeat(piece, 50_000)), func(plinth.Problem) {})
		reported(t, e)
	}
}

// FuzzFile: no text makes the engine panic, and no finding lies outside the text or shows a secret.
func FuzzFile(f *testing.F) {
	f.Add("a.yaml", "password: "+gitlab+"\n-----BEGIN PRIVATE KEY-----\nAAAA")
	f.Add("x", "curl -u 'a:b' -H \"Authorization: Basic YTpi\" https://a:b@c/%67%")
	set, err := Load(rules.Secrets())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, path, text string) {
		e := New(set)
		e.File(path, []byte(text), func(plinth.Problem) {})
		if _, err := e.Check(context.Background(), nil, 1, func(x plinth.Finding) {
			if x.At.EndLine < x.At.Line || int(x.At.Line) > strings.Count(text, "\n")+2+len(text) {
				t.Errorf("place %v", x.At)
			}
		}, func(plinth.Problem) {}); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzRule: no rule file makes the reader panic, and a rule that it takes can be run.
func FuzzRule(f *testing.F) {
	f.Add("id: a-b\ntitle: T\nseverity: high\nopens: o\nrevoke: r\nfind:\n  keywords: [abc]\n  token: 'abc[0-9]{3,5}(-x)?'\n", "abc1234")
	f.Add("id: a-b\ntitle: T\nseverity: high\nopens: o\nrevoke: r\nfind:\n  keywords: [abc]\n  regex: 'abc(?P<secret>.)'\n  within: block\ncheck:\n  entropy: 3\n", "abcd")
	f.Fuzz(func(t *testing.T, file, text string) {
		r, problems := readRule("x.yaml", file, headingOf(file))
		if r == nil {
			if len(problems) == 0 {
				t.Error("neither a rule nor a problem")
			}
			return
		}
		New(Only(r)).File("a", []byte(text), func(plinth.Problem) {})
	})
}

// TestHalf: the id of a key is no alarm of its own beside its secret; alone it is one.
func TestHalf(t *testing.T) {
	id, key := "AKIA"+"QX4ZT7WVP2MKD3RB", "wQ7/pLm2Zr9"+"TbN4vXc8Jd1Kf6Hs0GyUaE3RiOq5W"
	for text, want := range map[string]string{
		"AWS_ACCESS_KEY_ID=" + id + "\nAWS_SECRET_ACCESS_KEY=" + key + "\n": "info",
		"AWS_ACCESS_KEY_ID=" + id + "\n":                                    "high",
	} {
		got := ""
		for _, f := range look(t, "ci.env", text) {
			if f.Rule.ID == "aws-access-key" {
				got = f.Rule.Severity.String()
			}
		}
		if got != want {
			t.Errorf("the id in %q: %q, want %q", text, got, want)
		}
	}
	for id, want := range map[string]string{"AKIA" + "QX4ZT7WVP2MKD3RB": "051324911018", "AKIA" + "IOSFODNN7ABCDEFG": "", "AKIA" + "7777777777777777": ""} {
		if got := awsAccount([]byte(id)); got != want || got != "" && len(got) != 12 {
			t.Errorf("the account of %s is %q, want %q", id, got, want)
		}
	}
}
