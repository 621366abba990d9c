package kube

import (
	"slices"
	"strconv"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/iam"
	"github.com/plinthsec/plinth/internal/iam/rbac"
)

// workload is what runs pods: a controller, or a pod that has none.
type workload struct {
	name
	id         plinth.ID
	kind       string
	address    string
	resource   *plinth.Resource
	at         plinth.Location
	meta, spec plinth.Value
	account    *account // nil where it is not known
	containers []*container
}

// container is one container of a workload.
type container struct {
	id      plinth.ID
	name    string
	address string
	value   plinth.Value
	running bool // as long as the pod does
}

// hasPod tells whether a pod of the workload can have a name. Names that a controller makes up are never known beforehand, except
// those of a StatefulSet.
func (l *workload) hasPod(of string) bool {
	switch l.kind {
	case "Pod":
		return l.name.name == of
	case "StatefulSet":
		n, ok := strings.CutPrefix(of, l.name.name+"-")
		_, err := strconv.ParseUint(n, 10, 32)
		return ok && err == nil
	}
	return false
}

// findWorkloads gathers what runs pods. A pod that belongs to a declared controller is that controller.
func (c *cluster) findWorkloads() {
	declared := map[string]bool{}
	for _, r := range c.objects {
		if _, _, ok := template(r); ok {
			declared[addressOf(r)] = true
		}
	}
	for _, r := range c.objects {
		meta, spec, ok := template(r)
		if !ok || spec.Kind() != plinth.Map {
			continue
		}
		_, kind, _ := strings.Cut(r.Type, "/")
		l := &workload{name: name{namespaceOf(r), r.Name}, id: r.ID, kind: kind, address: addressOf(r), resource: r, at: r.Head(), meta: meta, spec: spec}
		owned := slices.ContainsFunc(get(r.Props, "metadata", "ownerReferences").List(), func(o plinth.Value) bool {
			return declared[text(o, "kind")+"/"+l.namespace+"/"+text(o, "name")]
		})
		if owned {
			continue
		}
		c.mention(l.namespace, l.at)
		c.identify(l)
		for _, key := range [...]string{"initContainers", "containers"} {
			for i, v := range get(spec, key).List() {
				of := text(v, "name")
				if of == "" {
					of = key + "[" + strconv.Itoa(i) + "]"
				}
				l.containers = append(l.containers, &container{
					id: plinth.ID(string(l.id) + "/" + of), name: of, address: l.address + "/" + of, value: v,
					running: key == "containers" || text(v, "restartPolicy") == "Always",
				})
			}
		}
		c.workloads = append(c.workloads, l)
	}
}

// identify finds the service account of a workload.
func (c *cluster) identify(l *workload) {
	v := get(l.spec, "serviceAccountName")
	if v.IsNull() {
		v = get(l.spec, "serviceAccount")
	}
	switch {
	case v.IsUnknown():
	case v.Str() == "":
		l.account = c.account(l.namespace, "default", l.at)
	default:
		l.account = c.account(l.namespace, v.Str(), l.resource.Place(v))
	}
}

// mounted tells whether the token of its service account is in the files of a workload's pods: what the pod says goes before what
// the account says (https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/). A token that the pod
// asks for itself is there in any case.
func (l *workload) mounted() (iam.Formula, plinth.Step) {
	runs := step(l.resource, l.at, costIdentity, l.address+" runs as "+l.account.address())
	for _, key := range [...]string{"serviceAccountName", "serviceAccount"} {
		if v := get(l.spec, key); !v.IsNull() {
			runs.At = l.resource.Place(v)
			break
		}
	}
	for _, v := range get(l.spec, "volumes").List() {
		for _, s := range get(v, "projected", "sources").List() {
			if t := get(s, "serviceAccountToken"); t.Kind() == plinth.Map && get(t, "audience").IsNull() {
				runs.Note += ", whose token it mounts itself"
				return iam.Always(), runs
			}
		}
	}
	mount := get(l.spec, "automountServiceAccountToken")
	if mount.IsNull() && l.account.resource != nil {
		mount = get(l.account.resource.Props, "automountServiceAccountToken")
	}
	if mount.IsNull() {
		return iam.Always(), runs
	}
	return holds(mount), runs
}

