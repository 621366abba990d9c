package least_test

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/document"
	"github.com/plinthsec/plinth/internal/golden"
	"github.com/plinthsec/plinth/internal/iam"
	"github.com/plinthsec/plinth/internal/iam/account"
	"github.com/plinthsec/plinth/internal/iam/least"
	"github.com/plinthsec/plinth/internal/read/cloudformation"
	"github.com/plinthsec/plinth/internal/read/terraform"
	"github.com/plinthsec/plinth/internal/trial/trialtest"
)

// TestProposals writes the proposal for each workload of a folder, and evaluates it again: all that it says it needs it allows, and it
// makes nobody an administrator.
func TestProposals(t *testing.T) {
	facts, err := least.Load()
	if err != nil {
		t.Fatal(err)
	}
	golden.Run(t, "testdata/*.txtar", func(t *testing.T, files map[string]string) string {
		e := estate(t, files)
		var source []least.File
		for _, name := range []string{"src/handler.py", "src/index.ts"} {
			if text, ok := files[name]; ok && path.Dir(name) == "src" {
				source = append(source, least.File{Path: name, Text: []byte(text)})
			}
		}
		var b strings.Builder
		for _, r := range e.Graph().Resources() {
			for _, run := range e.Runs(r) {
				code := source
				if folder, _, _ := e.Code(r); folder == "" {
					code = nil
				}
				p := least.For(e, facts, r, run.Role, code)
				fmt.Fprintf(&b, "%s as %s, guessed %v\n", r.Label(), run.Role.Resource.Label(), p.Guessed)
				for _, n := range p.Needs {
					fmt.Fprintf(&b, "  %s on %s\n", strings.Join(n.Actions, " "), strings.Join(n.Resources, " "))
					for _, s := range n.Because {
						fmt.Fprintf(&b, "    %s:%d %s\n", s.At.Path, s.At.Line, s.Note)
					}
				}
				prove(t, e, &p)
			}
		}
		return b.String()
	})
}

func estate(t *testing.T, files map[string]string) *account.Estate {
	t.Helper()
	e, err := account.New(trialtest.Graph(t, files, cloudformation.New(), terraform.New()))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func prove(t *testing.T, e *account.Estate, p *least.Proposal) {
	t.Helper()
	var doc plinth.Value
	var parser document.Parser
	for _, problem := range parser.Parse("policy.json", p.Policy(), func(d document.Document) { doc = d.Value }) {
		t.Error(problem.Text)
	}
	policy, problems := iam.NewCompiler(e.Services()).Compile("proposal", doc)
	if len(problems) > 0 {
		t.Error(problems)
	}
	own := &iam.Policies{Identity: []*iam.Policy{policy}}
	for _, n := range p.Needs {
		for _, a := range n.Actions {
			if strings.HasPrefix(a, "kms:") {
				continue // the key's own policy decides as well
			}
			if !slices.ContainsFunc(n.Resources, func(on string) bool {
				q := &iam.Request{Principal: p.Role.Principal, Action: e.Services().Action(a), Resource: on, Account: p.Role.Account, Context: iam.Open(nil)}
				return iam.Decide(q, own).Result == iam.Allowed
			}) {
				t.Errorf("the proposal does not allow %s on %v", a, n.Resources)
			}
		}
	}
	if when, _ := iam.Admin(e.Services(), p.Role.Principal, own, iam.Open(nil)); !when.Never() {
		t.Error("the proposal makes an administrator")
	}
}
