// Package report prints what a run found: one file per output format.
package report

import (
	"io"
	"path"
	"sort"
	"time"

	"github.com/plinthsec/plinth"
)

// Report is the whole of a run, as every format sees it. Everything in it is sorted.
type Report struct {
	Version   string
	Time      time.Time // of the run, for formats that carry one
	Dated     bool      // the time was given to the run: a format may carry it that must not differ from run to run
	Targets   []Target
	Findings  []Finding // without passes, unless they were asked for
	Problems  []Problem
	Resources []*plinth.Resource
	Engines   []Engine
	Graphs    []Graph  // of the targets for which one was drawn
	Answers   []Answer // to questions for attack paths
	// Priority ranks a finding; nil: by severity alone.
	Priority func(*plinth.Finding) plinth.Priority
	FailOn   plinth.Severity
	NoGate   bool // --fail-on none
	Exit     int  // the exit code that the run will have
	// Source returns a file of a target, for excerpts; it may be nil.
	Source func(target, path string) ([]byte, error)
	// Rules are all rules that ran, for formats that list them.
	Rules []*plinth.Rule
}

// Target is one thing that was looked at.
type Target struct {
	Name, Kind          string
	Prefix              string // its path from the root of the repository that it lies in, "" when it is the root or there is none
	Seen, Read, Skipped int
	ByReader            map[string]int
	Title               string                 // the name of its file or folder, "" where there is none
	Resources           []*plinth.Resource     // those of the target, with their values only where a format wants them
	Only                func(path string) bool // which files were asked for; nil: all
}

// prefix is the path of a target from its repository's root.
func (r *Report) prefix(target string) string {
	for _, t := range r.Targets {
		if t.Name == target {
			return t.Prefix
		}
	}
	return ""
}

// fromRoot is the path of a target's file from the root of its repository.
func (r *Report) fromRoot(target, file string) string { return path.Join(r.prefix(target), file) }

// Finding is a finding of one target.
type Finding struct {
	Target string
	*plinth.Finding
}

// Problem is a problem of one target.
type Problem struct {
	Target string
	plinth.Problem
}

// Engine says how much an engine looked at.
type Engine struct {
	Name             string
	Rules, Resources int
}

// Summary counts what a report shows.
type Summary struct {
	Fail       [5]int // by severity
	Unknown    int
	Suppressed int
	Incomplete int // problems that make the run incomplete
}

// Summary counts the findings and problems.
func (r *Report) Summary() Summary {
	var s Summary
	for _, f := range r.Findings {
		switch {
		case f.Suppressed != nil:
			s.Suppressed++
		case f.Verdict == plinth.Fail:
			s.Fail[f.Rule.Severity]++
		case f.Verdict == plinth.Undecided:
			s.Unknown++
		}
	}
	for _, p := range r.Problems {
		if p.Kind.Incomplete() {
			s.Incomplete++
		}
	}
	return s
}

// priority ranks a finding.
func (r *Report) priority(f *plinth.Finding) plinth.Priority {
	if r.Priority == nil {
		return plinth.Priority{}
	}
	return r.Priority(f)
}

// Options say how a report is printed.
type Options struct {
	Width int  // columns, 80 where the terminal does not tell
	Color bool // ANSI colours
	Wide  bool // every instance and every excerpt
}

// Format is one output format.
type Format struct {
	Name  string
	About string
	Write func(io.Writer, *Report, Options) error
}

// Formats are all formats, by name.
func Formats() []Format {
	return []Format{
		{"cyclonedx", "a bill of materials in CycloneDX 1.6: images, modules, providers, actions, charts, models", writeCycloneDX},
		{"github", "annotations of a GitHub workflow", writeGitHub},
		{"gitlab", "a Code Quality report for GitLab", writeGitLab},
		{"graph", "the security graph as JSON: nodes and relations with their proofs (schema plinth.graph/1)", writeGraph},
		{"html", "one page for a browser that needs nothing else", writeHTML},
		{"json", "the report as JSON, a contract (schema plinth.report/1)", writeJSON},
		{"junit", "JUnit XML for the test pages of CI services", writeJUnit},
		{"markdown", "a summary for a pull request or a job page", writeMarkdown},
		{"ocsf", "OCSF 1.8 events of the category Findings, one a line, for SIEMs and data lakes", writeOCSF},
		{"resources", "what was understood of the code, as JSON (schema plinth.resources/1)", writeResources},
		{"sarif", "SARIF 2.1.0 for code scanning services", writeSARIF},
		{"sarif-github", "SARIF for GitHub's code scanning: without what is suppressed, within its limits", writeGitHubSARIF},
		{"table", "findings for people, grouped by rule, with code", writeTable},
	}
}

// FormatNames lists the formats' names.
func FormatNames() []string {
	var out []string
	for _, f := range Formats() {
		out = append(out, f.Name)
	}
	sort.Strings(out)
	return out
}
