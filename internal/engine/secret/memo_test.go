package secret

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
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
		for i, ex := range append(found, clean...) {
			out = append(out, append(bytes.Clone(ex.Text), '\n'))
			if i == 0 { // what is found in an encoded text, too, leaves nothing behind for the next one
				out = append(out, []byte("text: "+base64.StdEncoding.EncodeToString(ex.Text)+"\n"))
			}
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

// version changes a text a little, and tells what of it stays.
func version(r *rand.Rand, text []byte, parts [][]byte) ([]byte, []tree.Copy) {
	part := parts[r.IntN(len(parts))]
	from := r.IntN(len(text) + 1)
	if r.IntN(3) > 0 { // mostly at the end of a line
		from += bytes.IndexByte(text[from:], '\n') + 1
	}
	to := min(len(text), from+r.IntN(2)*r.IntN(200))
	if r.IntN(4) == 0 {
		part = nil
	}
	same := []tree.Copy{{To: 0, From: 0, Len: from}, {To: from + len(part), From: to, Len: len(text) - to}}
	if half := from / 2; r.IntN(3) == 0 { // a difference may be less exact than it could be
		same = []tree.Copy{{To: 0, From: 0, Len: half}, {To: half + 1, From: half + 1, Len: max(0, from-half-1)}, same[1]}
	}
	return bytes.Join([][]byte{text[:from], part, text[to:]}, nil), same
}

// TestMemory: an engine that remembers what it saw finds in each text what one finds that sees it as the first.
func TestMemory(t *testing.T) {
	parts := material(t)
	all := ours(t)
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1))
		e := New(all)
		var files [3][]byte
		var kin [3]*tree.Kin
		for i := range files {
			for range 5 + r.IntN(60) {
				files[i] = append(files[i], parts[r.IntN(len(parts))]...)
			}
		}
		for step := range 25 {
			i := r.IntN(len(files))
			path := []string{"a.tf", "b.yaml", "c.json"}[i]
			now := &tree.Kin{Serial: uint64(step + 1)}
			if step > 0 {
				now.Base = kin[i]
				files[i], now.Copies = version(r, files[i], parts)
				if kin[i] != nil && r.IntN(9) == 0 { // what was kept is of another text
					kin[i].Serial += 100
				}
				if r.IntN(9) == 0 {
					path = "d/" + path
				}
			}
			kin[i] = now
			if d := cmp.Diff(foundIn(t, forgetful(all), path, files[i], nil), foundIn(t, e, path, files[i], now)); d != "" {
				t.Fatalf("seed %d, step %d: %s", seed, step, d)
			}
		}
	}
}

