package fix

import (
	"github.com/plinthsec/plinth"
)

// Workflow proposes fixes of GitHub Actions workflows. Pins are the hashes that tags stand for, by OWNER/NAME@TAG.
type Workflow struct{ Pins map[string]string }

// Propose returns the candidates of a finding, or why there are none.
func (w *Workflow) Propose(f *plinth.Finding, read func(string) ([]byte, error)) ([]Candidate, string) {
	return nil, "there is no fix for this audit"
}
