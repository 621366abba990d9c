package helm

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"text/template/parse"

	"github.com/Masterminds/semver/v3"
)

// run carries out one template. It walks the trees of text/template/parse as text/template does
// (https://pkg.go.dev/text/template), but calls no method by name: with that the linker would keep every method of the program.
type run struct {
	e    *engine
	tree *parse.Tree
	name string
	text string // of the template, nil tree of a text that tpl renders
	out  *writer
	vars []variable
	at   parse.Node
}

type variable struct {
	name  string
	value any
}

// What ends a turn of a loop.
var (
	errBreak    = errors.New("break")
	errContinue = errors.New("continue")
)

// fault is an error with its place.
type fault struct {
	line int32
	err  error
}

func (f *fault) Error() string { return f.err.Error() }
func (f *fault) Unwrap() error { return f.err }

// execute carries out a template by name.
func (e *engine) execute(w *writer, name string, data any) error {
	t := e.trees[name]
	if t == nil || t.Root == nil {
		return fmt.Errorf("no template is called %q", name)
	}
	r := &run{e: e, tree: t, name: name, text: e.sources[t.ParseName], out: w, vars: []variable{{"$", data}}}
	err := r.list(t.Root, data)
	var placed *fault
	if err == nil || errors.As(err, &placed) {
		return err
	}
	line := int32(0)
	if r.at != nil {
		line = lineAt(r.text, r.at.Position())
	}
	return &fault{line, err}
}

func (r *run) list(l *parse.ListNode, dot any) error {
	if l == nil {
		return nil
	}
	mark := len(r.vars)
	defer func() { r.vars = r.vars[:mark] }()
	for _, n := range l.Nodes {
		if err := r.e.step(0); err != nil {
			return err
		}
		if err := r.node(n, dot); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) node(n parse.Node, dot any) error {
	switch n := n.(type) {
	case *parse.TextNode:
		return r.out.text(n.Text, lineAt(r.text, n.Pos))
	case *parse.ActionNode:
		r.at = n
		v, err := r.pipe(n.Pipe, dot)
		if err != nil || len(n.Pipe.Decl) > 0 {
			return err
		}
		return r.print(v, n)
	case *parse.IfNode:
		return r.branch(&n.BranchNode, dot, false)
	case *parse.WithNode:
		return r.branch(&n.BranchNode, dot, true)
	case *parse.RangeNode:
		return r.loop(n, dot)
	case *parse.TemplateNode:
		r.at = n
		v, err := r.pipe(n.Pipe, dot)
		if err != nil {
			return err
		}
		return r.e.deeper(func() error { return r.e.execute(r.out.at(lineAt(r.text, n.Pos)), n.Name, v) })
	case *parse.BreakNode:
		return errBreak
	case *parse.ContinueNode:
		return errContinue
	}
	return nil
}

// print writes a value where an action stands.
func (r *run) print(v any, n parse.Node) error {
	if v == nil {
		return nil // text/template prints <no value>, which Helm takes out
	}
	if err := r.e.weigh(v); err != nil {
		return err
	}
	return r.out.action(fmt.Sprint(v), lineAt(r.text, n.Position()))
}

func (r *run) branch(n *parse.BranchNode, dot any, with bool) error {
	mark := len(r.vars)
	defer func() { r.vars = r.vars[:mark] }()
	r.at = n
	v, err := r.pipe(n.Pipe, dot)
	switch {
	case err != nil:
		return err
	case !truth(v):
		return r.list(n.ElseList, dot)
	case with:
		dot = v
	}
	return r.list(n.List, dot)
}

func (r *run) loop(n *parse.RangeNode, dot any) error {
	mark := len(r.vars)
	defer func() { r.vars = r.vars[:mark] }()
	r.at = n
	v, err := r.pipe(n.Pipe, dot)
	if err != nil {
		return err
	}
	r.vars = r.vars[:mark]
	turns := 0
	err = each(v, func(key, value any) error {
		turns++
		defer func() { r.vars = r.vars[:mark] }()
		switch d := n.Pipe.Decl; {
		case n.Pipe.IsAssign && len(d) == 1:
			r.assign(d[0].Ident[0], value)
		case n.Pipe.IsAssign && len(d) == 2:
			r.assign(d[0].Ident[0], key)
			r.assign(d[1].Ident[0], value)
		case len(d) == 1:
			r.vars = append(r.vars, variable{d[0].Ident[0], value})
		case len(d) == 2:
			r.vars = append(r.vars, variable{d[0].Ident[0], key}, variable{d[1].Ident[0], value})
		}
		if err := r.e.step(0); err != nil {
			return err
		}
		if err := r.list(n.List, value); err != nil && !errors.Is(err, errContinue) {
			return err
		}
		return nil
	})
	if errors.Is(err, errBreak) {
		err = nil
	}
	if err == nil && turns == 0 {
		return r.list(n.ElseList, dot)
	}
	return err
}

// each calls turn for the elements of a list, the entries of a map by key, the numbers below a number.
func each(v any, turn func(key, value any) error) error {
	switch v := v.(type) {
	case nil:
		return nil
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			if err := turn(k, v[k]); err != nil {
				return err
			}
		}
		return nil
	}
	x := reflect.ValueOf(v)
	switch x.Kind() {
	case reflect.Slice, reflect.Array:
		for i := range x.Len() {
			if err := turn(i, x.Index(i).Interface()); err != nil {
				return err
			}
		}
	case reflect.Map:
		keys := x.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return cmp.Compare(fmt.Sprint(a.Interface()), fmt.Sprint(b.Interface())) })
		for _, k := range keys {
			if err := turn(k.Interface(), x.MapIndex(k).Interface()); err != nil {
				return err
			}
		}
	case reflect.Int, reflect.Int64, reflect.Int32:
		for i := range x.Int() {
			if err := turn(int(i), int(i)); err != nil {
				return err
			}
		}
	default:
		return fmt.Errorf("range over %T", v)
	}
	return nil
}

