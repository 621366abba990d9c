package policy

import (
	"slices"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"

	"github.com/plinthsec/plinth"
)

// Indexer is a World that keeps what is made once for all evaluations over the same resources.
type Indexer interface {
	// Index returns what build made for the key before, or makes it.
	Index(key any, build func() any) any
}

const smallest = 16 // resources from which an index pays

// equation is a part of a condition that says: this of the element equals that of everything else.
type equation struct{ inner, outer code }

// lookup is a condition over all resources of a type whose equations pick out the few elements for which it can hold.
type lookup struct {
	parts  []equation
	labels *labelled // nil: the condition asks for no labels
	slot   int
}

// index has the elements by the texts of their inner sides; those for which a side is no known text are in open.
type index struct {
	by   map[string][]int32
	open []int32
}

// joinOf finds the equations of resources(…).exists(x, A == B && …); nil where there are none.
func (c *compiler) joinOf(target, body ast.Expr, name string, slot int, vars []local) *lookup {
	if target.Kind() != ast.CallKind || target.AsCall().FunctionName() != "resources" || len(vars) != 1 {
		return nil
	}
	paths, types := c.paths, c.types // compiling a part a second time reads nothing new
	defer func() { c.paths, c.types = paths, types }()
	out := &lookup{slot: slot}
	for _, part := range conjuncts(body, nil) {
		if out.labels == nil {
			out.labels = c.labelsOf(part, name, vars)
		}
		if part.Kind() != ast.CallKind || part.AsCall().FunctionName() != operators.Equals {
			continue
		}
		args := part.AsCall().Args()
		for i, side := range args {
			other := args[1-i]
			if !only(side, name) || mentions(other, name) {
				continue
			}
			fault := c.fault
			var inner, outer node
			c.scoped(vars, func() node { inner = c.value(side); return inner })
			outer = c.value(other)
			if c.fault == fault {
				out.parts = append(out.parts, equation{inner.run, outer.run})
			}
			break
		}
	}
	if len(out.parts) == 0 && out.labels == nil {
		return nil
	}
	return out
}

func conjuncts(e ast.Expr, out []ast.Expr) []ast.Expr {
	if e.Kind() == ast.CallKind && e.AsCall().FunctionName() == operators.LogicalAnd {
		for _, a := range e.AsCall().Args() {
			out = conjuncts(a, out)
		}
		return out
	}
	return append(out, e)
}

// only tells whether an expression names the variable and nothing else; mentions, whether it names it at all.
func only(e ast.Expr, name string) bool {
	names := identifiers(e)
	return len(names) > 0 && !slices.ContainsFunc(names, func(n string) bool { return n != name })
}

func mentions(e ast.Expr, name string) bool { return slices.Contains(identifiers(e), name) }

func identifiers(e ast.Expr) []string {
	var out []string
	ast.PreOrderVisit(e, ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() == ast.IdentKind {
			out = append(out, e.AsIdent())
		}
	}))
	return out
}

// narrow leaves the elements for which the condition can be true: for all others one of the equations is false.
func (l *lookup) narrow(sc *Scope, w *walk) {
	ix, ok := sc.World.(Indexer)
	if !ok || len(w.list) < smallest || w.open() {
		return
	}
	var key strings.Builder
	for _, p := range l.parts {
		v := p.outer(sc)
		if v.st != nil || v.Kind() != plinth.String {
			return
		}
		key.WriteString(v.Str())
		key.WriteByte(0)
	}
	all := w.list
	keys := []string{key.String()}
	if l.labels != nil {
		tokens, ok := l.labels.wanted(sc)
		if !ok {
			return
		}
		keys = keys[:0]
		for _, t := range tokens {
			keys = append(keys, key.String()+t)
		}
	}
	at := ix.Index(l, func() any { return l.build(sc, all) }).(*index)
	if len(keys) == 1 && len(at.open) == 0 {
		w.list = pick(all, at.by[keys[0]])
		return
	}
	hit := slices.Clone(at.open)
	for _, k := range keys {
		hit = append(hit, at.by[k]...)
	}
	slices.Sort(hit)
	w.list = pick(all, slices.Compact(hit))
}

func pick(all []plinth.Value, at []int32) []plinth.Value {
	out := make([]plinth.Value, len(at))
	for i, k := range at {
		out[i] = all[k]
	}
	return out
}

func (l *lookup) build(sc *Scope, all []plinth.Value) *index {
	out := &index{by: make(map[string][]int32, len(all))}
	was := sc.locals[l.slot]
	defer func() { sc.locals[l.slot] = was }()
	var key strings.Builder
	for i, v := range all {
		sc.locals[l.slot] = val{Value: v}
		key.Reset()
		known := true
		for _, p := range l.parts {
			x := p.inner(sc)
			if known = known && x.st == nil && x.Kind() == plinth.String; !known {
				break
			}
			key.WriteString(x.Str())
			key.WriteByte(0)
		}
		keys := []string{key.String()}
		if known && l.labels != nil {
			var tokens []string
			tokens, known = l.labels.tokens(sc)
			keys = keys[:0]
			for _, t := range tokens {
				keys = append(keys, key.String()+t)
			}
		}
		if !known {
			out.open = append(out.open, int32(i))
			continue
		}
		for _, k := range keys {
			out.by[k] = append(out.by[k], int32(i))
		}
	}
	return out
}
