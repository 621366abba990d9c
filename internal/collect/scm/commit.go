package scm

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"sync"
)

// Commits tells which commits the tags and branches of GitHub's repositories stand for. It is safe for concurrent use and asks for each once.
type Commits struct {
	Collector *Collector

	mu     sync.Mutex
	client *client
	known  map[string]answer
}

type answer struct {
	hash string
	err  error
}

var hash = regexp.MustCompile(`^[0-9a-f]{40}$`)

// Of returns the hash of the commit that a tag or branch of OWNER/NAME points at: https://docs.github.com/rest/commits/commits#get-a-commit.
func (c *Commits) Of(ctx context.Context, repository, ref string) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := repository + "@" + ref
	if a, ok := c.known[key]; ok {
		return a.hash, a.err
	}
	if c.known == nil {
		c.known = map[string]answer{}
	}
	sum, err := c.ask(ctx, repository, ref)
	if err != nil {
		err = fmt.Errorf("ask %s for %s: %w", GitHub, key, err)
	}
	c.known[key] = answer{sum, err}
	return sum, err
}

func (c *Commits) ask(ctx context.Context, repository, ref string) (string, error) {
	if _, _, ok := Target(GitHub + ":" + repository); !ok || strings.Count(repository, "/") != 1 {
		return "", errors.New("not a repository")
	}
	if c.client == nil {
		made, _, err := c.Collector.client(GitHub, "application/vnd.github.sha")
		if err != nil {
			return "", err
		}
		c.client = made
	}
	body, _, _, err := c.client.get(ctx, "repos/"+repository+"/commits/"+url.PathEscape(ref))
	if err != nil {
		return "", err
	}
	sum := strings.TrimSpace(string(body))
	if !hash.MatchString(sum) {
		return "", errors.New("the answer is no hash")
	}
	return sum, nil
}
