package pipeline

import (
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/lazy"
)

// toProduction are names of stages, jobs and environments that put something into production.
var toProduction = lazy.New(`(?i)(?:deploy|release|publish|promote|roll ?out|ship|push|apply).*\b(?:prod|production|live)\b|\b(?:prod|production|live)\b.*(?:deploy|release|roll ?out|apply)|^(?:prod|production)(?:/.*)?$`)

// production tells whether a name speaks of production.
func production(name string) bool {
	return toProduction.MatchString(strings.NewReplacer("_", " ", "-", " ").Replace(name))
}

// deploys are commands that change what runs somewhere.
var deploys = lazy.New(`(?:^|[\s;&|(])(?:kubectl\s+(?:-\S+\s+\S+\s+)*(?:apply|set\s+image|rollout\s+restart)|helm\s+(?:upgrade|install)|(?:terraform|tofu)\s+(?:-\S+\s+)*apply|pulumi\s+up|(?:npx\s+)?cdk\s+deploy|(?:npx\s+)?(?:serverless|sls)\s+deploy|sam\s+deploy|gcloud\s+(?:\w+\s+)?(?:run|app|functions)\s+deploy|aws\s+(?:ecs\s+update-service|cloudformation\s+deploy|lambda\s+update-function-code|deploy\s+create-deployment)|az\s+(?:webapp|functionapp|containerapp)\s+(?:deploy\w*|up|update)|fly(?:ctl)?\s+deploy|firebase\s+deploy|wrangler\s+(?:deploy|publish)|cf\s+push|eb\s+deploy|docker\s+stack\s+deploy|argocd\s+app\s+sync)(?:\s|$)`)

// deployers are actions that do.
var deployers = []string{
	"google-github-actions/deploy-cloudrun", "google-github-actions/deploy-appengine", "google-github-actions/deploy-cloud-functions", "azure/webapps-deploy", "azure/functions-action",
	"azure/k8s-deploy", "aws-actions/amazon-ecs-deploy-task-definition", "aws-actions/aws-cloudformation-github-deploy", "aws-actions/aws-lambda-deploy", "serverless/github-action", "cloudflare/wrangler-action",
	"superfly/flyctl-actions", "akhileshns/heroku-deploy", "amondnet/vercel-action", "firebaseextended/action-hosting-deploy", "appleboy/ssh-action",
}

var (
	deploying = lazy.New(`(?i)deploy|release|prod|rollout`)
	trial     = lazy.New(`(?i)\bkind\b|minikube|k3d|k3s|microk8s|e2e|test|preview|staging|\bdev\b|\bpr\b`)
)

// approvals judges jobs of a workflow that deploy with no environment, at which somebody could be asked.
func (f *flow) approvals() {
	if f.only("pull_request") || f.only("workflow_call") {
		return
	}
	for _, j := range f.jobs {
		env := get(j.v, "environment")
		if env.Kind() == plinth.Map {
			env = get(env, "name")
		}
		if !env.IsNull() {
			if production(env.Str()) || env.Str() == "live" {
				f.add(sight{audit: "pipeline-missing-approval", severity: plinth.Info, at: f.first(env), path: pathOf(env), message: "environment " + env.Str() + ": whether it asks somebody is a setting of the repository"})
			}
			continue
		}
		names := j.name + " " + get(j.v, "name").Str()
		if about := names + " " + get(f.doc, "name").Str(); !deploying.MatchString(about) || trial.MatchString(about) {
			continue
		}
		for _, s := range j.steps {
			does := s.is(deployers...)
			for _, c := range f.commands(s.run) {
				does = does || deploys.MatchString(c.text) && !strings.Contains(c.text, "--dry-run")
			}
			if does {
				f.add(sight{audit: "pipeline-missing-approval", severity: plinth.Low, at: f.first(j.v), around: s.around, path: pathOf(j.v), message: "job " + j.name + " has no environment"})
				break
			}
		}
	}
}

