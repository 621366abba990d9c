package pipeline

import (
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
)

// artifact returns who decides what a step reads from files, nil where the files are the repository's own. A workflow that runs after
// another one (workflow_run) takes artifacts of runs that outsiders' code has made: https://securitylab.github.com/resources/github-actions-preventing-pwn-requests.
func (f *flow) artifact(j *job, s *step) func(command string, at plinth.Location) taint {
	if !f.any("workflow_run") {
		return nil
	}
	own := false // the repository is in the work tree, too
	var from []string
	for _, x := range j.steps {
		if x == s {
			break
		}
		own = own || x.is("actions/checkout")
		switch {
		case x.is("dawidd6/action-download-artifact"), x.is("actions/download-artifact") && !fold(x.with, "run-id").IsNull():
			for _, input := range []string{"path", "name"} {
				from = append(from, str(fold(x.with, input)))
			}
		case x.is("actions/github-script") && strings.Contains(str(fold(x.with, "script")), "downloadArtifact"), strings.Contains(x.run.Str(), "gh run download"),
			strings.Contains(x.run.Str(), "/artifacts/"):
			from = append(from, "")
		}
	}
	if len(from) == 0 {
		return nil
	}
	from = slices.DeleteFunc(from, func(p string) bool { return p == "" || p == "." || p == "./" || strings.Contains(p, "${{") })
	return func(command string, at plinth.Location) taint {
		if own && !slices.ContainsFunc(from, func(p string) bool { return strings.Contains(command, strings.TrimPrefix(p, "./")) }) {
			return taint{}
		}
		return taint{severity: plinth.High, what: "a file of an artifact", way: []plinth.Step{{Note: "`" + firstWords(command) + "` reads a file of an artifact of another run, which outsiders' code has made", At: at, Resource: f.path}}}
	}
}
