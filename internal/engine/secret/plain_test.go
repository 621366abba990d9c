package secret

import (
	"bytes"
	"io/fs"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/value"
	"github.com/plinthsec/plinth/rules"
)

func plainJSON(v plinth.Value) string {
	var b bytes.Buffer
	value.WriteJSON(&b, v)
	return b.String()
}

// TestPlain holds the reader of plain files against the YAML reader, on all our rules.
func TestPlain(t *testing.T) {
	err := fs.WalkDir(rules.Secrets(), ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(rules.Secrets(), p)
		if err != nil {
			return err
		}
		h := headingOf(string(data))
		v, ok := readPlain(string(data[:h.cut]))
		if !ok {
			t.Errorf("%s is not plain", p)
		}
		if d := cmp.Diff(plainJSON(parse(p, string(data[:h.cut])).props), plainJSON(v)); d != "" {
			t.Errorf("%s: %s", p, d)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// FuzzPlain: what the reader of plain files takes it reads as YAML is read.
func FuzzPlain(f *testing.F) {
	f.Add("id: a-b\nfind:\n  keywords: [a, 'b''c', \"d\"]\n  gap: 12\ncheck:\n  not:\n    regex: 'x: y'\n")
	f.Add("a: 0x1\nb: 1e3\nc: ~\nd: 1.\ne: 12:30:45\n")
	f.Fuzz(func(t *testing.T, text string) {
		v, ok := readPlain(text)
		if !ok {
			return
		}
		r := parse("x.yaml", text)
		if len(r.problems) > 0 {
			return // the plain reader does not look for keys that stand twice
		}
		if want, got := plainJSON(r.props), plainJSON(v); want != got && r.props.Kind() == plinth.Map {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	})
}
