package form

import (
	"strconv"
	"strings"

	"github.com/plinthsec/plinth"
)

// apiKind is what a kubernetes_* type of Terraform declares.
type apiKind struct{ group, version, kind string }

// apiKinds are the types of the Terraform provider "kubernetes" without the prefix and a version suffix. Source: the provider's
// schema and the Kubernetes API reference.
var apiKinds = map[string]apiKind{
	"api_service":                      {"apiregistration.k8s.io", "v1", "APIService"},
	"certificate_signing_request":      {"certificates.k8s.io", "v1", "CertificateSigningRequest"},
	"cluster_role":                     {"rbac.authorization.k8s.io", "v1", "ClusterRole"},
	"cluster_role_binding":             {"rbac.authorization.k8s.io", "v1", "ClusterRoleBinding"},
	"config_map":                       {"", "v1", "ConfigMap"},
	"cron_job":                         {"batch", "v1", "CronJob"},
	"csi_driver":                       {"storage.k8s.io", "v1", "CSIDriver"},
	"daemon_set":                       {"apps", "v1", "DaemonSet"},
	"daemonset":                        {"apps", "v1", "DaemonSet"},
	"deployment":                       {"apps", "v1", "Deployment"},
	"endpoints":                        {"", "v1", "Endpoints"},
	"horizontal_pod_autoscaler":        {"autoscaling", "v2", "HorizontalPodAutoscaler"},
	"ingress":                          {"networking.k8s.io", "v1", "Ingress"},
	"ingress_class":                    {"networking.k8s.io", "v1", "IngressClass"},
	"job":                              {"batch", "v1", "Job"},
	"limit_range":                      {"", "v1", "LimitRange"},
	"mutating_webhook_configuration":   {"admissionregistration.k8s.io", "v1", "MutatingWebhookConfiguration"},
	"namespace":                        {"", "v1", "Namespace"},
	"network_policy":                   {"networking.k8s.io", "v1", "NetworkPolicy"},
	"persistent_volume":                {"", "v1", "PersistentVolume"},
	"persistent_volume_claim":          {"", "v1", "PersistentVolumeClaim"},
	"pod":                              {"", "v1", "Pod"},
	"pod_disruption_budget":            {"policy", "v1", "PodDisruptionBudget"},
	"pod_security_policy":              {"policy", "v1beta1", "PodSecurityPolicy"},
	"priority_class":                   {"scheduling.k8s.io", "v1", "PriorityClass"},
	"replication_controller":           {"", "v1", "ReplicationController"},
	"resource_quota":                   {"", "v1", "ResourceQuota"},
	"role":                             {"rbac.authorization.k8s.io", "v1", "Role"},
	"role_binding":                     {"rbac.authorization.k8s.io", "v1", "RoleBinding"},
	"runtime_class":                    {"node.k8s.io", "v1", "RuntimeClass"},
	"secret":                           {"", "v1", "Secret"},
	"service":                          {"", "v1", "Service"},
	"service_account":                  {"", "v1", "ServiceAccount"},
	"stateful_set":                     {"apps", "v1", "StatefulSet"},
	"storage_class":                    {"storage.k8s.io", "v1", "StorageClass"},
	"validating_webhook_configuration": {"admissionregistration.k8s.io", "v1", "ValidatingWebhookConfiguration"},
}

// apiLists are blocks that the API keeps in a list, with the API's name for it.
var apiLists = map[string]string{
	"container": "containers", "init_container": "initContainers", "env": "env", "env_from": "envFrom", "port": "ports", "ports": "ports",
	"volume": "volumes", "volume_mount": "volumeMounts", "volume_device": "volumeDevices", "rule": "rules", "subject": "subjects",
	"toleration": "tolerations", "host_aliases": "hostAliases", "image_pull_secret": "imagePullSecrets", "image_pull_secrets": "imagePullSecrets",
	"topology_spread_constraint": "topologySpreadConstraints", "tls": "tls", "path": "paths", "ingress": "ingress", "egress": "egress", "from": "from",
	"to": "to", "match_expressions": "matchExpressions", "match_fields": "matchFields", "items": "items", "readiness_gate": "readinessGates",
	"http_header": "httpHeaders", "sysctl": "sysctls", "webhook": "webhooks", "volume_claim_template": "volumeClaimTemplates", "limit": "limits",
	"node_selector_term": "nodeSelectorTerms", "preferred_during_scheduling_ignored_during_execution": "preferredDuringSchedulingIgnoredDuringExecution",
	"allowed_host_paths": "allowedHostPaths", "range": "ranges", "source": "sources", "sources": "sources", "option": "options", "metric": "metrics",
}

