package expr

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/read/terraform/function"
)

const maxNesting = 400 // of one expression; deeper text is hostile, and its tree is walked recursively

// Source is a text with expressions in it.
type Source struct {
	Path   string
	starts []int // byte offsets of the lines
}

// NewSource returns the source for a file's content.
func NewSource(path string, data []byte) *Source {
	s := &Source{Path: path, starts: make([]int, 1, 64)}
	for i, b := range data {
		if b == '\n' {
			s.starts = append(s.starts, i+1)
		}
	}
	return s
}

// Location converts a range, whose columns count characters, to one whose columns count bytes.
func (s *Source) Location(r hcl.Range) plinth.Location {
	return plinth.Location{
		Path: s.Path, Line: int32(r.Start.Line), Col: s.col(r.Start), EndLine: int32(r.End.Line), EndCol: s.col(r.End),
	}
}

func (s *Source) col(p hcl.Pos) int32 {
	if p.Line < 1 || p.Line > len(s.starts) || p.Byte < s.starts[p.Line-1] {
		return int32(max(1, p.Column))
	}
	return int32(p.Byte - s.starts[p.Line-1] + 1)
}

// Compiler compiles the expressions of one source.
type Compiler struct {
	src   *Source
	funcs function.Set
	bound []string // names of variables bound around the expression; "" for the item of a splat
	anon  []*hclsyntax.AnonSymbolExpr
	depth int
	deep  bool // an expression was nested too deeply
}

// NewCompiler returns a compiler for the expressions of one source.
func NewCompiler(src *Source, funcs function.Set) *Compiler { return &Compiler{src: src, funcs: funcs} }

// Source returns the source that is compiled.
func (c *Compiler) Source() *Source { return c.src }

// TooDeep tells whether an expression was nested too deeply; it is compiled to an unknown.
func (c *Compiler) TooDeep() bool { return c.deep }

// Bind makes a name a variable of the expressions compiled until Unbind. It returns the slot of its value.
func (c *Compiler) Bind(name string) int {
	c.bound = append(c.bound, name)
	c.anon = append(c.anon, nil)
	return len(c.bound) - 1
}

// Unbind forgets the name that was bound last.
func (c *Compiler) Unbind() {
	c.bound = c.bound[:len(c.bound)-1]
	c.anon = c.anon[:len(c.anon)-1]
}

// Compile compiles an expression. Path is how users name the value: entries of maps and lists written there get paths below.
func (c *Compiler) Compile(e hclsyntax.Expression, path string) Node {
	c.depth++
	defer func() { c.depth-- }()
	if c.depth > maxNesting {
		c.deep = true
		return constant{plinth.UnknownOf("limit")}
	}
	switch e := e.(type) {
	case *hclsyntax.LiteralValueExpr:
		return constant{literal(e.Val)}
	case *hclsyntax.ParenthesesExpr:
		return c.Compile(e.Expression, path)
	case *hclsyntax.TemplateWrapExpr:
		return c.Compile(e.Wrapped, path)
	case *hclsyntax.TemplateExpr:
		return c.template(e, path)
	case *hclsyntax.TemplateJoinExpr:
		return &joined{list: c.Compile(e.Tuple, path)}
	case *hclsyntax.ScopeTraversalExpr:
		if len(e.Traversal) == 1 { // Terraform refuses them, and nobody means a reference
			switch e.Traversal.RootName() {
			case "True":
				return constant{plinth.BoolOf(true)}
			case "False":
				return constant{plinth.BoolOf(false)}
			}
		}
		return c.traversal(e.Traversal)
	case *hclsyntax.RelativeTraversalExpr:
		return relative(c.Compile(e.Source, path), e.Traversal)
	case *hclsyntax.IndexExpr:
		return &index{of: c.Compile(e.Collection, path), key: c.Compile(e.Key, "")}
	case *hclsyntax.SplatExpr:
		return c.splat(e, path)
	case *hclsyntax.AnonSymbolExpr:
		if i := slices.Index(c.anon, e); i >= 0 {
			return &bound{slot: i, name: "*"}
		}
	case *hclsyntax.ConditionalExpr:
		return c.conditional(e, path)
	case *hclsyntax.BinaryOpExpr:
		return fold(&binary{op: opOf(e.Op), left: c.asked(e.LHS, "", e.RHS), right: c.asked(e.RHS, "", e.LHS)})
	case *hclsyntax.UnaryOpExpr:
		return fold(&unary{not: e.Op == hclsyntax.OpLogicalNot, of: c.Compile(e.Val, "")})
	case *hclsyntax.TupleConsExpr:
		return c.tuple(e, path)
	case *hclsyntax.ObjectConsExpr:
		return c.object(e, path)
	case *hclsyntax.ObjectConsKeyExpr:
		return c.key(e)
	case *hclsyntax.ForExpr:
		return c.forEach(e, path)
	case *hclsyntax.FunctionCallExpr:
		return c.call(e, path)
	}
	return constant{plinth.UnknownOf("a broken expression")}
}

