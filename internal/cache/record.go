package cache

import (
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"strconv"
	"sync"
)

// Recorder is a file system that remembers what was asked of it, so that a unit can name it as its inputs.
type Recorder struct {
	shelf *Shelf
	fsys  fs.FS

	mu     sync.Mutex
	inputs map[Input]bool
	lost   bool // something was asked that could not be told: the same question may have another answer next time
}

var (
	_ fs.StatFS     = (*Recorder)(nil)
	_ fs.ReadDirFS  = (*Recorder)(nil)
	_ fs.ReadFileFS = (*Recorder)(nil)
)

// Note adds an input of the caller's own.
func (r *Recorder) Note(in Input) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.inputs[in] = true
}

// Open implements fs.FS.
func (r *Recorder) Open(name string) (fs.File, error) {
	f, err := r.fsys.Open(name)
	if err != nil {
		r.failed(name, err)
		return nil, err
	}
	info, err := f.Stat()
	switch {
	case err != nil:
		r.lose()
	case info.IsDir():
		r.note(Names, name)
	default:
		r.note(Content, name)
	}
	return f, nil
}

// ReadFile implements fs.ReadFileFS.
func (r *Recorder) ReadFile(name string) ([]byte, error) {
	b, err := fs.ReadFile(r.fsys, name)
	if err != nil {
		r.failed(name, err)
		return nil, err
	}
	r.Note(Input{Content, name, SumOf(b)})
	return b, nil
}

// Stat implements fs.StatFS.
func (r *Recorder) Stat(name string) (fs.FileInfo, error) {
	info, err := fs.Stat(r.fsys, name)
	if err != nil {
		r.failed(name, err)
		return nil, err
	}
	r.note(Status, name)
	return info, nil
}

// ReadDir implements fs.ReadDirFS.
func (r *Recorder) ReadDir(name string) ([]fs.DirEntry, error) {
	list, err := fs.ReadDir(r.fsys, name)
	if err != nil {
		r.failed(name, err)
		return nil, err
	}
	r.note(Names, name)
	return list, nil
}

func (r *Recorder) failed(name string, err error) {
	if errors.Is(err, fs.ErrNotExist) {
		r.note(Status, name)
		return
	}
	r.lose()
}

func (r *Recorder) lose() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lost = true
}

func (r *Recorder) note(kind Kind, name string) {
	sum, ok := r.shelf.now(kind, name)
	if !ok {
		r.lose()
		return
	}
	r.Note(Input{kind, name, sum})
}

// now returns what an input is at present; false: nobody can tell.
func (s *Shelf) now(kind Kind, name string) (Sum, bool) {
	switch kind {
	case Content:
		if sum, ok := s.store.Sum(name); ok {
			return sum, true
		}
		return contentOf(s.fsys, name)
	case Status:
		info, err := fs.Stat(s.fsys, name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return Sum{}, true
		case err != nil:
			return Sum{}, false
		}
		size := int64(0)
		if info.Mode().IsRegular() {
			size = info.Size()
		}
		return SumOfAll(info.Mode().Type().String(), strconv.FormatInt(size, 10)), true
	case Names:
		list, err := fs.ReadDir(s.fsys, name)
		if err != nil {
			return Sum{}, false
		}
		words := make([]string, 0, 2*len(list))
		for _, d := range list {
			words = append(words, d.Name(), d.Type().String())
		}
		return SumOfAll(words...), true
	}
	return Sum{}, false
}

func contentOf(fsys fs.FS, name string) (s Sum, ok bool) {
	f, err := fsys.Open(name)
	if err != nil {
		return s, false
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return s, false
	}
	copy(s[:], h.Sum(nil))
	return s, true
}
