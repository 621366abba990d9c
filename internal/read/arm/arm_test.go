package arm_test

import (
	"testing"

	"github.com/plinthsec/plinth/internal/read/arm"
	"github.com/plinthsec/plinth/internal/read/readtest"
)

const sample = `{
  "$schema": "https://schema.example.org/2019-04-01/deploymentTemplate.json#", // a note
  "contentVersion": "1.0.0.0",
  "parameters": {"prefix": {"type": "string", "defaultValue": "shop"}},
  "variables": {"name": "[concat(parameters('prefix'), '-', toLower('X'))]"},
  "resources": [
    {"type": "Microsoft.Storage/storageAccounts", "name": "[variables('name')]", "copy": {"name": "c", "count": 2},
     "properties": {"minimumTlsVersion": "TLS1_2", "tag": "[format('{0:D2}', copyIndex(1))]"}}
  ]
}
`

func TestGolden(t *testing.T) { readtest.Golden(t, arm.New(), "testdata/*.txtar") }

func TestHostile(t *testing.T) { readtest.Hostile(t, arm.New(), "main.json", sample) }

func TestWants(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       bool
	}{
		{"a.json", sample, true},
		{"a.yaml", sample, false},
		{"a.json", `{"contentVersion": "1", "resources": []}`, true},
		{"a.json", `{"a": {"contentVersion": "1", "resources": []}}`, false},
		{"a.json", `{"$schema": "https://x/2019-04-01/deploymentParameters.json#", "contentVersion": "1", "parameters": {}}`, false},
		{"a.json", `{"$schema": "https://x/subscriptionDeploymentTemplate.json#"}`, true},
		{"a.json", `{"x": "deploymentTemplate.json"}`, false},
		{"a.json", `{"$schema": "http://json-schema.org/draft-04/schema#", "id": "deploymentTemplate.json#", "properties": {}}`, false},
		{"a.json", `{"properties": {"template": {"$schema": "https://x/2019-04-01/deploymentTemplate.json#", "resources": []}}}`, true},
		{"a.jsonc", "// { \"\n{\"$schema\": \"https://x/2015-01-01/deploymentTemplate.json#\"}", true},
	} {
		if got := arm.New().Wants(c.name, []byte(c.text)); got != c.want {
			t.Errorf("Wants(%s, %q) = %v", c.name, c.text, got)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(sample))
	f.Add([]byte(`{"$schema": "deploymentTemplate.json", "resources": [{"type": "A.B/c", "name": "[if(equals(parameters('x'), 1), 'a', take('bcd', 2))]", "resources": [{"type": "d", "name": "e"}]}]}`))
	f.Add([]byte(`{"contentVersion": "1", "variables": {"copy": [{"name": "l", "count": 3, "input": "[copyIndex('l')]"}]}, "resources": {"s": {"type": "A.B/c", "name": "[string(map(variables('l'), lambda('x', add(lambdaVariables('x'), 1))))]"}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		readtest.Print(readtest.Run(t, arm.New(), map[string]string{"a.json": string(data)}))
	})
}
