// Package tree opens targets as file systems: a folder, a single file, or text from standard input; and the history of a Git
// repository as a stream of objects. No path and no link in them leads out of the target.
package tree

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sort"
	"strings"
	"testing/fstest"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/cache"
)

const (
	maxFile  = 32 << 20  // bytes of one file that are read: larger configuration is generated data
	maxBare  = 1 << 20   // the same for files without a telling extension
	maxStdin = 64 << 20  // bytes read from standard input
	maxFiles = 2_000_000 // files of one target
)

// skipped are folders that hold no configuration of the project's own. Terraform's module cache is read all the same.
var skipped = map[string]bool{".git": true, ".hg": true, ".svn": true, "node_modules": true, ".terragrunt-cache": true, "__pycache__": true}

// telling are the extensions under which configuration lives.
var telling = map[string]bool{
	".tf": true, ".tofu": true, ".tfvars": true, ".json": true, ".yaml": true, ".yml": true, ".template": true, ".cfn": true, ".arm": true,
	".tfstate": true, ".tfplan": true, ".dockerfile": true, ".containerfile": true, ".jenkinsfile": true, ".groovy": true,
}

// Tree is one target.
type Tree struct {
	Name string          // as the user gave it
	Kind string          // dir, file, stdin or git
	FS   fs.FS           // without files, where the target is a history
	only map[string]bool // the files that count, for a single file; nil for all
	root *os.Root
	disk fs.FS // what FS is where nobody has put something over it; nil where the target is not on the disk

	dir     string   // folder of a history
	history *History // nil for other targets
	faults  []plinth.Problem
}

// Open opens a folder or a file. A file is seen inside its folder, so that what it refers to can be found.
func Open(name string) (*Tree, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("open target: %w", err)
	}
	t := &Tree{Name: filepath.ToSlash(filepath.Clean(name)), Kind: "dir"}
	dir := name
	if !info.IsDir() {
		dir = filepath.Dir(name)
		t.Kind, t.only = "file", map[string]bool{filepath.Base(name): true}
	}
	t.root, err = os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open target: %w", err)
	}
	t.FS = t.root.FS()
	t.disk = t.FS
	return t, nil
}

// Text makes a target of one file, for standard input.
func Text(filename string, r io.Reader) (*Tree, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxStdin+1))
	if err != nil {
		return nil, fmt.Errorf("read standard input: %w", err)
	}
	if len(data) > maxStdin {
		return nil, fmt.Errorf("read standard input: more than %d MiB", maxStdin>>20)
	}
	filename = strings.TrimPrefix(path.Clean("/"+filepath.ToSlash(filename)), "/")
	return &Tree{Name: "-", Kind: "stdin", FS: fstest.MapFS{filename: {Data: data, Mode: 0o644}}}, nil
}

// Memory makes a target of files in memory, for tests and rule examples.
func Memory(name string, files map[string]string) *Tree {
	m := fstest.MapFS{}
	for p, text := range files {
		m[p] = &fstest.MapFile{Data: []byte(text), Mode: 0o644}
	}
	return &Tree{Name: name, Kind: "dir", FS: m}
}

// Dir is the folder on disk that holds the target, "" where there is none.
func (t *Tree) Dir() string {
	if t.root == nil {
		return t.dir
	}
	return t.root.Name()
}

// Close releases the target.
func (t *Tree) Close() error {
	if t.root == nil {
		return nil
	}
	return t.root.Close()
}

// Entry is a file to be looked at.
type Entry struct {
	Path  string
	Size  int64
	Other bool // it cannot be configuration, by its name or size
	Stat  cache.Stat
}

// Large is a file that is too large to be loaded.
type Large struct {
	Path string
	Size int64
	Text bool // it is a text or an archive: something that would have been looked at
}

// Problem says that the file was not read.
func (f Large) Problem() plinth.Problem {
	return plinth.Problem{Kind: plinth.Limit, At: plinth.Location{Path: f.Path}, Text: fmt.Sprintf("the file has %d MiB, more than the %d MiB that are read", f.Size>>20, maxFile>>20)}
}

// Listing is what a walk found.
type Listing struct {
	Files []Entry // candidates, sorted by path
	Large []Large // of ListAll, files that are too large to be loaded, sorted by path; nobody was told of them
	Seen  int     // all files, candidates or not
}

// List walks the target and returns the files that may hold configuration. Files that match an exclude pattern are left out;
// a pattern without a slash matches at any depth, a folder's pattern all that is below it. What cannot be read and links that
// lead out are given to problem.
func (t *Tree) List(exclude []string, problem func(plinth.Problem)) (*Listing, error) {
	return t.walk(exclude, problem, t.file)
}

