package pipeline

import (
	"slices"
	"sort"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/document"
)

const maxBlocks = 150 // blocks and brackets in each other; real pipelines have up to twenty

// groovy reads the part of Groovy that Jenkins pipelines are written in (https://www.jenkins.io/doc/book/pipeline/syntax,
// https://groovy-lang.org/syntax.html): calls with and without parentheses, blocks, assignments, texts, lists and maps. Other expressions
// are kept as they are written. It never fails: what it does not know it passes over.
//
// A statement is a map: call, args (a list), named (a map), body (a list of statements) and then (the calls on its result), or set and value.
// A function that is defined is a call with a body and defines, its parameters are the args.
// A fixed text is a string; a text that is put together when the pipeline runs is a map of text, as it is written, pasted, the expressions
// in it, and calls, those that it is made of.
type groovy struct {
	source string
	list   []token
	pos    int
	depth  int
	place  func(from, to int) plinth.Location
	decl   *plinth.Declaration
	lost   int // the first byte that was not understood, -1 for none
}

func newGroovy(source string, place func(from, to int) plinth.Location, decl *plinth.Declaration) *groovy {
	g := &groovy{source: source, place: place, decl: decl}
	g.list, g.lost = tokens(source)
	return g
}

// document reads a whole file: a map of its statements.
func (g *groovy) document() plinth.Value {
	var out []plinth.Value
	for g.now().kind != endToken {
		out = append(out, g.statements("")...)
		if g.is("}") {
			g.loses(g.now().from)
			g.step()
		}
	}
	return g.made(plinth.MapOf([]plinth.Field{{Key: "steps", Value: plinth.ListOf(out)}}), 0, "")
}

func (g *groovy) now() token { return g.list[g.pos] }

func (g *groovy) step() { g.pos = min(g.pos+1, len(g.list)-1) }

// loses notes the first byte that is not understood.
func (g *groovy) loses(at int) {
	if g.lost < 0 {
		g.lost = at
	}
}

// next is the token behind the current one.
func (g *groovy) next() token { return g.list[min(g.pos+1, len(g.list)-1)] }

func (g *groovy) is(mark string) bool {
	return g.list[g.pos].kind == markToken && g.list[g.pos].text == mark
}

func (g *groovy) take(mark string) bool {
	if g.is(mark) {
		g.step()
		return true
	}
	return false
}

func (g *groovy) lines() {
	for g.now().kind == lineToken {
		g.step()
	}
}

// made is a value that begins at a byte and ends before the current token.
func (g *groovy) made(v plinth.Value, from int, path string) plinth.Value {
	to := from
	if g.pos > 0 {
		to = max(from, g.list[g.pos-1].to)
	}
	for to > from && strings.IndexByte(" \t\r\n", g.source[to-1]) >= 0 {
		to--
	}
	return v.WithOrigin(&plinth.Origin{At: g.place(from, to), Path: strings.TrimPrefix(path, "/"), Decl: g.decl})
}

// statements reads what stands in a block, up to its brace.
func (g *groovy) statements(path string) []plinth.Value {
	var out []plinth.Value
	for {
		g.lines()
		before := g.pos
		switch t := g.now(); {
		case t.kind == endToken || g.is("}"):
			return out
		case t.kind == wordToken:
			out = append(out, g.statement(path))
		default:
			if v := g.expression(path, false); v.Kind() == plinth.Map {
				out = append(out, v)
			}
		}
		if g.pos == before {
			g.step()
		}
	}
}

// modifiers are words before a name that say nothing here.
var modifiers = map[string]bool{
	"def": true, "final": true, "static": true, "private": true, "public": true, "void": true, "else": true, "return": true, "new": true,
	"String": true, "int": true, "Integer": true, "boolean": true, "Boolean": true, "List": true, "Map": true, "Object": true, "ArrayList": true,
}

// jumps are those behind which nothing is declared.
var jumps = map[string]bool{"else": true, "return": true, "new": true}

