package tree

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plinthsec/plinth"
)

// objects reads a history and returns each object with its text, and the problems.
func objects(t *testing.T, dir string) (found map[string]string, problems []string) {
	t.Helper()
	tr, err := OpenGit(context.Background(), dir, "")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	found = map[string]string{}
	problem := func(p plinth.Problem) { problems = append(problems, string(p.Kind)) }
	if _, err := tr.History().Each(context.Background(), 3, problem, func(o Object) {
		mu.Lock()
		defer mu.Unlock()
		if _, twice := found[o.ID]; twice {
			t.Errorf("%s comes twice", o.ID)
		}
		found[o.ID] = fmt.Sprint(o.Message, o.Path, string(o.Data))
	}); err != nil {
		t.Fatal(err)
	}
	sort.Strings(problems)
	return found, problems
}

// versions is a repository of files of many versions, with a tag and objects that no ref reaches.
func versions(t *testing.T) string {
	t.Helper()
	r := rand.New(rand.NewPCG(3, 5))
	var text []string
	for i := range 400 {
		text = append(text, fmt.Sprintf("line %d: %x", i, r.Uint64()))
	}
	dir := repository(t, "write b.bin \x00\x01\x02", "add .", "commit -q -m first")
	for i := range 40 {
		text[r.IntN(len(text))] = fmt.Sprintf("changed in %d: %x", i, r.Uint64())
		write := func(name string) {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(strings.Join(text, "\n")), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		write("a.txt")
		if i%5 == 0 {
			write(fmt.Sprintf("copy%d.txt", i))
		}
		git(t, dir, "add", ".")
		git(t, dir, "commit", "-q", "-m", fmt.Sprintf("change %d", i))
	}
	git(t, dir, "tag", "-a", "-m", "the tag", "v1")
	return dir
}

// TestPacks: packed in any way, a repository holds the same objects.
func TestPacks(t *testing.T) {
	dir := versions(t)
	want, _ := objects(t, dir)
	if len(want) < 80 {
		t.Fatalf("%d objects", len(want))
	}
	for _, pack := range [][]string{
		{"repack", "-adfq"},
		{"-c", "repack.useDeltaBaseOffset=false", "repack", "-adfq"},
		{"repack", "-adfq", "--depth=1"},
		{"repack", "-adfq", "--max-pack-size=1m"},
		{"commit", "-q", "--allow-empty", "-m", "loose"},
		{"repack", "-dq"}, // a second pack
	} {
		git(t, dir, pack...)
		got, problems := objects(t, dir)
		for id, text := range got {
			if want[id] == "" && strings.Contains(text, "loose") {
				want[id] = text
			}
		}
		if d := cmp.Diff(want, got); d != "" || len(problems) > 0 {
			t.Errorf("%v: %v %s", pack, problems, d)
		}
	}
}

// both reads objects as they are read from packs, and as git hands them over.
func both(t *testing.T, dir string, list []entry) (own, theirs map[string]string) {
	t.Helper()
	h := &History{dir: dir}
	var mu sync.Mutex
	into := func(m map[string]string) func(entry, []byte, *Kin) {
		return func(e entry, data []byte, _ *Kin) {
			mu.Lock()
			defer mu.Unlock()
			m[e.id] = string(data)
		}
	}
	own, theirs = map[string]string{}, map[string]string{}
	rest, err := h.packed(context.Background(), 2, list, into(own))
	if err != nil || len(rest)+len(own) != len(list) {
		t.Errorf("%v: %d objects and %d left of %d", err, len(own), len(rest), len(list))
	}
	_, _ = h.asked(context.Background(), 2, list, func(plinth.ProblemKind, string, ...any) {}, into(theirs))
	return own, theirs
}

// TestBrokenPacks: whatever a byte of a pack or its index becomes, what is read is what git reads, or is left to git.
func TestBrokenPacks(t *testing.T) {
	dir := versions(t)
	list, err := (&History{dir: dir}).list(context.Background(), func(plinth.ProblemKind, string, ...any) {})
	if err != nil {
		t.Fatal(err)
	}
	git(t, dir, "repack", "-adfq")
	names, err := filepath.Glob(filepath.Join(dir, ".git/objects/pack/*"))
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(11, 23))
	for _, name := range names {
		if strings.HasSuffix(name, ".rev") {
			continue
		}
		whole, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(name, 0o644); err != nil {
			t.Fatal(err)
		}
		for range 12 {
			broken := bytes.Clone(whole)
			broken[r.IntN(len(broken))] ^= byte(1 + r.IntN(255))
			if r.IntN(4) == 0 {
				broken = broken[:r.IntN(len(broken))]
			}
			if err := os.WriteFile(name, broken, 0o644); err != nil {
				t.Fatal(err)
			}
			own, theirs := both(t, dir, list)
			for id, text := range own {
				if other, ok := theirs[id]; ok && text != other {
					t.Errorf("%s is not what git reads", id)
				}
			}
		}
		if err := os.WriteFile(name, whole, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// FuzzPack: no index, pack or difference makes the reader fail.
func FuzzPack(f *testing.F) {
	f.Add([]byte("\xfftOc\x00\x00\x00\x02"), []byte("PACK\x00\x00\x00\x02"), []byte("\x05\x03\x83\x00\x01\x02ab"))
	f.Fuzz(func(t *testing.T, idx, pack, delta []byte) {
		head := make([]byte, indexHead)
		copy(head, "\xfftOc\x00\x00\x00\x02")
		if len(idx) > 0 {
			head[indexHead-1] = idx[0] % 5 // objects
		}
		w := &packing{visit: func(made) {}}
		p := &packFile{r: bytes.NewReader(pack), size: int64(len(pack)), idx: append(head, idx...)}
		if p.read(func([]byte) int32 { return 0 }) == nil {
			u := &unfolder{p: p, w: w}
			p.link()
			for _, root := range p.roots {
				u.unfold(root)
			}
		}
		u := &unfolder{w: w, delta: delta}
		u.patch([]byte("some base"))
	})
}
