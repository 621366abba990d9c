package terraform

import (
	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/read/terraform/expr"
	"github.com/plinthsec/plinth/internal/read/terraform/function"
)

// encode writes a configuration file after compilation.
func (p *parsed) encode() []byte {
	e := &plinth.Encoder{}
	e.Uint(uint64(len(p.problems)))
	for _, x := range p.problems {
		e.Problem(x)
	}
	encodeBlocks(e, p.blocks)
	return e.Bytes()
}

func encodeBlocks(e *plinth.Encoder, list []*block) {
	e.Uint(uint64(len(list)))
	for _, b := range list {
		e.String(b.kind)
		e.Words(b.labels)
		e.Location(b.at)
		e.Location(b.header)
		e.String(b.path)
		e.Uint(uint64(len(b.attrs)))
		for i := range b.attrs {
			a := &b.attrs[i]
			e.String(a.name)
			expr.Encode(e, a.value)
			expr.EncodeType(e, a.typ)
			e.String(a.text)
			e.Location(a.at)
			e.String(a.path)
		}
		encodeBlocks(e, b.blocks)
		e.Bool(b.dynamic != nil)
		if b.dynamic != nil {
			expr.Encode(e, b.dynamic.forEach)
			e.Uint(uint64(b.dynamic.slot))
		}
	}
}

// decodeFile reads what encode wrote; nil where that is damaged.
func decodeFile(path, body string, funcs function.Set) *parsed {
	d := &expr.Decoder{Decoder: plinth.NewDecoder(body), Funcs: funcs}
	p := &parsed{path: path}
	for range d.Count() {
		p.problems = append(p.problems, d.Problem())
	}
	p.blocks = decodeBlocks(d)
	if d.Err() != nil {
		return nil
	}
	return p
}

func decodeBlocks(d *expr.Decoder) (list []*block) {
	defer d.Leave()
	if !d.Enter() {
		return nil
	}
	for range d.Count() {
		b := &block{kind: d.String(), labels: d.Words(), at: d.Location(), header: d.Location(), path: d.String()}
		b.attrs = make([]attribute, d.Count())
		for i := range b.attrs {
			b.attrs[i] = attribute{name: d.String(), value: d.Node(), typ: d.Type(), text: d.String(), at: d.Location(), path: d.String()}
		}
		b.blocks = decodeBlocks(d)
		if d.Bool() {
			b.dynamic = &dynamic{forEach: d.Node(), slot: int(d.Uint())}
		}
		list = append(list, b)
	}
	return list
}
