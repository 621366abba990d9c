// Package plan reads what Terraform says itself: plans and states as JSON (terraform show -json, format 1.x) and state files
// (version 4). Unknown values carry the references of the configuration as their reasons; what a plan deletes is not there.
//
// Formats: https://developer.hashicorp.com/terraform/internals/json-format
package plan

import (
	"bytes"
	"context"
	"path"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/document"
)

const (
	maxModules = 64      // nesting of modules in a plan
	maxFollow  = 32      // steps from a variable of a module to what its callers pass
	headBytes  = 1 << 16 // a plan or state tells what it is within its first bytes, or else by keys anywhere
)

// Reader reads plans and states.
type Reader struct{}

var _ plinth.Reader = (*Reader)(nil)

// New returns the reader.
func New() *Reader { return &Reader{} }

// Name is "plan".
func (*Reader) Name() string { return "plan" }

// Wants takes JSON that looks like a plan or a state, and binary plans, which are listed as unsupported.
func (*Reader) Wants(p string, data []byte) bool {
	switch strings.ToLower(path.Ext(p)) {
	case ".tfplan":
		return true
	case ".tfstate":
		return true
	case ".json", "":
	default:
		return false
	}
	head := bytes.TrimLeft(data[:min(len(data), headBytes)], "\ufeff \t\r\n")
	if !bytes.HasPrefix(head, []byte("{")) || !bytes.Contains(head, []byte(`"terraform_version"`)) {
		return false
	}
	return bytes.Contains(data, []byte(`"planned_values"`)) || bytes.Contains(data, []byte(`"root_module"`)) || bytes.Contains(head, []byte(`"lineage"`))
}

// Read reads all plans and states of a project.
func (r *Reader) Read(ctx context.Context, p *plinth.Project, to plinth.Sink) error {
	for _, f := range p.Files {
		if err := ctx.Err(); err != nil {
			return err
		}
		if bytes.HasPrefix(f.Data, []byte("PK\x03\x04")) {
			to.Problem(plinth.Problem{Kind: plinth.Unsupported, At: plinth.Location{Path: f.Path}, Text: "a binary plan; give the output of terraform show -json"})
			continue
		}
		var parser document.Parser
		for _, x := range parser.Parse(f.Path, f.Data, func(d document.Document) {
			(&file{project: p, path: f.Path, to: to, doc: d.Value}).read()
		}) {
			to.Problem(x)
		}
	}
	return nil
}

// file is one plan or state.
type file struct {
	project *plinth.Project
	path    string
	to      plinth.Sink
	doc     plinth.Value

	unknown map[string]plinth.Value // by address: after_unknown
	gone    map[string]bool         // addresses that the plan deletes
	config  plinth.Value
}

func (f *file) read() {
	if v, ok := f.doc.Get("planned_values"); ok {
		f.changes()
		f.config, _ = f.doc.At("configuration", "root_module")
		root, _ := v.Get("root_module")
		f.module(root, plinth.Plan, 0)
		return
	}
	if v, ok := f.doc.At("values", "root_module"); ok {
		f.module(v, plinth.Live, 0)
		return
	}
	if v, ok := f.doc.Get("version"); ok && v.Num() == 4 {
		f.state()
		return
	}
	if v, ok := f.doc.Get("version"); ok {
		f.to.Problem(plinth.Problem{Kind: plinth.Unsupported, At: plinth.Location{Path: f.path, Line: 1}, Text: "a state of version " + v.String() + "; version 4 is read (terraform 0.12 and newer write it)"})
		return
	}
	f.to.Problem(plinth.Problem{Kind: plinth.Broken, At: plinth.Location{Path: f.path, Line: 1}, Text: "neither a plan nor a state of Terraform"})
}

func (f *file) changes() {
	f.unknown, f.gone = map[string]plinth.Value{}, map[string]bool{}
	list, _ := f.doc.Get("resource_changes")
	for _, c := range list.List() {
		address := str(c, "address")
		after, _ := c.At("change", "after_unknown")
		f.unknown[address] = after
		actions, _ := c.At("change", "actions")
		if a := actions.List(); len(a) == 1 && (a[0].Str() == "delete" || a[0].Str() == "forget") {
			f.gone[address] = true
		}
	}
}

func str(v plinth.Value, keys ...string) string {
	x, _ := v.At(keys...)
	return x.Str()
}

