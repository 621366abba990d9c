package reach

import (
	"strconv"
	"strings"

	"github.com/plinthsec/plinth"
)

// authorization is an AuthorizationPolicy (https://istio.io/latest/docs/reference/config/security/authorization-policy/).
type authorization struct {
	resource *plinth.Resource
	name     string
	action   string // ALLOW, DENY, CUSTOM
	subject  set
	rules    []*rule
	some     []bool // by rule: it is about some requests only, which the network does not show
}

// authorization compiles a policy. Of a rule about some requests an ALLOW counts as it lets traffic of these ports through, a DENY
// does not, because other requests pass.
func (c *compiler) authorization(r *plinth.Resource) {
	spec, ns := get(r.Props, "spec"), namespaceOf(r)
	a := &authorization{resource: r, name: "AuthorizationPolicy " + ns + "/" + r.Name, action: text(spec, "action")}
	if a.action == "" {
		a.action = "ALLOW"
	}
	target := get(spec, "targetRef").Len() + get(spec, "targetRefs").Len()
	switch {
	case a.action == "AUDIT" || !c.known(r):
		return
	case target > 0:
		c.problem(plinth.Unsupported, plinth.Value{}, r, "the policy %s is bound to a gateway or waypoint; it is left out", r.Name)
		return
	case a.action != "ALLOW" && a.action != "DENY" && a.action != "CUSTOM":
		c.problem(plinth.Broken, get(spec, "action"), r, "the action is ALLOW, DENY, AUDIT or CUSTOM, not %q", a.action)
		return
	}
	terms, _ := c.terms(get(spec, "selector"), r)
	if a.subject = c.local(ns, terms); ns == rootNamespace {
		a.subject = c.selectPods(nil, terms)
	}
	for _, v := range get(spec, "rules").List() {
		some := c.someRequests(v)
		u := &rule{policy: &policy{name: a.name}, at: r.Place(v), ports: c.operations(get(v, "to"), a.action)}
		c.sources(u, v, ns, a.action, r)
		c.conditions(u, get(v, "when"), a.action)
		a.rules, a.some = append(a.rules, u), append(a.some, some)
	}
	c.world.mesh.policies = append(c.world.mesh.policies, a)
}

// requestFields are what only the request itself shows.
var requestFields = []string{"hosts", "notHosts", "methods", "notMethods", "paths", "notPaths"}

func hasAny(v plinth.Value, keys ...string) bool {
	for _, k := range keys {
		if get(v, k).Len() > 0 {
			return true
		}
	}
	return false
}

// someRequests tells whether a rule looks into the requests.
func (c *compiler) someRequests(v plinth.Value) bool {
	for _, t := range get(v, "to").List() {
		if hasAny(get(t, "operation"), requestFields...) {
			return true
		}
	}
	for _, f := range get(v, "from").List() {
		if hasAny(get(f, "source"), "requestPrincipals", "notRequestPrincipals") {
			return true
		}
	}
	for _, w := range get(v, "when").List() {
		if !decidable(text(w, "key")) {
			return true
		}
	}
	return false
}

func decidable(key string) bool {
	return key == "source.namespace" || key == "source.principal" || key == "destination.port"
}

// operations returns the ports of the operations, of which one must match; those that look into requests count for no DENY.
func (c *compiler) operations(list plinth.Value, action string) Ports {
	tcp := PortsOf(TCP, 1, lastPort)
	if list.Len() == 0 {
		return tcp
	}
	var out Ports
	for _, t := range list.List() {
		o := get(t, "operation")
		if action == "DENY" && hasAny(o, requestFields...) {
			continue
		}
		ports := tcp
		if p := get(o, "ports"); p.Len() > 0 {
			ports = portList(p)
		}
		out = out.Union(ports.Minus(portList(get(o, "notPorts"))))
	}
	return out
}

