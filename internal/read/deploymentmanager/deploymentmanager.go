// Package deploymentmanager reads configurations of Google Cloud Deployment Manager into one resource for each element of their list
// resources (https://cloud.google.com/deployment-manager/docs/configuration/syntax-reference).
//
// Props are the properties as written, which are the body of the service's REST call, with the element's name where they have none.
// What a method wraps (cluster, nodePool) is unwrapped. The type is that of the service: storage.v1.bucket and
// gcp-types/storage-v1:buckets are storage.googleapis.com/Bucket. A text with $(ref.NAME.path) is unknown because of that, and refers to
// the resource NAME. Templates in Jinja and Python, and types of a project's own, are programs or kept elsewhere: unsupported.
package deploymentmanager

import (
	"bytes"
	"context"
	"path"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/document"
	"github.com/plinthsec/plinth/internal/lazy"
)

// maxDepth is the nesting of a value that is looked into; no request of Google's is nested as deep.
const maxDepth = 200

type reader struct{}

var _ plinth.Reader = reader{}

// New returns the reader.
func New() plinth.Reader { return reader{} }

func (reader) Name() string { return "deploymentmanager" }

var (
	listed = lazy.New(`(?m)^(?:\s*\{)?\s*["']?resources["']?\s*:`)
	typed  = lazy.New(`(?m)(?:^|[\s{,"'-])type["']?\s*:\s*["']?(?:[a-z][a-z0-9]*\.(?:v\d[a-z0-9]*|alpha|beta)\.[A-Za-z][A-Za-z.]*|gcp-types/[a-z0-9-]+:[A-Za-z.]+)["']?\s*(?:$|[,}#])`)
)

// Wants asks for YAML and JSON files with resources, one of which has a type of Google's. Templates of Azure and objects of Kubernetes
// are not asked for.
func (reader) Wants(name string, data []byte) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".yaml", ".yml", ".json":
	default:
		return false
	}
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		data = []byte(document.Text(data))
	}
	if !bytes.Contains(data, []byte("resources")) || bytes.Contains(data, []byte("apiVersion")) || bytes.Contains(data, []byte("contentVersion")) {
		return false
	}
	return listed.Match(data) && typed.Match(data)
}

// Read emits the resources of all configurations. Each file is a root of its own.
func (reader) Read(ctx context.Context, p *plinth.Project, to plinth.Sink) error {
	parser := &document.Parser{Elements: "resources"}
	for _, f := range p.Files {
		if err := ctx.Err(); err != nil {
			return err
		}
		r := &reading{project: p, path: f.Path, to: to, names: map[string]bool{}}
		found := false
		problems := parser.Parse(f.Path, f.Data, func(d document.Document) {
			list, _ := d.Value.Get("resources")
			for _, e := range list.List() {
				found = true
				r.element(e)
			}
		})
		for _, x := range problems {
			to.Problem(x)
		}
		if !found && len(problems) == 0 {
			to.Problem(plinth.Problem{Kind: plinth.Unsupported, At: plinth.Location{Path: f.Path}, Text: "a Deployment Manager configuration without resources"})
		}
	}
	return nil
}

// reading is the reading of one file.
type reading struct {
	project *plinth.Project
	path    string
	to      plinth.Sink
	names   map[string]bool
}