func (f *file) module(m plinth.Value, phase plinth.Phase, depth int) {
	list, _ := m.Get("resources")
	for _, r := range list.List() {
		address := str(r, "address")
		if f.gone[address] {
			continue
		}
		values, _ := r.Get("values")
		sensitive, _ := r.Get("sensitive_values")
		f.resource(r, address, str(r, "type"), str(r, "name"), str(r, "mode") == "data", phase, values, f.unknown[address], sensitive)
	}
	children, _ := m.Get("child_modules")
	for _, c := range children.List() {
		if depth == maxModules {
			at := plinth.Location{Path: f.path}
			if o := c.Origin(); o != nil {
				at = o.At
			}
			f.to.Problem(plinth.Problem{Kind: plinth.Limit, At: at, Text: "modules are nested deeper than a plan can be"})
			return
		}
		f.module(c, phase, depth+1)
	}
}

func (f *file) resource(at plinth.Value, address, typ, name string, data bool, phase plinth.Phase, values, unknown, sensitive plinth.Value) {
	if address == "" || typ == "" {
		return
	}
	decl := &plinth.Declaration{Address: address, Type: typ, At: plinth.Location{Path: f.path}}
	if o := at.Origin(); o != nil {
		decl.At, decl.Header = o.At, o.At
		decl.Header.EndLine, decl.Header.EndCol = o.At.Line, o.At.Col
	}
	values = without(values, "timeouts")
	m := merger{file: f, decl: decl, refs: f.references(address, typ, name)}
	f.to.Resource(&plinth.Resource{
		ID: plinth.ID("tf:" + path.Join(f.project.Name, f.path) + "#" + address), Name: name, Project: f.project.Name, Root: path.Dir(f.path),
		Phase: phase, Decl: decl, Data: data, Source: m.merge("", values, unknown, sensitive),
		Terms: plinth.Context{Provider: strings.SplitN(typ, "_", 2)[0], Package: packageOf(str(at, "provider_name"))},
	})
}

// packageOf is the package of a provider that a plan names with its registry, nil where it names none: registry.terraform.io/hashicorp/aws.
func packageOf(provider string) *plinth.Package {
	if strings.Count(provider, "/") != 2 || strings.HasPrefix(provider, "terraform.io/") { // the latter are built in
		return nil
	}
	return &plinth.Package{Source: strings.TrimPrefix(provider, "registry.terraform.io/")}
}

// without leaves a field out that is no argument of the resource.
func without(v plinth.Value, name string) plinth.Value {
	if _, ok := v.Get(name); !ok {
		return v
	}
	var fields []plinth.Field
	for _, f := range v.Fields() {
		if f.Key != name {
			fields = append(fields, f)
		}
	}
	return plinth.MapOf(fields).WithOrigin(v.Origin())
}

// state reads a state file of version 4.
func (f *file) state() {
	list, _ := f.doc.Get("resources")
	for _, r := range list.List() {
		prefix := str(r, "module")
		if prefix != "" {
			prefix += "."
		}
		data := str(r, "mode") == "data"
		if data {
			prefix += "data."
		}
		typ, name := str(r, "type"), str(r, "name")
		instances, _ := r.Get("instances")
		for _, i := range instances.List() {
			address := prefix + typ + "." + name
			if key, ok := i.Get("index_key"); ok && !key.IsNull() {
				address += "[" + key.String() + "]"
			}
			values, _ := i.Get("attributes")
			f.resource(i, address, typ, name, data, plinth.Live, values, plinth.Value{}, sensitivePaths(i))
		}
	}
}

// sensitivePaths turns sensitive_attributes, a list of paths, into the form of sensitive_values. Deeper paths mark the whole
// argument.
func sensitivePaths(i plinth.Value) plinth.Value {
	var fields []plinth.Field
	list, _ := i.Get("sensitive_attributes")
	for _, p := range list.List() {
		steps := p.List()
		if p.Kind() == plinth.Map {
			v, _ := p.Get("value")
			steps = []plinth.Value{v}
		}
		if len(steps) == 0 {
			continue
		}
		name := steps[0].Str()
		if steps[0].Kind() == plinth.Map {
			name = str(steps[0], "value")
		}
		fields = append(fields, plinth.Field{Key: name, Value: plinth.BoolOf(true)})
	}
	return plinth.MapOf(fields)
}
