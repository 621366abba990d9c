package reach

import (
	"github.com/plinthsec/plinth"
)

// adminPolicy compiles an AdminNetworkPolicy or a BaselineAdminNetworkPolicy, v1alpha1
// (https://network-policy-api.sigs.k8s.io/reference/spec/).
func (c *compiler) adminPolicy(r *plinth.Resource, kind string) *policy {
	if !c.known(r) {
		return nil
	}
	spec := get(r.Props, "spec")
	p := &policy{name: kind + " " + r.Name, at: place(plinth.Value{}, r), priority: get(spec, "priority").Num(), subject: newSet(len(c.world.pods))}
	c.adminPods(p.subject, get(spec, "subject"), r)
	for d, keys := range [2][2]string{{"ingress", "from"}, {"egress", "to"}} {
		for _, v := range get(spec, keys[0]).List() {
			u := &rule{policy: p, at: place(v, r), peers: newSet(len(c.world.pods))}
			switch text(v, "action") {
			case "Allow":
				u.action = allow
			case "Deny":
				u.action = deny
			case "Pass":
				u.action = pass
			default:
				c.problem(plinth.Broken, v, r, "the action is Allow, Deny or Pass, not %q", text(v, "action"))
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
			c.adminPorts(u, get(v, "ports"), r)
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
