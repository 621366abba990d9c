package bind

import (
	"regexp"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/iam"
	"github.com/plinthsec/plinth/internal/iam/account"
)

const githubIssuer = "token.actions.githubusercontent.com"

// pipelines tells which roles of AWS a pipeline gets by its token: those that a step asks for and whose trust policy lets tokens of
// the service in. Whether the repository is the one that the policy names is not known from its files, so that is a condition.
func (w *scene) pipelines() {
	for _, r := range w.Resources() {
		if r.Type != "github/Workflow" {
			w.otherPipeline(r)
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
					w.assumed(r, asks, substitute(asks.Str(), nil), issuer{githubIssuer, []string{"sts.amazonaws.com"}, "workflow"})
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

// issuer is who signs the tokens of a pipeline: how its name begins, and the audiences that the pipeline asks for, if it says them.
type issuer struct {
	name      string
	audiences []string
	word      string // for what it signs for, in evidence
}

// signs tells whether the identity provider of an ARN stands for the issuer.
func (x issuer) signs(provider string) bool {
	_, host, ok := strings.Cut(provider, ":oidc-provider/")
	return ok && (host == x.name || strings.HasPrefix(host, x.name+"/"))
}

// The issuers, as AWS knows them: https://docs.gitlab.com/ci/cloud_services/aws, https://circleci.com/docs/openid-connect-tokens,
// https://support.atlassian.com/bitbucket-cloud/docs/deploy-on-aws-using-bitbucket-pipelines-openid-connect. A GitLab of one's own has
// another name, which its files do not tell.
const (
	gitlabIssuer    = "gitlab.com"
	circleIssuer    = "oidc.circleci.com/org"
	bitbucketIssuer = "api.bitbucket.org/2.0/workspaces"
)

var roleForm = regexp.MustCompile(`arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]+`)

// otherPipeline tells which roles the pipelines of other services ask for: those whose ARN stands where a token of the service is at hand.
func (w *scene) otherPipeline(r *plinth.Resource) {
	switch r.Type {
	case "gitlab/Pipeline":
		shared, _ := r.Props.Get("variables")
		for _, j := range r.Props.Fields() {
			ids, ok := j.Value.Get("id_tokens")
			if !ok {
				continue
			}
			who := issuer{name: gitlabIssuer, word: "pipeline"}
			for _, t := range ids.Fields() {
				if aud := textAt(t.Value, "aud"); aud != "" && !strings.Contains(aud, "$") {
					who.audiences = append(who.audiences, aud)
				}
			}
			w.asked(r, j.Value, who, 0)
			w.asked(r, shared, who, 0)
		}
	case "circleci/Pipeline":
		if strings.Contains(r.Source.Str(), "CIRCLE_OIDC_TOKEN") || strings.Contains(r.Source.Str(), "circleci/aws-cli") {
			w.asked(r, r.Props, issuer{name: circleIssuer, word: "pipeline"}, 0)
		}
	case "bitbucket/Pipeline":
		if strings.Contains(r.Source.Str(), "oidc: true") {
			w.asked(r, r.Props, issuer{name: bitbucketIssuer, word: "pipeline"}, 0)
		}
	}
}

const maxNested = 30 // how deep a pipeline file is looked into; the deepest of the services has about ten levels

// asked looks for ARNs of roles in a part of a pipeline.
func (w *scene) asked(r *plinth.Resource, v plinth.Value, who issuer, depth int) {
	if depth > maxNested {
		return
	}
	for _, f := range v.Fields() {
		w.asked(r, f.Value, who, depth+1)
	}
	for _, x := range v.List() {
		w.asked(r, x, who, depth+1)
	}
	if v.Kind() == plinth.String {
		for _, arn := range roleForm.FindAllString(v.Str(), -1) {
			w.assumed(r, v, arn, who)
		}
	}
}

func (w *scene) assumed(r *plinth.Resource, asks plinth.Value, wanted string, by issuer) {
	for _, role := range w.rolesNamed(wanted) {
		for _, n := range w.estate.Named(role.Resource) {
			arn, ok := strings.CutPrefix(n, "Federated:")
			if !ok || !by.signs(arn) {
				continue
			}
			who := iam.Principal{Kind: iam.Federated, ARN: arn, Account: role.Account}
			known := map[string][]string{}
			if _, host, _ := strings.Cut(arn, ":oidc-provider/"); len(by.audiences) > 0 {
				known[host+":aud"] = by.audiences
			}
			answer := w.estate.Trust(role, who, known)
			if answer.Result != iam.Allowed {
				continue
			}
			for _, proof := range answer.Allows {
				w.to.Relation(plinth.Relation{
					From: r.ID, To: role.ID, Kind: plinth.Assume, Permissions: []string{webIdentity}, When: answer.When.Strings(),
					Evidence: []plinth.Step{
						step(r, r.Place(asks), costIdentity, "a step of the "+by.word+" asks for role "+role.Resource.Name),
						account.Step(proof, webIdentity, role.Resource.Decl.Address),
					},
				})
			}
		}
	}
}
