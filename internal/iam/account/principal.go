package account

import (
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/iam"
)

// attachment is one policy of a principal: a document, or the name of a managed policy.
type attachment struct {
	by   int32 // the resource that attaches it
	doc  plinth.Value
	name string       // of an inline policy, as messages call it
	arn  plinth.Value // of a managed policy
}

type attached struct {
	policy string
	at     plinth.Location
}

// principalTypes are the types of principals and what they are.
var principalTypes = map[string]iam.PrincipalKind{"AWS::IAM::User": iam.User, "AWS::IAM::Role": iam.Role, "AWS::IAM::Group": iam.User}

// collect finds the principals, and the resources that have an ARN.
func (e *Estate) collect() {
	var groups []*Principal
	for i, r := range e.g.Resources() {
		if !isAWS(r) {
			continue
		}
		arn := e.arn(int32(i))
		if arn == "" {
			continue
		}
		typ := TypeOf(r)
		e.index[typ] = append(e.index[typ], int32(i))
		if parts := strings.SplitN(arn, ":", 6); len(parts) == 6 {
			e.named[bare(parts)] = append(e.named[bare(parts)], int32(i))
		}
		if _, ok := principalTypes[typ]; !ok {
			continue
		}
		who, _ := iam.ParsePrincipal(arn)
		p := &Principal{Principal: who, ID: r.ID, Resource: r, at: int32(i), Group: typ == "AWS::IAM::Group"}
		if p.Group {
			p.Principal = iam.Principal{Kind: iam.User, ARN: arn, Account: e.account(int32(i))}
		}
		if old := e.byARN[arn]; old != nil && !open(arn) && (!strings.Contains(who.Account, "{") || e.sameWorld(old.at, int32(i))) {
			// A data source, or a resource of somebody else, and the resource itself are one principal.
			e.byResource[r.ID] = old
			if !old.Resource.Data && !old.Resource.External {
				continue
			}
			if !r.Data && !r.External {
				old.Resource, old.ID, old.at = r, r.ID, int32(i)
			}
			continue
		}
		e.byResource[r.ID] = p
		if e.byARN[arn] == nil {
			e.byARN[arn] = p
		}
		if p.Group {
			groups = append(groups, p)
		} else {
			e.principals = append(e.principals, p)
		}
	}
	e.users = len(e.principals)
	e.principals = append(e.principals, groups...)
}

// list returns the elements of a list that are known, or the value itself.
func list(v plinth.Value) []plinth.Value {
	switch {
	case v.Kind() == plinth.List:
		return v.List()
	case v.Partial():
		doc, _ := v.Document()
		return doc.List()
	case v.IsNull():
		return nil
	}
	return []plinth.Value{v}
}

func get(v plinth.Value, key string) plinth.Value {
	out, _ := v.Get(key)
	return out
}

// attach finds the policies of each principal and the groups of each user.
func (e *Estate) attach() {
	for i, r := range e.g.Resources() {
		at, props := int32(i), r.Known()
		if p := e.byResource[r.ID]; p != nil {
			e.own1(p, at, props)
			continue
		}
		switch r.Type {
		case "AWS::IAM::RolePolicy", "AWS::IAM::UserPolicy", "AWS::IAM::GroupPolicy":
			kind := strings.TrimSuffix(strings.TrimPrefix(r.Type, "AWS::IAM::"), "Policy")
			e.give(at, kind, get(props, kind+"Name"), attachment{by: at, doc: get(props, "PolicyDocument"), name: e.called(at)})
		case "AWS::IAM::Policy":
			e.giveAll(at, props, attachment{by: at, doc: get(props, "PolicyDocument"), name: e.called(at)})
		case "AWS::IAM::ManagedPolicy":
			e.giveAll(at, props, attachment{by: at, arn: plinth.StringOf(e.arn(at)).WithOrigin(props.Origin())})
		case "AWS::IAM::UserToGroupAddition":
			e.join(at, get(props, "GroupName"), get(props, "Users"))
		}
		if r.Decl == nil || r.Data {
			continue
		}
		switch r.Decl.Type {
		case "aws_iam_policy_attachment":
			named := plinth.MapOf([]plinth.Field{
				{Key: "Users", Value: get(r.Source, "users")}, {Key: "Roles", Value: get(r.Source, "roles")}, {Key: "Groups", Value: get(r.Source, "groups")},
			})
			e.giveAll(at, named, attachment{by: at, arn: get(r.Source, "policy_arn")})
		case "aws_iam_group_membership":
			e.join(at, get(r.Source, "group"), get(r.Source, "users"))
		}
	}
}

