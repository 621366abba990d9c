package scm

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

const secretToken = "t0ken-of-the-test"

// service is a fake of an API: answers by path and query, as the real ones give them.
type service struct {
	*httptest.Server
	asked   []string
	answers map[string]func(w http.ResponseWriter, r *http.Request)
}

func serve(t *testing.T, answers map[string]func(http.ResponseWriter, *http.Request)) *service {
	t.Helper()
	s := &service{answers: answers}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			t.Errorf("%s %s: only GET is allowed", r.Method, r.URL)
		}
		path := strings.TrimPrefix(r.URL.EscapedPath(), "/")
		s.asked = append(s.asked, path)
		answer := s.answers[path]
		if answer == nil {
			answer = fails(404, "Not Found")
		}
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		answer(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func says(body string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) }
}

func fails(code int, message string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		fmt.Fprintf(w, `{"message": %q, "documentation_url": "https://docs.github.com/rest", "status": "%d"}`, message, code)
	}
}

// collector asks the fake; waits are noted, not made.
func (s *service) collector(waits *[]time.Duration) *Collector {
	env := map[string]string{"GITHUB_API_URL": s.URL, "GITHUB_TOKEN": secretToken, "GITLAB_API_URL": s.URL, "GITLAB_TOKEN": secretToken}
	return &Collector{
		HTTP: s.Client(), Env: func(key string) string { return env[key] }, Jobs: 1,
		sleep: func(ctx context.Context, d time.Duration) error { *waits = append(*waits, d); return ctx.Err() },
		now:   func() time.Time { return time.Unix(1000, 0) },
	}
}

func names(a *Answers) []string {
	var out []string
	for name := range a.Files {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

const corpApp = `{"full_name": "corp/app", "default_branch": "main", "private": true, "owner": {"login": "corp", "type": "Organization"}, "permissions": {"admin": true}}`

func githubAnswers() map[string]func(http.ResponseWriter, *http.Request) {
	return map[string]func(http.ResponseWriter, *http.Request){
		"repos/corp/app": says(corpApp),
		"repos/corp/app/branches": func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Get("page") == "2" {
				fmt.Fprint(w, `[{"name": "release/1"}]`)
				return
			}
			w.Header().Set("Link", fmt.Sprintf(`<http://%s/repos/corp/app/branches?protected=true&page=2>; rel="next", <http://%s/x>; rel="last"`, r.Host, r.Host))
			fmt.Fprint(w, `[{"name": "main"}]`)
		},
		"repos/corp/app/vulnerability-alerts":            func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) },
		"repos/corp/app/branches/main/protection":        fails(404, "Branch not protected"),
		"repos/corp/app/branches/release%2F1/protection": says(`{"enforce_admins": {"enabled": true}}`),
		"repos/corp/app/rulesets":                        says(`[{"id": 7, "name": "main"}]`),
		"repos/corp/app/rulesets/7":                      says(`{"id": 7, "rules": []}`),
		"repos/corp/app/environments":                    says(`{"total_count": 1, "environments": [{"name": "production"}]}`),
		"repos/corp/app/codeowners/errors":               says(`{"errors": [{"line": 3, "column": 1, "kind": "Unknown owner", "source": "* @corp/gone", "path": "CODEOWNERS", "message": "Unknown owner"}]}`),
		"repos/corp/app/keys":                            says(`[]`),
		"repos/corp/app/hooks":                           fails(403, "Resource not accessible by integration"),
		"repos/corp/app/collaborators":                   says(`[{"login": "mia", "role_name": "admin"}]`),
		"repos/corp/app/activity": func(w http.ResponseWriter, r *http.Request) {
			if q := r.URL.Query(); q.Get("actor") == "mia" && q.Get("time_period") == "year" {
				fmt.Fprint(w, `[{"activity_type": "push", "actor": {"login": "mia"}}]`)
				return
			}
			fmt.Fprint(w, `[]`)
		},
		"repos/corp/app/actions/permissions":          says(`{"enabled": true, "allowed_actions": "all"}`),
		"repos/corp/app/actions/permissions/workflow": says(`{"default_workflow_permissions": "read", "can_approve_pull_request_reviews": false}`),
		"orgs/corp":                              says(`{"login": "corp", "two_factor_requirement_enabled": true}`),
		"orgs/corp/actions/permissions":          says(`{"enabled_repositories": "all"}`),
		"orgs/corp/actions/permissions/workflow": says(`{"default_workflow_permissions": "read"}`),
		"orgs/corp/hooks":                        says(`[]`),
		"orgs/corp/members":                      says(`[{"login": "ada"}]`),
		"orgs/corp/actions/secrets":              says(`{"total_count": 1, "secrets": [{"name": "DEPLOY", "visibility": "all"}]}`),
		"orgs/corp/actions/runner-groups":        says(`{"total_count": 0, "runner_groups": []}`),
		"orgs/corp/rulesets":                     says(`[]`),
		"orgs/corp/repos":                        says(`[` + corpApp + `, {"full_name": "corp/old", "archived": true}]`),
		"users/mia/repos":                        says(`[]`),
		"repos/corp/renamed": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/repos/corp/app", http.StatusMovedPermanently)
		},
		"repos/corp/elsewhere": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://192.0.2.1/", http.StatusFound)
		},
	}
}

