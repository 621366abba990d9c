// Package cloudformation reads CloudFormation and SAM templates, YAML and JSON, into one resource for each logical resource.
//
// A resource's Props are its Properties with all intrinsic functions evaluated; what else stands beside them (DependsOn,
// DeletionPolicy, Metadata …) is its Source. Parameters without a default are unknown because of their name, other resources
// because of theirs (Logical, Logical.Attr), with a reference. A resource whose condition is false is none; one whose condition
// is open is kept. Fn::Base64 gives the text that is to be encoded, since that is what rules look at. SAM resources keep their
// type, with Globals merged in; what they expand to stands beside them under the same declaration.
package cloudformation

import (
	"bytes"
	"context"
	"fmt"
	"path"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/document"
)

const (
	maxExpanded = 10_000 // entries that the loops of one template make
	maxCIDRs    = 256    // blocks that Fn::Cidr gives at most (its documentation)
)

type reader struct{}

var _ plinth.Reader = reader{}

// New returns the reader.
func New() plinth.Reader { return reader{} }

func (reader) Name() string { return "cloudformation" }

// Wants asks for files whose outermost map has AWSTemplateFormatVersion, or Resources with types of AWS, Alexa or Custom.
func (reader) Wants(name string, data []byte) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".yaml", ".yml", ".json", ".template", ".cfn", ".cform", ".cftemplate":
	default:
		return false
	}
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		data = []byte(document.Text(data))
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	version := bytes.Contains(data, []byte("AWSTemplateFormatVersion"))
	resources := bytes.Contains(data, []byte("Resources")) && (bytes.Contains(data, []byte("AWS::")) ||
		bytes.Contains(data, []byte("Custom::")) || bytes.Contains(data, []byte("Alexa::")))
	if !version && !resources {
		return false
	}
	keys := outermost(data)
	return keys["AWSTemplateFormatVersion"] || resources && keys["Resources"]
}

// outermost returns the keys, among those that tell a template, that stand in the outermost map of a JSON or YAML text.
func outermost(data []byte) map[string]bool {
	keys := map[string]bool{}
	if first := bytes.TrimLeft(data, " \t\r\n"); bytes.HasPrefix(first, []byte("{")) {
		depth := 0
		for i := 0; i < len(first); i++ {
			switch first[i] {
			case '{', '[':
				depth++
			case '}', ']':
				depth--
			case '"':
				end := i + 1
				for end < len(first) && first[end] != '"' {
					if first[end] == '\\' {
						end++
					}
					end++
				}
				if depth == 1 {
					keys[string(first[i+1:min(end, len(first))])] = true
				}
				i = end
			}
		}
		return keys
	}
	indent := -1
	for line := range bytes.Lines(data) {
		body := bytes.TrimLeft(line, " ")
		if len(bytes.TrimSpace(body)) == 0 || body[0] == '#' || bytes.HasPrefix(line, []byte("---")) {
			continue
		}
		if indent < 0 {
			indent = len(line) - len(body)
		}
		if len(line)-len(body) != indent {
			continue
		}
		for _, key := range []string{"AWSTemplateFormatVersion", "Resources"} {
			rest, ok := bytes.CutPrefix(bytes.TrimLeft(body, `"'`), []byte(key))
			if ok && bytes.HasPrefix(bytes.TrimLeft(rest, "\"' \t"), []byte(":")) {
				keys[key] = true
			}
		}
	}
	return keys
}

// Read emits the resources of all templates. Each template is a root of its own.
func (reader) Read(ctx context.Context, p *plinth.Project, to plinth.Sink) error {
	parser := &document.Parser{Tag: shortForm}
	for _, f := range p.Files {
		if err := ctx.Err(); err != nil {
			return err
		}
		found := false
		problems := parser.Parse(f.Path, f.Data, func(d document.Document) {
			if found && !isTemplate(d.Value) {
				return
			}
			found = true
			t := &template{project: p.Name, path: f.Path, to: to, root: d.Value, told: map[plinth.Problem]bool{}}
			t.read()
		})
		for _, x := range problems {
			to.Problem(x)
		}
		if !found && len(problems) == 0 {
			to.Problem(plinth.Problem{Kind: plinth.Broken, At: plinth.Location{Path: f.Path}, Text: "no template in the file"})
		}
	}
	return nil
}

func isTemplate(v plinth.Value) bool {
	_, ok := v.Get("Resources")
	return ok
}

// shortForm turns !Sub x into {"Fn::Sub": x}.
func shortForm(tag string, v plinth.Value) plinth.Value {
	name := strings.TrimPrefix(tag, "!")
	switch name {
	case "Ref", "Condition":
	default:
		name = "Fn::" + name
	}
	return plinth.MapOf([]plinth.Field{{Key: name, Value: v}})
}

// template is one template that is being read.
type template struct {
	project, path string
	to            plinth.Sink
	root          plinth.Value
	parameters    map[string]plinth.Value
	resources     map[string]bool // logical ids
	mappings      plinth.Value
	conditions    map[string]*condition
	globals       plinth.Value
	expanded      int
	told          map[plinth.Problem]bool
}

