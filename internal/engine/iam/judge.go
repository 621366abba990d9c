package iam

import (
	"slices"
	"strconv"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/iam"
	"github.com/plinthsec/plinth/internal/iam/account"
)

// guarded are the types with policies of their own, with the actions of which a stranger should have none.
var guarded = []struct {
	typ     string
	actions []string
}{
	{"AWS::S3::Bucket", []string{"s3:GetObject", "s3:PutObject", "s3:ListBucket", "s3:DeleteObject"}},
	{"AWS::SQS::Queue", []string{"sqs:ReceiveMessage", "sqs:SendMessage"}},
	{"AWS::SNS::Topic", []string{"sns:Subscribe", "sns:Publish"}},
	{"AWS::KMS::Key", []string{"kms:Decrypt", "kms:CreateGrant"}},
	{"AWS::SecretsManager::Secret", []string{"secretsmanager:GetSecretValue"}},
	{"AWS::ECR::Repository", []string{"ecr:BatchGetImage", "ecr:PutImage"}},
	{"AWS::Lambda::Function", []string{"lambda:InvokeFunction", "lambda:UpdateFunctionCode"}},
	{"AWS::DynamoDB::Table", []string{"dynamodb:GetItem", "dynamodb:PutItem"}},
	{"AWS::OpenSearchService::Domain", []string{"es:ESHttpGet", "es:ESHttpPost"}},
	{"AWS::Elasticsearch::Domain", []string{"es:ESHttpGet", "es:ESHttpPost"}},
	{"AWS::EFS::FileSystem", []string{"elasticfilesystem:ClientMount"}},
	{"AWS::Backup::BackupVault", []string{"backup:StartRestoreJob"}},
	{"AWS::Kinesis::Stream", []string{"kinesis:GetRecords", "kinesis:PutRecord"}},
	{"AWS::Events::EventBus", []string{"events:PutEvents"}},
}

// resources judges the policies of resources.
func (l *look) resources() {
	for _, kind := range guarded {
		for _, r := range l.Resources(kind.typ) {
			if r.Data || r.External {
				continue
			}
			guard := l.Guard(r)
			if guard.Policy == nil && guard.Bucket == nil {
				continue
			}
			l.seen++
			l.public(r, kind.actions)
			if guard.Policy != nil {
				l.deputies(r, guard.Policy, kind.actions)
				l.stars(guard.Policy)
			}
		}
	}
}

// public says of each statement or list that lets strangers in what it lets them do.
func (l *look) public(r *plinth.Resource, actions []string) {
	type way struct {
		by   iam.Proof
		acts []string
		when iam.Formula
	}
	var ways []way
	for _, action := range actions {
		for _, who := range []iam.Principal{iam.Nobody(), account.Anybody()} {
			a := l.Stranger(who, action, r, nil)
			if a.Result != iam.Allowed {
				continue
			}
			for _, p := range a.Allows {
				if p.Layer != iam.Resource && p.Layer != iam.ACL {
					continue
				}
				i := slices.IndexFunc(ways, func(w way) bool { return w.by.Statement == p.Statement })
				if i < 0 {
					i = len(ways)
					ways = append(ways, way{by: p})
				}
				if !slices.Contains(ways[i].acts, action) {
					ways[i].acts = append(ways[i].acts, action)
				}
				ways[i].when = ways[i].when.Or(a.When.And(p.When))
			}
		}
	}
	for _, w := range ways {
		s := sight{audit: "public-resource", resource: r, path: "public", when: w.when, message: "strangers may " + strings.Join(w.acts, ", ") + " on " + r.Label()}
		if w.by.Statement != nil {
			s.holder, s.at, s.path = l.holder(w.by.Statement, r), w.by.Statement.At, pathOf(w.by.Statement)
		}
		l.add(s)
	}
}

