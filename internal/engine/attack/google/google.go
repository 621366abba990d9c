// Package google finds what leads on in Google Cloud: who may read what, who gets tokens of which service account, whose identity a
// workload's code has, who administers a project, and who can make himself one (rules/edges/google.yaml).
//
// Everything is decided by evaluation of policies (package iam/google); nothing goes by the name of a role.
package google

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/engine/attack/technique"
	"github.com/plinthsec/plinth/internal/graph"
	"github.com/plinthsec/plinth/internal/iam"
	"github.com/plinthsec/plinth/internal/iam/google"
)

const (
	// Costs of changing a place, as plinth.Step tells them.
	costFact     = 0
	costTrust    = 2
	costIdentity = 4

	// maxWays bounds the bindings that are told of one permission: people read a handful.
	maxWays = 4
)

// everything stands for the permissions of an administrator.
var everything = []string{"*"}

// scene is what the relations are found in.
type scene struct {
	*google.Estate
	g      *graph.Graph
	to     graph.Sink
	edges  []technique.Technique
	runs   map[string][]workload // by type
	admins map[*google.Principal]map[string]iam.Formula
	told   map[plinth.ID]bool
	owned  []string // scopes that somebody administers, in the order in which it was found
	said   map[string]bool
	scopes map[plinth.ID][]string // of resources that were asked for
	above  map[string][]string    // likewise
}

// Scopes are those of the estate, found once.
func (w *scene) Scopes(r *plinth.Resource) []string {
	list, ok := w.scopes[r.ID]
	if !ok {
		list = slices.Clip(w.Estate.Scopes(r))
		w.scopes[r.ID] = list
	}
	return list
}

// Above are those of the estate, found once.
func (w *scene) Above(scope string) []string {
	list, ok := w.above[scope]
	if !ok {
		list = slices.Clip(w.Estate.Above(scope))
		w.above[scope] = list
	}
	return list
}

// workload is a resource that acts as a service account.
type workload struct {
	resource *plinth.Resource
	as       *google.Principal
}

// Relate tells all relations of Google Cloud. The error is that of ctx, or a fault in the embedded facts.
func Relate(ctx context.Context, s *graph.Scene, to graph.Sink) error {
	e := google.Of(s.Graph)
	if len(e.Principals()) == 0 && !slices.ContainsFunc(s.Types(), func(t string) bool { return strings.Contains(t, ".googleapis.com/") }) {
		return nil
	}
	edges, err := load()
	if err != nil {
		return fmt.Errorf("edges of google: %w", err)
	}
	w := &scene{
		Estate: e, g: s.Graph, to: to, edges: edges, runs: map[string][]workload{}, admins: map[*google.Principal]map[string]iam.Formula{},
		told: map[plinth.ID]bool{}, said: map[string]bool{}, scopes: map[plinth.ID][]string{}, above: map[string][]string{},
	}
	w.run()
	for _, m := range e.Memberships() {
		w.relate(plinth.Relation{From: w.node(m.Who), To: w.node(m.Group), Kind: plinth.Member, Evidence: []plinth.Step{
			{Note: m.Label + " makes " + m.Who.Label() + " a member of " + m.Group.Label(), At: m.At, Cost: costIdentity},
		}})
	}
	for i := 0; i < len(e.Principals()); i++ { // techniques find further ones
		if err := ctx.Err(); err != nil {
			return err
		}
		p := e.Principals()[i]
		if agent(p) {
			continue
		}
		w.administers(p)
		w.escalates(p)
		w.reads(p)
		w.tokens(p)
	}
	w.holds()
	return ctx.Err()
}

// agent tells whether a principal is a service agent, which only Google acts as: https://cloud.google.com/iam/docs/service-agents.
// Accounts of a cluster are left to whoever knows its pods.
func agent(p *google.Principal) bool {
	return strings.HasPrefix(p.Member, "serviceAccount:service-") && strings.Contains(p.Member, "@gcp-sa-") || strings.Contains(p.Member, ".svc.id.goog[")
}

