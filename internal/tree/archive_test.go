package tree

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plinthsec/plinth"
)

type files [][2]string // name, text

func zipped(t testing.TB, list files) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, f := range list {
		m, err := w.Create(f[0])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(m, f[1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func tarred(t testing.TB, list files) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range list {
		if err := w.WriteHeader(&tar.Header{Name: f[0], Mode: 0o644, Size: int64(len(f[1])), Format: tar.FormatUSTAR}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, f[1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gzipped(t testing.TB, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestUnpack(t *testing.T) {
	inner := zipped(t, files{{"b.txt", "deep"}})
	nest := zipped(t, files{{"x", "y"}})
	for range maxNested {
		nest = zipped(t, files{{"n.zip", string(nest)}})
	}
	for _, tc := range []struct {
		name string
		data []byte
		want []string
	}{
		{"no archive", []byte("text"), nil},
		{"zip", zipped(t, files{{"a/b.txt", "one"}, {"A.class", "x"}, {"../../etc/c", "two"}}), []string{"f!a/b.txt one", "f!etc/c two"}},
		{"tar", tarred(t, files{{"a.txt", "one"}}), []string{"f!a.txt one"}},
		{"tar.gz", gzipped(t, tarred(t, files{{"a.txt", "one"}})), []string{"f!a.txt one"}},
		{"gzip", gzipped(t, []byte("one")), []string{"f!f one"}},
		{"zip in tar", tarred(t, files{{"i.zip", string(inner)}}), []string{"f!i.zip!b.txt deep"}},
		{"too deep", nest, []string{"unsupported f!n.zip!n.zip!n.zip"}},
		{"bomb", gzipped(t, bytes.Repeat([]byte{'a'}, maxMember+10)), []string{"limit f!f"}},
		{"broken", []byte("PK\x03\x04nothing"), []string{"unsupported f"}},
		{"another format", []byte("7z\xbc\xaf\x27\x1c..."), []string{"unsupported f"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got []string
			Unpack("f", tc.data, func(p string, d []byte) { got = append(got, p+" "+string(d)) }, func(p plinth.Problem) { got = append(got, string(p.Kind)+" "+p.At.Path) })
			if d := cmp.Diff(tc.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

// FuzzUnpack: no data makes it panic, and no member is named outside the archive.
func FuzzUnpack(f *testing.F) {
	f.Add(zipped(f, files{{"a", "b"}}))
	f.Add(gzipped(f, tarred(f, files{{"a", "b"}})))
	f.Fuzz(func(t *testing.T, data []byte) {
		Unpack("f", data, func(p string, _ []byte) {
			if !strings.HasPrefix(p, "f"+Separator) || strings.Contains(p, "!../") || strings.Contains(p, "/../") {
				t.Errorf("path %q", p)
			}
		}, func(plinth.Problem) {})
	})
}
