package report

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/value"
)

type jsonReport struct {
	Schema   string              `json:"schema"`
	Version  string              `json:"version"`
	Targets  []jsonTarget        `json:"targets"`
	Findings jsonHole            `json:"findings"`
	Paths    []any               `json:"paths"`
	Answers  []jsonAnswer        `json:"answers,omitempty"`
	Nodes    map[string]jsonNode `json:"nodes,omitempty"`
	Problems []jsonProblem       `json:"problems"`
	Coverage jsonCoverage        `json:"coverage"`
	Summary  jsonSummary         `json:"summary"`
}

type jsonTarget struct {
	Name string `json:"name"`
	Kind string `json:"kind"`
}

type jsonLocation struct {
	Path      string `json:"path"`
	Line      int32  `json:"line,omitempty"`
	Column    int32  `json:"column,omitempty"`
	EndLine   int32  `json:"end_line,omitempty"`
	EndColumn int32  `json:"end_column,omitempty"`
	Commit    string `json:"commit,omitempty"`
}

type jsonFinding struct {
	Key        string        `json:"key"`
	Target     string        `json:"target"`
	Project    string        `json:"project"`
	Rule       string        `json:"rule"`
	Aliases    []string      `json:"aliases"`
	Engine     string        `json:"engine"`
	Severity   string        `json:"severity"`
	Verdict    string        `json:"verdict"`
	Because    []string      `json:"because"`
	Title      string        `json:"title"`
	Message    string        `json:"message"`
	CWE        []string      `json:"cwe"`
	Controls   []string      `json:"controls"`
	Attack     []string      `json:"attack"`
	Resource   jsonOn        `json:"resource"`
	Location   jsonLocation  `json:"location"`
	Evidence   []jsonStep    `json:"evidence"`
	Fix        jsonFix       `json:"fix"`
	Priority   jsonPriority  `json:"priority"`
	Suppressed *jsonSilenced `json:"suppressed"`
}

type jsonOn struct {
	ID      string `json:"id"`
	Type    string `json:"type"`
	Address string `json:"address"`
}

type jsonStep struct {
	Note     string       `json:"note"`
	Location jsonLocation `json:"location"`
	Resource string       `json:"resource,omitempty"`
}

type jsonFix struct {
	Summary string `json:"summary"`
	Edits   []any  `json:"edits"`
}

type jsonPriority struct {
	Score   int      `json:"score"`
	Reasons []string `json:"reasons"`
}

type jsonSilenced struct {
	By       string       `json:"by"`
	Why      string       `json:"why"`
	Until    string       `json:"until"`
	Location jsonLocation `json:"location"`
}

type jsonProblem struct {
	Kind     string       `json:"kind"`
	Target   string       `json:"target"`
	Location jsonLocation `json:"location"`
	Error    string       `json:"error"`
}

type jsonCoverage struct {
	Files   jsonFiles    `json:"files"`
	Engines []jsonEngine `json:"engines"`
}

type jsonFiles struct {
	Seen    int `json:"seen"`
	Read    int `json:"read"`
	Skipped int `json:"skipped"`
}

type jsonEngine struct {
	Name      string `json:"name"`
	Rules     int    `json:"rules"`
	Resources int    `json:"resources"`
}

type jsonSummary struct {
	Fail       map[string]int `json:"fail"`
	Unknown    int            `json:"unknown"`
	Suppressed int            `json:"suppressed"`
	Paths      int            `json:"paths"`
}

func locate(l plinth.Location) jsonLocation {
	return jsonLocation{Path: l.Path, Line: l.Line, Column: l.Col, EndLine: l.EndLine, EndColumn: l.EndCol}
}