// holder is the resource whose declaration holds a statement.
func (l *look) holder(s *iam.Statement, of *plinth.Resource) *plinth.Resource {
	if r := l.Holder(s.Policy); r != nil {
		return r
	}
	return of
}

func pathOf(s *iam.Statement) string {
	if s.Sid != "" {
		return "Statement[" + s.Sid + "]"
	}
	return "Statement[" + strconv.Itoa(s.Index) + "]"
}

// deputies says which services act on a resource for whomever.
func (l *look) deputies(r *plinth.Resource, policy *iam.Policy, actions []string) {
	for _, s := range policy.Statements {
		names, not := s.Named()
		if !s.Allow || not {
			continue
		}
		for _, n := range names {
			service, ok := strings.CutPrefix(n, "Service:")
			if !ok || !forOthers(service) || slices.ContainsFunc(s.Conditions(), narrows) {
				continue
			}
			for _, action := range actions {
				if !s.Has(l.Services().Action(action)) {
					continue
				}
				l.add(sight{
					audit: "confused-deputy", resource: r, holder: l.holder(s, r), at: s.At, path: pathOf(s), when: iam.Always(),
					message: service + " may " + action + " on " + r.Label(),
				})
				break
			}
			break
		}
	}
}

// deputy are services that write to, or call, the resources of one account for the sake of another one:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html.
var deputy = []string{"s3.", "sns.", "events.", "cloudtrail.", "config.", "logging.s3.", "delivery.logs.", "ses.", "apigateway.", "iot.", "serverlessrepo.", "cloudwatch.", "codestar-notifications.", "scheduler."}

func forOthers(service string) bool {
	return slices.ContainsFunc(deputy, func(d string) bool { return strings.HasPrefix(service, d) })
}

// narrows tells whether a condition says for whose sake a service acts.
func narrows(c *iam.Leaf) bool {
	switch strings.ToLower(c.Key) {
	case "aws:sourceaccount", "aws:sourcearn", "aws:sourceorgid", "aws:sourceorgpaths", "aws:sourceowner", "aws:principalorgid":
		return true
	}
	return false
}

// stars says which conditions compare with a star literally.
func (l *look) stars(policy *iam.Policy) {
	type place struct {
		at   plinth.Location
		text string
	}
	told := map[place]bool{} // statements of a text have one place: what they all say is said once
	for _, s := range policy.Statements {
		if l.said[s] {
			continue
		}
		l.said[s] = true
		for _, c := range s.Conditions() {
			op := strings.ToLower(c.Op[strings.IndexByte(c.Op, ':')+1:])
			if op = strings.TrimSuffix(op, "ifexists"); op != "stringequals" && op != "stringnotequals" && op != "stringequalsignorecase" {
				continue
			}
			if i := slices.IndexFunc(c.Values, func(v string) bool { return strings.ContainsAny(strings.ReplaceAll(v, "${*}", ""), "*") }); i >= 0 {
				text := c.Op + " " + c.Key + " " + c.Values[i]
				if told[place{s.At, text}] {
					continue
				}
				told[place{s.At, text}] = true
				l.add(sight{audit: "literal-star", resource: l.Holder(policy), at: s.At, path: pathOf(s) + "." + c.Key, when: iam.Always(), message: text})
			}
		}
	}
}

// trusts judges who gets sessions of roles.
func (l *look) trusts() {
	for _, role := range l.Principals() {
		if role.Kind != iam.Role || role.Resource.Data || role.Resource.External {
			continue
		}
		policy := l.TrustPolicy(role)
		l.stars(policy)
		if a := l.Trust(role, account.Anybody(), nil); a.Result == iam.Allowed {
			for _, p := range a.Allows {
				if p.Layer == iam.Resource {
					l.add(sight{audit: "trust-anybody", resource: role.Resource, at: p.Statement.At, path: pathOf(p.Statement), message: role.Resource.Label(), when: a.When})
				}
			}
		}
		for _, name := range l.Named(role.Resource) {
			if provider, ok := strings.CutPrefix(name, "Federated:"); ok {
				l.federation(role, provider)
			}
		}
	}
}

