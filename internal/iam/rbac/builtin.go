package rbac

import (
	"sync"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/value"
)

// builtinRoles are the cluster roles for users that every API server makes
// (https://kubernetes.io/docs/reference/access-authn-authz/rbac/#user-facing-roles), each summed up from labelled parts as there.
const builtinRoles = `[
{"metadata": {"name": "cluster-admin"}, "rules": [
	{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]},
	{"verbs": ["*"], "nonResourceURLs": ["*"]}]},
{"metadata": {"name": "admin"}, "aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {"rbac.authorization.k8s.io/aggregate-to-admin": "true"}}]}},
{"metadata": {"name": "edit", "labels": {"rbac.authorization.k8s.io/aggregate-to-admin": "true"}},
	"aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {"rbac.authorization.k8s.io/aggregate-to-edit": "true"}}]}},
{"metadata": {"name": "view", "labels": {"rbac.authorization.k8s.io/aggregate-to-edit": "true"}},
	"aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {"rbac.authorization.k8s.io/aggregate-to-view": "true"}}]}},
{"metadata": {"name": "system:aggregate-to-admin", "labels": {"rbac.authorization.k8s.io/aggregate-to-admin": "true"}}, "rules": [
	{"verbs": ["create"], "apiGroups": ["authorization.k8s.io"], "resources": ["localsubjectaccessreviews"]},
	{"verbs": ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"], "apiGroups": ["rbac.authorization.k8s.io"],
		"resources": ["rolebindings", "roles"]}]},
{"metadata": {"name": "system:aggregate-to-edit", "labels": {"rbac.authorization.k8s.io/aggregate-to-edit": "true"}}, "rules": [
	{"verbs": ["get", "list", "watch"], "apiGroups": [""], "resources": ["pods/attach", "pods/exec", "pods/portforward", "pods/proxy", "secrets", "services/proxy"]},
	{"verbs": ["impersonate"], "apiGroups": [""], "resources": ["serviceaccounts"]},
	{"verbs": ["create", "delete", "deletecollection", "patch", "update"], "apiGroups": [""], "resources": ["pods", "pods/attach", "pods/exec",
		"pods/portforward", "pods/proxy", "configmaps", "events", "persistentvolumeclaims", "replicationcontrollers", "replicationcontrollers/scale",
		"secrets", "serviceaccounts", "services", "services/proxy"]},
	{"verbs": ["create"], "apiGroups": [""], "resources": ["pods/eviction", "serviceaccounts/token"]},
	{"verbs": ["create", "delete", "deletecollection", "patch", "update"], "apiGroups": ["apps"], "resources": ["daemonsets", "deployments",
		"deployments/rollback", "deployments/scale", "replicasets", "replicasets/scale", "statefulsets", "statefulsets/scale"]},
	{"verbs": ["create", "delete", "deletecollection", "patch", "update"], "apiGroups": ["autoscaling"], "resources": ["horizontalpodautoscalers"]},
	{"verbs": ["create", "delete", "deletecollection", "patch", "update"], "apiGroups": ["batch"], "resources": ["cronjobs", "jobs"]},
	{"verbs": ["create", "delete", "deletecollection", "patch", "update"], "apiGroups": ["networking.k8s.io"], "resources": ["ingresses", "networkpolicies"]},
	{"verbs": ["create", "delete", "deletecollection", "patch", "update"], "apiGroups": ["policy"], "resources": ["poddisruptionbudgets"]},
	{"verbs": ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"], "apiGroups": ["coordination.k8s.io"], "resources": ["leases"]}]},
{"metadata": {"name": "system:aggregate-to-view", "labels": {"rbac.authorization.k8s.io/aggregate-to-view": "true"}}, "rules": [
	{"verbs": ["get", "list", "watch"], "apiGroups": [""], "resources": ["bindings", "configmaps", "endpoints", "events", "limitranges", "namespaces",
		"namespaces/status", "persistentvolumeclaims", "persistentvolumeclaims/status", "pods", "pods/log", "pods/status", "replicationcontrollers",
		"replicationcontrollers/scale", "replicationcontrollers/status", "resourcequotas", "resourcequotas/status", "serviceaccounts", "services", "services/status"]},
	{"verbs": ["get", "list", "watch"], "apiGroups": ["apps"], "resources": ["controllerrevisions", "daemonsets", "daemonsets/status", "deployments",
		"deployments/scale", "deployments/status", "replicasets", "replicasets/scale", "replicasets/status", "statefulsets", "statefulsets/scale", "statefulsets/status"]},
	{"verbs": ["get", "list", "watch"], "apiGroups": ["autoscaling"], "resources": ["horizontalpodautoscalers", "horizontalpodautoscalers/status"]},
	{"verbs": ["get", "list", "watch"], "apiGroups": ["batch"], "resources": ["cronjobs", "cronjobs/status", "jobs", "jobs/status"]},
	{"verbs": ["get", "list", "watch"], "apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"]},
	{"verbs": ["get", "list", "watch"], "apiGroups": ["networking.k8s.io"], "resources": ["ingresses", "ingresses/status", "networkpolicies"]},
	{"verbs": ["get", "list", "watch"], "apiGroups": ["policy"], "resources": ["poddisruptionbudgets", "poddisruptionbudgets/status"]}]}
]`

var parseBuiltin = sync.OnceValues(func() (plinth.Value, error) { return value.ParseJSON(builtinRoles) })

// builtin returns the roles that are there without any manifest; a manifest with the name of one replaces it.
func builtin() map[key]*Role {
	out := map[key]*Role{}
	list, err := parseBuiltin()
	if err != nil {
		return out // a test holds the text
	}
	for _, v := range list.List() {
		name, _ := v.At("metadata", "name")
		out[key{"", name.Str()}] = newRole(nil, "", name.Str(), v)
	}
	return out
}
