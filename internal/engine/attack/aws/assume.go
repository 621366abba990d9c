package aws

import (
	"context"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/iam"
	"github.com/plinthsec/plinth/internal/iam/account"
)

const (
	assumeRole = "sts:AssumeRole"
	session    = "sts-001" // the technique of rules/edges/aws.yaml that this file tells
)

// assume tells who gets a session of which role.
func (w *scene) assume(ctx context.Context) error {
	personal := map[*account.Principal]bool{} // roles whose trust depends on which principal of an account asks
	for _, role := range w.Principals() {
		if role.Kind != iam.Role {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		for _, name := range w.Named(role.Resource) {
			kind, text, _ := strings.Cut(name, ":")
			switch kind {
			case "AWS":
				personal[role] = w.trusts(role, text) || personal[role]
			case "Federated":
				w.federated(role, text)
			}
		}
	}
	for _, p := range w.Principals() {
		if err := ctx.Err(); err != nil {
			return err
		}
		w.assumes(p, personal)
	}
	return nil
}

// trusts tells what follows from one name in a role's trust policy. It is true where the trust looks at which principal of an
// account asks.
func (w *scene) trusts(role *account.Principal, name string) (personal bool) {
	if name == "*" {
		a := w.Trust(role, account.Anybody(), nil)
		if a.Result == iam.Allowed {
			steps := w.steps(a, assumeRole, role)
			w.relate(plinth.Relation{
				From: w.anybody(steps), To: role.ID, Kind: plinth.Assume, Permissions: []string{assumeRole}, When: a.When.Condition(), Evidence: steps,
			})
		}
		if !a.When.Always() {
			for _, p := range w.Principals() {
				w.session(p, role)
			}
		}
		return false
	}
	if p := w.ByARN(name); p != nil {
		w.session(p, role)
		return false
	}
	who, ok := iam.ParsePrincipal(name)
	switch {
	case !ok || who.Kind == iam.Anonymous || who.Kind == iam.Service:
		return false
	case who.Kind != iam.RootUser:
		a := w.Trust(role, who, nil)
		if a.Result == iam.Allowed {
			w.relate(plinth.Relation{
				From: w.named(name), To: role.ID, Kind: plinth.Assume, Permissions: []string{assumeRole}, When: a.When.Condition(), Evidence: w.steps(a, assumeRole, role),
			})
		}
		return false
	}
	a := w.Trust(role, account.Root(who.Account), nil)
	if a.Result != iam.Allowed {
		return false
	}
	if w.roots[who.Account] && mentions(a.When, "aws:principal", "aws:userid", "aws:username") {
		return true
	}
	w.relate(plinth.Relation{
		From: w.root(who.Account), To: role.ID, Kind: plinth.Assume, Permissions: []string{assumeRole}, When: a.When.Condition(), Evidence: w.steps(a, assumeRole, role),
	})
	return false
}

// mentions tells whether a formula has a condition whose key begins so, in lower case.
func mentions(f iam.Formula, prefixes ...string) bool {
	for _, t := range f {
		for _, l := range t {
			for _, p := range prefixes {
				if strings.HasPrefix(strings.ToLower(l.Key), p) {
					return true
				}
			}
		}
	}
	return false
}

// session tells that a principal gets a session of a role, if it does.
func (w *scene) session(p, role *account.Principal) {
	if p == role || p.Group {
		return
	}
	a := w.Decide(p, assumeRole, role.Resource, nil)
	if a.Result != iam.Allowed || role.Account == p.Account && w.dominated(p, a.When) {
		return
	}
	for _, way := range w.Ways(a, p, assumeRole, role.Resource) {
		var proof proof
		proof.add(way.By, assumeRole, role.Resource.Label(), role.Resource.Head())
		w.member(&proof, p)
		w.relate(plinth.Relation{
			From: p.ID, To: role.ID, Kind: plinth.Assume, Technique: session, Permissions: []string{assumeRole}, When: way.When.Condition(), Evidence: proof.steps,
		})
	}
}

func (w *scene) steps(a iam.Answer, action string, on *account.Principal) []plinth.Step {
	var p proof
	p.add(a.Allows, action, on.Resource.Label(), on.Resource.Head())
	return p.steps
}

// assumes tells which sessions a principal's own policies give it where a role leaves that to the principal's account: by way of
// the account's node where it may assume any role, else role by role.
func (w *scene) assumes(p *account.Principal, personal map[*account.Principal]bool) {
	all := false
	for _, g := range w.Can(p, assumeRole) {
		if len(g.All) == 1 && g.All[0].Everything() && len(g.None) == 0 && len(g.Unless) == 0 {
			var proof proof
			proof.add(g.By, assumeRole, "every role", p.Resource.Head())
			w.member(&proof, p)
			all = all || g.When.Always()
			if w.dominated(p, g.When) {
				continue
			}
			w.relate(plinth.Relation{
				From: p.ID, To: w.root(p.Account), Kind: plinth.Assume, Permissions: []string{assumeRole}, When: g.When.Condition(), Evidence: proof.steps,
			})
		}
	}
	for _, role := range w.Principals() {
		if role.Kind != iam.Role || all && !personal[role] || !w.delegates(role, p.Account) || !w.may(p, assumeRole, role) {
			continue
		}
		w.session(p, role)
	}
}

// may tells whether a principal's own side may let it do an action on another one.
func (w *scene) may(p *account.Principal, action string, on *account.Principal) bool {
	for _, g := range w.Can(p, action) {
		if g.Touches(iam.ParsePattern(on.ARN)) {
			return true
		}
	}
	return false
}

// delegates tells whether a role's trust policy names an account as a whole.
func (w *scene) delegates(role *account.Principal, acct string) bool {
	for _, name := range w.Named(role.Resource) {
		if name == "AWS:"+acct || name == "AWS:arn:aws:iam::"+acct+":root" {
			return true
		}
	}
	return false
}
