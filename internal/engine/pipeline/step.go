package pipeline

import (
	"path"
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/lazy"
)

// archived are actions whose repositories are archived.
var archived = []string{
	"actions/setup-ruby", "actions/create-release", "actions/upload-release-asset", "actions-rs/audit-check", "actions-rs/cargo", "actions-rs/clippy-check",
	"actions-rs/components-nightly", "actions-rs/install", "actions-rs/tarpaulin", "actions-rs/toolchain", "andrewmcodes/rubocop-linter-action", "artichoke/setup-rust",
	"aws-actions/amazon-ecs-render-task-definition-archived", "azure/appconfiguration-sync", "azure/appservice-actions", "azure/container-scan", "azure/manifest-generation", "azure/publish-security-assessments",
	"azure/run-sqlpackage-action", "azure/spring-cloud-deploy", "azure/webapps-container-deploy", "cirrus-actions/rebase", "crazy-max/ghaction-docker-buildx", "decathlon/pull-request-labeler-action",
	"delaguardo/setup-graalvm", "dulvui/godot-android-export", "expo/expo-preview-action", "fabasoad/setup-zizmor-action", "facebook/pysa-action", "fregante/release-with-changelog", "github/ossar-action",
	"google/mirror-branch-action", "google/skywater-pdk-actions", "gradle/gradle-build-action", "grafana/k6-action", "helaili/github-graphql-action", "helaili/jekyll-action", "ilshidur/action-slack", "jakejarvis/backblaze-b2-action",
	"jakejarvis/cloudflare-purge-action", "jakejarvis/firebase-deploy-action", "jakejarvis/hugo-build-action", "jakejarvis/lighthouse-action", "jakejarvis/s3-sync-action", "justinribeiro/lighthouse-action", "kanadgupta/glitch-sync",
	"kxxt/chatgpt-action", "machine-learning-apps/wandb-action", "mansagroup/gcs-cache-action", "marvinpinto/action-automatic-releases", "marvinpinto/actions", "maxheld83/ghpages", "micnncim/action-lgtm-reaction", "mikepenz/gradle-dependency-submission",
	"orf/cargo-bloat-action", "paambaati/codeclimate-action", "primer/figma-action", "repo-sync/pull-request", "repo-sync/github-sync", "sagebind/docker-swarm-deploy-action", "scottbrenner/generate-changelog-action", "secrethub/actions", "semgrep/semgrep-action",
	"shaunlwm/action-release-debugapk", "sonarsource/sonarcloud-github-action", "stefanprodan/kube-tools", "swiftdocorg/github-wiki-publish-action", "tachiweb/actions-setup", "technote-space/auto-cancel-redundant-workflow", "technote-space/get-diff-action", "tibdex/github-app-token",
	"trmcnvn/chrome-addon", "whelk-io/maven-settings-xml-action", "w3f/parity-slack-notifier", "yeslayla/build-godot-action", "youyo/aws-cdk-github-actions", "z0al/dependent-issues", "8398a7/action-slack", "peaceiris/actions-label-commenter", "peaceiris/workflows",
}

// superfluous are actions for what the runner has already, with what does it.
var superfluous = map[string]string{
	"dtolnay/rust-toolchain": "rustup", "actions-rust-lang/setup-rust-toolchain": "rustup", "peter-evans/create-or-update-comment": "gh pr comment", "peter-evans/create-pull-request": "gh pr create",
	"softprops/action-gh-release": "gh release create", "ncipollo/release-action": "gh release create", "svenstaro/upload-release-action": "gh release upload", "actions-ecosystem/action-add-labels": "gh pr edit",
	"actions-ecosystem/action-remove-labels": "gh pr edit", "addnab/docker-run-action": "docker run", "elgohr/github-release-action": "gh release create", "addnab/assign-reviewers": "gh pr edit",
	"jwalton/gh-find-current-pr": "gh pr view", "marocchino/sticky-pull-request-comment": "gh pr comment", "juliangruber/read-file-action": "cat", "stefanzweifel/git-auto-commit-action": "git commit",
	"ad-m/github-push-action": "git push", "endbug/add-and-commit": "git commit", "crazy-max/ghaction-github-labeler": "gh label",
}

