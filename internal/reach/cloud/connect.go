package cloud

import (
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/reach"
)

// connect finds all connections.
func (a *amazon) connect() {
	byKey := map[string]*end{}
	for _, e := range a.ends {
		byKey[string(e.resource.ID)] = e
	}
	for _, e := range a.ends {
		a.fromOutside(e)
		a.toOutside(e)
		if e.balancer {
			a.toTargets(e, byKey)
		}
	}
	a.gateways(byKey)
	for _, from := range a.ends {
		if from.balancer || !from.sends || from.service {
			continue
		}
		for _, to := range a.ends {
			if from != to && !to.ports.Empty() && !to.service {
				a.between(from, to)
			}
		}
	}
}

// rulesOf are the rules of the groups of an end in one direction. An end without a group is in the default one of its network,
// which is of its own kind where code says it; else it lets in its members and out everything.
func (a *amazon) rulesOf(e *end, egress bool) []rule {
	if e.open {
		return []rule{{ports: reach.AllPorts(), spans: everywhere(), six: true}}
	}
	groups := e.groups
	if len(groups) == 0 {
		groups = a.usualGroup(e)
	}
	var out []rule
	for _, key := range groups {
		g := a.groups[key]
		switch {
		case g == nil && egress:
			out = append(out, rule{ports: reach.AllPorts(), spans: everywhere(), six: true, step: placedAt(e.resource, plinth.Value{}, 0, "a security group that is not in the code lets it out")})
		case g == nil && e.balancer: // it is made to be reached
			out = append(out, rule{ports: reach.AllPorts(), spans: everywhere()})
		case g == nil:
		case egress:
			out = append(out, g.egress...)
		default:
			out = append(out, g.ingress...)
		}
	}
	return out
}

// usualGroup is the default security group of the network of an end, where the code says what is in it.
func (a *amazon) usualGroup(e *end) []string {
	vpc := a.vpcOf(e)
	for key, g := range a.groups {
		if g.resource.Decl != nil && g.resource.Decl.Type == "aws_default_security_group" && g.vpc == vpc {
			return []string{key}
		}
	}
	if vpc == "" {
		vpc = world(e.resource)
	}
	return []string{"default of " + vpc}
}

func (a *amazon) vpcOf(e *end) string {
	for _, key := range e.subnets {
		if s := a.subnets[key]; s != nil && s.vpc != "" {
			return s.vpc
		}
	}
	for _, key := range e.groups {
		if g := a.groups[key]; g != nil && g.vpc != "" {
			return g.vpc
		}
	}
	return ""
}

// subnetsOf are the subnets that an end is in: one that stands for the default network where it names none.
func (a *amazon) subnetsOf(e *end) []*subnet {
	var out []*subnet
	for _, key := range e.subnets {
		out = append(out, a.subnet(key))
	}
	if len(out) == 0 {
		out = append(out, &subnet{vpc: a.vpcOf(e)})
	}
	return out
}

// The ways out of a subnet.
const (
	byGateway = "gateway" // both ways, for what has an address outside
	byNAT     = "nat"     // outward only
)

// exit tells whether the routes of a subnet lead to the internet, and how.
func (a *amazon) exit(s *subnet) (fact, string) {
	if s.key == "" {
		return fact{yes: true}, byGateway // the default network
	}
	t, key := a.tableOf(s)
	r := a.network[s.vpc].resource
	if t == nil && s.resource != nil && s.resource.Decl != nil && s.resource.Decl.Type == "aws_default_subnet" {
		return fact{yes: true}, byGateway
	}
	switch {
	case t == nil && (s.resource == nil || key != ""):
		return fact{yes: true, when: []string{"subnet " + a.called(s.key) + " has a route to the internet"}}, byGateway
	case t == nil && r == nil:
		return fact{yes: true, when: []string{"the main route table of the network of subnet " + a.called(s.key) + " leads to the internet"}}, byGateway
	case t == nil && r.Decl != nil && r.Decl.Type == "aws_default_vpc":
		return fact{yes: true}, byGateway
	case t == nil:
		return fact{}, "" // the main table of a new network has no way out
	}
	for _, via := range [...]string{byGateway, byNAT} {
		for _, u := range t.routes {
			if u.via == via && (u.six || size(u.spans.Intersect(outside())) >= 1<<30) {
				return fact{yes: true, steps: []plinth.Step{u.step}}, via
			}
		}
	}
	if routes := get(t.resource.Source, "route"); routes.IsUnknown() {
		return fact{yes: true, when: routes.Why()}, byGateway
	}
	return fact{}, ""
}

