package scan

import (
	"context"
	"sort"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/cache"
	"github.com/plinthsec/plinth/internal/tree"
	"github.com/plinthsec/plinth/internal/verdict"
)

// marks is what a scan finds out about a file from its name and content alone: the readers that want it, a bit each from the lowest
// on, and these.
type marks uint64

const (
	seen      marks = 1 << (63 - iota) // somebody has looked at it
	silent                             // no engine found anything in it
	sound                              // it is no configuration that nobody can read
	commented                          // it may hold suppressions

	maxReaders = 32
)

func (m marks) has(x marks) bool { return m&x == x }

// wanted tells whether some reader wants the file.
func (m marks) wanted() bool { return m&(1<<maxReaders-1) != 0 }

// claimed is what became of a file of the target.
type claimed struct {
	marks marks
	data  []byte // nil where it was not read, or nobody keeps it
}

// claim finds out which reader wants which file, shows the files to the engines that look at files, and returns what each reader is
// to read.
func (r *Run) claim(ctx context.Context, t *tree.Tree, list *tree.Listing, c *collector, res *Result) ([]job, error) {
	all := make([]claimed, len(list.Files))
	w := &claiming{Run: r, t: t, c: c, charts: chartsOf(list.Files), engines: r.fileEngines(), buffers: sync.Pool{New: func() any { return new([]byte) }}}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(max(1, r.Config.Jobs))
	for i := range list.Files {
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			all[i] = w.file(&list.Files[i])
			r.tell("reading", i+1, len(list.Files))
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return w.group(list, all, res), nil
}

// claiming is the state of one claim.
type claiming struct {
	*Run
	t       *tree.Tree
	c       *collector
	charts  charts
	engines []FileEngine
	buffers sync.Pool
}

// noting is a collector that notes whether it was told of something.
type noting struct {
	*collector
	told bool
}

func (n *noting) Problem(p plinth.Problem) {
	n.told = true
	n.collector.Problem(p)
}

// file reads a file and finds out about it, or remembers what was found out when it had the same content.
func (w *claiming) file(f *tree.Entry) (out claimed) {
	template := w.charts.template(f.Path)
	var old cache.File
	if w.Cache != nil {
		var same bool
		if old, same = w.Cache.File(f.Path, f.Stat); same && w.enough(f, marks(old.Marks), template) {
			w.Cache.Keep(f.Path, old)
			return w.known(f, claimed{marks: marks(old.Marks)}, template)
		}
	}
	var buf []byte
	if f.Other || len(w.Readers) == 0 { // nobody keeps it
		own := w.buffers.Get().(*[]byte)
		defer w.buffers.Put(own)
		if int64(cap(*own)) <= f.Size {
			*own = make([]byte, 0, f.Size+f.Size/2+1)
		}
		buf = *own
	}
	b, err := w.t.ReadInto(f.Path, buf)
	if err != nil {
		w.c.Problem(plinth.Problem{Kind: plinth.Unreadable, At: plinth.Location{Path: f.Path}, Text: tree.Reason(err)})
		return claimed{}
	}
	if w.Cache == nil {
		out.marks = w.find(f, b, 0, template)
	} else {
		sum := cache.SumOf(b)
		if old.Sum != sum {
			old.Marks = 0
		}
		out.marks = w.find(f, b, marks(old.Marks), template)
		w.Cache.Keep(f.Path, cache.File{Stat: f.Stat, Sum: sum, Marks: uint64(out.marks)})
	}
	if out.marks.wanted() {
		out.data = b
	}
	return w.known(f, out, template)
}

// enough tells whether what is known of a file makes it needless to read it.
func (w *claiming) enough(f *tree.Entry, m marks, template bool) bool {
	return m.has(seen) && m.has(silent) && (m.has(sound) || !w.lone(f, m, template))
}

// lone tells whether a file that looks like configuration is read by nobody.
func (w *claiming) lone(f *tree.Entry, m marks, template bool) bool {
	return !m.wanted() && !f.Other && !template && len(w.Readers) > 0
}

// known tells what follows from the marks of a file and from the other files.
func (w *claiming) known(f *tree.Entry, x claimed, template bool) claimed {
	if x.marks.has(commented) && (x.marks.wanted() || template) {
		w.c.comments(f.Path)
	}
	return x
}

// find finds out about a file what is not known yet.
func (w *claiming) find(f *tree.Entry, b []byte, m marks, template bool) marks {
	if !m.has(seen) {
		m = 0
		sure := true
		if !f.Other {
			m, sure = w.wants(f.Path, b)
		}
		if sure {
			m |= seen
		}
		if verdict.Mentions(b) {
			m |= commented
		}
	}
	if !m.has(silent) && (!w.t.Only(f.Path) || !w.look(f.Path, b)) {
		m |= silent
	}
	if w.lone(f, m, template) && !m.has(sound) {
		to := &noting{collector: w.c}
		w.guard(to, plinth.Location{Path: f.Path}, "check", func() { orphan(f.Path, b, to.Problem) })
		if !to.told {
			m |= sound
		}
	}
	return m
}

// look shows a file, and the members of an archive, to the engines that look at files, and tells whether there is something in it.
func (w *claiming) look(p string, b []byte) (found bool) {
	if len(w.engines) == 0 {
		return false
	}
	to := &noting{collector: w.c}
	show := func(p string, b []byte) {
		for _, e := range w.engines {
			w.guard(to, plinth.Location{Path: p}, e.Name(), func() { found = e.File(p, b, to.Problem) || found })
		}
	}
	show(p, b)
	w.guard(to, plinth.Location{Path: p}, "archive", func() { tree.Unpack(p, b, show, to.Problem) })
	return found || to.told
}

// large shows a file that is too large to be loaded to the engines that know what to do with it, and tells whether one does.
func (r *Run) large(t *tree.Tree, f tree.Large, c *collector) (known bool) {
	for _, e := range r.Engines {
		x, ok := e.(LargeEngine)
		if !ok {
			continue
		}
		r.guard(c, plinth.Location{Path: f.Path}, e.Name(), func() {
			in, err := t.Section(f.Path)
			if err != nil {
				return
			}
			defer in.Close()
			known = x.Large(f.Path, in, f.Size, c.Problem) || known
		})
	}
	return known
}

// wants asks the readers. It is not sure of the answer where one of them failed: the next run asks again.
func (w *claiming) wants(p string, b []byte) (m marks, sure bool) {
	to := &noting{collector: w.c}
	for i, reader := range w.Readers {
		w.guard(to, plinth.Location{Path: p}, reader.Name(), func() {
			if reader.Wants(p, b) {
				m |= 1 << i
			}
		})
	}
	return m, !to.told
}

// group makes the jobs of the readers, by project.
func (w *claiming) group(list *tree.Listing, all []claimed, res *Result) []job {
	projects := map[string]map[int]*plinth.Project{}
	read, looked := 0, len(w.engines) > 0
	for i, f := range list.Files {
		m := all[i].marks
		if !m.wanted() {
			if m.has(seen) && (f.Other || looked) {
				read++
			}
			continue
		}
		read++
		name := w.projectOf(f.Path)
		if projects[name] == nil {
			projects[name] = map[int]*plinth.Project{}
		}
		for k, reader := range w.Readers {
			if !m.has(1 << k) {
				continue
			}
			p := projects[name][k]
			if p == nil {
				p = &plinth.Project{Name: name, FS: w.t.FS, Config: w.Config, Modules: w.Modules}
				projects[name][k] = p
			}
			p.Files = append(p.Files, plinth.File{Path: f.Path, Data: all[i].data})
			res.Files.ByReader[reader.Name()]++
		}
	}
	res.Files.Seen, res.Files.Read, res.Files.Skipped = list.Seen, read, list.Seen-read
	var jobs []job
	for _, byReader := range projects {
		for k, p := range byReader {
			jobs = append(jobs, job{reader: w.Readers[k], project: p})
		}
	}
	sort.Slice(jobs, func(i, j int) bool {
		a, b := jobs[i], jobs[j]
		if a.project.Name != b.project.Name {
			return a.project.Name < b.project.Name
		}
		return a.reader.Name() < b.reader.Name()
	})
	return jobs
}
