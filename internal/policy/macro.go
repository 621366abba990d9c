package policy

import (
	"cel.dev/cel-go/common/ast"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/value"
)

// macro compiles a macro call; ok is false where the call is none.
func (c *compiler) macro(e ast.Expr, call ast.CallExpr) (n node, ok bool) {
	name, args := call.FunctionName(), call.Args()
	if !call.IsMemberFunction() {
		if name == "has" {
			return c.has(e, args), true
		}
		return node{}, false
	}
	if t := call.Target(); t.Kind() == ast.IdentKind && t.AsIdent() == "cel" && name == "bind" {
		return c.bind(e, args), true
	}
	switch name {
	case "all", "exists", "exists_one", "existsOne":
		return c.quantifier(e, call, name), true
	case "map", "filter", "transformList":
		return c.transform(e, call, name), true
	case "transformMap":
		return c.transformMap(e, call), true
	case "optMap", "optFlatMap":
		return c.optMap(e, call, name), true
	}
	return node{}, false
}

func (c *compiler) has(e ast.Expr, args []ast.Expr) node {
	if len(args) != 1 || args[0].Kind() != ast.SelectKind {
		return c.fail(e, "has() takes one selection, as in has(p.A.B)")
	}
	n := c.soft(args[0])
	return node{run: func(sc *Scope) val { return isThere(n.run(sc)) }}
}

func isThere(v val) val {
	switch v.st {
	case isEmpty:
		return truth(false)
	case isFilled:
		return truth(true)
	}
	return v // a failure, or unknown
}

// scoped compiles the body of a macro with its variables; it returns the slot of the first.
func (c *compiler) scoped(vars []local, body func() node) (slot int, n node) {
	slot = len(c.locals)
	c.locals = append(c.locals, vars...)
	c.maxLocals = max(c.maxLocals, len(c.locals))
	n = body()
	c.locals = c.locals[:slot]
	return slot, n
}

// variables reads the leading names of a macro's arguments.
func (c *compiler) variables(e ast.Expr, call ast.CallExpr, count int, of *read) []local {
	vars := make([]local, count)
	for i, a := range call.Args()[:count] {
		if a.Kind() != ast.IdentKind {
			c.fail(a, "the first arguments of %s are names", call.FunctionName())
			return vars
		}
		vars[i].name = a.AsIdent()
	}
	if of != nil {
		vars[count-1].at = c.extend(e, of, "[]")
	}
	return vars
}

// walk is what a macro goes through: the elements of a list or the entries of a map, and whether there may be more.
type walk struct {
	list   []plinth.Value
	fields []plinth.Field
	more   plinth.Value // an unknown
}

func walkOver(v plinth.Value) (w walk, ok bool) {
	v = inside(v)
	if v.IsUnknown() {
		w.more = unknown(v)
		v = surely(v)
		return walk{list: v.List(), fields: v.Fields(), more: w.more}, true
	}
	return walk{list: v.List(), fields: v.Fields()}, v.Kind() == plinth.List || v.Kind() == plinth.Map
}

func (w *walk) len() int { return len(w.list) + len(w.fields) }

func (w *walk) open() bool { return w.more.IsUnknown() }

// set binds the i-th element: to one variable (element or key) or two (index and element, key and value). It is
// false where the answer takes too long.
func (w *walk) set(sc *Scope, slot, count, i int) bool {
	if sc.steps++; sc.steps > maxSteps {
		return false
	}
	switch {
	case w.fields == nil && count == 1:
		sc.locals[slot] = val{Value: w.list[i]}
	case w.fields == nil:
		sc.locals[slot], sc.locals[slot+1] = number(float64(i)), val{Value: w.list[i]}
	case count == 1:
		sc.locals[slot] = text(w.fields[i].Key)
	default:
		sc.locals[slot], sc.locals[slot+1] = text(w.fields[i].Key), val{Value: w.fields[i].Value}
	}
	return true
}

// charge counts what is built: long texts and lists cost as much as the elements that macros visit.
func (sc *Scope) charge(v val) val {
	n := v.Len()
	if n < chargeFrom || v.failed() {
		return v
	}
	if sc.steps += n / chargeFrom; sc.steps > maxSteps {
		return tooLong()
	}
	return v
}

func tooLong() val { return failure("the answer takes too many steps") }

