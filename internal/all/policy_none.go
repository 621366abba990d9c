//go:build !rego

package all

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/scan"
)

// WithPolicies tells whether this binary runs Rego.
const WithPolicies = false

var errLeftOut = errors.New("this binary was built without Rego; releases have it, and go build -tags rego")

// Policies refuses policies.
func Policies(c *plinth.Config) ([]scan.Engine, []string, error) {
	if len(c.Policies) == 0 {
		return nil, nil, nil
	}
	return nil, nil, errLeftOut
}

// TestPolicies refuses folders with tests of policies.
func TestPolicies(_ context.Context, dirs []string) (out PolicyOutcome, found bool, err error) {
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
			if err == nil && (strings.HasSuffix(d.Name(), "_test.rego") || d.Name() == "suite.yaml") {
				return errLeftOut
			}
			return err
		})
		if err != nil {
			return out, errors.Is(err, errLeftOut), err
		}
	}
	return out, false, nil
}
