package policy

import (
	"fmt"
	"slices"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/value"
)

// compiler turns the tree into closures. After the first fault it goes on without effect.
type compiler struct {
	env       *Env
	info      *ast.SourceInfo
	fault     *Error
	locals    []local
	maxLocals int
	paths     []*read
	types     []string
	used      []bool
}

// local is a variable of a macro.
type local struct {
	name string
	at   *read // the property whose elements it stands for
}

// read is a Path while it may still grow.
type read struct {
	Path
	inner bool // a longer path has taken its place
}

// node is a compiled part.
type node struct {
	run      code
	constant *plinth.Value // for a literal
	at       *read         // the property that it stands for
	optional bool
	double   bool // written as a double
	resource bool // the whole of a variable or of another resource
	base     code // for a chain of optional selections: what it starts from
	keys     []string
}

func (c *compiler) position(e ast.Expr) (line, col int) {
	at := c.info.GetStartLocation(e.ID())
	return max(at.Line(), 1), max(at.Column(), 0) + 1
}

func (c *compiler) fail(e ast.Expr, format string, args ...any) node {
	if c.fault == nil {
		line, col := c.position(e)
		c.fault = &Error{Line: line, Col: col, Text: fmt.Sprintf(format, args...)}
	}
	return node{run: func(*Scope) val { return val{} }}
}

// failed prepares a failure at run time.
func (c *compiler) failed(e ast.Expr, format string, args ...any) val {
	line, col := c.position(e)
	return val{st: &state{kind: failed, text: fmt.Sprintf(format, args...), line: line, col: col}}
}

// reads returns the longest paths.
func (c *compiler) reads() []Path {
	var out []Path
	for _, r := range c.paths {
		if !r.inner && len(r.Steps) > 0 && r.Root+r.Type != "" {
			out = append(out, r.Path)
		}
	}
	return out
}

func (c *compiler) extend(e ast.Expr, from *read, step string) *read {
	if from == nil {
		return nil
	}
	if from.Root == "" && len(from.Steps) == 0 && step == "[]" { // one of several whole resources
		return from
	}
	from.inner = true
	line, col := c.position(e)
	r := &read{Path: Path{Root: from.Root, Type: from.Type, Steps: append(slices.Clip(from.Steps), step), Line: line, Col: col}}
	c.paths = append(c.paths, r)
	return r
}

func (c *compiler) compile(e ast.Expr) node {
	if c.fault != nil {
		return node{run: func(*Scope) val { return val{} }}
	}
	switch e.Kind() {
	case ast.LiteralKind:
		return c.literal(e)
	case ast.IdentKind:
		return c.ident(e)
	case ast.SelectKind:
		sel := e.AsSelect()
		operand := c.compile(sel.Operand())
		if operand.optional {
			return c.optSelect(e, operand, sel.FieldName())
		}
		return c.selectField(e, operand, sel.FieldName())
	case ast.CallKind:
		return c.call(e)
	case ast.ListKind:
		return c.list(e)
	case ast.MapKind:
		return c.mapping(e)
	}
	return c.fail(e, "messages and this kind of expression are not part of the language here")
}

// value compiles a part that must not be optional.
func (c *compiler) value(e ast.Expr) node {
	n := c.compile(e)
	if n.optional {
		return c.fail(e, "this is optional; end it with .orValue(…), or ask .hasValue()")
	}
	return n
}

func constant(v plinth.Value) node {
	return node{run: func(*Scope) val { return val{Value: v} }, constant: &v}
}

func (c *compiler) literal(e ast.Expr) node {
	switch l := e.AsLiteral().(type) {
	case types.Bool:
		return constant(plinth.BoolOf(bool(l)))
	case types.Int:
		return constant(plinth.NumberOf(float64(l)))
	case types.Uint:
		return constant(plinth.NumberOf(float64(l)))
	case types.Double:
		n := constant(plinth.NumberOf(float64(l)))
		n.double = true
		return n
	case types.String:
		return constant(plinth.StringOf(string(l)))
	case types.Null:
		return constant(plinth.Value{})
	}
	return c.fail(e, "literals of bytes are not part of the language here")
}

