package verdict

import (
	"encoding/json"
	"fmt"

	"github.com/plinthsec/plinth"
)

// Baseline is findings that are known already, by their fingerprints.
type Baseline struct {
	name string
	keys map[string]bool
}

// ReadBaseline reads a report of plinth (-o json) as a baseline. What is suppressed in it is not known: its reason may end.
func ReadBaseline(name string, data []byte) (*Baseline, error) {
	var r struct {
		Schema   string
		Findings []struct {
			Key        string
			Suppressed any
		}
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, fmt.Errorf("read baseline %s: %w", name, err)
	}
	if r.Schema != "plinth.report/1" {
		return nil, fmt.Errorf("read baseline %s: it is no report of plinth (-o json)", name)
	}
	b := &Baseline{name: name, keys: map[string]bool{}}
	for _, f := range r.Findings {
		if f.Suppressed == nil {
			b.keys[f.Key] = true
		}
	}
	return b, nil
}

// Suppress marks the findings that are in the baseline.
func (b *Baseline) Suppress(findings []plinth.Finding) {
	for i := range findings {
		if f := &findings[i]; f.Suppressed == nil && b.keys[f.Key] {
			f.Suppressed = &plinth.Suppression{By: "baseline", Why: "in the baseline " + b.name}
		}
	}
}
