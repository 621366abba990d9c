package policy

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/plinthsec/plinth"
)

// generator writes expressions and data of these shapes: p.b0 and p.b1 bools, p.n0 p.n1 whole numbers, p.s0 p.s1 strings, p.ln
// and p.ls lists of numbers and strings, p.m a map of numbers, p.lm a list of maps {n, s, maybe b, maybe ls}. Any property may be missing.
type generator struct {
	*rand.Rand
	vars []variable // of macros, innermost last
	next int
}

type variable struct{ name, kind string }

func (g *generator) pick(list ...string) string { return list[g.IntN(len(list))] }

func (g *generator) word() string { return g.pick("", "a", "ab", "b", "Enabled", "x.y", "ä") }

func (g *generator) data() plinth.Value {
	var fields []plinth.Field
	add := func(key string, v plinth.Value) {
		if g.IntN(6) > 0 {
			fields = append(fields, plinth.Field{Key: key, Value: v})
		}
	}
	num := func() plinth.Value { return plinth.NumberOf(float64(g.IntN(7) - 2)) }
	str := func() plinth.Value { return plinth.StringOf(g.word()) }
	list := func(of func() plinth.Value) plinth.Value {
		out := []plinth.Value{}
		for range g.IntN(4) {
			out = append(out, of())
		}
		return plinth.ListOf(out)
	}
	add("b0", plinth.BoolOf(g.IntN(2) == 0))
	add("b1", plinth.BoolOf(g.IntN(2) == 0))
	add("n0", num())
	add("n1", num())
	add("s0", str())
	add("s1", str())
	add("ln", list(num))
	add("ls", list(str))
	add("m", plinth.MapOf([]plinth.Field{{Key: "a", Value: num()}, {Key: g.word(), Value: num()}}))
	add("lm", list(func() plinth.Value {
		f := []plinth.Field{{Key: "n", Value: num()}, {Key: "s", Value: str()}}
		if g.IntN(2) == 0 {
			f = append(f, plinth.Field{Key: "b", Value: plinth.BoolOf(g.IntN(2) == 0)})
		}
		if g.IntN(2) == 0 {
			f = append(f, plinth.Field{Key: "ls", Value: list(str)})
		}
		return plinth.MapOf(f)
	}))
	return plinth.MapOf(fields)
}

// leaf writes something of a kind without going deeper: a property, safe or not, a variable or a literal.
func (g *generator) leaf(kind string) string {
	for i := len(g.vars) - 1; i >= 0; i-- {
		v := g.vars[i]
		switch {
		case v.kind == kind && g.IntN(2) == 0:
			return v.name
		case v.kind == "lm" && (kind == "n" || kind == "s") && g.IntN(2) == 0:
			return v.name + "." + kind
		case v.kind == "lm" && kind == "b" && g.IntN(2) == 0:
			return g.pick(v.name+".b", v.name+".?b.orValue(false)", "has("+v.name+".b)")
		case v.kind == "lm" && kind == "ls" && g.IntN(2) == 0:
			return g.pick(v.name+".ls", v.name+".?ls.orValue([])")
		}
	}
	name, empty := map[string]string{"b": "b0", "n": "n0", "s": "s0", "ln": "ln", "ls": "ls", "m": "m", "lm": "lm"}[kind], map[string]string{
		"b": "false", "n": "0", "s": "''", "ln": "[0]", "ls": "['a']", "m": "{'a': 1}", "lm": "[{'n': 1, 's': 'a'}]",
	}[kind]
	if g.IntN(2) == 0 {
		name = strings.Replace(name, "0", "1", 1)
	}
	switch g.IntN(6) {
	case 0:
		return g.literal(kind, empty)
	case 1, 2:
		return fmt.Sprintf("p.?%s.orValue(%s)", name, g.literal(kind, empty))
	case 3:
		return fmt.Sprintf("(has(p.%s) ? p.%s : %s)", name, name, g.literal(kind, empty))
	}
	return "p." + name
}

func (g *generator) literal(kind, empty string) string {
	switch kind {
	case "b":
		return g.pick("true", "false")
	case "n":
		return fmt.Sprint(g.IntN(7) - 2)
	case "s":
		return "'" + g.word() + "'"
	}
	return empty
}

// of writes an expression of a kind.
func (g *generator) of(kind string, depth int) string {
	if g.IntN(60) == 0 {
		kind = g.pick("b", "n", "s", "ln", "ls", "m", "lm") // a misfit now and then
	}
	if depth <= 0 {
		return g.leaf(kind)
	}
	d := depth - 1
	switch kind {
	case "b":
		return g.bool(d)
	case "n":
		return g.num(d)
	case "s":
		return g.str(d)
	case "ln":
		switch g.IntN(6) {
		case 0:
			return g.macro("ln", d, ".map(%[1]s, %[2]s)", "n")
		case 1:
			return g.macro("lm", d, ".map(%[1]s, %[2]s)", "n")
		case 2:
			return g.macro("ln", d, ".filter(%[1]s, %[2]s)", "b")
		case 3:
			return "(" + g.of("ln", d) + " + " + g.of("ln", d) + ")"
		case 4:
			return fmt.Sprintf("[%s, ?%s]", g.of("n", d), g.pick("p.?n0", "p.ln[?0]", "p.?ln[1]", "optional.none()"))
		}
	case "ls":
		switch g.IntN(6) {
		case 0:
			return g.of("s", d) + ".split('" + g.pick("a", ".", "") + "')"
		case 1:
			return g.macro("lm", d, ".map(%[1]s, %[2]s)", "s")
		case 2:
			return g.macro("ls", d, ".filter(%[1]s, %[2]s)", "b")
		case 3:
			return "[" + g.of("s", d) + ", " + g.of("s", d) + "]"
		}
	case "lm":
		if g.IntN(3) == 0 {
			return g.macro("lm", d, ".filter(%[1]s, %[2]s)", "b")
		}
	}
	return g.leaf(kind)
}

