package bind

import (
	"slices"

	"github.com/plinthsec/plinth"
)

// metadata tells the roles of nodes that a pod's weakness gets by asking the metadata service of its machine: where a pod is one hop
// too far away, or nodes of Fargate run it, nothing answers.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-options.html
func (w *scene) metadata(r *plinth.Resource, host bool, f *flaw) {
	var groups []int
	for i, g := range w.Resources() {
		if g.Type == "AWS::EKS::Nodegroup" {
			groups = append(groups, i)
		}
	}
	for _, i := range groups {
		g := w.Resources()[i]
		role, _ := g.Props.Get("NodeRole")
		to := w.estate.Referred(g, role)
		proof, when, open := w.answers(int32(i), host)
		if to == nil || to.Resource == nil || !open {
			continue
		}
		if len(groups) > 1 {
			when = when.And("a pod of " + r.Decl.Address + " runs on a node of " + g.Decl.Address)
		}
		w.to.Relation(plinth.Relation{
			From: endpoint(r), To: to.ID, Kind: plinth.Weakness, Technique: f.technique(), When: both(f.when, when),
			Evidence: slices.Concat(f.evidence, []plinth.Step{proof, step(g, g.Place(role), costIdentity, "its nodes run as "+to.Resource.Decl.Address)}),
		})
	}
}

// answers tells whether the metadata service of a group's nodes answers pods, and under which condition.
func (w *scene) answers(i int32, host bool) (plinth.Step, plinth.Condition, bool) {
	g := w.Resources()[i]
	for _, k := range w.Refers(i) {
		t := w.Resources()[k]
		if t.Type != "AWS::EC2::LaunchTemplate" {
			continue
		}
		options, _ := t.Props.At("LaunchTemplateData", "MetadataOptions")
		hops, _ := options.Get("HttpPutResponseHopLimit")
		tokens := textAt(options, "HttpTokens")
		if textAt(options, "HttpEndpoint") == "disabled" || !host && !(hops.Kind() == plinth.Number && hops.Num() >= 2) {
			return plinth.Step{}, nil, false
		}
		at := step(t, t.Place(options), costWeakness, "the metadata service of its machines answers pods")
		if tokens == "required" {
			return at, plinth.Condition{{"the attacker chooses method and headers of the request"}}, true
		}
		return at, nil, true
	}
	return step(g, g.Decl.Header, costWeakness, "without a launch template of its own it takes the defaults of EKS"),
		plinth.Condition{{"the default launch template of EKS lets pods ask for the node's credentials (hop limit 2)"}}, true
}

// both joins two conditions.
func both(a, b plinth.Condition) plinth.Condition {
	if len(a) == 0 {
		return b
	}
	out := a
	if len(b) > 0 {
		out = nil
		for _, x := range a {
			for _, y := range b {
				out = append(out, slices.Concat(x, y))
			}
		}
	}
	return out
}