// tableOf is the route table of a subnet: its own, else the main one of its network.
func (a *amazon) tableOf(s *subnet) (*table, string) {
	key := s.table
	if key == "" {
		key = a.main[s.vpc]
	}
	return a.tables[key], key
}

// ephemeral are the ports from which clients open connections, as most systems choose them.
var ephemeral = reach.SpansOf(reach.Span{Lo: 32768, Hi: 60999})

// passes tells which ports the ACL of a subnet lets addresses reach in one direction, and answers from there.
func (a *amazon) passes(s *subnet, way int, peer reach.Span, ports reach.Ports) reach.Ports {
	l := a.aclOf(s)
	if l == nil {
		return ports // the default one lets everything through
	}
	out := decide(l.entries[way], peer).Intersect(ports)
	back := decide(l.entries[1-way], peer)
	for p := range out {
		if len(ephemeral.Intersect(back[p])) == 0 {
			out[p] = nil
		}
	}
	return out
}

// decide is what the first matching entries of an ACL let through for some addresses, which no entry tells apart.
func decide(entries []entry, peer reach.Span) reach.Ports {
	var allowed, decided reach.Ports
	for _, e := range entries {
		if len(e.spans.Intersect(reach.SpansOf(peer))) == 0 {
			continue
		}
		if e.allow {
			allowed = allowed.Union(e.ports.Minus(decided))
		}
		decided = decided.Union(e.ports)
	}
	return allowed
}

// fromOutside tells who on the internet reaches an end.
func (a *amazon) fromOutside(e *end) {
	if e.ports.Empty() {
		return
	}
	rules := a.rulesOf(e, false)
	if e.sources != nil {
		rules = []rule{{ports: reach.AllPorts(), spans: e.sources}}
	}
	best, proof := a.fromFour(e, rules)
	all, some := most(best)
	c := Connection{To: e.resource.ID, ToName: name(e.resource), ToResource: e.resource}
	if six, way := a.fromSix(e, rules); !six.Minus(all).Empty() {
		c.From, c.FromName, c.Allow, c.When = plinth.Internet, internet, six.Union(all), way.when
		c.opened(way.steps, used(rules, six, nil))
		a.add(c)
		all = all.Union(six)
	} else if !all.Empty() {
		c.From, c.FromName, c.Allow, c.When = plinth.Internet, internet, all, proof.when
		c.opened(proof.steps, used(rules, all, nil))
		a.add(c)
	}
	a.undecided(e, rules, all)
	for _, p := range some {
		if p.ports = p.ports.Minus(all); p.ports.Empty() {
			continue
		}
		c.From, c.FromName, c.Allow, c.When = "", external(p.addresses), p.ports, proof.when
		c.opened(proof.steps, used(rules, p.ports, p.addresses))
		a.add(c)
	}
}

// undecided tells what everybody reaches where a variable that has no value says so.
func (a *amazon) undecided(e *end, rules []rule, known reach.Ports) {
	var maybe []rule
	var when []string
	for _, u := range rules {
		if len(u.open) > 0 {
			u.spans = everywhere()
			maybe = append(maybe, u)
			for _, v := range u.open {
				when = append(when, v+" holds every address")
			}
		}
	}
	if len(maybe) == 0 {
		return
	}
	list, proof := a.fromFour(e, maybe)
	all, _ := most(list)
	if all = all.Minus(known); all.Empty() {
		return
	}
	c := Connection{From: plinth.Internet, FromName: internet, To: e.resource.ID, ToName: name(e.resource), ToResource: e.resource, Allow: all, When: append(when, proof.when...)}
	c.opened(proof.steps, used(maybe, all, nil))
	a.add(c)
}

