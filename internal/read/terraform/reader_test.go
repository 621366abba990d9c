package terraform

import (
	"context"
	"maps"
	"testing"
	"testing/fstest"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/read/readtest"
)

func TestGolden(t *testing.T) { readtest.Golden(t, New(), "testdata/*.txtar") }

// beside reads a file that is always there beside the others: an empty configuration file is no fault, and Hostile wants to
// hear of every file.
type beside struct{ *Reader }

func (b beside) Read(ctx context.Context, p *plinth.Project, to plinth.Sink) error {
	with := *p
	with.Files = append([]plinth.File{{Path: "beside/main.tf", Data: []byte("resource \"aws_sqs_queue\" \"q\" {}\n")}}, p.Files...)
	return b.Reader.Read(ctx, &with, to)
}

func TestHostile(t *testing.T) {
	sample := `variable "x" {
  type    = object({ a = optional(list(string), ["b"]) })
  default = {}
}
resource "aws_s3_bucket" "b" {
  for_each = { k = var.x.a[0] }
  bucket   = "${each.value}-%{ if true }y%{ endif }"
  policy   = <<-EOT
    {"a": "${each.key}"}
  EOT
  dynamic "rule" {
    for_each = [for i in range(2) : i * -1 if !false]
    content { n = rule.value }
  }
}
`
	if testing.Short() {
		t.Skip("lexes dozens of megabytes")
	}
	readtest.Hostile(t, beside{New()}, "main.tf", sample)
	readtest.Hostile(t, beside{New()}, "main.tf.json", `{"resource": {"aws_s3_bucket": {"b": {"bucket": "a-${1 + 1}", "tags": [{"k": null}]}}}}`)
}

func TestWants(t *testing.T) {
	for name, want := range map[string]bool{
		"main.tf": true, "a/b/c.tf.json": true, "x.tofu": true, "x.tofu.json": true, "terraform.tfvars": true, "a.auto.tfvars.json": true,
		"a/.terraform/modules/modules.json": true, "modules.json": false, "main.tf~": false, ".#main.tf": false, "a.json": false,
		"x.tftest.hcl": false, "main.tf.bak": false,
	} {
		if got := New().Wants(name, nil); got != want {
			t.Errorf("Wants(%q) = %v", name, got)
		}
	}
}

// TestTerms looks at what the provider decides: through aliases, and into modules.
func TestTerms(t *testing.T) {
	files := map[string]string{
		"main.tf": `
terraform {
  required_providers {
    aws    = { source = "hashicorp/aws", version = "~> 5.0" }
    google = ">= 4, < 6"
  }
}
variable "team" { default = "blue" }
provider "aws" {
  default_tags { tags = { team = var.team } }
}
provider "aws" {
  alias = "eu"
  default_tags {
    tags = { region = "eu" }
  }
}
provider "google" { default_labels = { env = "x" } }
resource "aws_sqs_queue" "a" {}
resource "aws_sqs_queue" "b" { provider = aws.eu }
resource "google_storage_bucket" "g" {}
resource "random_id" "r" {}
module "m" {
  source    = "./m"
  providers = { aws = aws.eu }
}
`,
		"m/main.tf": `
terraform {
  required_providers {
    aws = { version = "4.1" }
  }
}
resource "aws_sqs_queue" "c" {}
`,
	}
	got := map[string]string{}
	for _, r := range readtest.Run(t, New(), files).Resources {
		if r.Decl.Type == "module" {
			continue
		}
		got[r.Decl.Address] = r.Terms.Provider + " " + r.Terms.Version + " " + r.Terms.Defaults.String()
	}
	want := map[string]string{
		"aws_sqs_queue.a":          `aws ~> 5.0 {team: "blue"}`,
		"aws_sqs_queue.b":          `aws ~> 5.0 {region: "eu"}`,
		"google_storage_bucket.g":  `google >= 4, < 6 {env: "x"}`,
		"random_id.r":              "random  null",
		"module.m.aws_sqs_queue.c": `aws 4.1 {region: "eu"}`,
	}
	if !maps.Equal(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
}

// TestVarFiles names variable files: below the root module that they are for, or below the target.
func TestVarFiles(t *testing.T) {
	files := fstest.MapFS{
		"live/main.tf":          {Data: []byte("variable \"v\" { default = \"default\" }\nresource \"x\" \"live\" { v = var.v }\n")},
		"test/main.tf":          {Data: []byte("variable \"v\" { default = \"default\" }\nresource \"x\" \"test\" { v = var.v }\n")},
		"live/prod.tfvars":      {Data: []byte("v = \"prod\"\n")},
		"live/terraform.tfvars": {Data: []byte("v = \"tfvars\"\n")},
		"all.tfvars":            {Data: []byte("v = \"all\"\n")},
	}
	for _, c := range []struct {
		vars       []string
		live, test string
		problems   int
	}{
		{nil, "tfvars", "default", 0},
		{[]string{"prod.tfvars"}, "prod", "default", 0},
		{[]string{"all.tfvars"}, "all", "all", 0},
		{[]string{"all.tfvars", "prod.tfvars"}, "prod", "all", 0},
		{[]string{"live/prod.tfvars"}, "prod", "prod", 0},
	} {
		p := &plinth.Project{FS: files, Config: &plinth.Config{Jobs: 2, VarFiles: c.vars}}
		for name, f := range files {
			p.Files = append(p.Files, plinth.File{Path: name, Data: f.Data})
		}
		to := &readtest.Recorder{}
		if err := New().Read(t.Context(), p, to); err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for _, r := range to.Resources {
			v, _ := r.Source.Get("v")
			got[r.Name] = v.Str()
		}
		if got["live"] != c.live || got["test"] != c.test || len(to.Problems) != c.problems {
			t.Errorf("%v: %v, %v", c.vars, got, to.Problems)
		}
	}
}

// TestStops holds that a run ends soon after its context does.
func TestStops(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	text := "resource \"x\" \"y\" {\n  count = 9999\n  v = [for i in range(1000) : i]\n}\n"
	p := &plinth.Project{FS: fstest.MapFS{}, Files: []plinth.File{{Path: "main.tf", Data: []byte(text)}}}
	if err := New().Read(ctx, p, &readtest.Recorder{}); err == nil {
		t.Error("a run without time is read to its end")
	}
}

// TestPanicsAreRaisedWhereReadWasCalled: whoever called Read can tell a fault of the program; a goroutine's own would end it.
func TestPanicsAreRaisedWhereReadWasCalled(t *testing.T) {
	defer func() {
		if p := recover(); p != "the sink is full" {
			t.Errorf("%v", p)
		}
	}()
	_ = New().Read(t.Context(), &plinth.Project{
		FS: fstest.MapFS{}, Config: &plinth.Config{Jobs: 2}, Files: []plinth.File{{Path: "main.tf", Data: []byte("resource \"aws_sqs_queue\" \"q\" {}\n")}},
	}, full{})
	t.Error("nothing was raised")
}

// full is a sink that fails.
type full struct{}

func (full) Resource(*plinth.Resource) { panic("the sink is full") }
func (full) Problem(plinth.Problem)    {}
