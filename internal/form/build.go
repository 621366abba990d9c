package form

import (
	"slices"

	"github.com/plinthsec/plinth"
)

// node is a value under construction.
type node struct {
	leaf   plinth.Value
	fields map[string]*node
	order  []string
	list   []*node
	isList bool
	isLeaf bool
	origin *plinth.Origin
	more   map[string]int // [+]: which element a part's declaration has, by its address
}

func (n *node) field(name string) *node {
	if n.fields == nil {
		n.fields = map[string]*node{}
	}
	c := n.fields[name]
	if c == nil {
		c = &node{}
		n.fields[name] = c
		n.order = append(n.order, name)
	}
	return c
}

const maxElements = 1 << 16 // elements of one list that a table may make

func (n *node) element(i int) *node {
	n.isList = true
	if i >= maxElements {
		i = maxElements - 1
	}
	for len(n.list) <= i {
		n.list = append(n.list, &node{})
	}
	return n.list[i]
}

// keyed finds or makes the element whose key has the value.
func (n *node) keyed(key, val string, o *plinth.Origin) *node {
	n.isList = true
	for _, c := range n.list {
		if k := c.fields[key]; k != nil && k.leaf.Str() == val {
			return c
		}
	}
	c := &node{origin: o}
	c.field(key).set(plinth.StringOf(val).WithOrigin(o))
	n.list = append(n.list, c)
	return c
}

// own is the element that belongs to one declaration.
func (n *node) own(address string) *node {
	n.isList = true
	if n.more == nil {
		n.more = map[string]int{}
	}
	i, ok := n.more[address]
	if !ok {
		i = len(n.list)
		n.more[address] = i
	}
	return n.element(i)
}

func (n *node) set(v plinth.Value) {
	n.leaf, n.isLeaf = v, true
	n.fields, n.order, n.list, n.isList = nil, nil, nil, false
}

// open makes a leaf that holds structure a node again, so that more can be put into it.
func (n *node) open() {
	if !n.isLeaf {
		return
	}
	v := n.leaf
	switch v.Kind() {
	case plinth.Map:
		n.isLeaf, n.origin = false, v.Origin()
		for _, f := range v.Fields() {
			n.field(f.Key).set(f.Value)
		}
	case plinth.List:
		n.isLeaf, n.isList, n.origin = false, true, v.Origin()
		for _, e := range v.List() {
			n.list = append(n.list, &node{leaf: e, isLeaf: true})
		}
	case plinth.Null:
		n.isLeaf = false
	}
}

func (n *node) value() plinth.Value {
	switch {
	case n.isLeaf:
		return n.leaf
	case n.isList:
		list := make([]plinth.Value, 0, len(n.list))
		for _, c := range n.list {
			if v := c.value(); !v.IsNull() {
				list = append(list, v)
			}
		}
		return plinth.ListOf(list).WithOrigin(n.origin)
	case n.fields == nil:
		return plinth.Value{}
	}
	fields := make([]plinth.Field, 0, len(n.order))
	for _, name := range n.order {
		if v := n.fields[name].value(); !v.IsNull() {
			fields = append(fields, plinth.Field{Key: name, Value: v})
		}
	}
	return plinth.MapOf(fields).WithOrigin(n.origin)
}

// openEnded is the value of a resource that is not in the code: objects and lists may hold more than the parts say, so that
// they are unknown with what is surely there.
func (n *node) openEnded(unknown plinth.Value) plinth.Value {
	switch {
	case n.isLeaf:
		return n.leaf
	case n.isList:
		return unknown.WithPartial(n.value()).WithOrigin(n.origin)
	}
	fields := make([]plinth.Field, 0, len(n.order))
	for _, name := range n.order {
		if v := n.fields[name].openEnded(unknown); !v.IsNull() {
			fields = append(fields, plinth.Field{Key: name, Value: v})
		}
	}
	return unknown.WithPartial(plinth.MapOf(fields)).WithOrigin(n.origin)
}

// has tells whether something stands at the path already.
func (n *node) has(path []step) bool {
	for _, s := range path {
		if n.isLeaf {
			_, ok := n.leaf.Get(s.name)
			return ok
		}
		n = n.fields[s.name]
		if n == nil {
			return false
		}
	}
	return true
}

// match is one value that the left side of a line found: the value, the elements it was found in and the block around it.
type match struct {
	v        plinth.Value
	index    []int
	elements []*plinth.Origin
	parent   *plinth.Origin
	cut      int // the left side stopped here because a list was unknown: number of [] that were not reached; -1 if not
}

// find evaluates the left side of a line.
func find(v plinth.Value, path []step) []match {
	out := []match{{v: v, cut: -1}}
	for i, s := range path {
		var next []match
		for _, m := range out {
			next = append(next, m.step(s, remaining(path[i:]))...)
		}
		if out = next; len(out) == 0 {
			return nil
		}
	}
	return out
}

func remaining(path []step) int {
	n := 0
	for _, s := range path {
		if s.each {
			n++
		}
	}
	return n
}

