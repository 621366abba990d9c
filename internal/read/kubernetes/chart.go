package kubernetes

import (
	"context"
	"path"
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/document"
	"github.com/plinthsec/plinth/internal/read/kubernetes/helm"
	"github.com/plinthsec/plinth/internal/tree"
)

const chartFile = "Chart.yaml" // says that a folder is a Helm chart

// renderCharts renders the charts among the files and returns the folders of those that were read.
func (r *reading) renderCharts(ctx context.Context) error {
	var roots []string
	for _, f := range r.project.Files {
		root := path.Dir(f.Path)
		if path.Base(f.Path) == chartFile && !slices.ContainsFunc(roots, func(outer string) bool { return within(root, path.Join(outer, "charts")) }) {
			roots = append(roots, root)
			r.brings(&f)
		}
	}
	var charts []*helm.Chart
	parts := map[string]bool{} // charts that others bring
	for _, root := range roots {
		c, err := helm.Load(r.fsys, root, r.to.Problem)
		if err != nil {
			r.to.Problem(plinth.Problem{Kind: plinth.Broken, At: plinth.Location{Path: path.Join(root, chartFile)}, Text: err.Error()})
			continue
		}
		for _, part := range c.Parts() {
			parts[part] = parts[part] || part != root
		}
		charts, r.rooted = append(charts, c), append(r.rooted, root)
	}
	for _, c := range charts {
		if err := ctx.Err(); err != nil {
			return err
		}
		if parts[c.Root] {
			continue // rendered through the chart that brings it, with that one's values
		}
		for _, one := range c.Render(ctx, r.to.Problem) {
			if !r.excluded(one.Path) {
				r.rendered(&one)
			}
		}
	}
	return nil
}

// brings emits a chart that names others, for whoever asks what it brings. It is no object of a cluster.
func (r *reading) brings(f *plinth.File) {
	r.parser.Parse(f.Path, r.data(*f), func(d document.Document) { // its faults are told when the chart is loaded
		if needs, _ := d.Value.Get("dependencies"); needs.Len() == 0 || d.Decl == nil {
			return
		}
		name, _ := d.Value.Get("name")
		d.Decl.Address, d.Decl.Type = f.Path, "helm/Chart"
		r.to.Resource(&plinth.Resource{
			ID: plinth.ID("helm:" + f.Path), Type: "helm/Chart", Name: name.Str(), Project: r.project.Name, Decl: d.Decl, Props: d.Value, Hung: true,
		})
	})
}

// excluded tells whether the user left a file out: other templates may need what it defines, but it is not reported on.
func (r *reading) excluded(name string) bool {
	return slices.ContainsFunc(r.project.Config.Exclude, func(pattern string) bool { return tree.Match(pattern, name) })
}

// within tells whether a path is a folder or lies in it.
func within(name, folder string) bool { return name == folder || strings.HasPrefix(name, folder+"/") }

// ofChart tells whether a file is a chart's own, and what it says is known from rendering that: crds are plain manifests.
func ofChart(name string, roots []string) bool {
	return path.Base(name) == chartFile || slices.ContainsFunc(roots, func(root string) bool {
		return within(name, path.Join(root, "templates")) || within(name, path.Join(root, "charts"))
	})
}

// rendered reads what a template came to. Its places are those of the template.
func (r *reading) rendered(one *helm.Rendered) {
	back := &lines{of: one.Lines, done: map[any]bool{}}
	var faults []plinth.Problem
	problems := r.parser.Parse(one.Path, one.Text, func(d document.Document) {
		back.value(d.Value)
		back.declaration(d.Decl)
		faults = append(faults, r.document(d, plinth.Value{}, 0)...)
	})
	for i := range problems {
		back.location(&problems[i].At)
		if problems[i].Kind == plinth.Broken {
			problems[i].Kind, problems[i].Text = plinth.Unsupported, "rendered with the chart's own values it is no manifest: "+problems[i].Text
		}
	}
	for _, p := range append(problems, faults...) {
		r.to.Problem(p)
	}
}

// lines leads from rendered lines back to those of the template.
type lines struct {
	of   []int32
	done map[any]bool // origins and declarations, by pointer
}

func (l *lines) line(n int32) int32 {
	if n < 1 || int(n) > len(l.of) {
		return n
	}
	return l.of[n-1]
}

func (l *lines) location(at *plinth.Location) {
	at.Line, at.EndLine = l.line(at.Line), l.line(at.EndLine)
	at.EndLine = max(at.Line, at.EndLine)
	if at.Line == at.EndLine {
		at.EndCol = max(at.Col, at.EndCol)
	}
}

func (l *lines) declaration(d *plinth.Declaration) {
	if d != nil && !l.done[d] {
		l.done[d] = true
		l.location(&d.At)
		l.location(&d.Header)
	}
}

func (l *lines) value(v plinth.Value) {
	if o := v.Origin(); o != nil && !l.done[o] {
		l.done[o] = true
		l.location(&o.At)
		l.declaration(o.Decl)
	}
	for _, e := range v.List() {
		l.value(e)
	}
	for _, f := range v.Fields() {
		l.value(f.Value)
	}
}