func (r *run) assign(name string, v any) {
	for i := len(r.vars) - 1; i >= 0; i-- {
		if r.vars[i].name == name {
			r.vars[i].value = v
			return
		}
	}
}

func (r *run) variable(name string) any {
	for i := len(r.vars) - 1; i >= 0; i-- {
		if r.vars[i].name == name {
			return r.vars[i].value
		}
	}
	return nil
}

// none says that a command has no value piped into it.
type none struct{}

func (r *run) pipe(p *parse.PipeNode, dot any) (any, error) {
	if p == nil {
		return nil, nil
	}
	var v any = none{}
	var err error
	for _, c := range p.Cmds {
		if v, err = r.command(c, dot, v); err != nil {
			return nil, err
		}
	}
	for _, d := range p.Decl {
		if p.IsAssign {
			r.assign(d.Ident[0], v)
		} else {
			r.vars = append(r.vars, variable{d.Ident[0], v})
		}
	}
	return v, nil
}

func (r *run) command(c *parse.CommandNode, dot, final any) (any, error) {
	first := c.Args[0]
	switch n := first.(type) {
	case *parse.IdentifierNode:
		return r.function(n.Ident, c.Args[1:], dot, final)
	case *parse.FieldNode:
		return r.fields(dot, n.Ident, c.Args[1:], dot, final)
	case *parse.VariableNode:
		return r.fields(r.variable(n.Ident[0]), n.Ident[1:], c.Args[1:], dot, final)
	case *parse.ChainNode:
		v, err := r.value(n.Node, dot)
		if err != nil {
			return nil, err
		}
		return r.fields(v, n.Field, c.Args[1:], dot, final)
	}
	if _, piped := final.(none); !piped || len(c.Args) > 1 {
		return nil, fmt.Errorf("%s takes no arguments", first)
	}
	return r.value(first, dot)
}

