package kube

import (
	"fmt"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/engine/attack/technique"
)

// edge is one technique of rules/edges/kubernetes.yaml.
type edge struct {
	id, title          string
	kind               plinth.RelationKind
	container          bool // starts at a container; else at a subject
	ways               []way
	positive, negative string
}

// way is one way to use a technique.
type way struct {
	to     targetKind
	only   string // a kind of controllers: the targets are these, or the namespaces that have one
	when   string
	rights []*right // of a subject; the last one is about the targets
	names  []string // that the last right must be about, where its rule is restricted
	setting
}

// setting is what a container must have, all of it.
type setting struct {
	privileged, hostPID, unconfined, root, writable, shared bool
	capabilities                                            []string
	mounts, except                                          []string // patterns of paths of the node
	identity                                                []*right // of which the pod's identity has one
}

// targetKind says what a technique leads to.
type targetKind string

const (
	toPods         targetKind = "pods"
	toControllers  targetKind = "controllers"
	toNewPods      targetKind = "new-pods"
	toTokens       targetKind = "tokens"
	toAccounts     targetKind = "accounts"
	toSecrets      targetKind = "secrets"
	toUsers        targetKind = "users"
	toGroups       targetKind = "groups"
	toRoles        targetKind = "roles"
	toClusterRoles targetKind = "cluster-roles"
	toRolesInside  targetKind = "cluster-roles-in-namespace"
	toOwnRoles     targetKind = "own-roles"
	toOwnCluster   targetKind = "own-cluster-roles"
	toNodes        targetKind = "nodes"
	toAdmin        targetKind = "admin"
	toNodeVolumes  targetKind = "node-volumes"
	toSiblings     targetKind = "siblings"
)

// right is a verb on a resource.
type right struct {
	text                  string
	verb, group, resource string // resource with its subresource: pods/exec
	cluster               bool   // the resource has no namespace
	nameless              bool   // requests name no object, so that a rule with names never lets them
	index                 int
}

// clusterWide are the resources of rights that have no namespace. The verb bind is asked for in the namespace of the binding.
var clusterWide = map[string]bool{
	"users": true, "groups": true, "nodes": true, "clusterroles": true, "clusterrolebindings": true, "persistentvolumes": true, "signers": true,
	"certificatesigningrequests": true, "mutatingwebhookconfigurations": true,
}

// book is all edges, with their rights, each once.
type book struct {
	edges  []edge
	rights []*right
	known  map[string]*right
}

// load reads the edges that come with the product, in the order of the file.
func load() (*book, error) {
	b := &book{known: map[string]*right{}}
	err := technique.Read("kubernetes.yaml", func(id string, v plinth.Value) error {
		e, err := b.edge(id, v)
		b.edges = append(b.edges, e)
		return err
	})
	return b, err
}

func (b *book) edge(id string, v plinth.Value) (edge, error) {
	e := edge{
		id: id, title: text(v, "title"), kind: plinth.RelationKind(text(v, "kind")), container: text(v, "from") == "container",
		positive: text(v, "positive"), negative: text(v, "negative"),
	}
	for _, w := range get(v, "any").List() {
		one := way{to: targetKind(text(w, "to")), when: text(w, "when"), names: texts(get(w, "names"))}
		if one.to == "" {
			one.to = targetKind(text(v, "to"))
		}
		kind, only, _ := strings.Cut(string(one.to), ":")
		one.to, one.only = targetKind(kind), only
		var err error
		if one.rights, err = b.rightsOf(get(w, "rights")); err != nil {
			return e, err
		}
		one.setting = setting{
			privileged: get(w, "privileged").Bool(), hostPID: get(w, "hostPID").Bool(), unconfined: get(w, "unconfined").Bool(), root: get(w, "root").Bool(),
			writable: get(w, "writable").Bool(), shared: get(w, "sharedProcesses").Bool(), capabilities: texts(get(w, "capabilities")),
			mounts: texts(get(w, "mounts")), except: texts(get(w, "except")),
		}
		if one.identity, err = b.rightsOf(get(w, "identity")); err != nil {
			return e, err
		}
		if e.container == (len(one.rights) > 0) {
			return e, fmt.Errorf("a way from a subject has rights, one from a container has none")
		}
		e.ways = append(e.ways, one)
	}
	return e, nil
}

func (b *book) rightsOf(v plinth.Value) ([]*right, error) {
	var out []*right
	for _, s := range texts(v) {
		r, err := b.right(s)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

// right reads VERB RESOURCE.GROUP/SUBRESOURCE.
func (b *book) right(s string) (*right, error) {
	if r := b.known[s]; r != nil {
		return r, nil
	}
	verb, object, ok := strings.Cut(s, " ")
	if !ok {
		return nil, fmt.Errorf("%q is no verb with a resource", s)
	}
	object, sub, nested := strings.Cut(object, "/")
	resource, group, _ := strings.Cut(object, ".")
	r := &right{text: s, verb: verb, group: group, resource: resource, cluster: clusterWide[resource] && verb != "bind", index: len(b.rights)}
	r.nameless = verb == "create" && !nested
	if nested {
		r.resource += "/" + sub
	}
	b.known[s] = r
	b.rights = append(b.rights, r)
	return r, nil
}
