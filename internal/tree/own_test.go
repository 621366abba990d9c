package tree

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plinthsec/plinth"
)

// account is all that a history tells: of each object its path and text, the problems, and where each object came from.
type account struct {
	Objects  map[string]string
	Origins  map[string]Origin
	Problems []string
	Count    int
}

func tell(t *testing.T, h *History) (out account) {
	t.Helper()
	var mu sync.Mutex
	out.Objects = map[string]string{}
	wanted := map[string]bool{}
	problem := func(p plinth.Problem) { out.Problems = append(out.Problems, string(p.Kind)+" "+p.Text) }
	n, err := h.Each(t.Context(), 3, problem, func(o Object) {
		mu.Lock()
		defer mu.Unlock()
		if _, twice := out.Objects[o.ID]; twice {
			t.Errorf("%s comes twice", o.ID)
		}
		if o.Message {
			o.Path = ""
		}
		out.Objects[o.ID] = fmt.Sprint(o.Message, " ", o.Path, " ", string(o.Data))
		wanted[o.ID] = o.Message
	})
	if err != nil {
		t.Fatal(err)
	}
	out.Count = n
	sort.Strings(out.Problems)
	if out.Origins, err = h.Origins(t.Context(), wanted); err != nil {
		out.Problems = append(out.Problems, err.Error())
	}
	for id, o := range out.Origins {
		o.Date = strings.Replace(o.Date, "Z", "+00:00", 1) // as newer versions of git write it
		out.Origins[id] = o
	}
	return out
}

// TestOwn: a history that is read here is what git tells of it, whatever the repository is like.
func TestOwn(t *testing.T) {
	for seed := range uint64(3) {
		r := rand.New(rand.NewPCG(seed, 17))
		dir := imported(t, r)
		for _, step := range [][]string{nil, {"repack", "-dq"}, {"repack", "-adfq", "--depth=3"}, {"pack-refs", "--all"}, {"-c", "repack.useDeltaBaseOffset=false", "repack", "-adfq"}} {
			if step != nil {
				tryGit(dir, step...)
			}
			compareTold(t, dir, fmt.Sprint("seed ", seed, " ", step))
		}
	}
}

func tryGit(dir string, args ...string) {
	_ = exec.Command("git", append([]string{"-C", dir}, args...)...).Run() // some repositories refuse some
}

func compareTold(t *testing.T, dir, name string) {
	t.Helper()
	own := &History{dir: dir}
	var err error
	if own.folder, err = openFolder(dir); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	got, want := tell(t, own), tell(t, &History{dir: dir})
	if own.store == nil {
		t.Errorf("%s: git had to read it", name)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s: %s", name, d)
	}
}

