package query

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/graph"
	"github.com/plinthsec/plinth/internal/value"
)

type kind uint8

// The kinds, in the order in which ORDER BY puts them.
const (
	kMap kind = iota + 1
	kNode
	kRelation
	kList
	kPath
	kString
	kBool
	kNumber
	kNull kind = 0
)

func (k kind) String() string {
	return [...]string{"null", "a map", "a node", "a relation", "a list", "a path", "a text", "true or false", "a number"}[k]
}

// Value is a value of a result. The zero Value is null.
type Value struct {
	kind  kind
	yes   bool
	whole bool // of a number: it is written without a point
	num   float64
	str   string
	index uint32     // of a node or relation
	m     *graph.Map // of a node, relation or path
	more  *more
}

type more struct {
	list []Value
	keys []string // of a map; its values are list
	// doc is a map of a resource, turned into values one by one when they are asked for.
	doc   *plinth.Value
	nodes []uint32
	rels  []uint32
	size  int // of a list or map that a query made: how much it is written out, see weight
}

// weight is how much a value is when it is written out: lists may hold one list many times.
func (v Value) weight() int {
	switch v.kind {
	case kString:
		return 1 + len(v.str)/64
	case kPath:
		return 1 + len(v.more.rels)
	case kList, kMap:
		return 1 + max(v.more.size, len(v.more.list))
	}
	return 1
}

func textOf(s string) Value { return Value{kind: kString, str: s} }
func truth(b bool) Value    { return Value{kind: kBool, yes: b} }
func numberOf(n int) Value  { return Value{kind: kNumber, num: float64(n), whole: true} }
func listValue(list []Value) Value {
	return Value{kind: kList, more: &more{list: list}}
}

func texts(list []string) Value {
	out := make([]Value, len(list))
	for i, s := range list {
		out[i] = textOf(s)
	}
	return listValue(out)
}

func (v Value) list() []Value {
	if v.kind != kList {
		return nil
	}
	return v.more.list
}

// entries returns keys and values of a map.
func (v Value) entries() ([]string, []Value) {
	if v.kind != kMap {
		return nil, nil
	}
	if v.more.doc == nil {
		return v.more.keys, v.more.list
	}
	fields := v.more.doc.Fields()
	keys, values := make([]string, len(fields)), make([]Value, len(fields))
	for i, f := range fields {
		keys[i], values[i] = f.Key, configured(f.Value)
	}
	return keys, values
}

func (v Value) get(name string) Value {
	if v.kind != kMap {
		return Value{}
	}
	if v.more.doc != nil {
		e, ok := v.more.doc.Get(name)
		if !ok {
			return Value{}
		}
		return configured(e)
	}
	if i := slices.Index(v.more.keys, name); i >= 0 {
		return v.more.list[i]
	}
	return Value{}
}

// configured turns a value of a configuration into one of a result: unknown and sensitive ones are null, a text that holds a
// document is the document.
func configured(v plinth.Value) Value {
	if v.Sensitive() {
		return Value{}
	}
	if doc, ok := v.Document(); ok {
		v = doc
	}
	switch v.Kind() {
	case plinth.Bool:
		return truth(v.Bool())
	case plinth.Number:
		f := v.Num()
		return Value{kind: kNumber, num: f, whole: f == float64(int64(f))}
	case plinth.String:
		return textOf(v.Str())
	case plinth.List:
		out := make([]Value, 0, v.Len())
		for _, e := range v.List() {
			out = append(out, configured(e))
		}
		return listValue(out)
	case plinth.Map:
		return Value{kind: kMap, more: &more{doc: &v}}
	}
	return Value{}
}

// equal compares two values; unsure where a null is in the way.
func equal(a, b Value) (same, sure bool) {
	if a.kind == kNull || b.kind == kNull {
		return false, false
	}
	if a.kind != b.kind {
		return false, true
	}
	switch a.kind {
	case kString:
		return a.str == b.str, true
	case kBool:
		return a.yes == b.yes, true
	case kNumber:
		return a.num == b.num, true
	case kNode, kRelation:
		return a.index == b.index, true
	case kPath:
		return slices.Equal(a.more.nodes, b.more.nodes) && slices.Equal(a.more.rels, b.more.rels), true
	case kList:
		return equalLists(a.more.list, b.more.list)
	default:
		ka, va := sortedEntries(a)
		kb, vb := sortedEntries(b)
		if !slices.Equal(ka, kb) {
			return false, true
		}
		return equalLists(va, vb)
	}
}

func equalLists(a, b []Value) (same, sure bool) {
	if len(a) != len(b) {
		return false, true
	}
	sure = true
	for i := range a {
		one, known := equal(a[i], b[i])
		if known && !one {
			return false, true
		}
		sure = sure && known
	}
	return sure, sure
}

func sortedEntries(v Value) ([]string, []Value) {
	keys, values := v.entries()
	if slices.IsSorted(keys) {
		return keys, values
	}
	order := make([]int, len(keys))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return strings.Compare(keys[a], keys[b]) })
	ks, vs := make([]string, len(keys)), make([]Value, len(keys))
	for i, n := range order {
		ks[i], vs[i] = keys[n], values[n]
	}
	return ks, vs
}

