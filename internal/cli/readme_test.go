package cli

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"
)

// TestReadme holds the output that the README shows against what the commands print.
func TestReadme(t *testing.T) {
	const name = "README.md"
	t.Chdir("../..")
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	doc, shown := string(text), 0
	for rest := doc; ; {
		_, after, ok := strings.Cut(rest, "<!-- begin: plinth ")
		if !ok {
			break
		}
		args, body, _ := strings.Cut(after, " -->\n```\n")
		block, tail, ok := strings.Cut(body, "```\n<!-- end -->")
		if !ok {
			t.Fatalf("the block of plinth %.40s does not end", args)
		}
		var out bytes.Buffer
		Run(context.Background(), strings.Fields(args), Streams{Out: &out, Err: os.Stderr})
		if out.String() != block {
			if !*update {
				t.Errorf("README.md shows another output of plinth %s: go test ./internal/cli -update", args)
			}
			doc = strings.Replace(doc, args+" -->\n```\n"+block+"```", args+" -->\n```\n"+out.String()+"```", 1)
		}
		shown++
		rest = tail
	}
	if shown == 0 {
		t.Error("the README shows no output")
	}
	if *update && doc != string(text) {
		if err := os.WriteFile(name, []byte(doc), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
