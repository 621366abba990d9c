package arm

import (
	"strconv"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/value"
)

// parent is the resource around a child resource.
type parent struct{ kind, address string }

// resources reads a list of resources, or the map of a template with symbolic names.
func (s *scope) resources(list plinth.Value, in *parent) {
	switch list.Kind() {
	case plinth.List:
		for _, r := range list.List() {
			s.loop(r, in)
		}
	case plinth.Map:
		for _, f := range list.Fields() {
			if existing, _ := get(f.Value, "existing"); !existing.Bool() {
				inner := *s
				inner.symbol = f.Key
				inner.loop(f.Value, in)
			}
		}
	case plinth.Null:
	default:
		s.template.problem(plinth.Broken, list, "resources are no list")
	}
}

// loop runs the loop of a resource, if it has one.
func (s *scope) loop(r plinth.Value, in *parent) {
	if r.Kind() != plinth.Map {
		s.template.problem(plinth.Broken, r, "a resource is no object")
		return
	}
	loop, ok := get(r, "copy")
	if !ok || loop.Kind() != plinth.Map {
		s.resource(r, in, "")
		return
	}
	name, _ := get(loop, "name")
	count, _ := get(loop, "count")
	n := s.eval(count)
	turns, known := s.turns(n, loop)
	if !known {
		s.turn(name.Str(), plinth.UnknownOf(n.Why()...)).resource(r, in, "[*]")
		return
	}
	for i := range turns {
		s.turn(name.Str(), plinth.NumberOf(float64(i))).resource(r, in, "")
	}
}

// turns returns how often a loop runs.
func (s *scope) turns(n, loop plinth.Value) (int, bool) {
	if whole, ok := number(n, true); ok {
		n = whole
	}
	switch {
	case n.IsUnknown():
		return 0, false
	case n.Kind() != plinth.Number || n.Num() < 0:
		s.template.problem(plinth.Broken, loop, "the count of a loop is no number")
		return 0, true
	case n.Num() > maxCopies:
		s.template.problem(plinth.Limit, loop, "a loop of more than %d turns", maxCopies)
		return maxCopies, true
	}
	return int(n.Num()), true
}

// resource emits one resource, and its children.
func (s *scope) resource(r plinth.Value, in *parent, suffix string) {
	t := s.template
	if t.made++; t.made > maxResources || t.steps > maxSteps {
		t.problem(plinth.Limit, plinth.Value{}, "loops make too many resources; the rest is left out")
		return
	}
	kind, ok := get(r, "type")
	if !ok || kind.Kind() != plinth.String {
		t.problem(plinth.Broken, r, "a resource has no type")
		return
	}
	decl := &plinth.Declaration{At: r.Origin().At, Header: kind.Origin().At, Callers: s.callers}
	inner := s.at("")
	inner.decl = decl
	condition, conditional := get(r, "condition")
	out := conditional && truth(inner.eval(condition)) == value.False
	children, _ := get(r, "resources")
	if out && children.Len() == 0 {
		return // its name may be made of what is there only with it
	}
	typ, name := inner.named(r, in)
	decl.Type, decl.Address = typ, name+suffix
	if !out {
		inner.emit(r, typ, decl, around(typ, decl.Address, in))
	}
	inner.decl, inner.symbol = nil, ""
	inner.resources(children, &parent{typ, decl.Address})
}

// named returns the full type and the address of a resource.
func (s *scope) named(r plinth.Value, in *parent) (typ, name string) {
	kind, _ := get(r, "type")
	typ = s.readable(s.eval(kind), kind)
	written, _ := get(r, "name")
	name = s.readable(s.eval(written), written)
	if in == nil {
		return typ, name
	}
	if !strings.HasPrefix(strings.ToLower(typ), strings.ToLower(in.kind)+"/") {
		typ = in.kind + "/" + typ
	}
	if strings.Count(name, "/") < strings.Count(typ, "/")-1 {
		name = in.address + "/" + name
	}
	return typ, name
}

// readable is a name, as it is written where it is not known.
func (s *scope) readable(v, written plinth.Value) string {
	if v.Kind() == plinth.String && !v.Sensitive() {
		return v.Str()
	}
	return written.Str()
}

// around is the address of the resource that a child belongs to, "" for one that stands alone. The child's name refers to it.
func around(typ, address string, in *parent) string {
	if !strings.Contains(typ, "/") {
		return ""
	}
	if in != nil {
		return in.address
	}
	if i := strings.LastIndexByte(address, '/'); i > 0 && strings.Count(typ, "/") > 1 && !strings.HasPrefix(address, "[") {
		return address[:i]
	}
	return ""
}

