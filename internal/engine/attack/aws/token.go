package aws

import (
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/iam"
	"github.com/plinthsec/plinth/internal/iam/account"
)

// shared are issuers of which anybody can get tokens, with what stands in front of the tenant in a token's subject.
var shared = map[string]string{
	"token.actions.githubusercontent.com": "repo:",
	"gitlab.com":                          "project_path:",
	"app.terraform.io":                    "organization:",
	"api.bitbucket.org":                   "{",
	"accounts.google.com":                 "",
	cognito:                               "",
	"graph.facebook.com":                  "",
	"www.amazon.com":                      "",
	"agent.buildkite.com":                 "organization:",
	"oidc.circleci.com":                   "org/",
}

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
				From: w.named(provider), To: role.ID, Kind: plinth.Assume, Permissions: []string{action}, When: condition(a.When), Evidence: w.steps(a, action, role),
			})
		}
		return
	}
	issuer := provider
	if _, rest, ok := strings.Cut(provider, ":oidc-provider/"); ok {
		issuer = rest
	}
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
		subjects, rest := w.claims(issuer, term)
		for _, subject := range subjects {
			token := w.token(issuer, subject, steps)
			w.relate(plinth.Relation{
				From: token, To: role.ID, Kind: plinth.Assume, Permissions: []string{action}, When: condition(iam.Formula{rest}), Evidence: steps,
			})
		}
	}
}

// claims takes out of a term which subjects of an issuer's tokens it lets; * where it lets any. Whom a token is for is the caller's
// choice, unless the issuer gives tokens to the users of one application only.
func (w *scene) claims(issuer string, t iam.Term) (subjects []string, rest iam.Term) {
	for _, l := range t {
		positive := !l.Not && !strings.Contains(strings.ToLower(l.Op), "not")
		switch claim := strings.TrimPrefix(strings.ToLower(l.Key), strings.ToLower(issuer)+":"); {
		case claim == "sub" && positive:
			subjects = l.Values
		case claim == "aud" && (shared[issuer] != "" || issuer == cognito):
		case claim == "amr" && positive && slices.Contains(l.Values, "unauthenticated") && w.guests():
		default:
			rest = append(rest, l)
		}
	}
	if subjects == nil {
		subjects = []string{"*"}
	}
	return subjects, rest
}

const cognito = "cognito-identity.amazonaws.com"

// guests tells whether an identity pool gives credentials to whoever does not sign in.
func (w *scene) guests() bool {
	return slices.ContainsFunc(w.g.OfType("AWS::Cognito::IdentityPool"), func(i int32) bool {
		return get(known(w.g.Resources()[i]), "AllowUnauthenticatedIdentities").Bool()
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
	if before, ok := shared[issuer]; ok && !tenant(strings.TrimPrefix(subject, before)) {
		w.relate(plinth.Relation{From: w.internet(), To: id, Kind: plinth.Assume, Evidence: []plinth.Step{
			{Note: issuer + " gives tokens to everybody, and the trust names no tenant of it", At: proof[0].At, Cost: costTrust},
		}})
	}
	return id
}

// tenant tells whether the first part of a subject is a name.
func tenant(subject string) bool {
	end := strings.IndexAny(subject, "/:")
	if end < 0 {
		end = len(subject)
	}
	return end > 0 && !slices.ContainsFunc([]byte(subject[:end]), func(c byte) bool { return c == '*' || c == '?' })
}