// node is the node of a principal.
func (w *scene) node(p *google.Principal) plinth.ID {
	n := plinth.Node{ID: plinth.GoogleMember(p.Member), Type: plinth.TypePrincipal, Name: p.Member, Address: p.Member}
	switch kind, _, _ := strings.Cut(p.Member, ":"); {
	case p.Resource != nil:
		if !w.told[p.Resource.ID] {
			w.told[p.Resource.ID] = true
			w.to.Node(plinth.Node{ID: p.Resource.ID, Names: []string{p.Member, strings.TrimPrefix(p.Member, "serviceAccount:")}})
		}
		return p.Resource.ID
	case p.Member == google.Everybody:
		return w.virtual(plinth.Node{ID: plinth.Internet, Type: plinth.TypeInternet, Name: "internet", Address: "internet"})
	case p.Member == google.SignedIn:
		n = plinth.Node{ID: plinth.AnyGoogle, Type: plinth.TypeAnyPrincipal, Name: "any Google account", Address: "anybody with an account of Google"}
	case kind == "group" || kind == "domain" || kind == "principalSet":
		n.Type = plinth.TypeGroup
	}
	return w.virtual(n)
}

// virtual tells a node that no resource stands for, once.
func (w *scene) virtual(n plinth.Node) plinth.ID {
	if !w.told[n.ID] {
		w.told[n.ID] = true
		w.to.Node(n)
	}
	return n.ID
}

// admin is the node of whoever administers a scope.
func (w *scene) admin(scope string) plinth.ID {
	id := plinth.GoogleAdmin(scope)
	if !w.told[id] {
		w.owned = append(w.owned, scope)
		name := google.Short(scope)
		if r := w.Of(scope); r != nil {
			name = r.Label()
		}
		w.virtual(plinth.Node{ID: id, Type: plinth.TypeAdmin, Name: "admin", Address: "administrator of " + name})
	}
	return id
}

func (w *scene) relate(r plinth.Relation) {
	if len(r.Evidence) == 0 || r.From == r.To {
		return
	}
	if r.From == plinth.AnyGoogle && !w.told["internet>"] {
		w.told["internet>"] = true
		w.virtual(plinth.Node{ID: plinth.Internet, Type: plinth.TypeInternet, Name: "internet", Address: "internet"})
		w.to.Relation(plinth.Relation{From: plinth.Internet, To: plinth.AnyGoogle, Kind: plinth.Assume, Evidence: []plinth.Step{
			{Note: "anybody can have an account of Google", At: r.Evidence[0].At},
		}})
	}
	w.to.Relation(r)
}

// attempt is something that a principal does by bindings.
type attempt struct {
	who   *google.Principal
	when  iam.Formula
	steps []plinth.Step
	by    []plinth.Location
	acts  [][]string
}

// also returns the attempt with one more permission.
func (a attempt) also(way google.Way, permission string) attempt {
	a.when = a.when.And(way.When)
	for i, at := range a.by {
		if at == way.By.At {
			a.acts, a.steps = slices.Clone(a.acts), slices.Clone(a.steps)
			a.acts[i] = append(slices.Clone(a.acts[i]), permission)
			a.steps[i].Note = note(a.who, way, a.acts[i])
			return a
		}
	}
	a.by = append(slices.Clone(a.by), way.By.At)
	a.acts = append(slices.Clone(a.acts), []string{permission})
	a.steps = append(slices.Clone(a.steps), plinth.Step{Note: note(a.who, way, []string{permission}), At: way.By.At, Cost: costIdentity})
	return a
}

func note(who *google.Principal, way google.Way, acts []string) string {
	role := strings.Join(way.By.Role.Known, ", ")
	if i := strings.LastIndexByte(role, '#'); i >= 0 {
		role = role[i+1:]
	}
	return way.By.Label + " gives " + role + " to " + who.Label() + " on " + place(way.By.On) + ": " + strings.Join(acts, ", ")
}

// place is a scope in the user's words.
func place(scope string) string {
	scope = google.Short(scope)
	if strings.HasPrefix(scope, "folders/{") {
		scope = "folder " + strings.Trim(strings.TrimPrefix(scope, "folders/"), "{}")
	}
	if i := strings.LastIndexByte(scope, '#'); i >= 0 {
		return strings.TrimSuffix(scope[i+1:], "}")
	}
	return scope
}

// surely tells whether a principal administers one of some scopes without condition.
func (w *scene) surely(p *google.Principal, scopes []string) bool {
	for _, s := range scopes {
		if w.admins[p][s].Always() {
			return true
		}
	}
	return false
}
