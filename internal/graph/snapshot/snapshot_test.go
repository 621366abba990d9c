package snapshot_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/graph"
	"github.com/plinthsec/plinth/internal/graph/snapshot"
	"github.com/plinthsec/plinth/internal/value"
)

func step(line int32, note string) plinth.Step {
	return plinth.Step{Note: note, At: plinth.Location{Path: "main.tf", Line: line, Col: 1, EndLine: line, EndCol: 9}, Cost: 1}
}

func build(t testing.TB, nodes []plinth.Node, relations []plinth.Relation) *graph.Map {
	t.Helper()
	b := graph.NewBuilder(func(p plinth.Problem) { t.Errorf("problem: %s", p.Text) })
	for _, n := range nodes {
		b.Node(n)
	}
	for _, r := range relations {
		b.Relation(r)
	}
	return b.Build()
}

func sample() ([]plinth.Node, []plinth.Relation) {
	props := plinth.MapOf([]plinth.Field{
		{Key: "Name", Value: plinth.StringOf("b")},
		{Key: "Secret", Value: plinth.StringOf("hidden").WithSensitive(true)},
		{Key: "Size", Value: plinth.NumberOf(3)},
		{Key: "Acl", Value: plinth.UnknownOf("var.acl")},
		{Key: "Tags", Value: plinth.ListOf([]plinth.Value{plinth.MapOf(nil), plinth.BoolOf(true), {}})},
	})
	bucket := &plinth.Resource{ID: "tf:.#aws_s3_bucket.b", Type: "AWS::S3::Bucket", Name: "b", Project: "p", Root: "r", Props: props}
	nodes := []plinth.Node{
		{ID: bucket.ID, Type: bucket.Type, Name: "b", Address: "aws_s3_bucket.b", Aliases: []plinth.ID{"arn:aws:s3:::b"}, Names: []string{"Bucket/b"}, At: step(3, "").At, Resource: bucket},
		{ID: "internet", Type: plinth.TypeInternet},
	}
	relations := []plinth.Relation{
		{From: "internet", To: "arn:aws:s3:::b", Kind: plinth.Can, Permissions: []string{"s3:GetObject"}, When: plinth.Condition{{"a", "b"}, {"c"}}, Evidence: []plinth.Step{step(4, "it's public"), step(5, "no block")}},
		{From: "internet", To: "role", Kind: plinth.Assume, Technique: "sts-001", Evidence: []plinth.Step{step(4, "it's public")}},
	}
	return nodes, relations
}

// tell writes a graph down.
func tell(m *graph.Map) string {
	var b bytes.Buffer
	for _, n := range m.Nodes() {
		fmt.Fprintf(&b, "%s %s %s %s %v %v %v", n.ID, n.Type, n.Name, n.Address, n.Aliases, n.Names, n.At)
		if r := n.Resource; r != nil {
			fmt.Fprintf(&b, " %s %s %s %s %s ", r.ID, r.Type, r.Name, r.Project, r.Root)
			value.WriteJSON(&b, r.Props)
		}
		b.WriteByte('\n')
	}
	for _, r := range m.Relations() {
		fmt.Fprintf(&b, "%+v\n", r)
	}
	return b.String()
}

