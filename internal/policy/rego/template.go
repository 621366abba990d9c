package rego

import (
	"context"
	"fmt"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/document"
)

// Template is a Gatekeeper ConstraintTemplate, compiled.
type Template struct {
	Kind    string // of its constraints
	At      plinth.Location
	title   string
	why     string
	entry   ast.Ref // its rule violation
	program *program
}

// Constraint is one use of a template.
type Constraint struct {
	Kind, Name string
	Action     string // deny, warn, dryrun or scoped
	At         plinth.Location
	Rule       *plinth.Rule
	match      any
	parameters any
}

const (
	templates   = "templates.gatekeeper.sh/"
	constraints = "constraints.gatekeeper.sh/"
	suites      = "test.gatekeeper.sh/"
)

// at walks keys of JSON objects; nil where one is missing.
func at(v any, keys ...string) any {
	for _, k := range keys {
		m, _ := v.(map[string]any)
		v = m[k]
	}
	return v
}

func textAt(v any, keys ...string) string {
	s, _ := at(v, keys...).(string)
	return s
}

// manifest takes the templates and constraints of a YAML or JSON file below the policy folders; everything else in it is not ours.
func (p *Pack) manifest(f source) Faults {
	if !strings.Contains(string(f.data), "gatekeeper.sh/") {
		return nil
	}
	parser := document.Parser{Elements: "items"}
	var faults Faults
	problems := parser.Parse(f.path, f.data, func(d document.Document) {
		faults = append(faults, p.Add(Plain(d.Value, Named), d.Decl.Header)...)
	})
	return append(problems, faults...)
}

// Add takes an object if it is a template or a constraint. A second one of the same kind (and name) does not count.
func (p *Pack) Add(object any, where plinth.Location) Faults {
	version := textAt(object, "apiVersion")
	switch {
	case strings.HasPrefix(version, templates) && textAt(object, "kind") == "ConstraintTemplate":
		t, faults := NewTemplate(object, where)
		if t != nil && p.template(t.Kind) == nil {
			p.templates = append(p.templates, t)
		}
		return faults
	case strings.HasPrefix(version, constraints):
		c := NewConstraint(object, where)
		for _, have := range p.limits {
			if have.Kind == c.Kind && have.Name == c.Name {
				return nil
			}
		}
		p.limits = append(p.limits, c)
	}
	return nil
}

// With is the pack with the templates and constraints among objects of the target as well; the pack itself stays as it is.
func (p *Pack) With(add func(*Pack) Faults) (*Pack, Faults) {
	own := *p
	own.templates, own.limits = p.templates[:len(p.templates):len(p.templates)], p.limits[:len(p.limits):len(p.limits)]
	return &own, add(&own)
}

func (p *Pack) template(kind string) *Template {
	for _, t := range p.templates {
		if t.Kind == kind {
			return t
		}
	}
	return nil
}

// NewTemplate compiles a ConstraintTemplate. Of several engines Rego counts; a template without Rego is a problem of kind unsupported.
func NewTemplate(object any, where plinth.Location) (*Template, Faults) {
	fault := func(kind plinth.ProblemKind, text string) (*Template, Faults) {
		return nil, Faults{{Kind: kind, At: where, Text: text}}
	}
	t := &Template{Kind: textAt(object, "spec", "crd", "spec", "names", "kind"), At: where}
	if t.Kind == "" {
		return fault(plinth.Broken, "a constraint template without spec.crd.spec.names.kind")
	}
	t.title = textAt(object, "metadata", "annotations", "metadata.gatekeeper.sh/title")
	t.why = strings.TrimSpace(textAt(object, "metadata", "annotations", "description"))
	targets := elements(at(object, "spec", "targets"))
	if len(targets) != 1 {
		return fault(plinth.Broken, fmt.Sprintf("constraint template %s wants one target", t.Kind))
	}
	text, libs, version := regoOf(targets[0])
	if text == "" {
		return fault(plinth.Unsupported, fmt.Sprintf("constraint template %s has no Rego; its other engines are not run", t.Kind))
	}
	modules := map[string]*ast.Module{}
	var faults Faults
	for i, lib := range append([]string{text}, libs...) {
		name := fmt.Sprintf("template %s, rego", t.Kind)
		if i > 0 {
			name = fmt.Sprintf("template %s, lib %d", t.Kind, i)
		}
		m, more := parse(name, lib, version)
		faults = append(faults, more...)
		if m != nil {
			modules[name] = m
			if i == 0 {
				t.entry = under(m.Package.Path, "violation")
			}
		}
	}
	if len(faults) == 0 {
		t.program, faults = newProgram(modules, map[string]any{})
	}
	for i, f := range faults { // the line is one of the block of text inside the template
		faults[i] = plinth.Problem{Kind: plinth.Broken, At: where, Text: fmt.Sprintf("%s, line %d: %s", f.At.Path, f.At.Line, f.Text)}
	}
	if len(faults) > 0 {
		return nil, faults
	}
	return t, nil
}

