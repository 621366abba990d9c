package cli

import (
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/iam"
	"github.com/plinthsec/plinth/internal/iam/rbac"
)

// kubeIdentity reads the name of a Kubernetes identity: ServiceAccount/namespace/name, User/name, Group/name, or as the API server
// writes it, system:serviceaccount:namespace:name.
func kubeIdentity(name string) (rbac.Identity, bool) {
	if rest, ok := strings.CutPrefix(name, "system:serviceaccount:"); ok {
		name = "ServiceAccount/" + strings.Replace(rest, ":", "/", 1)
	}
	kind, rest, _ := strings.Cut(name, "/")
	switch kind {
	case "ServiceAccount":
		namespace, account, ok := strings.Cut(rest, "/")
		return rbac.ServiceAccount(namespace, account), ok
	case "User":
		return rbac.User(rest), rest != ""
	case "Group":
		return rbac.Identity{Groups: []string{rest}}, rest != ""
	}
	return rbac.Identity{}, false
}

// kubeRequest reads an action, "get secrets" or "create pods/exec", with the API group behind a dot of the resource: "list
// deployments.apps"; and what it is about: KIND/namespace/name, namespace/ or nothing.
func kubeRequest(action, on string) (rbac.Request, error) {
	var r rbac.Request
	verb, resource, ok := strings.Cut(action, " ")
	if !ok {
		return r, faultf("an action is written SERVICE:NAME for AWS, \"VERB RESOURCE\" for Kubernetes, not %q", action)
	}
	r.Verb = verb
	if strings.HasPrefix(resource, "/") {
		r.Path = resource
		return r, nil
	}
	resource, sub, _ := strings.Cut(resource, "/")
	r.Resource, r.Group, _ = strings.Cut(resource, ".")
	if sub != "" {
		r.Resource += "/" + sub
	}
	switch parts := strings.Split(on, "/"); len(parts) {
	case 1:
		r.Namespace = on
	case 2:
		r.Namespace, r.Name = parts[0], parts[1]
	default:
		r.Namespace, r.Name = parts[1], parts[2]
	}
	return r, nil
}

// clusters are the authorizers of the projects that have Kubernetes objects, by their names in order.
func (w *accessWorld) clusters() []*rbac.Authorizer {
	objects := map[string][]*plinth.Resource{}
	var names []string
	for _, r := range w.resources {
		if strings.HasPrefix(string(r.ID), "k8s:") {
			if objects[r.Project] == nil {
				names = append(names, r.Project)
			}
			objects[r.Project] = append(objects[r.Project], r)
		}
	}
	slices.Sort(names)
	out := make([]*rbac.Authorizer, len(names))
	for i, n := range names {
		out[i] = rbac.New(objects[n])
	}
	return out
}

func kubeName(who rbac.Identity) string {
	if rest, ok := strings.CutPrefix(who.Name, "system:serviceaccount:"); ok {
		return "ServiceAccount/" + strings.Replace(rest, ":", "/", 1)
	}
	if who.Name == "" && len(who.Groups) > 0 {
		return "Group/" + who.Groups[0]
	}
	return "User/" + who.Name
}

// kubeCan answers what a Kubernetes identity may do.
func (w *accessWorld) kubeCan(a *accessAnswer, who rbac.Identity, action, on string) error {
	for _, auth := range w.clusters() {
		if action == "" {
			for _, g := range auth.Grants(who) {
				a.Answers = append(a.Answers, kubeGranted(who, &g))
			}
			continue
		}
		r, err := kubeRequest(action, on)
		if err != nil {
			return err
		}
		a.Answers = append(a.Answers, kubeAnswer(who, auth.Decide(who, r)))
	}
	return nil
}

// kubeWhoCan answers who may do something in a cluster.
func (w *accessWorld) kubeWhoCan(a *accessAnswer, action, on string) error {
	r, err := kubeRequest(action, on)
	if err != nil {
		return err
	}
	for _, auth := range w.clusters() {
		for _, s := range auth.Subjects() {
			who := rbac.User(s.Name)
			switch s.Kind {
			case "ServiceAccount":
				namespace, name, _ := s.Account()
				who = rbac.ServiceAccount(namespace, name)
			case "Group":
				who = rbac.Identity{Groups: []string{s.Name}}
			}
			if got := auth.Decide(who, r); !got.When.Never() {
				a.Answers = append(a.Answers, kubeAnswer(who, got))
			}
		}
	}
	return nil
}

func kubeAnswer(who rbac.Identity, got rbac.Answer) access {
	out := access{Principal: kubeName(who), Result: iam.Allowed.String(), Conditions: got.When.Strings(), Proofs: []accessProof{}}
	if got.When.Never() {
		out.Result = iam.ImplicitlyDenied.String()
	}
	for i := range got.By {
		out.Proofs = append(out.Proofs, kubeProofs(&got.By[i])...)
	}
	return out
}

func kubeGranted(who rbac.Identity, g *rbac.Grant) access {
	out := access{Principal: kubeName(who), Result: iam.Allowed.String(), Conditions: g.When.Strings(), Proofs: kubeProofs(g)}
	for _, verb := range g.Rule.Verbs.Known {
		for _, resource := range append(slices.Clone(g.Rule.Resources.Known), g.Rule.Paths.Known...) {
			out.Actions = append(out.Actions, verb+" "+resource)
		}
	}
	switch {
	case len(g.Rule.Names.Known) > 0:
		out.On = strings.Join(g.Rule.Names.Known, ", ")
	case g.Namespace == "":
		out.On = "everything"
	}
	if g.Namespace != "" {
		out.On = strings.TrimPrefix(out.On+" in namespace "+g.Namespace, " ")
	}
	return out
}

// kubeProofs are the rule and the binding that give a grant.
func kubeProofs(g *rbac.Grant) []accessProof {
	role := accessProof{Effect: "Allow", Layer: "role", By: g.RoleName, At: networkLocation{g.Rule.At.Path, g.Rule.At.Line}}
	out := []accessProof{role}
	if g.Binding != nil && g.Binding.Decl != nil {
		out = append(out, accessProof{"Allow", "binding", g.Binding.Decl.Address, networkLocation{g.Binding.Decl.Header.Path, g.Binding.Decl.Header.Line}})
	}
	return out
}
