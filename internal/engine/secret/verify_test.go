package secret_test

import (
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/engine/secret"
	"github.com/plinthsec/plinth/internal/engine/secret/verify"
	"github.com/plinthsec/plinth/rules"
)

// TestRecipes holds the recipes of all rules: they parse, and the machine that gets the secret is written out.
func TestRecipes(t *testing.T) {
	literal := regexp.MustCompile(`\n  url: '?https://([a-z0-9-]+\.)+[a-z]+[/?]`)
	count := 0
	for _, r := range load(t).All(func(p plinth.Problem) { t.Error(secret.Faults{p}) }) {
		if r.Recipe() == nil {
			continue
		}
		count++
		data, err := fs.ReadFile(rules.Secrets(), r.File)
		if err != nil || !literal.Match(data) {
			t.Errorf("%s: no literal https host (%v)", r.File, err)
		}
	}
	if count < 60 {
		t.Errorf("%d rules have a recipe", count)
	}
}

// answers is a provider that says the same to everybody.
type answers struct {
	status int
	asked  []string
}

func (a *answers) RoundTrip(r *http.Request) (*http.Response, error) {
	a.asked = append(a.asked, r.Method+" "+r.URL.Host+r.URL.Path)
	return &http.Response{StatusCode: a.status, Body: http.NoBody, Header: http.Header{}, Request: r}, nil
}

// TestVerify asks about one token in two files, once, and tells the answer at both, without the token.
func TestVerify(t *testing.T) {
	set := load(t)
	for _, c := range []struct {
		rule, prefix string
		status       int
		severity     plinth.Severity
		note         string
	}{
		{"github-fine-grained-token", "github_pat_", 200, plinth.Critical, "verified: live at api.github.com (status 200)"},
		{"github-fine-grained-token", "github_pat_", 401, plinth.Low, "verified: dead at api.github.com (status 401); so its severity is low, not critical"},
		{"github-fine-grained-token", "github_pat_", 502, plinth.Critical, "verified: unknown at api.github.com (status 502, which tells nothing of the secret)"},
		{"duffel-token", "duffel_", 200, plinth.Critical, "verified: live at api.duffel.com (status 200); so its severity is critical, not high"},
	} {
		r := set.Find(c.rule)
		found, _, problems := r.Examples()
		if len(problems) > 0 || len(found) == 0 {
			t.Fatal(problems)
		}
		text := string(found[0].Text)
		provider := &answers{status: c.status}
		e := secret.New(secret.Only(r))
		e.Verify = verify.New(provider)
		for _, name := range []string{"a.txt", "b.txt"} {
			e.File(name, found[0].Text, func(p plinth.Problem) { t.Error(p) })
		}
		var list []plinth.Finding
		if _, err := e.Check(context.Background(), nil, 0, func(f plinth.Finding) { list = append(list, f) }, nil); err != nil {
			t.Fatal(err)
		}
		if len(list) != 2 || len(provider.asked) != 1 || !strings.HasPrefix(provider.asked[0], "GET "+r.Recipe().Host()+"/") {
			t.Fatalf("%d findings, asked %q", len(list), provider.asked)
		}
		for _, f := range list {
			if f.Rule.Severity != c.severity {
				t.Errorf("%s, status %d: severity %s, want %s", c.rule, c.status, f.Rule.Severity, c.severity)
			}
			if !slices.ContainsFunc(f.Evidence, func(s plinth.Step) bool { return s.Note == c.note }) {
				t.Errorf("%s, status %d: evidence %v, want %q", c.rule, c.status, f.Evidence, c.note)
			}
			if i := strings.Index(text, c.prefix); strings.Contains(fmt.Sprint(f), text[i:i+len(c.prefix)+20]) {
				t.Error("the finding holds the secret")
			}
		}
	}
}