// installers are actions that install a tool, with the input that names its version.
var installers = map[string]string{
	"aquasecurity/setup-trivy": "version", "1password/load-secrets-action": "version", "1password/install-cli-action": "version", "goreleaser/goreleaser-action": "version", "golangci/golangci-lint-action": "version",
	"aquasecurity/trivy-action": "version", "anchore/scan-action": "grype-version", "anchore/sbom-action": "syft-version", "hashicorp/setup-packer": "version", "sigstore/cosign-installer": "", "cargo-bins/cargo-binstall": "",
}

func hash(ref string) bool {
	if len(ref) != 40 && len(ref) != 64 {
		return false
	}
	return strings.Trim(ref, "0123456789abcdefABCDEF") == ""
}

func local(uses string) bool { return strings.HasPrefix(uses, "./") || strings.HasPrefix(uses, "$/") }

// step judges one step.
func (f *flow) step(j *job, s *step) {
	if s.uses != "" {
		f.pinned(s.usesAt, s.around)
		f.knows(s.usesAt, s.around)
		f.used(j, s)
		f.keys(s)
		f.cached(j, s)
	}
	f.insecure(s.environment, s.around)
	f.debug(s.environment)
	f.shell(get(s.v, "shell"), s.around)
	f.condition(get(s.v, "if"), s.around)
	f.injected(j, s)
	f.merged(j, s)
	if s.run.Kind() == plinth.String {
		f.ran(j, s)
	}
}

// pinned judges whether what is used may change.
func (f *flow) pinned(v plinth.Value, around plinth.Location) {
	uses := strings.TrimSpace(v.Str())
	if image, ok := strings.CutPrefix(uses, "docker://"); ok {
		if !digested(image) {
			f.add(sight{audit: "pipeline-unpinned-images", severity: plinth.High, at: f.content(v), around: around, path: pathOf(v), message: image})
		}
		return
	}
	name, ref, _ := strings.Cut(uses, "@")
	if uses == "" || local(uses) || strings.Contains(uses, "${{") {
		return
	}
	f.permitted(v, around)
	if clean := path.Clean(name); clean != name {
		f.add(sight{audit: "pipeline-obfuscation", severity: plinth.Low, at: f.content(v), around: around, path: pathOf(v), message: uses})
	}
	if !hash(ref) {
		severity := plinth.High
		if owner, _, _ := strings.Cut(strings.ToLower(name), "/"); owner == ourselves || slices.Contains(f.look.known.Verified, owner) {
			severity = plinth.Medium
		}
		f.add(sight{audit: "pipeline-unpinned-uses", severity: severity, at: f.content(v), around: around, path: pathOf(v), message: uses})
	}
}

// used judges actions that are known.
func (f *flow) used(j *job, s *step) {
	name := strings.ToLower(s.uses)
	parts := strings.SplitN(name, "/", 3)
	if len(parts) > 2 {
		name = parts[0] + "/" + parts[1]
	}
	put := func(audit string, severity plinth.Severity, v plinth.Value, message string) {
		f.add(sight{audit: audit, severity: severity, at: f.content(v), around: s.around, path: pathOf(v), message: message})
	}
	if slices.Contains(archived, name) {
		put("pipeline-archived-uses", plinth.Medium, s.usesAt, s.uses)
	}
	if tool := superfluous[name]; tool != "" {
		put("pipeline-superfluous-actions", plinth.Info, s.usesAt, s.uses+" does what "+tool+" does")
	}
	if input := installers[name]; input != "" {
		switch v := fold(s.with, input); {
		case v.IsNull():
			put("pipeline-unpinned-tools", plinth.Medium, s.usesAt, "no "+input)
		case str(v) == "latest", strings.Contains(str(v), "${{"):
			f.add(sight{audit: "pipeline-unpinned-tools", severity: plinth.Medium, at: f.first(v), around: s.around, path: pathOf(v), message: str(v)})
		}
	}
	if v := get(s.v, "with"); v.Kind() == plinth.String {
		f.add(sight{audit: "pipeline-obfuscation", severity: plinth.Info, at: f.first(v), around: s.around, path: pathOf(v), message: "inputs that an expression makes"})
	}
	switch {
	case s.is("actions/checkout"):
		f.checkout(s)
	case s.is("actions/setup-python"):
		if v := fold(s.with, "pip-install"); !v.IsNull() {
			f.add(sight{audit: "pipeline-misfeature", severity: plinth.Low, at: f.first(v), around: s.around, path: pathOf(v), message: "pip-install"})
		}
	case s.is("actions/create-github-app-token", "tibdex/github-app-token"):
		f.app(s)
	case s.is("pypa/gh-action-pypi-publish", "rubygems/release-gem", "nuget/push", "js-devtools/npm-publish", "pypi/publish"):
		for _, input := range []string{"password", "token", "api-key", "api_key"} {
			if v := fold(s.with, input); !v.IsNull() {
				put("pipeline-trusted-publishing", plinth.Info, s.usesAt, s.uses)
				break
			}
		}
	}
}

