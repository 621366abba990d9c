package cli

import (
	"context"
	"fmt"

	"github.com/plinthsec/plinth/internal/all"
	"github.com/plinthsec/plinth/internal/report"
	"github.com/plinthsec/plinth/internal/verdict"
)

// testPolicies runs the tests of policies below the folders; found is false where there are none.
func testPolicies(ctx context.Context, s Streams, dirs []string) (found bool, err error) {
	if len(dirs) == 0 {
		return false, nil
	}
	out, found, err := all.TestPolicies(ctx, dirs)
	if err != nil {
		return found, fault{err}
	}
	if !found {
		return false, nil
	}
	for _, p := range out.Wrong {
		fmt.Fprintf(s.Out, "%s:%d: %s\n", p.At.Path, p.At.Line, report.Clean(p.Text))
	}
	fmt.Fprintf(s.Out, "%d suites, %d tests, %d skipped, %d wrong\n", out.Suites, out.Ran, out.Skipped, len(out.Wrong))
	if len(out.Wrong) > 0 {
		return true, exit(verdict.GateFailed)
	}
	return true, nil
}