// value is what a node stands for by itself.
func (r *run) value(n parse.Node, dot any) (any, error) {
	switch n := n.(type) {
	case *parse.DotNode:
		return dot, nil
	case *parse.NilNode:
		return nil, nil
	case *parse.BoolNode:
		return n.True, nil
	case *parse.StringNode:
		return n.Text, nil
	case *parse.NumberNode:
		if n.IsInt {
			return int(n.Int64), nil
		}
		return n.Float64, nil
	case *parse.PipeNode:
		mark := len(r.vars)
		defer func() { r.vars = r.vars[:mark] }()
		return r.pipe(n, dot)
	case *parse.IdentifierNode:
		return r.function(n.Ident, nil, dot, none{})
	case *parse.FieldNode:
		return r.fields(dot, n.Ident, nil, dot, none{})
	case *parse.VariableNode:
		return r.fields(r.variable(n.Ident[0]), n.Ident[1:], nil, dot, none{})
	case *parse.ChainNode:
		v, err := r.value(n.Node, dot)
		if err != nil {
			return nil, err
		}
		return r.fields(v, n.Field, nil, dot, none{})
	}
	return nil, fmt.Errorf("%s is no value", n)
}

// fields follows fields; the last may be a method with arguments. Of nothing at all every field is nothing, whereas a field of what a
// map lacks is a fault: (.Values.a).b is how charts ask for what may not be there.
func (r *run) fields(v any, names []string, args []parse.Node, dot, final any) (any, error) {
	if v == nil && len(args) == 0 {
		return nil, nil
	}
	for i, name := range names {
		if i == len(names)-1 {
			if m := method(v, name); m != nil {
				return r.call(name, m, args, dot, final)
			}
		}
		next, err := field(v, name)
		if err != nil {
			return nil, err
		}
		v = next
	}
	if _, piped := final.(none); !piped || len(args) > 0 {
		return nil, fmt.Errorf("%s is no function", strings.Join(names, "."))
	}
	return v, nil
}

// method returns what templates may call of the values that they are given.
func method(v any, name string) any {
	switch v := v.(type) {
	case files:
		return map[string]any{"Get": v.Get, "GetBytes": v.GetBytes, "Lines": v.Lines, "Glob": v.Glob, "AsConfig": v.AsConfig, "AsSecrets": v.AsSecrets}[name]
	case versions:
		return map[string]any{"Has": v.Has}[name]
	case *semver.Version:
		return map[string]any{
			"Major": v.Major, "Minor": v.Minor, "Patch": v.Patch, "Prerelease": v.Prerelease, "Metadata": v.Metadata, "Original": v.Original, "String": v.String, "Compare": v.Compare,
			"LessThan": v.LessThan, "GreaterThan": v.GreaterThan, "Equal": v.Equal,
		}[name]
	}
	return nil
}

// field returns a field of a value; nil where a map has none.
func field(v any, name string) (any, error) {
	switch v := v.(type) {
	case nil:
		return nil, fmt.Errorf("nil pointer evaluating interface {}.%s", name)
	case map[string]any:
		return v[name], nil
	}
	x := reflect.ValueOf(v)
	switch {
	case x.Kind() == reflect.Map && x.Type().Key().Kind() == reflect.String:
		if e := x.MapIndex(reflect.ValueOf(name).Convert(x.Type().Key())); e.IsValid() {
			return e.Interface(), nil
		}
		return nil, nil
	case x.Kind() == reflect.Struct:
		if f := x.FieldByName(name); f.IsValid() && f.CanInterface() {
			return f.Interface(), nil
		}
	}
	return nil, fmt.Errorf("can't evaluate field %s in %T", name, v)
}

// function calls a function by name. and and or look only as far as they must.
func (r *run) function(name string, args []parse.Node, dot, final any) (any, error) {
	if name == "and" || name == "or" {
		var v any
		for _, a := range args {
			var err error
			if v, err = r.value(a, dot); err != nil {
				return nil, err
			}
			if truth(v) == (name == "or") {
				return v, nil
			}
		}
		if _, piped := final.(none); !piped {
			v = final
		}
		return v, nil
	}
	fn, ok := r.e.funcs[name]
	if !ok {
		return nil, fmt.Errorf("function %q is not defined", name)
	}
	return r.call(name, fn, args, dot, final)
}

