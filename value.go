package plinth

import (
	"slices"
	"sort"
	"strings"
)

// Kind is the kind of a value.
type Kind uint8

// The kinds. An Unknown has reasons instead of content; a list of unknown length is an Unknown.
const (
	Null Kind = iota
	Bool
	Number
	String
	List
	Map
	Unknown
)

func (k Kind) String() string {
	return [...]string{"null", "bool", "number", "string", "list", "map", "unknown"}[min(int(k), 6)]
}

// Value is a value of a configuration: known, unknown because of something, or sensitive, with the place where it was written.
// Lists and maps stay lists and maps around unknown leaves. Values are immutable and safe for concurrent use; the zero Value
// is null. Slices that go in or come out are shared and must not be changed.
type Value struct {
	kind      Kind
	sensitive bool
	num       float64
	str       string
	box       *box
	origin    *Origin
}

// box holds what most values do not have.
type box struct {
	list    []Value
	fields  []Field
	why     []string
	doc     *Value
	refs    []Ref
	partial bool
	head    string // ends of an unknown string
	tail    string
	set     bool
	open    []OpenField
	parts   []Value // of an unknown string
}

// OpenField is an entry of a map whose key is not known.
type OpenField struct{ Key, Value Value }

// Field is an entry of a map.
type Field struct {
	Key   string
	Value Value
}

// Origin says where a value comes from.
type Origin struct {
	At      Location     // the argument or entry that holds the value, its name included
	Path    string       // its path in the words of its source: versioning_configuration.status
	Decl    *Declaration // the block it stands in; nil outside a resource
	From    *Origin      // the place that decides it: a variable's default, a module argument, a local; nil when At does
	Default bool         // nobody wrote it: it is the provider's default
}

// Ref says that a value stands for (part of) another resource.
type Ref struct {
	To   string // address of the resource in the same root: module.a.aws_s3_bucket.b; the logical id; the name
	Attr string // the attribute that is referred to, "" for the resource itself
}

// BoolOf returns a known bool.
func BoolOf(b bool) Value {
	v := Value{kind: Bool}
	if b {
		v.num = 1
	}
	return v
}

// NumberOf returns a known number. Numbers are binary64, as in JSON.
func NumberOf(f float64) Value { return Value{kind: Number, num: f} }

// StringOf returns a known string.
func StringOf(s string) Value { return Value{kind: String, str: s} }

// ListOf returns a list of the values, which it keeps.
func ListOf(list []Value) Value { return Value{kind: List, box: &box{list: list}} }

// SetOf returns a list whose order means nothing. The caller has dropped doubles and put the elements into the order in which
// they are to be walked.
func SetOf(list []Value) Value { return Value{kind: List, box: &box{list: list, set: true}} }

// MapOf returns a map of the fields, which it keeps and sorts by key. Of several fields with one key the last counts.
func MapOf(fields []Field) Value {
	sorted := true
	for i := 1; i < len(fields); i++ {
		if fields[i-1].Key >= fields[i].Key {
			sorted = false
			break
		}
	}
	if !sorted {
		sort.SliceStable(fields, func(i, j int) bool { return fields[i].Key < fields[j].Key })
		n := 0
		for i := range fields {
			if i+1 < len(fields) && fields[i+1].Key == fields[i].Key {
				continue
			}
			fields[n] = fields[i]
			n++
		}
		fields = fields[:n]
	}
	return Value{kind: Map, box: &box{fields: fields}}
}

// UnknownOf returns a value that is unknown because of the given root causes, in the user's words: var.x, module.vpc,
// aws_s3_bucket.b.arn, file("x"), parameters('https'). Doubled reasons are dropped.
func UnknownOf(why ...string) Value {
	return Value{kind: Unknown, box: &box{why: uniqueStrings(why)}}
}

