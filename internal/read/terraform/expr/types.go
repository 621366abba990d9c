package expr

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/read/terraform/function"
)

// Type is a type constraint of a variable.
type Type struct {
	kind   typeKind
	of     *Type       // element of list, set and map
	fields []typeField // of an object
	items  []*Type     // of a tuple
}

// Any tells whether every value is of the type as it is.
func (t *Type) Any() bool { return t.kind == anyType }

type typeKind uint8

const (
	anyType typeKind = iota
	stringType
	numberType
	boolType
	listType
	setType
	mapType
	objectType
	tupleType
)

type typeField struct {
	name     string
	of       *Type
	optional bool
	def      plinth.Value
}

// CompileType reads a type expression. What is no type is taken as any.
func (c *Compiler) CompileType(e hclsyntax.Expression) *Type {
	c.depth++
	defer func() { c.depth-- }()
	if c.depth > maxNesting {
		c.deep = true
		return &Type{}
	}
	switch e := e.(type) {
	case *hclsyntax.ParenthesesExpr:
		return c.CompileType(e.Expression)
	case *hclsyntax.TemplateExpr: // "string", as it was written before Terraform 0.12
		if v, ok := IsConstant(c.Compile(e, "")); ok {
			return &Type{kind: keyword(v.Str())}
		}
	case *hclsyntax.FunctionCallExpr:
		return c.compound(e)
	}
	return &Type{kind: keyword(hcl.ExprAsKeyword(e))}
}

func keyword(s string) typeKind {
	switch s {
	case "string":
		return stringType
	case "number":
		return numberType
	case "bool":
		return boolType
	case "list":
		return listType
	case "set":
		return setType
	case "map":
		return mapType
	}
	return anyType
}

func (c *Compiler) compound(e *hclsyntax.FunctionCallExpr) *Type {
	if len(e.Args) == 0 {
		return &Type{}
	}
	switch e.Name {
	case "list", "set", "map":
		return &Type{kind: keyword(e.Name), of: c.CompileType(e.Args[0])}
	case "tuple":
		t := &Type{kind: tupleType}
		if items, ok := e.Args[0].(*hclsyntax.TupleConsExpr); ok {
			for _, it := range items.Exprs {
				t.items = append(t.items, c.CompileType(it))
			}
		}
		return t
	case "object":
		return c.objectType(e.Args[0])
	case "optional":
		return c.CompileType(e.Args[0])
	}
	return &Type{}
}

func (c *Compiler) objectType(e hclsyntax.Expression) *Type {
	t := &Type{kind: objectType}
	o, ok := e.(*hclsyntax.ObjectConsExpr)
	if !ok {
		return &Type{}
	}
	for _, it := range o.Items {
		k, ok := IsConstant(c.Compile(it.KeyExpr, ""))
		if !ok {
			continue
		}
		f := typeField{name: keyText(k), of: c.CompileType(it.ValueExpr)}
		if call, ok := it.ValueExpr.(*hclsyntax.FunctionCallExpr); ok && call.Name == "optional" {
			f.optional = true
			if len(call.Args) > 1 {
				f.def, _ = IsConstant(c.Compile(call.Args[1], "")) // Terraform takes nothing else there
			}
		}
		t.fields = append(t.fields, f)
	}
	return t
}

// Convert converts a value to the type as Terraform converts what is given to a variable: numbers to strings, lists to sets,
// unknown attributes dropped, absent optional ones set to their defaults. The error tells what does not fit; the value then
// stays as it was in that place.
func (t *Type) Convert(v plinth.Value) (plinth.Value, error) {
	c := &converter{left: maxParts}
	out := c.convert(t, v)
	if c.left <= 0 {
		return v, fmt.Errorf("the value has more than %d parts", maxParts)
	}
	return out, c.err
}

type converter struct {
	left int
	err  error
}

