// Package scan is one batch run: it lists a target, gives each reader its files, joins what they found in one graph, lets the
// engines look at it, and hands over what a report needs.
package scan

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"runtime/debug"
	"slices"
	"sort"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/cache"
	"github.com/plinthsec/plinth/internal/form"
	"github.com/plinthsec/plinth/internal/graph"
	"github.com/plinthsec/plinth/internal/tree"
	"github.com/plinthsec/plinth/internal/verdict"
)

// Engine looks at the graph of one target. Check calls report and problem from several goroutines; it returns an error only
// when ctx is done.
type Engine interface {
	Name() string
	Check(ctx context.Context, g *graph.Graph, jobs int, report func(plinth.Finding), problem func(plinth.Problem)) (plinth.Coverage, error)
}

// FileEngine is an engine that looks at the texts of files, whatever they are. File is called for every file of the target before
// Check, from several goroutines; it keeps and changes nothing of data. It tells whether there is something in the file: where there
// is not, and no problem either, the engine does as well without having seen it.
type FileEngine interface {
	Engine
	File(path string, data []byte, problem func(plinth.Problem)) bool
}

// HistoryEngine is an engine that looks at the objects of a Git history. Object is called for each, from several goroutines, and
// tells whether there is a finding in it; it keeps and changes nothing of the object's data. Origin is called for those objects
// before Check.
type HistoryEngine interface {
	Engine
	Object(o tree.Object, problem func(plinth.Problem)) bool
	Origin(id string, o tree.Origin)
}

// Inventory is a FileEngine that finds in texts what there is, beside what is wrong: resources that no reader gives. It is asked once,
// after the files.
type Inventory interface{ Resources() []*plinth.Resource }

// LargeEngine is a FileEngine that looks into some files that are too large to be loaded, without loading them: Large tells whether
// the file is one of them. It is called before Check, from one goroutine.
type LargeEngine interface {
	Large(path string, r io.ReaderAt, size int64, problem func(plinth.Problem)) bool
}

// Progress is told how far a run is. It may be called from several goroutines.
type Progress func(stage string, done, total int)

// Run is what a run consists of.
type Run struct {
	Config   *plinth.Config
	Readers  []plinth.Reader
	Engines  []Engine
	Progress Progress            // may be nil
	Modules  plinth.ModuleSource // nil: no remote module is fetched
	// Draw draws the security graph from what was read and found; nil: nobody asks for it. Outside are findings of other tools.
	Draw    func(ctx context.Context, s *graph.Scene, problem func(plinth.Problem)) (*graph.Map, error)
	Outside []plinth.Finding
	Today   string // YYYY-MM-DD: suppressions that ended before do not count
	// Lean lets go of the resources' values once the engines are done: nobody will ask for them.
	Lean bool
	// Cache is what earlier runs found out about the target's files; nil: nothing. It must have been opened for these readers, engines
	// and settings. Learned is called when all is in it that this run has found out; nil: nobody waits for that.
	Cache   *cache.Store
	Learned func()
}

// Result is what one target gave.
type Result struct {
	Tree      *tree.Tree
	Files     Files
	Resources []*plinth.Resource
	Graph     *graph.Graph
	Map       *graph.Map // nil where nobody drew it
	Findings  []plinth.Finding
	Problems  []plinth.Problem
	Engines   map[string]plinth.Coverage
}

// Files counts the files of a target.
type Files struct {
	Seen, Read, Skipped int
	ByReader            map[string]int
}

