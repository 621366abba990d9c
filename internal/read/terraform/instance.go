package terraform

import (
	"path"
	"path/filepath"
	"sort"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/read/terraform/expr"
	"github.com/plinthsec/plinth/internal/read/terraform/function"
)

// instance is one instance of a module.
type instance struct {
	*evaluation
	module  *module
	dir     string // relative to the root module, "." for itself
	parent  *instance
	caller  *call
	key     repetition // of the call
	prefix  string     // module.a[0].
	callers []plinth.Location
	depth   int

	vars, locs, outs map[string]*term
	res              map[name]*resource
	calls            map[string]*moduleCall
	terms            map[string]*plinth.Context
}

// repetition is what count and for_each give to one instance.
type repetition struct {
	kind       repetitionKind
	key, value expr.Item // each.key and each.value; key is count.index for counted
}

type repetitionKind uint8

const (
	single repetitionKind = iota
	byCount
	byKey
)

// scope resolves names inside a block of a module instance.
type scope struct {
	in  *instance
	key repetition
}

var _ expr.Names = scope{}

func unknown(why ...string) expr.Item { return expr.Item{Value: plinth.UnknownOf(why...)} }

// Name implements expr.Names.
func (s scope) Name(root string, rest []string) (expr.Item, int) {
	first := ""
	if len(rest) > 0 {
		first = rest[0]
	}
	switch root {
	case "var":
		return s.in.variable(first), 1
	case "local":
		return s.in.local(first), 1
	case "module":
		if c := s.in.call(first); c != nil {
			return expr.Item{Lazy: c}, 1
		}
		return unknown("module." + first), len(rest)
	case "data", "ephemeral":
		if len(rest) < 2 {
			return unknown(root), len(rest)
		}
		return s.in.named(name{root, first, rest[1]}), 2
	case "each", "count":
		return s.repeated(root, first), 1
	case "path":
		return s.in.path(first), 1
	case "terraform":
		if first == "workspace" {
			return expr.Item{Value: plinth.StringOf("default")}, 1
		}
		return unknown("terraform." + first), len(rest)
	case "self":
		return unknown(strings.Join(append([]string{root}, rest...), ".")), len(rest)
	}
	if first == "" {
		return unknown(root), 0
	}
	return s.in.named(name{"resource", root, first}), 1
}

func (s scope) repeated(root, part string) expr.Item {
	switch {
	case root == "count" && part == "index" && s.key.kind == byCount, root == "each" && part == "key" && s.key.kind == byKey:
		return s.key.key
	case root == "each" && part == "value" && s.key.kind == byKey:
		return s.key.value
	}
	return unknown(root + "." + part)
}

func (in *instance) path(part string) expr.Item {
	switch part {
	case "module":
		return expr.Item{Value: plinth.StringOf(in.dir)}
	case "root":
		return expr.Item{Value: plinth.StringOf(".")}
	}
	return unknown("path." + part)
}

// named returns a resource; one that is not declared is unknown by its own name.
func (in *instance) named(n name) expr.Item {
	if r := in.resource(n); r != nil {
		return expr.Item{Lazy: r}
	}
	return expr.Item{Lazy: undeclared{name: n.String(), address: in.prefix + n.String()}}
}

func (in *instance) resource(n name) *resource {
	if r := in.res[n]; r != nil {
		return r
	}
	b := in.module.resources[n]
	if b == nil {
		return nil
	}
	if in.res == nil {
		in.res = make(map[name]*resource, len(in.module.resources))
	}
	r := &resource{in: in, block: b, name: n}
	in.res[n] = r
	return r
}

func termOf(terms *map[string]*term, key, name string, at plinth.Location) *term {
	if t := (*terms)[key]; t != nil {
		return t
	}
	if *terms == nil {
		*terms = map[string]*term{}
	}
	t := &term{name: name, at: at}
	(*terms)[key] = t
	return t
}

