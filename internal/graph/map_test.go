package graph

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/plinthsec/plinth"
)

func proof(path string, line int32, cost uint8) []plinth.Step {
	return []plinth.Step{{Note: "it is written", At: plinth.Location{Path: path, Line: line}, Cost: cost}}
}

func relate(from, to plinth.ID, kind plinth.RelationKind, line int32) plinth.Relation {
	return plinth.Relation{From: from, To: to, Kind: kind, Evidence: proof("a.tf", line, 1)}
}

// sample is a small estate, told in pieces.
func sample() ([]plinth.Node, []plinth.Relation) {
	role := &plinth.Resource{ID: "tf:.#aws_iam_role.r", Type: "AWS::IAM::Role"}
	nodes := []plinth.Node{
		{ID: "internet", Type: plinth.TypeInternet},
		{ID: "tf:.#aws_iam_role.r", Type: "AWS::IAM::Role", Name: "r", Address: "aws_iam_role.r", Resource: role, Aliases: []plinth.ID{"arn:aws:iam::111122223333:role/r"}},
		{ID: "arn:aws:iam::111122223333:role/r", Type: plinth.TypePrincipal, Name: "role/r"},
		{ID: "tf:.#aws_iam_user.u", Type: "AWS::IAM::User", Name: "u", Aliases: []plinth.ID{"arn:aws:iam::{account}:user/u"}},
		{ID: "cfn:t#U", Type: "AWS::IAM::User", Name: "u", Aliases: []plinth.ID{"arn:aws:iam::{account}:user/u"}},
		{ID: "tf:.#aws_s3_bucket.b", Type: "AWS::S3::Bucket", Name: "b", Aliases: []plinth.ID{"arn:aws:s3:::b"}, Names: []string{"Bucket/b"}},
		{ID: "tf:.#aws_s3_bucket.b", Type: "AWS::S3::Bucket", Aliases: []plinth.ID{"arn:aws:s3:::logs-{account}-x"}},
		{ID: "data:pii", Type: plinth.TypeDataClass, Name: "pii"},
		{ID: "aws:{account}:admin", Type: plinth.TypeAdmin},
	}
	relations := []plinth.Relation{
		relate("internet", "tf:.#aws_iam_user.u", plinth.Exposes, 1),
		relate("tf:.#aws_iam_user.u", "arn:aws:iam::111122223333:role/r", plinth.Assume, 2),
		relate("arn:aws:iam::111122223333:role/r", "arn:aws:s3:::b", plinth.Can, 3),
		relate("tf:.#aws_iam_role.r", "arn:aws:s3:::b", plinth.Can, 3),
		relate("tf:.#aws_s3_bucket.b", "data:pii", plinth.Stores, 4),
		relate("tf:.#aws_iam_role.r", "nobody-told", plinth.Runs, 5),
	}
	relations[2].Permissions = []string{"s3:GetObject"}
	relations[3].Permissions = []string{"s3:PutObject"}
	return nodes, relations
}

func build(t *testing.T, nodes []plinth.Node, relations []plinth.Relation) *Map {
	t.Helper()
	b := NewBuilder(func(p plinth.Problem) { t.Errorf("problem: %s", p.Text) })
	for _, n := range nodes {
		b.Node(n)
	}
	for _, r := range relations {
		b.Relation(r)
	}
	return b.Build()
}

func TestBuildMerges(t *testing.T) {
	nodes, relations := sample()
	m := build(t, nodes, relations)
	var ids []plinth.ID
	for _, n := range m.Nodes() {
		ids = append(ids, n.ID)
	}
	want := []plinth.ID{"aws:{account}:admin", "cfn:t#U", "data:pii", "internet", "nobody-told", "tf:.#aws_iam_role.r", "tf:.#aws_iam_user.u", "tf:.#aws_s3_bucket.b"}
	if d := cmp.Diff(want, ids); d != "" {
		t.Errorf("nodes (-want +got):\n%s", d)
	}
	i, _ := m.Node("tf:.#aws_iam_role.r")
	if n := m.Nodes()[i]; n.Type != "AWS::IAM::Role" || n.Resource == nil || !slices.Contains(n.Names, "role/r") {
		t.Errorf("the resource's word does not count: %+v", n)
	}
	if n := len(m.Relations()); n != 5 {
		t.Errorf("%d relations, want 5", n)
	}
	for _, r := range m.Relations() {
		if r.Kind == plinth.Can {
			if d := cmp.Diff([]string{"s3:GetObject", "s3:PutObject"}, r.Permissions); d != "" {
				t.Error(d)
			}
		}
	}
}

