package iam

// probes are the actions that together make an administrator: no name of a policy does. Whoever may do them on every resource can do
// the rest as well, or let himself.
var probes = [...]string{
	"iam:AttachUserPolicy", "iam:CreateAccessKey", "iam:CreatePolicyVersion", "iam:CreateUser", "iam:DeleteRole", "iam:PassRole", "iam:PutRolePolicy",
	"iam:UpdateAssumeRolePolicy", "s3:DeleteBucket", "s3:GetObject", "s3:PutBucketPolicy", "ec2:RunInstances", "ec2:TerminateInstances",
	"sts:AssumeRole", "deepcomposer:CreateModel",
}

// Admin tells under which conditions a principal may do everything on everything, after denies, boundary and organization, and
// which statements let it. An Allow that is split over statements or made of NotAction counts.
func Admin(services *Services, who Principal, p *Policies, in *Context) (Formula, []Proof) {
	all := always
	var by []Proof
	for _, name := range probes {
		var one Formula
		for _, g := range Can(who, services.Action(name), p, in) {
			if len(g.All) != 1 || !g.All[0].Everything() || len(g.None) > 0 || len(g.Unless) > 0 {
				continue
			}
			one = one.Or(g.When)
			for _, proof := range g.By {
				by = addProof(by, proof)
			}
		}
		if all = all.And(one); all.Never() {
			return nil, nil
		}
	}
	return all, by
}

func addProof(list []Proof, p Proof) []Proof {
	for _, have := range list {
		if have.Layer == p.Layer && have.Statement == p.Statement {
			return list
		}
	}
	return append(list, p)
}
