package module

import (
	"archive/zip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"time"
)

// cache keeps packages on disk: content/SHA256.zip holds files, refs/SHA256.json says which content something had that never
// changes (a version in a registry, a commit). Files appear whole or not at all, so that several runs can share a cache.
type cache struct{ dir string }

// entry is what a ref says.
type entry struct {
	Key     string // what has the content, in words
	Content string // SHA-256 of the content's file, in hex
	Root    string // folder of the content that is the package's top
	Dir     string // folder of the package that is the module
}

const (
	private     = 0o700 // folders of the cache: modules of private repositories lie there
	privateFile = 0o600
)

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// ref finds what is known of a key.
func (c cache) ref(key string) (entry, bool) {
	data, err := os.ReadFile(filepath.Join(c.dir, "refs", hash(key)+".json"))
	if err != nil {
		return entry{}, false
	}
	var e entry
	if json.Unmarshal(data, &e) != nil || e.Key != key || len(e.Content) != 2*sha256.Size || filepath.Base(e.Content) != e.Content {
		return entry{}, false
	}
	_, err = os.Stat(c.content(e.Content))
	return e, err == nil
}

func (c cache) content(sum string) string { return filepath.Join(c.dir, "content", sum+".zip") }

func (c cache) setRef(e entry) error {
	data, err := json.Marshal(e)
	if err != nil {
		return err
	}
	return c.write(filepath.Join("refs", hash(e.Key)+".json"), func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// write makes a file of the cache, whole or not at all.
func (c cache) write(name string, fill func(io.Writer) error) (err error) {
	name = filepath.Join(c.dir, name)
	f, err := c.temp(filepath.Dir(name))
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if err = fill(f); err != nil {
		f.Close()
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

func (c cache) temp(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, private); err != nil {
		return nil, fmt.Errorf("cache of modules: %w", err)
	}
	f, err := os.CreateTemp(dir, "new-*")
	if err != nil {
		return nil, fmt.Errorf("cache of modules: %w", err)
	}
	return f, f.Chmod(privateFile)
}

// put keeps a bundle and returns the SHA-256 of its file. The same files give the same bytes.
func (c cache) put(b *bundle) (string, error) {
	dir := filepath.Join(c.dir, "content")
	f, err := c.temp(dir)
	if err != nil {
		return "", err
	}
	defer os.Remove(f.Name())
	sum := sha256.New()
	err = writeZip(io.MultiWriter(f, sum), b)
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return "", fmt.Errorf("cache of modules: %w", err)
	}
	name := hex.EncodeToString(sum.Sum(nil))
	if _, err := os.Stat(c.content(name)); err == nil {
		return name, nil
	}
	if err := os.Rename(f.Name(), c.content(name)); err != nil {
		return "", fmt.Errorf("cache of modules: %w", err)
	}
	return name, nil
}

func writeZip(w io.Writer, b *bundle) error {
	names := make([]string, 0, len(b.files))
	for n := range b.files {
		names = append(names, n)
	}
	sort.Strings(names)
	z := zip.NewWriter(w)
	for _, n := range names {
		f, err := z.CreateHeader(&zip.FileHeader{Name: n, Method: zip.Deflate, Modified: time.Time{}})
		if err != nil {
			return err
		}
		if _, err := f.Write(b.files[n]); err != nil {
			return err
		}
	}
	return z.Close()
}

var errDamaged = errors.New("cache of modules: a file is damaged; remove the folder, it is made anew")

// open opens a content after it has been compared with its sum.
func (c cache) open(sum string) (*zip.Reader, io.Closer, error) {
	f, err := os.Open(c.content(sum))
	if err != nil {
		return nil, nil, fmt.Errorf("cache of modules: %w", err)
	}
	h := sha256.New()
	size, err := io.Copy(h, f)
	if err == nil && hex.EncodeToString(h.Sum(nil)) != sum {
		err = errDamaged
	}
	var z *zip.Reader
	if err == nil {
		z, err = zip.NewReader(f, size)
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return z, f, nil
}
