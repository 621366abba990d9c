package function

import (
	"fmt"
	"sort"
	"strconv"
	"strings"

	"github.com/plinthsec/plinth"
)

// ToString converts a number or bool to a string, as Terraform does on its own. Null and unknown stay what they are.
func ToString(v plinth.Value) (plinth.Value, error) {
	switch v.Kind() {
	case plinth.String, plinth.Null, plinth.Unknown:
		return v, nil
	case plinth.Number:
		return carry(plinth.StringOf(plinth.FormatNumber(v.Num())), v), nil
	case plinth.Bool:
		return carry(plinth.StringOf(strconv.FormatBool(v.Bool())), v), nil
	}
	return v, fmt.Errorf("a string is wanted, not a %s", v.Kind())
}

// ToNumber converts a numeric string to a number. Null and unknown stay what they are.
func ToNumber(v plinth.Value) (plinth.Value, error) {
	switch v.Kind() {
	case plinth.Number, plinth.Null, plinth.Unknown:
		return v, nil
	case plinth.String:
		s := v.Str()
		f, err := strconv.ParseFloat(s, 64)
		if err != nil || strings.ContainsAny(s, "xXpP_iInN") {
			return v, fmt.Errorf("%.40q is no number", s)
		}
		return carry(plinth.NumberOf(f), v), nil
	}
	return v, fmt.Errorf("a number is wanted, not a %s", v.Kind())
}

// ToBool converts "true" and "false" to a bool. Null and unknown stay what they are.
func ToBool(v plinth.Value) (plinth.Value, error) {
	switch v.Kind() {
	case plinth.Bool, plinth.Null, plinth.Unknown:
		return v, nil
	case plinth.String:
		switch v.Str() {
		case "true", "1":
			return carry(plinth.BoolOf(true), v), nil
		case "false", "0":
			return carry(plinth.BoolOf(false), v), nil
		}
		return v, fmt.Errorf("%.40q is neither true nor false", v.Str())
	}
	return v, fmt.Errorf("a bool is wanted, not a %s", v.Kind())
}

// carry gives a converted value what its source had.
func carry(to, from plinth.Value) plinth.Value {
	return to.WithOrigin(from.Origin()).WithSensitive(from.Sensitive()).WithRefs(from.Refs()...)
}

// ToSet drops doubles and sorts: numbers by size, strings by bytes, structures by their text; unknown elements come last.
func ToSet(list []plinth.Value) plinth.Value {
	out := make([]plinth.Value, 0, len(list))
	seen := make(map[string]bool, len(list))
	for _, e := range list {
		if k, ok := scalarKey(e); ok {
			if seen[k] {
				continue
			}
			seen[k] = true
		} else if len(out) < maxPairs && containsEqual(out, e) {
			continue
		}
		out = append(out, e)
	}
	if len(out) > 0 && out[0].Len() > 0 && out[0].Kind() != plinth.String && len(out) < maxPairs {
		sortStructures(out)
	} else {
		sort.SliceStable(out, func(i, j int) bool { return less(out[i], out[j]) })
	}
	return plinth.SetOf(out)
}

func sortStructures(list []plinth.Value) {
	text := make(map[int]string, len(list))
	at := make([]int, len(list))
	for i, e := range list {
		text[i], at[i] = e.String(), i
	}
	sort.SliceStable(at, func(i, j int) bool { return text[at[i]] < text[at[j]] })
	sorted := make([]plinth.Value, len(list))
	for i, from := range at {
		sorted[i] = list[from]
	}
	copy(list, sorted)
}

func containsEqual(list []plinth.Value, e plinth.Value) bool {
	for _, o := range list {
		if eq, _ := same(o, e); eq {
			return true
		}
	}
	return false
}

func scalarKey(v plinth.Value) (string, bool) {
	switch v.Kind() {
	case plinth.String:
		return "s" + v.Str(), true
	case plinth.Number:
		return "n" + plinth.FormatNumber(v.Num()), true
	case plinth.Bool:
		return "b" + strconv.FormatBool(v.Bool()), true
	case plinth.Null:
		return "0", true
	}
	return "", false
}

