package cache_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/cache"
)

var (
	key   = cache.SumOfAll("build", "target")
	later = func() time.Time { return time.Now().Add(time.Hour) } // files are settled then
)

func TestFilesComeBack(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	old := cache.Stat{Size: 3, Modified: 4, Changed: 5, Inode: 6}
	s := cache.Open(dir, key, later())
	f := cache.File{Stat: old, Sum: cache.SumOf([]byte("x")), Marks: 1<<63 | 5}
	s.Keep("a.tf", f)
	young := cache.File{Stat: cache.Stat{Size: 1, Modified: later().UnixNano(), Changed: 1, Inode: 1}, Sum: f.Sum, Marks: 1}
	s.Keep("young.tf", young)
	if err := s.Save(); err != nil {
		t.Fatal(err)
	}
	s = cache.Open(dir, key, later())
	if got, same := s.File("a.tf", old); !same || got != f {
		t.Errorf("got %+v %v, want %+v", got, same, f)
	}
	if _, same := s.File("a.tf", cache.Stat{Size: 3, Modified: 4, Changed: 5, Inode: 7}); same {
		t.Error("another file of the same size and time counts as the same")
	}
	if got, same := s.File("young.tf", young.Stat); same || got.Sum != young.Sum {
		t.Errorf("a file that was changed as the scan began need not be read again: %+v %v", got, same)
	}
	if got, same := s.File("none.tf", cache.Stat{}); same || got != (cache.File{}) {
		t.Errorf("a file that nobody knows: %+v %v", got, same)
	}
	if s := cache.Open(dir, cache.SumOfAll("another", "target"), later()); s.Known() {
		t.Error("another build knows the same")
	}
}

func TestDamagedStoreIsEmpty(t *testing.T) {
	dir := t.TempDir()
	s := cache.Open(dir, key, later())
	s.Keep("a", cache.File{Stat: cache.Stat{Size: 1}, Sum: cache.SumOf(nil)})
	if err := s.Save(); err != nil {
		t.Fatal(err)
	}
	list, err := os.ReadDir(dir)
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	name := filepath.Join(dir, list[0].Name())
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for i := range whole {
		bad := append([]byte(nil), whole...)
		bad[i] ^= 0x40
		for _, data := range [][]byte{bad, whole[:i]} {
			if err := os.WriteFile(name, data, 0o600); err != nil {
				t.Fatal(err)
			}
			if cache.Open(dir, key, later()).Known() {
				t.Fatalf("a store that is damaged at byte %d counts", i)
			}
		}
	}
	if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("others may read it: %v %v", info.Mode(), err)
	}
}

func TestStoresAreFew(t *testing.T) {
	dir := t.TempDir()
	for i := range 300 {
		s := cache.Open(dir, cache.SumOfAll(fmt.Sprint(i)), later())
		s.Keep("a", cache.File{Sum: cache.SumOf(nil)})
		if err := s.Save(); err != nil {
			t.Fatal(err)
		}
	}
	if list, _ := os.ReadDir(dir); len(list) != 256 {
		t.Errorf("%d stores are kept, not 256", len(list))
	}
}

// TestUnitsHoldAsLongAsTheirInputs: each case is a change after which what was made from the files does not count any more.
func TestUnitsHoldAsLongAsTheirInputs(t *testing.T) {
	ask := func(f *cache.Recorder) {
		_, _ = f.ReadFile("a/x.txt")
		_, _ = f.ReadFile("a/absent.txt")
		_, _ = f.Stat("b")
		_, _ = f.ReadDir("c")
		if h, err := f.Open("d/open.txt"); err == nil {
			h.Close()
		}
		f.Note(cache.Input{Kind: cache.Own, Name: "mine", Sum: cache.SumOf([]byte("1"))})
	}
	for _, c := range []struct {
		name   string
		change func(fstest.MapFS)
		mine   string
		holds  bool
	}{
		{"nothing", func(fstest.MapFS) {}, "1", true},
		{"a file that nobody read", func(m fstest.MapFS) { m["a/y.txt"] = &fstest.MapFile{Data: []byte("y")} }, "1", true},
		{"the content of a file", func(m fstest.MapFS) { m["a/x.txt"] = &fstest.MapFile{Data: []byte("X")} }, "1", false},
		{"the content of a file that was opened", func(m fstest.MapFS) { m["d/open.txt"] = &fstest.MapFile{Data: []byte("X")} }, "1", false},
		{"a file that was gone", func(m fstest.MapFS) { m["a/absent.txt"] = &fstest.MapFile{} }, "1", false},
		{"a file that goes", func(m fstest.MapFS) { delete(m, "a/x.txt") }, "1", false},
		{"a folder that becomes a file", func(m fstest.MapFS) { delete(m, "b/z"); m["b"] = &fstest.MapFile{} }, "1", false},
		{"a further file in a folder", func(m fstest.MapFS) { m["c/2.txt"] = &fstest.MapFile{} }, "1", false},
		{"an input of the reader's own", func(fstest.MapFS) {}, "2", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := fstest.MapFS{
				"a/x.txt": {Data: []byte("x")}, "b/z": {Data: []byte("z")}, "c/1.txt": {}, "d/open.txt": {Data: []byte("o")},
			}
			dir := t.TempDir()
			s := cache.Open(dir, key, later())
			shelf := s.Shelf("reader", files, files.ReadFile)
			rec := shelf.Record()
			ask(rec)
			shelf.Put("unit", rec, []byte("made"))
			if err := s.Save(); err != nil {
				t.Fatal(err)
			}
			c.change(files)
			s = cache.Open(dir, key, later())
			own := func(cache.Kind, string) cache.Sum { return cache.SumOf([]byte(c.mine)) }
			body, ok := s.Shelf("reader", files, files.ReadFile).Take("unit", own)
			if ok != c.holds || ok && body != "made" {
				t.Errorf("got %q %v, want %v", body, ok, c.holds)
			}
			if _, ok := s.Shelf("another", files, files.ReadFile).Take("unit", own); ok {
				t.Error("another reader has it, too")
			}
		})
	}
}

