package aws

import (
	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/iam/account"
)

// workload is a resource that acts as a role.
type workload struct {
	resource *plinth.Resource
	role     *account.Principal
}

// run tells whose identity each workload has.
func (w *scene) run() {
	for _, r := range w.g.Resources() {
		for _, run := range w.Runs(r) {
			w.runsAs(r, run)
		}
	}
	w.inside()
}

func (w *scene) runsAs(r *plinth.Resource, run account.Run) {
	steps := []plinth.Step{{Note: address(r) + " runs as " + address(run.Role.Resource), At: run.At, Cost: costIdentity}}
	if run.Profile != nil {
		steps = append(steps, plinth.Step{
			Note: address(run.Profile) + " hands out the credentials of " + address(run.Role.Resource), At: run.ProfileAt, Cost: costIdentity,
		})
	}
	var p proof
	p.add(run.By, assumeRole, address(run.Role.Resource), header(run.Role.Resource))
	typ := account.TypeOf(r)
	w.runs[typ] = append(w.runs[typ], workload{r, run.Role})
	w.relate(plinth.Relation{From: r.ID, To: run.Role.ID, Kind: plinth.RunsAs, When: condition(run.When), Evidence: append(steps, p.steps...)})
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
		for _, v := range account.Values(known(r), path) {
			for _, of := range w.Meant(r, typ, v) {
				w.relate(plinth.Relation{From: r.ID, To: of.ID, Kind: plinth.RunsAs, Evidence: []plinth.Step{
					{Note: address(r) + " " + note + " " + address(of), At: place(v, r), Cost: costIdentity},
				}})
			}
		}
	}
}
