package secret_test

import (
	"testing"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/engine/secret"
	"github.com/plinthsec/plinth/rules"
)

func load(t testing.TB) *secret.Set {
	t.Helper()
	set, err := secret.Load(rules.Secrets())
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// TestRules holds every rule file against the format.
func TestRules(t *testing.T) {
	set := load(t)
	for _, p := range set.Check() {
		t.Error(secret.Faults{p})
	}
}

// TestExamples runs every example with its rule alone and with all: a rule finds its good texts and leaves its bad ones, and all
// rules together still name it where it found something.
func TestExamples(t *testing.T) {
	set := load(t)
	for _, r := range set.All(func(p plinth.Problem) { t.Error(secret.Faults{p}) }) {
		t.Run(r.ID, func(t *testing.T) {
			for _, fault := range secret.Try(r, set) {
				t.Error(fault)
			}
		})
	}
}
