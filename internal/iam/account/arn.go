package account

import (
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/iam"
)

// maxDepth bounds texts inside texts: a name that is made of names.
const maxDepth = 8

// form is how a type's ARNs are made: behind arn:aws: the service, then @ for region and account or : for none of them, and names
// of properties in angle brackets. byARN tells that what the provider calls its id is the ARN.
type form struct {
	arn   string
	name  string // the property that names it
	byARN bool
}

// forms are the types with ARNs that matter for permissions:
// https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html.
var forms = map[string]form{
	"AWS::ApiGateway::RestApi":                        {"apigateway:<region>::/restapis/<RestApiId>", "RestApiId", false},
	"AWS::AppRunner::Service":                         {"apprunner@service/<ServiceName>", "ServiceName", true},
	"AWS::Athena::WorkGroup":                          {"athena@workgroup/<Name>", "Name", false},
	"AWS::Backup::BackupVault":                        {"backup@backup-vault:<BackupVaultName>", "BackupVaultName", false},
	"AWS::Batch::JobDefinition":                       {"batch@job-definition/<JobDefinitionName>", "JobDefinitionName", true},
	"AWS::BedrockAgentCore::CodeInterpreterCustom":    {"bedrock-agentcore@code-interpreter-custom/<Name>", "Name", false},
	"AWS::BedrockAgentCore::Runtime":                  {"bedrock-agentcore@runtime/<AgentRuntimeName>", "AgentRuntimeName", false},
	"AWS::CloudFormation::Stack":                      {"cloudformation@stack/<StackName>/<>", "StackName", true},
	"AWS::CloudFormation::StackSet":                   {"cloudformation@stackset/<StackSetName>:<>", "StackSetName", false},
	"AWS::CloudTrail::Trail":                          {"cloudtrail@trail/<TrailName>", "TrailName", true},
	"AWS::CodeArtifact::Repository":                   {"codeartifact@repository/<DomainName>/<RepositoryName>", "RepositoryName", true},
	"AWS::CodeBuild::Project":                         {"codebuild@project/<Name>", "Name", true},
	"AWS::CodePipeline::Pipeline":                     {"codepipeline@<Name>", "Name", false},
	"AWS::Cognito::IdentityPool":                      {"cognito-identity@identitypool/<IdentityPoolName>", "IdentityPoolName", false},
	"AWS::DataPipeline::Pipeline":                     {"datapipeline@pipeline/<Name>", "Name", false},
	"AWS::DynamoDB::GlobalTable":                      {"dynamodb@table/<TableName>", "TableName", false},
	"AWS::DynamoDB::Table":                            {"dynamodb@table/<TableName>", "TableName", false},
	"AWS::EC2::Instance":                              {"ec2@instance/<>", "", false},
	"AWS::EC2::LaunchTemplate":                        {"ec2@launch-template/<>", "", false},
	"AWS::ECR::Repository":                            {"ecr@repository/<RepositoryName>", "RepositoryName", false},
	"AWS::ECS::Cluster":                               {"ecs@cluster/<ClusterName>", "ClusterName", true},
	"AWS::ECS::Service":                               {"ecs@service/<Cluster>/<ServiceName>", "ServiceName", true},
	"AWS::ECS::TaskDefinition":                        {"ecs@task-definition/<Family>:<>", "Family", false},
	"AWS::EFS::FileSystem":                            {"elasticfilesystem@file-system/<>", "", false},
	"AWS::EKS::Cluster":                               {"eks@cluster/<Name>", "Name", false},
	"AWS::Elasticsearch::Domain":                      {"es@domain/<DomainName>", "DomainName", true},
	"AWS::Events::EventBus":                           {"events@event-bus/<Name>", "Name", false},
	"AWS::Glue::DevEndpoint":                          {"glue@devEndpoint/<EndpointName>", "EndpointName", false},
	"AWS::Glue::Job":                                  {"glue@job/<Name>", "Name", false},
	"AWS::IAM::Group":                                 {"iam::<account>:group<Path><GroupName>", "GroupName", false},
	"AWS::IAM::InstanceProfile":                       {"iam::<account>:instance-profile<Path><InstanceProfileName>", "InstanceProfileName", false},
	"AWS::IAM::ManagedPolicy":                         {"iam::<account>:policy<Path><ManagedPolicyName>", "ManagedPolicyName", true},
	"AWS::IAM::OIDCProvider":                          {"iam::<account>:oidc-provider/<Url>", "", true},
	"AWS::IAM::Role":                                  {"iam::<account>:role<Path><RoleName>", "RoleName", false},
	"AWS::IAM::SAMLProvider":                          {"iam::<account>:saml-provider/<Name>", "Name", true},
	"AWS::IAM::User":                                  {"iam::<account>:user<Path><UserName>", "UserName", false},
	"AWS::Kinesis::Stream":                            {"kinesis@stream/<Name>", "Name", false},
	"AWS::KinesisFirehose::DeliveryStream":            {"firehose@deliverystream/<DeliveryStreamName>", "DeliveryStreamName", true},
	"AWS::KMS::Key":                                   {"kms@key/<>", "", false},
	"AWS::KMS::ReplicaKey":                            {"kms@key/<>", "", false},
	"AWS::Lambda::Function":                           {"lambda@function:<FunctionName>", "FunctionName", false},
	"AWS::Lambda::LayerVersion":                       {"lambda@layer:<LayerName>:<>", "LayerName", true},
	"AWS::Logs::LogGroup":                             {"logs@log-group:<LogGroupName>", "LogGroupName", false},
	"AWS::MWAA::Environment":                          {"airflow@environment/<Name>", "Name", false},
	"AWS::OpenSearchService::Domain":                  {"es@domain/<DomainName>", "DomainName", true},
	"AWS::RDS::DBCluster":                             {"rds@cluster:<DBClusterIdentifier>", "DBClusterIdentifier", false},
	"AWS::RDS::DBInstance":                            {"rds@db:<DBInstanceIdentifier>", "DBInstanceIdentifier", false},
	"AWS::Redshift::Cluster":                          {"redshift@cluster:<ClusterIdentifier>", "ClusterIdentifier", false},
	"AWS::S3::AccessPoint":                            {"s3@accesspoint/<Name>", "Name", false},
	"AWS::S3::Bucket":                                 {"s3:::<BucketName>", "BucketName", false},
	"AWS::SageMaker::NotebookInstance":                {"sagemaker@notebook-instance/<NotebookInstanceName>", "NotebookInstanceName", false},
	"AWS::SageMaker::NotebookInstanceLifecycleConfig": {"sagemaker@notebook-instance-lifecycle-config/<NotebookInstanceLifecycleConfigName>", "NotebookInstanceLifecycleConfigName", false},
	"AWS::SecretsManager::Secret":                     {"secretsmanager@secret:<Name>-<>", "Name", true},
	"AWS::Serverless::Function":                       {"lambda@function:<FunctionName>", "FunctionName", false},
	"AWS::SNS::Topic":                                 {"sns@<TopicName>", "TopicName", true},
	"AWS::SQS::Queue":                                 {"sqs@<QueueName>", "QueueName", false},
	"AWS::SSM::Document":                              {"ssm@document/<Name>", "Name", false},
	"AWS::SSM::Parameter":                             {"ssm@parameter/<Name>", "Name", false},
	"AWS::StepFunctions::StateMachine":                {"states@stateMachine:<StateMachineName>", "StateMachineName", true},
}

