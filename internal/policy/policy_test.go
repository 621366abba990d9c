package policy

import (
	"strings"
	"testing"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/value"
)

// decode reads JSON in the form of -o resources: {"$unknown": ["why"]} is an unknown, {"$json": doc} an unknown text with a
// document, {"$partial": list, "of": "why"} an unknown list with sure elements, {"$ref": "to.attr"} the identity of something.
func decode(t testing.TB, text string) plinth.Value {
	t.Helper()
	v, err := value.ParseJSON(text)
	if err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return marked(v)
}

func marked(v plinth.Value) plinth.Value {
	switch v.Kind() {
	case plinth.List:
		list := make([]plinth.Value, v.Len())
		for i, e := range v.List() {
			list[i] = marked(e)
		}
		return plinth.ListOf(list)
	case plinth.Map:
		if w, ok := v.Get("$unknown"); ok {
			return plinth.UnknownOf(w.List()[0].Str())
		}
		if doc, ok := v.Get("$json"); ok {
			return plinth.UnknownOf("doc").WithDocument(marked(doc))
		}
		if list, ok := v.Get("$partial"); ok {
			return plinth.UnknownOf("more").WithPartial(marked(list))
		}
		if r, ok := v.Get("$ref"); ok {
			i := strings.LastIndexByte(r.Str(), '.')
			return plinth.UnknownOf(r.Str()).WithRefs(plinth.Ref{To: r.Str()[:i], Attr: r.Str()[i+1:]})
		}
		fields := make([]plinth.Field, v.Len())
		for i, f := range v.Fields() {
			fields[i] = plinth.Field{Key: f.Key, Value: marked(f.Value)}
		}
		return plinth.MapOf(fields)
	}
	return v
}

// ask runs an expression and returns true, false, unknown: why, or error: text.
func ask(t testing.TB, src, props string) string {
	t.Helper()
	p, err := Compile(src, NewEnv("p", "e"))
	if err != nil {
		return "error: " + err.Error()
	}
	r := p.Eval(&Scope{Vars: []plinth.Value{decode(t, props), {}}})
	switch {
	case r.Err != nil:
		return "error: " + r.Err.Error()
	case r.Truth == value.Undecided:
		return "unknown: " + strings.Join(r.Why, ", ")
	}
	return map[value.Truth]string{value.True: "true", value.False: "false"}[r.Truth]
}

const hole = `{"$unknown":["var.x"]}`

// TestCostly holds answers that would never come, or fill the memory.
func TestCostly(t *testing.T) {
	list := "[" + strings.Repeat("1,", 999) + "1]"
	for _, src := range []string{
		"p.L.all(a, p.L.all(b, p.L.all(c, true)))",
		"cel.bind(a, " + strings.Repeat("'0123456789' + ", 90) + "'', p.L.all(x, p.L.map(y, (a+a+a+a+a+a+a+a+a+a+a+a).replace('0', a)).size() > 0))",
	} {
		if got := ask(t, src, `{"L":`+list+`}`); !strings.Contains(got, "the answer takes too many steps") {
			t.Errorf("%.60s: %s", src, got)
		}
	}
}

