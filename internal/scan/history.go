package scan

import (
	"context"
	"sync"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/tree"
)

// history shows the objects of a Git repository to the engines that look at them, and tells these where the objects with findings
// are from.
func (r *Run) history(ctx context.Context, h *tree.History, c *collector, res *Result) error {
	var engines []HistoryEngine
	for _, e := range r.Engines {
		if o, ok := e.(HistoryEngine); ok {
			engines = append(engines, o)
		}
	}
	if len(engines) == 0 {
		c.Problem(plinth.Problem{Kind: plinth.Unsupported, Text: "no engine that was asked for looks at a history"})
		return nil
	}
	var mu sync.Mutex
	wanted := map[string]bool{}
	n, err := h.Each(ctx, r.Config.Jobs, c.Problem, func(o tree.Object) {
		for _, e := range engines {
			found := false
			r.guard(c, plinth.Location{Path: o.Path}, e.Name(), func() { found = e.Object(o, c.Problem) })
			if found {
				mu.Lock()
				wanted[o.ID] = o.Message
				mu.Unlock()
			}
		}
	})
	if err != nil {
		return err
	}
	res.Files.Seen, res.Files.Read = res.Files.Seen+n, res.Files.Read+n
	origins, err := h.Origins(ctx, wanted)
	if err != nil {
		c.Problem(plinth.Problem{Kind: plinth.Unreadable, Text: "the log of the history could not be read to its end: " + err.Error()})
	}
	for id := range wanted {
		for _, e := range engines {
			e.Origin(id, origins[id])
		}
	}
	return ctx.Err()
}
