package module

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	sizeCheck = 500 * time.Millisecond // between two looks at how large a repository has become
	stopTime  = 5 * time.Second        // for git to end after it was told so
)

// repository fetches a commit and returns the version that people know it by.
func (f *Fetcher) repository(ctx context.Context, a address) (entry, string, error) {
	if a.url.Scheme == "file" && !f.allowFile {
		return entry{}, "", errors.New("a repository that is a folder lies outside the target")
	}
	ctx, cancel := context.WithTimeoutCause(ctx, transferTime, errSlow)
	defer cancel()
	commit, err := f.commit(ctx, a)
	if err != nil {
		return entry{}, "", err
	}
	shown := a.ref
	if shown == "" || isObject(shown) {
		shown = commit[:min(12, len(commit))]
	}
	if e, ok := f.cache.ref(gitKey(a, commit)); ok {
		return e, shown, nil
	}
	dir, err := os.MkdirTemp("", "plinth-module-*")
	if err != nil {
		return entry{}, "", err
	}
	defer os.RemoveAll(dir)
	g := &git{program: f.git, env: f.gitEnv(dir), dir: filepath.Join(dir, "repository"), secret: password(a)}
	if commit, err = g.fetch(ctx, a, commit); err != nil {
		return entry{}, "", err
	}
	b, err := g.bundle(ctx, commit)
	if err != nil {
		return entry{}, "", fmt.Errorf("%s: %w", bare(a.url), err)
	}
	content, err := f.cache.put(b)
	if err != nil {
		return entry{}, "", err
	}
	e := entry{Key: gitKey(a, commit), Content: content}
	if shown == "" {
		shown = commit[:12]
	}
	return e, shown, f.cache.setRef(e)
}

func gitKey(a address, commit string) string { return "git " + bare(a.url) + " " + commit }

func password(a address) string {
	if a.url.User == nil {
		return ""
	}
	p, _ := a.url.User.Password()
	return p
}

// isObject tells whether s is the whole name of a git object.
func isObject(s string) bool { return (len(s) == 40 || len(s) == 64) && isHex(s) }

func isHex(s string) bool { return strings.Trim(s, "0123456789abcdef") == "" }

// isShort tells whether s may be the beginning of a commit's name.
func isShort(s string) bool { return len(s) >= 4 && len(s) < 40 && isHex(s) }

// commit finds the object that the ref names now; "" where it may be a shortened name, which only the repository itself knows.
func (f *Fetcher) commit(ctx context.Context, a address) (string, error) {
	if isObject(a.ref) {
		return a.ref, nil
	}
	names := []string{"HEAD"}
	if a.ref != "" {
		names = []string{"refs/tags/" + a.ref, "refs/heads/" + a.ref}
		if strings.HasPrefix(a.ref, "refs/") {
			names = []string{a.ref}
		}
	}
	dir, err := os.MkdirTemp("", "plinth-module-*")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	g := &git{program: f.git, env: f.gitEnv(dir), dir: dir, secret: password(a)}
	out, err := g.run(ctx, nil, maxRefs, append([]string{"ls-remote", "--quiet", "--", a.url.String()}, names...)...)
	if err != nil {
		return "", err
	}
	found := map[string]string{}
	for _, line := range strings.Split(string(out), "\n") {
		if object, name, ok := strings.Cut(line, "\t"); ok && isObject(object) {
			found[name] = object
		}
	}
	for _, n := range names {
		if object := found[n]; object != "" {
			return object, nil
		}
	}
	if isShort(a.ref) {
		return "", nil
	}
	if a.ref == "" {
		return "", fmt.Errorf("%s has no commits", bare(a.url))
	}
	return "", fmt.Errorf("%s has no branch or tag %q", bare(a.url), a.ref)
}

// gitEnv is the environment of git: nothing of the user's configuration, no prompt, and of the user's environment only what it
// takes to reach a host.
func (f *Fetcher) gitEnv(home string) []string {
	protocols := "https:http:ssh"
	if f.allowFile {
		protocols += ":file"
	}
	env := []string{
		"HOME=" + home, "XDG_CONFIG_HOME=" + home, "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_CONFIG_SYSTEM=" + os.DevNull,
		"GIT_ATTR_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0", "GIT_ASKPASS=", "SSH_ASKPASS_REQUIRE=never", "GIT_ALLOW_PROTOCOL=" + protocols,
		"GIT_PROTOCOL_FROM_USER=0", "GIT_OPTIONAL_LOCKS=0", "GIT_NO_REPLACE_OBJECTS=1", "GIT_LFS_SKIP_SMUDGE=1",
		"GIT_SSH_COMMAND=ssh -oBatchMode=yes -oConnectTimeout=15 -oClearAllForwardings=yes -oPermitLocalCommand=no", "LC_ALL=C",
	}
	for _, e := range f.env {
		name, _, _ := strings.Cut(e, "=")
		if slices.Contains(passed, strings.ToUpper(name)) {
			env = append(env, e)
		}
	}
	return env
}

