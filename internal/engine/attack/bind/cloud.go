package bind

import (
	"slices"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/reach"
)

// roleOf names, by type, the property that holds the role whose credentials the code of a workload finds, and what it takes to get
// them: a function has them in its environment, a task asks an address for them that its environment names.
var roleOf = map[string]struct {
	property string
	needs    yield
	why      string
}{
	"AWS::Lambda::Function":     {"Role", readsFiles, "the credentials of its role are in its environment"},
	"AWS::Serverless::Function": {"Role", readsFiles, "the credentials of its role are in its environment"},
	"AWS::ECS::TaskDefinition":  {"TaskRoleArn", readsFiles | sendsHTTP, "its environment names the address that gives out the credentials of its task role"},
}

// clouds tells what the weaknesses of functions and tasks give to whom the network lets in.
func (w *scene) clouds(weak map[plinth.ID][]flaw) {
	seen := map[plinth.ID]bool{}
	for i, r := range w.Resources() {
		if _, _, pod := reach.Template(r); pod || len(weak[r.ID]) == 0 {
			continue
		}
		w.arrive(r, seen)
		for _, f := range weak[r.ID] {
			f.settle()
			if f.gives&runsCode != 0 {
				w.yield(r, r.ID, &f, nil)
			}
			role := roleOf[r.Type]
			if role.property == "" || f.gives&role.needs != role.needs {
				continue
			}
			v, _ := r.Props.Get(role.property)
			for _, k := range w.Of(int32(i), v) {
				if to := w.Resources()[k]; to.Type == "AWS::IAM::Role" {
					w.yield(r, to.ID, &f, []plinth.Step{step(r, place(v, r), costIdentity, role.why)})
				}
			}
		}
	}
}

// settle adds to the condition what nobody knows of a dependency.
func (f *flaw) settle() {
	if f.dependency {
		f.when = and(f.when, "the weak code of "+f.technique()+" is reached by a request")
	}
}

// and adds a fact to a condition.
func and(c plinth.Condition, fact string) plinth.Condition {
	if len(c) == 0 {
		return plinth.Condition{{fact}}
	}
	out := make(plinth.Condition, len(c))
	for i, term := range c {
		out[i] = append(slices.Clone(term), fact)
	}
	return out
}
