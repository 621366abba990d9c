package tree

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plinthsec/plinth"
)

func write(t *testing.T, dir string, files ...string) {
	t.Helper()
	for _, f := range files {
		path := filepath.Join(dir, filepath.FromSlash(f))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func listed(t *testing.T, dir string, exclude ...string) (paths []string, problems []string, seen int) {
	t.Helper()
	tr, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Close()
	l, err := tr.List(exclude, func(p plinth.Problem) { problems = append(problems, string(p.Kind)+" "+p.At.Path) })
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range l.Files {
		paths = append(paths, e.Path)
	}
	return paths, problems, l.Seen
}

func TestListing(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "main.tf", "a/x.yaml", "a/y.yml", "a/photo.png", "Dockerfile", "b/Dockerfile.prod", "node_modules/z.json", ".git/config.json",
		".terraform/providers/p.json", ".terraform/modules/modules.json", "a/.terraform/modules/m/main.tf", "noext", "README.md")
	paths, problems, seen := listed(t, dir, "y.yml")
	want := []string{".terraform/modules/modules.json", "Dockerfile", "a/.terraform/modules/m/main.tf", "a/x.yaml", "b/Dockerfile.prod", "main.tf", "noext"}
	if d := cmp.Diff(want, paths); d != "" {
		t.Error(d)
	}
	if len(problems) > 0 || seen != 10 {
		t.Errorf("problems %v, seen %d", problems, seen)
	}
}

func TestLinks(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("links need rights on Windows")
	}
	outside := t.TempDir()
	write(t, outside, "secret.yaml", "dir/x.yaml")
	dir := t.TempDir()
	write(t, dir, "common.tf")
	for from, to := range map[string]string{
		"env/common.tf": "../common.tf", "out.yaml": filepath.Join(outside, "secret.yaml"), "outdir": filepath.Join(outside, "dir"),
		"loop": ".", "self.yaml": "self.yaml", "up.yaml": "../../../../../../etc/hostname",
	} {
		path := filepath.Join(dir, from)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(to, path); err != nil {
			t.Fatal(err)
		}
	}
	paths, problems, _ := listed(t, dir)
	if d := cmp.Diff([]string{"common.tf", "env/common.tf"}, paths); d != "" {
		t.Error(d)
	}
	for _, want := range []string{"unsupported out.yaml", "unsupported up.yaml", "unreadable self.yaml"} {
		if !strings.Contains(strings.Join(problems, "\n"), want) {
			t.Errorf("no problem %q in %v", want, problems)
		}
	}
}

func TestUnreadable(t *testing.T) {
	if os.Geteuid() == 0 || runtime.GOOS == "windows" {
		t.Skip("root reads everything")
	}
	dir := t.TempDir()
	write(t, dir, "a/x.tf", "b.tf")
	if err := os.Chmod(filepath.Join(dir, "a"), 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Chmod(filepath.Join(dir, "a"), 0o755) })
	paths, problems, _ := listed(t, dir)
	if d := cmp.Diff([]string{"b.tf"}, paths); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"unreadable a"}, problems); d != "" {
		t.Error(d)
	}
}

func TestSingleFile(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "main.tf", "vars.tf", "other.yaml", "sub/x.tf")
	paths, _, _ := listed(t, filepath.Join(dir, "main.tf"))
	if d := cmp.Diff([]string{"main.tf", "vars.tf"}, paths); d != "" {
		t.Error(d)
	}
}

func TestMatch(t *testing.T) {
	for _, tc := range []struct {
		pattern, path string
		want          bool
	}{
		{"*.yaml", "a/b/x.yaml", true},
		{"test", "a/test/x.yaml", true},
		{"test/", "test/x.yaml", true},
		{"a/*.yaml", "a/b/x.yaml", false},
		{"a/**", "a/b/x.yaml", true},
		{"./a/b", "a/b/x.yaml", true},
		{"**/fixtures/**", "x/fixtures/y/z.tf", true},
		{"[", "a", false},
	} {
		if got := Match(tc.pattern, tc.path); got != tc.want {
			t.Errorf("Match(%q, %q) = %v", tc.pattern, tc.path, got)
		}
	}
}

func TestText(t *testing.T) {
	tr, err := Text("../../etc/main.tf", strings.NewReader("a"))
	if err != nil {
		t.Fatal(err)
	}
	l, err := tr.List(nil, func(p plinth.Problem) { t.Error(p) })
	if err != nil || len(l.Files) != 1 || l.Files[0].Path != "etc/main.tf" {
		t.Errorf("%v %v", l, err)
	}
}
