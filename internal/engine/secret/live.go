package secret

import (
	"context"
	"fmt"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/engine/secret/verify"
)

// named is what joined compares.
func (s *sighting) named() string { return s.rule.ID + " " + s.hash }

// outcomes asks about each different secret that is not silenced everywhere, in the order of the sightings, and forgets the secrets.
// The keys are those of named.
func (e *Engine) outcomes(ctx context.Context, seen []sighting) map[string]verify.Outcome {
	if e.Verify == nil {
		return nil
	}
	var names []string
	var list []verify.Question
	out := map[string]verify.Outcome{}
	for i := range seen {
		s := &seen[i]
		name := s.named()
		if _, ok := out[name]; !ok && s.ask != nil && s.silent == nil {
			out[name] = verify.Outcome{}
			names, list = append(names, name), append(list, *s.ask)
		}
		s.ask = nil
	}
	for i, o := range e.Verify.Ask(ctx, list) {
		out[names[i]] = o
	}
	return out
}

// judge tells what a provider said of the secret: a live one is critical, a dead one at most low. An empty outcome changes nothing.
func judge(f *plinth.Finding, o verify.Outcome) {
	if o.Host == "" || f.Suppressed != nil {
		return
	}
	rule := *f.Rule
	switch o.State {
	case verify.Live:
		rule.Severity = plinth.Critical
	case verify.Dead:
		rule.Severity = min(rule.Severity, plinth.Low)
	}
	note := fmt.Sprintf("verified: %s at %s (%s)", o.State, o.Host, o.Why)
	if rule.Severity != f.Rule.Severity {
		note += fmt.Sprintf("; so its severity is %s, not %s", rule.Severity, f.Rule.Severity)
		f.Rule = &rule
	}
	f.Evidence = append(f.Evidence, plinth.Step{Note: note, At: f.At})
}
