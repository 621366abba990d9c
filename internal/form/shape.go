package form

import (
	"strings"

	"github.com/plinthsec/plinth"
)

const maxKeyDepth = 64 // how deep the keys of a document are renamed; deeper ones stay as they are

// pascalKeys turns the keys of a document into PascalCase, at every level; of a text it turns the text itself. Values below
// keys that are names of the user's own (environment variables, options, labels) stay as they are.
func pascalKeys(v plinth.Value, c conv) []plinth.Value {
	if v.Kind() == plinth.Map || v.Kind() == plinth.List {
		return one(renameKeys(v, 0))
	}
	return scalar(func(s string, _ conv) plinth.Value { return plinth.StringOf(camelize(s, true)) })(v, c)
}

func renameKeys(v plinth.Value, depth int) plinth.Value {
	if depth == maxKeyDepth {
		return v
	}
	switch v.Kind() {
	case plinth.List:
		list := make([]plinth.Value, v.Len())
		for i, e := range v.List() {
			list[i] = renameKeys(e, depth+1)
		}
		return like(plinth.ListOf(list), v)
	case plinth.Map:
		fields := make([]plinth.Field, 0, v.Len())
		for _, f := range v.Fields() {
			x := f.Value
			switch f.Key {
			case "options", "dockerLabels", "driverOpts", "labels", "parameters":
			default:
				x = renameKeys(x, depth+1)
			}
			fields = append(fields, plinth.Field{Key: camelize(f.Key, true), Value: x})
		}
		return like(plinth.MapOf(fields), v)
	}
	return v
}

// entries turns a list of objects that hold a name and a value into a map. An element without a known name makes the map as
// a whole unknown, with the others in it.
func entries(v plinth.Value, c conv) []plinth.Value {
	return one(keyed(v, c.args[0], func(e plinth.Value) (plinth.Value, bool) {
		x, ok := e.Get(c.args[1])
		return x, ok && !x.IsNull()
	}))
}

// index turns a list of objects into a map of objects by the first argument; the others, from=To, say which members stay and
// how they are called.
func index(v plinth.Value, c conv) []plinth.Value {
	return one(keyed(v, c.args[0], func(e plinth.Value) (plinth.Value, bool) {
		fields := []plinth.Field{}
		for _, a := range c.args[1:] {
			from, to, _ := strings.Cut(a, "=")
			if x, ok := e.Get(from); ok && !x.IsNull() {
				fields = append(fields, plinth.Field{Key: to, Value: x})
			}
		}
		return plinth.MapOf(fields).WithOrigin(e.Origin()), true
	}))
}

func keyed(v plinth.Value, key string, of func(plinth.Value) (plinth.Value, bool)) plinth.Value {
	list := v.List()
	if v.Kind() == plinth.Map {
		list = []plinth.Value{v}
	} else if v.Kind() != plinth.List {
		return v
	}
	fields := []plinth.Field{}
	var why []string
	for _, e := range list {
		k, _ := e.Get(key)
		name, ok := text(k)
		switch {
		case e.IsUnknown():
			why = append(why, e.Why()...)
		case k.IsUnknown():
			why = append(why, k.Why()...)
		case ok:
			if x, ok := of(e); ok {
				if x.Origin() == nil {
					x = x.WithOrigin(e.Origin())
				}
				fields = append(fields, plinth.Field{Key: name, Value: x})
			}
		}
	}
	out := plinth.MapOf(fields)
	if why != nil {
		out = plinth.UnknownOf(why...).WithPartial(out)
	}
	return like(out, v)
}

// some leaves out a text without a letter, which Terraform takes for an argument that is not there.
func some(v plinth.Value, _ conv) []plinth.Value {
	if v.Kind() == plinth.String && v.Len() == 0 {
		return nil
	}
	return one(v)
}

// as puts a value into an object of its own.
func as(v plinth.Value, c conv) []plinth.Value {
	return one(plinth.MapOf([]plinth.Field{{Key: c.args[0], Value: v}}).WithOrigin(v.Origin()))
}
