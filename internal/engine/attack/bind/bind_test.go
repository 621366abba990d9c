package bind_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/plinthsec/plinth/internal/golden"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/all"
	"github.com/plinthsec/plinth/internal/engine/attack/bind"
	"github.com/plinthsec/plinth/internal/engine/pipeline"
	"github.com/plinthsec/plinth/internal/engine/secret"
	"github.com/plinthsec/plinth/internal/graph"
	"github.com/plinthsec/plinth/internal/iam/account"
	"github.com/plinthsec/plinth/internal/outside"
	"github.com/plinthsec/plinth/internal/scan"
	"github.com/plinthsec/plinth/internal/tree"
	"github.com/plinthsec/plinth/rules"
)

// told writes down what is told to it.
type told struct{ lines []string }

func (*told) Node(plinth.Node) {}

func (t *told) Problem(p plinth.Problem) { t.lines = append(t.lines, "problem: "+p.Text) }

func (t *told) Relation(r plinth.Relation) {
	line := fmt.Sprintf("%s -%s-> %s", r.From, strings.TrimSpace(string(r.Kind)+" "+r.Technique), r.To)
	for _, term := range r.When {
		line += "\n    if " + strings.Join(term, " and ")
	}
	for _, s := range r.Evidence {
		line += fmt.Sprintf("\n    %s:%d (%d) %s", s.At.Path, s.At.Line, s.Cost, s.Note)
	}
	t.lines = append(t.lines, line)
}

// TestGolden holds the relations that each testdata file leads to. The file report.sarif or bom.json of it is handed over as what
// other tools found.
func TestGolden(t *testing.T) { golden.Run(t, "testdata/*.txtar", relations) }

func relations(t *testing.T, files map[string]string) string {
	t.Helper()
	for name, text := range files {
		files[name] = credentials.Replace(text)
	}
	tr := tree.Memory(".", files)
	var found []plinth.Finding
	for _, name := range []string{"report.sarif", "bom.json"} {
		if text, ok := files[name]; ok {
			list, _, err := outside.Read(name, []byte(text), tr)
			if err != nil {
				t.Fatal(err)
			}
			found = append(found, list...)
		}
	}
	secrets, err := secret.Load(rules.Secrets())
	if err != nil {
		t.Fatal(err)
	}
	audits, err := pipeline.Audits()
	if err != nil {
		t.Fatal(err)
	}
	sink := &told{}
	run := &scan.Run{
		Config: &plinth.Config{Jobs: 1}, Readers: append(all.Readers(), all.PipelineReaders()...), Outside: found, Engines: []scan.Engine{secret.New(secrets), pipeline.New(audits)},
		Draw: func(ctx context.Context, s *graph.Scene, problem func(plinth.Problem)) (*graph.Map, error) {
			e, err := account.New(s.Graph)
			if err != nil {
				return nil, err
			}
			return nil, bind.Relate(ctx, s, e, sink)
		},
	}
	if _, err := run.Scan(t.Context(), tr); err != nil {
		t.Fatal(err)
	}
	slices.Sort(sink.lines)
	return strings.Join(sink.lines, "\n") + "\n"
}
