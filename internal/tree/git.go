package tree

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing/fstest"

	"golang.org/x/sync/errgroup"

	"github.com/plinthsec/plinth"
)

const (
	maxMessage = 1 << 20 // bytes of a commit or tag: longer ones are no message of a person
	pipeBuffer = 1 << 18 // bytes that are read from git at once
	maxTold    = 20      // objects of one kind of fault that are named; the rest is counted
	maxStderr  = 4 << 10 // bytes of git's own words that a problem repeats
)

// MessagePath is the path under which the message of a commit or tag is shown.
const MessagePath = ".git/COMMIT_MESSAGE"

// History is the objects of a Git repository: every blob, commit and tag once, whether a ref reaches it or not. A repository as git makes it is read
// here; for all others, for ranges and for what is staged the git program runs with an environment of its own: no hooks, pager, prompts, helpers or network.
type History struct {
	dir    string
	rng    string // a range of commits, "" for everything
	staged bool   // only what is staged and differs from HEAD

	received bool // only what a push brings, which rng names; "" for nothing

	folder *gitFolder // nil: git has to read it
	store  *store     // that Each has read; nil: git did
	index  []string   // the answer of ls-files, when it was asked for
}

// Object is a blob or a message.
type Object struct {
	ID      string
	Message bool   // of a commit or tag, without its header
	Path    string // one of the paths that it has had, "" where none is known
	Data    []byte // not kept after the call
	Kin     *Kin   // what it has in common with others; nil: nothing is known
}

// Kin tells what an object has in common with the one that it was made from, which was shown before, in the same goroutine.
type Kin struct {
	Serial uint64 // tells the objects of a goroutine apart
	Base   *Kin   // of what it was made from; nil: it is whole, or that was not shown
	Copies []Copy // the parts that are the same there, by To; not kept after the call
	// Kept is what the one who looks at the objects keeps to find it again as that of a Base. It may be what was kept of an object
	// that nobody needs any more, with another serial number.
	Kept any
}

// Copy is a part of an object that is a part of another one.
type Copy struct{ To, From, Len int }

// Origin is where an object came from.
type Origin struct {
	Path                 string
	Commit, Author, Date string // of the first commit that has it; "" where none does
	Note                 string // staged, or in no commit that a ref reaches
	InHead               bool   // among the files of HEAD; of a push: of a ref that it sets
}

// OpenGit opens the repository that a folder lies in. rng is a range of commits as git log takes it, or "" for all objects, the
// index and what no ref reaches included. Without a git program the work tree is opened, with a problem for the history.
func OpenGit(ctx context.Context, dir, rng string) (*Tree, error) {
	return openGit(ctx, &History{dir: dir, rng: rng})
}

// OpenStaged opens what is staged for the next commit.
func OpenStaged(ctx context.Context, dir string) (*Tree, error) {
	return openGit(ctx, &History{dir: dir, staged: true})
}

func openGit(ctx context.Context, h *History) (*Tree, error) {
	if _, err := os.Stat(h.dir); err != nil {
		return nil, fmt.Errorf("open target: %w", err)
	}
	if _, err := exec.LookPath("git"); err != nil {
		t, err := Open(h.dir)
		if err == nil {
			t.faults = append(t.faults, plinth.Problem{Kind: plinth.Unreadable, Text: "there is no git program: of the repository only the work tree was looked at"})
		}
		return t, err
	}
	if strings.HasPrefix(h.rng, "-") {
		return nil, fmt.Errorf("open target: %q is no range of commits", h.rng)
	}
	if !h.staged && !h.received && h.rng == "" {
		h.folder, _ = openFolder(h.dir) // what it does not take is git's
	}
	if h.folder == nil {
		if _, err := h.output(ctx, "rev-parse", "--git-dir"); err != nil {
			return nil, fmt.Errorf("open target: %s is no Git repository: %w", h.dir, err)
		}
	}
	name := "git:" + h.dir
	if h.rng != "" {
		name += "#" + h.rng
	}
	return &Tree{Name: name, Kind: "git", FS: fstest.MapFS{}, history: h, dir: h.dir}, nil
}

