package account

import (
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/iam"
)

// identity says where a type names the role that its code acts as; an argument of Terraform stands behind tf:. service is the one that the role must trust; "" where that
// does not matter. profile tells that the property names an instance profile.
type identity struct {
	path    string // of the property, [] for each element of a list
	service string
	profile bool
}

// identities are the types that run code, or do what their maker tells them, as a role. A function of SAM is not among them: it
// expands to one that is.
var identities = map[string][]identity{
	"AWS::AppRunner::Service":                      {{"InstanceConfiguration.InstanceRoleArn", "tasks.apprunner.amazonaws.com", false}},
	"AWS::AutoScaling::LaunchConfiguration":        {{"IamInstanceProfile", "ec2.amazonaws.com", true}},
	"AWS::Batch::JobDefinition":                    {{"ContainerProperties.JobRoleArn", "ecs-tasks.amazonaws.com", false}},
	"AWS::Bedrock::Agent":                          {{"AgentResourceRoleArn", "bedrock.amazonaws.com", false}},
	"AWS::BedrockAgentCore::CodeInterpreterCustom": {{"ExecutionRoleArn", "bedrock-agentcore.amazonaws.com", false}, {"tf:execution_role_arn", "bedrock-agentcore.amazonaws.com", false}},
	"AWS::BedrockAgentCore::Runtime":               {{"RoleArn", "bedrock-agentcore.amazonaws.com", false}, {"tf:role_arn", "bedrock-agentcore.amazonaws.com", false}},
	"AWS::CloudFormation::Stack":                   {{"RoleARN", "cloudformation.amazonaws.com", false}, {"tf:iam_role_arn", "cloudformation.amazonaws.com", false}},
	"AWS::CloudFormation::StackSet":                {{"AdministrationRoleARN", "cloudformation.amazonaws.com", false}, {"tf:administration_role_arn", "cloudformation.amazonaws.com", false}},
	"AWS::CodeBuild::Project":                      {{"ServiceRole", "codebuild.amazonaws.com", false}},
	"AWS::CodePipeline::Pipeline":                  {{"RoleArn", "codepipeline.amazonaws.com", false}},
	"AWS::DataPipeline::Pipeline":                  {{"Role", "datapipeline.amazonaws.com", false}},
	"AWS::EC2::Instance":                           {{"IamInstanceProfile", "ec2.amazonaws.com", true}},
	"AWS::EC2::LaunchTemplate":                     {{"LaunchTemplateData.IamInstanceProfile.Name", "ec2.amazonaws.com", true}, {"LaunchTemplateData.IamInstanceProfile.Arn", "ec2.amazonaws.com", true}},
	"AWS::ECS::TaskDefinition":                     {{"TaskRoleArn", "ecs-tasks.amazonaws.com", false}},
	"AWS::EKS::Nodegroup":                          {{"NodeRole", "ec2.amazonaws.com", false}},
	"AWS::EKS::PodIdentityAssociation":             {{"RoleArn", "pods.eks.amazonaws.com", false}},
	"AWS::EMR::Cluster":                            {{"JobFlowRole", "ec2.amazonaws.com", true}},
	"AWS::Glue::Crawler":                           {{"Role", "glue.amazonaws.com", false}},
	"AWS::Glue::DevEndpoint":                       {{"RoleArn", "glue.amazonaws.com", false}},
	"AWS::Glue::Job":                               {{"Role", "glue.amazonaws.com", false}},
	"AWS::Lambda::Function":                        {{"Role", "lambda.amazonaws.com", false}},
	"AWS::MWAA::Environment":                       {{"ExecutionRoleArn", "airflow-env.amazonaws.com", false}},
	"AWS::SageMaker::Model":                        {{"ExecutionRoleArn", "sagemaker.amazonaws.com", false}},
	"AWS::SageMaker::NotebookInstance":             {{"RoleArn", "sagemaker.amazonaws.com", false}},
	"AWS::StepFunctions::StateMachine":             {{"RoleArn", "states.amazonaws.com", false}},
}

// Run says that a resource acts as a role.
type Run struct {
	Role *Principal
	At   plinth.Location // where the resource names it
	// Profile is the instance profile between the two, nil where there is none; ProfileAt is where that names the role.
	Profile   *plinth.Resource
	ProfileAt plinth.Location
	When      iam.Formula
	By        []iam.Proof // what of the role's trust policy lets the service act as it; nil where the trust policy is not known
}

// Runs returns the roles that a resource acts as: those that it names and that trust the service which runs it.
func (e *Estate) Runs(r *plinth.Resource) []Run {
	if r.Data {
		return nil
	}
	var out []Run
	for _, id := range identities[TypeOf(r)] {
		from := r.Known()
		path, tf := strings.CutPrefix(id.path, "tf:")
		if tf {
			from = r.Source
		}
		for _, v := range Values(from, path) {
			if run, ok := e.run(r, v, id); ok {
				out = append(out, run)
			}
		}
	}
	return out
}

func (e *Estate) run(r *plinth.Resource, v plinth.Value, id identity) (Run, bool) {
	run := Run{Role: e.Referred(r, v), At: r.Place(v), When: iam.Always()}
	if id.profile {
		run.Role = nil
		for _, profile := range e.Meant(r, "AWS::IAM::InstanceProfile", v) {
			for _, of := range Values(profile.Known(), "Roles") {
				if role := e.Referred(profile, of); role != nil && run.Role == nil {
					run.Role, run.Profile, run.ProfileAt = role, profile, profile.Place(of)
				}
			}
		}
	}
	if run.Role == nil || run.Role.Kind != iam.Role {
		return run, false
	}
	if id.service == "" || len(e.TrustPolicy(run.Role).Statements) == 0 {
		return run, true
	}
	keys := map[string][]string{"aws:SourceAccount": {e.Account(r)}}
	if arn := e.ARN(r); arn != "" && !strings.Contains(arn, "{") {
		keys["aws:SourceArn"] = []string{arn}
	}
	a := e.Trust(run.Role, iam.Principal{Kind: iam.Service, ARN: id.service}, keys)
	run.When, run.By = a.When, a.Allows
	return run, a.Result == iam.Allowed
}

// Values returns what stands at a path of properties, a.b[].c; the elements of a list at its end.
func Values(v plinth.Value, path string) []plinth.Value {
	out := []plinth.Value{v}
	for key := range strings.SplitSeq(path, ".") {
		key, each := strings.CutSuffix(key, "[]")
		var next []plinth.Value
		for _, v := range out {
			found, ok := v.Get(key)
			switch {
			case !ok || found.IsNull():
			case each || found.Kind() == plinth.List:
				next = append(next, found.List()...)
			default:
				next = append(next, found)
			}
		}
		out = next
	}
	return out
}