// own1 reads what a principal's own resource says.
func (e *Estate) own1(p *Principal, at int32, props plinth.Value) {
	for _, arn := range list(get(props, "ManagedPolicyArns")) {
		p.attached = append(p.attached, attachment{by: at, arn: arn})
	}
	for _, inline := range list(get(props, "Policies")) {
		name := "inline policy of " + e.called(at)
		if s := get(inline, "PolicyName").Str(); s != "" {
			name = "policy " + s + " of " + e.called(at)
		}
		p.attached = append(p.attached, attachment{by: at, doc: get(inline, "PolicyDocument"), name: name})
	}
	if b := get(props, "PermissionsBoundary"); !b.IsNull() {
		p.boundary = b
	}
	for _, g := range list(get(props, "Groups")) {
		e.enter(at, p, g)
	}
}

func (e *Estate) enter(at int32, p *Principal, group plinth.Value) {
	g := e.referred(at, group)
	if g == nil || !g.Group || slices.Contains(p.Groups, g) {
		return
	}
	p.Groups = append(p.Groups, g)
	p.Memberships = append(p.Memberships, group)
}

func (e *Estate) join(at int32, group, users plinth.Value) {
	for _, u := range list(users) {
		if p := e.named1(at, "User", u); p != nil {
			e.enter(at, p, group)
		}
	}
}

// named1 finds the principal of one kind that a value names.
func (e *Estate) named1(at int32, kind string, v plinth.Value) *Principal {
	for _, to := range e.g.Of(at, v) {
		r := e.g.Resources()[to]
		if p := e.byResource[r.ID]; p != nil && TypeOf(r) == "AWS::IAM::"+kind {
			return p
		}
	}
	name, ok := e.text(at, v)
	if !ok {
		return nil
	}
	name = lastPart(name)
	account := e.account(at)
	for _, p := range e.principals {
		if TypeOf(p.Resource) == "AWS::IAM::"+kind && p.Account == account && lastPart(p.ARN) == name && (!strings.Contains(account+name, "{") || e.sameWorld(at, p.at)) {
			return p
		}
	}
	return nil
}

func (e *Estate) give(at int32, kind string, to plinth.Value, a attachment) {
	if p := e.named1(at, kind, to); p != nil {
		p.attached = append(p.attached, a)
	}
}

func (e *Estate) giveAll(at int32, props plinth.Value, a attachment) {
	for _, kind := range [...]string{"Role", "User", "Group"} {
		for _, to := range list(get(props, kind+"s")) {
			b := a
			if !b.arn.IsNull() && b.arn.Origin() == nil {
				b.arn = b.arn.WithOrigin(to.Origin())
			}
			e.give(at, kind, to, b)
		}
	}
}

// compile reads a document of a resource.
func (e *Estate) compile(at int32, name string, doc plinth.Value) *iam.Policy {
	e.compiler.Resolve = func(v plinth.Value) (string, bool) { return e.text(at, v) }
	p, problems := e.compiler.Compile(name, doc)
	if p.At.Path == "" {
		if d := e.g.Resources()[at].Decl; d != nil {
			p.At = d.At
			for _, s := range p.Statements {
				if s.At.Path == "" {
					s.At = d.At
				}
			}
		}
	}
	e.problems = append(e.problems, problems...)
	e.holders[p] = at
	return p
}

// Holder returns the resource whose declaration holds a policy, or that attaches one which AWS manages; nil for one that stands nowhere.
func (e *Estate) Holder(p *iam.Policy) *plinth.Resource {
	if i, ok := e.holders[p]; ok {
		return e.g.Resources()[i]
	}
	return nil
}

