package tree

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/plinthsec/plinth/internal/lazy"
)

const (
	maxRefs    = 1000    // refs of one push: they become arguments of git, of which systems take 128 KiB at least
	maxRefLine = 8 << 10 // bytes of a line about one ref
)

// objectID is the name of an object: https://git-scm.com/docs/hash-function-transition.
var objectID = lazy.New(`^([0-9a-f]{40}|[0-9a-f]{64})$`)

// OpenReceived opens what a push brings. in holds the lines that Git gives its pre-receive hook, "OLD NEW REF" for each ref
// (https://git-scm.com/docs/githooks#pre-receive). A line of another form is an error, and so is no line at all: a hook that is
// called wrongly must not pass. Objects are looked for in the quarantine that the environment of the hook names, too.
func OpenReceived(ctx context.Context, dir string, in io.Reader) (*Tree, error) {
	revisions, err := received(in)
	if err != nil {
		return nil, fmt.Errorf("open target: %w", err)
	}
	t, err := openGit(ctx, &History{dir: dir, rng: strings.Join(revisions, " "), received: true})
	if err != nil {
		return nil, err
	}
	if t.history == nil {
		return nil, fmt.Errorf("open target: there is no git program: a push cannot be looked at")
	}
	t.Name = "git:" + dir + "#-"
	return t, nil
}

// received returns the revisions that the refs of a push add, none where it only deletes: up to the new ends from the old ones, or
// from all refs where one is new and has no old end.
func received(in io.Reader) ([]string, error) {
	var ends, starts []string
	refs, born := 0, false
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxRefLine)
	for lines.Scan() {
		before, rest, _ := strings.Cut(lines.Text(), " ")
		after, ref, _ := strings.Cut(rest, " ")
		if !objectID.MatchString(before) || !objectID.MatchString(after) || ref == "" {
			return nil, fmt.Errorf("line %d of standard input is not OLD NEW REF, as a pre-receive hook gets it", refs+1)
		}
		if refs++; refs > maxRefs {
			return nil, fmt.Errorf("a push of more than %d refs is not looked at", maxRefs)
		}
		if nought(after) {
			continue
		}
		ends = append(ends, after)
		if nought(before) {
			born = true
		} else {
			starts = append(starts, "^"+before)
		}
	}
	switch err := lines.Err(); {
	case err != nil:
		return nil, fmt.Errorf("read refs: %w", err)
	case refs == 0:
		return nil, fmt.Errorf("standard input holds no line OLD NEW REF, as a pre-receive hook gets it")
	case len(ends) == 0:
		return nil, nil
	case born:
		return append(ends, "--not", "--all"), nil
	}
	return slices.Concat(ends, starts), nil
}

// nought tells whether an id stands for no object: a ref that is made or deleted.
func nought(id string) bool { return strings.Trim(id, "0") == "" }

// quarantine is where Git keeps the objects of a push until its hooks agree: https://git-scm.com/docs/git-receive-pack#_quarantine_environment.
func quarantine() []string {
	var out []string
	for _, key := range []string{"GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_QUARANTINE_PATH"} {
		if v := os.Getenv(key); v != "" {
			out = append(out, key+"="+v)
		}
	}
	return out
}
