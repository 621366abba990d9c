package tree

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func revision(t *testing.T, dir, name string) string {
	t.Helper()
	out, err := exec.Command("git", "-C", dir, "rev-parse", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

func TestReceived(t *testing.T) {
	dir := repository(t, "write a SECRET1", "add .", "commit -q -m one", "checkout -q --detach", "write b SECRET2", "add .", "commit -q -m two")
	first, second, none := revision(t, dir, "main"), revision(t, dir, "HEAD"), strings.Repeat("0", 40)
	git(t, dir, "checkout", "-q", "main") // no ref reaches the second commit, as in a hook
	fresh := []string{"b SECRET2 Ann <ann@example.net> 2026-01-02 in HEAD"}
	for _, tc := range []struct {
		name, lines string
		want        []string
	}{
		{"a branch moves", first + " " + second + " refs/heads/main\n", fresh},
		{"a branch is made", none + " " + second + " refs/heads/side\n", fresh},
		{"both", first + " " + second + " refs/heads/main\n" + none + " " + second + " refs/heads/side\n", fresh},
		{"a branch is deleted", first + " " + none + " refs/heads/main\n", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tr, err := OpenReceived(t.Context(), dir, strings.NewReader(tc.lines))
			if err != nil {
				t.Fatal(err)
			}
			got, problems := seen(t, tr)
			if d := cmp.Diff(tc.want, got); d != "" || len(problems) > 0 {
				t.Errorf("%s%v", d, problems)
			}
		})
	}
	for _, bad := range []string{"", "\n", first + "\n", "--all " + second + " refs/heads/main\n", strings.Repeat(first+" "+second+" r\n", maxRefs+1)} {
		if _, err := OpenReceived(t.Context(), dir, strings.NewReader(bad)); err == nil {
			t.Errorf("%.60q is taken", bad)
		}
	}
	lost := strings.Repeat("1", 40)
	tr, err := OpenReceived(t.Context(), dir, strings.NewReader(lost+" "+second+" refs/heads/main\n"))
	if err != nil {
		t.Fatal(err)
	}
	if _, problems := seen(t, tr); len(problems) == 0 {
		t.Error("a push onto an object that is not here is complete")
	}
}

// FuzzReceived: only ids and fixed words become arguments of git.
func FuzzReceived(f *testing.F) {
	f.Add(strings.Repeat("0", 40) + " " + strings.Repeat("a", 40) + " refs/heads/main\n")
	f.Fuzz(func(t *testing.T, lines string) {
		revisions, _ := received(strings.NewReader(lines))
		for _, r := range revisions {
			if r != "--not" && r != "--all" && !objectID.MatchString(strings.TrimPrefix(r, "^")) {
				t.Errorf("%q", r)
			}
		}
	})
}