func (f *flow) checkout(s *step) {
	at := f.first(s.v)
	if s.with.Kind() == plinth.String {
		f.add(sight{audit: "pipeline-artipacked", severity: plinth.Info, at: f.first(s.with), around: s.around, path: pathOf(s.with), message: "an expression decides"})
		return
	}
	severity := plinth.Medium
	if s.major() >= 6 {
		severity = plinth.Low
	}
	switch keep := strings.ToLower(strings.TrimSpace(str(fold(s.with, "persist-credentials")))); {
	case keep == "":
		f.add(sight{audit: "pipeline-artipacked", severity: severity, at: at, around: s.around, path: under(s.v, "persist-credentials")})
	case keep != "false":
		f.add(sight{audit: "pipeline-artipacked", severity: plinth.Info, at: at, around: s.around, path: under(s.v, "persist-credentials"), message: keep})
	}
}

func (f *flow) app(s *step) {
	why := ""
	switch {
	case slices.Contains([]string{"true", "1", "yes"}, strings.ToLower(str(fold(s.with, "skip-token-revoke")))):
		why = "the token is not revoked"
	case !fold(s.with, "owner").IsNull() && fold(s.with, "repositories").IsNull():
		why = "all repositories of the owner"
	case !slices.ContainsFunc(s.with.Fields(), func(x plinth.Field) bool { return strings.HasPrefix(strings.ToLower(x.Key), "permission") }):
		why = "all permissions of the app"
	default:
		return
	}
	f.add(sight{audit: "pipeline-github-app", severity: plinth.Medium, at: f.content(s.usesAt), around: s.around, path: pathOf(s.usesAt), message: why})
}

