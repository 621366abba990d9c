package cli

import (
	"context"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/tree"
)

// change is what a diff touches: files, the folders of Terraform in which one of them lies, for a module is its whole folder, and the
// Helm charts, for a template says what the chart's values and the charts around it make of it.
type change struct{ files, folders, charts map[string]bool }

// changedSince asks Git what differs from a revision.
func changedSince(ctx context.Context, t *tree.Tree, rev string) (*change, error) {
	if t.Dir() == "" {
		return nil, faultf("--changed-since wants a folder or a file of a Git checkout, not %s", t.Name)
	}
	list, err := tree.Changed(ctx, t.Dir(), rev)
	if err != nil {
		return nil, fault{err}
	}
	c := &change{files: map[string]bool{}, folders: map[string]bool{}, charts: map[string]bool{}}
	for _, p := range list {
		c.files[p] = true
		if terraformFile(p) {
			c.folders[path.Dir(p)] = true
		}
		if chart := chartOf(t.FS, p); chart != "" {
			c.charts[chart] = true
		}
	}
	return c, nil
}

// chartOf is the folder of the outermost chart that a file lies in, "" for none.
func chartOf(fsys fs.FS, p string) string {
	chart := ""
	for dir := path.Dir(p); ; dir = path.Dir(dir) {
		if _, err := fs.Stat(fsys, path.Join(dir, "Chart.yaml")); err == nil {
			chart = dir
		}
		if dir == "." || dir == "/" {
			return chart
		}
	}
}

func terraformFile(p string) bool {
	for _, end := range []string{".tf", ".tofu", ".tf.json", ".tofu.json", ".tfvars", ".tfvars.json"} {
		if strings.HasSuffix(p, end) {
			return true
		}
	}
	return false
}

// keep leaves the findings out that the change cannot have touched: of which neither the file, nor the module, nor a module that calls it, nor
// the root, nor a place of the evidence has changed.
func (c *change) keep(list []plinth.Finding) []plinth.Finding {
	return slices.DeleteFunc(list, func(f plinth.Finding) bool { return !c.touches(&f) })
}

func (c *change) touches(f *plinth.Finding) bool {
	places := []plinth.Location{f.At}
	for _, d := range []*plinth.Declaration{f.Decl, declarationOf(f.Resource)} {
		if d != nil {
			places = append(append(places, d.At), d.Callers...)
		}
	}
	for _, s := range f.Evidence {
		places = append(places, s.At)
	}
	if slices.ContainsFunc(places, func(l plinth.Location) bool {
		return c.files[l.Path] || terraformFile(l.Path) && c.folders[path.Dir(l.Path)] || c.inChart(l.Path)
	}) {
		return true
	}
	return f.Resource != nil && !f.Resource.Source.IsNull() && c.folders[path.Clean(f.Resource.Root)]
}

// inChart tells whether a template is of a chart that has changed.
func (c *change) inChart(p string) bool {
	for dir := path.Dir(p); len(c.charts) > 0; dir = path.Dir(dir) {
		if c.charts[dir] {
			return true
		}
		if dir == "." || dir == "/" {
			break
		}
	}
	return false
}

func declarationOf(r *plinth.Resource) *plinth.Declaration {
	if r == nil {
		return nil
	}
	return r.Decl
}
