package reach

import (
	"fmt"
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/value"
)

// Workload is what runs pods: a controller, or a pod that has none. A pod with an owner belongs to the workload of that owner.
type Workload struct {
	Namespace, Name, Kind string
	Resource              *plinth.Resource // of the first pod's declaration
	HostNetwork           bool             // some pod uses the network of its node, where policies bind only as the plugin says

	pods    []int
	classes []int // of the pods, each once
}

// String is namespace/name[Kind].
func (w *Workload) String() string { return w.Namespace + "/" + w.Name + "[" + w.Kind + "]" }

// pod is a pod, or what all pods of one template are.
type pod struct {
	namespace string
	labels    map[string]string
	account   string // service account
	ports     []namedPort
	table     string // the named ports as a key
	host      bool   // in the network of its node
	proxy     bool   // has Istio's sidecar written out
	class     int
	first     int // of its class: its own number, where it is the first
}

type namedPort struct {
	name     string
	protocol Protocol
	port     uint32
}

// Template returns the pod's metadata and spec of an object that runs pods.
func Template(r *plinth.Resource) (meta, spec plinth.Value, ok bool) {
	var path []string
	switch r.Type {
	case "core/Pod":
	case "apps/Deployment", "apps/DaemonSet", "apps/StatefulSet", "apps/ReplicaSet", "batch/Job", "core/ReplicationController",
		"apps.openshift.io/DeploymentConfig":
		path = []string{"spec", "template"}
	case "batch/CronJob":
		path = []string{"spec", "jobTemplate", "spec", "template"}
	default:
		return meta, spec, false
	}
	at, found := r.Props.At(path...)
	if !found || at.Kind() != plinth.Map {
		return meta, spec, false
	}
	meta, _ = at.Get("metadata")
	spec, _ = at.Get("spec")
	return meta, spec, true
}

func get(v plinth.Value, path ...string) plinth.Value {
	out, _ := v.At(path...)
	return out
}

func text(v plinth.Value, path ...string) string {
	out := get(v, path...)
	if s, ok := plain(out); ok {
		return s
	}
	return ""
}

func plain(v plinth.Value) (string, bool) {
	switch v.Kind() {
	case plinth.String, plinth.Number, plinth.Bool:
		if v.Kind() == plinth.String {
			return v.Str(), true
		}
		return v.String(), true
	}
	return "", false
}

func namespaceOf(r *plinth.Resource) string {
	if ns := text(r.Props, "metadata", "namespace"); ns != "" {
		return ns
	}
	return "default"
}

func labels(v plinth.Value) map[string]string {
	out := map[string]string{}
	for _, f := range v.Fields() {
		if s, ok := plain(f.Value); ok {
			out[f.Key] = s
		}
	}
	return out
}

// addWorkload adds the pods of one object to the workload that owns them.
func (w *World) addWorkload(r *plinth.Resource, known map[string]*Workload) {
	meta, spec, ok := Template(r)
	if !ok {
		return
	}
	_, kind, _ := strings.Cut(r.Type, "/")
	own := &Workload{Namespace: namespaceOf(r), Name: r.Name, Kind: kind, Resource: r}
	if owner := get(r.Props, "metadata", "ownerReferences").List(); len(owner) > 0 && text(owner[0], "name") != "" {
		own.Name = text(owner[0], "name")
		if kind := text(owner[0], "kind"); kind != "" {
			own.Kind = kind
		}
	}
	key := own.String()
	if known[key] == nil {
		known[key] = own
		w.Workloads = append(w.Workloads, own)
	}
	own = known[key]
	own.HostNetwork = own.HostNetwork || get(spec, "hostNetwork").Bool()
	p := &pod{
		namespace: own.Namespace, labels: labels(get(meta, "labels")), account: text(spec, "serviceAccountName"), ports: namedPorts(spec),
		host: get(spec, "hostNetwork").Bool(), proxy: hasProxy(spec),
	}
	if p.account == "" {
		p.account = "default"
	}
	w.unknownLabels(get(meta, "labels"), r)
	var table strings.Builder
	for _, n := range p.ports {
		table.WriteString(n.name + "\x00" + PortsOf(n.protocol, n.port, n.port).String() + "\x00")
	}
	p.table = table.String()
	own.pods = append(own.pods, len(w.pods))
	w.pods = append(w.pods, p)
}

// unknownLabels tells of labels whose values are not known: no selector finds them.
func (w *World) unknownLabels(v plinth.Value, r *plinth.Resource) {
	if !value.Known(v) {
		w.Problems = append(w.Problems, plinth.Problem{
			Kind: plinth.Unsupported, At: r.Place(v),
			Text: fmt.Sprintf("labels of %s are not known; selectors that name them do not find it", r.Name),
		})
	}
}

// namedPorts returns the ports that a pod names, those of its sidecars included; a name that is used twice for one protocol has
// its first port.
func namedPorts(spec plinth.Value) []namedPort {
	var out []namedPort
	containers := slices.Clone(get(spec, "containers").List())
	for _, c := range get(spec, "initContainers").List() {
		if text(c, "restartPolicy") == "Always" {
			containers = append(containers, c)
		}
	}
	for _, c := range containers {
		for _, p := range get(c, "ports").List() {
			protocol, ok := protocolOf(text(p, "protocol"))
			n := namedPort{text(p, "name"), protocol, uint32(get(p, "containerPort").Num())}
			double := slices.ContainsFunc(out, func(o namedPort) bool { return o.name == n.name && o.protocol == n.protocol })
			if ok && n.name != "" && n.port >= 1 && n.port <= lastPort && !double {
				out = append(out, n)
			}
		}
	}
	return out
}

func hasProxy(spec plinth.Value) bool {
	for _, key := range []string{"containers", "initContainers"} {
		for _, c := range get(spec, key).List() {
			if text(c, "name") == "istio-proxy" {
				return true
			}
		}
	}
	return false
}
