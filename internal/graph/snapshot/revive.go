package snapshot

import (
	"github.com/plinthsec/plinth"
)

// revive turns what value.WriteJSON wrote for unknown and sensitive values, and for texts that hold a document, back into these. What
// only looks so, as it has other fields beside, stays as it is.
func revive(v plinth.Value) plinth.Value {
	switch v.Kind() {
	case plinth.List:
		list := make([]plinth.Value, v.Len())
		for i, e := range v.List() {
			list[i] = revive(e)
		}
		return plinth.ListOf(list)
	case plinth.Map:
		if marked, ok := mark(v); ok {
			return marked
		}
		fields := make([]plinth.Field, v.Len())
		for i, f := range v.Fields() {
			fields[i] = plinth.Field{Key: f.Key, Value: revive(f.Value)}
		}
		return plinth.MapOf(fields)
	}
	return v
}

func mark(v plinth.Value) (plinth.Value, bool) {
	if v.Len() != 1 {
		return v, false
	}
	switch f := v.Fields()[0]; f.Key {
	case "$unknown":
		if f.Value.Kind() != plinth.List {
			return v, false
		}
		var why []string
		for _, w := range f.Value.List() {
			why = append(why, w.Str())
		}
		return plinth.UnknownOf(why...), true
	case "$sensitive":
		return plinth.Value{}.WithSensitive(true), true
	case "$json":
		return plinth.UnknownOf().WithDocument(revive(f.Value)), true
	}
	return v, false
}
