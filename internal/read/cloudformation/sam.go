package cloudformation

import (
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/value"
)

// withGlobals merges the section Globals of a SAM template into the properties of a resource, as they are written: maps are
// merged, lists appended to, and the resource's own scalars win.
func (t *template) withGlobals(kind string, props plinth.Value) plinth.Value {
	section, ok := strings.CutPrefix(kind, "AWS::Serverless::")
	if !ok {
		return props
	}
	global, ok := t.globals.Get(section)
	if !ok || global.Kind() != plinth.Map {
		return props
	}
	return merged(global, props)
}

func merged(global, own plinth.Value) plinth.Value {
	switch {
	case call(global) || call(own):
	case global.Kind() == plinth.List && own.Kind() == plinth.List:
		return plinth.ListOf(slices.Concat(global.List(), own.List())).WithOrigin(own.Origin())
	case global.Kind() == plinth.Map && own.Kind() == plinth.Map:
		fields := slices.Clone(global.Fields())
		for _, f := range own.Fields() {
			if g, ok := global.Get(f.Key); ok {
				f.Value = merged(g, f.Value)
			}
			fields = append(fields, f) // of two fields with one key the last counts
		}
		return plinth.MapOf(fields).WithOrigin(own.Origin())
	}
	return own
}

func call(v plinth.Value) bool {
	f := v.Fields()
	return len(f) == 1 && intrinsic(f[0].Key)
}

// expansion returns what a SAM resource expands to, as the SAM specification has it: under the same declaration, since nobody
// wrote them apart.
func (t *template) expansion(r *plinth.Resource) []*plinth.Resource {
	x := &expanding{of: r}
	switch r.Type {
	case "AWS::Serverless::Function":
		x.function()
	case "AWS::Serverless::Api":
		x.api()
	case "AWS::Serverless::HttpApi":
		x.httpAPI()
	case "AWS::Serverless::SimpleTable":
		x.table()
	case "AWS::Serverless::StateMachine":
		x.stateMachine()
	case "AWS::Serverless::LayerVersion":
		x.add("AWS::Lambda::LayerVersion", "", x.take("LayerName", "Description", "CompatibleRuntimes", "CompatibleArchitectures", "LicenseInfo"))
	}
	return x.out
}

type expanding struct {
	of  *plinth.Resource
	out []*plinth.Resource
}

// add makes a resource; suffix is what SAM adds to the logical id.
func (x *expanding) add(kind, suffix string, props []plinth.Field) {
	id := string(x.of.ID) + suffix
	if suffix == "" {
		id += "/" + kind
	}
	x.out = append(x.out, &plinth.Resource{
		ID: plinth.ID(id), Type: kind, Name: x.of.Name + suffix, Project: x.of.Project, Root: x.of.Root,
		Decl: x.of.Decl, Hung: true, Aliases: []plinth.ID{x.of.ID}, Props: plinth.MapOf(props).WithOrigin(x.of.Props.Origin()),
	})
}

func (x *expanding) get(keys ...string) plinth.Value {
	v, _ := x.of.Props.At(keys...)
	return v
}

// take returns the properties of these names that are there.
func (x *expanding) take(keys ...string) []plinth.Field {
	var out []plinth.Field
	for _, k := range keys {
		if v, ok := x.of.Props.Get(k); ok {
			out = append(out, plinth.Field{Key: k, Value: v})
		}
	}
	return out
}

// made returns a value that nobody wrote, with the place of the resource.
func (x *expanding) made(v plinth.Value) plinth.Value {
	return value.Place(v, &plinth.Origin{At: x.of.Decl.Header, Decl: x.of.Decl, Default: true})
}

func object(pairs ...any) plinth.Value {
	var fields []plinth.Field
	for i := 0; i+1 < len(pairs); i += 2 {
		v, ok := pairs[i+1].(plinth.Value)
		if !ok {
			v = plinth.StringOf(pairs[i+1].(string))
		}
		fields = append(fields, plinth.Field{Key: pairs[i].(string), Value: v})
	}
	return plinth.MapOf(fields)
}

// tags turns SAM's map of tags into CloudFormation's list.
func tags(v plinth.Value) plinth.Value {
	if v.Kind() != plinth.Map {
		return v
	}
	list := make([]plinth.Value, v.Len())
	for i, f := range v.Fields() {
		list[i] = object("Key", f.Key, "Value", f.Value).WithOrigin(f.Value.Origin())
	}
	return plinth.ListOf(list).WithOrigin(v.Origin())
}

