package cli

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestScanLive asks a service on this machine for the settings of a repository.
func TestScanLive(t *testing.T) {
	answers := map[string]string{
		"/repos/corp/app":                              `{"name": "app", "full_name": "corp/app", "default_branch": "main", "private": true, "visibility": "private", "permissions": {"admin": true}}`,
		"/repos/corp/app/branches":                     `[]`,
		"/repos/corp/app/rulesets":                     `[]`,
		"/repos/corp/app/environments":                 `{"environments": []}`,
		"/repos/corp/app/keys":                         `[{"id": 1, "title": "ci", "read_only": false}]`,
		"/repos/corp/app/actions/permissions":          `{"enabled": true, "allowed_actions": "selected"}`,
		"/repos/corp/app/actions/permissions/workflow": `{"default_workflow_permissions": "write"}`,
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, ok := answers[r.URL.Path]
		switch {
		case r.Header.Get("Authorization") != "Bearer hidden-from-all":
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"message": "Bad credentials"}`)
		case strings.HasSuffix(r.URL.Path, "/protection"):
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"message": "Branch not protected"}`)
		case !ok:
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"message": "Not Found"}`)
		default:
			fmt.Fprint(w, body)
		}
	}))
	defer server.Close()
	for _, c := range []struct {
		token string
		flags []string
		exit  int
		holds []string
	}{
		{"hidden-from-all", nil, 3, []string{
			"github-deploy-key-write", "github/repos/corp/app/keys.json:5", "repos/corp/app/keys/1", "github-actions-token-write", "github-repository-protection",
			"repos/corp/app/hooks could not be looked at", "github-repository-vulnerability-alerts",
		}},
		{"hidden-from-all", []string{"--offline"}, 2, []string{"--offline forbids"}},
		{"wrong", nil, 3, []string{"Bad credentials", "1 place could not be looked at"}},
	} {
		var out bytes.Buffer
		s := Streams{In: strings.NewReader(""), Out: &out, Err: &out, Env: []string{"GITHUB_API_URL=" + server.URL, "GITHUB_TOKEN=" + c.token, "COLUMNS=140"}}
		code := Run(t.Context(), append([]string{"scan", "github:corp/app"}, c.flags...), s)
		if code != c.exit {
			t.Errorf("%v: exit %d, want %d\n%s", c.flags, code, c.exit, &out)
		}
		for _, want := range c.holds {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%v: %q is missing in\n%s", c.flags, want, &out)
			}
		}
		if strings.Contains(out.String(), c.token) {
			t.Error("the token is in the output")
		}
	}
}
