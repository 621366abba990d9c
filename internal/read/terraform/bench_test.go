package terraform

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/read/readtest"
)

// BenchmarkRead reads 100 root modules that call one module twenty times each: 12,000 resources of 20 kB of text.
func BenchmarkRead(b *testing.B) {
	files := fstest.MapFS{"modules/site/main.tf": {Data: []byte(`
variable "name" { type = string }
variable "rules" {
  type    = map(object({ port = number, from = optional(list(string), ["10.0.0.0/8"]) }))
  default = { ssh = { port = 22 }, web = { port = 443, from = ["0.0.0.0/0"] } }
}
locals { tags = merge({ Name = var.name }, { made = "terraform" }) }
resource "aws_s3_bucket" "b" {
  bucket = "site-${var.name}"
  tags   = local.tags
}
resource "aws_s3_bucket_policy" "p" {
  bucket = aws_s3_bucket.b.id
  policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "s3:GetObject", Resource = "${aws_s3_bucket.b.arn}/*" }] })
}
resource "aws_security_group" "g" {
  for_each = var.rules
  name     = "${var.name}-${each.key}"
  dynamic "ingress" {
    for_each = each.value.from
    content {
      from_port   = each.value.port
      to_port     = each.value.port
      cidr_blocks = [ingress.value]
    }
  }
}
output "arn" { value = aws_s3_bucket.b.arn }
`)}}
	for i := range 100 {
		text := fmt.Sprintf(`
module "site" {
  source = "../../modules/site"
  count  = 20
  name   = "s%d-${count.index}"
}
resource "aws_sns_topic" "t" {
  count = 40
  name  = join("-", [for m in module.site : m.arn if count.index == 0])
}
`, i)
		files[fmt.Sprintf("live/r%03d/main.tf", i)] = &fstest.MapFile{Data: []byte(text)}
	}
	p := &plinth.Project{FS: files, Config: &plinth.Config{Jobs: 1}}
	for name, f := range files {
		p.Files = append(p.Files, plinth.File{Path: name, Data: f.Data})
	}
	b.ReportAllocs()
	for b.Loop() {
		to := &readtest.Recorder{}
		if err := New().Read(context.Background(), p, to); err != nil {
			b.Fatal(err)
		}
		n := 0
		for _, r := range to.Resources {
			if strings.HasPrefix(r.Decl.Type, "aws_") {
				n++
			}
		}
		if n != 12_000 {
			b.Fatal("resources: ", n)
		}
	}
}
