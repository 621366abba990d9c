// Package splice reads Terraform files as places: the blocks, the arguments and the bytes that each takes up, so that an edit can change
// some of them and leave every other byte as it is.
package splice

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/plinthsec/plinth/internal/lazy"
)

// maxDepth bounds nested blocks; providers nest fewer than ten.
const maxDepth = 40

// File is one parsed file.
type File struct {
	Source []byte
	Blocks []*Block
}

// Block is a block; Start and End are the bytes from its first label's keyword to behind its closing brace, Open is behind the opening
// brace, Close the place of the closing one.
type Block struct {
	Kind                    string
	Labels                  []string
	Line                    int
	Start, Open, Close, End int
	Attrs                   []Attr
	Blocks                  []*Block
}

// Attr is an argument: Start to End with its name, From to End its expression.
type Attr struct {
	Name             string
	Start, From, End int
	Text             string   // of the expression
	Literal          bool     // no reference, no call
	Plain            bool     // a literal that says nothing of its owner: a bool, a number, a word of the provider's, or a list of such
	Map              *Map     // of a literal map; nil for anything else
	Switch           bool     // a literal bool
	Number           bool     // a literal number
	Impersonal       bool     // literals as in Plain or in a policy, references and jsonencode
	Refs             []string // var.x, aws_s3_bucket.b: the first two parts of what it refers to
}

// Map is the literal map of an argument: its entries with names that stand there, and the place of its closing brace.
type Map struct {
	Open, Close int
	Entries     []Attr
}

// Parse parses a file in HCL. The error names the place.
func Parse(name string, src []byte) (*File, error) {
	parsed, diags := hclsyntax.ParseConfig(src, name, hcl.InitialPos)
	if diags.HasErrors() {
		return nil, fmt.Errorf("parse %s: %w", name, diags)
	}
	body, ok := parsed.Body.(*hclsyntax.Body)
	if !ok {
		return nil, fmt.Errorf("parse %s: no body", name)
	}
	f := &File{Source: src}
	_, f.Blocks = read(body, src, 0)
	return f, nil
}

func read(body *hclsyntax.Body, src []byte, depth int) (attrs []Attr, blocks []*Block) {
	if depth > maxDepth {
		return nil, nil
	}
	for _, a := range body.Attributes {
		attrs = append(attrs, attr(a, src))
	}
	sortAttrs(attrs)
	for _, b := range body.Blocks {
		out := &Block{
			Kind: b.Type, Labels: b.Labels, Line: b.TypeRange.Start.Line,
			Start: b.TypeRange.Start.Byte, Open: b.OpenBraceRange.End.Byte, Close: b.CloseBraceRange.Start.Byte, End: b.CloseBraceRange.End.Byte,
		}
		out.Attrs, out.Blocks = read(b.Body, src, depth+1)
		out.option()
		blocks = append(blocks, out)
	}
	return attrs, blocks
}

// option makes the name of an option plain: in a block of a name and a value, both words of the provider, the name says which; and the id
// of a rule within a resource, which is there for whoever reads it.
func (b *Block) option() {
	if id, ok := b.Attr("id"); ok && b.Kind == "rule" && option.MatchString(id.Text) {
		for i := range b.Attrs {
			b.Attrs[i].Plain = b.Attrs[i].Plain || b.Attrs[i].Name == "id"
		}
	}
	if v, ok := b.Attr("value"); !ok || !v.Plain || b.Kind == "tag" {
		return
	}
	for i := range b.Attrs {
		a := &b.Attrs[i]
		if a.Name == "name" && a.Literal && option.MatchString(a.Text) {
			a.Plain = true
		}
	}
}

// option is the name of a database's or server's parameter.
var option = lazy.New(`^"[a-z]+([_.][a-z]+)*"$`)

func sortAttrs(list []Attr) {
	for i := 1; i < len(list); i++ {
		for j := i; j > 0 && list[j].Start < list[j-1].Start; j-- {
			list[j], list[j-1] = list[j-1], list[j]
		}
	}
}

func attr(a *hclsyntax.Attribute, src []byte) Attr {
	out := expression(a.Name, a.NameRange.Start.Byte, a.Expr, src)
	if obj, ok := a.Expr.(*hclsyntax.ObjectConsExpr); ok {
		out.Map = mapping(obj, src)
		out.Plain = out.Literal && len(out.Map.Entries) == len(obj.Items) && !Personal(a.Name) &&
			!slices.ContainsFunc(out.Map.Entries, func(e Attr) bool { return !e.Plain })
	}
	out.Impersonal = impersonal(a.Expr, src, 0)
	return out
}

// impersonal tells whether an expression consists of references, of jsonencode and of literals that name nobody.
func impersonal(x hclsyntax.Expression, src []byte, depth int) bool {
	if depth > maxDepth {
		return false
	}
	all := func(list ...hclsyntax.Expression) bool {
		return !slices.ContainsFunc(list, func(p hclsyntax.Expression) bool { return !impersonal(p, src, depth+1) })
	}
	switch x := x.(type) {
	case *hclsyntax.ScopeTraversalExpr:
		return true
	case *hclsyntax.TemplateExpr:
		return all(x.Parts...)
	case *hclsyntax.TemplateWrapExpr:
		return all(x.Wrapped)
	case *hclsyntax.TupleConsExpr:
		return all(x.Exprs...)
	case *hclsyntax.ObjectConsExpr:
		for _, item := range x.Items {
			if !all(item.ValueExpr) {
				return false
			}
		}
		return true
	case *hclsyntax.FunctionCallExpr:
		return x.Name == "jsonencode" && all(x.Args...)
	case *hclsyntax.LiteralValueExpr:
		return x.Val.Type() != cty.String || general.MatchString(x.Val.AsString()) && !account.MatchString(x.Val.AsString())
	}
	return false
}

