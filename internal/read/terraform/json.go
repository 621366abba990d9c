package terraform

import (
	"sort"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/plinthsec/plinth/internal/read/terraform/expr"
)

// parseJSON parses a file in JSON syntax into the tree that native syntax gives. Below resources an object can be an argument
// or a block; without the provider's schema it is taken as an argument, dynamic excepted.
func parseJSON(path string, data []byte) (*hclsyntax.Body, hcl.Diagnostics) {
	root, diags := expr.ParseJSON(data, path)
	if root == nil {
		return nil, diags
	}
	schema := &hcl.BodySchema{}
	for kind, labels := range map[string][]string{
		"resource": {"type", "name"}, "data": {"type", "name"}, "ephemeral": {"type", "name"}, "variable": {"name"}, "output": {"name"},
		"module": {"name"}, "provider": {"name"}, "locals": nil, "terraform": nil,
	} {
		schema.Blocks = append(schema.Blocks, hcl.BlockHeaderSchema{Type: kind, LabelNames: labels})
	}
	content, _, more := root.PartialContent(schema)
	diags = append(diags, more...)
	out := &hclsyntax.Body{Attributes: hclsyntax.Attributes{}}
	for _, b := range content.Blocks {
		if len(b.Labels) > 0 && b.Labels[0] == "//" || len(b.Labels) > 1 && b.Labels[1] == "//" {
			continue
		}
		body, more := jsonBody(b.Body, b.Type)
		diags = append(diags, more...)
		out.Blocks = append(out.Blocks, jsonBlock(b, body))
	}
	sort.SliceStable(out.Blocks, func(i, j int) bool {
		return out.Blocks[i].OpenBraceRange.Start.Byte < out.Blocks[j].OpenBraceRange.Start.Byte
	})
	return out, diags
}

// jsonBlock is a block as native syntax gives it. Its header is the last key that leads to it.
func jsonBlock(b *hcl.Block, body *hclsyntax.Body) *hclsyntax.Block {
	name := b.TypeRange
	if n := len(b.LabelRanges); n > 0 {
		name = b.LabelRanges[n-1]
	}
	end := b.Body.MissingItemRange()
	return &hclsyntax.Block{
		Type: b.Type, Labels: b.Labels, Body: body,
		TypeRange: name, LabelRanges: b.LabelRanges, OpenBraceRange: b.DefRange, CloseBraceRange: end,
	}
}

// jsonBody turns the properties of an object into arguments, and dynamic and required_providers into blocks.
func jsonBody(b hcl.Body, kind string) (*hclsyntax.Body, hcl.Diagnostics) {
	out := &hclsyntax.Body{Attributes: hclsyntax.Attributes{}}
	attrs, diags := b.JustAttributes()
	names := make([]string, 0, len(attrs))
	for name := range attrs {
		names = append(names, name)
	}
	sort.Slice(names, func(i, j int) bool {
		return attrs[names[i]].NameRange.Start.Byte < attrs[names[j]].NameRange.Start.Byte
	})
	for _, name := range names {
		a := attrs[name]
		if name == "dynamic" && kind != "locals" || name == "required_providers" && kind == "terraform" {
			blocks, more := jsonBlocks(a)
			out.Blocks = append(out.Blocks, blocks...)
			diags = append(diags, more...)
			continue
		}
		e, err := jsonExpression(a, kind)
		if err != nil {
			diags = append(diags, &hcl.Diagnostic{Severity: hcl.DiagError, Summary: "Invalid template", Detail: err.Error(), Subject: &a.Range})
			continue
		}
		out.Attributes[name] = &hclsyntax.Attribute{Name: name, Expr: e, SrcRange: a.Range, NameRange: a.NameRange}
	}
	return out, diags
}

// jsonExpression is the value of an argument; a variable's type is an expression in a string.
func jsonExpression(a *hcl.Attribute, kind string) (hclsyntax.Expression, error) {
	if text, ok := expr.JSONText(a.Expr); ok && (kind == "variable" && a.Name == "type" || a.Name == "provider") {
		if e, ok := expr.ParseExpression(text, a.Expr.Range()); ok {
			return e, nil
		}
	}
	return expr.FromJSON(a.Expr)
}

// jsonBlocks reads {"dynamic": {"ingress": {…}}}, where each object can also be a list of them.
func jsonBlocks(a *hcl.Attribute) ([]*hclsyntax.Block, hcl.Diagnostics) {
	if a.Name == "required_providers" {
		return []*hclsyntax.Block{jsonNested(a.Name, nil, a.Expr, a.NameRange)}, nil
	}
	var out []*hclsyntax.Block
	for _, group := range jsonObjects(a.Expr) {
		pairs, _ := hcl.ExprMap(group)
		for _, it := range pairs {
			kind, ok := expr.JSONText(it.Key)
			if !ok || kind == "//" {
				continue
			}
			for _, one := range jsonObjects(it.Value) {
				out = append(out, jsonNested("dynamic", []string{kind}, one, it.Key.Range()))
			}
		}
	}
	return out, nil
}

func jsonObjects(e hcl.Expression) []hcl.Expression {
	if list, diags := hcl.ExprList(e); !diags.HasErrors() {
		return list
	}
	return []hcl.Expression{e}
}

// jsonNested is a nested block; the content and the dynamic blocks inside become blocks as well.
func jsonNested(kind string, labels []string, e hcl.Expression, at hcl.Range) *hclsyntax.Block {
	body := &hclsyntax.Body{Attributes: hclsyntax.Attributes{}}
	pairs, _ := hcl.ExprMap(e)
	for _, it := range pairs {
		name, ok := expr.JSONText(it.Key)
		if !ok || name == "//" {
			continue
		}
		r := hcl.RangeBetween(it.Key.Range(), it.Value.Range())
		switch {
		case name == "content" && kind == "dynamic":
			for _, one := range jsonObjects(it.Value) {
				body.Blocks = append(body.Blocks, jsonNested(name, nil, one, it.Key.Range()))
			}
		case name == "dynamic" && kind == "content":
			blocks, _ := jsonBlocks(&hcl.Attribute{Name: name, Expr: it.Value, Range: r, NameRange: it.Key.Range()})
			body.Blocks = append(body.Blocks, blocks...)
		default:
			if x, err := expr.FromJSON(it.Value); err == nil {
				body.Attributes[name] = &hclsyntax.Attribute{Name: name, Expr: x, SrcRange: r, NameRange: it.Key.Range()}
			}
		}
	}
	return &hclsyntax.Block{Type: kind, Labels: labels, Body: body, TypeRange: at, OpenBraceRange: at, CloseBraceRange: e.Range()}
}
