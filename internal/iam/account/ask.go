package account

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/iam"
	"github.com/plinthsec/plinth/internal/value"
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
	var keys map[string][]string
	if service != "" {
		keys = map[string][]string{"iam:PassedToService": {service}}
	}
	in := e.context(p.Principal, p.at, -1, keys)
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
	q := &iam.Request{Principal: who, Action: a, Resource: e.target(a, on), Account: e.account(on), Context: e.context(who, at, on, keys)}
	p := *own
	if principalTypes[TypeOf(e.g.Resources()[on])] == iam.Role && a.Service() == "sts" {
		p.Resource = e.TrustPolicy(e.byResource[e.g.Resources()[on].ID])
	} else {
		guard := e.guard(on)
		p.Resource, p.Bucket = guard.Policy, guard.Bucket
		if p.Resource == nil && strings.HasSuffix(TypeOf(e.g.Resources()[on]), "::Key") && a.Service() == "kms" {
			p.Resource = e.standard(q.Account)
		}
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

// context is what is known of a request.
func (e *Estate) context(who iam.Principal, at, on int32, more map[string][]string) *iam.Context {
	keys := who.Keys()
	if !isNumber(who.Account) && who.Account != Anybody().Account {
		delete(keys, "aws:PrincipalAccount")
	}
	var complete []string
	if at >= 0 {
		if tags, all := e.tags(at); all {
			complete = append(complete, "aws:PrincipalTag/")
			for k, v := range tags {
				keys["aws:PrincipalTag/"+k] = []string{v}
			}
		}
	}
	if on >= 0 {
		if tags, all := e.tags(on); all {
			service := strings.ToLower(e.arnService(on)) + ":ResourceTag/"
			complete = append(complete, "aws:ResourceTag/", service)
			for k, v := range tags {
				keys["aws:ResourceTag/"+k], keys[service+k] = []string{v}, []string{v}
			}
		}
		if account := e.account(on); isNumber(account) {
			keys["aws:ResourceAccount"] = []string{account}
		}
	}
	if who.Kind != iam.Service {
		for _, k := range [...]string{"aws:SourceArn", "aws:SourceAccount", "aws:SourceOwner", "aws:SourceOrgID", "aws:SourceOrgPaths", "aws:CalledVia", "aws:CalledViaFirst", "aws:CalledViaLast"} {
			keys[k] = nil
		}
		keys["aws:ViaAWSService"] = []string{"false"}
	}
	if who.Kind == iam.Anonymous || who.Account == Anybody().Account {
		for _, k := range [...]string{"aws:SourceVpc", "aws:SourceVpce", "aws:VpcSourceIp", "aws:SourceVpcArn", "aws:VpceOrgID", "aws:VpceAccount"} {
			keys[k] = nil
		}
		complete = append(complete, "aws:PrincipalTag/")
	}
	for k, v := range more {
		keys[k] = v
	}
	return iam.Open(keys).Complete(complete...)
}

func (e *Estate) arnService(i int32) string {
	parts := strings.SplitN(e.arn(i), ":", 4)
	if len(parts) < 3 {
		return "aws"
	}
	return parts[2]
}

// tags returns the tags of a resource; all is false where some of them are not known.
func (e *Estate) tags(i int32) (tags map[string]string, all bool) {
	r := e.g.Resources()[i]
	if r.External || r.Data || r.Props.IsUnknown() {
		return nil, false
	}
	v := get(r.Props, "Tags")
	if v.IsUnknown() {
		return nil, false
	}
	tags = map[string]string{}
	for _, one := range v.List() {
		key, val := get(one, "Key"), get(one, "Value")
		if key.Kind() != plinth.String || val.IsUnknown() {
			return nil, false
		}
		s, _ := e.text(i, val)
		tags[key.Str()] = s
	}
	for _, f := range v.Fields() {
		if f.Value.IsUnknown() {
			return nil, false
		}
		s, _ := e.text(i, f.Value)
		tags[f.Key] = s
	}
	return tags, true
}

// settled takes out of a formula what an attacker chooses or fulfils himself, and decides what the estate knows or what a
// stranger can never fulfil.
func (e *Estate) settled(f iam.Formula, who iam.Principal, owner string) iam.Formula {
	if f.Always() || f.Never() {
		return f
	}
	stranger := who.Kind == iam.Anonymous || who.Account == Anybody().Account
	f = f.Decide(func(l *iam.Leaf) value.Truth {
		switch key := strings.ToLower(l.Key); {
		case key == "aws:principalaccount" && slices.Contains(l.Values, who.Account), key == "kms:calleraccount" && slices.Contains(l.Values, who.Account),
			key == "aws:resourceaccount" && slices.Contains(l.Values, owner), key == "s3:resourceaccount" && slices.Contains(l.Values, owner):
			return truthOf(l)
		case !stranger:
		case strings.HasPrefix(key, "aws:principalorg") || key == "aws:userid" || key == "aws:sourceip" && narrow(l.Values):
			return opposite(truthOf(l))
		}
		return value.Undecided
	})
	return f.Without(func(l iam.Literal) bool { return l.Chosen() })
}

// truthOf is what a condition is whose value is the wanted one.
func truthOf(l *iam.Leaf) value.Truth {
	return value.TruthOf(!strings.Contains(strings.ToLower(l.Op), "not"))
}

func opposite(t value.Truth) value.Truth {
	return value.TruthOf(t == value.False)
}

// narrow tells whether addresses leave the most of the internet out, by the measure that S3 has for "public".
func narrow(values []string) bool {
	return !slices.ContainsFunc(values, func(s string) bool {
		p, err := netip.ParsePrefix(s)
		return err == nil && p.Bits() < 8
	})
}

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
