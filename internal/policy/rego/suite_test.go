package rego

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// library is a checkout of open-policy-agent/gatekeeper-library, beside the other corpora.
func library(t *testing.T) string {
	t.Helper()
	root := os.Getenv("PLINTH_CORPORA")
	if root == "" {
		root = filepath.Join("..", "..", "..", "..", "shared", "corpora")
	}
	dir := filepath.Join(root, "gatekeeper-library")
	if _, err := os.Stat(filepath.Join(dir, "library")); err != nil {
		t.Skip("no checkout of gatekeeper-library among the corpora")
	}
	return dir
}

// TestGatekeeperLibrary: all suites and all unit tests of the public library hold.
func TestGatekeeperLibrary(t *testing.T) {
	dir := library(t)
	out, found, err := Test(context.Background(), []string{filepath.Join(dir, "library")}, Auto)
	if err != nil || !found || out.Suites == 0 {
		t.Fatal(found, err)
	}
	for _, p := range out.Wrong {
		t.Errorf("%s:%d: %s", p.At.Path, p.At.Line, p.Text)
	}
	t.Logf("%d suites, %d assertions, %d skipped", out.Suites, out.Ran, out.Skipped)
	units := 0
	err = filepath.WalkDir(filepath.Join(dir, "src"), func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() != "src_test.rego" {
			return err
		}
		out, _, err := Test(context.Background(), []string{filepath.Dir(p)}, Auto)
		if err != nil {
			t.Errorf("%s: %v", p, err)
		}
		for _, w := range out.Wrong {
			t.Errorf("%s:%d: %s", w.At.Path, w.At.Line, w.Text)
		}
		units += out.Ran
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d unit tests", units)
}
