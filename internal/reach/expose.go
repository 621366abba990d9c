package reach

import (
	"cmp"
	"maps"
	"slices"

	"github.com/plinthsec/plinth"
)

// Exposure says that a workload is offered outside the cluster: by a Service of type LoadBalancer or NodePort or with external
// addresses, or by an Ingress, a route of Gateway API or an OpenShift Route that leads to a Service.
type Exposure struct {
	By       string // kind namespace/name of the object that is reached from outside
	Service  string // namespace/name
	To       *Workload
	Ports    Ports // of the pods
	Open     Ports // those of them that policies let some address outside reach; the address may be that of a node or gateway
	Internal bool  // only from the network of the cluster: an annotation asks its provider for an internal load balancer
	At       plinth.Location
}

// service is a Service with a selector.
type service struct {
	namespace, name string
	resource        *plinth.Resource
	pods            []int
}

// internalBy are the annotations with which providers are asked for an internal load balancer, and the values that ask for it.
var internalBy = map[string][]string{
	"service.beta.kubernetes.io/aws-load-balancer-internal":   {"true", "0.0.0.0/0"},
	"service.beta.kubernetes.io/aws-load-balancer-scheme":     {"internal"},
	"service.beta.kubernetes.io/azure-load-balancer-internal": {"true"},
	"networking.gke.io/load-balancer-type":                    {"Internal"},
	"cloud.google.com/load-balancer-type":                     {"Internal"},
	"alb.ingress.kubernetes.io/scheme":                        {"internal"},
}

// backend is a way from outside to a port of a service; a nil port is every port of it.
type backend struct {
	service string
	port    plinth.Value
}

