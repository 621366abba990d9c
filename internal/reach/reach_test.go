package reach_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/reach"
	"github.com/plinthsec/plinth/internal/read/kubernetes"
)

var update = flag.Bool("update", false, "renew the wanted answers")

type sink struct {
	resources []*plinth.Resource
	problems  []plinth.Problem
}

func (s *sink) Resource(r *plinth.Resource) { s.resources = append(s.resources, r) }
func (s *sink) Problem(p plinth.Problem)    { s.problems = append(s.problems, p) }

func read(t testing.TB, files ...plinth.File) []*plinth.Resource {
	t.Helper()
	s := &sink{}
	if err := kubernetes.New().Read(context.Background(), &plinth.Project{FS: os.DirFS(t.TempDir()), Files: files}, s); err != nil {
		t.Fatal(err)
	}
	if len(s.problems) > 0 {
		t.Fatalf("the manifests cannot be read: %v", s.problems)
	}
	return s.resources
}

// TestAnswers holds the answers to the manifests of testdata against those at the end of each file: pairs with their ports, then
// what they rest on and the proof, then the problems.
func TestAnswers(t *testing.T) {
	names, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatal("no cases", err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			var files []plinth.File
			want := -1
			for i, f := range a.Files {
				if f.Name == "want" {
					want = i
				} else {
					files = append(files, plinth.File{Path: f.Name, Data: f.Data})
				}
			}
			got := answers(read(t, files...), strings.Contains(string(a.Comment), "proof"))
			if *update {
				if want < 0 {
					want, a.Files = len(a.Files), append(a.Files, txtar.File{Name: "want"})
				}
				a.Files[want].Data = got
				if err := os.WriteFile(name, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if want < 0 {
				t.Fatal("the case wants nothing")
			}
			if diff := cmp.Diff(string(a.Files[want].Data), string(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func answers(resources []*plinth.Resource, proof bool) []byte {
	w := reach.New(resources)
	var b bytes.Buffer
	for c := range w.Connections(proof) {
		fmt.Fprintf(&b, "%s → %s: %s", c.From, c.To, c.Allow)
		if c.MTLS != "" {
			fmt.Fprintf(&b, " (%s)", c.MTLS)
		}
		b.WriteString("\n")
		for _, s := range c.When {
			fmt.Fprintf(&b, "  if %s\n", s)
		}
		for _, s := range c.Because {
			fmt.Fprintf(&b, "  %s:%d %s\n", s.At.Path, s.At.Line, s.Note)
		}
	}
	for _, e := range w.Exposures(resources) {
		fmt.Fprintf(&b, "%s:%d %s → %s → %s: %s, open %s", e.At.Path, e.At.Line, e.By, e.Service, e.To, e.Ports, e.Open)
		if e.Internal {
			b.WriteString(", internal")
		}
		b.WriteString("\n")
	}
	for _, p := range w.Problems {
		fmt.Fprintf(&b, "%s %s:%d %s\n", p.Kind, p.At.Path, p.At.Line, p.Text)
	}
	return b.Bytes()
}

// TestUnknown leaves a policy out that cannot be read, and tells of labels that cannot.
func TestUnknown(t *testing.T) {
	unknown := plinth.UnknownOf("{{ .Values.app }}")
	object := func(kind, name string, fields ...plinth.Field) *plinth.Resource {
		return &plinth.Resource{Type: kind, Name: name, Props: plinth.MapOf(fields), Decl: &plinth.Declaration{Header: plinth.Location{Path: name, Line: 1}}}
	}
	m := func(key string, v plinth.Value) plinth.Value {
		return plinth.MapOf([]plinth.Field{{Key: key, Value: v}})
	}
	w := reach.New([]*plinth.Resource{
		object("core/Pod", "a", plinth.Field{Key: "metadata", Value: m("labels", m("app", unknown))}),
		object("core/Pod", "b"),
		object("networking.k8s.io/NetworkPolicy", "p", plinth.Field{Key: "spec", Value: m("podSelector", m("matchLabels", m("app", unknown)))}),
	})
	if !w.Allowed(0, 1).Contains(reach.TCP, 80) {
		t.Error("a policy that is left out has an effect")
	}
	want := []plinth.Problem{
		{Kind: plinth.Unsupported, At: plinth.Location{Path: "a", Line: 1}, Text: "labels of a are not known; selectors that name them do not find it"},
		{Kind: plinth.Unsupported, At: plinth.Location{Path: "p", Line: 1}, Text: "the policy p depends on values that are not known; it is left out"},
	}
	if diff := cmp.Diff(want, w.Problems); diff != "" {
		t.Error(diff)
	}
}
