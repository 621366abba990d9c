package iam_test

import (
	"testing"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/engine/iam"
	"github.com/plinthsec/plinth/internal/read/kubernetes"
	"github.com/plinthsec/plinth/internal/read/terraform"
	"github.com/plinthsec/plinth/internal/rule"
	"github.com/plinthsec/plinth/internal/scan"
	"github.com/plinthsec/plinth/internal/trial/trialtest"
	"github.com/plinthsec/plinth/rules"
)

var _ scan.Engine = (*iam.Engine)(nil)

func audits(t *testing.T) []*plinth.Rule {
	t.Helper()
	list, err := iam.Audits()
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestAudits(t *testing.T) {
	trialtest.Audits(t, audits(t), iam.New(audits(t)), kubernetes.New(), terraform.New())
}

// TestYields: the rules that audits yield to are there.
func TestYields(t *testing.T) {
	set, err := rule.Load(rules.FS)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range audits(t) {
		for _, id := range a.YieldsTo {
			if set.Find(id) == nil {
				t.Errorf("%s yields to %s, which is no rule", a.ID, id)
			}
		}
	}
}