func portList(v plinth.Value) Ports {
	var out Ports
	for _, e := range v.List() {
		s, _ := plain(e)
		if n, err := strconv.ParseUint(s, 10, 16); err == nil && n > 0 {
			out = out.Union(PortsOf(TCP, uint32(n), uint32(n)))
		}
	}
	return out
}

// sources finds the peers, of which one source must match: with the identity that mutual TLS gives to members of the mesh, and
// without, where a demand for an identity is never met and its exclusion always is.
func (c *compiler) sources(u *rule, v plinth.Value, ns, action string, r *plinth.Resource) {
	n := len(c.world.pods)
	u.peers, u.bare = newSet(n), newSet(n)
	from := get(v, "from").List()
	if len(from) == 0 {
		u.peers.fill(n)
		u.bare.fill(n)
		u.blocks = Spans{{0, 1<<32 - 1}}
		return
	}
	for _, f := range from {
		s := get(f, "source")
		if action == "DENY" && hasAny(s, "requestPrincipals", "notRequestPrincipals") {
			continue
		}
		whole := Spans{{0, 1<<32 - 1}}
		blocks := whole
		for _, key := range []string{"ipBlocks", "remoteIpBlocks"} {
			if list := get(s, key); list.Len() > 0 {
				blocks = blocks.Intersect(c.blocks(list, r))
			}
			blocks = blocks.Minus(c.blocks(get(s, "not"+strings.ToUpper(key[:1])+key[1:]), r))
		}
		nameless := !hasAny(s, "principals", "namespaces", "serviceAccounts")
		if nameless {
			u.blocks = u.blocks.Union(blocks)
		}
		if !hasAny(s, "ipBlocks", "remoteIpBlocks") || len(blocks) == 1 && blocks[0] == whole[0] {
			for i, p := range c.world.pods {
				if nameless {
					u.bare.add(i)
				}
				if c.world.mesh.member(i) && identity(s, p, ns) || !c.world.mesh.member(i) && nameless {
					u.peers.add(i)
				}
			}
		}
	}
}

func (c *compiler) blocks(list plinth.Value, r *plinth.Resource) Spans {
	var out Spans
	for _, v := range list.List() {
		if s := v.Str(); v.Kind() == plinth.String && !strings.Contains(s, "/") {
			v = plinth.StringOf(s + "/32").WithOrigin(v.Origin())
		}
		out = out.Union(c.block(v, r))
	}
	return out
}

// identity tells whether the identity of a pod fits a source.
func identity(s plinth.Value, p *pod, ns string) bool {
	fits := func(key, name string) bool {
		return (get(s, key).Len() == 0 || anyFits(get(s, key), name)) && !anyFits(get(s, "not"+strings.ToUpper(key[:1])+key[1:]), name)
	}
	accounts := func(v plinth.Value) bool {
		for _, e := range v.List() {
			space, name, both := strings.Cut(e.Str(), "/")
			if !both {
				space, name = ns, e.Str()
			}
			if space == p.namespace && name == p.account {
				return true
			}
		}
		return false
	}
	wanted := get(s, "serviceAccounts")
	return fits("principals", principal(p)) && fits("namespaces", p.namespace) &&
		(wanted.Len() == 0 || accounts(wanted)) && !accounts(get(s, "notServiceAccounts"))
}

// principal is the identity of a pod in the trust domain that Istio takes for its own, whatever its name.
func principal(p *pod) string { return "cluster.local/ns/" + p.namespace + "/sa/" + p.account }

// anyFits compares as Istio does: the whole, or with a star at one end, or with any value for a star alone.
func anyFits(list plinth.Value, s string) bool {
	for _, v := range list.List() {
		p := v.Str()
		switch {
		case p == "":
		case p == s || p == "*",
			strings.HasPrefix(p, "*") && strings.HasSuffix(s, p[1:]),
			strings.HasSuffix(p, "*") && strings.HasPrefix(s, p[:len(p)-1]):
			return true
		}
	}
	return false
}

