// Package suggest writes the narrowest network policies under which the workloads of a cluster still reach what their manifests
// show that they use: Services that their environment, arguments and configuration name, what Services and Ingresses offer
// outside, name resolution.
//
// Every suggestion is proven: the policies are read back and evaluated, each connection that they are made for must be open and
// every other one between the workloads shut. What manifests do not show is said in notes, not guessed.
package suggest

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/reach"
)

// Suggestion is a set of policies for one cluster.
type Suggestion struct {
	Policies []Policy // sorted by namespace and name
	Notes    []string // what cannot be known from the manifests, sorted
	Kept     int      // connections between workloads that the policies are made for, and that are open under them
	Closed   int      // pairs of workloads that are open now and shut under them
	Faults   []string // where the proof failed: workloads that no selector tells apart
}

// Policy is one NetworkPolicy for both directions.
type Policy struct {
	Namespace, Name string
	Pods            []Label // none: all pods of the namespace
	Ingress, Egress []Rule
}

// Label is a label with its value.
type Label struct{ Key, Value string }

// Rule lets some peers through on some ports.
type Rule struct {
	Peers []Peer // none: everybody
	Ports reach.Ports
	Why   []string
}

// Peer is some pods, or some addresses.
type Peer struct {
	Namespace string // of the pods; "" where NotIn or Block say it
	Pods      []Label
	NotIn     []string // pods of all namespaces but these
	Block     string
	Except    []string
}

// need is a connection that somebody needs.
type need struct {
	from, to *reach.Workload
	ports    reach.Ports
	why      []string
}

type pair struct{ from, to string }

// maker holds what a suggestion is made from.
type maker struct {
	resources []*plinth.Resource
	world     *reach.World
	backings  []reach.Backing
	byService map[string][]reach.Backing // namespace/name
	needs     map[pair]*need
	outside   map[string]*Rule            // workload → what it is offered outside on
	egress    map[string]map[string]*Rule // workload → address outside → rule
	notes     map[string]bool
	spaces    []string
}

// For returns a suggestion for the workloads among the objects of one cluster. Policies that are there already are left aside:
// they add up with the new ones. ok is false where there is no workload.
func For(resources []*plinth.Resource) (s *Suggestion, ok bool) {
	bare := without(resources)
	m := &maker{
		resources: bare, world: reach.New(bare), byService: map[string][]reach.Backing{}, needs: map[pair]*need{}, outside: map[string]*Rule{},
		egress: map[string]map[string]*Rule{}, notes: map[string]bool{},
	}
	if len(m.world.Workloads) == 0 {
		return nil, false
	}
	m.backings = m.world.Backings(bare)
	for _, b := range m.backings {
		key := b.Namespace + "/" + b.Name
		m.byService[key] = append(m.byService[key], b)
	}
	for _, l := range m.world.Workloads {
		if system(l) {
			m.note("the workloads of namespace %s are left alone: everybody uses them", l.Namespace)
			continue
		}
		m.spaces = append(m.spaces, l.Namespace)
	}
	m.spaces = slices.Compact(slices.Sorted(slices.Values(m.spaces)))
	m.named()
	m.offered()
	m.hooks()
	s = &Suggestion{Policies: m.policies()}
	m.prove(s)
	if len(bare) < len(resources) {
		m.note("the policies that are there already are left in force: what they let through stays open besides")
	}
	s.Notes = slices.Sorted(maps.Keys(m.notes))
	return s, true
}

// system tells whether a workload belongs to the cluster itself.
func system(l *reach.Workload) bool { return l.Namespace == "kube-system" }

// without leaves out the policies that are there.
func without(resources []*plinth.Resource) []*plinth.Resource {
	return slices.DeleteFunc(slices.Clone(resources), func(r *plinth.Resource) bool {
		return strings.HasSuffix(r.Type, "NetworkPolicy") || r.Type == "security.istio.io/AuthorizationPolicy"
	})
}

func (m *maker) note(format string, args ...any) { m.notes[fmt.Sprintf(format, args...)] = true }

// need notes a connection between two workloads. A workload's traffic with itself needs a rule like any other.
func (m *maker) need(from, to *reach.Workload, ports reach.Ports, why string) {
	key := pair{from.String(), to.String()}
	n := m.needs[key]
	if n == nil {
		n = &need{from: from, to: to}
		m.needs[key] = n
	}
	n.ports = n.ports.Union(ports)
	if !slices.Contains(n.why, why) {
		n.why = append(n.why, why)
	}
}

