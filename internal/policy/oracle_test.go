package policy

import (
	"math/rand/v2"
	"strings"
	"testing"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/ext"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/value"
)

const (
	oracleRuns = 3_000 // generated expressions for each test
	seed       = 20261125
)

// native turns a known value into what cel-go takes.
func native(v plinth.Value) any {
	switch v.Kind() {
	case plinth.Bool:
		return v.Bool()
	case plinth.Number:
		return int64(v.Num())
	case plinth.String:
		return v.Str()
	case plinth.List:
		list := []any{}
		for _, e := range v.List() {
			list = append(list, native(e))
		}
		return list
	case plinth.Map:
		m := map[string]any{}
		for _, f := range v.Fields() {
			m[f.Key] = native(f.Value)
		}
		return m
	}
	return nil
}

// TestOracle holds known answers against cel-go's own evaluator: where that one has an answer, ours is the same. Where it
// fails ours may know more: has() asks for a whole path here.
func TestOracle(t *testing.T) {
	env, err := cel.NewEnv(cel.Variable("p", cel.DynType), cel.OptionalTypes(), ext.Strings(), ext.Sets(), ext.Lists(), ext.TwoVarComprehensions())
	if err != nil {
		t.Fatal(err)
	}
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 1))}
	ours := NewEnv("p")
	counts := map[string]int{}
	for range oracleRuns {
		src := g.of("b", 4)
		tree, issues := env.Compile(src)
		if issues.Err() != nil {
			counts["refused"]++
			continue
		}
		theirs, err := env.Program(tree)
		if err != nil {
			t.Fatal(err)
		}
		prog, err := Compile(src, ours)
		if err != nil {
			t.Errorf("%s\nis refused: %v", src, err)
			continue
		}
		for range 4 {
			data := g.data()
			want, _, err := theirs.Eval(map[string]any{"p": native(data)})
			got := prog.Eval(&Scope{Vars: []plinth.Value{data}})
			switch {
			case err != nil || types.IsError(want):
				counts["failed"]++
			case got.Err != nil && strings.Contains(got.Err.Text, "no list or map"):
				counts["stricter"]++ // cel-go walks an empty text as if it were a list in some places
			case got.Err != nil:
				if b, ok := want.Value().(bool); ok {
					t.Errorf("%s\non %s\nfails: %v, want %v", src, data, got.Err, b)
				}
			default:
				counts["answered"]++
				if got.Truth != value.TruthOf(want == types.True) {
					t.Errorf("%s\non %s\nis %v, want %v", src, data, got.Truth, want)
				}
			}
		}
		if t.Failed() {
			break
		}
	}
	t.Logf("%v", counts)
	if counts["answered"] < oracleRuns {
		t.Errorf("only %d answers to compare", counts["answered"])
	}
}

// TestSound makes parts of the data unknown, wholly or but for some elements: an answer may become unknown and never flips.
func TestSound(t *testing.T) {
	counts := map[value.Truth]int{}
	for i := range uint64(oracleRuns) {
		sound(t, seed+i, counts)
		if t.Failed() {
			break
		}
	}
	t.Logf("after a part was made unknown: %d stay true, %d stay false, %d are unknown", counts[value.True], counts[value.False], counts[value.Undecided])
}

func sound(t *testing.T, seed uint64, counts map[value.Truth]int) {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 2))}
	src, data := g.of("b", 4), g.data()
	prog, err := Compile(src, NewEnv("p"))
	if err != nil {
		return // a misfit that is told at once
	}
	before := prog.Eval(&Scope{Vars: []plinth.Value{data}})
	if before.Err != nil {
		return
	}
	for _, hidden := range hide(g, data) {
		after := prog.Eval(&Scope{Vars: []plinth.Value{hidden}})
		switch {
		case after.Err != nil:
			t.Errorf("%s\non %s is %v\non %s fails: %v", src, data, before.Truth, hidden, after.Err)
		case after.Truth == value.Undecided && len(after.Why) == 0:
			t.Errorf("%s\non %s is unknown without a reason", src, hidden)
		case after.Truth != value.Undecided && after.Truth != before.Truth:
			t.Errorf("%s\non %s is %v\non %s is %v", src, data, before.Truth, hidden, after.Truth)
		}
		counts[after.Truth]++
	}
}

// hide returns the value with each of its parts made unknown, one at a time; lists and maps also with some entries kept.
func hide(g *generator, v plinth.Value) []plinth.Value {
	var out []plinth.Value
	for i, e := range v.List() {
		for _, n := range append(hide(g, e), veils(g, e)...) {
			list := append([]plinth.Value{}, v.List()...)
			list[i] = n
			out = append(out, plinth.ListOf(list))
		}
	}
	for i, f := range v.Fields() {
		for _, n := range append(hide(g, f.Value), veils(g, f.Value)...) {
			fields := append([]plinth.Field{}, v.Fields()...)
			fields[i].Value = n
			out = append(out, plinth.MapOf(fields))
		}
	}
	return out
}

func veils(g *generator, v plinth.Value) []plinth.Value {
	out := []plinth.Value{plinth.UnknownOf("hidden")}
	switch v.Kind() {
	case plinth.List:
		some := []plinth.Value{}
		for _, e := range v.List() {
			if g.IntN(2) == 0 {
				some = append(some, e)
			}
		}
		out = append(out, plinth.UnknownOf("hidden").WithPartial(plinth.ListOf(some)))
	case plinth.Map:
		some := []plinth.Field{}
		for _, f := range v.Fields() {
			if g.IntN(2) == 0 {
				some = append(some, f)
			}
		}
		out = append(out, plinth.UnknownOf("hidden").WithPartial(plinth.MapOf(some)))
	}
	return out
}

// FuzzSound looks for an expression and data that flip.
func FuzzSound(f *testing.F) {
	f.Add(uint64(1))
	f.Fuzz(func(t *testing.T, seed uint64) { sound(t, seed, map[value.Truth]int{}) })
}

// FuzzCompile looks for texts that kill the compiler or the evaluator.
func FuzzCompile(f *testing.F) {
	for _, src := range []string{
		"p.a == 1", "p.?a[?0].b.orValue([]).map(x, x * 2).exists(i, v, v in p)", "statements(p).exists(s, wild(s, 'a:b') && anyone(s))",
		"opens(p, 22) && world(p) || image(p.a).tag == ''", "has(p.a.b) ? -p.c / 2 : size('x')", "cel.bind(x, p, related(x, 'T'))", "{'a': 1, ?'b': p.?c}",
	} {
		f.Add(src)
	}
	data := decode(f, `{"a":{"$unknown":["x"]},"b":[1,"s",null,{"c":true}],"c":{"$partial":[1]},"d":{"$json":{"Statement":[{"Action":"*"}]}}}`)
	f.Fuzz(func(t *testing.T, src string) {
		p, err := Compile(src, NewEnv("p"))
		if err != nil {
			return
		}
		p.Eval(&Scope{Vars: []plinth.Value{data}})
	})
}
