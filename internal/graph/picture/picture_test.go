package picture_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/graph"
	"github.com/plinthsec/plinth/internal/graph/picture"
)

var update = flag.Bool("update", false, "write the wanted pictures anew")

type teller struct {
	*graph.Builder
	line int32
}

func (b *teller) node(id plinth.ID, typ, name string) {
	b.line += 7
	b.Node(plinth.Node{ID: id, Type: typ, Name: name, At: plinth.Location{Path: "terraform/main.tf", Line: b.line}})
}

func (b *teller) join(from, to plinth.ID, kind plinth.RelationKind, technique, when string, notes ...string) {
	r := plinth.Relation{From: from, To: to, Kind: kind, Technique: technique, Permissions: []string{"x:Y"}}
	if when != "" {
		r.When = plinth.Condition{{when}}
	}
	for i, n := range notes {
		b.line += 3
		r.Evidence = append(r.Evidence, plinth.Step{Note: n, At: plinth.Location{Path: "terraform/roles.tf", Line: b.line}, Cost: uint8(i + 1)})
	}
	b.Relation(r)
}

// estate is a shop with three ways to its data, one of them under a condition, and names that need care.
func estate(t testing.TB) (*graph.Map, *graph.Answer) {
	t.Helper()
	b := &teller{Builder: graph.NewBuilder(func(p plinth.Problem) { t.Errorf("problem: %s", p.Text) })}
	b.node("internet", plinth.TypeInternet, "internet")
	b.node("svc", "Service", "shop/web")
	b.node("dep", "apps/Deployment", "shop/web")
	b.node("fn", "AWS::Lambda::Function", "a-function-with-a-name-that-is-longer-than-any-box-can-hold-in-one-line")
	b.node("sa", "ServiceAccount", "shop/web")
	b.node("role", "AWS::IAM::Role", "shop-web")
	b.node("admin", "AWS::IAM::Role", `release "<&admin>"`)
	b.node("bucket", "AWS::S3::Bucket", "shop-customer-exports")
	b.node("data", plinth.TypeDataClass, "pii")
	b.join("internet", "svc", plinth.Exposes, "", "", "a load balancer with a public address")
	b.join("svc", "dep", plinth.Weakness, "", "", "the server fetches any address it is given", "its client speaks file: as well", "no handler checks", "a fourth thing")
	b.join("dep", "sa", plinth.RunsAs, "TOKEN_STEAL", "", "the token of the service account is mounted")
	b.join("sa", "role", plinth.Assume, "", "", "the trust policy accepts system:serviceaccount:shop:web")
	b.join("internet", "fn", plinth.Exposes, "", "", "function URL with AuthType NONE")
	b.join("fn", "role", plinth.RunsAs, "", "the function's role is set by var.role", "role of the function")
	b.join("role", "bucket", plinth.Can, "", "", "statement Pictures allows s3:GetObject on *")
	b.join("role", "admin", plinth.Escalate, "iam-002", "", "statement Keys allows iam:CreateAccessKey on *")
	b.join("admin", "bucket", plinth.Can, "", "", "AdministratorAccess")
	b.join("admin", "sa", plinth.Assume, "", "", "a way back")
	b.join("bucket", "data", plinth.Stores, "", "", "tag data-class says pii")
	m := b.Build()
	from, _ := m.Node("internet")
	to, _ := m.Node("data")
	a := m.Answer(graph.Question{From: []uint32{from}, To: []uint32{to}})
	if len(a.Paths) != 4 {
		t.Fatalf("%d paths", len(a.Paths))
	}
	return m, &a
}

