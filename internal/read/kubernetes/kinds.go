package kubernetes

import "strings"

// clusterWide tells whether objects of a built-in or widely used kind have no namespace. The built-in ones are those of the
// Kubernetes API reference up to v1.35; kinds that nobody knows are taken to have one, as most custom resources do.
func clusterWide(kind string) bool {
	switch kind {
	case "core/Namespace", "core/Node", "core/PersistentVolume", "core/ComponentStatus",
		"admissionregistration.k8s.io/MutatingAdmissionPolicy", "admissionregistration.k8s.io/MutatingAdmissionPolicyBinding",
		"admissionregistration.k8s.io/MutatingWebhookConfiguration", "admissionregistration.k8s.io/ValidatingAdmissionPolicy",
		"admissionregistration.k8s.io/ValidatingAdmissionPolicyBinding", "admissionregistration.k8s.io/ValidatingWebhookConfiguration",
		"apiextensions.k8s.io/CustomResourceDefinition", "apiregistration.k8s.io/APIService",
		"authentication.k8s.io/SelfSubjectReview", "authentication.k8s.io/TokenReview",
		"authorization.k8s.io/SelfSubjectAccessReview", "authorization.k8s.io/SelfSubjectRulesReview", "authorization.k8s.io/SubjectAccessReview",
		"certificates.k8s.io/CertificateSigningRequest", "certificates.k8s.io/ClusterTrustBundle",
		"flowcontrol.apiserver.k8s.io/FlowSchema", "flowcontrol.apiserver.k8s.io/PriorityLevelConfiguration",
		"internal.apiserver.k8s.io/StorageVersion", "storagemigration.k8s.io/StorageVersionMigration",
		"networking.k8s.io/IngressClass", "networking.k8s.io/IPAddress", "networking.k8s.io/ServiceCIDR",
		"node.k8s.io/RuntimeClass", "policy/PodSecurityPolicy",
		"rbac.authorization.k8s.io/ClusterRole", "rbac.authorization.k8s.io/ClusterRoleBinding",
		"resource.k8s.io/DeviceClass", "resource.k8s.io/DeviceTaintRule", "resource.k8s.io/ResourceSlice",
		"scheduling.k8s.io/PriorityClass",
		"storage.k8s.io/CSIDriver", "storage.k8s.io/CSINode", "storage.k8s.io/StorageClass", "storage.k8s.io/VolumeAttachment",
		"storage.k8s.io/VolumeAttributesClass",
		"cert-manager.io/ClusterIssuer", "cilium.io/CiliumClusterwideNetworkPolicy", "crd.projectcalico.org/GlobalNetworkPolicy",
		"external-secrets.io/ClusterExternalSecret", "external-secrets.io/ClusterSecretStore", "gateway.networking.k8s.io/GatewayClass",
		"kyverno.io/ClusterPolicy", "policy.networking.k8s.io/AdminNetworkPolicy", "policy.networking.k8s.io/BaselineAdminNetworkPolicy",
		"project.openshift.io/Project", "projectcalico.org/GlobalNetworkPolicy", "security.openshift.io/SecurityContextConstraints":
		return true
	}
	return false
}

// present returns the group under which a kind is served now: some kinds began their life in the group extensions. An object
// that names the group without a name for a kind of another one is taken for what its kind says; the API server refuses it.
func present(group, kind string) string {
	if group != "extensions" && group != "core" {
		return group
	}
	switch kind {
	case "Deployment", "DaemonSet", "ReplicaSet", "StatefulSet":
		return "apps"
	case "Ingress", "NetworkPolicy":
		return "networking.k8s.io"
	case "PodSecurityPolicy":
		return "policy"
	case "CronJob", "Job":
		return "batch"
	case "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding":
		return "rbac.authorization.k8s.io"
	}
	return group
}

// served tells whether an API server could serve a group: custom ones are domain names, the others are those of the first years.
func served(group string) bool {
	switch group {
	case "core", "apps", "batch", "autoscaling", "policy", "extensions":
		return true
	}
	return strings.Contains(group, ".")
}
