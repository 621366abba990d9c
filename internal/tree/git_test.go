package tree

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plinthsec/plinth"
)

// repository makes a repository by git commands, "write PATH TEXT" and "remove PATH".
func repository(t *testing.T, steps ...string) string {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("there is no git program")
	}
	dir := t.TempDir()
	git(t, dir, "init", "-q", "-b", "main")
	for _, step := range steps {
		f := strings.SplitN(step, " ", 3)
		switch f[0] {
		case "write":
			p := filepath.Join(dir, filepath.FromSlash(f[1]))
			if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(p, []byte(f[2]), 0o644); err != nil {
				t.Fatal(err)
			}
		case "remove":
			if err := os.Remove(filepath.Join(dir, f[1])); err != nil {
				t.Fatal(err)
			}
		default:
			git(t, dir, strings.Fields(step)...)
		}
	}
	return dir
}

func git(t *testing.T, dir string, args ...string) {
	t.Helper()
	c := exec.Command("git", args...)
	c.Dir = dir
	c.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=Ann", "GIT_AUTHOR_EMAIL=ann@example.net", "GIT_COMMITTER_NAME=Ann",
		"GIT_COMMITTER_EMAIL=ann@example.net", "GIT_AUTHOR_DATE=2026-01-02T03:04:05Z", "GIT_COMMITTER_DATE=2026-01-02T03:04:05Z",
	}
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
}

// seen reads a history and returns "path text note" of each object that holds SECRET, and the kinds of problems with their texts.
func seen(t *testing.T, tr *Tree) (objects, problems []string) {
	t.Helper()
	var mu sync.Mutex
	wanted, texts := map[string]bool{}, map[string]string{}
	problem := func(p plinth.Problem) { problems = append(problems, string(p.Kind)+" "+p.Text) }
	if _, err := tr.History().Each(context.Background(), 2, problem, func(o Object) {
		mu.Lock()
		defer mu.Unlock()
		if strings.Contains(string(o.Data), "SECRET") {
			wanted[o.ID], texts[o.ID] = o.Message, strings.TrimSpace(string(o.Data))
		}
	}); err != nil {
		t.Fatal(err)
	}
	origins, err := tr.History().Origins(context.Background(), wanted)
	if err != nil {
		t.Fatal(err)
	}
	for id, o := range origins {
		where := "no commit"
		if o.Commit != "" {
			where = o.Author + " " + o.Date[:10]
		}
		path := o.Path
		if strings.Contains(path, id) {
			path = strings.ReplaceAll(path, id, "ID")
		}
		head := ""
		if o.InHead {
			head = " in HEAD"
		}
		objects = append(objects, path+" "+texts[id]+" "+where+head)
	}
	sort.Strings(objects)
	return objects, problems
}

func TestHistory(t *testing.T) {
	for _, tc := range []struct {
		name  string
		steps []string
		want  []string
	}{
		{"removed later", []string{"write a.env SECRET1", "add .", "commit -q -m one", "rm -q a.env", "commit -q -m two"}, []string{"a.env SECRET1 Ann <ann@example.net> 2026-01-02"}},
		{"still there", []string{"write a.env SECRET1", "add .", "commit -q -m one"}, []string{"a.env SECRET1 Ann <ann@example.net> 2026-01-02 in HEAD"}},
		{"the first of two versions", []string{"write a SECRET1", "add .", "commit -q -m one", "write b SECRET1", "rm -q --cached a", "remove a", "add .", "commit -q -m two"}, []string{"a SECRET1 Ann <ann@example.net> 2026-01-02 in HEAD"}},
		{"staged only", []string{"write a x", "add .", "commit -q -m one", "write b SECRET2", "add b", "remove b"}, []string{"b SECRET2 no commit"}},
		{"before the first commit", []string{"write b SECRET2", "add b"}, []string{"b SECRET2 no commit"}},
		{
			"in no commit",
			[]string{"write a SECRET1", "add .", "commit -q -m one", "commit -q --amend -m SECRET3", "reset -q --soft HEAD", "write a x", "add .", "commit -q --amend -m clean"},
			[]string{MessagePath + " SECRET3 no commit", ".git/objects/ID SECRET1 no commit"},
		},
		{"message", []string{"write a x", "add .", "commit -q -m SECRET4"}, []string{MessagePath + " SECRET4 Ann <ann@example.net> 2026-01-02"}},
		{"tag", []string{"write a x", "add .", "commit -q -m one", "tag -a v1 -m SECRET5"}, []string{MessagePath + " SECRET5 no commit"}},
		{
			"in a merge alone",
			[]string{"write a x", "add .", "commit -q -m one", "checkout -q -b side", "write b y", "add .", "commit -q -m two", "checkout -q main", "merge -q --no-ff --no-commit side", "write c SECRET6", "add c", "commit -q -m merge", "rm -q c", "commit -q -m tidy"},
			[]string{"c SECRET6 Ann <ann@example.net> 2026-01-02"},
		},
		{"a name that git quotes", []string{"write ключ\tодин SECRET7", "add .", "commit -q -m one"}, []string{"ключ\tодин SECRET7 Ann <ann@example.net> 2026-01-02 in HEAD"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tr, err := OpenGit(t.Context(), repository(t, tc.steps...), "")
			if err != nil {
				t.Fatal(err)
			}
			got, problems := seen(t, tr)
			if d := cmp.Diff(tc.want, got); d != "" {
				t.Error(d)
			}
			if len(problems) > 0 {
				t.Errorf("problems %v", problems)
			}
		})
	}
}

