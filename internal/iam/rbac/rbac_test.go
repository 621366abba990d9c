package rbac

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/value"
)

const manifests = `[
{"kind": "ClusterRole", "metadata": {"name": "reader"}, "rules": [{"verbs": ["get", "list"], "apiGroups": [""], "resources": ["secrets"]}]},
{"kind": "Role", "metadata": {"name": "one", "namespace": "shop"}, "rules": [
	{"verbs": ["*"], "apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["prices"]},
	{"verbs": ["create"], "apiGroups": [""], "resources": ["pods/exec"], "resourceNames": ["till-0"]},
	{"verbs": ["patch"], "apiGroups": ["apps"], "resources": ["*/scale"]}]},
{"kind": "ClusterRole", "metadata": {"name": "sum"}, "rules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}],
	"aggregationRule": {"clusterRoleSelectors": [{"matchExpressions": [{"key": "part", "operator": "In", "values": ["sum"]}]}]}},
{"kind": "ClusterRole", "metadata": {"name": "part", "labels": {"part": "sum"}}, "rules": [{"verbs": ["impersonate"], "apiGroups": [""], "resources": ["users", "serviceaccounts"]}]},
{"kind": "ClusterRole", "metadata": {"name": "more", "labels": {"rbac.authorization.k8s.io/aggregate-to-view": "true"}},
	"rules": [{"verbs": ["get"], "apiGroups": ["example.com"], "resources": ["widgets"]}]},
{"kind": "ClusterRole", "metadata": {"name": "paths"}, "rules": [{"verbs": ["get"], "nonResourceURLs": ["/metrics", "/logs/*"]}]},
{"kind": "RoleBinding", "metadata": {"name": "b1", "namespace": "shop"}, "roleRef": {"kind": "ClusterRole", "name": "reader"},
	"subjects": [{"kind": "ServiceAccount", "name": "till", "namespace": "pos"}]},
{"kind": "RoleBinding", "metadata": {"name": "b2", "namespace": "shop"}, "roleRef": {"kind": "Role", "name": "one"}, "subjects": [{"kind": "User", "name": "mia"}]},
{"kind": "ClusterRoleBinding", "metadata": {"name": "b3"}, "roleRef": {"kind": "ClusterRole", "name": "sum"}, "subjects": [{"kind": "Group", "name": "ops"}]},
{"kind": "RoleBinding", "metadata": {"name": "b4", "namespace": "shop"}, "roleRef": {"kind": "ClusterRole", "name": "sum"}, "subjects": [{"kind": "User", "name": "ben"}]},
{"kind": "RoleBinding", "metadata": {"name": "b5", "namespace": "shop"}, "roleRef": {"kind": "ClusterRole", "name": "edit"}, "subjects": [{"kind": "User", "name": "eve"}]},
{"kind": "ClusterRoleBinding", "metadata": {"name": "b6"}, "roleRef": {"kind": "ClusterRole", "name": "paths"}, "subjects": [{"kind": "Group", "name": "system:serviceaccounts:pos"}]},
{"kind": "ClusterRoleBinding", "metadata": {"name": "b7"}, "roleRef": {"kind": "ClusterRole", "name": "cluster-admin"}, "subjects": [{"kind": "ServiceAccount", "name": "root", "namespace": "kube"}]}
]`

func objects(t *testing.T) []*plinth.Resource {
	t.Helper()
	list, err := value.ParseJSON(manifests)
	if err != nil {
		t.Fatal(err)
	}
	var out []*plinth.Resource
	for _, v := range list.List() {
		kind, _ := v.Get("kind")
		name, _ := v.At("metadata", "name")
		out = append(out, &plinth.Resource{Type: group + "/" + kind.Str(), Name: name.Str(), Props: v})
	}
	return out
}