// Scan runs over one target. Whatever cannot be looked at is a problem of the result; the error is that of ctx.
func (r *Run) Scan(ctx context.Context, t *tree.Tree) (*Result, error) {
	c := &collector{}
	ready := r.prepare()
	res := &Result{Tree: t, Engines: map[string]plinth.Coverage{}, Files: Files{ByReader: map[string]int{}}}
	list, err := r.list(t, c)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", t.Name, err)
	}
	jobs, err := r.claim(ctx, t, list, c, res)
	if err != nil {
		return nil, err
	}
	for _, f := range list.Large {
		if !t.Only(f.Path) || ctx.Err() != nil || r.large(t, f, c) || !f.Text {
			continue
		}
		c.Problem(f.Problem())
	}
	if err := r.read(ctx, t, jobs, c); err != nil {
		return nil, err
	}
	for _, p := range t.Faults() {
		c.Problem(p)
	}
	if h := t.History(); h != nil {
		if err := r.history(ctx, h, c, res); err != nil {
			return nil, err
		}
	}
	for _, e := range r.Engines {
		if i, ok := e.(Inventory); ok {
			c.resources = append(c.resources, i.Resources()...)
		}
	}
	sortResources(c.resources)
	c.resources = join(c.resources)
	declared := form.Declared(c.resources)
	r.guard(c, plinth.Location{}, "mapping", func() { c.resources = form.Complete(c.resources, c.Problem) })
	sortResources(c.resources)
	res.Resources = c.resources
	res.Graph = graph.New(c.resources)
	ready(declared, res.Graph.Types())
	if r.Learned != nil {
		r.Learned()
	}
	for _, e := range r.Engines {
		if x, ok := e.(interface {
			Reads(func(string) ([]byte, error))
		}); ok {
			x.Reads(r.reading(t))
		}
	}
	if err := r.check(ctx, res, c); err != nil {
		return nil, err
	}
	res.Findings = verdict.Sort(within(t, c.findings()))
	r.suppress(t, c, res.Findings)
	if err := r.draw(ctx, t, list, c, res); err != nil {
		return nil, err
	}
	res.Problems = sortProblems(c.problems)
	if r.Lean {
		res.Graph = nil
		for _, x := range res.Resources {
			x.Props, x.Source = plinth.Value{}, plinth.Value{}
		}
	}
	return res, ctx.Err()
}

// suppress marks the findings that the code itself, or the configuration, silences, and tells what silences nothing.
func (r *Run) suppress(t *tree.Tree, c *collector, findings []plinth.Finding) {
	if !r.Config.IgnoreRepo {
		verdict.Comments{Read: r.reading(t), Today: r.Today, Files: c.understood(), Knows: r.knows, Problem: c.Problem}.Suppress(findings)
	}
	accepted := verdict.Accept("config", r.Config.Suppress)
	accepted.Suppress(findings, r.Today)
	accepted.Unused(r.Today, c.Problem)
}

// knows tells whether a rule that ran answers to an id, or one of a peer.
func (r *Run) knows(id string) bool {
	return slices.ContainsFunc(r.Engines, func(e Engine) bool {
		k, ok := e.(interface{ Knows(id string) bool })
		return ok && k.Knows(id)
	})
}

// list lists the files that may be configuration, and all others where an engine looks at them.
func (r *Run) list(t *tree.Tree, c *collector) (*tree.Listing, error) {
	if len(r.fileEngines()) > 0 {
		return t.ListAll(r.Config.Exclude, c.Problem)
	}
	return t.List(r.Config.Exclude, c.Problem)
}

func (r *Run) fileEngines() []FileEngine {
	var out []FileEngine
	for _, e := range r.Engines {
		if f, ok := e.(FileEngine); ok {
			out = append(out, f)
		}
	}
	return out
}

// reading returns how a file is read that findings point at: one of the target, else one of a module that was fetched.
func (r *Run) reading(t *tree.Tree) func(string) ([]byte, error) {
	return func(p string) ([]byte, error) {
		data, err := t.Read(p)
		if r.Modules != nil && errors.Is(err, fs.ErrNotExist) {
			return r.Modules.ReadFile(p)
		}
		return data, err
	}
}

// within leaves out findings in the neighbours of a single file.
func within(t *tree.Tree, list []plinth.Finding) []plinth.Finding {
	out := list[:0]
	for i := range list {
		if t.Only(list[i].At.Path) {
			out = append(out, list[i])
		}
	}
	return out
}

// projectOf returns the innermost project folder that holds the path.
func (r *Run) projectOf(p string) string {
	best := ""
	for _, name := range r.Config.Projects {
		name = path.Clean(name)
		if name == "." {
			continue
		}
		if len(name) > len(best) && strings.HasPrefix(p, name+"/") {
			best = name
		}
	}
	return best
}

// check lets the engines look at the graph, side by side.
func (r *Run) check(ctx context.Context, res *Result, c *collector) error {
	covers := make([]plinth.Coverage, len(r.Engines))
	jobs := max(1, r.Config.Jobs)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(jobs)
	for i, e := range r.Engines {
		g.Go(func() (err error) {
			r.guard(c, plinth.Location{}, e.Name(), func() { covers[i], err = e.Check(ctx, res.Graph, jobs, c.Finding, c.Problem) })
			return err
		})
	}
	err := g.Wait()
	for i, e := range r.Engines {
		res.Engines[e.Name()] = covers[i]
	}
	return err
}

