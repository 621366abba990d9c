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

// scope is where a right counts.
type scope struct {
	cluster   bool // everywhere, and for what has no namespace
	any       bool // in every namespace
	namespace string
}

func (s scope) in(namespace string) bool { return s.cluster || s.any || s.namespace == namespace }

// meet is where both count; ok is false where that is nowhere.
func (s scope) meet(t scope) (both scope, ok bool) {
	switch {
	case s.cluster:
		return t, true
	case t.cluster || t.any:
		return s, true
	case s.any:
		return t, true
	}
	return s, s == t
}

func (s scope) String() string {
	switch {
	case s.cluster:
		return "the cluster"
	case s.any:
		return "any namespace"
	}
	return "namespace " + s.namespace
}

// subject is somebody who holds rights: a user, a group, a service account, or whoever gives himself a role.
type subject struct {
	id      plinth.ID
	address string
	at      plinth.Location
	bounds  []held
	groups  []*subject // those it belongs to that hold rights
	account bool       // it is a service account
	role    bool       // it stands for a role that somebody can give himself
	hits    map[int][]hitAt
}

// held is a role with where it counts and why it is held.
type held struct {
	role  *rbac.Role
	scope scope
	when  iam.Formula
	step  plinth.Step
}

// hit says that a rule of a role is about a right.
type hit struct {
	right *right
	rule  *rbac.Rule
	when  iam.Formula
}

// hitAt is a right that a subject has.
type hitAt struct {
	hit
	scope scope
	steps []plinth.Step
	own   bool // not by a group
}

// findSubjects gathers all whom bindings name, in the order of their names.
func (c *cluster) findSubjects() {
	for _, s := range c.auth.Subjects() {
		list := c.auth.Bound(s)
		if len(list) == 0 {
			continue
		}
		x := c.subject(s, list[0].At)
		if x == nil {
			continue
		}
		for _, b := range list {
			at := b.At
			if at.Line == 0 {
				at = b.Binding.Head()
			}
			h := held{role: b.Role, scope: scope{cluster: b.Namespace == "", namespace: b.Namespace}, when: b.When}
			h.step = step(b.Binding, at, costRight, addressOf(b.Binding)+" gives "+x.address+" "+roleAddress(b.Role))
			x.bounds = append(x.bounds, h)
		}
	}
	for _, x := range c.subjects {
		x.hits = c.hitsOf(x)
	}
	for s, x := range c.bySubject {
		x.groups = c.groupsOf(s)
	}
}

// subject returns the node of somebody whom a binding names, nil for a kind that Kubernetes does not know.
func (c *cluster) subject(s rbac.Subject, at plinth.Location) *subject {
	x := &subject{at: at}
	switch s.Kind {
	case "ServiceAccount":
		namespace, of, ok := s.Account()
		if !ok {
			return nil
		}
		a := c.account(namespace, of, at)
		x.id, x.address, x.at, x.account = a.id, a.address(), a.at, true
	case "User":
		x.id, x.address = plinth.ID("k8s:"+c.name+":user:"+s.Name), "User "+s.Name
		c.to.Node(plinth.Node{ID: x.id, Type: plinth.TypePrincipal, Name: s.Name, Address: x.address, Names: []string{"User/" + s.Name, "user:" + s.Name}, At: at})
	case "Group":
		x = c.group(s.Name, at)
	default:
		return nil
	}
	c.subjects = append(c.subjects, x)
	c.bySubject[s] = x
	return x
}

func (c *cluster) group(of string, at plinth.Location) *subject {
	x := &subject{id: plinth.ClusterGroup(c.name, of), address: "Group " + of, at: at}
	c.to.Node(plinth.Node{ID: x.id, Type: plinth.TypeGroup, Name: of, Address: x.address, Names: []string{"Group/" + of, "group:" + of}, At: at})
	return x
}

// groupsOf returns the groups with rights into which the API server puts a subject by itself.
func (c *cluster) groupsOf(s rbac.Subject) []*subject {
	var names []string
	switch s.Kind {
	case "ServiceAccount":
		namespace, of, _ := s.Account()
		names = rbac.ServiceAccount(namespace, of).Groups
	case "User":
		names = rbac.User(s.Name).Groups
		if s.Name == anonymous {
			names = []string{rbac.Unauthenticated}
		}
	}
	var out []*subject
	for _, n := range names {
		if g := c.bySubject[rbac.Subject{Kind: "Group", Name: n}]; g != nil {
			out = append(out, g)
		}
	}
	return out
}

const anonymous = "system:anonymous"