// call calls a function with the values of nodes, and the piped value after them.
func (r *run) call(name string, fn any, args []parse.Node, dot, final any) (any, error) {
	if err := r.e.step(0); err != nil {
		return nil, err
	}
	f := reflect.ValueOf(fn)
	t := f.Type()
	n := len(args)
	if _, piped := final.(none); !piped {
		n++
	}
	if n < t.NumIn() && !(t.IsVariadic() && n >= t.NumIn()-1) || n > t.NumIn() && !t.IsVariadic() {
		return nil, fmt.Errorf("wrong number of args for %s: %d", name, n)
	}
	in := make([]reflect.Value, 0, n)
	for i := range n {
		v := final
		if i < len(args) {
			var err error
			if v, err = r.value(args[i], dot); err != nil {
				return nil, err
			}
		}
		typ := t.In(min(i, t.NumIn()-1))
		if t.IsVariadic() && i >= t.NumIn()-1 {
			typ = t.In(t.NumIn() - 1).Elem()
		}
		constant := false
		if i < len(args) {
			_, constant = args[i].(*parse.NumberNode)
		}
		one, err := fit(v, typ, constant)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		in = append(in, one)
	}
	out, err := safely(f, in)
	if err != nil {
		return nil, fmt.Errorf("error calling %s: %w", name, err)
	}
	return r.e.result(name, out)
}

// safely calls a function of a library that panics where it does not like its arguments.
func safely(f reflect.Value, in []reflect.Value) (out []reflect.Value, err error) {
	defer func() {
		if why := recover(); why != nil {
			err = fmt.Errorf("%v", why)
		}
	}()
	return f.Call(in), nil
}

// result is what a function returned, weighed, since a template may double it as often as it likes.
func (e *engine) result(name string, out []reflect.Value) (any, error) {
	if len(out) > 1 && !out[1].IsNil() {
		if err, ok := out[1].Interface().(error); ok {
			if name == "include" || name == "tpl" {
				return nil, err
			}
			return nil, fmt.Errorf("error calling %s: %w", name, err)
		}
	}
	if (out[0].Kind() == reflect.Interface || out[0].Kind() == reflect.Map) && out[0].IsNil() {
		return nil, nil
	}
	v := out[0].Interface()
	return v, e.weigh(v)
}

// fit makes a value one of a type, as far as the language does that.
func fit(v any, typ reflect.Type, constant bool) (reflect.Value, error) {
	if v == nil {
		switch typ.Kind() {
		case reflect.Interface, reflect.Map, reflect.Slice, reflect.Pointer:
			return reflect.Zero(typ), nil
		}
		return reflect.Value{}, fmt.Errorf("invalid value; expected %s", typ)
	}
	x := reflect.ValueOf(v)
	switch {
	case x.Type().AssignableTo(typ):
		return x, nil
	case constant && x.CanConvert(typ) && typ.Kind() != reflect.String, x.CanInt() && (typ.Kind() == reflect.Int || typ.Kind() == reflect.Int64):
		return x.Convert(typ), nil
	case typ.Kind() == reflect.Slice && x.Kind() == reflect.Slice && typ.Elem().Kind() == reflect.Interface:
		out := reflect.MakeSlice(typ, x.Len(), x.Len())
		for i := range x.Len() {
			out.Index(i).Set(x.Index(i))
		}
		return out, nil
	}
	return reflect.Value{}, fmt.Errorf("wrong type for value; expected %s; got %T", typ, v)
}

// truth is whether a value counts as true.
func truth(v any) bool {
	if v == nil {
		return false
	}
	switch x := reflect.ValueOf(v); x.Kind() {
	case reflect.Map, reflect.Slice, reflect.Array, reflect.String:
		return x.Len() > 0
	case reflect.Pointer, reflect.Func:
		return !x.IsNil()
	case reflect.Struct:
		return true
	default:
		return !x.IsZero()
	}
}