// compare orders all values; null comes last.
func compare(a, b Value) int {
	if a.kind != b.kind {
		rank := func(k kind) int { return (int(k) + int(kNumber)) % (int(kNumber) + 1) } // null behind numbers
		return cmp.Compare(rank(a.kind), rank(b.kind))
	}
	switch a.kind {
	case kString:
		return strings.Compare(a.str, b.str)
	case kBool:
		return cmp.Compare(boolRank(a.yes), boolRank(b.yes))
	case kNumber:
		return cmp.Compare(a.num, b.num)
	case kNode, kRelation:
		return cmp.Compare(a.index, b.index)
	case kPath:
		return cmp.Or(cmp.Compare(len(a.more.rels), len(b.more.rels)), slices.Compare(a.more.nodes, b.more.nodes), slices.Compare(a.more.rels, b.more.rels))
	case kList:
		return slices.CompareFunc(a.more.list, b.more.list, compare)
	case kMap:
		ka, va := sortedEntries(a)
		kb, vb := sortedEntries(b)
		return cmp.Or(slices.Compare(ka, kb), slices.CompareFunc(va, vb, compare))
	}
	return 0
}

func boolRank(b bool) int {
	if b {
		return 1
	}
	return 0
}

// key writes a value down so that equal values, and only they, are written alike.
func (v Value) key(b *bytes.Buffer) {
	b.WriteByte(byte('a' + v.kind))
	switch v.kind {
	case kString:
		b.WriteString(strconv.Itoa(len(v.str)))
		b.WriteByte(':')
		b.WriteString(v.str)
	case kBool:
		b.WriteString(strconv.FormatBool(v.yes))
	case kNumber:
		b.WriteString(strconv.FormatFloat(v.num, 'g', -1, 64))
	case kNode, kRelation:
		b.WriteString(strconv.Itoa(int(v.index)))
	case kPath:
		for _, n := range v.more.nodes {
			b.WriteString(strconv.Itoa(int(n)) + ",")
		}
		for _, r := range v.more.rels {
			b.WriteString(strconv.Itoa(int(r)) + ";")
		}
	case kList:
		for _, e := range v.more.list {
			e.key(b)
		}
	case kMap:
		keys, values := sortedEntries(v)
		for i, k := range keys {
			textOf(k).key(b)
			values[i].key(b)
		}
	}
	b.WriteByte('.')
}

func keyOf(row []Value) string {
	var b bytes.Buffer
	for _, v := range row {
		v.key(&b)
	}
	return b.String()
}

// String prints a value for people: a node by its address or id, a path as a chain.
func (v Value) String() string {
	switch v.kind {
	case kNull:
		return "null"
	case kString:
		return v.str
	case kBool:
		return strconv.FormatBool(v.yes)
	case kNumber:
		if !v.whole {
			return strconv.FormatFloat(v.num, 'g', -1, 64)
		}
		return plinth.FormatNumber(v.num)
	case kNode:
		return nodeName(&v.m.Nodes()[v.index])
	case kRelation:
		return relationName(&v.m.Relations()[v.index])
	case kPath:
		return v.chain()
	case kList:
		out := make([]string, len(v.more.list))
		for i, e := range v.more.list {
			out[i] = e.String()
		}
		return "[" + strings.Join(out, ", ") + "]"
	}
	keys, values := v.entries()
	out := make([]string, len(keys))
	for i, k := range keys {
		out[i] = k + ": " + values[i].String()
	}
	return "{" + strings.Join(out, ", ") + "}"
}

func nodeName(n *plinth.Node) string { return cmp.Or(n.Address, n.Name, string(n.ID)) }

func relationName(r *plinth.Relation) string {
	if r.Technique != "" {
		return string(r.Kind) + " " + r.Technique
	}
	return string(r.Kind)
}

func (v Value) chain() string {
	var b strings.Builder
	m := v.m
	for i, n := range v.more.nodes {
		if i > 0 {
			r := v.more.rels[i-1]
			from, _ := m.Ends(r)
			if name := relationName(&m.Relations()[r]); from == v.more.nodes[i-1] {
				b.WriteString(" -[" + name + "]-> ")
			} else {
				b.WriteString(" <-[" + name + "]- ")
			}
		}
		b.WriteString(nodeName(&m.Nodes()[n]))
	}
	return b.String()
}

// MarshalJSON writes a value: a node with id, type, name, address and place; a relation with its ends, kind, technique, condition and
// evidence; a path as its nodes and relations.
func (v Value) MarshalJSON() ([]byte, error) {
	switch v.kind {
	case kNull:
		return []byte("null"), nil
	case kBool:
		return json.Marshal(v.yes)
	case kNumber:
		if v.whole {
			return []byte(plinth.FormatNumber(v.num)), nil
		}
		return json.Marshal(v.num)
	case kString:
		return json.Marshal(v.str)
	case kNode:
		return json.Marshal(nodeProps(v).more)
	case kRelation:
		return json.Marshal(relationProps(v).more)
	case kPath:
		return json.Marshal(struct {
			Nodes     Value `json:"nodes"`
			Relations Value `json:"relations"`
		}{nodesOf(v), relationsOf(v)})
	case kList:
		if len(v.more.list) == 0 {
			return []byte("[]"), nil
		}
		return json.Marshal(v.more.list)
	}
	return json.Marshal(v.more)
}

// MarshalJSON writes the entries of a map in their order.
func (m *more) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	if m.doc != nil {
		value.WriteJSON(&b, *m.doc)
		return b.Bytes(), nil
	}
	b.WriteByte('{')
	for i, k := range m.keys {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(k)
		if err != nil {
			return nil, err
		}
		data, err := m.list[i].MarshalJSON()
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(data)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}
