package reach

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/plinthsec/plinth"
)

// rootNamespace is where Istio's policies for the whole mesh are, unless its installation says otherwise.
const rootNamespace = "istio-system"

// The modes of mutual TLS (https://istio.io/latest/docs/reference/config/security/peer_authentication/).
const (
	strict     = "STRICT"
	permissive = "PERMISSIVE"
	disable    = "DISABLE"
)

// mesh is what Istio adds: who is in it, how each pod wants to be talked to, and what is authorized.
type mesh struct {
	policies []*authorization
	peers    []*peerAuthentication
	rules    []*destinationRule
	inside   []bool // by pod: in the mesh
	guessed  []bool // by pod: in the mesh as far as one knows: nothing tells of its namespace
	modes    []mode // by pod
	keys     []string
}

// mode is how a pod wants to be talked to: the ports with each mode.
type mode struct {
	word   string // of the ports without a mode of their own
	strict uint32 // ports in the pool
	off    uint32
}

// peerAuthentication is Istio's object of this name.
type peerAuthentication struct {
	resource  *plinth.Resource
	namespace string
	all       bool // no selector: the namespace, or from the root namespace the mesh
	subject   set
	mode      string
	ports     map[uint32]string
}

// destinationRule says that clients talk to a service without Istio's mutual TLS, or with it.
type destinationRule struct {
	resource         *plinth.Resource
	clients, targets set
	namespace        string
	plain            bool
}

func (m *mesh) member(i int) bool { return len(m.inside) > 0 && m.inside[i] }

func (m *mesh) key(i int) string {
	if len(m.keys) == 0 {
		return ""
	}
	return m.keys[i]
}

// meshOf compiles Istio's objects. Without any of them nothing is in a mesh.
func (c *compiler) meshOf(resources []*plinth.Resource) {
	m := &c.world.mesh
	var policies, peers, rules []*plinth.Resource
	for _, r := range resources {
		switch {
		case r.External:
		case r.Type == "security.istio.io/AuthorizationPolicy":
			policies = append(policies, r)
		case r.Type == "security.istio.io/PeerAuthentication":
			peers = append(peers, r)
		case r.Type == "networking.istio.io/DestinationRule":
			rules = append(rules, r)
		}
	}
	if len(policies)+len(peers) == 0 {
		return
	}
	for _, p := range c.world.pods {
		in, guessed := c.member(p)
		m.inside, m.guessed = append(m.inside, in), append(m.guessed, in && guessed)
	}
	for _, r := range peers {
		c.peerAuthentication(r)
	}
	for _, r := range rules {
		c.destinationRule(r, resources)
	}
	for i, p := range c.world.pods {
		m.modes = append(m.modes, c.modeOf(i, p))
	}
	for i := range c.world.pods {
		key := fmt.Sprintf("%v %v %v", m.inside[i], m.guessed[i], m.modes[i])
		for _, d := range m.rules {
			key += fmt.Sprintf(" %v %v", d.clients.has(i), d.targets.has(i))
		}
		m.keys = append(m.keys, key)
	}
	for _, r := range policies {
		c.authorization(r)
	}
}

// member tells whether a pod is in the mesh: by its own labels, else by those of its namespace
// (https://istio.io/latest/docs/setup/additional-setup/sidecar-injection/#controlling-the-injection-policy). A pod in the network
// of its node never is. Where no manifest tells of the namespace, it is guessed to be.
func (c *compiler) member(p *pod) (in, guessed bool) {
	space, declared := c.declared[p.namespace]
	switch own := p.labels; {
	case p.host:
		return false, false
	case p.proxy:
		return true, false
	case own["istio.io/dataplane-mode"] != "":
		return own["istio.io/dataplane-mode"] == "ambient", false
	case own["sidecar.istio.io/inject"] != "":
		return own["sidecar.istio.io/inject"] == "true", false
	case space["istio-injection"] != "":
		return space["istio-injection"] == "enabled", false
	case own["istio.io/rev"] != "" || space["istio.io/rev"] != "" || space["istio.io/dataplane-mode"] == "ambient":
		return true, false
	}
	return !declared, !declared
}

func (c *compiler) peerAuthentication(r *plinth.Resource) {
	if !c.known(r) {
		return
	}
	spec := get(r.Props, "spec")
	p := &peerAuthentication{resource: r, namespace: namespaceOf(r), mode: text(spec, "mtls", "mode"), ports: map[uint32]string{}}
	terms, _ := c.terms(get(spec, "selector"), r)
	p.all = len(terms) == 0
	p.subject = c.local(p.namespace, terms)
	if p.all && p.namespace == rootNamespace {
		p.subject.fill(len(c.world.pods))
	}
	for _, f := range get(spec, "portLevelMtls").Fields() {
		if n, err := strconv.ParseUint(f.Key, 10, 16); err == nil && n > 0 {
			p.ports[uint32(n)] = text(f.Value, "mode")
		}
	}
	c.world.mesh.peers = append(c.world.mesh.peers, p)
}

