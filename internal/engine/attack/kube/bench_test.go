package kube

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/plinthsec/plinth/internal/graph"
)

// large is a cluster of about 20,000 objects in 100 namespaces: workloads with an account each, roles of common shapes, and
// some readers of everything.
func large() string {
	var b strings.Builder
	for ns := range 100 {
		fmt.Fprintf(&b, "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: team%d}\n", ns)
		for i := range 40 {
			id := fmt.Sprintf("namespace: team%d, name: app%d", ns, i)
			fmt.Fprintf(&b, "---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {%s}\n", id)
			fmt.Fprintf(&b, "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {%s}\nspec: {template: {metadata: {labels: {app: app%d}}, spec: {serviceAccountName: app%d, containers: [{name: main, image: app}]}}}\n", id, i, i)
			fmt.Fprintf(&b, "---\napiVersion: v1\nkind: Secret\nmetadata: {%s}\n", id)
			verbs, resource := []string{"get", "list", "create", "patch"}[i%4], []string{"pods", "secrets", "pods/exec", "configmaps", "rolebindings"}[i%5]
			fmt.Fprintf(&b, "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {%s}\nrules: [{apiGroups: ['*'], resources: [%s], verbs: [%s]}]\n", id, resource, verbs)
			kind, role := "Role", fmt.Sprintf("app%d", i)
			if i%10 == 0 {
				kind, role = "ClusterRole", "edit"
			}
			fmt.Fprintf(&b, "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {%s}\nroleRef: {kind: %s, name: %s}\nsubjects: [{kind: ServiceAccount, name: app%d}]\n", id, kind, role, i)
			if i == 0 {
				fmt.Fprintf(&b, "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {name: wide%d}\nroleRef: {kind: ClusterRole, name: %s}\nsubjects: [{kind: ServiceAccount, name: app1, namespace: team%d}]\n", ns, []string{"edit", "admin", "cluster-admin", "view"}[ns%4], ns)
			}
		}
	}
	return b.String()
}

func BenchmarkRelate(b *testing.B) {
	resources := read(b, map[string]string{"all.yaml": large()})
	s := &graph.Scene{Graph: graph.New(resources)}
	b.ReportMetric(float64(len(resources)), "objects")
	for b.Loop() {
		to := &counter{}
		if err := Relate(context.Background(), s, to); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(to.relations), "relations")
	}
}
