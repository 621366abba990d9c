package expr

import (
	"slices"
	"strconv"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/read/terraform/function"
)

// lazyNode is a node whose result can stay lazy.
type lazyNode interface {
	Node
	item(f *Frame) Item
}

// step is one .name or [key] behind a value.
type step struct {
	name  string
	key   plinth.Value
	index bool
}

func (s step) String() string {
	if !s.index {
		return "." + s.name
	}
	if s.key.Kind() == plinth.String {
		return "[" + strconv.Quote(s.key.Str()) + "]"
	}
	return "[" + keyText(s.key) + "]"
}

// access is a reference: a root name or another expression, and steps behind it.
type access struct {
	root  string
	of    Node // instead of root
	rest  []string
	steps []step
}

func (n *access) eval(f *Frame) plinth.Value { return n.item(f).Force() }

func (n *access) item(f *Frame) Item {
	var it Item
	used := 0
	if n.of != nil {
		it = itemOf(f, n.of)
	} else {
		it, used = f.names.Name(n.root, n.rest)
	}
	for i := used; i < len(n.steps); i++ {
		s := &n.steps[i]
		var next Item
		ok := false
		switch {
		case s.index:
			next, ok = f.indexOf(it, s.key)
		case it.Lazy != nil:
			next, ok = it.Lazy.Attr(s.name)
		default:
			var v plinth.Value
			v, ok = f.attrOf(it.Value, s.name)
			next = Item{Value: v}
		}
		if !ok {
			return Item{Value: f.fault(n.text(i + 1))}
		}
		it = next
	}
	return it
}

func (n *access) text(upTo int) string {
	var b strings.Builder
	if n.of != nil {
		b.WriteString(textOf(n.of))
	} else {
		b.WriteString(n.root)
	}
	for _, s := range n.steps[:upTo] {
		b.WriteString(s.String())
	}
	return b.String()
}

// textOf is how a user would name what a node stands for.
func textOf(n Node) string {
	switch n := n.(type) {
	case *access:
		return n.text(len(n.steps))
	case *bound:
		return n.name
	case *index:
		if k, ok := IsConstant(n.key); ok {
			return textOf(n.of) + step{key: k, index: true}.String()
		}
		return textOf(n.of) + "[" + textOf(n.key) + "]"
	case *splat:
		return textOf(n.of) + "[*]"
	case *call:
		return n.name + "()"
	case *templateCall:
		return n.name + "()"
	case constant:
		return n.value.String()
	}
	return "…"
}

func itemOf(f *Frame, n Node) Item {
	l, ok := n.(lazyNode)
	if !ok {
		return Item{Value: f.eval(n)}
	}
	if f.stopped {
		return Item{Value: plinth.UnknownOf("limit")}
	}
	if f.depth >= maxDepth {
		return Item{Value: f.tooDeep()}
	}
	f.depth++
	it := l.item(f)
	f.depth--
	return it
}

// attrOf returns a named part of a value; false when the value has none, which is a fault.
func (f *Frame) attrOf(v plinth.Value, name string) (plinth.Value, bool) {
	switch v.Kind() {
	case plinth.Unknown:
		if v.Partial() {
			if doc, _ := v.Document(); doc.Kind() == plinth.Map {
				if e, ok := doc.Get(name); ok {
					return inside(e, v), true
				}
			}
			return function.Unknown(v), true
		}
		return v, true
	case plinth.Map:
		e, ok := v.Get(name)
		if h, isResource := whole(v); isResource {
			return h.part(name, e, ok), true
		}
		if ok {
			return inside(e, v), true
		}
	case plinth.List:
		if i, err := strconv.Atoi(name); err == nil {
			return elementOf(v, i)
		}
		if v.Len() == 1 && f.tries == 0 { // a single block, written as an object by some providers
			return f.attrOf(v.List()[0], name)
		}
	}
	return v, false
}

// holder is a resource or one of its nested blocks: it may have more than it sets.
type holder plinth.Ref

// whole tells whether a map is a resource as a whole or a nested block of one.
func whole(v plinth.Value) (holder, bool) {
	for _, r := range v.Refs() {
		if r.Attr == "" || strings.HasSuffix(r.Attr, "]") {
			return holder(r), true
		}
	}
	return holder{}, false
}

func (h holder) part(name string, v plinth.Value, set bool) plinth.Value {
	if h.Attr != "" {
		name = h.Attr + "." + name
	}
	return Attribute(h.To, name, v, set)
}

// Attribute is what reading an attribute of a resource gives: it refers to the resource, and one that the resource does not set
// is unknown. Nested blocks may hold more than the configuration sets, too.
func Attribute(to, name string, v plinth.Value, set bool) plinth.Value {
	if !set {
		v = plinth.UnknownOf(addressInModule(to) + "." + name)
	}
	if v.Kind() == plinth.List {
		v = blocksOf(to, name, v)
	}
	return v.WithOnlyRefs(plinth.Ref{To: to, Attr: name})
}

// blocksOf marks the maps in a list as nested blocks of a resource.
func blocksOf(to, name string, v plinth.Value) plinth.Value {
	var out []plinth.Value
	for i, e := range v.List() {
		if e.Kind() != plinth.Map {
			continue
		}
		if out == nil {
			out = slices.Clone(v.List())
		}
		out[i] = e.WithOnlyRefs(plinth.Ref{To: to, Attr: name + "[" + strconv.Itoa(i) + "]"})
	}
	if out == nil || v.IsSet() {
		return v
	}
	return plinth.ListOf(out).WithOrigin(v.Origin()).WithSensitive(v.Sensitive())
}