// History is the objects of a Git repository, nil for other targets.
func (t *Tree) History() *History { return t.history }

// Faults are the problems that opening the target gave.
func (t *Tree) Faults() []plinth.Problem { return t.faults }

// command makes a call of git that runs nothing but git: https://git-scm.com/docs/git#_environment_variables.
func (h *History) command(ctx context.Context, args ...string) *exec.Cmd {
	own := []string{
		"-C", h.dir, "-c", "safe.directory=*", "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "log.showSignature=false",
		"-c", "log.showRoot=true", "-c", "core.quotePath=false", "-c", "core.commitGraph=true", "-c", "protocol.allow=never", "--no-pager", "--literal-pathspecs",
	}
	c := exec.CommandContext(ctx, "git", append(own, args...)...)
	c.Env = []string{
		"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_TERMINAL_PROMPT=0", "GIT_OPTIONAL_LOCKS=0",
		"GIT_NO_LAZY_FETCH=1", "GIT_ALLOW_PROTOCOL=none", "GIT_NO_REPLACE_OBJECTS=1", "HOME=" + os.DevNull, "SYSTEMROOT=" + os.Getenv("SYSTEMROOT"),
	}
	if h.received {
		c.Env = append(c.Env, quarantine()...)
	}
	return c
}

func (h *History) output(ctx context.Context, args ...string) ([]byte, error) {
	c := h.command(ctx, args...)
	var errs bytes.Buffer
	c.Stderr = &limited{w: &errs}
	out, err := c.Output()
	return out, told(err, &errs)
}

// told adds what git said to the error of its call.
func told(err error, errs *bytes.Buffer) error {
	if err == nil {
		return nil
	}
	if line, _, _ := strings.Cut(strings.TrimSpace(errs.String()), "\n"); line != "" {
		return fmt.Errorf("%w: %s", err, line)
	}
	return err
}

type limited struct{ w *bytes.Buffer }

func (l *limited) Write(p []byte) (int, error) {
	if room := maxStderr - l.w.Len(); room > 0 {
		l.w.Write(p[:min(len(p), room)])
	}
	return len(p), nil
}

// entry is an object to be read.
type entry struct {
	id, path string
	kind     byte // b, c, t
	size     int64
}

// Each calls visit for every object, from at most jobs goroutines. What cannot be read is a problem; the error is that of ctx.
func (h *History) Each(ctx context.Context, jobs int, problem func(plinth.Problem), visit func(Object)) (objects int, err error) {
	var mu sync.Mutex
	lost := func(kind plinth.ProblemKind, format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		problem(plinth.Problem{Kind: kind, Text: fmt.Sprintf(format, args...)})
	}
	show := shown(lost, visit)
	known := map[string]bool{}
	if h.folder != nil {
		if objects, known, err = h.own(ctx, jobs, lost, show); !errors.Is(err, errUnusual) {
			if err != nil && ctx.Err() == nil {
				lost(plinth.Unreadable, "the history could not be read to its end: %v", err)
			}
			return objects, ctx.Err()
		}
		if errors.Is(err, errDamaged) {
			lost(plinth.Unreadable, "the repository is damaged, as git fsck tells, and not all of it was looked at")
		}
	}
	list, err := h.list(ctx, lost)
	if err != nil {
		lost(plinth.Unreadable, "the history could not be listed: %v", err)
		return objects, ctx.Err()
	}
	h.borders(ctx, lost)
	list = slices.DeleteFunc(list, func(e entry) bool { return known[e.id] || e.tooLarge(lost) })
	n, err := h.stream(ctx, jobs, list, lost, show)
	if err != nil {
		lost(plinth.Unreadable, "the history could not be read to its end: %v", err)
	}
	return objects + n, ctx.Err()
}

