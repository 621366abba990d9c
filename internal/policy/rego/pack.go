package rego

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/document"
)

// Engine is the name that findings of policies carry.
const Engine = "rego"

// The packages whose rules run: Documents is Conftest's, on files as they are written; Resources on resources in their provider's form.
// Packages below Resources (plinth.storage) count, too.
const (
	Documents = "main"
	Resources = "plinth"
)

// Pack is the policies of some folders, compiled. It is safe for concurrent use.
type Pack struct {
	program   *program
	rules     []*judge
	templates []*Template
	limits    []*Constraint
	notes     []plinth.Problem
}

// judge is one rule that judges.
type judge struct {
	plinth.Rule
	pkg      ast.Ref
	of       string // Documents or Resources
	name     string // deny_root
	accepted bool   // its package has exceptions
}

// Decision is one answer of a rule.
type Decision struct {
	Rule    *plinth.Rule
	Message string
	Detail  string // what tells two answers of a rule apart, "" where the message does
}

// Load reads the policies (*.rego) and Gatekeeper's templates and constraints (YAML) below the folders, and the data files (YAML or JSON)
// that they see as data. Tests (*_test.rego) are left out. The error is Faults where something is wrong with them.
func Load(dirs, data []string, v Version) (*Pack, error) {
	list, err := files(dirs, ".rego", ".yaml", ".yml", ".json")
	if err != nil {
		return nil, err
	}
	modules, faults := map[string]*ast.Module{}, Faults(nil)
	p := &Pack{}
	for _, f := range list {
		switch {
		case strings.HasSuffix(f.path, "_test.rego"):
		case path.Ext(f.path) == ".rego":
			m, more := parse(f.path, string(f.data), v)
			if faults = append(faults, more...); m != nil {
				modules[f.path] = m
			}
		default:
			faults = append(faults, p.manifest(f)...)
		}
	}
	faults = slices.DeleteFunc(faults, func(f plinth.Problem) bool {
		if f.Kind == plinth.Unsupported {
			p.notes = append(p.notes, f)
		}
		return f.Kind == plinth.Unsupported
	})
	tree, more := dataFrom(data)
	faults = append(faults, more...)
	if len(faults) == 0 {
		p.program, faults = newProgram(modules, tree)
	}
	if len(faults) > 0 {
		return nil, faults
	}
	p.rules = judges(modules)
	if len(p.rules)+len(p.templates)+len(p.limits)+len(p.notes) == 0 {
		return nil, fmt.Errorf("%s: no policy (a rule deny, warn or violation in package %s or %s, or a Gatekeeper template or constraint)", strings.Join(dirs, ", "), Documents, Resources)
	}
	return p, nil
}

// dataFrom reads data files into one tree.
func dataFrom(names []string) (map[string]any, Faults) {
	tree := map[string]any{}
	list, err := files(names, ".yaml", ".yml", ".json")
	if err != nil {
		return nil, Faults{{Kind: plinth.Unreadable, Text: err.Error()}}
	}
	var faults Faults
	for _, f := range list {
		parser := document.Parser{}
		faults = append(faults, parser.Parse(f.path, f.data, func(d document.Document) {
			if top, ok := Plain(d.Value, Named).(map[string]any); ok {
				merge(tree, top)
			} else {
				faults = append(faults, plinth.Problem{Kind: plinth.Broken, At: d.Decl.Header, Text: "data wants keys and values at its top"})
			}
		})...)
	}
	return tree, faults
}

func merge(into, from map[string]any) {
	for k, v := range from {
		a, ok := into[k].(map[string]any)
		b, also := v.(map[string]any)
		if ok && also {
			merge(a, b)
			continue
		}
		into[k] = v
	}
}

var judging = regexp.MustCompile(`^(deny|violation|warn)(_[a-zA-Z0-9]+)*$`)

// judges finds the rules that judge, sorted by id.
func judges(modules map[string]*ast.Module) []*judge {
	found, accepted := map[string]*judge{}, map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(modules)) {
		m := modules[name]
		pkg := m.Package.Path
		of := packageName(pkg)
		top, _, _ := strings.Cut(of, ".")
		if top != Documents && top != Resources {
			continue
		}
		for _, r := range m.Rules {
			rule := r.Head.Ref()[0].Value.String()
			if rule == "exception" {
				accepted[of] = true
			}
			if !judging.MatchString(rule) || len(r.Head.Args) > 0 {
				continue
			}
			key := of + "." + rule
			j := found[key]
			if j == nil {
				j = &judge{pkg: pkg, of: top, name: rule, Rule: plinth.Rule{ID: key, Engine: Engine, Severity: plinth.High}}
				if strings.HasPrefix(rule, "warn") {
					j.Severity = plinth.Low
				}
				found[key] = j
			}
			describe(&j.Rule, m, r)
		}
	}
	var out []*judge
	for _, j := range found {
		j.accepted = accepted[packageName(j.pkg)]
		if j.Title == "" {
			j.Title = "Policy " + packageName(j.pkg) + "." + j.name
		}
		out = append(out, j)
	}
	slices.SortFunc(out, func(a, b *judge) int {
		return cmp.Or(strings.Compare(a.ID, b.ID), strings.Compare(a.pkg.String(), b.pkg.String()), strings.Compare(a.name, b.name))
	})
	return out
}