func TestGitHub(t *testing.T) {
	s := serve(t, githubAnswers())
	var waits []time.Duration
	a, err := s.collector(&waits).Collect(t.Context(), GitHub, "corp/app")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"github/repos/corp/app.json", "github/repos/corp/app/actions/permissions.json", "github/repos/corp/app/actions/permissions/workflow.json",
		"github/repos/corp/app/activity.json",
		"github/repos/corp/app/branches/main/protection.json", "github/repos/corp/app/branches/release%2F1/protection.json", "github/repos/corp/app/codeowners/errors.json",
		"github/repos/corp/app/collaborators.json", "github/repos/corp/app/collaborators?permission=admin.json", "github/repos/corp/app/environments.json", "github/repos/corp/app/hooks.json", "github/repos/corp/app/keys.json", "github/repos/corp/app/rulesets.json",
		"github/repos/corp/app/rulesets/7.json", "github/repos/corp/app/vulnerability-alerts.json",
	}
	if got := names(a); !slices.Equal(got, want) {
		t.Errorf("files\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if got := string(a.Files["github/repos/corp/app/hooks.json"]); !strings.Contains(got, "not accessible by integration") {
		t.Errorf("what was refused is told as %s", got)
	}
	if got := string(a.Files["github/repos/corp/app/activity.json"]); !strings.Contains(got, `"login": "mia"`) {
		t.Errorf("the activity of administrators is %s", got)
	}
	if len(a.Problems) > 0 || len(waits) > 0 {
		t.Errorf("problems %v, waits %v", a.Problems, waits)
	}
	for name, data := range a.Files {
		if strings.Contains(string(data), secretToken) {
			t.Errorf("the token is in %s", name)
		}
	}
}

func TestOrganization(t *testing.T) {
	s := serve(t, githubAnswers())
	var waits []time.Duration
	a, err := s.collector(&waits).Collect(t.Context(), GitHub, "corp")
	if err != nil {
		t.Fatal(err)
	}
	got := names(a)
	for _, name := range []string{"github/orgs/corp.json", "github/orgs/corp/hooks.json", "github/orgs/corp/members?role=admin.json", "github/orgs/corp/actions/secrets.json", "github/repos/corp/app/rulesets/7.json"} {
		if !slices.Contains(got, name) {
			t.Errorf("%s is missing in %s", name, got)
		}
	}
	if slices.ContainsFunc(s.asked, func(p string) bool { return strings.Contains(p, "corp/old") }) {
		t.Error("an archived repository was asked about")
	}
	if _, err := s.collector(&waits).Collect(t.Context(), GitHub, "mia"); err != nil {
		t.Errorf("a user without an organization: %v", err)
	}
}

func TestRedirects(t *testing.T) {
	s := serve(t, githubAnswers())
	var waits []time.Duration
	if _, err := s.collector(&waits).Collect(t.Context(), GitHub, "corp/renamed"); err != nil {
		t.Errorf("a renamed repository: %v", err)
	}
	if _, err := s.collector(&waits).Collect(t.Context(), GitHub, "corp/elsewhere"); err == nil || status(err) != http.StatusFound {
		t.Errorf("a redirect to another host: %v", err)
	}
}

