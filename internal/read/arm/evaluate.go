package arm

import (
	"strconv"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/value"
)

// scope is where expressions are evaluated.
type scope struct {
	template *template
	decl     *plinth.Declaration
	path     string // of the value inside its resource
	callers  []plinth.Location
	symbol   string                  // symbolic name of the resource, in templates that have them
	copies   map[string]plinth.Value // loop → its turn; the innermost resource's also under ""
	locals   map[string]plinth.Value // parameters of a lambda or of a function of the template's own
	own      bool                    // inside such a function: parameters() means its parameters
	calls    int                     // functions of the template's own around it
}

func (s *scope) at(path string) *scope {
	inner := *s
	inner.path = path
	return &inner
}

// turn is the scope of one turn of a loop.
func (s *scope) turn(name string, i plinth.Value) *scope {
	inner := *s
	inner.copies = map[string]plinth.Value{}
	for k, v := range s.copies {
		inner.copies[k] = v
	}
	inner.copies[""], inner.copies[strings.ToLower(name)] = i, i
	return &inner
}

// origin is the place of an evaluated value: where it is written, and where what decides it is written.
func (s *scope) origin(written, result plinth.Value) *plinth.Origin {
	o := &plinth.Origin{Decl: s.decl, Path: s.path}
	if w := written.Origin(); w != nil {
		o.At, o.From = w.At, w.From
		if r := result.Origin(); r != nil && r != w && r.At != w.At {
			o.From = r
		}
	}
	return o
}

// eval evaluates what is written in a template.
func (s *scope) eval(v plinth.Value) plinth.Value {
	out := s.evaluate(v)
	o := s.origin(v, out)
	if out.Kind() == plinth.List || out.Kind() == plinth.Map {
		return value.Place(out.WithOrigin(nil), o)
	}
	return out.WithOrigin(o)
}

func (s *scope) evaluate(v plinth.Value) plinth.Value {
	if s.template.steps++; s.template.steps > maxSteps {
		s.template.problem(plinth.Limit, plinth.Value{}, "loops make too many values; the rest is unknown")
		return plinth.UnknownOf("the size of the template")
	}
	switch v.Kind() {
	case plinth.String:
		return s.text(v)
	case plinth.List:
		list := make([]plinth.Value, v.Len())
		for i, e := range v.List() {
			list[i] = s.at(s.path + "[" + strconv.Itoa(i) + "]").eval(e)
		}
		return plinth.ListOf(list)
	case plinth.Map:
		return s.object(v)
	}
	return v
}

func (s *scope) text(v plinth.Value) plinth.Value {
	text := v.Str()
	if strings.HasPrefix(text, "[[") {
		return plinth.StringOf(text[1:])
	}
	inside, ok := expression(text)
	if !ok {
		return v
	}
	n, err := parse(inside)
	if err != nil {
		s.template.problem(plinth.Broken, v, "expression: %s", err)
		return plinth.UnknownOf(text)
	}
	return s.node(n, v)
}

func (s *scope) below(key string) *scope {
	if s.path == "" {
		return s.at(key)
	}
	return s.at(s.path + "." + key)
}

// object evaluates an object; its loops (copy: a list) make properties that are lists.
func (s *scope) object(v plinth.Value) plinth.Value {
	fields := make([]plinth.Field, 0, v.Len())
	for _, f := range v.Fields() {
		if f.Key == "copy" && f.Value.Kind() == plinth.List {
			for _, loop := range f.Value.List() {
				fields = append(fields, s.property(loop))
			}
			continue
		}
		key := f.Key
		if strings.HasPrefix(key, "[") {
			if name := s.eval(plinth.StringOf(key)); name.Kind() == plinth.String {
				key = name.Str()
			}
		}
		fields = append(fields, plinth.Field{Key: key, Value: s.below(key).eval(f.Value)})
	}
	return plinth.MapOf(fields)
}

// property runs a loop that makes a property.
func (s *scope) property(loop plinth.Value) plinth.Field {
	name, _ := get(loop, "name")
	count, _ := get(loop, "count")
	input, _ := get(loop, "input")
	inner := s.below(name.Str())
	n := inner.eval(count)
	turns, known := s.turns(n, loop)
	if !known {
		return plinth.Field{Key: name.Str(), Value: plinth.UnknownOf(n.Why()...).WithOrigin(inner.origin(loop, n))}
	}
	list := make([]plinth.Value, 0, turns)
	for i := range turns {
		turn := inner.turn(name.Str(), plinth.NumberOf(float64(i))).at(inner.path + "[" + strconv.Itoa(i) + "]")
		if outer, ok := s.copies[""]; ok {
			turn.copies[""] = outer // a bare copyIndex() means the resource's loop
		}
		list = append(list, turn.eval(input))
	}
	return plinth.Field{Key: name.Str(), Value: plinth.ListOf(list).WithOrigin(inner.origin(loop, plinth.Value{}))}
}

// node evaluates an expression; written is the text that it stands in.
func (s *scope) node(n *node, written plinth.Value) plinth.Value {
	switch n.kind {
	case literal:
		return n.value
	case member:
		return s.member(n, s.node(n.args[0], written), plinth.StringOf(n.name), written)
	case index:
		return s.member(n, s.node(n.args[0], written), s.node(n.args[1], written), written)
	}
	return s.call(n, written)
}

// member looks a property or element up.
func (s *scope) member(n *node, of, key, written plinth.Value) plinth.Value {
	secret := of.Sensitive()
	switch {
	case of.IsUnknown():
		return s.beyond(n, of)
	case key.IsUnknown():
		return value.Open(n.text, key).WithSensitive(secret)
	case of.Kind() == plinth.Map && key.Kind() == plinth.String:
		if v, ok := get(of, key.Str()); ok {
			return v.WithSensitive(v.Sensitive() || secret)
		}
		if from := n.args[0]; from.kind == call && strings.EqualFold(from.name, "parameters") {
			return plinth.UnknownOf(from.text) // the default is empty: a deployment has to give something else
		}
		s.template.problem(plinth.Broken, written, "there is no property %s in %s", key.Str(), n.args[0].text)
		return plinth.UnknownOf(n.text)
	case of.Kind() == plinth.List && key.Kind() == plinth.Number:
		if i := int(key.Num()); i >= 0 && i < of.Len() {
			v := of.List()[i]
			return v.WithSensitive(v.Sensitive() || secret)
		}
	}
	s.template.problem(plinth.Broken, written, "%s cannot be looked up", n.text)
	return plinth.UnknownOf(n.text)
}

// beyond is a property of something unknown: a reference to a resource gets the property as its attribute.
func (s *scope) beyond(n *node, of plinth.Value) plinth.Value {
	name := n.name
	if n.kind == index {
		return of
	}
	refs := of.Refs()
	if len(refs) == 0 {
		return of
	}
	out := plinth.UnknownOf(of.Why()...).WithSensitive(of.Sensitive())
	for _, r := range refs {
		if r.Attr != "" {
			r.Attr += "."
		}
		r.Attr += name
		out = out.WithRefs(r)
	}
	return out
}
