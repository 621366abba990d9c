package expr

import (
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/read/terraform/function"
	"github.com/plinthsec/plinth/internal/value"
)

// constant is an expression that is the same everywhere.
type constant struct{ value plinth.Value }

func (n constant) eval(*Frame) plinth.Value { return n.value }

// tuple is [a, b].
type tuple struct {
	items []Node
	at    []origin
}

func (n *tuple) eval(f *Frame) plinth.Value {
	out := make([]plinth.Value, len(n.items))
	for i, it := range n.items {
		out[i] = placed(f.eval(it), n.at[i])
	}
	return plinth.ListOf(out)
}

// object is {k = v}.
type object struct{ items []entry }

type entry struct {
	key, value Node
	at         origin
}

func (n *object) eval(f *Frame) plinth.Value {
	out := make([]plinth.Field, 0, len(n.items))
	var open []plinth.OpenField
	sensitive := false
	for i := range n.items {
		it := &n.items[i]
		key := f.eval(it.key)
		v := f.eval(it.value)
		k, err := function.ToString(key)
		switch {
		case err != nil || k.IsNull():
			f.faults++
			continue
		case k.IsUnknown():
			open = append(open, plinth.OpenField{Key: k, Value: placed(v, it.at)})
			continue
		}
		sensitive = sensitive || key.Sensitive()
		out = append(out, plinth.Field{Key: k.Str(), Value: placed(v, it.at)})
	}
	v := function.OpenMap(out, open)
	if sensitive {
		v = v.WithSensitive(true)
	}
	return v
}

// conditional is c ? a : b.
type conditional struct{ of, yes, no Node }

func (n *conditional) eval(f *Frame) plinth.Value {
	c := f.eval(n.of)
	t, err := function.ToBool(c)
	if err != nil || t.IsNull() {
		return f.fault(textOf(n.of))
	}
	var v plinth.Value
	switch {
	case t.Kind() == plinth.Bool && t.Bool():
		v = unified(f.eval(n.yes), n.no)
	case t.Kind() == plinth.Bool:
		v = unified(f.eval(n.no), n.yes)
	default:
		v = n.open(f, c)
	}
	if c.Sensitive() {
		v = v.WithSensitive(true)
	}
	return v
}

// unified makes a number or bool a string where the other way has one: both have one type.
func unified(v plinth.Value, other Node) plinth.Value {
	if v.Kind() != plinth.Number && v.Kind() != plinth.Bool {
		return v
	}
	if c, ok := IsConstant(other); ok && c.Kind() == plinth.String {
		v, _ = function.ToString(v) // a scalar: cannot fail
	}
	return v
}

// open is the value while the condition is undecided: known only if both ways lead to the same.
func (n *conditional) open(f *Frame, c plinth.Value) plinth.Value {
	faults, problems := f.faults, len(f.problems)
	yes, no := f.eval(n.yes), f.eval(n.no)
	f.faults, f.problems = faults, f.problems[:problems]
	if t, _ := value.Equal(yes, no); t == value.True {
		return yes
	}
	return function.Unknown(c).WithRefs(yes.Refs()...).WithRefs(no.Refs()...).WithSensitive(yes.Sensitive() || no.Sensitive())
}

// loop is a for expression.
type loop struct {
	of, key, value, when Node
	slot                 int
	group                bool
	at                   origin
}

// walk is a walk of a for expression over its collection.
type walk struct {
	n     *loop
	f     *Frame
	visit func()
	open  []plinth.Value // reasons for which it is not certain what is walked
}

// step binds key and value of one element and visits it if the condition lets it through.
func (w *walk) step(key plinth.Value, e Item) bool {
	n, f := w.n, w.f
	if f.stopped || !f.room(1) {
		w.open = append(w.open, plinth.UnknownOf("limit"))
		return false
	}
	f.bind(n.slot, Item{Value: key}, e)
	if n.when != nil {
		t, err := function.ToBool(f.eval(n.when))
		switch {
		case err != nil || t.IsNull():
			f.faults++
			return true
		case t.IsUnknown():
			w.open = append(w.open, t)
			return true
		case !t.Bool():
			return true
		}
		f.bind(n.slot, Item{Value: key}, e)
	}
	w.visit()
	return true
}

