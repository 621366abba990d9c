package report

import (
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"unicode/utf16"

	"github.com/plinthsec/plinth"
)

// SARIF 2.1.0, OASIS Standard: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
const sarifSchema = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

type sarifLog struct {
	Schema  string     `json:"$schema"`
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

type sarifRun struct {
	Tool        sarifTool         `json:"tool"`
	Invocations []sarifInvocation `json:"invocations"`
	Results     []sarifResult     `json:"results"`
	ColumnKind  string            `json:"columnKind"`
}

type sarifTool struct {
	Driver sarifDriver `json:"driver"`
}

type sarifDriver struct {
	Name           string      `json:"name"`
	Version        string      `json:"version"`
	InformationURI string      `json:"informationUri"`
	Rules          []sarifRule `json:"rules"`
}

type sarifText struct {
	Text string `json:"text"`
}

// sarifHelp is a text and the same for services that show Markdown.
type sarifHelp struct {
	Text     string `json:"text"`
	Markdown string `json:"markdown"`
}

type sarifRule struct {
	ID         string          `json:"id"`
	Short      sarifText       `json:"shortDescription"`
	Full       sarifText       `json:"fullDescription"`
	Help       sarifHelp       `json:"help"`
	HelpURI    string          `json:"helpUri,omitempty"`
	Default    sarifLevel      `json:"defaultConfiguration"`
	Properties sarifProperties `json:"properties"`
}

type sarifLevel struct {
	Level string `json:"level"`
}

type sarifProperties struct {
	Tags     []string `json:"tags"`
	Severity string   `json:"security-severity"`
}

type sarifInvocation struct {
	Successful    bool                `json:"executionSuccessful"`
	ExitCode      int                 `json:"exitCode"`
	Notifications []sarifNotification `json:"toolExecutionNotifications,omitempty"`
}

type sarifNotification struct {
	Level     string          `json:"level"`
	Message   sarifText       `json:"message"`
	Locations []sarifLocation `json:"locations,omitempty"`
}

type sarifResult struct {
	RuleID       string             `json:"ruleId"`
	RuleIndex    int                `json:"ruleIndex"`
	Level        string             `json:"level"`
	Message      sarifText          `json:"message"`
	Locations    []sarifLocation    `json:"locations"`
	Related      []sarifLocation    `json:"relatedLocations,omitempty"`
	Flows        []sarifFlow        `json:"codeFlows,omitempty"`
	Fingerprints map[string]string  `json:"partialFingerprints"`
	Baseline     string             `json:"baselineState,omitempty"`
	Rank         int                `json:"rank,omitempty"`
	Suppressions []sarifSuppression `json:"suppressions,omitempty"`
}

type sarifFlow struct {
	Threads []sarifThread `json:"threadFlows"`
}

type sarifThread struct {
	Locations []sarifStep `json:"locations"`
}

type sarifStep struct {
	Location sarifLocation `json:"location"`
}

type sarifSuppression struct {
	Kind          string         `json:"kind"`
	Justification string         `json:"justification,omitempty"`
	Location      *sarifLocation `json:"location,omitempty"`
}

type sarifLocation struct {
	ID       int            `json:"id,omitempty"`
	Physical *sarifPhysical `json:"physicalLocation,omitempty"`
	Logical  []sarifLogical `json:"logicalLocations,omitempty"`
	Message  *sarifText     `json:"message,omitempty"`
}

type sarifLogical struct {
	Name string `json:"fullyQualifiedName"`
	Kind string `json:"kind"`
}

type sarifPhysical struct {
	Artifact sarifArtifact `json:"artifactLocation"`
	Region   *sarifRegion  `json:"region,omitempty"`
}

type sarifArtifact struct {
	URI string `json:"uri"`
}

type sarifRegion struct {
	StartLine   int32 `json:"startLine"`
	StartColumn int32 `json:"startColumn,omitempty"`
	EndLine     int32 `json:"endLine,omitempty"`
	EndColumn   int32 `json:"endColumn,omitempty"`
}

// Limits of GitHub's code scanning, which takes no file that goes over the first:
// https://docs.github.com/en/code-security/reference/code-scanning/sarif-files/troubleshoot-sarif-uploads.
const (
	sarifResults   = 25_000 // of a run
	sarifLocations = 1000   // of a result; the rest is not shown
	sarifTags      = 20     // of a rule
)

// writeSARIF leaves unknown verdicts out: a scanning service would show them as findings.
func writeSARIF(w io.Writer, r *Report, _ Options) error {
	return newSARIF(r).write(w, func(f *Finding) bool { return f.Verdict == plinth.Fail }, len(r.Findings))
}

// writeGitHubSARIF leaves out what is suppressed as well: GitHub does not ask whether a result is, and would open an alert for it. Advice
// would be one too. Of more results than GitHub takes the least severe are left out, which the report tells.
func writeGitHubSARIF(w io.Writer, r *Report, opt Options) error {
	alert := func(f *Finding) bool {
		return f.Verdict == plinth.Fail && f.Suppressed == nil && (f.Rule.Severity > plinth.Info || opt.Wide)
	}
	return newSARIF(r).write(w, alert, sarifResults)
}

// sarif is a report on its way to SARIF.
type sarif struct {
	*Report
	code     *excerpts
	index    map[string]int // of rules
	compared bool           // with a baseline
}

func newSARIF(r *Report) *sarif {
	s := &sarif{Report: r, code: &excerpts{r: r, files: map[string][]string{}}, index: map[string]int{}}
	s.compared = slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Suppressed != nil && f.Suppressed.By == byBaseline })
	return s
}