// Exposures returns what the objects offer outside, sorted by By, Service and To.
func (w *World) Exposures(resources []*plinth.Resource) []Exposure {
	services := w.services(resources)
	var out []Exposure
	for _, name := range slices.Sorted(maps.Keys(services)) {
		s := services[name]
		spec := get(s.resource.Props, "spec")
		if kind := text(spec, "type"); kind == "LoadBalancer" || kind == "NodePort" || get(spec, "externalIPs").Len() > 0 {
			out = w.expose(out, s.resource, "Service", s, plinth.Value{})
		}
	}
	for _, r := range resources {
		if r.External {
			continue
		}
		kind, backends := backendsOf(r)
		for _, b := range backends {
			if s := services[namespaceOf(r)+"/"+b.service]; s != nil {
				out = w.expose(out, r, kind, s, b.port)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Exposure) int {
		return cmp.Or(cmp.Compare(a.By, b.By), cmp.Compare(a.Service, b.Service), cmp.Compare(a.To.String(), b.To.String()))
	})
	return merge(out)
}

// merge makes one of exposures of the same workload by the same objects.
func merge(list []Exposure) []Exposure {
	out := list[:0]
	for _, e := range list {
		if n := len(out); n > 0 && out[n-1].By == e.By && out[n-1].Service == e.Service && out[n-1].To == e.To {
			out[n-1].Ports, out[n-1].Open = out[n-1].Ports.Union(e.Ports), out[n-1].Open.Union(e.Open)
			continue
		}
		out = append(out, e)
	}
	return out
}

func (w *World) services(resources []*plinth.Resource) map[string]*service {
	out := map[string]*service{}
	for _, r := range resources {
		selector := get(r.Props, "spec", "selector")
		if r.Type != "core/Service" || r.External || selector.Len() == 0 || text(r.Props, "spec", "type") == "ExternalName" {
			continue
		}
		s := &service{namespace: namespaceOf(r), name: r.Name, resource: r}
		terms := serviceTerms(selector)
		for i, p := range w.pods {
			fits := func(t term) bool { v, ok := p.labels[t.key]; return ok && v == t.values[0] }
			if p.namespace == s.namespace && !slices.ContainsFunc(terms, func(t term) bool { return !fits(t) }) {
				s.pods = append(s.pods, i)
			}
		}
		out[s.namespace+"/"+s.name] = s
	}
	return out
}

// backendsOf returns the services of the same namespace that an object leads to from outside.
func backendsOf(r *plinth.Resource) (kind string, out []backend) {
	add := func(v plinth.Value, name string, port ...string) {
		if s := text(v, name); s != "" {
			b := backend{service: s}
			if len(port) > 0 {
				b.port = get(v, port...)
			}
			out = append(out, b)
		}
	}
	behind := func(v plinth.Value) {
		port := "number"
		if text(v, "service", "port", "name") != "" {
			port = "name"
		}
		add(get(v, "service"), "name", "port", port)
		add(v, "serviceName", "servicePort") // before v1
	}
	spec := get(r.Props, "spec")
	switch r.Type {
	case "networking.k8s.io/Ingress":
		kind = "Ingress"
		behind(get(spec, "defaultBackend"))
		behind(get(spec, "backend"))
		for _, rule := range get(spec, "rules").List() {
			for _, p := range get(rule, "http", "paths").List() {
				behind(get(p, "backend"))
			}
		}
	case "gateway.networking.k8s.io/HTTPRoute", "gateway.networking.k8s.io/GRPCRoute", "gateway.networking.k8s.io/TLSRoute",
		"gateway.networking.k8s.io/TCPRoute", "gateway.networking.k8s.io/UDPRoute":
		kind = r.Type[len("gateway.networking.k8s.io/"):]
		for _, rule := range get(spec, "rules").List() {
			for _, b := range get(rule, "backendRefs").List() {
				if other := text(b, "namespace"); other == "" || other == namespaceOf(r) {
					add(b, "name", "port")
				}
			}
		}
	case "route.openshift.io/Route":
		kind = "Route"
		add(get(spec, "to"), "name")
		for _, b := range get(spec, "alternateBackends").List() {
			add(b, "name")
		}
		for i := range out {
			out[i].port = get(spec, "port", "targetPort")
		}
	}
	return kind, out
}

// expose adds the workloads behind a port of a service.
func (w *World) expose(to []Exposure, by *plinth.Resource, kind string, s *service, port plinth.Value) []Exposure {
	e := Exposure{By: kind + " " + namespaceOf(by) + "/" + by.Name, Service: s.namespace + "/" + s.name, At: by.Place(plinth.Value{})}
	for _, f := range get(by.Props, "metadata", "annotations").Fields() {
		v, _ := plain(f.Value)
		e.Internal = e.Internal || slices.Contains(internalBy[f.Key], v)
	}
	for _, l := range w.Workloads {
		e.To, e.Ports, e.Open = l, Ports{}, Ports{}
		seen := map[int]bool{} // classes
		for _, i := range l.pods {
			if !slices.Contains(s.pods, i) {
				continue
			}
			if seen[w.pods[i].class] {
				continue
			}
			seen[w.pods[i].class] = true
			ports := targets(s, port, kind, w.pods[i])
			e.Ports = e.Ports.Union(ports)
			for n := range w.atoms {
				e.Open = e.Open.Union(ports.Intersect(w.pool.sets[w.side(ingress, w.pods[i].class, len(w.classes)+n)]))
			}
		}
		if !e.Ports.Empty() {
			to = append(to, e)
		}
	}
	return to
}

// targets returns the ports of a pod behind a port of a service, given by number or name. A Route names the port of the pod, too.
func targets(s *service, port plinth.Value, kind string, p *pod) Ports {
	var out Ports
	want, some := plain(port)
	for _, v := range get(s.resource.Props, "spec", "ports").List() {
		if some && text(v, "name") != want && text(v, "port") != want && !(kind == "Route" && text(v, "targetPort") == want) {
			continue
		}
		protocol, ok := protocolOf(text(v, "protocol"))
		if !ok {
			continue
		}
		target := get(v, "targetPort")
		if target.IsNull() {
			target = get(v, "port")
		}
		if n := target.Num(); n >= 1 && n <= lastPort {
			out = out.Union(PortsOf(protocol, uint32(n), uint32(n)))
		}
		for _, named := range p.ports {
			if target.Kind() == plinth.String && named.name == target.Str() && named.protocol == protocol {
				out = out.Union(PortsOf(protocol, named.port, named.port))
			}
		}
	}
	return out
}

// Backing says that a Service leads to a workload.
type Backing struct {
	Namespace, Name string // of the Service
	Resource        *plinth.Resource
	To              *Workload
	Port            plinth.Value // of the Service: number, name, as it is declared
	Ports           Ports        // of the pods, behind that port
}

// Backings returns which ports of Services lead to which workloads, sorted by Service and workload, ports in their order.
func (w *World) Backings(resources []*plinth.Resource) []Backing {
	services := w.services(resources)
	var out []Backing
	for _, key := range slices.Sorted(maps.Keys(services)) {
		s := services[key]
		behind := map[int]bool{}
		for _, i := range s.pods {
			behind[i] = true
		}
		for _, l := range w.Workloads {
			if l.Namespace != s.namespace || !slices.ContainsFunc(l.pods, func(i int) bool { return behind[i] }) {
				continue
			}
			for _, port := range get(s.resource.Props, "spec", "ports").List() {
				var ports Ports
				for _, i := range l.pods {
					if behind[i] {
						ports = ports.Union(targets(s, get(port, "port"), "Service", w.pods[i]))
					}
				}
				if !ports.Empty() {
					out = append(out, Backing{s.namespace, s.name, s.resource, l, port, ports})
				}
			}
		}
	}
	return out
}
