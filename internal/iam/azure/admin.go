package azure

import (
	"slices"
	"strings"

	"github.com/plinthsec/plinth/internal/iam"
)

// probe are actions that only an administrator of a scope may all do.
var probe = []string{"Microsoft.Authorization/roleAssignments/write", "Microsoft.Compute/virtualMachines/write", "Microsoft.Storage/storageAccounts/delete"}

// Unlimited drops the alternatives under which one may assign some roles, or to some principals, only:
// https://learn.microsoft.com/azure/role-based-access-control/delegate-role-assignments-overview.
func Unlimited(f iam.Formula) iam.Formula {
	return slices.DeleteFunc(slices.Clone(f), func(t iam.Term) bool {
		return slices.ContainsFunc(t, func(l iam.Literal) bool {
			return strings.Contains(l.Fact, "roleAssignments:RoleDefinitionId") || strings.Contains(l.Fact, "roleAssignments:PrincipalId")
		})
	})
}

// Administers tells under which conditions a principal may do everything in a scope, and which assignments let it: one for each of a
// set of actions that together let it do, or give itself, the rest.
func (e *Estate) Administers(p *Principal, scope string) (iam.Formula, []Way) {
	when, by := iam.Always(), []Way{}
	for _, action := range probe {
		ways := e.Ways(p, action, false, e.Above(scope))
		if len(ways) == 0 {
			return nil, nil
		}
		when, by = when.And(ways[0].When), append(by, ways[0])
	}
	return Unlimited(when), by
}
