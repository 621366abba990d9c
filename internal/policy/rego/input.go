package rego

import (
	"encoding/json"

	"github.com/plinthsec/plinth"
)

// Hole says what a policy sees where a value is not known.
type Hole func(v plinth.Value) (any, bool)

// Nothing leaves unknown entries out, as if nobody had written them.
func Nothing(plinth.Value) (any, bool) { return nil, false }

// Named puts the reason of an unknown in its place: "${var.acl}".
func Named(v plinth.Value) (any, bool) {
	name := "unknown"
	if why := v.Why(); len(why) > 0 {
		name = why[0]
	}
	return "${" + name + "}", true
}

// Plain turns a value into what Rego knows: JSON. What is sensitive is a mark; elements that are left out leave no gap.
func Plain(v plinth.Value, hole Hole) any {
	out, _ := plain(v, hole, 0)
	return out
}

func plain(v plinth.Value, hole Hole, depth int) (any, bool) {
	switch {
	case depth > maxDepth:
		return nil, false
	case v.Sensitive():
		return "<sensitive>", true
	case v.Partial():
		if doc, ok := v.Document(); ok {
			return plain(doc, hole, depth+1)
		}
	}
	switch v.Kind() {
	case plinth.Bool:
		return v.Bool(), true
	case plinth.Number:
		return json.Number(plinth.FormatNumber(v.Num())), true
	case plinth.String:
		return v.Str(), true
	case plinth.Unknown:
		return hole(v)
	case plinth.List:
		out := make([]any, 0, v.Len())
		for _, e := range v.List() {
			if x, ok := plain(e, hole, depth+1); ok {
				out = append(out, x)
			}
		}
		return out, true
	case plinth.Map:
		out := make(map[string]any, v.Len())
		for _, f := range v.Fields() {
			if x, ok := plain(f.Value, hole, depth+1); ok {
				out[f.Key] = x
			}
		}
		return out, true
	}
	return nil, true
}
