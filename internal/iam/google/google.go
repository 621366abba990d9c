// Package google tells what the permissions of Google Cloud let whom do.
//
// Policies bind roles to members on a resource and hold for all below it: organization, folder, project, resource; they only add. Deny
// policies and principal access boundaries are asked first (https://cloud.google.com/iam/docs/policy-types).
package google

import (
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/iam"
)

const (
	everybody = "allUsers"
	signedIn  = "allAuthenticatedUsers"
)

// Binding gives a role to members on a resource.
type Binding struct {
	On        string // name of the resource, as the requests name it
	Role      iam.Texts
	Members   iam.Texts
	Condition string // CEL; "" for none
	At        plinth.Location
	Label     string // what declares it, in the user's words
}

// BindingsOf reads the bindings of a resource's policy: {bindings: [{role, members, condition: {expression}}]}. What is not known of the
// policy as a whole is a binding with an unknown role and member.
func BindingsOf(on string, policy plinth.Value) []Binding {
	list, _ := policy.At("bindings")
	if list.IsUnknown() {
		open := iam.TextsOf(list)
		return []Binding{{On: on, Role: open, Members: open}}
	}
	var out []Binding
	for _, v := range list.List() {
		b := Binding{On: on}
		if o := v.Origin(); o != nil {
			b.At = o.At
		}
		role, _ := v.At("role")
		members, _ := v.At("members")
		b.Role, b.Members = iam.TextsOf(role), iam.TextsOf(members)
		condition, _ := v.At("condition")
		text, _ := condition.At("expression")
		switch {
		case condition.IsUnknown() || text.IsUnknown():
			b.Condition = "a condition that is not known"
		case text.Str() != "":
			b.Condition = text.Str()
		}
		out = append(out, b)
	}
	return out
}

// Denial is one rule of a deny policy: https://cloud.google.com/iam/docs/deny-overview.
type Denial struct {
	On                             string
	Principals, ExceptPrincipals   iam.Texts
	Permissions, ExceptPermissions iam.Texts // storage.googleapis.com/buckets.delete
	Condition                      string
	At                             plinth.Location
}

// Boundary is a principal access boundary: its principals can only reach what lies in its resources.
type Boundary struct {
	Principals []string
	Resources  []string
}

// Identity is a caller.
type Identity struct {
	Member string   // user:…, serviceAccount:…, principal://…; "" for nobody in particular
	Groups []string // group:… that it is a member of, nested ones included, and principalSet://…
}

// Request is one question. Resource lists what is asked for and what it lies in, the innermost first: a bucket, its project, folders,
// organization.
type Request struct {
	Who        Identity
	Permission string
	Resource   []string
}

// Answer is what the policies say to a request.
type Answer struct {
	When   iam.Formula
	By     []*Binding
	Denied []*Denial
}

// Access is the policies of an organization. It is not to be changed while it is asked.
type Access struct {
	Roles      map[string]iam.Texts // permissions of custom roles, by name
	Bindings   []Binding
	Denials    []Denial
	Boundaries []Boundary
}

// Decide answers a request.
func (a *Access) Decide(q Request) Answer {
	var out Answer
	for i := range a.Bindings {
		b := &a.Bindings[i]
		if !slices.Contains(q.Resource, b.On) {
			continue
		}
		when := b.Members.Match(func(m string) bool { return a.is(&q.Who, m, 0) })
		if !when.Never() {
			when = when.And(a.holds(b.Role, q.Permission))
		}
		if when = under(when, b.Condition); !when.Never() {
			out.When = out.When.Or(when)
			out.By = append(out.By, b)
		}
	}
	for i := range a.Denials {
		d := &a.Denials[i]
		if !slices.Contains(q.Resource, d.On) {
			continue
		}
		is := func(m string) bool { return a.is(&q.Who, plain(m), 0) }
		of := func(p string) bool { return names(p, q.Permission) }
		when := d.Principals.Match(is).And(d.ExceptPrincipals.Match(is).Not()).And(d.Permissions.Match(of)).And(d.ExceptPermissions.Match(of).Not())
		if when = under(when, d.Condition); !when.Never() {
			out.When = out.When.And(when.Not())
			out.Denied = append(out.Denied, d)
		}
	}
	for _, b := range a.Boundaries {
		bound := slices.ContainsFunc(b.Principals, func(m string) bool { return a.is(&q.Who, plain(m), 0) })
		if bound && !slices.ContainsFunc(b.Resources, func(r string) bool { return slices.Contains(q.Resource, r) }) {
			out.When = nil
		}
	}
	return out
}

