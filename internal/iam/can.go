package iam

import (
	"slices"
	"strings"

	"github.com/plinthsec/plinth/internal/value"
)

// maxGrants bounds the patterns of one answer of Can. Principals of real accounts have some dozens for an action.
const maxGrants = 512

// Pattern is a set of resources: a text with wildcards, made by ParsePattern.
type Pattern string

// ParsePattern reads a text in which * stands for any text and ? for one character.
func ParsePattern(s string) Pattern { return Pattern(globOf(s)) }

// Matches tells whether a resource is in the set.
func (p Pattern) Matches(resource string) bool { return glob(string(p), literalOf(resource)) }

// Covers tells whether all of the other set is in this one.
func (p Pattern) Covers(other Pattern) bool { return glob(string(p), string(other)) }

// Overlaps tells whether the sets have a resource in common.
func (p Pattern) Overlaps(other Pattern) bool { return overlap(string(p), string(other)) }

// Everything tells whether all resources are in the set.
func (p Pattern) Everything() bool { return p == "\x00" }

// Plain tells whether the set is one resource.
func (p Pattern) Plain() bool { return plainGlob(string(p)) }

func (p Pattern) String() string { return shown(string(p)) }

// Grant is a set of resources on which a principal's own policies let it do an action: those that all of All and none of None
// match.
type Grant struct {
	All, None []Pattern
	When      Formula   // what must hold for it
	Unless    []Refusal // what forbids it on a part of the resources
	By        []Proof   // what lets it, one statement for each layer at least
}

// Refusal is what forbids a part of a grant's resources under a condition: those that one of Parts names, or with Outside all that
// none of them names.
type Refusal struct {
	Parts   []Part
	Outside bool
	When    Formula
	By      *Statement
}

// Part is a pattern, and what must hold for it to be that one.
type Part struct {
	Pattern Pattern
	When    Formula
}

// on tells under which conditions the refusal concerns a resource.
func (r *Refusal) on(resource string) Formula {
	var named Formula
	for _, p := range r.Parts {
		if p.Pattern.Matches(resource) {
			named = named.Or(p.When)
		}
	}
	if r.Outside {
		named = named.Not()
	}
	return r.When.And(named)
}

// On tells under which conditions the grant holds for a resource.
func (g *Grant) On(resource string) Formula {
	for _, p := range g.All {
		if !p.Matches(resource) {
			return nil
		}
	}
	if slices.ContainsFunc(g.None, func(p Pattern) bool { return p.Matches(resource) }) {
		return nil
	}
	when := g.When
	for i := range g.Unless {
		when = when.And(g.Unless[i].on(resource).Not())
	}
	return when
}

// Over tells under which conditions the grant holds for some of the resources that a pattern matches.
func (g *Grant) Over(p Pattern) Formula {
	if p.Plain() {
		return g.On(string(p))
	}
	if !g.Touches(p) {
		return nil
	}
	when := g.When
	for i := range g.Unless {
		when = when.And(g.Unless[i].over(p).Not())
	}
	return when
}

// over tells under which conditions the refusal concerns all resources that a pattern matches.
func (r *Refusal) over(p Pattern) Formula {
	var named Formula
	for _, part := range r.Parts {
		if part.Pattern.Covers(p) || r.Outside && part.Pattern.Overlaps(p) {
			named = named.Or(part.When)
		}
	}
	if r.Outside {
		named = named.Not()
	}
	return r.When.And(named)
}

// Touches tells whether a resource that the pattern matches may be among the grant's.
func (g *Grant) Touches(p Pattern) bool {
	return !slices.ContainsFunc(g.All, func(have Pattern) bool { return !have.Overlaps(p) }) &&
		!slices.ContainsFunc(g.None, func(not Pattern) bool { return not.Covers(p) })
}

// String is the grant on one line: what it is on, without what, and if what.
func (g *Grant) String() string {
	var b strings.Builder
	for i, p := range g.All {
		if i > 0 {
			b.WriteString(" and ")
		}
		b.WriteString(p.String())
	}
	for _, p := range g.None {
		b.WriteString(" without " + p.String())
	}
	if !g.When.Always() {
		b.WriteString(" if " + g.When.String())
	}
	for _, r := range g.Unless {
		b.WriteString(" unless " + r.When.String())
	}
	return b.String()
}

