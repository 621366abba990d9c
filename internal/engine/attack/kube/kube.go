// Package kube tells what an attacker inside a Kubernetes cluster can get at: what the rights of a user, a group or a service
// account lead to, which pods run as whom, and which containers do not hold what runs in them.
//
// Techniques are data (rules/edges/kubernetes.yaml). Each project is a cluster of its own. What an object says is taken as what
// the API server has; what a manifest leaves open is a condition of the relation. Many targets of one right are told through a
// node that stands for them, so that the relations grow with the objects and not with their product.
package kube

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/graph"
	"github.com/plinthsec/plinth/internal/iam"
	"github.com/plinthsec/plinth/internal/iam/rbac"
	"github.com/plinthsec/plinth/internal/reach"
)

// Limits.
const (
	maxDirect    = 100     // targets of one right that a subject leads to without a node in between
	maxWays      = 64      // combinations of rules that are tried for one way of a technique
	maxRelations = 2000000 // of one cluster: beyond it the answer is of no use to anybody
	maxSiblings  = 64      // containers of one pod that are told to see each other
)

// Costs of changing a place, as plinth.Step tells them.
const (
	costRight    = 1 // a rule or a binding that is too wide
	costSetting  = 2 // a setting of a container
	costIdentity = 4 // which identity a pod runs as
	costExposure = 4
)

