package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// TestInit: what init writes is YAML, is read by a scan without a complaint, and is never overwritten without --force.
func TestInit(t *testing.T) {
	dir := t.TempDir()
	run(t, 0, "init", "--dir", dir, "--dry-run")
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Fatalf("--dry-run wrote %v %v", left, err)
	}
	run(t, 0, "init", "--dir", dir)
	for _, f := range starterFiles {
		data, err := os.ReadFile(filepath.Join(dir, f.to))
		if err != nil {
			t.Fatal(err)
		}
		var doc map[string]any
		if err := yaml.Unmarshal(data, &doc); err != nil || len(doc) == 0 {
			t.Errorf("%s: %v", f.to, err)
		}
	}
	run(t, 0, "scan", dir, "-q")
	name := filepath.Join(dir, "plinth.yaml")
	if err := os.WriteFile(name, []byte("fail-on: low\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	run(t, 2, "init", "--dir", dir, "config")
	if data, _ := os.ReadFile(name); string(data) != "fail-on: low\n" {
		t.Error("init overwrote a file without --force")
	}
	run(t, 0, "init", "--dir", dir, "config", "--force")
	if data, _ := os.ReadFile(name); !strings.Contains(string(data), "fail-on: high") {
		t.Error("init --force did not write")
	}
}
