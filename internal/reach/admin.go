package reach

import (
	"cmp"
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
)

// admins compiles the policies of administrators: AdminNetworkPolicy and BaselineAdminNetworkPolicy of v1alpha1, and
// ClusterNetworkPolicy, which is both since v1alpha2 (https://network-policy-api.sigs.k8s.io/reference/spec/).
func (c *compiler) admins(resources []*plinth.Resource) {
	const group = "policy.networking.k8s.io/"
	w := c.world
	for _, r := range resources {
		kind, ours := strings.CutPrefix(r.Type, group)
		if !ours || r.External {
			continue
		}
		base := kind == "BaselineAdminNetworkPolicy"
		if kind == "ClusterNetworkPolicy" {
			base = text(r.Props, "spec", "tier") == "Baseline"
		} else if !base && kind != "AdminNetworkPolicy" {
			continue
		}
		switch p := c.adminPolicy(r, kind); {
		case p == nil:
		case base:
			w.baseline = append(w.baseline, p)
		default:
			w.admin = append(w.admin, p)
		}
	}
	for _, list := range [][]*policy{w.admin, w.baseline} {
		slices.SortStableFunc(list, func(a, b *policy) int {
			return cmp.Or(cmp.Compare(a.priority, b.priority), cmp.Compare(a.name, b.name))
		})
	}
}

func (c *compiler) adminPolicy(r *plinth.Resource, kind string) *policy {
	if !c.known(r) {
		return nil
	}
	spec := get(r.Props, "spec")
	p := &policy{name: kind + " " + r.Name, at: r.Place(plinth.Value{}), priority: get(spec, "priority").Num(), subject: newSet(len(c.world.pods))}
	c.adminPods(p.subject, get(spec, "subject"), r)
	for d, keys := range [2][2]string{{"ingress", "from"}, {"egress", "to"}} {
		for _, v := range get(spec, keys[0]).List() {
			u := &rule{policy: p, at: r.Place(v), peers: newSet(len(c.world.pods))}
			switch text(v, "action") {
			case "Allow", "Accept":
				u.action = allow
			case "Deny":
				u.action = deny
			case "Pass":
				u.action = pass
			default:
				c.problem(plinth.Broken, v, r, "the action is Allow (or Accept), Deny or Pass, not %q", text(v, "action"))
				continue
			}
			for _, peer := range get(v, keys[1]).List() {
				c.adminPods(u.peers, peer, r)
				for _, n := range get(peer, "networks").List() {
					u.blocks = u.blocks.Union(c.block(n, r))
				}
				for _, key := range []string{"domainNames", "nodes"} {
					if e, ok := peer.Get(key); ok {
						c.problem(plinth.Unsupported, e, r, "the peer's %s are not known from manifests; it is left out", key)
					}
				}
			}
			if list := get(v, "protocols"); list.Len() > 0 {
				c.adminProtocols(u, list, r)
			} else {
				c.adminPorts(u, get(v, "ports"), r)
			}
			p.rules[d] = append(p.rules[d], u)
			p.acts[d] = true
		}
	}
	return p
}

// adminPods adds the pods of a subject or peer.
func (c *compiler) adminPods(to set, v plinth.Value, r *plinth.Resource) {
	if spaces, ok := v.Get("namespaces"); ok {
		if terms, ok := c.terms(spaces, r); ok {
			to.or(c.selectPods(terms, nil))
		}
	}
	if both, ok := v.Get("pods"); ok {
		spaces, ok := c.terms(get(both, "namespaceSelector"), r)
		pods, ok2 := c.terms(get(both, "podSelector"), r)
		if ok && ok2 {
			to.or(c.selectPods(spaces, pods))
		}
	}
}

func (c *compiler) adminPorts(u *rule, list plinth.Value, r *plinth.Resource) {
	if list.Len() == 0 {
		u.ports = AllPorts()
		return
	}
	for _, v := range list.List() {
		number, span := get(v, "portNumber"), get(v, "portRange")
		at, from, to := number, get(number, "port"), get(number, "port")
		if !span.IsNull() {
			at, from, to = span, get(span, "start"), get(span, "end")
		}
		if name := text(v, "namedPort"); name != "" {
			u.names = append(u.names, portName{name: name, every: true})
			continue
		}
		protocol, ok := protocolOf(text(at, "protocol"))
		if !ok {
			c.problem(plinth.Broken, v, r, "the protocol is TCP, UDP or SCTP, not %q", text(at, "protocol"))
			continue
		}
		c.span(u, v, protocol, from, to, r)
	}
}

// adminProtocols reads the ports of a ClusterNetworkPolicy's rule; a protocol without a port is all of it.
func (c *compiler) adminProtocols(u *rule, list plinth.Value, r *plinth.Resource) {
	for _, v := range list.List() {
		if name := text(v, "destinationNamedPort"); name != "" {
			u.names = append(u.names, portName{name: name, every: true})
		}
		for i, name := range protocols {
			at, ok := v.Get(strings.ToLower(name))
			if !ok {
				continue
			}
			port := get(at, "destinationPort")
			number, span := get(port, "number"), get(port, "range")
			switch {
			case !number.IsNull():
				c.span(u, v, Protocol(i), number, number, r)
			case !span.IsNull():
				c.span(u, v, Protocol(i), get(span, "start"), get(span, "end"), r)
			default:
				u.ports = u.ports.Union(PortsOf(Protocol(i), 1, lastPort))
			}
		}
	}
}
