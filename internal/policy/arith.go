package policy

import (
	"math"
	"strings"

	"cel.dev/cel-go/common/ast"

	"github.com/plinthsec/plinth"
)

// joint applies an operator to two sides; wrong is the failure of kinds that do not fit.
func joint(l, r, wrong val, op func(l, r plinth.Value) (val, bool)) val {
	switch {
	case l.st != nil:
		return l
	case r.st != nil:
		return r
	case l.IsUnknown() || r.IsUnknown():
		return plain(unknown2(l.Value, r.Value))
	}
	v, ok := op(l.Value, r.Value)
	if !ok {
		return wrong
	}
	return v
}

// strict runs a binary operator on two values that are neither failures nor unknown.
func (c *compiler) strict(e ast.Expr, name string, a, b node, op func(l, r plinth.Value) (val, bool)) node {
	wrong := c.failed(e, "%s does not fit the kinds of its sides", name)
	return node{double: a.double || b.double, run: func(sc *Scope) val { return joint(a.run(sc), b.run(sc), wrong, op) }}
}

// unknown2 is unknown for the reasons of its unknown sides, without looking inside the other.
func unknown2(a, b plinth.Value) plinth.Value {
	switch {
	case !a.IsUnknown():
		return unknown(b)
	case !b.IsUnknown():
		return unknown(a)
	}
	return unknown(a, b)
}

// compare compiles <, <=, > and >=: holds tells which signs of the comparison are true.
func (c *compiler) compare(e ast.Expr, name string, a, b node, holds func(sign int) bool) node {
	n := c.strict(e, name, a, b, func(l, r plinth.Value) (val, bool) {
		if l.Kind() != r.Kind() {
			return val{}, false
		}
		switch l.Kind() {
		case plinth.Number:
			if math.IsNaN(l.Num()) || math.IsNaN(r.Num()) {
				return truth(false), true
			}
			return truth(holds(sign(l.Num(), r.Num()))), true
		case plinth.String:
			return truth(holds(strings.Compare(l.Str(), r.Str()))), true
		case plinth.Bool:
			return truth(holds(sign(asNumber(l), asNumber(r)))), true
		}
		return val{}, false
	})
	strict := n.run
	n.run = func(sc *Scope) val {
		v := strict(sc)
		if v.st != nil || !v.IsUnknown() {
			return v
		}
		return bounded(v, a.run(sc).Value, b.run(sc).Value, holds)
	}
	return n
}

// bounded decides an unknown comparison where a number that is at least so large is enough.
func bounded(v val, l, r plinth.Value, holds func(sign int) bool) val {
	least := -1 // the smallest sign that is possible; 1 is the largest
	switch low, ok := atLeast(l); {
	case ok && r.Kind() == plinth.Number:
		least = sign(low, r.Num())
	default:
		low, ok := atLeast(r)
		if !ok || l.Kind() != plinth.Number {
			return v
		}
		least = sign(low, l.Num())
		was := holds
		holds = func(sign int) bool { return was(-sign) }
	}
	for s := least; s <= 1; s++ {
		if holds(s) != holds(1) {
			return v
		}
	}
	return truth(holds(1))
}

// atLeast returns the bound of an unknown number: the size of a list that has these elements in any case.
func atLeast(v plinth.Value) (float64, bool) {
	low := surely(v)
	return low.Num(), low.Kind() == plinth.Number
}

func sign(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func asNumber(v plinth.Value) float64 {
	if v.Bool() {
		return 1
	}
	return 0
}

func (c *compiler) add(e ast.Expr, a, b node) node {
	wrong := c.failed(e, "%s does not fit the kinds of its sides", "+")
	sum := func(l, r plinth.Value) (val, bool) {
		if l.Kind() != r.Kind() {
			return val{}, false
		}
		switch l.Kind() {
		case plinth.Number:
			return number(l.Num() + r.Num()), true
		case plinth.String:
			if l.Len()+r.Len() > maxText {
				return failure("the text grows too long"), true
			}
			return text(l.Str() + r.Str()), true
		case plinth.List:
			if l.Len()+r.Len() > maxText {
				return failure("the list grows too long"), true
			}
			return plain(concat(l.List(), r.List())), true
		}
		return val{}, false
	}
	return node{double: a.double || b.double, run: func(sc *Scope) val {
		l, r := a.run(sc), b.run(sc) // once: a chain of sums would double the work with each
		v := joint(l, r, wrong, sum)
		if v.st != nil || !v.IsUnknown() {
			return sc.charge(v)
		}
		return c.addLists(v, l, r)
	}}
}

// addLists keeps the elements that an unknown sum of lists surely has.
func (c *compiler) addLists(sum, l, r val) val {
	known := func(v plinth.Value) []plinth.Value {
		if v.IsUnknown() {
			return surely(v).List()
		}
		return v.List()
	}
	if list := concat(known(l.Value), known(r.Value)); list.Len() > 0 {
		return plain(sum.Value.WithPartial(list))
	}
	return sum
}

func concat(a, b []plinth.Value) plinth.Value {
	list := make([]plinth.Value, 0, len(a)+len(b))
	return plinth.ListOf(append(append(list, a...), b...))
}

func (c *compiler) arithmetic(e ast.Expr, name string, a, b node, op func(l, r float64, whole bool) val) node {
	double := a.double || b.double
	n := c.strict(e, name, a, b, func(l, r plinth.Value) (val, bool) {
		if l.Kind() != plinth.Number || r.Kind() != plinth.Number {
			return val{}, false
		}
		x, y := l.Num(), r.Num()
		return op(x, y, !double && x == math.Trunc(x) && y == math.Trunc(y)), true
	})
	located := n.run
	line, col := c.position(e)
	n.run = func(sc *Scope) val { return at(located(sc), line, col) }
	return n
}

// at gives a failure its place.
func at(v val, line, col int) val {
	if v.st != nil && v.st.kind == failed && v.st.line == 0 {
		return val{st: &state{kind: failed, text: v.st.text, line: line, col: col}}
	}
	return v
}

func divide(l, r float64, whole bool) val {
	if whole {
		if r == 0 {
			return failure("divided by zero")
		}
		return number(math.Trunc(l / r))
	}
	return number(l / r)
}

func modulo(l, r float64, whole bool) val {
	switch {
	case !whole:
		return failure("% is for whole numbers")
	case r == 0:
		return failure("divided by zero")
	}
	return number(math.Mod(l, r) + 0)
}

func (c *compiler) negate(e ast.Expr, a node) node {
	if a.constant != nil && a.constant.Kind() == plinth.Number {
		n := constant(plinth.NumberOf(-a.constant.Num()))
		n.double = a.double
		return n
	}
	wrong := c.failed(e, "- is asked of something that is no number")
	return node{double: a.double, run: func(sc *Scope) val {
		v := a.run(sc)
		switch {
		case v.st != nil || v.IsUnknown():
			return v
		case v.Kind() != plinth.Number:
			return wrong
		}
		return number(0 - v.Num())
	}}
}
