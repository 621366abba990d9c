package verdict

import (
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/graph"
)

const (
	proves  = 20 // a finding whose place an attack path rests on
	touches = 10 // a finding about a resource that an attack path passes
)

// scores are the ranks of severities by themselves, info first.
var scores = [...]int{5, 20, 40, 60, 80}

// Ranking ranks findings by their severity and by the attack paths that they are on.
type Ranking struct {
	places    map[string][]stretch // by file
	resources map[plinth.ID][]string
}

// stretch is lines of a file that a path rests on.
type stretch struct {
	from, to int32
	path     string
}

// NewRanking returns a ranking without paths.
func NewRanking() *Ranking {
	return &Ranking{places: map[string][]stretch{}, resources: map[plinth.ID][]string{}}
}

// Add takes the paths of an answer; name names the i-th of them.
func (k *Ranking) Add(m *graph.Map, a *graph.Answer, name func(i int) string) {
	for i := range a.Paths {
		p := &a.Paths[i]
		word := name(i)
		k.pass(&m.Nodes()[p.From], word)
		for _, h := range p.Hops {
			k.pass(&m.Nodes()[h.To], word)
			for _, s := range m.Relations()[h.Relation].Evidence {
				if s.Cost > 0 && s.At.Line > 0 {
					k.places[s.At.Path] = append(k.places[s.At.Path], stretch{s.At.Line, max(s.At.Line, s.At.EndLine), word})
				}
			}
		}
	}
}

func (k *Ranking) pass(n *plinth.Node, word string) {
	if n.Resource != nil && !slices.Contains(k.resources[n.ID], word) {
		k.resources[n.ID] = append(k.resources[n.ID], word)
	}
}

// Of ranks a finding; one that is suppressed or unknown has no urgency.
func (k *Ranking) Of(f *plinth.Finding) plinth.Priority {
	if f.Suppressed != nil || f.Verdict != plinth.Fail {
		return plinth.Priority{}
	}
	r := plinth.Priority{Score: scores[min(int(f.Rule.Severity), len(scores)-1)]}
	var on []string
	for _, s := range k.places[f.At.Path] {
		if s.from <= max(f.At.Line, f.At.EndLine) && f.At.Line <= s.to && !slices.Contains(on, s.path) {
			on = append(on, s.path)
		}
	}
	switch {
	case len(on) > 0:
		r.Score += proves
		r.Reasons = []string{"attack path " + strings.Join(on, ", ") + " rests on this place"}
	case f.Resource != nil && len(k.resources[f.Resource.ID]) > 0:
		r.Score += touches
		r.Reasons = []string{"its resource is on attack path " + strings.Join(k.resources[f.Resource.ID], ", ")}
	}
	return r
}
