// Package kubernetes reads Kubernetes manifests, YAML streams and JSON, into one resource for each object.
//
// A resource's Type is GROUP/Kind without a version (apps/Deployment; core for the group without a name), its Props are the
// whole object as written; what a Secret holds is sensitive. Objects whose group has changed its name have the type of the present one. Helm charts are
// rendered with the values that they bring; what does not render is a problem of kind unsupported.
package kubernetes

import (
	"context"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/cache"
	"github.com/plinthsec/plinth/internal/document"
)

const maxLists = 8 // Lists inside Lists; the API server knows none

type reader struct{}

var _ plinth.Reader = reader{}

// New returns the reader.
func New() plinth.Reader { return reader{} }

func (reader) Name() string { return "kubernetes" }

// Read emits the objects of all files. An object's ID names its kind, namespace and name, so that two files which declare the
// same object (overlays) have one ID.
func (r reader) Read(ctx context.Context, p *plinth.Project, to plinth.Sink) error {
	return r.ReadAgain(ctx, p, nil, to)
}

// ReadAgain is Read with what an earlier run put on the shelf: files of which nothing has changed are not parsed again, nor are charts
// rendered while none of their files has. The data of the files may be nil then. The shelf may be nil.
func (reader) ReadAgain(ctx context.Context, p *plinth.Project, shelf *cache.Shelf, to plinth.Sink) error {
	r := &reading{
		project: p, shelf: shelf, to: to, fsys: p.FS, parser: &document.Parser{Elements: "items"}, charts: map[string]string{}, cluster: map[string]bool{},
	}
	if err := r.again("charts", r.chartFiles(), func() error { return r.renderCharts(ctx) }); err != nil {
		return err
	}
	for _, f := range p.Files {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !ofChart(f.Path, r.rooted) {
			if err := r.again("file "+f.Path, []string{f.Path}, func() error { r.file(f); return nil }); err != nil {
				return err
			}
		}
	}
	for _, o := range r.objects {
		r.emit(o)
	}
	return nil
}

// object is one API object.
type object struct {
	value      plinth.Value
	decl       *plinth.Declaration
	group      string
	kind, name string
	namespace  string
}

type reading struct {
	project *plinth.Project
	to      plinth.Sink
	parser  *document.Parser
	objects []object
	shelf   *cache.Shelf // nil: nothing is remembered from one run to the next
	fsys    fs.FS
	rooted  []string          // folders of charts that were read as such
	charts  map[string]string // folder of a chart → its name
	cluster map[string]bool   // GROUP/Kind of the project's own cluster-wide kinds
}

func (r *reading) file(f plinth.File) {
	f.Data = r.data(f)
	braces := marked(string(f.Data))
	chart := ""
	if braces {
		chart = r.chartOf(f.Path)
	}
	before, found := len(r.objects), false
	var faults []plinth.Problem
	problems := r.parser.Parse(f.Path, f.Data, func(d document.Document) {
		found = true
		faults = append(faults, r.document(d, plinth.Value{}, 0)...)
	})
	switch {
	case chart != "" && len(problems) > 0:
		r.objects = r.objects[:before]
		r.to.Problem(plinth.Problem{
			Kind: plinth.Unsupported, At: plinth.Location{Path: f.Path},
			Text: "a file of the Helm chart " + chart + " that is no YAML before something fills it in",
		})
		return
	case braces:
		problems = templates(f, problems)
	case len(problems) == 0 && !found:
		problems = append(problems, plinth.Problem{Kind: plinth.Broken, At: plinth.Location{Path: f.Path}, Text: "no document in the file"})
	}
	for _, p := range append(problems, faults...) {
		r.to.Problem(p)
	}
}

// templates turns the problems at, or right after, lines with template marks into one: the file has to be filled in first. Where a
// line or a value begins with a mark, which no YAML does, that holds for all of them: the parser meets the fault anywhere.
func templates(f plinth.File, problems []plinth.Problem) []plinth.Problem {
	lines := strings.Split(document.Text(f.Data), "\n")
	all := slices.ContainsFunc(lines, begins)
	var out []plinth.Problem
	told := false
	for _, p := range problems {
		if p.Kind == plinth.Broken && all {
			if !told {
				told = true
				out = append(out, plinth.Problem{Kind: plinth.Unsupported, At: p.At, Text: "a template that is no YAML before it is filled in"})
			}
			continue
		}
		i := int(p.At.Line) - 1
		for i > 0 && i < len(lines) && !marked(lines[i]) && (strings.TrimSpace(lines[i-1]) == "" || marked(lines[i-1])) {
			i--
		}
		if p.Kind != plinth.Broken || i < 0 || i >= len(lines) || !marked(lines[i]) {
			out = append(out, p)
		} else if !told {
			told = true
			out = append(out, plinth.Problem{Kind: plinth.Unsupported, At: p.At, Text: "a template that is no YAML before it is filled in"})
		}
	}
	return out
}

// marks begin what something fills in: Go templates and Jinja, Jinja's and Terraform's directives.
var marks = [...]string{"{{", "{%", "%{"}

func marked(line string) bool {
	for _, m := range marks {
		if strings.Contains(line, m) {
			return true
		}
	}
	return false
}

// begins tells whether a line, or the value of its key, begins with a mark.
func begins(line string) bool {
	line = strings.TrimLeft(line, " -")
	if key, v, ok := strings.Cut(line, ": "); ok && !marked(key) {
		line = strings.TrimLeft(v, " ")
	}
	for _, m := range marks {
		if strings.HasPrefix(line, m) {
			return true
		}
	}
	return false
}