// Can lists the resources on which a principal's own side lets it do an action: identity policies within boundary, session policy and
// organization. What resources' policies say is not looked at. The grants are in the order of the policies; broader unconditional
// ones leave the narrower out.
func Can(who Principal, action Action, p *Policies, in *Context) []Grant {
	q := &request{Request: &Request{Principal: who, Action: action, Context: in}}
	grants := q.areas(Identity, p.Identity)
	if who.Kind == RootUser {
		grants = []Grant{{All: []Pattern{"\x00"}, When: always}}
	}
	limit := func(l Layer, of []*Policy) {
		grants = within(grants, q.areas(l, of))
	}
	denies := slices.Concat(p.Identity, p.Boundary, p.Session)
	if p.Boundary != nil {
		limit(Boundary, p.Boundary)
	}
	if p.Session != nil {
		limit(Session, p.Session)
	}
	if !who.Linked {
		for _, level := range p.SCP {
			limit(SCP, level)
			denies = append(denies, level...)
		}
	}
	for _, policy := range denies {
		for _, s := range policy.Statements {
			if !s.Allow {
				grants = q.refuse(grants, s)
			}
		}
	}
	return grants
}

// patterns are the resources that the statement names, each with what must hold for it to be that one.
func (s *Statement) patterns(q *request) (list []Part) {
	for i := range s.resources {
		t := &s.resources[i]
		p, truth := t.resolve(q.Context)
		if p == "" || q.Action.everywhere && !glob(p, "*") {
			continue
		}
		f := always
		if truth != value.True {
			f = If(t.leaf())
		}
		list = append(list, Part{Pattern(p), f})
	}
	return list
}

// areas lists what the Allow statements of a layer let.
func (q *request) areas(l Layer, of []*Policy) []Grant {
	var out []Grant
	for _, p := range of {
		for _, s := range p.Statements {
			if !s.Allow || len(s.resources) == 0 {
				continue
			}
			how, when := s.concerns(q, l)
			if how == unnamed {
				continue
			}
			if when = s.met(q.Context, when); when.Never() {
				continue
			}
			list := s.patterns(q)
			if s.notResource {
				g := Grant{All: []Pattern{"\x00"}, When: when}
				for _, p := range list {
					if p.When.Always() {
						g.None = append(g.None, p.Pattern)
					} else {
						g.Unless = append(g.Unless, Refusal{Parts: []Part{p}, When: always, By: s})
					}
				}
				out = add(out, g, Proof{l, s, when})
				continue
			}
			for _, p := range list {
				if f := when.And(p.When); !f.Never() {
					out = add(out, Grant{All: []Pattern{p.Pattern}, When: f}, Proof{l, s, f})
				}
			}
		}
	}
	return out
}

// add adds a grant. One with the same resources takes its condition in; one that it, or that it is, part of for certain goes. Behind
// maxGrants a single one says that there may be more.
func add(list []Grant, g Grant, by ...Proof) []Grant {
	if g.empty() || g.When.Never() || len(list) > maxGrants {
		return list
	}
	if len(list) == maxGrants {
		g = Grant{All: []Pattern{"\x00"}, When: tooManyPatterns()}
	}
	g.By = append(slices.Clip(g.By), by...)
	for i := range list {
		have := &list[i]
		if have.includes(&g) {
			return list
		}
		if slices.Equal(have.All, g.All) && slices.Equal(have.None, g.None) && len(have.Unless)+len(g.Unless) == 0 {
			have.When = have.When.Or(g.When)
			have.By = append(slices.Clip(have.By), g.By...)
			return list
		}
	}
	list = slices.DeleteFunc(list, func(have Grant) bool { return g.includes(&have) })
	return append(list, g)
}

func tooManyPatterns() Formula { return If(Because("more than 512 resource patterns")) }

// includes tells whether the other grant says nothing that this one does not say without condition.
func (g *Grant) includes(other *Grant) bool {
	if !g.When.Always() || len(g.Unless) > 0 {
		return false
	}
	for _, p := range g.All {
		if !slices.ContainsFunc(other.All, p.Covers) {
			return false
		}
	}
	for _, p := range g.None {
		if !slices.ContainsFunc(other.None, func(o Pattern) bool { return o.Covers(p) }) && other.overlapped(p) {
			return false
		}
	}
	return true
}

