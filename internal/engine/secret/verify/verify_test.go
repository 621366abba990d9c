package verify

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/document"
)

const token = "tok_0123456789abcdef"

func recipe(t testing.TB, text string) (*Recipe, []string) {
	t.Helper()
	var out *Recipe
	var faults []string
	var p document.Parser
	problems := p.Parse("rule.yaml", []byte(text), func(d document.Document) {
		out = Read(d.Value, func(_ plinth.Value, format string, args ...any) {
			faults = append(faults, fmt.Sprintf(format, args...))
		})
	})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return out, faults
}

func good(t testing.TB, text string) *Recipe {
	t.Helper()
	r, faults := recipe(t, text)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	return r
}

// provider is an asker for which example.com and every other host is a loopback server.
func provider(t *testing.T, answer http.HandlerFunc) (*Asker, *atomic.Int32) {
	var calls atomic.Int32
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		answer(w, r)
	}))
	t.Cleanup(srv.Close)
	through := srv.Client().Transport.(*http.Transport).Clone()
	through.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, srv.Listener.Addr().String())
	}
	t.Cleanup(through.CloseIdleConnections)
	a := New(through)
	a.pause = time.Millisecond
	return a, &calls
}

func TestAnswers(t *testing.T) {
	plain := "url: https://example.com/me\nheader: {authorization: 'Bearer {{secret}}'}\nlive: {status: [200]}\ndead: {status: [401, 403]}"
	worded := "method: POST\nurl: https://example.com/auth.test\nheader: {authorization: 'Bearer {{secret}}'}\n" +
		"live: {status: 200, body: '\"ok\":true'}\ndead: {status: 200, body: revoked}"
	for _, c := range []struct {
		name, recipe string
		answer       http.HandlerFunc
		want         Outcome
	}{
		{"live", plain, func(w http.ResponseWriter, r *http.Request) {
			if r.Method != "GET" || r.URL.Path != "/me" || r.Header.Get("Authorization") != "Bearer "+token {
				w.WriteHeader(500)
			}
		}, Outcome{Live, "example.com", "status 200"}},
		{"dead", plain, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(401) }, Outcome{Dead, "example.com", "status 401"}},
		{"out of order", plain, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, Outcome{Unknown, "example.com", "status 503, which tells nothing of the secret"}},
		{"too many", plain, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(429) }, Outcome{Unknown, "example.com", "the provider asked for less calls (status 429)"}},
		{"away", plain, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://elsewhere.example/?t="+token, http.StatusFound)
		}, Outcome{Unknown, "example.com", "the provider sent us to another host"}},
		{"in the clear", plain, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://example.com/me", http.StatusFound)
		}, Outcome{Unknown, "example.com", "the provider sent us to another host"}},
		{"moved within the host", plain, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/v2/me" {
				http.Redirect(w, r, "/v2/me", http.StatusFound)
			}
		}, Outcome{Live, "example.com", "status 200"}},
		{"in circles", plain, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/me", http.StatusFound) }, Outcome{Unknown, "example.com", "the provider sent us on more than 3 times"}},
		{"silent", plain, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, Outcome{Unknown, "example.com", "no answer within 300ms"}},
		{"hangs up", plain, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, Outcome{Unknown, "example.com", "it could not be reached"}},
		{"live by its body", worded, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"ok":true}`) }, Outcome{Live, "example.com", "status 200"}},
		{"dead by its body", worded, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"ok":false,"error":"revoked"}`) }, Outcome{Dead, "example.com", "status 200"}},
		{"the body is too long", worded, func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, strings.Repeat(" ", maxAnswer)+`{"ok":true}`)
		}, Outcome{Unknown, "example.com", "status 200, which tells nothing of the secret"}},
		{"user and address", "url: 'https://example.com/{{secret}}/x?t={{secret}}'\nbasic: '{{secret}}:'\nlive: {status: 200}", func(w http.ResponseWriter, r *http.Request) {
			user, _, _ := r.BasicAuth()
			if user != token || r.URL.Path != "/"+token+"/x" || r.URL.Query().Get("t") != token {
				w.WriteHeader(500)
			}
		}, Outcome{Live, "example.com", "status 200"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, _ := provider(t, c.answer)
			if c.name == "silent" {
				a.timeout = 300 * time.Millisecond
			}
			got := a.Ask(context.Background(), []Question{{good(t, c.recipe), []byte(token)}})
			if d := cmp.Diff([]Outcome{c.want}, got); d != "" {
				t.Error(d)
			}
			if strings.Contains(fmt.Sprint(got), token) {
				t.Error("the outcome holds the secret")
			}
		})
	}
}

