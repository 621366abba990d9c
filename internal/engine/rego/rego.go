// Package rego is the engine of the policies that teams bring: it shows resources, documents and Kubernetes objects to package
// policy/rego and turns what that answers into findings.
package rego

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/document"
	"github.com/plinthsec/plinth/internal/graph"
	"github.com/plinthsec/plinth/internal/policy/rego"
	"github.com/plinthsec/plinth/internal/rule"
	"github.com/plinthsec/plinth/internal/value"
)

// Name is the engine's name.
const Name = rego.Engine

// Written reads a file as its author wrote it, in the form that Conftest gives it; several documents are several values.
type Written func(name string, data []byte) ([]plinth.Value, []plinth.Problem)

// Engine runs one pack over one target.
type Engine struct {
	// Only and Skip are ids of policies or the engine's name, as the configuration has them.
	Only, Skip []string

	pack *rego.Pack
	form func(name string) Written // nil for a file that is no document

	mu    sync.Mutex
	files []plinth.File
}

// New returns the engine; form tells how a file is read that is neither YAML nor JSON, nil for one that is no document.
func New(pack *rego.Pack, form func(name string) Written) *Engine {
	return &Engine{pack: pack, form: form}
}

// Name returns the engine's name.
func (e *Engine) Name() string { return Name }

// Names are the ids of all policies, those of constraints among the target's objects excepted.
func (e *Engine) Names() []string {
	var out []string
	for _, r := range e.pack.Rules() {
		out = append(out, r.ID)
	}
	for _, c := range e.pack.Constraints() {
		out = append(out, c.Rule.ID)
	}
	return out
}

// Knows tells whether a policy answers to this id.
func (e *Engine) Knows(id string) bool {
	named := func(r *plinth.Rule) bool { return rule.Answers(r, id) }
	return slices.ContainsFunc(e.pack.Rules(), named) || slices.ContainsFunc(e.pack.Constraints(), func(c *rego.Constraint) bool { return named(c.Rule) })
}

