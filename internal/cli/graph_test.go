package cli

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/plinthsec/plinth/rules"
)

// TestQuestions asks every named question about the example system.
func TestQuestions(t *testing.T) {
	list, err := rules.Questions()
	if err != nil || len(list) == 0 {
		t.Fatal(err)
	}
	db := filepath.Join(t.TempDir(), "graph.db")
	run(t, 0, "graph", "save", db, "../../examples/shop", "--import", "../../examples/shop.sarif", "-q")
	seen := map[string]bool{}
	for _, q := range list {
		if seen[q.Name] || q.Title == "" {
			t.Errorf("%s: no title, or a second one of this name", q.Name)
		}
		seen[q.Name] = true
		drawn := run(t, 0, "graph", "ask", q.Name, "../../examples/shop", "--import", "../../examples/shop.sarif", "-q")
		kept := run(t, 0, "graph", "ask", q.Name, "--snapshot", db)
		if drawn != kept {
			t.Errorf("%s: the graph says %q, its snapshot %q", q.Name, drawn, kept)
		}
	}
	if got := run(t, 0, "graph", "ask", "data-readers", "--snapshot", db); !strings.Contains(got, "aws_s3_bucket.exports  pii    [aws_iam_role.admin, aws_iam_role.batch, aws_iam_role.web]") {
		t.Errorf("who reads data: %s", got)
	}
	if got := run(t, 0, "graph", "diff", db, "../../examples/shop", "-q"); !strings.Contains(got, "-weakness CWE-73+CWE-918-> k8s:#ServiceAccount/shop/web") || strings.Contains(got, "+ ") {
		t.Errorf("without the report of the scanner the weaknesses go and nothing comes: %s", got)
	}
	if got := run(t, 2, "graph", "query", "MATCH (n RETURN n", "--snapshot", db); got != "" {
		t.Errorf("a broken query printed %s", got)
	}
}

// run runs a command and returns its standard output.
func run(t *testing.T, code int, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	if got := Run(context.Background(), args, Streams{Out: &out, Err: &errs}); got != code {
		t.Fatalf("plinth %s: exit code %d, want %d: %s", strings.Join(args, " "), got, code, errs.String())
	}
	return out.String()
}
