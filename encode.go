package plinth

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"
)

// Encoder writes resources and problems as bytes that a Decoder of the same build reads again. What one of them shares (declarations,
// origins, what is inside values) is written once and shared again afterwards. The zero Encoder is ready.
type Encoder struct {
	out     []byte
	strs    map[string]uint64
	decls   map[*Declaration]uint64
	origins map[*Origin]uint64
	boxes   map[*box]uint64
}

// What stands in front of something that may be shared: nothing, something new, else the number of an old one behind these.
const (
	absent = iota
	fresh
	known
)

// Bytes are what was written.
func (e *Encoder) Bytes() []byte { return e.out }

// Grow makes room for further bytes.
func (e *Encoder) Grow(n int) { e.out = slices.Grow(e.out, n) }

// Uint writes a number.
func (e *Encoder) Uint(n uint64) { e.out = binary.AppendUvarint(e.out, n) }

// Bool writes a truth.
func (e *Encoder) Bool(yes bool) { e.out = append(e.out, bits(yes)) }

// String writes a text.
func (e *Encoder) String(s string) {
	if s == "" {
		e.Uint(absent)
		return
	}
	if e.strs == nil {
		e.strs = map[string]uint64{}
	}
	if n, ok := e.strs[s]; ok {
		e.Uint(known + n)
		return
	}
	e.strs[s] = uint64(len(e.strs))
	e.Uint(fresh)
	e.Uint(uint64(len(s)))
	e.out = append(e.out, s...)
}

// Raw writes a text that will not come again.
func (e *Encoder) Raw(s string) {
	e.Uint(uint64(len(s)))
	e.out = append(e.out, s...)
}

// Fixed writes bytes of which everybody knows how many there are.
func (e *Encoder) Fixed(s string) { e.out = append(e.out, s...) }

// Words writes a list of texts.
func (e *Encoder) Words(list []string) {
	e.Uint(uint64(len(list)))
	for _, s := range list {
		e.String(s)
	}
}

// Location writes a location.
func (e *Encoder) Location(l Location) {
	e.String(l.Path)
	for _, n := range [...]int32{l.Line, l.Col, l.EndLine, l.EndCol} {
		e.Uint(uint64(uint32(n)))
	}
}

// Problem writes a problem.
func (e *Encoder) Problem(p Problem) {
	e.String(string(p.Kind))
	e.Location(p.At)
	e.String(p.Text)
}

// Resource writes a resource.
func (e *Encoder) Resource(r *Resource) {
	for _, s := range [...]string{string(r.ID), r.Type, r.Name, r.Project, r.Root} {
		e.String(s)
	}
	e.out = append(e.out, byte(r.Phase), bits(r.Data, r.External, r.Hung))
	e.Declaration(r.Decl)
	e.Value(r.Props)
	e.Value(r.Source)
	e.Uint(uint64(len(r.Aliases)))
	for _, a := range r.Aliases {
		e.String(string(a))
	}
	e.String(r.Terms.Provider)
	e.String(r.Terms.Version)
	e.Value(r.Terms.Defaults)
	e.String(r.Terms.Config)
	e.Value(r.Terms.Settings)
	e.of(r.Terms.Package)
}

// of writes what Terraform downloads for a provider.
func (e *Encoder) of(p *Package) {
	if p == nil {
		p = &Package{}
	}
	e.String(p.Source)
	e.String(p.Locked)
	e.Location(p.At)
}

func bits(list ...bool) (b byte) {
	for i, yes := range list {
		if yes {
			b |= 1 << i
		}
	}
	return b
}

// Declaration writes a declaration, which may be nil.
func (e *Encoder) Declaration(d *Declaration) {
	if d == nil {
		e.Uint(absent)
		return
	}
	if n, ok := e.decls[d]; ok {
		e.Uint(known + n)
		return
	}
	e.Uint(fresh)
	e.String(d.Address)
	e.String(d.Type)
	e.Location(d.At)
	e.Location(d.Header)
	e.Uint(uint64(len(d.Callers)))
	for _, c := range d.Callers {
		e.Location(c)
	}
	if e.decls == nil {
		e.decls = map[*Declaration]uint64{}
	}
	e.decls[d] = uint64(len(e.decls))
}

// Origin writes an origin, which may be nil.
func (e *Encoder) Origin(o *Origin) {
	if o == nil {
		e.Uint(absent)
		return
	}
	if n, ok := e.origins[o]; ok {
		e.Uint(known + n)
		return
	}
	e.Uint(fresh)
	e.Location(o.At)
	e.String(o.Path)
	e.Declaration(o.Decl)
	e.Origin(o.From)
	e.out = append(e.out, bits(o.Default))
	if e.origins == nil {
		e.origins = map[*Origin]uint64{}
	}
	e.origins[o] = uint64(len(e.origins))
}

// What a value has beside its kind, which takes the lowest three bits.
const (
	hasMark   = 1 << (3 + iota) // it is sensitive
	hasOrigin                   // and so on
	hasBox
	hasNum
	hasStr
)

