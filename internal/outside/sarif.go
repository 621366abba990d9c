package outside

import (
	"encoding/json"
	"fmt"
	"net/url"
	"path"
	"strings"

	"github.com/plinthsec/plinth"
)

// The parts of SARIF 2.1.0 that say what is wrong and where:
// https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html.
type sarifRun struct {
	Tool struct {
		Driver     sarifComponent   `json:"driver"`
		Extensions []sarifComponent `json:"extensions"`
	} `json:"tool"`
	Results   []sarifResult            `json:"results"`
	Bases     map[string]sarifArtifact `json:"originalUriBaseIds"`
	Artifacts []struct {
		Location sarifArtifact `json:"location"`
	} `json:"artifacts"`
}

type sarifComponent struct {
	Name  string      `json:"name"`
	Rules []sarifRule `json:"rules"`
}

type sarifRule struct {
	ID            string       `json:"id"`
	Short         sarifMessage `json:"shortDescription"`
	Messages      map[string]sarifMessage
	Relationships []struct {
		Target sarifReference `json:"target"`
	} `json:"relationships"`
	Properties sarifProperties `json:"properties"`
}

type sarifReference struct {
	ID            string         `json:"id"`
	Index         *int           `json:"index"`
	ToolComponent sarifComponent `json:"toolComponent"`
}

type sarifProperties struct {
	Tags []string        `json:"tags"`
	CWE  json.RawMessage `json:"cwe"`
}

type sarifMessage struct {
	Text string `json:"text"`
}

type sarifArtifact struct {
	URI   string `json:"uri"`
	Base  string `json:"uriBaseId"`
	Index *int   `json:"index"`
}

type sarifLocation struct {
	Physical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   struct {
			StartLine   int32 `json:"startLine"`
			StartColumn int32 `json:"startColumn"`
			EndLine     int32 `json:"endLine"`
			EndColumn   int32 `json:"endColumn"`
		} `json:"region"`
	} `json:"physicalLocation"`
	Message sarifMessage `json:"message"`
}

type sarifResult struct {
	RuleID       string           `json:"ruleId"`
	RuleIndex    *int             `json:"ruleIndex"`
	Rule         sarifReference   `json:"rule"`
	Kind         string           `json:"kind"`
	Level        string           `json:"level"`
	Message      sarifMessage     `json:"message"`
	Locations    []sarifLocation  `json:"locations"`
	Taxa         []sarifReference `json:"taxa"`
	Properties   sarifProperties  `json:"properties"`
	Suppressions []struct {
		Status        string `json:"status"`
		Justification string `json:"justification"`
	} `json:"suppressions"`
	CodeFlows []struct {
		ThreadFlows []struct {
			Locations []struct {
				Location sarifLocation `json:"location"`
			} `json:"locations"`
		} `json:"threadFlows"`
	} `json:"codeFlows"`
}

// levels are SARIF's levels as severities; its own default is warning.
var levels = map[string]plinth.Severity{"error": plinth.High, "warning": plinth.Medium, "": plinth.Medium, "note": plinth.Low, "none": plinth.Info}

func readSARIF(name string, data []byte, t Target) ([]plinth.Finding, []plinth.Problem, error) {
	var doc struct {
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, nil, fmt.Errorf("%s: no SARIF: %w", name, err)
	}
	if !strings.HasPrefix(doc.Version, "2.") {
		return nil, nil, fmt.Errorf("%s: SARIF %q is not read, only 2.1.0", name, doc.Version)
	}
	var out []plinth.Finding
	var problems []plinth.Problem
	lost := 0
	for i := range doc.Runs {
		run := &doc.Runs[i]
		for k := range run.Results {
			if len(out) == maxResults {
				problems = append(problems, plinth.Problem{Kind: plinth.Limit, At: plinth.Location{Path: name}, Text: "more than 200,000 results; the others are left out"})
				return out, problems, nil
			}
			if f, ok, found := run.finding(&run.Results[k], t); found {
				out = append(out, f)
			} else if ok {
				lost++
			}
		}
	}
	if lost > 0 {
		problems = append(problems, plinth.Problem{Kind: plinth.Unsupported, At: plinth.Location{Path: name}, Text: fmt.Sprintf("%d results name no file of the target", lost)})
	}
	return out, problems, nil
}

