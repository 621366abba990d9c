package iam

import (
	"slices"
	"strconv"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/iam"
	"github.com/plinthsec/plinth/internal/iam/account"
	"github.com/plinthsec/plinth/internal/iam/least"
)

// run is a workload and how it runs as a role.
type run struct {
	workload *plinth.Resource
	account.Run
}

// workloads judges whose identity code has, role by role, and what long-lived keys give.
func (l *look) workloads() {
	runs := map[*account.Principal][]run{}
	for _, r := range l.g.Resources() {
		if r.Data || r.External {
			continue
		}
		if account.TypeOf(r) == "AWS::IAM::AccessKey" {
			l.key(r)
		}
		for _, one := range l.Runs(r) {
			if one.Role != nil && !slices.ContainsFunc(runs[one.Role], func(o run) bool { return o.workload == r }) {
				runs[one.Role] = append(runs[one.Role], run{r, one})
			}
		}
	}
	for _, role := range l.Principals() {
		list := runs[role]
		if len(list) == 0 {
			continue
		}
		l.runner(role, list)
		functions := slices.DeleteFunc(slices.Clone(list), func(r run) bool { return account.TypeOf(r.workload) != "AWS::Lambda::Function" })
		if len(functions) > 1 {
			first := functions[0] // told where the functions say it, as a rule for one of them would
			l.add(sight{audit: "shared-role", resource: first.workload, at: first.At, path: "Role", message: labels(functions), when: iam.Always()})
		}
	}
}

const labelsShown = 4 // of workloads: who wants all of them asks the graph

func labels(list []run) string {
	var names []string
	for i, r := range list {
		if i == labelsShown && len(list) > labelsShown+1 {
			names = append(names, strconv.Itoa(len(list)-i)+" more")
			break
		}
		names = append(names, r.workload.Label())
	}
	return strings.Join(names, ", ")
}

// runner judges a role as which workloads run.
func (l *look) runner(role *account.Principal, list []run) {
	s := sight{audit: "workload-administrator", resource: role.Resource, path: "workloads", message: labels(list) + plural(len(list), " runs as ", " run as ") + role.Resource.Label()}
	if ways := l.Admin(role); len(ways) > 0 {
		s.when = ways[0].When
		for _, p := range ways[0].By {
			s.evidence = append(s.evidence, account.Step(p, "every action", "every resource"))
			if s.at.Path == "" && p.Statement != nil {
				s.at = at(p.Statement, role.Resource)
			}
		}
	} else {
		services, by := l.wide(role)
		if len(services) == 0 {
			return
		}
		s.audit, s.when = "workload-wide", iam.Always()
		s.message += ", which may do all of " + strings.Join(services, ", ")
		for i, p := range by {
			s.evidence = append(s.evidence, account.Step(p, "all of "+services[i], "every resource"))
			if s.at.Path == "" && p.Statement != nil {
				s.at = at(p.Statement, role.Resource)
			}
		}
	}
	for i, r := range list {
		if i < labelsShown {
			s.evidence = append(s.evidence, plinth.Step{Note: r.workload.Label() + " runs as " + role.Resource.Label(), At: r.At, Resource: r.workload.Label()})
			s.evidence = append(s.evidence, l.needs(r.workload, role)...)
		}
	}
	l.add(s)
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// ranges are services with what only somebody may do who may do everything with them: read, change and destroy.
var ranges = []struct{ name, read, change, destroy string }{
	{"dynamodb", "dynamodb:Scan", "dynamodb:UpdateItem", "dynamodb:DeleteTable"},
	{"ec2", "ec2:DescribeInstances", "ec2:RunInstances", "ec2:TerminateInstances"},
	{"ecr", "ecr:BatchGetImage", "ecr:PutImage", "ecr:DeleteRepository"},
	{"kms", "kms:Decrypt", "kms:PutKeyPolicy", "kms:ScheduleKeyDeletion"},
	{"lambda", "lambda:GetFunction", "lambda:UpdateFunctionCode", "lambda:DeleteFunction"},
	{"rds", "rds:DescribeDBInstances", "rds:ModifyDBInstance", "rds:DeleteDBInstance"},
	{"s3", "s3:GetObject", "s3:PutBucketPolicy", "s3:DeleteBucket"},
	{"secretsmanager", "secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue", "secretsmanager:DeleteSecret"},
	{"sns", "sns:ListTopics", "sns:Publish", "sns:DeleteTopic"},
	{"sqs", "sqs:ReceiveMessage", "sqs:SetQueueAttributes", "sqs:DeleteQueue"},
	{"ssm", "ssm:GetParameter", "ssm:SendCommand", "ssm:DeleteParameter"},
}

// wide lists the services with which a role may do everything on every resource, with a statement that lets it.
func (l *look) wide(role *account.Principal) (services []string, by []iam.Proof) {
	for _, s := range ranges {
		var proof iam.Proof
		all := true
		for _, action := range [...]string{s.destroy, s.change, s.read} {
			i := slices.IndexFunc(l.Can(role, action), everywhere)
			if all = i >= 0; !all {
				break
			}
			if grant := l.Can(role, action)[i]; len(grant.By) > 0 {
				proof = grant.By[0]
			}
		}
		if all {
			services, by = append(services, s.name), append(by, proof)
		}
	}
	return services, by
}

func everywhere(g iam.Grant) bool {
	return g.When.Always() && len(g.Unless) == 0 && len(g.None) == 0 && slices.ContainsFunc(g.All, func(p iam.Pattern) bool { return p.Everything() })
}

const needsShown = 6 // resources of a proposal that a finding tells; plinth iam suggest tells all

// needs says what a workload would do with, as far as its configuration shows.
func (l *look) needs(r *plinth.Resource, role *account.Principal) []plinth.Step {
	var steps []plinth.Step
	p := least.For(l.Estate, l.uses, r, role, nil)
	named := 0
	for _, n := range p.Needs {
		if n.On == nil || len(n.Because) == 0 {
			continue
		}
		if named++; named > needsShown {
			continue
		}
		steps = append(steps, plinth.Step{Note: n.Because[0].Note + ": " + strings.Join(n.Actions, ", ") + " would do", At: n.Because[0].At, Resource: r.Label()})
	}
	if named > needsShown {
		steps = append(steps, plinth.Step{Note: "and " + strconv.Itoa(named-needsShown) + " more resources that its configuration names", At: r.Head(), Resource: r.Label()})
	}
	return steps
}

// key says what an access key gives for as long as it is there.
func (l *look) key(r *plinth.Resource) {
	if status, _ := r.Known().Get("Status"); strings.EqualFold(status.Str(), "Inactive") {
		return
	}
	name, _ := r.Known().Get("UserName")
	user := l.Referred(r, name)
	s := sight{audit: "long-lived-key", resource: r, path: "UserName", when: iam.Always(), message: r.Label() + " is a key"}
	if user != nil {
		s.message = r.Label() + " is a key of " + user.Resource.Label()
		if ways := l.Admin(user); len(ways) > 0 && ways[0].When.Always() {
			s.message += ", an administrator of the account"
			for _, p := range ways[0].By {
				s.evidence = append(s.evidence, account.Step(p, "every action", "every resource"))
			}
		} else if services, _ := l.wide(user); len(services) > 0 {
			s.message += ", who may do all of " + strings.Join(services, ", ")
		}
	}
	l.add(s)
}