// federation judges whether strangers' tokens of a provider give a session of a role.
func (l *look) federation(role *account.Principal, provider string) {
	issuer := account.Issuer(provider)
	if !account.Shared(issuer) {
		return
	}
	a := l.Trust(role, iam.Principal{Kind: iam.Federated, ARN: provider}, nil)
	for _, term := range a.When {
		subjects, _ := account.Subjects(issuer, term)
		if !slices.ContainsFunc(subjects, func(s string) bool { return account.Strange(issuer, s) }) {
			continue
		}
		for _, p := range a.Allows {
			if p.Layer == iam.Resource && !ofOnePool(p.Statement) {
				l.add(sight{
					audit: "trust-open-federation", resource: role.Resource, at: p.Statement.At, path: pathOf(p.Statement), when: iam.Always(),
					message: "any token of " + issuer + " will do",
				})
			}
		}
		return
	}
}

// rewrites are the actions by which a principal writes its own policies, by what it is.
var rewrites = map[iam.PrincipalKind][]string{
	iam.Role: {"iam:PutRolePolicy", "iam:AttachRolePolicy"},
	iam.User: {"iam:PutUserPolicy", "iam:AttachUserPolicy"},
}

// principals judges what principals can do about themselves, and the conditions of their policies.
func (l *look) principals() {
	for _, p := range slices.Concat(l.Principals(), l.Groups()) {
		for _, policy := range l.Policies(p).Identity {
			if policy.At.Path != "" {
				l.stars(policy)
			}
		}
		if p.Group || p.Resource.Data || p.Resource.External || len(l.Admin(p)) > 0 {
			continue
		}
		l.self(p)
	}
}

// self says by which action a principal can write its own policies; one is enough.
func (l *look) self(p *account.Principal) {
	for _, action := range rewrites[p.Kind] {
		if l.rewritten(p, action, p.Resource) {
			return
		}
	}
	for _, policy := range l.Attached(p) {
		if l.rewritten(p, "iam:CreatePolicyVersion", policy) {
			return
		}
	}
}

// rewritten says that a principal can write its own policies by an action, if it can.
func (l *look) rewritten(p *account.Principal, action string, on *plinth.Resource) bool {
	a := l.Decide(p, action, on, nil)
	if a.Result != iam.Allowed {
		return false
	}
	ways := l.Ways(a, p, action, on)
	when := a.When.And(l.Rewritten(p))
	if len(ways) == 0 || len(ways[0].By) == 0 || ways[0].By[0].Statement == nil || when.Never() {
		return false
	}
	s := ways[0].By[0].Statement
	l.add(sight{
		audit: "self-administrator", resource: p.Resource, path: action, when: when, message: action + " on " + on.Label(),
		evidence: []plinth.Step{account.Step(ways[0].By[0], action, on.Label())}, at: at(s, p.Resource),
	})
	return true
}

// ofOnePool tells whether a statement takes the tokens of one identity pool of Cognito only: aud is the pool that gave the token.
func ofOnePool(s *iam.Statement) bool {
	return slices.ContainsFunc(s.Conditions(), func(c *iam.Leaf) bool {
		return strings.EqualFold(c.Key, "cognito-identity.amazonaws.com:aud") && strings.HasPrefix(strings.ToLower(c.Op), "string") && !strings.Contains(strings.ToLower(c.Op), "not") && !slices.Contains(c.Values, "*")
	})
}

// at is the place of a statement where it stands in the declaration of a resource; else the finding stands at the resource.
func at(s *iam.Statement, r *plinth.Resource) plinth.Location {
	if r.Decl != nil && s.At.Path == r.Decl.At.Path && s.At.Line >= r.Decl.At.Line && s.At.EndLine <= r.Decl.At.EndLine {
		return s.At
	}
	return plinth.Location{}
}
