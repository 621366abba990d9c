package rbac

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/iam"
)

// Subject is whom a binding names: Kind is User, Group or ServiceAccount, the Name of the last is system:serviceaccount:NS:NAME.
type Subject struct{ Kind, Name string }

// AccountSubject is the service account as bindings name it.
func AccountSubject(namespace, name string) Subject {
	return Subject{"ServiceAccount", accountPrefix + namespace + ":" + name}
}

// Account returns namespace and name of a service account.
func (s Subject) Account() (namespace, name string, ok bool) {
	rest, ok := strings.CutPrefix(s.Name, accountPrefix)
	namespace, name, found := strings.Cut(rest, ":")
	return namespace, name, ok && found
}

// Bound says that a binding gives a subject a role.
type Bound struct {
	Role      *Role
	Binding   *plinth.Resource
	At        plinth.Location // of the subject in the binding
	Namespace string          // in which the role counts; "": everywhere, and for what has no namespace
	When      iam.Formula     // what must hold for it
}

// Subjects are all that bindings name for certain, sorted, each once.
func (a *Authorizer) Subjects() []Subject {
	return slices.SortedFunc(maps.Keys(a.naming), func(s, t Subject) int {
		return cmp.Or(cmp.Compare(s.Kind, t.Kind), cmp.Compare(s.Name, t.Name))
	})
}

// Bound returns what is bound to a subject itself, without that of its groups, in the order of the bindings. A binding whose role
// is nowhere is left out.
func (a *Authorizer) Bound(s Subject) []Bound {
	var out []Bound
	for _, n := range a.naming[s] {
		b := &a.bindings[n.binding]
		if r := a.roles[b.role]; r != nil {
			out = append(out, Bound{r, b.from, b.subjects[n.subject].at, b.namespace, b.open})
		}
	}
	return out
}

// Roles are all roles, sorted by namespace and name, those that every cluster has included.
func (a *Authorizer) Roles() []*Role {
	return slices.SortedFunc(maps.Values(a.roles), func(r, q *Role) int {
		return cmp.Or(cmp.Compare(r.Namespace, q.Namespace), cmp.Compare(r.Name, q.Name))
	})
}

// Rules are the rules of a role: its own, or those of the roles that it sums up.
func (a *Authorizer) Rules(r *Role) []Rule { return a.rules(r, 0, map[*Role]bool{}) }

// Covers tells under which conditions the rule is about a verb on a resource, whatever the name of the object. A rule with Names
// covers only objects of these names.
func (r *Rule) Covers(verb, group, resource string) iam.Formula {
	if r.open != nil {
		return iam.If(r.open)
	}
	return r.Verbs.Match(anyOr(verb)).And(r.Groups.Match(anyOr(group))).And(r.Resources.Match(covers(resource)))
}
