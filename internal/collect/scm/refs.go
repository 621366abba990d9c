package scm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
)

// Refs tells what the repositories of GitHub hold: branches, tags and their histories. It is safe for concurrent use.
type Refs struct {
	Collector *Collector

	once   sync.Once
	client *client
	err    error
}

func (r *Refs) connect() (*client, error) {
	r.once.Do(func() { r.client, _, r.err = r.Collector.client(GitHub, "application/vnd.github+json") })
	return r.client, r.err
}

// Refs returns the commits of the branches and tags of OWNER/NAME by their names:
// https://docs.github.com/rest/branches/branches, https://docs.github.com/rest/repos/repos#list-repository-tags.
func (r *Refs) Refs(ctx context.Context, repository string) (branches, tags map[string]string, err error) {
	c, err := r.connect()
	if err != nil {
		return nil, nil, err
	}
	if branches, err = refsOf(ctx, c, repository, "branches"); err != nil {
		return nil, nil, err
	}
	if tags, err = refsOf(ctx, c, repository, "tags"); err != nil {
		return nil, nil, err
	}
	return branches, tags, nil
}

func refsOf(ctx context.Context, c *client, repository, kind string) (map[string]string, error) {
	list, err := c.list(ctx, "repos/"+repository+"/"+kind, "")
	if err != nil {
		return nil, fmt.Errorf("ask %s for the %s of %s: %w", GitHub, kind, repository, err)
	}
	out := map[string]string{}
	for _, raw := range list {
		var ref struct {
			Name   string `json:"name"`
			Commit struct {
				SHA string `json:"sha"`
			} `json:"commit"`
		}
		if err := json.Unmarshal(raw, &ref); err != nil || ref.Name == "" || !hash.MatchString(ref.Commit.SHA) {
			return nil, fmt.Errorf("ask %s for the %s of %s: the answer is no list of them", GitHub, kind, repository)
		}
		out[ref.Name] = ref.Commit.SHA
	}
	return out, nil
}

// Holds tells whether a commit is in the history of a branch or tag: https://docs.github.com/rest/commits/commits#compare-two-commits.
func (r *Refs) Holds(ctx context.Context, repository, ref, commit string) (bool, error) {
	c, err := r.connect()
	if err != nil {
		return false, err
	}
	body, _, _, err := c.get(ctx, "repos/"+repository+"/compare/"+url.PathEscape(ref)+"..."+commit+"?per_page=1")
	if status(err) == http.StatusNotFound { // no history in common
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("ask %s whether %s of %s has %s: %w", GitHub, ref, repository, commit, err)
	}
	var compared struct {
		Status string `json:"status"`
	}
	if err := json.Unmarshal(body, &compared); err != nil || compared.Status == "" {
		return false, errors.New("the answer compares nothing")
	}
	return compared.Status == "behind" || compared.Status == "identical", nil
}
