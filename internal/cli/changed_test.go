package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestChangedSince: a finding is told when its file, its module, a calling module, a file of values, or its chart has changed, and not otherwise.
func TestChangedSince(t *testing.T) {
	const bucket = "variable \"name\" { default = null }\nresource \"aws_s3_bucket\" \"b\" {\n  bucket = var.name\n}\n"
	files := map[string]string{
		"dev/main.tf":    "module \"b\" {\n  source = \"../bucket\"\n  name = \"dev\"\n}\n",
		"prod/main.tf":   "module \"b\" {\n  source = \"../other\"\n  name = \"prod\"\n}\n",
		"bucket/main.tf": bucket, "other/main.tf": bucket, "other/more.tf": "locals {}\n",
		"k/pod.yaml":   "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: i}]}\n",
		"h/Chart.yaml": "name: h\n", "h/values.yaml": "image: i\n",
		"h/templates/pod.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: h}\nspec: {containers: [{name: c, image: {{ .Values.image }}}]}\n",
	}
	for _, tc := range []struct {
		edit string
		want []string
	}{
		{"dev/main.tf", []string{"module.b.aws_s3_bucket.b@bucket"}},
		{"bucket/main.tf", []string{"module.b.aws_s3_bucket.b@bucket"}},
		{"other/more.tf", []string{"module.b.aws_s3_bucket.b@other"}},
		{"prod/terraform.tfvars", []string{"module.b.aws_s3_bucket.b@other"}},
		{"k/pod.yaml", []string{"Pod/default/p@k"}},
		{"h/values.yaml", []string{"Pod/default/h@h"}},
		{"README.md", nil},
	} {
		dir := t.TempDir()
		for name, text := range files {
			put(t, filepath.Join(dir, name), text)
		}
		git(t, dir, "init", "-q")
		git(t, dir, "add", ".")
		git(t, dir, "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "x")
		old, _ := os.ReadFile(filepath.Join(dir, tc.edit))
		put(t, filepath.Join(dir, tc.edit), string(old)+"\n")
		out := run(t, 0, "scan", dir, "-q", "--only", "misconfig", "--fail-on", "none", "-o", "json", "--changed-since", "HEAD")
		for _, on := range []string{"module.b.aws_s3_bucket.b@bucket", "module.b.aws_s3_bucket.b@other", "Pod/default/p@k", "Pod/default/h@h"} {
			_, folder, _ := strings.Cut(on, "@")
			found, want := strings.Contains(out, `"path": "`+folder+`/`), false
			for _, w := range tc.want {
				want = want || w == on
			}
			if found != want {
				t.Errorf("after a change of %s: findings in %s: %v, want %v", tc.edit, folder, found, want)
			}
		}
	}
	run(t, 2, "scan", t.TempDir(), "-q", "--changed-since", "HEAD")
}

func put(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func git(t *testing.T, dir string, args ...string) {
	t.Helper()
	if out, err := exec.Command("git", append([]string{"-C", dir}, args...)...).CombinedOutput(); err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
}
