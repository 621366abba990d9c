// Package azure tells what role-based access control of Azure lets whom do.
//
// A role assignment gives a principal the actions of a role on a scope and all below it; actions of a role are its Actions without
// its NotActions, which is no denial: another role may still give them. Deny assignments do deny.
// https://learn.microsoft.com/azure/role-based-access-control/overview
package azure

import (
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/iam"
)

// Role is a role definition.
type Role struct {
	ID, Name    string // ID is the last part of the definition's resource id, in lower case
	Permissions []Permission
}

// Permission is one entry of a role definition.
type Permission struct {
	Actions, NotActions, DataActions, NotDataActions iam.Texts
	Condition                                        string
}

// RoleOf reads the properties of a Microsoft.Authorization/roleDefinitions resource.
func RoleOf(id string, properties plinth.Value) Role {
	name, _ := properties.Get("roleName")
	r := Role{ID: lastPart(id), Name: name.Str()}
	permissions, _ := properties.Get("permissions")
	if permissions.IsUnknown() {
		open := iam.TextsOf(permissions)
		r.Permissions = append(r.Permissions, Permission{Actions: open, DataActions: open})
	}
	for _, v := range permissions.List() {
		var p Permission
		if v.IsUnknown() {
			p.Actions, p.DataActions = iam.TextsOf(v), iam.TextsOf(v)
		}
		for _, l := range []struct {
			name string
			to   *iam.Texts
		}{{"actions", &p.Actions}, {"notActions", &p.NotActions}, {"dataActions", &p.DataActions}, {"notDataActions", &p.NotDataActions}} {
			if list, ok := v.Get(l.name); ok {
				*l.to = iam.TextsOf(list)
			}
		}
		r.Permissions = append(r.Permissions, p)
	}
	return r
}

// lets tells under which conditions the permission holds an action.
func (p *Permission) lets(action string, data bool) iam.Formula {
	give, but := p.Actions, p.NotActions
	if data {
		give, but = p.DataActions, p.NotDataActions
	}
	is := func(pattern string) bool { return iam.ParsePattern(strings.ToLower(pattern)).Matches(action) }
	when := give.Match(is)
	if when.Never() {
		return nil
	}
	when = when.And(but.Match(is).Not())
	if p.Condition != "" {
		when = when.And(iam.If(iam.Fact(p.Condition)))
	}
	return when
}

// Assignment gives a role to a principal on a scope.
type Assignment struct {
	Principal string // object id, or any name under which the caller knows it
	Role      string // id of the role definition, or its name
	Scope     string
	Condition string
	At        plinth.Location
	Label     string      // what declares it, in the user's words
	Open      iam.Formula // what must hold for an assignment of which parts are not known; nil: all is known
}

// Denial is a deny assignment.
type Denial struct {
	Principals, Except []string // "*" is everybody
	Permissions        []Permission
	Scope              string
	OnlyHere           bool // not on what is below the scope
	At                 plinth.Location
}

// Request is one question.
type Request struct {
	Principal string
	Groups    []string // that it is a member of, nested ones included
	Action    string
	Data      bool     // Action is a data action
	Scope     string   // resource id of what it is done to
	Above     []string // scopes above Scope that its text does not hold: management groups
}

// Answer is what the assignments say to a request.
type Answer struct {
	When   iam.Formula
	By     []*Assignment
	Denied []*Denial
}

// Access is the roles and assignments of a directory. It is not to be changed while it is asked.
type Access struct {
	Roles       []Role // besides the built-in ones
	Assignments []Assignment
	Denials     []Denial
}

// Role returns the role of an assignment, by its id or name.
func (a *Access) Role(name string) (Role, bool) {
	id := lastPart(name)
	for _, r := range a.Roles {
		if r.ID == id || strings.EqualFold(r.ID, name) || r.Name != "" && strings.EqualFold(r.Name, name) {
			return r, true
		}
	}
	return Builtin(name)
}

// Decide answers a request.
func (a *Access) Decide(q Request) Answer {
	var out Answer
	action := strings.ToLower(q.Action)
	for i := range a.Assignments {
		one := &a.Assignments[i]
		if !q.is(one.Principal) || !q.under(one.Scope, false) {
			continue
		}
		r, ok := a.Role(one.Role)
		var when iam.Formula
		if !ok {
			when = iam.If(iam.Because("role " + one.Role))
		}
		for j := range r.Permissions {
			when = when.Or(r.Permissions[j].lets(action, q.Data))
		}
		if one.Condition != "" {
			when = when.And(iam.If(iam.Fact(one.Condition)))
		}
		if one.Open != nil {
			when = when.And(one.Open)
		}
		if !when.Never() {
			out.When = out.When.Or(when)
			out.By = append(out.By, one)
		}
	}
	for i := range a.Denials {
		one := &a.Denials[i]
		if !slices.ContainsFunc(one.Principals, q.is) || slices.ContainsFunc(one.Except, q.is) || !q.under(one.Scope, one.OnlyHere) {
			continue
		}
		var when iam.Formula
		for j := range one.Permissions {
			when = when.Or(one.Permissions[j].lets(action, q.Data))
		}
		if !when.Never() {
			out.When = out.When.And(when.Not())
			out.Denied = append(out.Denied, one)
		}
	}
	return out
}

func (q *Request) is(principal string) bool {
	return principal == "*" || strings.EqualFold(principal, q.Principal) || slices.ContainsFunc(q.Groups, func(g string) bool { return strings.EqualFold(g, principal) })
}

// under tells whether the request's scope is a scope or, unless only that one counts, lies below it.
func (q *Request) under(scope string, only bool) bool {
	scope = strings.ToLower(strings.TrimRight(scope, "/"))
	here := strings.ToLower(strings.TrimRight(q.Scope, "/"))
	if here == scope {
		return true
	}
	if only {
		return false
	}
	return scope == "" || strings.HasPrefix(here, scope+"/") ||
		slices.ContainsFunc(q.Above, func(s string) bool { return strings.EqualFold(strings.TrimRight(s, "/"), scope) })
}

func lastPart(id string) string { return strings.ToLower(id[strings.LastIndexByte(id, '/')+1:]) }