func under(when iam.Formula, condition string) iam.Formula {
	if condition == "" || when.Never() {
		return when
	}
	return when.And(iam.If(iam.Fact(condition)))
}

// holds tells under which conditions a role holds a permission. A role that nobody knows may.
func (a *Access) holds(role iam.Texts, permission string) iam.Formula {
	var when iam.Formula
	if role.Open != nil {
		when = iam.If(role.Open)
	}
	for _, name := range role.Known {
		if own, ok := a.Roles[name]; ok {
			when = when.Or(own.Match(func(p string) bool { return p == permission }))
			continue
		}
		has, known := Holds(name, permission)
		switch {
		case has:
			return iam.Always()
		case !known:
			when = when.Or(iam.If(iam.Because("role " + name)))
		}
	}
	return when
}

// basic are the members that stand for who has a basic role on a project, by their prefix.
var basic = map[string]string{"projectOwner": "roles/owner", "projectEditor": "roles/editor", "projectViewer": "roles/viewer"}

// is tells whether a member of a policy is the caller. Members that stand for those of a project's own policy are looked up there, once.
func (a *Access) is(who *Identity, member string, depth int) bool {
	kind, name, _ := strings.Cut(member, ":")
	switch {
	case member == everybody:
		return true
	case member == signedIn:
		return who.Member != ""
	case who.Member == "":
		return false
	case strings.EqualFold(member, who.Member):
		return true
	case kind == "domain":
		user, ok := strings.CutPrefix(strings.ToLower(who.Member), "user:")
		return ok && strings.HasSuffix(user, "@"+strings.ToLower(name))
	case basic[kind] != "" && depth == 0:
		return slices.ContainsFunc(a.Bindings, func(b Binding) bool {
			return (b.On == name || b.On == "projects/"+name || strings.HasSuffix(b.On, "/projects/"+name)) && slices.Contains(b.Role.Known, basic[kind]) &&
				slices.ContainsFunc(b.Members.Known, func(m string) bool { return a.is(who, m, depth+1) })
		})
	}
	return slices.ContainsFunc(who.Groups, func(g string) bool {
		return strings.EqualFold(g, member) || strings.HasSuffix(member, "/*") && strings.HasPrefix(g, strings.TrimSuffix(member, "*"))
	})
}

// plain turns a principal of a deny policy into the member that a binding would name.
func plain(principal string) string {
	for _, form := range [...]struct{ prefix, kind string }{
		{"principal://goog/subject/", "user:"},
		{"principalSet://goog/group/", "group:"},
		{"principalSet://goog/cloudIdentityCustomerId/", "customer:"},
	} {
		if rest, ok := strings.CutPrefix(principal, form.prefix); ok {
			return form.kind + rest
		}
	}
	if principal == "principalSet://goog/public:all" {
		return everybody
	}
	if _, account, ok := strings.Cut(principal, "/serviceAccounts/"); ok && strings.HasPrefix(principal, "principal://iam.googleapis.com/projects/") {
		return "serviceAccount:" + account
	}
	return principal
}

// names tells whether a permission of a deny policy is one of a binding: iam.googleapis.com/roles.create is iam.roles.create, and *
// may stand for a part.
func names(denied, permission string) bool {
	host, rest, ok := strings.Cut(denied, "/")
	if !ok {
		return denied == permission
	}
	return iam.ParsePattern(strings.TrimSuffix(host, ".googleapis.com") + "." + rest).Matches(permission)
}
