package secret

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/tree"
)

// material are the texts that the histories of the tests are made of: the examples of our rules and what stands around them.
func material(t *testing.T) [][]byte {
	t.Helper()
	var out [][]byte
	for _, r := range ours(t).All(func(p plinth.Problem) { t.Error(p) }) {
		found, clean, problems := r.Examples()
		for _, p := range problems {
			t.Error(p)
		}
		for _, ex := range append(found, clean...) {
			out = append(out, append(bytes.Clone(ex.Text), '\n'))
		}
	}
	for _, s := range []string{
		"// the next part is long\n", "\n", "}\n", strings.Repeat("    value: 17\n", 90), "a: 50%25 of it \\\n", "password = \\\n", strings.Repeat("x", 3000), strings.Repeat("7f3a", 300) + "\n",
		"u = \"\\u0073ecret\"\n", strings.Repeat("lorem ipsum dolor\n", 40), "curl -u a:b https://example.org\n", "key  \r\n", "  \\\n", "                                \n", "---\nkind: Secret\n",
	} {
		out = append(out, []byte(s), []byte(s))
	}
	return out
}

// version changes a text a little.
func version(r *rand.Rand, text []byte, parts [][]byte) []byte {
	part := parts[r.IntN(len(parts))]
	from := r.IntN(len(text) + 1)
	if r.IntN(3) > 0 { // mostly at the end of a line
		from += bytes.IndexByte(text[from:], '\n') + 1
	}
	to := min(len(text), from+r.IntN(2)*r.IntN(200))
	if r.IntN(4) == 0 {
		part = nil
	}
	return bytes.Join([][]byte{text[:from], part, text[to:]}, nil)
}

// TestMemory: an engine that remembers what it saw finds in each text what one finds that sees it as the first.
func TestMemory(t *testing.T) {
	parts := material(t)
	all := ours(t)
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1))
		e := New(all)
		var files [3][]byte
		for i := range files {
			for range 5 + r.IntN(60) {
				files[i] = append(files[i], parts[r.IntN(len(parts))]...)
			}
		}
		for step := range 25 {
			i := r.IntN(len(files))
			path := []string{"a.tf", "b.yaml", "c.json"}[i]
			if step > 0 {
				files[i] = version(r, files[i], parts)
			}
			fresh := New(all)
			fresh.memory = func() *memo { return nil }
			want, got := foundIn(t, fresh, path, files[i]), foundIn(t, e, path, files[i])
			if d := cmp.Diff(want, got); d != "" {
				t.Fatalf("seed %d, step %d: %s", seed, step, d)
			}
		}
	}
}

// foundIn tells what an engine finds in an object of a history.
func foundIn(t *testing.T, e *Engine, path string, text []byte) []string {
	t.Helper()
	e.Object(tree.Object{ID: "o", Path: path, Data: text}, func(p plinth.Problem) { t.Error(p) })
	var out []string
	for _, s := range e.pending["o"] {
		out = append(out, fmt.Sprint(s.rule.ID, len(s.also), s.hash, s.at.Line, s.at.Col, s.at.EndLine, s.at.EndCol, s.silent != nil))
	}
	delete(e.pending, "o")
	return out
}
