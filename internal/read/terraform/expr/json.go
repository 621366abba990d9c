package expr

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// FromJSON turns an expression of a JSON file into the native one that means the same: strings are templates. The error names
// the first string that is no template.
func FromJSON(e hcl.Expression) (hclsyntax.Expression, error) {
	r := e.Range()
	if list, diags := hcl.ExprList(e); !diags.HasErrors() {
		out := &hclsyntax.TupleConsExpr{SrcRange: r, OpenRange: r}
		for _, it := range list {
			x, err := FromJSON(it)
			if err != nil {
				return nil, err
			}
			out.Exprs = append(out.Exprs, x)
		}
		return out, nil
	}
	if pairs, diags := hcl.ExprMap(e); !diags.HasErrors() {
		out := &hclsyntax.ObjectConsExpr{SrcRange: r, OpenRange: r}
		for _, it := range pairs {
			k, err := FromJSON(it.Key)
			if err != nil {
				return nil, err
			}
			v, err := FromJSON(it.Value)
			if err != nil {
				return nil, err
			}
			out.Items = append(out.Items, hclsyntax.ObjectConsItem{KeyExpr: k, ValueExpr: v})
		}
		return out, nil
	}
	v, _ := e.Value(nil) // without a context a string is returned as it stands
	if v.IsKnown() && !v.IsNull() && v.Type() == cty.String {
		at := r.Start
		at.Byte++
		at.Column++
		return parseTemplate([]byte(v.AsString()), r.Filename, at)
	}
	return &hclsyntax.LiteralValueExpr{Val: v, SrcRange: r}, nil
}

// JSONText returns the text of a JSON string as it stands.
func JSONText(e hcl.Expression) (string, bool) {
	v, diags := e.Value(nil)
	if diags.HasErrors() || !v.IsKnown() || v.IsNull() || v.Type() != cty.String {
		return "", false
	}
	return v.AsString(), true
}

// ParseExpression parses one expression.
func ParseExpression(text string, at hcl.Range) (e hclsyntax.Expression, ok bool) {
	if shallowEnough([]byte(text), false) != nil {
		return nil, false
	}
	var diags hcl.Diagnostics
	err := guarded(func() { e, diags = hclsyntax.ParseExpression([]byte(text), at.Filename, at.Start) })
	return e, err == nil && !diags.HasErrors()
}