// held is mounted, or that the files hold a token for a cloud at least.
func (l *workload) held() (iam.Formula, plinth.Step) {
	when, runs := l.mounted()
	if when.Never() && l.account.resource != nil {
		for _, key := range cloudIdentities {
			if !get(l.account.resource.Props, "metadata", "annotations", key).IsNull() {
				return iam.If(iam.Fact("the token for the cloud is enough: " + l.address + " mounts none for the API server")), runs
			}
		}
	}
	return when, runs
}

// cloudIdentities are the annotations with which a service account gets a token for a cloud, whether or not it gets one for the API
// server.
var cloudIdentities = [...]string{"eks.amazonaws.com/role-arn", "iam.gke.io/gcp-service-account", "azure.workload.identity/client-id"}

// tellWorkloads tells what containers run in a workload, as whom, and what they do not hold back.
func (c *cluster) tellWorkloads() {
	told := false
	for _, l := range c.workloads {
		when, runs := iam.Formula(nil), plinth.Step{}
		if l.account != nil {
			when, runs = l.held()
		}
		if !when.Never() {
			c.tellToken(l, when, runs)
		}
		for _, x := range l.containers {
			c.to.Node(plinth.Node{ID: x.id, Type: "container", Name: x.name, Address: x.address, At: l.resource.Place(x.value)})
			c.tell(plinth.Relation{
				From: l.id, To: x.id, Kind: plinth.Escalate, Technique: "CONTAINER_ATTACH",
				Evidence: []plinth.Step{step(l.resource, l.resource.Place(x.value), 0, l.address+" runs container "+x.name)},
			})
			if !when.Never() {
				c.tell(plinth.Relation{From: x.id, To: l.account.id, Kind: plinth.RunsAs, Technique: "IDENTITY_ASSUME", When: when.Condition(), Evidence: []plinth.Step{runs}})
			}
			c.escapes(l, x)
		}
		where := iam.If(iam.Fact("a pod of " + l.address + " runs on that node"))
		if l.kind == "DaemonSet" {
			where = iam.Always()
		}
		c.tell(plinth.Relation{
			From: c.nodes(), To: l.id, Kind: plinth.Escalate, Technique: "POD_ATTACH", When: where.Condition(),
			Evidence: []plinth.Step{step(l.resource, l.at, 0, "whoever holds a node holds the pods that run on it")},
		})
		if !told {
			told = true
			c.to.Node(plinth.Node{ID: c.volumes, Type: "volumes", Name: "volumes of pods on a node", Address: "volumes of the pods of a node"})
			c.tell(plinth.Relation{
				From: c.nodes(), To: c.volumes, Kind: plinth.Escalate, Technique: "VOLUME_ACCESS",
				Evidence: []plinth.Step{step(l.resource, l.at, 0, "whoever holds a node reads the volumes of the pods that run on it")},
			})
		}
	}
	if nodes := c.bySubject[rbac.Subject{Kind: "Group", Name: "system:nodes"}]; nodes != nil {
		c.tell(plinth.Relation{
			From: c.nodes(), To: nodes.id, Kind: plinth.Assume, Technique: "IDENTITY_ASSUME",
			Evidence: []plinth.Step{{Note: "the kubelet of every node is in " + nodes.address, At: nodes.at}},
		})
	}
}

// tellToken tells who holds the token that is mounted in a workload's pods.
func (c *cluster) tellToken(l *workload, when iam.Formula, runs plinth.Step) {
	c.tell(plinth.Relation{From: l.id, To: l.account.id, Kind: plinth.RunsAs, Technique: "IDENTITY_ASSUME", When: when.Condition(), Evidence: []plinth.Step{runs}})
	id := plinth.ID(string(l.id) + "/kube-api-access")
	c.to.Node(plinth.Node{ID: id, Type: "volume", Name: "kube-api-access", Address: l.address + "/kube-api-access", At: l.at})
	on := iam.Always()
	if l.kind != "DaemonSet" {
		on = iam.If(iam.Fact("a pod of " + l.address + " runs on that node"))
	}
	c.tell(plinth.Relation{From: c.volumes, To: id, Kind: plinth.Escalate, Technique: "VOLUME_ACCESS", When: on.And(when).Condition(), Evidence: []plinth.Step{runs}})
	c.tell(plinth.Relation{From: id, To: l.account.id, Kind: plinth.Assume, Technique: "TOKEN_STEAL", When: when.Condition(), Evidence: []plinth.Step{runs}})
}
