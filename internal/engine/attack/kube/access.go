package kube

import (
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/graph"
	"github.com/plinthsec/plinth/internal/iam/rbac"
)

// adminPolicy is the access policy of EKS that makes an administrator of the cluster
// (https://docs.aws.amazon.com/eks/latest/userguide/access-policy-permissions.html).
const adminPolicy = "/AmazonEKSClusterAdminPolicy"

// grant is a principal of AWS that an access entry makes something in a cluster.
type grant struct {
	from     plinth.ID
	resource *plinth.Resource
	entry    plinth.Value // where it says so
	groups   []string
	cluster  string // name or key of the EKS cluster
	admin    bool
}

// grantsOf finds the access entries of EKS.
func grantsOf(s *graph.Scene, principals map[plinth.ID]plinth.ID) []grant {
	var out []grant
	for i, r := range s.Resources() {
		one := grant{resource: r}
		var who plinth.Value
		switch r.Type {
		case "AWS::EKS::AccessEntry":
			who, one.groups, one.cluster = get(r.Props, "PrincipalArn"), texts(get(r.Props, "KubernetesGroups")), text(r.Props, "ClusterName")
			for _, p := range get(r.Props, "AccessPolicies").List() {
				if v := get(p, "PolicyArn"); strings.HasSuffix(v.Str(), adminPolicy) && text(p, "AccessScope", "Type") == "cluster" {
					one.admin, one.entry = true, v
				}
			}
		case "terraform:aws_eks_access_policy_association":
			who, one.cluster, one.entry = get(r.Props, "principal_arn"), text(r.Props, "cluster_name"), get(r.Props, "policy_arn")
			for _, scope := range get(r.Props, "access_scope").List() {
				one.admin = one.admin || strings.HasSuffix(one.entry.Str(), adminPolicy) && text(scope, "type") == "cluster"
			}
		default:
			continue
		}
		for _, k := range s.Of(int32(i), who) {
			if o := s.Resources()[k]; o.Type == "AWS::IAM::Role" || o.Type == "AWS::IAM::User" {
				one.from = o.ID
			}
		}
		if arn := plinth.ID(who.Str()); one.from == "" && strings.HasPrefix(string(arn), "arn:") {
			one.from = principals[arn[strings.LastIndexByte(string(arn), ':')+1:]]
		}
		if one.cluster == "" {
			one.cluster = addressOf(r)
		}
		if one.from != "" && (one.admin || len(one.groups) > 0) {
			out = append(out, one)
		}
	}
	return out
}

// tellGrants tells what access entries make of principals. Which objects are of which cluster no code says: where there is one
// cluster, they are of that one; else the administrator is one of the cluster of EKS by its name.
func (c *cluster) tellGrants(list []grant) {
	for i := range list {
		g := &list[i]
		proof := step(g.resource, g.resource.Place(g.entry), costRight, addressOf(g.resource)+" makes it an administrator of cluster "+g.cluster)
		if g.admin {
			c.tell(plinth.Relation{From: g.from, To: c.admin(proof), Kind: plinth.Admin, Evidence: []plinth.Step{proof}})
		}
		for _, of := range g.groups {
			if x := c.bySubject[rbac.Subject{Kind: "Group", Name: of}]; x != nil {
				v := get(g.resource.Props, "KubernetesGroups")
				c.tell(plinth.Relation{
					From: g.from, To: x.id, Kind: plinth.Assume, Technique: "IDENTITY_ASSUME",
					Evidence: []plinth.Step{step(g.resource, g.resource.Place(v), costRight, addressOf(g.resource)+" puts it into "+x.address)},
				})
			}
		}
	}
}

// tellBare tells the administrators of clusters of which there are no objects, or too many to say whose they are.
func tellBare(list []grant, to graph.Sink) {
	told := map[plinth.ID]bool{}
	for i := range list {
		g := &list[i]
		if !g.admin {
			continue
		}
		id := plinth.ClusterAdmin(g.cluster)
		proof := step(g.resource, g.resource.Place(g.entry), costRight, addressOf(g.resource)+" makes it an administrator of cluster "+g.cluster)
		if !told[id] {
			told[id] = true
			to.Node(plinth.Node{ID: id, Type: plinth.TypeAdmin, Name: "admin", Address: "administrator of the cluster " + g.cluster, At: proof.At})
		}
		to.Relation(plinth.Relation{From: g.from, To: id, Kind: plinth.Admin, Evidence: []plinth.Step{proof}})
	}
}
