package cli

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"
)

// TestReadme holds the outputs that pages show against what the commands print. A line "…" stands for any lines; a block with one is not
// renewed by -update.
func TestReadme(t *testing.T) {
	t.Chdir("../..")
	for _, name := range []string{"README.md", "docs/reports.md"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		doc, shown := shownOutputs(t, name, string(text))
		if shown == 0 {
			t.Errorf("%s shows no output", name)
		}
		if *update && doc != string(text) {
			if err := os.WriteFile(name, []byte(doc), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// shownOutputs returns a page with its outputs renewed, and how many it shows.
func shownOutputs(t *testing.T, name, doc string) (renewed string, shown int) {
	for rest := doc; ; {
		_, after, ok := strings.Cut(rest, "<!-- begin: plinth ")
		if !ok {
			return doc, shown
		}
		args, body, _ := strings.Cut(after, " -->\n```")
		kind, body, _ := strings.Cut(body, "\n")
		block, tail, ok := strings.Cut(body, "```\n<!-- end -->")
		if !ok {
			t.Fatalf("the block of plinth %.40s does not end", args)
		}
		var out bytes.Buffer
		Run(context.Background(), strings.Fields(args), Streams{Out: &out, Err: os.Stderr})
		if !matches(block, out.String()) {
			if !*update || strings.Contains(block, "…\n") {
				t.Errorf("%s shows another output of plinth %s: go test ./internal/cli -update", name, args)
			} else {
				head := args + " -->\n```" + kind + "\n"
				doc = strings.Replace(doc, head+block+"```", head+out.String()+"```", 1)
			}
		}
		shown++
		rest = tail
	}
}