// imported is a repository of random history: branches that are merged, dates that run backwards, texts that come again elsewhere,
// names and authors of all sorts, submodules, tags of tags, and objects that nothing reaches.
func imported(t *testing.T, r *rand.Rand) string {
	t.Helper()
	dir := repository(t)
	var b bytes.Buffer
	marks := 0
	paths := []string{"a", "a.txt", "a/b", "a/b.c", "a-b", "dir/one.go", "dir/two.go", "dir/sub/x", "dir.x", "z/ü", "with space/\tt", "lib/x/y/z/deep"}
	authors := []string{"Ann <ann@example.net>", "Ünï Cödé <u@example.net>", "<nobody@example.net>", "A. B. <a b@example.net>", "No Mail <>", " Space  <s@example.net>"}
	zones := []string{"+0000", "-0000", "+0530", "-0800", "+1245", "+9999"}
	var commits []int
	data := func(s string) string { return fmt.Sprintf("data %d\n%s\n", len(s), s) }
	for i := range 30 + r.IntN(30) {
		branch := r.IntN(4)
		marks++
		date := 1_600_000_000 + i*600 + r.IntN(5000) - r.IntN(4)*2000
		who := authors[r.IntN(len(authors))]
		fmt.Fprintf(&b, "commit refs/heads/b%d\nmark :%d\nauthor %s %d %s\ncommitter %s %d %s\n", branch, marks, who, date-r.IntN(9000), zones[r.IntN(len(zones))], who, date, zones[r.IntN(5)])
		if r.IntN(8) == 0 {
			b.WriteString("encoding ISO-8859-1\n")
		}
		b.WriteString(data(fmt.Sprintf("message %d", i)))
		if len(commits) > 0 && r.IntN(3) == 0 {
			fmt.Fprintf(&b, "merge :%d\n", commits[r.IntN(len(commits))])
			if r.IntN(5) == 0 {
				fmt.Fprintf(&b, "merge :%d\n", commits[r.IntN(len(commits))])
			}
		}
		for range r.IntN(5) {
			p := paths[r.IntN(len(paths))]
			switch r.IntN(9) {
			case 0:
				fmt.Fprintf(&b, "D %q\n", p)
			case 1:
				fmt.Fprintf(&b, "M 160000 %040x %q\n", r.Uint64(), p)
			default:
				mode := []string{"100644", "100644", "100755", "120000"}[r.IntN(4)]
				text := strings.Repeat("same\n", 200) + fmt.Sprint("text ", r.IntN(25))
				if r.IntN(6) == 0 { // nothing that could be made smaller
					noise := make([]byte, 3000)
					for k := range noise {
						noise[k] = byte(r.Uint32())
					}
					text = string(noise)
				}
				fmt.Fprintf(&b, "M %s inline %q\n%s", mode, p, data(text))
			}
		}
		commits = append(commits, marks)
		if r.IntN(6) == 0 {
			fmt.Fprintf(&b, "tag v%d\nfrom :%d\ntagger Ann <ann@example.net> %d +0000\n%s", i, marks, date, data("the tag"))
		}
	}
	c := exec.Command("git", "-C", dir, "-c", fmt.Sprint("fastimport.unpackLimit=", r.IntN(2)*10000), "fast-import", "--quiet", "--force", "--date-format=raw-permissive")
	c.Stdin = &b
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	git(t, dir, "symbolic-ref", "HEAD", "refs/heads/b0")
	git(t, dir, "symbolic-ref", "refs/remotes/origin/HEAD", "refs/heads/b1")
	tryGit(dir, "reset", "-q", "--mixed")
	tryGit(dir, "tag", "-a", "-f", "-m", "of a tag", "again", "b1")
	tryGit(dir, "tag", "-a", "-f", "-m", "of a tag", "twice", "again")
	if r.IntN(2) == 0 {
		tryGit(dir, "branch", "-q", "-D", "b3")
	}
	if err := os.WriteFile(filepath.Join(dir, "new"), []byte("staged"), 0o644); err != nil {
		t.Fatal(err)
	}
	git(t, dir, "add", "new")
	return dir
}

