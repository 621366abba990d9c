package terraform

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plinthsec/plinth/internal/value"
)

// TestWritten: the form that Conftest's parser hcl2 gives.
func TestWritten(t *testing.T) {
	const text = `variable "a" {}
resource "aws_s3_bucket" "b" {
  bucket = "x-${var.a}"
  count  = var.n
  size   = -3
  tags   = { Name = "n", (var.k) = true, list = [1, null, upper("a")] }
  rule { id = 1 }
  rule { id = 2 }
}
locals { empty = {} }
`
	const want = `{"locals":[{"empty":{}}],"resource":{"aws_s3_bucket":{"b":[{"bucket":"x-${var.a}","count":"${var.n}","rule":[{"id":1},{"id":2}],"size":-3,"tags":{"${var.k}":true,"Name":"n","list":[1,null,"${upper(\"a\")}"]}}]}},"variable":{"a":[{}]}}`
	list, problems := Written("main.tf", []byte(text))
	if len(list) != 1 || len(problems) > 0 {
		t.Fatal(list, problems)
	}
	got, ok := value.Plain(list[0])
	if !ok || got != want {
		t.Error(cmp.Diff(want, got))
	}
	if _, problems := Written("main.tf", []byte("a = [\n")); len(problems) != 1 || problems[0].At.Line == 0 {
		t.Error("a broken file has no located problem: ", problems)
	}
}

func FuzzWritten(f *testing.F) {
	f.Add("a \"b\" {\n  c = \"${d}\"\n  e = { (f) = [g...] }\n}\n")
	f.Fuzz(func(_ *testing.T, text string) { Written("main.tf", []byte(text)) })
}
