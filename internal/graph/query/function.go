package query

import (
	"bytes"
	"errors"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const maxArguments = 100 // of a function: more than anybody writes

var errLongRegex = errors.New("it is longer than " + strconv.Itoa(maxRegex) + " bytes")

// regex compiles the pattern of =~ where it is written out.
func (p *parser) regex(e expr, pos int) *regexp.Regexp {
	c, ok := e.(*constant)
	if !ok || c.value.kind != kString {
		return nil
	}
	re, err := compileRegex(c.value.str)
	if err != nil {
		p.fail(pos, "the pattern of =~ is none: %v", err)
	}
	return re
}

type function struct {
	min, max int
	run      func(c *call, e *env, args []Value) Value
}

// aggregates are the functions that make one value of many rows.
var aggregates = map[string]bool{"count": true, "collect": true, "min": true, "max": true, "sum": true, "avg": true}

// onText makes a function of a text; what is no text yields null.
func onText(f func(string) Value) function {
	return function{1, 1, func(_ *call, _ *env, args []Value) Value {
		if args[0].kind != kString {
			return Value{}
		}
		return f(args[0].str)
	}}
}

func onNumber(f func(float64) float64, whole bool) function {
	return function{1, 1, func(_ *call, _ *env, args []Value) Value {
		if args[0].kind != kNumber {
			return Value{}
		}
		return Value{kind: kNumber, num: f(args[0].num), whole: whole || args[0].whole}
	}}
}

// functions are all others. Names are in lower case; case does not count.
var functions = map[string]function{
	"tolower":   onText(func(s string) Value { return textOf(strings.ToLower(s)) }),
	"lower":     onText(func(s string) Value { return textOf(strings.ToLower(s)) }),
	"toupper":   onText(func(s string) Value { return textOf(strings.ToUpper(s)) }),
	"upper":     onText(func(s string) Value { return textOf(strings.ToUpper(s)) }),
	"trim":      onText(func(s string) Value { return textOf(strings.TrimSpace(s)) }),
	"reverse":   {1, 1, reversed},
	"abs":       onNumber(math.Abs, false),
	"ceil":      onNumber(math.Ceil, true),
	"floor":     onNumber(math.Floor, true),
	"round":     onNumber(math.Round, true),
	"tostring":  {1, 1, toString},
	"tointeger": {1, 1, func(_ *call, _ *env, a []Value) Value { return toNumber(a[0], true) }},
	"tofloat":   {1, 1, func(_ *call, _ *env, a []Value) Value { return toNumber(a[0], false) }},
	"toboolean": {1, 1, toBoolean},
	"coalesce":  {1, maxArguments, coalesce},
	"size":      {1, 1, size},
	"length":    {1, 1, size},
	"head":      {1, 1, func(_ *call, _ *env, a []Value) Value { return nth(a[0].list(), 0) }},
	"last":      {1, 1, func(_ *call, _ *env, a []Value) Value { return nth(a[0].list(), len(a[0].list())-1) }},
	"tail":      {1, 1, tail},
	"range":     {2, 3, numbers},
	"split":     {2, 2, split},
	"replace":   {3, 3, replace},
	"substring": {2, 3, substring},
	"left":      {2, 2, func(c *call, e *env, a []Value) Value { return substring(c, e, []Value{a[0], numberOf(0), a[1]}) }},
	"id":        {1, 1, id}, "elementid": {1, 1, id},
	"labels":        {1, 1, labelsOf},
	"type":          {1, 1, func(_ *call, _ *env, a []Value) Value { return typeOf(a[0]) }},
	"keys":          {1, 1, keys},
	"properties":    {1, 1, func(_ *call, _ *env, a []Value) Value { return properties(a[0]) }},
	"nodes":         {1, 1, func(_ *call, _ *env, a []Value) Value { return onPath(a[0], nodesOf) }},
	"relationships": {1, 1, func(_ *call, _ *env, a []Value) Value { return onPath(a[0], relationsOf) }},
	"startnode":     {1, 1, func(_ *call, _ *env, a []Value) Value { return end(a[0], true) }},
	"endnode":       {1, 1, func(_ *call, _ *env, a []Value) Value { return end(a[0], false) }},
	"exists":        {1, 1, func(_ *call, _ *env, a []Value) Value { return truth(a[0].kind != kNull) }},
	"isempty":       {1, 1, isEmpty},
}

func reversed(_ *call, _ *env, a []Value) Value {
	switch a[0].kind {
	case kString:
		runes := []rune(a[0].str)
		slices.Reverse(runes)
		return textOf(string(runes))
	case kList:
		list := slices.Clone(a[0].more.list)
		slices.Reverse(list)
		return listValue(list)
	}
	return Value{}
}

func toString(_ *call, e *env, a []Value) Value {
	if a[0].kind == kNull || e.x.spend(a[0].weight()) {
		return Value{}
	}
	return textOf(a[0].String())
}

func toNumber(v Value, whole bool) Value {
	f := v.num
	switch v.kind {
	case kNumber:
	case kString:
		var err error
		if f, err = strconv.ParseFloat(strings.TrimSpace(v.str), 64); err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
			return Value{}
		}
	default:
		return Value{}
	}
	if whole {
		f = math.Trunc(f)
	}
	return Value{kind: kNumber, num: f, whole: whole}
}

