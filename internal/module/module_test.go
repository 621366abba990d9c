package module

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// host is a registry and a place for archives on this machine. It counts what it is asked.
type host struct {
	*httptest.Server
	t     *testing.T
	mu    sync.Mutex
	asked map[string]int
	pages map[string]http.HandlerFunc
}

func newHost(t *testing.T) *host {
	h := &host{t: t, asked: map[string]int{}, pages: map[string]http.HandlerFunc{}}
	h.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		h.asked[r.URL.Path]++
		page := h.pages[r.URL.Path]
		h.mu.Unlock()
		if page == nil {
			http.NotFound(w, r)
			return
		}
		page(w, r)
	}))
	t.Cleanup(h.Close)
	h.text("/.well-known/terraform.json", `{"modules.v1": "/modules"}`)
	return h
}

func (h *host) text(path, text string) {
	h.pages[path] = func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, text) }
}

// says makes a page name a source.
func (h *host) says(path, source string) {
	h.pages[path] = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Terraform-Get", source)
		w.WriteHeader(http.StatusNoContent)
	}
}

func (h *host) name() string { return strings.TrimPrefix(h.URL, "https://") }

func (h *host) count(path string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.asked[path]
}

func newFetcher(t *testing.T, h *host, dir string, env ...string) *Fetcher {
	o := Options{Dir: dir, Client: http.DefaultClient, Env: append(os.Environ(), env...), AllowFile: true}
	if h != nil {
		o.Client = h.Client()
	}
	f := New(o)
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

// fetched is what a source gives, as text: the package, the folder, and the files of the package.
func fetched(f *Fetcher, source, constraint string) string {
	p, dir, err := f.Fetch(context.Background(), source, constraint)
	if err != nil {
		return "error: " + err.Error()
	}
	out := p.Name + " " + dir
	err = fs.WalkDir(p.FS, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(p.FS, name)
		out += fmt.Sprintf(" %s=%s", name, data)
		return err
	})
	if err != nil {
		return "error: " + err.Error()
	}
	return out
}

func wantFetched(t *testing.T, f *Fetcher, source, constraint, want string) {
	t.Helper()
	got := fetched(f, source, constraint)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s %q (-want +got):\n%s", source, constraint, diff)
	}
}

func TestRegistry(t *testing.T) {
	h := newHost(t)
	const base = "/modules/acme/net/aws/"
	h.text(base+"versions", `{"modules": [{"versions": [{"version": "1.0.0"}, {"version": "1.1.0"}, {"version": "2.0.0"}]}]}`)
	h.says(base+"1.1.0/download", "/files/net.tgz?archive=tar.gz")
	h.says(base+"2.0.0/download", "./net.zip//*?archive=zip")
	h.text(base+"1.0.0/download", `{"location": "`+h.URL+`/files/net.tgz//m"}`)
	files := []item{{"main.tf", "1", ""}, {"m/sub.tf", "2", ""}}
	h.text("/files/net.tgz", string(makeTar(t, files)))
	h.text(base+"2.0.0/net.zip", string(makeZip(t, []item{{"acme-net-0a1b/main.tf", "3", ""}, {"acme-net-0a1b/m/sub.tf", "4", ""}})))
	source, cache := h.name()+"/acme/net/aws", t.TempDir()
	label := source + "@"

	f := newFetcher(t, h, cache)
	wantFetched(t, f, source, "~> 1.0", label+"1.1.0 . m/sub.tf=2 main.tf=1")
	wantFetched(t, f, source+"//m", "", label+"2.0.0 m m/sub.tf=4 main.tf=3")
	wantFetched(t, f, source, "1.0.0", label+"1.0.0 m m/sub.tf=2 main.tf=1")
	wantFetched(t, f, source, "> 2", "error: none of its 3 versions at "+h.name()+" satisfies the constraint; the newest is 2.0.0")
	wantFetched(t, f, source+"//x", "", "error: the package has no folder x")
	wantFetched(t, f, source, "about 2", `error: "about 2" is no version constraint`)
	wantFetched(t, f, h.name()+"/acme/none/aws", "", "error: "+h.URL+"/modules/acme/none/aws/versions answered 404 Not Found")
	one, _, _ := f.Fetch(context.Background(), source, "2.0.0")
	other, _, _ := f.Fetch(context.Background(), source+"//m", ">= 2")
	if one == nil || one != other {
		t.Error("one package is two")
	}
	if data, err := f.ReadFile(label + "2.0.0/m/sub.tf"); string(data) != "4" {
		t.Errorf("ReadFile: %q, %v", data, err)
	}
	if _, err := f.ReadFile("main.tf"); err == nil {
		t.Error("ReadFile finds what is in no package")
	}
	if n := h.count("/.well-known/terraform.json"); n != 1 {
		t.Errorf("the registry's address was asked for %d times", n)
	}

	again := newFetcher(t, h, cache)
	wantFetched(t, again, source, "1.0.0", label+"1.0.0 m m/sub.tf=2 main.tf=1")
	wantFetched(t, again, source, "~> 1.0", label+"1.1.0 . m/sub.tf=2 main.tf=1")
	for path, want := range map[string]int{base + "1.0.0/download": 1, base + "1.1.0/download": 1, "/files/net.tgz": 2} {
		if n := h.count(path); n != want {
			t.Errorf("%s was asked for %d times, want %d", path, n, want)
		}
	}
}

