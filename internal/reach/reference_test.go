package reach_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/reach"
	"github.com/plinthsec/plinth/internal/value"
)

// object is a JSON map, the form that the reference and the product both start from.
type object = map[string]any

func resource(t testing.TB, kind, namespace, name string, rest object) *plinth.Resource {
	t.Helper()
	meta := object{"name": name}
	if namespace != "" {
		meta["namespace"] = namespace
	}
	all := object{"metadata": meta}
	for k, v := range rest {
		if k == "labels" {
			meta[k] = v
		} else {
			all[k] = v
		}
	}
	v, err := value.ParseJSON(string(encode(all)))
	if err != nil {
		t.Fatal(err)
	}
	return &plinth.Resource{Type: kind, Name: name, Props: v, Decl: &plinth.Declaration{}}
}

// cluster is a random cluster in plain form.
type cluster struct {
	spaces   map[string]object // labels
	pods     []object          // namespace, name, labels, port (number of "web"), protocol
	policies []object          // namespace and spec
	admin    []object          // spec
	baseline []object
}

func pick[T any](r *rand.Rand, list ...T) T { return list[r.IntN(len(list))] }

func randomLabels(r *rand.Rand) object {
	out := object{}
	for _, k := range []string{"a", "b"} {
		if r.IntN(3) > 0 {
			out[k] = pick(r, "x", "y")
		}
	}
	return out
}

func randomSelector(r *rand.Rand) object {
	out := object{}
	if r.IntN(2) == 0 {
		out["matchLabels"] = object{pick(r, "a", "b"): pick(r, "x", "y")}
	}
	if r.IntN(3) == 0 {
		e := object{"key": pick(r, "a", "b", "kubernetes.io/metadata.name"), "operator": pick(r, "In", "NotIn", "Exists", "DoesNotExist")}
		if strings.HasSuffix(e["operator"].(string), "In") {
			e["values"] = pick(r, []any{"x"}, []any{"y", "n1"}, []any{"n0", "n2"})
		}
		out["matchExpressions"] = []any{e}
	}
	return out
}