// addressInModule takes the module path and the instance key from a resource's address.
func addressInModule(address string) string {
	if i := strings.IndexByte(address, '['); i >= 0 && strings.HasSuffix(address, "]") && !strings.HasPrefix(address, "module.") {
		return address[:i]
	}
	for strings.HasPrefix(address, "module.") {
		rest := address[len("module."):]
		i := strings.IndexAny(rest, ".[")
		if i < 0 {
			return address
		}
		if rest[i] == '[' {
			j := strings.Index(rest[i:], "].")
			if j < 0 {
				return address
			}
			i += j + 1
		}
		address = rest[i+1:]
	}
	if i := strings.IndexByte(address, '['); i >= 0 {
		address = address[:i]
	}
	return address
}

// inside gives a part what its holder says of it: sensitivity and, where the part has none, the origin.
func inside(part, of plinth.Value) plinth.Value {
	if of.Sensitive() {
		part = part.WithSensitive(true)
	}
	if part.Origin() == nil && of.Origin() != nil {
		part = part.WithOrigin(of.Origin())
	}
	return part
}

func elementOf(v plinth.Value, i int) (plinth.Value, bool) {
	if i < 0 || i >= v.Len() {
		return v, false
	}
	return inside(v.List()[i], v), true
}

// indexOf returns the element or entry of an item at a key.
func (f *Frame) indexOf(it Item, key plinth.Value) (Item, bool) {
	if it.Lazy != nil {
		return it.Lazy.Index(key)
	}
	v, ok := f.at(it.Value, key)
	return Item{Value: v}, ok
}

func (f *Frame) at(v, key plinth.Value) (plinth.Value, bool) {
	if key.IsUnknown() {
		return function.Unknown(shallow(v), key), true
	}
	if key.IsNull() {
		return v, false
	}
	switch v.Kind() {
	case plinth.Unknown:
		if v.Partial() && key.Kind() == plinth.String {
			return f.attrOf(v, key.Str())
		}
		if v.Partial() {
			return function.Unknown(v), true
		}
		return v, true
	case plinth.List:
		n, err := function.ToNumber(key)
		if err != nil || n.Num() != float64(int(n.Num())) {
			return v, false
		}
		return elementOf(v, int(n.Num()))
	case plinth.Map:
		k, err := function.ToString(key)
		if err != nil {
			return v, false
		}
		e, ok := v.Get(k.Str())
		if h, isResource := whole(v); isResource {
			return h.part(k.Str(), e, ok), true
		}
		return inside(e, v), ok
	}
	return v, false
}

// shallow is a value without its inside, for the sake of its own marks.
func shallow(v plinth.Value) plinth.Value {
	if v.Kind() == plinth.List || v.Kind() == plinth.Map {
		return plinth.Value{}.WithSensitive(v.Sensitive()).WithRefs(v.Refs()...)
	}
	return v
}

// bound is a variable of a for expression, a splat or a dynamic block.
type bound struct {
	slot int
	name string
}

func (n *bound) eval(f *Frame) plinth.Value { return n.item(f).Force() }

func (n *bound) item(f *Frame) Item {
	if n.slot >= len(f.vars) {
		return Item{Value: f.fault(n.name)}
	}
	return f.vars[n.slot]
}

// index is a collection with a computed key behind it.
type index struct{ of, key Node }

func (n *index) eval(f *Frame) plinth.Value { return n.item(f).Force() }

func (n *index) item(f *Frame) Item {
	key := f.eval(n.key)
	it, ok := f.indexOf(itemOf(f, n.of), key)
	if !ok {
		return Item{Value: f.fault(textOf(n.of) + step{key: key, index: true}.String())}
	}
	return it
}

// splat is list[*] or list.*, with what stands behind it.
type splat struct {
	of, each Node
	slot     int
}

func (n *splat) eval(f *Frame) plinth.Value {
	it := itemOf(f, n.of)
	if it.Lazy != nil {
		entries, shape := it.Lazy.Entries()
		switch shape {
		case Open:
			return n.unknown(f, it)
		case Single:
			entries = []Entry{{Item: it}}
		}
		out := make([]plinth.Value, len(entries))
		for i, e := range entries {
			if !f.room(1) {
				return plinth.UnknownOf("limit")
			}
			f.bind(n.slot, e.Item)
			out[i] = f.eval(n.each)
		}
		return plinth.ListOf(out)
	}
	v := it.Value
	switch v.Kind() {
	case plinth.Unknown:
		return function.Unknown(v)
	case plinth.Null:
		return plinth.ListOf([]plinth.Value{})
	case plinth.List:
		out := make([]plinth.Value, v.Len())
		for i, e := range v.List() {
			if !f.room(1) {
				return plinth.UnknownOf("limit")
			}
			f.bind(n.slot, Item{Value: inside(e, v)})
			out[i] = f.eval(n.each)
		}
		return plinth.ListOf(out).WithSensitive(v.Sensitive())
	}
	f.bind(n.slot, it)
	return plinth.ListOf([]plinth.Value{f.eval(n.each)})
}

// unknown is the splat over an unknown number of instances: what each of them would give tells the references.
func (n *splat) unknown(f *Frame, it Item) plinth.Value {
	f.bind(n.slot, it)
	faults := f.faults
	each := f.eval(n.each)
	f.faults = faults
	return function.Unknown(it.Force()).WithRefs(each.Refs()...)
}
