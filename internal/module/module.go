// Package module fetches remote Terraform modules: from registries, Git repositories and archives.
//
// What it fetches is read and never executed: no hook, no filter, no link that leads out, and nothing is unpacked to disk. The
// files of a package are kept in a cache under the hash of their content; what cannot change (a version of a registry, a commit) is
// fetched once.
package module

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"strings"
	"sync"

	"github.com/plinthsec/plinth"
)

const (
	maxSource    = 4096      // bytes of an address or a constraint: what people write is shorter
	maxVersion   = 256       // bytes of a version
	maxNumbers   = 8         // numbers of a version: registries use three
	maxDocument  = 16 << 20  // bytes of a registry's answer: all versions of a module
	maxArchive   = 128 << 20 // bytes of an archive as it is sent
	maxUnpacked  = 1 << 30   // bytes that an archive may unpack to, files that are left out included
	maxPackage   = 128 << 20 // bytes of the files that are kept: they are held in memory once
	maxRepo      = 512 << 20 // bytes of a repository on disk, while it is fetched
	maxConfig    = 8 << 20   // bytes of a configuration file, as many as the reader reads
	maxOther     = 1 << 20   // bytes of another file: policies and scripts are smaller
	maxEntries   = 50_000    // entries of a package
	maxPath      = 1024      // bytes of a path or a link's target
	maxDepth     = 64        // folders inside each other
	maxLinks     = 40        // links that lead to links, as in Linux
	maxHops      = 10        // redirects, and addresses that name each other
	maxRefs      = 8 << 20   // bytes of a repository's list of branches and tags
	maxParallel  = 4         // modules that are fetched at once: registries slow down who asks for more
	maxErrorText = 300       // characters of what git says
)

// Options are what a Fetcher works with.
type Options struct {
	Dir    string       // folder of the cache; it is made when it is needed
	Client *http.Client // for registries and archives
	Env    []string     // the environment, for tokens (TF_TOKEN_host) and for what git needs to reach a host
	Git    string       // program; "" for git on the PATH
	// AllowFile permits repositories that are folders of this machine (git::file://), for tests.
	AllowFile bool
}

// Fetcher fetches modules. It is safe for concurrent use.
type Fetcher struct {
	cache     cache
	client    *http.Client
	env       []string
	git       string
	allowFile bool
	slots     chan struct{}

	mu       sync.Mutex
	flights  map[string]*flight
	services map[string]*url.URL              // of registries, by host
	packages map[string]*plinth.ModulePackage // by content and name
	order    []*plinth.ModulePackage
	contents map[string]*zip.Reader
	closers  []io.Closer
}

var _ plinth.ModuleSource = (*Fetcher)(nil)

// flight is one package that is being fetched, or has been.
type flight struct {
	done  chan struct{}
	entry entry
	name  string
	err   error
}

// New returns a Fetcher; Close releases what it has opened.
func New(o Options) *Fetcher {
	f := &Fetcher{
		cache: cache{o.Dir}, client: guarded(o.Client), env: o.Env, git: o.Git, allowFile: o.AllowFile, slots: make(chan struct{}, maxParallel),
		flights: map[string]*flight{}, services: map[string]*url.URL{}, packages: map[string]*plinth.ModulePackage{}, contents: map[string]*zip.Reader{},
	}
	if f.git == "" {
		f.git = "git"
	}
	return f
}

// Close releases the files of the packages; they cannot be read afterwards.
func (f *Fetcher) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var errs []error
	for _, c := range f.closers {
		errs = append(errs, c.Close())
	}
	f.closers = nil
	return errors.Join(errs...)
}

// Fetch implements plinth.ModuleSource. Each package is looked up once in the life of a Fetcher.
func (f *Fetcher) Fetch(ctx context.Context, source, constraint string) (*plinth.ModulePackage, string, error) {
	if f.cache.dir == "" {
		return nil, "", errors.New("there is no folder for a cache: HOME or XDG_CACHE_HOME is not set")
	}
	a, err := parse(source)
	if err != nil {
		return nil, "", err
	}
	e, name, err := f.once(ctx, a, constraint)
	if err != nil {
		return nil, "", err
	}
	if e, err = f.inside(e, a.dir); err != nil {
		return nil, "", err
	}
	pack, err := f.open(e, name)
	return pack, path.Join(".", e.Dir), err
}