// element tells the resource that an element of resources declares.
func (r *reading) element(e plinth.Value) {
	at := plinth.Location{Path: r.path}
	o := e.Origin()
	if o != nil {
		at = o.At
	}
	name, _ := e.Get("name")
	kind, _ := e.Get("type")
	wrong := func(k plinth.ProblemKind, text string) { r.to.Problem(plinth.Problem{Kind: k, At: at, Text: text}) }
	switch {
	case e.Kind() != plinth.Map || name.Kind() != plinth.String || name.Str() == "":
		wrong(plinth.Broken, "a resource without a name")
		return
	case kind.Kind() != plinth.String:
		if _, ok := e.Get("action"); !ok { // an action calls a method and makes nothing
			wrong(plinth.Broken, "resource "+name.Str()+" has no type")
			return
		}
		wrong(plinth.Unsupported, "resource "+name.Str()+" is an action")
		return
	case r.names[name.Str()]:
		wrong(plinth.Broken, "resource "+name.Str()+" is declared twice")
		return
	}
	r.names[name.Str()] = true
	form, ok := provider(kind.Str())
	if !ok {
		wrong(plinth.Unsupported, "resource "+name.Str()+" is made by "+kind.Str()+", which is not read")
		return
	}
	decl := &plinth.Declaration{At: at}
	if o != nil && o.Decl != nil {
		decl = o.Decl
	}
	decl.Address, decl.Type = name.Str(), kind.Str()
	r.to.Resource(&plinth.Resource{
		ID: plinth.ID("gdm:" + r.path + "#" + name.Str()), Type: form, Name: name.Str(), Project: r.project.Name, Root: r.path, Decl: decl,
		Props: properties(e, name, form),
	})
}

// wrapped are the entries that hold the body of a call beside what the path of the call takes.
var wrapped = map[string]string{"container.googleapis.com/Cluster": "cluster", "container.googleapis.com/NodePool": "nodePool"}

// properties returns what the element e says of the resource.
func properties(e, name plinth.Value, form string) plinth.Value {
	v, ok := e.Get("properties")
	if !ok || v.IsNull() {
		v = plinth.MapOf(nil).WithOrigin(e.Origin())
	}
	if v.Kind() != plinth.Map {
		return resolve(v, 0)
	}
	fields := v.Fields()
	if inner, ok := v.Get(wrapped[form]); ok && inner.Kind() == plinth.Map {
		fields = append([]plinth.Field{}, inner.Fields()...)
		for _, f := range v.Fields() {
			if _, ok := inner.Get(f.Key); !ok && f.Key != wrapped[form] {
				fields = append(fields, f)
			}
		}
	}
	out := plinth.MapOf(append([]plinth.Field{}, fields...)).WithOrigin(v.Origin())
	if _, ok := out.Get("name"); !ok {
		out = plinth.MapOf(append([]plinth.Field{{Key: "name", Value: name}}, fields...)).WithOrigin(v.Origin())
	}
	return resolve(out, 0)
}

// reference is $(ref.NAME.path), which Deployment Manager fills in when it has made NAME.
var reference = lazy.New(`\$\(ref\.([^.()\s]+)(?:\.([^()\s]*))?\)`)

// resolve makes unknowns of the texts that refer to other resources.
func resolve(v plinth.Value, depth int) plinth.Value {
	switch {
	case v.IsUnknown():
		return v
	case depth == maxDepth:
		return plinth.UnknownOf("a value that is nested too deep").WithOrigin(v.Origin())
	case v.Kind() == plinth.List:
		list := make([]plinth.Value, v.Len())
		for i, e := range v.List() {
			list[i] = resolve(e, depth+1)
		}
		return plinth.ListOf(list).WithOrigin(v.Origin())
	case v.Kind() == plinth.Map:
		fields := make([]plinth.Field, v.Len())
		for i, f := range v.Fields() {
			fields[i] = plinth.Field{Key: f.Key, Value: resolve(f.Value, depth+1)}
		}
		return plinth.MapOf(fields).WithOrigin(v.Origin())
	case v.Kind() != plinth.String || !strings.Contains(v.Str(), "$(ref."):
		return v
	}
	s := v.Str()
	var why []string
	var refs []plinth.Ref
	head, rest := "", s
	for rest != "" {
		m := reference.FindStringSubmatch(rest)
		if m == nil {
			break
		}
		before, after, _ := strings.Cut(rest, m[0])
		if len(why) == 0 {
			head = before
		}
		why, refs, rest = append(why, m[0]), append(refs, plinth.Ref{To: m[1], Attr: m[2]}), after
	}
	if len(why) == 0 {
		return v
	}
	return plinth.UnknownOf(why...).WithRefs(refs...).WithEnds(head, rest).WithOrigin(v.Origin())
}
