package terraform

import (
	"slices"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/read/terraform/expr"
	"github.com/plinthsec/plinth/internal/read/terraform/function"
)

// blockLists gathers nested blocks by type, in the order of their text.
type blockLists struct {
	kinds []string
	lists map[string]*blockList
}

// blockList is the blocks of one type: with something open, an unknown number of which those in list are certain.
type blockList struct {
	list  []plinth.Value
	open  []plinth.Value
	place *plinth.Origin
}

func (l *blockLists) of(kind string) *blockList {
	if b := l.lists[kind]; b != nil {
		return b
	}
	if l.lists == nil {
		l.lists = map[string]*blockList{}
	}
	b := &blockList{}
	l.lists[kind] = b
	l.kinds = append(l.kinds, kind)
	return b
}

func (l *blockLists) at(kind string) plinth.Value {
	b := l.lists[kind]
	if b == nil {
		return plinth.Value{}
	}
	v := plinth.ListOf(b.list)
	if len(b.open) > 0 {
		u := function.Unknown(b.open...)
		if len(b.list) > 0 {
			u = u.WithPartial(v)
		}
		v = u
	}
	return v.WithOrigin(b.place)
}

// body evaluates the nested blocks of a block: those of one type, or all where kind is empty.
func (one *resourceInstance) body(b *block, kind string, vars []expr.Item) *blockLists {
	out := &blockLists{}
	for _, n := range b.blocks {
		if kind != "" && n.kind != kind || one.of.in.state.Stopped() {
			continue
		}
		l := out.of(n.kind)
		if l.place == nil {
			l.place = &plinth.Origin{At: n.at, Path: n.path, Decl: one.declaration()}
		}
		if n.dynamic != nil {
			one.expanded(n, l, vars)
			continue
		}
		l.list = append(l.list, one.nestedBlock(n, vars, nil))
	}
	return out
}

// expanded adds the blocks that a dynamic block makes.
func (one *resourceInstance) expanded(n *block, to *blockList, vars []expr.Item) {
	in := one.of.in
	it := in.state.Item(n.dynamic.forEach, one.scope(), vars)
	var entries []expr.Entry
	shape := expr.Single
	if it.Lazy != nil {
		entries, shape = it.Lazy.Entries()
	}
	var from *plinth.Origin
	if shape != expr.Several {
		v := it.Force()
		from = v.Origin()
		if v.IsUnknown() {
			to.open = append(to.open, v)
			if !v.Partial() {
				return
			}
			v, _ = v.Document()
		}
		entries = elements(v)
	}
	if one.blocks += len(entries); one.blocks > maxBlocks {
		in.problem(plinth.Problem{Kind: plinth.Limit, At: n.at, Text: "dynamic blocks of one resource make more than 20,000 blocks"})
		to.open = append(to.open, plinth.UnknownOf("limit"))
		return
	}
	for _, e := range entries {
		iterator := plinth.MapOf([]plinth.Field{{Key: "key", Value: e.Key}, {Key: "value", Value: e.Item.Force()}})
		inner := append(slices.Clip(slices.Clone(vars)), expr.Item{Value: iterator})
		to.list = append(to.list, one.nestedBlock(n, inner, from))
	}
}

// elements are the keys and values that a dynamic block walks.
func elements(v plinth.Value) []expr.Entry {
	var out []expr.Entry
	for i, e := range v.List() {
		key := plinth.NumberOf(float64(i))
		if v.IsSet() {
			key = e
		}
		out = append(out, expr.Entry{Key: key, Item: expr.Item{Value: fromHolder(e, v)}})
	}
	for _, f := range v.Fields() {
		out = append(out, expr.Entry{Key: plinth.StringOf(f.Key), Item: expr.Item{Value: fromHolder(f.Value, v)}})
	}
	return out
}

// nestedBlock evaluates a nested block to a map.
func (one *resourceInstance) nestedBlock(n *block, vars []expr.Item, from *plinth.Origin) plinth.Value {
	fields := make([]plinth.Field, 0, len(n.attrs)+len(n.blocks))
	for i := range n.attrs {
		if v := one.value(&n.attrs[i], one.scope(), vars); !v.IsNull() {
			fields = append(fields, plinth.Field{Key: n.attrs[i].name, Value: v})
		}
	}
	if len(n.blocks) > 0 {
		inner := one.body(n, "", vars)
		for _, k := range inner.kinds {
			if v := inner.at(k); v.IsUnknown() || v.Len() > 0 {
				fields = append(fields, plinth.Field{Key: k, Value: v})
			}
		}
	}
	place := &plinth.Origin{At: n.at, Path: n.path, Decl: one.declaration(), From: elsewhere(from, n.at)}
	return plinth.MapOf(fields).WithOrigin(place)
}