// draw draws the security graph.
func (r *Run) draw(ctx context.Context, t *tree.Tree, list *tree.Listing, c *collector, res *Result) error {
	if r.Draw == nil {
		return nil
	}
	s := &graph.Scene{Graph: res.Graph, Findings: res.Findings, Read: r.reading(t)}
	if len(r.Outside) > 0 {
		s.Findings = slices.Concat(res.Findings, r.Outside)
	}
	for _, f := range list.Files {
		s.Files = append(s.Files, f.Path)
	}
	var err error
	r.guard(c, plinth.Location{}, "graph", func() { res.Map, err = r.Draw(ctx, s, c.Problem) })
	return err
}

// guard turns a panic of a room into a problem, so that the rest of the run goes on.
func (r *Run) guard(c interface{ Problem(plinth.Problem) }, at plinth.Location, room string, f func()) {
	defer func() {
		if p := recover(); p != nil {
			c.Problem(plinth.Problem{Kind: plinth.Internal, At: at, Text: fmt.Sprintf("%s: %v%s; please report this", room, p, frame())})
		}
	}()
	f()
}

// frame names the innermost own function on the panic's stack.
func frame() string {
	for _, line := range strings.Split(string(debug.Stack()), "\n") {
		if strings.HasPrefix(line, "github.com/plinthsec/plinth/internal/") && !strings.Contains(line, "internal/scan.") {
			name, _, _ := strings.Cut(strings.TrimPrefix(line, "github.com/plinthsec/plinth/"), "(0x")
			return " in " + name
		}
	}
	return ""
}

func (r *Run) tell(stage string, done, total int) {
	if r.Progress != nil {
		r.Progress(stage, done, total)
	}
}

const chunk = 1024 // findings that are kept together

// findings hands over all findings; the collector has none afterwards.
func (c *collector) findings() []plinth.Finding {
	n := 0
	for _, part := range c.chunks {
		n += len(part)
	}
	out := make([]plinth.Finding, 0, n)
	for i, part := range c.chunks {
		out = append(out, part...)
		c.chunks[i] = nil
	}
	c.chunks = nil
	return out
}

// collector is the sink of a run.
type collector struct {
	mu        sync.Mutex
	resources []*plinth.Resource
	chunks    [][]plinth.Finding // full ones but the last: a list of all would be copied as it grows
	problems  []plinth.Problem
	commented []string // files that may hold suppressions
}

var _ plinth.Sink = (*collector)(nil)

func (c *collector) Resource(r *plinth.Resource) {
	c.mu.Lock()
	c.resources = append(c.resources, r)
	c.mu.Unlock()
}

func (c *collector) comments(path string) {
	c.mu.Lock()
	c.commented = append(c.commented, path)
	c.mu.Unlock()
}

// understood lists the files that may hold suppressions and of which nothing was left out: elsewhere a suppression may be about what
// nobody saw.
func (c *collector) understood() []string {
	holes := map[string]bool{}
	for _, p := range c.problems {
		holes[p.At.Path] = true
	}
	out := slices.DeleteFunc(c.commented, func(p string) bool { return holes[p] })
	slices.Sort(out)
	return out
}

func (c *collector) Problem(p plinth.Problem) {
	c.mu.Lock()
	c.problems = append(c.problems, p)
	c.mu.Unlock()
}

func (c *collector) Finding(f plinth.Finding) {
	c.mu.Lock()
	last := len(c.chunks) - 1
	if last < 0 || len(c.chunks[last]) == chunk {
		c.chunks = append(c.chunks, make([]plinth.Finding, 0, chunk))
		last++
	}
	c.chunks[last] = append(c.chunks[last], f)
	c.mu.Unlock()
}

func sortResources(list []*plinth.Resource) {
	sort.SliceStable(list, func(i, j int) bool {
		a, b := list[i], list[j]
		if a.ID != b.ID {
			return a.ID < b.ID
		}
		return before(a.Decl.At, b.Decl.At)
	})
}

func before(a, b plinth.Location) bool {
	if a.Path != b.Path {
		return a.Path < b.Path
	}
	if a.Line != b.Line {
		return a.Line < b.Line
	}
	return a.Col < b.Col
}

func sortProblems(list []plinth.Problem) []plinth.Problem {
	sort.SliceStable(list, func(i, j int) bool {
		a, b := list[i], list[j]
		if a.At != b.At {
			return before(a.At, b.At)
		}
		if a.Kind != b.Kind {
			return a.Kind < b.Kind
		}
		return a.Text < b.Text
	})
	out := list[:0]
	for i, p := range list {
		if i == 0 || p != list[i-1] {
			out = append(out, p)
		}
	}
	return out
}
