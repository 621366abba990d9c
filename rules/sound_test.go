package rules_test

import (
	"context"
	"fmt"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/engine/misconfig"
	"github.com/plinthsec/plinth/internal/graph"
	"github.com/plinthsec/plinth/internal/rule"
	"github.com/plinthsec/plinth/internal/trial"
)

// sound makes every part of every resource of an example unknown, one at a time, and returns where a verdict flips from fail
// to pass or back: a rule whose answer does not change may be known or become unknown. what counts the parts.
func sound(ctx context.Context, t *trial.Runner, r *rule.Rule, ex rule.Example) (faults []string, what int, err error) {
	res, err := t.Scan(ctx, r, ex.Files)
	if err != nil {
		return nil, 0, err
	}
	before, err := verdicts(ctx, r, res.Resources)
	if err != nil {
		return nil, 0, err
	}
	for i, was := range res.Resources {
		for _, p := range parts(was.Props) {
			changed := *was
			changed.Props = p.value
			resources := append(append(append([]*plinth.Resource{}, res.Resources[:i]...), &changed), res.Resources[i+1:]...)
			after, err := verdicts(ctx, r, resources)
			if err != nil {
				return nil, 0, err
			}
			what++
			for id, v := range before {
				if w := after[id]; v != plinth.Undecided && w != plinth.Undecided && v != w {
					faults = append(faults, fmt.Sprintf("%s: %s becomes %s when %s of %s is unknown", id, v, w, p.path, was.ID))
				}
			}
		}
	}
	return faults, what, nil
}

// verdicts judges resources that are joined already; a failing element beats an unknown one.
func verdicts(ctx context.Context, r *rule.Rule, resources []*plinth.Resource) (map[plinth.ID]plinth.Verdict, error) {
	out := map[plinth.ID]plinth.Verdict{}
	for _, x := range resources {
		if !x.External {
			out[x.ID] = plinth.Pass
		}
	}
	_, err := misconfig.New(rule.Only(r)).Check(ctx, graph.New(resources), 1, func(f plinth.Finding) {
		if _, ok := out[f.Resource.ID]; ok && (f.Verdict == plinth.Fail || out[f.Resource.ID] == plinth.Pass) {
			out[f.Resource.ID] = f.Verdict
		}
	}, func(p plinth.Problem) {})
	return out, err
}

// part is a value with one part made unknown.
type part struct {
	path  string
	value plinth.Value
}

// parts returns the value once for each part inside it. References stay: the relation is known even where the value is not.
func parts(v plinth.Value) []part {
	var out []part
	each := func(name string, child plinth.Value, put func(plinth.Value) plinth.Value) {
		hidden := plinth.UnknownOf("this").WithOrigin(child.Origin()).WithRefs(allRefs(child)...)
		out = append(out, part{name, put(hidden)})
		for _, p := range parts(child) {
			out = append(out, part{name + "." + p.path, put(p.value)})
		}
	}
	for i, e := range v.List() {
		each(fmt.Sprintf("[%d]", i), e, func(n plinth.Value) plinth.Value {
			list := append([]plinth.Value{}, v.List()...)
			list[i] = n
			return plinth.ListOf(list).WithOrigin(v.Origin()).WithRefs(v.Refs()...)
		})
	}
	for i, f := range v.Fields() {
		each(f.Key, f.Value, func(n plinth.Value) plinth.Value {
			fields := append([]plinth.Field{}, v.Fields()...)
			fields[i].Value = n
			return plinth.MapOf(fields).WithOrigin(v.Origin()).WithRefs(v.Refs()...)
		})
	}
	if doc, ok := v.Document(); ok && !v.Partial() {
		for _, p := range parts(doc) {
			out = append(out, part{"document." + p.path, plinth.UnknownOf("this").WithDocument(p.value).WithOrigin(v.Origin())})
		}
	}
	return out
}

func allRefs(v plinth.Value) []plinth.Ref {
	out := append([]plinth.Ref{}, v.Refs()...)
	for _, e := range v.List() {
		out = append(out, allRefs(e)...)
	}
	for _, f := range v.Fields() {
		out = append(out, allRefs(f.Value)...)
	}
	if doc, ok := v.Document(); ok {
		out = append(out, allRefs(doc)...)
	}
	return out
}