func (in *instance) local(n string) expr.Item {
	a := in.module.locals[n]
	if a == nil {
		return unknown("local." + n)
	}
	t := termOf(&in.locs, n, in.prefix+"local."+n, a.at)
	return in.once(t, func() expr.Item {
		it := in.state.Item(a.value, scope{in: in}, nil)
		return decided(it, a.at, a.path)
	})
}

// decided gives a value the place that decides it: a local, a variable's default, a module argument.
func decided(it expr.Item, at plinth.Location, path string) expr.Item {
	if it.Lazy == nil {
		it.Value = it.Value.WithOrigin(&plinth.Origin{At: at, Path: path, From: elsewhere(it.Value.Origin(), at)})
	}
	return it
}

// elsewhere is an origin that does not stand inside the given place.
func elsewhere(o *plinth.Origin, at plinth.Location) *plinth.Origin {
	if o == nil || o.At.Path == at.Path && o.At.Line >= at.Line && o.At.EndLine <= at.EndLine &&
		(o.At.Line > at.Line || o.At.Col >= at.Col) && (o.At.EndLine < at.EndLine || o.At.EndCol <= at.EndCol) {
		return nil
	}
	return o
}

func (in *instance) output(n string) (expr.Item, bool) {
	o := in.module.outputs[n]
	if o == nil {
		return expr.Item{}, false
	}
	if o.value == nil {
		return unknown("output." + n), true
	}
	t := termOf(&in.outs, n, in.prefix+"output."+n, o.value.at)
	return in.once(t, func() expr.Item {
		it := in.state.Item(o.value.value, scope{in: in}, nil)
		if o.sensitive {
			it = expr.Item{Value: it.Force().WithSensitive(true)}
		}
		return it
	}), true
}

// instance is also what module.x stands for.
var _ expr.Lazy = (*instance)(nil)

// Force implements expr.Lazy.
func (in *instance) Force() plinth.Value {
	fields := make([]plinth.Field, 0, len(in.module.outputs))
	for n := range in.module.outputs {
		fields = append(fields, plinth.Field{Key: n})
	}
	sort.Slice(fields, func(i, j int) bool { return fields[i].Key < fields[j].Key })
	for i := range fields {
		it, _ := in.output(fields[i].Key)
		fields[i].Value = it.Force()
	}
	return plinth.MapOf(fields)
}

// Attr implements expr.Lazy.
func (in *instance) Attr(n string) (expr.Item, bool) {
	if it, ok := in.output(n); ok {
		return it, true
	}
	return unknown("module." + in.caller.name + "." + n), !in.state.Trying()
}

// Index implements expr.Lazy.
func (in *instance) Index(key plinth.Value) (expr.Item, bool) {
	if key.Kind() == plinth.String {
		return in.Attr(key.Str())
	}
	return expr.Item{Value: function.Unknown(key)}, key.IsUnknown()
}

// Entries implements expr.Lazy.
func (in *instance) Entries() ([]expr.Entry, expr.Shape) { return nil, expr.Single }

// moduleDir is a folder as path.module gives it, relative to the root module.
func (e *evaluation) moduleDir(dir string) string {
	rel, err := filepath.Rel(filepath.FromSlash(e.root), filepath.FromSlash(dir))
	if err != nil {
		return dir
	}
	return path.Clean(filepath.ToSlash(rel))
}

// undeclared stands for a resource that the configuration does not have.
type undeclared struct{ name, address string }

var _ expr.Lazy = undeclared{}

// Force implements expr.Lazy.
func (u undeclared) Force() plinth.Value {
	return plinth.UnknownOf(u.name).WithRefs(plinth.Ref{To: u.address})
}

// Attr implements expr.Lazy.
func (u undeclared) Attr(n string) (expr.Item, bool) {
	return expr.Item{Value: plinth.UnknownOf(u.name + "." + n).WithRefs(plinth.Ref{To: u.address, Attr: n})}, true
}

// Index implements expr.Lazy.
func (u undeclared) Index(plinth.Value) (expr.Item, bool) { return expr.Item{Lazy: u}, true }

// Entries implements expr.Lazy.
func (u undeclared) Entries() ([]expr.Entry, expr.Shape) { return nil, expr.Open }
