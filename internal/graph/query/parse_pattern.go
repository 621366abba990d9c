package query

import (
	"strconv"
	"strings"
)

// pattern reads a chain, with a name and shortestPath only where named.
func (p *parser) pattern(named bool) *pattern {
	c := &pattern{slot: -1, pos: p.tok().pos}
	if t := p.tok(); named && (t.kind == tName || t.kind == tQuoted) && p.tokens[p.at+1].text == "=" && p.tokens[p.at+1].kind == tSymbol {
		p.at += 2
		if _, ok := p.scope.names[t.text]; ok {
			p.fail(t.pos, "%s is defined already: a path needs a new name", t.text)
		}
		c.slot = p.declare(t.text, t.pos)
	}
	if named && p.words("shortestPath") {
		c.shortest = true
		p.needSymbol("(")
	}
	c.nodes = append(c.nodes, p.node())
	for p.err == nil && (p.isSymbol("-") || p.isSymbol("<")) {
		c.rels = append(c.rels, p.rel())
		c.nodes = append(c.nodes, p.node())
	}
	for _, r := range c.rels {
		r.wanted = r.wanted || c.slot >= 0
	}
	if c.shortest {
		p.needSymbol(")")
		if p.err == nil && (len(c.rels) != 1 || !c.rels[0].many || c.rels[0].min > 1) {
			p.fail(c.pos, "shortestPath takes one relation with *: shortestPath((a)-[*]->(b))")
		}
	}
	return c
}

// node reads (name:Label {property: value}).
func (p *parser) node() *nodePattern {
	n := &nodePattern{}
	p.needSymbol("(")
	n.slot = p.variable()
	for p.symbol(":") {
		label := []string{p.label()}
		for p.symbol("|") {
			p.symbol(":")
			label = append(label, p.label())
		}
		n.labels = append(n.labels, label)
	}
	n.props = p.props()
	p.needSymbol(")")
	return n
}

// variable reads the name of a node or relation; one that is known keeps its slot.
func (p *parser) variable() int {
	t := p.tok()
	if t.kind != tName && t.kind != tQuoted {
		return p.declare("", t.pos)
	}
	p.at++
	if slot, ok := p.scope.names[t.text]; ok {
		p.refs = append(p.refs, slot)
		return slot
	}
	return p.declare(t.text, t.pos)
}

// label reads a name that may go on with - and a word, as kinds of relations do, and with :: and a word, as types of AWS do.
func (p *parser) label() string {
	name, t := p.name("a type")
	if t.kind == tQuoted {
		return name
	}
	for p.err == nil {
		a := p.tokens[p.at]
		if a.kind != tSymbol || a.pos != t.end {
			break
		}
		more := 1
		if a.text == ":" && p.tokens[p.at+1].text == ":" && p.tokens[p.at+1].pos == a.end {
			more = 2
		} else if a.text != "-" && a.text != "/" && a.text != "." {
			break
		}
		word := p.tokens[min(p.at+more, len(p.tokens)-1)]
		if word.kind != tName || word.pos != a.pos+more {
			break
		}
		name += p.text[a.pos:word.end]
		t = word
		p.at += more + 1
	}
	return name
}

func (p *parser) props() []property {
	var out []property
	if !p.symbol("{") {
		return nil
	}
	for p.err == nil {
		name, _ := p.name("the name of a property")
		for p.symbol(".") {
			more, _ := p.name("the name of a property")
			name += "." + more
		}
		p.needSymbol(":")
		outer := p.refs
		p.refs = nil
		out = append(out, property{name, p.expr(), p.refs})
		p.refs = append(outer, p.refs...)
		if !p.symbol(",") {
			break
		}
	}
	p.needSymbol("}")
	return out
}

// rel reads -[name:KIND*1..3 {property: value}]-> in any direction.
func (p *parser) rel() *relPattern {
	r := &relPattern{dir: either, min: 1, max: 1}
	from := p.symbol("<")
	p.needSymbol("-")
	if p.symbol("[") {
		t := p.tok()
		_, known := p.scope.names[t.text]
		r.wanted = t.kind == tName || t.kind == tQuoted
		r.slot = p.variable()
		for p.symbol(":") || p.symbol("|") {
			r.kinds = append(r.kinds, kindOf(p.label()))
		}
		if p.symbol("*") {
			p.hops(r)
			if known && r.wanted {
				p.fail(t.pos, "%s is defined already: relations with * need a new name", t.text)
			}
		}
		r.props = p.props()
		p.needSymbol("]")
	} else {
		r.slot = p.declare("", p.tok().pos)
	}
	p.needSymbol("-")
	switch to := p.symbol(">"); {
	case from && !to:
		r.dir = inward
	case to && !from:
		r.dir = outward
	}
	return r
}

// hops reads what follows a *: nothing, 3, 1..3, 1.. or ..3.
func (p *parser) hops(r *relPattern) {
	r.many, r.max = true, maxHops
	number := func() (int, bool) {
		t := p.tok()
		if t.kind != tNumber {
			return 0, false
		}
		p.at++
		n, err := strconv.Atoi(t.text)
		if err != nil || n > maxHops {
			p.fail(t.pos, "the number of relations has to be a whole number up to %d", maxHops)
		}
		return n, true
	}
	least, ok := number()
	if ok {
		r.min, r.max = least, least
	}
	if p.symbol("..") {
		r.max = maxHops
		if most, ok := number(); ok {
			r.max = most
		}
	}
	if r.max < r.min {
		p.fail(p.tok().pos, "the range of relations is empty")
	}
}

// kindOf is a kind of relation in our words: RUNS_AS is runs-as.
func kindOf(name string) string { return strings.ToLower(strings.ReplaceAll(name, "_", "-")) }