// conditions narrows a rule by its conditions, of which all must hold; a DENY with one that the network does not show denies
// nothing as a whole.
func (c *compiler) conditions(u *rule, list plinth.Value, action string) {
	for _, v := range list.List() {
		key, values, not := text(v, "key"), get(v, "values"), get(v, "notValues")
		switch {
		case key == "destination.port":
			if values.Len() > 0 {
				u.ports = u.ports.Intersect(portList(values))
			}
			u.ports = u.ports.Minus(portList(not))
		case decidable(key):
			match := newSet(len(c.world.pods))
			for i, p := range c.world.pods {
				name := principal(p)
				if key == "source.namespace" {
					name = p.namespace
				}
				if c.world.mesh.member(i) && (values.Len() == 0 || anyFits(values, name)) && !anyFits(not, name) || !c.world.mesh.member(i) && values.Len() == 0 {
					match.add(i)
				}
			}
			u.peers.and(match)
			if values.Len() > 0 {
				u.bare, u.blocks = newSet(len(c.world.pods)), nil
			}
		case action == "DENY":
			u.ports = Ports{}
		}
	}
}

// authorize narrows what a pod of the mesh receives: by its mode of mutual TLS, then by DENY policies, then, if there is one, by
// ALLOW policies. Istio decides about TCP only.
func (w *World) authorize(d direction, g *group, col int, ports uint32, proof *[]hit) uint32 {
	if d != ingress || !w.mesh.member(g.table.first) {
		return ports
	}
	to := g.table.first
	proven := false
	if col < len(w.classes) {
		from := w.classes[col].first
		proven = w.mesh.member(from) && !w.plaintext(from, to)
	}
	tcp, mode := w.pool.intersect(ports, w.pool.id(PortsOf(TCP, 1, lastPort))), w.mesh.modes[to]
	rest := w.pool.minus(ports, tcp)
	if !proven {
		tcp = w.pool.minus(tcp, mode.strict)
	}
	allowed, asked := none, false
	for _, a := range g.auth {
		asked = asked || a.action == "ALLOW"
		for _, u := range a.rules {
			match := none
			if proven && u.peers.has(col) {
				match = w.pool.minus(u.fixed, mode.off)
			}
			if u.bare.has(col) {
				bare := u.fixed
				if proven {
					bare = w.pool.intersect(bare, mode.off)
				}
				match = w.pool.union(match, bare)
			}
			switch a.action {
			case "DENY":
				tcp = w.pool.minus(tcp, match)
			case "ALLOW":
				allowed = w.pool.union(allowed, match)
				if proof != nil && match != none {
					*proof = append(*proof, hit{rule: u, text: "allows", at: u.at, ports: match})
				}
			}
		}
	}
	if asked {
		tcp = w.pool.intersect(tcp, allowed)
	}
	return w.pool.union(tcp, rest)
}

// meshWhen tells what of the mesh manifests leave open about traffic to a workload; from is nil for addresses outside.
func (w *World) meshWhen(from, to *Workload) []string {
	var out []string
	for _, y := range to.classes {
		g := w.groups[ingress][y]
		if w.mesh.member(g.table.first) && w.mesh.guessed[w.classes[y].first] {
			out = append(out, to.String()+" is taken to be in the mesh: its namespace is not among the manifests")
		}
		for _, a := range g.auth {
			for i, u := range a.rules {
				if !w.touches(u, from) {
					continue
				}
				switch {
				case a.action == "CUSTOM":
					out = append(out, a.name+" leaves it to an external authorizer")
				case a.some[i]:
					out = append(out, a.name+" decides by request")
				}
			}
		}
	}
	return out
}

// touches tells whether a rule may be about traffic from a workload, or from some address outside.
func (w *World) touches(u *rule, from *Workload) bool {
	if from == nil {
		return len(u.blocks) > 0
	}
	for _, x := range from.classes {
		if u.peers.has(x) || u.bare.has(x) {
			return true
		}
	}
	return false
}
