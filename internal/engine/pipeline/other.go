package pipeline

import (
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/lazy"
)

// image judges an image that a job of another service than GitHub runs in: a text, or a map with its name. What a variable names is
// not known.
func (l *look) image(v plinth.Value) {
	for _, key := range []string{"name", "image"} {
		if v.Kind() == plinth.Map {
			v = get(v, key)
		}
	}
	name := strings.TrimSpace(v.Str())
	if v.Kind() != plinth.String || name == "" || strings.ContainsAny(name, "$<") {
		return
	}
	if severity := loose(name); severity > plinth.Info {
		l.add(sight{audit: "pipeline-unpinned-images", severity: severity, at: l.first(v), path: pathOf(v), message: name})
	}
	l.nested(v)
}

// loose tells how much an image may change: Info for one that is pinned, or that is not known.
func loose(name string) plinth.Severity {
	if strings.Contains(name, "@sha256:") || strings.ContainsAny(name, "$<{") || name == "" {
		return plinth.Info
	}
	if last := name[strings.LastIndexByte(name, '/')+1:]; !strings.Contains(last, ":") || strings.HasSuffix(last, ":latest") {
		return plinth.High
	}
	return plinth.Medium
}

// nested judges an image that runs a Docker daemon of its own, which needs a privileged runner.
func (l *look) nested(v plinth.Value) {
	name, _, _ := strings.Cut(strings.TrimSpace(v.Str()), "@")
	repository, tag, _ := strings.Cut(name[strings.LastIndexByte(name, '/')+1:], ":")
	if repository == "docker" && (tag == "dind" || strings.HasSuffix(tag, "-dind")) {
		l.add(sight{audit: "pipeline-docker-in-docker", severity: plinth.Medium, at: l.first(v), path: pathOf(v), message: v.Str()})
	}
}

// entries are the elements of a list, or the value alone where it is none.
func entries(v plinth.Value) []plinth.Value {
	switch v.Kind() {
	case plinth.List:
		return v.List()
	case plinth.String, plinth.Map:
		return []plinth.Value{v}
	}
	return nil
}

// branches are names of refs that move with every commit.
var branches = []string{"", "main", "master", "develop", "trunk", "head", "HEAD"}

// includes judges what a GitLab pipeline takes from elsewhere: https://docs.gitlab.com/ci/yaml/#include.
func (l *look) includes(v plinth.Value) {
	for _, x := range entries(v) {
		put := func(at plinth.Value, severity plinth.Severity, message string) {
			l.add(sight{audit: "pipeline-unpinned-include", severity: severity, at: l.first(at), path: pathOf(at), message: message})
		}
		remote, component, project := get(x, "remote"), get(x, "component"), get(x, "project")
		l.permitted(component, plinth.Location{})
		l.permitted(project, plinth.Location{})
		if x.Kind() == plinth.String && (strings.HasPrefix(x.Str(), "https://") || strings.HasPrefix(x.Str(), "http://")) {
			remote = x
		}
		switch {
		case remote.Kind() == plinth.String && strings.HasPrefix(remote.Str(), "$"): // a variable names it
		case remote.Kind() == plinth.String && get(x, "integrity").IsNull():
			put(remote, plinth.High, remote.Str())
		case component.Kind() == plinth.String:
			if _, version, _ := strings.Cut(component.Str(), "@"); version == "~latest" || slices.Contains(branches, version) {
				put(component, plinth.Medium, component.Str())
			}
		case project.Kind() == plinth.String:
			if ref := get(x, "ref"); slices.Contains(branches, ref.Str()) {
				put(project, plinth.Medium, strings.TrimSuffix(project.Str()+"@"+ref.Str(), "@"))
			}
		}
	}
}

// keyInputs are inputs of actions that take a long-lived key of a cloud, where the same action takes a token of the job.
var keyInputs = map[string]string{
	"aws-actions/configure-aws-credentials": "aws-access-key-id", "google-github-actions/auth": "credentials_json", "azure/login": "creds",
}

// keys judges a step that signs in to a cloud with a stored key.
func (f *flow) keys(s *step) {
	input := keyInputs[strings.ToLower(s.uses)]
	if input == "" {
		return
	}
	if v := fold(s.with, input); strings.Contains(v.Str(), "secrets.") {
		f.add(sight{audit: "pipeline-cloud-key", severity: plinth.Medium, at: f.first(v), around: s.around, path: pathOf(v), message: strings.TrimSpace(s.usesAt.Str())})
	}
}

var (
	// keyCommands sign in to a cloud with a long-lived key where the same tool takes a token of the job.
	keyCommands = lazy.New(`\baz\s+login\s(?:.*\s)?--service-principal\b|\bgcloud\s+auth\s+activate-service-account\s(?:.*\s)?--key-file\b|\baws\s+configure\s+set\s+(?:\S+\s+)*?(?:profile\.\S+\.)?aws_secret_access_key\b`)
	keyless     = lazy.New(`\s--federated-token\b|\s--identity\b`)
	keyTool     = lazy.New(`\b(?:az\s+login|gcloud\s+auth\s+activate-service-account|aws\s+configure\s+set)\b`)
)

// signsIn judges a command that signs in to a cloud with a key.
func (l *look) signsIn(c command, run plinth.Value, around plinth.Location) {
	if keyCommands.MatchString(c.text) && !keyless.MatchString(c.text) {
		tool := strings.Join(strings.Fields(keyTool.FindString(c.text)), " ") // the rest may hold the key
		l.add(sight{audit: "pipeline-cloud-key", severity: plinth.Medium, at: l.place(c.from, c.to), around: around, path: under(run, tool), message: tool})
	}
}

// keyVariables are what tools take a long-lived key of a cloud from.
var keyVariables = map[string]bool{
	"ARM_CLIENT_SECRET": true, "AZURE_CLIENT_SECRET": true, "AWS_SECRET_ACCESS_KEY": true, "GOOGLE_CREDENTIALS": true, "GOOGLE_APPLICATION_CREDENTIALS_JSON": true,
}

// keyed judges a step of Azure Pipelines that is given the key of a cloud: https://learn.microsoft.com/azure/devops/pipelines/library/connect-to-azure.
func (l *look) keyed(s plinth.Value) {
	for _, f := range get(s, "env").Fields() {
		if keyVariables[strings.ToUpper(f.Key)] && strings.Contains(f.Value.Str(), "$(") {
			l.add(sight{audit: "pipeline-cloud-key", severity: plinth.Medium, at: l.first(f.Value), around: place(s), path: pathOf(f.Value), message: f.Key})
		}
	}
}