// TestUnitsOfUnchangedFilesStay: what nobody asks for is kept as long as its file is the same.
func TestUnitsOfUnchangedFilesStay(t *testing.T) {
	files := fstest.MapFS{"a": {Data: []byte("a")}, "b": {Data: []byte("b")}}
	dir := t.TempDir()
	run := func(touch string) {
		s := cache.Open(dir, key, later())
		for name, f := range files {
			s.Keep(name, cache.File{Stat: cache.Stat{Size: 1}, Sum: cache.SumOf(f.Data)})
		}
		shelf := s.Shelf("reader", files, files.ReadFile)
		if touch != "" {
			rec := shelf.Record()
			rec.Note(cache.Input{Kind: cache.Content, Name: touch, Sum: shelf.Sum(touch)})
			shelf.Put(touch, rec, []byte("made of "+touch))
		}
		if err := s.Save(); err != nil {
			t.Fatal(err)
		}
	}
	run("a")
	run("b")
	has := func(name string) bool {
		s := cache.Open(dir, key, later())
		for name, f := range files {
			s.Keep(name, cache.File{Sum: cache.SumOf(f.Data)})
		}
		_, ok := s.Shelf("reader", files, files.ReadFile).Take(name, nil)
		return ok
	}
	if !has("a") || !has("b") {
		t.Errorf("a %v, b %v", has("a"), has("b"))
	}
	files["a"].Data = []byte("A")
	run("")
	if has("a") || !has("b") {
		t.Errorf("after a change of a: a %v, b %v", has("a"), has("b"))
	}
}

func TestNothingIsKeptOfFilesThatChangeMeanwhile(t *testing.T) {
	files := fstest.MapFS{"a": {Data: []byte("a")}}
	s := cache.Open(t.TempDir(), key, later())
	s.Keep("a", cache.File{Sum: cache.SumOf([]byte("before"))})
	shelf := s.Shelf("reader", files, files.ReadFile)
	if b, err := shelf.Read("a"); string(b) != "a" || err != nil {
		t.Fatal(b, err)
	}
	rec := shelf.Record()
	rec.Note(cache.Input{Kind: cache.Content, Name: "a", Sum: shelf.Sum("a")})
	shelf.Put("unit", rec, []byte("made"))
	if err := s.Save(); err != nil {
		t.Fatal(err)
	}
	if _, ok := shelf.Take("unit", nil); ok {
		t.Error("it was kept")
	}
}

type sink struct {
	resources []*plinth.Resource
	problems  []plinth.Problem
}

func (s *sink) Resource(r *plinth.Resource) { s.resources = append(s.resources, r) }
func (s *sink) Problem(p plinth.Problem)    { s.problems = append(s.problems, p) }

func TestReplay(t *testing.T) {
	var first, again sink
	to := &cache.Sink{To: &first}
	to.Resource(&plinth.Resource{ID: "r", Props: plinth.StringOf("x")})
	to.Problem(plinth.Problem{Kind: plinth.Broken, Text: "b"})
	n, err := cache.Replay(string(to.Bytes()), &again)
	if n != 1 || err != nil || fmt.Sprint(first.problems) != fmt.Sprint(again.problems) || again.resources[0].Props.Str() != "x" {
		t.Errorf("%d %v %+v", n, err, again)
	}
	to.Problem(plinth.Problem{Kind: plinth.Timeout})
	if to.Bytes() != nil {
		t.Error("a run that was out of time is kept")
	}
}