// Relate tells all relations of the clusters that a scene describes. The error is that of ctx, or a fault in the product's own
// data.
func Relate(ctx context.Context, s *graph.Scene, to graph.Sink) error {
	clusters := map[string][]*plinth.Resource{}
	for _, r := range s.Resources() {
		if strings.HasPrefix(string(r.ID), "k8s:") && !r.External {
			clusters[r.Project] = append(clusters[r.Project], r)
		}
	}
	principals := principalsOf(s.Resources())
	grants := grantsOf(s, principals)
	if len(clusters) != 1 {
		tellBare(grants, to)
		grants = nil
	}
	if len(clusters) == 0 {
		return ctx.Err()
	}
	edges, err := load()
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(clusters)) {
		c := newCluster(name, edges, clusters[name], to)
		c.principals, c.grants = principals, grants
		if err := c.relate(ctx); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// name is namespace and name of an object.
type name struct{ namespace, name string }

func (n name) compare(m name) int {
	return cmp.Or(cmp.Compare(n.namespace, m.namespace), cmp.Compare(n.name, m.name))
}

// cluster is what one project declares.
type cluster struct {
	*book
	name    string
	to      graph.Sink
	objects []*plinth.Resource
	auth    *rbac.Authorizer

	spaces     map[string]*plinth.Resource // namespaces that are declared
	mentioned  map[string]plinth.Location  // where each namespace is first heard of
	accounts   map[name]*account
	secrets    []*plinth.Resource
	disks      map[name]*plinth.Resource // volumes of the node, by their claims
	keys       map[name][]string         // names of the secrets that hold a token of an account
	workloads  []*workload
	subjects   []*subject
	bySubject  map[rbac.Subject]*subject
	inRole     map[*rbac.Role][]hit
	targets    map[targetKind]*targets
	bound      map[plinth.ID]bool // virtual nodes that are told
	todo       []*subject         // roles that somebody can give himself
	fans       map[plinth.ID]bool
	volumes    plinth.ID // whoever reads the volumes of pods on a node
	adminProof *plinth.Step
	relations  int
	said       []said
	waiting    map[saidKey]int         // which of said
	principals map[plinth.ID]plinth.ID // of AWS, by role/NAME
	grants     []grant                 // of AWS, where this is the only cluster
}

// account is a service account, declared or not.
type account struct {
	name
	id       plinth.ID
	resource *plinth.Resource // nil where it is only named
	at       plinth.Location
}

func (a *account) address() string { return "ServiceAccount/" + a.namespace + "/" + a.name.name }

func newCluster(project string, b *book, objects []*plinth.Resource, to graph.Sink) *cluster {
	c := &cluster{
		book: b, name: project, to: to, objects: objects, auth: rbac.New(objects), spaces: map[string]*plinth.Resource{}, mentioned: map[string]plinth.Location{},
		accounts: map[name]*account{}, keys: map[name][]string{}, disks: map[name]*plinth.Resource{}, bySubject: map[rbac.Subject]*subject{}, inRole: map[*rbac.Role][]hit{},
		targets: map[targetKind]*targets{}, bound: map[plinth.ID]bool{}, fans: map[plinth.ID]bool{}, waiting: map[saidKey]int{}, volumes: plinth.ID("k8s:" + project + ":node-volumes"),
	}
	for _, r := range objects {
		switch {
		case r.Type == "core/Namespace":
			if c.spaces[r.Name] == nil {
				c.spaces[r.Name] = r
			}
			c.mention(r.Name, r.Head())
		case r.Type == "core/ServiceAccount":
			c.declare(r)
		case text(r.Props, "metadata", "namespace") != "", r.Type == "rbac.authorization.k8s.io/RoleBinding":
			c.mention(namespaceOf(r), r.Head())
		}
	}
	for _, r := range objects {
		if r.Type == "core/Secret" {
			c.secret(r)
		}
	}
	c.findDisks()
	c.findWorkloads()
	c.findSubjects()
	return c
}

func (c *cluster) mention(namespace string, at plinth.Location) {
	if _, ok := c.mentioned[namespace]; !ok {
		c.mentioned[namespace] = at
	}
}

func (c *cluster) declare(r *plinth.Resource) {
	n := name{namespaceOf(r), r.Name}
	if a := c.accounts[n]; a == nil || a.resource == nil {
		c.accounts[n] = &account{name: n, id: r.ID, resource: r, at: r.Head()}
	}
	c.mention(n.namespace, r.Head())
}

// account returns a service account, which is told as a node where nobody declares it.
func (c *cluster) account(namespace, of string, at plinth.Location) *account {
	n := name{namespace, of}
	if a := c.accounts[n]; a != nil {
		return a
	}
	a := &account{name: n, id: plinth.ID("k8s:" + c.name + "#ServiceAccount/" + namespace + "/" + of), at: at}
	c.accounts[n] = a
	c.mention(namespace, at)
	c.to.Node(plinth.Node{ID: a.id, Type: "core/ServiceAccount", Name: of, Address: a.address(), Names: []string{a.address()}, At: at})
	return a
}

// secret notes a Secret and whose token it holds.
func (c *cluster) secret(r *plinth.Resource) {
	c.secrets = append(c.secrets, r)
	c.mention(namespaceOf(r), r.Head())
	if text(r.Props, "type") != "kubernetes.io/service-account-token" {
		return
	}
	if of := text(r.Props, "metadata", "annotations", "kubernetes.io/service-account.name"); of != "" {
		a := c.account(namespaceOf(r), of, r.Head())
		c.keys[a.name] = append(c.keys[a.name], r.Name)
	}
}

func (c *cluster) relate(ctx context.Context) error {
	c.makeTargets()
	c.tellMembers()
	for _, s := range c.subjects {
		if err := ctx.Err(); err != nil {
			return err
		}
		c.judge(s)
	}
	for len(c.todo) > 0 {
		s := c.todo[0]
		c.todo = c.todo[1:]
		if err := ctx.Err(); err != nil {
			return err
		}
		c.judge(s)
	}
	c.tellWorkloads()
	c.tellNewPods()
	c.tellServices()
	c.tellMapped()
	c.tellGrants(c.grants)
	c.tellAdmin()
	return ctx.Err()
}

// tell hands over a relation, unless there are too many.
func (c *cluster) tell(r plinth.Relation) {
	c.relations++
	switch {
	case c.relations < maxRelations:
		c.to.Relation(r)
	case c.relations == maxRelations:
		c.to.Problem(plinth.Problem{Kind: plinth.Limit, At: r.Evidence[0].At, Text: "more than 2,000,000 relations in one cluster; the others are left out"})
	}
}

// step is a piece of evidence about a resource.
func step(r *plinth.Resource, at plinth.Location, cost uint8, note string) plinth.Step {
	s := plinth.Step{Note: note, At: at, Cost: cost}
	if r != nil && r.Decl != nil {
		s.Resource = r.Decl.Address
	}
	return s
}

func get(v plinth.Value, path ...string) plinth.Value {
	out, _ := v.At(path...)
	return out
}

// text returns the scalar text at a path of a value, "" where there is none or it is unknown.
func text(v plinth.Value, path ...string) string {
	at := get(v, path...)
	switch at.Kind() {
	case plinth.String:
		return at.Str()
	case plinth.Bool, plinth.Number:
		return at.String()
	}
	return ""
}

func texts(v plinth.Value) []string {
	var out []string
	for _, e := range v.List() {
		out = append(out, e.Str())
	}
	return out
}

func namespaceOf(r *plinth.Resource) string {
	if ns := text(r.Props, "metadata", "namespace"); ns != "" {
		return ns
	}
	return "default"
}

// holds tells whether a value is true.
func holds(v plinth.Value) iam.Formula {
	switch {
	case v.IsUnknown():
		return iam.If(iam.Because(v.Why()...))
	case v.Bool():
		return iam.Always()
	}
	return nil
}

// template is the metadata and spec of the pods that an object runs.
func template(r *plinth.Resource) (meta, spec plinth.Value, ok bool) { return reach.Template(r) }