func TestSaveAndLoad(t *testing.T) {
	nodes, relations := sample()
	want := build(t, nodes, relations)
	path := filepath.Join(t.TempDir(), "a b?.db")
	for range 2 { // the second in the place of the first
		if err := snapshot.Save(t.Context(), path, want); err != nil {
			t.Fatal(err)
		}
	}
	got, err := snapshot.Load(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(tell(want), tell(got)); d != "" {
		t.Errorf("(-saved +loaded):\n%s", d)
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 1 {
		t.Errorf("files beside the snapshot: %v, %v", left, err)
	}
	data, err := os.ReadFile(path)
	if err != nil || bytes.Contains(data, []byte("hidden")) {
		t.Errorf("the sensitive value is in the file (%v)", err)
	}
}

// TestTables asks what docs/graph.md shows.
func TestTables(t *testing.T) {
	nodes, relations := sample()
	path := filepath.Join(t.TempDir(), "g.db")
	if err := snapshot.Save(t.Context(), path, build(t, nodes, relations)); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for statement, want := range map[string]string{
		"SELECT group_concat(source || ' ' || kind || ' ' || target, '; ') FROM (SELECT * FROM edges ORDER BY target)": "internet assume role; internet can tf:.#aws_s3_bucket.b",
		"SELECT n.id FROM nodes n JOIN aliases a ON a.node = n.n WHERE a.alias = 'arn:aws:s3:::b'":                     "tf:.#aws_s3_bucket.b",
		"SELECT group_concat(e.kind || ' ' || p.path || ':' || p.line, '; ') FROM edges e JOIN proofs p USING (r)":     "assume main.tf:4; can main.tf:4; can main.tf:5",
		"SELECT json_extract(properties, '$.Name') FROM nodes WHERE type = 'AWS::S3::Bucket'":                          "b",
		"SELECT count(*) FROM steps": "2",
	} {
		var got string
		if err := db.QueryRow(statement).Scan(&got); err != nil || got != want {
			t.Errorf("%s\n%q, %v, want %q", statement, got, err, want)
		}
	}
}

func TestLoadRefuses(t *testing.T) {
	dir := t.TempDir()
	if _, err := snapshot.Load(t.Context(), filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte(strings.Repeat("no database\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	nodes, relations := sample()
	for _, c := range []struct{ change, want string }{
		{"PRAGMA application_id=5", "another program"},
		{"PRAGMA user_version=7", "another version"},
		{"UPDATE relations SET target = 99", "an end that is no node"},
		{"UPDATE evidence SET step = -1", "not there"},
		{"UPDATE nodes SET n = 50 WHERE n = 1", "where 1 is wanted"},
		{"UPDATE aliases SET node = 1000", "no node"},
		{"UPDATE relations SET permissions = '{'", "permissions of relation"},
		{"UPDATE relations SET condition = '[1]'", "condition of relation"},
		{"UPDATE nodes SET properties = '[' WHERE properties IS NOT NULL", "properties of node"},
		{"DELETE FROM evidence", "nothing proves it"},
		{"DROP VIEW proofs; DROP TABLE steps", "no such table"},
		{"UPDATE nodes SET line = 'abc'", "line"},
	} {
		path := filepath.Join(dir, "g.db")
		if err := snapshot.Save(t.Context(), path, build(t, nodes, relations)); err != nil {
			t.Fatal(err)
		}
		db, err := sql.Open("sqlite", path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec(c.change); err != nil {
			t.Fatal(c.change, err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := snapshot.Load(t.Context(), path); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("after %s: %v, want %q", c.change, err, c.want)
		}
	}
	if _, err := snapshot.Load(t.Context(), text); err == nil || !strings.Contains(err.Error(), "no snapshot") {
		t.Errorf("a text file: %v", err)
	}
}

func TestSaveKeepsTheOldOneWhenItFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "g.db")
	nodes, relations := sample()
	m := build(t, nodes, relations)
	if err := snapshot.Save(t.Context(), path, m); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := snapshot.Save(ctx, path, m); err == nil {
		t.Fatal("no error though the run was cancelled")
	}
	if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) != 1 {
		t.Errorf("files beside the snapshot: %v, %v", left, err)
	}
	if _, err := snapshot.Load(t.Context(), path); err != nil {
		t.Error(err)
	}
}

func TestDiff(t *testing.T) {
	nodes, relations := sample()
	before := build(t, nodes, relations)
	relations[0].Evidence = []plinth.Step{step(40, "it's public")} // moved
	relations[1].Technique = "sts-002"
	after := build(t, append(nodes[1:], plinth.Node{ID: "new"}), append(relations, plinth.Relation{From: "new", To: "role", Kind: plinth.Assume, Evidence: []plinth.Step{step(1, "")}}))
	came, went := snapshot.Diff(before, after)
	var got []string
	say := func(sign string, c snapshot.Change) {
		for _, n := range c.Nodes {
			got = append(got, sign+string(n.ID))
		}
		for _, r := range c.Relations {
			got = append(got, fmt.Sprint(sign, r.From, " ", r.Kind, " ", r.Technique, " ", r.To))
		}
	}
	say("+", came)
	say("-", went)
	// The bucket is known by its ARN alone in the later graph: another node.
	want := []string{
		"+arn:aws:s3:::b", "+new", "+internet can  arn:aws:s3:::b", "+internet assume sts-002 role", "+new assume  role",
		"-tf:.#aws_s3_bucket.b", "-internet assume sts-001 role", "-internet can  tf:.#aws_s3_bucket.b",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if came, went := snapshot.Diff(before, before); !came.Empty() || !went.Empty() {
		t.Errorf("a graph differs from itself: %v %v", came, went)
	}
}

// BenchmarkSnapshot saves and loads a graph of 100,000 nodes and 300,000 relations.
func BenchmarkSnapshot(b *testing.B) {
	const n = 100_000
	var nodes []plinth.Node
	var relations []plinth.Relation
	id := func(i int) plinth.ID { return plinth.ID(fmt.Sprintf("tf:root#aws_iam_role.role%06d", i%n)) }
	for i := range n {
		r := &plinth.Resource{ID: id(i), Type: "AWS::IAM::Role", Props: plinth.MapOf([]plinth.Field{{Key: "RoleName", Value: plinth.StringOf(string(id(i)))}})}
		nodes = append(nodes, plinth.Node{ID: id(i), Type: r.Type, Name: string(id(i)), Address: string(id(i)), Resource: r, Aliases: []plinth.ID{plinth.ID(fmt.Sprint("arn:aws:iam::1:role/", i))}})
		for k := range 3 {
			relations = append(relations, plinth.Relation{From: id(i), To: id(i*7 + k*1000 + 1), Kind: plinth.Assume, Permissions: []string{"sts:AssumeRole"}, Evidence: []plinth.Step{step(int32(i), "statement allows sts:AssumeRole")}})
		}
	}
	m := build(b, nodes, relations)
	path := filepath.Join(b.TempDir(), "g.db")
	for b.Loop() {
		start := time.Now()
		if err := snapshot.Save(b.Context(), path, m); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(time.Since(start).Seconds(), "s/save")
		if _, err := snapshot.Load(b.Context(), path); err != nil {
			b.Fatal(err)
		}
	}
}

// TestDocumented runs the statements of docs/graph.md.
func TestDocumented(t *testing.T) {
	doc, err := os.ReadFile("../../../docs/graph.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```sql\n(.*?)```").FindAllStringSubmatch(string(doc), -1)
	nodes, relations := sample()
	path := filepath.Join(t.TempDir(), "g.db")
	if err := snapshot.Save(t.Context(), path, build(t, nodes, relations)); err != nil || len(blocks) == 0 {
		t.Fatal(len(blocks), err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, b := range blocks {
		rows, err := db.Query(b[1])
		if err != nil {
			t.Errorf("%s\n%v", b[1], err)
			continue
		}
		n := 0
		for rows.Next() {
			n++
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil || n == 0 {
			t.Errorf("%s\n%d rows, %v", b[1], n, err)
		}
	}
}
