package policy

import (
	"slices"

	"cel.dev/cel-go/common/ast"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/value"
)

// junction compiles && (decides: false) and || (decides: true). A deciding side wins over an unknown and over a failure on
// the other; an unknown wins over a failure, since it could still decide.
func (c *compiler) junction(e ast.Expr, decides bool, a, b node) node {
	wrong := c.failed(e, "one side of && or || is not a bool")
	left, right := a.run, b.run
	return node{run: func(sc *Scope) val {
		l := left(sc)
		if l.st == nil && l.Kind() == plinth.Bool && l.Bool() == decides {
			return l
		}
		r := right(sc)
		if r.st == nil && r.Kind() == plinth.Bool {
			if r.Bool() == decides {
				return r
			}
			return asBool(l, wrong)
		}
		r = asBool(r, wrong)
		if l.st == nil && l.Kind() == plinth.Bool {
			return r
		}
		return meet(asBool(l, wrong), r)
	}}
}

// asBool lets truth, unknowns and failures through.
func asBool(v, wrong val) val {
	if v.st == nil && v.Kind() != plinth.Bool && v.Kind() != plinth.Unknown {
		return wrong
	}
	if v.st != nil && v.st.kind != failed {
		return wrong
	}
	return v
}

// meet joins two answers of which neither decides and neither is a bool.
func meet(a, b val) val {
	switch {
	case a.failed() && b.failed():
		return a
	case a.failed():
		return b
	case b.failed():
		return a
	}
	return plain(plinth.UnknownOf(append(slices.Clip(a.Why()), b.Why()...)...))
}

func (c *compiler) not(e ast.Expr, a node) node {
	wrong := c.failed(e, "! is asked of something that is not a bool")
	return node{run: func(sc *Scope) val {
		v := a.run(sc)
		if v.st == nil && v.Kind() == plinth.Bool {
			return truth(!v.Bool())
		}
		return asBool(v, wrong)
	}}
}

// choice compiles ?:. Where the condition is unknown both sides are asked, and what they agree on is the answer.
func (c *compiler) choice(e ast.Expr, cond, yes, no node) node {
	if yes.optional != no.optional {
		return c.fail(e, "one side of ?: is optional and the other is not")
	}
	wrong := c.failed(e, "the condition of ?: is not a bool")
	return node{optional: yes.optional, run: func(sc *Scope) val {
		v := asBool(cond.run(sc), wrong)
		if v.st != nil {
			return v
		}
		if v.Kind() == plinth.Bool {
			if v.Bool() {
				return yes.run(sc)
			}
			return no.run(sc)
		}
		return agree(v, yes.run(sc), no.run(sc))
	}}
}

func agree(cond, a, b val) val {
	if a.st == b.st && !a.failed() {
		if t, _ := value.Equal(a.Value, b.Value); t == value.True {
			return a
		}
	}
	if a.failed() || b.failed() {
		return plain(unknown(cond.Value))
	}
	return plain(unknown(cond.Value, a.Value, b.Value))
}

// equal compiles == and !=.
func (c *compiler) equal(e ast.Expr, a, b node, negate bool) node {
	if a.optional != b.optional {
		return c.fail(e, "an optional is compared with a value and would never be equal; end it with .orValue(…)")
	}
	if b.constant != nil && b.constant.Kind() == plinth.String {
		return equalText(a, *b.constant, negate)
	}
	return node{run: func(sc *Scope) val {
		l, r := a.run(sc), b.run(sc)
		if l.failed() {
			return l
		}
		if r.failed() {
			return r
		}
		if l.st != nil || r.st != nil { // optionals
			if l.st == isEmpty || r.st == isEmpty {
				if l.st == nil || r.st == nil { // an optional that may be there
					return plain(unknown(l.Value, r.Value))
				}
				return truth((l.st == r.st) != negate)
			}
		}
		t, why := equal(l.Value, r.Value)
		if negate {
			t = not(t)
		}
		return open(t, why)
	}}
}

func equalText(a node, want plinth.Value, negate bool) node {
	text := want.Str()
	return node{run: func(sc *Scope) val {
		v := a.run(sc)
		if v.st == nil && v.Kind() == plinth.String {
			return truth((v.Str() == text) != negate)
		}
		if v.st != nil {
			return v
		}
		t, why := equal(v.Value, want)
		if negate {
			t = not(t)
		}
		return open(t, why)
	}}
}

func not(t value.Truth) value.Truth {
	switch t {
	case value.True:
		return value.False
	case value.False:
		return value.True
	}
	return value.Undecided
}

// equal is value.Equal, and knows that the identity of another resource is neither empty nor null.
func equal(a, b plinth.Value) (value.Truth, []string) {
	if a.IsUnknown() && nothing(b) && there(a) || b.IsUnknown() && nothing(a) && there(b) {
		return value.False, nil
	}
	if low, ok := atLeast(a); ok && b.Kind() == plinth.Number && b.Num() < low {
		return value.False, nil
	}
	if low, ok := atLeast(b); ok && a.Kind() == plinth.Number && a.Num() < low {
		return value.False, nil
	}
	return value.Equal(a, b)
}

func nothing(v plinth.Value) bool { return v.IsNull() || v.Kind() == plinth.String && v.Str() == "" }

// in compiles membership.
func (c *compiler) in(e ast.Expr, a, b node) node {
	wrong := c.failed(e, "in is asked of something that is no list or map")
	return node{run: func(sc *Scope) val {
		x, set := a.run(sc), b.run(sc)
		if x.st != nil {
			return x
		}
		if set.st != nil {
			return set
		}
		s := inside(set.Value)
		switch s.Kind() {
		case plinth.List:
			return open(member(x.Value, s.List()))
		case plinth.Map:
			return inMap(x.Value, s)
		case plinth.Unknown:
			if t, _ := member(x.Value, surely(s).List()); t == value.True {
				return truth(true)
			}
			if _, ok := surely(s).Get(x.Str()); ok && x.Kind() == plinth.String {
				return truth(true)
			}
			return plain(unknown(s, x.Value))
		}
		return wrong
	}}
}

func inMap(x, m plinth.Value) val {
	if x.IsUnknown() {
		if m.Len() == 0 {
			return truth(false)
		}
		return plain(unknown(x))
	}
	if x.Kind() != plinth.String {
		return truth(false)
	}
	entry, ok := m.Get(x.Str())
	if ok && entry.IsUnknown() && !there(entry) {
		return plain(entry)
	}
	return truth(ok)
}

func member(x plinth.Value, list []plinth.Value) (value.Truth, []string) {
	answer, why := value.False, []string(nil)
	if x.Kind() == plinth.String {
		for i := range list {
			if list[i].Kind() == plinth.String && list[i].Str() == x.Str() {
				return value.True, nil
			}
		}
	}
	for i := range list {
		switch t, w := equal(x, list[i]); t {
		case value.True:
			return value.True, nil
		case value.Undecided:
			answer, why = value.Undecided, append(why, w...)
		}
	}
	return answer, why
}