func (s *scope) emit(r plinth.Value, typ string, decl *plinth.Declaration, of string) {
	var fields []plinth.Field
	for _, f := range r.Fields() {
		f, ok := s.field(f, typ, decl)
		if !ok {
			continue
		}
		if f.Key == "name" && of != "" {
			f.Value = f.Value.WithRefs(plinth.Ref{To: full(typ[:strings.LastIndexByte(typ, '/')], of)})
		}
		fields = append(fields, f)
	}
	props := plinth.MapOf(fields).WithOrigin(&plinth.Origin{At: decl.At, Decl: decl})
	if link, ok := props.At("properties", "templateLink"); ok && deployment(typ) && !link.IsUnknown() {
		s.linked(link)
	}
	file := "arm:" + s.template.path + "#"
	id := file + decl.Address
	if s.template.names[id] {
		id += "@" + typ
	}
	for n := 2; s.template.names[id]; n++ {
		id = file + decl.Address + "@" + typ + "#" + strconv.Itoa(n)
	}
	s.template.names[id] = true
	out := &plinth.Resource{
		ID: plinth.ID(id), Type: typ, Name: own(decl.Address), Project: s.template.project.Name, Root: s.template.path,
		Decl: decl, Props: props, Aliases: []plinth.ID{plinth.ID(file + full(typ, decl.Address))},
	}
	if s.symbol != "" {
		out.Aliases = append(out.Aliases, plinth.ID(file+s.symbol))
	}
	s.template.to.Resource(out)
}

// field evaluates an entry of a resource; it is false for those that are no properties of it.
func (s *scope) field(f plinth.Field, typ string, decl *plinth.Declaration) (plinth.Field, bool) {
	key := strings.ToLower(f.Key)
	switch key {
	case "copy":
		if f.Value.Kind() == plinth.Map {
			return f, false
		}
	case "condition", "resources", "comments", "existing":
		return f, false
	case "type":
		return plinth.Field{Key: key, Value: plinth.StringOf(typ).WithOrigin(s.at(key).origin(f.Value, plinth.Value{}))}, true
	case "name":
		return plinth.Field{Key: key, Value: s.at(key).eval(f.Value)}, true
	case "dependson":
		v := s.at(f.Key).eval(f.Value)
		list := make([]plinth.Value, v.Len())
		for i, e := range v.List() {
			list[i] = mentioned(e)
		}
		if v.Kind() == plinth.List {
			v = plinth.ListOf(list).WithOrigin(v.Origin())
		}
		return plinth.Field{Key: "dependsOn", Value: v}, true
	case "properties":
		if nested, ok := get(f.Value, "template"); ok && deployment(typ) {
			return plinth.Field{Key: key, Value: s.deployment(f.Value, nested, decl)}, true
		}
		fallthrough
	case "location", "kind", "sku", "identity", "tags", "zones", "plan", "scope":
		f.Key = key
	}
	return plinth.Field{Key: f.Key, Value: s.at(f.Key).eval(f.Value)}, true
}

// own is the last part of an address; one that is not known stays whole.
func own(address string) string {
	if strings.HasPrefix(address, "[") {
		return address
	}
	return address[strings.LastIndexByte(address, '/')+1:]
}

func deployment(typ string) bool { return strings.EqualFold(typ, "Microsoft.Resources/deployments") }

// deployment reads the template inside a deployment and returns the deployment's properties without it. By default its
// expressions are those of the template around it; with inner scope it has parameters and variables of its own.
func (s *scope) deployment(properties, nested plinth.Value, decl *plinth.Declaration) plinth.Value {
	var rest []plinth.Field
	for _, f := range properties.Fields() {
		if !strings.EqualFold(f.Key, "template") {
			rest = append(rest, plinth.Field{Key: f.Key, Value: s.at("properties." + f.Key).eval(f.Value)})
		}
	}
	out := plinth.MapOf(rest).WithOrigin(s.at("properties").origin(properties, plinth.Value{}))
	callers := append([]plinth.Location{decl.At}, s.callers...)
	if s.template.depth >= maxDepth {
		s.template.problem(plinth.Limit, nested, "templates inside each other")
		return out
	}
	options, _ := get(properties, "expressionEvaluationOptions")
	if scope, _ := get(options, "scope"); !strings.EqualFold(scope.Str(), "inner") {
		inner := *s
		inner.decl, inner.symbol, inner.callers = nil, "", callers
		resources, _ := get(nested, "resources")
		inner.resources(resources, nil)
		return out
	}
	given := map[string]plinth.Value{}
	parameters, _ := get(properties, "parameters")
	for _, f := range parameters.Fields() {
		if v, ok := get(f.Value, "value"); ok {
			given[strings.ToLower(f.Key)] = s.at("properties.parameters." + f.Key).eval(v)
		} else {
			given[strings.ToLower(f.Key)] = argument(f.Key, f.Value)
		}
	}
	s.template.template(nested, given, s.template.depth+1, callers)
	return out
}

// linked tells of a template that stands elsewhere. One of the same tree is read as a file of its own.
func (s *scope) linked(link plinth.Value) {
	if uri, ok := get(link, "uri"); ok {
		what := uri.Str()
		if uri.IsUnknown() || uri.Sensitive() {
			what = "whose address is not known"
		}
		s.template.problem(plinth.NotDownloaded, link, "linked template %s is not read", what)
	}
}