// ListAll is List with all other files, too.
func (t *Tree) ListAll(exclude []string, problem func(plinth.Problem)) (*Listing, error) {
	return t.walk(exclude, problem, t.any)
}

func (t *Tree) walk(exclude []string, problem func(plinth.Problem), file func(*Listing, string, fs.DirEntry, func(plinth.Problem))) (*Listing, error) {
	l := &Listing{}
	err := fs.WalkDir(t.names(), ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			problem(plinth.Problem{Kind: plinth.Unreadable, At: plinth.Location{Path: p}, Text: Reason(err)})
			if d != nil && d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if p == "." {
			return nil
		}
		if excluded(p, exclude) {
			if d.IsDir() {
				return fs.SkipDir
			}
			l.Seen++
			return nil
		}
		if d.IsDir() {
			return t.folder(p)
		}
		if l.Seen++; l.Seen > maxFiles {
			problem(plinth.Problem{Kind: plinth.Limit, At: plinth.Location{Path: p}, Text: fmt.Sprintf("more than %d files: the rest was not read; name a smaller target", maxFiles)})
			return fs.SkipAll
		}
		if t.only != nil && !t.only[p] && !neighbour(p) {
			return nil
		}
		file(l, p, d, problem)
		return nil
	})
	sort.Slice(l.Files, func(i, j int) bool { return l.Files[i].Path < l.Files[j].Path })
	sort.Slice(l.Large, func(i, j int) bool { return l.Large[i].Path < l.Large[j].Path })
	return l, err
}

// names is where a walk finds what there is: folders of the disk by their paths, which takes a third of the time that a root needs to
// look at every step of them. It finds names and sizes, no contents, and follows no link.
func (t *Tree) names() fs.FS {
	if t.disk != nil && t.FS == t.disk {
		return os.DirFS(t.root.Name())
	}
	return t.FS
}

// neighbour tells whether a file beside a single-file target belongs to the same Terraform module.
func neighbour(p string) bool {
	return !strings.Contains(p, "/") && (strings.HasSuffix(p, ".tf") || strings.HasSuffix(p, ".tofu") || strings.HasSuffix(p, ".tfvars"))
}

// Only tells whether findings in this file were asked for.
func (t *Tree) Only(p string) bool {
	if outer, _, inside := strings.Cut(p, Separator); inside && t.only[outer] {
		return true
	}
	return t.only == nil || t.only[p]
}

func (t *Tree) folder(p string) error {
	base := path.Base(p)
	if skipped[base] {
		return fs.SkipDir
	}
	if path.Base(path.Dir(p)) == ".terraform" && base != "modules" {
		return fs.SkipDir
	}
	if t.only != nil {
		return fs.SkipDir
	}
	return nil
}

func (t *Tree) file(l *Listing, p string, d fs.DirEntry, problem func(plinth.Problem)) {
	limit, may := candidate(p)
	if !may {
		return
	}
	info, err := t.stat(p, d)
	switch {
	case errors.Is(err, errOut):
		problem(plinth.Problem{Kind: plinth.Unsupported, At: plinth.Location{Path: p}, Text: "the link leads out of the target and is not followed"})
	case err != nil:
		problem(plinth.Problem{Kind: plinth.Unreadable, At: plinth.Location{Path: p}, Text: Reason(err)})
	case info.IsDir() || !info.Mode().IsRegular():
	case info.Size() > limit && limit == maxFile:
		problem(Large{Path: p, Size: info.Size()}.Problem())
	case info.Size() > limit:
	default:
		l.Files = append(l.Files, Entry{Path: p, Size: info.Size(), Stat: cache.StatOf(info)})
	}
}

// any takes every file; those that are too large to be loaded are listed by themselves.
func (t *Tree) any(l *Listing, p string, d fs.DirEntry, problem func(plinth.Problem)) {
	limit, may := candidate(p)
	info, err := t.stat(p, d)
	switch {
	case errors.Is(err, errOut):
		problem(plinth.Problem{Kind: plinth.Unsupported, At: plinth.Location{Path: p}, Text: "the link leads out of the target and is not followed"})
	case err != nil:
		problem(plinth.Problem{Kind: plinth.Unreadable, At: plinth.Location{Path: p}, Text: Reason(err)})
	case info.IsDir() || !info.Mode().IsRegular():
	case !may && d.Type()&fs.ModeSymlink != 0: // it is seen where it lies
	case info.Size() > maxFile:
		head := t.beginning(p)
		l.Large = append(l.Large, Large{Path: p, Size: info.Size(), Text: archiveOf(head) != "" || bytes.IndexByte(head, 0) < 0}) // else a program, a picture, a model
	default:
		l.Files = append(l.Files, Entry{Path: p, Size: info.Size(), Other: !may || info.Size() > limit, Stat: cache.StatOf(info)})
	}
}

