package cli

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// refusing is a provider that knows nobody.
type refusing struct{ asked []*http.Request }

func (p *refusing) RoundTrip(r *http.Request) (*http.Response, error) {
	p.asked = append(p.asked, r)
	return &http.Response{StatusCode: http.StatusUnauthorized, Body: http.NoBody, Header: http.Header{}, Request: r}, nil
}

// TestVerify: with --verify a dead secret no longer fails the gate, two targets with the same secret are one call, and no output
// holds it. Without --verify nobody is asked.
func TestVerify(t *testing.T) {
	token := "github_pat_" + "9anL46NKG9QfVsHjHYup72" + "_" + "Umasu0Bck3b4WoYmzaf1nP21qOTTltVm0i0RMJ21YG62sX1v18E2jZE8wl2"
	dirs := []string{t.TempDir(), t.TempDir()}
	for _, dir := range dirs {
		if err := os.WriteFile(filepath.Join(dir, "app.env"), []byte("TOKEN="+token[:len(token)-1]+"7\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		flag        string
		exit, calls int
		note        string
	}{
		{"--verbose", 1, 0, ""},
		{"--verify", 0, 1, "verified: dead at api.github.com"},
	} {
		provider := &refusing{}
		var out, talk bytes.Buffer
		s := Streams{In: strings.NewReader(""), Out: &out, Err: &talk, HTTP: &http.Client{Transport: provider}}
		code := Run(context.Background(), append([]string{"scan", "--only", "secret", c.flag}, dirs...), s)
		if code != c.exit || len(provider.asked) != c.calls || !strings.Contains(out.String(), c.note) {
			t.Errorf("%s: exit %d, %d calls\n%s%s", c.flag, code, len(provider.asked), &out, &talk)
		}
		if strings.Contains(out.String()+talk.String(), token[11:30]) {
			t.Errorf("%s: the output holds the secret", c.flag)
		}
	}
}