func TestRegistryFaults(t *testing.T) {
	h := newHost(t)
	for name, source := range map[string]string{
		"out": "/x.zip//../y", "again": "acme/net/aws", "local": "/srv/x", "s3": "s3::https://s3.amazonaws.com/x", "plain": "http://example.com/x.zip", "loop": "/loop",
	} {
		h.text("/modules/acme/"+name+"/aws/versions", `{"modules": [{"versions": [{"version": "1.0.0"}]}]}`)
		h.says("/modules/acme/"+name+"/aws/1.0.0/download", source)
	}
	h.says("/loop", "/loop")
	h.text("/srv/x", "no module")
	h.text("/modules/acme/broken/aws/versions", "<html>")
	h.text("/modules/acme/empty/aws/versions", `{"modules": []}`)
	f := newFetcher(t, h, t.TempDir())
	for name, want := range map[string]string{
		"out": "leads out of the package", "again": "a module of a registry again", "local": "names no module (X-Terraform-Get)",
		"s3": "s3:: are not supported", "plain": "an address with http", "loop": "more than 10 addresses name each other",
		"broken": "are no JSON", "empty": "lists no version",
	} {
		if got := fetched(f, h.name()+"/acme/"+name+"/aws", ""); !strings.HasPrefix(got, "error: ") || !strings.Contains(got, want) {
			t.Errorf("%s: %s, want …%s…", name, got, want)
		}
	}
}

func TestToken(t *testing.T) {
	h := newHost(t)
	name := h.name()
	h.pages["/modules/acme/net/aws/versions"] = func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer secret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Fprint(w, `{"modules": [{"versions": [{"version": "1.0.0"}]}]}`)
	}
	h.says("/modules/acme/net/aws/1.0.0/download", "/x.zip")
	leaked := ""
	h.pages["/x.zip"] = func(w http.ResponseWriter, r *http.Request) {
		leaked = r.Header.Get("Authorization")
		w.Write(makeZip(t, []item{{"main.tf", "1", ""}}))
	}
	source := name + "/acme/net/aws"
	variable := "TF_TOKEN_" + strings.ReplaceAll(name, ".", "_")
	where := "error: " + h.URL + "/modules/acme/net/aws/versions answered 401 Unauthorized: it "
	wantFetched(t, newFetcher(t, h, t.TempDir()), source, "", where+"wants a token, which is read from "+variable)
	wantFetched(t, newFetcher(t, h, t.TempDir(), variable+"=wrong"), source, "", where+"does not take the token in "+variable)
	wantFetched(t, newFetcher(t, h, t.TempDir(), variable+"=secret"), source, "", source+"@1.0.0 . main.tf=1")
	if leaked != "" {
		t.Errorf("the token went to the archive's address: %q", leaked)
	}
	f := New(Options{Client: http.DefaultClient, Env: []string{"TF_TOKEN_my__host_example_com=a", "TF_TOKEN_other-host_example_com=b"}})
	for host, want := range map[string]string{"my-host.example.com": "a", "other-host.example.com": "b", "example.com": ""} {
		if got := f.token(host); got != want {
			t.Errorf("token of %s: %q, want %q", host, got, want)
		}
	}
}

