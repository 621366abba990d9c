package pipeline

import (
	"errors"
	"strings"
)

const (
	maxNesting    = 60     // of an expression; the service refuses deeper ones
	maxExpression = 21_000 // bytes, the limit of the service
)

// kind is what a node of an expression is.
type kind uint8

const (
	literal kind = iota
	reference
	call
	unary
	binary
	member // what is taken of a node that is no reference: (a || b).c
)

// node is a part of an expression. The language is that of
// https://docs.github.com/actions/reference/workflows-and-actions/expressions.
type node struct {
	kind     kind
	text     string // a string's value, an operator, a function or a reference in lower case
	quoted   bool   // a string
	computed bool   // a reference with an index that is no literal
	args     []*node
	from     int // byte in the text that was parsed
}

type grammar struct {
	text  string
	at    int
	depth int
}

var errExpression = errors.New("not an expression")

// parse reads an expression without its marks.
func parse(text string) (*node, error) {
	if len(text) > maxExpression {
		return nil, errExpression
	}
	g := &grammar{text: text}
	n, err := g.or()
	if err != nil {
		return nil, err
	}
	if g.space(); g.at < len(g.text) {
		return nil, errExpression
	}
	return n, nil
}

func (g *grammar) space() {
	for g.at < len(g.text) && strings.IndexByte(" \t\r\n", g.text[g.at]) >= 0 {
		g.at++
	}
}

func (g *grammar) take(word string) bool {
	g.space()
	if strings.HasPrefix(g.text[g.at:], word) {
		g.at += len(word)
		return true
	}
	return false
}

func (g *grammar) chain(ops []string, next func() (*node, error)) (*node, error) {
	left, err := next()
	for err == nil {
		op := ""
		for _, o := range ops {
			if g.take(o) {
				op = o
				break
			}
		}
		if op == "" {
			return left, nil
		}
		var right *node
		if right, err = next(); err == nil {
			left = &node{kind: binary, text: op, args: []*node{left, right}, from: left.from}
		}
	}
	return nil, err
}

func (g *grammar) or() (*node, error)  { return g.chain([]string{"||"}, g.and) }
func (g *grammar) and() (*node, error) { return g.chain([]string{"&&"}, g.compare) }
func (g *grammar) compare() (*node, error) {
	return g.chain([]string{"==", "!=", "<=", ">=", "<", ">"}, g.not)
}

func (g *grammar) not() (*node, error) {
	g.space()
	from := g.at
	if strings.HasPrefix(g.text[g.at:], "!") && !strings.HasPrefix(g.text[g.at:], "!=") {
		if g.depth++; g.depth > maxNesting {
			return nil, errExpression
		}
		defer func() { g.depth-- }()
		g.at++
		n, err := g.not()
		if err != nil {
			return nil, err
		}
		return &node{kind: unary, text: "!", args: []*node{n}, from: from}, nil
	}
	n, err := g.primary()
	if err != nil {
		return nil, err
	}
	return g.members(n)
}

func (g *grammar) primary() (*node, error) {
	if g.space(); g.at == len(g.text) {
		return nil, errExpression
	}
	if g.depth++; g.depth > maxNesting {
		return nil, errExpression
	}
	defer func() { g.depth-- }()
	from, c := g.at, g.text[g.at]
	switch {
	case c == '(':
		g.at++
		n, err := g.or()
		if err == nil && !g.take(")") {
			err = errExpression
		}
		return n, err
	case c == '\'':
		return g.quoted()
	case c >= '0' && c <= '9', c == '-', c == '+', c == '.':
		for g.at < len(g.text) && strings.IndexByte("+-.xX0123456789abcdefABCDEF", g.text[g.at]) >= 0 {
			g.at++
		}
		return &node{kind: literal, text: g.text[from:g.at], from: from}, nil
	}
	word := strings.ToLower(g.word())
	switch word {
	case "":
		return nil, errExpression
	case "true", "false", "null", "nan", "infinity":
		return &node{kind: literal, text: word, from: from}, nil
	}
	if !g.take("(") {
		return &node{kind: reference, text: word, from: from}, nil
	}
	n := &node{kind: call, text: word, from: from}
	for !g.take(")") {
		if len(n.args) > 0 && !g.take(",") {
			return nil, errExpression
		}
		arg, err := g.or()
		if err != nil {
			return nil, err
		}
		n.args = append(n.args, arg)
	}
	return n, nil
}

func (g *grammar) word() string {
	from := g.at
	for g.at < len(g.text) && (isWord(g.text[g.at]) || g.text[g.at] == '-' && g.at > from) {
		g.at++
	}
	return g.text[from:g.at]
}

func isWord(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

func (g *grammar) quoted() (*node, error) {
	from := g.at
	var b strings.Builder
	for g.at++; g.at < len(g.text); g.at++ {
		if g.text[g.at] != '\'' {
			b.WriteByte(g.text[g.at])
			continue
		}
		if g.at++; g.at == len(g.text) || g.text[g.at] != '\'' {
			return &node{kind: literal, text: b.String(), quoted: true, from: from}, nil
		}
		b.WriteByte('\'')
	}
	return nil, errExpression
}

// members reads what follows a node: .name, .*, [index].
func (g *grammar) members(n *node) (*node, error) {
	for {
		switch {
		case g.take("."):
			part := "*"
			if !g.take("*") {
				if part = strings.ToLower(g.word()); part == "" {
					return nil, errExpression
				}
			}
			n = n.member(part, nil)
		case g.take("["):
			if g.take("*") {
				n = n.member("*", nil)
			} else {
				index, err := g.or()
				if err != nil {
					return nil, err
				}
				if index.kind == literal {
					n = n.member(strings.ToLower(index.text), nil)
				} else {
					n = n.member("*", index)
				}
			}
			if !g.take("]") {
				return nil, errExpression
			}
		default:
			return n, nil
		}
	}
}

func (n *node) member(part string, index *node) *node {
	if n.kind != reference {
		n = &node{kind: member, args: []*node{n}, from: n.from}
	}
	if n.text != "" {
		n.text += "."
	}
	n.text += part
	if index != nil {
		n.computed = true
		n.args = append(n.args, index)
	}
	return n
}

// walk calls visit for the node and all nodes below it.
func (n *node) walk(visit func(*node)) {
	visit(n)
	for _, a := range n.args {
		a.walk(visit)
	}
}

// constant tells whether the value of a node is always the same.
func (n *node) constant() bool {
	switch n.kind {
	case literal:
		return true
	case call:
		switch n.text {
		case "format", "contains", "startswith", "endswith", "join":
		default:
			return false
		}
	case unary, binary:
	default:
		return false
	}
	for _, a := range n.args {
		if !a.constant() {
			return false
		}
	}
	return true
}

// flows returns the references and calls whose text may become the text of the expression.
func (n *node) flows() []*node {
	switch n.kind {
	case reference:
		return []*node{n}
	case member:
		return n.args[0].flows()
	case binary:
		switch n.text {
		case "&&":
			return n.args[1].flows()
		case "||":
			return append(n.args[0].flows(), n.args[1].flows()...)
		}
	case call:
		switch n.text {
		case "format", "join", "tojson", "fromjson":
			var out []*node
			for _, a := range n.args {
				out = append(out, a.flows()...)
			}
			return out
		}
	}
	return nil
}