func (g *groovy) statement(path string) plinth.Value {
	from, declared := g.now().from, false
	for modifiers[g.now().text] && g.next().kind == wordToken {
		declared = declared || !jumps[g.now().text]
		g.step()
	}
	name := g.name()
	if g.is("=") || g.is("+=") {
		g.step()
		g.lines()
		inner := path + "/" + name
		v := g.expression(inner, false)
		return g.made(plinth.MapOf([]plinth.Field{{Key: "set", Value: plinth.StringOf(name)}, {Key: "value", Value: v}}), from, inner)
	}
	v := g.call(name, from, path, true)
	if _, body := v.Get("body"); body && declared {
		v = plinth.MapOf(append(slices.Clone(v.Fields()), plinth.Field{Key: "defines", Value: plinth.BoolOf(true)})).WithOrigin(v.Origin())
	}
	return v
}

// name reads an identifier with its members: docker.image, @Library.
func (g *groovy) name() string {
	var b strings.Builder
	b.WriteString(g.now().text)
	g.step()
	for (g.is(".") || g.is("?.")) && g.next().kind == wordToken {
		b.WriteString("." + g.next().text)
		g.step()
		g.step()
	}
	return b.String()
}

// call reads the arguments and the block behind a name. In a statement the parentheses may be missing.
func (g *groovy) call(name string, from int, path string, bare bool) plinth.Value {
	g.depth++
	defer func() { g.depth-- }()
	fields := []plinth.Field{{Key: "call", Value: plinth.StringOf(name)}}
	path += "/" + name
	var args []plinth.Value
	var named []plinth.Field
	called := g.is("(")
	switch {
	case g.depth > maxBlocks:
		g.loses(from)
		g.step()
		return g.made(plinth.MapOf(fields), from, path)
	case called:
		g.step()
		args, named = g.arguments(path, ")")
		g.take(")")
	case bare && g.argues():
		args, named = g.arguments(path, "")
	}
	if len(args) > 0 && args[0].Kind() == plinth.String && len(args[0].Str()) < 100 {
		path += "[" + args[0].Str() + "]"
	}
	if len(args) > 0 {
		fields = append(fields, plinth.Field{Key: "args", Value: plinth.ListOf(args)})
	}
	if len(named) > 0 {
		fields = append(fields, plinth.Field{Key: "named", Value: plinth.MapOf(named)})
	}
	mark := g.pos
	if called {
		g.lines() // a block may begin on the next line
	}
	if g.is("{") {
		fields = append(fields, plinth.Field{Key: "body", Value: plinth.ListOf(g.block(path))})
	} else {
		g.pos = mark
	}
	if then := g.chain(path); len(then) > 0 {
		fields = append(fields, plinth.Field{Key: "then", Value: plinth.ListOf(then)})
	}
	return g.made(plinth.MapOf(fields), from, path)
}

// argues tells whether an argument begins here, for a call without parentheses.
func (g *groovy) argues() bool {
	switch t := g.now(); t.kind {
	case textToken, numberToken:
		return true
	case wordToken:
		return t.text != "in" && t.text != "instanceof"
	case markToken:
		return t.text == "["
	}
	return false
}

// chain reads what is called on a result: docker.image('x').inside { … }.
func (g *groovy) chain(path string) []plinth.Value {
	var out []plinth.Value
	for {
		mark := g.pos
		g.lines()
		if !(g.is(".") || g.is("?.")) || g.next().kind != wordToken {
			g.pos = mark
			return out
		}
		g.step()
		from, name := g.now().from, g.now().text
		g.step()
		if g.depth > maxBlocks {
			return out
		}
		out = append(out, g.call(name, from, path, false))
	}
}

// block reads { … }, with the names of its parameters left out.
func (g *groovy) block(path string) []plinth.Value {
	open := g.now().from
	g.step()
	g.depth++
	defer func() { g.depth-- }()
	if g.depth > maxBlocks {
		g.loses(open)
		return nil
	}
	for i := g.pos; i < len(g.list) && i < g.pos+12; i++ {
		if t := g.list[i]; t.kind == markToken && t.text == "->" {
			g.pos = i + 1
			break
		} else if t.kind == lineToken && i > g.pos || t.kind == markToken && t.text != "," {
			break
		}
	}
	out := g.statements(path)
	if !g.take("}") {
		g.loses(open)
	}
	return out
}