// builtins are the functions of the language itself, without and, or.
func builtins() map[string]any {
	return map[string]any{
		"not": func(v any) bool { return !truth(v) }, "len": length, "index": index, "slice": cut,
		"eq": func(a any, b ...any) bool { return slices.ContainsFunc(b, func(x any) bool { return equal(a, x) }) },
		"ne": func(a, b any) bool { return !equal(a, b) },
		"lt": func(a, b any) (bool, error) { c, err := compare(a, b); return c < 0, err }, "le": func(a, b any) (bool, error) { c, err := compare(a, b); return c <= 0, err },
		"gt": func(a, b any) (bool, error) { c, err := compare(a, b); return c > 0, err }, "ge": func(a, b any) (bool, error) { c, err := compare(a, b); return c >= 0, err },
		"html": fmt.Sprint, "js": fmt.Sprint, "urlquery": fmt.Sprint,
	}
}

func length(v any) (int, error) {
	if v == nil {
		return 0, errors.New("len of nil pointer")
	}
	switch x := reflect.ValueOf(v); x.Kind() {
	case reflect.Map, reflect.Slice, reflect.String:
		return x.Len(), nil
	}
	return 0, fmt.Errorf("len of type %T", v)
}

func index(v any, keys ...any) (any, error) {
	for _, k := range keys {
		if v == nil {
			return nil, errors.New("index of nil pointer")
		}
		x := reflect.ValueOf(v)
		switch x.Kind() {
		case reflect.Map:
			key, err := fit(k, x.Type().Key(), false)
			if err != nil {
				return nil, err
			}
			e := x.MapIndex(key)
			if v = nil; e.IsValid() {
				v = e.Interface()
			}
		case reflect.Slice, reflect.String:
			n, ok := number(k)
			if !ok || n < 0 || int(n) >= x.Len() {
				return nil, fmt.Errorf("index out of range: %v", k)
			}
			v = x.Index(int(n)).Interface()
		default:
			return nil, fmt.Errorf("can't index item of type %T", v)
		}
	}
	return v, nil
}

func cut(v any, at ...int) (any, error) {
	x := reflect.ValueOf(v)
	if x.Kind() != reflect.Slice && x.Kind() != reflect.String {
		return nil, fmt.Errorf("can't slice item of type %T", v)
	}
	from, to := 0, x.Len()
	if len(at) > 0 {
		from = at[0]
	}
	if len(at) > 1 {
		to = at[1]
	}
	if from < 0 || to > x.Len() || from > to {
		return nil, fmt.Errorf("index out of range: %v", at)
	}
	return x.Slice(from, to).Interface(), nil
}

func number(v any) (float64, bool) {
	if v == nil {
		return 0, false
	}
	switch x := reflect.ValueOf(v); {
	case x.CanInt():
		return float64(x.Int()), true
	case x.CanUint():
		return float64(x.Uint()), true
	case x.CanFloat():
		return x.Float(), true
	}
	return 0, false
}

func equal(a, b any) bool {
	if x, ok := number(a); ok {
		y, ok := number(b)
		return ok && x == y
	}
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	if x, y := reflect.ValueOf(a), reflect.ValueOf(b); x.Kind() == reflect.String && y.Kind() == reflect.String {
		return x.String() == y.String()
	}
	return reflect.TypeOf(a).Comparable() && reflect.TypeOf(b).Comparable() && a == b
}

func compare(a, b any) (int, error) {
	x, ok1 := number(a)
	y, ok2 := number(b)
	s, ok3 := a.(string)
	t, ok4 := b.(string)
	switch {
	case ok1 && ok2:
		return cmp.Compare(x, y), nil
	case ok3 && ok4:
		return cmp.Compare(s, t), nil
	}
	return 0, errors.New("incompatible types for comparison")
}
