package expr

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/read/terraform/function"
)

// generator makes random expressions over the variables of sample.
type generator struct{ r *rand.Rand }

func (g generator) pick(from ...string) string { return from[g.r.IntN(len(from))] }

func (g generator) text(depth int) string {
	if depth == 0 {
		return g.pick(`var.s`, `var.e`, `"x"`, `""`, `"b"`, `var.l[0]`, `var.m.k`, `var.m["j"]`)
	}
	d := depth - 1
	switch g.r.IntN(13) {
	case 0:
		return fmt.Sprintf(`"${%s}-${%s}"`, g.text(d), g.num(d))
	case 1:
		return fmt.Sprintf(`(%s ? %s : %s)`, g.truth(d), g.text(d), g.text(d))
	case 2:
		return fmt.Sprintf(`try(%s, %s)`, g.loose(d), g.text(d))
	case 3:
		return fmt.Sprintf(`coalesce(%s, %s, "z")`, g.text(d), g.text(d))
	case 4:
		return fmt.Sprintf(`lookup(%s, %s, %s)`, g.mapping(d), g.text(d), g.text(d))
	case 5:
		return fmt.Sprintf(`join("-", %s)`, g.list(d))
	case 6:
		return fmt.Sprintf(`element(%s, %s)`, g.list(d), g.num(0))
	case 7:
		return fmt.Sprintf(`format("%%s/%%v", %s, %s)`, g.text(d), g.truth(d))
	case 8:
		return fmt.Sprintf(`"%%{ if %s }y${%s}%%{ endif }"`, g.truth(d), g.text(d))
	case 9:
		return fmt.Sprintf(`"%%{ for x in %s }${x}.%%{ endfor }"`, g.list(d))
	case 10:
		return fmt.Sprintf(`jsondecode(jsonencode({ a = %s, b = %s })).a`, g.text(d), g.list(d))
	case 11:
		return fmt.Sprintf(`jsonencode({ (%s) = %s })`, g.text(d), g.list(d))
	}
	return fmt.Sprintf(`replace(upper(%s), "X", %s)`, g.text(d), g.text(d))
}

// loose may be a fault.
func (g generator) loose(depth int) string {
	return g.pick(`var.m.none`, `var.l[7]`, fmt.Sprintf(`%s.k`, g.mapping(depth)), fmt.Sprintf(`%s[1]`, g.list(depth)),
		fmt.Sprintf(`%s[%s]`, g.mapping(depth), g.text(depth)), fmt.Sprintf(`tostring(tonumber(%s))`, g.text(depth)))
}

func (g generator) num(depth int) string {
	if depth == 0 {
		return g.pick(`var.n`, `0`, `1`, `2`)
	}
	d := depth - 1
	switch g.r.IntN(5) {
	case 0:
		return fmt.Sprintf(`(%s + %s)`, g.num(d), g.num(d))
	case 1:
		return fmt.Sprintf(`length(%s)`, g.list(d))
	case 2:
		return fmt.Sprintf(`length(%s)`, g.mapping(d))
	case 3:
		return fmt.Sprintf(`max(%s, %s)`, g.num(d), g.num(d))
	}
	return fmt.Sprintf(`(%s ? %s : %s)`, g.truth(d), g.num(d), g.num(d))
}

func (g generator) truth(depth int) string {
	if depth == 0 {
		return g.pick(`var.t`, `true`, `false`)
	}
	d := depth - 1
	switch g.r.IntN(9) {
	case 0:
		return fmt.Sprintf(`(%s && %s)`, g.truth(d), g.truth(d))
	case 1:
		return fmt.Sprintf(`(%s || %s)`, g.truth(d), g.truth(d))
	case 2:
		return fmt.Sprintf(`!%s`, g.truth(d))
	case 3:
		return fmt.Sprintf(`(%s %s %s)`, g.text(d), g.pick("==", "!="), g.text(d))
	case 4:
		return fmt.Sprintf(`(%s %s %s)`, g.list(d), g.pick("==", "!="), g.list(d))
	case 5:
		return fmt.Sprintf(`(%s < %s)`, g.num(d), g.num(d))
	case 6:
		return fmt.Sprintf(`contains(%s, %s)`, g.list(d), g.text(d))
	case 7:
		return fmt.Sprintf(`can(%s)`, g.loose(d))
	}
	return fmt.Sprintf(`%s([%s, %s])`, g.pick("alltrue", "anytrue"), g.truth(d), g.truth(d))
}

func (g generator) list(depth int) string {
	if depth == 0 {
		return g.pick(`var.l`, `[]`, `["x", "b"]`, `[var.s]`, `keys(var.m)`)
	}
	d := depth - 1
	switch g.r.IntN(11) {
	case 0:
		return fmt.Sprintf(`concat(%s, %s)`, g.list(d), g.list(d))
	case 1:
		return fmt.Sprintf(`[for x in %s : "${x}!" if x != %s]`, g.list(d), g.text(d))
	case 2:
		return fmt.Sprintf(`flatten([%s, [%s]])`, g.list(d), g.list(d))
	case 3:
		return fmt.Sprintf(`%s(%s)`, g.pick("compact", "distinct", "reverse", "tolist"), g.list(d))
	case 4:
		return fmt.Sprintf(`%s(%s)`, g.pick("keys", "values"), g.mapping(d))
	case 5:
		return fmt.Sprintf(`(%s ? %s : %s)`, g.truth(d), g.list(d), g.list(d))
	case 6:
		return fmt.Sprintf(`[%s, %s]`, g.text(d), g.text(d))
	case 7:
		return fmt.Sprintf(`%s[*]`, g.list(d))
	case 8:
		return fmt.Sprintf(`[for k, v in %s : "${k}=${v}"]`, g.mapping(d))
	case 9:
		return fmt.Sprintf(`formatlist("%%s.", %s)`, g.list(d))
	}
	return fmt.Sprintf(`slice(concat(%s, ["p", "q"]), 0, 2)`, g.list(d))
}

