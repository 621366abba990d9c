// Package iam tells who may do what: it evaluates the permission policies of AWS, for a request whose context is known, and
// symbolically, for one of which only parts are known.
//
// The order and the rules are those of the provider:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html. Policies are compiled once (Compiler) and
// asked often: Decide answers one request, Can lists what a principal's own policies let it do.
package iam

import "strings"

// Result is the answer to a request.
type Result uint8

// The three results. ImplicitlyDenied: nothing lets it; ExplicitlyDenied: something forbids it.
const (
	ImplicitlyDenied Result = iota
	ExplicitlyDenied
	Allowed
)

func (r Result) String() string {
	return [...]string{"ImplicitlyDenied", "ExplicitlyDenied", "Allowed"}[min(r, Allowed)]
}

// Layer is where a policy stands.
type Layer uint8

// The layers. ACL is the access control list of a bucket.
const (
	Identity Layer = iota
	Boundary
	Session
	Resource
	Endpoint
	SCP
	RCP
	ACL
)

func (l Layer) String() string {
	return [...]string{"identity", "boundary", "session", "resource", "endpoint", "scp", "rcp", "acl"}[min(l, ACL)]
}

// Policies are all policies that bear on a request. A nil list is "none attached"; an empty one of Boundary, Session or Endpoint
// lets nothing through.
type Policies struct {
	Identity []*Policy // of the user or role and of its groups, managed and inline
	Boundary []*Policy
	Session  []*Policy
	Resource *Policy     // bucket, key, queue or trust policy of the resource
	Endpoint []*Policy   // of the VPC endpoint that the request passes
	SCP      [][]*Policy // of the principal's account, by level, root first
	RCP      [][]*Policy // of the resource's account, by level; RCPFullAWSAccess is implied
	Bucket   *Bucket     // what else decides about a bucket and its objects
}

// Request is one question.
type Request struct {
	Principal Principal
	Action    Action
	// Resource is an ARN, or * for an action without resource. With wildcards it stands for some resource that they match: the
	// answer is Allowed where one such is.
	Resource string
	Account  string // that owns the resource; "": the ARN's, and where it has none the principal's
	Context  *Context
}

// Proof is a statement that bears on an answer, and under what conditions it does.
type Proof struct {
	Layer     Layer
	Statement *Statement // nil for an entry of an access control list
	When      Formula
}

// Answer is what the policies say to a request.
type Answer struct {
	Result Result
	// When is what must hold for Allowed; it never holds for the other results. In a strict context it always holds, or it rests on
	// something unknown in the policies.
	When    Formula
	Allows  []Proof  // what lets it, or would if nothing else stood in the way
	Denies  []Proof  // what forbids it
	Blocked []Layer  // the layers that let nothing through or forbid it, where the result is not Allowed
	Open    []string // root causes of statements that are not known at all and that no part of the answer counts
}

// request is a Request made ready.
type request struct {
	*Request
	resource string // the text to match, or a pattern
	some     bool   // resource is a pattern
	account  string
}

func (q *Request) ready() request {
	r := request{Request: q, resource: q.Resource, account: q.Account}
	switch {
	case q.Action.Everywhere():
		r.resource = "*"
	case strings.IndexByte(r.resource, '*') >= 0 || strings.IndexByte(r.resource, '?') >= 0:
		r.resource, r.some = globOf(r.resource), true
	default:
		r.resource = literalOf(r.resource)
	}
	if r.account == "" {
		r.account = accountOf(q.Resource)
	}
	return r
}

// accountOf is the fifth part of an ARN.
func accountOf(arn string) string {
	for range 4 {
		i := strings.IndexByte(arn, ':')
		if i < 0 {
			return ""
		}
		arn = arn[i+1:]
	}
	account, _, _ := strings.Cut(arn, ":")
	if strings.ContainsAny(account, "*?") {
		return ""
	}
	return account
}

func (q *request) sameAccount() bool {
	return q.account == "" || q.Principal.Account == "" || q.account == q.Principal.Account
}

// guarded tells whether the resource's own policy must let the request in any case: the key policy of a key, the trust policy of
// a role that is assumed.
func (q *request) guarded() bool {
	switch q.Action.service {
	case "kms":
		return strings.Contains(q.Resource, ":key/")
	case "sts":
		switch q.Action.text {
		case "sts:assumerole", "sts:assumerolewithsaml", "sts:assumerolewithwebidentity", "sts:tagsession", "sts:setsourceidentity", "sts:setcontext":
			return strings.Contains(q.Resource, ":role/")
		}
	}
	return false
}
