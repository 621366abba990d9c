package account

import (
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/iam"
)

// Guard is what decides about a resource on its own side. Policy is nil where it has none.
type Guard struct {
	Policy *iam.Policy
	Bucket *iam.Bucket // of a bucket, else nil
}

// own are the properties that hold a resource's own policy.
var ownPolicies = map[string][]string{
	"AWS::ApiGateway::RestApi":       {"Policy"},
	"AWS::Backup::BackupVault":       {"AccessPolicy"},
	"AWS::DynamoDB::Table":           {"ResourcePolicy", "PolicyDocument"},
	"AWS::ECR::Repository":           {"RepositoryPolicyText"},
	"AWS::EFS::FileSystem":           {"FileSystemPolicy"},
	"AWS::Elasticsearch::Domain":     {"AccessPolicies"},
	"AWS::Kinesis::Stream":           {"ResourcePolicy"},
	"AWS::KMS::Key":                  {"KeyPolicy"},
	"AWS::KMS::ReplicaKey":           {"KeyPolicy"},
	"AWS::OpenSearchService::Domain": {"AccessPolicies"},
	"AWS::S3::AccessPoint":           {"Policy"},
	"AWS::CodeArtifact::Repository":  {"PermissionsPolicyDocument"},
	"AWS::SecretsManager::Secret":    {"ResourcePolicy"},
	"AWS::ECR::PublicRepository":     {"RepositoryPolicyText"},
	"AWS::BedrockAgentCore::Runtime": {"ResourcePolicy"},
	"AWS::Events::EventBus":          {"Policy"},
}

// hungPolicies are types that are the policy of another resource: the property that names it, the one that holds the policy, and the
// other's type.
var hungPolicies = map[string]struct{ of, policy, typ string }{
	"AWS::S3::BucketPolicy":               {"Bucket", "PolicyDocument", "AWS::S3::Bucket"},
	"AWS::SQS::QueuePolicy":               {"Queues", "PolicyDocument", "AWS::SQS::Queue"},
	"AWS::SQS::QueueInlinePolicy":         {"Queue", "PolicyDocument", "AWS::SQS::Queue"},
	"AWS::SNS::TopicPolicy":               {"Topics", "PolicyDocument", "AWS::SNS::Topic"},
	"AWS::SNS::TopicInlinePolicy":         {"TopicArn", "PolicyDocument", "AWS::SNS::Topic"},
	"AWS::SecretsManager::ResourcePolicy": {"SecretId", "ResourcePolicy", "AWS::SecretsManager::Secret"},
	"AWS::S3::AccessPointPolicy":          {"AccessPoint", "Policy", "AWS::S3::AccessPoint"},
	"AWS::Events::EventBusPolicy":         {"EventBusName", "Policy", "AWS::Events::EventBus"},
	"AWS::Lambda::Permission":             {"FunctionName", "", "AWS::Lambda::Function"},
}

// hold notes which resources are policies of which others.
func (e *Estate) hold() {
	for i, r := range e.g.Resources() {
		at := int32(i)
		h, ok := hungPolicies[r.Type]
		if !ok {
			continue
		}
		if r.Hung {
			for _, to := range e.g.Of(at, get(r.Source, "of")) {
				e.holding[to] = append(e.holding[to], at)
			}
			continue
		}
		for _, v := range list(get(r.Known(), h.of)) {
			for _, to := range e.meant(at, h.typ, v) {
				e.holding[to] = append(e.holding[to], at)
			}
		}
	}
}

// meant finds the resources of a type that a value names: by reference, ARN, URL or name.
func (e *Estate) meant(at int32, typ string, v plinth.Value) []int32 {
	var out []int32
	for _, to := range e.g.Of(at, v) {
		if TypeOf(e.g.Resources()[to]) == typ {
			out = append(out, to)
		}
	}
	if len(out) > 0 {
		return out
	}
	text, ok := e.text(at, v)
	if !ok {
		return nil
	}
	account := e.account(at)
	for _, to := range e.index[typ] {
		arn := e.arn(to)
		if arn == text || e.account(to) == account && e.name(to) == text[strings.LastIndexAny(text, "/:")+1:] {
			if !open(arn) || e.sameWorld(at, to) {
				out = append(out, to)
			}
		}
	}
	return out
}

