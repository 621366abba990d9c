package all

import (
	"context"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/engine/misconfig"
	"github.com/plinthsec/plinth/internal/rule"
	"github.com/plinthsec/plinth/internal/scan"
	"github.com/plinthsec/plinth/internal/tree"
)

// Example returns a function that scans the files of an example with one rule of the set alone, through the real readers.
func Example(ctx context.Context, set *rule.Set, id string) (func(files map[string]string) (rule.Outcome, error), error) {
	one, err := set.Select([]string{id}, nil, EngineNames())
	if err != nil {
		return nil, err
	}
	return func(files map[string]string) (rule.Outcome, error) {
		run := scan.Run{Config: &plinth.Config{Jobs: 1, Offline: true}, Readers: Readers(), Engines: Engines(one)}
		res, err := run.Scan(ctx, tree.Memory("example", files))
		if err != nil {
			return rule.Outcome{}, err
		}
		return rule.Outcome{Findings: res.Findings, Problems: res.Problems, Judged: res.Engines[misconfig.Name].Resources}, nil
	}, nil
}
