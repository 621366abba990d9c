package azure

import (
	"strings"

	"github.com/plinthsec/plinth"
)

// powers are the application roles of Microsoft Graph by which one makes oneself an administrator of the directory, with their ids:
// https://learn.microsoft.com/graph/permissions-reference.
var powers = []struct{ name, id string }{
	{"RoleManagement.ReadWrite.Directory", "9e3f62cf-ca93-4989-b6ce-bf83c28f9fe8"},
	{"AppRoleAssignment.ReadWrite.All", "06b708a9-e830-4db3-a914-8e69da51d44f"},
	{"Application.ReadWrite.All", "1bfefb4e-e0b5-418b-a88f-73c46d2cc8e9"},
}

// globalAdministrator is the template of the role: https://learn.microsoft.com/entra/identity/role-based-access-control/permissions-reference.
const globalAdministrator = "62e90394-69f5-4237-9190-012177145e10"

// directory tells groups, owners of applications, and who administers Microsoft Entra ID.
func (w *scene) directory() {
	for i, r := range w.g.Resources() {
		if r.Data || r.External {
			continue
		}
		get := func(name string) plinth.Value { v, _ := r.Source.Get(name); return v }
		switch r.Type {
		case "terraform:azuread_group":
			for _, v := range get("members").List() {
				w.joins(int32(i), r, v, r.ID)
			}
		case "terraform:azuread_group_member":
			for _, k := range w.g.Of(int32(i), get("group_object_id")) {
				w.joins(int32(i), r, get("member_object_id"), w.g.Resources()[k].ID)
			}
		case "terraform:azuread_app_role_assignment":
			role := get("app_role_id")
			text := role.Str() + strings.Join(role.Why(), " ")
			for _, power := range powers {
				if strings.Contains(text, power.name) || strings.EqualFold(role.Str(), power.id) {
					w.rules(int32(i), r, get("principal_object_id"), power.name, plinth.Escalate)
				}
			}
		case "terraform:azuread_directory_role_assignment":
			role, name := get("role_id"), ""
			for _, k := range w.g.Of(int32(i), role) {
				v, _ := w.g.Resources()[k].Source.Get("display_name")
				name = v.Str()
			}
			if strings.EqualFold(role.Str(), globalAdministrator) || name == "Global Administrator" || name == "Privileged Role Administrator" {
				w.rules(int32(i), r, get("principal_object_id"), "Global Administrator", plinth.Admin)
			}
		case "terraform:azuread_application", "terraform:azuread_service_principal":
			for _, v := range get("owners").List() {
				p := w.Named(int32(i), v)
				if p == nil {
					continue
				}
				for _, to := range w.actors(int32(i)) {
					w.relate(plinth.Relation{From: w.node(p), To: to, Kind: plinth.Escalate, Technique: "az-application-owner", Evidence: []plinth.Step{
						{Note: "an owner of " + r.Label() + " gives it a password and signs in as it", At: r.Place(v), Cost: costIdentity},
					}})
				}
			}
		}
	}
}

func (w *scene) joins(i int32, r *plinth.Resource, member plinth.Value, group plinth.ID) {
	if p := w.Named(i, member); p != nil {
		w.relate(plinth.Relation{From: w.node(p), To: group, Kind: plinth.Member, Evidence: []plinth.Step{
			{Note: r.Label() + " makes " + p.Label() + " a member", At: r.Place(member), Cost: costIdentity},
		}})
	}
}

// rules tells that a principal administers the directory, or makes itself its administrator: whoever does gives himself every
// subscription (https://learn.microsoft.com/azure/role-based-access-control/elevate-access-global-admin).
func (w *scene) rules(i int32, r *plinth.Resource, who plinth.Value, by string, kind plinth.RelationKind) {
	p := w.Named(i, who)
	if p == nil {
		return
	}
	id := plinth.AzureAdmin(directory)
	w.virtual(plinth.Node{ID: id, Type: plinth.TypeAdmin, Name: "admin", Address: "administrator of the directory"})
	one := plinth.Relation{From: w.node(p), To: id, Kind: kind, Permissions: []string{by}, Evidence: []plinth.Step{
		{Note: r.Label() + " gives " + by + " to " + p.Label(), At: r.Head(), Cost: costIdentity},
	}}
	if kind == plinth.Escalate {
		one.Technique = "az-graph-role"
	}
	w.relate(one)
	for _, of := range w.g.Resources() {
		if strings.HasPrefix(of.Type, "Microsoft.") && !of.Data && !of.External {
			scopes := w.Scopes(of)
			all := w.admin(scopes[len(scopes)-1])
			if k := id + ">" + all; !w.told[k] {
				w.told[k] = true
				w.relate(plinth.Relation{From: id, To: all, Kind: plinth.Escalate, Permissions: []string{"Microsoft.Authorization/elevateAccess/Action"}, Evidence: []plinth.Step{
					{Note: "an administrator of the directory gives himself every subscription of it", At: r.Head(), Cost: costFact},
				}})
			}
		}
	}
}