// modeOf finds the mode of a pod: that of a policy that selects it, then of its namespace, then of the mesh; unset is inherited,
// and nothing at all is permissive. Modes of ports belong to policies with a selector.
func (c *compiler) modeOf(i int, p *pod) mode {
	if !c.world.mesh.member(i) {
		return mode{}
	}
	levels := [3]*peerAuthentication{}
	for _, a := range c.world.mesh.peers {
		level := 0
		switch {
		case !a.subject.has(i):
			continue
		case a.all && a.namespace == p.namespace:
			level = 1
		case a.all:
			level = 2
		}
		if levels[level] == nil {
			levels[level] = a
		}
	}
	word := permissive
	for _, a := range levels {
		if a != nil && a.mode != "" && a.mode != "UNSET" {
			word = a.mode
			break
		}
	}
	byWord := map[string]Ports{word: {TCP: {{1, lastPort}}}}
	if own := levels[0]; own != nil {
		for n, w := range own.ports {
			if w == "" || w == "UNSET" {
				continue
			}
			one := PortsOf(TCP, n, n)
			byWord[word] = byWord[word].Minus(one)
			byWord[w] = byWord[w].Union(one)
		}
	}
	return mode{word, c.world.pool.id(byWord[strict]), c.world.pool.id(byWord[disable])}
}

// destinationRule compiles the client's side of TLS. A rule counts for the clients of its own namespace; that of the service's
// namespace, or of the root namespace, for all, unless it is not exported.
func (c *compiler) destinationRule(r *plinth.Resource, resources []*plinth.Resource) {
	tls := text(r.Props, "spec", "trafficPolicy", "tls", "mode")
	if tls == "" {
		return
	}
	ns, host := namespaceOf(r), text(r.Props, "spec", "host")
	d := &destinationRule{resource: r, namespace: ns, plain: tls != "ISTIO_MUTUAL", targets: newSet(len(c.world.pods)), clients: c.local(ns, nil)}
	everybody := ns == rootNamespace
	for _, s := range resources {
		if s.Type != "core/Service" || s.External {
			continue
		}
		at := namespaceOf(s)
		long := s.Name + "." + at + ".svc.cluster.local"
		short := !strings.Contains(host, ".") && at == ns && host == s.Name
		rest, star := strings.CutPrefix(host, "*")
		if !short && host != s.Name+"."+at && host != s.Name+"."+at+".svc" && host != long && !(star && strings.HasSuffix(long, rest)) {
			continue
		}
		everybody = everybody || at == ns
		if selector := get(s.Props, "spec", "selector"); selector.Len() > 0 {
			d.targets.or(c.local(at, serviceTerms(selector)))
		}
	}
	exported := get(r.Props, "spec", "exportTo").List()
	if everybody && !slices.ContainsFunc(exported, func(v plinth.Value) bool { return v.Str() == "." }) {
		d.clients.fill(len(c.world.pods))
	}
	c.world.mesh.rules = append(c.world.mesh.rules, d)
}

func serviceTerms(selector plinth.Value) []term {
	var out []term
	for _, f := range selector.Fields() {
		s, _ := plain(f.Value)
		out = append(out, term{key: f.Key, values: []string{s}})
	}
	return out
}

// plaintext tells whether a client in the mesh talks to a pod without mutual TLS, because a destination rule says so: that of the
// client's namespace first, that of the root namespace last.
func (w *World) plaintext(client, target int) bool {
	best, rank := (*destinationRule)(nil), 0
	for _, d := range w.mesh.rules {
		if !d.clients.has(client) || !d.targets.has(target) {
			continue
		}
		n := 2
		switch d.namespace {
		case w.pods[client].namespace:
			n = 3
		case rootNamespace:
			n = 1
		}
		if n > rank {
			best, rank = d, n
		}
	}
	return best != nil && best.plain
}

// mtls is the mode that counts between two workloads: DISABLE also where the sender brings no mutual TLS and none is demanded.
func (w *World) mtls(a, b *Workload) string {
	words := []string{}
	for _, x := range a.classes {
		for _, y := range b.classes {
			from, to := w.classes[x].first, w.classes[y].first
			if !w.mesh.member(to) {
				continue
			}
			word := w.mesh.modes[to].word
			if word != strict && (!w.mesh.member(from) || w.plaintext(from, to)) {
				word = disable
			}
			words = append(words, word)
		}
	}
	slices.SortFunc(words, func(a, b string) int { return cmp.Compare(a, b) })
	if len(words) == 0 {
		return ""
	}
	return words[0] // the weakest: DISABLE, PERMISSIVE, STRICT is the order of the alphabet, too
}
