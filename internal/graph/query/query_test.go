package query_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/graph"
	"github.com/plinthsec/plinth/internal/graph/query"
	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "write the wanted results anew")

func text(s string) plinth.Value { return plinth.StringOf(s) }

func object(fields ...any) plinth.Value {
	var out []plinth.Field
	for i := 0; i < len(fields); i += 2 {
		out = append(out, plinth.Field{Key: fields[i].(string), Value: fields[i+1].(plinth.Value)})
	}
	return plinth.MapOf(out)
}

// estate is a web service with a role, two buckets and an administrator.
func estate(t testing.TB) *graph.Map {
	t.Helper()
	b := graph.NewBuilder(func(p plinth.Problem) { t.Errorf("problem: %s", p.Text) })
	add := func(id plinth.ID, typ, name string, line int32, props plinth.Value) {
		r := &plinth.Resource{ID: id, Type: typ, Name: name, Props: props}
		b.Node(plinth.Node{ID: id, Type: typ, Name: name, Address: typ + "." + name, At: plinth.Location{Path: "main.tf", Line: line}, Resource: r})
	}
	policy := text(`{"Statement":[]}`).WithDocument(object("Statement", plinth.ListOf([]plinth.Value{object("Effect", text("Allow"), "Action", text("sts:AssumeRole"))})))
	add("r1", "AWS::IAM::Role", "web", 1, object("Path", text("/app/"), "MaxSessionDuration", plinth.NumberOf(3600), "AssumeRolePolicyDocument", policy))
	add("r2", "AWS::IAM::Role", "batch", 10, object("Path", text("/"), "MaxSessionDuration", plinth.UnknownOf("var.hours")))
	add("r3", "AWS::IAM::User", "alice", 20, object("Token", text("s3cr3t").WithSensitive(true)))
	add("b1", "AWS::S3::Bucket", "exports", 30, object("Tags", plinth.ListOf([]plinth.Value{object("Key", text("class"), "Value", text("pii"))}), "Versioning", object("Status", text("Enabled"))))
	add("b2", "AWS::S3::Bucket", "assets", 40, object("Versioning", object("Status", text("Suspended"))))
	add("w1", "apps/Deployment", "shop", 50, object("replicas", plinth.NumberOf(2)))
	b.Node(plinth.Node{ID: "internet", Type: plinth.TypeInternet, Name: "internet"})
	b.Node(plinth.Node{ID: "adm", Type: plinth.TypeAdmin, Name: "administrator"})
	rel := func(from, to plinth.ID, kind plinth.RelationKind, line int32, change func(*plinth.Relation)) {
		r := plinth.Relation{From: from, To: to, Kind: kind, Evidence: []plinth.Step{{Note: "it is so", At: plinth.Location{Path: "main.tf", Line: line}, Cost: 2}}}
		if change != nil {
			change(&r)
		}
		b.Relation(r)
	}
	rel("internet", "w1", plinth.Exposes, 51, nil)
	rel("w1", "r1", plinth.RunsAs, 52, nil)
	rel("r1", "b1", plinth.Can, 2, func(r *plinth.Relation) { r.Permissions = []string{"s3:GetObject", "s3:PutObject"} })
	rel("r1", "b2", plinth.Can, 2, func(r *plinth.Relation) { r.Permissions = []string{"s3:GetObject"} })
	rel("r2", "b2", plinth.Can, 11, func(r *plinth.Relation) { r.Permissions = []string{"s3:*"} })
	rel("r3", "r1", plinth.Assume, 3, func(r *plinth.Relation) { r.When = plinth.Condition{{"MFA is present"}} })
	rel("r3", "r2", plinth.Assume, 12, nil)
	rel("r2", "adm", plinth.Escalate, 13, func(r *plinth.Relation) { r.Technique = "iam-005" })
	rel("r1", "r2", plinth.Assume, 14, nil)
	return b.Build()
}

