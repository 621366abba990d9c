package scm

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestCommits(t *testing.T) {
	const sum = "0123456789abcdef0123456789abcdef01234567"
	s := serve(t, map[string]func(http.ResponseWriter, *http.Request){
		"repos/o/tool/commits/v4":           says(sum + "\n"),
		"repos/o/tool/commits/release%2Fv1": says(sum),
		"repos/o/tool/commits/odd":          says("{}"),
	})
	var waits []time.Duration
	c := &Commits{Collector: s.collector(&waits)}
	for _, x := range []struct{ repository, ref, want, err string }{
		{"o/tool", "v4", sum, ""},
		{"o/tool", "v4", sum, ""},
		{"o/tool", "release/v1", sum, ""},
		{"o/tool", "v9", "", "answered 404"},
		{"o/tool", "odd", "", "no hash"},
		{"o/../tool", "v4", "", "not a repository"},
		{"o", "v4", "", "not a repository"},
	} {
		got, err := c.Of(context.Background(), x.repository, x.ref)
		if got != x.want || (err == nil) != (x.err == "") || err != nil && !strings.Contains(err.Error(), x.err) {
			t.Errorf("%s@%s: %q, %v", x.repository, x.ref, got, err)
		}
	}
	want := []string{"repos/o/tool/commits/v4", "repos/o/tool/commits/release%2Fv1", "repos/o/tool/commits/v9", "repos/o/tool/commits/odd"}
	if !slices.Equal(s.asked, want) {
		t.Errorf("asked %v", s.asked)
	}
}