// Guard returns what decides about a resource on its own side.
func (e *Estate) Guard(r *plinth.Resource) *Guard {
	i, ok := e.place(r)
	if !ok {
		return &Guard{}
	}
	return e.guard(i)
}

func (e *Estate) guard(i int32) *Guard {
	if g := e.guards[i]; g != nil {
		return g
	}
	r := e.g.Resources()[i]
	g := &Guard{}
	e.guards[i] = g
	var all []*iam.Policy
	if path := ownPolicies[r.Type]; path != nil {
		if doc, ok := r.Known().At(path...); ok && !doc.IsNull() {
			all = append(all, e.compile(i, "policy of "+e.called(i), doc))
		}
	}
	for _, by := range e.holding[i] {
		held := e.g.Resources()[by]
		if held.Type == "AWS::Lambda::Permission" {
			all = append(all, e.compile(by, e.called(by), e.permission(i, by)))
			continue
		}
		name := e.called(by)
		if held.Hung {
			name = "policy of " + e.called(i)
		}
		all = append(all, e.compile(by, name, get(held.Known(), hungPolicies[held.Type].policy)))
	}
	switch len(all) {
	case 0:
	case 1:
		g.Policy = all[0]
	default:
		g.Policy = &iam.Policy{Name: "policies of " + e.called(i), At: all[0].At}
		for _, p := range all {
			g.Policy.Statements = append(g.Policy.Statements, p.Statements...)
			g.Policy.Open = append(g.Policy.Open, p.Open...)
		}
	}
	if r.Type == "AWS::S3::Bucket" {
		g.Bucket = e.bucket(i)
	}
	return g
}

// permission writes a Lambda permission as the statement that it becomes.
func (e *Estate) permission(function, by int32) plinth.Value {
	props := e.g.Resources()[by].Known()
	of := func(fields ...plinth.Field) plinth.Value { return plinth.MapOf(fields).WithOrigin(props.Origin()) }
	text := plinth.StringOf
	who := get(props, "Principal")
	kind := "AWS"
	if s := who.Str(); strings.Contains(s, ".") && !strings.HasPrefix(s, "arn:") {
		kind = "Service"
	}
	var when []plinth.Field
	add := func(op, key string, v plinth.Value) {
		if !v.IsNull() {
			when = append(when, plinth.Field{Key: op, Value: of(plinth.Field{Key: key, Value: v})})
		}
	}
	add("ArnLike", "AWS:SourceArn", get(props, "SourceArn"))
	add("StringEquals", "AWS:SourceAccount", get(props, "SourceAccount"))
	add("StringEqualsIgnoreCase", "aws:PrincipalOrgID", get(props, "PrincipalOrgID"))
	add("ForAnyValue:StringEquals", "lambda:FunctionUrlAuthType", get(props, "FunctionUrlAuthType"))
	statement := []plinth.Field{
		{Key: "Effect", Value: text("Allow")},
		{Key: "Action", Value: get(props, "Action")},
		{Key: "Principal", Value: of(plinth.Field{Key: kind, Value: who})},
		{Key: "Resource", Value: text(e.arn(function))},
	}
	if len(when) > 0 {
		statement = append(statement, plinth.Field{Key: "Condition", Value: of(when...)})
	}
	doc := plinth.MapOf([]plinth.Field{{Key: "Version", Value: text("2012-10-17")}, {Key: "Statement", Value: plinth.MapOf(statement)}})
	return doc.WithOrigin(who.Origin())
}

// Facts about buckets that code does not tell.
const (
	young       = "the bucket was made before Block Public Access became the default in April 2023"
	youngOwners = "the bucket was made before access control lists were off by default in April 2023"
)

// canned are the access control lists that have a name.
var canned = map[string][]iam.Grantee{
	"publicread": {{To: "AllUsers", Permission: "READ"}}, "publicreadwrite": {{To: "AllUsers", Permission: "READ"}, {To: "AllUsers", Permission: "WRITE"}},
	"authenticatedread": {{To: "AuthenticatedUsers", Permission: "READ"}},
}

