package google

import (
	"slices"
	"testing"

	"github.com/plinthsec/plinth/internal/iam"
	"github.com/plinthsec/plinth/internal/value"
)

func TestDecide(t *testing.T) {
	project, err := value.ParseJSON(`{"bindings": [
		{"role": "roles/owner", "members": ["user:ada@example.com"]},
		{"role": "roles/iam.serviceAccountUser", "members": ["group:dev@example.com"]},
		{"role": "roles/storage.objectViewer", "members": ["serviceAccount:app@p.iam.gserviceaccount.com"], "condition": {"expression": "resource.name.startsWith('x')"}},
		{"role": "projects/p/roles/own", "members": ["domain:example.com"]},
		{"role": "projects/p/roles/lost", "members": ["user:kim@other.example"]}]}`)
	if err != nil {
		t.Fatal(err)
	}
	bucket, err := value.ParseJSON(`{"bindings": [
		{"role": "roles/storage.objectViewer", "members": ["allUsers"]},
		{"role": "roles/storage.legacyBucketOwner", "members": ["projectOwner:p"]},
		{"role": "roles/storage.objectCreator", "members": ["allAuthenticatedUsers"]},
		{"role": "roles/storage.objectAdmin", "members": ["principalSet://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/ci/*"]}]}`)
	if err != nil {
		t.Fatal(err)
	}
	known := func(s ...string) iam.Texts { return iam.Texts{Known: s} }
	a := &Access{
		Roles:    map[string]iam.Texts{"projects/p/roles/own": known("pubsub.topics.publish")},
		Bindings: slices.Concat(BindingsOf("projects/p", project), BindingsOf("buckets/b", bucket)),
		Denials: []Denial{{
			On: "organizations/1", Principals: known("principalSet://goog/public:all"), ExceptPrincipals: known("principal://goog/subject/sec@example.com"),
			Permissions: known("iam.googleapis.com/roles.*"), ExceptPermissions: known("iam.googleapis.com/roles.get"),
		}},
		Boundaries: []Boundary{{Principals: []string{"principal://goog/subject/bob@example.com"}, Resources: []string{"projects/q"}}},
	}
	in := []string{"projects/p", "organizations/1"}
	b := append([]string{"buckets/b"}, in...)
	tests := []struct {
		name string
		q    Request
		want string
	}{
		{"owner", Request{Identity{"user:ada@example.com", nil}, "compute.instances.setMetadata", in}, "always"},
		{"owner is denied", Request{Identity{"user:ada@example.com", nil}, "iam.roles.update", in}, "never"},
		{"owner, what the deny policy excepts", Request{Identity{"user:ada@example.com", nil}, "iam.roles.get", in}, "always"},
		{"group", Request{Identity{"user:eve@other.example", []string{"group:dev@example.com"}}, "iam.serviceAccounts.actAs", in}, "always"},
		{"group, another permission", Request{Identity{"user:eve@other.example", []string{"group:dev@example.com"}}, "iam.serviceAccounts.getAccessToken", in}, "never"},
		{"condition", Request{Identity{"serviceAccount:app@p.iam.gserviceaccount.com", nil}, "storage.objects.get", in}, "resource.name.startsWith('x')"},
		{"custom role by domain", Request{Identity{"user:Zoe@example.com", nil}, "pubsub.topics.publish", in}, "always"},
		{"a service account is not of the domain", Request{Identity{"serviceAccount:zoe@example.com", nil}, "pubsub.topics.publish", in}, "never"},
		{"unknown role", Request{Identity{"user:kim@other.example", nil}, "pubsub.topics.publish", in}, "unknown role projects/p/roles/lost"},
		{"everybody", Request{Identity{}, "storage.objects.get", b}, "always"},
		{"everybody writes nothing", Request{Identity{}, "storage.objects.create", b}, "never"},
		{"everybody signed in", Request{Identity{"user:x@y.example", nil}, "storage.objects.create", b}, "always"},
		{"owners of the project", Request{Identity{"user:ada@example.com", nil}, "storage.buckets.update", []string{"buckets/b"}}, "always"},
		{"pool", Request{Identity{"principal://x", []string{"principalSet://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/ci/attribute.repo/us"}}, "storage.objects.delete", b}, "always"},
		{"a binding below does not climb", Request{Identity{}, "storage.objects.get", in}, "never"},
		{"boundary", Request{Identity{"user:bob@example.com", nil}, "storage.objects.get", b}, "never"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := a.Decide(tt.q); got.When.String() != tt.want {
				t.Errorf("got %s by %v, want %s", got.When, got.By, tt.want)
			}
		})
	}
}

func TestPredefinedRoles(t *testing.T) {
	want := []string{"iam.serviceAccounts.actAs", "iam.serviceAccounts.get", "iam.serviceAccounts.list", "resourcemanager.projects.get", "resourcemanager.projects.list"}
	got := Permissions("roles/iam.serviceAccountUser")
	if !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
	for _, p := range got {
		if has, known := Holds("roles/iam.serviceAccountUser", p); !has || !known {
			t.Errorf("%s: %v, %v", p, has, known)
		}
	}
	f, err := predefined()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.IsSorted(f.permissions) {
		t.Error("the permissions are not sorted")
	}
}

// FuzzBindings reads any policy and asks it.
func FuzzBindings(f *testing.F) {
	f.Add(`{"bindings":[{"role":"roles/viewer","members":["allUsers",7],"condition":{"expression":"x"}},3]}`, "storage.objects.get", "user:a@b")
	f.Fuzz(func(t *testing.T, text, permission, member string) {
		v, err := value.ParseJSON(text)
		if err != nil {
			t.Skip()
		}
		a := &Access{Bindings: BindingsOf("x", v)}
		if got := a.Decide(Request{Identity{member, nil}, permission, []string{"x"}}); got.When.Never() != (len(got.By) == 0) {
			t.Error("allowed by nothing")
		}
	})
}
