package azure

import (
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
)

const (
	typeManagement  = "terraform:azurerm_management_group"
	typeAssociation = "terraform:azurerm_management_group_subscription_association"
)

// govern finds which management groups lie above each subscription: what is assigned to a group is inherited by all below it, see
// https://learn.microsoft.com/azure/governance/management-groups/overview.
func (e *Estate) govern() {
	e.above = map[string][]string{}
	for i, r := range e.g.Resources() {
		if r.Data || r.External {
			continue
		}
		switch r.Type {
		case typeManagement:
			ids, _ := r.Source.Get("subscription_ids")
			for _, v := range ids.List() {
				e.put(int32(i), v, int32(i))
			}
		case typeAssociation:
			v, _ := r.Source.Get("subscription_id")
			group, _ := r.Source.Get("management_group_id")
			for _, k := range e.g.Of(int32(i), group) {
				e.put(int32(i), v, k)
			}
		}
	}
}

// put says that a management group holds a subscription, which a resource names.
func (e *Estate) put(by int32, v plinth.Value, group int32) {
	for _, k := range e.g.Of(by, v) {
		if r := e.g.Resources()[k]; strings.HasSuffix(r.Type, ":azurerm_subscription") || r.Type == "data:azurerm_client_config" {
			scope := e.subscription(r)
			for _, one := range e.groups(group) {
				if !slices.Contains(e.above[scope], one) {
					e.above[scope] = append(e.above[scope], one)
				}
			}
		}
	}
}

// groups are a management group and those above it.
func (e *Estate) groups(i int32) []string {
	var out []string
	for depth := 0; depth < maxDepth; depth++ {
		r := e.g.Resources()[i]
		out = append(out, string(r.ID))
		parent, _ := r.Source.Get("parent_management_group_id")
		next := slices.DeleteFunc(slices.Clone(e.g.Of(i, parent)), func(k int32) bool { return k == i || e.g.Resources()[k].Type != typeManagement })
		if len(next) == 0 {
			break
		}
		i = next[0]
	}
	return out
}
