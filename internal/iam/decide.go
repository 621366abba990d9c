package iam

import (
	"slices"

	"github.com/plinthsec/plinth/internal/value"
)

// maxCandidates bounds the resource patterns that are tried for a request with wildcards.
const maxCandidates = 256

// Decide answers a request. Policies may be shared by any number of goroutines.
func Decide(q *Request, p *Policies) Answer {
	r := q.ready()
	if r.some {
		return decideSome(r, p)
	}
	return decide(&r, p)
}

// decideSome answers for the resources that a pattern matches, by those patterns of the statements that tell them apart: allowed is
// what is allowed for one of these.
func decideSome(q request, p *Policies) Answer {
	candidates, all := candidates(&q, p)
	var out Answer
	for i, c := range candidates {
		q.resource = c
		a := decide(&q, p)
		if i == 0 || a.Result > out.Result {
			when := a.When.Or(out.When)
			out = a
			out.When = when
		} else {
			out.When = out.When.Or(a.When)
		}
		if out.When.Always() {
			return out
		}
	}
	if !all {
		out.Open = append(out.Open, "more than 256 resource patterns")
	}
	return out
}

// candidates are the request's pattern and those of the statements that name a part of it, the request's first.
func candidates(q *request, p *Policies) (list []string, all bool) {
	list = []string{q.resource}
	all = true
	each(p, func(_ Layer, of *Policy) {
		for _, s := range of.Statements {
			if s.actions.match(q.Action).Never() != s.notAction || !s.Allow && !s.notResource {
				continue
			}
			for i := range s.resources {
				pattern, _ := s.resources[i].resolve(q.Context)
				if pattern == "" || glob(pattern, q.resource) || !overlap(pattern, q.resource) || slices.Contains(list, pattern) {
					continue
				}
				if len(list) == maxCandidates {
					all = false
					return
				}
				list = append(list, pattern)
			}
		}
	})
	return list, all
}

// each calls visit for every policy.
func each(p *Policies, visit func(Layer, *Policy)) {
	for _, l := range [...]struct {
		layer Layer
		of    []*Policy
	}{{Identity, p.Identity}, {Boundary, p.Boundary}, {Session, p.Session}, {Endpoint, p.Endpoint}} {
		for _, one := range l.of {
			visit(l.layer, one)
		}
	}
	if p.Resource != nil {
		visit(Resource, p.Resource)
	}
	for _, level := range p.SCP {
		for _, one := range level {
			visit(SCP, one)
		}
	}
}

// decision is an answer under construction.
type decision struct {
	*request
	deny   Formula
	answer Answer
}

func decide(q *request, p *Policies) Answer {
	d := decision{request: q}
	kind := q.Principal.Kind
	hasIdentity := kind != Anonymous && kind != Service && kind != Federated
	var identity Formula
	if hasIdentity {
		if identity = d.layer(Identity, p.Identity); kind == RootUser {
			identity = always
		}
	}
	boundary, session, endpoint, scp := always, always, always, always
	if p.Boundary != nil {
		boundary = d.layer(Boundary, p.Boundary)
	}
	if p.Session != nil {
		session = d.layer(Session, p.Session)
	}
	if p.Endpoint != nil {
		endpoint = d.layer(Endpoint, p.Endpoint)
	}
	if hasIdentity && !q.Principal.Linked {
		for _, level := range p.SCP {
			scp = scp.And(d.layer(SCP, level))
		}
	}
	if len(p.RCP) > 0 && !q.Principal.Linked && q.Action.rcp {
		for _, level := range p.RCP {
			d.layer(RCP, level)
		}
	}
	resource := d.resourceSide(p)
	limits := boundary.And(session)
	var core Formula
	switch {
	case !hasIdentity:
		core = resource[itself]
	case q.sameAccount() && q.guarded():
		core = resource[itself].Or(limits.And(resource[byRole].Or(resource[byAccount].And(identity))))
	case q.sameAccount():
		core = resource[itself].Or(limits.And(resource[byRole].Or(identity)))
	default:
		core = limits.And(identity).And(resource[itself].Or(resource[byRole]).Or(resource[byAccount]))
	}
	d.conclude(core.And(endpoint).And(scp))
	if d.answer.Result == ImplicitlyDenied {
		for _, l := range [...]struct {
			layer Layer
			open  bool
		}{
			{Identity, !hasIdentity || !identity.Never()},
			{Boundary, !boundary.Never()},
			{Session, !session.Never()},
			{Resource, !resource[itself].Or(resource[byRole]).Or(resource[byAccount]).Never()},
			{Endpoint, !endpoint.Never()},
			{SCP, !scp.Never()},
		} {
			if !l.open {
				d.answer.Blocked = append(d.answer.Blocked, l.layer)
			}
		}
	}
	return d.answer
}