func uniqueStrings(in []string) []string {
	if len(in) < 2 {
		return in
	}
	out := make([]string, 0, len(in))
	for _, s := range in {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// Kind returns the kind of the value.
func (v Value) Kind() Kind { return v.kind }

// IsNull tells whether the value is null; a map's missing entry is null, too.
func (v Value) IsNull() bool { return v.kind == Null }

// IsUnknown tells whether the value as a whole is unknown. A list with unknown elements is not.
func (v Value) IsUnknown() bool { return v.kind == Unknown }

// Bool returns the truth of a known bool, false for anything else.
func (v Value) Bool() bool { return v.kind == Bool && v.num != 0 }

// Num returns a known number, 0 for anything else.
func (v Value) Num() float64 {
	if v.kind != Number {
		return 0
	}
	return v.num
}

// Str returns a known string, "" for anything else.
func (v Value) Str() string { return v.str }

// List returns the elements of a list, nil for anything else.
func (v Value) List() []Value {
	if v.kind != List || v.box == nil {
		return nil
	}
	return v.box.list
}

// Fields returns the entries of a map in the order of their keys, nil for anything else.
func (v Value) Fields() []Field {
	if v.kind != Map || v.box == nil {
		return nil
	}
	return v.box.fields
}

// Len returns the number of elements, entries or bytes; 0 for anything that has none.
func (v Value) Len() int {
	switch v.kind {
	case List:
		return len(v.List())
	case Map:
		return len(v.Fields())
	case String:
		return len(v.str)
	}
	return 0
}

// Get returns the entry of a map. It is absent (null, false) when v is no map.
func (v Value) Get(key string) (Value, bool) {
	fields := v.Fields()
	if len(fields) <= 8 {
		for i := range fields {
			if fields[i].Key == key {
				return fields[i].Value, true
			}
		}
		return Value{}, false
	}
	i := sort.Search(len(fields), func(i int) bool { return fields[i].Key >= key })
	if i < len(fields) && fields[i].Key == key {
		return fields[i].Value, true
	}
	return Value{}, false
}

// At walks the keys from v and returns what is there. An unknown on the way is the answer, with true.
func (v Value) At(keys ...string) (Value, bool) {
	for _, k := range keys {
		if v.kind == Unknown {
			return v, true
		}
		next, ok := v.Get(k)
		if !ok {
			return Value{}, false
		}
		v = next
	}
	return v, true
}

// Why returns the root causes of an unknown, nil for anything else.
func (v Value) Why() []string {
	if v.kind != Unknown || v.box == nil {
		return nil
	}
	return v.box.why
}

// Document returns the structured value that a string holds: a policy given by jsonencode or a data source, a template with
// holes that parses as JSON or YAML. The string itself may be unknown.
func (v Value) Document() (Value, bool) {
	if v.box == nil || v.box.doc == nil {
		return Value{}, false
	}
	return *v.box.doc, true
}

// Partial tells that an unknown list or map has at least the entries that its Document holds.
func (v Value) Partial() bool { return v.box != nil && v.box.partial }

// IsSet tells whether v is a list made by SetOf.
func (v Value) IsSet() bool { return v.kind == List && v.box != nil && v.box.set }

// Ends returns what an unknown string surely begins and ends with: "arn:aws:s3:::" and "/*" of "arn:aws:s3:::${var.x}/*". The
// two do not overlap: the string is at least as long as both.
func (v Value) Ends() (head, tail string) {
	if v.kind != Unknown || v.box == nil {
		return "", ""
	}
	return v.box.head, v.box.tail
}

// Refs returns the resources that the value refers to, its own ones only, not those of its elements.
func (v Value) Refs() []Ref {
	if v.box == nil {
		return nil
	}
	return v.box.refs
}

// Sensitive tells whether the value must not be printed.
func (v Value) Sensitive() bool { return v.sensitive }

// Origin returns where the value comes from; nil when nobody knows.
func (v Value) Origin() *Origin { return v.origin }

// WithOrigin returns the same value from another place.
func (v Value) WithOrigin(o *Origin) Value {
	v.origin = o
	return v
}

// WithSensitive returns the same value, marked.
func (v Value) WithSensitive(yes bool) Value {
	v.sensitive = yes
	return v
}

// WithDocument returns the same string, or unknown string, with the document that it holds.
func (v Value) WithDocument(doc Value) Value {
	b := v.copyBox()
	b.doc = &doc
	v.box = b
	return v
}

// WithEnds returns the same unknown, known to be a string that begins and ends so. Any other value is returned as it is.
func (v Value) WithEnds(head, tail string) Value {
	if v.kind != Unknown || head == "" && tail == "" {
		return v
	}
	b := v.copyBox()
	b.head, b.tail = head, tail
	v.box = b
	return v
}

// Parts returns what an unknown string is made of, in order: known strings, and unknowns that stand for a text each. It is nil where
// that is not known.
func (v Value) Parts() []Value {
	if v.kind != Unknown || v.box == nil {
		return nil
	}
	return v.box.parts
}

// WithParts returns the same unknown string, known to be made of these, which it keeps. Any other value is returned as it is.
func (v Value) WithParts(parts []Value) Value {
	if v.kind != Unknown {
		return v
	}
	b := v.copyBox()
	b.parts = parts
	v.box = b
	return v
}

// WithPartial returns the same unknown, known to hold at least what list or map at holds.
func (v Value) WithPartial(at Value) Value {
	v = v.WithDocument(at)
	v.box.partial = true
	return v
}

// Open returns the entries with unknown keys of an unknown map. Where there are any, they and those of its Document are all that
// it has.
func (v Value) Open() []OpenField {
	if v.box == nil {
		return nil
	}
	return v.box.open
}

// WithOpen returns the same unknown map, of which these are the entries with unknown keys.
func (v Value) WithOpen(fields []OpenField) Value {
	v.box = v.copyBox()
	v.box.open = fields
	return v
}

// WithRefs returns the same value with further references.
func (v Value) WithRefs(refs ...Ref) Value {
	if len(refs) == 0 {
		return v
	}
	b := v.copyBox()
	b.refs = slices.Clone(b.refs)
	for _, r := range refs {
		if !slices.Contains(b.refs, r) {
			b.refs = append(b.refs, r)
		}
	}
	v.box = b
	return v
}

// WithOnlyRefs returns the same value with these references of its own and no others.
func (v Value) WithOnlyRefs(refs ...Ref) Value {
	if len(refs) == 0 && len(v.Refs()) == 0 {
		return v
	}
	b := v.copyBox()
	b.refs = refs
	v.box = b
	return v
}

func (v Value) copyBox() *box {
	if v.box == nil {
		return &box{}
	}
	b := *v.box
	return &b
}

// String returns a short form for messages: JSON-like, unknown as <unknown: why>, sensitive as <sensitive>.
func (v Value) String() string {
	var b strings.Builder
	v.print(&b, 0)
	return b.String()
}
