package google

import (
	"slices"
	"strings"

	"github.com/plinthsec/plinth/internal/iam"
)

// probe are permissions that only an administrator of a scope has all of.
var probe = []string{"resourcemanager.projects.setIamPolicy", "iam.serviceAccounts.actAs", "compute.instances.create", "storage.buckets.delete", "bigquery.datasets.delete"}

// grants limits which roles a policy may be changed to give: whoever may change it under this condition gives himself nothing else.
// https://cloud.google.com/iam/docs/setting-limits-on-granting-roles
const grants = "iam.googleapis.com/modifiedGrantsByRole"

// Unlimited drops the alternatives under which one may give some roles only.
func Unlimited(f iam.Formula) iam.Formula {
	return slices.DeleteFunc(slices.Clone(f), func(t iam.Term) bool {
		return slices.ContainsFunc(t, func(l iam.Literal) bool { return strings.Contains(l.Fact, grants) })
	})
}

// Administers tells under which conditions a principal may do everything in a scope, and which bindings let it: one for each of a set
// of permissions that together let it do, or give itself, the rest.
func (e *Estate) Administers(p *Principal, scope string) (iam.Formula, []Way) {
	when, by := iam.Always(), []Way{}
	for _, permission := range probe {
		ways := e.Ways(p, permission, e.Above(scope))
		if len(ways) == 0 {
			return nil, nil
		}
		when, by = when.And(ways[0].When), append(by, ways[0])
	}
	return Unlimited(when), by
}
