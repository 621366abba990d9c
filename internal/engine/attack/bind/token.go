package bind

import (
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/iam"
	"github.com/plinthsec/plinth/internal/iam/account"
)

const (
	webIdentity = "sts:AssumeRoleWithWebIdentity"
	podIdentity = "pods.eks.amazonaws.com"
)

// tokens tells which roles of AWS the ServiceAccounts of a cluster get: those that their annotation names and whose trust policy
// lets the token of that very account, and those that EKS hands out by an association. An annotation without trust is nothing.
func (w *scene) tokens(c *cluster) {
	for _, r := range c.objects {
		if r.Type != "core/ServiceAccount" {
			continue
		}
		name, ok := r.Props.At("metadata", "annotations", roleAnnotation)
		if !ok || name.Kind() != plinth.String {
			continue
		}
		roles := w.rolesNamed(name.Str())
		for _, role := range roles {
			for _, answer := range w.trusted(role, namespaceOf(r), r.Name) {
				when := plinth.Condition(answer.When.Strings())
				if len(roles) > 1 {
					when = when.And(role.Resource.Decl.Address + " is in the account of " + name.Str())
				}
				for _, proof := range answer.Allows {
					evidence := []plinth.Step{
						step(r, r.Place(name), costTrust, "the ServiceAccount asks for role "+role.Resource.Name),
						account.Step(proof, webIdentity, role.Resource.Decl.Address),
					}
					w.to.Relation(plinth.Relation{From: r.ID, To: role.ID, Kind: plinth.Assume, Permissions: []string{webIdentity}, When: when, Evidence: evidence})
				}
			}
		}
	}
	w.associations(c)
}

// rolesNamed returns the roles that an ARN may mean: what is unknown of a role's ARN may be anything.
func (w *scene) rolesNamed(arn string) []*account.Principal {
	var exact, others []*account.Principal
	for _, p := range w.estate.Principals() {
		switch {
		case p.Kind != iam.Role || p.Resource == nil:
		case p.ARN == arn:
			exact = append(exact, p)
		case may(p.ARN, arn):
			others = append(others, p)
		}
	}
	if len(exact) > 0 {
		return exact
	}
	return others
}

// may tells whether an ARN with braces can be this one, of which parts may be unknown, too. Its last part must be known.
func may(pattern, arn string) bool {
	a, b := strings.SplitN(pattern, ":", 6), strings.SplitN(arn, ":", 6)
	if len(a) != 6 || len(b) != 6 || a[5] != b[5] {
		return false
	}
	for i := range a[:5] {
		if a[i] != b[i] && !strings.Contains(a[i], "{") && !strings.Contains(b[i], unknown) {
			return false
		}
	}
	return true
}

// trusted asks a role's trust policy about the token of a ServiceAccount, once for each issuer that it names.
func (w *scene) trusted(role *account.Principal, namespace, name string) []iam.Answer {
	keys := map[string][]string{}
	for _, s := range w.estate.TrustPolicy(role).Statements {
		for _, c := range s.Conditions() {
			switch {
			case strings.HasSuffix(c.Key, ":sub"):
				keys[c.Key] = []string{"system:serviceaccount:" + namespace + ":" + name}
			case strings.HasSuffix(c.Key, ":aud"):
				keys[c.Key] = []string{"sts.amazonaws.com"}
			}
		}
	}
	if len(keys) == 0 {
		return nil // nothing says which account: the policy is of another kind, or of everybody's tokens, which is another finding
	}
	var issuers []string
	for _, n := range w.estate.Named(role.Resource) {
		if arn, ok := strings.CutPrefix(n, "Federated:"); ok && !strings.Contains(arn, ":saml-provider/") {
			issuers = append(issuers, arn)
		}
	}
	slices.Sort(issuers)
	if len(issuers) == 0 {
		issuers = []string{"arn:aws:iam::" + role.Account + ":oidc-provider/{issuer}"}
	}
	var out []iam.Answer
	for _, arn := range slices.Compact(issuers) {
		answer := w.estate.Trust(role, iam.Principal{Kind: iam.Federated, ARN: arn, Account: role.Account}, keys)
		if answer.Result == iam.Allowed {
			out = append(out, answer)
		}
	}
	return out
}

// associations tells the roles that EKS hands to pods of an account by an association.
func (w *scene) associations(c *cluster) {
	for i, r := range w.Resources() {
		if r.Type != "AWS::EKS::PodIdentityAssociation" {
			continue
		}
		object := c.byName["ServiceAccount/"+textAt(r.Props, "Namespace")+"/"+textAt(r.Props, "ServiceAccount")]
		arn, _ := r.Props.Get("RoleArn")
		role := w.estate.Referred(r, arn)
		if object == nil || role == nil || role.Resource == nil {
			continue
		}
		who, _ := iam.ParsePrincipal(podIdentity)
		answer := w.estate.Trust(role, who, nil)
		if answer.Result != iam.Allowed {
			continue
		}
		at := w.Resources()[i]
		for _, proof := range answer.Allows {
			w.to.Relation(plinth.Relation{
				From: object.ID, To: role.ID, Kind: plinth.Assume, Permissions: []string{"sts:AssumeRole"}, When: answer.When.Strings(),
				Evidence: []plinth.Step{
					step(at, at.Decl.Header, costTrust, "EKS hands the role to pods of this ServiceAccount"),
					account.Step(proof, "sts:AssumeRole", role.Resource.Decl.Address),
				},
			})
		}
	}
}