func TestRateLimit(t *testing.T) {
	limited := func(header map[string]string, code int, times int, then func(http.ResponseWriter, *http.Request)) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, r *http.Request) {
			if times--; times < 0 {
				then(w, r)
				return
			}
			for k, v := range header {
				w.Header().Set(k, v)
			}
			fails(code, "API rate limit exceeded")(w, r)
		}
	}
	for _, tc := range []struct {
		name   string
		header map[string]string
		code   int
		times  int
		waits  string
		fails  bool
	}{
		{"until reset", map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1060"}, 403, 1, "[1m1s]", false},
		{"retry after", map[string]string{"Retry-After": "5"}, 429, 2, "[5s 5s]", false},
		{"GitLab's names", map[string]string{"RateLimit-Remaining": "0", "RateLimit-Reset": "1002"}, 429, 1, "[3s]", false},
		{"too long", map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "5000"}, 403, 1, "[]", true},
		{"the service is ill", nil, 502, 1, "[1s]", false},
		{"the service stays ill", nil, 502, 9, "[1s 2s]", true},
		{"no limit", nil, 403, 1, "[]", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			answers := githubAnswers()
			answers["repos/corp/app"] = limited(tc.header, tc.code, tc.times, says(`{"full_name": "corp/app", "archived": true}`))
			var waits []time.Duration
			_, err := serve(t, answers).collector(&waits).Collect(t.Context(), GitHub, "corp/app")
			if (err != nil) != tc.fails {
				t.Errorf("error %v", err)
			}
			if got := fmt.Sprint(waits); got != tc.waits {
				t.Errorf("waited %s, want %s", got, tc.waits)
			}
			if err != nil && strings.Contains(err.Error(), secretToken) {
				t.Error("the token is in the error")
			}
		})
	}
}

func TestGitLab(t *testing.T) {
	const project = `{"id": 7, "path_with_namespace": "corp/app", "visibility": "private", "runners_token": "GR1348941secret"}`
	s := serve(t, map[string]func(http.ResponseWriter, *http.Request){
		"projects/corp%2Fapp":                    says(project),
		"projects/corp%2Fapp/variables":          says(`[{"key": "DEPLOY_TOKEN", "value": "the-value", "masked": false}]`),
		"projects/corp%2Fapp/protected_branches": says(`[{"name": "main"}]`),
		"projects/corp%2Fapp/hooks":              fails(403, "403 Forbidden"),
		"groups/corp":                            says(`{"full_path": "corp"}`),
		"groups/corp/projects":                   says(`[` + project + `]`),
		"groups/corp/variables":                  says(`[]`),
		"groups/corp/members":                    says(`[{"username": "ada", "access_level": 50, "state": "active"}]`),
	})
	for _, name := range []string{"corp/app", "corp"} {
		var waits []time.Duration
		a, err := s.collector(&waits).Collect(t.Context(), GitLab, name)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range []string{"gitlab/projects/corp%2Fapp.json", "gitlab/projects/corp%2Fapp/variables.json", "gitlab/projects/corp%2Fapp/hooks.json"} {
			if a.Files[file] == nil {
				t.Errorf("%s: %s is missing in %s", name, file, names(a))
			}
		}
		for file, data := range a.Files {
			if !json.Valid(data) || strings.Contains(string(data), "the-value") || strings.Contains(string(data), "GR1348941secret") {
				t.Errorf("%s holds %s", file, data)
			}
		}
	}
}

func TestTarget(t *testing.T) {
	for target, want := range map[string]string{
		"github:corp/app": "github corp/app", "github:corp": "github corp", "gitlab:a/b/c": "gitlab a/b/c", "github:a/b/c": "", "github:": "", "github:../x": "",
		"gitlab:a b": "", "gitea:a/b": "", "github": "", "github:a//b": "", "github:a/b?x=y": "",
	} {
		platform, name, ok := Target(target)
		if got := strings.TrimSpace(platform + " " + name); ok != (want != "") || ok && got != want {
			t.Errorf("Target(%s) = %q, %v", target, got, ok)
		}
	}
}

func TestAddress(t *testing.T) {
	for base, ok := range map[string]bool{"https://ghe.corp.example/api/v3": true, "http://ghe.corp.example/api/v3": false, "http://127.0.0.1:80": true, "x": false, "https://a:b@c": false} {
		if _, err := newClient(http.DefaultClient, base, nil); (err == nil) != ok {
			t.Errorf("newClient(%s): %v", base, err)
		}
	}
}