// once looks a package up, or waits for whoever does so already.
func (f *Fetcher) once(ctx context.Context, a address, constraint string) (entry, string, error) {
	key := a.key() + " " + constraint
	f.mu.Lock()
	fl, known := f.flights[key]
	if !known {
		fl = &flight{done: make(chan struct{})}
		f.flights[key] = fl
	}
	f.mu.Unlock()
	if known {
		select {
		case <-fl.done:
			return fl.entry, fl.name, fl.err
		case <-ctx.Done():
			return entry{}, "", context.Cause(ctx)
		}
	}
	defer close(fl.done)
	select {
	case f.slots <- struct{}{}:
		defer func() { <-f.slots }()
		fl.entry, fl.name, fl.err = f.fetch(ctx, a, constraint)
	case <-ctx.Done():
		fl.err = context.Cause(ctx)
	}
	return fl.entry, fl.name, fl.err
}

func (f *Fetcher) fetch(ctx context.Context, a address, text string) (entry, string, error) {
	if a.kind != fromRegistry {
		return f.locate(ctx, a, 0)
	}
	constraints, err := parseConstraints(text)
	if err != nil {
		return entry{}, "", err
	}
	e, v, err := f.fromRegistry(ctx, a, constraints)
	host := a.host + "/"
	if a.host == defaultRegistry {
		host = ""
	}
	return e, label(host+a.module, v), err
}

// locate fetches the package of an address outside a registry and names it.
func (f *Fetcher) locate(ctx context.Context, a address, hops int) (entry, string, error) {
	if a.kind == fromGit {
		e, version, err := f.repository(ctx, a)
		return e, a.label(version), err
	}
	e, err := f.download(ctx, a, hops)
	return e, a.label(e.Content[:min(12, len(e.Content))]), err
}

// inside goes to a folder of a package. A pattern as the first element takes the folder that it names as the package's top: what
// archives of repositories have is one folder named after the commit.
func (f *Fetcher) inside(e entry, dir string) (entry, error) {
	content, err := f.read(e.Content)
	if err != nil {
		return entry{}, err
	}
	if e.Dir == "" || e.Dir == "." {
		if first, rest, _ := strings.Cut(dir, "/"); first == "*" {
			top, err := only(content, path.Join(e.Root, "*"))
			if err != nil {
				return entry{}, err
			}
			e.Root, dir = top, rest
		}
	}
	whole := path.Join(e.Root, e.Dir, dir)
	if strings.ContainsAny(dir, "*?[") {
		if whole, err = only(content, whole); err != nil {
			return entry{}, err
		}
	}
	if whole == "" {
		whole = "."
	}
	if info, err := fs.Stat(content, whole); err != nil || !info.IsDir() {
		return entry{}, fmt.Errorf("the package has no folder %s", path.Join(e.Dir, dir))
	}
	e.Dir = strings.TrimPrefix(strings.TrimPrefix(whole, e.Root), "/")
	return e, nil
}

// only finds the one folder that a pattern names.
func only(content fs.FS, pattern string) (string, error) {
	all, err := fs.Glob(content, pattern)
	if err != nil {
		return "", fmt.Errorf("the folder %q is no pattern", pattern)
	}
	found := ""
	for _, p := range all {
		if info, err := fs.Stat(content, p); err != nil || !info.IsDir() {
			continue
		}
		if found != "" {
			return "", fmt.Errorf("the package has more than one folder %s", pattern)
		}
		found = p
	}
	if found == "" {
		return "", fmt.Errorf("the package has no folder %s", pattern)
	}
	return found, nil
}

// read opens a content once.
func (f *Fetcher) read(sum string) (*zip.Reader, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if z := f.contents[sum]; z != nil {
		return z, nil
	}
	z, c, err := f.cache.open(sum)
	if err != nil {
		return nil, err
	}
	f.contents[sum] = z
	f.closers = append(f.closers, c)
	return z, nil
}

func (f *Fetcher) open(e entry, name string) (*plinth.ModulePackage, error) {
	content, err := f.read(e.Content)
	if err != nil {
		return nil, err
	}
	var top fs.FS = content
	if e.Root != "" {
		if top, err = fs.Sub(content, e.Root); err != nil {
			return nil, err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	key := e.Content + "\x00" + e.Root + "\x00" + name
	p := f.packages[key]
	if p == nil {
		p = &plinth.ModulePackage{Name: name, FS: top}
		f.packages[key] = p
		f.order = append(f.order, p)
	}
	return p, nil
}

// ReadFile reads a file of a package that was fetched, by the path under which it is shown.
func (f *Fetcher) ReadFile(name string) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.order {
		if rest, ok := strings.CutPrefix(name, p.Name+"/"); ok {
			return fs.ReadFile(p.FS, rest)
		}
	}
	return nil, fs.ErrNotExist
}