var (
	// publishes is what puts out an image, a package or a release.
	publishes = lazy.New(`docker\s+(?:image\s+)?push\b|docker\s+buildx\s+build\b.*--push|(?:buildah|podman|crane|skopeo)\s+(?:push|copy)\b|kaniko/executor|uses:\s*["']?(?:softprops/action-gh-release|ncipollo/release-action|goreleaser/goreleaser-action|pypa/gh-action-pypi-publish|rubygems/release-gem|js-devtools/npm-publish)@|gh\s+release\s+create|(?:npm|pnpm|yarn)\s+publish\b|twine\s+upload|cargo\s+publish\b|gem\s+push\b|mvn\b.*\bdeploy\b|nuget\s+push\b|goreleaser\s+release`)
	// pushes is an action that builds an image and pushes it.
	pushes = lazy.New(`docker/build-push-action@`)
	signs  = lazy.New(`(?i)cosign|sigstore|attest|slsa-|notation\s+sign|docker\s+trust|--provenance|provenance:\s*(?:true|mode)|gpg|sign(?:ing)?[-_ ]key|minisign|signtool`)
	scans  = lazy.New(`(?i)trivy|grype|anchore|snyk|docker\s+scout|\bclair|prisma|twistcli|aquasec|checkov|codeql|semgrep|sonar|dependency-?check|osv-scanner|govulncheck|npm\s+audit|pnpm\s+audit|yarn\s+audit|pip-audit|safety\s+check|bundler?-audit|cargo\s+audit|cargo\s+deny|plinth|mend|whitesource|blackduck|veracode|container[-_]scanning|dependency[-_]scanning|sbom|syft|kics|wiz|orca|sysdig|qualys|dockle`)
)

// released gives advice on a pipeline that publishes: whether it signs or attests, and whether any pipeline of the target scans.
func (l *look) released() {
	at, word := l.publishes()
	if word == "" {
		return
	}
	if !signs.MatchString(l.whole) {
		l.add(sight{audit: "pipeline-missing-attestation", severity: plinth.Info, at: at, path: "attestation", message: word})
	}
	if !l.scanned() {
		l.add(sight{audit: "pipeline-missing-scan", severity: plinth.Info, at: at, path: "scan", message: word})
	}
}

// putting are words without which nothing is published: most lines have none.
var putting = []string{"push", "publish", "release", "upload", "kaniko", "deploy", "copy"}

// publishes finds the first line that publishes something, and what it says.
func (l *look) publishes() (plinth.Location, string) {
	for i, from := range l.start {
		line := l.line(int32(i + 1))
		if !slices.ContainsFunc(putting, func(w string) bool { return strings.Contains(line, w) }) {
			continue
		}
		if trimmed := strings.TrimSpace(line); strings.HasPrefix(trimmed, "#") || strings.HasPrefix(trimmed, "//") {
			continue
		}
		m := publishes.FindStringIndex(line)
		if m == nil && strings.Contains(l.whole, "push: true") {
			m = pushes.FindStringIndex(line)
		}
		if m != nil {
			return l.place(from+m[0], from+m[1]), line[m[0]:m[1]]
		}
	}
	return plinth.Location{}, ""
}

// scanned tells whether any pipeline of the target scans for weaknesses.
func (t *target) scanned() bool {
	if t.scans == nil {
		yes := false
		for _, l := range t.looks {
			yes = yes || scans.MatchString(l.whole)
		}
		t.scans = &yes
	}
	return *t.scans
}

// permitted judges a use by the lists of the configuration.
func (l *look) permitted(v plinth.Value, around plinth.Location) {
	e, uses := l.engine, strings.TrimSpace(v.Str())
	if len(e.Allow) == 0 && len(e.Deny) == 0 || uses == "" {
		return
	}
	is := func(pattern string) bool { return fits(pattern, uses) }
	if slices.ContainsFunc(e.Deny, is) || len(e.Allow) > 0 && !slices.ContainsFunc(e.Allow, is) {
		l.add(sight{audit: "pipeline-forbidden-uses", severity: plinth.High, at: l.content(v), around: around, path: pathOf(v), message: uses})
	}
}

// fits tells whether a use fits a pattern: OWNER/NAME with any version and any path inside, or with the version after @ or a colon. A *
// stands for any text. Letters' case does not matter.
func fits(pattern, uses string) bool {
	pattern, uses = strings.ToLower(pattern), strings.ToLower(uses)
	if strings.ContainsAny(pattern, "@") {
		return star(pattern, uses)
	}
	name, _, _ := strings.Cut(uses, "@")
	if !strings.Contains(pattern, ":") {
		name, _, _ = strings.Cut(name, ":")
	}
	return star(pattern, name) || star(pattern+"/*", name)
}

// star matches a pattern whose * stand for any text.
func star(pattern, text string) bool {
	head, rest, ok := strings.Cut(pattern, "*")
	if !ok {
		return pattern == text
	}
	text, ok = strings.CutPrefix(text, head)
	if !ok {
		return false
	}
	pieces := strings.Split(rest, "*")
	for _, p := range pieces[:len(pieces)-1] {
		i := strings.Index(text, p)
		if i < 0 {
			return false
		}
		text = text[i+len(p):]
	}
	return strings.HasSuffix(text, pieces[len(pieces)-1])
}
