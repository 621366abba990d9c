package kube

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/graph"
	"github.com/plinthsec/plinth/internal/read/kubernetes"
	"github.com/plinthsec/plinth/internal/value"
)

// heap gathers what is told.
type heap struct {
	resources []*plinth.Resource
	nodes     map[plinth.ID]plinth.Node
	relations []plinth.Relation
	problems  []plinth.Problem
}

func (h *heap) Resource(r *plinth.Resource) { h.resources = append(h.resources, r) }
func (h *heap) Problem(p plinth.Problem)    { h.problems = append(h.problems, p) }
func (h *heap) Node(n plinth.Node)          { h.nodes[n.ID] = n }
func (h *heap) Relation(r plinth.Relation)  { h.relations = append(h.relations, r) }
func (h *heap) has(technique string) []string {
	var out []string
	for _, r := range h.relations {
		if r.Technique == technique {
			out = append(out, string(r.From)+" → "+string(r.To))
		}
	}
	return out
}

// read makes resources of manifests.
func read(t testing.TB, files map[string]string) []*plinth.Resource {
	t.Helper()
	fsys := fstest.MapFS{}
	p := &plinth.Project{FS: fsys, Config: &plinth.Config{}}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		text := files[name]
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
		p.Files = append(p.Files, plinth.File{Path: name, Data: []byte(text)})
	}
	h := &heap{}
	if err := kubernetes.New().Read(context.Background(), p, h); err != nil {
		t.Fatal(err)
	}
	for _, x := range h.problems {
		t.Errorf("%s:%d: %s", x.At.Path, x.At.Line, x.Text)
	}
	for _, r := range h.resources {
		r.Props = opened(r.Props)
	}
	return h.resources
}

// opened makes unknown what stands in braces, as a value is that only a cluster would tell.
func opened(v plinth.Value) plinth.Value {
	switch v.Kind() {
	case plinth.String:
		if strings.HasPrefix(v.Str(), "{{") {
			return plinth.UnknownOf(v.Str()).WithOrigin(v.Origin())
		}
	case plinth.List:
		list := make([]plinth.Value, v.Len())
		for i, e := range v.List() {
			list[i] = opened(e)
		}
		return plinth.ListOf(list).WithOrigin(v.Origin())
	case plinth.Map:
		fields := make([]plinth.Field, v.Len())
		for i, f := range v.Fields() {
			fields[i] = plinth.Field{Key: f.Key, Value: opened(f.Value)}
		}
		return plinth.MapOf(fields).WithOrigin(v.Origin()).WithRefs(v.Refs()...)
	}
	return v
}

func relate(t testing.TB, resources []*plinth.Resource) *heap {
	t.Helper()
	h := &heap{nodes: map[plinth.ID]plinth.Node{}}
	if err := Relate(context.Background(), &graph.Scene{Graph: graph.New(resources)}, h); err != nil {
		t.Fatal(err)
	}
	known := map[plinth.ID]bool{plinth.Internet: true}
	for _, r := range resources {
		known[r.ID] = true
	}
	for id := range h.nodes {
		known[id] = true
	}
	for _, r := range h.relations {
		if !known[r.From] || !known[r.To] {
			t.Errorf("%s: an end is told nowhere: %s → %s", r.Technique, r.From, r.To)
		}
		if len(r.Evidence) == 0 {
			t.Errorf("%s: %s → %s has no evidence", r.Technique, r.From, r.To)
		}
		for _, e := range r.Evidence {
			if e.At.Path == "" || e.At.Line == 0 || e.Note == "" {
				t.Errorf("%s: %s → %s: evidence without a place: %+v", r.Technique, r.From, r.To, e)
			}
		}
	}
	return h
}

// TestEdges runs the examples of all edges.
func TestEdges(t *testing.T) {
	b, err := load()
	if err != nil {
		t.Fatal(err)
	}
	if len(b.edges) < 20 {
		t.Fatalf("%d edges", len(b.edges))
	}
	for _, e := range b.edges {
		t.Run(e.id, func(t *testing.T) {
			if e.title == "" || e.positive == "" || e.negative == "" || e.kind == "" {
				t.Fatal("an edge has a title, a kind, and an example of each sort")
			}
			if got := relate(t, read(t, map[string]string{"p.yaml": e.positive})).from(e.id); len(got) == 0 {
				t.Error("the positive example lacks the relation")
			}
			if got := relate(t, read(t, map[string]string{"n.yaml": e.negative})).from(e.id); len(got) > 0 {
				t.Errorf("the negative example has %s", strings.Join(got, ", "))
			}
		})
	}
}