// fromFour tells which addresses of IPv4 reach which ports of an end, through the subnet that rests on the fewest conditions.
func (a *amazon) fromFour(e *end, rules []rule) ([]part, fact) {
	var best []part
	var proof fact
	if !e.public.yes {
		return nil, proof
	}
	for _, s := range a.subnetsOf(e) {
		way := fact{yes: true}
		if !e.service {
			var via string
			if way, via = a.exit(s); !way.yes || via != byGateway {
				continue
			}
		}
		if list := a.parts(e, s, rules); len(list) > 0 && (best == nil || len(way.when) < len(proof.when)) {
			best, proof = list, way
		}
	}
	proof = e.public.and(proof)
	for _, key := range e.groups {
		if a.groups[key] == nil && e.balancer {
			proof.when = append(proof.when, "security group "+a.called(key)+" lets it in")
		}
	}
	return best, proof
}

// parts are the addresses of the internet with the ports of an end that they reach through a subnet.
func (a *amazon) parts(e *end, s *subnet, rules []rule) []part {
	var at []reach.Spans
	for _, u := range rules {
		at = append(at, u.spans)
	}
	if l := a.aclOf(s); l != nil {
		for _, list := range l.entries {
			for _, x := range list {
				at = append(at, x.spans)
			}
		}
	}
	var out []part
	for _, cell := range cells(outside(), at) {
		ports := portsFor(rules, cell).Intersect(e.ports)
		if !ports.Empty() && !e.service {
			ports = a.passes(s, 0, cell, ports)
		}
		if !ports.Empty() {
			out = append(out, part{reach.SpansOf(cell), ports})
		}
	}
	return out
}

// fromSix tells which ports all of IPv6 reaches: of what has such an address, which is always one outside, through a subnet with a
// route for it.
func (a *amazon) fromSix(e *end, rules []rule) (reach.Ports, fact) {
	if e.service || e.balancer && !strings.HasPrefix(text(e.resource.Props, "IpAddressType"), "dualstack") || e.balancer && !e.public.yes {
		return reach.Ports{}, fact{}
	}
	for _, s := range a.subnetsOf(e) {
		t, _ := a.tableOf(s)
		if t == nil || !e.balancer && !e.six && (s.resource == nil || !get(s.resource.Props, "AssignIpv6AddressOnCreation").Bool()) {
			continue
		}
		for _, u := range t.routes {
			if u.via != byGateway || !u.six {
				continue
			}
			var ports reach.Ports
			for _, x := range rules {
				if x.six {
					ports = ports.Union(x.ports.Intersect(e.ports))
				}
			}
			if l := a.aclOf(s); l != nil {
				ports = ports.Intersect(decideSix(l.entries[0]))
				if len(ephemeral.Intersect(decideSix(l.entries[1])[reach.TCP])) == 0 {
					ports = reach.Ports{}
				}
			}
			if !ports.Empty() {
				return ports, fact{yes: true, steps: []plinth.Step{u.step}}
			}
		}
	}
	return reach.Ports{}, fact{}
}

// decideSix is what the first matching entries of an ACL let through for all of IPv6.
func decideSix(entries []entry) reach.Ports {
	var allowed, decided reach.Ports
	for _, e := range entries {
		if !e.six {
			continue
		}
		if e.allow {
			allowed = allowed.Union(e.ports.Minus(decided))
		}
		decided = decided.Union(e.ports)
	}
	return allowed
}

