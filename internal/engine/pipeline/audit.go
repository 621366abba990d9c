package pipeline

import (
	_ "embed" // the audits
	"fmt"
	"path"
	"slices"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/document"
)

//go:embed audits.yaml
var audits []byte

// Audit is one thing that the engine looks for.
type Audit struct {
	plinth.Rule
	graded [plinth.Critical + 1]plinth.Rule // the same, for each severity that a finding may have
}

// Audits reads the audits that come with the product, sorted by id.
func Audits() ([]*Audit, error) {
	var out []*Audit
	p := &document.Parser{}
	faults := p.Parse("audits.yaml", audits, func(d document.Document) {
		for _, x := range d.Value.Fields() {
			a := &Audit{Rule: plinth.Rule{ID: "pipeline-" + x.Key, Engine: Name, Title: get(x.Value, "title").Str(), Why: get(x.Value, "why").Str(), Fix: get(x.Value, "fix").Str()}}
			a.Severity, _ = plinth.ParseSeverity(get(x.Value, "severity").Str())
			for _, alias := range get(x.Value, "aliases").List() {
				a.Aliases = append(a.Aliases, alias.Str())
			}
			for _, c := range get(x.Value, "cwe").List() {
				a.CWE = append(a.CWE, c.Str())
			}
			for i := range a.graded {
				a.graded[i] = a.Rule
				a.graded[i].Severity = plinth.Severity(i)
			}
			out = append(out, a)
		}
	})
	if len(faults) > 0 {
		return nil, fmt.Errorf("audits.yaml:%d: %s", faults[0].At.Line, faults[0].Text)
	}
	return out, nil
}

// Select returns the audits that only names, or all where it is empty, without those that skip names. A name is that of the
// engine, an id, an alias, or a pattern of ids.
func Select(list []*Audit, only, skip []string) []*Audit {
	return slices.DeleteFunc(slices.Clone(list), func(a *Audit) bool {
		return len(only) > 0 && !slices.ContainsFunc(only, a.named) || slices.ContainsFunc(skip, a.named)
	})
}

// Knows tells whether some audit answers to the name.
func Knows(name string) bool {
	list, err := Audits()
	return err == nil && slices.ContainsFunc(list, func(a *Audit) bool { return a.named(name) })
}

func (a *Audit) named(name string) bool {
	if name == Name || name == a.ID || slices.Contains(a.Aliases, name) {
		return true
	}
	ok, err := path.Match(name, a.ID)
	return ok && err == nil
}
