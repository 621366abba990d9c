package account

import (
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/iam"
)

// limit is a policy of an organization that bears on an account, for certain or under a condition.
type limit struct {
	policy *iam.Policy
	when   iam.Formula
	rcp    bool
}

// organize finds which policies of organizations bear on which accounts. One whose target may hold an account, and nobody knows
// whether it does, bears on it under that condition. The account that holds the organization itself obeys none.
func (e *Estate) organize() {
	e.limits = map[string][]limit{}
	master := map[string]bool{}
	for i, r := range e.g.Resources() {
		if r.Decl != nil && r.Decl.Type == "aws_organizations_organization" && !r.Data {
			master[e.account(int32(i))] = true
		}
	}
	for i, r := range e.g.Resources() {
		at := int32(i)
		if r.Data || r.Decl == nil {
			continue
		}
		switch {
		case r.Decl.Type == "aws_organizations_policy_attachment":
			for _, to := range e.g.Of(at, get(r.Source, "policy_id")) {
				e.bind(at, to, get(r.Source, "target_id"), master)
			}
		case r.Type == "AWS::Organizations::Policy" && r.Type == r.Decl.Type:
			for _, target := range list(get(r.Known(), "TargetIds")) {
				e.bind(at, at, target, master)
			}
		}
	}
}

func (e *Estate) bind(at, policy int32, target plinth.Value, master map[string]bool) {
	r := e.g.Resources()[policy]
	kind := get(r.Known(), "Type").Str()
	if kind == "" {
		kind = "SERVICE_CONTROL_POLICY"
	}
	if r.Type != "AWS::Organizations::Policy" || kind != "SERVICE_CONTROL_POLICY" && kind != "RESOURCE_CONTROL_POLICY" {
		return
	}
	l := limit{policy: e.compile(policy, e.called(policy), get(r.Known(), "Content")), rcp: kind == "RESOURCE_CONTROL_POLICY"}
	to, _ := e.render(at, target, 0)
	for _, account := range e.Accounts() {
		if master[account] && !isNumber(to) {
			continue
		}
		l.when = e.bears(at, target, to, account)
		if !l.when.Never() {
			e.limits[account] = append(e.limits[account], l)
		}
	}
}

// bears tells when a policy that is attached to a target bears on an account.
func (e *Estate) bears(at int32, target plinth.Value, to, account string) iam.Formula {
	for _, i := range e.g.Of(at, target) {
		switch r := e.g.Resources()[i]; {
		case r.Decl == nil:
		case r.Decl.Type == "aws_organizations_organization":
			return iam.Always() // its root
		case r.Decl.Type == "aws_organizations_account" && account == "{"+r.Decl.Address+".id}":
			return iam.Always()
		}
	}
	switch {
	case isNumber(to) && to == account:
		return iam.Always()
	case isNumber(to) && isNumber(account):
		return nil
	case strings.HasPrefix(to, "r-"):
		return iam.Always()
	}
	return iam.If(iam.Fact("the account " + account + " is in " + to))
}

// full is what stands beside a policy that only denies: the provider attaches it wherever organization policies are on.
const full = `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}`

// within adds what the organizations of a principal's account and of a resource's account limit for certain, with all also what
// they may limit.
func (e *Estate) within(p *iam.Policies, principal, resource string, all bool) *iam.Policies {
	if len(e.limits) == 0 {
		return p
	}
	out := *p
	for _, l := range e.limits[principal] {
		if !l.rcp && (all || l.when.Always()) {
			level := []*iam.Policy{l.policy}
			if !slices.ContainsFunc(l.policy.Statements, func(s *iam.Statement) bool { return s.Allow }) {
				level = append(level, e.full())
			}
			out.SCP = append(out.SCP, level)
		}
	}
	for _, l := range e.limits[resource] {
		if l.rcp && (all || l.when.Always()) {
			out.RCP = append(out.RCP, []*iam.Policy{l.policy})
		}
	}
	return &out
}

func (e *Estate) full() *iam.Policy {
	key := attached{policy: "FullAWSAccess"}
	p := e.managed[key]
	if p == nil {
		p, _ = e.compiler.Compile(key.policy, plinth.StringOf(full))
		e.managed[key] = p
	}
	return p
}

// doubtful tells under which conditions any limit bears on the accounts of which that is not certain; it never holds where all are.
func (e *Estate) doubtful(principal, resource string) iam.Formula {
	var out iam.Formula
	for _, l := range e.limits[principal] {
		if !l.rcp && !l.when.Always() {
			out = out.Or(l.when)
		}
	}
	for _, l := range e.limits[resource] {
		if l.rcp && !l.when.Always() {
			out = out.Or(l.when)
		}
	}
	return out
}