// apiWords are names whose spelling in the API is not plain camel case.
var apiWords = map[string]string{
	"host_pid": "hostPID", "host_ipc": "hostIPC", "cluster_ip": "clusterIP", "cluster_ips": "clusterIPs", "external_ips": "externalIPs",
	"load_balancer_ip": "loadBalancerIP", "non_resource_urls": "nonResourceURLs", "url": "url", "pod_ip": "podIP", "fc": "fc",
}

// apiNumbers are fields that Terraform takes as text and the API as a number.
var apiNumbers = map[string]bool{"run_as_user": true, "run_as_group": true, "fs_group": true, "replicas": true}

// kubernetesObject turns a kubernetes_* resource into the API object that it declares. It is false for any other type.
func kubernetesObject(r *plinth.Resource) bool {
	name, ok := strings.CutPrefix(r.Decl.Type, "kubernetes_")
	if !ok || r.Source.Kind() != plinth.Map {
		return false
	}
	if name == "manifest" {
		return manifest(r)
	}
	for _, suffix := range []string{"_v1", "_v1beta1", "_v2", "_v2beta2"} {
		name = strings.TrimSuffix(name, suffix)
	}
	k, ok := apiKinds[name]
	if !ok {
		return false
	}
	version := k.version
	if k.group != "" {
		version = k.group + "/" + k.version
	}
	fields := []plinth.Field{{Key: "apiVersion", Value: plinth.StringOf(version)}, {Key: "kind", Value: plinth.StringOf(k.kind)}}
	for _, f := range r.Source.Fields() {
		fields = append(fields, apiField(f.Key, "", f.Value))
	}
	group := k.group
	if group == "" {
		group = "core"
	}
	r.Type, r.Props = group+"/"+k.kind, plinth.MapOf(fields).WithOrigin(r.Source.Origin())
	return true
}

// manifest takes the object of a kubernetes_manifest as it is.
func manifest(r *plinth.Resource) bool {
	m, _ := r.Source.Get("manifest")
	version, _ := m.Get("apiVersion")
	kind, _ := m.Get("kind")
	if version.Str() == "" || kind.Str() == "" {
		return false
	}
	group, _, grouped := strings.Cut(version.Str(), "/")
	if !grouped {
		group = "core"
	}
	r.Type, r.Props = group+"/"+kind.Str(), m
	return true
}

func apiField(name, parent string, v plinth.Value) plinth.Field {
	block := v.Kind() == plinth.List && v.Len() > 0 && v.List()[0].Kind() == plinth.Map
	key := apiName(name)
	if plural, ok := apiLists[name]; ok && (block || v.IsUnknown()) && parent != "service" && (name != "ingress" || parent == "spec") && !(name == "source" && parent == "") {
		return plinth.Field{Key: plural, Value: apiList(name, v)}
	}
	switch {
	case block:
		return plinth.Field{Key: key, Value: apiObject(name, v.List()[0])}
	case apiNumbers[name] && v.Kind() == plinth.String:
		if n, err := strconv.ParseFloat(v.Str(), 64); err == nil {
			v = like(plinth.NumberOf(n), v)
		}
	}
	return plinth.Field{Key: key, Value: v}
}

func apiName(name string) string {
	if w, ok := apiWords[name]; ok {
		return w
	}
	return camelize(name, false)
}

func apiList(name string, v plinth.Value) plinth.Value {
	if v.Kind() != plinth.List {
		return v
	}
	list := make([]plinth.Value, v.Len())
	for i, e := range v.List() {
		list[i] = apiObject(name, e)
	}
	return like(plinth.ListOf(list), v)
}

// apiObject turns the arguments of a block into fields. Maps that are no blocks (labels, data, limits) keep their keys.
func apiObject(name string, v plinth.Value) plinth.Value {
	if v.Kind() != plinth.Map {
		return v
	}
	fields := make([]plinth.Field, 0, v.Len())
	for _, f := range v.Fields() {
		fields = append(fields, apiField(f.Key, name, f.Value))
	}
	return like(plinth.MapOf(fields), v)
}