// tellMembers tells who is in a group by itself, and who from outside is one of the subjects.
func (c *cluster) tellMembers() {
	for _, a := range c.sortedAccounts() {
		for _, g := range c.groupsOf(rbac.AccountSubject(a.namespace, a.name.name)) {
			c.tell(plinth.Relation{From: a.id, To: g.id, Kind: plinth.Member, Evidence: []plinth.Step{step(a.resource, a.at, 0, a.address()+" belongs to "+g.address)}})
		}
	}
	for _, s := range c.auth.Subjects() {
		x := c.bySubject[s]
		if s.Kind != "User" || x == nil {
			continue
		}
		for _, g := range c.groupsOf(s) {
			c.tell(plinth.Relation{From: x.id, To: g.id, Kind: plinth.Member, Evidence: []plinth.Step{{Note: x.address + " belongs to " + g.address, At: x.at}}})
		}
	}
	for _, o := range []struct {
		who  rbac.Subject
		when string
	}{
		{rbac.Subject{Kind: "User", Name: anonymous}, "the API server can be reached and lets requests without credentials in"},
		{rbac.Subject{Kind: "Group", Name: rbac.Unauthenticated}, "the API server can be reached and lets requests without credentials in"},
		{rbac.Subject{Kind: "Group", Name: rbac.Authenticated}, "the API server can be reached and takes the accounts of strangers, as that of Google Kubernetes Engine does"},
	} {
		if x := c.bySubject[o.who]; x != nil {
			c.tell(plinth.Relation{
				From: plinth.Internet, To: x.id, Kind: plinth.Assume, When: plinth.Condition{{o.when}},
				Evidence: []plinth.Step{{Note: "a binding gives rights to " + x.address, At: x.at, Cost: costRight}},
			})
		}
	}
}

func (c *cluster) sortedAccounts() []*account {
	out := make([]*account, 0, len(c.accounts))
	for _, a := range c.accounts {
		out = append(out, a)
	}
	slices.SortFunc(out, func(a, b *account) int { return a.name.compare(b.name) })
	return out
}

// hitsOf returns what a subject may do by the roles that are bound to itself.
func (c *cluster) hitsOf(s *subject) map[int][]hitAt {
	out := map[int][]hitAt{}
	for _, b := range s.bounds {
		for _, h := range c.hitsIn(b.role) {
			if h.right.cluster && !b.scope.cluster {
				continue
			}
			when := h.when.And(b.when)
			steps := []plinth.Step{b.step}
			if h.rule.At.Line > 0 {
				steps = append(steps, step(b.role.Resource, h.rule.At, costRight, roleAddress(b.role)+" allows "+h.right.text))
				if s.role {
					steps = steps[1:]
				}
			}
			out[h.right.index] = append(out[h.right.index], hitAt{hit: hit{h.right, h.rule, when}, scope: b.scope, steps: steps, own: true})
		}
	}
	return out
}

// hitsIn returns which rights of the edges the rules of a role are about.
func (c *cluster) hitsIn(r *rbac.Role) []hit {
	if list, ok := c.inRole[r]; ok {
		return list
	}
	out := []hit{}
	rules := c.auth.Rules(r)
	for i := range rules {
		u := &rules[i]
		for _, want := range c.rights {
			if want.nameless && !u.Names.Empty() {
				continue
			}
			if when := u.Covers(want.verb, want.group, want.resource); !when.Never() {
				out = append(out, hit{want, u, when})
			}
		}
	}
	c.inRole[r] = out
	return out
}

// has returns what a subject may do, that by its groups included.
func (s *subject) has(r *right) []hitAt {
	out := s.hits[r.index]
	for _, g := range s.groups {
		for _, h := range g.hits[r.index] {
			h.own = false
			out = append(out[:len(out):len(out)], h)
		}
	}
	return out
}

// may tells whether a subject has a right in a namespace, under which conditions, and the proof of the first way.
func (s *subject) may(r *right, namespace string) (iam.Formula, []plinth.Step) {
	var when iam.Formula
	var steps []plinth.Step
	for _, h := range s.has(r) {
		if h.scope.in(namespace) && (!r.cluster || h.scope.cluster) {
			if when.Never() {
				steps = h.steps
			}
			when = when.Or(h.when)
		}
	}
	return when, steps
}

// judge tells what a subject's rights lead to.
func (c *cluster) judge(s *subject) {
	if !s.role {
		c.tellRoles(s)
	}
	if c.tellIfAdmin(s) {
		return
	}
	for i := range c.edges {
		if e := &c.edges[i]; !e.container {
			for j := range e.ways {
				c.try(s, e, &e.ways[j])
			}
			c.flush()
		}
	}
}

// tellRoles tells which roles a subject has.
func (c *cluster) tellRoles(s *subject) {
	for _, b := range s.bounds {
		id := plinth.ID("k8s:" + c.name + ":ClusterRole/" + b.role.Name)
		if b.role.Resource != nil {
			id = b.role.Resource.ID
		} else if !c.bound[id] {
			c.bound[id] = true
			c.to.Node(plinth.Node{ID: id, Type: "rbac.authorization.k8s.io/ClusterRole", Name: b.role.Name, Address: roleAddress(b.role), Names: []string{roleAddress(b.role)}})
		}
		c.tell(plinth.Relation{From: s.id, To: id, Kind: plinth.Member, Technique: "PERMISSION_DISCOVER", When: b.when.Condition(), Evidence: []plinth.Step{b.step}})
	}
}