func TestBuildDoesNotDependOnOrder(t *testing.T) {
	nodes, relations := sample()
	want := build(t, nodes, relations)
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		rnd.Shuffle(len(nodes), func(i, j int) { nodes[i], nodes[j] = nodes[j], nodes[i] })
		rnd.Shuffle(len(relations), func(i, j int) { relations[i], relations[j] = relations[j], relations[i] })
		got := build(t, nodes, relations)
		if d := cmp.Diff(want.Nodes(), got.Nodes(), cmp.Comparer(func(a, b *plinth.Resource) bool { return a == b })); d != "" {
			t.Fatalf("nodes (-want +got):\n%s", d)
		}
		if d := cmp.Diff(want.Relations(), got.Relations()); d != "" {
			t.Fatalf("relations (-want +got):\n%s", d)
		}
	}
}

func TestRefused(t *testing.T) {
	var texts []string
	b := NewBuilder(func(p plinth.Problem) { texts = append(texts, p.Text) })
	b.Relation(plinth.Relation{From: "a", To: "b", Kind: plinth.Can})
	b.Relation(plinth.Relation{From: "a", To: "b", Kind: plinth.Can, Evidence: []plinth.Step{{Note: "who knows"}}})
	b.Node(plinth.Node{Type: "x"})
	if m := b.Build(); len(m.Relations()) != 0 || len(m.Nodes()) != 0 || len(texts) != 3 {
		t.Errorf("%d relations, %d nodes, problems %q", len(m.Relations()), len(m.Nodes()), texts)
	}
}

func TestConditionsOfDoubles(t *testing.T) {
	a, b := relate("x", "y", plinth.Can, 1), relate("x", "y", plinth.Can, 1)
	a.When, b.When = plinth.Condition{{"it rains"}}, plinth.Condition{{"it snows"}, {"it hails", "it rains"}}
	m := build(t, nil, []plinth.Relation{a, b})
	if d := cmp.Diff(plinth.Condition{{"it rains"}, {"it snows"}}, m.Relations()[0].When); d != "" || len(m.Relations()) != 1 {
		t.Error(d, len(m.Relations()))
	}
	b.When = nil
	if m = build(t, nil, []plinth.Relation{a, b}); m.Relations()[0].When != nil || len(m.Relations()) != 1 {
		t.Error("the surer one does not count", m.Relations())
	}
}

func TestFind(t *testing.T) {
	nodes, relations := sample()
	m := build(t, nodes, relations)
	for _, c := range []struct {
		pattern string
		want    []plinth.ID
	}{
		{"internet", []plinth.ID{"internet"}},
		{"admin", []plinth.ID{"aws:{account}:admin"}},
		{"data", []plinth.ID{"tf:.#aws_s3_bucket.b"}},
		{"u", []plinth.ID{"cfn:t#U", "tf:.#aws_iam_user.u"}},
		{"aws_iam_role.r", []plinth.ID{"tf:.#aws_iam_role.r"}},
		{"arn:aws:iam::111122223333:role/r", []plinth.ID{"tf:.#aws_iam_role.r"}},
		{"arn:aws:iam::*:role/r", []plinth.ID{"tf:.#aws_iam_role.r"}},
		{"arn:aws:iam::444455556666:user/u", []plinth.ID{"cfn:t#U", "tf:.#aws_iam_user.u"}},
		{"arn:aws:iam::444455556666:user/v", nil},
		{"arn:aws:s3:::logs-444455556666-x", []plinth.ID{"tf:.#aws_s3_bucket.b"}},
		{"arn:aws:s3:::logs-*x", []plinth.ID{"tf:.#aws_s3_bucket.b"}},
		{"arn:aws:s3:::logs-*y", nil},
		{"aws:123:admin", []plinth.ID{"aws:{account}:admin"}},
		{"Bucket/b", []plinth.ID{"tf:.#aws_s3_bucket.b"}},
		{"*/b", []plinth.ID{"tf:.#aws_s3_bucket.b"}},
		{"", nil},
		{"nothing", nil},
	} {
		var got []plinth.ID
		for _, i := range m.Find(c.pattern) {
			got = append(got, m.Nodes()[i].ID)
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("Find(%q) (-want +got):\n%s", c.pattern, d)
		}
	}
}

func FuzzFind(f *testing.F) {
	f.Add("a*b", "a{x}b")
	f.Add("arn:aws:iam::*:role/x", "arn:aws:iam::{account}:role/{name}")
	f.Add("{", "}{")
	f.Fuzz(func(t *testing.T, pattern, name string) {
		if len(pattern) > 200 || len(name) > 200 || name == "" {
			return
		}
		b := NewBuilder(func(plinth.Problem) {})
		b.Node(plinth.Node{ID: plinth.ID(name)})
		found := b.Build().Find(pattern)
		if pattern == name && len(found) == 0 && !slices.Contains([]string{WordInternet, WordAdmin, WordData}, pattern) {
			t.Errorf("%q does not find itself", pattern)
		}
		if fits(pattern, name) != (len(found) > 0) && !slices.Contains([]string{WordInternet, WordAdmin, WordData}, pattern) {
			if pattern != name {
				t.Errorf("Find(%q) finds %q: %v; as patterns they fit: %v", pattern, name, len(found) > 0, fits(pattern, name))
			}
		}
	})
}
