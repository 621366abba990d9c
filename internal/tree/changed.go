package tree

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Changed lists the files below a folder of a Git checkout that differ from a revision: from where the present branch left it, where there is
// such a place. Files that Git does not know yet and does not ignore count, and files that are gone. Paths are relative to the folder, sorted.
func Changed(ctx context.Context, dir, rev string) ([]string, error) {
	h := &History{dir: dir}
	id, err := h.output(ctx, "rev-parse", "--verify", "--quiet", "--end-of-options", rev+"^{commit}")
	if err != nil {
		return nil, fmt.Errorf("%s: Git knows no commit %q", dir, rev)
	}
	from := strings.TrimSpace(string(id))
	if base, err := h.output(ctx, "merge-base", from, "HEAD"); err == nil {
		from = strings.TrimSpace(string(base))
	}
	diff, err := h.output(ctx, "diff", "--name-only", "-z", "--relative", "--no-renames", "--no-ext-diff", "--no-textconv", from, "--")
	if err != nil {
		return nil, fmt.Errorf("what changed since %s: %w", rev, err)
	}
	fresh, err := h.output(ctx, "ls-files", "--others", "--exclude-standard", "-z")
	if err != nil {
		return nil, fmt.Errorf("what changed since %s: %w", rev, err)
	}
	out := strings.FieldsFunc(string(diff)+string(fresh), func(r rune) bool { return r == 0 })
	slices.Sort(out)
	return slices.Compact(out), nil
}
