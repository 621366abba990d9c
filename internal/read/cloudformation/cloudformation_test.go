package cloudformation_test

import (
	"testing"

	"github.com/plinthsec/plinth/internal/read/cloudformation"
	"github.com/plinthsec/plinth/internal/read/readtest"
)

const sample = `AWSTemplateFormatVersion: "2010-09-09"
Parameters:
  Env: {Type: String, Default: prod}
Conditions:
  Prod: !Equals [!Ref Env, prod]
Resources:
  Logs:
    Type: AWS::S3::Bucket
    Condition: Prod
    Properties:
      BucketName: !Sub "logs-${Env}"
      Tags: [{Key: a, Value: !If [Prod, x, !Ref "AWS::NoValue"]}]
`

func TestGolden(t *testing.T) { readtest.Golden(t, cloudformation.New(), "testdata/*.txtar") }

func TestHostile(t *testing.T) {
	readtest.Hostile(t, cloudformation.New(), "template.yaml", sample)
	readtest.Hostile(t, cloudformation.New(), "template.json", `{"Resources": {"A": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": {"Fn::Join": ["-", ["a", {"Ref": "B"}]]}}}}}`)
}

func TestWants(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       bool
	}{
		{"a.yaml", sample, true},
		{"a.txt", sample, false},
		{"a.yml", "# a\n Resources:\n  F:\n    Type: AWS::S3::Bucket\n", true},
		{"a.yml", "Transform: AWS::Serverless-2016-10-31\nResources:\n  F:\n    Type: AWS::Serverless::Function\n", true},
		{"a.yml", "resources:\n  Resources:\n    F:\n      Type: AWS::S3::Bucket\n", false},
		{"a.template", "{\"Resources\": {\"A\": {\"Type\": \"Custom::X\"}}}", true},
		{"a.json", "{\"a\": {\"Resources\": {\"A\": {\"Type\": \"AWS::X::Y\"}}}}", false},
		{"a.json", "{\"Resources\": []}", false},
		{"a.yaml", "apiVersion: v1\nkind: Pod\n", false},
	} {
		if got := cloudformation.New().Wants(c.name, []byte(c.text)); got != c.want {
			t.Errorf("Wants(%s, %q) = %v", c.name, c.text, got)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(sample))
	f.Add([]byte("Resources:\n  \"Fn::ForEach::A\": [X, [a, b], {\"B${X}\": {Type: \"AWS::S3::Bucket\", Properties: {BucketName: !Sub \"${X}-${B}\"}}}]\n"))
	f.Add([]byte("Globals: {Function: {Timeout: 3}}\nResources:\n  F:\n    Type: AWS::Serverless::Function\n    Properties: {Policies: [A, {Statement: []}, {S3ReadPolicy: {}}], A: !Cidr [10.0.0.0/16, 3, 8], B: !Select [1, !Split [\",\", \"a,b\"]], C: !FindInMap [A, b, c]}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		readtest.Print(readtest.Run(t, cloudformation.New(), map[string]string{"a.yaml": string(data)}))
	})
}
