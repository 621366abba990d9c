//go:build norego

package all

import (
	"context"
	"errors"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/scan"
)

var errLeftOut = errors.New("this binary was built without Rego (tag norego)")

// Policies refuses policies.
func Policies(c *plinth.Config) ([]scan.Engine, []string, error) {
	if len(c.Policies) == 0 {
		return nil, nil, nil
	}
	return nil, nil, errLeftOut
}

// TestPolicies finds no tests of policies: nobody could run them.
func TestPolicies(context.Context, []string) (PolicyOutcome, bool, error) {
	return PolicyOutcome{}, false, nil
}
