package secret

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAutomaton(t *testing.T) {
	for _, tc := range []struct {
		name     string
		keywords []string
		text     string
		want     []hit
	}{
		{"none", []string{"key"}, "nothing here", nil},
		{"folded", []string{"ghp_", "key"}, "KEY=gHp_x", []hit{{1, 3}, {0, 8}}},
		{"inside each other", []string{"he", "she", "hers", "his"}, "ushers", []hit{{1, 4}, {0, 4}, {2, 6}}},
		{"doubled", []string{"aa"}, "aaa", []hit{{0, 2}, {0, 3}}},
		{"two rules", []string{"x", "x"}, "x", []hit{{0, 1}, {1, 1}}},
		{"after a miss", []string{"abcd", "bce"}, "abce", []hit{{1, 4}}},
	} {
		a, err := newAutomaton(tc.keywords)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(tc.want, a.find([]byte(tc.text), nil, &[3][]hit{}), cmp.AllowUnexported(hit{})); d != "" {
			t.Errorf("%s: %s", tc.name, d)
		}
	}
}

// FuzzAutomaton holds the automaton against a search of each keyword by itself.
func FuzzAutomaton(f *testing.F) {
	f.Add("key,token,to", "a TOKEN to a key")
	f.Add("a,ab,abc,bc", "abcabcab")
	f.Fuzz(func(t *testing.T, list, text string) {
		var keywords []string
		for _, k := range strings.Split(list, ",") {
			if k != "" && k == strings.ToLower(k) && len(k) < 64 {
				keywords = append(keywords, k)
			}
		}
		a, err := newAutomaton(keywords)
		if err != nil {
			return
		}
		got := map[hit]bool{}
		for _, h := range a.find([]byte(text), nil, &[3][]hit{}) {
			got[h] = true
		}
		n := 0
		folded := []byte(text)
		for i, c := range folded {
			if c >= 'A' && c <= 'Z' {
				folded[i] = c + 'a' - 'A'
			}
		}
		for id, k := range keywords {
			for end := len(k); end <= len(folded); end++ {
				if string(folded[end-len(k):end]) == k {
					n++
					if !got[hit{int32(id), int32(end)}] {
						t.Errorf("%q of %q not found at %d in %q", k, keywords, end, text)
					}
				}
			}
		}
		if n != len(got) {
			t.Errorf("%d hits, want %d", len(got), n)
		}
	})
}

func BenchmarkAutomaton(b *testing.B) {
	words := strings.Fields("key token secret password ghp_ gho_ glpat- xoxb- akia sk_live_ eyj github gitlab slack stripe sendgrid twilio mailgun")
	a, err := newAutomaton(words)
	if err != nil {
		b.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	var text bytes.Buffer
	for text.Len() < 1<<20 {
		for range 2 + r.IntN(9) {
			text.WriteByte("etaoinshrdlucmfwypvbgkjqxz"[min(r.IntN(26), r.IntN(26))])
		}
		text.WriteByte(' ')
	}
	b.SetBytes(int64(text.Len()))
	var hits []hit
	for b.Loop() {
		hits = a.find(text.Bytes(), hits[:0], &[3][]hit{})
	}
}
