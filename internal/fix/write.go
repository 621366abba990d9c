package fix

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"testing/fstest"
)

// Overlay is a file system of which some files have other bytes. It is read only.
type Overlay struct {
	Base    fs.FS
	Changed map[string][]byte
}

// Open opens a changed file from memory and every other one from below.
func (o Overlay) Open(name string) (fs.File, error) {
	if data, ok := o.Changed[name]; ok {
		return fstest.MapFS{name: {Data: data, Mode: 0o644}}.Open(name)
	}
	return o.Base.Open(name)
}

var errLink = errors.New("it is a link, or lies behind one")

// Write writes the changed files below dir, each by way of a new file that takes its place, with the mode of the old one. Nothing
// is written where any of them is behind a link, or no longer holds the bytes that old returns for it.
func Write(dir string, changed map[string][]byte, old func(string) ([]byte, error)) (err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("open %s: %w", dir, err)
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	paths := slices.Sorted(maps.Keys(changed))
	var made []string
	defer func() {
		for _, p := range made { // those that did not take their place
			_ = root.Remove(p)
		}
	}()
	for _, p := range paths {
		temp, err := prepare(root, p, changed[p], old)
		if temp != "" {
			made = append(made, temp)
		}
		if err != nil {
			return fmt.Errorf("write %s: %w", p, err)
		}
	}
	for i, p := range paths {
		if err := root.Rename(made[i], p); err != nil {
			made = made[i:]
			return fmt.Errorf("write %s: %w", p, err)
		}
	}
	made = nil
	return nil
}

// prepare writes the new bytes beside a file and returns the name of that.
func prepare(root *os.Root, p string, data []byte, old func(string) ([]byte, error)) (string, error) {
	at := ""
	for _, part := range strings.Split(p, "/") {
		at = path.Join(at, part)
		info, err := root.Lstat(at)
		if err != nil {
			return "", err
		}
		if info.Mode()&fs.ModeSymlink != 0 {
			return "", errLink
		}
	}
	info, err := root.Lstat(p)
	if err != nil {
		return "", err
	}
	was, err := old(p)
	if err != nil {
		return "", err
	}
	if now, err := root.ReadFile(p); err != nil || !bytes.Equal(now, was) {
		return "", errors.Join(err, errors.New("it has changed since it was read"))
	}
	temp := path.Join(path.Dir(p), "."+path.Base(p)+".plinth-fix")
	f, err := root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, info.Mode().Perm())
	if err != nil {
		return "", err
	}
	_, err = f.Write(data)
	return temp, errors.Join(err, f.Sync(), f.Close(), root.Chmod(temp, info.Mode().Perm()))
}