// arguments reads what is given to a call, up to the closing mark; up to the end of the line or a block, where closing is "".
func (g *groovy) arguments(path, closing string) (args []plinth.Value, named []plinth.Field) {
	for {
		if closing != "" {
			g.lines()
		}
		t := g.now()
		if t.kind == endToken || t.kind == markToken && (t.text == closing || t.text == "}" || t.text == ";" || closing == "" && t.text == "{" && len(args)+len(named) > 0) || t.kind == lineToken {
			return args, named
		}
		before := g.pos
		if colon := g.next(); (t.kind == wordToken || t.kind == textToken) && colon.kind == markToken && colon.text == ":" {
			g.step()
			g.step()
			g.lines()
			v := g.expression(path+"/"+t.text, closing != "")
			named = append(named, plinth.Field{Key: t.text, Value: v})
		} else if v := g.expression(path, closing != ""); v.Origin() != nil {
			args = append(args, v)
		}
		if g.take(",") {
			g.lines()
			continue
		}
		if closing == "" {
			return args, named
		}
		if g.pos == before {
			g.step()
		}
	}
}

// expression reads up to a comma or a closing bracket; outside of brackets also up to the end of the line or a block.
func (g *groovy) expression(path string, inside bool) plinth.Value {
	g.depth++
	defer func() { g.depth-- }()
	from := g.now().from
	var operands []plinth.Value
	plain := true // a single operand, and nothing else
	for g.depth <= maxBlocks {
		t := g.now()
		switch {
		case t.kind == endToken:
		case t.kind == lineToken:
			if mark := g.pos; inside || len(operands) == 0 && !plain {
				g.step()
				continue
			} else if g.lines(); g.continues() {
				plain = false
				continue
			} else {
				g.pos = mark
			}
		case t.kind == markToken && strings.Contains(",)]};", t.text), t.kind == markToken && t.text == "{" && len(operands) > 0 && !inside:
		case t.kind == markToken && t.text != "[" && t.text != "{" && t.text != "(":
			plain = false
			g.step()
			if t.text != "!" {
				g.lines()
			}
			continue
		default:
			before := g.pos
			if len(operands) > 0 && t.kind == markToken && t.text == "[" { // an index
				plain = false
			}
			operands = append(operands, g.operand(path))
			if g.pos == before {
				g.step()
			}
			continue
		}
		break
	}
	if len(operands) == 0 {
		return plinth.Value{}
	}
	if plain && len(operands) == 1 {
		return operands[0]
	}
	return g.together(operands, from, path)
}

// continues tells whether a line goes on with an operator.
func (g *groovy) continues() bool {
	t := g.now()
	return t.kind == markToken && (t.text == "+" || t.text == "?" || t.text == ":" || t.text == "&&" || t.text == "||" || t.text == "?:")
}

// together is a text that several operands make.
func (g *groovy) together(operands []plinth.Value, from int, path string) plinth.Value {
	var pasted, calls []plinth.Value
	for _, v := range operands {
		if p, ok := v.Get("pasted"); ok {
			pasted = append(pasted, p.List()...)
		}
		if c, ok := v.Get("calls"); ok {
			calls = append(calls, c.List()...)
		}
		if _, ok := v.Get("call"); ok {
			calls = append(calls, v)
		}
	}
	return g.mixed(pasted, calls, from, path)
}

func (g *groovy) mixed(pasted, calls []plinth.Value, from int, path string) plinth.Value {
	to := max(from, g.list[max(g.pos-1, 0)].to)
	fields := []plinth.Field{{Key: "text", Value: plinth.StringOf(g.source[from:to])}, {Key: "pasted", Value: plinth.ListOf(pasted)}}
	if len(calls) > 0 {
		fields = append(fields, plinth.Field{Key: "calls", Value: plinth.ListOf(calls)})
	}
	return g.made(plinth.MapOf(fields), from, path)
}