// macro writes a macro over a list, with the condition or result of a kind.
func (g *generator) macro(list string, depth int, form, body string) string {
	over := g.of(list, depth)
	elem := map[string]string{"ln": "n", "ls": "s", "lm": "lm"}[list]
	if elem == "lm" {
		elem = "lm" // a variable that is a map has the kind of its list
	}
	g.next++
	name := fmt.Sprintf("v%d", g.next)
	g.vars = append(g.vars, variable{name, elem})
	inner := g.of(body, depth)
	g.vars = g.vars[:len(g.vars)-1]
	return over + fmt.Sprintf(form, name, inner)
}

func (g *generator) bool(d int) string {
	switch g.IntN(18) {
	case 0, 1:
		return "(" + g.of("b", d) + " && " + g.of("b", d) + ")"
	case 2, 3:
		return "(" + g.of("b", d) + " || " + g.of("b", d) + ")"
	case 4:
		return "!" + g.of("b", d)
	case 5, 6:
		kind := g.pick("b", "n", "s", "ln", "ls", "m", "lm")
		return "(" + g.of(kind, d) + g.pick(" == ", " != ") + g.of(kind, d) + ")"
	case 7:
		kind := g.pick("n", "s", "b")
		return "(" + g.of(kind, d) + g.pick(" < ", " <= ", " > ", " >= ") + g.of(kind, d) + ")"
	case 8:
		return "(" + g.of("n", d) + " in " + g.of("ln", d) + ")"
	case 9:
		return "(" + g.of("s", d) + " in " + g.of(g.pick("ls", "m"), d) + ")"
	case 10:
		return g.macro(g.pick("ln", "ls", "lm"), d, "."+g.pick("exists", "all", "exists_one")+"(%[1]s, %[2]s)", "b")
	case 11:
		return g.of("s", d) + g.pick(".startsWith(", ".endsWith(", ".contains(", ".matches(") + "'" + g.pick("a", "b", "", "E") + "')"
	case 12:
		return g.pick("sets.contains(", "sets.intersects(", "sets.equivalent(") + g.of("ls", d) + ", " + g.of("ls", d) + ")"
	case 13:
		return g.pick("has(p.b0)", "has(p.m.a)", "has(p.lm)", "p.?m.?a.hasValue()", "p.?m[?'b'].hasValue()", "p.ls[?1].hasValue()", "(p.?m.a == optional.of(1))", "(p.?n0 == p.?n1)", "(p.?s0 != optional.none())")
	case 14:
		return "(" + g.of("b", d) + " ? " + g.of("b", d) + " : " + g.of("b", d) + ")"
	case 15:
		return fmt.Sprintf("%s.%s(i, v, %s)", g.leaf("m"), g.pick("exists", "all"), g.pick("v > 0", "i == 'a'", "i in p.ls", "v == p.n0"))
	case 16:
		return fmt.Sprintf("%s.%s(k, %s)", g.leaf("m"), g.pick("exists", "all", "exists_one"), g.pick("k != ''", "k == p.s0", "p.m[k] > 1"))
	}
	return g.leaf("b")
}

func (g *generator) num(d int) string {
	switch g.IntN(9) {
	case 0:
		return "(" + g.of("n", d) + g.pick(" + ", " - ", " * ", " / ", " % ") + g.of("n", d) + ")"
	case 1:
		return "-" + g.leaf("n")
	case 2:
		return "size(" + g.of(g.pick("s", "ln", "ls", "m", "lm"), d) + ")"
	case 3:
		return g.of("ln", d) + fmt.Sprintf("[%d]", g.IntN(3))
	case 4:
		return g.leaf("m") + g.pick(".a", "['a']", "[?'a'].orValue(3)", ".?a.or(p.?n0).orValue(1)")
	case 5:
		return "(" + g.of("b", d) + " ? " + g.of("n", d) + " : " + g.of("n", d) + ")"
	case 6:
		return g.pick("p.?n0.optMap(o, o + 1).orValue(0)", "p.?m.optFlatMap(o, o.?a).orValue(7)", "int('12')", "int(string(p.n1))", "p.?ln.orValue([5]).first().orValue(4)")
	case 7:
		return "(" + g.of("n", d) + ")" // as it is
	}
	return g.leaf("n")
}

func (g *generator) str(d int) string {
	switch g.IntN(8) {
	case 0:
		return "(" + g.of("s", d) + " + " + g.of("s", d) + ")"
	case 1:
		return g.of("s", d) + g.pick(".lowerAscii()", ".upperAscii()", ".trim()", ".replace('a', 'bc')", ".reverse()")
	case 2:
		return g.of("ls", d) + g.pick(".join(',')", ".join()", "[0]")
	case 3:
		return "string(" + g.of(g.pick("n", "b", "s"), d) + ")"
	case 4:
		return "(" + g.of("b", d) + " ? " + g.of("s", d) + " : " + g.of("s", d) + ")"
	case 5:
		return g.of("s", d) + g.pick(".substring(1)", ".substring(0, 1)", ".charAt(0)")
	}
	return g.leaf("s")
}