// Value writes a value with all that is known of it.
func (e *Encoder) Value(v Value) {
	head := byte(v.kind)
	for _, x := range [...]struct {
		yes bool
		bit byte
	}{{v.sensitive, hasMark}, {v.origin != nil, hasOrigin}, {v.box != nil, hasBox}, {v.num != 0, hasNum}, {v.str != "", hasStr}} {
		if x.yes {
			head |= x.bit
		}
	}
	e.out = append(e.out, head)
	if v.num != 0 {
		e.out = binary.LittleEndian.AppendUint64(e.out, math.Float64bits(v.num))
	}
	if v.str != "" {
		e.String(v.str)
	}
	if v.box != nil {
		e.inside(v.box)
	}
	if v.origin != nil {
		e.Origin(v.origin)
	}
}

func (e *Encoder) inside(b *box) {
	if n, ok := e.boxes[b]; ok {
		e.Uint(known + n)
		return
	}
	e.Uint(fresh)
	e.out = append(e.out, bits(b.partial, b.set, b.doc != nil, b.list != nil, b.fields != nil))
	e.values(b.list)
	e.Uint(uint64(len(b.fields)))
	for i := range b.fields {
		e.String(b.fields[i].Key)
		e.Value(b.fields[i].Value)
	}
	e.Words(b.why)
	if b.doc != nil {
		e.Value(*b.doc)
	}
	e.Uint(uint64(len(b.refs)))
	for _, r := range b.refs {
		e.String(r.To)
		e.String(r.Attr)
	}
	e.String(b.head)
	e.String(b.tail)
	e.Uint(uint64(len(b.open)))
	for i := range b.open {
		e.Value(b.open[i].Key)
		e.Value(b.open[i].Value)
	}
	e.values(b.parts)
	if e.boxes == nil {
		e.boxes = map[*box]uint64{}
	}
	e.boxes[b] = uint64(len(e.boxes))
}

func (e *Encoder) values(list []Value) {
	e.Uint(uint64(len(list)))
	for i := range list {
		e.Value(list[i])
	}
}

const (
	maxNested = 10_000 // things inside each other that a Decoder follows: more cannot have been written by an Encoder that returned
	slab      = 64     // origins and insides of values that are made together
)

var errDamaged = errors.New("the bytes are damaged")

// Decoder reads what an Encoder wrote. Texts stay parts of the given one. After damage it gives zero values.
type Decoder struct {
	in      string
	at      int
	bad     bool
	depth   int
	strs    []string
	decls   []*Declaration
	origins []*Origin
	boxes   []*box

	freeOrigins []Origin
	freeBoxes   []box
}

// NewDecoder returns a decoder of what an Encoder wrote.
func NewDecoder(in string) *Decoder { return &Decoder{in: in} }

// At tells how many bytes were read.
func (d *Decoder) At() int { return d.at }

// Err tells whether the bytes are not what an Encoder wrote.
func (d *Decoder) Err() error {
	if d.bad {
		return errDamaged
	}
	return nil
}

// Fail tells that what was read means nothing.
func (d *Decoder) Fail() {
	d.bad = true
	d.at = len(d.in)
}

func (d *Decoder) byte() byte {
	if d.at >= len(d.in) {
		d.Fail()
		return 0
	}
	d.at++
	return d.in[d.at-1]
}

// Uint reads a number.
func (d *Decoder) Uint() uint64 {
	var n uint64
	for shift := 0; shift < 64; shift += 7 {
		b := d.byte()
		n |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return n
		}
	}
	d.Fail()
	return 0
}

// Bool reads a truth.
func (d *Decoder) Bool() bool { return d.byte()&1 != 0 }

// Count reads the length of a list, each element of which takes a byte at least.
func (d *Decoder) Count() int {
	n := d.Uint()
	if n > uint64(len(d.in)-d.at) {
		d.Fail()
		return 0
	}
	return int(n)
}

// shared reads what stands in front of something that may be shared: the index of an old one among n, or -1 with what it is.
func (d *Decoder) shared(n int) (index int, what uint64) {
	what = d.Uint()
	if what < known {
		return -1, what
	}
	if what-known >= uint64(n) {
		d.Fail()
		return -1, absent
	}
	return int(what - known), known
}

// String reads a text.
func (d *Decoder) String() string {
	i, what := d.shared(len(d.strs))
	switch what {
	case absent:
		return ""
	case known:
		return d.strs[i]
	}
	s := d.Raw()
	d.strs = append(d.strs, s)
	return s
}

// Raw reads a text that Raw wrote.
func (d *Decoder) Raw() string {
	n := d.Count()
	s := d.in[d.at : d.at+n]
	d.at += n
	return s
}

// Fixed reads the next n bytes; after damage it gives an empty text.
func (d *Decoder) Fixed(n int) string {
	if len(d.in)-d.at < n {
		d.Fail()
		return ""
	}
	d.at += n
	return d.in[d.at-n : d.at]
}

// Words reads a list of texts.
func (d *Decoder) Words() []string {
	n := d.Count()
	if n == 0 {
		return nil
	}
	out := make([]string, n)
	for i := range out {
		out[i] = d.String()
	}
	return out
}