// regoOf returns the source of a target, its libraries, and the version of the language they are in: v0 unless the source says v1.
func regoOf(target any) (text string, libs []string, v Version) {
	words := func(list any) []string {
		var out []string
		for _, e := range elements(list) {
			if s, ok := e.(string); ok {
				out = append(out, s)
			}
		}
		return out
	}
	text, libs, v = textAt(target, "rego"), words(at(target, "libs")), V0
	for _, c := range elements(at(target, "code")) {
		if textAt(c, "engine") != "Rego" {
			continue
		}
		text, libs = textAt(c, "source", "rego"), words(at(c, "source", "libs"))
		if textAt(c, "source", "version") == "v1" {
			v = V1
		}
	}
	return text, libs, v
}

// NewConstraint reads a constraint.
func NewConstraint(object any, where plinth.Location) *Constraint {
	c := &Constraint{Kind: textAt(object, "kind"), Name: textAt(object, "metadata", "name"), Action: textAt(object, "spec", "enforcementAction"), At: where}
	if c.Action == "" {
		c.Action = "deny"
	}
	c.match, c.parameters = at(object, "spec", "match"), at(object, "spec", "parameters")
	if c.parameters == nil {
		c.parameters = map[string]any{}
	}
	severity := map[string]plinth.Severity{"deny": plinth.High, "warn": plinth.Low, "dryrun": plinth.Info}
	c.Rule = &plinth.Rule{ID: "gatekeeper." + c.Kind + "." + c.Name, Engine: Engine, Severity: plinth.High, Title: "Constraint " + c.Kind + "/" + c.Name}
	if s, ok := severity[c.Action]; ok {
		c.Rule.Severity = s
	}
	return c
}

// describe gives the rule of a constraint the words of its template.
func (c *Constraint) describe(t *Template) {
	if t.title != "" {
		c.Rule.Title = t.title + " (" + c.Name + ")"
	}
	c.Rule.Why = t.why
}

// Constraints are the constraints that have a template.
func (p *Pack) Constraints() []*Constraint {
	var out []*Constraint
	for _, c := range p.limits {
		if t := p.template(c.Kind); t != nil {
			c.describe(t)
			out = append(out, c)
		}
	}
	return out
}

// Violation is one answer of a constraint about an object.
type Violation struct{ Message, Detail string }

// Review asks a constraint about an object under review.
func (p *Pack) Review(ctx context.Context, c *Constraint, r *Review) ([]Violation, error) {
	t := p.template(c.Kind)
	if t == nil || !c.Matches(r) {
		return nil, nil
	}
	in, err := term(map[string]any{"review": r.request(), "parameters": c.parameters})
	if err != nil {
		return nil, err
	}
	answer, err := t.program.over(r.Inventory.store).ask(ctx, t.entry, in)
	if err != nil {
		return nil, fmt.Errorf("constraint %s/%s: %w", c.Kind, c.Name, err)
	}
	var out []Violation
	for _, e := range elements(answer) {
		if m, ok := at(e, "msg").(string); ok {
			out = append(out, Violation{m, compact(e)})
		}
	}
	return out, nil
}
