package bind

import (
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/iam"
	"github.com/plinthsec/plinth/internal/iam/account"
)

const githubIssuer = "token.actions.githubusercontent.com"

// pipelines tells which roles of AWS a GitHub workflow gets by its token: those that a step asks for and whose trust policy lets
// tokens of GitHub in. Whether the repository is the one that the policy names is not known from its files, so that is a condition.
func (w *scene) pipelines() {
	for _, r := range w.Resources() {
		if r.Type != "github/Workflow" {
			continue
		}
		jobs, _ := r.Props.Get("jobs")
		for _, j := range jobs.Fields() {
			if !issues(r.Props, j.Value) {
				continue
			}
			steps, _ := j.Value.Get("steps")
			for _, s := range steps.List() {
				action, _, _ := strings.Cut(textAt(s, "uses"), "@")
				if asks, ok := s.At("with", "role-to-assume"); ok && action == "aws-actions/configure-aws-credentials" {
					w.assumed(r, asks)
				}
			}
		}
	}
}

// issues tells whether a job may ask for a token.
func issues(workflow, job plinth.Value) bool {
	for _, scope := range []plinth.Value{job, workflow} {
		p, ok := scope.Get("permissions")
		if !ok {
			continue
		}
		return p.Str() == "write-all" || textAt(p, "id-token") == "write"
	}
	return false
}

func (w *scene) assumed(r *plinth.Resource, asks plinth.Value) {
	for _, role := range w.rolesNamed(substitute(asks.Str(), nil)) {
		for _, n := range w.estate.Named(role.Resource) {
			arn, ok := strings.CutPrefix(n, "Federated:")
			if !ok || !strings.HasSuffix(arn, githubIssuer) {
				continue
			}
			who := iam.Principal{Kind: iam.Federated, ARN: arn, Account: role.Account}
			answer := w.estate.Trust(role, who, map[string][]string{githubIssuer + ":aud": {"sts.amazonaws.com"}})
			if answer.Result != iam.Allowed {
				continue
			}
			for _, proof := range answer.Allows {
				w.to.Relation(plinth.Relation{
					From: r.ID, To: role.ID, Kind: plinth.Assume, Permissions: []string{webIdentity}, When: answer.When.Strings(),
					Evidence: []plinth.Step{
						step(r, r.Place(asks), costIdentity, "a step of the workflow asks for role "+role.Resource.Name),
						account.Step(proof, webIdentity, role.Resource.Decl.Address),
					},
				})
			}
		}
	}
}
