package iam

import "strings"

// PrincipalKind is what kind of caller makes a request.
type PrincipalKind uint8

// The kinds of callers.
const (
	Anonymous PrincipalKind = iota // nobody in particular: a request without a signature
	User                           // an IAM user
	Role                           // a role, whichever of its sessions
	RoleSession
	FederatedSession // of GetFederationToken
	RootUser         // the owner of an account
	Service          // a service of the provider
	Federated        // an identity provider: SAML or OIDC
)

// Principal is who makes a request.
type Principal struct {
	Kind    PrincipalKind
	ARN     string // as given; a service's name
	Account string // "" where it has none
	// Role is the ARN of the role whose session it is, where it is known with its path; else it ends in the role's name.
	Role string
	// RoleName is the last part of the role's ARN.
	RoleName string
	// Linked tells of a role that belongs to a service: organization policies do not touch it.
	Linked bool
}

// Nobody is the caller of a request without a signature.
func Nobody() Principal { return Principal{Kind: Anonymous, ARN: "anonymous"} }

const linkedPath = "/aws-service-role/"

// ParsePrincipal reads the ARN of a user, role, session, account root or identity provider, the name of a service, or "anonymous".
func ParsePrincipal(s string) (Principal, bool) {
	s = strings.TrimSpace(s)
	p := Principal{ARN: s}
	switch {
	case s == "anonymous" || s == "*":
		return Nobody(), true
	case isAccount(s):
		p.Kind, p.Account = RootUser, s
		return p, true
	case !strings.HasPrefix(s, "arn:"):
		p.Kind = Service
		if strings.ContainsAny(s, " :/") || !strings.Contains(s, ".") {
			return Principal{}, false
		}
		return p, true
	}
	parts := strings.SplitN(s, ":", 6)
	if len(parts) < 6 {
		return Principal{}, false
	}
	p.Account = parts[4]
	kind, name, _ := strings.Cut(parts[5], "/")
	switch {
	case parts[2] == "iam" && parts[5] == "root":
		p.Kind = RootUser
	case parts[2] == "iam" && kind == "user":
		p.Kind = User
	case parts[2] == "iam" && kind == "role":
		p.Kind, p.Role, p.RoleName = Role, s, lastPart(name)
		p.Linked = strings.Contains("/"+name, linkedPath)
	case parts[2] == "sts" && kind == "assumed-role":
		role, _, _ := strings.Cut(name, "/")
		p.Kind, p.RoleName = RoleSession, role
		p.Role = "arn:" + parts[1] + ":iam::" + parts[4] + ":role/" + role
		p.Linked = strings.HasPrefix(role, "AWSServiceRoleFor")
	case parts[2] == "sts" && kind == "federated-user":
		p.Kind = FederatedSession
	case parts[2] == "iam" && (kind == "saml-provider" || kind == "oidc-provider"):
		p.Kind = Federated
	default:
		return Principal{}, false
	}
	return p, name != "" || p.Kind == RootUser
}

func lastPart(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

// isAccount tells whether a text is the number of an account, or stands in braces for one that is not known.
func isAccount(s string) bool {
	return len(s) == 12 && number(s[:6]) >= 0 && number(s[6:]) >= 0 || strings.HasPrefix(s, "{account") && strings.HasSuffix(s, "}")
}

// naming says how a statement names the caller of a request. A higher one gives more.
type naming uint8

const (
	unnamed   naming = iota
	byAccount        // its account: it delegates to the account's identity policies
	byRole           // its role: boundary and session policy limit what that gives
	itself           // the user, the session, the service, or everybody
)

// whoKind is what kind of name stands in a policy.
type whoKind uint8

const (
	whoAll whoKind = iota // *
	whoAccount
	whoARN
	whoService
	whoFederated
	whoOther   // a canonical user, an unknown kind: nobody that a request can be
	whoUnknown // not known from the code
)

// who is one name in a Principal or NotPrincipal.
type who struct {
	kind     whoKind
	text     string
	account  string
	roleName string // of a role's ARN
	open     Formula
}

// whoOf reads one name. The kind is the key it stands under: AWS, Service, Federated, CanonicalUser; "" for a text that stands
// alone, which is * or an ARN.
func whoOf(kind, text string) who {
	w := who{text: text}
	switch {
	case text == "*" && (kind == "AWS" || kind == ""):
		w.kind = whoAll
	case kind == "Service":
		w.kind = whoService
	case kind == "Federated":
		w.kind = whoFederated
	case kind != "AWS" && kind != "":
		w.kind = whoOther
	case isAccount(text):
		w.kind, w.account = whoAccount, text
	default:
		w.kind = whoARN
		parts := strings.SplitN(text, ":", 6)
		if len(parts) < 6 || parts[0] != "arn" {
			break
		}
		w.account = parts[4]
		if parts[2] == "iam" && parts[5] == "root" {
			w.kind = whoAccount
		}
		if path, ok := strings.CutPrefix(parts[5], "role/"); ok && parts[2] == "iam" {
			w.roleName = lastPart(path)
		}
	}
	return w
}

// names tells how w names the caller.
func (w *who) names(p *Principal) naming {
	switch w.kind {
	case whoAll, whoUnknown:
		return itself
	case whoAccount:
		if p.Account != w.account || p.Account == "" || p.Kind == Service || p.Kind == Federated {
			return unnamed
		}
		if p.Kind == RootUser {
			return itself
		}
		return byAccount
	case whoService:
		if p.Kind == Service && strings.EqualFold(p.ARN, w.text) {
			return itself
		}
	case whoFederated:
		if p.ARN == w.text || p.Kind == Federated && strings.HasSuffix(p.ARN, ":oidc-provider/"+w.text) { // accounts.google.com has no ARN
			return itself
		}
	case whoARN:
		switch {
		case p.Kind == Service || p.Kind == Anonymous:
		case w.roleName != "" && (p.Kind == RoleSession || p.Kind == Role):
			if w.account == p.Account && w.roleName == p.RoleName && (p.Kind == RoleSession && strings.Count(p.Role, "/") == 1 || w.text == p.Role) {
				return byRole
			}
		case w.text == p.ARN:
			return itself
		}
	}
	return unnamed
}

// among tells how the best of the names names the caller, and what must hold for it where a name is unknown.
func among(list []who, p *Principal) (naming, Formula) {
	best, open := unnamed, Formula(nil)
	for i := range list {
		n := list[i].names(p)
		if list[i].kind == whoUnknown {
			open = open.Or(list[i].open)
			continue
		}
		best = max(best, n)
	}
	if best != unnamed || open.Never() {
		return best, always
	}
	return itself, open
}

// spared tells whether a NotPrincipal lists the caller: itself or its role. An account that is listed spares its root user alone
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html).
func spared(list []who, p *Principal) (bool, Formula) {
	open := Formula(nil)
	for i := range list {
		if list[i].kind == whoUnknown {
			open = open.Or(list[i].open)
		} else if list[i].names(p) >= byRole {
			return true, nil
		}
	}
	return false, open
}