// plainForms are types of Terraform that no table gives the provider's form, or not their name, by the type and the argument that names it.
var plainForms = map[string]struct{ typ, name string }{
	"aws_bedrockagentcore_agent_runtime":    {"AWS::BedrockAgentCore::Runtime", "agent_runtime_name"},
	"aws_bedrockagentcore_code_interpreter": {"AWS::BedrockAgentCore::CodeInterpreterCustom", "name"},
	"aws_cloudformation_stack":              {"AWS::CloudFormation::Stack", "name"},
	"aws_cloudformation_stack_set":          {"AWS::CloudFormation::StackSet", "name"},
	"aws_datapipeline_pipeline":             {"AWS::DataPipeline::Pipeline", "name"},
}

// dataForms are Terraform data sources that stand for a resource of somebody else, by the type and the argument that names it.
var dataForms = map[string]struct{ typ, name string }{
	"aws_dynamodb_table":        {"AWS::DynamoDB::Table", "name"},
	"aws_iam_group":             {"AWS::IAM::Group", "group_name"},
	"aws_iam_instance_profile":  {"AWS::IAM::InstanceProfile", "name"},
	"aws_iam_policy":            {"AWS::IAM::ManagedPolicy", "name"},
	"aws_iam_role":              {"AWS::IAM::Role", "name"},
	"aws_iam_user":              {"AWS::IAM::User", "user_name"},
	"aws_lambda_function":       {"AWS::Lambda::Function", "function_name"},
	"aws_s3_bucket":             {"AWS::S3::Bucket", "bucket"},
	"aws_secretsmanager_secret": {"AWS::SecretsManager::Secret", "name"},
	"aws_sns_topic":             {"AWS::SNS::Topic", "name"},
	"aws_sqs_queue":             {"AWS::SQS::Queue", "name"},
	"aws_ssm_parameter":         {"AWS::SSM::Parameter", "name"},
}

