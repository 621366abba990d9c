// Package trial runs rules on their own examples, through the real readers and the real engine.
package trial

import (
	"context"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/engine/misconfig"
	"github.com/plinthsec/plinth/internal/rule"
	"github.com/plinthsec/plinth/internal/scan"
	"github.com/plinthsec/plinth/internal/tree"
)

// Runner runs examples.
type Runner struct {
	Readers []plinth.Reader
}

// Rule runs the examples of one rule and returns what is wrong with them, by the place in the rule file. The error is that of
// ctx.
func (t *Runner) Rule(ctx context.Context, r *rule.Rule) ([]plinth.Problem, error) {
	return r.Test(func(files map[string]string) (rule.Outcome, error) {
		res, err := t.Scan(ctx, r, files)
		if err != nil {
			return rule.Outcome{}, err
		}
		return rule.Outcome{Findings: res.Findings, Problems: res.Problems, Judged: res.Engines[misconfig.Name].Resources}, nil
	})
}

// Scan runs one rule on files.
func (t *Runner) Scan(ctx context.Context, r *rule.Rule, files map[string]string) (*scan.Result, error) {
	run := scan.Run{
		Config:  &plinth.Config{Jobs: 1, Offline: true},
		Readers: t.Readers,
		Engines: []scan.Engine{misconfig.New(rule.Only(r))},
	}
	return run.Scan(ctx, tree.Memory(r.ID, files))
}
