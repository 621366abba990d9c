package rules_test

import (
	"io/fs"
	"strings"
	"testing"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/document"
	"github.com/plinthsec/plinth/internal/value"
	"github.com/plinthsec/plinth/rules"
)

// TestPlain: what is read of our rules without the YAML parser is what the parser reads, and nearly all can be read so.
func TestPlain(t *testing.T) {
	plain, all := 0, 0
	err := fs.WalkDir(rules.FS, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(rules.FS, p)
		if err != nil {
			return err
		}
		head, _, _ := strings.Cut(string(data), "\nexamples:")
		head += "\n"
		all++
		got, ok := document.Plain(head)
		if !ok {
			return nil
		}
		plain++
		var parser document.Parser
		var want plinth.Value
		for _, x := range parser.Parse(p, []byte(head), func(d document.Document) { want = d.Value }) {
			t.Errorf("%s:%d: %s", p, x.At.Line, x.Text)
		}
		if eq, _ := value.Equal(got, want); eq != value.True {
			t.Errorf("%s: %s, want %s", p, got, want)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if plain < all*95/100 {
		t.Errorf("%d of %d rules can be read without the YAML parser", plain, all)
	}
}