func TestDecide(t *testing.T) {
	a := New(objects(t))
	till, root := ServiceAccount("pos", "till"), ServiceAccount("kube", "root")
	ops := User("olaf", "ops")
	tests := []struct {
		name string
		who  Identity
		r    Request
		want string // role that lets it, "" for no
	}{
		{"cluster role by a role binding, in its namespace", till, Request{Verb: "get", Resource: "secrets", Namespace: "shop", Name: "x"}, "reader"},
		{"cluster role by a role binding, elsewhere", till, Request{Verb: "get", Resource: "secrets", Namespace: "pos", Name: "x"}, ""},
		{"cluster role by a role binding, all namespaces", till, Request{Verb: "list", Resource: "secrets"}, ""},
		{"another verb", till, Request{Verb: "watch", Resource: "secrets", Namespace: "shop"}, ""},
		{"named object", User("mia"), Request{Verb: "update", Resource: "configmaps", Namespace: "shop", Name: "prices"}, "one"},
		{"another object", User("mia"), Request{Verb: "update", Resource: "configmaps", Namespace: "shop", Name: "taxes"}, ""},
		{"create has no name", User("mia"), Request{Verb: "create", Resource: "configmaps", Namespace: "shop"}, ""},
		{"deletecollection has no name", User("mia"), Request{Verb: "deletecollection", Resource: "configmaps", Namespace: "shop"}, ""},
		{"list by field selector", User("mia"), Request{Verb: "list", Resource: "configmaps", Namespace: "shop", Name: "prices"}, "one"},
		{"create of a named subresource", User("mia"), Request{Verb: "create", Resource: "pods/exec", Namespace: "shop", Name: "till-0"}, "one"},
		{"create of another one's subresource", User("mia"), Request{Verb: "create", Resource: "pods/exec", Namespace: "shop", Name: "till-1"}, ""},
		{"a subresource is not its resource", User("mia"), Request{Verb: "create", Resource: "pods", Namespace: "shop", Name: "till-0"}, ""},
		{"subresource of everything", User("mia"), Request{Verb: "patch", Group: "apps", Resource: "deployments/scale", Namespace: "shop", Name: "d"}, "one"},
		{"an aggregated role's own rules do not count", ops, Request{Verb: "get", Resource: "pods", Namespace: "shop"}, ""},
		{"parts of an aggregated role", ops, Request{Verb: "impersonate", Resource: "users", Name: "mia"}, "sum"},
		{"impersonating a user needs a cluster-wide binding", User("ben"), Request{Verb: "impersonate", Resource: "users", Name: "mia"}, ""},
		{"impersonating a service account does not", User("ben"), Request{Verb: "impersonate", Resource: "serviceaccounts", Namespace: "shop", Name: "x"}, "sum"},
		{"edit reads secrets", User("eve"), Request{Verb: "get", Resource: "secrets", Namespace: "shop", Name: "x"}, "edit"},
		{"edit views", User("eve"), Request{Verb: "list", Resource: "pods", Namespace: "shop"}, "edit"},
		{"edit takes in what is labelled", User("eve"), Request{Verb: "get", Group: "example.com", Resource: "widgets", Namespace: "shop", Name: "w"}, "edit"},
		{"edit binds no roles", User("eve"), Request{Verb: "create", Group: group, Resource: "rolebindings", Namespace: "shop"}, ""},
		{"path", till, Request{Verb: "get", Path: "/logs/kubelet"}, "paths"},
		{"another path", till, Request{Verb: "get", Path: "/healthz"}, ""},
		{"admin of the cluster", root, Request{Verb: "escalate", Group: group, Resource: "clusterroles", Name: "x"}, "cluster-admin"},
		{"admin of the cluster, path", root, Request{Verb: "post", Path: "/x"}, "cluster-admin"},
		{"masters", User("kim", Masters), Request{Verb: "delete", Resource: "nodes", Name: "n"}, Masters},
		{"anonymous", Anonymous(), Request{Verb: "get", Resource: "secrets", Namespace: "shop", Name: "x"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, by := a.Decide(tt.who, tt.r), ""
			if len(got.By) > 0 {
				by = got.By[0].RoleName
			}
			if by != tt.want || got.When.Always() != (tt.want != "") {
				t.Errorf("got %q when %s, want %q", by, got.When, tt.want)
			}
		})
	}
}

func TestUnknown(t *testing.T) {
	field := func(k string, v plinth.Value) plinth.Field { return plinth.Field{Key: k, Value: v} }
	text := plinth.StringOf
	list := func(of ...plinth.Value) plinth.Value { return plinth.ListOf(of) }
	role := plinth.MapOf([]plinth.Field{field("rules", list(plinth.MapOf([]plinth.Field{
		field("verbs", list(text("get"), plinth.UnknownOf("var.verb"))),
		field("apiGroups", list(text(""))), field("resources", list(text("pods"))),
	})))})
	bind := plinth.MapOf([]plinth.Field{
		field("roleRef", plinth.MapOf([]plinth.Field{field("kind", text("ClusterRole")), field("name", text("r"))})),
		field("subjects", list(plinth.MapOf([]plinth.Field{field("kind", text("User")), field("name", plinth.UnknownOf("var.user"))}))),
	})
	a := New([]*plinth.Resource{{Type: group + "/ClusterRole", Name: "r", Props: role}, {Type: group + "/ClusterRoleBinding", Name: "b", Props: bind}})
	for verb, want := range map[string]string{"get": "unknown var.user", "delete": "unknown var.user and unknown var.verb"} {
		if got := a.Decide(User("mia"), Request{Verb: verb, Resource: "pods", Namespace: "x"}).When.String(); got != want {
			t.Errorf("%s: got %s, want %s", verb, got, want)
		}
	}
}

func TestIdentities(t *testing.T) {
	want := []string{"ben", "eve", "group:ops", "group:system:serviceaccounts:pos", "mia", "system:serviceaccount:kube:root", "system:serviceaccount:pos:till"}
	if diff := cmp.Diff(want, New(objects(t)).Identities()); diff != "" {
		t.Error(diff)
	}
}

func TestBuiltinRoles(t *testing.T) {
	if _, err := parseBuiltin(); err != nil {
		t.Fatal(err)
	}
	a := New(nil)
	if n := len(a.rules(a.roles[key{"", "admin"}], 0, map[*Role]bool{})); n < 15 {
		t.Errorf("admin has %d rules", n)
	}
}

// FuzzObjects reads any object as a role and as a binding.
func FuzzObjects(f *testing.F) {
	f.Add(`{"metadata":{"name":"a","labels":{"x":"y"}},"rules":[{"verbs":["*"]},7],"aggregationRule":{"clusterRoleSelectors":[{}]},"roleRef":{"name":"a"},"subjects":[{"kind":"Group","name":"ops"}]}`, "get", "pods/log")
	f.Fuzz(func(t *testing.T, text, verb, resource string) {
		v, err := value.ParseJSON(text)
		if err != nil {
			t.Skip()
		}
		var all []*plinth.Resource
		for _, kind := range []string{"Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"} {
			all = append(all, &plinth.Resource{Type: group + "/" + kind, Props: v})
		}
		a := New(all)
		a.Decide(User("mia", "ops"), Request{Verb: verb, Resource: resource, Namespace: "default"})
		a.Identities()
	})
}
