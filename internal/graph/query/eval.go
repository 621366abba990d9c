package query

import (
	"math"
	"regexp"
	"slices"
	"strings"
)

// expr is a part of a query that has a value. Null stands for what is not known: what is computed from it is null, and what is null
// does not hold.
type expr interface {
	eval(e *env) Value
}

// env is what expressions see.
type env struct {
	x    *executor
	row  []Value
	sums []Value // values of the aggregates
}

type (
	constant struct{ value Value }
	variable struct{ slot int }
	access   struct {
		of   expr
		name string
	}
	element struct{ of, at expr }
	slice   struct{ of, from, to expr } // from and to may be nil
	and     struct{ terms []condition }
	unary   struct {
		op  string
		a   expr
		pos int
	}
	binary struct {
		op    string
		a, b  expr
		pos   int
		regex *regexp.Regexp // of =~ with a constant
	}
	labelled struct {
		of     expr
		labels []string
	}
	listOf struct{ elements []expr }
	mapOf  struct {
		keys   []string
		values []expr
	}
	comprehension struct {
		slot               int
		list, where, yield expr // where and yield may be nil
	}
	quantifier struct {
		name        string
		slot        int
		list, where expr
	}
	choice struct {
		of, otherwise expr // may be nil
		when, then    []expr
	}
	call struct {
		name string
		f    func(c *call, e *env, args []Value) Value
		args []expr
		pos  int
	}
	aggregate struct {
		name     string
		distinct bool
		of       expr
		index    int
		pos      int
	}
	there struct { // a pattern that is to be there
		match *match
		first int
	}
)

func (c *constant) eval(*env) Value    { return c.value }
func (v *variable) eval(e *env) Value  { return e.row[v.slot] }
func (a *aggregate) eval(e *env) Value { return e.sums[a.index] }
func (a *access) eval(e *env) Value    { return propertyOf(a.of.eval(e), a.name) }

func (l *labelled) eval(e *env) Value {
	v := l.of.eval(e)
	switch v.kind {
	case kNode:
		for _, label := range l.labels {
			if !isLabel(&v.m.Nodes()[v.index], label) {
				return truth(false)
			}
		}
		return truth(true)
	case kRelation:
		for _, label := range l.labels {
			if string(v.m.Relations()[v.index].Kind) != kindOf(label) {
				return truth(false)
			}
		}
		return truth(true)
	}
	return Value{}
}

func (l *element) eval(e *env) Value {
	of, at := l.of.eval(e), l.at.eval(e)
	if at.kind == kString {
		return propertyOf(of, at.str)
	}
	list := of.list()
	if at.kind != kNumber || !at.whole {
		return Value{}
	}
	i := int(at.num)
	if i < 0 {
		i += len(list)
	}
	if i < 0 || i >= len(list) {
		return Value{}
	}
	return list[i]
}

func (s *slice) eval(e *env) Value {
	of := s.of.eval(e)
	if of.kind != kList {
		return Value{}
	}
	from, to := 0, len(of.more.list)
	for _, end := range []struct {
		expr expr
		at   *int
	}{{s.from, &from}, {s.to, &to}} {
		if end.expr == nil {
			continue
		}
		v := end.expr.eval(e)
		if v.kind != kNumber {
			return Value{}
		}
		n := int(max(min(v.num, 1e9), -1e9))
		if n < 0 {
			n += len(of.more.list)
		}
		*end.at = max(0, min(n, len(of.more.list)))
	}
	return listValue(of.more.list[from:max(from, to)])
}

func (a *and) eval(e *env) Value {
	out := truth(true)
	for _, t := range a.terms {
		switch v := t.expr.eval(e); {
		case v.kind != kBool:
			out = Value{}
		case !v.yes:
			return v
		}
	}
	return out
}

func (u *unary) eval(e *env) Value {
	v := u.a.eval(e)
	switch u.op {
	case "IS NULL":
		return truth(v.kind == kNull)
	case "IS NOT NULL":
		return truth(v.kind != kNull)
	case "NOT":
		if v.kind != kBool {
			return Value{}
		}
		return truth(!v.yes)
	}
	if v.kind == kNumber {
		v.num = -v.num
		return v
	}
	if v.kind != kNull {
		e.x.fail(u.pos, "- is for numbers, not for %s", v.kind)
	}
	return Value{}
}

func (b *binary) eval(e *env) Value {
	a, c := b.a.eval(e), b.b.eval(e)
	switch b.op {
	case "OR":
		if a.kind == kBool && a.yes || c.kind == kBool && c.yes {
			return truth(true)
		}
		if a.kind != kBool || c.kind != kBool {
			return Value{}
		}
		return truth(false)
	case "XOR":
		if a.kind != kBool || c.kind != kBool {
			return Value{}
		}
		return truth(a.yes != c.yes)
	case "=", "<>":
		if a.kind == kList && e.x.spend(a.weight()) {
			return Value{}
		}
		same, sure := equal(a, c)
		if !sure {
			return Value{}
		}
		return truth(same == (b.op == "="))
	case "<", "<=", ">", ">=":
		return ordered(b.op, a, c)
	case "IN":
		return in(a, c)
	case "CONTAINS", "STARTS WITH", "ENDS WITH", "=~":
		return b.text(e, a, c)
	}
	return b.arithmetic(e, a, c)
}

func ordered(op string, a, b Value) Value {
	if a.kind != b.kind || a.kind != kNumber && a.kind != kString && a.kind != kBool {
		return Value{}
	}
	n := compare(a, b)
	switch op {
	case "<":
		return truth(n < 0)
	case "<=":
		return truth(n <= 0)
	case ">":
		return truth(n > 0)
	}
	return truth(n >= 0)
}

