package query

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/plinthsec/plinth/internal/value"
)

func (p *parser) expr() expr {
	if p.depth++; p.depth > maxDepth {
		p.fail(p.tok().pos, "the query is nested deeper than %d levels", maxDepth)
	}
	defer func() { p.depth-- }()
	return p.or()
}

func (p *parser) or() expr {
	e := p.xor()
	for p.words("OR") {
		e = &binary{op: "OR", a: e, b: p.xor()}
	}
	return e
}

func (p *parser) xor() expr {
	e := p.and()
	for p.words("XOR") {
		e = &binary{op: "XOR", a: e, b: p.and()}
	}
	return e
}

func (p *parser) and() expr {
	outer := p.refs
	defer func() { p.refs = append(outer, p.refs...) }()
	var all and
	for {
		p.refs = nil
		all.terms = append(all.terms, condition{p.not(), p.refs})
		if !p.words("AND") {
			break
		}
	}
	p.refs = nil
	for _, t := range all.terms {
		p.refs = append(p.refs, t.refs...)
	}
	if len(all.terms) == 1 {
		return all.terms[0].expr
	}
	return &all
}

func (p *parser) not() expr {
	nots := 0
	for p.words("NOT") {
		nots++
	}
	e := p.comparison()
	if nots%2 == 1 {
		return &unary{op: "NOT", a: e}
	}
	return e
}

// comparison reads a chain: a < b <= c holds where both do.
func (p *parser) comparison() expr {
	a := p.sum()
	var chain expr
	for p.err == nil {
		pos, op := p.tok().pos, p.comparator()
		if op == "" {
			break
		}
		var one expr
		switch op {
		case "IS NULL", "IS NOT NULL":
			one = &unary{op: op, a: a}
		default:
			b := p.sum()
			c := &binary{op: op, a: a, b: b, pos: pos}
			if op == "=~" {
				c.regex = p.regex(b, pos)
			}
			one, a = c, b
		}
		if chain == nil {
			chain = one
		} else {
			refs := slices.Clone(p.refs)
			chain = &and{terms: []condition{{chain, refs}, {one, refs}}}
		}
	}
	if chain == nil {
		return a
	}
	return chain
}

func (p *parser) comparator() string {
	for _, s := range []string{"=", "<>", "<=", ">=", "<", ">", "=~"} {
		if p.symbol(s) {
			return s
		}
	}
	for _, w := range []string{"IN", "CONTAINS", "STARTS WITH", "ENDS WITH", "IS NULL", "IS NOT NULL"} {
		if p.words(strings.Fields(w)...) {
			return w
		}
	}
	return ""
}

func (p *parser) sum() expr {
	e := p.product()
	for p.err == nil {
		pos := p.tok().pos
		switch {
		case p.symbol("+"):
			e = &binary{op: "+", a: e, b: p.product(), pos: pos}
		case p.symbol("-"):
			e = &binary{op: "-", a: e, b: p.product(), pos: pos}
		default:
			return e
		}
	}
	return e
}

func (p *parser) product() expr {
	e := p.power()
	for p.err == nil {
		pos := p.tok().pos
		op := ""
		for _, s := range []string{"*", "/", "%"} {
			if op == "" && p.symbol(s) {
				op = s
			}
		}
		if op == "" {
			return e
		}
		e = &binary{op: op, a: e, b: p.power(), pos: pos}
	}
	return e
}

func (p *parser) power() expr {
	e := p.sign()
	for pos := p.tok().pos; p.symbol("^"); pos = p.tok().pos {
		e = &binary{op: "^", a: e, b: p.sign(), pos: pos}
	}
	return e
}

func (p *parser) sign() expr {
	minus, pos := false, p.tok().pos
	for p.err == nil {
		if p.symbol("-") {
			minus = !minus
		} else if !p.symbol("+") {
			break
		}
	}
	e := p.postfix()
	if minus {
		return &unary{op: "-", a: e, pos: pos}
	}
	return e
}

// postfix reads .name, [index], [from..to] and :Label after an atom.
func (p *parser) postfix() expr {
	e := p.atom()
	for p.err == nil {
		switch {
		case p.symbol("."):
			name, _ := p.name("the name of a property")
			e = &access{of: e, name: name}
		case p.symbol("["):
			e = p.index(e)
		case p.isSymbol(":"):
			l := &labelled{of: e}
			for p.symbol(":") {
				l.labels = append(l.labels, p.label())
			}
			return l
		default:
			return e
		}
	}
	return e
}

