package reach

import (
	"fmt"
	"net/netip"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/value"
)

// action is what a rule of an AdminNetworkPolicy does; rules of other policies allow.
type action uint8

const (
	allow action = iota
	deny
	pass
)

// direction is seen from the pod that a policy selects.
type direction int

const (
	ingress direction = iota
	egress
)

func (d direction) String() string { return [...]string{"ingress", "egress"}[d] }

// policy is one object that decides what the pods it selects may do.
type policy struct {
	name     string // kind namespace/name, for people
	subject  set    // of pods
	acts     [2]bool
	rules    [2][]*rule
	priority float64
	at       plinth.Location
}

// rule is one entry of a policy: traffic with these peers on these ports.
type rule struct {
	action  action
	peers   set   // of pods; after folding of columns
	bare    set   // likewise: the peers where no mutual TLS proves who they are; nil unless the rule is Istio's
	blocks  Spans // addresses outside the cluster
	any     bool  // every peer, inside and outside
	ports   Ports
	names   []portName
	resolve map[string]uint32 // by the named ports of a pod
	fixed   uint32            // ports in the pool
	policy  *policy
	at      plinth.Location
}

// portName is a port that each pod resolves for itself.
type portName struct {
	name     string
	protocol Protocol
	every    bool // of every protocol
}

// compiler turns objects into policies.
type compiler struct {
	world      *World
	namespaces []string
	spaces     *index                       // labels of the namespaces
	inside     []set                        // pods of each namespace
	pods       *index                       // labels of the pods
	at         map[string]int               // namespace → its number
	declared   map[string]map[string]string // namespaces with a manifest and their labels
}

func (c *compiler) problem(kind plinth.ProblemKind, v plinth.Value, r *plinth.Resource, format string, args ...any) {
	c.world.Problems = append(c.world.Problems, plinth.Problem{Kind: kind, At: r.Place(v), Text: fmt.Sprintf(format, args...)})
}

// known tells whether all of the object's spec is known; what is not cannot be evaluated and is left out with a problem.
func (c *compiler) known(r *plinth.Resource) bool {
	spec := get(r.Props, "spec")
	if value.Known(spec) {
		return true
	}
	c.problem(plinth.Unsupported, plinth.Value{}, r, "the policy %s depends on values that are not known; it is left out", r.Name)
	return false
}

// terms reads a label selector. An operator that nobody knows selects nothing.
func (c *compiler) terms(v plinth.Value, r *plinth.Resource) ([]term, bool) {
	var out []term
	for _, f := range get(v, "matchLabels").Fields() {
		s, _ := plain(f.Value)
		out = append(out, term{key: f.Key, values: []string{s}})
	}
	for _, e := range get(v, "matchExpressions").List() {
		t := term{key: text(e, "key")}
		for _, x := range get(e, "values").List() {
			s, _ := plain(x)
			t.values = append(t.values, s)
		}
		switch op := text(e, "operator"); {
		case (op == "In" || op == "NotIn") && len(t.values) > 0:
			t.not = op == "NotIn"
		case (op == "Exists" || op == "DoesNotExist") && len(t.values) == 0:
			t.not = op == "DoesNotExist"
		default:
			c.problem(plinth.Broken, e, r, "operator %q with %d values; In and NotIn want some, Exists and DoesNotExist none", op, len(t.values))
			return nil, false
		}
		out = append(out, t)
	}
	return out, true
}

// selectPods returns the pods that a selector of pods finds in the namespaces that another finds.
func (c *compiler) selectPods(namespaces, pods []term) set {
	in := newSet(len(c.world.pods))
	c.spaces.find(namespaces).each(func(i int) { in.or(c.inside[i]) })
	if len(pods) > 0 {
		in.and(c.pods.find(pods))
	}
	return in
}

// local returns the pods that a selector finds in one namespace.
func (c *compiler) local(namespace string, pods []term) set {
	out := newSet(len(c.world.pods))
	if i, ok := c.at[namespace]; ok {
		out.or(c.inside[i])
		out.and(c.pods.find(pods))
	}
	return out
}

// block reads a CIDR block. IPv6 is told and left out: answers are about IPv4.
func (c *compiler) block(v plinth.Value, r *plinth.Resource) Spans {
	p, err := netip.ParsePrefix(v.Str())
	if err != nil {
		c.problem(plinth.Broken, v, r, "%q is no CIDR block", v.Str())
		return nil
	}
	if !p.Addr().Is4() {
		c.problem(plinth.Unsupported, v, r, "the IPv6 block %s is left out: only IPv4 is evaluated", p)
		return nil
	}
	b := p.Masked().Addr().As4()
	lo := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	return Spans{{lo, lo | uint32(uint64(1)<<(32-p.Bits())-1)}}
}