// bucket reads what decides about a bucket besides its policy.
func (e *Estate) bucket(i int32) *iam.Bucket {
	r := e.g.Resources()[i]
	props := r.Known()
	b := &iam.Bucket{}
	block := get(props, "PublicAccessBlockConfiguration")
	account := e.accountBlock(e.account(i))
	b.Restrict = either(e.on(block, "RestrictPublicBuckets"), account("RestrictPublicBuckets"))
	b.IgnoreACLs = either(e.on(block, "IgnorePublicAcls"), account("IgnorePublicAcls"))
	ownership := get(props, "OwnershipControls")
	switch rules := list(get(ownership, "Rules")); {
	case ownership.IsUnknown():
		b.Enforced = iam.If(iam.Because(ownership.Why()...))
	case len(rules) == 0:
		b.Enforced = iam.If(iam.Fact(youngOwners)).Not()
		if r.External {
			b.Enforced = nil
		}
	default:
		switch v := get(rules[0], "ObjectOwnership"); {
		case v.IsUnknown():
			b.Enforced = iam.If(iam.Because(v.Why()...))
		case v.Str() == "BucketOwnerEnforced":
			b.Enforced = iam.Always()
		}
	}
	b.ACL = append(b.ACL, canned[strings.ToLower(strings.ReplaceAll(get(props, "AccessControl").Str(), "-", ""))]...)
	b.ACL = append(b.ACL, e.written(i)...)
	return b
}

// on tells when a switch of Block Public Access is on. Where the code does not say, it is as the bucket is young.
func (e *Estate) on(block plinth.Value, name string) iam.Formula {
	switch v := get(block, name); {
	case block.IsUnknown() && !block.Partial():
		return iam.If(iam.Because(block.Why()...))
	case v.IsUnknown():
		return iam.If(iam.Because(v.Why()...))
	case block.IsNull():
		return iam.If(iam.Fact(young)).Not()
	case v.Bool() || v.Str() == "true":
		return iam.Always()
	}
	return nil
}

func either(a, b iam.Formula) iam.Formula { return a.Or(b) }

// accountBlock returns the switches of Block Public Access that an account has in the code.
func (e *Estate) accountBlock(account string) func(string) iam.Formula {
	for i, r := range e.g.Resources() {
		if r.Decl == nil || r.Decl.Type != "aws_s3_account_public_access_block" || e.account(int32(i)) != account {
			continue
		}
		return func(name string) iam.Formula {
			arg := map[string]string{"RestrictPublicBuckets": "restrict_public_buckets", "IgnorePublicAcls": "ignore_public_acls"}[name]
			switch v := get(r.Source, arg); {
			case v.IsUnknown():
				return iam.If(iam.Because(v.Why()...))
			case v.Bool() || v.Str() == "true":
				return iam.Always()
			}
			return nil
		}
	}
	return func(string) iam.Formula { return nil }
}

// written are the entries of access control lists that the code writes out, and of the bucket's objects.
func (e *Estate) written(i int32) []iam.Grantee {
	var out []iam.Grantee
	for _, by := range e.g.Referred(i) {
		r := e.g.Resources()[by]
		if r.Decl == nil || !slices.Contains(e.g.Of(by, get(r.Source, "bucket")), i) {
			continue
		}
		switch r.Decl.Type {
		case "aws_s3_bucket_acl":
			for _, policy := range list(get(r.Source, "access_control_policy")) {
				for _, grant := range list(get(policy, "grant")) {
					for _, to := range list(get(grant, "grantee")) {
						uri := get(to, "uri").Str()
						if group := lastPart(uri); group == "AllUsers" || group == "AuthenticatedUsers" {
							out = append(out, iam.Grantee{To: group, Permission: get(grant, "permission").Str()})
						}
					}
				}
			}
		case "aws_s3_object", "aws_s3_bucket_object":
			for _, g := range canned[strings.ToLower(strings.ReplaceAll(get(r.Source, "acl").Str(), "-", ""))] {
				g.Object = true
				out = append(out, g)
			}
		}
	}
	return out
}