// ARN returns the ARN of a resource, with braces around what is not known; "" where its type has none that the estate knows.
func (e *Estate) ARN(r *plinth.Resource) string {
	if i, ok := e.place(r); ok {
		return e.arn(i)
	}
	return ""
}

// Account returns the account that a resource is in, a number or a name in braces.
func (e *Estate) Account(r *plinth.Resource) string {
	if i, ok := e.place(r); ok {
		return e.account(i)
	}
	return unknownAccount
}

func (e *Estate) arn(i int32) string {
	if s, ok := e.arns[i]; ok {
		return s
	}
	if e.self[i] {
		return ""
	}
	e.self[i] = true
	s := e.makeARN(i)
	delete(e.self, i)
	e.arns[i] = s
	return s
}

// TypeOf returns the provider's type of a resource, of what a data source reads, or of what no table gives the provider's form.
func TypeOf(r *plinth.Resource) string {
	if typ, _, ok := plain(r); ok {
		return typ
	}
	return r.Type
}

// plain returns the type, and the argument that names it, of a resource that has only Terraform's form.
func plain(r *plinth.Resource) (typ, name string, ok bool) {
	if r.Decl == nil {
		return "", "", false
	}
	if r.Data {
		d, ok := dataForms[r.Decl.Type]
		return d.typ, d.name, ok
	}
	if strings.HasPrefix(r.Type, "AWS::") {
		return "", "", false
	}
	d, ok := plainForms[r.Decl.Type]
	return d.typ, d.name, ok
}

func (e *Estate) makeARN(i int32) string {
	r := e.g.Resources()[i]
	if v, ok := r.Source.Get("arn"); ok && forms[TypeOf(r)].arn != "" { // a data source, a plan, a state
		if s, ok := e.text(i, v); ok && strings.HasPrefix(s, "arn:") {
			return s
		}
	}
	if r.Data {
		if TypeOf(r) == "AWS::IAM::ManagedPolicy" {
			for _, path := range [...]string{"", "job-function/", "service-role/", "aws-service-role/"} {
				arn := "arn:aws:iam::aws:policy/" + path + e.name(i)
				if _, ok := iam.Managed(arn); ok {
					return arn
				}
			}
		}
	}
	f, ok := forms[TypeOf(r)]
	if !ok {
		return ""
	}
	w := e.where(i)
	head, rest, ok := strings.Cut(f.arn, "@")
	if ok {
		rest = head + ":" + w.region + ":" + w.account + ":" + rest
	} else {
		rest = f.arn
	}
	var b strings.Builder
	b.WriteString("arn:aws:")
	for {
		before, after, more := strings.Cut(rest, "<")
		b.WriteString(before)
		if !more {
			break
		}
		prop, behind, _ := strings.Cut(after, ">")
		b.WriteString(e.part(i, prop, w))
		rest = behind
	}
	return strings.ReplaceAll(b.String(), "parameter//", "parameter/")
}

// part is what stands for a property in an ARN.
func (e *Estate) part(i int32, prop string, w *where) string {
	switch prop {
	case "account":
		return w.account
	case "region":
		return w.region
	case "":
		return "{" + e.called(i) + ".id}"
	case "Path":
		if s, ok := e.property(i, prop); ok && s != "" {
			return s
		}
		return "/"
	case "Url":
		s, ok := e.property(i, prop)
		if !ok {
			return "{" + e.called(i) + ".url}"
		}
		return strings.TrimPrefix(s, "https://")
	case "Cluster":
		if s, ok := e.property(i, prop); ok {
			return lastPart(s)
		}
		return "default"
	}
	return e.name(i)
}

// name is what a resource is called by its provider; in braces where that is not known.
func (e *Estate) name(i int32) string {
	r := e.g.Resources()[i]
	f := forms[TypeOf(r)]
	if r.External {
		if name := strings.Trim(r.Name, `"`); name != r.Name {
			return lastPart(name)
		}
		return "{" + r.Name + "}"
	}
	if f.name == "" {
		return "{" + e.called(i) + ".id}"
	}
	if s, ok := e.property(i, f.name); ok && s != "" {
		return s
	}
	return "{" + e.called(i) + "." + nameAttribute(r) + "}"
}

func nameAttribute(r *plinth.Resource) string {
	if r.Decl != nil && r.Decl.Type == "aws_s3_bucket" {
		return "bucket"
	}
	return "name"
}

func (e *Estate) called(i int32) string {
	r := e.g.Resources()[i]
	if r.Decl != nil {
		return r.Decl.Address
	}
	return r.Name
}

