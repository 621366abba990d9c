package policy

import (
	"cel.dev/cel-go/common/ast"

	"github.com/plinthsec/plinth"
)

// labelled is a part selects(A, B) of a condition over all resources, one side of which is about the element alone: it picks
// out the elements that share a label with the other side.
type labelled struct {
	inner, outer code
	selector     bool // the element has the selector, and the other side the labels
}

// labelsOf compiles a part that is a call of selects; nil where it is none.
func (c *compiler) labelsOf(part ast.Expr, name string, vars []local) *labelled {
	if part.Kind() != ast.CallKind || part.AsCall().IsMemberFunction() || part.AsCall().FunctionName() != "selects" || len(part.AsCall().Args()) != 2 {
		return nil
	}
	args := part.AsCall().Args()
	for i, side := range args {
		other := args[1-i]
		if !mentions(side, name) || mentions(other, name) || !only(side, name) {
			continue
		}
		fault := c.fault
		var inner, outer node
		c.scoped(vars, func() node { inner = c.value(side); return inner })
		outer = c.value(other)
		if c.fault == fault {
			return &labelled{inner.run, outer.run, i == 0}
		}
	}
	return nil
}

// pair is a label with its value, as one text.
func pair(key, value string) string { return key + "\x01" + value }

const anyLabel = "\x02" // stands for a selector without a label that it asks for

// needed returns one label without which a selector takes nothing, anyLabel where there is none.
func needed(selector plinth.Value) string {
	selector = inside(selector)
	wanted := selector
	if m, ok := selector.Get("matchLabels"); ok && m.Kind() != plinth.String {
		wanted = inside(m)
	} else if _, ok := selector.Get("matchExpressions"); ok {
		return anyLabel
	}
	for _, f := range wanted.Fields() {
		if k := f.Value.Kind(); k == plinth.String || k == plinth.Number || k == plinth.Bool {
			return pair(f.Key, toText(f.Value).Str())
		}
	}
	return anyLabel
}

// borne returns the labels of an object, and whether these are all and none of them is unknown.
func borne(labels plinth.Value) (pairs []string, sure bool) {
	labels = inside(labels)
	if labels.IsUnknown() {
		return nil, false
	}
	for _, f := range labels.Fields() {
		switch f.Value.Kind() {
		case plinth.Unknown, plinth.List, plinth.Map:
			return nil, false
		case plinth.Null:
		default:
			pairs = append(pairs, pair(f.Key, toText(f.Value).Str()))
		}
	}
	return pairs, true
}

// tokens returns the keys under which an element is found; ok is false where that is open.
func (l *labelled) tokens(sc *Scope) (out []string, ok bool) {
	v := l.inner(sc)
	switch {
	case v.st != nil || v.IsUnknown() && surely(v.Value).IsNull() && !hasDocument(v.Value):
		return nil, false
	case l.selector:
		return []string{needed(v.Value)}, true
	}
	out, ok = borne(v.Value)
	return append(out, anyLabel), ok
}

// wanted returns the keys under which the elements are that the other side may go with; ok is false where that is open.
func (l *labelled) wanted(sc *Scope) (out []string, ok bool) {
	v := l.outer(sc)
	switch {
	case v.st != nil || v.IsUnknown() && surely(v.Value).IsNull() && !hasDocument(v.Value):
		return nil, false
	case !l.selector:
		return []string{needed(v.Value)}, true
	}
	out, ok = borne(v.Value)
	return append(out, anyLabel), ok
}
