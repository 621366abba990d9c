// Package aws finds what leads on in AWS accounts: who may read what, who gets a session of which role, whose identity a workload's
// code has, who is an administrator, and who can make himself one (rules/edges/aws.yaml).
//
// Everything is decided by evaluation of the policies (package account); nothing goes by the name of a policy.
package aws

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/engine/attack/technique"
	"github.com/plinthsec/plinth/internal/graph"
	"github.com/plinthsec/plinth/internal/iam"
	"github.com/plinthsec/plinth/internal/iam/account"
)

// Costs of changing a place, as plinth.Step tells them.
const (
	costFact     = 0
	costTrust    = 2
	costIdentity = 4
)

// scene is what the relations are found in.
type scene struct {
	*account.Estate
	g        *graph.Graph
	to       graph.Sink
	edges    []technique.Technique
	runs     map[string][]workload // by type
	admins   map[*account.Principal]iam.Formula
	trusting map[string][]trusting // roles by the service that they trust
	told     map[plinth.ID]bool    // virtual nodes
	roots    map[string]bool       // accounts that declare principals
	owns     []plinth.Relation     // what administrators hold
}

// Relate tells all relations of AWS accounts. The error is that of ctx, or a fault in the embedded facts.
func Relate(ctx context.Context, s *graph.Scene, e *account.Estate, to graph.Sink) error {
	edges, err := load()
	if err != nil {
		return fmt.Errorf("edges of aws: %w", err)
	}
	w := &scene{
		Estate: e, g: s.Graph, to: to, edges: edges, runs: map[string][]workload{}, admins: map[*account.Principal]iam.Formula{},
		trusting: map[string][]trusting{}, told: map[plinth.ID]bool{}, roots: map[string]bool{},
	}
	w.nodes()
	w.run()
	for _, step := range []func(context.Context) error{w.members, w.administrators, w.assume, w.data, w.public, w.escalate} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	w.owned()
	return ctx.Err()
}

// nodes tells the ARNs of resources.
func (w *scene) nodes() {
	for _, r := range w.g.Resources() {
		if arn := w.ARN(r); arn != "" {
			w.to.Node(plinth.Node{ID: r.ID, Aliases: []plinth.ID{plinth.ID(arn)}})
		}
	}
	for _, p := range w.Principals() {
		w.roots[p.Account] = true
	}
}

// virtual tells a node that no resource stands for, once.
func (w *scene) virtual(n plinth.Node) plinth.ID {
	if !w.told[n.ID] {
		w.told[n.ID] = true
		w.to.Node(n)
	}
	return n.ID
}

func (w *scene) root(acct string) plinth.ID {
	return w.virtual(plinth.Node{
		ID: plinth.AccountRoot(acct), Type: plinth.TypeAccount, Name: "account " + acct, Address: "any principal of account " + acct,
		Aliases: []plinth.ID{plinth.ID("arn:aws:iam::" + acct + ":root")},
	})
}

func (w *scene) admin(acct string) plinth.ID {
	return w.virtual(plinth.Node{ID: plinth.AccountAdmin(acct), Type: plinth.TypeAdmin, Name: "admin", Address: "administrator of account " + acct})
}

// anybody is the node of every AWS principal that there is. The proof is what lets them all in.
func (w *scene) anybody(proof []plinth.Step) plinth.ID {
	if !w.told[plinth.AnyAWS] {
		w.virtual(plinth.Node{ID: plinth.AnyAWS, Type: plinth.TypeAnyPrincipal, Name: "any AWS principal", Address: "any principal of any AWS account"})
		w.relate(plinth.Relation{From: w.internet(), To: plinth.AnyAWS, Kind: plinth.Assume, Evidence: []plinth.Step{
			{Note: "anybody can open an AWS account", At: proof[0].At},
		}})
	}
	return plinth.AnyAWS
}

func (w *scene) internet() plinth.ID {
	return w.virtual(plinth.Node{ID: plinth.Internet, Type: plinth.TypeInternet, Name: "internet", Address: "internet"})
}

// named is the node of a principal that a policy names and that is no user and no role of the code.
func (w *scene) named(arn string) plinth.ID {
	if r := w.At(arn); r != nil {
		return r.ID
	}
	return w.virtual(plinth.Node{ID: plinth.ID(arn), Type: plinth.TypePrincipal, Name: arn[strings.LastIndexByte(arn, '/')+1:], Address: arn})
}

func (w *scene) relate(r plinth.Relation) {
	if len(r.Evidence) > 0 && r.From != r.To {
		w.to.Relation(r)
	}
}

// dominated tells whether a principal is an administrator wherever a formula holds: what it may do then needs no relation of its own.
func (w *scene) dominated(p *account.Principal, when iam.Formula) bool {
	admin := w.admins[p]
	for _, t := range when {
		if !slices.ContainsFunc(admin, func(a iam.Term) bool { return within(a, t) }) {
			return false
		}
	}
	return true
}

// within tells whether all literals of a term stand in another one.
func within(part, t iam.Term) bool {
	for _, l := range part {
		if !slices.ContainsFunc(t, func(o iam.Literal) bool { return o.String() == l.String() }) {
			return false
		}
	}
	return true
}

// proof gathers evidence: one step for each statement, whatever number of actions it allows.
type proof struct {
	steps []plinth.Step
	by    []*iam.Statement
	acts  [][]string
}

// add adds what allowed an action on something.
func (p *proof) add(proofs []iam.Proof, action, on string, at plinth.Location) {
	for _, one := range proofs {
		if one.Layer == iam.SCP || one.Layer == iam.RCP || one.Layer == iam.Boundary || one.Statement != nil && !one.Statement.Allow {
			continue
		}
		if one.Layer == iam.Identity && one.Statement != nil && one.Statement.At.Path == "" {
			continue // the side of a stranger, who lets himself
		}
		if i := slices.Index(p.by, one.Statement); i >= 0 && one.Statement != nil {
			if !slices.Contains(p.acts[i], action) {
				p.acts[i] = append(p.acts[i], action)
				p.steps[i].Note = account.Step(one, strings.Join(p.acts[i], ", "), on).Note
			}
			continue
		}
		step := account.Step(one, action, on)
		if step.At.Path == "" {
			step.At = at
		}
		p.steps, p.by, p.acts = append(p.steps, step), append(p.by, one.Statement), append(p.acts, []string{action})
	}
}

// member adds that a principal is in the groups whose statements the proofs are.
func (w *scene) member(p *proof, who *account.Principal) {
	for i, g := range who.Groups {
		for _, policy := range w.Policies(g).Identity {
			if slices.ContainsFunc(p.by, func(s *iam.Statement) bool { return s != nil && s.Policy == policy }) {
				p.fact(plinth.Step{Note: belongs(who, g), At: who.Resource.Place(who.Memberships[i]), Cost: costIdentity})
				break
			}
		}
	}
}

func belongs(who, g *account.Principal) string {
	return who.Resource.Label() + " is a member of " + g.Resource.Label()
}

func (p *proof) fact(s plinth.Step) {
	p.steps, p.by, p.acts = append(p.steps, s), append(p.by, nil), append(p.acts, nil)
}

func get(v plinth.Value, path ...string) plinth.Value {
	out, _ := v.At(path...)
	return out
}