const byBaseline = "baseline" // plinth.Suppression.By

func (s *sarif) write(w io.Writer, shown func(*Finding) bool, most int) error {
	run := sarifRun{ColumnKind: "utf16CodeUnits", Results: []sarifResult{}}
	run.Tool.Driver = sarifDriver{Name: "Plinth", Version: s.Version, InformationURI: "https://github.com/plinthsec/plinth", Rules: []sarifRule{}}
	var list []*Finding
	for i := range s.Findings {
		if f := &s.Findings[i]; shown(f) {
			list = append(list, f)
		}
	}
	left := len(list) - most
	if left > 0 {
		slices.SortStableFunc(list, func(a, b *Finding) int { return int(b.Rule.Severity) - int(a.Rule.Severity) })
		list = list[:most]
	}
	for _, f := range list {
		k, ok := s.index[f.Rule.ID]
		if !ok {
			k = len(run.Tool.Driver.Rules)
			s.index[f.Rule.ID] = k
			run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, ruleSARIF(f.Rule))
		}
		run.Results = append(run.Results, s.result(f, k))
	}
	run.Invocations = []sarifInvocation{s.invocation(left)}
	return encode(w, sarifLog{Schema: sarifSchema, Version: "2.1.0", Runs: []sarifRun{run}})
}

// invocation tells what could not be looked at, and how many results are left out.
func (s *sarif) invocation(left int) sarifInvocation {
	out := sarifInvocation{Successful: s.Summary().Incomplete == 0, ExitCode: s.Exit}
	for _, p := range s.Problems {
		n := sarifNotification{Level: "warning", Message: sarifText{Clean(p.Text)}}
		if p.Kind.Incomplete() {
			n.Level = "error"
		}
		if at := s.physical(p.Target, p.At); at != nil {
			n.Locations = []sarifLocation{{Physical: at}}
		}
		out.Notifications = append(out.Notifications, n)
	}
	if left > 0 {
		text := fmt.Sprintf("%d results of the lowest severity are left out: code scanning takes %d of a run. Other formats have all.", left, sarifResults)
		out.Notifications = append(out.Notifications, sarifNotification{Level: "warning", Message: sarifText{text}})
	}
	return out
}

// level and score of a severity: https://docs.github.com/en/code-security (security-severity of rules).
var sarifLevels = [...][2]string{{"note", "1.0"}, {"note", "3.0"}, {"warning", "5.5"}, {"error", "8.0"}, {"error", "9.5"}}

