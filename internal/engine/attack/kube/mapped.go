package kube

import (
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/document"
	"github.com/plinthsec/plinth/internal/iam/rbac"
)

const maxMapped = 5000 // principals of AWS that one ConfigMap makes subjects of a cluster

// tellMapped tells which principals of AWS are which subjects: the ConfigMap aws-auth of EKS says so
// (https://docs.aws.amazon.com/eks/latest/userguide/auth-configmap.html).
func (c *cluster) tellMapped() {
	for _, r := range c.objects {
		if r.Type != "core/ConfigMap" || r.Name != "aws-auth" || namespaceOf(r) != "kube-system" {
			continue
		}
		for _, l := range [...]struct{ key, arn string }{{"mapRoles", "rolearn"}, {"mapUsers", "userarn"}} {
			data := get(r.Props, "data", l.key)
			if data.Kind() != plinth.String {
				continue
			}
			told := 0
			(&document.Parser{}).Parse(l.key+".yaml", []byte(data.Str()), func(d document.Document) {
				for _, v := range d.Value.List() {
					if told++; told <= maxMapped {
						c.mapOne(r, data, plinth.ID(text(v, l.arn)), v)
					}
				}
			})
		}
	}
}

// principalsOf are the roles and users that resources declare, by the last part of their ARN: role/NAME. Code mostly does not say the
// number of its account; a name that two share stands for neither.
func principalsOf(resources []*plinth.Resource) map[plinth.ID]plinth.ID {
	out := map[plinth.ID]plinth.ID{}
	for _, r := range resources {
		kind, property := "", ""
		switch r.Type {
		case "AWS::IAM::Role":
			kind, property = "role", "RoleName"
		case "AWS::IAM::User":
			kind, property = "user", "UserName"
		default:
			continue
		}
		if of := text(r.Props, property); of != "" {
			key := plinth.ID(kind + strings.TrimSuffix("/"+strings.Trim(text(r.Props, "Path"), "/"), "/") + "/" + of)
			if _, double := out[key]; double {
				out[key] = ""
				continue
			}
			out[key] = r.ID
		}
	}
	return out
}

// mapOne tells the subjects of one principal: the groups and the user name that a binding names.
func (c *cluster) mapOne(r *plinth.Resource, data plinth.Value, arn plinth.ID, v plinth.Value) {
	if !strings.HasPrefix(string(arn), "arn:") {
		return
	}
	at, from := r.Place(data), c.principals[arn[strings.LastIndexByte(string(arn), ':')+1:]]
	tell := func(x *subject) {
		if from == "" {
			from = arn
			c.to.Node(plinth.Node{ID: arn, Type: plinth.TypePrincipal, Name: string(arn[strings.LastIndexByte(string(arn), '/')+1:]), Address: string(arn), At: at})
		}
		c.tell(plinth.Relation{
			From: from, To: x.id, Kind: plinth.Assume, Technique: "IDENTITY_ASSUME",
			Evidence: []plinth.Step{step(r, at, costRight, addressOf(r)+" makes "+string(arn)+" "+x.address)},
		})
	}
	for _, of := range texts(get(v, "groups")) {
		x := c.bySubject[rbac.Subject{Kind: "Group", Name: of}]
		if x == nil && of == rbac.Masters {
			x = c.group(of, at)
			if !c.bound[x.id] {
				c.bound[x.id] = true
				c.tellIfAdmin(x)
			}
		}
		if x != nil {
			tell(x)
		}
	}
	if x := c.bySubject[rbac.Subject{Kind: "User", Name: text(v, "username")}]; x != nil {
		tell(x)
	}
}
