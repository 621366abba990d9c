package plan_test

import (
	"strings"
	"testing"

	"github.com/plinthsec/plinth/internal/read/plan"
	"github.com/plinthsec/plinth/internal/read/readtest"
)

const sample = `{
  "format_version": "1.2", "terraform_version": "1.9.0",
  "planned_values": {"root_module": {
    "resources": [
      {"address": "aws_sqs_queue.q", "mode": "managed", "type": "aws_sqs_queue", "name": "q", "values": {"name": "jobs", "tags": null}, "sensitive_values": {}},
      {"address": "aws_sqs_queue.gone", "mode": "managed", "type": "aws_sqs_queue", "name": "gone", "values": {"name": "old"}}
    ],
    "child_modules": [{"address": "module.m[\"a.b\"]", "resources": [
      {"address": "module.m[\"a.b\"].aws_db_instance.d", "mode": "managed", "type": "aws_db_instance", "name": "d",
       "values": {"password": "pw", "port": 5432, "timeouts": {"create": "1h"}}, "sensitive_values": {"password": true}}]}]
  }},
  "resource_changes": [
    {"address": "aws_sqs_queue.q", "change": {"actions": ["create"], "after_unknown": {"arn": true, "redrive": [{"target": true}]}}},
    {"address": "aws_sqs_queue.gone", "change": {"actions": ["delete"], "after_unknown": {}}},
    {"address": "module.m[\"a.b\"].aws_db_instance.d", "change": {"actions": ["update"], "after_unknown": {"kms_key_id": true}}}
  ],
  "configuration": {"root_module": {
    "resources": [{"address": "aws_sqs_queue.q", "type": "aws_sqs_queue", "name": "q", "expressions": {
      "redrive": [{"target": {"references": ["aws_sqs_queue.dead.arn", "aws_sqs_queue.dead"]}}]}}],
    "module_calls": {"m": {"expressions": {"key": {"references": ["aws_kms_key.k.arn", "aws_kms_key.k"]}}, "module": {
      "resources": [{"address": "aws_db_instance.d", "type": "aws_db_instance", "name": "d", "expressions": {"kms_key_id": {"references": ["var.key"]}}}]}}}
  }}
}
`

func TestGolden(t *testing.T) { readtest.Golden(t, plan.New(), "testdata/*.txtar") }

func TestHostile(t *testing.T) { readtest.Hostile(t, plan.New(), "tfplan.json", sample) }

func TestWants(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       bool
	}{
		{"plan.json", sample, true},
		{"plan.yaml", sample, false},
		{"package.json", `{"name": "x", "version": 4}`, false},
		{"terraform.tfstate", `{"version": 4, "terraform_version": "1.9.0", "lineage": "x", "resources": []}`, true},
		{"state.json", `{"version": 4, "terraform_version": "1.9.0", "serial": 1, "lineage": "x", "resources": []}`, true},
		{"out.tfplan", "PK\x03\x04", true},
		{"x.json", strings.Repeat(" ", 100) + sample, true},
	} {
		if got := plan.New().Wants(c.name, []byte(c.text)); got != c.want {
			t.Errorf("Wants(%s, %.40q) = %v", c.name, c.text, got)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(sample))
	f.Add([]byte(`{"version": 4, "terraform_version": "1.9.0", "lineage": "x", "resources": [{"module": "module.m", "mode": "managed", "type": "a_b", "name": "n", "instances": [{"index_key": 0, "attributes": {"x": [1, {"y": "z"}]}, "sensitive_attributes": [[{"type": "get_attr", "value": "x"}]]}]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		readtest.Print(readtest.Run(t, plan.New(), map[string]string{"tfplan.json": string(data)}))
	})
}

// TestPackage shows which package a provider of a plan comes in.
func TestPackage(t *testing.T) {
	for name, want := range map[string]string{
		"registry.terraform.io/hashicorp/aws": "hashicorp/aws", "registry.opentofu.org/hashicorp/aws": "registry.opentofu.org/hashicorp/aws",
		"terraform.io/builtin/terraform": "", "aws": "",
	} {
		text := strings.Replace(sample, `"values": {"name": "jobs"`, `"provider_name": "`+name+`", "values": {"name": "jobs"`, 1)
		got := ""
		for _, r := range readtest.Run(t, plan.New(), map[string]string{"tfplan.json": text}).Resources {
			if p := r.Terms.Package; r.Name == "q" && p != nil {
				got = p.Source
			}
		}
		if got != want {
			t.Errorf("%s: got %q", name, got)
		}
	}
}
