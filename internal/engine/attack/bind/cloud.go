package bind

import (
	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/reach"
	"github.com/plinthsec/plinth/internal/reach/cloud"
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

// clouds tells which ports of a cloud's resources the internet reaches, and what the weaknesses of functions, tasks and machines
// give to whom the network lets in.
func (w *scene) clouds(weak map[plinth.ID][]flaw) {
	seen := map[plinth.ID]bool{}
	world := cloud.New(w.Graph)
	for _, c := range world.Connections() {
		switch {
		case c.ToResource == nil:
		case c.From == plinth.Internet:
			w.arrive(c.ToResource, seen)
			w.connect(plinth.Internet, plinth.Exposes, &c)
		case c.FromResource != nil && forwards[c.FromResource.Type]:
			w.arrive(c.FromResource, seen)
			w.arrive(c.ToResource, seen)
			w.connect(endpoint(c.FromResource), plinth.Exposes, &c)
		case c.FromResource != nil && len(weak[c.ToResource.ID]) > 0:
			w.connect(c.FromResource.ID, plinth.Reach, &c)
		}
	}
	w.services(seen)
	for _, p := range world.Problems {
		w.to.Problem(p)
	}
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
					w.yield(r, to.ID, &f, []plinth.Step{step(r, r.Place(v), costIdentity, role.why)})
				}
			}
		}
	}
}

// forwards are the types of what hands requests on to what stands behind it.
var forwards = map[string]bool{
	"AWS::ElasticLoadBalancingV2::LoadBalancer": true, "AWS::ElasticLoadBalancing::LoadBalancer": true, "AWS::ApiGateway::RestApi": true,
	"AWS::ApiGatewayV2::Api": true, "AWS::CloudFront::Distribution": true,
	"Microsoft.Network/loadBalancers": true, "Microsoft.Network/applicationGateways": true, "compute.googleapis.com/ForwardingRule": true,
}

// services tells which tasks a service of ECS runs behind its ports.
func (w *scene) services(seen map[plinth.ID]bool) {
	for i, r := range w.Resources() {
		if r.Type != "AWS::ECS::Service" {
			continue
		}
		v, _ := r.Props.Get("TaskDefinition")
		for _, k := range w.Of(int32(i), v) {
			task := w.Resources()[k]
			if task.Type != "AWS::ECS::TaskDefinition" {
				continue
			}
			w.arrive(r, seen)
			w.arrive(task, seen)
			w.relate(endpoint(r), endpoint(task), plinth.Exposes, step(r, r.Place(v), costExposure, r.Decl.Address+" runs "+task.Decl.Address))
		}
	}
}

// connect tells one connection.
func (w *scene) connect(from plinth.ID, kind plinth.RelationKind, c *cloud.Connection) {
	var when plinth.Condition
	if len(c.When) > 0 {
		when = plinth.Condition{c.When}
	}
	w.to.Relation(plinth.Relation{From: from, To: endpoint(c.ToResource), Kind: kind, When: when, Evidence: c.Because})
}

// settle adds to the condition what nobody knows of a dependency.
func (f *flaw) settle() {
	if f.dependency {
		f.when = f.when.And("the weak code of " + f.technique() + " is reached by a request")
	}
}