// passed are the variables that git gets from the user's environment, in upper case.
var passed = []string{
	"PATH", "SSH_AUTH_SOCK", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "ALL_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO", "GIT_SSL_CAPATH",
	"SYSTEMROOT", "USERPROFILE", "TEMP", "TMP", "TMPDIR",
}

// git runs the git program on one bare repository.
type git struct {
	program string
	env     []string
	dir     string
	secret  string // a password that must not be in a message
}

// safety are settings that no command goes without: no hooks, no helpers, no background work, no redirects to elsewhere.
var safety = []string{
	"-c", "core.hooksPath=" + os.DevNull, "-c", "core.fsmonitor=false", "-c", "credential.helper=", "-c", "gc.auto=0", "-c", "maintenance.auto=false",
	"-c", "transfer.bundleURI=false", "-c", "fetch.recurseSubmodules=false", "-c", "http.lowSpeedLimit=1000", "-c", "http.lowSpeedTime=30",
	"-c", "protocol.version=2", "-c", "core.symlinks=false", "-c", "safe.bareRepository=all",
}

func (g *git) command(ctx context.Context, args ...string) (*exec.Cmd, *bytes.Buffer) {
	cmd := exec.CommandContext(ctx, g.program, append(slices.Clone(safety), args...)...)
	talk := &bytes.Buffer{}
	cmd.Env, cmd.Dir, cmd.WaitDelay = g.env, filepath.Dir(g.dir), stopTime
	cmd.Stderr = &head{to: talk, left: maxDocument}
	return cmd, talk
}

// run runs one command and returns at most limit bytes of what it prints.
func (g *git) run(ctx context.Context, in io.Reader, limit int64, args ...string) ([]byte, error) {
	var out bytes.Buffer
	err := g.stream(ctx, in, func(r io.Reader) error {
		n, err := io.Copy(&out, io.LimitReader(r, limit+1))
		if err == nil && n > limit {
			err = fmt.Errorf("more than %d MiB", limit>>20)
		}
		return err
	}, args...)
	return out.Bytes(), err
}

// stream runs one command and gives what it prints to a function.
func (g *git) stream(ctx context.Context, in io.Reader, read func(io.Reader) error, args ...string) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	cmd, talk := g.command(ctx, args...)
	cmd.Stdin = in
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			return errors.New("the program git is not installed")
		}
		return fmt.Errorf("git: %w", err)
	}
	fault := read(out)
	if fault != nil {
		cancel(fault)
	}
	err = cmd.Wait()
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("git: %w", context.Cause(ctx))
	case err != nil:
		return g.fault(err, talk.String())
	}
	return nil
}

// fault is what git says of its own failure, without what a server says.
func (g *git) fault(err error, talk string) error {
	text := ""
	for _, line := range strings.Split(talk, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "remote:") || strings.HasPrefix(line, "warning:") {
			continue
		}
		vague := strings.Contains(line, "Could not read from remote repository") // what ssh said before tells more
		if text == "" || strings.HasPrefix(line, "fatal:") && !strings.HasPrefix(text, "fatal:") && !vague {
			text = line
		}
	}
	if text == "" {
		return fmt.Errorf("git: %w", err)
	}
	text = strings.TrimSuffix(strings.TrimPrefix(text, "fatal: "), ".")
	if g.secret != "" {
		text = strings.ReplaceAll(text, g.secret, "…")
	}
	if r := []rune(text); len(r) > maxErrorText {
		text = string(r[:maxErrorText]) + "…"
	}
	return fmt.Errorf("git: %s", strings.ToValidUTF8(text, "?"))
}

// head keeps the beginning of what is written to it.
type head struct {
	to   *bytes.Buffer
	left int
}

func (h *head) Write(p []byte) (int, error) {
	n := min(len(p), h.left)
	h.to.Write(p[:n])
	h.left -= n
	return len(p), nil
}

