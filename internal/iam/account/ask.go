package account

import (
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/iam"
)

// Anybody is a principal of an account that nobody in the code knows: a stranger who may do in his own account what he likes.
func Anybody() iam.Principal {
	return iam.Principal{Kind: iam.User, ARN: "arn:aws:iam::{stranger}:user/anybody", Account: "{stranger}"}
}

// Can lists the resources on which a principal's own side lets it do an action. The grants are shared and not to be changed; what
// an attacker chooses himself is no condition any more.
func (e *Estate) Can(p *Principal, action string) []iam.Grant { return e.grants(p, action, "") }

// Pass lists, as Can does, the roles that a principal may hand to a service.
func (e *Estate) Pass(p *Principal, service string) []iam.Grant {
	return e.grants(p, "iam:PassRole", service)
}

func (e *Estate) grants(p *Principal, action, service string) []iam.Grant {
	key := asked{p, action, service}
	if g, ok := e.can[key]; ok {
		return g
	}
	a := e.services.Action(action)
	in := p.alone
	switch {
	case service != "":
		in = e.context(p.Principal, p.at, -1, map[string][]string{"iam:PassedToService": {service}})
	case in == nil:
		in = e.context(p.Principal, p.at, -1, nil)
		p.alone = in
	}
	grants := iam.Can(p.Principal, a, e.within(e.Policies(p), p.Account, p.Account, false), in)
	if doubt := e.doubtful(p.Account, p.Account); !doubt.Never() {
		strict := iam.Can(p.Principal, a, e.within(e.Policies(p), p.Account, p.Account, true), in)
		for i := range grants {
			g := &grants[i]
			if !slices.ContainsFunc(strict, func(s iam.Grant) bool { return s.String() == g.String() }) {
				g.When = g.When.And(doubt.Not())
				strict = append(strict, *g)
			}
		}
		grants = strict
	}
	out := grants[:0]
	for _, g := range grants {
		if g.When = e.settled(g.When, p.Principal, p.Account); !g.When.Never() && !slices.ContainsFunc(g.By, guessed) {
			out = append(out, g)
		}
	}
	e.can[key] = out
	return out
}

// Decide tells whether a principal may do an action on a resource: all policies on both sides, organization, boundary, and what
// else decides about a bucket. keys are further condition keys of the request. An action on what is inside the resource (objects of
// a bucket) is allowed where it is for some of it.
func (e *Estate) Decide(p *Principal, action string, on *plinth.Resource, keys map[string][]string) iam.Answer {
	i, ok := e.place(on)
	if !ok {
		return iam.Answer{}
	}
	return e.decide(p.Principal, e.Policies(p), p.at, action, i, keys)
}

// Stranger tells whether somebody whom the code does not know may do an action on a resource: iam.Nobody, without a signature,
// Anybody, a principal of an account of his own, a service or a user that only a policy names. His own side lets him do all.
func (e *Estate) Stranger(who iam.Principal, action string, on *plinth.Resource, keys map[string][]string) iam.Answer {
	i, ok := e.place(on)
	if !ok {
		return iam.Answer{}
	}
	p := &iam.Policies{}
	if who.Kind != iam.Anonymous && who.Kind != iam.Service && who.Kind != iam.Federated {
		p.Identity = []*iam.Policy{e.full()}
	}
	return e.decide(who, p, -1, action, i, keys)
}

func (e *Estate) decide(who iam.Principal, own *iam.Policies, at int32, action string, on int32, keys map[string][]string) iam.Answer {
	a := e.services.Action(action)
	return e.request(&iam.Request{Principal: who, Action: a, Resource: e.target(a, on), Account: e.account(on), Context: e.context(who, at, on, keys)}, own, on)
}

// Ask tells whether a principal may do an action on what an ARN, which may hold stars, names: a resource of the code or what is inside
// it, or something else that has no policy of its own.
func (e *Estate) Ask(p *Principal, action, arn string) iam.Answer {
	on := int32(-1)
	for i := range e.g.Resources() {
		own := e.arn(int32(i))
		if rest, ok := strings.CutPrefix(arn, own); own != "" && ok && (rest == "" || rest[0] == '/' || rest[0] == ':') && (on < 0 || len(own) > len(e.arn(on))) {
			on = int32(i)
		}
	}
	q := &iam.Request{Principal: p.Principal, Action: e.services.Action(action), Resource: arn, Context: e.context(p.Principal, p.at, on, nil)}
	if on >= 0 {
		q.Account = e.account(on)
	}
	return e.request(q, e.Policies(p), on)
}