// networkPolicy compiles a NetworkPolicy (https://kubernetes.io/docs/reference/kubernetes-api/policy-resources/network-policy-v1/).
func (c *compiler) networkPolicy(r *plinth.Resource) {
	if !c.known(r) {
		return
	}
	spec, ns := get(r.Props, "spec"), namespaceOf(r)
	p := &policy{name: "NetworkPolicy " + ns + "/" + r.Name, at: r.Place(plinth.Value{})}
	terms, ok := c.terms(get(spec, "podSelector"), r)
	if !ok {
		return
	}
	p.subject = c.local(ns, terms)
	types := get(spec, "policyTypes").List()
	p.acts = [2]bool{len(types) == 0, len(types) == 0 && get(spec, "egress").Len() > 0}
	for _, t := range types {
		switch t.Str() {
		case "Ingress":
			p.acts[ingress] = true
		case "Egress":
			p.acts[egress] = true
		default:
			c.problem(plinth.Broken, t, r, "the policy type is Ingress or Egress, not %q", t.Str())
		}
	}
	for d, keys := range [2][2]string{{"ingress", "from"}, {"egress", "to"}} {
		for _, v := range get(spec, keys[0]).List() {
			u := &rule{policy: p, at: r.Place(v), peers: newSet(len(c.world.pods))}
			peers := get(v, keys[1]).List()
			u.any = len(peers) == 0
			for _, peer := range peers {
				c.peer(u, peer, ns, r)
			}
			c.ports(u, get(v, "ports"), r)
			p.rules[d] = append(p.rules[d], u)
		}
	}
	c.world.policies = append(c.world.policies, p)
}

// peer adds one peer of a NetworkPolicy: both selectors in one peer must hold, and a selector of pods alone is about the policy's
// own namespace.
func (c *compiler) peer(u *rule, v plinth.Value, ns string, r *plinth.Resource) {
	ip, isBlock := v.Get("ipBlock")
	pods, hasPods := v.Get("podSelector")
	spaces, hasSpaces := v.Get("namespaceSelector")
	if isBlock && ip.Kind() == plinth.Map {
		blocks := c.block(get(ip, "cidr"), r)
		for _, e := range get(ip, "except").List() {
			blocks = blocks.Minus(c.block(e, r))
		}
		u.blocks = u.blocks.Union(blocks)
		return
	}
	podTerms, ok := c.terms(pods, r)
	spaceTerms, ok2 := c.terms(spaces, r)
	switch {
	case !ok || !ok2:
	case hasSpaces:
		u.peers.or(c.selectPods(spaceTerms, podTerms))
	case hasPods:
		u.peers.or(c.local(ns, podTerms))
	}
}

// ports reads the ports of a NetworkPolicy's rule; none at all is every port of every protocol.
func (c *compiler) ports(u *rule, list plinth.Value, r *plinth.Resource) {
	if list.Len() == 0 {
		u.ports = AllPorts()
		return
	}
	for _, v := range list.List() {
		protocol, ok := protocolOf(text(v, "protocol"))
		if !ok {
			c.problem(plinth.Broken, v, r, "the protocol is TCP, UDP or SCTP, not %q", text(v, "protocol"))
			continue
		}
		port, end := get(v, "port"), get(v, "endPort")
		switch {
		case port.IsNull():
			u.ports = u.ports.Union(PortsOf(protocol, 1, lastPort))
		case port.Kind() == plinth.String:
			u.names = append(u.names, portName{name: port.Str(), protocol: protocol})
		case end.IsNull():
			c.span(u, v, protocol, port, port, r)
		default:
			c.span(u, v, protocol, port, end, r)
		}
	}
}

func (c *compiler) span(u *rule, v plinth.Value, protocol Protocol, from, to plinth.Value, r *plinth.Resource) {
	lo, hi := from.Num(), to.Num()
	if lo < 1 || hi < lo || hi > lastPort {
		c.problem(plinth.Broken, v, r, "ports go from 1 to 65535, the lower first")
		return
	}
	u.ports = u.ports.Union(PortsOf(protocol, uint32(lo), uint32(hi)))
}
