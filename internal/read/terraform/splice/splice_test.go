package splice

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPlain(t *testing.T) {
	f, err := Parse("a.tf", []byte(`resource "t" "n" {
  on       = true
  days     = 7
  mode     = "aws:kms"
  logs     = ["audit", "slow-query"]
  kms_id   = "x"
  cidrs    = ["10.0.0.0/8"]
  arn_of   = "arn:aws:s3:::b"
  ref      = var.x
  public_ip = false
  flag {
    name  = "log_checkpoints"
    value = "on"
  }
  other {
    name = "mine"
  }
}
`))
	if err != nil {
		t.Fatal(err)
	}
	b := f.At(3)
	got := map[string]bool{}
	for _, a := range b.Attrs {
		got[a.Name] = a.Plain
	}
	for _, c := range b.Blocks {
		got[c.Kind] = c.Plain()
	}
	want := map[string]bool{
		"on": true, "days": true, "mode": true, "logs": true, "kms_id": false, "cidrs": false, "arn_of": false, "ref": false, "public_ip": true,
		"flag": true, "other": false,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// FuzzParse: places lie inside the file and hold what they say.
func FuzzParse(f *testing.F) {
	f.Add([]byte("a \"b\" {\n  c = [1, var.x]\n  d { e = true }\n}\n"))
	f.Fuzz(func(t *testing.T, src []byte) {
		file, err := Parse("f.tf", src)
		if err != nil {
			return
		}
		var walk func(list []*Block)
		walk = func(list []*Block) {
			for _, b := range list {
				if b.Start < 0 || b.End > len(src) || b.Open > b.Close || b.Start > b.End {
					t.Fatalf("block %+v outside of %d bytes", b, len(src))
				}
				for _, a := range b.Attrs {
					if a.Start < b.Start || a.End > b.End || a.From > a.End {
						t.Fatalf("argument %+v outside of %+v", a, b)
					}
				}
				walk(b.Blocks)
			}
		}
		walk(file.Blocks)
	})
}