// general is what a policy says of anybody: s3:*, 2012-10-17, aws:SecureTransport, /*; account is what names somebody.
var (
	general = lazy.New(`^[A-Za-z0-9:*/_.-]*$`)
	account = lazy.New(`^arn:|[0-9]{12}`)
)

// mapping reads the entries of a map whose names are literal.
func mapping(obj *hclsyntax.ObjectConsExpr, src []byte) *Map {
	m := &Map{Open: obj.OpenRange.End.Byte, Close: obj.SrcRange.End.Byte - 1}
	for _, item := range obj.Items {
		k, diags := item.KeyExpr.Value(nil)
		if diags.HasErrors() || k.Type() != cty.String || k.IsNull() || !k.IsKnown() {
			continue
		}
		m.Entries = append(m.Entries, expression(k.AsString(), item.KeyExpr.Range().Start.Byte, item.ValueExpr, src))
	}
	return m
}

func expression(name string, start int, x hclsyntax.Expression, src []byte) Attr {
	r := x.Range()
	from, end := r.Start.Byte, r.End.Byte
	out := Attr{Name: name, Start: start, From: from, End: end, Text: strings.TrimSpace(string(src[from:end])), Literal: true}
	for _, t := range x.Variables() {
		out.Literal = false
		ref := t.RootName()
		if len(t) > 1 {
			if step, ok := t[1].(hcl.TraverseAttr); ok {
				ref += "." + step.Name
			}
		}
		out.Refs = append(out.Refs, ref)
	}
	v, diags := x.Value(nil)
	if diags.HasErrors() {
		out.Literal = false
	}
	out.Switch = out.Literal && v.Type() == cty.Bool
	out.Number = out.Literal && v.Type() == cty.Number
	out.Plain = out.Switch || out.Literal && plain(v) && (!Personal(name) || name == "acl" && out.Text == `"private"`)
	return out
}

// personal are arguments whose value only the owner knows, whatever it looks like.
var personal = lazy.New(`(^|_)(names?|ids?|arns?|identifiers?|cidrs?|blocks|emails?|phone|urls?|uri|buckets?|users?|username|password|roles?|subnets?|images?|ami|regions?|zones?|location|domains?|topic|ips?|address(es)?|ranges|ports?|tags|labels|keys?|version|sku|instance_class|instance_type|engine|family|description|prefixes|path|runtime|handler|filename|member|members|principals?|profile|acl|protocol|special_group|content_type|key_type|kind|kms|owner|class|account|size|group|cpu|memory|storage|concurrency|executions)$`)

// Personal tells whether only the owner knows the value of an argument or property, from its name in snake or camel case. The version of
// TLS, and whether to upgrade by itself, are nobody's own.
func Personal(name string) bool {
	name = strings.ToLower(hump.ReplaceAllString(name, "${1}_${2}"))
	return personal.MatchString(name) && !strings.Contains(name, "tls") && !strings.HasPrefix(name, "auto_")
}

var hump = lazy.New(`([a-z0-9])([A-Z])`)

// Word tells whether a text is a word of the provider's: ENABLED, aws:kms.
func Word(s string) bool {
	return word.MatchString(s) && !strings.HasPrefix(s, "arn:") || numeric.MatchString(s)
}

// word is a value from a provider's list: ENABLED, aws:kms, TLSv1.2_2021, audit.
var word = lazy.New(`^[A-Za-z][A-Za-z0-9_.:-]{0,48}$`)

func plain(v cty.Value) bool {
	if !v.IsKnown() || v.IsNull() {
		return false
	}
	t := v.Type()
	switch {
	case t == cty.Bool || t == cty.Number:
		return true
	case t == cty.String:
		s := v.AsString()
		return word.MatchString(s) && !strings.HasPrefix(s, "arn:") || numeric.MatchString(s)
	case t.IsTupleType() || t.IsListType() || t.IsSetType():
		for it := v.ElementIterator(); it.Next(); {
			if _, e := it.Element(); !plain(e) {
				return false
			}
		}
		return true
	}
	return false
}

var numeric = lazy.New(`^[0-9]{1,6}(\.[0-9]{1,2})?$`)

// Name writes the name of a map's entry: quoted where it is no identifier.
func Name(s string) string {
	if hclsyntax.ValidIdentifier(s) {
		return s
	}
	return strconv.Quote(s)
}

// Attr returns the argument of that name.
func (b *Block) Attr(name string) (Attr, bool) {
	for _, a := range b.Attrs {
		if a.Name == name {
			return a, true
		}
	}
	return Attr{}, false
}

// Inside returns the nested blocks of a kind.
func (b *Block) Inside(kind string) []*Block {
	var out []*Block
	for _, c := range b.Blocks {
		if c.Kind == kind {
			out = append(out, c)
		}
	}
	return out
}

// At returns the outermost block that covers a line, counted from 1; nil where there is none.
func (f *File) At(line int) *Block {
	for _, b := range f.Blocks {
		last := b.Line + strings.Count(string(f.Source[b.Start:b.End]), "\n")
		if b.Line <= line && line <= last {
			return b
		}
	}
	return nil
}

// Plain tells whether everything in the block, nested ones included, is plain.
func (b *Block) Plain() bool {
	for _, a := range b.Attrs {
		if !a.Plain {
			return false
		}
	}
	for _, c := range b.Blocks {
		if c.Kind == "dynamic" || !c.Plain() {
			return false
		}
	}
	return true
}
