package verdict

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/plinthsec/plinth"
)

const baselineSchema = "plinth.baseline/1"

// Baseline is findings that are known already.
type Baseline struct {
	Name    string
	Created string          // YYYY-MM-DD, "" where it does not say
	Known   []KnownFinding  // by their fingerprints, sorted by rule, path and resource
	Peers   *Accepted       // what a peer's file accepts; nil for our own
	keys    map[string]bool // of Known
}

// KnownFinding is an entry of a baseline: its fingerprint, and words for people who read the file.
type KnownFinding struct {
	Key      string `json:"fingerprint"`
	Rule     string `json:"rule"`
	Severity string `json:"severity"`
	Path     string `json:"path"`
	Resource string `json:"resource"`
}

// NewBaseline makes a baseline of what fails and is not suppressed.
func NewBaseline(created string, findings []plinth.Finding) *Baseline {
	b := &Baseline{Created: created, keys: map[string]bool{}}
	for i := range findings {
		f := &findings[i]
		if f.Verdict != plinth.Fail || f.Suppressed != nil || b.keys[f.Key] {
			continue
		}
		k := KnownFinding{Key: f.Key, Rule: f.Rule.ID, Severity: f.Rule.Severity.String(), Path: f.At.Path}
		if f.Decl != nil {
			k.Resource = f.Decl.Address
		}
		b.keys[f.Key] = true
		b.Known = append(b.Known, k)
	}
	b.sort()
	return b
}

func (b *Baseline) sort() {
	slices.SortFunc(b.Known, func(x, y KnownFinding) int {
		return cmp.Or(cmp.Compare(x.Rule, y.Rule), cmp.Compare(x.Path, y.Path), cmp.Compare(x.Resource, y.Resource), cmp.Compare(x.Key, y.Key))
	})
}

// JSON is the baseline as a file: one line for each finding, so that a change shows as lines.
func (b *Baseline) JSON() ([]byte, error) {
	var out bytes.Buffer
	fmt.Fprintf(&out, "{\"schema\": %q, \"created\": %q, \"findings\": [", baselineSchema, b.Created)
	for i, k := range b.Known {
		line, err := json.Marshal(k)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			out.WriteByte(',')
		}
		out.WriteString("\n ")
		out.Write(line)
	}
	out.WriteString("\n]}\n")
	return out.Bytes(), nil
}