func TestEval(t *testing.T) {
	for _, c := range []struct{ src, props, want string }{
		{`p.A == 1 && p.B.C != 'x'`, `{"A":1,"B":{"C":"y"}}`, "true"},
		{`p.A == 1.0`, `{"A":1}`, "true"},
		{`p.A == 'x'`, `{"A":` + hole + `}`, "unknown: var.x"},
		{`p.A == 'x' || true`, `{"A":` + hole + `}`, "true"},
		{`p.Missing == 1 || p.A == 1`, `{"A":1}`, "true"},
		{`p.Missing == 1 && p.A == 1`, `{"A":1}`, "error: 1:2: no such key: Missing"},
		{`p.Missing == 1 && p.A == 1`, `{"A":` + hole + `}`, "unknown: var.x"},
		{`p.?A.B.orValue('d') == 'd'`, `{}`, "true"},
		{`p.?A.?B.orValue('d') == 'd'`, `{"A":{"B":null}}`, "true"},
		{`p.?A.?B.orValue('d') == 'd'`, `{"A":{"B":` + hole + `}}`, "unknown: var.x"},
		{`has(p.A.B.C)`, `{"A":{}}`, "false"},
		{`has(p.A.B)`, `{"A":{"B":{}}}`, "true"},
		{`has(p.A.B)`, `{"A":` + hole + `}`, "unknown: var.x"},
		{`has(p.K)`, `{"K":{"$ref":"aws_kms_key.k.arn"}}`, "true"},
		{`p.?K.orValue('') == ''`, `{"K":{"$ref":"aws_kms_key.k.arn"}}`, "false"},
		{`p.?K.orValue('') == ''`, `{"K":{"$ref":"random_string.k.result"}}`, "unknown: random_string.k.result"},
		{`p.L == ['x','bad','ok']`, `{"L":[` + hole + `,"bad","ok"]}`, "unknown: var.x"},
		{`p.L == ['x','good','ok']`, `{"L":[` + hole + `,"bad","ok"]}`, "false"},
		{`p.L != ['x','good','ok']`, `{"L":[` + hole + `,"bad","ok"]}`, "true"},
		{`'nope' in p.L`, `{"L":[` + hole + `,"bad"]}`, "unknown: var.x"},
		{`'bad' in p.L`, `{"L":[` + hole + `,"bad"]}`, "true"},
		{`p.A in ['a', 'b']`, `{"A":"b"}`, "true"},
		{`sets.contains(p.L, ['bad'])`, `{"L":[` + hole + `,"bad"]}`, "true"},
		{`sets.contains(p.L, ['good'])`, `{"L":[` + hole + `,"bad"]}`, "unknown: var.x"},
		{`sets.intersects(p.L, ['good'])`, `{"L":[` + hole + `,"bad"]}`, "unknown: var.x"},
		{`p.L.exists(x, x == 'bad')`, `{"L":[` + hole + `,"bad"]}`, "true"},
		{`p.L.exists(x, x == 'bad')`, `{"L":` + hole + `}`, "unknown: var.x"},
		{`p.L.exists(x, x == 'bad')`, `{"L":{"$partial":["bad"]}}`, "true"},
		{`p.L.all(x, x == 'good')`, `{"L":{"$partial":["bad"]}}`, "false"},
		{`p.L.all(x, x == 'bad')`, `{"L":{"$partial":["bad"]}}`, "unknown: more"},
		{`p.L.exists_one(x, x > 1)`, `{"L":[1,2,3]}`, "false"},
		{`p.L.filter(x, x.A == 1).exists(x, x.B == 2)`, `{"L":[{"A":` + hole + `,"B":2},{"A":1,"B":2}]}`, "true"},
		{`p.L.filter(x, x.A == 1).exists(x, x.B == 2)`, `{"L":[{"A":` + hole + `,"B":2}]}`, "unknown: var.x"},
		{`p.L.map(x, x * 2) == [2, 4]`, `{"L":[1,2]}`, "true"},
		{`p.M.exists(k, k == 'a')`, `{"M":{"a":1}}`, "true"},
		{`p.M.exists(k, v, v == 1)`, `{"M":{"a":1}}`, "true"},
		{`p.L.all(i, x, i < x)`, `{"L":[1,2]}`, "true"},
		{`p.L.transformList(i, x, i + x) == [1, 3]`, `{"L":[1,2]}`, "true"},
		{`p.M.transformMap(k, v, v + 1) == {'a': 2}`, `{"M":{"a":1}}`, "true"},
		{`p.L.size() > 0 && 0 < size(p.L) && p.L.size() != 0 && !(p.L.size() < 1)`, `{"L":{"$partial":["bad"]}}`, "true"},
		{`p.L.size() > 1`, `{"L":{"$partial":["bad"]}}`, "unknown: more"},
		{`p.L.size() == 1`, `{"L":{"$partial":["bad"]}}`, "unknown: more"},
		{`p.A ? true : true`, `{"A":` + hole + `}`, "true"},
		{`p.A ? true : false`, `{"A":` + hole + `}`, "unknown: var.x"},
		{`7 / 2 == 3 && 7.0 / 2 == 3.5 && 7 % 4 == 3 && -7 / 2 == -3`, `{}`, "true"},
		{`p.A / 0 == 1`, `{"A":1}`, "error: 1:5: divided by zero"},
		{`p.Doc.Statement[0].Action == 'x'`, `{"Doc":{"$json":{"Statement":[{"Action":"x"}]}}}`, "true"},
		{`p.?S.optMap(s, s + '!').orValue('') == 'a!'`, `{"S":"a"}`, "true"},
		{`p.L[?5].hasValue()`, `{"L":[1]}`, "false"},
		{`p.L[5] == 1`, `{"L":[1]}`, "error: 1:4: index out of bounds"},
		{`[1, ?p.?B, 3] == [1, 3]`, `{}`, "true"},
		{`{'a': 1, ?'b': p.?B} == {'a': 1}`, `{}`, "true"},
		{`cel.bind(x, p.A, x + x) == 4`, `{"A":2}`, "true"},
		{`origin(p.A) == 'set' && origin(p.B.C) == 'absent' && origin(p.?D) == 'absent'`, `{"A":1}`, "true"},
		{`p.S.matches('^a+$') && p.S.startsWith('a') && p.S.size() == 2 && size(p.S) == 2`, `{"S":"aa"}`, "true"},
		{`'a,b'.split(',') == ['a','b'] && ['a','b'].join('-') == 'a-b' && 'Ab'.lowerAscii() == 'ab'`, `{}`, "true"},
		{`list(p.A) == ['x'] && list(p.B) == [1] && list(p.?C) == [] && str(p.D) == 'true' && str(p.?E) == ''`, `{"A":"x","B":[1],"D":true}`, "true"},
		{`list(p.?C).exists(x, x == 1)`, `{"C":` + hole + `}`, "unknown: var.x"},
		{`int('42') + 1 == 43 && string(1) == '1' && double('1.5') == 1.5 && bool('true')`, `{}`, "true"},
		{`p.A`, `{"A":1}`, "error: the answer is a number, not a bool"},
		{`q.A == 1`, `{}`, "error: 1:1: there is no variable q; the nearest is p"},
		{`p.A.startWith('x')`, `{}`, "error: 1:14: there is no function startWith; the nearest is startsWith"},
		{`p.?A == 'x'`, `{}`, "error: 1:6: an optional is compared with a value and would never be equal; end it with .orValue(…)"},
		{`p.A.orValue(1) == 1`, `{}`, "error: 1:12: orValue is for optionals; write p.?A.orValue or, for a value that is there, leave it out"},
		{`p.?A.startsWith('x')`, `{}`, "error: 1:2: this is optional; end it with .orValue(…), or ask .hasValue()"},
		{`p.A ==`, `{}`, "error: 1:7: mismatched input '<EOF>' expecting expression"},
		{`p.L.exists(x.y, true)`, `{}`, "error: 1:13: the first arguments of exists are names"},
		{`p.S.matches('(')`, `{}`, "error: 1:13: error parsing regexp: missing closing ): `(`"},
	} {
		if got := ask(t, c.src, c.props); got != c.want {
			t.Errorf("%s on %s\n got %s\nwant %s", c.src, c.props, got, c.want)
		}
	}
}

