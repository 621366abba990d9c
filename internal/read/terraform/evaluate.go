package terraform

import (
	"context"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/cache"
	"github.com/plinthsec/plinth/internal/read/terraform/expr"
)

// evaluation is the evaluation of one root module. It belongs to one goroutine.
type evaluation struct {
	*loader
	to     plinth.Sink
	fsys   fs.FS           // what file functions read
	record *cache.Recorder // of what it is made from; nil: nobody wants to know
	told   map[plinth.Problem]bool
	state  *expr.State
	root   string
	inputs map[string]input // what variable files say
	active []*term          // being evaluated, outermost first
	seen   map[plinth.ID]int
	locked map[string]string // versions of providers by their whole addresses; nil until somebody asks
}

// term is something that is evaluated at most once: its name, for messages, and its value.
type term struct {
	name  string // in the root's words: module.a.local.x
	at    plinth.Location
	state termState
	item  expr.Item
}

type termState uint8

const (
	fresh termState = iota
	active
	done
)

// evaluate evaluates the root module in a folder and hands over its resources.
func (l *loader) evaluate(ctx context.Context, dir string) {
	resources := l.again("root "+dir, func(rec *cache.Recorder, to plinth.Sink) bool {
		e := &evaluation{loader: l, to: to, fsys: l.project.FS, record: rec, told: map[plinth.Problem]bool{}, root: dir, seen: map[plinth.ID]int{}}
		if rec != nil {
			e.fsys = rec
			rec.Note(l.input(ofVariables, dir))
			rec.Note(l.input(ofManifest, dir))
		}
		e.state = expr.NewState(ctx, l.funcs, &files{fsys: e.fsys, root: dir, cache: map[string][]byte{}}, e.where)
		e.readInputs()
		e.walk(&instance{evaluation: e, module: e.use(dir), dir: "."})
		for _, p := range e.state.Problems() {
			e.problem(p)
		}
		return !e.state.Stopped() && e.resources.Load() <= maxResources && e.instances.Load() <= maxModules
	})
	l.resources.Add(int64(resources))
}

// problem reports each problem once.
func (e *evaluation) problem(p plinth.Problem) {
	if !e.told[p] {
		e.told[p] = true
		e.to.Problem(p)
	}
}

// use returns the module of a folder, nil where there is none.
func (e *evaluation) use(dir string) *module {
	if e.record != nil {
		e.record.Note(e.input(ofFolder, dir))
	}
	if f := e.folders[dir]; f != nil {
		return f.module()
	}
	return nil
}

// listed tells whether the project holds a file that this reader reads.
func (e *evaluation) listed(name string) bool {
	if _, ok := e.files[name]; !ok {
		return false
	}
	e.note(e.record, name)
	return true
}

// where is the place of what is being evaluated.
func (e *evaluation) where() plinth.Location {
	if n := len(e.active); n > 0 {
		return e.active[n-1].at
	}
	return plinth.Location{Path: e.root}
}

// walk hands over the resources of a module instance and of those below it.
func (e *evaluation) walk(in *instance) {
	if e.state.Stopped() || e.resources.Load() > maxResources {
		return
	}
	for _, n := range in.module.order {
		e.emit(in.resource(n))
	}
	for _, b := range in.module.doubles {
		if len(b.labels) == 2 {
			e.emit(&resource{in: in, block: b, name: name{b.kind, b.labels[0], b.labels[1]}})
		}
	}
	for _, n := range in.module.callOrder {
		c := in.call(n)
		c.expand()
		e.hand(c.calls())
		for _, m := range c.modules {
			e.walk(m)
		}
	}
}

func (e *evaluation) emit(r *resource) {
	if r.name.mode == "ephemeral" {
		return
	}
	r.expand()
	e.hand(r.all)
}

func (e *evaluation) hand(all []*resourceInstance) {
	for _, one := range all {
		if e.resources.Add(1) > maxResources {
			e.problem(plinth.Problem{Kind: plinth.Limit, At: plinth.Location{Path: e.root}, Text: "the project has more than 200,000 resources: the rest is left out"})
			return
		}
		if e.state.Stopped() {
			return
		}
		out := one.finished()
		e.seen[out.ID]++
		if n := e.seen[out.ID]; n > 1 {
			out.ID += plinth.ID("~" + strconv.Itoa(n))
		}
		e.to.Resource(out)
	}
}

// once evaluates a term unless that is done. A term that is being evaluated already depends on itself: it is unknown, and that
// is one problem.
func (e *evaluation) once(t *term, run func() expr.Item) expr.Item {
	switch t.state {
	case done:
		return t.item
	case active:
		e.cycle(t)
		return expr.Item{Value: plinth.UnknownOf(inModule(t.name))}
	}
	t.state = active
	e.active = append(e.active, t)
	t.item = run()
	e.active = e.active[:len(e.active)-1]
	t.state = done
	return t.item
}

func (e *evaluation) cycle(t *term) {
	i := slices.Index(e.active, t)
	names := make([]string, 0, len(e.active)-i+1)
	for _, a := range e.active[i:] {
		names = append(names, a.name)
	}
	if len(names) > 8 {
		names = append(names[:7], "…")
	}
	e.problem(plinth.Problem{Kind: plinth.Broken, At: t.at, Text: "circular reference: " + strings.Join(append(names, t.name), " → ")})
}

// inModule takes the module path from a term's name.
func inModule(name string) string {
	for {
		rest, ok := strings.CutPrefix(name, "module.")
		if !ok {
			return name
		}
		i := strings.IndexAny(rest, ".[")
		if i < 0 {
			return name
		}
		if rest[i] == '[' {
			j := strings.Index(rest[i:], "].")
			if j < 0 {
				return name
			}
			i += j + 1
		}
		if next := rest[i+1:]; strings.Contains(next, ".") {
			name = next
			continue
		}
		return name
	}
}
