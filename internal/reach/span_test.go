package reach

import (
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestSpansAgainstNumbers holds the algebra of ranges against sets of single numbers.
func TestSpansAgainstNumbers(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	const n = 24
	draw := func() (Spans, [n]bool) {
		var list []Span
		var one [n]bool
		for range rnd.IntN(4) {
			lo := rnd.Uint32N(n)
			hi := min(lo+rnd.Uint32N(6), n-1)
			list = append(list, Span{lo, hi})
			for i := lo; i <= hi; i++ {
				one[i] = true
			}
		}
		return SpansOf(list...), one
	}
	for range 20000 {
		a, as := draw()
		b, bs := draw()
		union, both, rest := a.Union(b), a.Intersect(b), a.Minus(b)
		for i := range uint32(n) {
			if union.Contains(i) != (as[i] || bs[i]) || both.Contains(i) != (as[i] && bs[i]) || rest.Contains(i) != (as[i] && !bs[i]) {
				t.Fatalf("%v and %v differ at %d: %v %v %v", a, b, i, union, both, rest)
			}
		}
		for _, s := range []Spans{union, both, rest} {
			for i := 1; i < len(s); i++ {
				if s[i].Lo <= s[i-1].Hi+1 {
					t.Fatalf("%v is not merged", s)
				}
			}
		}
	}
}

func TestSpansAtTheEnds(t *testing.T) {
	whole := Spans{{0, 1<<32 - 1}}
	if got := whole.Minus(Spans{{0, 0}, {1<<32 - 1, 1<<32 - 1}}); !cmp.Equal(got, Spans{{1, 1<<32 - 2}}) {
		t.Errorf("got %v", got)
	}
	if got := whole.Union(Spans{{7, 9}}); !cmp.Equal(got, whole) {
		t.Errorf("got %v", got)
	}
}

func TestPortsInWords(t *testing.T) {
	for _, c := range []struct {
		ports Ports
		want  []string
	}{
		{Ports{}, []string{}},
		{AllPorts(), []string{"all"}},
		{AllPorts().Minus(PortsOf(UDP, 53, 53)), []string{"TCP 1-65535", "UDP 1-52", "UDP 54-65535", "SCTP 1-65535"}},
		{PortsOf(TCP, 0, 1).Union(PortsOf(TCP, 65535, 70000)), []string{"TCP 1", "TCP 65535"}},
	} {
		if diff := cmp.Diff(c.want, c.ports.Strings()); diff != "" {
			t.Error(diff)
		}
	}
}
