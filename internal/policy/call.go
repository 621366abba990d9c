package policy

import (
	"slices"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"

	"github.com/plinthsec/plinth"
)

// function is a function of the library, by number of arguments (the target of a member call is the first of them). Its
// arguments are never failures or optionals. They are never unknown either, as a whole, unless holes is set.
type function struct {
	f1     func(a plinth.Value) val
	f2     func(a, b plinth.Value) val
	f3     func(a, b, c plinth.Value) val
	holes  bool
	style  style
	soft   bool // takes optionals: an empty one as null
	keeps  bool // the answer stands for the same property as the first argument
	double bool
}

type style uint8

const (
	asGlobal style = 1 << iota
	asMember
	asEither = asGlobal | asMember
)

func (c *compiler) call(e ast.Expr) node {
	call := e.AsCall()
	name, args := call.FunctionName(), call.Args()
	if n, ok := c.operator(e, name, args); ok {
		return n
	}
	if n, ok := c.macro(e, call); ok {
		return n
	}
	all, how := args, asGlobal
	if call.IsMemberFunction() {
		t := call.Target()
		if space, ok := c.namespace(t); ok {
			name = space + "." + name
		} else {
			all, how = append([]ast.Expr{t}, args...), asMember
		}
	}
	if n, ok := c.special(e, name, how, all); ok {
		return n
	}
	f := c.env.funcs[name]
	if f == nil {
		return c.fail(e, "there is no function %s%s", name, hint(name, c.env.functionNames()))
	}
	if f.style&how == 0 {
		if how == asMember {
			return c.fail(e, "%s is called as %s(x)", name, name)
		}
		return c.fail(e, "%s is called as x.%s()", name, name)
	}
	return c.apply(e, name, f, all)
}

