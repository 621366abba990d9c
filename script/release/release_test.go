package main

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// TestRelease builds the release of this platform twice, unpacks it and runs it: the version is the one asked for, and both runs gave
// the same bytes.
func TestRelease(t *testing.T) {
	platform := runtime.GOOS + "/" + runtime.GOARCH
	if testing.Short() || runtime.GOOS != "linux" || !slices.Contains(platforms, platform) {
		t.Skip("builds the whole product, on Linux, not with -short")
	}
	if _, err := exec.Command("git", "rev-parse", "HEAD").Output(); err != nil {
		t.Skip("not in a Git checkout")
	}
	var sums [2]string
	for i := range sums {
		out := t.TempDir()
		if err := run(t.Context(), []string{"v1.98.7", out, platform}); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(filepath.Join(out, "SHA256SUMS"))
		if err != nil {
			t.Fatal(err)
		}
		if sums[i] = string(data); i > 0 {
			continue
		}
		bin := unpack(t, filepath.Join(out, "plinth_1.98.7_linux_"+runtime.GOARCH+".tar.gz"))
		text, err := exec.Command(bin, "version").Output()
		if err != nil || !strings.HasPrefix(string(text), "plinth 1.98.7 linux/") {
			t.Errorf("version says %q %v", text, err)
		}
		action(t, out)
	}
	if sums[0] != sums[1] || strings.Count(sums[0], "\n") != 3 {
		t.Errorf("two runs:\n%s\n%s", sums[0], sums[1])
	}
}

func unpack(t *testing.T, name string) string {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	bin := ""
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if h.Name == "plinth" {
			bin = filepath.Join(t.TempDir(), "plinth")
			if err := os.WriteFile(bin, data, os.FileMode(h.Mode)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if bin == "" {
		t.Fatal("no plinth in ", name)
	}
	return bin
}

// action runs the script of action.yml against a server that has the release, as a runner of GitHub would: the gate fails on what it
// finds, the SARIF is there, and an archive of another sum is not run.
func action(t *testing.T, release string) {
	t.Helper()
	for _, tool := range []string{"bash", "curl", "sha256sum"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip("the action needs " + tool)
		}
	}
	data, err := os.ReadFile("../../action.yml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Runs struct {
			Steps []struct{ Run string }
		}
	}
	if err := yaml.Unmarshal(data, &file); err != nil || len(file.Runs.Steps) != 1 {
		t.Fatalf("action.yml: %v", err)
	}
	server := httptest.NewServer(http.StripPrefix("/plinthsec/plinth/releases/download/v1.98.7/", http.FileServer(http.Dir(release))))
	defer server.Close()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.tf"), []byte("resource \"aws_db_instance\" \"db\" {\n  publicly_accessible = true\n}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	kind := map[string]string{"amd64": "Linux-X64", "arm64": "Linux-ARM64"}[runtime.GOARCH]
	for _, c := range []struct{ sum, failOn, want string }{
		{"", "low", "::error file=main.tf"},
		{"", "none", "::"},
		{strings.Repeat("0", 64), "none", "FAILED"},
	} {
		sarif := filepath.Join(dir, "out.sarif")
		_ = os.Remove(sarif)
		cmd := exec.CommandContext(t.Context(), "bash", "-c", file.Runs.Steps[0].Run)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "VERSION=v1.98.7", "SHA256="+c.sum, "SCAN_PATH=.", "FAIL_ON="+c.failOn, "SARIF="+sarif, "SERVER="+server.URL, "RUNNER_KIND="+kind)
		text, err := cmd.CombinedOutput()
		if (err == nil) != (c.failOn == "none" && c.sum == "") || !strings.Contains(string(text), c.want) {
			t.Errorf("fail-on %s, sum %q: %v\n%s", c.failOn, c.sum, err, text)
		}
		if _, err := os.Stat(sarif); (err == nil) != (c.sum == "") {
			t.Errorf("fail-on %s, sum %q: SARIF: %v", c.failOn, c.sum, err)
		}
	}
}
