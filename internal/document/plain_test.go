package document

import (
	"testing"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/value"
)

// FuzzPlain: what Plain takes, the parser reads alike.
func FuzzPlain(f *testing.F) {
	f.Add("id: a-b\nfind:\n  keywords: [a, 'b''c', \"d\"]\n  gap: 12\ncheck:\n  not:\n    regex: 'x: y'\n")
	f.Add("a: 0x1\nb: 1e3\nc: ~\nd: 1.\ne: 12:30:45\n")
	f.Add("yields-to: [a-b]\non: X::Y\nfail: \"p.A == \\\"x\\\" && \\\\d\"\nwhy: |\n  a\n  b\n")
	f.Fuzz(func(t *testing.T, text string) {
		got, ok := Plain(text)
		if !ok {
			return
		}
		var p Parser
		var want []plinth.Value
		if list := p.Parse("a.yaml", []byte(text), func(d Document) { want = append(want, d.Value) }); len(list) > 0 || len(want) != 1 {
			t.Fatalf("%q: %v, %d documents", text, list, len(want))
		}
		if eq, _ := value.Equal(got, want[0]); eq != value.True {
			t.Errorf("%q: %s, want %s", text, got, want[0])
		}
	})
}