func (c *compiler) quantifier(e ast.Expr, call ast.CallExpr, name string) node {
	count := len(call.Args()) - 1
	if count != 1 && count != 2 {
		return c.fail(e, "%s takes one or two names and a condition, as in p.A.%s(x, x.B == 1)", name, name)
	}
	target := c.value(call.Target())
	vars := c.variables(e, call, count, target.at)
	slot, body := c.scoped(vars, func() node { return c.value(call.Args()[count]) })
	var join *lookup
	if name == "exists" && count == 1 {
		join = c.joinOf(call.Target(), call.Args()[count], vars[0].name, slot, vars)
	}
	wrong := c.failed(e, "%s is asked of something that is no list or map", name)
	noBool := c.failed(e, "the condition of %s is not a bool", name)
	fold := foldAny(body.run, slot, count, name == "exists", noBool)
	if name == "exists_one" || name == "existsOne" {
		fold = foldOne(body.run, slot, count, noBool)
	}
	return node{run: func(sc *Scope) val {
		v := target.run(sc)
		if v.st != nil {
			return v
		}
		w, ok := walkOver(v.Value)
		if !ok {
			return wrong
		}
		if join != nil {
			join.narrow(sc, &w)
		}
		return fold(sc, &w)
	}}
}

// foldAny is a disjunction (decides: true) or a conjunction of the condition over all elements.
func foldAny(body code, slot, count int, decides bool, noBool val) func(*Scope, *walk) val {
	return func(sc *Scope, w *walk) val {
		answer := truth(!decides)
		if w.open() {
			answer = plain(w.more)
		}
		for i := range w.len() {
			if !w.set(sc, slot, count, i) {
				return tooLong()
			}
			before := len(sc.held)
			v := body(sc)
			if v.st == nil && v.Kind() == plinth.Bool {
				if v.Bool() == decides {
					if decides && count == 1 {
						sc.holds(w, i)
					}
					return v
				}
				sc.held = sc.held[:before]
				continue
			}
			sc.held = sc.held[:before]
			v = asBool(v, noBool)
			if answer.st == nil && answer.Kind() == plinth.Bool {
				answer = v
			} else {
				answer = meet(answer, v)
			}
		}
		return answer
	}
}

// holds notes an element that has a place in the source.
func (sc *Scope) holds(w *walk, i int) {
	if w.fields == nil && w.list[i].Kind() == plinth.Map && w.list[i].Origin() != nil {
		sc.held = append(sc.held, w.list[i])
	}
}

func foldOne(body code, slot, count int, noBool val) func(*Scope, *walk) val {
	return func(sc *Scope, w *walk) val {
		found, maybe := 0, []string(nil)
		undecided := w.open()
		maybe = append(maybe, w.more.Why()...)
		for i := range w.len() {
			if !w.set(sc, slot, count, i) {
				return tooLong()
			}
			v := asBool(body(sc), noBool)
			switch {
			case v.st != nil:
				return v
			case v.IsUnknown():
				undecided, maybe = true, append(maybe, v.Why()...)
			case v.Bool():
				found++
			}
		}
		if undecided && found < 2 {
			return open(value.Undecided, maybe)
		}
		return truth(found == 1)
	}
}

// transform compiles map, filter and transformList.
func (c *compiler) transform(e ast.Expr, call ast.CallExpr, name string) node {
	args := call.Args()
	count := 1
	if name == "transformList" {
		count = 2
	}
	bodies := len(args) - count
	if bodies != 1 && (bodies != 2 || name == "filter") {
		return c.fail(e, "%s takes its names and an expression, as in p.A.%s(x, x.B)", name, name)
	}
	target := c.value(call.Target())
	var cond, result node
	slot, _ := c.scoped(c.variables(e, call, count, target.at), func() node {
		if name == "filter" {
			cond = c.value(args[1])
			return cond
		}
		if bodies == 2 {
			cond = c.value(args[count])
		}
		result = c.value(args[len(args)-1])
		return result
	})
	wrong := c.failed(e, "%s is asked of something that is no list or map", name)
	noBool := c.failed(e, "the condition of %s is not a bool", name)
	n := node{run: func(sc *Scope) val {
		v := target.run(sc)
		if v.st != nil {
			return v
		}
		w, ok := walkOver(v.Value)
		if !ok {
			return wrong
		}
		return collect(sc, &w, slot, count, cond.run, result.run, noBool)
	}}
	if name == "filter" {
		n.at = target.at
	}
	return n
}