func toBoolean(_ *call, _ *env, a []Value) Value {
	if a[0].kind == kBool {
		return a[0]
	}
	switch strings.ToLower(a[0].str) {
	case "true":
		return truth(true)
	case "false":
		return truth(false)
	}
	return Value{}
}

func coalesce(_ *call, _ *env, args []Value) Value {
	for _, a := range args {
		if a.kind != kNull {
			return a
		}
	}
	return Value{}
}

// size counts the elements of a list, the characters of a text, the entries of a map or the relations of a path.
func size(_ *call, _ *env, a []Value) Value {
	switch v := a[0]; v.kind {
	case kList:
		return numberOf(len(v.more.list))
	case kString:
		return numberOf(len([]rune(v.str)))
	case kPath:
		return numberOf(len(v.more.rels))
	case kMap:
		keys, _ := v.entries()
		return numberOf(len(keys))
	}
	return Value{}
}

func isEmpty(c *call, e *env, a []Value) Value {
	n := size(c, e, a)
	if n.kind == kNull {
		return n
	}
	return truth(n.num == 0)
}

func nth(list []Value, i int) Value {
	if i < 0 || i >= len(list) {
		return Value{}
	}
	return list[i]
}

func tail(_ *call, _ *env, a []Value) Value {
	if list := a[0].list(); len(list) > 0 {
		return listValue(list[1:])
	}
	return a[0]
}

func numbers(c *call, e *env, a []Value) Value {
	step := 1.0
	if len(a) == 3 {
		step = a[2].num
	}
	for _, v := range a {
		if v.kind != kNumber {
			return Value{}
		}
	}
	if step == 0 || math.Abs((a[1].num-a[0].num)/step) > maxHeld {
		e.x.fail(c.pos, "range has a step of 0 or more than %d elements", maxHeld)
		return Value{}
	}
	var out []Value
	for f := a[0].num; step > 0 && f <= a[1].num || step < 0 && f >= a[1].num; f += step {
		if e.x.spend(1) {
			return Value{}
		}
		out = append(out, Value{kind: kNumber, num: f, whole: true})
	}
	return listValue(out)
}

func split(_ *call, e *env, a []Value) Value {
	if a[0].kind != kString || a[1].kind != kString || e.x.spend(len(a[0].str)) {
		return Value{}
	}
	return texts(strings.Split(a[0].str, a[1].str))
}

func replace(c *call, e *env, a []Value) Value {
	if a[0].kind != kString || a[1].kind != kString || a[2].kind != kString {
		return Value{}
	}
	if (strings.Count(a[0].str, a[1].str)+1)*len(a[2].str)+len(a[0].str) > maxText {
		e.x.fail(c.pos, "the text grows longer than %d bytes", maxText)
		return Value{}
	}
	return textOf(strings.ReplaceAll(a[0].str, a[1].str, a[2].str))
}

