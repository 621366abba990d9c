package terraform

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/read/terraform/expr"
	"github.com/plinthsec/plinth/internal/read/terraform/function"
)

// maxBlockDepth bounds blocks in blocks: no provider nests deeper, and the tree is walked recursively.
const maxBlockDepth = 100

// block is a compiled block.
type block struct {
	kind    string // resource, variable …; in a resource the type of the nested block
	labels  []string
	attrs   []attribute // in the order of their text
	blocks  []*block
	at      plinth.Location
	header  plinth.Location
	path    string   // of a nested block in the words of the user: lifecycle_rule.expiration
	dynamic *dynamic // the block is made once for every element of something
}

// attribute is a compiled argument.
type attribute struct {
	name  string
	value expr.Node
	typ   *expr.Type // of a variable's type argument
	text  string     // of arguments that hold bare references: provider, providers
	at    plinth.Location
	path  string
}

// dynamic is what a dynamic block adds to its content.
type dynamic struct {
	forEach expr.Node
	slot    int // of the iterator
}

func (b *block) attr(name string) *attribute {
	for i := range b.attrs {
		if b.attrs[i].name == name {
			return &b.attrs[i]
		}
	}
	return nil
}

// parsed is a configuration file after compilation.
type parsed struct {
	path     string
	blocks   []*block
	problems []plinth.Problem
}

// parseFile parses and compiles a configuration file. Of a broken file the blocks before the fault are kept.
func parseFile(path string, data []byte, funcs function.Set) *parsed {
	p := &parsed{path: path}
	src := expr.NewSource(path, data)
	var body *hclsyntax.Body
	var diags hcl.Diagnostics
	if isJSON(path) {
		body, diags = parseJSON(path, data)
	} else {
		body, diags = expr.ParseFile(data, path)
	}
	fault := p.report(src, diags)
	if body == nil {
		return p
	}
	c := &compiler{Compiler: expr.NewCompiler(src, funcs), src: src}
	for _, b := range body.Blocks {
		if fault != nil && b.Range().End.Byte > fault.Byte && b.CloseBraceRange.End.Byte > fault.Byte {
			continue // parts of it may be missing
		}
		if out := c.top(b); out != nil {
			p.blocks = append(p.blocks, out)
		}
	}
	if c.TooDeep() || c.deep {
		p.problems = append(p.problems, plinth.Problem{Kind: plinth.Limit, At: plinth.Location{Path: path}, Text: "expressions or blocks are nested too deeply to be read"})
	}
	return p
}

// report turns diagnostics into a problem and returns where the text stops to be reliable, nil if all of it is.
func (p *parsed) report(src *expr.Source, diags hcl.Diagnostics) *hcl.Pos {
	var fault *hcl.Pos
	for _, d := range diags {
		if d.Severity != hcl.DiagError || d.Subject == nil {
			continue
		}
		if len(p.problems) == 0 {
			at := src.Location(*d.Subject)
			text := strings.TrimSuffix(d.Summary, ".")
			if d.Detail != "" {
				text += ": " + strings.TrimSuffix(d.Detail, ".")
			}
			p.problems = append(p.problems, plinth.Problem{Kind: plinth.Broken, At: at, Text: text})
		}
		if d.Summary == "Attribute redefined" { // a fault of one line: the parser goes on
			continue
		}
		if fault == nil || d.Subject.Start.Byte < fault.Byte {
			fault = &d.Subject.Start
		}
	}
	return fault
}

// compiler compiles the blocks of one file.
type compiler struct {
	*expr.Compiler
	src  *expr.Source
	deep bool
}

// top compiles a block of a file; nil for those that make nothing.
func (c *compiler) top(b *hclsyntax.Block) *block {
	labels := map[string]int{"resource": 2, "data": 2, "ephemeral": 2, "variable": 1, "output": 1, "module": 1, "provider": 1, "locals": 0, "terraform": 0}
	n, ok := labels[b.Type]
	if !ok || len(b.Labels) < n {
		return nil
	}
	out := &block{kind: b.Type, labels: b.Labels, at: c.src.Location(b.Range()), header: c.header(b)}
	out.at.EndLine, out.at.EndCol = c.end(b)
	switch b.Type {
	case "variable":
		c.variable(out, b.Body)
	case "locals":
		c.arguments(out, b.Body, "local.")
	case "output":
		c.arguments(out, b.Body, "output."+b.Labels[0]+".")
	case "module":
		c.arguments(out, b.Body, "")
	case "terraform":
		c.requirements(out, b.Body)
	default:
		c.body(out, b.Body, "", 0)
	}
	return out
}

func (c *compiler) end(b *hclsyntax.Block) (line, col int32) {
	l := c.src.Location(hcl.RangeBetween(b.TypeRange, b.CloseBraceRange))
	return l.EndLine, l.EndCol
}

// header is the line that opens a block.
func (c *compiler) header(b *hclsyntax.Block) plinth.Location {
	return c.src.Location(hcl.RangeBetween(b.TypeRange, b.OpenBraceRange))
}

// arguments compiles the attributes of a block and nothing else.
func (c *compiler) arguments(to *block, body *hclsyntax.Body, prefix string) {
	for _, a := range ordered(body) {
		to.attrs = append(to.attrs, attribute{
			name: a.Name, value: c.Compile(a.Expr, prefix+a.Name), at: c.src.Location(a.SrcRange), path: prefix + a.Name,
			text: bareText(a),
		})
	}
}

