package report

import (
	"io"
	"net/url"
	"strings"

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

type sarifRule struct {
	ID         string          `json:"id"`
	Name       string          `json:"name"`
	Short      sarifText       `json:"shortDescription"`
	Full       sarifText       `json:"fullDescription"`
	Help       sarifText       `json:"help"`
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
	Fingerprints map[string]string  `json:"partialFingerprints"`
	Suppressions []sarifSuppression `json:"suppressions,omitempty"`
}

type sarifSuppression struct {
	Kind          string `json:"kind"`
	Justification string `json:"justification,omitempty"`
}

type sarifLocation struct {
	ID       int            `json:"id,omitempty"`
	Physical sarifPhysical  `json:"physicalLocation"`
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

// writeSARIF leaves unknown verdicts out: a scanning service would show them as findings.
func writeSARIF(w io.Writer, r *Report, _ Options) error {
	run := sarifRun{ColumnKind: "utf16CodeUnits", Results: []sarifResult{}}
	run.Tool.Driver = sarifDriver{Name: "Plinth", Version: r.Version, InformationURI: "https://github.com/plinthsec/plinth", Rules: []sarifRule{}}
	index := map[string]int{}
	for i := range r.Findings {
		f := &r.Findings[i]
		if f.Verdict != plinth.Fail {
			continue
		}
		k, ok := index[f.Rule.ID]
		if !ok {
			k = len(run.Tool.Driver.Rules)
			index[f.Rule.ID] = k
			run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, ruleSARIF(f.Rule))
		}
		run.Results = append(run.Results, r.resultSARIF(f, k))
	}
	invocation := sarifInvocation{Successful: r.Summary().Incomplete == 0, ExitCode: r.Exit}
	for _, p := range r.Problems {
		n := sarifNotification{Level: "warning", Message: sarifText{Clean(p.Text)}}
		if p.Kind.Incomplete() {
			n.Level = "error"
		}
		if p.At.Path != "" {
			n.Locations = []sarifLocation{{Physical: r.physical(p.Target, p.At)}}
		}
		invocation.Notifications = append(invocation.Notifications, n)
	}
	run.Invocations = []sarifInvocation{invocation}
	return encode(w, sarifLog{Schema: sarifSchema, Version: "2.1.0", Runs: []sarifRun{run}})
}

// level and score of a severity: https://docs.github.com/en/code-security (security-severity of rules).
var sarifLevels = [...][2]string{{"note", "1.0"}, {"note", "3.0"}, {"warning", "5.5"}, {"error", "8.0"}, {"error", "9.5"}}

func ruleSARIF(r *plinth.Rule) sarifRule {
	s := sarifLevels[min(int(r.Severity), 4)]
	tags := []string{"security"}
	for _, c := range r.CWE {
		tags = append(tags, "external/cwe/"+strings.ToLower(c))
	}
	return sarifRule{
		ID: r.ID, Name: r.ID, Short: sarifText{r.Title}, Full: sarifText{r.Title + ". " + r.Why}, Help: sarifText{r.Why + "\n\nFix: " + r.Fix},
		Default: sarifLevel{s[0]}, Properties: sarifProperties{Tags: tags, Severity: s[1]},
	}
}

func (r *Report) resultSARIF(f *Finding, index int) sarifResult {
	out := sarifResult{
		RuleID: f.Rule.ID, RuleIndex: index, Level: sarifLevels[min(int(f.Rule.Severity), 4)][0], Message: sarifText{Clean(f.Message)},
		Fingerprints: map[string]string{"plinth/v1": f.Key}, Locations: []sarifLocation{{Physical: r.physical(f.Target, f.At)}},
	}
	if f.Decl != nil {
		out.Locations[0].Logical = []sarifLogical{{Clean(f.Decl.Address), "resource"}}
	}
	for i, s := range f.Evidence {
		if s.At.Path != "" {
			out.Related = append(out.Related, sarifLocation{ID: i + 1, Physical: r.physical(f.Target, s.At), Message: &sarifText{Clean(s.Note)}})
		}
	}
	if s := f.Suppressed; s != nil {
		kind := "external"
		if s.By == "comment" {
			kind = "inSource"
		}
		out.Suppressions = []sarifSuppression{{kind, s.Why}}
	}
	return out
}

func (r *Report) physical(target string, at plinth.Location) sarifPhysical {
	p := r.fromRoot(target, at.Path)
	out := sarifPhysical{Artifact: sarifArtifact{(&url.URL{Path: p}).EscapedPath()}}
	if at.Line > 0 {
		out.Region = &sarifRegion{at.Line, at.Col, at.EndLine, at.EndCol}
	}
	return out
}