// borders tells where the repository ends: a shallow clone, submodules.
func (h *History) borders(ctx context.Context, lost func(plinth.ProblemKind, string, ...any)) {
	if h.staged {
		return
	}
	if h.folder == nil { // a folder that is taken is not shallow
		if out, err := h.output(ctx, "rev-parse", "--is-shallow-repository"); err == nil && strings.TrimSpace(string(out)) == "true" {
			lost(plinth.MissingObject, "the clone is shallow: commits below its border are not here and were not looked at; git fetch --unshallow brings them")
		}
	}
	list, err := h.files(ctx)
	if err != nil {
		return // a bare repository has no index
	}
	for _, line := range list {
		if _, path, ok := strings.Cut(line, "\t"); ok && strings.HasPrefix(line, "160000 ") {
			lost(plinth.MissingObject, "the submodule %s is a repository of its own and was not looked at", path)
		}
	}
}

// files lists the index, "MODE ID STAGE\tPATH" for each file.
func (h *History) files(ctx context.Context) ([]string, error) {
	if h.index == nil && (h.folder == nil || !h.folder.bare) {
		out, err := h.output(ctx, "ls-files", "-s", "-z")
		if err != nil {
			return nil, err
		}
		h.index = strings.Split(string(out), "\x00")
	}
	return h.index, nil
}

// list lists the objects to be read.
func (h *History) list(ctx context.Context, lost func(plinth.ProblemKind, string, ...any)) ([]entry, error) {
	if h.staged {
		return h.listStaged(ctx)
	}
	if h.received && h.rng == "" {
		return nil, nil
	}
	paths, err := h.reachable(ctx, lost)
	if err != nil {
		return nil, err
	}
	if h.rng != "" {
		return h.described(ctx, ids(paths), func(id string) string { return paths[id] }, lost)
	}
	if out, err := h.output(ctx, "rev-parse", "--is-bare-repository"); err != nil {
		return nil, err
	} else if strings.TrimSpace(string(out)) != "true" {
		list, err := h.files(ctx)
		if err != nil {
			return nil, err
		}
		for id, path := range staged(list) {
			if paths[id] == "" {
				paths[id] = path
			}
		}
	}
	return h.described(ctx, nil, func(id string) string { return paths[id] }, lost)
}

// staged are the blobs of the index, with one path of each.
func staged(index []string) iter.Seq2[string, string] {
	return func(yield func(id, path string) bool) {
		for _, line := range index {
			head, path, ok := strings.Cut(line, "\t")
			if f := strings.Fields(head); ok && len(f) == 3 && !yield(f[1], path) {
				return
			}
		}
	}
}

// described lists objects, all for nil, as git describes them, without trees. It tells of those that git cannot read, and, but for a range, of trees
// where none are wanted.
func (h *History) described(ctx context.Context, wanted []string, path func(id string) string, lost func(plinth.ProblemKind, string, ...any)) ([]entry, error) {
	args := []string{"cat-file", "--batch-check=%(objectname) %(objecttype) %(objectsize)", "--buffer"}
	var in io.Reader
	if wanted == nil {
		args = append(args, "--batch-all-objects", "--unordered")
	} else {
		in = strings.NewReader(strings.Join(wanted, "\n") + "\n")
	}
	var list []entry
	damaged := 0
	err := h.lines(ctx, in, func(line []byte) {
		id, rest, _ := bytes.Cut(line, []byte(" "))
		kind, size, ok := bytes.Cut(rest, []byte(" "))
		switch {
		case !ok || wanted != nil && h.rng == "" && string(kind) == "tree": // git cannot read it, or takes it for what it is not
			if damaged++; damaged <= maxTold {
				lost(plinth.Unreadable, "object %s is damaged and was not looked at", id)
			}
			return
		case string(kind) == "tree":
			return
		}
		n, err := strconv.ParseInt(string(size), 10, 64)
		if err != nil {
			return
		}
		list = append(list, entry{id: string(id), path: path(string(id)), kind: kind[0], size: n})
	}, args...)
	if damaged > maxTold {
		lost(plinth.Unreadable, "%d more objects are damaged", damaged-maxTold)
	}
	return list, err
}

