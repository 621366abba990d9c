package secret

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestCell: a finding in a notebook names the cell and the line in it.
func TestCell(t *testing.T) {
	text := strings.NewReplacer("FIRST", gitlab, "SECOND", second).Replace(`{
 "metadata": {"kernelspec": {"name": "python3"}},
 "cells": [
  {"cell_type": "markdown", "source": ["# a\n", "text"]},
  {"cell_type": "code", "outputs": [], "source": ["import os\n"]},
  {"outputs": [{"text": ["x\n", "got FIRST\n"]}], "source": "a = 1\nb = 2\ntoken = 'FIRST'\n", "cell_type": "code"},
  {"cell_type": "raw", "source": ["one\n", "two SECOND\n"]}
 ]
}
`)
	var got []string
	for _, f := range look(t, "in/a.ipynb", text) {
		for _, s := range f.Evidence {
			got = append(got, s.Note)
		}
	}
	slices.Sort(got)
	if d := cmp.Diff([]string{"in line 2 of raw cell 1", "in outputs of code cell 2", "the same secret in line 3 of code cell 2"}, got); d != "" {
		t.Error(d)
	}
	for _, broken := range []string{"", "{", `{"cells": [`, `{"cells": {"a": 1}}`, `{"cells": [1, null, {"source": ["` + gitlab + `"`, strings.Repeat("[", 500) + gitlab} {
		if got := cell("a.ipynb", []byte(broken), len(broken)/2); got != "" {
			t.Errorf("%q: %q", broken, got)
		}
	}
}

// FuzzCell: no text makes the reader of notebooks fail.
func FuzzCell(f *testing.F) {
	f.Add([]byte(`{"cells": [{"cell_type": "code", "source": ["a"]}]}`), 40)
	f.Add([]byte(`{"worksheets": [{"cells": [{"input": "x", "cell_type": "code"}]}]}`), 3)
	f.Fuzz(func(_ *testing.T, text []byte, at int) { cell("a.ipynb", text, at) })
}