// print writes a result as lines of values between bars.
func print(r *query.Result) string {
	var b strings.Builder
	b.WriteString(strings.Join(r.Columns, " | ") + "\n")
	for _, row := range r.Rows {
		for i, v := range row {
			if i > 0 {
				b.WriteString(" | ")
			}
			b.WriteString(v.String())
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// TestQueries runs each file of testdata: queries, each followed by its wanted result.
func TestQueries(t *testing.T) {
	m := estate(t)
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no test data", err)
	}
	for _, file := range files {
		a, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i+1 < len(a.Files); i += 2 {
			t.Run(a.Files[i].Name, func(t *testing.T) {
				got := answer(t, m, string(a.Files[i].Data))
				if *update {
					a.Files[i+1].Data = []byte(got)
					return
				}
				if d := cmp.Diff(string(a.Files[i+1].Data), got); d != "" {
					t.Errorf("%s\n(-want +got):\n%s", a.Files[i].Data, d)
				}
			})
		}
		if *update {
			if err := os.WriteFile(file, txtar.Format(a), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func answer(t *testing.T, m *graph.Map, text string) string {
	t.Helper()
	q, err := query.Parse(strings.TrimSuffix(text, "\n"))
	if err != nil {
		return "error: " + err.Error() + "\n"
	}
	r, err := q.Run(t.Context(), m)
	if err != nil {
		return "error: " + err.Error() + "\n"
	}
	return print(r)
}

func TestJSON(t *testing.T) {
	q, err := query.Parse("MATCH p = (r {name: 'alice'})-[a:assume {line: 3}]->(x) RETURN r, a, p, x.AssumeRolePolicyDocument.Statement AS s, {k: [1, 2.5, null, true]} AS m")
	if err != nil {
		t.Fatal(err)
	}
	r, err := q.Run(t.Context(), estate(t))
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(r.Rows)
	if err != nil {
		t.Fatal(err)
	}
	alice := `{"id":"r3","type":"AWS::IAM::User","name":"alice","address":"AWS::IAM::User.alice","path":"main.tf","line":20,"aliases":[],"Token":null}`
	assume := `{"kind":"assume","from":"r3","to":"r1","permissions":[],"when":[["MFA is present"]],"walked":true,"evidence":[{"note":"it is so","path":"main.tf","line":3,"cost":2}],"path":"main.tf","line":3,"cost":2}`
	web := `{"id":"r1","type":"AWS::IAM::Role","name":"web","address":"AWS::IAM::Role.web","path":"main.tf","line":1,"aliases":[],` +
		`"AssumeRolePolicyDocument":{"Statement":[{"Action":"sts:AssumeRole","Effect":"Allow"}]},"MaxSessionDuration":3600,"Path":"/app/"}`
	want := fmt.Sprintf(`[[%s,%s,{"nodes":[%s,%s],"relations":[%s]},[{"Action":"sts:AssumeRole","Effect":"Allow"}],{"k":[1,2.5,null,true]}]]`, alice, assume, alice, web, assume)
	if d := cmp.Diff(want, string(data)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// TestLimits runs what would take too long.
func TestLimits(t *testing.T) {
	b := graph.NewBuilder(func(plinth.Problem) {})
	for i := range 40 {
		for k := range 40 {
			b.Relation(plinth.Relation{From: plinth.ID(fmt.Sprint(i)), To: plinth.ID(fmt.Sprint(k)), Kind: plinth.Can, Evidence: []plinth.Step{{At: plinth.Location{Path: "x"}}}})
		}
	}
	m := b.Build()
	for text, want := range map[string]string{
		"MATCH (a)-[*]->(b) RETURN count(*)":                                                           "looks at more than",
		"MATCH (a), (b), (c), (d) RETURN collect([a, b, c, d])":                                        "holds more than",
		"UNWIND range(1, 100000000) AS x RETURN x":                                                     "range",
		"UNWIND range(1, 1000) AS x UNWIND range(1, 1000) AS y RETURN x + y LIMIT 3":                   "",
		"MATCH p = shortestPath((a {id: '1'})-[*]->(b)) RETURN count(p)":                               "",
		"WITH 1 AS a " + strings.Repeat("WITH [a, a] AS a ", 60) + "RETURN a":                          "makes a list",
		"WITH 1 AS a " + strings.Repeat("WITH {a: a, b: a} AS a ", 60) + "RETURN DISTINCT toString(a)": "makes a list",
		"RETURN " + strings.Repeat("(", 200) + "1" + strings.Repeat(")", 200):                          "nested deeper",
	} {
		q, err := query.Parse(text)
		if err != nil {
			if want == "" || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", text, err, want)
			}
			continue
		}
		if _, err := q.Run(t.Context(), m); want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		a, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for i := 0; i < len(a.Files); i += 2 {
			f.Add(string(a.Files[i].Data))
		}
	}
	m := estate(f)
	f.Fuzz(func(t *testing.T, text string) {
		q, err := query.Parse(text)
		if err != nil || strings.Count(text, "(") > 8 || strings.Contains(strings.ToLower(text), "range") {
			return
		}
		r, err := q.Run(t.Context(), m)
		if err != nil {
			return
		}
		for _, row := range r.Rows {
			if len(row) != len(r.Columns) {
				t.Fatalf("%d columns, a row of %d", len(r.Columns), len(row))
			}
		}
		if _, err := json.Marshal(r.Rows); err != nil {
			t.Fatal(err)
		}
	})
}

// TestDocumented reads the queries of docs/graph.md.
func TestDocumented(t *testing.T) {
	doc, err := os.ReadFile("../../../docs/graph.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```cypher\n(.*?)```").FindAllStringSubmatch(string(doc), -1)
	if len(blocks) == 0 {
		t.Fatal("no queries")
	}
	m := estate(t)
	for _, b := range blocks {
		q, err := query.Parse(b[1])
		if err != nil {
			t.Errorf("%s\n%v", b[1], err)
			continue
		}
		if _, err := q.Run(t.Context(), m); err != nil {
			t.Errorf("%s\n%v", b[1], err)
		}
	}
}
