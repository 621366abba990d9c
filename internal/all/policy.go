//go:build rego

package all

import (
	"context"
	"slices"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/engine/rego"
	policy "github.com/plinthsec/plinth/internal/policy/rego"
	"github.com/plinthsec/plinth/internal/read/dockerfile"
	"github.com/plinthsec/plinth/internal/read/terraform"
	"github.com/plinthsec/plinth/internal/scan"
)

// WithPolicies tells whether this binary runs Rego.
const WithPolicies = true

// Policies returns the engine that runs the policies of the configuration, nothing where there are none or nobody asks for them. The
// error is policy.Faults where something is wrong with them. Names are the ids of the policies.
func Policies(c *plinth.Config) (engines []scan.Engine, names []string, err error) {
	if len(c.Policies) == 0 || slices.Contains(c.Skip, rego.Name) {
		return nil, nil, nil
	}
	pack, err := policy.Load(c.Policies, c.PolicyData, policy.Version(c.RegoVersion))
	if err != nil {
		return nil, nil, err
	}
	e := rego.New(pack, form)
	e.Only, e.Skip = c.Only, c.Skip
	return []scan.Engine{e}, e.Names(), nil
}

// form tells how a file is read for policies that is neither YAML nor JSON.
func form(name string) rego.Written {
	switch {
	case terraform.IsHCL(name):
		return terraform.Written
	case dockerfile.New().Wants(name, nil):
		return dockerfile.Written
	}
	return nil
}

// TestPolicies runs the tests of policies below the folders; found is false where there are none.
func TestPolicies(ctx context.Context, dirs []string) (out PolicyOutcome, found bool, err error) {
	o, found, err := policy.Test(ctx, dirs, policy.Auto)
	return PolicyOutcome(o), found, err
}