func less(a, b plinth.Value) bool {
	if a.IsUnknown() != b.IsUnknown() {
		return b.IsUnknown()
	}
	switch {
	case a.Kind() != b.Kind():
		return false
	case a.Kind() == plinth.String:
		return a.Str() < b.Str()
	case a.Kind() == plinth.Number:
		return a.Num() < b.Num()
	case a.Kind() == plinth.Bool:
		return !a.Bool() && b.Bool()
	}
	return false
}

// Unified converts the elements of a list or the values of a map to one primitive type: where strings stand beside numbers or
// bools all become strings.
func Unified(list []plinth.Value) []plinth.Value {
	kinds := map[plinth.Kind]bool{}
	for _, e := range list {
		switch e.Kind() {
		case plinth.Null, plinth.Unknown:
		case plinth.String, plinth.Number, plinth.Bool:
			kinds[e.Kind()] = true
		default:
			return list
		}
	}
	if len(kinds) < 2 {
		return list
	}
	out := make([]plinth.Value, len(list))
	for i, e := range list {
		out[i], _ = ToString(e) // scalars only: cannot fail
	}
	return out
}

func conversions() []Func {
	scalar := func(to func(plinth.Value) (plinth.Value, error)) func(c *call) (plinth.Value, error) {
		return func(c *call) (plinth.Value, error) { return to(c.args[0]) }
	}
	return []Func{
		{Name: "tostring", least: 1, most: 1, unknowns: true, keeps: true, run: scalar(ToString)},
		{Name: "tonumber", least: 1, most: 1, unknowns: true, keeps: true, run: scalar(ToNumber)},
		{Name: "tobool", least: 1, most: 1, unknowns: true, keeps: true, run: scalar(ToBool)},
		{Name: "tolist", least: 1, most: 1, unknowns: true, run: toList},
		{Name: "toset", least: 1, most: 1, unknowns: true, run: toSet},
		{Name: "tomap", least: 1, most: 1, unknowns: true, run: toMap},
		{Name: "sensitive", least: 1, most: 1, unknowns: true, keeps: true, run: func(c *call) (plinth.Value, error) {
			return c.args[0].WithSensitive(true), nil
		}},
		{Name: "nonsensitive", least: 1, most: 1, unknowns: true, keeps: true, run: func(c *call) (plinth.Value, error) {
			return c.args[0].WithSensitive(false), nil
		}},
		{Name: "issensitive", least: 1, most: 1, unknowns: true, keeps: true, run: func(c *call) (plinth.Value, error) {
			return plinth.BoolOf(c.args[0].Sensitive()), nil
		}},
		{Name: "ephemeralasnull", least: 1, most: 1, unknowns: true, keeps: true, run: func(c *call) (plinth.Value, error) {
			return c.args[0], nil
		}},
	}
}

func toList(c *call) (plinth.Value, error) {
	v := c.args[0]
	switch v.Kind() {
	case plinth.Unknown, plinth.Null:
		return v, nil
	case plinth.List:
		return plinth.ListOf(Unified(v.List())).WithOrigin(v.Origin()), nil
	}
	return v, fmt.Errorf("tolist: a list is wanted, not a %s", v.Kind())
}

func toSet(c *call) (plinth.Value, error) {
	v := c.args[0]
	switch v.Kind() {
	case plinth.Unknown, plinth.Null:
		return v, nil
	case plinth.List:
		return ToSet(Unified(v.List())).WithOrigin(v.Origin()), nil
	}
	return v, fmt.Errorf("toset: a list is wanted, not a %s", v.Kind())
}

func toMap(c *call) (plinth.Value, error) {
	v := c.args[0]
	switch v.Kind() {
	case plinth.Unknown, plinth.Null:
		return v, nil
	case plinth.Map:
		fields := v.Fields()
		list := make([]plinth.Value, len(fields))
		for i, f := range fields {
			list[i] = f.Value
		}
		list = Unified(list)
		out := make([]plinth.Field, len(fields))
		for i, f := range fields {
			out[i] = plinth.Field{Key: f.Key, Value: list[i]}
		}
		return plinth.MapOf(out).WithOrigin(v.Origin()).WithRefs(v.Refs()...), nil
	}
	return v, fmt.Errorf("tomap: a map is wanted, not a %s", v.Kind())
}
