package account

import (
	"slices"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/iam"
)

// Way is one way in which something is allowed: every proof of it is needed.
type Way struct {
	When iam.Formula
	By   []iam.Proof
}

// Ways splits an answer about a principal and a resource into the ways that are enough each: in one account the principal's own side
// or the resource's that names it, elsewhere both; where the resource's policy must always allow, that, and the principal's own
// side if it only names the account.
func (e *Estate) Ways(a iam.Answer, p *Principal, action string, on *plinth.Resource) []Way {
	var own, itself, delegated []iam.Proof
	for _, one := range a.Allows {
		switch {
		case one.Layer == iam.Identity:
			own = append(own, one)
		case one.Layer == iam.ACL:
			itself = append(itself, one)
		case one.Layer == iam.Resource && names(one.Statement, p.ARN):
			itself = append(itself, one)
		case one.Layer == iam.Resource:
			delegated = append(delegated, one)
		}
	}
	own, itself, delegated = enough(own), enough(itself), enough(delegated)
	if e.Account(on) != p.Account {
		return []Way{{a.When, slices.Concat(own, slices.Concat(itself, delegated))}}
	}
	var out []Way
	if service := e.services.Action(action).Service(); service == "sts" || service == "kms" {
		if len(delegated) > 0 && len(own) > 0 {
			out = append(out, Way{a.When, slices.Concat(own, delegated)})
		}
	} else if len(own) > 0 {
		out = append(out, Way{a.When, own})
	}
	if len(itself) > 0 && (len(out) == 0 || itself[0].When.Always()) {
		out = append(out, Way{a.When, itself})
	}
	return out
}

// enough leaves the first proof that holds without condition, else all.
func enough(list []iam.Proof) []iam.Proof {
	for _, one := range list {
		if one.When.Always() {
			return []iam.Proof{one}
		}
	}
	return list
}

// names tells whether a statement names a principal itself, or everybody.
func names(s *iam.Statement, arn string) bool {
	list, not := s.Named()
	return not || slices.Contains(list, "AWS:"+arn) || slices.Contains(list, "AWS:*")
}

// Admin lists the ways in which a principal may do everything in its account: each policy that is enough by itself, else all of
// them together.
func (e *Estate) Admin(p *Principal) []Way {
	var out []Way
	own := e.Policies(p)
	try := func(identity []*iam.Policy) bool {
		q := *own
		q.Identity = identity
		when, by := e.admin(p, &q)
		if when.Never() || slices.ContainsFunc(by, guessed) {
			return false
		}
		out = append(out, Way{when, by})
		return true
	}
	found := false
	for i, one := range own.Identity {
		if slices.Contains(own.Identity[:i], one) {
			continue
		}
		found = try(only(own.Identity, one)) || found
	}
	if !found && len(own.Identity) > 1 {
		try(own.Identity)
	}
	return out
}

// admin tells when policies make a principal an administrator.
func (e *Estate) admin(p *Principal, q *iam.Policies) (iam.Formula, []iam.Proof) {
	in := e.context(p.Principal, p.at, -1, nil)
	when, by := iam.Admin(e.services, p.Principal, e.within(q, p.Account, p.Account, true), in)
	if doubt := e.doubtful(p.Account, p.Account); !doubt.Never() {
		free, other := iam.Admin(e.services, p.Principal, e.within(q, p.Account, p.Account, false), in)
		if when = when.Or(free.And(doubt.Not())); len(by) == 0 {
			by = other
		}
	}
	return e.settled(when, p.Principal, p.Account), by
}

// only leaves the Allow statements of one policy, and all Deny statements.
func only(list []*iam.Policy, one *iam.Policy) []*iam.Policy {
	out := []*iam.Policy{one}
	for _, p := range list {
		if p == one {
			continue
		}
		denies := &iam.Policy{Name: p.Name, At: p.At}
		for _, s := range p.Statements {
			if !s.Allow {
				denies.Statements = append(denies.Statements, s)
			}
		}
		if len(denies.Statements) > 0 {
			out = append(out, denies)
		}
	}
	return out
}

// Rewritten tells under which conditions a principal becomes an administrator when somebody gives it any policy he likes: boundary
// and organization still limit it.
func (e *Estate) Rewritten(p *Principal) iam.Formula {
	q := *e.Policies(p)
	q.Identity = append(slices.Clone(q.Identity), e.full())
	when, _ := e.admin(p, &q)
	return when
}
