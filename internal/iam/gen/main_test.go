package main

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// TestFresh generates the tables again and compares them with those that are embedded.
func TestFresh(t *testing.T) {
	root := os.Getenv("PLINTH_CORPORA")
	if root == "" {
		root = filepath.Join("..", "..", "..", "..", "shared", "corpora")
	}
	facts := filepath.Join(root, "graph", "iam-data")
	if _, err := os.Stat(facts); err != nil {
		t.Skip("the facts are not here; PLINTH_CORPORA names the folder of the corpora")
	}
	out := t.TempDir()
	if err := generate(facts, out); err != nil {
		t.Fatal(err)
	}
	for _, table := range tables {
		if !bytes.Equal(unpacked(t, filepath.Join(out, table.name)), unpacked(t, filepath.Join("..", "data", table.name))) {
			t.Errorf("data/%s is not fresh: go generate ./internal/iam", table.name)
		}
	}
}

func unpacked(t *testing.T, name string) []byte {
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
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
