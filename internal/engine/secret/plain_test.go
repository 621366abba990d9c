package secret

import (
	"bytes"
	"io/fs"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/document"
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
		v, ok := document.Plain(string(data[:h.cut]))
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