// request answers a request about a resource, or where on is negative about something that is not in the code.
func (e *Estate) request(q *iam.Request, own *iam.Policies, on int32) iam.Answer {
	who, p := q.Principal, *own
	if on >= 0 {
		e.side(q, &p, on)
	}
	out := iam.Decide(q, e.within(&p, who.Account, q.Account, false))
	if doubt := e.doubtful(who.Account, q.Account); !doubt.Never() {
		strict := iam.Decide(q, e.within(&p, who.Account, q.Account, true))
		strict.When = strict.When.Or(out.When.And(doubt.Not()))
		if strict.Allows == nil {
			strict.Allows = out.Allows
		}
		out = strict
	}
	out.When = e.settled(out.When, who, q.Account)
	var lets []iam.Proof
	for _, p := range out.Allows {
		if p.When = e.settled(p.When, who, q.Account); !p.When.Never() {
			lets = append(lets, p)
		}
	}
	out.Allows = lets
	if sure := out.When.Known(); !sure.Never() {
		out.When = sure
	} else if !slices.ContainsFunc(out.Denies, guessed) && slices.ContainsFunc(out.Allows, guessed) {
		out.When = nil
	}
	if out.When.Never() {
		if out.Result == iam.Allowed {
			out.Result = iam.ImplicitlyDenied
		}
	} else {
		out.Result = iam.Allowed
	}
	return out
}

// side adds the policy of a resource, and what else decides about it.
func (e *Estate) side(q *iam.Request, p *iam.Policies, on int32) {
	if principalTypes[TypeOf(e.g.Resources()[on])] == iam.Role && q.Action.Service() == "sts" {
		p.Resource = e.TrustPolicy(e.byResource[e.g.Resources()[on].ID])
	} else {
		guard := e.guard(on)
		p.Resource, p.Bucket = guard.Policy, guard.Bucket
		if p.Resource == nil && strings.HasSuffix(TypeOf(e.g.Resources()[on]), "::Key") && q.Action.Service() == "kms" {
			p.Resource = e.standard(q.Account)
		}
	}
}

// guessed tells whether a statement bears on an answer only if something is what nobody knows to be.
func guessed(p iam.Proof) bool { return p.When.Known().Never() }

// Trust tells whether a caller gets a session of a role by the role's trust policy and, where that delegates to the caller's
// account, by its own policies. keys are further condition keys of the request: the claims of a token.
func (e *Estate) Trust(role *Principal, who iam.Principal, keys map[string][]string) iam.Answer {
	action := "sts:AssumeRole"
	if who.Kind == iam.Federated {
		action = "sts:AssumeRoleWithWebIdentity"
		if strings.Contains(who.ARN, ":saml-provider/") {
			action = "sts:AssumeRoleWithSAML"
		}
	}
	if p := e.byARN[who.ARN]; p != nil && !p.Group {
		return e.decide(p.Principal, e.Policies(p), p.at, action, role.at, keys)
	}
	return e.Stranger(who, action, role.Resource, keys)
}

// standard is the policy of a key whose code gives it none: the account's own policies decide.
func (e *Estate) standard(account string) *iam.Policy {
	key := attached{policy: "default key policy of " + account}
	p := e.managed[key]
	if p == nil {
		p, _ = e.compiler.Compile("default key policy", plinth.StringOf(
			`{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "kms:*", "Resource": "*", "Principal": {"AWS": "arn:aws:iam::`+account+`:root"}}}`))
		e.managed[key] = p
	}
	return p
}

// inner are the types inside a resource that an action may be about.
var inner = map[string]struct{ typ, tail string }{
	"AWS::S3::Bucket":          {"object", "/*"},
	"AWS::Kinesis::Stream":     {"consumer", "*"},
	"AWS::Logs::LogGroup":      {"log-stream", ":log-stream:*"},
	"AWS::SSM::Document":       {"automation-execution", "*"},
	"AWS::ApiGateway::RestApi": {"execute-api-general", "/*"},
}

// target is the text that stands for a resource in a request: its ARN, or a pattern of what is inside.
func (e *Estate) target(a iam.Action, on int32) string {
	arn := e.arn(on)
	in, ok := inner[TypeOf(e.g.Resources()[on])]
	if !ok {
		return arn
	}
	types := a.Resources()
	if _, ok := types[in.typ]; !ok || len(types) == 0 {
		return arn
	}
	return arn + in.tail
}

// Target returns the text that stands for a resource in a request for an action: its ARN, or a pattern of what is inside.
func (e *Estate) Target(action string, on *plinth.Resource) string {
	i, ok := e.place(on)
	if !ok {
		return ""
	}
	return e.target(e.services.Action(action), i)
}

// Meant returns the resources of a type that a value of a resource names: by reference, ARN, URL or name.
func (e *Estate) Meant(r *plinth.Resource, typ string, v plinth.Value) []*plinth.Resource {
	i, ok := e.place(r)
	if !ok {
		return nil
	}
	var out []*plinth.Resource
	for _, to := range e.meant(i, typ, v) {
		out = append(out, e.g.Resources()[to])
	}
	return out
}
