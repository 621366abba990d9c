package scm

import (
	"context"
	"net/http"
	"testing"
	"time"
)

func TestRefs(t *testing.T) {
	const sum = "0123456789abcdef0123456789abcdef01234567"
	s := serve(t, map[string]func(http.ResponseWriter, *http.Request){
		"repos/o/tool/branches":                      says(`[{"name": "main", "commit": {"sha": "` + sum + `", "url": "x"}, "protected": false}]`),
		"repos/o/tool/tags":                          says(`[{"name": "v1", "commit": {"sha": "` + sum + `"}, "zipball_url": "x"}]`),
		"repos/o/odd/branches":                       says(`[{"name": "main"}]`),
		"repos/o/tool/compare/main..." + sum:         says(`{"status": "behind", "ahead_by": 0, "behind_by": 3}`),
		"repos/o/tool/compare/release%2Fv1..." + sum: says(`{"status": "diverged"}`),
		"repos/o/tool/compare/odd..." + sum:          says(`{}`),
	})
	var waits []time.Duration
	r := &Refs{Collector: s.collector(&waits)}
	branches, tags, err := r.Refs(context.Background(), "o/tool")
	if err != nil || branches["main"] != sum || tags["v1"] != sum {
		t.Errorf("%v, %v, %v", branches, tags, err)
	}
	for _, name := range []string{"o/odd", "o/gone"} {
		if _, _, err := r.Refs(context.Background(), name); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	for ref, want := range map[string]bool{"main": true, "release/v1": false, "none": false} {
		if in, err := r.Holds(context.Background(), "o/tool", ref, sum); err != nil || in != want {
			t.Errorf("%s: %v, %v", ref, in, err)
		}
	}
	if _, err := r.Holds(context.Background(), "o/tool", "odd", sum); err == nil {
		t.Error("an answer that compares nothing is one")
	}
}
