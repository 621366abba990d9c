package terraform

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/plinthsec/plinth/internal/read/terraform/function"
)

// everything uses every kind of expression.
const everything = `variable "x" {
  type    = object({ a = optional(list(string), ["b"]), t = tuple([string, number]), m = map(any), s = set(bool) })
  default = {}
}
locals {
  a = var.x.a[0]
  b = [for k, v in var.x.m : "${k}-${v}" if v != null]
  c = { for k, v in var.x.m : k => v... }
  d = var.x.t[*]
  e = aws_s3_bucket.b[*].id
  f = var.c ? -1 : (1 + 2) * var.n % 3
  g = !var.c && var.d || var.e >= 1
  h = try(var.x.y, can(var.z), null)
  i = templatefile("${path.module}/t.tpl", { a = 1 })
  j = max(var.list...)
  k = "a%{ for v in var.list }${v}%{ endfor }%{ if var.c }y%{ else }n%{ endif }"
  l = { (var.k) = 1, "${var.k}" = [1, "two", true, null], "q" = <<-EOT
    text ${var.k}
  EOT
  }
  m = var.x[var.k].y["z"]
  n = nobody(1)
}
resource "aws_s3_bucket" "b" {
  provider = aws.eu
  dynamic "rule" {
    for_each = var.x.m
    iterator = it
    content {
      n = it.value
    }
  }
}
`

func TestParsedComesBack(t *testing.T) {
	funcs := function.All()
	check := func(name, text string) {
		p := parseFile(name, []byte(text), funcs)
		body := string(p.encode())
		if got := decodeFile(name, body, funcs); got == nil || string(got.encode()) != body {
			t.Errorf("%s is another file when it comes back", name)
		}
	}
	check("everything.tf", everything)
	check("broken.tf", "resource \"a\" \"b\" {\n  x = [\n}\n")
	list, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(list) == 0 {
		t.Fatal(list, err)
	}
	for _, name := range list {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range txtar.Parse(data).Files {
			if isConfig(filepath.Base(f.Name)) {
				check(name+" "+f.Name, string(f.Data))
			}
		}
	}
}

func FuzzDecodeFile(f *testing.F) {
	funcs := function.All()
	f.Add(string(parseFile("main.tf", []byte(everything), funcs).encode()))
	f.Fuzz(func(_ *testing.T, body string) {
		if p := decodeFile("main.tf", body, funcs); p != nil {
			makeModule(".", []*parsed{p})
		}
	})
}

func BenchmarkParse(b *testing.B) {
	funcs := function.All()
	text := []byte(strings.Repeat(strings.ReplaceAll(everything, "\"b\"", "\"b0\""), 20))
	b.Run("text", func(b *testing.B) {
		for b.Loop() {
			parseFile("main.tf", text, funcs)
		}
	})
	body := string(parseFile("main.tf", text, funcs).encode())
	b.Run("remembered", func(b *testing.B) {
		for b.Loop() {
			decodeFile("main.tf", body, funcs)
		}
	})
}
