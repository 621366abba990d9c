package terraform

import (
	"fmt"
	"strconv"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/read/terraform/expr"
	"github.com/plinthsec/plinth/internal/read/terraform/function"
)

// repeated is what count and for_each make of a resource or module call.
type repeated struct {
	kind repetitionKind
	keys []instanceKey
	at   map[string]int // of keys, made when one is looked for
	open bool           // nobody knows how many: one symbolic instance stands for all
	why  plinth.Value   // unknown, if open
}

type instanceKey struct {
	repetition
	text string // [0], ["k"], [*] or ""
}

// repeat evaluates count or for_each of a block.
func (in *instance) repeat(b *block, address string) repeated {
	if a := b.attr("count"); a != nil {
		return in.counted(a, address)
	}
	if a := b.attr("for_each"); a != nil {
		return in.forEach(a, address)
	}
	return repeated{keys: []instanceKey{{}}}
}

// symbolic is one instance that stands for an unknown number.
func symbolic(kind repetitionKind, why plinth.Value) repeated {
	why = function.Unknown(why)
	it := expr.Item{Value: why}
	return repeated{kind: kind, open: true, why: why, keys: []instanceKey{{repetition{kind, it, it}, "[*]"}}}
}

func (in *instance) counted(a *attribute, address string) repeated {
	v := in.state.Term(a.value, scope{in: in}, nil)
	n, err := function.ToNumber(v)
	if err != nil || n.Kind() != plinth.Number || n.Num() < 0 || n.Num() != float64(int(n.Num())) {
		if n.IsUnknown() {
			return symbolic(byCount, n)
		}
		return symbolic(byCount, plinth.UnknownOf(address+".count"))
	}
	if n.Num() > maxInstances {
		in.tooMany(a, address)
		return symbolic(byCount, plinth.UnknownOf(address+".count"))
	}
	r := repeated{kind: byCount, keys: make([]instanceKey, int(n.Num()))}
	for i := range r.keys {
		it := expr.Item{Value: plinth.NumberOf(float64(i))}
		r.keys[i] = instanceKey{repetition{byCount, it, it}, "[" + strconv.Itoa(i) + "]"}
	}
	return r
}

func (in *instance) tooMany(a *attribute, address string) {
	in.problem(plinth.Problem{Kind: plinth.Limit, At: a.at, Text: fmt.Sprintf("%s has more than %d instances: one stands for all", address, maxInstances)})
}

func (in *instance) forEach(a *attribute, address string) repeated {
	it := in.state.Item(a.value, scope{in: in}, nil)
	if it.Lazy != nil {
		if entries, shape := it.Lazy.Entries(); shape == expr.Several {
			return in.entries(a, address, entries)
		}
	}
	v := it.Force()
	switch v.Kind() {
	case plinth.Unknown:
		return symbolic(byKey, v)
	case plinth.Map:
		entries := make([]expr.Entry, v.Len())
		for i, f := range v.Fields() {
			e := fromHolder(f.Value, v)
			entries[i] = expr.Entry{Key: plinth.StringOf(f.Key).WithOrigin(e.Origin()), Item: expr.Item{Value: e}}
		}
		return in.entries(a, address, entries)
	case plinth.List: // Terraform wants a set; what is meant is clear
		set := v
		if !v.IsSet() {
			set = function.ToSet(v.List())
		}
		entries := make([]expr.Entry, set.Len())
		for i, e := range set.List() {
			e = fromHolder(e, v)
			entries[i] = expr.Entry{Key: e, Item: expr.Item{Value: e}}
		}
		return in.entries(a, address, entries)
	}
	return symbolic(byKey, plinth.UnknownOf(address+".for_each"))
}

// fromHolder gives an element the origin of its collection where it has none of its own.
func fromHolder(v, of plinth.Value) plinth.Value {
	if v.Origin() == nil {
		return v.WithOrigin(of.Origin())
	}
	return v
}

func (in *instance) entries(a *attribute, address string, entries []expr.Entry) repeated {
	if len(entries) > maxInstances {
		in.tooMany(a, address)
		return symbolic(byKey, plinth.UnknownOf(address+".for_each"))
	}
	r := repeated{kind: byKey, keys: make([]instanceKey, 0, len(entries))}
	for _, e := range entries {
		k, err := function.ToString(e.Key)
		if k.IsUnknown() {
			return symbolic(byKey, k)
		}
		if err != nil || k.IsNull() {
			return symbolic(byKey, plinth.UnknownOf(address+".for_each"))
		}
		value := e.Item
		if value.Lazy == nil && value.Value.Kind() == plinth.Number && e.Key.Kind() == plinth.Number {
			value.Value = k // a set of strings, for Terraform
		}
		r.keys = append(r.keys, instanceKey{repetition{byKey, expr.Item{Value: k}, value}, "[" + strconv.Quote(k.Str()) + "]"})
	}
	return r
}

type lookup uint8

const (
	found lookup = iota
	undecided
	absent
)

// find looks for the instance with a key. While one symbolic instance stands for all it is the answer, unless it matters
// whether the instance exists.
func (r *repeated) find(key plinth.Value, trying bool) (int, lookup) {
	if key.IsUnknown() {
		return 0, undecided
	}
	if r.open {
		if trying || len(r.keys) == 0 {
			return 0, undecided
		}
		return 0, found
	}
	switch r.kind {
	case byCount:
		n, err := function.ToNumber(key)
		if i := int(n.Num()); err == nil && n.Kind() == plinth.Number && i >= 0 && i < len(r.keys) && float64(i) == n.Num() {
			return i, found
		}
	case byKey:
		k, err := function.ToString(key)
		if err != nil {
			return 0, absent
		}
		if i, ok := r.index(k.Str()); ok {
			return i, found
		}
	case single: // x[0] of something without count: what is meant is clear
		if !trying && key.Kind() == plinth.Number && key.Num() == 0 {
			return 0, found
		}
	}
	return 0, absent
}

func (r *repeated) index(key string) (int, bool) {
	if r.at == nil {
		r.at = make(map[string]int, len(r.keys))
		for i := range r.keys {
			r.at[r.keys[i].key.Value.Str()] = i
		}
	}
	i, ok := r.at[key]
	return i, ok
}

// absent is the answer for a key that find did not find.
func (r *repeated) absent(key plinth.Value, state lookup, reason, address string) (expr.Item, bool) {
	if state == absent {
		return expr.Item{}, false
	}
	v := function.Unknown(key)
	if r.open {
		v = function.Unknown(r.why, key)
	}
	if len(v.Why()) == 0 {
		v = plinth.UnknownOf(reason)
	}
	if address != "" {
		v = v.WithRefs(plinth.Ref{To: address + "[*]"})
	}
	return expr.Item{Value: v}, true
}

// force is the whole: one value, a list or a map of the instances.
func (r *repeated) force(one func(i int) plinth.Value, address string) plinth.Value {
	if r.open {
		if address != "" {
			return r.why.WithRefs(plinth.Ref{To: address + "[*]"})
		}
		return r.why
	}
	switch r.kind {
	case byCount:
		list := make([]plinth.Value, len(r.keys))
		for i := range list {
			list[i] = one(i)
		}
		return plinth.ListOf(list)
	case byKey:
		fields := make([]plinth.Field, len(r.keys))
		for i := range fields {
			fields[i] = plinth.Field{Key: r.keys[i].key.Value.Str(), Value: one(i)}
		}
		return plinth.MapOf(fields)
	}
	if len(r.keys) == 0 {
		return plinth.UnknownOf("limit")
	}
	return one(0)
}
