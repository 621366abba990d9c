package kube

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/iam"
	"github.com/plinthsec/plinth/internal/iam/rbac"
)

// claim is one proven use of a technique: what a subject's rules let it do, before it is said to whom.
type claim struct {
	subject *subject
	edge    *edge
	way     *way
	scope   scope
	names   iam.Texts // of the objects; empty: all
	when    iam.Formula
	steps   []plinth.Step
	key     string // the places of the steps
}

// try tells a technique by one way, for each combination of rules that gives its rights.
func (c *cluster) try(s *subject, e *edge, w *way) {
	lists := make([][]hitAt, len(w.rights))
	total := 1
	for i, r := range w.rights {
		lists[i] = s.hits[r.index]
		if len(w.rights) > 1 {
			lists[i] = s.has(r)
		}
		if total *= len(lists[i]); total == 0 {
			return
		}
	}
	combo := make([]hitAt, len(lists))
	for n := range min(total, maxWays) {
		own := false
		for i, list := range lists {
			combo[i] = list[n%len(list)]
			n /= len(list)
			own = own || combo[i].own
		}
		if !own {
			continue // it is the group's
		}
		if k, ok := join(s, e, w, combo); ok {
			c.lead(k)
		}
	}
}

// join tells where all rights of a way count together.
func join(s *subject, e *edge, w *way, combo []hitAt) (*claim, bool) {
	k := &claim{subject: s, edge: e, way: w, scope: scope{cluster: true}, when: iam.Always()}
	for i, h := range combo {
		if !w.rights[i].cluster {
			var ok bool
			if k.scope, ok = k.scope.meet(h.scope); !ok {
				return nil, false
			}
		}
		if k.when = k.when.And(h.when); k.when.Never() {
			return nil, false
		}
		k.steps = appendSteps(k.steps, h.steps)
	}
	last := combo[len(combo)-1]
	k.names = last.rule.Names
	if w.rights[len(w.rights)-1].nameless {
		k.names = iam.Texts{}
	}
	if len(w.names) > 0 && !k.names.Empty() {
		if k.when = k.when.And(k.names.Match(func(n string) bool { return slices.Contains(w.names, n) })); k.when.Never() {
			return nil, false
		}
		k.names = iam.Texts{}
	}
	if w.when != "" {
		k.when = k.when.And(iam.If(iam.Fact(w.when)))
	}
	return k, true
}

// appendSteps adds what is not there yet: what two steps say of one place becomes one step.
func appendSteps(to, more []plinth.Step) []plinth.Step {
	for _, p := range more {
		i := slices.IndexFunc(to, func(s plinth.Step) bool { return s.At == p.At })
		switch {
		case i < 0:
			to = append(to, p)
		case to[i].Note != p.Note:
			to[i].Note += "; " + p.Note
		}
	}
	return to
}

// lead tells the relations of a claim.
func (c *cluster) lead(k *claim) {
	switch k.way.to {
	case toNodes:
		c.say(k, c.nodes(), k.when)
	case toAdmin:
		c.say(k, c.admin(k.steps[0]), k.when)
	case toRoles, toRolesInside, toClusterRoles:
		c.leadToRoles(k)
	case toOwnRoles, toOwnCluster:
		c.leadToOwn(k)
	case toUsers:
		for _, s := range c.auth.Subjects() {
			if x := c.bySubject[s]; s.Kind == "User" && x != nil && x != k.subject {
				c.sayNamed(k, x.id, s.Name)
			}
		}
	case toGroups:
		c.leadToGroups(k)
	default:
		c.leadToObjects(k)
	}
}

// said is a relation that waits for other rights that the same places give.
type said struct {
	plinth.Relation
	when iam.Formula
}

// say notes a relation. Where the same rules give it by another right as well, it is one relation with both.
func (c *cluster) say(k *claim, to plinth.ID, when iam.Formula) {
	if when.Never() || to == k.subject.id && k.way.to != toTokens {
		return
	}
	if k.key == "" {
		k.key = placesOf(k.steps)
	}
	key := saidKey{to, k.key}
	i, ok := c.waiting[key]
	if !ok {
		i = len(c.said)
		c.waiting[key] = i
		c.said = append(c.said, said{Relation: plinth.Relation{From: k.subject.id, To: to, Kind: k.edge.kind, Technique: k.edge.id, Evidence: k.steps}})
	}
	r := &c.said[i]
	switch {
	case r.when.Always() && !when.Always():
		return
	case when.Always() && !r.when.Always():
		r.Permissions, r.Evidence = nil, k.steps
	}
	r.when = r.when.Or(when)
	for _, w := range k.way.rights {
		if !slices.Contains(r.Permissions, w.text) {
			r.Permissions = append(r.Permissions[:len(r.Permissions):len(r.Permissions)], w.text)
		}
	}
}

type saidKey struct {
	to    plinth.ID
	proof string
}

func placesOf(steps []plinth.Step) string {
	var b strings.Builder
	for _, s := range steps {
		fmt.Fprintf(&b, "%s:%d:%d ", s.At.Path, s.At.Line, s.At.Col)
	}
	return b.String()
}

// flush tells the relations of one technique of one subject.
func (c *cluster) flush() {
	for i := range c.said {
		r := &c.said[i]
		r.When = r.when.Condition()
		c.tell(r.Relation)
	}
	c.said = c.said[:0]
	clear(c.waiting)
}

