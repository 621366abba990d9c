package query

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/plinthsec/plinth/internal/value"
)

// Parse reads a query. The error is an *Error.
func Parse(text string) (*Query, error) {
	if len(text) > maxText {
		return nil, errorAt(text, 0, "the query is longer than %d bytes", maxText)
	}
	tokens, err := lex(text)
	if err != nil {
		return nil, err
	}
	p := &parser{text: text, tokens: tokens}
	q := p.query()
	if p.err != nil {
		return nil, p.err
	}
	return q, nil
}

// parser reads by recursive descent. After a fault, err is set and the next token is the end, so that all loops end.
type parser struct {
	text   string
	tokens []token
	at     int
	scope  *scope
	refs   []int         // slots that the expressions so far read
	sums   *[]*aggregate // where aggregates go; nil where there may be none
	depth  int
	err    *Error
}

func (p *parser) tok() token { return p.tokens[p.at] }

func (p *parser) fail(pos int, format string, args ...any) {
	if p.err == nil {
		p.err = errorAt(p.text, pos, format, args...)
	}
	p.at = len(p.tokens) - 1
}

// wanted fails at the next token.
func (p *parser) wanted(what string) {
	t := p.tok()
	if t.kind == tEnd {
		p.fail(t.pos, "the query ends where %s is wanted", what)
		return
	}
	p.fail(t.pos, "%s is wanted, not %q", what, p.text[t.pos:t.end])
}

func (p *parser) isSymbol(s string) bool {
	t := p.tok()
	return t.kind == tSymbol && t.text == s
}

func (p *parser) symbol(s string) bool {
	if p.isSymbol(s) {
		p.at++
		return true
	}
	return false
}

func (p *parser) needSymbol(s string) {
	if !p.symbol(s) {
		p.wanted(strconv.Quote(s))
	}
}

// isWords tells whether the next tokens are these keywords.
func (p *parser) isWords(words ...string) bool {
	for i, w := range words {
		if p.at+i >= len(p.tokens) {
			return false
		}
		if t := p.tokens[p.at+i]; t.kind != tName || !strings.EqualFold(t.text, w) {
			return false
		}
	}
	return true
}

func (p *parser) words(words ...string) bool {
	if p.isWords(words...) {
		p.at += len(words)
		return true
	}
	return false
}

// name reads the name of something.
func (p *parser) name(what string) (string, token) {
	t := p.tok()
	if t.kind != tName && t.kind != tQuoted {
		p.wanted(what)
		return "", t
	}
	p.at++
	return t.text, t
}

// declare gives a variable a slot; "" is an unnamed one.
func (p *parser) declare(name string, pos int) int {
	slot := p.scope.n
	if slot == maxSlots {
		p.fail(pos, "the query has more than %d nodes, relations and variables", maxSlots)
		return 0
	}
	p.scope.n++
	if name != "" {
		p.scope.names[name] = slot
	}
	return slot
}

func (p *parser) query() *Query {
	q := &Query{text: p.text}
	for {
		q.parts = append(q.parts, p.single())
		if p.err != nil {
			return nil
		}
		if first := q.parts[0]; len(first.columns) != len(q.parts[len(q.parts)-1].columns) {
			p.fail(p.tok().pos, "the parts of UNION have to return equally many columns")
		}
		if !p.words("UNION") {
			break
		}
		all := p.words("ALL")
		if len(q.parts) > 1 && all != q.all {
			p.fail(p.tok().pos, "UNION and UNION ALL cannot be mixed")
		}
		q.all = all
	}
	if p.tok().kind != tEnd && p.err == nil {
		p.wanted("the end of the query after RETURN")
	}
	return q
}

// writing are the clauses that change something.
var writing = []string{"CREATE", "MERGE", "SET", "DELETE", "DETACH", "REMOVE", "FOREACH", "LOAD", "CALL", "DROP"}

func (p *parser) single() *single {
	s := &single{}
	p.scope = newScope()
	for p.err == nil {
		switch {
		case p.words("OPTIONAL", "MATCH"):
			s.clauses = append(s.clauses, p.match(true))
		case p.words("MATCH"):
			s.clauses = append(s.clauses, p.match(false))
		case p.words("UNWIND"):
			s.clauses = append(s.clauses, p.unwind())
		case p.words("WITH"):
			s.clauses = append(s.clauses, p.project(true))
		case p.words("RETURN"):
			last := p.project(false)
			s.clauses = append(s.clauses, last)
			for _, i := range last.items {
				s.columns = append(s.columns, i.name)
			}
			return s
		default:
			t := p.tok()
			if slices.ContainsFunc(writing, func(w string) bool { return p.isWords(w) }) {
				p.fail(t.pos, "%s is not known here: queries only read, with MATCH, WHERE, WITH, UNWIND and RETURN", strings.ToUpper(t.text))
				break
			}
			p.wanted("MATCH, OPTIONAL MATCH, UNWIND, WITH or RETURN")
		}
	}
	return s
}

func (p *parser) match(optional bool) *match {
	m := &match{optional: optional, scope: p.scope}
	first := p.scope.n
	for p.err == nil {
		m.patterns = append(m.patterns, p.pattern(true))
		if !p.symbol(",") {
			break
		}
	}
	for slot := first; slot < p.scope.n; slot++ {
		m.fresh = append(m.fresh, slot)
	}
	if p.words("WHERE") {
		m.where = p.conditions()
	}
	m.lift()
	return m
}

// lift turns properties of a pattern that are computed from variables into conditions, which wait until the variables are there.
func (m *match) lift() {
	for _, c := range m.patterns {
		for _, n := range c.nodes {
			n.props = m.lifted(n.slot, n.props)
		}
		for _, r := range c.rels {
			if !r.many {
				r.props = m.lifted(r.slot, r.props)
			}
		}
	}
}

