package tree

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const (
	maxConfig  = 1 << 20 // bytes of the configuration of a repository
	maxRefFile = 4 << 10 // bytes of a file that holds one ref
	maxPacked  = 1 << 28 // bytes of packed-refs
	maxRefHops = 5       // symbolic refs that lead to each other, as in Git
)

var (
	// errUnusual tells that a repository has a form that is left to git.
	errUnusual = errors.New("git has to read the repository")
	// errDamaged tells that a byte of it is not what git wrote. Git is asked then, and does not always notice.
	errDamaged = fmt.Errorf("%w: it is damaged", errUnusual)
)

// gitFolder is where a repository keeps its objects, and its refs.
type gitFolder struct {
	dir  string // the folder of the repository itself
	bare bool
	head [idBytes]byte // the commit of HEAD; zero: none yet
	refs []string      // names, sorted as Git sorts them
	ids  map[string][idBytes]byte
}

// openFolder reads the refs of the repository whose work tree or own folder dir is, without git. All that git does not have in a repository
// as it makes it by default is errUnusual: further work trees, borrowed objects, shallow and partial clones, extensions, settings that
// lead elsewhere (https://git-scm.com/docs/gitrepository-layout).
func openFolder(dir string) (*gitFolder, error) {
	r := &gitFolder{dir: filepath.Join(dir, ".git"), ids: map[string][idBytes]byte{}}
	info, err := os.Lstat(r.dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		r.dir, r.bare = dir, true
	case err != nil || !info.IsDir():
		return nil, errUnusual
	}
	for _, name := range []string{"objects", "refs"} {
		if info, err := os.Lstat(r.in(name)); err != nil || !info.IsDir() {
			return nil, errUnusual
		}
	}
	unusual := []string{"commondir", "gitdir", "shallow", "worktrees", "reftable", "config.worktree", "info/grafts", "objects/info/alternates", "objects/info/http-alternates"}
	if r.bare {
		unusual = append(unusual, "index")
	}
	for _, name := range unusual {
		if _, err := os.Lstat(r.in(name)); !errors.Is(err, fs.ErrNotExist) {
			return nil, errUnusual
		}
	}
	if err := r.config(); err != nil {
		return nil, err
	}
	return r, r.readRefs()
}

func (r *gitFolder) in(name string) string { return filepath.Join(r.dir, filepath.FromSlash(name)) }

// config looks whether the configuration makes the repository unusual: https://git-scm.com/docs/git-config#_syntax.
func (r *gitFolder) config() error {
	data, err := readAtMost(r.in("config"), maxConfig)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return errUnusual
	}
	section := ""
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		if strings.HasSuffix(line, `\`) {
			return errUnusual
		}
		if rest, ok := strings.CutPrefix(line, "["); ok {
			section, line, _ = strings.Cut(rest, "]")
			section, _, _ = strings.Cut(strings.ToLower(section), " ")
			line = strings.TrimSpace(line)
		}
		key, v, assigned := strings.Cut(line, "=")
		key, v = strings.ToLower(strings.TrimSpace(key)), strings.ToLower(strings.TrimSpace(v))
		switch {
		case section == "extensions" || strings.HasPrefix(section, "include") || strings.HasPrefix(section, "core."):
			return errUnusual
		case section != "core":
		case key == "worktree" || key == "repositoryformatversion" && v != "0":
			return errUnusual
		case key == "bare" && (!assigned || v != "true" && v != "false" || (v == "true") != r.bare):
			return errUnusual
		}
	}
	return nil
}

// readRefs reads packed-refs, then the files of refs, which stand above it, and HEAD.
func (r *gitFolder) readRefs() error {
	packed, err := readAtMost(r.in("packed-refs"), maxPacked)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return errUnusual
	}
	for line := range bytes.Lines(packed) {
		if line[0] == '#' || line[0] == '^' {
			continue
		}
		id, name, ok := bytes.Cut(bytes.TrimSuffix(line, []byte("\n")), []byte(" "))
		if !ok || r.ref(string(name), id) != nil {
			return errUnusual
		}
	}
	symbolic := map[string]string{}
	err = filepath.WalkDir(r.in("refs"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() && !d.Type().IsRegular() {
			return errUnusual
		}
		if d.IsDir() {
			return nil
		}
		rel, err := filepath.Rel(r.dir, path)
		if err != nil {
			return errUnusual
		}
		return r.loose(filepath.ToSlash(rel), symbolic)
	})
	if err != nil {
		return errUnusual
	}
	if info, err := os.Lstat(r.in("HEAD")); err != nil || !info.Mode().IsRegular() || r.loose("HEAD", symbolic) != nil {
		return errUnusual
	}
	for name := range symbolic {
		if err := r.follow(name, symbolic); err != nil {
			return err
		}
	}
	r.head = r.ids["HEAD"]
	delete(r.ids, "HEAD")
	for name := range r.ids {
		r.refs = append(r.refs, name)
	}
	slices.Sort(r.refs)
	return nil
}

// loose reads a file that holds one ref.
func (r *gitFolder) loose(name string, symbolic map[string]string) error {
	data, err := readAtMost(r.in(name), maxRefFile)
	if err != nil {
		return errUnusual
	}
	text := strings.TrimRight(string(data), "\n")
	if to, ok := strings.CutPrefix(text, "ref: "); ok {
		if !refName(to) || name != "HEAD" && !refName(name) {
			return errUnusual
		}
		symbolic[name] = to
		return nil
	}
	return r.ref(name, []byte(text))
}

func (r *gitFolder) ref(name string, id []byte) error {
	b, ok := unhex(id)
	if !ok || name != "HEAD" && !refName(name) {
		return errUnusual
	}
	r.ids[name] = b
	return nil
}

// follow gives a symbolic ref what it leads to. HEAD may lead to a branch that is not there yet; others that do are left to git.
func (r *gitFolder) follow(name string, symbolic map[string]string) error {
	to := name
	for range maxRefHops {
		next, ok := symbolic[to]
		if !ok {
			break
		}
		to = next
	}
	id, ok := r.ids[to]
	switch {
	case ok && symbolic[to] == "":
		r.ids[name] = id
	case name != "HEAD" || symbolic[to] != "":
		return errUnusual
	}
	return nil
}

// refName tells whether a ref has a name that Git takes, and no strange one: https://git-scm.com/docs/git-check-ref-format.
func refName(name string) bool {
	rest, ok := strings.CutPrefix(name, "refs/")
	if !ok || strings.Contains(name, "..") || strings.Contains(name, "@{") || strings.ContainsAny(name, " ~^:?*[\\\x7f") || strings.HasSuffix(name, ".") {
		return false
	}
	for part := range strings.SplitSeq(rest, "/") {
		if part == "" || part[0] == '.' || strings.HasSuffix(part, ".lock") {
			return false
		}
	}
	return !strings.ContainsFunc(name, func(c rune) bool { return c < ' ' })
}

// readAtMost reads a regular file that has at most n bytes.
func readAtMost(name string, n int64) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.Size() > n || !info.Mode().IsRegular() {
		return nil, errUnusual
	}
	return os.ReadFile(name)
}