const sniffed = 8 << 10 // bytes in which a zero tells that a file is no text

// beginning returns the first bytes of a file, nil where it cannot be read.
func (t *Tree) beginning(p string) []byte {
	f, err := t.FS.Open(p)
	if err != nil {
		return nil
	}
	defer f.Close()
	head, err := io.ReadAll(io.LimitReader(f, sniffed))
	if err != nil {
		return nil
	}
	return head
}

var (
	errOut   = errors.New("link leads out")
	errLarge = fmt.Errorf("the file has more than %d MiB", maxFile>>20)
)

// stat follows a link inside the target.
func (t *Tree) stat(p string, d fs.DirEntry) (fs.FileInfo, error) {
	if d.Type()&fs.ModeSymlink == 0 {
		return d.Info()
	}
	info, err := fs.Stat(t.FS, p)
	if err == nil {
		return info, nil
	}
	if strings.Contains(err.Error(), "escapes") {
		return nil, errOut
	}
	return nil, err
}

// candidate tells whether a file may be configuration by its name, and how large it may be.
func candidate(p string) (int64, bool) {
	base := path.Base(p)
	lower := strings.ToLower(base)
	if strings.HasPrefix(lower, "dockerfile") || strings.HasPrefix(lower, "containerfile") || strings.HasPrefix(lower, "jenkinsfile") {
		return maxFile, true
	}
	ext := path.Ext(lower)
	if telling[ext] {
		return maxFile, true
	}
	return maxBare, ext == "" || ext == lower
}

// Read reads one file.
func (t *Tree) Read(p string) ([]byte, error) { return t.ReadInto(p, nil) }

// Has tells whether the target has a file of this path.
func (t *Tree) Has(p string) bool {
	info, err := fs.Stat(t.FS, p)
	return err == nil && info.Mode().IsRegular()
}

// ReadInto reads one file into buf, or into a larger buffer where it is too small for the file and one byte more.
func (t *Tree) ReadInto(p string, buf []byte) ([]byte, error) {
	f, err := t.FS.Open(p)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if cap(buf) == 0 {
		info, err := f.Stat()
		if err != nil {
			return nil, err
		}
		if info.Size() > maxFile {
			return nil, errLarge
		}
		buf = make([]byte, 0, info.Size()+1)
	}
	for buf = buf[:0]; ; {
		n, err := f.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		switch {
		case err == io.EOF:
			return buf, nil
		case err != nil:
			return nil, err
		case len(buf) > maxFile:
			return nil, errLarge
		case len(buf) == cap(buf):
			buf = append(buf, 0)[:len(buf)]
		}
	}
}

// Section opens a file of which parts are read, however large it is.
func (t *Tree) Section(p string) (interface {
	io.ReaderAt
	io.Closer
}, error,
) {
	f, err := t.FS.Open(p)
	if err != nil {
		return nil, err
	}
	r, ok := f.(interface {
		io.ReaderAt
		io.Closer
	})
	if !ok {
		f.Close()
		return nil, fmt.Errorf("%s: %w", p, errors.ErrUnsupported)
	}
	return r, nil
}

func excluded(p string, patterns []string) bool {
	for _, pattern := range patterns {
		if Match(pattern, p) {
			return true
		}
	}
	return false
}

// Match tells whether the pattern (*, **, ?, [a-z], {a,b}) matches the path or one of the folders that it is in. A pattern
// without a slash matches at any depth.
func Match(pattern, p string) bool {
	pattern = strings.TrimSuffix(strings.TrimPrefix(filepath.ToSlash(pattern), "./"), "/")
	if !strings.Contains(pattern, "/") {
		pattern = "**/" + pattern
	}
	pattern = strings.TrimPrefix(pattern, "/")
	for at := p; at != "." && at != "/"; at = path.Dir(at) {
		if ok, err := doublestar.Match(pattern, at); err == nil && ok {
			return true
		}
	}
	return false
}

// Reason is the system's word for an error, without the path that the problem names anyway.
func Reason(err error) string {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err.Error()
	}
	return err.Error()
}
