package all

import "github.com/plinthsec/plinth"

// PolicyOutcome is what tests of policies came to.
type PolicyOutcome struct {
	Suites, Ran, Skipped int
	Wrong                []plinth.Problem
}
