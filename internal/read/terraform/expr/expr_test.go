package expr

import (
	"context"
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/read/terraform/function"
	"github.com/plinthsec/plinth/internal/value"
)

// world knows var.NAME for the names that it is given; all others are unknown. r.x is a resource that sets the attribute set.
type world map[string]plinth.Value

func (w world) Name(root string, rest []string) (Item, int) {
	if root == "r" {
		set := plinth.MapOf([]plinth.Field{{Key: "set", Value: plinth.StringOf("here")}})
		return Item{Value: set.WithRefs(plinth.Ref{To: "r." + rest[0]})}, 1
	}
	if v, ok := w[rest[0]]; ok {
		return Item{Value: v}, 1
	}
	return Item{Value: plinth.UnknownOf(root + "." + rest[0])}, 1
}

func evaluate(t testing.TB, text string, names Names) (plinth.Value, bool) {
	t.Helper()
	return evaluateWith(t, function.All(), text, names)
}

func evaluateWith(t testing.TB, funcs function.Set, text string, names Names) (v plinth.Value, fault bool) {
	t.Helper()
	e, ok := ParseExpression(text, hcl.Range{Filename: "test", Start: hcl.InitialPos})
	if !ok {
		t.Fatalf("%s does not parse", text)
	}
	n := NewCompiler(NewSource("test", []byte(text)), funcs).Compile(e, "x")
	f := Frame{State: NewState(context.Background(), funcs, nil, nil), names: names}
	v = f.eval(n)
	return v, f.faults > 0
}

func TestExpressions(t *testing.T) {
	data, err := os.ReadFile("testdata/expressions.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(strings.TrimSpace(string(data)), "\n") {
		text, want, ok := strings.Cut(line, "  =>  ")
		if !ok {
			continue
		}
		v, fault := evaluate(t, text, world{})
		if want == "fault" {
			if !fault && !v.IsUnknown() {
				t.Errorf("%s = %s, want a fault", text, v)
			}
			continue
		}
		got, ok := value.Plain(v)
		if !ok {
			t.Errorf("%s = %s, want %s", text, v, want)
			continue
		}
		if !sameJSON(t, got, want) {
			t.Errorf("%s = %s, want %s", text, got, want)
		}
	}
}

func sameJSON(t *testing.T, a, b string) bool {
	t.Helper()
	x, errx := value.ParseJSON(a)
	y, erry := value.ParseJSON(b)
	if err := errors.Join(errx, erry); err != nil {
		t.Fatal(err)
	}
	eq, _ := value.Equal(x, y)
	return eq == value.True
}