// TestEnds holds what can be said of a text whose beginning or end is known.
func TestEnds(t *testing.T) {
	arn := plinth.UnknownOf("var.x").WithEnds("arn:aws:", "/*")
	document := func(principal plinth.Value) plinth.Value {
		return plinth.MapOf([]plinth.Field{{Key: "Statement", Value: plinth.MapOf([]plinth.Field{
			{Key: "Effect", Value: plinth.StringOf("Allow")},
			{Key: "Principal", Value: plinth.MapOf([]plinth.Field{{Key: "AWS", Value: principal}})},
			{Key: "Resource", Value: arn},
		})}})
	}
	props := plinth.MapOf([]plinth.Field{{Key: "D", Value: document(arn)}, {Key: "E", Value: document(plinth.ListOf([]plinth.Value{plinth.UnknownOf("var.y")}))}, {Key: "S", Value: arn}})
	for src, want := range map[string]value.Truth{
		"p.S == '*'": value.False, "p.S != '*'": value.True, "p.S in ['*', 'x']": value.False, "p.S.startsWith('arn:')": value.True,
		"p.S.startsWith('arn:aws:s3')": value.Undecided, "p.S.startsWith('x')": value.False, "p.S.endsWith('*')": value.True,
		"p.S.endsWith('y')": value.False, "p.S.contains('aws')": value.True, "p.S.contains('z')": value.Undecided,
		"has(p.S)": value.True, "p.?S.orValue('') == ''": value.False,
		"statements(p.D).exists(s, s.Resource.exists(x, x == '*'))": value.False, "statements(p.D).exists(s, anyone(s))": value.False,
		"statements(p.E).exists(s, anyone(s))": value.Undecided, "statements(p.E).exists(s, s.Principal.exists(x, x == '*'))": value.False,
	} {
		program, err := Compile(src, NewEnv("p"))
		if err != nil {
			t.Fatal(err)
		}
		if got := program.Eval(&Scope{Vars: []plinth.Value{props}}); got.Err != nil || got.Truth != want {
			t.Errorf("%s: %v %v, want %v", src, got.Truth, got.Err, want)
		}
	}
}
