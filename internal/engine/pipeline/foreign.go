package pipeline

import (
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