func (t *template) problem(kind plinth.ProblemKind, at plinth.Value, format string, args ...any) {
	where := plinth.Location{Path: t.path}
	if o := at.Origin(); o != nil {
		where = o.At
	}
	x := plinth.Problem{Kind: kind, At: where, Text: fmt.Sprintf(format, args...)}
	if !t.told[x] { // loops and conditions come by several times
		t.told[x] = true
		t.to.Problem(x)
	}
}

func (t *template) read() {
	if t.root.Kind() != plinth.Map {
		t.problem(plinth.Broken, t.root, "the template is no map")
		return
	}
	_, version := t.root.Get("AWSTemplateFormatVersion")
	if all, ok := t.root.Get("Resources"); ok && all.Kind() == plinth.List && !version {
		return // another document with a list of that name, as CodeDeploy's AppSpec
	}
	section := func(key string) plinth.Value {
		v, ok := t.root.Get(key)
		if ok && v.Kind() != plinth.Map && !v.IsNull() {
			t.problem(plinth.Broken, v, "%s is no map", key)
			return plinth.Value{}
		}
		return v
	}
	resources := section("Resources")
	if resources.Len() == 0 {
		t.problem(plinth.Broken, t.root, "template without Resources")
		return
	}
	t.transforms()
	t.mappings, t.globals = section("Mappings"), section("Globals")
	t.parameters = map[string]plinth.Value{}
	for _, f := range section("Parameters").Fields() {
		t.parameters[f.Key] = parameter(f.Key, f.Value)
	}
	entries := (&scope{template: t}).unroll(resources)
	t.resources = map[string]bool{}
	for _, e := range entries {
		t.resources[e.key] = true
	}
	t.conditions = map[string]*condition{}
	for _, e := range (&scope{template: t}).unroll(section("Conditions")) {
		t.conditions[e.key] = &condition{entry: e}
	}
	for _, e := range entries {
		t.resource(e)
	}
}

// transforms tells of macros, which cannot be run here.
func (t *template) transforms() {
	v, _ := t.root.Get("Transform")
	list := v.List()
	if v.Kind() == plinth.String || v.Kind() == plinth.Map {
		list = []plinth.Value{v}
	}
	for _, x := range list {
		name := x.Str()
		if x.Kind() == plinth.Map {
			n, _ := x.Get("Name")
			name = n.Str()
		}
		switch name {
		case "AWS::Serverless-2016-10-31", "AWS::LanguageExtensions", "AWS::CodeDeployBlueGreen", "AWS::SecretsManager-2020-07-23",
			"AWS::SecretsManager-2024-09-16", "AWS::ServiceCatalog":
		default:
			t.problem(plinth.Unsupported, x, "macro %s is not run: the template is read as it is written", name)
		}
	}
}

// entry is an entry of a section after its loops were unrolled.
type entry struct {
	key   string
	value plinth.Value
	scope *scope // with the loop variables that hold for it
}

// resource emits a logical resource, if it is made.
func (t *template) resource(e entry) {
	kind, _ := e.value.Get("Type")
	if e.value.Kind() != plinth.Map || kind.Kind() != plinth.String {
		at := e.value
		if kind.Origin() != nil {
			at = kind
		}
		if _, transform := e.value.Get("Fn::Transform"); transform || e.key == "Fn::Transform" {
			t.problem(plinth.Unsupported, at, "the resources that Fn::Transform adds are not known")
			return
		}
		if f := kind.Fields(); len(f) == 1 {
			t.problem(plinth.Unsupported, at, "the type of resource %s is made by %s", e.key, f[0].Key)
			return
		}
		t.problem(plinth.Broken, at, "resource %s has no Type", e.key)
		return
	}
	if c, ok := e.value.Get("Condition"); ok && c.Kind() == plinth.String {
		if truth, _ := e.scope.named(c.Str()); truth == no {
			return
		}
	}
	decl := &plinth.Declaration{Address: e.key, Type: kind.Str(), At: e.value.Origin().At}
	decl.Header = decl.At
	decl.Header.EndLine, decl.Header.EndCol = decl.At.Line, decl.At.Col+int32(len(e.key))
	s := *e.scope
	s.decl = decl
	var source []plinth.Field
	for _, f := range e.value.Fields() {
		if f.Key != "Type" && f.Key != "Properties" {
			if v, ok := s.at(f.Key).eval(f.Value); ok {
				source = append(source, plinth.Field{Key: f.Key, Value: v})
			}
		}
	}
	written, ok := e.value.Get("Properties")
	if !ok || written.IsNull() {
		written = plinth.MapOf(nil).WithOrigin(e.value.Origin())
	}
	if written.Kind() != plinth.Map {
		t.problem(plinth.Broken, written, "Properties of %s are no map", e.key)
		return
	}
	written = t.withGlobals(kind.Str(), written)
	props, _ := s.eval(written)
	r := &plinth.Resource{
		ID: plinth.ID("cfn:" + t.path + "#" + e.key), Type: kind.Str(), Name: e.key, Project: t.project, Root: t.path,
		Decl: decl, Props: props,
	}
	if len(source) > 0 {
		r.Source = plinth.MapOf(source)
	}
	t.to.Resource(r)
	for _, x := range t.expansion(r) {
		t.to.Resource(x)
	}
}