func TestArchives(t *testing.T) {
	h := newHost(t)
	data := makeZip(t, []item{{"main.tf", "1", ""}, {"m/a.tf", "2", ""}})
	sum := sha256.Sum256(data)
	h.text("/net.zip", string(data))
	h.text("/net", string(data))
	h.text("/net.txz", "x")
	h.text("/no.zip", "no archive")
	h.text("/page", `<!DOCTYPE html><meta charset=utf-8><p>&nbsp;<meta name="terraform-get" content="/net.zip//m">`)
	h.says("/header", h.URL+"/net.zip")
	h.pages["/down"] = func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://example.com/x.zip", http.StatusFound)
	}
	f := newFetcher(t, h, t.TempDir())
	_, content, _ := strings.Cut(strings.Fields(fetched(f, h.URL+"/net.zip", ""))[0], "@")
	whole := "m/a.tf=2 main.tf=1"
	wantFetched(t, f, h.URL+"/net.zip", "", h.name()+"/net.zip@"+content+" . "+whole)
	wantFetched(t, f, h.URL+"/net.zip//m?checksum="+hex.EncodeToString(sum[:]), "", h.name()+"/net.zip@"+content+" m "+whole)
	wantFetched(t, f, h.URL+"/net?archive=zip", "", h.name()+"/net@"+content+" . "+whole)
	wantFetched(t, f, h.URL+"/page", "", h.name()+"/page@"+content+" m "+whole)
	wantFetched(t, f, h.URL+"/header", "", h.name()+"/header@"+content+" . "+whole)
	wantFetched(t, f, h.URL+"/header//m", "", h.name()+"/header@"+content+" m "+whole)
	if n := h.count("/net.zip"); n != 4 { // by its name, with a sum, for the page and for the header
		t.Errorf("one archive was fetched %d times", n)
	}
	for source, want := range map[string]string{
		"/net.zip?checksum=sha256:" + strings.Repeat("0", 64): "has the SHA-256",
		"/net.txz": "tar.xz are not supported", "/no.zip": "read zip archive", "/net?archive=rar": `kind "rar"`, "/none.zip": "404",
		"/net.zip?archive=false": "names no module", "/down?archive=zip": "from https to http",
	} {
		if got := fetched(f, h.URL+source, ""); !strings.HasPrefix(got, "error: ") || !strings.Contains(got, want) {
			t.Errorf("%s: %s, want …%s…", source, got, want)
		}
	}
}

func TestLinkLocal(t *testing.T) {
	h := newHost(t)
	h.pages["/there"] = func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://169.254.1.1/x.zip", http.StatusFound)
	}
	h.says("/names", "https://[fe80::1]/x.zip")
	h.text("/.well-known/terraform.json", `{"modules.v1": "https://169.254.1.1/"}`)
	f := newFetcher(t, h, t.TempDir())
	for _, source := range []string{h.URL + "/there?archive=zip", h.URL + "/names", h.name() + "/acme/net/aws"} {
		if got := fetched(f, source, ""); !strings.Contains(got, errLinkLocal.Error()) {
			t.Errorf("%s: %s", source, got)
		}
	}
	dial := NewClient().Transport.(*http.Transport).DialContext
	if _, err := dial(context.Background(), "tcp", "169.254.1.1:80"); !errors.Is(err, errLinkLocal) {
		t.Errorf("got %v, want %v", err, errLinkLocal)
	}
}