// TestBounds: each secret once, so many for a host, none after 429, none that no header holds, none after the end of the run.
func TestBounds(t *testing.T) {
	r := good(t, "url: https://example.com/\nheader: {x-key: '{{secret}}'}\nlive: {status: 200}")
	var many []Question
	for i := range maxCalls + 2 {
		many = append(many, Question{r, fmt.Appendf(nil, "%s%d", token, i)}, Question{r, fmt.Appendf(nil, "%s%d", token, i)})
	}
	a, calls := provider(t, func(http.ResponseWriter, *http.Request) {})
	got := a.Ask(context.Background(), many)
	if calls.Load() != maxCalls || got[2*maxCalls-1].State != Live || got[2*maxCalls].Why != "not asked: a run makes at most 20 calls to a host" {
		t.Errorf("%d calls, %v", calls.Load(), got[2*maxCalls-1:])
	}

	a, calls = provider(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(429) })
	a.Ask(context.Background(), many)
	if calls.Load() != 1 {
		t.Errorf("%d calls, of which the first was refused with 429", calls.Load())
	}

	a, calls = provider(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	got = a.Ask(context.Background(), many)
	if n := len(got) - 1; calls.Load() > 2*failures || got[n].Why != "not asked: the provider did not answer before" { // the transport may try an idle connection again
		t.Errorf("%d calls without an answer, %v", calls.Load(), got[n])
	}

	a, calls = provider(t, func(http.ResponseWriter, *http.Request) {})
	got = a.Ask(context.Background(), []Question{{r, []byte("two\r\nlines")}, {r, nil}})
	over, cancel := context.WithCancel(context.Background())
	cancel()
	got = append(got, a.Ask(over, many[:1])...)
	for _, o := range got {
		if o.State != Unknown || calls.Load() != 0 {
			t.Errorf("%v after %d calls", o, calls.Load())
		}
	}

	a, _ = provider(t, func(http.ResponseWriter, *http.Request) {})
	a.pause = 20 * time.Millisecond
	from := time.Now()
	a.Ask(context.Background(), []Question{many[0], many[2], many[4]})
	if d := time.Since(from); d < 2*a.pause {
		t.Errorf("three calls to a host within %s", d)
	}
}

func TestRead(t *testing.T) {
	for _, c := range []struct{ recipe, want string }{
		{"url: http://example.com/{{secret}}\nlive: {status: 200}", "url is an https address without a user, port and fragment"},
		{"url: https://example.com:8443/{{secret}}\nlive: {status: 200}", "url is an https address without a user, port and fragment"},
		{"url: 'https://{{secret}}@example.com/'\nlive: {status: 200}", "url is an https address without a user, port and fragment"},
		{"url: 'https://{{secret}}.example.com/'\nlive: {status: 200}", "the host of url is a full name in lower case, without {{secret}}"},
		{"url: 'https://example.com{{secret}}/'\nlive: {status: 200}", "the host of url is a full name in lower case, without {{secret}}"},
		{"url: 'https://127.0.0.1/{{secret}}'\nlive: {status: 200}", "the host of url is a full name in lower case, without {{secret}}"},
		{"url: 'https://localhost/{{secret}}'\nlive: {status: 200}", "the host of url is a full name in lower case, without {{secret}}"},
		{"url: https://example.com/\nlive: {status: 200}", "nothing of the recipe holds {{secret}}"},
		{"live: {status: 200}\nbasic: '{{secret}}:'", "verify has no url"},
		{"method: DELETE\nurl: 'https://example.com/{{secret}}'\nlive: {status: 200}", "method is GET, or POST where the provider documents a call that changes nothing"},
		{"url: 'https://example.com/{{secret}}'", "verify has no live: the answer to a good secret"},
		{"url: 'https://example.com/{{secret}}'\nlive: {body: x}", "live has no status"},
		{"url: 'https://example.com/{{secret}}'\nlive: {status: [20]}", "status is a number from 100 to 599 or a list of such"},
		{"url: 'https://example.com/{{secret}}'\nlive: {status: 200, body: '('}", "body of live is no regular expression"},
		{"url: 'https://example.com/{{secret}}'\nlive: {status: 200}\ndead: {status: [200]}", "status 200 is both live and dead"},
		{"url: 'https://example.com/{{secret}}'\nbody: x\nlive: {status: 200}", "body is of a POST, without the secret, and has at most 4096 bytes"},
		{"url: 'https://example.com/{{secret}}'\nbasic: x\nlive: {status: 200}", "basic is USER:PASSWORD, one of which may be empty"},
		{"url: 'https://example.com/{{secret}}'\nheaders: {a: b}\nlive: {status: 200}", "there is no field headers in verify; did you mean header?"},
		{"[a]", "verify is a map with url and live"},
	} {
		_, faults := recipe(t, c.recipe)
		if len(faults) == 0 || faults[0] != c.want {
			t.Errorf("%s\n got %q\nwant %q", c.recipe, faults, c.want)
		}
	}
}

// FuzzRead: a recipe that reads without a fault asks its own host, whatever the secret is.
func FuzzRead(f *testing.F) {
	f.Add("https://example.com/a?b={{secret}}", "tok/../@:x")
	f.Add("https://example.com?{{secret}}", "#\\ %2f")
	f.Fuzz(func(t *testing.T, address, secret string) {
		live := plinth.MapOf([]plinth.Field{{Key: "status", Value: plinth.NumberOf(200)}})
		faults := 0
		r := Read(plinth.MapOf([]plinth.Field{{Key: "url", Value: plinth.StringOf(address)}, {Key: "live", Value: live}}), func(plinth.Value, string, ...any) { faults++ })
		if faults > 0 {
			return
		}
		q := Question{r, []byte(secret)}
		if req, why := q.request(context.Background()); req == nil && why == "" || req != nil && (req.URL.Host != r.Host() || req.URL.Scheme != "https") {
			t.Errorf("%v %q", req, why)
		}
	})
}