// document takes the objects of a document. An element of a List without kind or version has those of the list.
func (r *reading) document(d document.Document, list plinth.Value, depth int) []plinth.Problem {
	version, kind := text(d.Value, "apiVersion"), text(d.Value, "kind")
	if outer := text(list, "kind"); kind == "" && outer != "List" {
		kind = strings.TrimSuffix(outer, "List")
		if version == "" {
			version = text(list, "apiVersion")
		}
	}
	items, _ := d.Value.Get("items")
	switch {
	case version == "" && kind == "" && list.IsNull():
		return nil // another document of the stream, not an object
	case kind == "List" && items.Kind() != plinth.List && version != "":
		return nil // an empty one
	case version == "" || kind == "":
		return []plinth.Problem{{Kind: plinth.Broken, At: d.Decl.Header, Text: "object without apiVersion or kind"}}
	case strings.HasSuffix(kind, "List") && items.Kind() == plinth.List:
		if depth == maxLists {
			return []plinth.Problem{{Kind: plinth.Limit, At: d.Decl.Header, Text: "Lists inside each other"}}
		}
		var out []plinth.Problem
		for _, e := range items.List() {
			decl := d.Decl
			if o := e.Origin(); o != nil && o.Decl != nil {
				decl = o.Decl
			}
			out = append(out, r.document(document.Document{Value: e, Decl: decl}, d.Value, depth+1)...)
		}
		return out
	}
	group, _, named := strings.Cut(version, "/")
	if !named {
		group = "core"
	}
	if _, meta := d.Value.Get("metadata"); !meta && !served(group) {
		return nil // some other program's own format
	}
	o := object{value: d.Value, decl: d.Decl, group: present(group, kind), kind: kind}
	meta, _ := d.Value.Get("metadata")
	o.name, o.namespace = text(meta, "name"), text(meta, "namespace")
	if o.name == "" {
		o.name = text(meta, "generateName")
	}
	if kind == "CustomResourceDefinition" {
		r.defines(d.Value)
	}
	o.decl.Header = header(d)
	r.objects = append(r.objects, o)
	return nil
}

// text returns the string (or number) at a key.
func text(v plinth.Value, key string) string {
	e, _ := v.Get(key)
	if e.Kind() == plinth.Number {
		return plinth.FormatNumber(e.Num())
	}
	return e.Str()
}

// header is the line at which a reader recognises the object: its name, else its kind.
func header(d document.Document) plinth.Location {
	meta, _ := d.Value.Get("metadata")
	for _, in := range []struct {
		v   plinth.Value
		key string
	}{{meta, "name"}, {meta, "generateName"}, {d.Value, "kind"}} {
		if e, ok := in.v.Get(in.key); ok && e.Origin() != nil {
			return e.Origin().At
		}
	}
	return d.Decl.Header
}

// defines notes the scope of a kind that the project itself defines.
func (r *reading) defines(crd plinth.Value) {
	spec, _ := crd.Get("spec")
	names, _ := spec.Get("names")
	if text(spec, "scope") == "Cluster" {
		r.cluster[text(spec, "group")+"/"+text(names, "kind")] = true
	}
}

func (r *reading) emit(o object) {
	kind := o.group + "/" + o.kind
	address := o.kind + "/"
	if !r.cluster[kind] && !clusterWide(kind) {
		if o.namespace == "" {
			o.namespace = "default"
		}
		address += o.namespace + "/"
	}
	address += o.name
	o.decl.Address, o.decl.Type = address, o.kind
	r.to.Resource(&plinth.Resource{
		ID: plinth.ID("k8s:" + r.project.Name + "#" + address), Type: kind, Name: o.name, Project: r.project.Name,
		Decl: o.decl, Props: hidden(kind, o.value).WithRefs(refs(o)...),
	})
}

// hidden marks what a Secret holds as sensitive.
func hidden(kind string, v plinth.Value) plinth.Value {
	if kind != "core/Secret" {
		return v
	}
	fields := slices.Clone(v.Fields())
	for i, f := range fields {
		if f.Key == "data" || f.Key == "stringData" {
			inside := slices.Clone(f.Value.Fields())
			for k, e := range inside {
				inside[k].Value = e.Value.WithSensitive(true)
			}
			if f.Value.Kind() == plinth.Map {
				fields[i].Value = plinth.MapOf(inside).WithOrigin(f.Value.Origin())
			}
		}
	}
	return plinth.MapOf(fields).WithOrigin(v.Origin())
}

// chartOf returns the name of the Helm chart that the file belongs to, "" where it belongs to none.
func (r *reading) chartOf(name string) string {
	for dir := path.Dir(name); ; dir = path.Dir(dir) {
		if _, ok := r.charts[dir]; !ok {
			r.charts[dir] = r.chart(dir)
		}
		if r.charts[dir] != "" || dir == "." {
			return r.charts[dir]
		}
	}
}

// chart returns the name of the chart in a folder, "" where there is none.
func (r *reading) chart(root string) string {
	data, err := fs.ReadFile(r.fsys, path.Join(root, "Chart.yaml"))
	if err != nil {
		return ""
	}
	name := path.Base(root)
	(&document.Parser{}).Parse("Chart.yaml", data, func(d document.Document) {
		if own := text(d.Value, "name"); own != "" {
			name = own
		}
	})
	return name
}
