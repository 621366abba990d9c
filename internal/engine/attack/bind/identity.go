package bind

import (
	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/reach"
)

const roleAnnotation = "eks.amazonaws.com/role-arn"

// identity returns the ServiceAccount of a pod and where its token is mounted: by the API server's own projection, unless it is
// switched off, or by the webhook of a cloud for an account with its annotation, in any case.
func (c *cluster) identity(r *plinth.Resource, spec plinth.Value) (*plinth.Resource, []plinth.Step) {
	name, _ := spec.Get("serviceAccountName")
	if name.IsNull() {
		name, _ = spec.Get("serviceAccount")
	}
	if name.IsUnknown() {
		return nil, nil
	}
	text := name.Str()
	if text == "" {
		text = "default"
	}
	account := c.byName["ServiceAccount/"+namespaceOf(r)+"/"+text]
	if account == nil {
		return nil, nil
	}
	runs := step(r, r.Place(name), costIdentity, r.Decl.Address+" runs as ServiceAccount "+text)
	if role, ok := account.Props.At("metadata", "annotations", roleAnnotation); ok {
		return account, []plinth.Step{runs, step(account, account.Place(role), 0, "a token for the role is mounted in its pods")}
	}
	mount, ok := spec.Get("automountServiceAccountToken")
	if !ok {
		mount, ok = account.Props.Get("automountServiceAccountToken")
	}
	if ok && !(mount.Kind() == plinth.Bool && mount.Bool()) {
		return account, nil
	}
	return account, []plinth.Step{runs}
}

func namespaceOf(r *plinth.Resource) string {
	if ns := textAt(r.Props, "metadata", "namespace"); ns != "" {
		return ns
	}
	return "default"
}

// held is a Secret that a pod is given.
type held struct {
	to   *plinth.Resource
	step plinth.Step
}

// secretsOf returns the declared Secrets that a pod is given by variables of its environment or as files.
func (c *cluster) secretsOf(r *plinth.Resource, spec plinth.Value) []held {
	var out []held
	add := func(v plinth.Value, how string) {
		if v.Kind() != plinth.String {
			return
		}
		if s := c.byName["Secret/"+namespaceOf(r)+"/"+v.Str()]; s != nil {
			out = append(out, held{s, step(r, r.Place(v), costIdentity, r.Decl.Address+" is given Secret "+v.Str()+" "+how)})
		}
	}
	volumes, _ := spec.Get("volumes")
	for _, v := range volumes.List() {
		name, _ := v.At("secret", "secretName")
		add(name, "as files")
		sources, _ := v.At("projected", "sources")
		for _, s := range sources.List() {
			name, _ := s.At("secret", "name")
			add(name, "as files")
		}
	}
	for _, key := range [...]string{"initContainers", "containers"} {
		list, _ := spec.Get(key)
		for _, one := range list.List() {
			env, _ := one.Get("env")
			for _, e := range env.List() {
				name, _ := e.At("valueFrom", "secretKeyRef", "name")
				add(name, "in its environment")
			}
			from, _ := one.Get("envFrom")
			for _, e := range from.List() {
				name, _ := e.At("secretRef", "name")
				add(name, "in its environment")
			}
		}
	}
	return out
}

// secrets tells which workloads are given which Secrets.
func (w *scene) secrets(c *cluster) {
	for _, r := range c.objects {
		if _, spec, ok := reach.Template(r); ok {
			for _, s := range c.secretsOf(r, spec) {
				w.relate(r.ID, s.to.ID, plinth.ReadsSecret, s.step)
			}
		}
	}
}
