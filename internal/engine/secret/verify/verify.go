package verify

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

const (
	pause     = 500 * time.Millisecond // between two calls to one host: half of what the strictest documented limits allow
	timeout   = 10 * time.Second       // of one call
	maxCalls  = 20                     // to one host in one run: more dead secrets than that are not a matter of verification
	maxHosts  = 8                      // that are asked at the same time
	redirects = 3                      // within one host
	failures  = 2                      // calls without an answer after which a host is left alone: each may cost a timeout
)

// State is what is known of a secret.
type State uint8

const (
	Unknown State = iota
	Live          // the provider takes it
	Dead          // the provider refuses it
)

func (s State) String() string { return [...]string{"unknown", "live", "dead"}[s] }

// Question is one secret with the way to ask about it.
type Question struct {
	Recipe *Recipe
	Secret []byte
}

// Outcome is the answer to a question. Why holds neither the secret nor anything that the provider wrote.
type Outcome struct {
	State State
	Host  string
	Why   string // "status 200", "no answer within 10s"
}

// Asker asks providers. It remembers for the length of a run what it asked and how often; use one for all targets. It is safe for
// concurrent use.
type Asker struct {
	client  http.Client
	pause   time.Duration
	timeout time.Duration

	mu    sync.Mutex
	hosts map[string]*host
}

// host is what is known of one provider. Its lock is held during a call: a host is asked one thing at a time.
type host struct {
	mu       sync.Mutex
	calls    int
	failures int       // calls without an answer
	next     time.Time // not before
	tired    bool      // it asked for less calls
	known    map[[sha256.Size]byte]Outcome
}

// New returns an asker that calls through a transport.
func New(through http.RoundTripper) *Asker {
	a := &Asker{pause: pause, timeout: timeout, hosts: map[string]*host{}}
	a.client = http.Client{Transport: through, CheckRedirect: stay}
	return a
}

var (
	errAway   = errors.New("redirect to another host")
	errCircle = errors.New("too many redirects")
)

// stay refuses to carry a secret to another host, or over another protocol.
func stay(next *http.Request, before []*http.Request) error {
	switch {
	case next.URL.Scheme != before[0].URL.Scheme || next.URL.Host != before[0].URL.Host:
		return errAway
	case len(before) > redirects:
		return errCircle
	}
	return nil
}

// Ask returns an outcome for each question, in their order. Of the questions to one host the first come first. It waits for all calls,
// and ends soon after ctx.
func (a *Asker) Ask(ctx context.Context, list []Question) []Outcome {
	out := make([]Outcome, len(list))
	byHost := map[string][]int{}
	var order []string
	for i, q := range list {
		name := q.Recipe.host
		if byHost[name] == nil {
			order = append(order, name)
		}
		byHost[name] = append(byHost[name], i)
	}
	var wait sync.WaitGroup
	room := make(chan struct{}, maxHosts)
	for _, name := range order {
		room <- struct{}{}
		wait.Go(func() {
			defer func() { <-room }()
			h := a.host(name)
			for _, i := range byHost[name] {
				out[i] = a.one(ctx, h, list[i])
			}
		})
	}
	wait.Wait()
	return out
}

func (a *Asker) host(name string) *host {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.hosts[name] == nil {
		a.hosts[name] = &host{known: map[[sha256.Size]byte]Outcome{}}
	}
	return a.hosts[name]
}

