package scm

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	maxAnswer   = 16 << 20         // bytes of one answer: the largest lists of a hundred elements have a hundredth of it
	maxPages    = 100              // of one list: ten thousand repositories, webhooks or branches
	maxRequests = 50_000           // of one run: three thousand repositories
	maxHops     = 3                // redirects of one request: a repository that was renamed has one
	maxTries    = 3                // of one request that the service could not answer
	maxWait     = 15 * time.Minute // for a rate limit, over the whole run: GitHub's is renewed every hour
	maxMessage  = 200              // bytes of the service's own words that are repeated
	perPage     = "100"            // the most that both services give at once
)

// client asks one service. It is safe for concurrent use.
type client struct {
	http   *http.Client
	base   *url.URL
	header http.Header
	sleep  func(context.Context, time.Duration) error
	now    func() time.Time

	mu       sync.Mutex
	requests int
	waited   time.Duration
	over     error // why nothing more is asked
}

// refusal is an answer that is an error of the service.
type refusal struct {
	status  int
	message string
}

func (r *refusal) Error() string { return fmt.Sprintf("answered %d: %s", r.status, r.message) }

// newClient makes a client of its own redirects: none leads to another host, where the token would go along.
func newClient(from *http.Client, base string, header http.Header) (*client, error) {
	u, err := url.Parse(strings.TrimSuffix(base, "/"))
	if err != nil || u.Host == "" || u.User != nil {
		return nil, errors.New("the address of the API is none")
	}
	if u.Scheme != "https" && !(u.Scheme == "http" && loopback(u.Hostname())) {
		return nil, errors.New("the address of the API is not https: the token would go over the network in clear")
	}
	own := *from
	own.CheckRedirect = func(req *http.Request, via []*http.Request) error {
		if req.URL.Host != u.Host || req.URL.Scheme != u.Scheme || len(via) > maxHops {
			return http.ErrUseLastResponse
		}
		return nil
	}
	return &client{http: &own, base: u, header: header, sleep: pause, now: time.Now}, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// get asks for a path, with its query, and returns the answer and the address of the next page. The error is a *refusal where the
// service answered with one.
func (c *client) get(ctx context.Context, path string) (body []byte, status int, next string, err error) {
	return c.ask(ctx, c.base.String()+"/"+path)
}

func (c *client) ask(ctx context.Context, address string) (body []byte, status int, next string, err error) {
	for try := 1; ; try++ {
		if err := c.begin(); err != nil {
			return nil, 0, "", err
		}
		body, res, err := c.once(ctx, address)
		if ctx.Err() != nil {
			return nil, 0, "", ctx.Err()
		}
		wait, limited := time.Duration(0), false
		if err == nil {
			wait, limited = c.limit(res, body)
		}
		again := err != nil || res.StatusCode >= 500
		switch {
		case limited:
			if err := c.wait(ctx, wait); err != nil {
				return nil, 0, "", err
			}
			if try <= maxTries {
				continue
			}
		case again && try < maxTries:
			if err := c.sleep(ctx, time.Duration(try)*time.Second); err != nil {
				return nil, 0, "", err
			}
			continue
		}
		if err != nil {
			return nil, 0, "", err
		}
		if res.StatusCode < 200 || res.StatusCode > 299 {
			return body, res.StatusCode, "", &refusal{res.StatusCode, message(res, body)}
		}
		return body, res.StatusCode, c.next(res), nil
	}
}

// begin counts a request.
func (c *client) begin() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.requests++; c.requests > maxRequests && c.over == nil {
		c.over = fmt.Errorf("more than %d requests: name fewer repositories", maxRequests)
	}
	return c.over
}

