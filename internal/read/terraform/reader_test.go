package terraform

import (
	"context"
	"maps"
	"testing"

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