// named finds the Services and the hosts outside that workloads name.
func (m *maker) named() {
	maps := m.objects("core/ConfigMap")
	for _, l := range m.world.Workloads {
		if l.Resource == nil {
			continue
		}
		_, spec, ok := reach.Template(l.Resource)
		if !ok {
			continue
		}
		m.search(l, "", spec)
		for _, name := range held(spec, "configMap", "configMapRef", "configMapKeyRef") {
			if c := maps[l.Namespace+"/"+name]; c != nil {
				data, _ := c.Props.Get("data")
				m.search(l, "", data)
			}
		}
		if list := held(spec, "secret", "secretRef", "secretKeyRef"); len(list) > 0 {
			m.note("%s is given Secret %s, which may name more hosts", l, strings.Join(list, ", "))
		}
		m.peers(l, spec)
	}
}

// peers lets the pods of a StatefulSet talk to each other on the ports of the Service that gives them their names.
func (m *maker) peers(l *reach.Workload, spec plinth.Value) {
	if l.Kind != "StatefulSet" {
		return
	}
	of, _ := l.Resource.Props.At("spec", "serviceName")
	for _, b := range m.byService[l.Namespace+"/"+of.Str()] {
		if b.To == l {
			m.need(l, l, b.Ports, "the pods of "+l.String()+" find each other through Service "+b.Name)
		}
	}
}

func (m *maker) objects(typ string) map[string]*plinth.Resource {
	out := map[string]*plinth.Resource{}
	for _, r := range m.resources {
		if r.Type == typ && !r.External {
			out[namespaceOf(r)+"/"+r.Name] = r
		}
	}
	return out
}

// held are the names of the objects that a pod is given under some keys, sorted.
func held(v plinth.Value, keys ...string) []string {
	var out []string
	var walk func(v plinth.Value, depth int)
	walk = func(v plinth.Value, depth int) {
		if depth > maxDepth {
			return
		}
		for _, f := range v.Fields() {
			if slices.Contains(keys, f.Key) {
				for _, name := range [...]string{"name", "secretName"} {
					if n, _ := f.Value.Get(name); n.Str() != "" {
						out = append(out, n.Str())
					}
				}
			}
			walk(f.Value, depth+1)
		}
		for _, e := range v.List() {
			walk(e, depth+1)
		}
	}
	walk(v, 0)
	slices.Sort(out)
	return slices.Compact(out)
}

const maxDepth = 50 // of a pod's specification

// search looks for hosts in the texts of a value.
func (m *maker) search(l *reach.Workload, called string, v plinth.Value) {
	name, _ := v.Get("name")
	if text, ok := v.Get("value"); ok && name.Str() != "" && text.Kind() == plinth.String { // a variable
		m.lookAt(l, name.Str(), text)
		return
	}
	for _, f := range v.Fields() {
		switch f.Key {
		case "image", "name", "labels", "annotations", "volumeMounts", "volumes", "resources", "serviceAccountName", "livenessProbe", "readinessProbe", "startupProbe":
			continue
		}
		m.search(l, f.Key, f.Value)
	}
	for _, e := range v.List() {
		m.search(l, called, e)
	}
	if v.Kind() == plinth.String && !v.Sensitive() {
		m.lookAt(l, called, v)
	}
}

// lookAt takes the hosts that one text names.
func (m *maker) lookAt(l *reach.Workload, called string, v plinth.Value) {
	for _, x := range mentions(called, v.Str()) {
		where := ""
		if o := v.Origin(); o != nil && o.At.Line > 0 {
			where = fmt.Sprintf(" (%s:%d)", o.At.Path, o.At.Line)
		}
		if list := m.serviceOf(l, x); len(list) > 0 {
			for _, b := range portOf(list, x) {
				m.need(l, b.To, b.Ports, l.String()+" names "+x.host+where)
			}
			continue
		}
		m.strange(l, x, where)
	}
}

// serviceOf returns what is behind the Service that a host is: NAME, NAME.NAMESPACE, NAME.NAMESPACE.svc…, or one with the name of
// a pod in front.
func (m *maker) serviceOf(l *reach.Workload, x mention) []reach.Backing {
	parts := strings.Split(x.host, ".")
	for skip := range min(2, len(parts)) {
		p := parts[skip:]
		switch {
		case len(p) == 1 && x.sure:
			if list := m.byService[l.Namespace+"/"+p[0]]; len(list) > 0 {
				return list
			}
		case len(p) == 2 || len(p) > 2 && p[2] == "svc":
			if list := m.byService[p[1]+"/"+p[0]]; len(list) > 0 {
				return list
			}
		}
	}
	return nil
}

// portOf keeps what is behind the port that a text names, or that its scheme has; all where the Service has no such port.
func portOf(list []reach.Backing, x mention) []reach.Backing {
	want := x.port
	if want == 0 {
		want = schemePorts[x.scheme]
	}
	some := slices.DeleteFunc(slices.Clone(list), func(b reach.Backing) bool {
		port, _ := b.Port.Get("port")
		return uint32(port.Num()) != want
	})
	if len(some) == 0 && x.port == 0 {
		return list
	}
	return some
}

func namespaceOf(r *plinth.Resource) string {
	v, _ := r.Props.At("metadata", "namespace")
	return cmp.Or(v.Str(), "default")
}
