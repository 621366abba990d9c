package arm

import (
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/value"
)

// concat joins texts, or lists. An unknown list among known ones leaves the known elements known.
func concat(n *node, args []plinth.Value) (plinth.Value, bool) {
	var text strings.Builder
	var list, open []plinth.Value
	lists := false
	for _, a := range args {
		part, ok := scalar(a)
		switch {
		case a.IsUnknown():
			open = append(open, a)
		case a.Kind() == plinth.List:
			lists = true
			list = append(list, a.List()...)
		case !ok:
			return plinth.Value{}, false
		default:
			text.WriteString(part)
		}
		if text.Len() > maxText || len(list) > maxText {
			return plinth.Value{}, false
		}
	}
	switch {
	case len(open) > 0 && lists:
		return value.Open(n.text, open...).WithPartial(plinth.ListOf(list)), true
	case len(open) > 0:
		return value.Open(n.text, open...), true
	case lists:
		return plinth.ListOf(list), true
	}
	return plinth.StringOf(text.String()), true
}

// union merges objects deeply, or lists without doubles.
func union(n *node, args []plinth.Value) (plinth.Value, bool) {
	var out plinth.Value
	var open []plinth.Value
	for _, a := range args {
		switch {
		case a.IsUnknown():
			open = append(open, a)
		case a.Kind() == plinth.Map && (out.IsNull() || out.Kind() == plinth.Map):
			out = merged(out, a)
		case a.Kind() == plinth.List && (out.IsNull() || out.Kind() == plinth.List):
			list := slices.Clone(out.List())
			for _, e := range a.List() {
				if !has(list, e) {
					list = append(list, e)
				}
			}
			out = plinth.ListOf(list)
		default:
			return plinth.Value{}, false
		}
	}
	if len(open) > 0 {
		v := value.Open(n.text, open...)
		if !out.IsNull() {
			v = v.WithPartial(out)
		}
		return v, true
	}
	return out, len(args) > 0
}

func merged(a, b plinth.Value) plinth.Value {
	fields := slices.Clone(a.Fields())
	for _, f := range b.Fields() {
		if old, ok := a.Get(f.Key); ok && old.Kind() == plinth.Map && f.Value.Kind() == plinth.Map {
			f.Value = merged(old, f.Value)
		}
		fields = append(fields, f) // of two fields with one key the last counts
	}
	return plinth.MapOf(fields)
}

func has(list []plinth.Value, v plinth.Value) bool {
	return slices.ContainsFunc(list, func(e plinth.Value) bool {
		t, _ := value.Equal(e, v)
		return t == value.True
	})
}

func intersection(a, b plinth.Value) (plinth.Value, bool) {
	switch {
	case a.Kind() == plinth.List && b.Kind() == plinth.List && value.Known(a) && value.Known(b):
		out := []plinth.Value{}
		for _, e := range a.List() {
			if has(b.List(), e) {
				out = append(out, e)
			}
		}
		return plinth.ListOf(out), true
	case a.Kind() == plinth.Map && b.Kind() == plinth.Map && value.Known(a) && value.Known(b):
		var fields []plinth.Field
		for _, f := range a.Fields() {
			if other, ok := b.Get(f.Key); ok && has([]plinth.Value{other}, f.Value) {
				fields = append(fields, f)
			}
		}
		return plinth.MapOf(fields), true
	}
	return plinth.Value{}, false
}

// contains looks for an element, a key (without case) or a part of a text.
func contains(a, b plinth.Value) (plinth.Value, bool) {
	switch {
	case a.IsUnknown():
		return plinth.Value{}, false
	case a.Kind() == plinth.List:
		open := false
		for _, e := range a.List() {
			switch t, _ := value.Equal(e, b); t {
			case value.True:
				return plinth.BoolOf(true), true
			case value.Undecided:
				open = true
			}
		}
		return plinth.BoolOf(false), !open
	case a.Kind() == plinth.Map && b.Kind() == plinth.String:
		_, ok := get(a, b.Str())
		return plinth.BoolOf(ok), true
	case a.Kind() == plinth.String && b.Kind() == plinth.String:
		return plinth.BoolOf(strings.Contains(a.Str(), b.Str())), true
	}
	return plinth.Value{}, false
}

func tryGet(args []plinth.Value) (plinth.Value, bool) {
	if len(args) < 2 {
		return plinth.Value{}, false
	}
	v := args[0]
	for _, key := range args[1:] {
		switch {
		case v.IsUnknown() || key.IsUnknown():
			return plinth.Value{}, false
		case v.Kind() == plinth.Map:
			v, _ = get(v, key.Str())
		case v.Kind() == plinth.List && key.Kind() == plinth.Number && int(key.Num()) >= 0 && int(key.Num()) < v.Len():
			v = v.List()[int(key.Num())]
		default:
			v = plinth.Value{}
		}
	}
	return v, true
}

func indexOf(name string, a, b plinth.Value) (plinth.Value, bool) {
	if a.Kind() == plinth.String && b.Kind() == plinth.String {
		text, part := strings.ToLower(a.Str()), strings.ToLower(b.Str())
		if name == "indexof" {
			return plinth.NumberOf(float64(strings.Index(text, part))), true
		}
		return plinth.NumberOf(float64(strings.LastIndex(text, part))), true
	}
	if a.Kind() != plinth.List || !value.Known(a) {
		return plinth.Value{}, false
	}
	at := -1
	for i, e := range a.List() {
		if has([]plinth.Value{e}, b) && (at < 0 || name == "lastindexof") {
			at = i
		}
	}
	return plinth.NumberOf(float64(at)), true
}

// cut is take and skip, of lists and texts.
func cut(a, b plinth.Value, take bool) (plinth.Value, bool) {
	if b.Kind() != plinth.Number {
		return plinth.Value{}, false
	}
	k := int(max(b.Num(), 0))
	switch a.Kind() {
	case plinth.List:
		list := a.List()
		k = min(k, len(list))
		if take {
			return plinth.ListOf(list[:k]), true
		}
		return plinth.ListOf(list[k:]), true
	case plinth.String:
		text := []rune(a.Str())
		k = min(k, len(text))
		if take {
			return plinth.StringOf(string(text[:k])), true
		}
		return plinth.StringOf(string(text[k:])), true
	}
	return plinth.Value{}, false
}

func split(a, b plinth.Value) (plinth.Value, bool) {
	marks := []string{b.Str()}
	if b.Kind() == plinth.List {
		marks = nil
		for _, e := range b.List() {
			marks = append(marks, e.Str())
		}
	}
	if a.Kind() != plinth.String || slices.Contains(marks, "") {
		return plinth.Value{}, false
	}
	parts := []string{a.Str()}
	for _, m := range marks {
		var next []string
		for _, p := range parts {
			next = append(next, strings.Split(p, m)...)
		}
		parts = next
	}
	list := make([]plinth.Value, len(parts))
	for i, p := range parts {
		list[i] = plinth.StringOf(p)
	}
	return plinth.ListOf(list), true
}

func join(a, b plinth.Value) (plinth.Value, bool) {
	if a.Kind() != plinth.List || b.Kind() != plinth.String || !value.Known(a) {
		return plinth.Value{}, false
	}
	var parts []string
	for _, e := range a.List() {
		text, ok := scalar(e)
		if !ok {
			return plinth.Value{}, false
		}
		parts = append(parts, text)
	}
	return plinth.StringOf(strings.Join(parts, b.Str())), true
}