func (c *client) once(ctx context.Context, address string) ([]byte, *http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, nil, errors.New("the path makes no address")
	}
	for k, v := range c.header {
		req.Header[k] = v
	}
	res, err := c.http.Do(req)
	if err != nil {
		var at *url.Error
		if errors.As(err, &at) { // its text has the address, which may hold what nobody is to see
			err = at.Err
		}
		return nil, nil, fmt.Errorf("ask %s: %w", c.base.Host, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil {
		return nil, nil, fmt.Errorf("read the answer of %s: %w", c.base.Host, err)
	}
	if len(body) > maxAnswer {
		return nil, nil, fmt.Errorf("an answer of more than %d MiB", maxAnswer>>20)
	}
	return body, res, nil
}

// limit tells whether the service answers nothing for a while, and for how long: https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api,
// https://docs.gitlab.com/security/rate_limits/.
func (c *client) limit(res *http.Response, body []byte) (time.Duration, bool) {
	if res.StatusCode != http.StatusForbidden && res.StatusCode != http.StatusTooManyRequests {
		return 0, false
	}
	if s := res.Header.Get("Retry-After"); s != "" {
		if n, err := strconv.Atoi(s); err == nil {
			return time.Duration(max(n, 1)) * time.Second, true
		}
	}
	for _, prefix := range []string{"X-Ratelimit-", "Ratelimit-"} {
		if res.Header.Get(prefix+"Remaining") != "0" {
			continue
		}
		if n, err := strconv.ParseInt(res.Header.Get(prefix+"Reset"), 10, 64); err == nil {
			return max(time.Unix(n, 0).Sub(c.now()), 0) + time.Second, true
		}
	}
	secondary := res.StatusCode == http.StatusTooManyRequests || bytes.Contains(body, []byte("secondary rate limit"))
	return time.Minute, secondary
}

// wait waits for a rate limit, as long as the whole run may.
func (c *client) wait(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	if c.waited += d; c.waited > maxWait && c.over == nil {
		c.over = fmt.Errorf("the rate limit of %s ends in %s, which is longer than this run waits", c.base.Host, d.Round(time.Second))
	}
	err := c.over
	c.mu.Unlock()
	if err != nil {
		return err
	}
	return c.sleep(ctx, d)
}

// next is the address of the next page, "" where there is none or where it is at another host.
func (c *client) next(res *http.Response) string {
	for _, link := range strings.Split(res.Header.Get("Link"), ",") {
		address, rel, _ := strings.Cut(link, ";")
		address = strings.Trim(strings.TrimSpace(address), "<>")
		if u, err := url.Parse(address); err == nil && strings.Contains(rel, `rel="next"`) && u.Host == c.base.Host && u.Scheme == c.base.Scheme {
			return address
		}
	}
	return ""
}

// message is what the service says of an error, without control characters.
func message(res *http.Response, body []byte) string {
	var said struct {
		Message json.RawMessage `json:"message"`
		Error   json.RawMessage `json:"error"`
	}
	text := http.StatusText(res.StatusCode)
	if json.Unmarshal(body, &said) == nil {
		for _, raw := range []json.RawMessage{said.Message, said.Error} {
			var s string
			if json.Unmarshal(raw, &s) == nil && s != "" {
				text = s
				break
			}
		}
	}
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
	return text[:min(len(text), maxMessage)]
}

// list asks for all pages of a list. field names the list in an answer that is an object, "" where the answer is the list.
func (c *client) list(ctx context.Context, path, field string) ([]json.RawMessage, error) {
	sep := "?"
	if strings.Contains(path, "?") {
		sep = "&"
	}
	address := c.base.String() + "/" + path + sep + "per_page=" + perPage
	var all []json.RawMessage
	for range maxPages {
		body, _, next, err := c.ask(ctx, address)
		if err != nil {
			return nil, err
		}
		var page []json.RawMessage
		if field == "" {
			err = json.Unmarshal(body, &page)
		} else {
			var object map[string]json.RawMessage
			if err = json.Unmarshal(body, &object); err == nil {
				err = json.Unmarshal(object[field], &page)
			}
		}
		if err != nil {
			return nil, errors.New("the answer is no list")
		}
		all = append(all, page...)
		if next == "" {
			return all, nil
		}
		address = next
	}
	return nil, fmt.Errorf("a list of more than %d pages", maxPages)
}