// ReadBaseline reads a baseline, a report of plinth (-o json), a baseline of Checkov or an ignore file of Trivy. What is suppressed in
// a report is not known: its reason may end.
func ReadBaseline(name string, data []byte) (*Baseline, error) {
	switch base := path.Base(strings.ReplaceAll(name, `\`, "/")); {
	case strings.HasPrefix(base, ".trivyignore") && (strings.HasSuffix(base, ".yaml") || strings.HasSuffix(base, ".yml")):
		return trivyYAML(name, data)
	case strings.HasPrefix(base, ".trivyignore"):
		return trivyIgnore(name, data), nil
	}
	var r struct {
		Schema   string
		Created  string
		Findings []struct {
			KnownFinding
			Key        string          // in a report
			Rule       json.RawMessage `json:"rule"`
			Resource   json.RawMessage `json:"resource"` // in a report an object
			Location   struct{ Path string }
			Suppressed any
		}
		Checkov []checkovFile `json:"failed_checks"`
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, fmt.Errorf("read baseline %s: %w", name, err)
	}
	if r.Checkov != nil {
		return checkovBaseline(name, r.Checkov), nil
	}
	if r.Schema != "plinth.report/1" && r.Schema != baselineSchema {
		return nil, fmt.Errorf("read baseline %s: it is no baseline or report of plinth, no baseline of Checkov and no ignore file of Trivy", name)
	}
	b := &Baseline{Name: name, Created: r.Created, keys: map[string]bool{}}
	for _, f := range r.Findings {
		k := f.KnownFinding
		k.Key = cmp.Or(k.Key, f.Key)
		if f.Suppressed != nil || b.keys[k.Key] {
			continue
		}
		k.Rule, k.Resource = word(f.Rule), word(f.Resource)
		if k.Path == "" {
			k.Path = f.Location.Path
		}
		b.keys[k.Key] = true
		b.Known = append(b.Known, k)
	}
	b.sort()
	return b, nil
}

// word reads a text, or the address of a report's resource.
func word(raw json.RawMessage) string {
	var s string
	var r struct{ Address string }
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	if json.Unmarshal(raw, &r) != nil {
		return ""
	}
	return r.Address
}

// Suppress marks the findings that are in the baseline; today is a date, YYYY-MM-DD.
func (b *Baseline) Suppress(findings []plinth.Finding, today string) {
	if b.Peers != nil {
		b.Peers.Suppress(findings, today)
		return
	}
	for i := range findings {
		if f := &findings[i]; f.Suppressed == nil && b.keys[f.Key] {
			f.Suppressed = &plinth.Suppression{By: "baseline", Why: "in the baseline " + b.Name}
		}
	}
}

// Prune takes out what no finding is about any more, and returns it.
func (b *Baseline) Prune(findings []plinth.Finding) []KnownFinding {
	there := map[string]bool{}
	for i := range findings {
		if findings[i].Verdict == plinth.Fail {
			there[findings[i].Key] = true
		}
	}
	var gone []KnownFinding
	b.Known = slices.DeleteFunc(b.Known, func(k KnownFinding) bool {
		if !there[k.Key] {
			gone = append(gone, k)
		}
		return !there[k.Key]
	})
	return gone
}

// checkovFile is a file of a baseline that checkov --create-baseline writes.
type checkovFile struct {
	File     string
	Findings []struct {
		Resource string
		CheckIDs []string `json:"check_ids"`
	}
}

func checkovBaseline(name string, files []checkovFile) *Baseline {
	var list []plinth.Exception
	for _, f := range files {
		for _, x := range f.Findings {
			e := plinth.Exception{
				Rules: x.CheckIDs, Paths: []string{strings.TrimPrefix(f.File, "/")}, Why: "in the Checkov baseline " + name, At: plinth.Location{Path: name},
			}
			if x.Resource != "" && !strings.ContainsAny(x.Resource, "/ ") {
				e.Resources = []string{x.Resource, "*." + x.Resource}
			}
			list = append(list, e)
		}
	}
	return &Baseline{Name: name, Peers: Accept("baseline", list)}
}

// trivyIgnore reads an ignore file: an id on each line, then perhaps exp:YYYY-MM-DD, then perhaps a comment.
// https://trivy.dev/docs/latest/configuration/filtering/
func trivyIgnore(name string, data []byte) *Baseline {
	var list []plinth.Exception
	for i, line := range strings.Split(string(data), "\n") {
		text, comment, _ := strings.Cut(line, "#")
		words := strings.Fields(text)
		if len(words) == 0 {
			continue
		}
		e := plinth.Exception{Rules: words[:1], Why: strings.TrimSpace(comment), At: plinth.Location{Path: name, Line: int32(i + 1)}}
		if e.Why == "" {
			e.Why = "in the ignore file " + name
		}
		for _, w := range words[1:] {
			if until, ok := strings.CutPrefix(w, "exp:"); ok {
				e.Until = until
			}
		}
		list = append(list, e)
	}
	return &Baseline{Name: name, Peers: Accept("baseline", list)}
}

type trivyEntry struct {
	ID        string   `yaml:"id"`
	Paths     []string `yaml:"paths"`
	Statement string   `yaml:"statement"`
	Expired   string   `yaml:"expired_at"`
}

func trivyYAML(name string, data []byte) (*Baseline, error) {
	var file struct {
		Misconfigurations, Secrets, Vulnerabilities []trivyEntry
	}
	if err := yaml.Unmarshal(data, &file); err != nil {
		return nil, fmt.Errorf("read baseline %s: %s", name, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	var list []plinth.Exception
	for _, x := range slices.Concat(file.Misconfigurations, file.Secrets, file.Vulnerabilities) {
		e := plinth.Exception{Rules: []string{x.ID}, Paths: x.Paths, Why: x.Statement, At: plinth.Location{Path: name}}
		if x.Expired != "" {
			day, err := time.Parse(time.DateOnly, x.Expired)
			if err != nil {
				return nil, fmt.Errorf("read baseline %s: %s: expired_at %q is no date", name, x.ID, x.Expired)
			}
			e.Until = day.Format(time.DateOnly)
		}
		if e.Why == "" {
			e.Why = "in the ignore file " + name
		}
		list = append(list, e)
	}
	return &Baseline{Name: name, Peers: Accept("baseline", list)}, nil
}
