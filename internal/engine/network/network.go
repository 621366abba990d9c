// Package network judges what networks let through: ports for administration and databases that the internet reaches, traffic of a
// mesh in plain text, and policies that protect nothing.
//
// What an audit says stands in audits.yaml. Who reaches whom is asked of the rooms reach and reach/cloud: a port is reported where
// the whole way to it is open, not where one rule of many is.
package network

import (
	"context"
	_ "embed" // the audits
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/graph"
	"github.com/plinthsec/plinth/internal/reach"
	"github.com/plinthsec/plinth/internal/reach/cloud"
	"github.com/plinthsec/plinth/internal/rule"
)

// Name is the engine's name, in reports and for --only and --skip.
const Name = "network"

//go:embed audits.yaml
var audits []byte

// Audits reads the audits that come with the product, sorted by id.
func Audits() ([]*plinth.Rule, error) { return rule.Audits(Name, "audits.yaml", audits) }

// Engine judges networks with the audits that it was given.
type Engine struct{ audits map[string]*plinth.Rule }

// New returns an engine for the audits.
func New(list []*plinth.Rule) *Engine {
	e := &Engine{audits: map[string]*plinth.Rule{}}
	for _, r := range list {
		e.audits[r.ID] = r
	}
	return e
}

// Name is the engine's name.
func (e *Engine) Name() string { return Name }

// Check judges the clusters and the clouds of a graph.
func (e *Engine) Check(ctx context.Context, g *graph.Graph, _ int, report func(plinth.Finding), problem func(plinth.Problem)) (plinth.Coverage, error) {
	cov := plinth.Coverage{}
	clusters := map[string][]*plinth.Resource{}
	clouds := false
	for _, r := range g.Resources() {
		switch {
		case strings.HasPrefix(string(r.ID), "k8s:"):
			clusters[r.Project] = append(clusters[r.Project], r)
		case cloud.Knows(r.Type):
			clouds = true
			cov.Resources++
		}
	}
	for _, name := range slices.Sorted(maps.Keys(clusters)) {
		if err := ctx.Err(); err != nil {
			return cov, err
		}
		cov.Resources += e.cluster(clusters[name], report)
	}
	if clouds {
		w := cloud.New(g)
		for _, p := range w.Problems {
			problem(p)
		}
		e.cloud(w.Exposures(), report)
	}
	if cov.Resources > 0 {
		cov.Rules = len(e.audits)
	}
	return cov, ctx.Err()
}

// report makes a finding of an audit, where it is asked for.
func (e *Engine) report(to func(plinth.Finding), audit string, r *plinth.Resource, at plinth.Location, path, message string, because []string, evidence []plinth.Step) {
	rule := e.audits["network-"+audit]
	if rule == nil || r == nil || r.Decl == nil {
		return
	}
	f := plinth.Finding{Rule: rule, Resource: r, Decl: r.Decl, At: at, Path: path, Message: rule.Title, Verdict: plinth.Fail, Because: because, Evidence: evidence}
	if len(because) > 0 {
		f.Verdict = plinth.Undecided
	}
	if message != "" {
		f.Message += ": " + message
	}
	to(f)
}

// cluster judges one cluster and returns how many objects it looked at.
func (e *Engine) cluster(objects []*plinth.Resource, to func(plinth.Finding)) int {
	w := reach.New(objects)
	for _, x := range w.Exposures(objects) {
		if kind, _, _ := strings.Cut(x.By, " "); x.Internal || kind != "Service" || x.To.Resource == nil {
			continue
		}
		r, proof := x.To.Resource, []plinth.Step{{Note: x.By + " offers " + x.To.String() + " outside the cluster, and no policy keeps the internet out", At: x.At, Cost: 4}}
		for _, hit := range telling(x.Open) {
			if r.Decl != nil {
				e.report(to, hit.audit, r, r.Decl.Header, hit.audit, hit.what(x.Open), nil, proof)
			}
		}
	}
	guards := w.Guards()
	for i := range guards {
		e.guard(to, &guards[i])
	}
	for _, r := range w.Plaintext() {
		mode, _ := r.Props.At("spec", "trafficPolicy", "tls", "mode")
		e.report(to, "mesh-plaintext", r, r.Place(mode), "spec.trafficPolicy.tls.mode", "clients of the mesh talk to it in mode "+mode.Str(), nil, nil)
	}
	return len(w.Workloads) + len(guards)
}

// guard judges one policy of the mesh.
func (e *Engine) guard(to func(plinth.Finding), g *reach.Guard) {
	selector, _ := g.Resource.Props.At("spec", "selector")
	switch {
	case len(g.Members) > 0:
	case len(g.Others) > 0 && g.Resource.Type == "security.istio.io/AuthorizationPolicy":
		e.report(to, "mesh-policy-unenforced", g.Resource, g.Resource.Place(selector), "spec.selector", some(g.Others), nil, nil)
		return
	case g.Selects && len(g.Others) == 0:
		e.report(to, "policy-without-workloads", g.Resource, g.Resource.Place(selector), "spec.selector", "", nil, nil)
		return
	default:
		return
	}
	mode, _ := g.Resource.Props.At("spec", "mtls", "mode")
	switch g.Mode {
	case "DISABLE":
		e.report(to, "mesh-plaintext", g.Resource, g.Resource.Place(mode), "spec.mtls.mode", some(g.Members), nil, nil)
	case "PERMISSIVE":
		e.report(to, "mesh-permissive", g.Resource, g.Resource.Place(mode), "spec.mtls.mode", some(g.Members), nil, nil)
	}
	for i, at := range g.Never {
		e.report(to, "authorization-never", g.Resource, at, fmt.Sprintf("spec.rules[%d]", i), "", nil, nil)
	}
}

// some names the first of some workloads.
func some(list []*reach.Workload) string {
	if len(list) == 1 {
		return list[0].String()
	}
	return fmt.Sprintf("%s and %d more", list[0], len(list)-1)
}