// policy reads an attachment; nil where the policy is not in the code and nobody knows it.
func (e *Estate) policy(a attachment) *iam.Policy {
	if a.arn.IsNull() {
		return e.compile(a.by, a.name, a.doc)
	}
	for _, to := range e.g.Of(a.by, a.arn) {
		if r := e.g.Resources()[to]; TypeOf(r) == "AWS::IAM::ManagedPolicy" && !r.Data {
			return e.shared(to)
		}
	}
	arn, ok := e.text(a.by, a.arn)
	if !ok {
		return &iam.Policy{Name: "policy", Open: a.arn.Why()}
	}
	if parts := strings.SplitN(arn, ":", 6); len(parts) == 6 && parts[4] != "aws" {
		for _, i := range e.named[bare(parts)] {
			if e.arn(i) == arn && !e.g.Resources()[i].Data && (!open(arn) || e.sameWorld(a.by, i)) {
				return e.shared(i)
			}
		}
	}
	return e.provided(arn, a)
}

// shared is the policy of a resource that others attach.
func (e *Estate) shared(i int32) *iam.Policy {
	key := attached{policy: string(e.g.Resources()[i].ID)}
	p := e.managed[key]
	if p == nil {
		p = e.compile(i, e.called(i), get(e.g.Resources()[i].Known(), "PolicyDocument"))
		e.managed[key] = p
	}
	return p
}

// provided is a policy that AWS manages. Its place is where it is attached.
func (e *Estate) provided(arn string, a attachment) *iam.Policy {
	var at plinth.Location
	if o := a.arn.Origin(); o != nil {
		at = o.At
	} else if d := e.g.Resources()[a.by].Decl; d != nil {
		at = d.At
	}
	key := attached{arn, at}
	if p := e.managed[key]; p != nil {
		return p
	}
	doc, ok := iam.Managed(arn)
	var p *iam.Policy
	if ok {
		p = e.compile(a.by, lastPart(arn), doc.WithOrigin(&plinth.Origin{At: at}))
		for _, s := range p.Statements {
			s.At = at
		}
	} else {
		p = &iam.Policy{Name: lastPart(arn), At: at, Open: []string{arn}}
	}
	e.managed[key] = p
	return p
}

// Policies returns what limits and lets a principal on its own side: its policies and those of its groups, its boundary. The
// policies of its account's organization are apart: Limits.
func (e *Estate) Policies(p *Principal) *iam.Policies {
	if p.closed {
		return p.policies
	}
	p.closed = true
	p.policies = &iam.Policies{}
	for _, a := range p.attached {
		p.policies.Identity = append(p.policies.Identity, e.policy(a))
	}
	for _, g := range p.Groups {
		p.policies.Identity = append(p.policies.Identity, e.Policies(g).Identity...)
	}
	if !p.boundary.IsNull() {
		b := e.policy(attachment{by: p.at, arn: p.boundary})
		if len(b.Open) > 0 && len(b.Statements) == 0 {
			b = nil // nobody knows what it lets; the identity policies count
		}
		if b != nil {
			p.policies.Boundary = []*iam.Policy{b}
		}
	}
	return p.policies
}

// TrustPolicy returns the trust policy of a role, without statements where it is not known.
func (e *Estate) TrustPolicy(role *Principal) *iam.Policy {
	if role.trust == nil {
		role.trust = e.compile(role.at, "trust of "+e.called(role.at), get(role.Resource.Known(), "AssumeRolePolicyDocument"))
	}
	return role.trust
}

// Attached returns the managed policies of a principal and of its groups that the code declares.
func (e *Estate) Attached(p *Principal) []*plinth.Resource {
	var out []*plinth.Resource
	for _, of := range append([]*Principal{p}, p.Groups...) {
		for _, a := range of.attached {
			if a.arn.IsNull() {
				continue
			}
			for _, r := range e.Meant(e.g.Resources()[a.by], "AWS::IAM::ManagedPolicy", a.arn) {
				if !r.Data && !slices.Contains(out, r) {
					out = append(out, r)
				}
			}
		}
	}
	return out
}
