package bind

import (
	"strings"

	"github.com/plinthsec/plinth"
)

// googleRoles are what a token of a pipeline needs one of to be a service account: https://cloud.google.com/iam/docs/workload-identity-federation.
var googleRoles = map[string]bool{identityUser: true, "roles/iam.serviceAccountTokenCreator": true}

// actsAs tells which service account of Google a workflow gets: the one that its step names and that lets members of a pool in, which takes
// tokens of GitHub. What the member and the provider ask of the repository is not known from the workflow, so that is a condition.
func (c *caller) actsAs(asks plinth.Value, wanted string) {
	name, host, ok := strings.Cut(wanted, "@")
	if !ok || name == "" || strings.Contains(name, unknown) {
		return
	}
	for _, r := range c.Resources() {
		if r.Type != "iam.googleapis.com/ServiceAccount" || textAt(r.Source, "account_id") != name {
			continue
		}
		if project := textAt(r.Props, "projectId"); project != "" && !strings.HasPrefix(host, project+".") {
			continue
		}
		bindings, _ := r.Props.At("iamPolicy", "bindings")
		for _, b := range bindings.List() {
			members, _ := b.Get("members")
			if !googleRoles[textAt(b, "role")] {
				continue
			}
			for _, m := range members.List() {
				c.member(r, m, asks, wanted)
			}
		}
	}
}

// member tells that a member of a service account's policy is a pipeline.
func (c *caller) member(r *plinth.Resource, m, asks plinth.Value, wanted string) {
	head, tail := m.Ends()
	if m.Kind() == plinth.String {
		head, tail = m.Str(), m.Str()
	}
	if !strings.HasPrefix(head, "principalSet://iam.googleapis.com/") && !strings.HasPrefix(head, "principal://iam.googleapis.com/") {
		return
	}
	for _, provider := range c.Resources() {
		oidc, _ := provider.Source.Get("oidc")
		if provider.Type != "iam.googleapis.com/WorkloadIdentityPoolProvider" || len(oidc.List()) == 0 {
			continue
		}
		issuer, _ := oidc.List()[0].Get("issuer_uri")
		if strings.TrimSuffix(issuer.Str(), "/") != "https://"+githubIssuer {
			continue
		}
		var when plinth.Condition
		if _, attribute, ok := strings.Cut(tail, "/attribute."); ok {
			key, value, _ := strings.Cut(attribute, "/")
			when = when.And("attribute." + key + " of the token is " + value)
		} else if _, subject, ok := strings.Cut(tail, "/subject/"); ok {
			when = when.And("the subject of the token is " + subject)
		}
		if condition := textAt(provider.Source, "attribute_condition"); condition != "" {
			when = when.And(condition)
		}
		c.to.Relation(plinth.Relation{
			From: c.workflow.ID, To: r.ID, Kind: plinth.Assume, Permissions: []string{"iam.serviceAccounts.getAccessToken"}, When: when,
			Evidence: []plinth.Step{
				step(c.workflow, c.workflow.Place(asks), costIdentity, "a step of the workflow asks for "+wanted),
				step(provider, provider.Place(issuer), costTrust, provider.Decl.Address+" takes tokens of GitHub"),
				step(r, r.Place(m), costTrust, r.Decl.Address+" lets it act as itself"),
			},
		})
	}
}