func ruleSARIF(r *plinth.Rule) sarifRule {
	s := sarifLevels[min(int(r.Severity), 4)]
	tags := []string{"security"}
	for _, c := range r.CWE {
		tags = append(tags, "external/cwe/"+strings.ToLower(c))
	}
	tags = tags[:min(len(tags), sarifTags)]
	out := sarifRule{
		ID: r.ID, Short: sarifText{r.Title}, Full: sarifText{strings.TrimSpace(r.Title + ". " + r.Why)},
		Default: sarifLevel{s[0]}, Properties: sarifProperties{Tags: tags, Severity: s[1]},
	}
	out.Help.Text = strings.TrimSpace(r.Why + "\n\nFix: " + r.Fix)
	out.Help.Markdown = strings.TrimSpace(md(r.Why) + "\n\n**Fix:** " + md(r.Fix))
	for _, link := range r.Links {
		if u, err := url.Parse(link); err == nil && u.Scheme == "https" {
			out.Help.Markdown += "\n\n<" + u.String() + ">"
			if out.HelpURI == "" {
				out.HelpURI = u.String()
			}
		}
	}
	return out
}

func (s *sarif) result(f *Finding, index int) sarifResult {
	out := sarifResult{
		RuleID: f.Rule.ID, RuleIndex: index, Level: sarifLevels[min(int(f.Rule.Severity), 4)][0], Message: sarifText{firstName(Clean(f.Message), f.Rule.Title)},
		Fingerprints: map[string]string{"plinth/v1": f.Key}, Locations: []sarifLocation{{Physical: s.physical(f.Target, f.At)}},
		Rank: min(max(s.priority(f.Finding).Score, 0), 100),
	}
	if f.Decl != nil && f.Decl.Address != "" {
		out.Locations[0].Logical = []sarifLogical{{Clean(f.Decl.Address), "resource"}}
	}
	var flow []sarifStep
	for _, step := range f.Evidence {
		at := s.physical(f.Target, step.At)
		if at == nil || len(flow) == sarifLocations-1 {
			continue
		}
		l := sarifLocation{Physical: at, Message: &sarifText{firstName(Clean(step.Note), f.Rule.Title)}}
		flow = append(flow, sarifStep{l})
		l.ID = len(flow)
		out.Related = append(out.Related, l)
	}
	if len(flow) > 0 && f.Rule.Engine != secretEngine { // a secret has other places, no way
		out.Flows = []sarifFlow{{[]sarifThread{{append(flow, sarifStep{sarifLocation{Physical: out.Locations[0].Physical, Message: &out.Message}})}}}}
	}
	if s.compared {
		out.Baseline = "new"
	}
	if by := f.Suppressed; by != nil {
		kept := sarifSuppression{Kind: "external", Justification: Clean(by.Why)}
		switch by.By {
		case "comment":
			kept.Kind = "inSource"
		case byBaseline:
			out.Baseline = "unchanged"
		}
		if at := s.physical(f.Target, by.At); at != nil {
			kept.Location = &sarifLocation{Physical: at}
		}
		out.Suppressions = []sarifSuppression{kept}
	}
	return out
}

// physical is a place in a file, nil for what is in none.
func (s *sarif) physical(target string, at plinth.Location) *sarifPhysical {
	if at.Path == "" {
		return nil
	}
	out := &sarifPhysical{Artifact: sarifArtifact{(&url.URL{Path: s.fromRoot(target, at.Path)}).EscapedPath()}}
	if at.Line > 0 {
		region := sarifRegion{StartLine: at.Line, StartColumn: s.column(target, at.Path, at.Line, at.Col), EndLine: max(at.EndLine, at.Line)}
		if end := s.column(target, at.Path, region.EndLine, at.EndCol); region.EndLine > region.StartLine || end > region.StartColumn {
			region.EndColumn = end
		}
		out.Region = &region
	}
	return out
}

// column counts a column, which is one of bytes, in the units of UTF-16.
func (s *sarif) column(target, file string, line, col int32) int32 {
	if col <= 1 || s.Source == nil {
		return col
	}
	lines := s.code.lines(target, file)
	if int(line) > len(lines) || int(col)-1 > len(lines[line-1]) {
		return col
	}
	n := int32(1)
	for _, r := range lines[line-1][:col-1] {
		n += int32(max(1, utf16.RuneLen(r)))
	}
	return n
}
