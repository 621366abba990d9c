package aws

import (
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/iam"
	"github.com/plinthsec/plinth/internal/iam/account"
)

// federated tells which tokens of an outside issuer give a session of a role. Tokens of a cluster are left to whoever knows its
// pods.
func (w *scene) federated(role *account.Principal, provider string) {
	if strings.Contains(provider, ":saml-provider/") {
		who, ok := iam.ParsePrincipal(provider)
		if !ok {
			return
		}
		const action = "sts:AssumeRoleWithSAML"
		if a := w.Trust(role, who, nil); a.Result == iam.Allowed {
			w.relate(plinth.Relation{
				From: w.named(provider), To: role.ID, Kind: plinth.Assume, Permissions: []string{action}, When: a.When.Condition(), Evidence: w.steps(a, action, role),
			})
		}
		return
	}
	issuer := account.Issuer(provider)
	if strings.ContainsAny(issuer, "{}") || strings.HasPrefix(issuer, "oidc.eks.") {
		return
	}
	const action = "sts:AssumeRoleWithWebIdentity"
	a := w.Trust(role, iam.Principal{Kind: iam.Federated, ARN: provider}, nil)
	if a.Result != iam.Allowed {
		return
	}
	steps := w.steps(a, action, role)
	for _, term := range a.When {
		subjects, rest := account.Subjects(issuer, w.guests(term))
		for _, subject := range subjects {
			token := w.token(issuer, subject, steps)
			w.relate(plinth.Relation{
				From: token, To: role.ID, Kind: plinth.Assume, Permissions: []string{action}, When: iam.Formula{rest}.Condition(), Evidence: steps,
			})
		}
	}
}

// guests leaves out of a term that a token is one of nobody in particular, where an identity pool gives such tokens.
func (w *scene) guests(t iam.Term) iam.Term {
	open := slices.ContainsFunc(w.g.OfType("AWS::Cognito::IdentityPool"), func(i int32) bool {
		return get(w.g.Resources()[i].Known(), "AllowUnauthenticatedIdentities").Bool()
	})
	return slices.DeleteFunc(slices.Clone(t), func(l iam.Literal) bool {
		return open && !l.Not && strings.HasSuffix(strings.ToLower(l.Key), ":amr") && slices.Contains(l.Values, "unauthenticated")
	})
}

// token is the node of an issuer's tokens with a subject. Where the issuer serves everybody and the subject names no tenant, anybody
// gets one.
func (w *scene) token(issuer, subject string, proof []plinth.Step) plinth.ID {
	id := plinth.ID("oidc:" + issuer + "#" + subject)
	if w.told[id] {
		return id
	}
	w.virtual(plinth.Node{ID: id, Type: plinth.TypeIdentityToken, Name: subject, Address: "a token of " + issuer + " for " + subject})
	if account.Strange(issuer, subject) {
		w.relate(plinth.Relation{From: w.internet(), To: id, Kind: plinth.Assume, Evidence: []plinth.Step{
			{Note: issuer + " gives tokens to everybody, and the trust names no tenant of it", At: proof[0].At, Cost: costTrust},
		}})
	}
	return id
}
