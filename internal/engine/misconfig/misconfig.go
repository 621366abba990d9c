// Package misconfig judges resources by rules: it asks each rule of a resource's type and turns the answers into findings.
package misconfig

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/graph"
	"github.com/plinthsec/plinth/internal/rule"
)

// Name is the engine's name, in reports and for --only and --skip.
const Name = rule.Engine

const (
	batch       = 32 // resources that a worker takes at once: small enough to share work, large enough to forget the cost
	maxProblems = 20 // problems that one rule may tell in a run; the rest is counted
)

// Engine runs rules.
type Engine struct {
	// PodSecurity is the minor version of the Pod Security Standards for pods whose namespace states none; 0: the latest.
	PodSecurity int
	rules       *rule.Set
}

// New returns an engine for the rules.
func New(rules *rule.Set) *Engine { return &Engine{rules: rules} }

// Name is the engine's name.
func (e *Engine) Name() string { return Name }

// Knows tells whether one of the engine's rules answers to an id, or one of a peer.
func (e *Engine) Knows(id string) bool { return e.rules.Knows(id) }

// work is some resources of one type with the rules for them.
type work struct {
	rules     []*rule.Rule
	resources []int32
}

// run is what the workers of one Check share.
type run struct {
	graph   *graph.Graph
	psa     int
	report  func(plinth.Finding)
	faults  faults
	inScope sync.Map // project and type → []plinth.Value
	indexes sync.Map // project and key of a condition → what the policy made for it
}

// Check judges all resources with at most jobs workers. report and problem are called from several goroutines. What a rule
// cannot judge is a problem; the error is that of ctx.
func (e *Engine) Check(ctx context.Context, g *graph.Graph, jobs int, report func(plinth.Finding), problem func(plinth.Problem)) (plinth.Coverage, error) {
	e.rules.Prepare(g.Types(), jobs)
	list, coverage, err := e.plan(ctx, g, problem)
	if err != nil {
		return plinth.Coverage{}, err
	}
	r := &run{graph: g, psa: e.PodSecurity, report: report, faults: faults{of: map[*rule.Rule]*tally{}}}
	queue := make(chan work)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(queue)
		for _, w := range list {
			select {
			case queue <- w:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	for range max(1, jobs) {
		group.Go(func() error {
			j := newJudge(r)
			for w := range queue {
				for _, i := range w.resources {
					j.judge(i, w.rules)
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return plinth.Coverage{}, err
	}
	r.faults.tell(problem)
	return coverage, nil
}

// Prepare gets ready for resources of some types.
func (e *Engine) Prepare(types []string) { e.rules.Prepare(types, 1) }

// plan finds the rules of each type that is there, and cuts the work into pieces.
func (e *Engine) plan(ctx context.Context, g *graph.Graph, problem func(plinth.Problem)) ([]work, plinth.Coverage, error) {
	var list []work
	var coverage plinth.Coverage
	used := map[*rule.Rule]bool{}
	said := map[plinth.Problem]bool{}
	for _, typ := range g.Types() {
		if err := ctx.Err(); err != nil {
			return nil, coverage, err
		}
		rules := e.rules.ByType(typ, func(p plinth.Problem) {
			if !said[p] {
				said[p] = true
				problem(p)
			}
		})
		if len(rules) == 0 {
			continue
		}
		for _, r := range rules {
			used[r] = true
		}
		all := make([]int32, 0, len(g.OfType(typ)))
		for _, i := range g.OfType(typ) {
			if !g.Resources()[i].Data || strings.HasPrefix(typ, "data:") {
				all = append(all, i)
			}
		}
		coverage.Resources += len(all)
		for piece := range slices.Chunk(all, batch) {
			list = append(list, work{rules, piece})
		}
	}
	coverage.Rules = len(used)
	return list, coverage, nil
}

// faults keeps the first problems of each rule, by place, so that the same run tells the same ones. The texts are without the
// rule.
type faults struct {
	sync.Mutex
	of map[*rule.Rule]*tally
}

type tally struct {
	first []plinth.Problem // sorted
	more  int
}

func (f *faults) add(r *rule.Rule, p plinth.Problem) {
	f.Lock()
	defer f.Unlock()
	t := f.of[r]
	if t == nil {
		t = &tally{}
		f.of[r] = t
	}
	i, _ := slices.BinarySearchFunc(t.first, p, compareProblems)
	t.first = slices.Insert(t.first, i, p)
	if len(t.first) > maxProblems {
		t.first = t.first[:maxProblems]
		t.more++
	}
}

// tell joins what several rules say of the same place into one problem.
func (f *faults) tell(problem func(plinth.Problem)) {
	rules := make([]*rule.Rule, 0, len(f.of))
	for r := range f.of {
		rules = append(rules, r)
	}
	slices.SortFunc(rules, func(a, b *rule.Rule) int { return strings.Compare(a.ID, b.ID) })
	by := map[plinth.Problem][]string{}
	var order []plinth.Problem
	for _, r := range rules {
		for _, p := range f.of[r].first {
			if by[p] == nil {
				order = append(order, p)
			}
			by[p] = append(by[p], r.ID)
		}
	}
	slices.SortStableFunc(order, compareProblems)
	for _, p := range order {
		ids := by[p]
		who := "rule " + ids[0]
		if len(ids) > 1 {
			who += fmt.Sprintf(" and %d more", len(ids)-1)
		}
		problem(plinth.Problem{Kind: p.Kind, At: p.At, Text: who + ": " + p.Text})
	}
	for _, r := range rules {
		if t := f.of[r]; t.more > 0 {
			problem(plinth.Problem{Kind: t.first[0].Kind, Text: fmt.Sprintf("rule %s could not judge %d more resources", r.ID, t.more)})
		}
	}
}

func compareProblems(a, b plinth.Problem) int {
	if c := strings.Compare(a.At.Path, b.At.Path); c != 0 {
		return c
	}
	if a.At.Line != b.At.Line {
		return int(a.At.Line - b.At.Line)
	}
	return strings.Compare(a.Text, b.Text)
}

// guard turns a panic inside one evaluation into a problem.
func (j *judge) guard(r *rule.Rule, evaluate func(*rule.Rule)) {
	defer func() {
		if p := recover(); p != nil {
			j.faults.add(r, plinth.Problem{
				Kind: plinth.Internal, At: j.header(),
				Text: fmt.Sprintf("%s: %v; please report this: %s", j.address(), p, firstFrame(string(debug.Stack()))),
			})
		}
	}()
	evaluate(r)
}

// firstFrame names the function that panicked.
func firstFrame(stack string) string {
	_, after, _ := strings.Cut(stack, "panic(")
	lines := strings.SplitN(after, "\n", 4)
	if len(lines) < 3 {
		return "no stack"
	}
	return strings.TrimSpace(lines[2])
}