// operand reads one part of an expression.
func (g *groovy) operand(path string) plinth.Value {
	t := g.now()
	from := t.from
	switch {
	case t.kind == textToken:
		g.step()
		if len(t.pasted) == 0 {
			v := g.made(plinth.StringOf(t.text), from, path)
			g.chain(path)
			return v
		}
		var pasted []plinth.Value
		for _, p := range t.pasted {
			text := g.source[p[0]:p[1]]
			pasted = append(pasted, plinth.StringOf(strings.TrimSpace(text)).WithOrigin(&plinth.Origin{At: g.place(p[0], p[1]), Path: strings.TrimPrefix(path, "/"), Decl: g.decl}))
		}
		v := g.mixed(pasted, nil, from, path)
		g.chain(path)
		return v
	case t.kind == numberToken:
		g.step()
		return g.made(plinth.StringOf(t.text), from, path)
	case t.kind == markToken && t.text == "{":
		return g.made(plinth.MapOf([]plinth.Field{{Key: "body", Value: plinth.ListOf(g.block(path))}}), from, path)
	case t.kind == markToken && t.text == "(":
		g.step()
		v := g.expression(path, true)
		g.take(")")
		g.chain(path)
		return v
	case t.kind == markToken && t.text == "[":
		return g.brackets(from, path)
	case t.kind == wordToken:
		return g.named(from, path)
	}
	return plinth.Value{}
}

// brackets reads a list or a map.
func (g *groovy) brackets(from int, path string) plinth.Value {
	g.step()
	args, named := g.arguments(path, "]")
	g.take("]")
	if len(named) > 0 {
		return g.made(plinth.MapOf([]plinth.Field{{Key: "named", Value: plinth.MapOf(named)}}), from, path)
	}
	return g.made(plinth.ListOf(args), from, path)
}

// named reads what begins with a name: a call, a truth value, or a reference.
func (g *groovy) named(from int, path string) plinth.Value {
	for modifiers[g.now().text] && g.next().kind == wordToken {
		g.step()
	}
	name := g.name()
	switch name {
	case "true", "false":
		return g.made(plinth.BoolOf(name == "true"), from, path)
	case "null":
		return g.made(plinth.StringOf(""), from, path)
	}
	if g.is("(") || g.is("{") && g.depth <= maxBlocks && name != "in" {
		return g.call(name, from, path, false)
	}
	for g.is("[") { // an index belongs to the reference
		g.step()
		g.expression(path, true)
		if !g.take("]") {
			break
		}
	}
	to := g.list[g.pos-1].to
	ref := g.made(plinth.StringOf(g.source[from:to]), from, path)
	return g.mixed([]plinth.Value{ref}, nil, from, path)
}

// jenkinsfile emits the pipeline of a Jenkinsfile, or a file of a shared library.
func (r *reading) jenkinsfile(name, kind string, data []byte) {
	text := document.Text(data)
	place := placer(name, text)
	decl := &plinth.Declaration{Address: name, Type: kind, At: place(0, len(text)), Header: place(0, 0)}
	g := newGroovy(text, place, decl)
	doc := g.document()
	if g.lost >= 0 {
		r.to.Problem(plinth.Problem{Kind: plinth.Unsupported, At: place(g.lost, g.lost), Text: "from here on the Groovy of the file is not understood as a whole"})
	}
	r.to.Resource(&plinth.Resource{ID: plinth.ID("pipeline:" + name), Type: kind, Project: r.project.Name, Decl: decl, Props: doc, Source: plinth.StringOf(text)})
	r.own.called(name, text)
}

// placer returns how bytes of a text are turned into places.
func placer(name, text string) func(from, to int) plinth.Location {
	starts := []int{0}
	for i := 0; i < len(text); i++ {
		if text[i] == '\n' {
			starts = append(starts, i+1)
		}
	}
	return func(from, to int) plinth.Location {
		a, b := sort.SearchInts(starts, from+1), sort.SearchInts(starts, to+1)
		return plinth.Location{Path: name, Line: int32(a), Col: int32(from - starts[a-1] + 1), EndLine: int32(b), EndCol: int32(to - starts[b-1] + 1)}
	}
}