func (m match) step(s step, left int) []match {
	if m.cut >= 0 {
		return []match{m}
	}
	v := m.v
	if s.name != "" {
		if v.IsUnknown() && !v.Partial() {
			m.cut = left
			return []match{m}
		}
		if v.Kind() == plinth.List { // a single block
			if v.Len() == 0 {
				return nil
			}
			v = v.List()[0]
			if v.IsUnknown() {
				m.v, m.cut = v, left
				return []match{m}
			}
		}
		if v.Origin() != nil {
			m.parent = v.Origin()
		}
		x, ok := v.Get(s.name)
		if !ok || x.IsNull() {
			return nil
		}
		v = x
	}
	m.v = v
	if !s.each {
		return []match{m}
	}
	return m.each(left)
}

func (m match) each(left int) []match {
	v := m.v
	switch {
	case v.IsUnknown():
		m.cut = left
		return []match{m}
	case v.Kind() == plinth.Map: // an object where a list was meant: one element
		m.index, m.elements = append(slices.Clone(m.index), 0), append(slices.Clone(m.elements), v.Origin())
		return []match{m}
	case v.Kind() != plinth.List:
		m.index, m.elements = append(slices.Clone(m.index), 0), append(slices.Clone(m.elements), v.Origin())
		return []match{m}
	}
	var out []match
	for i, e := range v.List() {
		c := m
		if e.Origin() == nil {
			e = e.WithOrigin(v.Origin())
		}
		c.v, c.index, c.elements = e, append(slices.Clone(m.index), i), append(slices.Clone(m.elements), e.Origin())
		out = append(out, c)
	}
	return out
}

// put writes what a match found to the right side of its line.
func put(n *node, path []step, m match, values []plinth.Value, decl *plinth.Declaration) {
	total := remaining(path)
	if m.cut >= 0 {
		n.putUnknown(path, m, total-m.cut, decl)
		return
	}
	spread := 0
	for at, s := range path {
		n.open()
		if n.isLeaf { // an unknown stands in the way: it knows more than we do
			return
		}
		parent := n
		if s.name != "" {
			n = n.field(s.name)
		}
		if at == len(path)-1 && parent.origin == nil {
			parent.origin = m.parent
		}
		switch {
		case s.first:
			n.open()
			n = n.element(0)
		case s.more:
			n.open()
			n = n.own(decl.Address)
			if n.origin == nil {
				n.origin = &plinth.Origin{At: decl.At, Decl: decl}
			}
		case s.key != "":
			n.open()
			n = n.keyed(s.key, s.value, m.v.Origin())
		case s.each:
			n.open()
			if n.isLeaf {
				return
			}
			last := at == len(path)-1
			if last && len(values) > 1 || last && spread >= len(m.index) {
				n.spread(values)
				return
			}
			i := 0
			if spread < len(m.index) {
				i = m.index[spread]
			}
			if n.more != nil || last && len(m.index) > 0 && appended(n, i) {
				n.spread(values)
				return
			}
			c := n.element(i)
			if c.origin == nil && spread < len(m.elements) {
				c.origin = m.elements[spread]
			}
			n = c
			spread++
		}
	}
	n.put(values)
}

// appended tells whether the element is taken, so that a further one must be added.
func appended(n *node, i int) bool {
	return i < len(n.list) && (n.list[i].isLeaf || n.list[i].fields != nil)
}

// spread adds the elements of lists, and other values, to the end.
func (n *node) spread(values []plinth.Value) {
	n.isList = true
	for _, v := range values {
		if v.Kind() == plinth.List {
			for _, e := range v.List() {
				if e.Origin() == nil {
					e = e.WithOrigin(v.Origin())
				}
				n.list = append(n.list, &node{leaf: e, isLeaf: true})
			}
			continue
		}
		n.list = append(n.list, &node{leaf: v, isLeaf: true})
	}
}

func (n *node) put(values []plinth.Value) {
	for _, v := range values {
		if v.Kind() == plinth.Map && n.fields != nil { // merge objects
			for _, f := range v.Fields() {
				n.field(f.Key).set(f.Value)
			}
			continue
		}
		n.set(v)
	}
}

// putUnknown writes an unknown where the list of the right side that corresponds to the unknown one begins.
func (n *node) putUnknown(path []step, m match, reached int, decl *plinth.Declaration) {
	seen := 0
	for _, s := range path {
		n.open()
		if n.isLeaf {
			return
		}
		n = n.field(s.name)
		if s.each {
			if seen == reached {
				break
			}
			i := 0
			if seen < len(m.index) {
				i = m.index[seen]
			}
			n = n.element(i)
			seen++
		}
		if s.first {
			n = n.element(0)
		}
		if s.more {
			n = n.own(decl.Address)
		}
		if s.key != "" {
			n = n.keyed(s.key, s.value, m.v.Origin())
		}
	}
	if !n.isList && n.fields == nil && !n.isLeaf {
		n.set(m.v)
		return
	}
	n.set(like(plinth.UnknownOf(m.v.Why()...).WithPartial(n.value()), m.v))
}
