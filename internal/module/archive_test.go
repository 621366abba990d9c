package module

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io/fs"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func validDir(p string) bool { return fs.ValidPath(p) && p != "." }

// item is an entry of an archive. A target makes it a symbolic link; one that begins with "hard:" a hard one.
type item struct{ name, text, target string }

func makeTar(t testing.TB, items []item) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, it := range items {
		h := &tar.Header{Name: it.name, Mode: 0o777, Size: int64(len(it.text)), Typeflag: tar.TypeReg}
		switch hard, ok := strings.CutPrefix(it.target, "hard:"); {
		case ok:
			h.Typeflag, h.Linkname = tar.TypeLink, hard
		case it.target != "":
			h.Typeflag, h.Linkname = tar.TypeSymlink, it.target
		case strings.HasSuffix(it.name, "/"):
			h.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(it.text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func makeZip(t testing.TB, items []item) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, it := range items {
		h := &zip.FileHeader{Name: it.name, Method: zip.Deflate}
		h.SetMode(0o777)
		text := it.text
		if it.target != "" {
			h.SetMode(fs.ModeSymlink | 0o777)
			text = it.target
		}
		f, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// listing is what a bundle holds.
func listing(b *bundle) []string {
	var out []string
	for n, data := range b.files {
		out = append(out, n+"="+string(data))
	}
	sort.Strings(out)
	return out
}

func TestUnpack(t *testing.T) {
	big := strings.Repeat("x", maxOther+1)
	tests := []struct {
		name  string
		items []item
		want  []string
		fault string
	}{
		{"plain", []item{{"a/", "", ""}, {"./main.tf", "1", ""}, {"a/b.tf", "2", ""}}, []string{"a/b.tf=2", "main.tf=1"}, ""},
		{"the last of a name counts", []item{{"main.tf", "1", ""}, {"main.tf", "2", ""}}, []string{"main.tf=2"}, ""},
		{"large files are left out", []item{{"a.bin", big, ""}, {"main.tf", "1", ""}}, []string{"main.tf=1"}, ""},
		{"link to a file", []item{{"m/v.tf", "", "../v.tf"}, {"v.tf", "1", ""}}, []string{"m/v.tf=1", "v.tf=1"}, ""},
		{"link to a folder", []item{{"m", "", "n/o"}, {"n/o/a.tf", "1", ""}, {"n/o/p/b", "2", ""}}, []string{"m/a.tf=1", "m/p/b=2", "n/o/a.tf=1", "n/o/p/b=2"}, ""},
		{"link through a link", []item{{"a", "", "b"}, {"b", "", "c"}, {"c/x.tf", "1", ""}, {"d.tf", "", "a/x.tf"}}, []string{"a/x.tf=1", "b/x.tf=1", "c/x.tf=1", "d.tf=1"}, ""},
		{"link out", []item{{"x", "", "../../etc/passwd"}, {"y", "", "/etc/passwd"}, {"main.tf", "1", ""}}, []string{"main.tf=1"}, ""},
		{"link out through a link", []item{{"a", "", "b/.."}, {"x", "", "a/../../y"}, {"main.tf", "1", ""}}, []string{"main.tf=1"}, ""},
		{"configuration that is a link out", []item{{"main.tf", "", "../main.tf"}}, nil, "leads out of the package"},
		{"configuration that is a link to nowhere", []item{{"main.tf", "", "other.tf"}}, nil, "or nowhere"},
		{"loop of links", []item{{"a", "", "b"}, {"b", "", "a"}, {"c", "", "c"}, {"d", "", "d/e"}, {"main.tf", "1", ""}}, []string{"main.tf=1"}, ""},
		{"link to the folder it is in", []item{{"a/b", "", ".."}, {"a/c", "", "."}, {"a/main.tf", "1", ""}}, []string{"a/main.tf=1"}, ""},
		{"link, then a file below it", []item{{"a", "", "/etc"}, {"a/passwd", "1", ""}}, []string{"a/passwd=1"}, ""},
		{"out", []item{{"../main.tf", "1", ""}}, nil, "leads out"},
		{"out in the middle", []item{{"a/../../main.tf", "1", ""}}, nil, "leads out"},
		{"absolute", []item{{"/etc/main.tf", "1", ""}}, nil, "leads out"},
		{"out with backslashes", []item{{`a\..\..\main.tf`, "1", ""}}, nil, "leads out"},
		{"drive", []item{{`C:\main.tf`, "1", ""}}, nil, "leads out"},
		{"folder out", []item{{"../a/", "", ""}}, nil, "leads out"},
		{"name that is no text", []item{{"a\xff.tf", "1", ""}}, nil, "name that is not read"},
		{"name that is too long", []item{{strings.Repeat("a/", 600) + "b", "1", ""}}, nil, "name that is not read"},
		{"file that is a folder, too", []item{{"a", "1", ""}, {"a/b", "2", ""}}, nil, "both a file and a folder"},
		{"large configuration", []item{{"main.tf", strings.Repeat("x", maxConfig+1), ""}}, nil, "more than 8 MiB"},
	}
	for _, tt := range tests {
		for kind, make := range map[string]func(testing.TB, []item) []byte{"zip": makeZip, "tar.gz": makeTar} {
			t.Run(tt.name+" "+kind, func(t *testing.T) {
				data := make(t, tt.items)
				b, err := unpack(context.Background(), kind, bytes.NewReader(data), int64(len(data)))
				if tt.fault != "" {
					if err == nil || !strings.Contains(err.Error(), tt.fault) {
						t.Fatalf("got %v, want …%s…", err, tt.fault)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(tt.want, listing(b)); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		}
	}
}

func TestHardLinks(t *testing.T) {
	data := makeTar(t, []item{{"a/v.tf", "1", ""}, {"b/v.tf", "", "hard:a/v.tf"}, {"c", "", "hard:../x"}})
	b, err := unpack(context.Background(), "tar.gz", bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a/v.tf=1", "b/v.tf=1"}, listing(b)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestLimits(t *testing.T) {
	if testing.Short() {
		t.Skip("packs more than a hundred megabytes")
	}
	many := make([]item, maxEntries+1)
	for i := range many {
		many[i].name = fmt.Sprintf("f%d", i)
	}
	block := strings.Repeat("\x00", maxOther)
	links := []item{{"a/f", block, ""}}
	for i := range maxPackage/maxOther + 1 {
		links = append(links, item{fmt.Sprintf("l%d", i), "", "a"})
	}
	for name, tt := range map[string]struct {
		items []item
		fault string
	}{"entries": {many, "more than 50000 entries"}, "size": {links, "more than 128 MiB"}} {
		data := makeZip(t, tt.items)
		if _, err := unpack(context.Background(), "zip", bytes.NewReader(data), int64(len(data))); err == nil || !strings.Contains(err.Error(), tt.fault) {
			t.Errorf("%s: %v, want …%s…", name, err, tt.fault)
		}
	}
	bomb := &budget{left: 10}
	if _, err := bomb.reader(strings.NewReader("0123456789abc")).Read(make([]byte, 20)); err != nil {
		t.Fatal(err)
	}
	if _, err := bomb.reader(strings.NewReader("x")).Read(make([]byte, 1)); err != errUnpacked {
		t.Errorf("got %v, want %v", err, errUnpacked)
	}
}

func FuzzUnpack(f *testing.F) {
	items := []item{{"main.tf", "resource \"a\" \"b\" {}\n", ""}, {"a/b/v.tf", "", "../../main.tf"}, {"c", "", "a"}, {"d/", "", ""}}
	z := makeZip(f, items)
	f.Add("zip", z)
	t := makeTar(f, items)
	f.Add("tar.gz", t)
	if r, err := gzip.NewReader(bytes.NewReader(t)); err == nil {
		var plain bytes.Buffer
		if _, err := plain.ReadFrom(r); err == nil {
			f.Add("tar", plain.Bytes())
		}
	}
	f.Fuzz(func(t *testing.T, kind string, data []byte) {
		b, err := unpack(context.Background(), kind, bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		for n := range b.files {
			if !validDir(n) {
				t.Errorf("%s: the path %q leads out", kind, n)
			}
		}
		var out bytes.Buffer
		if err := writeZip(&out, b); err != nil {
			t.Fatal(err)
		}
		again, err := unpack(context.Background(), "zip", bytes.NewReader(out.Bytes()), int64(out.Len()))
		if err != nil {
			t.Fatalf("what was kept is not read: %v", err)
		}
		if diff := cmp.Diff(listing(b), listing(again)); diff != "" {
			t.Errorf("what was kept differs (-want +got):\n%s", diff)
		}
	})
}