func TestStaged(t *testing.T) {
	dir := repository(t, "write a SECRET1", "add .", "commit -q -m one", "write b SECRET2", "write c SECRET3", "add b")
	tr, err := OpenStaged(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	got, _ := seen(t, tr)
	if d := cmp.Diff([]string{"b SECRET2 no commit"}, got); d != "" {
		t.Error(d)
	}
}

func TestRange(t *testing.T) {
	dir := repository(t, "write a SECRET1", "add .", "commit -q -m one", "tag first", "write b SECRET2", "add .", "commit -q -m two")
	tr, err := OpenGit(t.Context(), dir, "first..HEAD")
	if err != nil {
		t.Fatal(err)
	}
	got, _ := seen(t, tr)
	if d := cmp.Diff([]string{"b SECRET2 Ann <ann@example.net> 2026-01-02 in HEAD"}, got); d != "" {
		t.Error(d)
	}
	for _, bad := range []string{"--output=x", "-x"} {
		if _, err := OpenGit(t.Context(), dir, bad); err == nil {
			t.Errorf("range %q is taken", bad)
		}
	}
}

// TestIncomplete: what is not there is told.
func TestIncomplete(t *testing.T) {
	dir := repository(t, "write a x", "write b y", "add .", "commit -q -m one", "write a z", "add .", "commit -q -m two", "clone -q --no-local --depth 1 . shallow")
	tr, err := OpenGit(t.Context(), filepath.Join(dir, "shallow"), "")
	if err != nil {
		t.Fatal(err)
	}
	if _, problems := seen(t, tr); len(problems) != 1 || !strings.Contains(problems[0], "missing-object the clone is shallow") {
		t.Errorf("problems of a shallow clone: %v", problems)
	}
	out, err := exec.Command("git", "-C", dir, "rev-parse", "HEAD:a").Output()
	if err != nil {
		t.Fatal(err)
	}
	id := strings.TrimSpace(string(out))
	if err := os.Remove(filepath.Join(dir, ".git", "objects", id[:2], id[2:])); err != nil {
		t.Fatal(err)
	}
	if tr, err = OpenGit(t.Context(), dir, ""); err != nil {
		t.Fatal(err)
	}
	if _, problems := seen(t, tr); len(problems) != 1 || !strings.Contains(problems[0], "object "+id+" is missing") {
		t.Errorf("problems of a broken repository: %v", problems)
	}
	lfs := repository(t, "write big version https://git-lfs.github.com/spec/v1", "add .", "commit -q -m one")
	if tr, err = OpenGit(t.Context(), lfs, ""); err != nil {
		t.Fatal(err)
	}
	if _, problems := seen(t, tr); len(problems) != 1 || !strings.Contains(problems[0], "large file storage") {
		t.Errorf("problems of a pointer: %v", problems)
	}
	outer := repository(t, "write a x", "add .", "commit -q -m one", "update-index --add --cacheinfo 160000,"+id+",sub", "commit -q -m two")
	if tr, err = OpenGit(t.Context(), outer, ""); err != nil {
		t.Fatal(err)
	}
	if _, problems := seen(t, tr); len(problems) != 1 || !strings.Contains(problems[0], "missing-object the submodule sub") {
		t.Errorf("problems of a submodule: %v", problems)
	}
	if _, err := OpenGit(t.Context(), t.TempDir(), ""); err == nil {
		t.Error("a folder without a repository is opened")
	}
}

// TestHostileRepository: the repository's own configuration runs nothing.
func TestHostileRepository(t *testing.T) {
	dir := repository(t, "write a SECRET1", "add .", "commit -q -m one")
	mark := filepath.Join(t.TempDir(), "ran")
	for _, key := range []string{"core.fsmonitor", "core.pager", "diff.external", "core.sshCommand", "gpg.program", "core.alternateRefsCommand", "core.editor"} {
		git(t, dir, "config", key, "touch "+mark+" #")
	}
	git(t, dir, "config", "log.showSignature", "true")
	tr, err := OpenGit(t.Context(), dir, "")
	if err != nil {
		t.Fatal(err)
	}
	seen(t, tr)
	if _, err := os.Stat(mark); err == nil {
		t.Error("a program of the repository ran")
	}
}

// FuzzLog: no answer of git makes its reader panic.
func FuzzLog(f *testing.F) {
	f.Add("\x01abc\x02Ann\x022026\x02\n:0 1 2 id A\x00path\x00")
	f.Fuzz(func(t *testing.T, answer string) {
		p := logReader{wanted: map[string]bool{"id": false}, out: map[string]Origin{}}
		for token := range strings.SplitSeq(answer, "\x00") {
			p.token(token)
		}
	})
}
