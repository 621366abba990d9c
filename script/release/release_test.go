package main

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
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