func TestSecretsStayHidden(t *testing.T) {
	h := newHost(t)
	f := newFetcher(t, h, t.TempDir())
	for _, source := range []string{
		strings.Replace(h.URL, "https://", "https://user:hunter2@", 1) + "/none.zip?token=hunter2", "https://user:hunter2@127.0.0.1:1/x.zip",
		"git::https://user:hunter2@127.0.0.1:1/x.git", "git::https://user:hunter2@127.0.0.1:1/x.git?ref=v1",
	} {
		if got := fetched(f, source, ""); !strings.HasPrefix(got, "error: ") || strings.Contains(got, "hunter2") {
			t.Errorf("%s", got)
		}
	}
}

func TestDamagedCache(t *testing.T) {
	h := newHost(t)
	h.text("/net.zip", string(makeZip(t, []item{{"main.tf", "1", ""}})))
	dir := t.TempDir()
	fetched(newFetcher(t, h, dir), h.URL+"/net.zip", "")
	all, err := filepath.Glob(filepath.Join(dir, "content", "*.zip"))
	if err != nil || len(all) != 1 {
		t.Fatalf("%v %v", all, err)
	}
	if err := os.WriteFile(all[0], makeZip(t, []item{{"main.tf", "2", ""}}), 0o600); err != nil {
		t.Fatal(err)
	}
	wantFetched(t, newFetcher(t, h, dir), h.URL+"/net.zip", "", "error: "+errDamaged.Error())
	wantFetched(t, newFetcher(t, h, ""), h.URL+"/net.zip", "", "error: there is no folder for a cache: HOME or XDG_CACHE_HOME is not set")
}

func TestCancelled(t *testing.T) {
	h := newHost(t)
	ctx, cancel := context.WithCancel(context.Background())
	h.pages["/net.zip"] = func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	}
	if _, _, err := newFetcher(t, h, t.TempDir()).Fetch(ctx, h.URL+"/net.zip", ""); err == nil || !strings.Contains(err.Error(), "canceled") {
		t.Errorf("got %v", err)
	}
}

// repository is a Git repository of this machine.
type repository struct {
	t   *testing.T
	dir string
}

func newRepository(t *testing.T) *repository {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	r := &repository{t, filepath.Join(t.TempDir(), "net.git")}
	if err := os.Mkdir(r.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	r.git("init", "--quiet", "--initial-branch=main")
	return r
}

func (r *repository) git(args ...string) string {
	r.t.Helper()
	cmd := exec.Command("git", append([]string{"-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgSign=false"}, args...)...)
	cmd.Dir = r.dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		r.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return string(bytes.TrimSpace(out))
}

func (r *repository) commit(files map[string]string) string {
	r.t.Helper()
	for n, text := range files {
		p := filepath.Join(r.dir, n)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			r.t.Fatal(err)
		}
		if target, ok := strings.CutPrefix(text, "->"); ok {
			if err := os.Symlink(target, p); err != nil {
				r.t.Skipf("no symbolic links here: %v", err)
			}
			continue
		}
		if err := os.WriteFile(p, []byte(text), 0o755); err != nil {
			r.t.Fatal(err)
		}
	}
	r.git("add", "--all")
	r.git("commit", "--quiet", "--message", "x")
	return r.git("rev-parse", "HEAD")
}