func in(a, list Value) Value {
	if list.kind != kList {
		return Value{}
	}
	unsure := false
	for _, v := range list.more.list {
		same, sure := equal(a, v)
		if same {
			return truth(true)
		}
		unsure = unsure || !sure
	}
	if unsure {
		return Value{}
	}
	return truth(false)
}

func (b *binary) text(e *env, a, c Value) Value {
	if b.op == "CONTAINS" && a.kind == kList {
		return in(c, a)
	}
	if a.kind != kString || c.kind != kString {
		return Value{}
	}
	switch b.op {
	case "CONTAINS":
		return truth(strings.Contains(a.str, c.str))
	case "STARTS WITH":
		return truth(strings.HasPrefix(a.str, c.str))
	case "ENDS WITH":
		return truth(strings.HasSuffix(a.str, c.str))
	}
	re := b.regex
	if re == nil {
		var err error
		if re, err = compileRegex(c.str); err != nil {
			e.x.fail(b.pos, "the pattern of =~ is none: %v", err)
			return Value{}
		}
	}
	return truth(re.MatchString(a.str))
}

// compileRegex compiles a pattern that has to match a whole text.
func compileRegex(pattern string) (*regexp.Regexp, error) {
	if len(pattern) > maxRegex {
		return nil, errLongRegex
	}
	if _, err := regexp.Compile(pattern); err != nil {
		return nil, err
	}
	return regexp.Compile("^(?:" + pattern + ")$")
}

func (b *binary) arithmetic(e *env, a, c Value) Value {
	if a.kind == kNull || c.kind == kNull {
		return Value{}
	}
	if b.op == "+" {
		switch {
		case a.kind == kList && c.kind == kList:
			return e.x.concat(a.more.list, c.more.list)
		case a.kind == kList:
			return e.x.concat(a.more.list, []Value{c})
		case c.kind == kList:
			return e.x.concat([]Value{a}, c.more.list)
		case a.kind == kString || c.kind == kString:
			if e.x.spend(a.weight() + c.weight()) {
				return Value{}
			}
			if len(a.str)+len(c.str) > maxText {
				e.x.fail(b.pos, "the text grows longer than %d bytes", maxText)
				return Value{}
			}
			return textOf(a.String() + c.String())
		}
	}
	if a.kind != kNumber || c.kind != kNumber {
		e.x.fail(b.pos, "%s is for numbers, not for %s and %s", b.op, a.kind, c.kind)
		return Value{}
	}
	out := Value{kind: kNumber, whole: a.whole && c.whole}
	switch b.op {
	case "+":
		out.num = a.num + c.num
	case "-":
		out.num = a.num - c.num
	case "*":
		out.num = a.num * c.num
	case "/":
		if out.num = a.num / c.num; out.whole {
			out.num = math.Trunc(out.num)
		}
	case "%":
		out.num = math.Mod(a.num, c.num)
	case "^":
		out.num, out.whole = math.Pow(a.num, c.num), false
	}
	if math.IsNaN(out.num) || math.IsInf(out.num, 0) {
		return Value{}
	}
	return out
}

func (l *listOf) eval(e *env) Value {
	out := make([]Value, len(l.elements))
	for i, x := range l.elements {
		out[i] = x.eval(e)
	}
	return e.x.made(listValue(out))
}

func (m *mapOf) eval(e *env) Value {
	out := &more{keys: m.keys, list: make([]Value, len(m.values))}
	for i, x := range m.values {
		out.list[i] = x.eval(e)
	}
	return e.x.made(Value{kind: kMap, more: out})
}

func (c *comprehension) eval(e *env) Value {
	list := c.list.eval(e)
	if list.kind != kList {
		return Value{}
	}
	var out []Value
	for _, v := range list.more.list {
		if e.x.spend(1) {
			return Value{}
		}
		e.row[c.slot] = v
		if c.where != nil && !holds(c.where.eval(e)) {
			continue
		}
		if c.yield != nil {
			v = c.yield.eval(e)
		}
		out = append(out, v)
	}
	return e.x.made(listValue(out))
}

func (q *quantifier) eval(e *env) Value {
	list := q.list.eval(e)
	if list.kind != kList {
		return Value{}
	}
	yes, unsure := 0, 0
	for _, v := range list.more.list {
		if e.x.spend(1) {
			return Value{}
		}
		e.row[q.slot] = v
		switch v := q.where.eval(e); {
		case v.kind != kBool:
			unsure++
		case v.yes:
			yes++
		}
	}
	all := len(list.more.list)
	switch {
	case q.name == "any" && yes > 0:
		return truth(true)
	case q.name == "none" && yes > 0, q.name == "single" && yes > 1, q.name == "all" && yes+unsure < all:
		return truth(false)
	case unsure > 0:
		return Value{}
	}
	switch q.name {
	case "any":
		return truth(false)
	case "single":
		return truth(yes == 1)
	}
	return truth(true)
}

func (c *choice) eval(e *env) Value {
	var of Value
	if c.of != nil {
		of = c.of.eval(e)
	}
	for i, w := range c.when {
		v := w.eval(e)
		hit := holds(v)
		if c.of != nil {
			hit, _ = equal(of, v)
		}
		if hit {
			return c.then[i].eval(e)
		}
	}
	if c.otherwise == nil {
		return Value{}
	}
	return c.otherwise.eval(e)
}

func (c *call) eval(e *env) Value {
	args := make([]Value, len(c.args))
	for i, a := range c.args {
		args[i] = a.eval(e)
	}
	return c.f(c, e, args)
}

func (t *there) eval(e *env) Value {
	row := slices.Clone(e.row)
	found := false
	e.x.match(t.match, row, func() bool {
		found = true
		return false
	})
	return truth(found)
}

// holds tells whether a condition does: null does not.
func holds(v Value) bool { return v.kind == kBool && v.yes }