func (c *cluster) sayNamed(k *claim, to plinth.ID, of string) {
	when := k.when
	if !k.names.Empty() {
		when = when.And(k.names.Match(func(n string) bool { return n == of }))
	}
	c.say(k, to, when)
}

func (c *cluster) leadToGroups(k *claim) {
	masters := false
	for _, s := range c.auth.Subjects() {
		if x := c.bySubject[s]; s.Kind == "Group" && x != nil && x != k.subject {
			c.sayNamed(k, x.id, s.Name)
			masters = masters || s.Name == rbac.Masters
		}
	}
	when := k.when
	if !k.names.Empty() {
		when = when.And(k.names.Match(func(n string) bool { return n == rbac.Masters }))
	}
	if masters || when.Never() {
		return
	}
	g := c.group(rbac.Masters, k.steps[0].At)
	c.say(k, g.id, when)
	if !c.bound[g.id] {
		c.bound[g.id] = true
		c.tellIfAdmin(g)
	}
}

// leadToRoles tells the roles that a subject can give itself. Of the roles of the whole cluster, the one that allows everything
// is followed where it is among them: it leads to all that the others lead to.
func (c *cluster) leadToRoles(k *claim) {
	wide := k.names.Empty() && k.way.to != toRoles
	for _, r := range c.auth.Roles() {
		in := k.scope
		switch {
		case k.subject.role && wide && r.Name != clusterAdmin, k.subject.role && k.subject.bounds[0].role.Name == clusterAdmin && wide:
			continue // whoever gives himself a role that gives roles needs no more than the widest
		case (k.way.to == toRoles) != (r.Namespace != ""), k.way.to == toClusterRoles && !k.scope.cluster:
			continue
		case k.way.to == toRoles && !k.scope.in(r.Namespace):
			continue
		case r.Resource == nil && r.Name != clusterAdmin && k.names.Empty():
			continue
		case k.way.to == toRoles:
			in = scope{namespace: r.Namespace}
		case k.way.to == toRolesInside && in.cluster:
			in = scope{any: true}
		}
		when := k.when
		if !k.names.Empty() {
			if when = when.And(k.names.Match(func(n string) bool { return n == r.Name })); when.Never() {
				continue
			}
		}
		c.say(k, c.boundRole(r, in, k.steps[0], !wide || r.Name == clusterAdmin), when)
	}
}

const clusterAdmin = "cluster-admin"

// leadToOwn tells that a subject can write any right into a role that it has, which makes it what cluster-admin is there.
func (c *cluster) leadToOwn(k *claim) {
	for _, b := range k.subject.bounds {
		if (k.way.to == toOwnRoles) != (b.role.Namespace != "") || !k.scope.in(b.role.Namespace) && b.role.Namespace != "" {
			continue
		}
		when := k.when.And(b.when)
		if !k.names.Empty() {
			when = when.And(k.names.Match(func(n string) bool { return n == b.role.Name }))
		}
		if when.Never() {
			continue
		}
		if b.scope.cluster {
			c.say(k, c.admin(k.steps[0]), when)
			continue
		}
		for _, r := range c.auth.Roles() {
			if r.Namespace == "" && r.Name == clusterAdmin {
				c.say(k, c.boundRole(r, b.scope, k.steps[0], true), when)
			}
		}
	}
}

// leadToObjects tells the objects of the namespaces where a claim holds. Many are told through a node that stands for all.
func (c *cluster) leadToObjects(k *claim) {
	list := c.targetsOf(k.way).of(k.scope)
	if len(list) > maxDirect && k.names.Empty() {
		c.say(k, c.fan(k, list), k.when)
		return
	}
	for i := range list {
		t := &list[i]
		when := k.when.And(t.when)
		if !k.names.Empty() {
			when = when.And(k.names.Match(t.named))
		}
		c.say(k, t.id, when)
	}
}

// fan returns the node that stands for the targets of a technique in a scope.
func (c *cluster) fan(k *claim, list []target) plinth.ID {
	where := cmp.Or(k.scope.namespace, "*")
	id := plinth.ID("k8s:" + c.name + ":" + strings.ToLower(k.edge.id) + ":" + string(k.way.to) + k.way.only + ":" + where)
	if c.fans[id] {
		return id
	}
	c.fans[id] = true
	c.to.Node(plinth.Node{ID: id, Type: "objects", Name: where, Address: string(k.way.to) + " of " + k.scope.String()})
	for i := range list {
		t := &list[i]
		c.tell(plinth.Relation{
			From: id, To: t.id, Kind: k.edge.kind, Technique: k.edge.id, When: t.when.Condition(),
			Evidence: []plinth.Step{{Note: t.address + " is one of the " + string(k.way.to) + " of " + k.scope.String(), At: t.at, Resource: t.address}},
		})
	}
	return id
}

// nodes returns the node of all machines of the cluster.
func (c *cluster) nodes() plinth.ID {
	id := plinth.ClusterNodes(c.name)
	if !c.bound[id] {
		c.bound[id] = true
		c.to.Node(plinth.Node{ID: id, Type: plinth.TypeClusterNode, Name: "*", Address: strings.TrimSpace("any node of the cluster " + c.name)})
	}
	return id
}
