// Package azure finds what leads on in Azure: who may read what, whose identity a workload's code has, which tokens of outside
// issuers an identity takes, who administers a scope, and who can make himself one (rules/edges/azure.yaml).
//
// Everything is decided by evaluation of role assignments (package iam/azure); nothing goes by the name of a role. A resource stands for
// its system-assigned identity.
package azure

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/engine/attack/technique"
	"github.com/plinthsec/plinth/internal/graph"
	"github.com/plinthsec/plinth/internal/iam"
	"github.com/plinthsec/plinth/internal/iam/account"
	"github.com/plinthsec/plinth/internal/iam/azure"
)

const (
	// Costs of changing a place, as plinth.Step tells them.
	costFact     = 0
	costTrust    = 2
	costIdentity = 4

	directory = "directory" // the scope of those who administer Microsoft Entra ID
)

var everything = []string{"*"}

// scene is what the relations are found in.
type scene struct {
	*azure.Estate
	g      *graph.Graph
	to     graph.Sink
	edges  []technique.Technique
	admins map[*azure.Principal]map[string]iam.Formula
	told   map[plinth.ID]bool
	owned  []string // scopes that somebody administers, in the order in which it was found
	said   map[string]bool
}

// Relate tells all relations of Azure. The error is that of ctx, or a fault in the embedded facts.
func Relate(ctx context.Context, s *graph.Scene, to graph.Sink) error {
	here := func(t string) bool {
		return strings.HasPrefix(t, "Microsoft.") || strings.HasPrefix(t, "terraform:azuread_")
	}
	if !slices.ContainsFunc(s.Types(), here) {
		return nil
	}
	edges, err := load()
	if err != nil {
		return fmt.Errorf("edges of azure: %w", err)
	}
	w := &scene{
		Estate: azure.Of(s.Graph), g: s.Graph, to: to, edges: edges, admins: map[*azure.Principal]map[string]iam.Formula{}, told: map[plinth.ID]bool{},
		said: map[string]bool{},
	}
	w.run()
	w.directory()
	w.public()
	for _, p := range w.Principals() {
		if err := ctx.Err(); err != nil {
			return err
		}
		w.administers(p)
		w.escalates(p)
		w.reads(p)
	}
	w.holds()
	return ctx.Err()
}

// node is the node of a principal.
func (w *scene) node(p *azure.Principal) plinth.ID {
	if p.Resource != nil {
		return p.Resource.ID
	}
	return w.virtual(plinth.Node{ID: plinth.AzurePrincipal(p.Name), Type: plinth.TypePrincipal, Name: p.Name, Address: "principal " + p.Name, Names: []string{p.Name}})
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
	id := plinth.AzureAdmin(scope)
	if !w.told[id] {
		w.owned = append(w.owned, scope)
		name := "administrator of " + w.Short(scope)
		if _, place, ok := strings.Cut(scope, "@tf:"); ok && w.Short(scope) == "the subscription" && place != "." {
			name += " of " + place
		}
		w.virtual(plinth.Node{ID: id, Type: plinth.TypeAdmin, Name: "admin", Address: name})
	}
	return id
}

func (w *scene) relate(r plinth.Relation) {
	if len(r.Evidence) > 0 && r.From != r.To && r.To != "" {
		w.to.Relation(r)
	}
}

// attempt is something that a principal does by assignments.
type attempt struct {
	when  iam.Formula
	steps []plinth.Step
	by    []azure.Assignment
	acts  [][]string
}

// also returns the attempt with one more action.
func (w *scene) also(p *azure.Principal, a attempt, way azure.Way, action string) attempt {
	a.when = a.when.And(way.When)
	a.acts, a.steps, a.by = slices.Clone(a.acts), slices.Clone(a.steps), slices.Clone(a.by)
	i := slices.IndexFunc(a.by, func(b azure.Assignment) bool { return b.At == way.By.At })
	if i < 0 {
		i = len(a.by)
		a.by, a.acts, a.steps = append(a.by, way.By), append(a.acts, nil), append(a.steps, plinth.Step{At: way.By.At, Cost: costIdentity})
	}
	a.acts[i] = append(slices.Clone(a.acts[i]), action)
	a.steps[i].Note = way.By.Label + " gives " + w.Role(way.By) + " to " + p.Label() + " on " + w.Short(way.By.Scope) + ": " + strings.Join(a.acts[i], ", ")
	return a
}

// surely tells whether a principal administers one of some scopes without condition.
func (w *scene) surely(p *azure.Principal, scopes []string) bool {
	return slices.ContainsFunc(scopes, func(s string) bool { return w.admins[p][s].Always() })
}

// groups are the scopes of subscriptions, management groups and resource groups on which a principal has something.
func (w *scene) groups(p *azure.Principal) []string {
	var out []string
	for _, a := range p.Assignments() {
		r := w.At(a.Scope)
		wide := r == nil && !strings.Contains(a.Scope, "/providers/Microsoft.") || r == nil && strings.Contains(a.Scope, "/managementGroups/") ||
			r != nil && (r.Type == "Microsoft.Resources/resourceGroups" || strings.Contains(r.Type, "managementGroup") || strings.Contains(r.Type, "management_group"))
		if wide && !slices.Contains(out, a.Scope) {
			out = append(out, a.Scope)
		}
	}
	slices.SortStableFunc(out, func(a, b string) int { return len(w.Above(a)) - len(w.Above(b)) }) // the widest first
	return out
}

// administers tells what a principal may do everything in.
func (w *scene) administers(p *azure.Principal) {
	for _, scope := range w.groups(p) {
		if w.surely(p, w.Above(scope)) {
			continue
		}
		when, ways := w.Administers(p, scope)
		if when.Never() {
			continue
		}
		all := attempt{when: iam.Always()}
		for _, way := range ways {
			all = w.also(p, all, way, "")
		}
		all.when = when
		if w.admins[p] == nil {
			w.admins[p] = map[string]iam.Formula{}
		}
		w.admins[p][scope] = all.when
		for i := range all.steps {
			all.steps[i].Note, _, _ = strings.Cut(all.steps[i].Note, ": ")
		}
		w.relate(plinth.Relation{From: w.node(p), To: w.admin(scope), Kind: plinth.Admin, Permissions: everything, When: all.when.Condition(), Evidence: all.steps})
	}
}

// token is the node of an issuer's tokens with a subject.
func (w *scene) token(issuer, subject string, at plinth.Location) plinth.ID {
	host := strings.TrimSuffix(strings.TrimPrefix(issuer, "https://"), "/")
	id := w.virtual(plinth.Node{ID: plinth.ID("oidc:" + host + "#" + subject), Type: plinth.TypeIdentityToken, Name: subject, Address: "a token of " + host + " for " + subject})
	if account.Strange(host, subject) && !w.told[id+">"] {
		w.told[id+">"] = true
		w.relate(plinth.Relation{From: plinth.Internet, To: id, Kind: plinth.Assume, Evidence: []plinth.Step{
			{Note: host + " gives tokens to everybody, and the credential names no tenant of it", At: at, Cost: costTrust},
		}})
	}
	return id
}

// first tells whether nothing else that rests on the same places leads to the same yet.
func (w *scene) first(r *plinth.Relation) bool {
	k := string(r.From) + "\x00" + string(r.To)
	for _, s := range r.Evidence {
		k += "\x00" + s.At.Path + ":" + strconv.Itoa(int(s.At.Line))
	}
	if w.said[k] {
		return false
	}
	w.said[k] = true
	return true
}
