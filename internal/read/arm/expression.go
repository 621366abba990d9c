package arm

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/plinthsec/plinth"
)

// kind is the kind of a node of an expression.
type kind uint8

const (
	literal kind = iota // a string or number
	call                // name(args)
	member              // args[0].name
	index               // args[0][args[1]]
)

// node is a node of a template expression.
type node struct {
	kind  kind
	name  string
	value plinth.Value
	args  []*node
	text  string // as written
}

// expression tells whether a string of a template is an expression, and returns what stands between its brackets. "[[" begins an
// ordinary text.
func expression(s string) (string, bool) {
	if len(s) < 2 || s[0] != '[' || s[len(s)-1] != ']' || s[1] == '[' {
		return "", false
	}
	return s[1 : len(s)-1], true
}

// parser reads one expression by recursive descent.
type parser struct {
	text  string
	at    int
	depth int
}

// parse reads an expression without its outer brackets.
func parse(text string) (*node, error) {
	p := &parser{text: text}
	n, err := p.expr()
	if err != nil {
		return nil, err
	}
	if p.space(); p.at < len(p.text) {
		return nil, fmt.Errorf("unexpected %q", p.rest())
	}
	return n, nil
}

func (p *parser) rest() string {
	if r := p.text[p.at:]; len(r) <= 20 {
		return r
	}
	return p.text[p.at:p.at+20] + "…"
}

func (p *parser) space() {
	for p.at < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.at]) >= 0 {
		p.at++
	}
}

func (p *parser) next(c byte) bool {
	p.space()
	if p.at < len(p.text) && p.text[p.at] == c {
		p.at++
		return true
	}
	return false
}

func (p *parser) expr() (*node, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, fmt.Errorf("nested deeper than %d levels", maxDepth)
	}
	defer func() { p.depth-- }()
	p.space()
	start := p.at
	n, err := p.primary()
	for err == nil {
		n.text = p.text[start:p.at]
		switch {
		case p.next('.'):
			name := p.word()
			if name == "" {
				return nil, fmt.Errorf("a property name is missing before %q", p.rest())
			}
			n = &node{kind: member, name: name, args: []*node{n}}
		case p.next('['):
			var key *node
			if key, err = p.expr(); err == nil && !p.next(']') {
				err = fmt.Errorf("a closing bracket is missing before %q", p.rest())
			}
			n = &node{kind: index, args: []*node{n, key}}
		default:
			return n, nil
		}
	}
	return nil, err
}

func (p *parser) word() string {
	p.space()
	start := p.at
	for p.at < len(p.text) {
		c := p.text[p.at]
		if c != '_' && c != '$' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
			break
		}
		p.at++
	}
	return p.text[start:p.at]
}

func (p *parser) primary() (*node, error) {
	if p.at == len(p.text) {
		return nil, fmt.Errorf("the expression ends too early")
	}
	c := p.text[p.at]
	switch {
	case c == '\'':
		return p.quoted()
	case c == '-' || c >= '0' && c <= '9':
		return p.number()
	}
	name := p.word()
	for name != "" && p.at < len(p.text) && p.text[p.at] == '.' {
		// namespace.function(: a function of the template's own
		save := p.at
		p.at++
		more := p.word()
		if more == "" || !strings.HasPrefix(strings.TrimLeft(p.text[p.at:], " \t\r\n"), "(") {
			p.at = save
			break
		}
		name += "." + more
	}
	if name == "" {
		return nil, fmt.Errorf("unexpected %q", p.rest())
	}
	n := &node{kind: call, name: name}
	if !p.next('(') {
		return nil, fmt.Errorf("%s is no function call", name)
	}
	if p.next(')') {
		return n, nil
	}
	for {
		arg, err := p.expr()
		if err != nil {
			return nil, err
		}
		n.args = append(n.args, arg)
		if p.next(')') {
			return n, nil
		}
		if !p.next(',') {
			return nil, fmt.Errorf("a comma or parenthesis is missing before %q", p.rest())
		}
	}
}

func (p *parser) quoted() (*node, error) {
	var b strings.Builder
	for i := p.at + 1; i < len(p.text); i++ {
		if p.text[i] != '\'' {
			b.WriteByte(p.text[i])
			continue
		}
		if i+1 < len(p.text) && p.text[i+1] == '\'' {
			b.WriteByte('\'')
			i++
			continue
		}
		p.at = i + 1
		return &node{kind: literal, value: plinth.StringOf(b.String())}, nil
	}
	return nil, fmt.Errorf("a text is not closed")
}

func (p *parser) number() (*node, error) {
	start := p.at
	p.at++
	for p.at < len(p.text) && (p.text[p.at] >= '0' && p.text[p.at] <= '9') {
		p.at++
	}
	f, err := strconv.ParseFloat(p.text[start:p.at], 64)
	if err != nil {
		return nil, fmt.Errorf("%q is no number", p.text[start:p.at])
	}
	return &node{kind: literal, value: plinth.NumberOf(f)}, nil
}