func (x *expanding) function() {
	p := x.take("Architectures", "CodeSigningConfigArn", "Description", "EphemeralStorage", "FileSystemConfigs", "FunctionName", "Handler",
		"ImageConfig", "KmsKeyArn", "Layers", "LoggingConfig", "MemorySize", "PackageType", "RecursiveLoop", "ReservedConcurrentExecutions",
		"Role", "Runtime", "RuntimeManagementConfig", "SnapStart", "Timeout", "VpcConfig", "Environment")
	add := func(key string, v plinth.Value) { p = append(p, plinth.Field{Key: key, Value: v}) }
	if v := x.get("Tracing"); !v.IsNull() && v.Str() != "Disabled" {
		add("TracingConfig", object("Mode", v).WithOrigin(v.Origin()))
	}
	if v := x.get("Tags"); !v.IsNull() {
		add("Tags", tags(v))
	}
	if v := x.get("DeadLetterQueue", "TargetArn"); !v.IsNull() {
		add("DeadLetterConfig", object("TargetArn", v).WithOrigin(v.Origin()))
	}
	for _, c := range [][2]string{{"InlineCode", "ZipFile"}, {"ImageUri", "ImageUri"}} {
		if v := x.get(c[0]); !v.IsNull() {
			add("Code", object(c[1], v).WithOrigin(v.Origin()))
		}
	}
	if x.get("Role").IsNull() {
		role := x.of.Name + "Role"
		add("Role", x.made(plinth.UnknownOf(role+".Arn").WithRefs(plinth.Ref{To: x.of.Name}).WithEnds("arn:", "")))
		x.add("AWS::IAM::Role", "Role", x.role())
	}
	x.add("AWS::Lambda::Function", "", p)
	url := x.get("FunctionUrlConfig")
	if url.Kind() != plinth.Map {
		return
	}
	u := []plinth.Field{{Key: "TargetFunctionArn", Value: x.made(plinth.UnknownOf(x.of.Name).WithRefs(plinth.Ref{To: x.of.Name}))}}
	x.add("AWS::Lambda::Url", "Url", append(u, url.Fields()...))
	if auth, _ := url.Get("AuthType"); auth.Str() == "NONE" {
		x.add("AWS::Lambda::Permission", "UrlPublicPermissions", []plinth.Field{
			{Key: "Action", Value: x.made(plinth.StringOf("lambda:InvokeFunctionUrl"))},
			{Key: "FunctionUrlAuthType", Value: auth},
			{Key: "FunctionName", Value: x.made(plinth.UnknownOf(x.of.Name).WithRefs(plinth.Ref{To: x.of.Name}))},
			{Key: "Principal", Value: x.made(plinth.StringOf("*"))},
		})
	}
}

// role is the execution role that SAM makes for a function without one.
func (x *expanding) role() []plinth.Field {
	assume := object("Version", "2012-10-17", "Statement", plinth.ListOf([]plinth.Value{object("Effect", "Allow", "Action",
		plinth.ListOf([]plinth.Value{plinth.StringOf("sts:AssumeRole")}), "Principal",
		object("Service", plinth.ListOf([]plinth.Value{plinth.StringOf("lambda.amazonaws.com")})))}))
	managed := []plinth.Value{plinth.StringOf("arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole")}
	if x.get("Tracing").Str() == "Active" {
		managed = append(managed, plinth.StringOf("arn:aws:iam::aws:policy/AWSXRayDaemonWriteAccess"))
	}
	if !x.get("VpcConfig").IsNull() {
		managed = append(managed, plinth.StringOf("arn:aws:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole"))
	}
	var inline []plinth.Value
	policies := x.get("Policies")
	list := policies.List()
	if policies.Kind() != plinth.List && !policies.IsNull() {
		list = []plinth.Value{policies}
	}
	for _, p := range list {
		name := plinth.StringOf(x.of.Name + "RolePolicy")
		switch _, document := p.Get("Statement"); {
		case document:
			inline = append(inline, object("PolicyName", name, "PolicyDocument", p).WithOrigin(p.Origin()))
		case p.Kind() == plinth.Map:
			inline = append(inline, object("PolicyName", name, "PolicyDocument", policyTemplate(p)).WithOrigin(p.Origin()))
		case p.Kind() == plinth.String && !strings.HasPrefix(p.Str(), "arn:"):
			managed = append(managed, plinth.StringOf("arn:aws:iam::aws:policy/"+p.Str()).WithOrigin(p.Origin()))
		default:
			managed = append(managed, p)
		}
	}
	out := []plinth.Field{{Key: "AssumeRolePolicyDocument", Value: x.made(assume)}, {Key: "ManagedPolicyArns", Value: x.made(plinth.ListOf(managed))}}
	if v := x.get("AssumeRolePolicyDocument"); !v.IsNull() {
		out[0].Value = v
	}
	if len(inline) > 0 {
		out = append(out, plinth.Field{Key: "Policies", Value: x.made(plinth.ListOf(inline))})
	}
	if v := x.get("PermissionsBoundary"); !v.IsNull() {
		out = append(out, plinth.Field{Key: "PermissionsBoundary", Value: v})
	}
	return out
}

