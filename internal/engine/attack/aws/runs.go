package aws

import (
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/iam"
	"github.com/plinthsec/plinth/internal/iam/account"
)

// identity says where a type names the role that its code acts as; an argument of Terraform stands behind tf:. service is the one that the role must trust; "" where that
// does not matter. profile tells that the property names an instance profile.
type identity struct {
	path    string // of the property, [] for each element of a list
	service string
	profile bool
}

// identities are the types that run code, or do what their maker tells them, as a role.
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
	"AWS::Serverless::Function":                    {{"Role", "lambda.amazonaws.com", false}},
	"AWS::StepFunctions::StateMachine":             {{"RoleArn", "states.amazonaws.com", false}},
}

// workload is a resource that acts as a role.
type workload struct {
	resource *plinth.Resource
	role     *account.Principal
}

// run tells whose identity each workload has.
func (w *scene) run() {
	for _, r := range w.g.Resources() {
		if r.Data {
			continue
		}
		for _, id := range identities[account.TypeOf(r)] {
			from := known(r)
			path, tf := strings.CutPrefix(id.path, "tf:")
			if tf {
				from = r.Source
			}
			for _, v := range values(from, path) {
				w.runsAs(r, v, id)
			}
		}
	}
	w.inside()
}

// values returns what stands at a path.
func values(v plinth.Value, path string) []plinth.Value {
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

func (w *scene) runsAs(r *plinth.Resource, v plinth.Value, id identity) {
	steps := []plinth.Step{{Note: address(r) + " runs with the identity that it names", At: place(v, r), Cost: costIdentity}}
	role := w.Referred(r, v)
	if id.profile {
		var step plinth.Step
		if role, step = w.profiled(r, v); role != nil {
			steps = append(steps, step)
		}
	}
	if role == nil || role.Kind != iam.Role {
		return
	}
	var when iam.Formula
	if policy := w.TrustPolicy(role); len(policy.Statements) == 0 || id.service == "" {
		when = iam.Always()
	} else {
		a := w.Trust(role, iam.Principal{Kind: iam.Service, ARN: id.service}, w.sources(r))
		if a.Result != iam.Allowed {
			return
		}
		when = a.When
		steps = append(steps, w.steps(a, assumeRole, role)...)
	}
	steps[0].Note = address(r) + " runs as " + address(role.Resource)
	one := workload{r, role}
	w.workloads = append(w.workloads, one)
	typ := account.TypeOf(r)
	w.runs[typ] = append(w.runs[typ], one)
	w.relate(plinth.Relation{From: r.ID, To: role.ID, Kind: plinth.RunsAs, When: condition(when), Evidence: steps})
}

// sources are the condition keys of a service that acts for a resource.
func (w *scene) sources(r *plinth.Resource) map[string][]string {
	keys := map[string][]string{"aws:SourceAccount": {w.Account(r)}}
	if arn := w.ARN(r); arn != "" && !strings.Contains(arn, "{") {
		keys["aws:SourceArn"] = []string{arn}
	}
	return keys
}

// profiled finds the role of an instance profile.
func (w *scene) profiled(r *plinth.Resource, v plinth.Value) (*account.Principal, plinth.Step) {
	for _, profile := range w.Meant(r, "AWS::IAM::InstanceProfile", v) {
		for _, of := range values(known(profile), "Roles") {
			if role := w.Referred(profile, of); role != nil {
				return role, plinth.Step{Note: address(profile) + " hands out the credentials of " + address(role.Resource), At: place(of, profile), Cost: costIdentity}
			}
		}
	}
	return nil, plinth.Step{}
}

// inside tells what runs inside of what: tasks of a service, machines of a group and of a template.
func (w *scene) inside() {
	for _, r := range w.g.Resources() {
		var path, typ, note string
		switch r.Type {
		case "AWS::ECS::Service":
			path, typ, note = "TaskDefinition", "AWS::ECS::TaskDefinition", "runs the tasks of"
		case "AWS::AutoScaling::AutoScalingGroup":
			path, typ, note = "LaunchTemplate.LaunchTemplateId", "AWS::EC2::LaunchTemplate", "starts machines from"
		default:
			continue
		}
		for _, v := range values(known(r), path) {
			for _, of := range w.Meant(r, typ, v) {
				w.relate(plinth.Relation{From: r.ID, To: of.ID, Kind: plinth.RunsAs, Evidence: []plinth.Step{
					{Note: address(r) + " " + note + " " + address(of), At: place(v, r), Cost: costIdentity},
				}})
			}
		}
	}
}
