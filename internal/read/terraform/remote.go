package terraform

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"sort"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/read/terraform/expr"
)

const (
	maxRemote  = 2_000 // calls of remote modules that are fetched for one project
	maxFetches = 8     // of them at once; whoever fetches has a bound of its own
)

// remote is what was fetched for a project. After load it is only read.
type remote struct {
	mounts   map[*plinth.ModulePackage]string // the folder under which a package is seen, beside those of the target
	packages map[string]*plinth.ModulePackage // by folder
	found    map[*call]located
}

// located is where a remote module is, or why it is nowhere.
type located struct {
	dir string
	err error
}

// Why a module is not read though it could be fetched.
var (
	errTooMany       = fmt.Errorf("the project calls more than %d remote modules", maxRemote)
	errTooDeep       = fmt.Errorf("it is called more than %d levels deep", maxCallDepth)
	errEmpty         = errors.New("the folder has no Terraform files")
	errLeavesPackage = errors.New("the folder lies outside the package that calls it")
)

// fetch brings in the remote modules that the root modules call and that terraform init has not left in the target, and those
// that these call.
func (l *loader) fetch(ctx context.Context) error {
	if l.project.Modules == nil {
		return nil
	}
	l.remote = remote{mounts: map[*plinth.ModulePackage]string{}, packages: map[string]*plinth.ModulePackage{}, found: map[*call]located{}}
	base := l.project.FS
	wanted, total := l.missing(), 0
	for depth := 0; len(wanted) > 0; depth++ {
		err := errTooDeep
		if total += len(wanted); total > maxRemote {
			err = errTooMany
		}
		if depth >= maxCallDepth || total > maxRemote {
			for _, c := range wanted {
				l.remote.found[c] = located{err: err}
			}
			break
		}
		next, err := l.fetchAll(ctx, wanted, base)
		if err != nil {
			return err
		}
		wanted = next
	}
	if len(l.remote.packages) > 0 {
		p := *l.project
		p.FS = mounted{base, l.remote.packages}
		l.project = &p
	}
	return nil
}

// missing returns the calls of remote modules that no list of installed modules knows, in the order of their text.
func (l *loader) missing() []*call {
	want := map[*call]bool{}
	for _, root := range l.roots() {
		installed := l.manifests[root]
		have, reached := map[[2]string]bool{}, map[string]bool{} // have: the caller's folder and the call's name
		l.reach(root, reached)
		for key, dir := range installed {
			caller, name := root, key
			if i := strings.LastIndexByte(key, '.'); i >= 0 {
				caller, name = installed[key[:i]], key[i+1:]
			}
			have[[2]string{caller, name}] = l.folders[dir] != nil
			l.reach(dir, reached)
		}
		for dir := range reached {
			for _, c := range l.folders[dir].module().calls {
				if c.remote() && !have[[2]string{dir, c.name}] {
					want[c] = true
				}
			}
		}
	}
	out := make([]*call, 0, len(want))
	for c := range want {
		out = append(out, c)
	}
	return inOrder(out)
}

// remote tells whether the call names something that may have to be fetched.
func (c *call) remote() bool { return c.local == "" && c.source != "" }

func inOrder(calls []*call) []*call {
	sort.Slice(calls, func(i, j int) bool {
		a, b := calls[i].block.at, calls[j].block.at
		if a.Path != b.Path {
			return a.Path < b.Path
		}
		return a.Line < b.Line || a.Line == b.Line && a.Col < b.Col
	})
	return calls
}