func (a *Asker) one(ctx context.Context, h *host, q Question) Outcome {
	h.mu.Lock()
	defer h.mu.Unlock()
	key := sha256.Sum256([]byte(q.Recipe.method + " " + q.Recipe.url + "\n" + string(q.Secret)))
	if o, ok := h.known[key]; ok {
		return o
	}
	o := Outcome{Host: q.Recipe.host}
	switch {
	case h.tired:
		o.Why = "not asked: the provider asked for less calls (status 429)"
		return o
	case h.failures >= failures:
		o.Why = "not asked: the provider did not answer before"
		return o
	case h.calls >= maxCalls:
		o.Why = fmt.Sprintf("not asked: a run makes at most %d calls to a host", maxCalls)
		return o
	}
	req, why := q.request(ctx)
	if req == nil {
		o.Why = why
		return o
	}
	if t := time.Until(h.next); t > 0 {
		timer := time.NewTimer(t)
		defer timer.Stop()
		select {
		case <-ctx.Done():
			o.Why = "not asked: the run ended"
			return o
		case <-timer.C:
		}
	}
	h.calls++
	var status int
	o.State, status, o.Why = a.call(req, q.Recipe)
	h.tired = status == http.StatusTooManyRequests
	if status == 0 {
		h.failures++
	}
	h.next = time.Now().Add(a.pause)
	h.known[key] = o
	return o
}

// call makes one call and reads of the answer only what the recipe judges. The status is 0 without an answer.
func (a *Asker) call(req *http.Request, r *Recipe) (State, int, string) {
	ctx, cancel := context.WithTimeout(req.Context(), a.timeout)
	defer cancel()
	res, err := a.client.Do(req.WithContext(ctx))
	if err != nil {
		return Unknown, 0, a.reason(err)
	}
	defer res.Body.Close()
	var body []byte
	if r.live.body != nil || r.dead.body != nil {
		if body, err = io.ReadAll(io.LimitReader(res.Body, maxAnswer)); err != nil {
			return Unknown, res.StatusCode, a.reason(err)
		}
	}
	why := fmt.Sprintf("status %d", res.StatusCode)
	live, dead := r.live.like(res.StatusCode, body), r.dead.like(res.StatusCode, body)
	switch {
	case live && !dead:
		return Live, res.StatusCode, why
	case dead && !live:
		return Dead, res.StatusCode, why
	case res.StatusCode == http.StatusTooManyRequests:
		return Unknown, res.StatusCode, "the provider asked for less calls (status 429)"
	}
	return Unknown, res.StatusCode, why + ", which tells nothing of the secret"
}

// request fills the secret into the recipe; without a request the text says why.
func (q *Question) request(ctx context.Context) (*http.Request, string) {
	s := string(q.Secret)
	if s == "" || strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c > '~' }) {
		return nil, "not asked: it holds what no header can hold"
	}
	path, query, asks := strings.Cut(q.Recipe.url, "?")
	address := strings.ReplaceAll(path, here, url.PathEscape(s))
	if asks {
		address += "?" + strings.ReplaceAll(query, here, url.QueryEscape(s))
	}
	req, err := http.NewRequestWithContext(ctx, q.Recipe.method, address, strings.NewReader(q.Recipe.body))
	if err != nil || req.URL.Host != q.Recipe.host {
		return nil, "not asked: it does not fit into the address"
	}
	req.Header.Set("User-Agent", "plinth")
	for _, f := range q.Recipe.header {
		req.Header.Set(f.name, strings.ReplaceAll(f.value, here, s))
	}
	if q.Recipe.basic != "" {
		user, password, _ := strings.Cut(q.Recipe.basic, ":")
		req.SetBasicAuth(strings.ReplaceAll(user, here, s), strings.ReplaceAll(password, here, s))
	}
	return req, ""
}

// reason says what went wrong without the words of the error, which hold the address and so perhaps the secret.
func (a *Asker) reason(err error) string {
	var network net.Error
	var name *net.DNSError
	var cert *tls.CertificateVerificationError
	switch {
	case errors.Is(err, errAway):
		return "the provider sent us to another host"
	case errors.Is(err, errCircle):
		return fmt.Sprintf("the provider sent us on more than %d times", redirects)
	case errors.Is(err, context.Canceled):
		return "the run ended"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return fmt.Sprintf("no answer within %s", a.timeout)
	case errors.As(err, &name):
		return "its name is not known here"
	case errors.As(err, &cert):
		return "its certificate is not trusted"
	}
	return "it could not be reached"
}
