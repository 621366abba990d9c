package terraform

import (
	"context"
	"encoding/json"
	"path"
	"sort"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/cache"
	"github.com/plinthsec/plinth/internal/read/terraform/function"
)

// loader holds the files of a project and the modules that they make. After load it is only read, problems excepted. As a sink it
// reports each problem once.
type loader struct {
	project   *plinth.Project
	sink      plinth.Sink
	funcs     function.Set
	files     map[string][]byte
	dirs      map[string][]string // configuration files by folder, in order
	auto      map[string][]string // variable files by folder that are read without being named, in order
	folders   map[string]*folder
	shelf     *cache.Shelf                 // nil: nothing is remembered from one run to the next
	sums      sync.Map                     // of the reader's own inputs, a cache.Sum by cache.Input
	manifests map[string]map[string]string // by root folder: call path to module folder
	remote    remote

	resources atomic.Int64 // evaluated so far
	instances atomic.Int64 // of modules

	mu       sync.Mutex
	reported map[plinth.Problem]bool
}

func newLoader(p *plinth.Project, to plinth.Sink) *loader {
	return &loader{
		project: p, sink: to, funcs: function.All(), files: map[string][]byte{}, dirs: map[string][]string{},
		auto: map[string][]string{}, folders: map[string]*folder{}, manifests: map[string]map[string]string{}, reported: map[plinth.Problem]bool{},
	}
}

// Resource implements plinth.Sink.
func (l *loader) Resource(r *plinth.Resource) { l.sink.Resource(r) }

// Problem implements plinth.Sink: each problem is reported once, however many module instances meet it.
func (l *loader) Problem(p plinth.Problem) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.reported[p] {
		l.reported[p] = true
		l.sink.Problem(p)
	}
}

func (l *loader) jobs() int {
	if l.project.Config == nil {
		return 1
	}
	return max(1, l.project.Config.Jobs)
}

// load parses all files, makes the modules and fetches those that are missing, where that is allowed.
func (l *loader) load(ctx context.Context) error {
	var names []string
	for _, f := range l.project.Files {
		l.files[f.Path] = f.Data
		switch {
		case isManifest(f.Path):
			l.manifest(f.Path)
		case isConfig(path.Base(f.Path)):
			names = append(names, f.Path)
		case strings.HasSuffix(f.Path, ".auto.tfvars"), strings.HasSuffix(f.Path, ".auto.tfvars.json"):
			l.auto[path.Dir(f.Path)] = append(l.auto[path.Dir(f.Path)], f.Path) // files come sorted
		case isVariables(path.Base(f.Path)):
			l.checkVariables(f.Path)
		}
	}
	for _, n := range names {
		if !l.beaten(n) {
			dir := path.Dir(n)
			l.dirs[dir] = append(l.dirs[dir], n)
		}
	}
	g, group := errgroup.WithContext(ctx)
	g.SetLimit(l.jobs())
	var mu sync.Mutex
	var lost lost
	for dir := range l.dirs {
		g.Go(func() error {
			defer lost.keep()
			if err := group.Err(); err != nil {
				return err
			}
			f := l.open(dir)
			mu.Lock()
			defer mu.Unlock()
			l.folders[dir] = f
			return nil
		})
	}
	err := g.Wait()
	lost.raise()
	if err != nil {
		return err
	}
	return l.fetch(ctx)
}

// parseFolder makes the module of a folder.
func (l *loader) parseFolder(dir string) *module {
	names := l.dirs[dir]
	files := make([]*parsed, len(names))
	for i, n := range names {
		files[i] = l.parse(n)
	}
	return makeModule(dir, files)
}

// parse parses a file, or remembers how it was parsed.
func (l *loader) parse(name string) *parsed {
	if l.shelf == nil {
		return parseFile(name, l.text(name), l.funcs)
	}
	unit := "file " + name
	if body, ok := l.shelf.Take(unit, l.now); ok {
		if p := decodeFile(name, body, l.funcs); p != nil {
			return p
		}
	}
	p := parseFile(name, l.text(name), l.funcs)
	rec := l.shelf.Record()
	l.note(rec, name)
	l.shelf.Put(unit, rec, p.encode())
	return p
}

// text is the content of a file of the project.
func (l *loader) text(name string) []byte {
	if l.shelf == nil || l.files[name] != nil {
		return l.files[name]
	}
	data, err := l.shelf.Read(name)
	if err != nil {
		l.Problem(plinth.Problem{Kind: plinth.Unreadable, At: plinth.Location{Path: name}, Text: err.Error()})
	}
	return data
}

// beaten tells whether OpenTofu reads another file instead: x.tofu stands for x.tf.
func (l *loader) beaten(file string) bool {
	for _, ext := range [...][2]string{{".tf", ".tofu"}, {".tf.json", ".tofu.json"}} {
		if stem, ok := strings.CutSuffix(file, ext[0]); ok {
			_, other := l.files[stem+ext[1]]
			return other
		}
	}
	return false
}

// manifest reads the list of installed modules that terraform init leaves.
func (l *loader) manifest(name string) {
	var doc struct {
		Modules []struct{ Key, Dir string }
	}
	if err := json.Unmarshal(l.text(name), &doc); err != nil {
		l.Problem(plinth.Problem{Kind: plinth.Broken, At: plinth.Location{Path: name}, Text: "the list of installed modules is no JSON: " + err.Error()})
		return
	}
	root := path.Dir(path.Dir(path.Dir(name)))
	dirs := map[string]string{}
	for _, m := range doc.Modules {
		dirs[m.Key] = path.Join(root, strings.ReplaceAll(m.Dir, `\`, "/"))
	}
	l.manifests[root] = dirs
}

// installed tells whether a folder was put there by terraform init.
func installed(dir string) bool {
	return strings.HasPrefix(dir, ".terraform/") || strings.Contains(dir, "/.terraform/")
}

// roots returns the folders that no other folder calls, sorted. Of folders that only call each other the first counts.
func (l *loader) roots() []string {
	called, own := map[string]bool{}, map[string]bool{} // own: by modules that are not installed ones
	for dir, f := range l.folders {
		for _, to := range f.called() {
			if to != dir {
				called[to] = true
				own[to] = own[to] || !installed(dir)
			}
		}
	}
	for _, dirs := range l.manifests {
		for key, dir := range dirs {
			if key != "" {
				called[dir] = true
			}
		}
	}
	var all, roots []string
	for dir := range l.folders {
		if !installed(dir) && !l.inPackage(dir) {
			all = append(all, dir)
		}
	}
	sort.Strings(all)
	reached := map[string]bool{}
	for _, dir := range all {
		if !called[dir] {
			roots = append(roots, dir)
			l.reach(dir, reached)
		}
	}
	for _, dir := range all {
		if !reached[dir] {
			if own[dir] { // what only an installed module calls is no root
				roots = append(roots, dir)
			}
			l.reach(dir, reached)
		}
	}
	sort.Strings(roots)
	return roots
}

func (l *loader) reach(dir string, reached map[string]bool) {
	f := l.folders[dir]
	if f == nil || reached[dir] {
		return
	}
	reached[dir] = true
	for _, to := range f.called() {
		l.reach(to, reached)
	}
}