// probes are requests that only one who may do everything is allowed all of: read, change, hand on rights, and something that
// no cluster has yet.
var probes = []struct{ verb, group, resource string }{
	{"get", "", "secrets"},
	{"delete", "apps", "deployments"},
	{"impersonate", "", "users"},
	{"escalate", "rbac.authorization.k8s.io", "clusterroles"},
	{"create", "", "pods/exec"},
	{"patch", "plinth.example", "unheardof"},
	{"unheardof", "plinth.example", "unheardof/too"},
}

// tellIfAdmin tells that a subject administers the cluster where its own roles allow everything; one relation for each role that is
// enough by itself, else one for all together.
func (c *cluster) tellIfAdmin(s *subject) bool {
	if s.id == plinth.ClusterGroup(c.name, rbac.Masters) {
		c.tellAdminOf(s, iam.Always(), []plinth.Step{{Note: s.address + " may do everything, whatever the roles say", At: s.at}})
		return true
	}
	found := false
	var when [64]iam.Formula
	var steps []plinth.Step
	for _, b := range s.bounds {
		if !b.scope.cluster {
			continue
		}
		rules := c.auth.Rules(b.role)
		all, proof := iam.Always(), []plinth.Step{b.step}
		for i, p := range probes {
			var one iam.Formula
			for j := range rules {
				u := &rules[j]
				f := u.Covers(p.verb, p.group, p.resource)
				if !u.Names.Empty() || f.Never() {
					continue
				}
				one = one.Or(f)
				if at := u.At; at.Line > 0 && !slices.ContainsFunc(proof, func(s plinth.Step) bool { return s.At == at }) {
					proof = append(proof, step(b.role.Resource, at, costRight, roleAddress(b.role)+" allows everything, or a part of it"))
				}
			}
			all = all.And(one)
			when[i] = when[i].Or(one.And(b.when))
		}
		if all = all.And(b.when); !all.Never() {
			found = true
			c.tellAdminOf(s, all, proof)
		}
		steps = append(steps, proof...)
	}
	if found || len(s.bounds) < 2 {
		return found
	}
	all := iam.Always()
	for i := range probes {
		all = all.And(when[i])
	}
	if all.Never() {
		return false
	}
	c.tellAdminOf(s, all, steps)
	return true
}

func (c *cluster) tellAdminOf(s *subject, when iam.Formula, steps []plinth.Step) {
	if steps[0].At.Line == 0 {
		steps[0].At = s.at
	}
	c.tell(plinth.Relation{From: s.id, To: c.admin(steps[0]), Kind: plinth.Admin, When: when.Condition(), Evidence: steps})
}

// admin returns the node of whoever administers the cluster.
func (c *cluster) admin(proof plinth.Step) plinth.ID {
	id := plinth.ClusterAdmin(c.name)
	if c.adminProof == nil {
		c.adminProof = &plinth.Step{Note: "whoever administers the cluster may do everything in it", At: proof.At, Resource: proof.Resource}
		label := "administrator of the cluster"
		if c.name != "" {
			label += " " + c.name
		}
		c.to.Node(plinth.Node{ID: id, Type: plinth.TypeAdmin, Name: "admin", Address: label, At: proof.At})
	}
	return id
}

// boundRole returns the node of whoever gives himself a role, and sees to it that its rights are followed when it is new and they
// are to be followed.
func (c *cluster) boundRole(r *rbac.Role, in scope, proof plinth.Step, follow bool) plinth.ID {
	id := plinth.ID(fmt.Sprintf("k8s:%s:bound:%s", c.name, roleAddress(r)))
	address := roleAddress(r) + ", given to oneself"
	if r.Namespace == "" && !in.cluster {
		id += plinth.ID(" in " + cmp.Or(in.namespace, "*"))
		address += " in " + in.String()
	}
	if !c.bound[id] {
		c.bound[id] = true
		c.to.Node(plinth.Node{ID: id, Type: "role-binding", Name: r.Name, Address: address, At: proof.At})
	}
	if key := id + " followed"; follow && !c.bound[key] {
		c.bound[key] = true
		s := &subject{id: id, address: address, at: proof.At, role: true}
		proof.Cost, proof.Note = 0, roleAddress(r)+" counts in "+in.String()+" once it is given"
		s.bounds = []held{{role: r, scope: in, when: iam.Always(), step: proof}}
		s.hits = c.hitsOf(s)
		c.todo = append(c.todo, s)
	}
	return id
}

func roleAddress(r *rbac.Role) string {
	if r.Namespace == "" {
		return "ClusterRole/" + r.Name
	}
	return "Role/" + r.Namespace + "/" + r.Name
}

// addressOf is how a user calls a resource.
func addressOf(r *plinth.Resource) string {
	if r.Decl != nil && r.Decl.Address != "" {
		return r.Decl.Address
	}
	_, kind, _ := strings.Cut(r.Type, "/")
	return kind + " " + r.Name
}
