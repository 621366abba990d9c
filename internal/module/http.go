package module

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"
)

// NewClient returns the HTTP client that fetches modules for people: it obeys HTTPS_PROXY and its like, and does not connect to
// link-local addresses, where machines find their own credentials.
func NewClient() *http.Client {
	dialer := &net.Dialer{Timeout: connectTime, Control: func(_, address string, _ syscall.RawConn) error {
		if to, err := netip.ParseAddrPort(address); err == nil && unreachable(to.Addr()) {
			return errLinkLocal
		}
		return nil
	}}
	return &http.Client{Transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: dialer.DialContext, ForceAttemptHTTP2: true,
		TLSHandshakeTimeout: connectTime, ResponseHeaderTimeout: answerTime, IdleConnTimeout: answerTime,
	}}
}

// guarded is the client with a bound on redirects, none of which leads from https to http.
func guarded(client *http.Client) *http.Client {
	c := *client
	c.CheckRedirect = func(req *http.Request, via []*http.Request) error {
		if len(via) >= maxHops {
			return fmt.Errorf("more than %d redirects", maxHops)
		}
		if via[len(via)-1].URL.Scheme == "https" && req.URL.Scheme != "https" {
			return errors.New("a redirect from https to http is not followed")
		}
		if literal(req.URL) {
			return errLinkLocal
		}
		return nil
	}
	return &c
}

// status is an answer that is none of 200 and 204.
type status struct {
	url  *url.URL
	code int
}

func (s *status) Error() string {
	return fmt.Sprintf("%s answered %d %s", bare(s.url), s.code, http.StatusText(s.code))
}

// get asks for a URL. The caller closes the body.
func (f *Fetcher) get(ctx context.Context, u *url.URL, token string) (*http.Response, error) {
	if literal(u) {
		return nil, errLinkLocal
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", bare(u), err)
	}
	req.Header.Set("User-Agent", "plinth")
	if token != "" && u.Scheme == "https" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := f.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", bare(u), plain(ctx, err))
	}
	if res.StatusCode != http.StatusOK && res.StatusCode != http.StatusNoContent {
		res.Body.Close()
		return nil, &status{u, res.StatusCode}
	}
	return res, nil
}

// plain is the reason of a failed request without its address, which may hold a password.
func plain(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var at *url.Error
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}

// document asks for a short answer.
func (f *Fetcher) document(ctx context.Context, u *url.URL, token string) ([]byte, *http.Response, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, answerTime, errSlow)
	defer cancel()
	res, err := f.get(ctx, u, token)
	if err != nil {
		return nil, nil, err
	}
	defer res.Body.Close()
	data, err := io.ReadAll(io.LimitReader(res.Body, maxDocument+1))
	if err == nil && len(data) > maxDocument {
		err = fmt.Errorf("more than %d MiB", maxDocument>>20)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("answer of %s: %w", bare(u), plain(ctx, err))
	}
	return data, res, nil
}

var errSlow = errors.New("it takes too long")

// download fetches an archive, or what the page at the address names instead of one.
func (f *Fetcher) download(ctx context.Context, a address, hops int) (entry, error) {
	kind := a.archive
	switch kind {
	case "":
		kind = format(a.url.Path)
	case "false", "0":
		kind = ""
	default:
		if kind = format("." + kind); kind == "" {
			return entry{}, fmt.Errorf("archives of the kind %q are not known", a.archive)
		}
	}
	if kind == "" {
		return f.redirected(ctx, a, hops)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, transferTime, errSlow)
	defer cancel()
	res, err := f.get(ctx, a.url, "")
	if err != nil {
		return entry{}, err
	}
	defer res.Body.Close()
	file, err := os.CreateTemp("", "plinth-module-*")
	if err != nil {
		return entry{}, err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	sum := sha256.New()
	size, err := io.Copy(io.MultiWriter(file, sum), io.LimitReader(res.Body, maxArchive+1))
	if err == nil && size > maxArchive {
		err = fmt.Errorf("the archive has more than %d MiB", maxArchive>>20)
	}
	if err != nil {
		return entry{}, fmt.Errorf("answer of %s: %w", bare(a.url), plain(ctx, err))
	}
	if got := hex.EncodeToString(sum.Sum(nil)); a.checksum != "" && got != a.checksum {
		return entry{}, fmt.Errorf("%s has the SHA-256 %s, the source asks for %s", bare(a.url), got, a.checksum)
	}
	b, err := unpack(ctx, kind, file, size)
	if err != nil {
		return entry{}, fmt.Errorf("%s: %w", bare(a.url), err)
	}
	content, err := f.cache.put(b)
	return entry{Content: content}, err
}

// redirected follows what a page that is no archive names: a header or a meta element called terraform-get.
func (f *Fetcher) redirected(ctx context.Context, a address, hops int) (entry, error) {
	u := *a.url
	q := u.Query()
	q.Set("terraform-get", "1")
	u.RawQuery = q.Encode()
	page, res, err := f.document(ctx, &u, "")
	if err != nil {
		return entry{}, err
	}
	to := res.Header.Get("X-Terraform-Get")
	if to == "" {
		to = metaSource(page)
	}
	if to == "" {
		return entry{}, fmt.Errorf("%s is no archive by its name and names no module (X-Terraform-Get)", bare(a.url))
	}
	return f.follow(ctx, res.Request.URL, to, hops+1)
}

// metaSource finds <meta name="terraform-get" content="…"> in a page.
func metaSource(page []byte) string {
	d := xml.NewDecoder(strings.NewReader(string(page)))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	for {
		t, err := d.RawToken()
		if err != nil {
			return ""
		}
		e, ok := t.(xml.StartElement)
		if !ok || !strings.EqualFold(e.Name.Local, "meta") {
			continue
		}
		name, content := "", ""
		for _, a := range e.Attr {
			switch strings.ToLower(a.Name.Local) {
			case "name":
				name = a.Value
			case "content":
				content = a.Value
			}
		}
		if strings.EqualFold(name, "terraform-get") {
			return content
		}
	}
}

// follow fetches what an answer names: another source address, or a path on the same host.
func (f *Fetcher) follow(ctx context.Context, from *url.URL, to string, hops int) (entry, error) {
	if hops > maxHops {
		return entry{}, fmt.Errorf("more than %d addresses name each other", maxHops)
	}
	if strings.HasPrefix(to, "/") || strings.HasPrefix(to, "./") || strings.HasPrefix(to, "../") {
		rest, dir := splitDir(to)
		u, err := from.Parse(rest)
		if err != nil {
			return entry{}, fmt.Errorf("%s names %.200q, which is no address", bare(from), to)
		}
		query := u.RawQuery
		u.RawQuery, u.ForceQuery = "", false
		to = u.String() + "//" + dir + "?" + query
	}
	a, err := parse(to)
	switch {
	case err != nil:
		return entry{}, fmt.Errorf("%s names a source that is not read: %w", bare(from), err)
	case a.kind == fromRegistry:
		return entry{}, fmt.Errorf("%s names %q, a module of a registry again", bare(from), to)
	case from.Scheme == "https" && a.url.Scheme == "http":
		return entry{}, errors.New("an address with http that an answer over https names is not followed")
	}
	e, _, err := f.locate(ctx, a, hops)
	if err != nil {
		return entry{}, err
	}
	return f.inside(e, a.dir)
}

const (
	connectTime  = 15 * time.Second // to reach a host
	answerTime   = time.Minute      // for a short answer of a registry
	transferTime = 5 * time.Minute  // for one archive or repository: larger ones are no modules
)
