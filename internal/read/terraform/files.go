package terraform

import (
	"errors"
	"io"
	"io/fs"
	"path"
	"sort"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/read/terraform/function"
)

// files is what the file functions of one root module may read: paths are relative to the root module, and nothing outside the
// target is opened.
type files struct {
	fsys  fs.FS
	root  string
	cache map[string][]byte
}

var _ function.Files = (*files)(nil)

func (f *files) path(p string) (string, error) {
	p = strings.ReplaceAll(p, `\`, "/")
	full := path.Join(f.root, p)
	if path.IsAbs(p) || strings.HasPrefix(p, "~") || !fs.ValidPath(full) || f.fsys == nil {
		return "", &function.FileError{Path: p, Kind: plinth.NotDownloaded, Why: "lies outside the target"}
	}
	return full, nil
}

// ReadFile implements function.Files.
func (f *files) ReadFile(p string) (data []byte, name string, err error) {
	full, err := f.path(p)
	if err != nil {
		return nil, "", err
	}
	if b, ok := f.cache[full]; ok {
		return b, full, nil
	}
	b, err := f.read(full)
	if err != nil {
		return nil, "", fileError(p, err)
	}
	f.cache[full] = b
	return b, full, nil
}

var errLarge = errors.New("is larger than 8 MiB")

func (f *files) read(full string) ([]byte, error) {
	h, err := f.fsys.Open(full)
	if err != nil {
		return nil, err
	}
	defer h.Close()
	st, err := h.Stat()
	if err != nil {
		return nil, err
	}
	if st.IsDir() {
		return nil, errors.New("is a folder")
	}
	b, err := io.ReadAll(io.LimitReader(h, maxFile+1))
	if err == nil && len(b) > maxFile {
		err = errLarge
	}
	return b, err
}

func fileError(p string, err error) error {
	e := &function.FileError{Path: p, Kind: plinth.Unreadable, Why: err.Error()}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		e.Kind, e.Why = plinth.NotDownloaded, "is not in the target"
	case errors.Is(err, errLarge):
		e.Kind = plinth.Limit
	}
	var of *fs.PathError
	if errors.As(err, &of) && e.Kind == plinth.Unreadable {
		e.Why = of.Err.Error()
	}
	return e
}

// Exists implements function.Files.
func (f *files) Exists(p string) (bool, error) {
	full, err := f.path(p)
	if err != nil {
		return false, &function.UnknownError{Why: "fileexists(" + p + ")"}
	}
	st, err := fs.Stat(f.fsys, full)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fileError(p, err)
	}
	return st.Mode().IsRegular(), nil
}

// Glob implements function.Files.
func (f *files) Glob(dir, pattern string) ([]string, error) {
	full, err := f.path(dir)
	if err != nil {
		return nil, err
	}
	if !doublestar.ValidatePattern(pattern) {
		return nil, errors.New("fileset: the pattern is broken")
	}
	base, _ := doublestar.SplitPattern(path.Clean(pattern))
	start := path.Join(full, base)
	if !fs.ValidPath(start) {
		return nil, &function.FileError{Path: pattern, Kind: plinth.NotDownloaded, Why: "lies outside the target"}
	}
	var out []string
	seen := 0
	err = fs.WalkDir(f.fsys, start, func(p string, d fs.DirEntry, err error) error {
		if seen++; seen > maxGlob {
			return errMany
		}
		if err != nil || d.IsDir() {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return err
		}
		rel := p
		if full != "." {
			rel = strings.TrimPrefix(p, full+"/")
		}
		if ok, _ := doublestar.Match(path.Clean(pattern), rel); ok && d.Type().IsRegular() {
			out = append(out, rel)
		}
		return nil
	})
	if errors.Is(err, errMany) {
		return nil, &function.FileError{Path: path.Join(dir, pattern), Kind: plinth.Limit, Why: errMany.Error()}
	}
	if err != nil {
		return nil, fileError(dir, err)
	}
	sort.Strings(out)
	return out, nil
}

var errMany = errors.New("fileset looks at more than 100,000 files")
