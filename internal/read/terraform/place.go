package terraform

import (
	"strconv"

	"github.com/plinthsec/plinth"
)

const maxPlaced = 20_000 // parts of one argument that get a place of their own; those behind them keep that of their collection

// place is an argument of a resource instance.
type place struct {
	at   plinth.Location
	decl *plinth.Declaration
	left int
}

// put gives an argument's value and everything inside it its place. What is written elsewhere stands where the argument does,
// and says where it comes from.
func (p *place) put(v plinth.Value, path string) plinth.Value {
	return p.inside(v, &plinth.Origin{At: p.at, Path: path, Decl: p.decl, From: elsewhere(v.Origin(), p.at)})
}

func (p *place) inside(v plinth.Value, o *plinth.Origin) plinth.Value {
	if doc, ok := v.Document(); ok && p.left > 0 {
		if v.Partial() {
			v = v.WithPartial(p.inside(doc, o))
		} else {
			v = v.WithDocument(p.inside(doc, o))
		}
	}
	switch v.Kind() {
	case plinth.List:
		if p.left -= v.Len(); p.left > 0 && v.Len() > 0 {
			v = p.list(v, o)
		}
	case plinth.Map:
		if p.left -= v.Len(); p.left > 0 && v.Len() > 0 {
			v = p.mapping(v, o)
		}
	}
	return v.WithOrigin(o)
}

func (p *place) list(v plinth.Value, o *plinth.Origin) plinth.Value {
	out := make([]plinth.Value, v.Len())
	for i, e := range v.List() {
		out[i] = p.part(e, o, func() string { return "[" + strconv.Itoa(i) + "]" })
	}
	to := plinth.ListOf(out)
	if v.IsSet() {
		to = plinth.SetOf(out)
	}
	return to.WithSensitive(v.Sensitive()).WithRefs(v.Refs()...)
}

func (p *place) mapping(v plinth.Value, o *plinth.Origin) plinth.Value {
	out := make([]plinth.Field, v.Len())
	for i, f := range v.Fields() {
		out[i] = plinth.Field{Key: f.Key, Value: p.part(f.Value, o, func() string { return "." + f.Key })}
	}
	return plinth.MapOf(out).WithSensitive(v.Sensitive()).WithRefs(v.Refs()...)
}

// part places an element or entry.
func (p *place) part(v plinth.Value, of *plinth.Origin, step func() string) plinth.Value {
	o := v.Origin()
	switch {
	case o == nil:
		return p.inside(v, of)
	case elsewhere(o, p.at) == nil && o.Decl == nil:
		return p.inside(v, &plinth.Origin{At: o.At, Path: o.Path, Decl: p.decl, From: o.From})
	case elsewhere(o, p.at) == nil:
		return p.inside(v, o)
	}
	return p.inside(v, &plinth.Origin{At: of.At, Path: of.Path + step(), Decl: p.decl, From: o})
}
