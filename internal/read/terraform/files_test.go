package terraform

import (
	"errors"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/read/terraform/function"
)

func TestFilesStayInside(t *testing.T) {
	f := &files{fsys: fstest.MapFS{
		"a/b/x.txt": {Data: []byte("x")}, "a/y.txt": {Data: []byte("y")}, "a/b/c/z.yaml": {Data: []byte("z")},
	}, root: "a/b", cache: map[string][]byte{}}
	for path, want := range map[string]plinth.ProblemKind{
		"x.txt": "", "./x.txt": "", "../y.txt": "", "c/../x.txt": "", `..\y.txt`: "",
		"../../../etc/passwd": plinth.NotDownloaded, "/etc/passwd": plinth.NotDownloaded, "~/.ssh/id_rsa": plinth.NotDownloaded,
		"absent.txt": plinth.NotDownloaded, "c": plinth.Unreadable,
	} {
		_, _, err := f.ReadFile(path)
		var got *function.FileError
		errors.As(err, &got)
		if (got == nil) != (want == "") || got != nil && got.Kind != want {
			t.Errorf("ReadFile(%q): %v, want %q", path, err, want)
		}
	}
	for pattern, want := range map[string][]string{
		"*.txt": {"x.txt"}, "**": {"c/z.yaml", "x.txt"}, "**/*.yaml": {"c/z.yaml"}, "c/*.{yaml,yml}": {"c/z.yaml"}, "*.none": nil, "../*.txt": nil,
	} {
		got, err := f.Glob(".", pattern)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("Glob(%q) = %v, %v; want %v", pattern, got, err, want)
		}
	}
	if _, err := f.Glob("../../..", "**"); err == nil {
		t.Error("Glob leaves the target")
	}
}
