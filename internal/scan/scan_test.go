package scan_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/graph"
	"github.com/plinthsec/plinth/internal/read/plan"
	"github.com/plinthsec/plinth/internal/read/terraform"
	"github.com/plinthsec/plinth/internal/scan"
	"github.com/plinthsec/plinth/internal/tree"
)

func run(t *testing.T, r *scan.Run, files map[string]string) *scan.Result {
	t.Helper()
	if r.Config == nil {
		r.Config = &plinth.Config{Jobs: 2}
	}
	res, err := r.Scan(t.Context(), tree.Memory("t", files))
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// TestPlanJoinsCode: a plan beside the code stands for it, in the places of the code.
func TestPlanJoinsCode(t *testing.T) {
	files := map[string]string{
		"main.tf": "variable \"n\" {}\n\nresource \"aws_sqs_queue\" \"q\" {\n  count = var.n\n  name  = \"jobs\"\n}\n\nresource \"aws_sqs_queue\" \"never\" {\n  count = var.n > 100 ? 1 : 0\n}\n",
		"plan.json": `{"format_version": "1.2", "terraform_version": "1.9.0", "planned_values": {"root_module": {"resources": [
		  {"address": "aws_sqs_queue.q[0]", "mode": "managed", "type": "aws_sqs_queue", "name": "q", "values": {"name": "jobs", "delay_seconds": 5}}]}}, "resource_changes": []}`,
		"terraform.tfstate": `{"version": 4, "terraform_version": "1.9.0", "lineage": "x", "resources": [
		  {"mode": "managed", "type": "aws_sqs_queue", "name": "q", "instances": [{"index_key": 0, "attributes": {"name": "older"}}]}]}`,
	}
	res := run(t, &scan.Run{Readers: []plinth.Reader{plan.New(), terraform.New()}}, files)
	if len(res.Resources) != 1 {
		t.Fatalf("%d resources, want the planned one: %v", len(res.Resources), res.Problems)
	}
	r := res.Resources[0]
	name, _ := r.Source.Get("name")
	delay, _ := r.Source.Get("delay_seconds")
	got := fmt.Sprintf("%s %d %s@%s:%d %s@%s:%d", r.Decl.Address, r.Decl.Header.Line, name, name.Origin().At.Path, name.Origin().At.Line, delay, delay.Origin().At.Path, delay.Origin().At.Line)
	if want := `aws_sqs_queue.q[0] 3 "jobs"@main.tf:5 5@main.tf:3`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// panicker is a room that fails.
type panicker struct{}

func (panicker) Name() string                  { return "panicker" }
func (panicker) Wants(p string, _ []byte) bool { return strings.HasSuffix(p, ".tf") }

func (panicker) Read(context.Context, *plinth.Project, plinth.Sink) error { panic("lost the thread") }

func (panicker) Check(context.Context, *graph.Graph, int, func(plinth.Finding), func(plinth.Problem)) (plinth.Coverage, error) {
	panic("lost the thread")
}

// TestPanicsStayInTheirRoom: a panic becomes a problem, and the rest of the run goes on.
func TestPanicsStayInTheirRoom(t *testing.T) {
	res := run(t, &scan.Run{Readers: []plinth.Reader{panicker{}, terraform.New()}, Engines: []scan.Engine{panicker{}}},
		map[string]string{"main.tf": "resource \"aws_sqs_queue\" \"q\" {}\n"})
	if len(res.Resources) != 1 {
		t.Errorf("%d resources, the other reader's should be there", len(res.Resources))
	}
	n := 0
	for _, p := range res.Problems {
		if p.Kind == plinth.Internal && strings.Contains(p.Text, "lost the thread") {
			n++
		}
	}
	if n != 2 {
		t.Errorf("%d problems of the panics: %v", n, res.Problems)
	}
}

// TestProjectsAreWorlds: references do not cross the border of a project.
func TestProjectsAreWorlds(t *testing.T) {
	files := map[string]string{
		"a/main.tf": "resource \"aws_s3_bucket\" \"b\" {\n  bucket = \"one\"\n}\n",
		"b/main.tf": "resource \"aws_s3_bucket_versioning\" \"v\" {\n  bucket = \"one\"\n  versioning_configuration {\n    status = \"Enabled\"\n  }\n}\n",
	}
	for _, tc := range []struct {
		projects []string
		want     bool
	}{{nil, true}, {[]string{"a", "b"}, false}} {
		res := run(t, &scan.Run{Config: &plinth.Config{Jobs: 1, Projects: tc.projects}, Readers: []plinth.Reader{terraform.New()}}, files)
		joined := false
		for _, r := range res.Resources {
			if r.Type == "AWS::S3::Bucket" && !r.External {
				_, joined = r.Props.At("VersioningConfiguration", "Status")
			}
		}
		if joined != tc.want {
			t.Errorf("projects %v: joined %v", tc.projects, joined)
		}
	}
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := scan.Run{Config: &plinth.Config{Jobs: 1}, Readers: []plinth.Reader{terraform.New()}}
	if _, err := r.Scan(ctx, tree.Memory("t", map[string]string{"main.tf": "locals {}\n"})); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}
