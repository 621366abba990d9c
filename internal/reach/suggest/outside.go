package suggest

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/reach"
)

// private are the addresses of private networks, where workloads and machines are.
var private = []string{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"}

// controllers are the values of the label app or app.kubernetes.io/name of what serves Ingresses and routes.
var controllers = []string{
	"ingress-nginx", "nginx-ingress", "nginx-ingress-controller", "traefik", "kong", "contour", "envoy", "haproxy-ingress", "istio-ingressgateway", "ambassador", "emissary-ingress", "gloo",
}

// strange takes a host that is no Service here: an address, or a name outside.
func (m *maker) strange(l *reach.Workload, x mention, where string) {
	port := x.port
	if port == 0 {
		port = schemePorts[x.scheme]
	}
	if addr, err := netip.ParseAddr(x.host); err == nil && addr.Is4() {
		if port != 0 && !addr.IsLoopback() && !addr.IsUnspecified() {
			m.send(l, Peer{Block: x.host + "/32"}, port, "it names "+x.host+where)
		}
		return
	}
	parts := strings.Split(x.host, ".")
	last := parts[len(parts)-1]
	switch {
	case x.scheme == "" && x.port == 0, port == 0, len(parts) < 2, x.host == "localhost":
		return
	case len(parts) == 2 && m.mayBeSpace(parts[1]), len(parts) > 2 && parts[2] == "svc":
		m.note("%s names %s%s, a Service that the manifests do not hold: what is behind it is not known", l, x.host, where)
		return
	case strings.ContainsAny(last, "0123456789"), last == "local", last == "localhost", last == "internal":
		return
	}
	m.note("%s names %s%s: policies know addresses only, so every public address is allowed on that port", l, x.host, where)
	m.send(l, Peer{Block: "0.0.0.0/0", Except: private}, port, "it names "+x.host+where)
}

// mayBeSpace tells whether a word is the name of a namespace that is here.
func (m *maker) mayBeSpace(s string) bool { return slices.Contains(m.spaces, s) }

// send notes that a workload talks to addresses outside.
func (m *maker) send(l *reach.Workload, p Peer, port uint32, why string) {
	of := m.egress[l.String()]
	if of == nil {
		of = map[string]*Rule{}
		m.egress[l.String()] = of
	}
	key := p.Block + " but " + strings.Join(p.Except, " ")
	r := of[key]
	if r == nil {
		r = &Rule{Peers: []Peer{p}}
		of[key] = r
	}
	r.Ports = r.Ports.Union(reach.PortsOf(reach.TCP, port, port))
	if !slices.Contains(r.Why, why) {
		r.Why = append(r.Why, why)
	}
}

// offered lets in what Services and Ingresses offer outside: from the controllers that are here, else from every namespace that is
// not, and from all addresses.
func (m *maker) offered() {
	front := m.fronts()
	for _, x := range m.world.Exposures(m.resources) {
		kind, _, _ := strings.Cut(x.By, " ")
		why := fmt.Sprintf("%s offers it outside (%s:%d)", x.By, x.At.Path, x.At.Line)
		if kind != "Service" && len(front) > 0 {
			for _, f := range front {
				if f != x.To {
					m.need(f, x.To, x.Ports, why)
				}
			}
			continue
		}
		r := m.outside[x.To.String()]
		if r == nil {
			r = &Rule{Peers: []Peer{{Block: "0.0.0.0/0"}}}
			m.outside[x.To.String()] = r
		}
		if kind != "Service" && len(r.Peers) == 1 {
			r.Peers = append(r.Peers, Peer{NotIn: m.spaces})
			m.note("what serves %s is not among the manifests: every namespace that is not here is let in; name that of the controller instead", x.By)
		}
		r.Ports = r.Ports.Union(x.Ports)
		if !slices.Contains(r.Why, why) {
			r.Why = append(r.Why, why)
		}
	}
}

// fronts are the workloads that serve Ingresses and routes.
func (m *maker) fronts() []*reach.Workload {
	var out []*reach.Workload
	for _, l := range m.world.Workloads {
		for _, p := range labelsOf(l) {
			if (p.Key == "app" || p.Key == "app.kubernetes.io/name") && slices.Contains(controllers, p.Value) {
				out = append(out, l)
				break
			}
		}
	}
	return out
}

// hooks lets the API server in where a webhook or an extension of the API is served, and workloads whose service account has
// rights out to it.
func (m *maker) hooks() {
	for _, r := range m.resources {
		var list []plinth.Value
		switch r.Type {
		case "admissionregistration.k8s.io/ValidatingWebhookConfiguration", "admissionregistration.k8s.io/MutatingWebhookConfiguration":
			hooks, _ := r.Props.Get("webhooks")
			for _, h := range hooks.List() {
				s, _ := h.At("clientConfig", "service")
				list = append(list, s)
			}
		case "apiregistration.k8s.io/APIService":
			s, _ := r.Props.At("spec", "service")
			list = append(list, s)
		}
		for _, s := range list {
			name, _ := s.Get("name")
			in, _ := s.Get("namespace")
			for _, b := range m.byService[in.Str()+"/"+name.Str()] {
				rule := m.outside[b.To.String()]
				if rule == nil {
					rule = &Rule{Peers: []Peer{{Block: "0.0.0.0/0"}}}
					m.outside[b.To.String()] = rule
				}
				rule.Ports = rule.Ports.Union(b.Ports)
				rule.Why = append(rule.Why, "the API server calls it for "+r.Decl.Address)
				m.note("the address of the API server, which calls %s, is not known: every address is let in on that port", b.To)
			}
		}
	}
	holders := m.holders()
	for _, l := range m.world.Workloads {
		if l.Resource == nil {
			continue
		}
		_, spec, _ := reach.Template(l.Resource)
		of, _ := spec.Get("serviceAccountName")
		if of.Str() != "" && holders[l.Namespace+"/"+of.Str()] {
			m.note("%s has rights in the cluster, but the address of the API server is not known: every address is allowed on 443 and 6443", l)
			m.send(l, Peer{Block: "0.0.0.0/0"}, 443, "its service account "+of.Str()+" has rights in the cluster")
			m.send(l, Peer{Block: "0.0.0.0/0"}, 6443, "its service account "+of.Str()+" has rights in the cluster")
		}
	}
}

// holders are the service accounts that bindings name.
func (m *maker) holders() map[string]bool {
	out := map[string]bool{}
	for _, r := range m.resources {
		if !strings.HasPrefix(r.Type, "rbac.authorization.k8s.io/") {
			continue
		}
		subjects, _ := r.Props.Get("subjects")
		for _, s := range subjects.List() {
			kind, _ := s.Get("kind")
			name, _ := s.Get("name")
			in, _ := s.Get("namespace")
			if kind.Str() == "ServiceAccount" {
				ns := in.Str()
				if ns == "" {
					ns = namespaceOf(r)
				}
				out[ns+"/"+name.Str()] = true
			}
		}
	}
	return out
}
