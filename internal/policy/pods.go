package policy

import (
	"slices"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/value"
)

// template is template(): metadata and spec of the pods that a Kubernetes object makes, the object itself where it is a pod;
// absent parts are empty maps. What has no pods has an empty template.
func template(object plinth.Value) val {
	object = inside(object)
	if object.IsUnknown() && surely(object).IsNull() {
		return plain(unknown(object))
	}
	paths := [][]string{{"spec", "jobTemplate", "spec", "template"}, {"spec", "template"}, {"template"}, {}}
	if kind, _, _ := field(object, "kind"); kind.Str() == "Pod" {
		paths = paths[3:]
	}
	for _, path := range paths {
		at := object
		for _, key := range path {
			at, _, _ = field(at, key)
			at = inside(at)
		}
		if at.IsUnknown() && surely(at).IsNull() {
			return plain(unknown(at))
		}
		if at.Kind() != plinth.Map && !at.IsUnknown() {
			continue
		}
		metadata, _, _ := field(at, "metadata")
		spec, _, _ := field(at, "spec")
		if len(path) == 0 && len(paths) > 1 && !holds(spec, "containers") {
			continue
		}
		return plain(plinth.MapOf([]plinth.Field{{Key: "metadata", Value: orMap(metadata)}, {Key: "spec", Value: orMap(spec)}}))
	}
	return plain(plinth.MapOf([]plinth.Field{{Key: "metadata", Value: plinth.MapOf(nil)}, {Key: "spec", Value: plinth.MapOf(nil)}}))
}

// holds tells whether a map has an entry, or may have it.
func holds(v plinth.Value, key string) bool {
	entry, found, _ := field(inside(v), key)
	return found && !entry.IsNull()
}

func orMap(v plinth.Value) plinth.Value {
	if v.IsNull() {
		return plinth.MapOf(nil)
	}
	return v
}

// selects is selects(): whether a selector takes an object with these labels. A selector is a LabelSelector (matchLabels,
// matchExpressions) or the plain map of a Service; an empty one takes everything, as in a NetworkPolicy.
// https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors
func selects(selector, labels plinth.Value) val {
	selector, labels = inside(selector), inside(labels)
	if selector.IsUnknown() && surely(selector).IsNull() {
		return plain(unknown(selector))
	}
	answer, why := value.True, []string(nil)
	and := func(t value.Truth, of ...plinth.Value) {
		switch {
		case t == value.False:
			answer = value.False
		case t == value.Undecided && answer != value.False:
			answer = value.Undecided
			why = append(why, unknown(of...).Why()...)
		}
	}
	wanted, fields := selector, true
	if m, ok := selector.Get("matchLabels"); ok && m.Kind() != plinth.String {
		wanted = inside(m)
	} else if _, ok := selector.Get("matchExpressions"); ok {
		fields = false
	}
	if wanted.IsUnknown() {
		and(value.Undecided, wanted)
		wanted = surely(wanted)
	}
	if fields {
		for _, f := range wanted.Fields() {
			label, found, _ := field(labels, f.Key)
			and(labelIn(label, found, f.Value), label, f.Value)
		}
	}
	expressions, _ := selector.Get("matchExpressions")
	expressions = inside(expressions)
	if expressions.IsUnknown() {
		and(value.Undecided, expressions)
		expressions = surely(expressions)
	}
	for _, e := range expressions.List() {
		and(expression(e, labels), e, labels)
	}
	return open(answer, why)
}

// labelIn tells whether a label is there and has one of the values.
func labelIn(label plinth.Value, found bool, values ...plinth.Value) value.Truth {
	if !found || label.IsNull() {
		return value.False
	}
	answer := value.False
	for _, v := range values {
		if label.IsUnknown() || v.IsUnknown() {
			answer = value.Undecided
			continue
		}
		if toText(label).Str() == toText(v).Str() {
			return value.True
		}
	}
	return answer
}

// expression is one of matchExpressions.
func expression(e, labels plinth.Value) value.Truth {
	e = inside(e)
	key, _, _ := field(e, "key")
	operator, _, _ := field(e, "operator")
	values, _, _ := field(e, "values")
	if e.IsUnknown() || key.IsUnknown() || operator.IsUnknown() {
		return value.Undecided
	}
	label, found, _ := field(labels, key.Str())
	found = found && !label.IsNull()
	values = inside(values)
	list := slices.Clip(values.List())
	if values.IsUnknown() {
		list = append(slices.Clip(surely(values).List()), unknown(values))
	}
	switch operator.Str() {
	case "In":
		return labelIn(label, found, list...)
	case "NotIn":
		return not(labelIn(label, found, list...))
	case "Exists":
		return presence(label, found)
	case "DoesNotExist":
		return not(presence(label, found))
	}
	return value.False // an operator that the API refuses takes nothing
}