// property renders a property of a resource; of a data source the argument that names it.
func (e *Estate) property(i int32, name string) (string, bool) {
	r := e.g.Resources()[i]
	from := r.Props
	if typ, arg, ok := plain(r); ok {
		if name != forms[typ].name {
			return "", false
		}
		from, name = r.Source, arg
	}
	if from.Partial() {
		from, _ = from.Document()
	}
	v, ok := from.Get(name)
	if (!ok || v.IsNull()) && r.Decl != nil && !r.Data {
		if d, plain := plainForms[r.Decl.Type]; plain && name == forms[d.typ].name {
			v, ok = r.Source.Get(d.name)
		}
	}
	if !ok || v.IsNull() {
		return "", false
	}
	return e.text(i, v)
}

// text renders a text of a resource with braces around what is not known. It is false where nothing at all is known of it.
func (e *Estate) text(i int32, v plinth.Value) (string, bool) {
	s, known := e.render(i, v, 0)
	if strings.HasPrefix(s, "arn:") && !v.IsNull() {
		s = e.own(i, s)
	}
	return s, known
}

func (e *Estate) render(i int32, v plinth.Value, depth int) (string, bool) {
	switch v.Kind() {
	case plinth.String:
		return v.Str(), true
	case plinth.Number:
		return plinth.FormatNumber(v.Num()), true
	case plinth.Unknown:
	default:
		return "", false
	}
	if depth > maxDepth {
		return "{" + strings.Join(v.Why(), ",") + "}", false
	}
	if parts := v.Parts(); parts != nil {
		var b strings.Builder
		some := false
		for _, p := range parts {
			s, ok := e.render(i, p, depth+1)
			some = some || ok
			b.WriteString(s)
		}
		return b.String(), some
	}
	if s, ok := e.attribute(i, v); ok {
		return s, true
	}
	if why := v.Why(); len(why) == 1 {
		switch why[0] {
		case "AWS::AccountId":
			return e.account(i), true
		case "AWS::Region":
			return e.where(i).region, true
		}
	}
	head, tail := v.Ends()
	return head + "{" + strings.Join(v.Why(), ",") + "}" + tail, head+tail != ""
}

// attribute renders a value that is one attribute of a resource: its ARN or its name.
func (e *Estate) attribute(i int32, v plinth.Value) (string, bool) {
	if len(v.Refs()) != 1 {
		return "", false
	}
	attr := v.Refs()[0].Attr
	head, tail := v.Ends()
	found := e.g.Of(i, v)
	if len(found) == 0 {
		return "", false
	}
	to := found[0]
	r := e.g.Resources()[to]
	if r.Data && r.Decl != nil {
		switch r.Decl.Type + "." + attr {
		case "aws_caller_identity.account_id", "aws_caller_identity.id":
			return ends(head, e.account(to), tail), true
		case "aws_region.name", "aws_region.id", "aws_region.region":
			return ends(head, e.where(to).region, tail), true
		}
	}
	f, ok := forms[TypeOf(r)]
	if !ok {
		return "", false
	}
	switch attr {
	case "arn", "Arn", "TopicArn", "qualified_arn", "TableArn":
		if s := e.arn(to); s != "" && head == "arn:" {
			if tail != "" && !strings.HasSuffix(s, tail) {
				s += tail
			}
			return s, true
		}
	case "", "id", "Id":
		if f.byARN {
			return ends(head, e.arn(to), tail), true
		}
		return ends(head, e.name(to), tail), true
	case "name", "bucket", "function_name", "key_id", "user_name", "group", "family", "table_name", "unique_id", "url":
		return ends(head, e.name(to), tail), true
	}
	return "", false
}

func ends(head, s, tail string) string { return head + s + tail }

// own puts the account and region of a resource where an ARN of its has a variable for one: a variable that is called after the
// account, or any in a service other than iam and sts, where a policy speaks of its own account.
func (e *Estate) own(i int32, arn string) string {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 || !strings.Contains(parts[3]+parts[4], "{") {
		return arn
	}
	if strings.HasPrefix(parts[3], "{") && parts[3] != unknownRegion {
		parts[3] = e.where(i).region
	}
	if a := parts[4]; strings.HasPrefix(a, "{") && !strings.HasPrefix(a, "{account") {
		of := strings.ToLower(strings.Trim(a[strings.LastIndexByte(a, '.')+1:], "{}"))
		if of == "account_id" || of == "aws_account_id" || of == "account" || of == "accountid" || of == "current_account_id" || !slices.Contains([]string{"iam", "sts", "kms", "organizations"}, parts[2]) {
			parts[4] = e.account(i)
		}
	}
	return strings.Join(parts, ":")
}
