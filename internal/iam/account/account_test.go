package account_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/iam"
	"github.com/plinthsec/plinth/internal/iam/account"
	"github.com/plinthsec/plinth/internal/read/cloudformation"
	"github.com/plinthsec/plinth/internal/read/terraform"
	"github.com/plinthsec/plinth/internal/trial/trialtest"
)

// estate reads a project.
func estate(t *testing.T, files map[string]string) *account.Estate {
	t.Helper()
	e, err := account.New(trialtest.Graph(t, files, cloudformation.New(), terraform.New()))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

const clinic = `
variable "stage" {}
data "aws_caller_identity" "me" {}

resource "aws_s3_bucket" "scans" {
  bucket = "scans-${var.stage}"
}

resource "aws_s3_bucket" "mail" {
  bucket = "mail"
}

resource "aws_iam_user" "nurse" {
  name = "nurse"
}

resource "aws_iam_user_policy" "nurse" {
  user   = aws_iam_user.nurse.id
  policy = jsonencode({ Statement = [
    { Sid = "Scans", Effect = "Allow", Action = "s3:GetObject", Resource = "arn:aws:s3:::scans-${var.stage}/*" },
    { Effect = "Allow", Action = "sts:AssumeRole", Resource = "arn:aws:iam::${data.aws_caller_identity.me.account_id}:role/night" },
  ] })
}

resource "aws_iam_role" "night" {
  name               = "night"
  assume_role_policy = jsonencode({ Statement = { Effect = "Allow", Action = "sts:AssumeRole", Principal = { AWS = "arn:aws:iam::${data.aws_caller_identity.me.account_id}:root" } } })
}

resource "aws_iam_role_policy_attachment" "night" {
  role       = aws_iam_role.night.name
  policy_arn = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
}
`

func TestEstate(t *testing.T) {
	e := estate(t, map[string]string{"main.tf": clinic})
	var arns []string
	for _, p := range e.Principals() {
		arns = append(arns, p.ARN)
	}
	if diff := cmp.Diff([]string{"arn:aws:iam::{account}:role/night", "arn:aws:iam::{account}:user/nurse"}, arns); diff != "" {
		t.Error(diff)
	}
	resource := func(address string) *plinth.Resource {
		for _, r := range e.Graph().Resources() {
			if r.Decl.Address == address {
				return r
			}
		}
		t.Fatal("no " + address)
		return nil
	}
	nurse, night := e.Find("aws_iam_user.nurse"), e.Find("aws_iam_role.night")
	for _, tc := range []struct {
		who    *account.Principal
		action string
		on     string
		want   string
	}{
		{nurse, "s3:GetObject", "aws_s3_bucket.scans", "always"},
		{nurse, "s3:GetObject", "aws_s3_bucket.mail", "never"},
		{nurse, "sts:AssumeRole", "aws_iam_role.night", "always"},
		{night, "s3:GetObject", "aws_s3_bucket.mail", "always"},
		{night, "s3:PutObject", "aws_s3_bucket.mail", "never"},
	} {
		if got := e.Decide(tc.who, tc.action, resource(tc.on), nil).When.String(); got != tc.want {
			t.Errorf("%s %s on %s: %s, want %s", tc.who.ARN, tc.action, tc.on, got, tc.want)
		}
	}
	if a := e.Trust(night, nurse.Principal, nil); a.Result != iam.Allowed || len(a.Allows) != 2 || a.Allows[0].Statement.At.Line == 0 {
		t.Errorf("trust: %+v", a)
	}
}

// TestTemplates shows that two templates with roles of one name are apart where nobody knows their accounts.
func TestTemplates(t *testing.T) {
	template := "Resources:\n  R:\n    Type: AWS::IAM::Role\n    Properties:\n      RoleName: same\n  F:\n    Type: AWS::Lambda::Function\n    Properties:\n      Role: !GetAtt R.Arn\n"
	e := estate(t, map[string]string{"a.yaml": template, "b.yaml": template})
	if n := len(e.Principals()); n != 2 {
		t.Fatalf("%d roles, want 2", n)
	}
	for _, r := range e.Graph().Resources() {
		for _, run := range e.Runs(r) {
			if run.Role.Resource.Decl.At.Path != r.Decl.At.Path {
				t.Errorf("the function of %s runs as the role of %s", r.Decl.At.Path, run.Role.Resource.Decl.At.Path)
			}
		}
	}
}
