// Package verify asks the provider of a secret whether the secret is still good, with one call that changes nothing there.
//
// How to ask is data: the verify: of a rule file. What is asked, and what came back, is never kept, printed or part of an error.
package verify

import (
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/value"
)

// here stands in a recipe for the secret.
const here = "{{secret}}"

const (
	maxHeaders = 8        // of one recipe; providers want two or three
	maxBody    = 4 << 10  // bytes of what is sent: a query of GraphQL at most
	maxAnswer  = 64 << 10 // bytes of an answer that a regular expression may see
)

// Recipe is how to ask a provider about a secret. It is immutable.
type Recipe struct {
	host   string // of the address, without a port
	method string
	url    string // with {{secret}}, never in the host
	header []field
	basic  string // user:password with {{secret}}; "" for none
	body   string
	live   answer
	dead   answer
}

type field struct{ name, value string }

// answer is what a response must be like; without a status it is like none.
type answer struct {
	status []int
	body   *regexp.Regexp // nil: any
}

// Host is the name of the machine that is asked.
func (r *Recipe) Host() string { return r.host }

var (
	fields       = []string{"method", "url", "header", "basic", "body", "live", "dead"}
	answerFields = []string{"status", "body"}
	hostForm     = regexp.MustCompile(`^([a-z0-9-]+\.)+[a-z]{2,}$`)
	nameForm     = regexp.MustCompile(`^[A-Za-z0-9-]+$`)
)

type reading func(at plinth.Value, format string, args ...any)

// Read turns the verify: of a rule file into a recipe; fault is told what is wrong with it, and where. After a fault the recipe is of
// no use.
func Read(v plinth.Value, fault func(at plinth.Value, format string, args ...any)) *Recipe {
	r := reading(fault)
	if v.Kind() != plinth.Map {
		r(v, "verify is a map with url and live")
		return nil
	}
	r.known(v, fields, "verify")
	out := &Recipe{method: http.MethodGet}
	if m, ok := v.Get("method"); ok {
		out.method = r.text(m, "method")
	}
	if out.method != http.MethodGet && out.method != http.MethodPost {
		r(v, "method is GET, or POST where the provider documents a call that changes nothing")
	}
	r.address(v, out)
	h, _ := v.Get("header")
	for _, f := range h.Fields() {
		text := r.text(f.Value, "header")
		if !nameForm.MatchString(f.Key) || strings.ContainsAny(text, "\r\n") {
			r(f.Value, "%s is no header of one line", f.Key)
		}
		out.header = append(out.header, field{f.Key, text})
	}
	if len(out.header) > maxHeaders {
		r(h, "header has more than %d fields", maxHeaders)
	}
	if b, ok := v.Get("basic"); ok {
		if out.basic = r.text(b, "basic"); !strings.Contains(out.basic, ":") {
			r(b, "basic is USER:PASSWORD, one of which may be empty")
		}
	}
	if b, ok := v.Get("body"); ok {
		out.body = r.text(b, "body")
		if len(out.body) > maxBody || strings.Contains(out.body, here) || out.method != http.MethodPost {
			r(b, "body is of a POST, without the secret, and has at most %d bytes", maxBody)
		}
	}
	if !out.tells() {
		r(v, "nothing of the recipe holds %s", here)
	}
	out.live = r.answer(v, "live", true)
	out.dead = r.answer(v, "dead", false)
	if out.dead.body == nil && out.live.body == nil {
		for _, n := range out.dead.status {
			if slices.Contains(out.live.status, n) {
				r(v, "status %d is both live and dead", n)
			}
		}
	}
	return out
}

// tells tells whether the secret is part of the call.
func (r *Recipe) tells() bool {
	return strings.Contains(r.url, here) || strings.Contains(r.basic, here) ||
		slices.ContainsFunc(r.header, func(f field) bool { return strings.Contains(f.value, here) })
}

func (r reading) known(v plinth.Value, names []string, in string) {
	for _, f := range v.Fields() {
		if !slices.Contains(names, f.Key) {
			r(f.Value, "there is no field %s in %s%s", f.Key, in, value.Hint(f.Key, names))
		}
	}
}

func (r reading) text(v plinth.Value, name string) string {
	if v.Kind() != plinth.String {
		r(v, "%s is a text", name)
		return ""
	}
	return v.Str()
}

// address reads the url, whose host must be a name that everybody can see in the recipe.
func (r reading) address(v plinth.Value, out *Recipe) {
	at, ok := v.Get("url")
	if !ok {
		r(v, "verify has no url")
		return
	}
	out.url = r.text(at, "url")
	u, err := url.Parse(strings.ReplaceAll(out.url, here, "x"))
	if err != nil || u.Scheme != "https" || u.User != nil || u.Port() != "" || u.Fragment != "" {
		r(at, "url is an https address without a user, port and fragment")
		return
	}
	out.host = u.Hostname()
	if !strings.HasPrefix(out.url, "https://"+out.host) || !hostForm.MatchString(out.host) || net.ParseIP(out.host) != nil {
		r(at, "the host of url is a full name in lower case, without %s", here)
	}
	if rest := strings.TrimPrefix(out.url, "https://"+out.host); rest != "" && rest[0] != '/' && rest[0] != '?' {
		r(at, "the host of url is a full name in lower case, without %s", here)
	}
}

func (r reading) answer(v plinth.Value, name string, needed bool) answer {
	var out answer
	in, ok := v.Get(name)
	if !ok {
		if needed {
			r(v, "verify has no %s: the answer to a good secret", name)
		}
		return out
	}
	r.known(in, answerFields, name)
	status, _ := in.Get("status")
	list := status.List()
	if status.Kind() == plinth.Number {
		list = []plinth.Value{status}
	}
	for _, n := range list {
		if n.Kind() != plinth.Number || n.Num() < 100 || n.Num() > 599 {
			r(n, "status is a number from 100 to 599 or a list of such")
			continue
		}
		out.status = append(out.status, int(n.Num()))
	}
	if len(out.status) == 0 {
		r(in, "%s has no status", name)
	}
	if b, ok := in.Get("body"); ok {
		var err error
		if out.body, err = regexp.Compile(r.text(b, "body")); err != nil {
			r(b, "body of %s is no regular expression", name)
		}
	}
	return out
}

// like tells whether a response is this answer.
func (a *answer) like(status int, body []byte) bool {
	return slices.Contains(a.status, status) && (a.body == nil || a.body.Match(body))
}