func (c *compiler) ident(e ast.Expr) node {
	name := e.AsIdent()
	for i := len(c.locals) - 1; i >= 0; i-- {
		if c.locals[i].name == name {
			return node{run: func(sc *Scope) val { return sc.locals[i] }, at: c.locals[i].at, resource: c.locals[i].at != nil && len(c.locals[i].at.Steps) == 0}
		}
	}
	i := c.env.Index(name)
	if i < 0 {
		known := slices.Clone(c.env.names)
		for _, l := range c.locals {
			known = append(known, l.name)
		}
		return c.fail(e, "there is no variable %s%s", name, hint(name, known))
	}
	c.used[i] = true
	return node{run: func(sc *Scope) val { return val{Value: sc.Vars[i]} }, at: &read{Path: Path{Root: name}}, resource: true}
}

func hint(name string, known []string) string {
	if near := value.Nearest(name, known); near != "" {
		return "; the nearest is " + near
	}
	return ""
}

func (c *compiler) selectField(e ast.Expr, operand node, key string) node {
	missing := c.failed(e, "no such key: %s", key)
	wrong := c.failed(e, "%s is asked of something that is no map", key)
	from := operand.run
	return node{at: c.extend(e, operand.at, key), run: func(sc *Scope) val {
		v := from(sc)
		if v.st != nil {
			return v
		}
		if v.Kind() == plinth.Map {
			if entry, ok := v.Get(key); ok {
				return val{Value: entry}
			}
			return missing
		}
		entry, found, ok := field(v.Value, key)
		switch {
		case !ok:
			return wrong
		case !found:
			return missing
		}
		return val{Value: entry}
	}}
}

// optSelect compiles an optional selection. A chain of them is walked at once.
func (c *compiler) optSelect(e ast.Expr, operand node, key string) node {
	base, keys := operand.run, []string{key}
	if operand.base != nil {
		base, keys = operand.base, append(slices.Clip(operand.keys), key)
	}
	return node{optional: true, at: c.extend(e, operand.at, key), base: base, keys: keys, run: func(sc *Scope) val {
		v := base(sc)
		for _, k := range keys {
			if v.st != nil && v.st != isFilled {
				return v
			}
			if v.Kind() != plinth.Map {
				entry, found, _ := field(v.Value, k) // what has no entries has not this one either
				v = optional(entry, found)
				continue
			}
			entry, ok := v.Get(k)
			if !ok {
				return none()
			}
			if v = (val{Value: entry, st: isFilled}); entry.Kind() == plinth.Unknown || entry.Kind() == plinth.Null {
				v = optional(entry, true)
			}
		}
		return v
	}}
}

// soft compiles the operand of has(): every selection in it is optional.
func (c *compiler) soft(e ast.Expr) node {
	switch {
	case e.Kind() == ast.SelectKind:
		return c.optSelect(e, c.soft(e.AsSelect().Operand()), e.AsSelect().FieldName())
	case e.Kind() == ast.CallKind && e.AsCall().FunctionName() == operators.Index:
		args := e.AsCall().Args()
		return c.optIndex(e, c.soft(args[0]), c.value(args[1]))
	}
	return c.compile(e)
}

func (c *compiler) index(e ast.Expr, operand, key node) node {
	missing, beyond := c.failed(e, "no such key"), c.failed(e, "index out of bounds")
	wrong := c.failed(e, "an index is asked of something that is no list or map, or with a key of the wrong kind")
	return node{at: c.indexPath(e, operand, key), run: func(sc *Scope) val {
		v, k := operand.run(sc), key.run(sc)
		if v.st != nil {
			return v
		}
		if k.st != nil {
			return k
		}
		entry, found, ok := entryAt(v.Value, k.Value)
		switch {
		case !ok:
			return wrong
		case !found && k.Kind() == plinth.Number:
			return beyond
		case !found:
			return missing
		}
		return val{Value: entry}
	}}
}

func (c *compiler) optIndex(e ast.Expr, operand, key node) node {
	return node{optional: true, at: c.indexPath(e, operand, key), run: func(sc *Scope) val {
		v, k := operand.run(sc), key.run(sc)
		if v.st != nil && v.st != isFilled {
			return v
		}
		if k.st != nil {
			return k
		}
		entry, found, _ := entryAt(v.Value, k.Value)
		return optional(entry, found)
	}}
}

func (c *compiler) indexPath(e ast.Expr, operand, key node) *read {
	if key.constant != nil && key.constant.Kind() == plinth.String {
		return c.extend(e, operand.at, key.constant.Str())
	}
	return c.extend(e, operand.at, "[]")
}

