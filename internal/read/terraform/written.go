package terraform

import (
	"path"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/plinthsec/plinth"
)

const maxWritten = 200 // nesting of a file as written

// IsHCL tells whether a file is in native syntax of HCL, by its name.
func IsHCL(name string) bool {
	return slices.Contains([]string{".tf", ".tofu", ".hcl", ".tfvars"}, path.Ext(name))
}

// Written reads a file as policies in Conftest's conventions see it (its parser hcl2): a block is an entry of its type, then of each of its labels,
// and holds a list of bodies; what is no literal is its text inside ${ }. Nothing is evaluated.
func Written(name string, data []byte) ([]plinth.Value, []plinth.Problem) {
	file, diags := hclsyntax.ParseConfig(data, name, hcl.InitialPos)
	if diags.HasErrors() {
		p := plinth.Problem{Kind: plinth.Broken, At: plinth.Location{Path: name, Line: 1}, Text: diags[0].Summary}
		if diags[0].Subject != nil {
			p.At.Line = int32(diags[0].Subject.Start.Line)
		}
		return nil, []plinth.Problem{p}
	}
	w := writing{data: data}
	body := file.Body.(*hclsyntax.Body)
	return []plinth.Value{w.body(body, 0)}, nil
}

type writing struct{ data []byte }

// nest is a block's place among its siblings: labels, then bodies.
type nest struct {
	inner  map[string]*nest
	bodies []plinth.Value
}

func (w writing) body(b *hclsyntax.Body, depth int) plinth.Value {
	var fields []plinth.Field
	for name, a := range b.Attributes {
		fields = append(fields, plinth.Field{Key: name, Value: w.expression(a.Expr, depth+1)})
	}
	top := &nest{inner: map[string]*nest{}}
	if depth < maxWritten {
		for _, block := range b.Blocks {
			in := top
			for _, label := range append([]string{block.Type}, block.Labels...) {
				if in.inner[label] == nil {
					in.inner[label] = &nest{inner: map[string]*nest{}}
				}
				in = in.inner[label]
			}
			in.bodies = append(in.bodies, w.body(block.Body, depth+1))
		}
	}
	for name, n := range top.inner {
		fields = append(fields, plinth.Field{Key: name, Value: n.value()})
	}
	return plinth.MapOf(fields)
}

func (n *nest) value() plinth.Value {
	if len(n.inner) == 0 {
		return plinth.ListOf(n.bodies)
	}
	var fields []plinth.Field
	for name, in := range n.inner {
		fields = append(fields, plinth.Field{Key: name, Value: in.value()})
	}
	return plinth.MapOf(fields)
}

func (w writing) expression(e hclsyntax.Expression, depth int) plinth.Value {
	if depth > maxWritten {
		return plinth.StringOf(w.text(e))
	}
	switch x := e.(type) {
	case *hclsyntax.LiteralValueExpr:
		return literal(x.Val)
	case *hclsyntax.TemplateExpr:
		if x.IsStringLiteral() {
			v, _ := x.Value(nil)
			return literal(v)
		}
		return plinth.StringOf(w.template(x))
	case *hclsyntax.TemplateWrapExpr:
		return plinth.StringOf("${" + w.source(x.Wrapped.Range()) + "}")
	case *hclsyntax.ParenthesesExpr:
		return w.expression(x.Expression, depth+1)
	case *hclsyntax.TupleConsExpr:
		list := []plinth.Value{}
		for _, inner := range x.Exprs {
			list = append(list, w.expression(inner, depth+1))
		}
		return plinth.ListOf(list)
	case *hclsyntax.ObjectConsExpr:
		var fields []plinth.Field
		for _, item := range x.Items {
			key := hcl.ExprAsKeyword(item.KeyExpr)
			if key == "" {
				if k, diags := item.KeyExpr.Value(nil); !diags.HasErrors() && k.Type() == cty.String && k.IsKnown() && !k.IsNull() {
					key = k.AsString()
				} else {
					key = w.text(bare(item.KeyExpr))
				}
			}
			fields = append(fields, plinth.Field{Key: key, Value: w.expression(item.ValueExpr, depth+1)})
		}
		return plinth.MapOf(fields)
	}
	if v, diags := e.Value(nil); !diags.HasErrors() && v.IsWhollyKnown() {
		if t := v.Type(); t == cty.Number || t == cty.Bool || t == cty.String {
			return literal(v)
		}
	}
	return plinth.StringOf(w.text(e))
}

// bare is an expression, or the key of an entry, without the parentheses around it.
func bare(e hclsyntax.Expression) hclsyntax.Expression {
	if k, ok := e.(*hclsyntax.ObjectConsKeyExpr); ok {
		e = k.Wrapped
	}
	for p, ok := e.(*hclsyntax.ParenthesesExpr); ok; p, ok = e.(*hclsyntax.ParenthesesExpr) {
		e = p.Expression
	}
	return e
}

// template is the text of a template with the holes as they are written.
func (w writing) template(x *hclsyntax.TemplateExpr) string {
	var b strings.Builder
	for _, part := range x.Parts {
		if l, ok := part.(*hclsyntax.LiteralValueExpr); ok {
			b.WriteString(literal(l.Val).Str())
			continue
		}
		b.WriteString(w.text(part))
	}
	return b.String()
}

func (w writing) text(e hclsyntax.Expression) string { return "${" + w.source(e.Range()) + "}" }

func (w writing) source(r hcl.Range) string { return string(r.SliceBytes(w.data)) }

func literal(v cty.Value) plinth.Value {
	if v.IsNull() || !v.IsKnown() {
		return plinth.Value{}
	}
	switch v.Type() {
	case cty.Bool:
		return plinth.BoolOf(v.True())
	case cty.Number:
		f, _ := v.AsBigFloat().Float64()
		return plinth.NumberOf(f)
	case cty.String:
		return plinth.StringOf(v.AsString())
	}
	return plinth.Value{}
}
