package expr

import (
	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/read/terraform/function"
)

// The kinds of nodes as they are written.
const (
	noNode = iota
	aConstant
	aTuple
	anObject
	aConditional
	aLoop
	aBinary
	aUnary
	aCall
	aTry
	aCan
	aTemplate
	aJoined
	aTemplateCall
	anAccess
	aBound
	anIndex
	aSplat
)

// Encode writes a node, which may be nil.
func Encode(e *plinth.Encoder, n Node) {
	switch n := n.(type) {
	case nil:
		e.Uint(noNode)
	case constant:
		e.Uint(aConstant)
		e.Value(n.value)
	case *tuple:
		e.Uint(aTuple)
		encodeAll(e, n.items)
		for _, at := range n.at {
			e.Origin(at)
		}
	case *object:
		e.Uint(anObject)
		e.Uint(uint64(len(n.items)))
		for i := range n.items {
			Encode(e, n.items[i].key)
			Encode(e, n.items[i].value)
			e.Origin(n.items[i].at)
		}
	case *conditional:
		encodeAs(e, aConditional, n.of, n.yes, n.no)
	case *loop:
		encodeAs(e, aLoop, n.of, n.key, n.value, n.when)
		e.Uint(uint64(n.slot))
		e.Bool(n.group)
		e.Origin(n.at)
	case *binary:
		encodeAs(e, aBinary, n.left, n.right)
		e.Uint(uint64(n.op))
	case *unary:
		encodeAs(e, aUnary, n.of)
		e.Bool(n.not)
	case *call:
		e.Uint(aCall)
		e.String(n.name)
		encodeAll(e, n.args)
		e.Bool(n.spread)
		e.Location(n.at)
	case *try:
		e.Uint(aTry)
		encodeAll(e, n.args)
	case *can:
		e.Uint(aCan)
		encodeAll(e, n.args)
	case *template:
		e.Uint(aTemplate)
		encodeAll(e, n.parts)
	case *joined:
		encodeAs(e, aJoined, n.list)
	case *templateCall:
		e.Uint(aTemplateCall)
		e.String(n.name)
		encodeAll(e, n.args)
		e.Location(n.at)
	case *access:
		encodeAs(e, anAccess, n.of)
		e.String(n.root)
		e.Words(n.rest)
		e.Uint(uint64(len(n.steps)))
		for i := range n.steps {
			e.String(n.steps[i].name)
			e.Value(n.steps[i].key)
			e.Bool(n.steps[i].index)
		}
	case *bound:
		e.Uint(aBound)
		e.Uint(uint64(n.slot))
		e.String(n.name)
	case *index:
		encodeAs(e, anIndex, n.of, n.key)
	case *splat:
		encodeAs(e, aSplat, n.of, n.each)
		e.Uint(uint64(n.slot))
	default:
		panic("a node that nobody knows how to write")
	}
}

func encodeAs(e *plinth.Encoder, kind uint64, nodes ...Node) {
	e.Uint(kind)
	for _, n := range nodes {
		Encode(e, n)
	}
}

func encodeAll(e *plinth.Encoder, list []Node) {
	e.Uint(uint64(len(list)))
	for _, n := range list {
		Encode(e, n)
	}
}

// Decoder reads nodes that Encode wrote.
type Decoder struct {
	*plinth.Decoder
	Funcs function.Set
}

// Node reads a node.
func (d *Decoder) Node() (n Node) {
	if d.Enter() {
		n = d.node(d.Uint())
	}
	d.Leave()
	return n
}

func (d *Decoder) node(kind uint64) Node {
	switch kind {
	case noNode:
		return nil
	case aConstant:
		return constant{d.Value()}
	case aTuple:
		n := &tuple{items: d.nodes()}
		n.at = make([]origin, len(n.items))
		for i := range n.at {
			n.at[i] = d.Origin()
		}
		return n
	case anObject:
		n := &object{items: make([]entry, d.Count())}
		for i := range n.items {
			n.items[i] = entry{d.Node(), d.Node(), d.Origin()}
		}
		return n
	case aConditional:
		return &conditional{d.Node(), d.Node(), d.Node()}
	case aLoop:
		return &loop{of: d.Node(), key: d.Node(), value: d.Node(), when: d.Node(), slot: d.slot(), group: d.Bool(), at: d.Origin()}
	case aBinary:
		return &binary{left: d.Node(), right: d.Node(), op: op(d.Uint())}
	case aUnary:
		return &unary{of: d.Node(), not: d.Bool()}
	case aCall:
		n := &call{name: d.String()}
		n.fn = d.Funcs[n.name]
		n.args, n.spread, n.at = d.nodes(), d.Bool(), d.Location()
		return n
	case aTry:
		return &try{d.nodes()}
	case aCan:
		return &can{d.nodes()}
	case aTemplate:
		return &template{d.nodes()}
	case aJoined:
		return &joined{d.Node()}
	case aTemplateCall:
		return &templateCall{d.String(), d.nodes(), d.Location()}
	case anAccess:
		return d.access()
	case aBound:
		return &bound{d.slot(), d.String()}
	case anIndex:
		return &index{d.Node(), d.Node()}
	case aSplat:
		return &splat{of: d.Node(), each: d.Node(), slot: d.slot()}
	}
	d.Fail()
	return nil
}

func (d *Decoder) access() *access {
	n := &access{of: d.Node(), root: d.String(), rest: d.Words()}
	n.steps = make([]step, d.Count())
	for i := range n.steps {
		n.steps[i] = step{name: d.String(), key: d.Value(), index: d.Bool()}
	}
	return n
}

// slot reads the slot of a variable, of which no expression has more than it may have levels, twice.
func (d *Decoder) slot() int {
	n := d.Uint()
	if n > 2*maxNesting {
		d.Fail()
		return 0
	}
	return int(n)
}

func (d *Decoder) nodes() []Node {
	list := make([]Node, d.Count())
	for i := range list {
		list[i] = d.Node()
	}
	return list
}

// EncodeType writes a type, which may be nil.
func EncodeType(e *plinth.Encoder, t *Type) {
	if t == nil {
		e.Uint(0)
		return
	}
	e.Uint(1 + uint64(t.kind))
	EncodeType(e, t.of)
	e.Uint(uint64(len(t.fields)))
	for i := range t.fields {
		f := &t.fields[i]
		e.String(f.name)
		EncodeType(e, f.of)
		e.Bool(f.optional)
		e.Value(f.def)
	}
	e.Uint(uint64(len(t.items)))
	for _, it := range t.items {
		EncodeType(e, it)
	}
}

// Type reads a type that EncodeType wrote.
func (d *Decoder) Type() (t *Type) {
	if d.Enter() {
		t = d.typ()
	}
	d.Leave()
	return t
}

func (d *Decoder) typ() *Type {
	kind := d.Uint()
	if kind == 0 {
		return nil
	}
	t := &Type{kind: typeKind(kind - 1), of: d.Type()}
	for range d.Count() {
		t.fields = append(t.fields, typeField{name: d.String(), of: d.Type(), optional: d.Bool(), def: d.Value()})
	}
	for range d.Count() {
		t.items = append(t.items, d.Type())
	}
	return t
}
