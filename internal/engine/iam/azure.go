package iam

import (
	"slices"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/iam/azure"
)

// azure judges Azure: which workloads' identities administer a scope, or can make themselves administrators of one.
func (l *look) azure() {
	e := azure.Of(l.g)
	for _, p := range e.Principals() {
		if p.Resource == nil || p.Resource.Data {
			continue
		}
		l.seen++
		var done []string
		for _, a := range p.Assignments() {
			if slices.ContainsFunc(e.Above(a.Scope), func(s string) bool { return slices.Contains(done, s) }) {
				continue
			}
			when, ways := e.Administers(p, a.Scope)
			audit, message := "azure-identity-administrator", p.Label()+" is an administrator of "+e.Short(a.Scope)
			if when.Never() {
				ways = e.Ways(p, "Microsoft.Authorization/roleAssignments/write", false, e.Above(a.Scope))
				if len(ways) == 0 || ways[0].By.Scope != a.Scope {
					continue
				}
				when = azure.Unlimited(ways[0].When)
				audit, message = "azure-self-administrator", p.Label()+" may assign itself every role on "+e.Short(a.Scope)
			}
			if !identity(p.Resource) {
				continue
			}
			done = append(done, a.Scope)
			l.add(sight{
				audit: audit, resource: p.Resource, at: ways[0].By.At, path: a.Scope, when: when, message: message,
				evidence: []plinth.Step{{Note: ways[0].By.Label + " gives " + e.Role(ways[0].By), At: ways[0].By.At}},
			})
		}
	}
}

// identity tells whether code acts as what a role is assigned to: people and groups are judged by whoever knows them.
func identity(r *plinth.Resource) bool {
	return r.Type != "terraform:azuread_user" && r.Type != "terraform:azuread_group"
}
