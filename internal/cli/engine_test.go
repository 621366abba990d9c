package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/plinthsec/plinth/internal/all"
)

// TestOnlyEngine shows that every engine, asked for alone, looks at what it needs: an engine without its readers passes in silence.
func TestOnlyEngine(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"main.tf": `resource "aws_iam_role" "r" {
  assume_role_policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Principal = "*", Action = "sts:AssumeRole" }] })
}
resource "aws_sqs_queue_policy" "q" {
  queue_url = "https://sqs.eu-west-1.amazonaws.com/111122223333/q"
  policy    = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Principal = "*", Action = "sqs:*", Resource = "*" }] })
}
`,
		"policy.yaml":             "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: p, namespace: n}\nspec: {selector: {matchLabels: {a: b}}, mtls: {mode: STRICT}}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: x, namespace: n, labels: {a: c}}\nspec: {containers: [{name: c, image: i}]}\n",
		"policies/p.rego":         "package plinth\n\ndeny contains \"a queue\" if input.type == \"AWS::SQS::QueuePolicy\"\n\ndeny contains input.type if startswith(input.type, \"AWS::\")\n",
		".github/workflows/w.yml": "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n      - uses: some/action@main\n",
		"app.py":                  "import torch\nm = torch.load('m.pt', weights_only=False)\n",
		"key.txt":                 "aws_access_key_id = AKIA" + "QYLPMN5HFIQR7XYA\naws_secret_access_key = kT9vW2xQ8rLpZs4NcYhB7mDfGjE1uAoI6tXe3RwV\n",
	} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, engine := range all.EngineNames() {
		policies := []string{"--policy", filepath.Join(dir, "policies")}
		if !all.WithPolicies {
			if policies = nil; engine == "rego" {
				continue // go test -tags rego
			}
		}
		out := run(t, 0, append([]string{"scan", dir, "-q", "--fail-on", "none", "--only", engine, "-o", "json"}, policies...)...)
		if engine == "attack" {
			if !strings.Contains(out, `"from": "internet"`) || !strings.Contains(out, `"seen":`) || strings.Contains(out, `"read": 0`) {
				t.Errorf("attack draws nothing: %.300s", out)
			}
			continue
		}
		if !strings.Contains(out, `"engine": "`+engine+`"`) {
			t.Errorf("--only %s finds nothing", engine)
		}
	}
}