// aclOf is the network ACL of a subnet, nil where everything passes.
func (a *amazon) aclOf(s *subnet) *acl {
	key := s.acl
	if key == "" {
		key = a.usual[s.vpc]
	}
	return a.acls[key]
}

// used are the steps of the rules that let some of the ports through from some addresses; nil: any.
func used(rules []rule, ports reach.Ports, from reach.Spans) []Door {
	var out []Door
	for _, u := range rules {
		if u.step.Note == "" || u.ports.Intersect(ports).Empty() || len(u.spans) == 0 && !u.six {
			continue
		}
		if from != nil && len(u.spans.Intersect(from)) == 0 || from == nil && !u.six && len(u.spans.Intersect(outside())) == 0 {
			continue
		}
		out = append(out, u.step.door(u.ports.Intersect(ports)))
	}
	return out
}

// toOutside tells whether an end gets out.
func (a *amazon) toOutside(e *end) {
	if !e.sends || e.balancer || len(e.subnets) == 0 && e.resource.Type == "AWS::Lambda::Function" {
		return
	}
	for _, s := range a.subnetsOf(e) {
		way, via := a.exit(s)
		if !way.yes || via == byGateway && !e.public.yes {
			continue // a gateway is of no use without an address outside
		}
		rules := a.rulesOf(e, true)
		var list []part
		var at []reach.Spans
		for _, u := range rules {
			at = append(at, u.spans)
		}
		for _, cell := range cells(outside(), at) {
			if ports := a.passes(s, 1, cell, portsFor(rules, cell)); !ports.Empty() {
				list = append(list, part{reach.SpansOf(cell), ports})
			}
		}
		all, some := most(list)
		c := Connection{From: e.resource.ID, FromName: name(e.resource), FromResource: e.resource, When: way.when}
		if !all.Empty() {
			c.To, c.ToName, c.Allow = plinth.Internet, internet, all
			c.opened(way.steps, used(rules, all, nil))
			a.add(c)
		}
		for _, p := range some {
			c.To, c.ToName, c.Allow = "", external(p.addresses), p.ports
			c.opened(way.steps, used(rules, p.ports, p.addresses))
			a.add(c)
		}
		return
	}
}

// portsFor are the ports that rules open for some addresses, which no rule tells apart.
func portsFor(rules []rule, cell reach.Span) reach.Ports {
	var out reach.Ports
	for _, u := range rules {
		if len(u.spans.Intersect(reach.SpansOf(cell))) > 0 {
			out = out.Union(u.ports)
		}
	}
	return out
}

// toTargets tells which targets a load balancer reaches.
func (a *amazon) toTargets(e *end, byKey map[string]*end) {
	told := map[string]reach.Ports{}
	for _, t := range e.targets {
		to := byKey[t.key]
		if to == nil || to.resource.Type == "AWS::Lambda::Function" {
			a.toFunction(e, &t)
			continue
		}
		ports := t.ports
		if ports.Empty() {
			ports = to.ports
		}
		ok, steps := a.pass(e, to, ports)
		if ok = ok.Minus(told[t.key]); ok.Empty() {
			continue
		}
		told[t.key] = told[t.key].Union(ok)
		a.add(Connection{
			From: e.resource.ID, FromName: name(e.resource), FromResource: e.resource, To: to.resource.ID, ToName: name(to.resource), ToResource: to.resource, Allow: ok,
			Because: append(slices.Clone(t.steps), steps...),
		})
	}
}

// pass is what two firewalls and the ACLs between let through.
func (a *amazon) pass(from, to *end, ports reach.Ports) (reach.Ports, []plinth.Step) {
	in, inSteps := a.admit(a.rulesOf(to, false), to, from, ports)
	if in.Empty() {
		return in, nil
	}
	out, outSteps := a.admit(a.rulesOf(from, true), from, to, in)
	if out.Empty() {
		return out, nil
	}
	var through reach.Ports
	for _, s := range a.subnetsOf(from) {
		for _, d := range a.subnetsOf(to) {
			if s.key == d.key {
				through = through.Union(out) // ACLs stand at the border of a subnet
				continue
			}
			one := out
			for _, x := range d.spans {
				one = a.passes(s, 1, x, one)
			}
			for _, x := range s.spans {
				one = a.passes(d, 0, x, one)
			}
			through = through.Union(one)
		}
	}
	return through, append(outSteps, inSteps...)
}