func TestGoldens(t *testing.T) {
	m, a := estate(t)
	for name, draw := range map[string]func(io.Writer) error{
		"shop.mmd":            func(w io.Writer) error { return picture.Mermaid(w, m, a) },
		"shop.svg":            func(w io.Writer) error { return picture.SVG(w, m, a) },
		"shop.opengraph.json": func(w io.Writer) error { return picture.OpenGraph(w, m) },
	} {
		var b bytes.Buffer
		if err := draw(&b); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(string(want), b.String()); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

// TestOpenGraphIsValid holds an export against the rules of the format.
func TestOpenGraphIsValid(t *testing.T) {
	m, _ := estate(t)
	var b bytes.Buffer
	if err := picture.OpenGraph(&b, m); err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Graph struct {
			Nodes []struct {
				ID         string
				Kinds      []string
				Properties map[string]any
			}
			Edges []struct {
				Kind       string
				Start, End struct{ Value string }
				Properties map[string]any
			}
		}
	}
	if err := json.Unmarshal(b.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	kind, known := regexp.MustCompile(`^[A-Za-z0-9_]+$`), map[string]bool{}
	flat := func(props map[string]any) {
		for name, v := range props {
			if list, ok := v.([]any); ok && len(list) > 0 {
				v = list[0]
			}
			if _, nested := v.(map[string]any); nested || strings.ToLower(name) != name || name == "objectid" {
				t.Errorf("property %s: %v", name, v)
			}
		}
	}
	for _, n := range doc.Graph.Nodes {
		known[n.ID] = true
		if len(n.Kinds) < 1 || len(n.Kinds) > 3 || !kind.MatchString(n.Kinds[0]) {
			t.Errorf("node %s has the kinds %q", n.ID, n.Kinds)
		}
		flat(n.Properties)
	}
	for _, e := range doc.Graph.Edges {
		if !kind.MatchString(e.Kind) || !known[e.Start.Value] || !known[e.End.Value] {
			t.Errorf("edge %+v", e)
		}
		flat(e.Properties)
	}
	if len(doc.Graph.Nodes) != 9 || len(doc.Graph.Edges) != 11 {
		t.Errorf("%d nodes, %d edges", len(doc.Graph.Nodes), len(doc.Graph.Edges))
	}
}

type rect struct{ x, y, w, h float64 }

// rects reads the boxes of a picture and fails where it is no XML.
func rects(t *testing.T, svg []byte) []rect {
	t.Helper()
	var out []rect
	d := xml.NewDecoder(bytes.NewReader(svg))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatalf("no XML: %v\n%s", err, svg)
		}
		e, ok := token.(xml.StartElement)
		if !ok || e.Name.Local != "rect" {
			continue
		}
		var r rect
		for _, a := range e.Attr {
			for name, v := range map[string]*float64{"x": &r.x, "y": &r.y, "width": &r.w, "height": &r.h} {
				if a.Name.Local == name {
					fmt.Sscan(a.Value, v)
				}
			}
		}
		out = append(out, r)
	}
}

// TestPicturesOfAnything draws random graphs, circles included: the picture is XML, no box covers another, and every node has one.
func TestPicturesOfAnything(t *testing.T) {
	rnd := rand.New(rand.NewPCG(11, 12))
	for range 60 {
		b := graph.NewBuilder(func(plinth.Problem) {})
		n := 2 + rnd.IntN(40)
		id := func(i int) plinth.ID { return plinth.ID(fmt.Sprintf("n%d\x00<\"'&\xff…", i)) }
		for range rnd.IntN(4 * n) {
			b.Relation(plinth.Relation{From: id(rnd.IntN(n)), To: id(rnd.IntN(n)), Kind: plinth.Can, Technique: "]]>", Evidence: []plinth.Step{{Note: "-->\n%%", At: plinth.Location{Path: "a\"b`c", Line: int32(rnd.IntN(9))}, Cost: 1}}})
		}
		m := b.Build()
		var q graph.Question
		for i := range uint32(len(m.Nodes())) {
			if rnd.IntN(3) == 0 {
				q.From = append(q.From, i)
			} else if rnd.IntN(3) == 0 {
				q.To = append(q.To, i)
			}
		}
		a := m.Answer(q)
		var svg, mmd bytes.Buffer
		if err := picture.SVG(&svg, m, &a); err != nil {
			t.Fatal(err)
		}
		boxes := rects(t, svg.Bytes())
		for i, a := range boxes {
			for _, b := range boxes[i+1:] {
				if a.x < b.x+b.w && b.x < a.x+a.w && a.y < b.y+b.h && b.y < a.y+a.h {
					t.Fatalf("boxes cover one another: %v %v\n%s", a, b, svg.String())
				}
			}
		}
		if err := picture.Mermaid(&mmd, m, &a); err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(mmd.String(), "\n") {
			if strings.Count(line, `"`)%2 == 1 || strings.Contains(line, "`") {
				t.Fatalf("a line that does not close: %s", line)
			}
		}
	}
}

func TestNothingToDraw(t *testing.T) {
	m := graph.NewBuilder(func(plinth.Problem) {}).Build()
	for _, draw := range []func(io.Writer) error{
		func(w io.Writer) error { return picture.SVG(w, m, &graph.Answer{}) },
		func(w io.Writer) error { return picture.Mermaid(w, m, &graph.Answer{}) },
		func(w io.Writer) error { return picture.OpenGraph(w, m) },
	} {
		var b bytes.Buffer
		if err := draw(&b); err != nil || b.Len() == 0 {
			t.Error(err, b.String())
		}
	}
}