// collect makes a list of the elements for which cond is true (nil: all), each turned by result (nil: the element itself).
// An element whose condition is unknown makes the list unknown, with the sure elements kept.
func collect(sc *Scope, w *walk, slot, count int, cond, result code, noBool val) val {
	list := make([]plinth.Value, 0, w.len())
	var maybe []plinth.Value
	if w.open() {
		maybe = append(maybe, w.more)
	}
	for i := range w.len() {
		if !w.set(sc, slot, count, i) {
			return tooLong()
		}
		if cond != nil {
			v := asBool(cond(sc), noBool)
			if v.st != nil {
				return v
			}
			if v.IsUnknown() {
				maybe = append(maybe, v.Value)
				continue
			}
			if !v.Bool() {
				continue
			}
		}
		v := sc.locals[slot+count-1]
		if result != nil {
			if v = result(sc); v.st != nil {
				return v
			}
		}
		list = append(list, v.Value)
	}
	return held(plinth.ListOf(list), maybe)
}

func (c *compiler) transformMap(e ast.Expr, call ast.CallExpr) node {
	args := call.Args()
	if len(args) != 3 && len(args) != 4 {
		return c.fail(e, "transformMap takes two names, a condition if wanted, and an expression")
	}
	target := c.value(call.Target())
	var cond, result node
	slot, _ := c.scoped(c.variables(e, call, 2, target.at), func() node {
		if len(args) == 4 {
			cond = c.value(args[2])
		}
		result = c.value(args[len(args)-1])
		return result
	})
	wrong := c.failed(e, "transformMap is asked of something that is no map")
	noBool := c.failed(e, "the condition of transformMap is not a bool")
	return node{run: func(sc *Scope) val {
		v := target.run(sc)
		if v.st != nil {
			return v
		}
		w, ok := walkOver(v.Value)
		if !ok || w.list != nil {
			return wrong
		}
		fields := make([]plinth.Field, 0, w.len())
		var maybe []plinth.Value
		if w.open() {
			maybe = append(maybe, w.more)
		}
		for i, f := range w.fields {
			if !w.set(sc, slot, 2, i) {
				return tooLong()
			}
			keep := truth(true)
			if cond.run != nil {
				keep = asBool(cond.run(sc), noBool)
			}
			switch {
			case keep.st != nil:
				return keep
			case keep.IsUnknown():
				maybe = append(maybe, keep.Value)
			case keep.Bool():
				v := result.run(sc)
				if v.st != nil {
					return v
				}
				fields = append(fields, plinth.Field{Key: f.Key, Value: v.Value})
			}
		}
		return held(plinth.MapOf(fields), maybe)
	}}
}

func (c *compiler) optMap(e ast.Expr, call ast.CallExpr, name string) node {
	args := call.Args()
	if len(args) != 2 || args[0].Kind() != ast.IdentKind {
		return c.fail(e, "%s takes a name and an expression", name)
	}
	target := c.compile(call.Target())
	if !target.optional {
		return c.fail(e, "%s is for optionals, as in p.?A.%s(x, x + 1)", name, name)
	}
	slot, body := c.scoped([]local{{name: args[0].AsIdent(), at: target.at}}, func() node {
		if name == "optMap" {
			return c.value(args[1])
		}
		n := c.compile(args[1])
		if !n.optional {
			return c.fail(args[1], "the expression of optFlatMap is optional")
		}
		return n
	})
	return node{optional: true, run: func(sc *Scope) val {
		v := target.run(sc)
		if v.st != isFilled {
			return v
		}
		sc.locals[slot] = val{Value: v.Value}
		v = body.run(sc)
		if v.st == nil && name == "optMap" {
			return some(v.Value)
		}
		return v
	}}
}

func (c *compiler) bind(e ast.Expr, args []ast.Expr) node {
	if len(args) != 3 || args[0].Kind() != ast.IdentKind {
		return c.fail(e, "cel.bind takes a name, its value and an expression")
	}
	init := c.value(args[1])
	slot, body := c.scoped([]local{{name: args[0].AsIdent(), at: init.at}}, func() node { return c.compile(args[2]) })
	run := body.run
	body.run = func(sc *Scope) val {
		v := init.run(sc)
		if v.st != nil {
			return v
		}
		sc.locals[slot] = v
		return run(sc)
	}
	body.constant = nil
	return body
}