// bareText is what stands in an argument that holds references rather than values.
func bareText(a *hclsyntax.Attribute) string {
	switch a.Name {
	case "provider":
		return reference(a.Expr)
	case "providers":
		o, ok := a.Expr.(*hclsyntax.ObjectConsExpr)
		if !ok {
			return ""
		}
		var all []string
		for _, it := range o.Items {
			key := it.KeyExpr
			if k, ok := key.(*hclsyntax.ObjectConsKeyExpr); ok {
				key = k.Wrapped
			}
			all = append(all, reference(key)+"="+reference(it.ValueExpr))
		}
		return strings.Join(all, ",")
	}
	return ""
}

// reference is the text of a name such as aws.eu, bare or quoted.
func reference(e hclsyntax.Expression) string {
	switch e := e.(type) {
	case *hclsyntax.ScopeTraversalExpr:
		var parts []string
		for _, t := range e.Traversal {
			switch t := t.(type) {
			case hcl.TraverseRoot:
				parts = append(parts, t.Name)
			case hcl.TraverseAttr:
				parts = append(parts, t.Name)
			}
		}
		return strings.Join(parts, ".")
	case *hclsyntax.TemplateExpr:
		if e.IsStringLiteral() {
			v, _ := e.Value(nil)
			return v.AsString()
		}
	case *hclsyntax.TemplateWrapExpr:
		return reference(e.Wrapped)
	case *hclsyntax.IndexExpr:
		return reference(e.Collection)
	}
	return ""
}

// ordered returns the attributes of a body in the order of their text.
func ordered(body *hclsyntax.Body) []*hclsyntax.Attribute {
	out := make([]*hclsyntax.Attribute, 0, len(body.Attributes))
	for _, a := range body.Attributes {
		out = append(out, a)
	}
	slices.SortFunc(out, func(a, b *hclsyntax.Attribute) int { return a.SrcRange.Start.Byte - b.SrcRange.Start.Byte })
	return out
}

func (c *compiler) variable(to *block, body *hclsyntax.Body) {
	for _, a := range ordered(body) {
		at := attribute{name: a.Name, at: c.src.Location(a.SrcRange), path: "var." + to.labels[0]}
		if a.Name == "type" {
			at.typ = c.CompileType(a.Expr)
		} else {
			at.value = c.Compile(a.Expr, at.path)
		}
		to.attrs = append(to.attrs, at)
	}
}

// requirements compiles a terraform block: its required_providers, as arguments of their own.
func (c *compiler) requirements(to *block, body *hclsyntax.Body) {
	for _, b := range body.Blocks {
		if b.Type == "required_providers" {
			c.arguments(to, b.Body, "")
		}
	}
}

// body compiles arguments and nested blocks.
func (c *compiler) body(to *block, body *hclsyntax.Body, prefix string, depth int) {
	if depth > maxBlockDepth {
		c.deep = true
		return
	}
	c.arguments(to, body, prefix)
	for _, b := range body.Blocks {
		if b.Type == "dynamic" && len(b.Labels) > 0 {
			if d := c.dynamic(b, prefix, depth); d != nil {
				to.blocks = append(to.blocks, d)
			}
			continue
		}
		out := &block{kind: b.Type, labels: b.Labels, at: c.blockRange(b), header: c.header(b), path: prefix + b.Type}
		c.body(out, b.Body, prefix+b.Type+".", depth+1)
		to.blocks = append(to.blocks, out)
	}
}

func (c *compiler) blockRange(b *hclsyntax.Block) plinth.Location {
	return c.src.Location(hcl.RangeBetween(b.TypeRange, b.CloseBraceRange))
}

// dynamic compiles a dynamic block; nil when it lacks what makes it one.
func (c *compiler) dynamic(b *hclsyntax.Block, prefix string, depth int) *block {
	kind, iterator := b.Labels[0], b.Labels[0]
	each, ok := b.Body.Attributes["for_each"]
	if !ok {
		return nil
	}
	if a, ok := b.Body.Attributes["iterator"]; ok {
		if name := reference(a.Expr); name != "" {
			iterator = name
		}
	}
	out := &block{kind: kind, at: c.blockRange(b), header: c.header(b), path: prefix + kind, dynamic: &dynamic{}}
	out.dynamic.forEach = c.Compile(each.Expr, prefix+kind)
	out.dynamic.slot = c.Bind(iterator)
	defer c.Unbind()
	for _, content := range b.Body.Blocks {
		if content.Type == "content" {
			c.body(out, content.Body, prefix+kind+".", depth+1)
			return out
		}
	}
	return nil
}

func isJSON(path string) bool { return strings.HasSuffix(path, ".json") }

// address is how a block is named in messages.
func (b *block) address() string {
	switch b.kind {
	case "resource":
		return b.labels[0] + "." + b.labels[1]
	case "data", "ephemeral":
		return b.kind + "." + b.labels[0] + "." + b.labels[1]
	case "module", "output":
		return b.kind + "." + b.labels[0]
	case "variable":
		return "var." + b.labels[0]
	}
	return fmt.Sprint(b.kind, b.labels)
}