// TestMemoryOfParts: what comes into sight when a part of a secret is written beside the rest is found, however far apart they are.
func TestMemoryOfParts(t *testing.T) {
	all := ours(t)
	r := rand.New(rand.NewPCG(7, 7))
	word := func(n int) string { return strings.Repeat("q7Kd2vXw9Zt4Rb1Hn8Lc5Pm3Js6Fg0Ty", n/32+1)[:n] }
	for _, parts := range [][2]string{
		{"curl", " -u deploy:" + word(14) + " https://files.example.net\n"},
		{"{", "\"auth_provider_x509_cert_url\": \"" + word(30) + "\"}\n"},
		{"{\"auth_provider_x509_cert_url\": \"" + word(30) + "\",", "}\n"},
		{"PuTTY-User-Key-File-3: ssh-rsa\n", "Private-Lines: 14\n" + word(64) + "\n"},
		{"AUTH0_DOMAIN=", "AUTH0_CLIENT_SECRET=" + word(40) + "\n"},
		{"AKIA" + "QZ7XW2M4T6KD3VNB ", " " + word(40) + "\n"},
		{gitlab[:6], gitlab[6:] + "\n"},
		{"password = ", "'" + word(16) + "'\n"},
		{"url: a%20b ", "%67lpat%2D" + gitlab[6:] + "\n"},
	} {
		e := New(all)
		for _, far := range []int{0, 20, 60, 61, 150, 151, 250, 251, 300, 301, 400, 401, 550, 551, 701, 1000, 1001, 1500, 1501, 2501, 3900, 3901} {
			before, between, behind := filler(r, 1500), filler(r, far), filler(r, 1500)
			if far%2 == 0 { // on one line
				between = bytes.ReplaceAll(between, []byte("\n"), []byte(" "))
			}
			var base *tree.Kin
			var was [][]byte // the parts of its text
			for k, p := range [][2]string{{parts[0], "no\n"}, parts, {"no ", parts[1]}, parts, {parts[0], "no\n"}, {"no ", parts[1]}} {
				now := [][]byte{before, []byte(p[0]), between, []byte(p[1]), behind}
				kin := &tree.Kin{Serial: uint64(k + 1), Base: base}
				for i, to, from := 0, 0, 0; base != nil && i < len(now); i++ {
					if bytes.Equal(now[i], was[i]) {
						if n := len(kin.Copies); n > 0 && kin.Copies[n-1].To+kin.Copies[n-1].Len == to {
							kin.Copies[n-1].Len += len(now[i])
						} else {
							kin.Copies = append(kin.Copies, tree.Copy{To: to, From: from, Len: len(now[i])})
						}
					}
					to, from = to+len(now[i]), from+len(was[i])
				}
				base, was = kin, now
				file := slices.Concat(now...)
				if d := cmp.Diff(foundIn(t, forgetful(all), "x", file, nil), foundIn(t, e, "x", file, kin)); d != "" {
					t.Errorf("%q, %d bytes apart: %s", p, far, d)
				}
			}
		}
		before := string(filler(r, 1500))
		coded := base64.StdEncoding.EncodeToString(slices.Concat(filler(r, 900), []byte("token="+gitlab+"\n")))
		for _, file := range []string{coded[:900], coded[900:], coded} {
			file = before + file + "\n"
			if d := cmp.Diff(foundIn(t, forgetful(all), "x", []byte(file), nil), foundIn(t, e, "x", []byte(file), nil)); d != "" {
				t.Errorf("base64: %s", d)
			}
		}
	}
}

// TestMemoryAtBorders: a piece that stays the same, and so do those before it, leads to a secret once the next one has its value.
func TestMemoryAtBorders(t *testing.T) {
	all := ours(t)
	r := rand.New(rand.NewPCG(8, 8))
	found := 0
	for range 200 {
		e := New(all)
		before, behind := append(filler(r, 900+r.IntN(100)), "\nlinear_client_secret:"+strings.Repeat(" ", r.IntN(12))+"\n"...), filler(r, 900) // which line ends tell by what is before them
		none, value := []byte("  nothing is here yet, not even now\n"), []byte("  'c1d4f0a87b3e9265c1d4f0a87b3e9a65'\n")
		first := &tree.Kin{Serial: 1}
		if got := foundIn(t, e, "x", slices.Concat(before, none, behind), first); len(got) > 0 {
			t.Fatal(got)
		}
		second := &tree.Kin{Serial: 2, Base: first, Copies: []tree.Copy{{Len: len(before)}, {To: len(before) + len(value), From: len(before) + len(none), Len: len(behind)}}}
		file := slices.Concat(before, value, behind)
		got := foundIn(t, e, "x", file, second)
		if d := cmp.Diff(foundIn(t, forgetful(all), "x", file, nil), got); d != "" {
			t.Error(d)
		}
		found += len(got)
	}
	if found == 0 {
		t.Error("no secret is found")
	}
}

// filler is so many bytes of lines of which none is like another.
func filler(r *rand.Rand, n int) []byte {
	var b []byte
	for len(b) < n {
		b = fmt.Appendf(b, "%*s%s,\n", r.IntN(30), "", strings.ToUpper(strconv.FormatUint(r.Uint64(), 36))+strconv.FormatUint(r.Uint64(), 36))
	}
	return b[:n]
}

// forgetful is an engine that remembers nothing.
func forgetful(rules *Set) *Engine {
	e := New(rules)
	e.memory = func() *memo { return nil }
	return e
}

// foundIn tells what an engine finds in an object of a history.
func foundIn(t *testing.T, e *Engine, path string, text []byte, kin *tree.Kin) []string {
	t.Helper()
	e.Object(tree.Object{ID: "o", Path: path, Data: text, Kin: kin}, func(p plinth.Problem) { t.Error(p) })
	var out []string
	for _, s := range e.pending["o"] {
		out = append(out, fmt.Sprint(s.rule.ID, len(s.also), s.hash, s.at.Line, s.at.Col, s.at.EndLine, s.at.EndCol, s.silent != nil))
	}
	delete(e.pending, "o")
	return out
}