func (p *parser) index(of expr) expr {
	var from, to expr
	if !p.isSymbol("..") {
		from = p.expr()
	}
	if p.symbol("..") {
		if !p.isSymbol("]") {
			to = p.expr()
		}
		p.needSymbol("]")
		return &slice{of, from, to}
	}
	p.needSymbol("]")
	return &element{of, from}
}

func (p *parser) atom() expr {
	t := p.tok()
	switch {
	case t.kind == tString:
		p.at++
		return &constant{textOf(t.text)}
	case t.kind == tNumber:
		p.at++
		f, err := strconv.ParseFloat(t.text, 64)
		if err != nil {
			p.fail(t.pos, "%s is no number", t.text)
		}
		return &constant{Value{kind: kNumber, num: f, whole: !strings.Contains(t.text, ".")}}
	case p.isSymbol("("):
		if e := p.ways(); e != nil {
			return e
		}
		p.needSymbol("(")
		e := p.expr()
		p.needSymbol(")")
		return e
	case p.symbol("["):
		return p.list()
	case p.symbol("{"):
		return p.mapping()
	case t.kind == tName || t.kind == tQuoted:
		return p.word(t)
	}
	p.wanted("a value")
	return &constant{}
}

// word reads what begins with a name.
func (p *parser) word(t token) expr {
	if t.kind == tName {
		switch {
		case p.words("true"):
			return &constant{truth(true)}
		case p.words("false"):
			return &constant{truth(false)}
		case p.words("null"):
			return &constant{}
		case p.words("CASE"):
			return p.cases()
		case p.isWords("EXISTS") && p.tokens[p.at+1].text == "{":
			p.at += 2
			return p.existing()
		}
		if after := p.tokens[p.at+1]; after.kind == tSymbol && after.text == "(" {
			p.at += 2
			return p.call(t)
		}
	}
	p.at++
	return &variable{p.lookup(t.text, t.pos)}
}

// ways reads a pattern that stands for whether it is there; nil, with nothing read, where the parenthesis opens no pattern.
func (p *parser) ways() expr {
	if !p.opensPattern() {
		return nil
	}
	return p.inner(func(m *match) { m.patterns = []*pattern{p.pattern(false)} })
}

// opensPattern looks whether the parenthesis that stands next is closed before - or <, which begin a relation there: no value
// in parentheses that is a node can be subtracted from or compared with something that begins with [, - or >.
func (p *parser) opensPattern() bool {
	depth := 0
	for i := p.at; p.tokens[i].kind != tEnd; i++ {
		if p.tokens[i].kind != tSymbol {
			continue
		}
		switch p.tokens[i].text {
		case "(":
			depth++
		case ")":
			if depth--; depth > 0 {
				continue
			}
			rest := ""
			for k, t := range p.tokens[i+1 : min(i+4, len(p.tokens))] {
				if t.kind != tSymbol || k > 0 && t.pos != p.tokens[i+k].end {
					break // (1) - -1 has a space where a relation has none
				}
				rest += t.text
			}
			for _, begin := range []string{"-[", "--", "<-[", "<--"} {
				if strings.HasPrefix(rest, begin) {
					return true
				}
			}
			return false
		}
	}
	return false
}

// existing reads EXISTS { MATCH … WHERE … }.
func (p *parser) existing() expr {
	e := p.inner(func(m *match) {
		p.words("MATCH")
		for p.err == nil {
			m.patterns = append(m.patterns, p.pattern(true))
			if !p.symbol(",") {
				break
			}
		}
		if p.words("WHERE") {
			m.where = p.conditions()
		}
	})
	p.needSymbol("}")
	return e
}

// inner reads a match of its own, whose new names end with it.
func (p *parser) inner(read func(*match)) expr {
	names, first := maps.Clone(p.scope.names), p.scope.n
	m := &match{scope: p.scope}
	read(m)
	m.lift()
	for slot := first; slot < p.scope.n; slot++ {
		m.fresh = append(m.fresh, slot)
	}
	p.scope.names = names
	p.refs = slices.DeleteFunc(p.refs, func(slot int) bool { return slot >= first })
	return &there{match: m, first: first}
}

func (p *parser) list() expr {
	if t := p.tok(); (t.kind == tName || t.kind == tQuoted) && p.tokens[p.at+1].kind == tName && strings.EqualFold(p.tokens[p.at+1].text, "IN") {
		// [x IN list …] makes a new list; a list whose first element is x IN y needs parentheses.
		p.at += 2
		c := &comprehension{list: p.expr()}
		p.local(t, func(slot int) {
			c.slot = slot
			if p.words("WHERE") {
				c.where = p.expr()
			}
			if p.symbol("|") {
				c.yield = p.expr()
			}
		})
		p.needSymbol("]")
		return c
	}
	l := &listOf{}
	for p.err == nil && !p.isSymbol("]") {
		l.elements = append(l.elements, p.expr())
		if !p.symbol(",") {
			break
		}
	}
	p.needSymbol("]")
	return l
}