// entryAt finds an element or entry. ok is false where the kinds do not fit.
func entryAt(v, key plinth.Value) (entry plinth.Value, found, ok bool) {
	v = inside(v)
	switch {
	case v.IsUnknown() && key.Kind() == plinth.String:
		return field(v, key.Str())
	case v.IsUnknown() || key.IsUnknown():
		if v.IsNull() {
			return plinth.Value{}, false, true
		}
		return unknownEntry(v, key), true, true
	case v.Kind() == plinth.Map && key.Kind() == plinth.String:
		return field(v, key.Str())
	case v.Kind() == plinth.List && key.Kind() == plinth.Number:
		i := key.Num()
		if i != float64(int(i)) {
			return plinth.Value{}, false, false
		}
		if i < 0 || int(i) >= v.Len() {
			return plinth.Value{}, false, true
		}
		return v.List()[int(i)], true, true
	case v.IsNull():
		return plinth.Value{}, false, true
	}
	return plinth.Value{}, false, false
}

func unknownEntry(v, key plinth.Value) plinth.Value {
	if key.IsUnknown() {
		return plinth.UnknownOf(append(slices.Clip(v.Why()), key.Why()...)...)
	}
	return unknown(v)
}

func (c *compiler) list(e ast.Expr) node {
	l := e.AsList()
	nodes := make([]node, l.Size())
	allConstant := true
	for i, el := range l.Elements() {
		if l.IsOptional(int32(i)) {
			nodes[i] = c.compile(el)
			if !nodes[i].optional {
				return c.fail(el, "? stands before something that is not optional")
			}
		} else {
			nodes[i] = c.value(el)
		}
		allConstant = allConstant && nodes[i].constant != nil
	}
	if allConstant {
		list := make([]plinth.Value, len(nodes))
		for i, n := range nodes {
			list[i] = *n.constant
		}
		return constant(plinth.ListOf(list))
	}
	return node{run: func(sc *Scope) val {
		list := make([]plinth.Value, 0, len(nodes))
		var maybe []plinth.Value // optional elements that may be there
		for i := range nodes {
			v := nodes[i].run(sc)
			switch {
			case v.failed():
				return v
			case v.st == isEmpty:
			case nodes[i].optional && v.st == nil:
				maybe = append(maybe, v.Value)
			default:
				list = append(list, v.Value)
			}
		}
		return held(plinth.ListOf(list), maybe)
	}}
}

// held returns what surely is there, as an unknown where more may be.
func held(surely plinth.Value, maybe []plinth.Value) val {
	if len(maybe) == 0 {
		return plain(surely)
	}
	return plain(unknown(maybe...).WithPartial(surely))
}

func (c *compiler) mapping(e ast.Expr) node {
	entries := e.AsMap().Entries()
	keys, vals := make([]node, len(entries)), make([]node, len(entries))
	wrong := c.failed(e, "the keys of a map are strings")
	for i, en := range entries {
		m := en.AsMapEntry()
		keys[i], vals[i] = c.value(m.Key()), c.compile(m.Value())
		if vals[i].optional != m.IsOptional() {
			return c.fail(m.Value(), "? and an optional value go together in a map")
		}
	}
	if fixed, ok := constantMap(keys, vals); ok {
		return constant(fixed)
	}
	return node{run: func(sc *Scope) val {
		fields := make([]plinth.Field, 0, len(keys))
		var maybe []plinth.Value
		for i := range keys {
			k, v := keys[i].run(sc), vals[i].run(sc)
			switch {
			case k.st != nil:
				return k
			case v.failed():
				return v
			case k.IsUnknown():
				maybe = append(maybe, k.Value)
			case k.Kind() != plinth.String:
				return wrong
			case v.st == isEmpty:
			case vals[i].optional && v.st == nil:
				maybe = append(maybe, v.Value)
			default:
				fields = append(fields, plinth.Field{Key: k.Str(), Value: v.Value})
			}
		}
		return held(plinth.MapOf(fields), maybe)
	}}
}

// constantMap returns the map of literals.
func constantMap(keys, vals []node) (plinth.Value, bool) {
	fields := make([]plinth.Field, len(keys))
	for i := range keys {
		k, v := keys[i].constant, vals[i].constant
		if k == nil || v == nil || k.Kind() != plinth.String {
			return plinth.Value{}, false
		}
		fields[i] = plinth.Field{Key: k.Str(), Value: *v}
	}
	return plinth.MapOf(fields), true
}
