// Package scm asks the APIs of GitHub and GitLab for the settings of repositories, projects, groups and organizations. It only reads
// (GET), goes to no other host, and keeps the answers under the paths that they were asked by, as package read/scm reads them.
package scm

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/plinthsec/plinth"
)

// The platforms, which are the first words of targets too.
const (
	GitHub = "github"
	GitLab = "gitlab"
)

// Target takes github:OWNER/REPO, github:ORG, gitlab:GROUP/PROJECT or gitlab:GROUP apart.
func Target(target string) (platform, name string, ok bool) {
	platform, name, _ = strings.Cut(target, ":")
	if platform != GitHub && platform != GitLab {
		return "", "", false
	}
	name = strings.Trim(name, "/")
	parts := strings.Split(name, "/")
	for _, p := range parts {
		if p == "" || p == "." || p == ".." || strings.ContainsAny(p, "?#%\\ ") {
			return "", "", false
		}
	}
	return platform, name, platform == GitLab || len(parts) <= 2
}

// Collector asks for settings.
type Collector struct {
	HTTP *http.Client
	// Env looks up GITHUB_TOKEN, GH_TOKEN, GITHUB_API_URL; GITLAB_TOKEN, GITLAB_API_URL, CI_API_V4_URL.
	Env  func(string) string
	Jobs int // repositories that are asked about at the same time

	sleep func(context.Context, time.Duration) error // nil: the clock's
	now   func() time.Time
}

// Answers are what the API said, by file: github/repos/o/r/hooks.json. An error that it answered with is an answer, too.
type Answers struct {
	Files    map[string][]byte
	Problems []plinth.Problem
}

// Collect asks for everything below a name. The error is that nothing could be asked, or that of ctx.
func (c *Collector) Collect(ctx context.Context, platform, name string) (*Answers, error) {
	k := &collection{platform: platform, out: &Answers{Files: map[string][]byte{}}, jobs: max(1, min(c.Jobs, maxJobs))}
	var err error
	var anonymous bool
	if k.client, anonymous, err = c.client(platform, "application/vnd.github+json"); err != nil {
		return nil, err
	}
	if platform == GitHub {
		err = k.github(ctx, name)
	} else {
		err = k.gitlab(ctx, name)
	}
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil && anonymous:
		return nil, &Unanswered{fmt.Errorf("ask %s for %s without a token: %w", platform, name, err)}
	case err != nil:
		return nil, &Unanswered{fmt.Errorf("ask %s for %s: %w", platform, name, err)}
	}
	return k.out, nil
}

// Unanswered is the error of a service that could not be reached, or has nothing of that name for whoever asks.
type Unanswered struct{ error }

// Unwrap returns the error itself.
func (u *Unanswered) Unwrap() error { return u.error }

// client makes the client of a platform from the environment, and tells whether it has no token. Accept is the form of GitHub's answers.
func (c *Collector) client(platform, accept string) (*client, bool, error) {
	header := http.Header{"User-Agent": {"plinth"}}
	token, base := "", ""
	if platform == GitHub {
		token, base = first(c.Env, "GITHUB_TOKEN", "GH_TOKEN"), first(c.Env, "GITHUB_API_URL")
		header.Set("Accept", accept)
		header.Set("X-GitHub-Api-Version", "2022-11-28")
		if base == "" {
			base = "https://api.github.com"
		}
		if token != "" {
			header.Set("Authorization", "Bearer "+token)
		}
	} else {
		token, base = first(c.Env, "GITLAB_TOKEN"), first(c.Env, "GITLAB_API_URL", "CI_API_V4_URL")
		if base == "" {
			base = "https://gitlab.com/api/v4"
		}
		if token != "" {
			header.Set("Private-Token", token)
		}
	}
	if strings.ContainsAny(token, "\r\n") {
		return nil, false, fmt.Errorf("the token for %s has a line feed in it", platform)
	}
	k, err := newClient(c.HTTP, base, header)
	if err != nil {
		return nil, false, fmt.Errorf("ask %s: %w", platform, err)
	}
	if c.sleep != nil {
		k.sleep, k.now = c.sleep, c.now
	}
	return k, token == "", nil
}

const maxJobs = 4 // both services ask for few requests at the same time

func first(env func(string) string, names ...string) string {
	for _, n := range names {
		if v := strings.TrimSpace(env(n)); v != "" {
			return v
		}
	}
	return ""
}

// collection is one run.
type collection struct {
	platform string
	client   *client
	jobs     int

	mu  sync.Mutex
	out *Answers
}

// named is the path that an answer is kept under: without the query, but where it tells that the list holds administrators alone.
func named(path string) string {
	path, query, _ := strings.Cut(path, "?")
	for _, word := range strings.Split(query, "&") {
		if word == "role=admin" || word == "permission=admin" {
			return path + "?" + word
		}
	}
	return path
}

// keep keeps an answer under its path.
func (k *collection) keep(path string, body []byte) {
	path = named(path)
	var pretty bytes.Buffer
	if json.Indent(&pretty, body, "", "  ") != nil {
		k.fail(path, errors.New("the answer is no JSON"))
		return
	}
	pretty.WriteByte('\n')
	k.mu.Lock()
	k.out.Files[k.platform+"/"+path+".json"] = pretty.Bytes()
	k.mu.Unlock()
}

// fail notes that a setting could not be looked at. What the service refuses is kept as its answer, and the reader tells it.
func (k *collection) fail(path string, err error) {
	path = named(path)
	var r *refusal
	if errors.As(err, &r) && r.status < 500 {
		body, _ := json.Marshal(map[string]string{"message": r.message, "status": fmt.Sprint(r.status)})
		k.keep(path, body)
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.out.Problems = append(k.out.Problems, plinth.Problem{
		Kind: plinth.Unreadable, At: plinth.Location{Path: k.platform + "/" + path + ".json"}, Text: path + " could not be looked at: " + err.Error(),
	})
}

// object asks for one setting and keeps it.
func (k *collection) object(ctx context.Context, path string) ([]byte, error) {
	body, _, _, err := k.client.get(ctx, path)
	if err != nil {
		k.fail(path, err)
		return nil, err
	}
	k.keep(path, body)
	return body, nil
}

// list asks for a list and keeps it; change, if any, takes out of each element what nobody is to keep.
func (k *collection) list(ctx context.Context, path, field string, change func(map[string]json.RawMessage)) []json.RawMessage {
	all, err := k.client.list(ctx, path, field)
	if err != nil {
		k.fail(path, err)
		return nil
	}
	if change != nil {
		for i := range all {
			var e map[string]json.RawMessage
			if json.Unmarshal(all[i], &e) == nil {
				change(e)
				all[i], _ = json.Marshal(e)
			}
		}
	}
	if all == nil {
		all = []json.RawMessage{}
	}
	body, err := json.Marshal(all)
	if err == nil && field != "" {
		body, err = json.Marshal(map[string]json.RawMessage{field: body})
	}
	if err != nil {
		k.fail(path, errors.New("the answer is no JSON"))
		return nil
	}
	k.keep(path, body)
	return all
}

// each does something for every path, a few at the same time.
func (k *collection) each(ctx context.Context, paths []string, do func(ctx context.Context, path string)) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(k.jobs)
	for _, p := range paths {
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			do(ctx, p)
			return ctx.Err()
		})
	}
	return g.Wait()
}

func escaped(name string) string { return url.PathEscape(name) }

// status is that of a refusal, 0 for other errors.
func status(err error) int {
	var r *refusal
	if errors.As(err, &r) {
		return r.status
	}
	return 0
}