func (g generator) mapping(depth int) string {
	if depth == 0 {
		return g.pick(`var.m`, `{}`, `{ k = var.s, q = "r" }`, `{ (var.s) = "v" }`)
	}
	d := depth - 1
	switch g.r.IntN(5) {
	case 0:
		return fmt.Sprintf(`merge(%s, %s)`, g.mapping(d), g.mapping(d))
	case 1:
		return fmt.Sprintf(`{ for k, v in %s : k => "${v}+" if v != %s }`, g.mapping(d), g.text(d))
	case 2:
		return fmt.Sprintf(`{ (%s) = %s, k = %s }`, g.text(d), g.text(d), g.text(d))
	case 3:
		return fmt.Sprintf(`(%s ? %s : %s)`, g.truth(d), g.mapping(d), g.mapping(d))
	}
	return fmt.Sprintf(`zipmap(%s, %s)`, `["p", "k"]`, g.pick(`["x", var.s]`, `var.l`))
}

func sample() world {
	s := plinth.StringOf
	return world{
		"s": s("b"), "e": s(""), "n": plinth.NumberOf(1), "t": plinth.BoolOf(true), "l": plinth.ListOf([]plinth.Value{s("a"), s("b")}),
		"m": plinth.MapOf([]plinth.Field{{Key: "j", Value: s("w")}, {Key: "k", Value: s("v")}}),
	}
}

// hidden makes some of the variables, or their elements, unknown.
func (g generator) hidden(from world) world {
	out := world{}
	for _, name := range []string{"e", "l", "m", "n", "s", "t"} {
		v := from[name]
		switch {
		case g.r.IntN(3) > 0:
		case name == "l" && g.r.IntN(2) == 0:
			v = plinth.ListOf([]plinth.Value{v.List()[0], plinth.UnknownOf("var.l")})
		case name == "m" && g.r.IntN(2) == 0:
			v = plinth.MapOf([]plinth.Field{{Key: "j", Value: plinth.UnknownOf("var.m")}, v.Fields()[1]})
		default:
			v = plinth.UnknownOf("var." + name)
		}
		out[name] = v
	}
	return out
}

// allows tells whether a value with unknowns in it can turn out to be full.
func allows(v, full plinth.Value) bool {
	switch {
	case v.IsUnknown() && v.Partial():
		doc, _ := v.Document()
		return holdsAll(full, doc)
	case v.IsUnknown():
		doc, ok := v.Document()
		if !ok || full.Kind() != plinth.String {
			return true
		}
		want, ok := full.Document()
		return !ok || allows(doc, want)
	case v.Kind() != full.Kind() || v.Kind() != plinth.String && v.Len() != full.Len():
		return false
	case v.IsSet():
		return holdsAll(full, plinth.ListOf(v.List()))
	case v.Kind() == plinth.List:
		for i, e := range v.List() {
			if !allows(e, full.List()[i]) {
				return false
			}
		}
		return true
	case v.Kind() == plinth.Map:
		return holdsAll(full, v)
	}
	return v.String() == full.String()
}

// holdsAll tells whether full has everything that is certain in part.
func holdsAll(full, part plinth.Value) bool {
	for _, e := range part.List() {
		hit := false
		for _, f := range full.List() {
			hit = hit || allows(e, f)
		}
		if !hit {
			return false
		}
	}
	for _, f := range part.Fields() {
		if v, ok := full.Get(f.Key); !ok || !allows(f.Value, v) {
			return false
		}
	}
	return true
}

// TestSound evaluates random expressions twice: whatever is still known when variables are hidden is what it is with all of
// them known. Sets are left out: unknown elements of a set are taken as different from the others, so that the rest stays
// readable.
func TestSound(t *testing.T) {
	g, funcs := generator{rand.New(rand.NewPCG(1, 2))}, function.All()
	known, compared, open, wrong := sample(), 0, 0, 0
	for range 12_000 {
		text := []func(int) string{g.text, g.num, g.truth, g.list, g.mapping}[g.r.IntN(5)](1 + g.r.IntN(3))
		full, fault := evaluateWith(t, funcs, text, known)
		if fault || full.IsUnknown() {
			continue
		}
		names := g.hidden(known)
		v, _ := evaluateWith(t, funcs, text, names)
		compared++
		if v.IsUnknown() {
			open++
		}
		if !allows(v, full) {
			t.Errorf("%s\n  is %s\n  but with %s it is %s", text, full, hiddenNames(names), v)
			if wrong++; wrong == 10 {
				return
			}
		}
	}
	if compared < 5_000 || open > compared*2/3 {
		t.Errorf("%d comparisons, %d of them with nothing known", compared, open)
	}
}

func hiddenNames(w world) string {
	var out []string
	for n, v := range w {
		if strings.Contains(v.String(), "unknown") {
			out = append(out, n+"="+v.String())
		}
	}
	return strings.Join(out, " ")
}
