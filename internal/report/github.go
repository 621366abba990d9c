package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/plinthsec/plinth"
)

// commandText and commandProperty escape what a workflow command holds:
// https://docs.github.com/actions/reference/workflow-commands-for-github-actions.
var (
	commandText     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	commandProperty = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

// writeGitHub prints what fails as annotations of a GitHub workflow, the most urgent first: GitHub shows ten of each level of a step.
func writeGitHub(w io.Writer, r *Report, _ Options) error {
	b := bufio.NewWriter(w)
	for _, g := range groups(r, false) {
		for _, p := range g.places {
			f := p.first
			lines := []string{Clean(f.Message)}
			for _, reason := range p.reasons {
				lines = append(lines, Clean(reason))
			}
			if p.instances > 1 {
				lines = append(lines, fmt.Sprintf("%d instances of this block", p.instances))
			}
			if f.Rule.Fix != "" {
				lines = append(lines, "fix: "+f.Rule.Fix)
			}
			fmt.Fprintf(b, "::%s file=%s,line=%d,endLine=%d,title=%s::%s\n", level(r, f.Rule.Severity), commandProperty.Replace(r.fromRoot(f.Target, f.At.Path)),
				max(1, f.At.Line), max(1, f.At.Line, f.At.EndLine), commandProperty.Replace(f.Rule.ID+" ("+f.Rule.Severity.String()+"): "+f.Rule.Title), commandText.Replace(strings.Join(lines, "\n")))
		}
	}
	for _, p := range r.Problems {
		if p.Kind.Incomplete() {
			fmt.Fprintf(b, "::error file=%s,line=%d,title=%s::%s\n", commandProperty.Replace(r.fromRoot(p.Target, p.At.Path)), max(1, p.At.Line),
				commandProperty.Replace("could not be looked at ("+string(p.Kind)+")"), commandText.Replace(Clean(p.Text)))
		}
	}
	return b.Flush()
}

// level is error for what fails the gate.
func level(r *Report, s plinth.Severity) string {
	switch {
	case s >= r.FailOn && !r.NoGate:
		return "error"
	case s >= plinth.Medium:
		return "warning"
	}
	return "notice"
}