func (x *expanding) api() {
	p := x.take("Name", "Description", "BinaryMediaTypes", "MinimumCompressionSize", "DisableExecuteApiEndpoint", "Policy", "ApiKeySourceType")
	if v := x.get("DefinitionBody"); !v.IsNull() {
		p = append(p, plinth.Field{Key: "Body", Value: v})
	}
	if v := x.get("EndpointConfiguration", "Type"); !v.IsNull() {
		p = append(p, plinth.Field{Key: "EndpointConfiguration", Value: object("Types", plinth.ListOf([]plinth.Value{v})).WithOrigin(v.Origin())})
	}
	x.add("AWS::ApiGateway::RestApi", "", p)
	s := x.take("StageName", "CacheClusterEnabled", "CacheClusterSize", "MethodSettings", "AccessLogSetting", "TracingEnabled", "Variables", "CanarySetting")
	s = append(s, plinth.Field{Key: "RestApiId", Value: x.made(plinth.UnknownOf(x.of.Name).WithRefs(plinth.Ref{To: x.of.Name}))})
	if v := x.get("Tags"); !v.IsNull() {
		s = append(s, plinth.Field{Key: "Tags", Value: tags(v)})
	}
	x.add("AWS::ApiGateway::Stage", "Stage", s)
}

func (x *expanding) httpAPI() {
	p := x.take("Name", "Description", "CorsConfiguration", "DisableExecuteApiEndpoint", "FailOnWarnings", "Tags")
	if v := x.get("DefinitionBody"); !v.IsNull() {
		p = append(p, plinth.Field{Key: "Body", Value: v})
	}
	x.add("AWS::ApiGatewayV2::Api", "", append(p, plinth.Field{Key: "ProtocolType", Value: x.made(plinth.StringOf("HTTP"))}))
	s := x.take("StageName", "DefaultRouteSettings", "RouteSettings", "StageVariables", "Tags")
	if v := x.get("AccessLogSettings"); !v.IsNull() {
		s = append(s, plinth.Field{Key: "AccessLogSettings", Value: v})
	}
	x.add("AWS::ApiGatewayV2::Stage", "ApiGatewayDefaultStage", append(s, plinth.Field{
		Key:   "ApiId",
		Value: x.made(plinth.UnknownOf(x.of.Name).WithRefs(plinth.Ref{To: x.of.Name})),
	}))
}

func (x *expanding) table() {
	p := x.take("TableName", "ProvisionedThroughput", "SSESpecification", "PointInTimeRecoverySpecification")
	if v := x.get("Tags"); !v.IsNull() {
		p = append(p, plinth.Field{Key: "Tags", Value: tags(v)})
	}
	if x.get("ProvisionedThroughput").IsNull() {
		p = append(p, plinth.Field{Key: "BillingMode", Value: x.made(plinth.StringOf("PAY_PER_REQUEST"))})
	}
	x.add("AWS::DynamoDB::Table", "", p)
}

func (x *expanding) stateMachine() {
	p := x.take("DefinitionSubstitutions", "EncryptionConfiguration")
	for _, names := range [][2]string{
		{"Definition", "Definition"},
		{"Logging", "LoggingConfiguration"},
		{"Tracing", "TracingConfiguration"},
		{"Name", "StateMachineName"},
		{"Type", "StateMachineType"},
		{"Role", "RoleArn"},
	} {
		if v := x.get(names[0]); !v.IsNull() {
			p = append(p, plinth.Field{Key: names[1], Value: v})
		}
	}
	if v := x.get("Tags"); !v.IsNull() {
		p = append(p, plinth.Field{Key: "Tags", Value: tags(v)})
	}
	x.add("AWS::StepFunctions::StateMachine", "", p)
}
