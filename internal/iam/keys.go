package iam

import (
	"slices"
	"strings"
)

// Keys returns the condition keys that follow from who asks: their values, and without values those that its requests never carry.
// Tags of the principal and its organization are not among them.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
func (p Principal) Keys() map[string][]string {
	keys := map[string][]string{"aws:PrincipalIsAWSService": {"false"}, "aws:PrincipalServiceName": nil, "aws:username": nil}
	switch p.Kind {
	case Anonymous:
		for _, k := range []string{
			"aws:PrincipalArn", "aws:PrincipalAccount", "aws:PrincipalOrgID", "aws:PrincipalOrgPaths", "aws:userid", "aws:TokenIssueTime",
			"aws:MultiFactorAuthPresent", "aws:MultiFactorAuthAge",
		} {
			keys[k] = nil
		}
		keys["aws:PrincipalType"] = []string{"Anonymous"}
		return keys
	case Service:
		keys["aws:PrincipalIsAWSService"] = []string{"true"}
		keys["aws:PrincipalServiceName"] = []string{p.ARN}
		return keys
	case Federated:
		return map[string][]string{"aws:PrincipalIsAWSService": {"false"}}
	case User:
		keys["aws:username"] = []string{lastPart(p.ARN)}
		keys["aws:PrincipalType"] = []string{"User"}
		keys["aws:PrincipalArn"] = []string{p.ARN}
	case Role, RoleSession:
		keys["aws:PrincipalType"] = []string{"AssumedRole"}
		keys["aws:PrincipalArn"] = []string{p.Role}
	case FederatedSession:
		keys["aws:PrincipalType"] = []string{"FederatedUser"}
		keys["aws:PrincipalArn"] = []string{p.ARN}
	case RootUser:
		keys["aws:PrincipalType"] = []string{"Account"}
		keys["aws:PrincipalArn"] = []string{p.ARN}
	}
	if p.Account != "" {
		keys["aws:PrincipalAccount"] = []string{p.Account}
	}
	return keys
}

// chosen are the keys, in lower case, whose value the caller sets as he likes.
var chosen = []string{
	"aws:referer", "aws:requestedregion", "aws:securetransport", "aws:tagkeys", "aws:useragent", "s3:delimiter", "s3:max-keys", "s3:prefix",
	"s3:signatureversion", "s3:tlsversion", "s3:authtype", "sts:rolesessionname", "sts:sourceidentity", "sts:transitivetagkeys",
}

// Chosen tells whether a condition is about something that the caller of a request sets himself: it keeps nobody out who is let
// otherwise.
func (l *Leaf) Chosen() bool {
	key := strings.ToLower(l.Key)
	return l.Op != "" && (slices.Contains(chosen, key) || strings.HasPrefix(key, "aws:requesttag/") || strings.HasPrefix(key, "s3:x-amz-"))
}

// Without drops the literals of which drop is true: they are taken to hold.
func (f Formula) Without(drop func(Literal) bool) Formula {
	terms := make([]Term, len(f))
	for i, t := range f {
		terms[i] = slices.DeleteFunc(slices.Clone(t), drop)
	}
	return simple(terms)
}
