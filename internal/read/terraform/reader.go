// Package terraform reads Terraform and OpenTofu configurations and evaluates them to resources.
//
// Every folder that no other folder calls is a root module. Its terms (variables, locals, outputs, module calls, resources and
// each argument of theirs) are evaluated when something asks for them, once per module instance, so that the order of files and
// of modules means nothing. What is not known before apply is unknown, with root causes in the user's words; a cycle makes its
// own terms unknown and is one problem.
package terraform

import (
	"context"
	"path"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/cache"
)

const (
	maxInstances = 10_000  // of one resource or module call: more is taken as one symbolic instance
	maxResources = 200_000 // of one project
	maxModules   = 50_000  // module instances of one project
	maxBlocks    = 20_000  // nested blocks of one resource
	maxCallDepth = 64      // module calls inside each other
	maxFile      = 8 << 20 // bytes that a file function reads
	maxGlob      = 100_000 // files that one fileset looks at
)

// Reader reads Terraform. It holds no state.
type Reader struct{}

var _ plinth.Reader = (*Reader)(nil)

// New returns the reader.
func New() *Reader { return &Reader{} }

// Name returns "terraform".
func (*Reader) Name() string { return "terraform" }

// Wants tells whether a file is configuration, a variable file or the list of installed modules.
func (*Reader) Wants(file string, _ []byte) bool {
	base := path.Base(file)
	if strings.HasPrefix(base, ".#") || strings.HasPrefix(base, "#") || strings.HasSuffix(base, "~") {
		return false // left behind by an editor; Terraform ignores them as well
	}
	return isConfig(base) || isVariables(base) || isManifest(file)
}

func isConfig(base string) bool {
	for _, ext := range [...]string{".tf", ".tf.json", ".tofu", ".tofu.json"} {
		if strings.HasSuffix(base, ext) {
			return true
		}
	}
	return false
}

func isVariables(base string) bool {
	return strings.HasSuffix(base, ".tfvars") || strings.HasSuffix(base, ".tfvars.json")
}

func isManifest(file string) bool {
	return file == ".terraform/modules/modules.json" || strings.HasSuffix(file, "/.terraform/modules/modules.json")
}

// Read evaluates all root modules of the project and hands over every instance of a resource, a data source and a module call
// (Decl.Type is "module"): ID and address, the declaration, the evaluated arguments as Source, and Terms. Type and Props are
// left for the mapping to the provider's form.
func (r *Reader) Read(ctx context.Context, p *plinth.Project, to plinth.Sink) error {
	return r.ReadAgain(ctx, p, nil, to)
}

// ReadAgain is Read with what an earlier run put on the shelf: root modules of which nothing has changed are not evaluated again. The
// data of the files may be nil then. Where remote modules may be fetched nothing is remembered. The shelf may be nil.
func (*Reader) ReadAgain(ctx context.Context, p *plinth.Project, shelf *cache.Shelf, to plinth.Sink) error {
	l := newLoader(p, to)
	if p.Modules == nil {
		l.shelf = shelf
	}
	if err := l.load(ctx); err != nil {
		return err
	}
	var lost lost
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(l.jobs())
	for _, dir := range l.roots() {
		g.Go(func() error {
			defer lost.keep()
			l.evaluate(ctx, dir)
			return ctx.Err()
		})
	}
	err := g.Wait()
	lost.raise()
	return err
}

// lost is a panic of one of several goroutines, which is raised again where they were started: whoever called there can tell it.
type lost struct {
	once sync.Once
	what any
}

func (l *lost) keep() {
	if p := recover(); p != nil {
		l.once.Do(func() { l.what = p })
	}
}

func (l *lost) raise() {
	if l.what != nil {
		panic(l.what)
	}
}
