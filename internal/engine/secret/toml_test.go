package secret

import (
	"context"
	"errors"
	"io/fs"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/rules"
)

func ours(t testing.TB) *Set {
	t.Helper()
	set, err := Load(rules.Secrets())
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// found returns "rule path" of each finding, with - before those that are silenced.
func found(t testing.TB, set *Set, files map[string]string) []string {
	t.Helper()
	e := New(set)
	for p, text := range files {
		e.File(p, []byte(text), func(p plinth.Problem) { t.Error(p) })
	}
	var out []string
	if _, err := e.Check(context.Background(), nil, 1, func(f plinth.Finding) {
		mark := ""
		if f.Suppressed != nil {
			mark = "-"
		}
		out = append(out, mark+f.Rule.ID+" "+f.At.Path)
	}, func(p plinth.Problem) { t.Error(p) }); err != nil {
		t.Fatal(err)
	}
	sort.Strings(out)
	return out
}

func TestConfig(t *testing.T) {
	none := func(string) ([]byte, error) { return nil, fs.ErrNotExist }
	for _, tc := range []struct {
		name, config string
		files        map[string]string
		want         []string
	}{
		{"secret group and entropy", `
[[rules]]
id = "acme"
description = "Acme key."
regex = '''(?i)acme_(key|pin)\s*=\s*"([0-9a-z]{12})"'''
secretGroup = 2
entropy = 3.0
keywords = ["ACME"]
`, map[string]string{"a.env": `ACME_KEY = "q8vd2mz0kr3t"`, "b.env": `ACME_KEY = "aaaaaaaaaaaa"`, "c.env": `OTHER = "q8vd2mz0kr3t"`}, []string{"acme a.env"}},
		{"first group that holds something", `
[[rules]]
id = "acme"
regex = '''acme=(?:"([a-z]+)"|([0-9]+))'''
`, map[string]string{"a": `acme=1234`}, []string{"acme a"}},
		{"a path alone", `
[[rules]]
id = "store"
path = '''\.keystore$'''
`, map[string]string{"x/a.keystore": "\x00\x01", "b.txt": "a"}, []string{"store x/a.keystore"}},
		{"a path and a regex", `
[[rules]]
id = "acme"
regex = '''acme-[0-9]{4}'''
path = '''\.env$'''
`, map[string]string{"a.env": "acme-1234", "a.txt": "acme-1234"}, []string{"acme a.env"}},
		{
			"allow lists", `
[allowlist]
paths = ['''^vendor/''']
[[rules]]
id = "acme"
regex = '''acme-[0-9a-z]{4}'''
  [[rules.allowlists]]
  condition = "AND"
  paths = ['''_test\.go$''']
  regexes = ['''acme-0''']
  [[rules.allowlists]]
  regexTarget = "line"
  regexes = ['''# sample''']
  stopwords = ["fake"]
`,
			map[string]string{"vendor/a": "acme-1234", "a_test.go": "acme-0abc", "b_test.go": "acme-1abc", "c.go": "acme-0abd", "d.go": "acme-9999 # sample", "e.go": "acme-fake"},
			[]string{"-acme a_test.go", "-acme d.go", "-acme e.go", "-acme vendor/a", "acme b_test.go", "acme c.go"},
		},
		{"companions", `
[[rules]]
id = "id"
regex = '''id-[0-9]{4}'''
  [[rules.required]]
  id = "pin"
  withinLines = 2
[[rules]]
id = "pin"
regex = '''pin-[0-9]{4}'''
skipReport = true
`, map[string]string{"near": "id-1111\n\npin-2222", "far": "id-1112\n\n\n\npin-2222", "alone": "id-1113", "other": "pin-1234"}, []string{"id near"}},
		{"our rules stand for the default ones", `
[extend]
useDefault = true
disabledRules = ["gitlab-pat"]
[allowlist]
stopwords = ["known"]
[[rules]]
id = "github-pat"
  [[rules.allowlists]]
  paths = ['''^docs/''']
`, map[string]string{"a": "glpat-" + "q8Vd2mZ0kR3tYx7Wb1nL", "b": "gh" + "p_q8Vd2mZ0kR3tYx7Wb1nLc5Pj9Hs4Fg6Kabcd", "docs/c": "gh" + "p_q8Vd2mZ0kR3tYx7Wb1nLc5Pj9Hs4Fg6Kabce"}, []string{"-github-token docs/c", "github-token b"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			set, err := Config("x.toml", []byte(tc.config), none, ours(t))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tc.want, found(t, set, tc.files)); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestConfigExtends(t *testing.T) {
	read := func(p string) ([]byte, error) {
		if !strings.HasSuffix(p, "base.toml") {
			return nil, fs.ErrNotExist
		}
		return []byte("[[rules]]\nid = 'a'\nregex = 'aaa-[0-9]'\n[[rules]]\nid = 'b'\nregex = 'bbb-[0-9]'\n"), nil
	}
	set, err := Config("dir/x.toml", []byte("[extend]\npath = 'base.toml'\ndisabledRules = ['b']\n[[rules]]\nid = 'a'\n[[rules.allowlists]]\nregexes = ['-7']\n[[rules]]\nid = 'c'\nregex = 'ccc'\n"), read, nil)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"-a y", "a x", "c z"}, found(t, set, map[string]string{"x": "aaa-1", "y": "aaa-7", "z": "ccc bbb-1"})); d != "" {
		t.Error(d)
	}
}

func TestConfigFaults(t *testing.T) {
	none := func(string) ([]byte, error) { return nil, errors.New("gone") }
	for _, tc := range []struct{ config, want string }{
		{"[[rules]\n", "x.toml:2"},
		{"[[rules]]\nid='a'\nregex='('\n", "rule a"},
		{"[[rules]]\nid='a'\nregex='a'\nsecretGroup=2\n", "secretGroup is 2"},
		{"[extend]\npath='y.toml'\n", "extends y.toml: gone"},
		{"[allowlist]\ncondition='XOR'\npaths=['a']\n", `"XOR"`},
	} {
		_, err := Config("x.toml", []byte(tc.config), none, nil)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%q: %v, want %s", tc.config, err, tc.want)
		}
	}
}

// FuzzConfig: no configuration and no text makes it panic.
func FuzzConfig(f *testing.F) {
	f.Add("[[rules]]\nid='a'\nregex='a(b)?'\nsecretGroup=1\nkeywords=['a']\n[[rules.required]]\nid='a'\n", "aab")
	f.Fuzz(func(t *testing.T, config, text string) {
		set, err := Config("x.toml", []byte(config), func(string) ([]byte, error) { return nil, fs.ErrNotExist }, newSet(nil))
		if err != nil {
			return
		}
		New(set).File("a", []byte(text), func(plinth.Problem) {})
	})
}
