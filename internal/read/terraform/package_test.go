package terraform

import (
	"fmt"
	"maps"
	"testing"

	"github.com/plinthsec/plinth/internal/read/readtest"
)

// TestPackage looks at what Terraform downloads for providers: what the nearest module asks for, and what the lock file of the root picks.
func TestPackage(t *testing.T) {
	files := map[string]string{
		"live/main.tf": `
terraform {
  required_providers {
    aws  = { source = "registry.terraform.io/HashiCorp/aws", version = "~> 5.0" }
    corp = { source = "registry.example.org/corp/corp" }
  }
}
resource "aws_sqs_queue" "a" {}
resource "corp_thing" "b" {}
resource "random_id" "c" {}
resource "terraform_data" "d" {}
module "m" { source = "../m" }
`,
		"m/main.tf": `
terraform {
  required_providers {
    aws = ">= 5"
    git = { source = "acme/git" }
  }
}
resource "aws_sqs_queue" "e" {}
resource "git_file" "f" {}
`,
		"live/.terraform.lock.hcl": `
provider "registry.terraform.io/hashicorp/aws" {
  version     = "5.21.0"
  constraints = "~> 5.0"
  hashes      = ["h1:x"]
}
provider "registry.opentofu.org/acme/git" { version = "1.2.3" }
provider "registry.terraform.io/hashicorp/random" {
`,
	}
	got := map[string]string{}
	for _, r := range readtest.Run(t, New(), files).Resources {
		if p := r.Terms.Package; p != nil {
			got[r.Decl.Address] = fmt.Sprintf("%s %s %s:%d", p.Source, p.Locked, p.At.Path, p.At.Line)
		} else if r.Decl.Type != "module" {
			got[r.Decl.Address] = ""
		}
	}
	want := map[string]string{
		"aws_sqs_queue.a": "hashicorp/aws 5.21.0 live/main.tf:4", "corp_thing.b": "registry.example.org/corp/corp  live/main.tf:5",
		"random_id.c": "hashicorp/random  :0", "terraform_data.d": "",
		"module.m.aws_sqs_queue.e": "hashicorp/aws 5.21.0 live/main.tf:4", "module.m.git_file.f": "acme/git 1.2.3 m/main.tf:5",
	}
	if !maps.Equal(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
}
