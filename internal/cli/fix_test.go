package cli

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestFixOnline: with --online GitHub tells what tags stand for, each asked for once; what it does not know is refused.
func TestFixOnline(t *testing.T) {
	const sum = "0123456789abcdef0123456789abcdef01234567"
	dir := t.TempDir()
	name := filepath.Join(dir, ".github", "workflows", "test.yml")
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	workflow := "name: test\non: push\npermissions: {}\njobs:\n  test:\n    runs-on: ubuntu-24.04\n    steps:\n" +
		"      - uses: shop/setup@v2\n      - uses: shop/setup/sub@v2\n      - uses: shop/gone@v1\n"
	if err := os.WriteFile(name, []byte(workflow), 0o600); err != nil {
		t.Fatal(err)
	}
	var asked []string
	github := roundTrip(func(r *http.Request) *http.Response {
		asked = append(asked, r.URL.Path)
		if strings.Contains(r.URL.Path, "gone") {
			return &http.Response{StatusCode: http.StatusNotFound, Body: io.NopCloser(strings.NewReader(`{"message": "Not Found"}`)), Header: http.Header{}, Request: r}
		}
		return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(sum)), Header: http.Header{}, Request: r}
	})
	var out, talk bytes.Buffer
	s := Streams{In: strings.NewReader(""), Out: &out, Err: &talk, HTTP: &http.Client{Transport: github}}
	code := Run(context.Background(), []string{"fix", "pipeline-unpinned-uses", "--online", dir}, s)
	if code != 1 || len(asked) != 2 {
		t.Errorf("exit %d, asked %v", code, asked)
	}
	for _, want := range []string{"+      - uses: shop/setup@" + sum + " # v2\n", "+      - uses: shop/setup/sub@" + sum + " # v2\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
	if !strings.Contains(talk.String(), "shop/gone@v1: answered 404: Not Found") {
		t.Errorf("what is not known is not told: %s", &talk)
	}
	if code := Run(context.Background(), []string{"fix", "--online", "--offline", dir}, s); code != 2 {
		t.Errorf("--online with --offline: exit %d", code)
	}
}

// TestScanOnline: with --online the repositories of actions are asked for; a commit that none of them has is a fork's.
func TestScanOnline(t *testing.T) {
	const sum, other = "0123456789abcdef0123456789abcdef01234567", "89abcdef0123456789abcdef0123456789abcdef"
	dir := t.TempDir()
	name := filepath.Join(dir, ".github", "workflows", "test.yml")
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	workflow := "name: test\non: push\njobs:\n  test:\n    runs-on: ubuntu-24.04\n    steps:\n      - uses: shop/setup@" + sum + "\n      - uses: shop/setup@" + other + "\n"
	if err := os.WriteFile(name, []byte(workflow), 0o600); err != nil {
		t.Fatal(err)
	}
	github := roundTrip(func(r *http.Request) *http.Response {
		code, text := http.StatusNotFound, `{"message": "Not Found"}`
		switch {
		case strings.HasSuffix(r.URL.Path, "/branches"), strings.HasSuffix(r.URL.Path, "/tags"):
			code, text = http.StatusOK, `[{"name": "v1", "commit": {"sha": "`+sum+`"}}]`
		}
		return &http.Response{StatusCode: code, Body: io.NopCloser(strings.NewReader(text)), Header: http.Header{}, Request: r}
	})
	for flag, want := range map[string]int{"--online": 1, "--wide": 0} {
		var out, talk bytes.Buffer
		s := Streams{In: strings.NewReader(""), Out: &out, Err: &talk, HTTP: &http.Client{Transport: github}}
		args := []string{"scan", "--only", "pipeline-impostor-commit", "-o", "json", dir}
		if want > 0 {
			args = append(args, flag)
		}
		if code := Run(context.Background(), args, s); code != want || strings.Count(out.String(), "is on no branch and no tag of shop/setup") != want {
			t.Errorf("%s: exit %d\n%s%s", flag, code, &out, &talk)
		}
	}
}

type roundTrip func(*http.Request) *http.Response

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r), nil }
