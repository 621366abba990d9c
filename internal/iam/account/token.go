package account

import (
	"slices"
	"strings"

	"github.com/plinthsec/plinth/internal/iam"
)

const cognito = "cognito-identity.amazonaws.com"

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

// Issuer is who gives the tokens of an identity provider, without scheme; the text itself where it is no ARN.
func Issuer(provider string) string {
	if _, rest, ok := strings.Cut(provider, ":oidc-provider/"); ok {
		return rest
	}
	return provider
}

// Shared tells whether anybody can get tokens of an issuer.
func Shared(issuer string) bool {
	_, ok := shared[issuer]
	return ok
}

// Subjects takes out of a term which subjects of an issuer's tokens it lets, * where it lets any, and what else it asks. Whom a token
// is for is the caller's choice, unless the issuer gives tokens to the users of one application only.
func Subjects(issuer string, t iam.Term) (subjects []string, rest iam.Term) {
	for _, l := range t {
		positive := !l.Not && !strings.Contains(strings.ToLower(l.Op), "not")
		switch claim := strings.TrimPrefix(strings.ToLower(l.Key), strings.ToLower(issuer)+":"); {
		case claim == "sub" && positive:
			subjects = l.Values
		case claim == "aud" && (shared[issuer] != "" || issuer == cognito):
		default:
			rest = append(rest, l)
		}
	}
	if subjects == nil {
		subjects = []string{"*"}
	}
	return subjects, rest
}

// Strange tells whether a subject of a shared issuer names no tenant of it: anybody gets a token with it.
func Strange(issuer, subject string) bool {
	before, ok := shared[issuer]
	return ok && !tenant(strings.TrimPrefix(subject, before))
}

// tenant tells whether the first part of a subject is a name.
func tenant(subject string) bool {
	end := strings.IndexAny(subject, "/:")
	if end < 0 {
		end = len(subject)
	}
	return end > 0 && !slices.ContainsFunc([]byte(subject[:end]), func(c byte) bool { return c == '*' || c == '?' })
}