func ids(paths map[string]string) []string {
	out := make([]string, 0, len(paths))
	for id := range paths {
		out = append(out, id)
	}
	slices.Sort(out)
	return out
}

// reachable returns the objects that the range, or any ref and HEAD, reaches, with one path of each, and tells of those that
// are missing.
func (h *History) reachable(ctx context.Context, lost func(plinth.ProblemKind, string, ...any)) (map[string]string, error) {
	args := []string{"rev-list", "--objects", "--missing=print"}
	switch {
	case h.rng != "":
		args = append(args, strings.Fields(h.rng)...)
	default:
		args = append(args, "--all")
		if _, err := h.output(ctx, "rev-parse", "--verify", "-q", "HEAD"); err == nil {
			args = append(args, "HEAD")
		}
	}
	paths, missing := map[string]string{}, 0
	err := h.lines(ctx, nil, func(line []byte) {
		if len(line) > 0 && line[0] == '?' {
			if missing++; missing <= maxTold {
				lost(plinth.MissingObject, "object %s is missing from the repository and was not looked at", line[1:])
			}
			return
		}
		id, path, _ := strings.Cut(string(line), " ")
		if len(id) >= 40 {
			paths[id] = path
		}
	}, append(args, "--")...)
	if missing > maxTold {
		lost(plinth.MissingObject, "%d more objects are missing", missing-maxTold)
	}
	return paths, err
}

// listStaged lists the blobs that are staged and differ from HEAD.
func (h *History) listStaged(ctx context.Context) ([]entry, error) {
	args := []string{"diff", "--cached", "--raw", "-z", "--no-abbrev", "--no-renames", "--no-ext-diff", "--diff-filter=d", "--ignore-submodules"}
	out, err := h.output(ctx, args...)
	if err != nil {
		return nil, err
	}
	var list []entry
	parts := strings.Split(string(out), "\x00")
	for i := 0; i+1 < len(parts); i += 2 {
		if f := strings.Fields(parts[i]); len(f) == 5 && f[1] != "160000" {
			list = append(list, entry{id: f[3], path: parts[i+1], kind: 'b', size: -1})
		}
	}
	return list, nil
}

// lines runs git and calls f for each line that it prints.
func (h *History) lines(ctx context.Context, in io.Reader, f func([]byte), args ...string) error {
	c := h.command(ctx, args...)
	c.Stdin = in
	var errs bytes.Buffer
	c.Stderr = &limited{w: &errs}
	pipe, err := c.StdoutPipe()
	if err != nil {
		return err
	}
	if err := c.Start(); err != nil {
		return err
	}
	r := bufio.NewReaderSize(pipe, pipeBuffer)
	for {
		line, err := r.ReadBytes('\n')
		if len(line) > 0 {
			f(bytes.TrimSuffix(line, []byte("\n")))
		}
		if err != nil {
			break
		}
	}
	return told(c.Wait(), &errs)
}

// tooLarge tells of an object that has more than is read.
func (e entry) tooLarge(lost func(plinth.ProblemKind, string, ...any)) bool {
	switch {
	case e.size > maxFile:
		lost(plinth.Limit, "%s has %d MiB, more than the %d MiB that are read", e.name(), e.size>>20, maxFile>>20)
	case e.kind == 'c' && e.size > maxMessage:
		lost(plinth.Limit, "commit %s has more than %d KiB of message and was not read", e.id, maxMessage>>10)
	default:
		return false
	}
	return true
}

