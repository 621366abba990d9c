package rego

import (
	"strings"

	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
)

// Review is one object under review, with what stands around it.
type Review struct {
	Object    any // the object, or an AdmissionReview
	Inventory *Inventory
}

// Inventory is the objects that templates see as data.inventory, as Gatekeeper arranges them:
// namespace.NAMESPACE.GROUPVERSION.KIND.NAME and cluster.GROUPVERSION.KIND.NAME.
type Inventory struct {
	store      storage.Store
	namespaces map[string]any // Namespace objects by name
}

// NewInventory arranges objects. Of two with one name the last counts.
func NewInventory(objects []any) *Inventory {
	inside, cluster := map[string]any{}, map[string]any{}
	v := &Inventory{namespaces: map[string]any{}}
	for _, o := range objects {
		version, kind, name := textAt(o, "apiVersion"), textAt(o, "kind"), textAt(o, "metadata", "name")
		if version == "" || kind == "" || name == "" {
			continue
		}
		if version == "v1" && kind == "Namespace" {
			v.namespaces[name] = o
		}
		if ns := textAt(o, "metadata", "namespace"); ns != "" {
			put(inside, o, ns, version, kind, name)
		} else {
			put(cluster, o, version, kind, name)
		}
	}
	v.store = inmem.NewFromObject(map[string]any{"inventory": map[string]any{"namespace": inside, "cluster": cluster}})
	return v
}

func put(into map[string]any, v any, keys ...string) {
	for _, k := range keys[:len(keys)-1] {
		next, ok := into[k].(map[string]any)
		if !ok {
			next = map[string]any{}
			into[k] = next
		}
		into = next
	}
	into[keys[len(keys)-1]] = v
}

// admission returns the request of an AdmissionReview, nil for a plain object.
func (r *Review) admission() map[string]any {
	if textAt(r.Object, "kind") != "AdmissionReview" || !strings.HasPrefix(textAt(r.Object, "apiVersion"), "admission.k8s.io/") {
		return nil
	}
	m, _ := at(r.Object, "request").(map[string]any)
	return m
}

// subject is the object that the review is about: the old one, where it is deleted.
func (r *Review) subject() any {
	a := r.admission()
	if a == nil {
		return r.Object
	}
	if o := a["object"]; o != nil {
		return o
	}
	return a["oldObject"]
}

// request is the object as templates see it: an AdmissionRequest.
func (r *Review) request() map[string]any {
	o := r.subject()
	group, version := groupVersion(textAt(o, "apiVersion"))
	out := map[string]any{
		"kind": map[string]any{"group": group, "version": version, "kind": textAt(o, "kind")},
		"name": textAt(o, "metadata", "name"), "object": o, "oldObject": nil, "operation": "", "uid": "", "userInfo": map[string]any{},
	}
	if ns := textAt(o, "metadata", "namespace"); ns != "" {
		out["namespace"] = ns
	}
	for k, v := range r.admission() {
		out[k] = v
	}
	if out["object"] == nil {
		out["object"] = o
	}
	if ns := r.namespace(); ns != nil {
		out["_unstable"] = map[string]any{"namespace": ns}
	}
	return out
}

// namespace is the Namespace object that the subject lies in, nil where nobody knows it.
func (r *Review) namespace() any {
	name := r.namespaceName()
	if name == "" || r.Inventory == nil {
		return nil
	}
	return r.Inventory.namespaces[name]
}

func (r *Review) namespaceName() string {
	o := r.subject()
	if s := textAt(o, "metadata", "namespace"); s != "" {
		return s
	}
	if a := r.admission(); a != nil {
		return textAt(a, "namespace")
	}
	return ""
}

func groupVersion(apiVersion string) (group, version string) {
	if g, v, ok := strings.Cut(apiVersion, "/"); ok {
		return g, v
	}
	return "", apiVersion
}
