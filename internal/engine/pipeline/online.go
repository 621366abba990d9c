package pipeline

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/plinthsec/plinth"
)

// Hub knows the repositories of actions, as OWNER/NAME. It is safe for concurrent use.
type Hub interface {
	// Refs returns the commits of a repository's branches and tags by their names.
	Refs(ctx context.Context, repository string) (branches, tags map[string]string, err error)
	// Holds tells whether a commit is in the history of a branch or tag.
	Holds(ctx context.Context, repository, ref, commit string) (bool, error)
}

const (
	maxAsked   = 4  // repositories that are asked about at the same time
	maxHistory = 40 // branches and tags whose history is asked about for one commit
)

// taken is one place that takes an action of a repository.
type taken struct {
	look       *look
	repository string // OWNER/NAME
	uses, ref  string
	version    string // that the comment beside it tells, "" for none
	v          plinth.Value
	around     plinth.Location
}

// ask judges what is used by what its repository says. What it does not answer is a problem, once for each repository.
func (e *Engine) ask(ctx context.Context, uses []taken, problem func(plinth.Problem)) error {
	byRepository := map[string][]taken{}
	for _, u := range uses {
		byRepository[u.repository] = append(byRepository[u.repository], u)
	}
	names := slices.Sorted(maps.Keys(byRepository))
	sights := make([][]sight, len(uses))
	of := map[*taken]int{}
	list := make([]taken, 0, len(uses))
	for _, n := range names {
		list = append(list, byRepository[n]...)
	}
	for i := range list {
		of[&list[i]] = i
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(maxAsked)
	from := 0
	for _, n := range names {
		mine := list[from : from+len(byRepository[n])]
		from += len(mine)
		g.Go(func() error {
			if err := e.about(ctx, mine, func(u *taken, s sight) { sights[of[u]] = append(sights[of[u]], s) }); err != nil {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				problem(plinth.Problem{Kind: plinth.Unreadable, At: mine[0].look.content(mine[0].v), Text: fmt.Sprintf("%s: %v", n, err)})
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for i, found := range sights {
		for _, s := range found {
			list[i].look.add(s)
		}
	}
	return nil
}

// about judges the uses of one repository.
func (e *Engine) about(ctx context.Context, uses []taken, put func(*taken, sight)) error {
	branches, tags, err := e.Hub.Refs(ctx, uses[0].repository)
	if err != nil {
		return err
	}
	held := map[string]bool{}
	for i := range uses {
		u := &uses[i]
		say := func(audit string, severity plinth.Severity, message string) {
			put(u, sight{audit: audit, severity: severity, at: u.look.content(u.v), around: u.around, path: pathOf(u.v), message: message})
		}
		if !hash(u.ref) {
			if branches[u.ref] != "" && tags[u.ref] != "" {
				say("pipeline-ref-confusion", plinth.Medium, u.uses+" has a branch and a tag "+u.ref)
			}
			continue
		}
		ref := strings.ToLower(u.ref)
		in, known := held[ref]
		if !known {
			if in, err = e.holds(ctx, u.repository, ref, branches, tags); err != nil {
				return err
			}
			held[ref] = in
		}
		tagged := slices.Contains(slices.Collect(maps.Values(tags)), ref)
		switch now := tags["v"+u.version]; {
		case !in:
			say("pipeline-impostor-commit", plinth.High, u.uses+"@"+u.ref[:12]+" is on no branch and no tag of "+u.repository)
		case u.version != "" && strings.Contains(u.version, ".") && now != "" && now != ref:
			say("pipeline-version-mismatch", plinth.Low, "the comment tells "+u.version+", which is "+now[:min(len(now), 12)])
		case !tagged:
			say("pipeline-stale-action-refs", plinth.Info, u.uses+"@"+u.ref[:12]+" is the commit of no tag")
		}
	}
	return nil
}

// holds tells whether a commit belongs to a repository: a fork's commit can be named as if it did. The usual branches are asked first.
func (e *Engine) holds(ctx context.Context, repository, commit string, branches, tags map[string]string) (bool, error) {
	for _, refs := range [...]map[string]string{tags, branches} {
		for _, c := range refs {
			if c == commit {
				return true, nil
			}
		}
	}
	first := func(name string) int {
		if i := slices.Index([]string{"main", "master", "develop"}, name); i >= 0 {
			return i
		}
		return 3
	}
	refs := slices.Sorted(maps.Keys(branches))
	slices.SortStableFunc(refs, func(a, b string) int { return first(a) - first(b) })
	newest := slices.Sorted(maps.Keys(tags))
	slices.Reverse(newest)
	refs = append(refs, newest...)
	for i, ref := range refs {
		if i == maxHistory {
			return false, fmt.Errorf("whether commit %s belongs to it would take more than %d questions", commit[:12], maxHistory)
		}
		if in, err := e.Hub.Holds(ctx, repository, ref, commit); in || err != nil {
			return in, err
		}
	}
	return false, nil
}