var networks = []string{"0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "192.0.2.0/25", "192.0.2.77/32"}

func randomRule(r *rand.Rand, key string) object {
	u := object{}
	var peers []any
	for range r.IntN(3) {
		p := object{}
		switch r.IntN(4) {
		case 0:
			b := object{"cidr": pick(r, networks...)}
			if r.IntN(2) == 0 {
				b["except"] = []any{pick(r, networks[1:]...)}
			}
			p["ipBlock"] = b
		case 1:
			p["podSelector"] = randomSelector(r)
		case 2:
			p["namespaceSelector"] = randomSelector(r)
		case 3:
			p["podSelector"], p["namespaceSelector"] = randomSelector(r), randomSelector(r)
		}
		peers = append(peers, p)
	}
	if peers != nil || r.IntN(2) == 0 {
		u[key] = peers
	}
	var ports []any
	for range r.IntN(3) {
		p := object{}
		if r.IntN(2) == 0 {
			p["protocol"] = pick(r, "TCP", "UDP", "SCTP")
		}
		switch r.IntN(4) {
		case 0:
			p["port"] = float64(pick(r, 80, 81))
		case 1:
			p["port"], p["endPort"] = 80.0, float64(pick(r, 80, 90))
		case 2:
			p["port"] = "web"
		}
		ports = append(ports, p)
	}
	u["ports"] = ports
	return u
}

func randomAdminRule(r *rand.Rand, key string, actions ...string) object {
	var peers, ports []any
	for range 1 + r.IntN(2) {
		switch r.IntN(3) {
		case 0:
			peers = append(peers, object{"namespaces": randomSelector(r)})
		case 1:
			peers = append(peers, object{"pods": object{"namespaceSelector": randomSelector(r), "podSelector": randomSelector(r)}})
		case 2:
			if key == "to" {
				peers = append(peers, object{"networks": []any{pick(r, networks...)}})
			}
		}
	}
	for range r.IntN(3) {
		switch r.IntN(3) {
		case 0:
			ports = append(ports, object{"portNumber": object{"protocol": pick(r, "TCP", "UDP"), "port": float64(pick(r, 80, 81))}})
		case 1:
			ports = append(ports, object{"portRange": object{"protocol": "TCP", "start": 80.0, "end": float64(pick(r, 80, 90))}})
		case 2:
			ports = append(ports, object{"namedPort": "web"})
		}
	}
	return object{"action": pick(r, actions...), key: peers, "ports": ports}
}

func randomCluster(r *rand.Rand) *cluster {
	c := &cluster{spaces: map[string]object{}}
	for i := range 3 {
		c.spaces[fmt.Sprintf("n%d", i)] = randomLabels(r)
	}
	for i := range 2 + r.IntN(5) {
		c.pods = append(c.pods, object{
			"namespace": fmt.Sprintf("n%d", r.IntN(3)), "name": fmt.Sprintf("p%d", i), "labels": randomLabels(r),
			"port": float64(pick(r, 80, 81, 85)), "protocol": pick(r, "TCP", "UDP"),
		})
	}
	for range r.IntN(4) {
		spec := object{"podSelector": randomSelector(r)}
		if types := pick(r, nil, []any{"Ingress"}, []any{"Egress"}, []any{"Ingress", "Egress"}); types != nil {
			spec["policyTypes"] = types
		}
		for d, key := range map[string]string{"ingress": "from", "egress": "to"} {
			var rules []any
			for range r.IntN(3) {
				rules = append(rules, randomRule(r, key))
			}
			if rules != nil {
				spec[d] = rules
			}
		}
		c.policies = append(c.policies, object{"namespace": fmt.Sprintf("n%d", r.IntN(3)), "spec": spec})
	}
	admin := func(priority int, actions ...string) object {
		spec := object{"priority": float64(priority), "subject": object{"namespaces": randomSelector(r)}}
		if r.IntN(2) == 0 {
			spec["subject"] = object{"pods": object{"namespaceSelector": randomSelector(r), "podSelector": randomSelector(r)}}
		}
		for d, key := range map[string]string{"ingress": "from", "egress": "to"} {
			var rules []any
			for range r.IntN(3) {
				rules = append(rules, randomAdminRule(r, key, actions...))
			}
			if rules != nil {
				spec[d] = rules
			}
		}
		return spec
	}
	for i := range r.IntN(3) {
		c.admin = append(c.admin, admin(10-i, "Allow", "Deny", "Pass"))
	}
	for range r.IntN(2) {
		c.baseline = append(c.baseline, admin(0, "Allow", "Deny"))
	}
	return c
}

func (c *cluster) resources(t testing.TB) []*plinth.Resource {
	var out []*plinth.Resource
	for name, l := range c.spaces {
		out = append(out, resource(t, "core/Namespace", "", name, object{"labels": l}))
	}
	for _, p := range c.pods {
		port := object{"name": "web", "containerPort": p["port"], "protocol": p["protocol"]}
		spec := object{"containers": []any{object{"name": "m", "ports": []any{port}}}}
		out = append(out, resource(t, "core/Pod", p["namespace"].(string), p["name"].(string), object{"labels": p["labels"], "spec": spec}))
	}
	for i, p := range c.policies {
		out = append(out, resource(t, "networking.k8s.io/NetworkPolicy", p["namespace"].(string), fmt.Sprintf("np%d", i), object{"spec": p["spec"]}))
	}
	for i, spec := range c.admin {
		out = append(out, resource(t, "policy.networking.k8s.io/AdminNetworkPolicy", "", fmt.Sprintf("anp%d", i), object{"spec": spec}))
	}
	for _, spec := range c.baseline {
		out = append(out, resource(t, "policy.networking.k8s.io/BaselineAdminNetworkPolicy", "", "default", object{"spec": spec}))
	}
	return out
}

// The reference decides one packet at a time, as the text of the interfaces says, and shares nothing with the product.

func refSelects(sel, labels object) bool {
	if m, ok := sel["matchLabels"].(object); ok {
		for k, v := range m {
			if labels[k] != v {
				return false
			}
		}
	}
	list, _ := sel["matchExpressions"].([]any)
	for _, x := range list {
		e := x.(object)
		v, has := labels[e["key"].(string)]
		values, _ := e["values"].([]any)
		in := has && slices.Contains(values, v)
		ok := map[string]bool{"In": in, "NotIn": !in, "Exists": has, "DoesNotExist": !has}[e["operator"].(string)]
		if !ok {
			return false
		}
	}
	return true
}

func (c *cluster) space(name string) object {
	out := object{"kubernetes.io/metadata.name": name}
	for k, v := range c.spaces[name] {
		out[k] = v
	}
	return out
}

// packet goes between two pods, of which one may be nil: then the address is outside.
type packet struct {
	from, to object
	outside  netip.Addr
	protocol string
	port     float64
}

func refBlock(block string, ip netip.Addr) bool { return netip.MustParsePrefix(block).Contains(ip) }

func (c *cluster) refPeer(peer object, other object, ns string, ip netip.Addr) bool {
	if b, ok := peer["ipBlock"].(object); ok {
		if other != nil || !refBlock(b["cidr"].(string), ip) {
			return false
		}
		except, _ := b["except"].([]any)
		return !slices.ContainsFunc(except, func(e any) bool { return refBlock(e.(string), ip) })
	}
	if other == nil {
		return false
	}
	space := other["namespace"].(string)
	if sel, ok := peer["namespaceSelector"].(object); ok {
		if !refSelects(sel, c.space(space)) {
			return false
		}
	} else if space != ns {
		return false
	}
	sel, ok := peer["podSelector"].(object)
	return !ok || refSelects(sel, other["labels"].(object))
}

func refPort(p object, k packet) bool {
	want, _ := p["protocol"].(string)
	if want == "" {
		want = "TCP"
	}
	if want != k.protocol {
		return false
	}
	switch n := p["port"].(type) {
	case nil:
		return true
	case string:
		return k.to != nil && k.to["protocol"] == k.protocol && k.to["port"] == k.port
	case float64:
		if end, ok := p["endPort"].(float64); ok {
			return n <= k.port && k.port <= end
		}
		return n == k.port
	}
	return false
}

func refAdminPort(p object, k packet) bool {
	if n, ok := p["portNumber"].(object); ok {
		return n["protocol"] == k.protocol && n["port"] == k.port
	}
	if n, ok := p["portRange"].(object); ok {
		return n["protocol"] == k.protocol && n["start"].(float64) <= k.port && k.port <= n["end"].(float64)
	}
	return k.to != nil && k.to["protocol"] == k.protocol && k.to["port"] == k.port
}

func (c *cluster) refAdminPods(p object, pod object, ip netip.Addr) bool {
	if list, ok := p["networks"].([]any); ok {
		return pod == nil && slices.ContainsFunc(list, func(n any) bool { return refBlock(n.(string), ip) })
	}
	if pod == nil {
		return false
	}
	space := c.space(pod["namespace"].(string))
	if sel, ok := p["namespaces"].(object); ok {
		return refSelects(sel, space)
	}
	both := p["pods"].(object)
	return refSelects(both["namespaceSelector"].(object), space) && refSelects(both["podSelector"].(object), pod["labels"].(object))
}

// refAdmin returns the action of the first rule that matches, "" when none does.
func (c *cluster) refAdmin(spec object, self, other object, d, key string, k packet) string {
	if !c.refAdminPods(spec["subject"].(object), self, netip.Addr{}) {
		return ""
	}
	rules, _ := spec[d].([]any)
	for _, x := range rules {
		u := x.(object)
		peers, _ := u[key].([]any)
		ports, _ := u["ports"].([]any)
		if slices.ContainsFunc(peers, func(p any) bool { return c.refAdminPods(p.(object), other, k.outside) }) &&
			(len(ports) == 0 || slices.ContainsFunc(ports, func(p any) bool { return refAdminPort(p.(object), k) })) {
			return u["action"].(string)
		}
	}
	return ""
}

func (c *cluster) refSide(self, other object, d, key, kind string, k packet) bool {
	order := slices.Clone(c.admin)
	slices.SortFunc(order, func(a, b object) int { return int(a["priority"].(float64) - b["priority"].(float64)) })
	for _, spec := range order {
		action := c.refAdmin(spec, self, other, d, key, k)
		if action == "Pass" {
			break
		}
		if action != "" {
			return action == "Allow"
		}
	}
	selected := false
	for _, p := range c.policies {
		spec := p["spec"].(object)
		types, _ := spec["policyTypes"].([]any)
		rules, _ := spec[d].([]any)
		acts := slices.Contains(types, any(kind)) || len(types) == 0 && (kind == "Ingress" || len(rules) > 0)
		if !acts || p["namespace"] != self["namespace"] || !refSelects(spec["podSelector"].(object), self["labels"].(object)) {
			continue
		}
		selected = true
		for _, x := range rules {
			u := x.(object)
			peers, _ := u[key].([]any)
			ports, _ := u["ports"].([]any)
			if (len(peers) == 0 || slices.ContainsFunc(peers, func(e any) bool { return c.refPeer(e.(object), other, p["namespace"].(string), k.outside) })) &&
				(len(ports) == 0 || slices.ContainsFunc(ports, func(e any) bool { return refPort(e.(object), k) })) {
				return true
			}
		}
	}
	if selected {
		return false
	}
	for _, spec := range c.baseline {
		if action := c.refAdmin(spec, self, other, d, key, k); action != "" {
			return action == "Allow"
		}
	}
	return true
}

func (c *cluster) refAllowed(k packet) bool {
	return (k.from == nil || c.refSide(k.from, k.to, "egress", "to", "Egress", k)) && (k.to == nil || c.refSide(k.to, k.from, "ingress", "from", "Ingress", k))
}

var rounds = flag.Int("rounds", 600, "random clusters of TestAgainstReference")

// TestAgainstReference holds random clusters against the reference, packet by packet.
func TestAgainstReference(t *testing.T) {
	for seed := range uint64(*rounds) {
		c := randomCluster(rand.New(rand.NewPCG(seed, 7)))
		w := reach.New(c.resources(t))
		if len(w.Problems) > 0 {
			t.Fatalf("seed %d: %v", seed, w.Problems)
		}
		got := map[[2]string][]reach.Connection{}
		for x := range w.Connections(true) {
			from, to := x.From, x.To
			if strings.HasPrefix(from, "external:") {
				from = "external"
			}
			if strings.HasPrefix(to, "external:") {
				to = "external"
			}
			got[[2]string{from, to}] = append(got[[2]string{from, to}], x)
			if len(x.Because) == 0 {
				t.Fatalf("seed %d: %s → %s has no proof", seed, x.From, x.To)
			}
		}
		for _, k := range c.packets() {
			have := false
			for _, x := range got[[2]string{endOf(k.from), endOf(k.to)}] {
				have = have || holds(x, k)
			}
			if want := c.refAllowed(k); have != want {
				t.Fatalf("seed %d: %v: got %v, the reference says %v\n%s", seed, k, have, want, encode(object{"policies": c.policies, "admin": c.admin, "baseline": c.baseline}))
			}
		}
	}
}

func endOf(pod object) string {
	if pod == nil {
		return "external"
	}
	return fmt.Sprintf("%s/%s[Pod]", pod["namespace"], pod["name"])
}

// packets are the packets between all pairs at the ports and addresses that the random policies know.
func (c *cluster) packets() []packet {
	var out []packet
	add := func(from, to object, ip string) {
		k := packet{from: from, to: to}
		if ip != "" {
			k.outside = netip.MustParseAddr(ip)
		}
		for _, k.protocol = range []string{"TCP", "UDP", "SCTP"} {
			for _, k.port = range []float64{1, 80, 81, 85, 90, 91} {
				out = append(out, k)
			}
		}
	}
	for i, a := range c.pods {
		for j, b := range c.pods {
			if i != j {
				add(a, b, "")
			}
		}
		for _, ip := range []string{"1.1.1.1", "10.0.0.1", "10.1.2.3", "192.0.2.1", "192.0.2.77", "192.0.2.200"} {
			add(a, nil, ip)
			add(nil, a, ip)
		}
	}
	return out
}

// holds tells whether a connection carries a packet.
func holds(x reach.Connection, k packet) bool {
	protocol := map[string]reach.Protocol{"TCP": reach.TCP, "UDP": reach.UDP, "SCTP": reach.SCTP}[k.protocol]
	if !x.Allow.Contains(protocol, uint32(k.port)) {
		return false
	}
	end := x.From
	if k.to == nil {
		end = x.To
	}
	list, outside := strings.CutPrefix(end, "external:")
	if !outside {
		return true
	}
	for _, part := range strings.Split(list, ",") {
		lo, hi, _ := strings.Cut(part, "-")
		if netip.MustParseAddr(lo).Compare(k.outside) <= 0 && k.outside.Compare(netip.MustParseAddr(hi)) <= 0 {
			return true
		}
	}
	return false
}
