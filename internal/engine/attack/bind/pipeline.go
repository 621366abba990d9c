package bind

import (
	"path"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/iam"
	"github.com/plinthsec/plinth/internal/iam/account"
	"github.com/plinthsec/plinth/internal/lazy"
)

const githubIssuer = "token.actions.githubusercontent.com"

// pipelines tells which roles of AWS, and service accounts of Google, a pipeline gets by its token: those that a step asks for and whose
// policy lets tokens of the service in. Whether the repository is the one that the policy names is not known from its files, so that is a condition.
func (w *scene) pipelines() {
	files := map[string]*plinth.Resource{}
	for _, r := range w.Resources() {
		if r.Type == "github/Workflow" || r.Type == "github/Action" {
			files[r.Decl.At.Path] = r
		}
	}
	for _, r := range w.Resources() {
		if r.Type != "github/Workflow" {
			w.otherPipeline(r)
			continue
		}
		c := caller{scene: w, workflow: r, files: files}
		jobs, _ := r.Props.Get("jobs")
		for _, j := range jobs.Fields() {
			if issues(r.Props, j.Value) {
				c.job(j.Value, nil, 0)
			}
		}
	}
}

const (
	maxCalls  = 6    // how deep workflows and actions of a repository call each other; the service allows four workflows
	maxCalled = 1000 // calls that are followed from one workflow
)

// caller is a workflow, and the files of its repository that it may call.
type caller struct {
	*scene
	workflow *plinth.Resource
	files    map[string]*plinth.Resource
	called   int
}

// job tells which roles a job asks for, whose token may be issued: in its steps, in the local actions that they use, and in the local
// workflow that it calls. Given are the inputs of the file that it stands in.
func (c *caller) job(j plinth.Value, given map[string]plinth.Value, depth int) {
	steps, _ := j.Get("steps")
	c.steps(steps, given, depth)
	callee := c.local(textAt(j, "uses"))
	if callee == nil || callee.Type != "github/Workflow" || depth > maxCalls {
		return
	}
	with, _ := j.Get("with")
	next := handed(with, given)
	jobs, _ := callee.Props.Get("jobs")
	for _, inner := range jobs.Fields() {
		_, own := inner.Value.Get("permissions")
		_, all := callee.Props.Get("permissions")
		if own || all { // a called workflow may only lower what it is given
			if !issues(callee.Props, inner.Value) {
				continue
			}
		}
		c.job(inner.Value, next, depth+1)
	}
}

func (c *caller) steps(steps plinth.Value, given map[string]plinth.Value, depth int) {
	for _, s := range steps.List() {
		uses := textAt(s, "uses")
		action, _, _ := strings.Cut(uses, "@")
		with, _ := s.Get("with")
		if asks, wanted, ok := named(with, "role-to-assume", given); ok && action == "aws-actions/configure-aws-credentials" {
			c.assumed(c.workflow, asks, wanted, issuer{githubIssuer, []string{"sts.amazonaws.com"}, "workflow"})
		}
		if asks, wanted, ok := named(with, "service_account", given); ok && action == "google-github-actions/auth" {
			c.actsAs(asks, wanted)
		}
		if callee := c.local(uses); callee != nil && callee.Type == "github/Action" && depth <= maxCalls {
			inner, _ := callee.Props.At("runs", "steps")
			c.steps(inner, handed(with, given), depth+1)
		}
	}
}

// named returns what an input names once the inputs of its file are put in, and where that is written.
func named(with plinth.Value, input string, given map[string]plinth.Value) (asks plinth.Value, wanted string, ok bool) {
	if asks, ok = with.Get(input); !ok {
		return asks, "", false
	}
	texts := map[string]string{}
	for name, v := range given {
		texts[name] = v.Str()
	}
	wanted = substitute(asks.Str(), texts)
	if m := expression.FindStringSubmatch(asks.Str()); m != nil && given[m[1]].Origin() != nil {
		asks = given[m[1]]
	}
	return asks, wanted, true
}

// local returns the file of the repository that a uses names, nil where it names another repository.
func (c *caller) local(uses string) *plinth.Resource {
	root, _, ok := strings.Cut("/"+c.workflow.Decl.At.Path, "/.github/")
	if !ok || !strings.HasPrefix(uses, "./") && !strings.HasPrefix(uses, "$/") || c.called >= maxCalled {
		return nil
	}
	c.called++
	name := path.Join(strings.TrimPrefix(root, "/"), uses[2:])
	for _, file := range []string{name, path.Join(name, "action.yml"), path.Join(name, "action.yaml")} {
		if r := c.files[file]; r != nil {
			return r
		}
	}
	return nil
}

// handed are the inputs of a file that is called, as its caller gives them.
func handed(with plinth.Value, given map[string]plinth.Value) map[string]plinth.Value {
	texts := map[string]string{}
	for name, v := range given {
		texts[name] = v.Str()
	}
	out := map[string]plinth.Value{}
	for _, f := range with.Fields() {
		from := f.Value.Origin()
		if m := expression.FindStringSubmatch(f.Value.Str()); m != nil && given[m[1]].Origin() != nil {
			from = given[m[1]].Origin()
		}
		out["inputs."+f.Key] = plinth.StringOf(substitute(f.Value.Str(), texts)).WithOrigin(from)
	}
	return out
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

var roleForm = lazy.New(`arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]+`)

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