// shown makes objects of what is read, for visit, and tells of pointers.
func shown(lost func(plinth.ProblemKind, string, ...any), visit func(Object)) func(entry, []byte, *Kin) {
	var pointers atomic.Int32
	return func(e entry, data []byte, kin *Kin) {
		if bytes.HasPrefix(data, []byte("version https://git-lfs.github.com/spec/v1")) {
			if pointers.Add(1) <= maxTold {
				lost(plinth.MissingObject, "%s is a pointer to large file storage; its content was not looked at", e.name())
			}
		}
		o := Object{ID: e.id, Path: e.path, Data: data, Kin: kin}
		if e.kind != 'b' {
			o.Message = true
			_, o.Data, _ = bytes.Cut(data, []byte("\n\n"))
		}
		visit(o)
	}
}

// stream reads the objects and shows them: those in packs by itself, the others from git.
func (h *History) stream(ctx context.Context, jobs int, list []entry, lost func(plinth.ProblemKind, string, ...any), show func(entry, []byte, *Kin)) (int, error) {
	rest, err := h.packed(ctx, jobs, list, show)
	if err != nil {
		return 0, err
	}
	n := len(list) - len(rest)
	if len(rest) == 0 {
		return n, nil
	}
	more, err := h.asked(ctx, jobs, rest, lost, show)
	return n + more, err
}

// asked reads objects from git.
func (h *History) asked(ctx context.Context, jobs int, list []entry, lost func(plinth.ProblemKind, string, ...any), show func(entry, []byte, *Kin)) (int, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c := h.command(ctx, "cat-file", "--batch", "--buffer")
	var errs bytes.Buffer
	c.Stderr = &limited{w: &errs}
	var in bytes.Buffer
	for _, e := range list {
		in.WriteString(e.id + "\n")
	}
	c.Stdin = &in
	pipe, err := c.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := c.Start(); err != nil {
		return 0, err
	}
	r := bufio.NewReaderSize(pipe, pipeBuffer)
	g := errgroup.Group{}
	g.SetLimit(max(1, jobs))
	free := make(chan []byte, max(1, jobs)+1)
	n := 0
	var failed error
	for _, e := range list {
		data, err := readObject(r, e, free)
		if errors.Is(err, errMissing) {
			lost(plinth.MissingObject, "%s is missing from the repository and was not looked at", e.name())
			continue
		}
		if err != nil {
			failed = err
			break
		}
		n++
		g.Go(func() error {
			show(e, data, nil)
			select {
			case free <- data:
			default:
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return n, err
	}
	if failed != nil {
		cancel()
		return n, errors.Join(failed, told(c.Wait(), &errs))
	}
	return n, told(c.Wait(), &errs)
}

// name is how a problem names an object.
func (e entry) name() string {
	if e.path != "" {
		return fmt.Sprintf("%s (blob %s)", e.path, e.id[:min(len(e.id), 12)])
	}
	return "object " + e.id[:min(len(e.id), 12)]
}

var errMissing = errors.New("missing")

// readObject reads the next object of cat-file --batch, into a free buffer.
func readObject(r *bufio.Reader, e entry, free chan []byte) ([]byte, error) {
	head, err := r.ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("object %s: %w", e.id, io.ErrUnexpectedEOF)
	}
	f := strings.Fields(head)
	if len(f) == 2 && f[1] == "missing" {
		return nil, errMissing
	}
	if len(f) != 3 {
		return nil, fmt.Errorf("object %s: unexpected answer %q", e.id, strings.TrimSpace(head))
	}
	size, err := strconv.Atoi(f[2])
	if err != nil || size < 0 || int64(size) > max(e.size, maxFile) {
		return nil, fmt.Errorf("object %s: unexpected size %q", e.id, f[2])
	}
	var buf []byte
	select {
	case buf = <-free:
	default:
	}
	if cap(buf) < size+1 {
		buf = make([]byte, size+size/4+1)
	}
	buf = buf[:size+1]
	if _, err := io.ReadFull(r, buf); err != nil {
		return nil, fmt.Errorf("object %s: %w", e.id, io.ErrUnexpectedEOF)
	}
	return buf[:size], nil
}