func (c *converter) convert(t *Type, v plinth.Value) plinth.Value {
	if c.left--; c.left <= 0 || t == nil || t.kind == anyType || v.IsNull() || v.IsUnknown() && !v.Partial() {
		return v
	}
	if v.IsUnknown() {
		return c.partial(t, v)
	}
	var out plinth.Value
	var err error
	switch t.kind {
	case stringType:
		out, err = function.ToString(v)
	case numberType:
		out, err = function.ToNumber(v)
	case boolType:
		out, err = function.ToBool(v)
	case listType, setType, tupleType:
		return c.list(t, v)
	default:
		return c.mapping(t, v)
	}
	if err != nil {
		return c.misfit(v, err)
	}
	return out
}

func (c *converter) misfit(v plinth.Value, err error) plinth.Value {
	if c.err == nil {
		c.err = err
	}
	return v
}

// partial converts the certain part of an unknown.
func (c *converter) partial(t *Type, v plinth.Value) plinth.Value {
	doc, _ := v.Document()
	if t.kind == objectType { // attributes that the certain part lacks are unknown, not absent
		fields := make([]plinth.Field, 0, len(t.fields))
		for _, f := range t.fields {
			if e, ok := doc.Get(f.name); ok {
				fields = append(fields, plinth.Field{Key: f.name, Value: c.convert(f.of, e)})
			} else {
				fields = append(fields, plinth.Field{Key: f.name, Value: function.Unknown(v)})
			}
		}
		return keep(plinth.MapOf(fields), v)
	}
	return keep(function.Unknown(v).WithPartial(c.convert(t, doc)), v)
}

func keep(to, from plinth.Value) plinth.Value {
	return to.WithOrigin(from.Origin()).WithSensitive(from.Sensitive()).WithRefs(from.Refs()...)
}

func (c *converter) list(t *Type, v plinth.Value) plinth.Value {
	if v.Kind() != plinth.List {
		return c.misfit(v, fmt.Errorf("a list is wanted, not a %s", v.Kind()))
	}
	out := make([]plinth.Value, v.Len())
	for i, e := range v.List() {
		of := t.of
		if t.kind == tupleType && i < len(t.items) {
			of = t.items[i]
		}
		out[i] = c.convert(of, e)
	}
	if t.kind != tupleType && (t.of == nil || t.of.kind == anyType) {
		out = function.Unified(out)
	}
	if t.kind == setType {
		return keep(function.ToSet(out), v)
	}
	return keep(plinth.ListOf(out), v)
}

func (c *converter) mapping(t *Type, v plinth.Value) plinth.Value {
	if v.Kind() != plinth.Map {
		return c.misfit(v, fmt.Errorf("a map is wanted, not a %s", v.Kind()))
	}
	if t.kind == objectType {
		return c.object(t, v)
	}
	values := make([]plinth.Value, v.Len())
	for i, f := range v.Fields() {
		values[i] = c.convert(t.of, f.Value)
	}
	if t.of == nil || t.of.kind == anyType {
		values = function.Unified(values)
	}
	out := make([]plinth.Field, v.Len())
	for i, f := range v.Fields() {
		out[i] = plinth.Field{Key: f.Key, Value: values[i]}
	}
	return keep(plinth.MapOf(out), v)
}

func (c *converter) object(t *Type, v plinth.Value) plinth.Value {
	out := make([]plinth.Field, 0, len(t.fields))
	for _, f := range t.fields {
		e, ok := v.Get(f.name)
		if f.optional && e.IsNull() {
			e, ok = f.def, true
		}
		if r, isResource := whole(v); !ok && isResource {
			e, ok = r.part(f.name, e, false), true
		}
		if !ok {
			c.misfit(v, fmt.Errorf("attribute %s is missing", f.name))
			continue
		}
		out = append(out, plinth.Field{Key: f.name, Value: c.convert(f.of, e)})
	}
	return keep(plinth.MapOf(out), v)
}