// fetch brings the commit, or what the ref of the address is short for, into a new repository and returns its whole name.
func (g *git) fetch(ctx context.Context, a address, commit string) (string, error) {
	if _, err := g.run(ctx, nil, maxDocument, "init", "--quiet", "--bare", "--template=", g.dir); err != nil {
		return "", err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	done := make(chan struct{})
	go func() {
		defer close(done)
		watch(ctx, g.dir, cancel)
	}()
	defer func() { cancel(nil); <-done }()
	get := []string{"--git-dir=" + g.dir, "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance"}
	want := commit
	if commit != "" {
		_, err := g.run(ctx, nil, maxDocument, append(get, "--depth=1", "--", a.url.String(), commit+":refs/plinth/wanted")...)
		if err == nil {
			return g.resolve(ctx, commit)
		}
		if ctx.Err() != nil {
			return "", err
		}
	} else {
		want = a.ref
	}
	// A server that gives no single commit, or a name that only the whole history tells.
	if _, err := g.run(ctx, nil, maxDocument, append(get, "--", a.url.String(), "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")...); err != nil {
		return "", err
	}
	whole, err := g.resolve(ctx, want)
	if err != nil && ctx.Err() == nil {
		return "", fmt.Errorf("%s has no commit %s", bare(a.url), want)
	}
	return whole, err
}

// resolve finds the commit that an object is or stands for. The name of an object that is a tag stays its own: it names the same
// files for ever.
func (g *git) resolve(ctx context.Context, object string) (string, error) {
	out, err := g.run(ctx, nil, maxDocument, "--git-dir="+g.dir, "rev-parse", "--verify", "--quiet", "--end-of-options", object+"^{commit}")
	if err != nil {
		return "", err
	}
	if whole := strings.TrimSpace(string(out)); isObject(whole) {
		if isObject(object) {
			return object, nil
		}
		return whole, nil
	}
	return "", fmt.Errorf("git: %q is no commit", object)
}

var errRepo = fmt.Errorf("the repository has more than %d MiB", maxRepo>>20)

// watch ends a fetch whose repository grows too large.
func watch(ctx context.Context, dir string, stop context.CancelCauseFunc) {
	tick := time.NewTicker(sizeCheck)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		size := int64(0)
		err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
			if err != nil {
				return nil // files come and go while git works
			}
			if info, err := d.Info(); err == nil && info.Mode().IsRegular() {
				size += info.Size()
			}
			return nil
		})
		if err != nil || size > maxRepo {
			stop(errRepo)
			return
		}
	}
}

// blob is one file or link of a commit.
type blob struct {
	object, name string
	link         bool
}

// bundle reads the files of a commit. There is no checkout: no filter and no attribute changes or hides a file.
func (g *git) bundle(ctx context.Context, commit string) (*bundle, error) {
	list, err := g.list(ctx, commit)
	if err != nil {
		return nil, err
	}
	var ask strings.Builder
	for _, x := range list {
		ask.WriteString(x.object + "\n")
	}
	b := newBundle()
	err = g.stream(ctx, strings.NewReader(ask.String()), func(r io.Reader) error {
		in := bufio.NewReader(r)
		for _, x := range list {
			if err := readBlob(in, x, b); err != nil {
				return err
			}
		}
		return nil
	}, "--git-dir="+g.dir, "cat-file", "--batch")
	if err != nil {
		return nil, err
	}
	return b, b.finish()
}

func readBlob(in *bufio.Reader, x blob, b *bundle) error {
	header, err := in.ReadString('\n')
	if err != nil {
		return fmt.Errorf("read %s: %w", x.name, err)
	}
	f := strings.Fields(header)
	if len(f) != 3 || f[1] != "blob" {
		return fmt.Errorf("read %s: git has no content for it", x.name)
	}
	size, err := strconv.ParseInt(f[2], 10, 64)
	if err != nil || size < 0 || size > maxConfig {
		return fmt.Errorf("read %s: git gives no size for it", x.name)
	}
	content := io.LimitReader(in, size)
	if x.link {
		target, err := io.ReadAll(content)
		if err != nil {
			return err
		}
		err = b.link(x.name, string(target[:min(len(target), maxPath)]))
		if err != nil {
			return err
		}
	} else if err := b.add(x.name, content); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, content); err != nil {
		return err
	}
	_, err = in.Discard(1)
	return err
}

// list returns the files and links of a commit that are read.
func (g *git) list(ctx context.Context, commit string) ([]blob, error) {
	out, err := g.run(ctx, nil, maxEntries*maxPath, "--git-dir="+g.dir, "ls-tree", "-r", "-z", "-l", "--full-tree", commit+"^{tree}")
	if err != nil {
		return nil, err
	}
	var list []blob
	for _, line := range strings.Split(string(out), "\x00") {
		facts, name, ok := strings.Cut(line, "\t")
		f := strings.Fields(facts) // mode, type, object, size
		if !ok || len(f) != 4 || f[1] != "blob" || !isObject(f[2]) {
			continue // submodules, and the end
		}
		size, err := strconv.ParseInt(f[3], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("git gives no size for %.100q", name)
		}
		switch {
		case isConfig(name) && size > maxConfig:
			return nil, fmt.Errorf("%s has more than %d MiB", name, maxConfig>>20)
		case !isConfig(name) && size > maxOther:
			continue
		}
		list = append(list, blob{object: f[2], name: name, link: f[0] == "120000"})
	}
	if len(list) > maxEntries {
		return nil, fmt.Errorf("the repository has more than %d files", maxEntries)
	}
	return list, nil
}
