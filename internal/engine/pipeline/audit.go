package pipeline

import (
	_ "embed" // the audits

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/rule"
)

//go:embed audits.yaml
var audits []byte

// audit is one thing that the engine looks for.
type audit struct {
	plinth.Rule
	graded [plinth.Critical + 1]plinth.Rule // the same, for each severity that a finding may have
}

// Audits reads the audits that come with the product, sorted by id.
func Audits() ([]*plinth.Rule, error) { return rule.Audits(Name, "audits.yaml", audits) }

func newAudit(r *plinth.Rule) *audit {
	a := &audit{Rule: *r}
	for i := range a.graded {
		a.graded[i] = a.Rule
		a.graded[i].Severity = plinth.Severity(i)
	}
	return a
}