// Location reads a location.
func (d *Decoder) Location() (l Location) {
	l.Path = d.String()
	for _, n := range [...]*int32{&l.Line, &l.Col, &l.EndLine, &l.EndCol} {
		*n = int32(uint32(d.Uint()))
	}
	return l
}

// Problem reads a problem.
func (d *Decoder) Problem() (p Problem) {
	p.Kind = ProblemKind(d.String())
	p.At = d.Location()
	p.Text = d.String()
	return p
}

// Resource reads a resource.
func (d *Decoder) Resource() *Resource {
	r := &Resource{ID: ID(d.String()), Type: d.String(), Name: d.String(), Project: d.String(), Root: d.String(), Phase: Phase(d.byte())}
	flags := d.byte()
	r.Data, r.External, r.Hung = flags&1 != 0, flags&2 != 0, flags&4 != 0
	r.Decl = d.Declaration()
	r.Props = d.Value()
	r.Source = d.Value()
	for range d.Count() {
		r.Aliases = append(r.Aliases, ID(d.String()))
	}
	r.Terms = Context{Provider: d.String(), Version: d.String(), Defaults: d.Value(), Config: d.String(), Settings: d.Value()}
	if p := (Package{Source: d.String(), Locked: d.String(), At: d.Location()}); p != (Package{}) {
		r.Terms.Package = &p
	}
	return r
}

// Declaration reads a declaration.
func (d *Decoder) Declaration() *Declaration {
	i, what := d.shared(len(d.decls))
	switch what {
	case absent:
		return nil
	case known:
		return d.decls[i]
	}
	x := &Declaration{Address: d.String(), Type: d.String(), At: d.Location(), Header: d.Location()}
	for range d.Count() {
		x.Callers = append(x.Callers, d.Location())
	}
	d.decls = append(d.decls, x)
	return x
}

// Enter counts things inside each other, and tells whether to go on with the inner one. Leave is called in any case.
func (d *Decoder) Enter() bool {
	if d.depth++; d.depth > maxNested {
		d.Fail()
	}
	return !d.bad
}

// Leave is the other end of Enter.
func (d *Decoder) Leave() { d.depth-- }

// Origin reads an origin.
func (d *Decoder) Origin() *Origin {
	i, what := d.shared(len(d.origins))
	switch what {
	case absent:
		return nil
	case known:
		return d.origins[i]
	}
	if len(d.freeOrigins) == 0 {
		d.freeOrigins = make([]Origin, slab)
	}
	o := &d.freeOrigins[0]
	d.freeOrigins = d.freeOrigins[1:]
	if d.Enter() {
		o.At, o.Path, o.Decl, o.From = d.Location(), d.String(), d.Declaration(), d.Origin()
		o.Default = d.byte()&1 != 0
	}
	d.Leave()
	d.origins = append(d.origins, o)
	return o
}

// Value reads a value.
func (d *Decoder) Value() (v Value) {
	head := d.byte()
	v.kind, v.sensitive = min(Kind(head&7), Unknown), head&hasMark != 0
	if head&hasNum != 0 {
		var n uint64
		for i, b := range []byte(d.Fixed(8)) {
			n |= uint64(b) << (8 * i)
		}
		v.num = math.Float64frombits(n)
	}
	if head&hasStr != 0 {
		v.str = d.String()
	}
	if head&hasBox != 0 {
		v.box = d.inside()
	}
	if head&hasOrigin != 0 {
		v.origin = d.Origin()
	}
	return v
}

func (d *Decoder) inside() *box {
	i, what := d.shared(len(d.boxes))
	if what == known {
		return d.boxes[i]
	}
	if len(d.freeBoxes) == 0 {
		d.freeBoxes = make([]box, slab)
	}
	b := &d.freeBoxes[0]
	d.freeBoxes = d.freeBoxes[1:]
	if d.Enter() {
		d.fill(b)
	}
	d.Leave()
	d.boxes = append(d.boxes, b)
	return b
}

func (d *Decoder) fill(b *box) {
	flags := d.byte()
	b.partial, b.set = flags&1 != 0, flags&2 != 0
	b.list = d.values(flags&8 != 0)
	if n := d.Count(); n > 0 || flags&16 != 0 {
		b.fields = make([]Field, n)
		for i := range b.fields {
			b.fields[i].Key = d.String()
			b.fields[i].Value = d.Value()
		}
	}
	b.why = d.Words()
	if flags&4 != 0 {
		doc := d.Value()
		b.doc = &doc
	}
	for range d.Count() {
		b.refs = append(b.refs, Ref{To: d.String(), Attr: d.String()})
	}
	b.head, b.tail = d.String(), d.String()
	for range d.Count() {
		b.open = append(b.open, OpenField{Key: d.Value(), Value: d.Value()})
	}
	b.parts = d.values(false)
}

func (d *Decoder) values(empty bool) []Value {
	n := d.Count()
	if n == 0 && !empty {
		return nil
	}
	out := make([]Value, n)
	for i := range out {
		out[i] = d.Value()
	}
	return out
}