// shell judges the shell that runs scripts.
func (f *flow) shell(v plinth.Value, around plinth.Location) {
	name := strings.TrimSpace(str(v))
	if name == "" || strings.Contains(name, "${{") {
		return
	}
	word := strings.TrimSuffix(path.Base(strings.ReplaceAll(strings.Fields(name)[0], `\`, "/")), ".exe")
	switch {
	case word == "cmd":
		f.add(sight{audit: "pipeline-misfeature", severity: plinth.Low, at: f.first(v), around: around, path: pathOf(v), message: "shell: cmd"})
	case !slices.Contains([]string{"bash", "sh", "zsh", "fish", "pwsh", "powershell", "python", "python3", "perl", "node", "ruby"}, word):
		f.add(sight{audit: "pipeline-misfeature", severity: plinth.Info, at: f.first(v), around: around, path: pathOf(v), message: "shell: " + name})
	}
}

// insecure judges an env for insecure commands.
func (f *flow) insecure(env plinth.Value, around plinth.Location) {
	if env.Kind() == plinth.String {
		f.add(sight{audit: "pipeline-insecure-commands", severity: plinth.Info, at: f.first(env), around: around, path: pathOf(env), message: "an expression decides"})
		return
	}
	if v := get(env, "ACTIONS_ALLOW_UNSECURE_COMMANDS"); strings.EqualFold(strings.TrimSpace(str(v)), "true") {
		f.add(sight{audit: "pipeline-insecure-commands", severity: plinth.High, at: f.first(env), around: place(env), path: pathOf(v)})
	}
}

// debug judges variables that make the service log more.
func (l *look) debug(env plinth.Value) {
	for _, v := range env.Fields() {
		switch strings.ToLower(v.Key) {
		case "actions_step_debug", "actions_runner_debug", "system.debug", "ci_debug_trace", "ci_debug_services":
			value := v.Value
			if value.Kind() == plinth.Map {
				value = get(value, "value")
			}
			if s := strings.ToLower(str(value)); s == "true" || s == "1" {
				l.add(sight{audit: "pipeline-debug-enabled", severity: plinth.Low, at: l.first(v.Value), path: pathOf(v.Value), message: v.Key})
			}
		}
	}
}

var botActors = []string{"github.actor", "github.triggering_actor", "github.event.sender.login", "github.actor_id"}

// spoofable are references that an outsider decides, in a condition.
var spoofable = []string{"github.ref", "github.ref_name", "github.head_ref", "github.base_ref", "github.actor", "github.triggering_actor", "github.sha"}

// condition judges an if.
func (f *flow) condition(v plinth.Value, around plinth.Location) {
	if v.Kind() != plinth.String {
		return
	}
	whole := v.Str()
	if strings.Contains(whole, "${{") && !(strings.HasPrefix(whole, "${{") && strings.HasSuffix(whole, "}}") && len(f.text.expressions(v)) < 2) {
		f.add(sight{audit: "pipeline-unsound-condition", severity: plinth.High, at: f.first(v), around: around, path: pathOf(v)})
	}
	for _, x := range f.text.condition(v) {
		x.root.walk(func(n *node) {
			at := f.place(x.inner+n.from, min(x.inner+n.from+1, len(f.whole)))
			switch {
			case n.kind == call && n.text == "contains" && len(n.args) == 2 && n.args[0].kind == literal && n.args[0].quoted && n.args[1].kind == reference:
				severity := plinth.Info
				if ref := n.args[1].text; slices.Contains(spoofable, ref) || strings.HasPrefix(ref, "env.") || strings.HasPrefix(ref, "github.event.") || strings.HasPrefix(ref, "inputs.") {
					severity = plinth.High
				}
				f.add(sight{audit: "pipeline-unsound-contains", severity: severity, at: at, around: around, path: under(v, n.args[0].text+n.args[1].text), message: n.args[1].text})
			case n.kind == binary && n.text == "==":
				f.bot(v, n, at, around)
			}
		})
	}
}

func (f *flow) bot(v plinth.Value, n *node, at, around plinth.Location) {
	if trustsBot(n) {
		f.add(sight{audit: "pipeline-bot-conditions", severity: plinth.High, at: at, around: around, path: under(v, n.args[0].text), message: n.args[0].text + " == " + n.args[1].text})
	}
}

// botNumbers are the accounts of Dependabot, Renovate and the like.
var botNumbers = []string{"49699333", "27856297", "29139614"}

// trustsBot tells whether a comparison asks for the name of a bot where the last actor stands.
func trustsBot(n *node) bool {
	ref, name := n.args[0], n.args[1]
	if ref.kind == literal {
		ref, name = name, ref
	}
	known := strings.HasSuffix(strings.ToLower(name.text), "[bot]") || ref.text == "github.actor_id" && slices.Contains(botNumbers, name.text)
	return ref.kind == reference && slices.Contains(botActors, ref.text) && name.kind == literal && known
}

// publishers are commands that publish a package with a token.
var publishers = lazy.New(`(?:^|[\s;&|(])(?:(?:\S*/)?twine(?:==\S+)?\s+(?:\S+\s+)*?upload|(?:dotnet\s+)?nuget(?:\.exe)?\s+push|(?:uv|poetry|hatch|pdm|flit|cargo)\s+(?:-\S+\s+)*publish|(?:npm|pnpm|yarn|bun|lerna)\s+(?:npm\s+)?(?:-\S+\s+)*publish|gem\s+push|jsr\s+publish)(?:\s|$)`)

// adhoc are commands that install packages outside a lock file.
var adhoc = lazy.New(`(?:^|[\s;&|(])(?:(?:npm|pnpm)\s+(?:-\S+\s+)*(?:install|i|add)\s+(?:-\S+\s+)*[@A-Za-z]|yarn\s+(?:global\s+)?add\s+\S|gem\s+install\s+(?:-\S+\s+)*[A-Za-z]|cargo\s+install\s+(?:-\S+\s+)*[A-Za-z]|go\s+install\s+\S+@|npx\s+(?:-\S+\s+)*[@A-Za-z])`)

// piped is a script that goes from the network into a shell.
var piped = lazy.New(`(?:curl|wget|iwr|irm|Invoke-WebRequest)\b[^|;&]*\|\s*(?:sudo\s+(?:-\S+\s+)*)?(?:env\s+\S+\s+)?(?:\S*/)?(?:bash|sh|zsh|python3?|perl|ruby|node|pwsh|iex|Invoke-Expression)\b|(?:bash|sh|zsh|source|eval|\.)\s+(?:-c\s+)?(?:<\(|"?\$\()\s*(?:curl|wget)\b`)

// written is a line that writes to the environment of later steps.
var written = lazy.New(`(?:>>?|tee\s+(?:-a\s+)?|Out-File|Add-Content).*GITHUB_(?:ENV|PATH)|GITHUB_(?:ENV|PATH).*(?:>>|-Value)`)

// fileless takes the names of the files themselves out of a line.
var fileless = strings.NewReplacer("${GITHUB_ENV}", "", "${GITHUB_PATH}", "", "$GITHUB_ENV", "", "$GITHUB_PATH", "")

// dumps is a line that writes what a program prints: cat and jq of a file, and the like.
var dumps = lazy.New(`^(?:sudo\s+)?(?:cat\s+[^<\s]|jq\s|yq\s|sed\s|awk\s|grep\s|head\s|tail\s|cut\s|python3?\s|node\s|\./).*(?:>>?|tee\s)`)

// ran judges the script of a step.
func (f *flow) ran(j *job, s *step) {
	oidc := str(get(j.v, "permissions", "id-token")) == "write" || str(get(f.doc, "permissions", "id-token")) == "write"
	env := false
	for _, c := range f.commands(s.run) {
		at := f.place(c.from, max(c.from, c.to))
		if !oidc && publishers.MatchString(c.text) && !strings.Contains(c.text, "--dry-run") {
			f.add(sight{audit: "pipeline-trusted-publishing", severity: plinth.Info, at: at, around: s.around, path: under(s.run, c.text), message: strings.TrimSpace(c.text)})
		}
		if adhoc.MatchString(c.text) {
			f.add(sight{audit: "pipeline-adhoc-packages", severity: plinth.Low, at: at, around: s.around, path: under(s.run, c.text), message: strings.TrimSpace(c.text)})
		}
		env = env || written.MatchString(c.text) && (strings.ContainsAny(fileless.Replace(c.text), "$`") || dumps.MatchString(c.text))
	}
	if env && f.any("pull_request_target", "workflow_run") {
		f.add(sight{audit: "pipeline-github-env", severity: plinth.High, at: f.first(s.run), around: s.around, path: pathOf(s.run)})
	}
	f.fetched(s.run, s.around)
	if script := s.run.Str(); len(script) <= maxScript && (mayEvaluate(script) || strings.Contains(script, "sh ")) {
		sh := f.shellOf(j, s, 0)
		sh.expression = nil // what is pasted is a finding of its own
		list := f.commands(s.run)
		sh.learn(list)
		f.evaluated(sh, list, s.around, s.run)
		f.callsScripts(sh, list, str(get(s.v, "working-directory")), s.around, s.run)
	}
}

// mergers are actions that merge pull requests.
var mergers = []string{"pascalgn/automerge-action", "ahmadnassri/action-dependabot-auto-merge", "peter-evans/enable-pull-request-automerge", "hmarr/auto-approve-action"}

// merged judges a step that merges pull requests on the word of a name that an outsider can make appear.
func (f *flow) merged(j *job, s *step) {
	if !f.any("pull_request_target", "workflow_run") || !(s.is(mergers...) || strings.Contains(s.run.Str(), "gh pr merge") || strings.Contains(s.run.Str(), "gh pr review")) {
		return
	}
	for _, v := range []plinth.Value{get(s.v, "if"), get(j.v, "if")} {
		if v.Kind() != plinth.String {
			continue
		}
		for _, x := range f.text.condition(v) {
			x.root.walk(func(n *node) {
				if n.kind == binary && n.text == "==" && trustsBot(n) {
					f.add(sight{audit: "pipeline-auto-merge", severity: plinth.High, at: f.first(s.v), around: s.around, path: under(s.v, "merge"), message: x.text})
				}
			})
		}
	}
}

// fetched judges a script for what it runs straight from the network.
func (l *look) fetched(run plinth.Value, around plinth.Location) {
	if run.Kind() != plinth.String {
		return
	}
	l.fetches(run, l.commands(run), around)
}

// fetches judges the commands of a script.
func (l *look) fetches(run plinth.Value, list []command, around plinth.Location) {
	for _, c := range list {
		if piped.MatchString(c.text) {
			at := l.first(run)
			end := l.place(c.from, c.to)
			at.EndLine, at.EndCol = end.EndLine, end.EndCol
			l.add(sight{audit: "pipeline-unverified-script", severity: plinth.Medium, at: at, around: around, path: under(run, c.text), message: strings.TrimSpace(c.text)})
		}
		l.signsIn(c, run, around)
	}
}

// builders are commands that run what the work tree holds.
var builders = lazy.New(`(?:^|[\s;&|(])(?:make|npm\s+(?:install|i|ci|run|test|start|exec)|pnpm\s+\S|yarn|bun\s+\S|npx\s|pip3?\s+install\s+(?:\.|-r|-e)|python3?\s+\S+\.py|poetry\s+\S|mvn|\./mvnw|gradle|\./gradlew|cargo\s+(?:build|test|run|check|clippy)|go\s+(?:generate|test|run|build)|bundle\s|rake|composer\s+install|tox|nox|pytest|pre-commit|vale|terraform\s+(?:init|plan|apply)|tofu\s+(?:init|plan|apply)|docker\s+(?:build|compose)|(?:skaffold|bazel|bazelisk|tilt|devspace)\s+\S|dotnet\s+(?:build|test|run|restore)|msbuild|ant|sbt|tsc|eslint|jest|phpunit|phpstan|golangci-lint|checkov|trivy|mkdocs|sphinx-build|bash\s+\S+|sh\s+\S+|\./\S+|ansible-playbook|helm\s+\S|just\s|task\s|goreleaser|stylelint|prettier|rubocop|bandit|pylint|mypy|flake8|webpack|tflint|cmake|jekyll|hugo)(?:\s|$)`)

// switches are commands of git that change the work tree to another commit; fetch alone does not.
var switches = lazy.New(`^git\s+(?:-\S+\s+\S+\s+)*(?:checkout|switch|merge|reset|pull|rebase|cherry-pick|worktree|clone)\s`)

// checkedOut judges what a job does after it has checked out an outsider's commit.
func (f *flow) checkedOut(j *job) {
	if !f.any("pull_request_target", "workflow_run", "issue_comment", "issues", "workflow_call") || f.only("workflow_call") {
		return
	}
	out, brought := false, false
	for _, s := range j.steps {
		if s.is("actions/checkout") {
			ref := str(fold(s.with, "ref")) + str(fold(s.with, "repository"))
			for _, mark := range []string{"head", "merge", "refs/pull", "pull_request.number", "issue.number", "github.event.number"} {
				out = out || strings.Contains(ref, mark)
			}
			continue
		}
		for _, c := range f.commands(s.run) {
			head := strings.Contains(c.text, "refs/pull") || strings.Contains(c.text, "pull/") || strings.Contains(c.text, "head")
			brought = brought || head && strings.HasPrefix(c.text, "git fetch")
			if strings.HasPrefix(c.text, "gh pr checkout") || switches.MatchString(c.text) && (head || brought) {
				out = true
			} else if out && builders.MatchString(c.text) {
				f.add(sight{audit: "pipeline-untrusted-checkout", severity: plinth.High, at: f.place(c.from, c.to), around: s.around, path: under(s.run, c.text), message: strings.TrimSpace(c.text)})
			}
		}
		if out && (local(s.uses) || s.is("pre-commit/action", "golangci/golangci-lint-action", "goreleaser/goreleaser-action", "bridgecrewio/checkov-action", "actions/jekyll-build-pages", "oxsecurity/megalinter", "super-linter/super-linter", "errata-ai/vale-action", "bundler/setup-ruby")) {
			f.add(sight{audit: "pipeline-untrusted-checkout", severity: plinth.High, at: f.content(s.usesAt), around: s.around, path: pathOf(s.usesAt), message: s.uses})
		}
	}
}