// each calls visit with key and value bound for every element of the collection that the condition lets through. The reasons
// of a collection or conditions that are unknown come back in open. What cannot be walked is not ok.
func (n *loop) each(f *Frame, visit func()) (open []plinth.Value, sensitive, ok bool) {
	w := &walk{n: n, f: f, visit: visit}
	it := itemOf(f, n.of)
	if it.Lazy != nil {
		if entries, shape := it.Lazy.Entries(); shape == Several {
			for _, e := range entries {
				if !w.step(e.Key, e.Item) {
					break
				}
			}
			return w.open, false, true
		}
	}
	v := it.Force()
	if v.IsUnknown() {
		w.open = append(w.open, v)
		if v.Partial() {
			v, _ = v.Document()
		}
	}
	switch v.Kind() {
	case plinth.List:
		for i, e := range v.List() {
			key := plinth.NumberOf(float64(i))
			if v.IsSet() {
				key = e
			}
			if !w.step(key, Item{Value: inside(e, v)}) {
				break
			}
		}
	case plinth.Map:
		for _, e := range v.Fields() {
			if !w.step(plinth.StringOf(e.Key), Item{Value: inside(e.Value, v)}) {
				break
			}
		}
	case plinth.Unknown:
	default:
		return nil, false, false
	}
	return w.open, v.Sensitive(), true
}

func (n *loop) eval(f *Frame) plinth.Value {
	if n.key == nil {
		return n.list(f)
	}
	return n.mapping(f)
}

func (n *loop) list(f *Frame) plinth.Value {
	out := []plinth.Value{}
	open, sensitive, ok := n.each(f, func() { out = append(out, placed(f.eval(n.value), n.at)) })
	if !ok {
		return f.fault(textOf(n.of))
	}
	return opened(plinth.ListOf(out), open).WithSensitive(sensitive)
}

// opened is v if nothing is open, and else an unknown of which v is certain.
func opened(v plinth.Value, open []plinth.Value) plinth.Value {
	if len(open) == 0 {
		return v
	}
	u := function.Unknown(open...)
	if v.Len() == 0 {
		return u
	}
	return u.WithPartial(v)
}

func (n *loop) mapping(f *Frame) plinth.Value {
	var out []plinth.Field
	var keys []plinth.Value
	groups := map[string][]plinth.Value{}
	open, sensitive, ok := n.each(f, func() {
		key := f.eval(n.key)
		k, err := function.ToString(key)
		if err != nil || k.IsNull() {
			f.faults++
			return
		}
		v := placed(f.eval(n.value), n.at)
		if k.IsUnknown() {
			keys = append(keys, k)
			return
		}
		if n.group {
			groups[k.Str()] = append(groups[k.Str()], v)
			return
		}
		out = append(out, plinth.Field{Key: k.Str(), Value: v})
	})
	if !ok {
		return f.fault(textOf(n.of))
	}
	for k, list := range groups {
		out = append(out, plinth.Field{Key: k, Value: plinth.ListOf(list)})
	}
	return opened(plinth.MapOf(out), append(open, keys...)).WithSensitive(sensitive)
}

// op is a binary operator.
type op uint8

const (
	opOr op = iota
	opAnd
	opEqual
	opNotEqual
	opGreater
	opGreaterEqual
	opLess
	opLessEqual
	opAdd
	opSubtract
	opMultiply
	opDivide
	opModulo
)

func opOf(o *hclsyntax.Operation) op {
	for i, known := range [...]*hclsyntax.Operation{
		hclsyntax.OpLogicalOr, hclsyntax.OpLogicalAnd, hclsyntax.OpEqual, hclsyntax.OpNotEqual, hclsyntax.OpGreaterThan,
		hclsyntax.OpGreaterThanOrEqual, hclsyntax.OpLessThan, hclsyntax.OpLessThanOrEqual, hclsyntax.OpAdd, hclsyntax.OpSubtract,
		hclsyntax.OpMultiply, hclsyntax.OpDivide, hclsyntax.OpModulo,
	} {
		if o == known {
			return op(i)
		}
	}
	return opEqual
}

// binary is a operator b.
type binary struct {
	left, right Node
	op          op
}

func (n *binary) eval(f *Frame) plinth.Value {
	if n.op <= opAnd {
		return n.logic(f)
	}
	a, b := f.eval(n.left), f.eval(n.right)
	if n.op <= opNotEqual {
		t, _ := value.Equal(a, b)
		if t == value.Undecided {
			return function.Unknown(a, b)
		}
		return function.Marked(plinth.BoolOf((t == value.True) == (n.op == opEqual)), shallow(a), shallow(b))
	}
	if a.IsUnknown() || b.IsUnknown() {
		return function.Unknown(a, b)
	}
	x, errx := function.ToNumber(a)
	y, erry := function.ToNumber(b)
	if errx != nil || erry != nil || x.IsNull() || y.IsNull() {
		return f.fault(textOf(n.left), textOf(n.right))
	}
	v, ok := n.op.on(x.Num(), y.Num())
	if !ok {
		return f.fault(textOf(n.left), textOf(n.right))
	}
	return function.Marked(v, a, b)
}