// TestUnknowns holds that an unknown hides no more than it must, and keeps its reasons.
func TestUnknowns(t *testing.T) {
	names := world{
		"list": plinth.ListOf([]plinth.Value{plinth.StringOf("a"), plinth.UnknownOf("var.hole")}),
		"map":  plinth.MapOf([]plinth.Field{{Key: "hole", Value: plinth.UnknownOf("var.hole")}, {Key: "k", Value: plinth.StringOf("v")}}),
	}
	for text, want := range map[string]string{
		`length(var.list)`:                               `2`,
		`var.list[0]`:                                    `"a"`,
		`var.list[1]`:                                    `<unknown: var.hole>`,
		`var.list[var.i]`:                                `<unknown: var.i>`,
		`concat(["x"], var.list)`:                        `["x", "a", <unknown: var.hole>]`,
		`concat(var.u, ["x"])[0]`:                        `<unknown: var.u>`,
		`merge({ a = 1 }, var.u, { b = 2 }).b`:           `2`,
		`merge({ a = 1 }, var.u, { b = 2 }).a`:           `<unknown: var.u>`,
		`merge(var.map, { k = "w" })`:                    `{hole: <unknown: var.hole>, k: "w"}`,
		`keys(var.map)`:                                  `["hole", "k"]`,
		`values(var.map)`:                                `[<unknown: var.hole>, "v"]`,
		`lookup(var.map, "k", "d")`:                      `"v"`,
		`lookup(var.map, "hole", "d")`:                   `<unknown: var.hole>`,
		`lookup(var.u, "k", "d")`:                        `<unknown: var.u>`,
		`zipmap(["p", "q"], var.list)`:                   `{p: "a", q: <unknown: var.hole>}`,
		`flatten([var.list, ["z"]])`:                     `<unknown: var.hole>`,
		`contains(var.list, "a")`:                        `true`,
		`contains(var.list, "b")`:                        `<unknown: var.hole>`,
		`coalesce("", var.u, "x")`:                       `<unknown: var.u>`,
		`coalesce("first", var.u)`:                       `"first"`,
		`element(var.list, 2)`:                           `"a"`,
		`join("-", var.list)`:                            `<unknown: var.hole>`,
		`format("%s", var.u)`:                            `<unknown: var.u>`,
		`formatlist("%s!", var.list)`:                    `["a!", <unknown: var.hole>]`,
		`[for x in var.list : "${x}."]`:                  `["a.", <unknown: var.hole>]`,
		`[for x in var.list : 1 if x == "a"]`:            `<unknown: var.hole>`,
		`{ for k, v in var.map : k => v }`:               `{hole: <unknown: var.hole>, k: "v"}`,
		`{ for x in var.list : x => 1 }.a`:               `1`,
		`var.list[*]`:                                    `["a", <unknown: var.hole>]`,
		`var.u[*].id`:                                    `<unknown: var.u>`,
		`var.u.a.b["c"]`:                                 `<unknown: var.u>`,
		`true || var.u`:                                  `true`,
		`var.u && false`:                                 `false`,
		`var.u && true`:                                  `<unknown: var.u>`,
		`var.u == var.u`:                                 `<unknown: var.u>`,
		`[1, var.u] == [2, var.u]`:                       `false`,
		`var.u ? "a" : "a"`:                              `"a"`,
		`var.u ? "a" : "b"`:                              `<unknown: var.u>`,
		`var.u > 1`:                                      `<unknown: var.u>`,
		`"${var.u}-${var.w}"`:                            `<unknown: var.u, var.w>`,
		`try(var.u, "x")`:                                `<unknown: var.u>`,
		`try(var.map.absent, "x")`:                       `"x"`,
		`try([var.map.absent], ["x"])`:                   `["x"]`,
		`can(var.map.absent)`:                            `false`,
		`can(var.u)`:                                     `<unknown: var.u>`,
		`alltrue([false, var.u])`:                        `false`,
		`anytrue([true, var.u])`:                         `true`,
		`anytrue([false, var.u])`:                        `<unknown: var.u>`,
		`toset(["b", "a", "b"])`:                         `["a", "b"]`,
		`length(toset(var.list))`:                        `<unknown: var.hole>`,
		`distinct(var.list)`:                             `<unknown: var.hole>`,
		`jsondecode(jsonencode({ a = var.u, b = 1 })).b`: `1`,
		`yamldecode(yamlencode({ a = var.u, b = 1 })).b`: `1`,
		`{ (var.u) = 1, b = 2 }.b`:                       `2`,
		`max([1, var.u]...)`:                             `<unknown: var.u>`,
		`max(var.u...)`:                                  `<unknown: var.u>`,
		`[True, False]`:                                  `[true, false]`,
		`nowhere(1)`:                                     `<unknown: nowhere()>`,
		`provider::x::f(var.u)`:                          `<unknown: provider::x::f()>`,
		`r.x.set`:                                        `"here"`,
		`r.x.unset`:                                      `<unknown: r.x.unset>`,
		`[for k in ["set", "id"] : r.x[k]]`:              `["here", <unknown: r.x.id>]`,
		`upper(timestamp())`:                             `<unknown: timestamp()>`,
		`sensitive("s")`:                                 `<sensitive>`,
		`"a-${sensitive("s")}"`:                          `<sensitive>`,
		`{ a = sensitive("s") }.a`:                       `<sensitive>`,
		`sensitive({ a = "s" }).a`:                       `<sensitive>`,
		`length(sensitive([1]))`:                         `<sensitive>`,
		`nonsensitive(sensitive("s"))`:                   `"s"`,
		`issensitive(sensitive("s"))`:                    `true`,
		`sensitive(true) ? "a" : "b"`:                    `<sensitive>`,
	} {
		if got, _ := evaluate(t, text, names); got.String() != want {
			t.Errorf("%s = %s, want %s", text, got, want)
		}
	}
}

// TestReferences holds that references travel.
func TestReferences(t *testing.T) {
	for text, want := range map[string][]plinth.Ref{
		`r.x.id`:                             {{To: "r.x", Attr: "id"}},
		`r.x.set`:                            {{To: "r.x", Attr: "set"}},
		`"${r.x.set}/${r.y.id}"`:             {{To: "r.x", Attr: "set"}, {To: "r.y", Attr: "id"}},
		`join(",", [r.x.id, r.y.set])`:       {{To: "r.x", Attr: "id"}, {To: "r.y", Attr: "set"}},
		`[r.x.id][0]`:                        {{To: "r.x", Attr: "id"}},
		`merge({ a = r.x.id }, {}).a`:        {{To: "r.x", Attr: "id"}},
		`var.u ? r.x.id : r.y.id`:            {{To: "r.x", Attr: "id"}, {To: "r.y", Attr: "id"}},
		`try(r.x.id, "")`:                    {{To: "r.x", Attr: "id"}},
		`coalesce(var.u, r.x.id)`:            {{To: "r.x", Attr: "id"}},
		`coalesce(null, r.x.set)`:            {{To: "r.x", Attr: "set"}},
		`{ for k in [r.x.id] : "k" => k }.k`: {{To: "r.x", Attr: "id"}},
	} {
		v, _ := evaluate(t, text, world{})
		if !reflect.DeepEqual(v.Refs(), want) {
			t.Errorf("%s refers to %v, want %v", text, v.Refs(), want)
		}
	}
}