// TestLeft: what is read here tells of what is missing or too large, and of a broken pack, as git does.
func TestLeft(t *testing.T) {
	dir := versions(t)
	large := bytes.Repeat([]byte("0123456789abcdef"), maxFile/16+1)
	for i, name := range []string{"large", "large2"} {
		if err := os.WriteFile(filepath.Join(dir, name), append(large, byte(i)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	git(t, dir, "add", ".")
	git(t, dir, "commit", "-q", "-m", "large")
	compareTold(t, dir, "large, loose")
	git(t, dir, "-c", "core.bigFileThreshold=1g", "repack", "-adfq")
	compareTold(t, dir, "large, packed")
	bare := filepath.Join(t.TempDir(), "bare")
	git(t, dir, "clone", "-q", "--bare", dir, bare)
	compareTold(t, bare, "bare")

	whole := tell(t, &History{dir: bare}).Objects
	packs, err := filepath.Glob(filepath.Join(bare, "objects/pack/*.pack"))
	if err != nil || len(packs) != 1 {
		t.Fatal(packs, err)
	}
	pack, err := os.ReadFile(packs[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(packs[0], 0o644); err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(29, 31))
	for range 25 {
		broken := bytes.Clone(pack)
		broken[r.IntN(len(broken))] ^= byte(1 + r.IntN(255))
		if err := os.WriteFile(packs[0], broken, 0o644); err != nil {
			t.Fatal(err)
		}
		h := &History{dir: bare}
		if h.folder, err = openFolder(bare); err != nil {
			t.Fatal(err)
		}
		got := tell(t, h)
		for id, text := range got.Objects {
			if whole[id] != text {
				t.Errorf("%s has another text", id)
			}
		}
		if lost := len(whole) - len(got.Objects); lost > 0 && !slices.ContainsFunc(got.Problems, func(p string) bool { return !strings.HasPrefix(p, string(plinth.Limit)) }) {
			t.Errorf("%d objects are missing, and nobody is told: %v", lost, got.Problems)
		}
	}
}

// TestUnusual: what is not as git makes it is left to git.
func TestUnusual(t *testing.T) {
	plain := func() string { return repository(t, "write a x", "add .", "commit -q -m one") }
	for name, change := range map[string]func(dir string){
		"a further work tree": func(dir string) {
			git(t, dir, "worktree", "add", "-q", "--detach", filepath.Join(t.TempDir(), "other"))
		},
		"borrowed objects": func(dir string) {
			if err := os.WriteFile(filepath.Join(dir, ".git/objects/info/alternates"), []byte("/nowhere\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		},
		"an extension": func(dir string) {
			git(t, dir, "config", "core.repositoryformatversion", "1")
			git(t, dir, "config", "extensions.partialClone", "origin")
		},
		"another work tree": func(dir string) { git(t, dir, "config", "core.worktree", "/nowhere") },
		"an include":        func(dir string) { git(t, dir, "config", "include.path", "/nowhere") },
		"a bare one":        func(dir string) { git(t, dir, "config", "core.bare", "true") },
		"a broken ref": func(dir string) {
			if err := os.WriteFile(filepath.Join(dir, ".git/refs/heads/x"), []byte("no id\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		},
		"a ref to nothing": func(dir string) { git(t, dir, "symbolic-ref", "refs/heads/x", "refs/heads/gone") },
	} {
		t.Run(name, func(t *testing.T) {
			dir := plain()
			if _, err := openFolder(dir); err != nil {
				t.Fatal(err)
			}
			change(dir)
			if _, err := openFolder(dir); err == nil {
				t.Error("it is taken")
			}
		})
	}
	if _, err := openFolder(filepath.Join(plain(), ".git")); err == nil {
		t.Error("the folder of a repository with a work tree is taken for a bare one")
	}
	if _, err := openFolder(t.TempDir()); err == nil {
		t.Error("a folder without a repository is taken")
	}
}

// FuzzOwn: no commit, tag or tree makes the reader fail, and neither does any ref or setting.
func FuzzOwn(f *testing.F) {
	f.Add("tree 0000000000000000000000000000000000000001\nparent 0000000000000000000000000000000000000002\nauthor A <a> 1 +0000\ncommitter A <a> 1 +0000\n\nm", "100644 a\x00", "[core]\n\tbare = true\n", "ref: refs/heads/main\n")
	f.Fuzz(func(t *testing.T, text, entry, config, ref string) {
		var ids []byte
		for i := range 6 {
			ids = append(ids, append(make([]byte, idBytes-1), byte(i))...)
		}
		s := &store{gitFolder: &gitFolder{refs: []string{"r"}, ids: map[string][idBytes]byte{"r": {}}}, sorted: newSorted(ids), known: map[string]int32{}, kind: []uint8{1, 2, 1, 2, 3, 4}, slot: make([]int32, 6)}
		s.seat()
		for i, k := range s.kind {
			switch k {
			case kindCommit:
				c := s.commit([]byte(text))
				c.origin()
				s.commits[s.slot[i]] = c
			case kindTag:
				s.tags[s.slot[i]] = s.tagged([]byte(text))
			case kindTree:
				base := &made{place: 1, kind: kindTree}
				for at := range 3 {
					data := append([]byte(entry), ids[at*idBytes:min(len(ids), (at+4)*idBytes)]...)
					s.tree(made{place: int32(i), kind: kindTree, data: data, base: base})
					base.data = data
				}
			}
		}
		_ = s.reach()
		var z inflater
		z.single([]byte(text))
		z.whole(loose{file: []byte(text), head: 3, size: len(text)})
		dir := t.TempDir()
		for name, data := range map[string]string{"HEAD": ref, "config": config, "packed-refs": text, "refs/x": ref, "objects/x": ""} {
			if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		_, _ = openFolder(dir)
	})
}
