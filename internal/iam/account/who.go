package account

import (
	"slices"
	"strconv"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/iam"
)

// Access is a principal that may do something on a resource.
type Access struct {
	Principal *Principal    // nil for one that no resource declares
	Who       iam.Principal // as Principal, or whom a policy names: iam.Nobody, Anybody, the root of an account, a service
	Answer    iam.Answer
}

// WhoCan lists who may do an action on a resource: first the declared principals in the order of the resources, then those that only
// the resource's policy names, then everybody.
func (e *Estate) WhoCan(action string, on *plinth.Resource) []Access {
	i, ok := e.place(on)
	if !ok {
		return nil
	}
	var out []Access
	for _, p := range e.Principals() {
		if p.at == i {
			continue
		}
		if a := e.decide(p.Principal, e.Policies(p), p.at, action, i, nil); a.Result == iam.Allowed {
			out = append(out, Access{Principal: p, Who: p.Principal, Answer: a})
		}
	}
	return append(out, e.Outsiders(action, on)...)
}

// Outsiders lists who may do an action on a resource and is no principal that resources declare: whom its policy names, then
// everybody.
func (e *Estate) Outsiders(action string, on *plinth.Resource) []Access {
	i, ok := e.place(on)
	if !ok {
		return nil
	}
	var out []Access
	try := func(who iam.Principal) {
		if a := e.Stranger(who, action, on, nil); a.Result == iam.Allowed {
			out = append(out, Access{Who: who, Answer: a})
		}
	}
	for _, name := range e.Named(on) {
		kind, text, _ := strings.Cut(name, ":")
		if text == "*" || kind == "CanonicalUser" {
			continue
		}
		who, ok := iam.ParsePrincipal(text)
		if p := e.byARN[text]; !ok || p != nil && !p.Group || who.Kind == iam.RootUser && who.Account == e.account(i) {
			continue
		}
		if who.Kind == iam.RootUser {
			who = Root(who.Account)
		}
		try(who)
	}
	try(Anybody())
	try(iam.Nobody())
	return out
}

// anyone ends the ARN of somebody whose name nobody knows.
const anyone = ":user/{anybody}"

// Root stands for any principal of an account that its own policies let.
func Root(account string) iam.Principal {
	return iam.Principal{Kind: iam.User, ARN: "arn:aws:iam::" + account + anyone, Account: account}
}

// Named returns the principals that the policy of a resource, or the trust policy of a role, names in its Allow statements, sorted,
// each behind its kind as iam.Statement.Named has them. The slice is not to be changed.
func (e *Estate) Named(on *plinth.Resource) []string {
	i, ok := e.place(on)
	if !ok {
		return nil
	}
	out, ok := e.names[i]
	if ok {
		return out
	}
	for _, p := range e.resourcePolicies(i) {
		for _, s := range p.Statements {
			names, not := s.Named()
			if !s.Allow || not {
				continue
			}
			for _, n := range names {
				if !slices.Contains(out, n) {
					out = append(out, n)
				}
			}
		}
	}
	slices.Sort(out)
	e.names[i] = out
	return out
}

func (e *Estate) resourcePolicies(i int32) []*iam.Policy {
	var out []*iam.Policy
	r := e.g.Resources()[i]
	if p := e.byResource[r.ID]; p != nil && p.Kind == iam.Role {
		out = append(out, e.TrustPolicy(p))
	}
	if g := e.guard(i); g.Policy != nil {
		out = append(out, g.Policy)
	}
	return out
}

// Step is the evidence that a statement gives. Its cost is that of a statement that is too wide, or of a trust.
func Step(p iam.Proof, action, on string) plinth.Step {
	if p.Statement == nil {
		return plinth.Step{Note: "the access control list of " + on + " lets " + action, Cost: 1}
	}
	s := p.Statement
	name := s.Sid
	if name == "" {
		name = strconv.Itoa(s.Index + 1)
	}
	verb, cost := "allows", uint8(1)
	if !s.Allow {
		verb, cost = "denies", 0
	}
	if strings.HasPrefix(action, "sts:AssumeRole") && p.Layer == iam.Resource {
		cost = 2
	}
	if p.Layer == iam.SCP || p.Layer == iam.Boundary || p.Layer == iam.RCP {
		cost = 0
	}
	note := "statement " + name + " of " + s.Policy.Name + " " + verb + " " + action
	if on != "" {
		note += " on " + on
	}
	return plinth.Step{Note: note, At: s.At, Cost: cost}
}
