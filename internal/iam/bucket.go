package iam

import (
	"slices"
	"strings"
)

// Bucket is what decides about an S3 bucket and its objects besides policies:
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html. A switch is a Formula: Always on, nil
// off, or on under a condition. BlockPublicPolicy and BlockPublicAcls only refuse new settings and are no part of it.
type Bucket struct {
	Restrict   Formula // RestrictPublicBuckets, of the bucket or its account
	IgnoreACLs Formula // IgnorePublicAcls, of the bucket or its account
	Enforced   Formula // ownership BucketOwnerEnforced: access control lists do nothing
	ACL        []Grantee
}

// Grantee is one entry of an access control list.
type Grantee struct {
	To         string // AllUsers, AuthenticatedUsers, or the number of an account
	Permission string // READ, WRITE, READ_ACP, WRITE_ACP or FULL_CONTROL
	Object     bool   // the list is that of the objects, not the bucket's
}

// unrestricted tells under which conditions the bucket's policy counts for the caller: RestrictPublicBuckets leaves a public policy
// to services and the owner's account.
func (b *Bucket) unrestricted(q *request, p *Policy) Formula {
	if b.Restrict.Never() || q.Principal.Kind == Service || q.Principal.Kind != Anonymous && q.sameAccount() || !p.Public() {
		return always
	}
	return b.Restrict.Not()
}

// fixing are the condition keys, in lower case, whose fixed value keeps a policy from being public.
var fixing = []string{
	"aws:principalaccount", "aws:principalarn", "aws:principalorgid", "aws:principalorgpaths", "aws:sourceaccount", "aws:sourcearn", "aws:sourceip",
	"aws:sourceorgid", "aws:sourceorgpaths", "aws:sourceowner", "aws:sourcevpc", "aws:sourcevpce", "aws:userid", "aws:vpcsourceip", "s3:dataaccesspointaccount",
	"s3:dataaccesspointarn", "s3:x-amz-server-side-encryption-aws-kms-key-id",
}

// Public tells whether S3 calls the policy public: a statement lets everybody, and no condition holds it to fixed values.
func (p *Policy) Public() bool {
	return slices.ContainsFunc(p.Statements, func(s *Statement) bool {
		everybody := s.notWho || slices.ContainsFunc(s.principals, func(w who) bool { return w.kind == whoAll })
		return s.Allow && everybody && !slices.ContainsFunc(s.conditions, (*condition).fixes)
	})
}

func (c *condition) fixes() bool {
	if c.negated || c.ifExists || c.set == allValues || !slices.Contains(fixing, c.key) || len(c.values) == 0 {
		return false
	}
	return !slices.ContainsFunc(c.values, func(w wanted) bool {
		if c.op == ipAddress {
			return w.bad || w.prefix.Bits() < 8
		}
		return w.parts != nil || w.open == nil && !plainGlob(w.glob) && (c.op == stringLike || strings.Trim(w.glob, "\x00\x01") == "")
	})
}

// aclActions are the actions that a permission of an access control list stands for, in lower case.
var aclActions = map[string]struct {
	permission string
	object     bool
}{
	"s3:listbucket":                 {"READ", false},
	"s3:listbucketversions":         {"READ", false},
	"s3:listbucketmultipartuploads": {"READ", false},
	"s3:putobject":                  {"WRITE", false},
	"s3:deleteobject":               {"WRITE", false},
	"s3:getbucketacl":               {"READ_ACP", false},
	"s3:putbucketacl":               {"WRITE_ACP", false},
	"s3:getobject":                  {"READ", true},
	"s3:getobjectversion":           {"READ", true},
	"s3:getobjectacl":               {"READ_ACP", true},
	"s3:getobjectversionacl":        {"READ_ACP", true},
	"s3:putobjectacl":               {"WRITE_ACP", true},
	"s3:putobjectversionacl":        {"WRITE_ACP", true},
}

// listed tells how the access control list names the caller, and under which conditions it counts.
func (b *Bucket) listed(q *request) (naming, Formula) {
	want, ok := aclActions[q.Action.text]
	if !ok || b.Enforced.Always() {
		return unnamed, nil
	}
	best, when := unnamed, Formula(nil)
	for _, g := range b.ACL {
		if g.Object != want.object || g.Permission != want.permission && g.Permission != "FULL_CONTROL" {
			continue
		}
		how, counts := unnamed, b.Enforced.Not()
		switch {
		case g.To == "AllUsers" || g.To == "AuthenticatedUsers" && q.Principal.Kind != Anonymous && q.Principal.Kind != Service:
			how, counts = itself, counts.And(b.IgnoreACLs.Not())
		case g.To == q.Principal.Account && g.To != "":
			how = byAccount
		}
		if counts.Never() || how < best || how == unnamed {
			continue
		}
		if how > best {
			best, when = how, nil
		}
		when = when.Or(counts)
	}
	return best, when
}
