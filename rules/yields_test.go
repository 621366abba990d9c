package rules_test

import (
	"testing"

	"github.com/plinthsec/plinth/internal/rule"
)

// TestYields holds that no rule yields to itself over others.
func TestYields(t *testing.T) {
	byID := map[string]*rule.Rule{}
	for _, r := range load(t) {
		byID[r.ID] = r
	}
	for id := range byID {
		if circle(byID, id, id, map[string]bool{}) {
			t.Errorf("%s yields to itself over others", id)
		}
	}
}

func circle(byID map[string]*rule.Rule, from, to string, seen map[string]bool) bool {
	if seen[from] || byID[from] == nil {
		return false
	}
	seen[from] = true
	for _, next := range byID[from].YieldsTo {
		if next == to || circle(byID, next, to, seen) {
			return true
		}
	}
	return false
}
