package pipeline

import (
	"regexp"
	"strings"

	"github.com/plinthsec/plinth"
)

const cooldown = 7 // days within which most bad releases are found

func dependabotFile(l *look) {
	for _, u := range get(l.doc, "updates").List() {
		if u.Origin() == nil {
			continue
		}
		around := place(u)
		days := get(u, "cooldown", "default-days")
		switch c := get(u, "cooldown"); {
		case c.IsNull():
			l.add(sight{audit: "pipeline-dependabot-cooldown", severity: plinth.Medium, at: l.first(get(u, "package-ecosystem")), around: around, path: under(u, "cooldown"), message: "no cooldown"})
		case days.IsNull():
			l.add(sight{audit: "pipeline-dependabot-cooldown", severity: plinth.Medium, at: l.first(c), around: around, path: pathOf(c), message: "no default-days"})
		case days.Kind() == plinth.Number && days.Num() < cooldown:
			l.add(sight{audit: "pipeline-dependabot-cooldown", severity: plinth.Low, at: l.first(days), around: around, path: pathOf(days), message: str(days) + " days"})
		}
		if v := get(u, "insecure-external-code-execution"); v.Str() == "allow" {
			l.add(sight{audit: "pipeline-dependabot-execution", severity: plinth.High, at: l.first(v), around: around, path: pathOf(v)})
		}
	}
}

func preCommitFile(l *look) {
	for _, r := range get(l.doc, "repos").List() {
		repo := get(r, "repo")
		for _, scheme := range []string{"http://", "git://", "ftp://"} {
			if strings.HasPrefix(strings.ToLower(repo.Str()), scheme) {
				l.add(sight{audit: "pipeline-insecure-url", severity: plinth.Medium, at: l.first(repo), around: place(r), path: pathOf(repo), message: repo.Str()})
			}
		}
	}
}

// azureTainted are macros that are replaced in scripts by what outsiders write.
var azureTainted = regexp.MustCompile(`(?i)\$\(\s*(?:Build\.SourceBranch(?:Name)?|Build\.SourceVersionMessage|Build\.RequestedFor(?:Email)?|Build\.SourceVersionAuthor|System\.PullRequest\.(?:SourceBranch|TargetBranch|SourceRepositoryURI))\s*\)`)

func azureFile(l *look) {
	l.variables(get(l.doc, "variables"))
	pr := get(l.doc, "pr")
	open := pr.Str() != "none"
	l.azure(l.doc, open, 0)
}

// variables judges the variables of a pipeline, a map or a list.
func (l *look) variables(v plinth.Value) {
	l.debug(v)
	for _, x := range v.List() {
		if name := get(x, "name"); strings.EqualFold(name.Str(), "system.debug") && strings.EqualFold(str(get(x, "value")), "true") {
			l.add(sight{audit: "pipeline-debug-enabled", severity: plinth.Low, at: l.first(name), path: pathOf(name), message: name.Str()})
		}
	}
}

const maxStages = 20 // how deep stages, jobs and strategies lie in each other; Azure has six

func (l *look) azure(v plinth.Value, open bool, depth int) {
	if depth > maxStages {
		return
	}
	out := false
	for _, s := range get(v, "steps").List() {
		out = out || get(s, "checkout").Str() == "self"
		for _, key := range []string{"script", "bash", "powershell", "pwsh"} {
			run := get(s, key)
			if run.Kind() != plinth.String {
				continue
			}
			l.fetched(run, plinth.Location{})
			if m := azureTainted.FindString(run.Str()); m != "" {
				l.add(sight{audit: "pipeline-template-injection", severity: plinth.High, at: l.first(run), path: pathOf(run), message: m})
			}
			if !open || !out {
				continue
			}
			for _, c := range l.commands(run) {
				if builders.MatchString(c.text) {
					l.add(sight{audit: "pipeline-untrusted-checkout", severity: plinth.Medium, at: l.place(c.from, c.to), path: under(run, c.text), message: strings.TrimSpace(c.text)})
				}
			}
		}
	}
	for _, key := range []string{"stages", "jobs"} {
		for _, x := range get(v, key).List() {
			l.variables(get(x, "variables"))
			l.azure(x, open, depth+1)
		}
	}
	for _, s := range get(v, "strategy").Fields() {
		for _, part := range s.Value.Fields() {
			l.azure(part.Value, open, depth+1)
		}
	}
}

// otherFile judges a file of which only scripts are known.
func otherFile(l *look) {
	scalars(l.doc, func(v plinth.Value) { l.fetched(v, plinth.Location{}) })
}
