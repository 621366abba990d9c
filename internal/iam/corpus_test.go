package iam

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// corpusCase is a case of a suite in the form of plinth iam eval.
type corpusCase struct {
	ID      string
	Request struct {
		Principal, Action, Resource string
		Account                     string `json:"resource_account"`
		Context                     map[string]any
	}
	Identity, Boundary, Endpoint []any
	Session, Resource            any
	SCP, RCP                     [][]any
	Mode, Expect                 string
	Conditions                   [][]string
}

// corpora returns a folder of cases that other people wrote, and skips where they are not on this machine.
func corpora(t testing.TB, name string) []corpusCase {
	t.Helper()
	root := os.Getenv("PLINTH_CORPORA")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared", "corpora")
	}
	text, err := os.ReadFile(filepath.Join(root, "graph", name, "cases.json"))
	if err != nil {
		t.Skip("the corpora are not here; PLINTH_CORPORA names their folder")
	}
	var out []corpusCase
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func (c *corpusCase) build(t testing.TB, compiler *Compiler) (*Request, *Policies) {
	keys := map[string][]string{}
	for k, v := range c.Request.Context {
		for _, one := range refList(v) {
			keys[k] = append(keys[k], one.(string))
		}
	}
	r := refCase{
		Principal: c.Request.Principal, Action: c.Request.Action, Resource: c.Request.Resource, Account: c.Request.Account, Context: keys,
		Identity: c.Identity, Boundary: c.Boundary, Endpoint: c.Endpoint, ResourcePolicy: c.Resource, SCP: c.SCP, RCP: c.RCP,
	}
	if c.Session != nil {
		r.Session = []any{c.Session}
	}
	q, p := r.build(t, compiler)
	if c.Mode == "symbolic" {
		q.Context = Open(keys)
	}
	return q, p
}

// TestCorpora holds the score: all cases of both suites.
func TestCorpora(t *testing.T) {
	for _, suite := range []struct {
		name  string
		right int
	}{{"iam-eval-own", 105}, {"iamspy", 19}} {
		t.Run(suite.name, func(t *testing.T) {
			compiler := NewCompiler(testServices(t))
			right := 0
			for _, c := range corpora(t, suite.name) {
				q, p := c.build(t, compiler)
				a := Decide(q, p)
				if got := a.Result.String(); got != c.Expect && (c.Expect != "denied" || a.Result == Allowed) {
					t.Logf("%s: want %s, got %s", c.ID, c.Expect, got)
					continue
				}
				if c.Conditions != nil && a.Result == Allowed && !slices.Equal(flat(c.Conditions), flat(a.When.Strings())) {
					t.Logf("%s: want %v, got %v", c.ID, c.Conditions, a.When)
					continue
				}
				right++
			}
			if right != suite.right {
				t.Errorf("%d cases are right, %d were", right, suite.right)
			}
		})
	}
}

func flat(terms [][]string) []string {
	var out []string
	for _, t := range terms {
		t = slices.Clone(t)
		slices.Sort(t)
		out = append(out, strings.ToLower(strings.Join(t, " and ")))
	}
	slices.Sort(out)
	return out
}
