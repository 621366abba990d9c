package scan

import (
	"context"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/cache"
	"github.com/plinthsec/plinth/internal/tree"
)

// RereadingReader is a reader that can tell by itself which part of what it read before has to be read again. The data of the
// project's files may be nil then: the shelf reads them.
type RereadingReader interface {
	plinth.Reader
	ReadAgain(ctx context.Context, p *plinth.Project, shelf *cache.Shelf, to plinth.Sink) error
}

// job is one reader's part of one project.
type job struct {
	reader  plinth.Reader
	project *plinth.Project
}

func (r *Run) read(ctx context.Context, t *tree.Tree, jobs []job, c *collector) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(max(1, r.Config.Jobs))
	var done sync.Mutex
	n := 0
	for _, j := range jobs {
		g.Go(func() error {
			var err error
			at := plinth.Location{Path: j.project.Files[0].Path}
			to := &cache.Sink{To: c}
			r.guard(to, at, j.reader.Name(), func() { err = r.one(ctx, t, j, to) })
			done.Lock()
			n++
			r.tell("understanding", n, len(jobs))
			done.Unlock()
			return err
		})
	}
	return g.Wait()
}

// own is what a reader's part of a project is made from, beside what it asks of the file system: the list of its files.
const own = cache.Own

// one reads one reader's part of one project, or remembers what came of it when all that it was made from was the same.
func (r *Run) one(ctx context.Context, t *tree.Tree, j job, to *cache.Sink) error {
	p := j.project
	if r.Cache == nil {
		return j.reader.Read(ctx, p, to.To)
	}
	shelf := r.Cache.Shelf(j.reader.Name()+" "+p.Name, p.FS, t.Read)
	if x, ok := j.reader.(RereadingReader); ok {
		return x.ReadAgain(ctx, p, shelf, to.To)
	}
	words := make([]string, 0, 2*len(p.Files))
	for _, f := range p.Files {
		sum := shelf.Sum(f.Path)
		words = append(words, f.Path, string(sum[:]))
	}
	files := cache.SumOfAll(words...)
	if body, ok := shelf.Take("", func(cache.Kind, string) cache.Sum { return files }); ok {
		if _, err := cache.Replay(body, to.To); err == nil {
			return nil
		}
	}
	for i := range p.Files {
		f := &p.Files[i]
		if f.Data != nil {
			continue
		}
		var err error
		if f.Data, err = shelf.Read(f.Path); err != nil {
			to.To.Problem(plinth.Problem{Kind: plinth.Unreadable, At: plinth.Location{Path: f.Path}, Text: tree.Reason(err)})
		}
	}
	rec := shelf.Record()
	rec.Note(cache.Input{Kind: own, Sum: files})
	p.FS = rec
	if err := j.reader.Read(ctx, p, to); err != nil {
		return err
	}
	if body := to.Bytes(); body != nil {
		shelf.Put("", rec, body)
	}
	return nil
}
