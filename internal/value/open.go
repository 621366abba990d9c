package value

import (
	"slices"

	"github.com/plinthsec/plinth"
)

// Open returns an unknown because of everything that is unknown in the values, with all their references; it is sensitive when
// one of them is. Without any unknown it is unknown because of otherwise.
func Open(otherwise string, values ...plinth.Value) plinth.Value {
	var why []string
	var refs []plinth.Ref
	secret := false
	for _, v := range values {
		why = append(why, Reasons(v)...)
		secret = secret || v.Sensitive()
		Refs(v, func(_ string, _ plinth.Value, r plinth.Ref) {
			if !slices.Contains(refs, r) {
				refs = append(refs, r)
			}
		})
	}
	if len(why) == 0 {
		why = []string{otherwise}
	}
	return plinth.UnknownOf(why...).WithRefs(refs...).WithSensitive(secret)
}

// Either is a value of which two alternatives are left, because of why: what they agree on is known, an entry that only one of
// them has is unknown, and the references of both stay.
func Either(a, b plinth.Value, why []string) plinth.Value {
	if t, _ := Equal(a, b); t == True {
		return a
	}
	switch {
	case a.Kind() == plinth.Map && b.Kind() == plinth.Map:
		var fields []plinth.Field
		for _, f := range a.Fields() {
			v := undecided(why, f.Value)
			if other, ok := b.Get(f.Key); ok {
				v = Either(f.Value, other, why)
			}
			fields = append(fields, plinth.Field{Key: f.Key, Value: v})
		}
		for _, f := range b.Fields() {
			if _, ok := a.Get(f.Key); !ok {
				fields = append(fields, plinth.Field{Key: f.Key, Value: undecided(why, f.Value)})
			}
		}
		return plinth.MapOf(fields).WithOrigin(a.Origin())
	case a.Kind() == plinth.List && b.Kind() == plinth.List && a.Len() == b.Len():
		list := make([]plinth.Value, a.Len())
		for i := range list {
			list[i] = Either(a.List()[i], b.List()[i], why)
		}
		return plinth.ListOf(list).WithOrigin(a.Origin())
	}
	return undecided(why, a, b)
}

func undecided(why []string, alternatives ...plinth.Value) plinth.Value {
	out := plinth.UnknownOf(why...)
	for _, v := range alternatives {
		Refs(v, func(_ string, _ plinth.Value, r plinth.Ref) { out = out.WithRefs(r) })
		if out.Origin() == nil {
			out = out.WithOrigin(v.Origin())
		}
		out = out.WithSensitive(out.Sensitive() || v.Sensitive())
	}
	return out
}

// Place gives a value, and everything inside it, an origin where it has none.
func Place(v plinth.Value, o *plinth.Origin) plinth.Value {
	if v.Origin() != nil {
		return v
	}
	switch v.Kind() {
	case plinth.List:
		list := make([]plinth.Value, v.Len())
		for i, e := range v.List() {
			list[i] = Place(e, o)
		}
		return plinth.ListOf(list).WithSensitive(v.Sensitive()).WithOrigin(o)
	case plinth.Map:
		fields := make([]plinth.Field, v.Len())
		for i, f := range v.Fields() {
			fields[i] = plinth.Field{Key: f.Key, Value: Place(f.Value, o)}
		}
		return plinth.MapOf(fields).WithSensitive(v.Sensitive()).WithOrigin(o)
	}
	return v.WithOrigin(o)
}