// overlapped tells whether a pattern may concern the grant's resources.
func (g *Grant) overlapped(p Pattern) bool {
	return !slices.ContainsFunc(g.All, func(have Pattern) bool { return !have.Overlaps(p) })
}

// covered tells whether a pattern holds all of the grant's resources.
func (g *Grant) covered(p Pattern) bool { return slices.ContainsFunc(g.All, p.Covers) }

// empty tells whether the grant has no resource for certain.
func (g *Grant) empty() bool {
	for i, p := range g.All {
		if slices.ContainsFunc(g.All[:i], func(o Pattern) bool { return !o.Overlaps(p) }) {
			return true
		}
	}
	return slices.ContainsFunc(g.None, g.covered)
}

// narrowed returns the grant on those of its resources that also match p.
func (g Grant) narrowed(p Pattern) Grant {
	if g.covered(p) {
		return g
	}
	all := slices.DeleteFunc(slices.Clone(g.All), func(have Pattern) bool { return have.Covers(p) })
	g.All = append(all, p)
	slices.Sort(g.All)
	g.None = slices.DeleteFunc(slices.Clone(g.None), func(not Pattern) bool { return !g.overlapped(not) })
	return g
}

// within intersects the grants with what a limit lets.
func within(grants, limits []Grant) []Grant {
	if len(grants)*len(limits) > maxGrants {
		var out []Grant
		for _, g := range grants {
			g.When = g.When.And(tooManyPatterns())
			out = add(out, g)
		}
		return out
	}
	var out []Grant
	for _, g := range grants {
		for _, l := range limits {
			both := g
			for _, p := range l.All {
				both = both.narrowed(p)
			}
			for _, p := range l.None {
				if both.overlapped(p) && !slices.Contains(both.None, p) {
					both.None = append(slices.Clip(both.None), p)
				}
			}
			slices.Sort(both.None)
			both.When = g.When.And(l.When)
			both.Unless = slices.Concat(g.Unless, l.Unless)
			out = add(out, both, l.By...)
		}
	}
	return out
}

// refuse takes what a Deny statement forbids from the grants.
func (q *request) refuse(grants []Grant, s *Statement) []Grant {
	how, when := s.concerns(q, Identity)
	if how == unnamed || len(s.resources) == 0 {
		return grants
	}
	if when = s.met(q.Context, when); when.Never() {
		return grants
	}
	list := s.patterns(q)
	var out []Grant
	for _, g := range grants {
		if s.notResource {
			out = refuseOutside(out, g, s, list, when)
			continue
		}
		for _, p := range list {
			f := when.And(p.When)
			switch {
			case !g.overlapped(p.Pattern):
			case g.covered(p.Pattern):
				g.When = g.When.And(f.Not())
			case f.Always():
				g.None = append(slices.Clip(g.None), p.Pattern)
				slices.Sort(g.None)
			default:
				g.Unless = append(slices.Clip(g.Unless), Refusal{Parts: []Part{{p.Pattern, always}}, When: f, By: s})
			}
		}
		out = add(out, g)
	}
	return out
}

// refuseOutside takes all but the listed resources from a grant, and adds what is left of it.
func refuseOutside(out []Grant, g Grant, s *Statement, list []Part, when Formula) []Grant {
	touched, certain := false, when.Always()
	for _, p := range list {
		if p.When.Always() && g.covered(p.Pattern) {
			return add(out, g)
		}
		touched = touched || g.overlapped(p.Pattern)
		certain = certain && p.When.Always()
	}
	switch {
	case !touched:
		g.When = g.When.And(when.Not())
	case certain && len(out)+len(list) < maxGrants:
		for _, p := range list {
			if g.overlapped(p.Pattern) {
				out = add(out, g.narrowed(p.Pattern))
			}
		}
		return out
	default:
		g.Unless = append(slices.Clip(g.Unless), Refusal{Parts: list, Outside: true, When: when, By: s})
	}
	return add(out, g)
}
