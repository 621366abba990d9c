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
	steps := []plinth.Step{{Note: r.Label() + " runs as " + run.Role.Resource.Label(), At: run.At, Cost: costIdentity}}
	if run.Profile != nil {
		steps = append(steps, plinth.Step{
			Note: run.Profile.Label() + " hands out the credentials of " + run.Role.Resource.Label(), At: run.ProfileAt, Cost: costIdentity,
		})
	}
	var p proof
	p.add(run.By, assumeRole, run.Role.Resource.Label(), run.Role.Resource.Head())
	typ := account.TypeOf(r)
	w.runs[typ] = append(w.runs[typ], workload{r, run.Role})
	w.relate(plinth.Relation{From: r.ID, To: run.Role.ID, Kind: plinth.RunsAs, When: run.When.Condition(), Evidence: append(steps, p.steps...)})
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
		for _, v := range account.Values(r.Known(), path) {
			for _, of := range w.Meant(r, typ, v) {
				w.relate(plinth.Relation{From: r.ID, To: of.ID, Kind: plinth.RunsAs, Evidence: []plinth.Step{
					{Note: r.Label() + " " + note + " " + of.Label(), At: r.Place(v), Cost: costIdentity},
				}})
			}
		}
	}
}