// finding reads one result. It is not ok where the result says that nothing is wrong, and not found where its file is not there.
func (run *sarifRun) finding(r *sarifResult, t Target) (f plinth.Finding, ok, found bool) {
	if r.Kind != "" && r.Kind != "fail" && r.Kind != "open" && r.Kind != "review" {
		return f, false, false
	}
	rule := run.rule(r)
	f = plinth.Finding{Rule: rule, Verdict: plinth.Fail, Message: r.Message.Text}
	for _, s := range r.Suppressions {
		if s.Status == "" || s.Status == "accepted" {
			f.Suppressed = &plinth.Suppression{By: "comment", Why: s.Justification}
		}
	}
	for i := range r.Locations {
		if at, there := run.locate(&r.Locations[i], t); there {
			f.At, found = at, true
			break
		}
	}
	if len(r.CodeFlows) == 0 {
		return f, true, found
	}
	for _, thread := range r.CodeFlows[0].ThreadFlows {
		for i := range thread.Locations {
			l := &thread.Locations[i].Location
			if at, there := run.locate(l, t); there && len(f.Evidence) < maxSteps {
				f.Evidence = append(f.Evidence, plinth.Step{Note: l.Message.Text, At: at})
			}
		}
	}
	return f, true, found
}

// rule returns the words of a result's rule.
func (run *sarifRun) rule(r *sarifResult) *plinth.Rule {
	var from sarifRule
	index := r.RuleIndex
	component := &run.Tool.Driver
	if r.Rule.Index != nil {
		index = r.Rule.Index
		if i, ok := number(r.Rule.ToolComponent.index(run), len(run.Tool.Extensions)); ok {
			component = &run.Tool.Extensions[i]
		}
	}
	id := r.RuleID
	if id == "" {
		id = r.Rule.ID
	}
	if i, ok := number(index, len(component.Rules)); ok {
		from = component.Rules[i]
	} else {
		for _, c := range append([]sarifComponent{run.Tool.Driver}, run.Tool.Extensions...) {
			for _, x := range c.Rules {
				if x.ID == id && id != "" {
					from = x
				}
			}
		}
	}
	if id == "" {
		id = from.ID
	}
	texts := append(append([]string{}, from.Properties.Tags...), r.Properties.Tags...)
	texts = append(texts, loose(from.Properties.CWE)...)
	texts = append(texts, loose(r.Properties.CWE)...)
	for _, x := range from.Relationships {
		texts = append(texts, x.Target.cwe())
	}
	for _, x := range r.Taxa {
		texts = append(texts, x.cwe())
	}
	texts = append(texts, id)
	return &plinth.Rule{ID: id, Engine: run.Tool.Driver.Name, Title: from.Short.Text, Severity: levels[r.Level], CWE: weaknesses(texts)}
}

// index finds the extension that a reference names.
func (c *sarifComponent) index(run *sarifRun) *int {
	for i := range run.Tool.Extensions {
		if c.Name != "" && run.Tool.Extensions[i].Name == c.Name {
			return &i
		}
	}
	return nil
}

// cwe is a reference to a taxon of the CWE list as CWE-N.
func (r *sarifReference) cwe() string {
	if strings.EqualFold(r.ToolComponent.Name, "CWE") && !strings.Contains(strings.ToLower(r.ID), "cwe") {
		return "CWE-" + r.ID
	}
	return r.ID
}

// loose returns the texts of a property that is a text or a list of texts.
func loose(raw json.RawMessage) []string {
	var one string
	var many []string
	if json.Unmarshal(raw, &one) == nil {
		return []string{one}
	}
	if json.Unmarshal(raw, &many) == nil {
		return many
	}
	return nil
}

// locate finds the file of a place in the target: as it is written, by its base, or as the longest tail of an absolute path that
// the target has.
func (run *sarifRun) locate(l *sarifLocation, t Target) (plinth.Location, bool) {
	a := l.Physical.Artifact
	if i, ok := number(a.Index, len(run.Artifacts)); ok && a.URI == "" {
		a = run.Artifacts[i].Location
	}
	p := a.URI
	if u, err := url.Parse(a.URI); err == nil {
		p = u.Path
	}
	if b, ok := run.Bases[a.Base]; ok && !strings.HasPrefix(p, "/") && b.URI != "" && !strings.Contains(b.URI, ":") {
		p = path.Join(b.URI, p)
	}
	r := l.Physical.Region
	at := plinth.Location{Line: r.StartLine, Col: r.StartColumn, EndLine: r.EndLine, EndCol: r.EndColumn}
	p = strings.TrimPrefix(path.Clean("/"+strings.ReplaceAll(p, `\`, "/")), "/")
	for p != "" && p != "." {
		if t.Has(p) {
			at.Path = p
			return at, true
		}
		_, rest, more := strings.Cut(p, "/")
		if !more {
			break
		}
		p = rest
	}
	return plinth.Location{}, false
}