func literal(v cty.Value) plinth.Value {
	if v.IsNull() || !v.IsKnown() {
		return plinth.Value{}
	}
	switch v.Type() {
	case cty.String:
		return plinth.StringOf(v.AsString())
	case cty.Bool:
		return plinth.BoolOf(v.True())
	case cty.Number:
		f, _ := v.AsBigFloat().Float64()
		if math.IsInf(f, 0) {
			return plinth.UnknownOf("a number out of range")
		}
		return plinth.NumberOf(f)
	}
	return plinth.Value{}
}

func (c *Compiler) template(e *hclsyntax.TemplateExpr, path string) Node {
	if len(e.Parts) == 1 {
		if l, ok := e.Parts[0].(*hclsyntax.LiteralValueExpr); ok {
			return constant{literal(l.Val)}
		}
	}
	parts := make([]Node, len(e.Parts))
	for i, p := range e.Parts {
		parts[i] = c.Compile(p, path)
	}
	return fold(&template{parts: parts})
}

// fold evaluates a node of constants at once.
func fold(n Node) Node {
	var of []Node
	switch n := n.(type) {
	case *template:
		of = n.parts
	case *binary:
		of = []Node{n.left, n.right}
	case *unary:
		of = []Node{n.of}
	}
	for _, p := range of {
		if v, ok := IsConstant(p); !ok || v.IsUnknown() || v.IsNull() {
			return n
		}
	}
	f := Frame{State: &State{}}
	if v := n.eval(&f); f.faults == 0 && len(f.problems) == 0 {
		return constant{v}
	}
	return n
}

func stepsOf(t hcl.Traversal) []step {
	steps := make([]step, 0, len(t))
	for _, s := range t {
		switch s := s.(type) {
		case hcl.TraverseAttr:
			steps = append(steps, step{name: s.Name})
		case hcl.TraverseIndex:
			steps = append(steps, step{key: literal(s.Key), index: true})
		}
	}
	return steps
}

func (c *Compiler) traversal(t hcl.Traversal) Node {
	steps := stepsOf(t[1:])
	for i := len(c.bound) - 1; i >= 0; i-- {
		if c.bound[i] == t.RootName() {
			b := &bound{slot: i, name: t.RootName()}
			if len(steps) == 0 {
				return b
			}
			return &access{of: b, steps: steps}
		}
	}
	a := &access{root: t.RootName(), steps: steps}
	for _, s := range steps {
		if s.index {
			break
		}
		a.rest = append(a.rest, s.name)
	}
	return a
}

func relative(of Node, t hcl.Traversal) Node {
	if len(t) == 0 {
		return of
	}
	return &access{of: of, steps: stepsOf(t)}
}