func TestGit(t *testing.T) {
	r := newRepository(t)
	first := r.commit(map[string]string{
		"main.tf": "1", "m/v.tf": "->../main.tf", "out": "->/etc/passwd", "big.bin": strings.Repeat("x", maxOther+1),
		".gitattributes": "main.tf filter=evil export-ignore eol=crlf\n",
	})
	r.git("tag", "--annotate", "--message", "x", "v1.0.0")
	r.git("branch", "feature/x")
	second := r.commit(map[string]string{"main.tf": "2"})
	source := "git::file://" + filepath.ToSlash(r.dir)
	name := strings.TrimPrefix(strings.TrimSuffix(filepath.ToSlash(r.dir), ".git"), "/") + "@"
	files := func(n string) string {
		return " .gitattributes=main.tf filter=evil export-ignore eol=crlf\n m/v.tf=" + n + " main.tf=" + n
	}
	cache := t.TempDir()
	f := newFetcher(t, nil, cache)
	wantFetched(t, f, source, "", name+second[:12]+" ."+files("2"))
	wantFetched(t, f, source+"//m?ref=v1.0.0", "", name+"v1.0.0 m"+files("1"))
	wantFetched(t, f, source+"?ref=feature/x&depth=1", "", name+"feature-x ."+files("1"))
	wantFetched(t, f, source+"?ref="+first, "", name+first[:12]+" ."+files("1"))
	wantFetched(t, f, source+"?ref="+first[:9], "", name+first[:9]+" ."+files("1"))
	wantFetched(t, f, source+"?ref=none", "", "error: file://"+r.dir+` has no branch or tag "none"`)
	wantFetched(t, f, source+"?ref=abcdef0", "", "error: file://"+r.dir+" has no commit abcdef0")
	wantFetched(t, f, source+"x", "", "error: git: '"+r.dir+"x' does not appear to be a git repository")

	third := r.commit(map[string]string{"main.tf": "3"})
	again := newFetcher(t, nil, cache)
	wantFetched(t, again, source, "", name+third[:12]+" ."+files("3"))
	if err := os.RemoveAll(r.dir); err != nil {
		t.Fatal(err)
	}
	wantFetched(t, newFetcher(t, nil, cache), source+"?ref="+third, "", name+third[:12]+" ."+files("3"))
	o := New(Options{Dir: cache, Client: http.DefaultClient, Env: os.Environ()})
	wantFetched(t, o, source, "", "error: a repository that is a folder lies outside the target")
}

// TestGitOverHTTP takes a server that knows nothing of Git and gives no single commits.
func TestGitOverHTTP(t *testing.T) {
	r := newRepository(t)
	r.commit(map[string]string{"main.tf": "1"})
	r.git("tag", "v1")
	r.git("update-server-info")
	s := httptest.NewServer(http.FileServer(http.Dir(filepath.Dir(r.dir))))
	defer s.Close()
	f := newFetcher(t, nil, t.TempDir(), "NO_PROXY=127.0.0.1")
	where := strings.TrimPrefix(s.URL, "http://")
	wantFetched(t, f, "git::"+s.URL+"/net.git/.git?ref=v1", "", where+"/net.git@v1 . main.tf=1")
}

func TestGitFault(t *testing.T) {
	for talk, want := range map[string]string{
		"": "git: exit", "remote: hello\nwarning: x\nerror: a\nfatal: b.\nfatal: c\n": "git: b",
		"ssh: connect to host h port 22: Connection refused\nfatal: Could not read from remote repository.\n\nPlease make sure\n": "ssh: connect to host h port 22: Connection refused",
		"fatal: https://u:hunter2@h/x.git not found": "git: https://u:…@h/x.git not found",
		"fatal: " + strings.Repeat("é", 400):         "git: " + strings.Repeat("é", maxErrorText) + "…",
	} {
		got := (&git{secret: "hunter2"}).fault(errors.New("exit"), talk).Error()
		if strings.TrimPrefix(want, "git: ") != strings.TrimPrefix(got, "git: ") {
			t.Errorf("%q gives %q, want %q", talk, got, want)
		}
	}
}

func TestGitWithoutGit(t *testing.T) {
	f := New(Options{Dir: t.TempDir(), Client: http.DefaultClient, Git: "no-such-program"})
	wantFetched(t, f, "git::https://example.com/x.git", "", "error: the program git is not installed")
}
