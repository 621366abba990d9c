package kubernetes

import (
	"path"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/cache"
)

// data is the content of a file of the project.
func (r *reading) data(f plinth.File) []byte {
	if r.shelf == nil || f.Data != nil {
		return f.Data
	}
	data, err := r.shelf.Read(f.Path)
	if err != nil {
		r.to.Problem(plinth.Problem{Kind: plinth.Unreadable, At: plinth.Location{Path: f.Path}, Text: err.Error()})
	}
	return data
}

// chartFiles are the files that say where charts are.
func (r *reading) chartFiles() []string {
	var out []string
	for _, f := range r.project.Files {
		if path.Base(f.Path) == chartFile {
			out = append(out, f.Path)
		}
	}
	return out
}

// again takes over what was made of files before, under a name, or makes it and keeps it: what is told, the objects, and where charts
// are.
func (r *reading) again(name string, files []string, made func() error) error {
	if r.shelf == nil {
		return made()
	}
	list := cache.SumOfAll(files...)
	if body, ok := r.shelf.Take(name, func(cache.Kind, string) cache.Sum { return list }); ok && r.replay(body) {
		return nil
	}
	rec, to := r.shelf.Record(), &cache.Sink{To: r.to}
	rec.Note(cache.Input{Kind: cache.Own, Name: "files", Sum: list})
	for _, f := range files {
		rec.Note(cache.Input{Kind: cache.Content, Name: f, Sum: r.shelf.Sum(f)})
	}
	outer, before := *r, len(r.objects)
	r.to, r.fsys, r.charts = to, rec, map[string]string{} // what is asked of the disk has to be asked each time
	err := made()
	r.to, r.fsys, r.charts = outer.to, outer.fsys, outer.charts
	if err != nil {
		return err
	}
	if told := to.Bytes(); told != nil {
		var e plinth.Encoder
		e.Raw(string(told))
		e.Words(r.rooted[len(outer.rooted):])
		e.Uint(uint64(len(r.objects) - before))
		for _, o := range r.objects[before:] {
			e.Declaration(o.decl)
			e.Value(o.value)
			e.Words([]string{o.group, o.kind, o.name, o.namespace})
		}
		r.shelf.Put(name, rec, e.Bytes())
	}
	return nil
}

// replay takes over what again kept; false where it is damaged.
func (r *reading) replay(body string) bool {
	d := plinth.NewDecoder(body)
	told, rooted := d.Raw(), d.Words()
	objects := make([]object, d.Count())
	for i := range objects {
		o := &objects[i]
		o.decl, o.value = d.Declaration(), d.Value()
		words := d.Words()
		if len(words) != 4 || o.decl == nil {
			return false
		}
		o.group, o.kind, o.name, o.namespace = words[0], words[1], words[2], words[3]
	}
	if d.Err() != nil {
		return false
	}
	if _, err := cache.Replay(told, r.to); err != nil {
		return false
	}
	r.rooted = append(r.rooted, rooted...)
	for _, o := range objects {
		if o.kind == "CustomResourceDefinition" {
			r.defines(o.value)
		}
	}
	r.objects = append(r.objects, objects...)
	return true
}
