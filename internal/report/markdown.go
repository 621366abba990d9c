package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/plinthsec/plinth"
)

const (
	markdownPlaces = 50     // rows of the table of findings
	markdownLimit  = 60_000 // characters: a comment of GitHub holds 65,536
)

// inert makes text harmless in Markdown: no mention, no link, no HTML, no end of a table's cell.
var inert = strings.NewReplacer("\\", "\\\\", "`", "\\`", "|", "\\|", "<", "&lt;", ">", "&gt;", "@", "@\u200b", "[", "\\[", "]", "\\]", "*", "\\*", "_", "\\_", "#", "\\#", "!", "\\!", "~", "\\~")

func md(s string) string { return inert.Replace(Clean(s)) }

// code is text between backticks.
func code(s string) string {
	return "`" + strings.NewReplacer("`", "'", "|", "\\|").Replace(Clean(s)) + "`"
}

// writeMarkdown prints a summary for a pull request or a job page.
func writeMarkdown(w io.Writer, r *Report, _ Options) error {
	b := &strings.Builder{}
	s := r.Summary()
	gate := "passed"
	switch {
	case r.Exit == 1:
		gate = "**failed** (a finding at or above " + r.FailOn.String() + ")"
	case r.Exit == 3:
		gate = "**incomplete**"
	case r.NoGate:
		gate = "none"
	}
	var counts []string
	for sev := plinth.Critical + 1; sev > 0; sev-- {
		if n := s.Fail[sev-1]; n > 0 && sev-1 > plinth.Info {
			counts = append(counts, fmt.Sprintf("%d %s", n, sev-1))
		}
	}
	if counts == nil {
		counts = []string{"no findings"}
	}
	if s.Unknown > 0 {
		counts = append(counts, fmt.Sprintf("%d unknown", s.Unknown))
	}
	if s.Suppressed > 0 {
		counts = append(counts, fmt.Sprintf("%d suppressed", s.Suppressed))
	}
	fmt.Fprintf(b, "### Plinth: %s\n\ngate: %s\n\n", strings.Join(counts, " · "), gate)
	r.markdownPaths(b)
	r.markdownFindings(b)
	r.markdownProblems(b)
	text := b.String()
	if len(text) > markdownLimit {
		text = strings.ToValidUTF8(text[:markdownLimit], "") + "\n\n… cut: the whole report is in the other outputs\n"
	}
	_, err := io.WriteString(w, text)
	return err
}

func (r *Report) markdownPaths(b *strings.Builder) {
	for k := range r.Answers {
		a := &r.Answers[k]
		for i := range a.Paths {
			if i == pathsShown {
				fmt.Fprintf(b, "%s more\n\n", plural(len(a.Paths)-i, "path"))
				break
			}
			p := &a.Paths[i]
			nodes := a.Nodes()
			fmt.Fprintf(b, "**Attack path %s**: %s → %s\n\n", a.Name(i), md(title(&nodes[p.From])), md(title(&nodes[p.To])))
			for n, h := range p.Hops {
				rel := &a.Relations()[h.Relation]
				fmt.Fprintf(b, "%d. %s → %s (%s)\n", n+1, md(title(&nodes[h.From])), md(title(&nodes[h.To])), md(string(rel.Kind)+" "+rel.Technique))
				for _, e := range rel.Evidence {
					fmt.Fprintf(b, "   - %s %s\n", md(e.Note), code(spot(e.At)))
				}
			}
			var cut []string
			for _, c := range p.Cut {
				cut = append(cut, code(spot(c.At)))
			}
			if len(cut) > 0 {
				fmt.Fprintf(b, "\nCut it at %s.\n", strings.Join(cut, " or "))
			}
			b.WriteString("\n")
		}
	}
}

func (r *Report) markdownFindings(b *strings.Builder) {
	list := groups(r, false)
	if len(list) == 0 {
		return
	}
	b.WriteString("| severity | what | where |\n|---|---|---|\n")
	rows := 0
	for _, g := range list {
		for _, p := range g.places {
			if rows == markdownPlaces {
				rest := 0
				for _, x := range list {
					rest += len(x.places)
				}
				fmt.Fprintf(b, "\n%s more\n", plural(rest-rows, "place"))
				b.WriteString("\n")
				return
			}
			rows++
			f := p.first
			what := md(f.Message)
			for _, reason := range p.reasons {
				what += "<br>▲ " + md(reason)
			}
			times := ""
			if p.instances > 1 {
				times = fmt.Sprintf(" ×%d", p.instances)
			}
			fmt.Fprintf(b, "| %s | %s<br>%s | %s<br>%s%s |\n", f.Rule.Severity, what, code(f.Rule.ID), code(r.fromRoot(f.Target, spot(f.At))), code(address(f)), times)
		}
	}
	b.WriteString("\n")
}

func (r *Report) markdownProblems(b *strings.Builder) {
	n := 0
	for _, p := range r.Problems {
		if !p.Kind.Incomplete() {
			continue
		}
		if n == 0 {
			b.WriteString("**Could not be looked at**\n\n")
		}
		if n++; n > problemsShown {
			continue
		}
		fmt.Fprintf(b, "- %s: %s\n", code(r.fromRoot(p.Target, spot(p.At))), md(p.Text))
	}
	if n > problemsShown {
		fmt.Fprintf(b, "- and %d more\n", n-problemsShown)
	}
}