// TestConvert applies type constraints.
func TestConvert(t *testing.T) {
	for _, c := range []struct{ typ, in, want string }{
		{`string`, `30`, `"30"`},
		{`number`, `"8080"`, `8080`},
		{`bool`, `"true"`, `true`},
		{`list(string)`, `[1, true]`, `["1", "true"]`},
		{`set(string)`, `["b", "a", "b"]`, `["a", "b"]`},
		{`map(number)`, `{ a = "1" }`, `{a: 1}`},
		{`map(any)`, `{ a = "1", b = 2 }`, `{a: "1", b: "2"}`},
		{`any`, `[1, "a"]`, `[1, "a"]`},
		{`"string"`, `1`, `"1"`},
		{`tuple([string, number])`, `[1, "2"]`, `["1", 2]`},
		{`object({ a = string })`, `{ a = 1, extra = 2 }`, `{a: "1"}`},
		{`object({ a = optional(number, 8), b = optional(string) })`, `{}`, `{a: 8, b: null}`},
		{`object({ a = optional(object({ b = optional(string, "x") }), {}) })`, `{}`, `{a: {b: "x"}}`},
		{`map(object({ n = optional(list(string), []) }))`, `{ k = {} }`, `{k: {n: []}}`},
		{`object({ a = optional(number, 8) })`, `{ a = null }`, `{a: 8}`},
		{`list(object({ a = string }))`, `[{ a = var.u }]`, `[{a: <unknown: var.u>}]`},
		{`list(string)`, `var.u`, `<unknown: var.u>`},
		{`number`, `null`, `null`},
		{`number`, `"many"`, `"many"`},
		{`object({ a = string })`, `merge(var.u, { b = 1 })`, `{a: <unknown: var.u>}`},
		{`object({ id = string, set = string })`, `r.x`, `{id: <unknown: r.x.id>, set: "here"}`},
	} {
		e, ok := ParseExpression(c.typ, hcl.Range{Start: hcl.InitialPos})
		if !ok {
			t.Fatal(c.typ)
		}
		typ := NewCompiler(NewSource("t", nil), function.All()).CompileType(e)
		v, _ := evaluate(t, c.in, world{})
		if got, _ := typ.Convert(v); got.String() != c.want {
			t.Errorf("%s from %s = %s, want %s", c.typ, c.in, got, c.want)
		}
	}
}

// TestTemplates reads texts with holes as documents.
func TestTemplates(t *testing.T) {
	for text, want := range map[string]string{
		`{"a": "${var.u}", "b": [1, "x-${var.u}"]}`:               `{a: <unknown: var.u>, b: [1, <unknown: var.u>]}`,
		`{"a": ${var.u}, "b": 1}`:                                 `{a: <unknown: var.u>, b: 1}`,
		`{"${var.u}": 1, "b": 2}`:                                 `<unknown: var.u>`,
		"kind: Pod\nspec:\n  host: ${var.u}\n":                    `{kind: "Pod", spec: {host: <unknown: var.u>}}`,
		"[%{ for x in [\"a\", var.u] }\"${x}\",%{ endfor }\"z\"]": `["a", <unknown: var.u>, "z"]`,
		"{%{ if true }\"a\": \"${var.u}\"%{ endif }}":             `{a: <unknown: var.u>}`,
		`{"a": "${jsonencode({ x = var.u })}"}`:                   `{a: {x: <unknown: var.u>}}`,
		`plain ${var.u}`:                                          ``,
		`{"a": ${var.u}`:                                          ``,
		"#!/bin/sh\necho: ${var.u}\n":                             ``,
	} {
		n, err := ParseTemplate([]byte(text), "t", function.All())
		if err != nil {
			t.Fatal(text, err)
		}
		f := Frame{State: NewState(context.Background(), function.All(), nil, nil), names: world{}}
		v := f.eval(n)
		doc, ok := v.Document()
		if !v.IsUnknown() || ok != (want != "") || ok && doc.String() != want {
			t.Errorf("%s = %s with %s, want %s", text, v, doc, want)
		}
	}
}
