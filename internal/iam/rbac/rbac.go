// Package rbac tells what role-based access control of Kubernetes lets whom do.
//
// There is no deny: an identity has the union of the rules of all roles that are bound to it or to a group of it
// (https://kubernetes.io/docs/reference/access-authn-authz/rbac/). What manifests leave unknown stays unknown with its causes.
package rbac

import (
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/iam"
)

const (
	group         = "rbac.authorization.k8s.io"
	accountPrefix = "system:serviceaccount:"
	maxNested     = 16 // roles that are aggregated into others; Kubernetes' own chain has three
)

// Groups that the API server itself puts callers into.
const (
	Masters         = "system:masters" // may do everything, without any role
	Authenticated   = "system:authenticated"
	Unauthenticated = "system:unauthenticated"
	ServiceAccounts = "system:serviceaccounts"
)

// Identity is a caller: a user with its groups.
type Identity struct {
	Name   string
	Groups []string
}

// ServiceAccount is the identity of the pods that run under a service account.
func ServiceAccount(namespace, name string) Identity {
	return Identity{Name: accountPrefix + namespace + ":" + name, Groups: []string{ServiceAccounts, ServiceAccounts + ":" + namespace, Authenticated}}
}

// User is the identity of a signed-in user.
func User(name string, groups ...string) Identity {
	return Identity{Name: name, Groups: append(slices.Clip(groups), Authenticated)}
}

// Anonymous is the identity of a request without credentials.
func Anonymous() Identity {
	return Identity{Name: "system:anonymous", Groups: []string{Unauthenticated}}
}

// Request is one question. Resource is plural, a subresource behind a slash: pods/exec. Namespace is "" for objects without one and
// for all namespaces. Name is "" where the request names no object: create, and list without a field selector. Path stands alone.
//
// Impersonating is the verb impersonate on users, groups or userextras (which have no namespace), or on serviceaccounts in theirs.
type Request struct {
	Verb, Group, Resource, Namespace, Name string
	Path                                   string // of a request that is about no resource: /metrics
}

// Grant is one rule that an identity has.
type Grant struct {
	Binding   *plinth.Resource // nil for what system:masters has
	Role      *plinth.Resource // nil for a role that every cluster has
	RoleName  string
	Rule      Rule
	Namespace string      // in which it counts; "": everywhere, and for what has none
	When      iam.Formula // what must hold for the identity to have it
}

// Allows tells under which conditions the grant lets a request.
func (g *Grant) Allows(r Request) iam.Formula {
	if g.Namespace != "" && (g.Namespace != r.Namespace || r.Path != "") {
		return nil
	}
	return g.When.And(g.Rule.allows(r))
}

// Answer is what the roles say to a request: under which conditions it is allowed, and by which grants.
type Answer struct {
	When iam.Formula
	By   []Grant
}

// Authorizer knows the roles and bindings of one cluster. It is immutable and safe for concurrent use.
type Authorizer struct {
	roles    map[key]*Role
	names    []string // of the cluster roles, sorted
	bindings []binding
	naming   map[Subject][]named // who is bound by what
}

type key struct{ namespace, name string } // namespace "" for a ClusterRole

// Role is a Role or a ClusterRole.
type Role struct {
	Resource        *plinth.Resource // nil for one that every cluster has
	Namespace, Name string           // Namespace is "" for a ClusterRole

	labels plinth.Value
	rules  []Rule
	picks  []plinth.Value // label selectors of the roles that make up this one
	sums   bool           // it has an aggregation rule
}

type binding struct {
	from      *plinth.Resource
	namespace string
	role      key
	open      iam.Formula // what must hold for it to bind that role
	subjects  []subject
}

type subject struct {
	Subject // Kind is "" where it is not known
	open    iam.Formula
	at      plinth.Location
}

type named struct{ binding, subject int32 }