func (c *Compiler) splat(e *hclsyntax.SplatExpr, path string) Node {
	n := &splat{of: c.Compile(e.Source, path)}
	n.slot = c.Bind("")
	c.anon[n.slot] = e.Item
	n.each = c.Compile(e.Each, path)
	c.Unbind()
	return n
}

func (c *Compiler) conditional(e *hclsyntax.ConditionalExpr, path string) Node {
	return &conditional{of: c.Compile(e.Condition, ""), yes: c.Compile(e.TrueResult, path), no: c.Compile(e.FalseResult, path)}
}

func (c *Compiler) place(r hcl.Range, path string) origin {
	return &plinth.Origin{At: c.src.Location(r), Path: path}
}

func (c *Compiler) tuple(e *hclsyntax.TupleConsExpr, path string) Node {
	n := &tuple{items: make([]Node, len(e.Exprs)), at: make([]origin, len(e.Exprs))}
	all := true
	for i, x := range e.Exprs {
		below := ""
		if path != "" {
			below = path + "[" + strconv.Itoa(i) + "]"
		}
		n.items[i] = c.Compile(x, below)
		n.at[i] = c.place(x.Range(), below)
		_, ok := n.items[i].(constant)
		all = all && ok
	}
	if all {
		return constant{n.eval(&Frame{State: &State{}})}
	}
	return n
}

func (c *Compiler) object(e *hclsyntax.ObjectConsExpr, path string) Node {
	n := &object{items: make([]entry, len(e.Items))}
	all := true
	for i, it := range e.Items {
		en := &n.items[i]
		en.key = c.Compile(it.KeyExpr, "")
		below := path
		if k, ok := IsConstant(en.key); ok && path != "" {
			below = path + "." + keyText(k)
		} else {
			all = all && ok
		}
		en.value = c.Compile(it.ValueExpr, below)
		en.at = c.place(hcl.RangeBetween(it.KeyExpr.Range(), it.ValueExpr.Range()), below)
		_, ok := en.value.(constant)
		all = all && ok
	}
	if all {
		f := Frame{State: &State{}}
		if v := n.eval(&f); f.faults == 0 {
			return constant{v}
		}
	}
	return n
}

func keyText(k plinth.Value) string {
	s, err := function.ToString(k)
	if err != nil {
		return "?"
	}
	return s.Str()
}

func (c *Compiler) key(e *hclsyntax.ObjectConsKeyExpr) Node {
	if !e.ForceNonLiteral {
		if k := hcl.ExprAsKeyword(e.Wrapped); k != "" {
			return constant{plinth.StringOf(k)}
		}
	}
	return c.Compile(e.Wrapped, "")
}

func (c *Compiler) forEach(e *hclsyntax.ForExpr, path string) Node {
	n := &loop{of: c.Compile(e.CollExpr, ""), group: e.Group}
	n.slot = c.Bind(e.KeyVar)
	c.Bind(e.ValVar)
	n.value = c.Compile(e.ValExpr, path)
	n.at = c.place(e.ValExpr.Range(), path)
	if e.KeyExpr != nil {
		n.key = c.Compile(e.KeyExpr, "")
	}
	if e.CondExpr != nil {
		n.when = c.Compile(e.CondExpr, "")
	}
	c.Unbind()
	c.Unbind()
	return n
}

func (c *Compiler) call(e *hclsyntax.FunctionCallExpr, path string) Node {
	name := strings.TrimPrefix(e.Name, "core::")
	args := make([]Node, len(e.Args))
	for i, a := range e.Args {
		if name == "contains" {
			args[i] = c.asked(a, path, e.Args...)
			continue
		}
		args[i] = c.Compile(a, path)
	}
	at := c.src.Location(hcl.RangeBetween(e.NameRange, e.CloseParenRange))
	switch name {
	case "try":
		return &try{args: args}
	case "can":
		return &can{args: args}
	case "templatefile", "templatestring":
		return &templateCall{name: name, args: args, at: at}
	}
	return &call{name: name, fn: c.funcs[name], args: args, spread: e.ExpandFinal, at: at}
}