func (m *match) lifted(slot int, props []property) []property {
	return slices.DeleteFunc(props, func(p property) bool {
		if len(p.refs) == 0 {
			return false
		}
		m.where = append(m.where, condition{&binary{op: "=", a: &access{of: &variable{slot}, name: p.name}, b: p.value}, append(p.refs, slot)})
		return true
	})
}

// conditions reads an expression and splits it at AND.
func (p *parser) conditions() []condition {
	outer := p.refs
	p.refs = nil
	e := p.expr()
	refs := p.refs
	p.refs = append(outer, refs...)
	if all, ok := e.(*and); ok {
		return all.terms
	}
	return []condition{{e, refs}}
}

func (p *parser) unwind() *unwind {
	u := &unwind{list: p.expr()}
	if !p.words("AS") {
		p.wanted("AS and a name for the element")
	}
	name, t := p.name("a name for the element")
	u.slot = p.declare(name, t.pos)
	return u
}

// project reads what follows WITH or RETURN.
func (p *parser) project(with bool) *project {
	c := &project{in: p.scope, out: newScope()}
	c.distinct = p.words("DISTINCT")
	p.sums = &c.aggregates
	p.items(c, with)
	p.sums = nil
	c.sorted = p.orderScope(c)
	if p.words("ORDER", "BY") {
		p.order(c)
	}
	p.scope, c.pos = newScope(), p.tok().pos // SKIP and LIMIT see no variables
	if p.words("SKIP") {
		c.skip = p.expr()
	}
	if p.words("LIMIT") {
		c.limit = p.expr()
	}
	p.scope = c.out
	if with && p.words("WHERE") {
		c.where = p.expr()
	}
	return c
}

func (p *parser) items(c *project, with bool) {
	add := func(i item, pos int) {
		if _, ok := c.out.names[i.name]; ok {
			p.fail(pos, "two columns are called %s: rename one with AS", i.name)
		}
		c.out.names[i.name] = c.out.n
		c.out.n++
		c.items = append(c.items, i)
	}
	if p.symbol("*") {
		for _, name := range slices.Sorted(maps.Keys(p.scope.names)) {
			add(item{expr: &variable{p.scope.names[name]}, name: name, constant: true}, 0)
		}
		if len(c.items) == 0 {
			p.fail(p.tok().pos, "there is nothing that * could stand for")
		}
		if !p.symbol(",") {
			return
		}
	}
	for p.err == nil {
		t, sums := p.tok(), len(c.aggregates)
		e := p.expr()
		end := p.tokens[max(p.at-1, 0)].end
		i := item{expr: e, text: p.text[t.pos:max(t.pos, end)], constant: sums == len(c.aggregates)}
		i.name = i.text
		v, isVariable := e.(*variable)
		switch {
		case p.words("AS"):
			i.name, _ = p.name("a name for the column")
		case isVariable:
			i.name = p.nameOf(v.slot, i.name)
		case with:
			p.fail(p.tok().pos, "WITH needs a name for what is computed: … AS name")
		}
		add(i, t.pos)
		if !p.symbol(",") {
			return
		}
	}
}

func (p *parser) nameOf(slot int, otherwise string) string {
	for name, s := range p.scope.names {
		if s == slot {
			return name
		}
	}
	return otherwise
}

// orderScope lets ORDER BY see the new names first and, where rows stay rows, the old ones.
func (p *parser) orderScope(c *project) *scope {
	s := &scope{names: maps.Clone(c.out.names), n: c.out.n + c.in.n}
	if len(c.aggregates) == 0 && !c.distinct {
		for name, slot := range c.in.names {
			if _, ok := s.names[name]; !ok {
				s.names[name] = c.out.n + slot
			}
		}
	}
	return s
}

func (p *parser) order(c *project) {
	p.scope = c.sorted
	for p.err == nil {
		key := sortKey{expr: p.column(c)}
		if key.expr == nil {
			key.expr = p.expr()
		}
		if p.words("DESC") || p.words("DESCENDING") {
			key.desc = true
		} else if !p.words("ASC") {
			p.words("ASCENDING")
		}
		c.order = append(c.order, key)
		if !p.symbol(",") {
			return
		}
	}
}

// column is a column whose very words stand next, as in RETURN n.name ORDER BY n.name; nil where there is none.
func (p *parser) column(c *project) expr {
	from := p.tok().pos
	for i, it := range c.items {
		end := from + len(it.text)
		if it.text == "" || end > len(p.text) || p.text[from:end] != it.text {
			continue
		}
		at := p.at
		for p.tokens[at].kind != tEnd && p.tokens[at].end < end {
			at++
		}
		next := p.tokens[min(at+1, len(p.tokens)-1)]
		ends := next.kind == tEnd || next.text == "," || slices.ContainsFunc([]string{"ASC", "DESC", "ASCENDING", "DESCENDING", "SKIP", "LIMIT", "WHERE", "UNION", "MATCH", "OPTIONAL", "UNWIND", "WITH", "RETURN"}, func(w string) bool { return strings.EqualFold(next.text, w) })
		if p.tokens[at].end == end && ends {
			p.at = at + 1
			return &variable{i}
		}
	}
	return nil
}

// lookup finds a variable.
func (p *parser) lookup(name string, pos int) int {
	slot, ok := p.scope.names[name]
	if !ok {
		p.fail(pos, "%s is not defined%s", name, value.Hint(name, slices.Sorted(maps.Keys(p.scope.names))))
		return 0
	}
	p.refs = append(p.refs, slot)
	return slot
}