// New reads the roles and bindings among the objects of a cluster; other objects are passed over.
func New(objects []*plinth.Resource) *Authorizer {
	a := &Authorizer{roles: builtin(), naming: map[Subject][]named{}}
	for _, o := range objects {
		switch o.Type {
		case group + "/ClusterRole":
			a.roles[key{"", objectName(o)}] = newRole(o, "", objectName(o), o.Props)
		case group + "/Role":
			a.roles[key{namespaceOf(o), objectName(o)}] = newRole(o, namespaceOf(o), objectName(o), o.Props)
		case group + "/ClusterRoleBinding":
			a.bindings = append(a.bindings, newBinding(o, ""))
		case group + "/RoleBinding":
			a.bindings = append(a.bindings, newBinding(o, namespaceOf(o)))
		}
	}
	for k := range a.roles {
		if k.namespace == "" {
			a.names = append(a.names, k.name)
		}
	}
	slices.Sort(a.names)
	for i := range a.bindings {
		for j, s := range a.bindings[i].subjects {
			if s.Kind != "" {
				a.naming[s.Subject] = append(a.naming[s.Subject], named{int32(i), int32(j)})
			}
		}
	}
	return a
}

func objectName(o *plinth.Resource) string {
	if v, ok := o.Props.At("metadata", "name"); ok && v.Kind() == plinth.String {
		return v.Str()
	}
	return o.Name
}

func namespaceOf(o *plinth.Resource) string {
	if v, ok := o.Props.At("metadata", "namespace"); ok && v.Str() != "" {
		return v.Str()
	}
	return "default"
}

func newRole(from *plinth.Resource, namespace, name string, props plinth.Value) *Role {
	r := &Role{Resource: from, Namespace: namespace, Name: name}
	r.labels, _ = props.At("metadata", "labels")
	rules, _ := props.Get("rules")
	for _, v := range rules.List() {
		r.rules = append(r.rules, newRule(v))
	}
	if rules.IsUnknown() {
		r.rules = append(r.rules, Rule{open: iam.Because(rules.Why()...)})
	}
	sum, _ := props.Get("aggregationRule")
	r.sums = !sum.IsNull()
	selectors, _ := sum.Get("clusterRoleSelectors")
	r.picks = selectors.List()
	return r
}

func newBinding(from *plinth.Resource, namespace string) binding {
	b := binding{from: from, namespace: namespace, open: iam.Always()}
	kind, _ := from.Props.At("roleRef", "kind")
	name, _ := from.Props.At("roleRef", "name")
	b.role.name = name.Str()
	if kind.Str() == "Role" {
		b.role.namespace = namespace
	}
	for _, v := range []plinth.Value{kind, name} {
		if v.IsUnknown() {
			b.open = b.open.And(iam.If(iam.Because(v.Why()...)))
		}
	}
	subjects, _ := from.Props.Get("subjects")
	for _, v := range subjects.List() {
		b.subjects = append(b.subjects, newSubject(v, namespace))
	}
	return b
}

func newSubject(v plinth.Value, namespace string) subject {
	kind, _ := v.Get("kind")
	name, _ := v.Get("name")
	in, _ := v.Get("namespace")
	s := subject{Subject: Subject{kind.Str(), name.Str()}, open: iam.Always()}
	if o := v.Origin(); o != nil {
		s.at = o.At
	}
	for _, part := range []plinth.Value{v, kind, name, in} {
		if part.IsUnknown() {
			s.Kind, s.open = "", s.open.And(iam.If(iam.Because(part.Why()...)))
		}
	}
	if s.Kind == "ServiceAccount" {
		if in.Str() != "" {
			namespace = in.Str()
		}
		s.Name = accountPrefix + namespace + ":" + s.Name
	}
	return s
}

// is tells under which conditions the subject is the identity.
func (s *subject) is(who *Identity) iam.Formula {
	switch {
	case s.Kind == "" && !s.open.Always():
		return s.open
	case s.Kind == "Group" && slices.Contains(who.Groups, s.Name), (s.Kind == "User" || s.Kind == "ServiceAccount") && s.Name == who.Name:
		return iam.Always()
	}
	return nil
}