// File keeps a document for Check, and tells whether it is one.
func (e *Engine) File(p string, data []byte, _ func(plinth.Problem)) bool {
	if !e.pack.Judges(rego.Documents) || e.reading(p) == nil {
		return false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.files = append(e.files, plinth.File{Path: p, Data: slices.Clone(data)})
	return true
}

// reading returns how a document is read, nil for other files.
func (e *Engine) reading(name string) Written {
	switch strings.ToLower(path.Ext(name)) {
	case ".yaml", ".yml", ".json":
		return written
	}
	return e.form(name)
}

func written(name string, data []byte) (out []plinth.Value, problems []plinth.Problem) {
	parser := document.Parser{}
	problems = parser.Parse(name, data, func(d document.Document) {
		out = append(out, d.Value.WithOrigin(&plinth.Origin{At: d.Decl.Header}))
	})
	return out, problems
}

// run is one Check.
type run struct {
	*Engine
	ctx     context.Context
	report  func(plinth.Finding)
	problem func(plinth.Problem)
	cover   plinth.Coverage
}

// Check runs all policies.
func (e *Engine) Check(ctx context.Context, g *graph.Graph, _ int, report func(plinth.Finding), problem func(plinth.Problem)) (plinth.Coverage, error) {
	r := &run{Engine: e, ctx: ctx, problem: problem}
	r.report = func(f plinth.Finding) {
		if len(rule.Chosen([]*plinth.Rule{f.Rule}, e.Only, e.Skip)) > 0 {
			report(f)
		}
	}
	r.cover.Rules = len(e.pack.Rules())
	slices.SortFunc(e.files, func(a, b plinth.File) int { return strings.Compare(a.Path, b.Path) })
	for _, f := range e.files {
		if err := ctx.Err(); err != nil {
			return r.cover, err
		}
		r.document(f)
	}
	if e.pack.Judges(rego.Resources) {
		for _, x := range g.Resources() {
			if err := ctx.Err(); err != nil {
				return r.cover, err
			}
			if !x.External {
				r.resource(x)
			}
		}
	}
	r.cluster(g.Resources())
	return r.cover, ctx.Err()
}

// document judges a file as it is written. A file that does not parse is the readers' to complain about.
func (r *run) document(f plinth.File) {
	docs, problems := r.reading(f.Path)(f.Path, f.Data)
	if len(problems) > 0 && len(docs) == 0 {
		return
	}
	for i, d := range docs {
		for _, part := range parts(d) {
			r.cover.Resources++
			at := plinth.Location{Path: f.Path, Line: 1}
			if o := part.Origin(); o != nil && o.At.Line > 0 {
				at = o.At
			} else if o := d.Origin(); o != nil && o.At.Line > 0 {
				at = o.At
			}
			at.Path = f.Path
			found, faults := r.pack.Run(r.ctx, rego.Documents, rego.Plain(part, rego.Named))
			r.faults(at, faults)
			for _, d := range found {
				r.report(plinth.Finding{Rule: d.Rule, At: at, Message: d.Message, Path: fmt.Sprintf("%s#%d %s%s", f.Path, i, d.Message, d.Detail), Verdict: plinth.Fail})
			}
		}
	}
}

// parts are the values that a policy sees one by one: the elements of a list, as in Conftest.
func parts(v plinth.Value) []plinth.Value {
	if v.Kind() == plinth.List {
		return v.List()
	}
	return []plinth.Value{v}
}

// faults tells of policies that could not be run on something.
func (r *run) faults(at plinth.Location, list []error) {
	for _, err := range list {
		kind := plinth.Broken
		if errors.Is(err, rego.ErrTime) {
			kind = plinth.Timeout
		}
		r.problem(plinth.Problem{Kind: kind, At: at, Text: err.Error()})
	}
}

// resource judges a resource in its provider's form. Where something in it is not known, the policies see it twice: without the unknown, and with
// its reason in its place. What they say only once is not certain.
func (r *run) resource(x *plinth.Resource) {
	r.cover.Resources++
	found, faults := r.pack.Run(r.ctx, rego.Resources, seen(x, rego.Nothing))
	r.faults(x.Head(), faults)
	why := value.Reasons(x.Props)
	if len(why) == 0 && !x.Props.Partial() {
		for _, d := range found {
			r.finding(x, d, plinth.Fail, nil)
		}
		return
	}
	other, _ := r.pack.Run(r.ctx, rego.Resources, seen(x, rego.Named))
	for i, list := range [][]rego.Decision{found, other} {
		against := [][]rego.Decision{other, found}[i]
		for _, d := range list {
			both := slices.ContainsFunc(against, func(o rego.Decision) bool { return o.Rule == d.Rule && o.Message == d.Message })
			switch {
			case both && i == 0:
				r.finding(x, d, plinth.Fail, nil)
			case !both:
				r.finding(x, d, plinth.Undecided, why)
			}
		}
	}
}

func (r *run) finding(x *plinth.Resource, d rego.Decision, v plinth.Verdict, why []string) {
	r.report(plinth.Finding{Rule: d.Rule, Resource: x, Decl: x.Decl, At: x.Head(), Message: d.Message, Path: d.Message + d.Detail, Verdict: v, Because: why})
}

// seen is the document that a policy gets for a resource.
func seen(x *plinth.Resource, hole rego.Hole) map[string]any {
	at := x.Head()
	return map[string]any{
		"id": string(x.ID), "type": x.Type, "name": x.Name, "address": x.Label(), "project": x.Project, "data": x.Data,
		"file": at.Path, "line": int(at.Line), "properties": rego.Plain(x.Props, hole), "attributes": rego.Plain(x.Source, hole),
	}
}

// cluster runs Gatekeeper's constraints, those among the objects included, on all Kubernetes objects.
func (r *run) cluster(all []*plinth.Resource) {
	var list []*plinth.Resource
	var objects []any
	for _, x := range all {
		if _, ok := x.Props.Get("apiVersion"); ok && strings.HasPrefix(string(x.ID), "k8s:") {
			list, objects = append(list, x), append(objects, rego.Plain(x.Props, rego.Named))
		}
	}
	pack, faults := r.pack.With(func(p *rego.Pack) (faults rego.Faults) {
		for i, x := range list {
			faults = append(faults, p.Add(objects[i], x.Head())...)
		}
		return faults
	})
	for _, f := range slices.Concat(faults, pack.Notes()) {
		r.problem(f)
	}
	limits := pack.Constraints()
	if len(limits) == 0 {
		return
	}
	r.cover.Rules += len(limits)
	inventory := rego.NewInventory(objects)
	for i, x := range list {
		r.cover.Resources++
		for _, c := range limits {
			if r.ctx.Err() != nil {
				return
			}
			found, err := pack.Review(r.ctx, c, &rego.Review{Object: objects[i], Inventory: inventory})
			if err != nil {
				r.faults(x.Head(), []error{err})
			}
			for _, v := range found {
				r.finding(x, rego.Decision{Rule: c.Rule, Message: v.Message, Detail: v.Detail}, plinth.Fail, nil)
			}
		}
	}
}