// packageName is the name of a package in the words of its author: plinth.storage.
func packageName(pkg ast.Ref) string { return strings.TrimPrefix(pkg.String(), "data.") }

// describe fills a rule in from the METADATA comments of its package and its own: title, description, related_resources; custom id,
// severity, fix, cwe.
func describe(to *plinth.Rule, m *ast.Module, r *ast.Rule) {
	var all []*ast.Annotations
	for _, a := range m.Annotations {
		if a.Scope == "package" {
			all = append(all, a)
		}
	}
	for _, a := range m.Annotations { // a document's annotation stands on one of its rules
		other, ok := a.GetTargetPath(), false
		if own := r.Path(); len(other) > 0 {
			ok = other.Equal(own) || own.HasPrefix(other)
		}
		if ok && (a.Scope == "document" || a.Scope == "rule") {
			all = append(all, a)
		}
	}
	for _, a := range all {
		own := a.Scope != "package"
		if a.Title != "" && own {
			to.Title = strings.TrimSuffix(a.Title, ".")
		}
		if a.Description != "" && own {
			to.Why = strings.TrimSpace(a.Description)
		}
		for _, l := range a.RelatedResources {
			to.Links = append(to.Links, l.Ref.String())
		}
		custom(to, a.Custom, own)
	}
	slices.Sort(to.Links)
	to.Links = slices.Compact(to.Links)
}

func custom(to *plinth.Rule, c map[string]any, own bool) {
	text := func(key string) string { s, _ := c[key].(string); return strings.TrimSpace(s) }
	if s, ok := plinth.ParseSeverity(strings.ToLower(text("severity"))); ok {
		to.Severity = s
	}
	if !own {
		return
	}
	if id := text("id"); id != "" {
		to.ID = id
	}
	to.Fix = cmp.Or(text("fix"), text("recommended_actions"), text("remediation"), to.Fix)
	if w := text("cwe"); w != "" {
		to.CWE = []string{w}
	}
}

// Notes are what of the policies is not run: templates without Rego, constraints without a template.
func (p *Pack) Notes() []plinth.Problem {
	out := slices.Clone(p.notes)
	for _, c := range p.limits {
		if p.template(c.Kind) == nil {
			out = append(out, plinth.Problem{Kind: plinth.Unsupported, At: c.At, Text: fmt.Sprintf("constraint %s/%s is not run: no template with Rego makes its kind", c.Kind, c.Name)})
		}
	}
	return out
}

// Rules are the rules that judge documents and resources, by id.
func (p *Pack) Rules() []*plinth.Rule {
	var out []*plinth.Rule
	for _, j := range p.rules {
		out = append(out, &j.Rule)
	}
	return out
}

// Judges tells whether some rule judges documents, or resources.
func (p *Pack) Judges(of string) bool {
	return slices.ContainsFunc(p.rules, func(j *judge) bool { return j.of == of })
}

// Run runs the rules of Documents or of Resources on one input, a JSON value. An error is told once for each rule that has it; the
// other rules ran.
func (p *Pack) Run(ctx context.Context, of string, input any) ([]Decision, []error) {
	in, err := term(input)
	if err != nil {
		return nil, []error{err}
	}
	var out []Decision
	var faults []error
	for _, j := range p.rules {
		if j.of != of {
			continue
		}
		answer, err := p.program.ask(ctx, under(j.pkg, j.name), in)
		if err != nil {
			faults = append(faults, fmt.Errorf("policy %s: %w", j.ID, err))
			continue
		}
		found := messages(answer)
		if len(found) == 0 {
			continue
		}
		if excepted, err := p.excepted(ctx, j, in); err != nil {
			faults = append(faults, fmt.Errorf("exception of policy %s: %w", j.ID, err))
		} else if excepted {
			continue
		}
		for _, d := range found {
			d.Rule = &j.Rule
			d.Message = cmp.Or(d.Message, j.Title)
			out = append(out, d)
		}
	}
	return out, faults
}

// excepted tells whether the package's exception names the rule: by what follows deny_, warn_ or violation_ in its name, "" for deny
// itself.
func (p *Pack) excepted(ctx context.Context, j *judge, in *ast.Term) (bool, error) {
	if !j.accepted {
		return false, nil
	}
	answer, err := p.program.ask(ctx, under(j.pkg, "exception"), in)
	if err != nil {
		return false, err
	}
	_, name, _ := strings.Cut(j.name, "_")
	for _, list := range elements(answer) {
		if slices.Contains(elements(list), any(name)) {
			return true, nil
		}
	}
	return false, nil
}

func elements(v any) []any {
	list, _ := v.([]any)
	return list
}

// messages reads what a rule answers: a set or list of texts or of objects with msg; one such; or true.
func messages(answer any) []Decision {
	switch x := answer.(type) {
	case string:
		return []Decision{{Message: x}}
	case bool:
		if x {
			return []Decision{{}}
		}
	case map[string]any:
		if m, ok := x["msg"].(string); ok {
			return []Decision{{Message: m, Detail: compact(x)}}
		}
	case []any:
		var out []Decision
		for _, e := range x {
			if out = append(out, messages(e)...); len(out) > maxFound {
				break
			}
		}
		return out
	}
	return nil
}

func compact(v any) string {
	t, err := ast.InterfaceToValue(v)
	if err != nil {
		return ""
	}
	return t.String()
}