// conclude takes the denials from what is let.
func (d *decision) conclude(let Formula) {
	a := &d.answer
	if !d.deny.Always() {
		a.When = let
		if !d.deny.Never() {
			a.When = let.And(d.deny.Not())
		}
	}
	switch {
	case !a.When.Never():
		a.Result = Allowed
	case d.deny.Always() || !let.Never():
		a.Result = ExplicitlyDenied
		for _, proof := range a.Denies {
			if !slices.Contains(a.Blocked, proof.Layer) {
				a.Blocked = append(a.Blocked, proof.Layer)
			}
		}
	}
}

// layer tells under which conditions the policies of a layer let the request, and notes what forbids it.
func (d *decision) layer(l Layer, of []*Policy) Formula {
	var let Formula
	for _, p := range of {
		d.answer.Open = append(d.answer.Open, p.Open...)
		for _, s := range p.Statements {
			if s.Allow && let.Always() {
				continue
			}
			if _, when := s.match(d.request, l); !when.Never() {
				if d.note(l, s, when); s.Allow {
					let = let.Or(when)
				}
			}
		}
	}
	return let
}

func (d *decision) note(l Layer, s *Statement, when Formula) {
	if s.Allow {
		if d.answer.Allows == nil {
			d.answer.Allows = make([]Proof, 0, 2)
		}
		d.answer.Allows = append(d.answer.Allows, Proof{l, s, when})
		return
	}
	d.deny = d.deny.Or(when)
	d.answer.Denies = append(d.answer.Denies, Proof{l, s, when})
}

// resourceSide tells under which conditions the resource's policy, and a bucket's access control list, name the caller, by how
// they do.
func (d *decision) resourceSide(p *Policies) (let [itself + 1]Formula) {
	if r := p.Resource; r != nil {
		d.answer.Open = append(d.answer.Open, r.Open...)
		for _, s := range r.Statements {
			if how, when := s.match(d.request, Resource); !when.Never() {
				if d.note(Resource, s, when); s.Allow {
					let[how] = let[how].Or(when)
				}
			}
		}
		if p.Bucket != nil {
			unless := p.Bucket.unrestricted(d.request, r)
			for how := range let {
				let[how] = let[how].And(unless)
			}
		}
	}
	if p.Bucket != nil {
		how, when := p.Bucket.listed(d.request)
		if !when.Never() {
			let[how] = let[how].Or(when)
			d.answer.Allows = append(d.answer.Allows, Proof{Layer: ACL, When: when})
		}
	}
	return let
}

// match tells how the statement names the caller of a request that it is about, and under which conditions it is. Policies that
// hang on a principal name it by that.
func (s *Statement) match(q *request, l Layer) (naming, Formula) {
	how, when := s.concerns(q, l)
	if how == unnamed {
		return unnamed, nil
	}
	if when = when.And(s.onResource(q, l)); when.Never() {
		return unnamed, nil
	}
	return how, s.met(q.Context, when)
}

// concerns is the part of match that asks for the action and the caller.
func (s *Statement) concerns(q *request, l Layer) (naming, Formula) {
	when := s.actions.match(q.Action)
	if s.notAction {
		when = when.Not()
	}
	if when.Never() {
		return unnamed, nil
	}
	how := itself
	switch {
	case s.notWho:
		if l >= Resource {
			yes, open := spared(s.principals, &q.Principal)
			if yes {
				return unnamed, nil
			}
			when = when.And(open.Not())
		}
	case s.named && l >= Resource:
		var open Formula
		if how, open = among(s.principals, &q.Principal); how == unnamed {
			return unnamed, nil
		}
		when = when.And(open)
	case l == Resource:
		return unnamed, nil
	}
	return how, when
}

// met narrows a formula to where the statement's conditions are met.
func (s *Statement) met(c *Context, when Formula) Formula {
	if !s.open.Always() {
		when = when.And(s.open)
	}
	for _, one := range s.conditions {
		truth, leaf := one.holds(c)
		if leaf != nil {
			when = when.And(If(leaf))
		} else if truth == value.False {
			return nil
		}
	}
	return when
}

// onResource tells under which conditions the statement is about the request's resource.
func (s *Statement) onResource(q *request, l Layer) Formula {
	if len(s.resources) == 0 {
		if l == Resource {
			return always
		}
		return nil
	}
	how := glob
	if q.some && s.notResource && !s.Allow {
		how = overlap // only what lies outside as a whole is denied as a whole
	}
	var about Formula
	for i := range s.resources {
		t := &s.resources[i]
		switch t.match(q.resource, q.Context, how) {
		case value.True:
			if s.notResource {
				return nil
			}
			return always
		case value.Undecided:
			about = about.Or(If(t.leaf()))
		}
	}
	if s.notResource {
		return about.Not()
	}
	return about
}