// Identities are the users, groups and service accounts that the bindings name, sorted: a group as its name behind "group:".
func (a *Authorizer) Identities() []string {
	var out []string
	for _, b := range a.bindings {
		for _, s := range b.subjects {
			switch s.Kind {
			case "Group":
				out = append(out, "group:"+s.Name)
			case "User", "ServiceAccount":
				out = append(out, s.Name)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Grants lists the rules that an identity has, in the order of the bindings.
func (a *Authorizer) Grants(who Identity) []Grant {
	var out []Grant
	if slices.Contains(who.Groups, Masters) {
		all := iam.Texts{Known: []string{"*"}}
		out = append(out, Grant{RoleName: Masters, When: iam.Always(), Rule: Rule{Verbs: all, Groups: all, Resources: all, Paths: all}})
	}
	for i := range a.bindings {
		b := &a.bindings[i]
		var named iam.Formula
		for j := range b.subjects {
			named = named.Or(b.subjects[j].is(&who))
		}
		if named = named.And(b.open); named.Never() {
			continue
		}
		r := a.roles[b.role]
		if r == nil {
			continue
		}
		for _, rule := range a.rules(r, 0, map[*Role]bool{}) {
			out = append(out, Grant{Binding: b.from, Role: r.Resource, RoleName: b.role.name, Rule: rule, Namespace: b.namespace, When: named})
		}
	}
	return out
}

// rules are the rules of a role: its own, or those of the roles that it sums up, which replace them.
func (a *Authorizer) rules(r *Role, depth int, seen map[*Role]bool) []Rule {
	if !r.sums {
		return r.rules
	}
	seen[r] = true
	var out []Rule
	for _, name := range a.names {
		part := a.roles[key{"", name}]
		if seen[part] || depth == maxNested || !slices.ContainsFunc(r.picks, func(s plinth.Value) bool { return selects(s, part.labels) }) {
			continue
		}
		out = append(out, a.rules(part, depth+1, seen)...)
	}
	return out
}

// Decide answers a request.
func (a *Authorizer) Decide(who Identity, r Request) Answer {
	var out Answer
	for _, g := range a.Grants(who) {
		if when := g.Allows(r); !when.Never() {
			out.When = out.When.Or(when)
			out.By = append(out.By, g)
		}
	}
	return out
}

// selects tells whether a label selector matches for certain: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/.
func selects(selector, labels plinth.Value) bool {
	equal, _ := selector.Get("matchLabels")
	for _, f := range equal.Fields() {
		if v, ok := labels.Get(f.Key); !ok || v.Kind() != plinth.String || v.Str() != f.Value.Str() {
			return false
		}
	}
	terms, _ := selector.Get("matchExpressions")
	for _, e := range terms.List() {
		name, _ := e.Get("key")
		op, _ := e.Get("operator")
		values, _ := e.Get("values")
		v, has := labels.Get(name.Str())
		among := has && slices.ContainsFunc(values.List(), func(w plinth.Value) bool { return w.Str() == v.Str() })
		switch op.Str() {
		case "In":
			has = among
		case "NotIn":
			has = !among
		case "DoesNotExist":
			has = !has
		}
		if !has {
			return false
		}
	}
	return !selector.IsUnknown() && !equal.IsUnknown() && !terms.IsUnknown()
}

// Rule is one rule of a role.
type Rule struct {
	Verbs, Groups, Resources, Names, Paths iam.Texts
	At                                     plinth.Location

	open *iam.Leaf // the rule as a whole is not known
}

func newRule(v plinth.Value) Rule {
	var r Rule
	if o := v.Origin(); o != nil {
		r.At = o.At
	}
	if v.IsUnknown() {
		r.open = iam.Because(v.Why()...)
		return r
	}
	for _, l := range []struct {
		name string
		to   *iam.Texts
	}{{"verbs", &r.Verbs}, {"apiGroups", &r.Groups}, {"resources", &r.Resources}, {"resourceNames", &r.Names}, {"nonResourceURLs", &r.Paths}} {
		list, _ := v.Get(l.name)
		*l.to = iam.TextsOf(list)
	}
	return r
}

func (r *Rule) allows(q Request) iam.Formula {
	if r.open != nil {
		return iam.If(r.open)
	}
	when := r.Verbs.Match(anyOr(q.Verb))
	if q.Path != "" {
		return when.And(r.Paths.Match(func(p string) bool {
			prefix, wild := strings.CutSuffix(p, "*")
			return p == q.Path || wild && strings.HasPrefix(q.Path, prefix)
		}))
	}
	when = when.And(r.Groups.Match(anyOr(q.Group))).And(r.Resources.Match(covers(q.Resource)))
	if !r.Names.Empty() {
		when = when.And(r.Names.Match(func(name string) bool { return name == q.Name && name != "" }))
	}
	return when
}

func anyOr(want string) func(string) bool {
	return func(s string) bool { return s == "*" || s == want }
}

// covers tells whether a resource of a rule is the wanted one, or *, or */SUBRESOURCE. A name alone does not stand for its
// subresources, and pods/* stands for nothing.
func covers(want string) func(string) bool {
	_, sub, nested := strings.Cut(want, "/")
	return func(s string) bool { return s == "*" || s == want || nested && s == "*/"+sub }
}