func substring(_ *call, _ *env, a []Value) Value {
	if a[0].kind != kString || a[1].kind != kNumber || len(a) == 3 && a[2].kind != kNumber {
		return Value{}
	}
	runes := []rune(a[0].str)
	from, n := max(0, min(a[1].num, float64(len(runes)))), float64(len(runes))
	if len(a) == 3 {
		n = max(0, a[2].num)
	}
	return textOf(string(runes[int(from):int(min(from+n, float64(len(runes))))]))
}

func id(_ *call, _ *env, a []Value) Value {
	switch v := a[0]; v.kind {
	case kNode:
		return textOf(string(v.m.Nodes()[v.index].ID))
	case kRelation:
		return numberOf(int(v.index))
	}
	return Value{}
}

func labelsOf(_ *call, _ *env, a []Value) Value {
	if v := a[0]; v.kind == kNode {
		return texts(labels(&v.m.Nodes()[v.index]))
	}
	return Value{}
}

func typeOf(v Value) Value {
	switch v.kind {
	case kRelation:
		return textOf(string(v.m.Relations()[v.index].Kind))
	case kNode:
		return textOf(v.m.Nodes()[v.index].Type)
	}
	return Value{}
}

func properties(v Value) Value {
	switch v.kind {
	case kNode:
		return nodeProps(v)
	case kRelation:
		return relationProps(v)
	case kMap:
		return v
	}
	return Value{}
}

func keys(_ *call, _ *env, a []Value) Value {
	v := properties(a[0])
	if v.kind != kMap {
		return Value{}
	}
	keys, _ := v.entries()
	return texts(keys)
}

func onPath(v Value, f func(Value) Value) Value {
	if v.kind != kPath {
		return Value{}
	}
	return f(v)
}

func end(v Value, start bool) Value {
	switch v.kind {
	case kRelation:
		from, to := v.m.Ends(v.index)
		if !start {
			from = to
		}
		return Value{kind: kNode, index: from, m: v.m}
	case kPath:
		nodes := v.more.nodes
		if start {
			return Value{kind: kNode, index: nodes[0], m: v.m}
		}
		return Value{kind: kNode, index: nodes[len(nodes)-1], m: v.m}
	}
	return Value{}
}

// sum gathers the values of one aggregate in one group.
type sum struct {
	a     *aggregate
	n     int
	num   float64
	whole bool
	best  Value
	list  []Value
	seen  map[string]bool
}

func newSum(a *aggregate) *sum { return &sum{a: a, whole: true} }

func (s *sum) add(e *env) {
	if s.a.of == nil {
		s.n++
		return
	}
	v := s.a.of.eval(e)
	if v.kind == kNull {
		return
	}
	if s.a.distinct {
		if e.x.spend(v.weight()) {
			return
		}
		var b bytes.Buffer
		v.key(&b)
		if s.seen == nil {
			s.seen = map[string]bool{}
		}
		if s.seen[b.String()] || e.x.hold(s.a.pos) {
			return
		}
		s.seen[b.String()] = true
	}
	s.n++
	switch s.a.name {
	case "collect":
		if !e.x.hold(s.a.pos) {
			s.list = append(s.list, v)
		}
	case "min":
		if s.n == 1 || compare(v, s.best) < 0 {
			s.best = v
		}
	case "max":
		if s.n == 1 || compare(v, s.best) > 0 {
			s.best = v
		}
	case "sum", "avg":
		if v.kind != kNumber {
			e.x.fail(s.a.pos, "%s is for numbers, not for %s", s.a.name, v.kind)
			return
		}
		s.num += v.num
		s.whole = s.whole && v.whole
	}
}

func (s *sum) value(x *executor) Value {
	switch s.a.name {
	case "collect":
		return x.made(listValue(s.list))
	case "min", "max":
		return s.best
	case "sum":
		return Value{kind: kNumber, num: s.num, whole: s.whole}
	case "avg":
		if s.n == 0 {
			return Value{}
		}
		return Value{kind: kNumber, num: s.num / float64(s.n)}
	}
	return numberOf(s.n)
}

// sortRows sorts rows by their keys; equal ones keep their order.
func sortRows(rows []sorted, keys []sortKey) {
	slices.SortStableFunc(rows, func(a, b sorted) int {
		for i, k := range keys {
			n := compare(a.keys[i], b.keys[i])
			if k.desc {
				n = -n
			}
			if n != 0 {
				return n
			}
		}
		return 0
	})
}