// admit is what the rules of an end let through for another one: by its groups, or by the addresses of its subnets. Where these are
// not known, blocks that hold everything, or all private addresses, do.
func (a *amazon) admit(rules []rule, own, peer *end, ports reach.Ports) (reach.Ports, []plinth.Step) {
	groups := peer.groups
	if len(groups) == 0 && !peer.open {
		groups = a.usualGroup(peer)
	}
	var at reach.Spans
	for _, s := range a.subnetsOf(peer) {
		if at = at.Union(s.spans); len(s.spans) == 0 {
			at = at.Union(a.network[s.vpc].spans)
		}
	}
	var out reach.Ports
	var steps []plinth.Step
	for _, u := range rules {
		one := u.ports.Intersect(ports)
		member := slices.ContainsFunc(u.groups, func(g string) bool { return slices.Contains(groups, g) })
		inside := len(at) > 0 && len(u.spans.Intersect(at)) > 0 || len(at) == 0 && size(u.spans) >= 1<<24
		if one.Empty() || !member && !inside {
			continue
		}
		out = out.Union(one)
		if u.step.At.Path != "" && !slices.Contains(steps, u.step.Step) {
			steps = append(steps, u.step.Step)
		}
	}
	if len(rules) == 0 && len(own.groups) == 0 && !own.open && slices.Equal(groups, a.usualGroup(own)) {
		out = ports // members of the default group reach each other
	}
	return out, steps
}

// between tells whether one end reaches another inside the networks.
func (a *amazon) between(from, to *end) {
	way := a.joined(from, to)
	if !way.yes {
		return
	}
	ports, steps := a.pass(from, to, to.ports)
	if ports.Empty() {
		return
	}
	a.add(Connection{
		From: from.resource.ID, FromName: name(from.resource), FromResource: from.resource, To: to.resource.ID, ToName: name(to.resource), ToResource: to.resource, Allow: ports,
		When: way.when, Because: append(slices.Clone(way.steps), steps...),
	})
}

// joined tells whether the networks of two ends have a way between them: one network, or a peering or a transit gateway that both
// sides have routes to. What a peer is joined with is not reached through it.
func (a *amazon) joined(from, to *end) fact {
	v, w := a.vpcOf(from), a.vpcOf(to)
	if v == w {
		return fact{yes: v != "" || world(from.resource) == world(to.resource)}
	}
	if world(from.resource) != world(to.resource) {
		return fact{}
	}
	for _, s := range a.subnetsOf(from) {
		for _, d := range a.subnetsOf(to) {
			there, ok := a.leads(s, w, d)
			if !ok {
				continue
			}
			if back, ok := a.leads(d, v, s); ok && back.via == there.via && (back.key == there.key) {
				return fact{yes: true, steps: []plinth.Step{there.step, back.step}}
			}
		}
	}
	return fact{}
}

// leads finds the route of a subnet to another network.
func (a *amazon) leads(s *subnet, network string, d *subnet) (route, bool) {
	t, _ := a.tableOf(s)
	if t == nil {
		return route{}, false
	}
	at := d.spans
	if len(at) == 0 {
		at = a.network[network].spans
	}
	for _, u := range t.routes {
		if len(u.spans.Intersect(at)) == 0 {
			continue
		}
		switch u.via {
		case "peering":
			if p := a.peers[u.key]; p == [2]string{s.vpc, network} || p == [2]string{network, s.vpc} {
				return u, true
			}
		case "transit":
			return u, true
		}
	}
	return route{}, false
}