// local declares a name for as long as read reads.
func (p *parser) local(t token, read func(slot int)) {
	before, known := p.scope.names[t.text]
	slot := p.declare(t.text, t.pos)
	read(slot)
	if known {
		p.scope.names[t.text] = before
	} else {
		delete(p.scope.names, t.text)
	}
	p.refs = slices.DeleteFunc(p.refs, func(s int) bool { return s == slot })
}

func (p *parser) mapping() expr {
	m := &mapOf{}
	for p.err == nil && !p.isSymbol("}") {
		name, _ := p.name("a key")
		p.needSymbol(":")
		m.keys, m.values = append(m.keys, name), append(m.values, p.expr())
		if !p.symbol(",") {
			break
		}
	}
	p.needSymbol("}")
	return m
}

func (p *parser) cases() expr {
	c := &choice{}
	if !p.isWords("WHEN") {
		c.of = p.expr()
	}
	for p.err == nil && p.words("WHEN") {
		when := p.expr()
		if !p.words("THEN") {
			p.wanted("THEN")
		}
		c.when, c.then = append(c.when, when), append(c.then, p.expr())
	}
	if len(c.when) == 0 {
		p.wanted("WHEN")
	}
	if p.words("ELSE") {
		c.otherwise = p.expr()
	}
	if !p.words("END") {
		p.wanted("END")
	}
	return c
}

// call reads a function whose name and parenthesis were read.
func (p *parser) call(t token) expr {
	name := strings.ToLower(t.text)
	switch name {
	case "any", "all", "none", "single":
		return p.quantifier(name)
	case "exists":
		if p.isSymbol("(") && p.opensPattern() {
			e := p.ways()
			p.needSymbol(")")
			return e
		}
	case "shortestpath", "allshortestpaths":
		p.fail(t.pos, "shortestPath stands in MATCH: MATCH p = shortestPath((a)-[*]->(b))")
	}
	if aggregates[name] {
		return p.aggregate(t, name)
	}
	f, ok := functions[name]
	if !ok {
		p.fail(t.pos, "there is no function %s%s", t.text, value.Hint(t.text, slices.Concat(slices.Sorted(maps.Keys(functions)), slices.Sorted(maps.Keys(aggregates)))))
	}
	c := &call{name: name, f: f.run, pos: t.pos}
	for p.err == nil && !p.isSymbol(")") {
		c.args = append(c.args, p.expr())
		if !p.symbol(",") {
			break
		}
	}
	p.needSymbol(")")
	if p.err == nil && (len(c.args) < f.min || len(c.args) > f.max) {
		p.fail(t.pos, "%s takes %s", t.text, arguments(f.min, f.max))
	}
	return c
}

func arguments(least, most int) string {
	switch {
	case most == 0:
		return "no arguments"
	case least == most && least == 1:
		return "one argument"
	case least == most:
		return strconv.Itoa(least) + " arguments"
	case most >= maxArguments:
		return "at least " + arguments(least, least)
	}
	return strconv.Itoa(least) + " to " + strconv.Itoa(most) + " arguments"
}

func (p *parser) quantifier(name string) expr {
	_, t := p.name("a name for the element")
	if !p.words("IN") {
		p.wanted("IN")
	}
	q := &quantifier{name: name, list: p.expr()}
	p.local(t, func(slot int) {
		q.slot = slot
		if !p.words("WHERE") {
			p.wanted("WHERE")
		}
		q.where = p.expr()
	})
	p.needSymbol(")")
	return q
}

// aggregate reads count(*), count(DISTINCT x), collect(x) and the like.
func (p *parser) aggregate(t token, name string) expr {
	if p.sums == nil {
		p.fail(t.pos, "%s stands only in RETURN and WITH, and not inside of another such function", t.text)
		return &constant{}
	}
	a := &aggregate{name: name, index: len(*p.sums), pos: t.pos}
	sums := p.sums
	p.sums = nil
	if name == "count" && p.symbol("*") {
		a.name = "count(*)"
	} else {
		a.distinct = p.words("DISTINCT")
		a.of = p.expr()
	}
	p.sums = sums
	p.needSymbol(")")
	*sums = append(*sums, a)
	return a
}
