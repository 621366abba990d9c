package fix

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestApply(t *testing.T) {
	for _, c := range []struct {
		name, src string
		edits     []Edit
		want      string // "" for an error
	}{
		{"replace", "a = 1\n", []Edit{{From: 4, To: 5, Text: "2"}}, "a = 2\n"},
		{"equal edits once", "ab", []Edit{{From: 1, To: 1, Text: "x"}, {From: 1, To: 1, Text: "x"}}, "axb"},
		{"insertions in order", "ab", []Edit{{From: 1, To: 1, Text: "y"}, {From: 1, To: 1, Text: "x"}}, "axyb"},
		{"what is indented more comes first", "a:\n- b: 1\n", []Edit{{From: 10, To: 10, Text: "c: 2\n"}, {From: 10, To: 10, Text: "  d:\n    e: 3\n"}}, "a:\n- b: 1\n  d:\n    e: 3\nc: 2\n"},
		{"line ends of the file", "a\r\nb\r\n", []Edit{{From: 3, To: 3, Text: "x\n"}}, "a\r\nx\r\nb\r\n"},
		{"overlap", "abc", []Edit{{From: 0, To: 2}, {From: 1, To: 3}}, ""},
		{"outside", "abc", []Edit{{From: 2, To: 9}}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Apply([]byte(c.src), c.edits)
			if (err != nil) != (c.want == "") {
				t.Fatalf("error %v", err)
			}
			if diff := cmp.Diff(c.want, string(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDiff(t *testing.T) {
	got := Diff("f", []byte("1\n2\n3\n4\n5\n6\n7\n8\n9\n"), []byte("1\nx\n3\n4\n5\n6\n7\n8\n9"))
	want := "--- a/f\n+++ b/f\n@@ -1,9 +1,9 @@\n 1\n-2\n+x\n 3\n 4\n 5\n 6\n 7\n 8\n-9\n+9\n\\ No newline at end of file\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := Diff("f", []byte("a\n"), []byte("a\n")); got != "" {
		t.Error(got)
	}
}

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	file := func(name string, mode os.FileMode) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("old\n"), mode); err != nil {
			t.Fatal(err)
		}
	}
	file("a.tf", 0o640)
	file("b.tf", 0o600)
	old := func(string) ([]byte, error) { return []byte("old\n"), nil }
	if err := Write(dir, map[string][]byte{"a.tf": []byte("new\n")}, old); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dir, "a.tf"))
	if err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if err := os.Symlink("b.tf", filepath.Join(dir, "link.tf")); err != nil {
		t.Skip("no links here")
	}
	for _, name := range []string{"link.tf", "../outside.tf", "a.tf"} { // a link, a way out, bytes that changed meanwhile
		if err := Write(dir, map[string][]byte{"b.tf": []byte("new\n"), name: []byte("new\n")}, old); err == nil {
			t.Errorf("%s was written", name)
		}
	}
	got, err := os.ReadFile(filepath.Join(dir, "b.tf"))
	if err != nil || string(got) != "old\n" {
		t.Errorf("%q, %v: written although another was refused", got, err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 3 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

func TestReadPins(t *testing.T) {
	sum := strings.Repeat("0a", 20)
	got, err := ReadPins("pins", []byte("# tags\no/a@v1 "+sum+" # seen today\n\n"))
	if diff := cmp.Diff(map[string]string{"o/a@v1": sum}, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if _, err := ReadPins("pins", []byte("o/a@v1 main\n")); err == nil || !strings.Contains(err.Error(), "pins:1") {
		t.Error(err)
	}
}

// FuzzApply: bytes outside the edits stay, whatever the edits are.
func FuzzApply(f *testing.F) {
	f.Add([]byte("a = 1\r\nb = 2\r\n"), 4, 5, "3\n")
	f.Fuzz(func(t *testing.T, src []byte, from, to int, text string) {
		got, err := Apply(src, []Edit{{From: from, To: to, Text: text}})
		if err != nil {
			return
		}
		if !bytes.HasPrefix(got, src[:from]) || !bytes.HasSuffix(got, src[to:]) {
			t.Errorf("%q became %q", src, got)
		}
	})
}

func TestHarmless(t *testing.T) {
	for text, want := range map[string]bool{
		"  lifecycle_rule {\n    enabled = true\n  }\n":                   false,
		"    expiration {\n      days = 90\n    }\n":                      false,
		"  mfa_delete = true\n":                                           false,
		"  status = \"Inactive\"\n":                                       false,
		"      LifecycleConfiguration: {Rules: []}\n":                     false,
		"  resource \"aws_s3_bucket_lifecycle_configuration\" \"b\" {}\n": false,
		"  status = \"Enabled\"\n":                                        true,
		"  point_in_time_recovery {\n    enabled = true\n  }\n":           true,
	} {
		list, why := harmless([]Candidate{{Edits: []Edit{{Path: "a.tf", Text: text}}}})
		if got := len(list) == 1; got != want || got == (why != "") {
			t.Errorf("%q: %v %q", text, got, why)
		}
	}
}

func TestClosing(t *testing.T) {
	for src, want := range map[string]int{`{}`: 1, `{"a": "}"}`: 9, `{a: 'it''s }', b: []}`: 20, "{a: 1 # }\n}": 10, `{"a\"}": 1}`: 10, `{`: -1, `{"`: -1} {
		if got := closing(src, 0); got != want {
			t.Errorf("%s: %d, want %d", src, got, want)
		}
	}
}

func FuzzClosing(f *testing.F) {
	f.Add(`{"a": "}"}`)
	f.Add("{a: 'x' # }\n}")
	f.Fuzz(func(t *testing.T, src string) {
		if end := closing(src, 0); end >= len(src) || end >= 0 && src[end] != '}' && src[end] != ']' {
			t.Errorf("%q: %d", src, end)
		}
	})
}