func (e *Env) functionNames() []string {
	names := []string{"has", "exists", "exists_one", "all", "map", "filter", "optMap", "hasValue", "orValue", "related", "refers", "referred", "resources", "origin", "psa"}
	for n := range e.funcs {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// namespace tells whether the target of a member call is the first half of a function's name, as in sets.contains.
func (c *compiler) namespace(t ast.Expr) (string, bool) {
	if t.Kind() != ast.IdentKind {
		return "", false
	}
	switch name := t.AsIdent(); name {
	case "sets", "math", "lists", "optional", "strings":
		return name, c.env.Index(name) < 0 && !slices.ContainsFunc(c.locals, func(l local) bool { return l.name == name })
	}
	return "", false
}

func (c *compiler) operator(e ast.Expr, name string, args []ast.Expr) (node, bool) {
	switch name {
	case operators.LogicalAnd, operators.LogicalOr:
		return c.junction(e, name == operators.LogicalOr, c.value(args[0]), c.value(args[1])), true
	case operators.LogicalNot:
		return c.not(e, c.value(args[0])), true
	case operators.Negate:
		return c.negate(e, c.value(args[0])), true
	case operators.Conditional:
		return c.choice(e, c.value(args[0]), c.compile(args[1]), c.compile(args[2])), true
	case operators.Equals, operators.NotEquals:
		return c.equal(e, c.compile(args[0]), c.compile(args[1]), name == operators.NotEquals), true
	case operators.In, operators.OldIn:
		return c.in(e, c.value(args[0]), c.value(args[1])), true
	case operators.Add:
		return c.add(e, c.value(args[0]), c.value(args[1])), true
	case operators.Index:
		operand, key := c.compile(args[0]), c.value(args[1])
		if operand.optional {
			return c.optIndex(e, operand, key), true
		}
		return c.index(e, operand, key), true
	case operators.OptIndex:
		return c.optIndex(e, c.compile(args[0]), c.value(args[1])), true
	case operators.OptSelect:
		return c.optSelect(e, c.compile(args[0]), constantText(args[1])), true
	}
	return c.ordered(e, name, args)
}

func constantText(e ast.Expr) string {
	if e.Kind() == ast.LiteralKind {
		if s, ok := e.AsLiteral().Value().(string); ok {
			return s
		}
	}
	return ""
}

func (c *compiler) ordered(e ast.Expr, name string, args []ast.Expr) (node, bool) {
	var holds func(int) bool
	switch name {
	case operators.Less:
		holds = func(s int) bool { return s < 0 }
	case operators.LessEquals:
		holds = func(s int) bool { return s <= 0 }
	case operators.Greater:
		holds = func(s int) bool { return s > 0 }
	case operators.GreaterEquals:
		holds = func(s int) bool { return s >= 0 }
	case operators.Subtract:
		return c.arithmetic(e, "-", c.value(args[0]), c.value(args[1]), func(l, r float64, _ bool) val { return number(l - r) }), true
	case operators.Multiply:
		return c.arithmetic(e, "*", c.value(args[0]), c.value(args[1]), func(l, r float64, _ bool) val { return number(l * r) }), true
	case operators.Divide:
		return c.arithmetic(e, "/", c.value(args[0]), c.value(args[1]), divide), true
	case operators.Modulo:
		return c.arithmetic(e, "%", c.value(args[0]), c.value(args[1]), modulo), true
	default:
		return node{}, false
	}
	sign, _ := operators.FindReverse(name)
	return c.compare(e, sign, c.value(args[0]), c.value(args[1]), holds), true
}

// special compiles what needs more than the values of its arguments.
func (c *compiler) special(e ast.Expr, name string, how style, args []ast.Expr) (node, bool) {
	arity := func(n int, use string) bool {
		if len(args) != n {
			c.fail(e, "%s is called as %s", name, use)
		}
		return len(args) == n
	}
	switch {
	case how == asMember && (name == "orValue" || name == "hasValue" || name == "value" || name == "or"):
		n := 1
		if name == "orValue" || name == "or" {
			n = 2
		}
		if !arity(n, "p.?A."+name+map[int]string{1: "()", 2: "(x)"}[n]) {
			return node{}, true
		}
		return c.optionalCall(e, name, args), true
	case name == "optional.none" && arity(0, "optional.none()"):
		return node{optional: true, run: func(*Scope) val { return none() }}, true
	case (name == "optional.of" || name == "optional.ofNonZeroValue") && arity(1, name+"(x)"):
		return c.optionalOf(c.value(args[0]), name == "optional.of"), true
	case (name == "first" || name == "last") && how == asMember && arity(1, "p.A."+name+"()"):
		return c.firstOrLast(e, c.value(args[0]), name == "first"), true
	case how == asGlobal && (name == "related" || name == "refers" || name == "referred") && arity(2, name+`(p, "TYPE")`):
		return c.linked(e, name, args), true
	case how == asGlobal && name == "resources" && arity(1, `resources("TYPE")`):
		return c.resources(e, args[0]), true
	case how == asGlobal && name == "origin" && arity(1, "origin(p.A)"):
		return c.origin(args[0]), true
	case how == asGlobal && name == "psa" && arity(0, "psa()"):
		return node{run: podSecurity}, true
	case name == "matches" && len(args) == 2:
		if n, ok := c.matchesConstant(e, args); ok {
			return n, true
		}
	}
	return node{}, c.fault != nil
}

// apply compiles the call of a library function.
func (c *compiler) apply(e ast.Expr, name string, f *function, args []ast.Expr) node {
	if !(len(args) == 1 && f.f1 != nil || len(args) == 2 && f.f2 != nil || len(args) == 3 && f.f3 != nil) {
		return c.fail(e, "%s does not take %d arguments%s", name, len(args), f.arities())
	}
	nodes := make([]node, len(args))
	for i, a := range args {
		if f.soft {
			nodes[i] = c.compile(a)
		} else {
			nodes[i] = c.value(a)
		}
	}
	line, col := c.position(e)
	fit := func(v val) val {
		if v.failed() && v.st.line == 0 {
			return val{st: &state{kind: failed, text: name + ": " + v.st.text, line: line, col: col}}
		}
		return v
	}
	n := node{double: f.double}
	if f.keeps {
		n.at = nodes[0].at
	}
	switch len(nodes) {
	case 1:
		n.run = func(sc *Scope) val {
			a := nodes[0].run(sc)
			switch {
			case a.failed():
				return a
			case !f.holes && a.IsUnknown() && !hasDocument(a.Value):
				return plain(unknown(a.Value))
			}
			return sc.charge(fit(f.f1(a.Value)))
		}
	case 2:
		n.run = func(sc *Scope) val { return sc.charge(fit(f.call2(nodes[0].run(sc), nodes[1].run(sc)))) }
	case 3:
		n.run = func(sc *Scope) val {
			return sc.charge(fit(f.call3(nodes[0].run(sc), nodes[1].run(sc), nodes[2].run(sc))))
		}
	}
	return n
}

func hasDocument(v plinth.Value) bool {
	return !inside(v).IsUnknown()
}

func (f *function) call2(a, b val) val {
	switch {
	case a.failed():
		return a
	case b.failed():
		return b
	case !f.holes && (a.IsUnknown() || b.IsUnknown()):
		return plain(unknown2(a.Value, b.Value))
	}
	return f.f2(a.Value, b.Value)
}

func (f *function) call3(a, b, c val) val {
	switch {
	case a.failed():
		return a
	case b.failed():
		return b
	case c.failed():
		return c
	case !f.holes && (a.IsUnknown() || b.IsUnknown() || c.IsUnknown()):
		var why []string
		for _, v := range [...]val{a, b, c} {
			why = append(why, v.Why()...)
		}
		return plain(plinth.UnknownOf(why...))
	}
	return f.f3(a.Value, b.Value, c.Value)
}

func (f *function) arities() string {
	var takes []string
	for i, has := range []bool{f.f1 != nil, f.f2 != nil, f.f3 != nil} {
		if has {
			takes = append(takes, string(rune('1'+i)))
		}
	}
	return "; it takes " + strings.Join(takes, " or ") + ", a target included"
}

func (c *compiler) optionalCall(e ast.Expr, name string, args []ast.Expr) node {
	target := c.compile(args[0])
	if c.fault == nil && !target.optional {
		return c.fail(e, "%s is for optionals; write p.?A.%s or, for a value that is there, leave it out", name, name)
	}
	run := target.run
	switch name {
	case "hasValue":
		return node{run: func(sc *Scope) val { return isThere(run(sc)) }}
	case "value":
		absent := c.failed(e, "the optional is empty")
		return node{at: target.at, run: func(sc *Scope) val {
			v := run(sc)
			if v.st == isEmpty {
				return absent
			}
			return content(v)
		}}
	case "or":
		other := c.compile(args[1])
		if !other.optional {
			return c.fail(e, "or takes another optional; use orValue for a value")
		}
		return node{optional: true, at: target.at, run: func(sc *Scope) val {
			v := run(sc)
			switch {
			case v.st == isEmpty:
				return other.run(sc)
			case v.st == nil: // open: it, or the other
				return plain(unknown(v.Value, other.run(sc).Value))
			}
			return v
		}}
	}
	other := c.compile(args[1])
	if other.optional {
		return c.fail(e, "orValue takes a value; use or for another optional")
	}
	if other.constant != nil {
		fixed := val{Value: *other.constant}
		return node{at: target.at, run: func(sc *Scope) val {
			v := run(sc)
			if v.st == isEmpty {
				return fixed
			}
			return content(v)
		}}
	}
	return node{at: target.at, run: func(sc *Scope) val {
		v := run(sc)
		if v.st == isEmpty {
			return other.run(sc)
		}
		return content(v)
	}}
}

// content takes the value out of a filled optional; failures and unknowns stay.
func content(v val) val {
	if v.st == isFilled {
		v.st = nil
	}
	return v
}

func (c *compiler) optionalOf(a node, always bool) node {
	return node{optional: true, at: a.at, run: func(sc *Scope) val {
		v := a.run(sc)
		switch {
		case v.st != nil:
			return v
		case always:
			return some(v.Value)
		case v.IsUnknown():
			return v
		}
		switch v.Kind() {
		case plinth.Null:
			return none()
		case plinth.Bool:
			if !v.Bool() {
				return none()
			}
		case plinth.Number:
			if v.Num() == 0 {
				return none()
			}
		default:
			if v.Len() == 0 {
				return none()
			}
		}
		return some(v.Value)
	}}
}

func (c *compiler) firstOrLast(e ast.Expr, a node, first bool) node {
	wrong := c.failed(e, "first and last are for lists")
	return node{optional: true, at: c.extend(e, a.at, "[]"), run: func(sc *Scope) val {
		v := a.run(sc)
		if v.st != nil {
			return v
		}
		list := inside(v.Value)
		switch {
		case list.IsUnknown():
			return plain(unknown(list))
		case list.Kind() != plinth.List:
			return wrong
		case list.Len() == 0:
			return none()
		case first:
			return some(list.List()[0])
		}
		return some(list.List()[list.Len()-1])
	}}
}
