package azure

import (
	"strings"
	"testing"

	"github.com/plinthsec/plinth/internal/iam"
	"github.com/plinthsec/plinth/internal/value"
)

func TestDecide(t *testing.T) {
	v, err := value.ParseJSON(`{"roleName": "Gardener", "permissions": [{"actions": ["Microsoft.Compute/*"], "notActions": ["Microsoft.Compute/*/delete"]}]}`)
	if err != nil {
		t.Fatal(err)
	}
	const sub = "/subscriptions/00000000-0000-0000-0000-000000000001"
	a := &Access{
		Roles: []Role{RoleOf("/providers/Microsoft.Authorization/roleDefinitions/1111", v)},
		Assignments: []Assignment{
			{Principal: "ada", Role: "Reader", Scope: sub},
			{Principal: "bob", Role: "/x/roleDefinitions/1111", Scope: sub + "/resourceGroups/shop"},
			{Principal: "team", Role: "Contributor", Scope: "/providers/Microsoft.Management/managementGroups/all"},
			{Principal: "cleo", Role: "Owner", Scope: sub},
			{Principal: "dana", Role: "Storage Blob Data Reader", Scope: sub, Condition: "@Resource[name] StringEquals 'a'"},
			{Principal: "eli", Role: "11111111-2222-3333-4444-555555555555", Scope: sub},
			{Principal: "fay", Role: "Virtual Machine Contributor", Scope: sub},
			{Principal: "fay", Role: "gardener", Scope: sub},
		},
		Denials: []Denial{{
			Principals: []string{"*"}, Except: []string{"sre"}, Scope: sub + "/resourceGroups/locked",
			Permissions: []Permission{{Actions: iam.Texts{Known: []string{"*/write", "*/delete"}}}},
		}},
	}
	shop, locked := sub+"/resourceGroups/SHOP/providers/Microsoft.Compute/virtualMachines/v", sub+"/resourceGroups/locked/providers/Microsoft.Compute/virtualMachines/v"
	tests := []struct {
		name string
		q    Request
		want string
	}{
		{"reader reads", Request{Principal: "ada", Action: "Microsoft.Compute/virtualMachines/read", Scope: shop}, "always"},
		{"reader writes", Request{Principal: "ada", Action: "Microsoft.Compute/virtualMachines/write", Scope: shop}, "never"},
		{"own role, without case", Request{Principal: "BOB", Action: "microsoft.compute/virtualmachines/START/action", Scope: shop}, "always"},
		{"own role, not actions", Request{Principal: "bob", Action: "Microsoft.Compute/virtualMachines/delete", Scope: shop}, "never"},
		{"own role, elsewhere", Request{Principal: "bob", Action: "Microsoft.Compute/virtualMachines/read", Scope: sub + "/resourceGroups/shopping"}, "never"},
		{"management group", Request{
			Principal: "x", Groups: []string{"team"}, Action: "Microsoft.Compute/virtualMachines/write", Scope: shop,
			Above: []string{"/providers/Microsoft.Management/managementGroups/all"},
		}, "always"},
		{"contributor assigns no roles", Request{
			Principal: "x", Groups: []string{"team"}, Action: "Microsoft.Authorization/roleAssignments/write", Scope: shop,
			Above: []string{"/providers/Microsoft.Management/managementGroups/all"},
		}, "never"},
		{"owner does", Request{Principal: "cleo", Action: "Microsoft.Authorization/roleAssignments/write", Scope: shop}, "always"},
		{"owner reads no data", Request{Principal: "cleo", Action: "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read", Data: true, Scope: shop}, "never"},
		{
			"data under a condition",
			Request{Principal: "dana", Action: "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read", Data: true, Scope: shop},
			"@Resource[name] StringEquals 'a'",
		},
		{"unknown role", Request{Principal: "eli", Action: "Microsoft.Compute/virtualMachines/read", Scope: shop}, "unknown role 11111111-2222-3333-4444-555555555555"},
		{"not actions of one role, actions of another", Request{Principal: "fay", Action: "Microsoft.Compute/virtualMachines/delete", Scope: shop}, "always"},
		{"deny assignment", Request{Principal: "cleo", Action: "Microsoft.Compute/virtualMachines/delete", Scope: locked}, "never"},
		{"deny assignment, another action", Request{Principal: "cleo", Action: "Microsoft.Compute/virtualMachines/start/action", Scope: locked}, "always"},
		{"deny assignment, excepted", Request{Principal: "cleo", Groups: []string{"sre"}, Action: "Microsoft.Compute/virtualMachines/delete", Scope: locked}, "always"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := a.Decide(tt.q)
			if s := got.When.String(); s != tt.want || (len(got.By) == 0) != (tt.want == "never" && len(got.Denied) == 0) {
				t.Errorf("got %s by %v, want %s", s, got.By, tt.want)
			}
		})
	}
}

func TestBuiltin(t *testing.T) {
	r, ok := Builtin("/subscriptions/x/providers/Microsoft.Authorization/roleDefinitions/8e3af657-a8ff-443c-a75c-2fe8c4bcb635")
	if !ok || r.Name != "Owner" {
		t.Errorf("got %q", r.Name)
	}
	if _, ok := Builtin("Nobody"); ok {
		t.Error("there is no role Nobody")
	}
}

// FuzzDecide reads any role and asks it.
func FuzzDecide(f *testing.F) {
	f.Add(`{"permissions":[{"actions":["*"],"notActions":[1]},null]}`, "a/b", "/s/x")
	f.Fuzz(func(t *testing.T, text, action, scope string) {
		v, err := value.ParseJSON(text)
		if err != nil {
			t.Skip()
		}
		a := &Access{Roles: []Role{RoleOf("r", v)}, Assignments: []Assignment{{Principal: "p", Role: "r", Scope: scope}}}
		if got := a.Decide(Request{Principal: "p", Action: action, Scope: strings.Repeat(scope, 2)}); !got.When.Never() && len(got.By) == 0 {
			t.Error("allowed by nothing")
		}
	})
}