func some(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

func writeJSON(w io.Writer, r *Report, _ Options) error {
	s := r.Summary()
	out := jsonReport{
		Schema: "plinth.report/1", Version: r.Version, Targets: []jsonTarget{},
		Problems: problems(r.Problems), Coverage: jsonCoverage{Engines: []jsonEngine{}},
		Summary: jsonSummary{Fail: map[string]int{}, Unknown: s.Unknown, Suppressed: s.Suppressed},
	}
	out.Paths, out.Nodes, out.Answers = pathsJSON(r.Answers)
	out.Summary.Paths = len(out.Paths)
	for sev := plinth.Low; sev <= plinth.Critical; sev++ {
		out.Summary.Fail[sev.String()] = s.Fail[sev]
	}
	if n := s.Fail[plinth.Info]; n > 0 {
		out.Summary.Fail[plinth.Info.String()] = n
	}
	for _, t := range r.Targets {
		out.Targets = append(out.Targets, jsonTarget{t.Name, t.Kind})
		out.Coverage.Files.Seen += t.Seen
		out.Coverage.Files.Read += t.Read
		out.Coverage.Files.Skipped += t.Skipped
	}
	for _, e := range r.Engines {
		out.Coverage.Engines = append(out.Coverage.Engines, jsonEngine(e))
	}
	var frame bytes.Buffer
	if err := encode(&frame, out); err != nil {
		return err
	}
	head, tail, _ := strings.Cut(frame.String(), `"findings": "`+hole+`"`)
	b := bufio.NewWriter(w)
	b.WriteString(head + `"findings": [`)
	if err := writeFindings(b, r); err != nil {
		return err
	}
	b.WriteString("]" + tail)
	return b.Flush()
}

// hole stands for the findings while the rest of the report is written: there may be too many to hold them all as text.
const hole = "\ue000findings\ue000"

type jsonHole struct{}

func (jsonHole) MarshalJSON() ([]byte, error) { return []byte(`"` + hole + `"`), nil }

func writeFindings(b *bufio.Writer, r *Report) error {
	list := r.Findings
	var one bytes.Buffer
	e := compact(&one)
	e.SetIndent("  ", " ")
	for i := range list {
		one.Reset()
		if err := e.Encode(findingJSON(&list[i], r.priority(list[i].Finding))); err != nil {
			return err
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("\n  ")
		b.Write(bytes.TrimRight(one.Bytes(), "\n"))
	}
	if len(list) > 0 {
		b.WriteString("\n ")
	}
	return nil
}

func compact(w io.Writer) *json.Encoder {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e
}

func encode(w io.Writer, v any) error {
	e := compact(w)
	e.SetIndent("", " ")
	return e.Encode(v)
}

func findingJSON(f *Finding, p plinth.Priority) jsonFinding {
	out := jsonFinding{
		Key: f.Key, Target: f.Target, Rule: f.Rule.ID, Aliases: some(f.Aliases()), Engine: f.Rule.Engine, Severity: f.Rule.Severity.String(),
		Verdict: f.Verdict.String(), Because: some(f.Because), Title: f.Rule.Title, Message: f.Message, CWE: some(f.Rule.CWE),
		Controls: some(f.Controls()), Attack: some(f.Rule.Attack), Location: locate(f.At), Evidence: []jsonStep{},
		Fix: jsonFix{Summary: f.Rule.Fix, Edits: []any{}}, Priority: jsonPriority{p.Score, some(p.Reasons)},
	}
	if f.Resource != nil {
		out.Project = f.Resource.Project
		out.Resource = jsonOn{ID: string(f.Resource.ID), Type: f.Resource.Type}
	}
	if f.Decl != nil {
		out.Resource.Address = f.Decl.Address
	}
	out.Location.Commit = f.Commit
	for _, s := range f.Evidence {
		out.Evidence = append(out.Evidence, jsonStep{s.Note, locate(s.At), s.Resource})
	}
	if s := f.Suppressed; s != nil {
		out.Suppressed = &jsonSilenced{s.By, s.Why, s.Until, locate(s.At)}
	}
	return out
}

func problems(list []Problem) []jsonProblem {
	out := make([]jsonProblem, 0, len(list))
	for _, p := range list {
		out = append(out, jsonProblem{string(p.Kind), p.Target, locate(p.At), p.Text})
	}
	return out
}

type jsonResource struct {
	ID         string          `json:"id"`
	Address    string          `json:"address"`
	Type       string          `json:"type"`
	SourceType string          `json:"source_type"`
	TFType     string          `json:"tf_type,omitempty"`
	Project    string          `json:"project"`
	Location   jsonLocation    `json:"location"`
	Attributes json.RawMessage `json:"attributes,omitempty"`
	Properties json.RawMessage `json:"properties"`
}

// writeResources prints what was understood. A resource that an argument of another one declares, and one that is not in the
// code, have no block of their own and are left out, and so are module calls, whose resources stand for them.
func writeResources(w io.Writer, r *Report, _ Options) error {
	list := []jsonResource{}
	for _, res := range r.Resources {
		if res.External || res.Hung || res.Decl.Type == "module" {
			continue
		}
		j := jsonResource{
			ID: string(res.ID), Address: res.Decl.Address, Type: res.Type, SourceType: res.Decl.Type, Project: res.Project,
			Location: locate(res.Decl.At), Properties: raw(res.Props),
		}
		if !res.Source.IsNull() && res.Type != res.Decl.Type {
			j.Attributes = raw(res.Source)
		}
		if res.Decl.Type != res.Type && j.Attributes != nil {
			j.TFType = res.Decl.Type
		}
		list = append(list, j)
	}
	return encode(w, struct {
		Schema    string         `json:"schema"`
		Resources []jsonResource `json:"resources"`
		Problems  []jsonProblem  `json:"problems"`
	}{"plinth.resources/1", list, problems(r.Problems)})
}

func raw(v plinth.Value) json.RawMessage {
	var b bytes.Buffer
	value.WriteJSON(&b, v)
	return b.Bytes()
}