// from are the relations of a technique that begin at a subject or a container, not at a node that stands for many.
func (h *heap) from(technique string) []string {
	return slices.DeleteFunc(h.has(technique), func(s string) bool {
		return strings.HasPrefix(s, "k8s::new-pod:") || strings.HasPrefix(s, "k8s::admin ") || strings.HasPrefix(s, "k8s::node:")
	})
}

// TestAccess: an access entry of EKS makes a role an administrator of the one cluster that there is, else of its cluster by name, and
// only by the policy for that, on the whole cluster.
func TestAccess(t *testing.T) {
	entry := func(i int, policy, scope string) *plinth.Resource {
		v, err := value.ParseJSON(fmt.Sprintf(`{"ClusterName":"k","PrincipalArn":"arn:aws:iam::111122223333:role/ops","AccessPolicies":[{"PolicyArn":"arn:aws:eks::aws:cluster-access-policy/%s","AccessScope":{"Type":"%s"}}]}`, policy, scope))
		if err != nil {
			t.Fatal(err)
		}
		return &plinth.Resource{ID: plinth.ID(fmt.Sprintf("cfn:t#E%d", i)), Type: "AWS::EKS::AccessEntry", Props: v, Decl: &plinth.Declaration{Header: plinth.Location{Path: "t", Line: int32(i)}}}
	}
	role := &plinth.Resource{
		ID: "cfn:t#R", Type: "AWS::IAM::Role", Props: plinth.MapOf([]plinth.Field{{Key: "RoleName", Value: plinth.StringOf("ops")}}), Decl: &plinth.Declaration{},
	}
	list := []*plinth.Resource{
		role, entry(1, "AmazonEKSClusterAdminPolicy", "cluster"), entry(2, "AmazonEKSClusterAdminPolicy", "namespace"), entry(3, "AmazonEKSViewPolicy", "cluster"),
	}
	if got := relate(t, list).String(); got != "admin  cfn:t#R → k8s:k:admin (1)\n" {
		t.Errorf("without objects: %s", got)
	}
	pods := read(t, map[string]string{"p.yaml": "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n"})
	if got := relate(t, append(list, pods...)).String(); !strings.Contains(got, "admin  cfn:t#R → k8s::admin (1)\n") || strings.Contains(got, "k8s:k:admin") {
		t.Errorf("with objects: %s", got)
	}
}

// FuzzRelate gives any list of objects to the engine.
func FuzzRelate(f *testing.F) {
	f.Add(`[{"type":"core/Pod","metadata":{"name":"a"},"spec":{"hostPID":true,"containers":[{"name":"x","securityContext":{"privileged":true,"capabilities":{"add":["ALL",1]}},"volumeMounts":[{"name":"v","subPath":"../.."}]},null],"volumes":[{"name":"v","hostPath":{"path":"/proc"}}]}}]`)
	f.Add(`[{"type":"rbac.authorization.k8s.io/ClusterRole","metadata":{"name":"r"},"aggregationRule":{"clusterRoleSelectors":[{}]},"rules":[{"verbs":["*"],"apiGroups":["*"],"resources":["*"]}]},{"type":"rbac.authorization.k8s.io/ClusterRoleBinding","roleRef":{"name":"r"},"subjects":[{"kind":"ServiceAccount"},{"kind":"Group","name":"system:masters"},{"kind":"X"},3]}]`)
	f.Add(`[{"type":"core/Secret","type2":1,"metadata":{"annotations":{"kubernetes.io/service-account.name":"a"}}},{"type":"core/Namespace","metadata":{"labels":[]}},{"type":"core/Service","spec":{"selector":{"a":null}}},{"type":"apps/StatefulSet","spec":{"template":{"spec":{"containers":{}}}}}]`)
	f.Fuzz(func(t *testing.T, text string) {
		list, err := value.ParseJSON(text)
		if err != nil || list.Len() > 50 {
			return
		}
		var resources []*plinth.Resource
		for i, v := range list.List() {
			typ, _ := v.Get("type")
			name, _ := v.At("metadata", "name")
			resources = append(resources, &plinth.Resource{
				ID: plinth.ID(fmt.Sprintf("k8s:#%d", i)), Type: typ.Str(), Name: name.Str(), Props: v, Decl: &plinth.Declaration{Address: fmt.Sprintf("X/%d", i)},
			})
		}
		if err := Relate(context.Background(), &graph.Scene{Graph: graph.New(resources)}, &counter{}); err != nil {
			t.Fatal(err)
		}
	})
}

// counter counts what is told.
type counter struct{ nodes, relations int }

func (c *counter) Node(plinth.Node)         { c.nodes++ }
func (c *counter) Relation(plinth.Relation) { c.relations++ }
func (c *counter) Problem(plinth.Problem)   {}