// fetchAll fetches what the calls name and returns the calls of remote modules in it.
func (l *loader) fetchAll(ctx context.Context, wanted []*call, base fs.FS) ([]*call, error) {
	packages, dirs, errs := make([]*plinth.ModulePackage, len(wanted)), make([]string, len(wanted)), make([]error, len(wanted))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(maxFetches)
	for i, c := range wanted {
		g.Go(func() error {
			packages[i], dirs[i], errs[i] = l.project.Modules.Fetch(gctx, c.source, c.version())
			return ctx.Err()
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	var next []*call
	for i, c := range wanted {
		if errs[i] != nil {
			l.remote.found[c] = located{err: errs[i]}
			continue
		}
		mount := l.mount(packages[i], base)
		dir := path.Join(mount, dirs[i])
		l.remote.found[c] = located{dir: dir}
		more, err := l.parsePackage(ctx, mount, dir)
		if err != nil {
			return nil, err
		}
		if l.folders[dir] == nil {
			l.remote.found[c] = located{err: errEmpty}
		}
		next = append(next, more...)
	}
	return inOrder(next), nil
}

// version is the version argument of a call.
func (c *call) version() string {
	if a := c.block.attr("version"); a != nil {
		if v, ok := expr.IsConstant(a.value); ok {
			return v.Str()
		}
	}
	return ""
}

// mount gives a package a folder of its own: its name, unless the target has such a path or another package has it.
func (l *loader) mount(p *plinth.ModulePackage, base fs.FS) string {
	if at, ok := l.remote.mounts[p]; ok {
		return at
	}
	name := p.Name
	for n := 2; l.taken(name, base); n++ {
		name = fmt.Sprintf("%s~%d", p.Name, n)
	}
	l.remote.mounts[p], l.remote.packages[name] = name, p
	return name
}

func (l *loader) taken(name string, base fs.FS) bool {
	if l.remote.packages[name] != nil {
		return true
	}
	if base == nil {
		return false
	}
	_, err := fs.Stat(base, name)
	return !errors.Is(err, fs.ErrNotExist)
}

// parsePackage makes the modules of a folder and of the folders that it calls, all in one package, and returns their calls of
// remote modules.
func (l *loader) parsePackage(ctx context.Context, mount, dir string) ([]*call, error) {
	var out []*call
	for queue := []string{dir}; len(queue) > 0; queue = queue[1:] {
		dir := queue[0]
		if l.folders[dir] != nil {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if !l.addFolder(mount, dir) {
			continue
		}
		m := l.parseFolder(dir)
		l.tell(m)
		for _, n := range m.callOrder {
			c := m.calls[n]
			switch {
			case c.local == "" && c.source != "":
				out = append(out, c)
			case c.local != "" && c.local != mount && !strings.HasPrefix(c.local, mount+"/"):
				c.local = ""
				l.remote.found[c] = located{err: errLeavesPackage}
			case c.local != "":
				queue = append(queue, c.local)
			}
		}
		l.folders[dir] = &folder{module: func() *module { return m }}
	}
	return out, nil
}

// addFolder reads the configuration files of a folder in a package; false when there are none.
func (l *loader) addFolder(mount, dir string) bool {
	files := l.remote.packages[mount].FS
	inside := path.Join(".", strings.TrimPrefix(strings.TrimPrefix(dir, mount), "/"))
	entries, err := fs.ReadDir(files, inside)
	if err != nil {
		return false // find says that the folder is not there
	}
	var names []string
	for _, e := range entries {
		if !e.Type().IsRegular() || !(*Reader)(nil).Wants(e.Name(), nil) || !isConfig(e.Name()) {
			continue
		}
		at := path.Join(dir, e.Name())
		data, err := readLimited(files, path.Join(inside, e.Name()))
		if err != nil {
			l.Problem(plinth.Problem{Kind: plinth.Unreadable, At: plinth.Location{Path: at}, Text: err.Error()})
			continue
		}
		l.files[at] = data
		names = append(names, at)
	}
	for _, n := range names {
		if !l.beaten(n) {
			l.dirs[dir] = append(l.dirs[dir], n)
		}
	}
	return len(l.dirs[dir]) > 0
}

func readLimited(files fs.FS, name string) ([]byte, error) {
	f, err := files.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = errLarge
	}
	return data, err
}

// mounted is a target with packages beside its own folders.
type mounted struct {
	base     fs.FS
	packages map[string]*plinth.ModulePackage
}

// Open implements fs.FS.
func (m mounted) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	for dir := name; dir != "."; dir = path.Dir(dir) {
		if p := m.packages[dir]; p != nil {
			return p.FS.Open(path.Join(".", strings.TrimPrefix(strings.TrimPrefix(name, dir), "/")))
		}
	}
	if m.base == nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return m.base.Open(name)
}

// inPackage tells whether a folder lies in a package that was fetched.
func (l *loader) inPackage(dir string) bool {
	for ; dir != "." && dir != "/"; dir = path.Dir(dir) {
		if l.remote.packages[dir] != nil {
			return true
		}
	}
	return false
}

// shown is a source as it is printed: without a password, and of its query only the ref.
func shown(source string) string {
	head, query, _ := strings.Cut(source, "?")
	if way, rest, ok := strings.Cut(head, "://"); ok {
		host, _, _ := strings.Cut(rest, "/")
		if i := strings.LastIndexByte(host, '@'); i >= 0 {
			user, _, _ := strings.Cut(host[:i], ":")
			head = way + "://" + user + rest[i:]
		}
	}
	for _, part := range strings.Split(query, "&") {
		if strings.HasPrefix(part, "ref=") {
			return head + "?" + part
		}
	}
	return head
}

// missingText says why a module is not read, and what would help.
func (l *loader) missingText(c *call) string {
	if c.local != "" {
		return fmt.Sprintf("module %q: folder %s has no Terraform files in the target", c.name, c.source)
	}
	source := shown(c.source)
	if source == "" {
		source = "a source that is not known"
	}
	if v := c.version(); v != "" {
		source += " " + v
	}
	if err := l.remote.found[c].err; err != nil {
		return fmt.Sprintf("module %q: %s could not be fetched: %v; run terraform init before, and it is read from .terraform/modules", c.name, source, err)
	}
	text := fmt.Sprintf("module %q: %s is not in the target; run terraform init before, and it is read from .terraform/modules", c.name, source)
	switch conf := l.project.Config; {
	case c.source == "" || l.project.Modules != nil:
		return text
	case conf != nil && conf.Download && conf.Offline:
		return text + " (--offline forbids --download)"
	}
	return text + ", or scan with --download"
}