func (o op) on(x, y float64) (plinth.Value, bool) {
	var f float64
	switch o {
	case opGreater:
		return plinth.BoolOf(x > y), true
	case opGreaterEqual:
		return plinth.BoolOf(x >= y), true
	case opLess:
		return plinth.BoolOf(x < y), true
	case opLessEqual:
		return plinth.BoolOf(x <= y), true
	case opAdd:
		f = x + y
	case opSubtract:
		f = x - y
	case opMultiply:
		f = x * y
	case opDivide:
		f = x / y
	case opModulo:
		f = math.Mod(x, y)
	}
	return plinth.NumberOf(f), !math.IsNaN(f) && !math.IsInf(f, 0)
}

// logic is && and ||: a side that decides does so whatever the other is.
func (n *binary) logic(f *Frame) plinth.Value {
	decides := n.op == opOr
	a, err := function.ToBool(f.eval(n.left))
	if err != nil || a.IsNull() {
		return f.fault(textOf(n.left))
	}
	if a.Kind() == plinth.Bool && a.Bool() == decides {
		return a
	}
	faults := f.faults
	b, err := function.ToBool(f.eval(n.right))
	if a.IsUnknown() {
		f.faults = faults // the right side counts only if the left one does not decide
	}
	if err != nil || b.IsNull() {
		return f.fault(textOf(n.right))
	}
	if b.Kind() == plinth.Bool && b.Bool() == decides {
		return function.Marked(b, shallow(a))
	}
	if a.IsUnknown() || b.IsUnknown() {
		return function.Unknown(a, b)
	}
	return function.Marked(plinth.BoolOf(!decides), a, b)
}

// unary is !a or -a.
type unary struct {
	of  Node
	not bool
}

func (n *unary) eval(f *Frame) plinth.Value {
	v := f.eval(n.of)
	if v.IsUnknown() {
		return function.Unknown(v)
	}
	if n.not {
		b, err := function.ToBool(v)
		if err != nil || b.IsNull() {
			return f.fault(textOf(n.of))
		}
		return function.Marked(plinth.BoolOf(!b.Bool()), v)
	}
	x, err := function.ToNumber(v)
	if err != nil || x.IsNull() {
		return f.fault(textOf(n.of))
	}
	return function.Marked(plinth.NumberOf(-x.Num()), v)
}

// call is a function call.
type call struct {
	name   string
	fn     *function.Func // nil: nobody knows it
	args   []Node
	spread bool
	at     plinth.Location
}

func (n *call) eval(f *Frame) plinth.Value {
	args := make([]plinth.Value, 0, len(n.args)+2)
	for i, a := range n.args {
		v := f.eval(a)
		if !n.spread || i < len(n.args)-1 {
			args = append(args, v)
			continue
		}
		if v.IsUnknown() {
			return function.Unknown(append(args, v)...)
		}
		if v.Kind() != plinth.List {
			return f.fault(n.name + "()")
		}
		args = append(args, v.List()...)
	}
	if n.fn == nil {
		return function.Marked(plinth.UnknownOf(n.name+"()"), args...)
	}
	v, err := n.fn.Call(f.files, args)
	if err == nil {
		if v.Kind() != plinth.String && !f.room(v.Len()) {
			return plinth.UnknownOf("limit")
		}
		return v
	}
	return f.failed(n.name, err, args, n.at)
}

// failed is the result of a call that Terraform would refuse. A file that cannot be read is worth a problem.
func (f *Frame) failed(name string, err error, args []plinth.Value, at plinth.Location) plinth.Value {
	var file *function.FileError
	if !errors.As(err, &file) {
		return function.Marked(f.fault(name+"()"), args...)
	}
	f.Problem(plinth.Problem{Kind: file.Kind, At: at, Text: fmt.Sprintf("%s: %s %s", name, file.Path, file.Why)})
	return f.fault(name + "(" + strconv.Quote(file.Path) + ")")
}

// try is the first of its arguments that has no fault.
type try struct{ args []Node }

func (n *try) eval(f *Frame) plinth.Value {
	faults, problems := f.faults, len(f.problems)
	var v plinth.Value
	for _, a := range n.args {
		f.faults, f.problems = faults, f.problems[:problems]
		f.tries++
		v = f.eval(a)
		f.tries--
		if f.faults == faults {
			return v
		}
	}
	return v
}

// can tells whether its argument has no fault.
type can struct{ args []Node }

func (n *can) eval(f *Frame) plinth.Value {
	faults, problems := f.faults, len(f.problems)
	for _, a := range n.args {
		f.tries++
		v := f.eval(a)
		f.tries--
		if f.faults != faults {
			f.faults, f.problems = faults, f.problems[:problems]
			return plinth.BoolOf(false)
		}
		if v.IsUnknown() {
			return function.Unknown(v)
		}
	}
	return plinth.BoolOf(true)
}
