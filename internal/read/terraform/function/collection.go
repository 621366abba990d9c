package function

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/plinthsec/plinth"
)

func collections() []Func {
	return []Func{
		{Name: "length", least: 1, most: 1, unknowns: true, run: length},
		{Name: "concat", least: 1, most: -1, unknowns: true, run: concat},
		{Name: "merge", least: 0, most: -1, unknowns: true, run: merge},
		{Name: "flatten", least: 1, most: 1, unknowns: true, run: flatten},
		{Name: "lookup", least: 2, most: 3, unknowns: true, keeps: true, run: lookup},
		{Name: "keys", least: 1, most: 1, unknowns: true, run: keys},
		{Name: "values", least: 1, most: 1, unknowns: true, run: values},
		{Name: "zipmap", least: 2, most: 2, unknowns: true, run: zipmap},
		{Name: "coalesce", least: 1, most: -1, unknowns: true, keeps: true, run: coalesce},
		{Name: "coalescelist", least: 1, most: -1, unknowns: true, keeps: true, run: coalesceList},
		{Name: "compact", least: 1, most: 1, unknowns: true, run: compact},
		{Name: "distinct", least: 1, most: 1, unknowns: true, run: distinct},
		{Name: "element", least: 2, most: 2, unknowns: true, keeps: true, run: element},
		{Name: "slice", least: 3, most: 3, unknowns: true, run: slice},
		{Name: "reverse", least: 1, most: 1, unknowns: true, run: reverse},
		{Name: "sort", least: 1, most: 1, run: sortTexts},
		{Name: "chunklist", least: 2, most: 2, unknowns: true, run: chunkList},
		{Name: "matchkeys", least: 3, most: 3, unknowns: true, run: matchKeys},
		{Name: "transpose", least: 1, most: 1, run: transpose},
		{Name: "one", least: 1, most: 1, unknowns: true, keeps: true, run: one},
		{Name: "list", least: 0, most: -1, unknowns: true, run: func(c *call) (plinth.Value, error) {
			return plinth.ListOf(slices.Clone(c.args)), nil
		}},
		{Name: "map", least: 0, most: -1, unknowns: true, run: mapOf},
	}
}

// partial is an unknown list or map of which at is certain.
func partial(at plinth.Value, because ...plinth.Value) plinth.Value {
	u := Unknown(because...)
	if at.Len() == 0 {
		return u
	}
	return u.WithPartial(at)
}

// known returns the certain part of a list or map: all of it, or what a partial unknown holds.
func known(v plinth.Value) plinth.Value {
	if v.IsUnknown() && v.Partial() {
		doc, _ := v.Document()
		return doc
	}
	return v
}

func length(c *call) (plinth.Value, error) {
	v := c.args[0]
	switch v.Kind() {
	case plinth.Unknown:
		return Unknown(v), nil
	case plinth.String:
		return plinth.NumberOf(float64(len([]rune(v.Str())))), nil
	case plinth.List:
		if v.IsSet() && v.Len() > 1 && v.List()[v.Len()-1].IsUnknown() {
			return Unknown(v), nil // it may be equal to another element
		}
		return plinth.NumberOf(float64(v.Len())), nil
	case plinth.Map:
		return plinth.NumberOf(float64(v.Len())), nil
	}
	return v, fmt.Errorf("length: a %s has none", v.Kind())
}

func concat(c *call) (plinth.Value, error) {
	var out, open []plinth.Value
	for i, a := range c.args {
		if a.IsUnknown() {
			open = append(open, a)
			a = known(a)
			if a.Kind() != plinth.List {
				continue
			}
		}
		if a.Kind() != plinth.List {
			return a, fmt.Errorf("concat: argument %d is %s, not a list", i+1, a.Kind())
		}
		if out = append(out, a.List()...); len(out) > maxElements {
			return plinth.Value{}, fmt.Errorf("concat: more than %d elements", maxElements)
		}
	}
	if len(open) > 0 {
		return partial(plinth.ListOf(out), open...), nil
	}
	return plinth.ListOf(out), nil
}

// merge lets later maps win. An unknown map may override what stands before it and nothing that stands behind.
func merge(c *call) (plinth.Value, error) {
	var out []plinth.Field
	var open []plinth.Value
	for i, a := range c.args {
		switch {
		case a.IsUnknown():
			open = append(open, a)
			for j := range out {
				out[j].Value = Unknown(a)
			}
			out = append(out, known(a).Fields()...)
		case a.Kind() == plinth.Map:
			out = append(out, a.Fields()...)
		case !a.IsNull():
			return a, fmt.Errorf("merge: argument %d is %s, not a map", i+1, a.Kind())
		}
		if len(out) > maxElements {
			return plinth.Value{}, fmt.Errorf("merge: more than %d entries", maxElements)
		}
	}
	if len(open) > 0 {
		return partial(plinth.MapOf(out), open...), nil
	}
	return plinth.MapOf(out), nil
}

func flatten(c *call) (plinth.Value, error) {
	v := c.args[0]
	if v.IsUnknown() {
		return Unknown(v), nil
	}
	if v.Kind() != plinth.List {
		return v, fmt.Errorf("flatten: a list is wanted, not a %s", v.Kind())
	}
	f := &flattener{left: maxWalk}
	f.add(v.List())
	if f.left <= 0 {
		return v, fmt.Errorf("flatten: more than %d elements", maxWalk)
	}
	if len(f.open) > 0 {
		return partial(plinth.ListOf(f.out), f.open...), nil
	}
	return plinth.ListOf(f.out), nil
}

type flattener struct {
	out, open []plinth.Value
	left      int
}

func (f *flattener) add(list []plinth.Value) {
	for _, e := range list {
		if f.left--; f.left <= 0 {
			return
		}
		switch {
		case e.Kind() == plinth.List:
			f.add(e.List())
		case e.IsUnknown() && e.Partial() && known(e).Kind() == plinth.List:
			f.open = append(f.open, e)
			f.add(known(e).List())
		case e.IsUnknown():
			f.open = append(f.open, e)
		default:
			f.out = append(f.out, e)
		}
	}
}

func lookup(c *call) (plinth.Value, error) {
	m, k := c.args[0], c.args[1]
	if k.IsUnknown() {
		return Unknown(k), nil
	}
	key, err := c.text(1)
	if err != nil {
		return k, err
	}
	if v, ok := known(m).Get(key); ok {
		return within(v, m, k), nil
	}
	if m.IsUnknown() {
		return Unknown(m), nil
	}
	if m.Kind() != plinth.Map {
		return m, fmt.Errorf("lookup: a map is wanted, not a %s", m.Kind())
	}
	if len(c.args) < 3 {
		return m, fmt.Errorf("lookup: no entry %.40q", key)
	}
	other := c.args[2]
	return other.WithSensitive(other.Sensitive() || m.Sensitive() || k.Sensitive()), nil // decided where it stands, not by the map
}

// within marks a part of a value: what holds it is sensitive, so is it; where it has no origin its holder's counts.
func within(part plinth.Value, of ...plinth.Value) plinth.Value {
	for _, v := range of {
		if v.Sensitive() {
			part = part.WithSensitive(true)
		}
	}
	if part.Origin() == nil && of[0].Origin() != nil {
		part = part.WithOrigin(of[0].Origin())
	}
	return part
}

func keys(c *call) (plinth.Value, error) {
	m := known(c.args[0])
	if m.IsUnknown() {
		return Unknown(m), nil
	}
	fields := m.Fields()
	if m.Kind() != plinth.Map {
		return m, fmt.Errorf("keys: a map is wanted, not a %s", m.Kind())
	}
	out := make([]plinth.Value, len(fields))
	for i, f := range fields {
		out[i] = plinth.StringOf(f.Key)
	}
	if c.args[0].IsUnknown() {
		return partial(plinth.ListOf(out), c.args[0]), nil
	}
	return plinth.ListOf(out), nil
}

func values(c *call) (plinth.Value, error) {
	m := known(c.args[0])
	if m.IsUnknown() {
		return Unknown(m), nil
	}
	if m.Kind() != plinth.Map {
		return m, fmt.Errorf("values: a map is wanted, not a %s", m.Kind())
	}
	out := make([]plinth.Value, m.Len())
	for i, f := range m.Fields() {
		out[i] = f.Value
	}
	if c.args[0].IsUnknown() {
		return partial(plinth.ListOf(out), c.args[0]), nil
	}
	return plinth.ListOf(out), nil
}

func zipmap(c *call) (plinth.Value, error) {
	k, v := c.args[0], c.args[1]
	if k.IsUnknown() {
		return Unknown(k), nil
	}
	names, err := c.list(0)
	if err != nil {
		return k, err
	}
	var vals []plinth.Value
	if !v.IsUnknown() {
		if vals, err = c.list(1); err != nil {
			return v, err
		}
		if len(vals) != len(names) {
			return v, fmt.Errorf("zipmap: %d keys and %d values", len(names), len(vals))
		}
	}
	var out []plinth.Field
	var open []plinth.Value
	for i, n := range names {
		if n.IsUnknown() {
			open = append(open, n)
			continue
		}
		s, err := ToString(n)
		if err != nil || s.Kind() != plinth.String {
			return n, fmt.Errorf("zipmap: a key is %s, not a string", n.Kind())
		}
		if v.IsUnknown() {
			out = append(out, plinth.Field{Key: s.Str(), Value: v})
		} else {
			out = append(out, plinth.Field{Key: s.Str(), Value: vals[i]})
		}
	}
	if len(open) > 0 {
		return partial(plinth.MapOf(out), open...), nil
	}
	return plinth.MapOf(out), nil
}

// coalesce returns the first argument that is neither null nor the empty string.
func coalesce(c *call) (plinth.Value, error) {
	for i, a := range c.args {
		if a.IsUnknown() {
			for _, other := range c.args[i+1:] { // it may be one of these
				a = a.WithRefs(other.Refs()...)
			}
			return a, nil
		}
		if !a.IsNull() && !(a.Kind() == plinth.String && a.Str() == "") {
			return a, nil
		}
	}
	return plinth.Value{}, fmt.Errorf("coalesce: all arguments are null or empty")
}

func coalesceList(c *call) (plinth.Value, error) {
	for _, a := range c.args {
		if a.IsUnknown() || a.Len() > 0 {
			return a, nil
		}
	}
	return plinth.Value{}, fmt.Errorf("coalescelist: all lists are empty")
}

func compact(c *call) (plinth.Value, error) {
	if c.args[0].IsUnknown() {
		return c.args[0], nil
	}
	list, err := c.list(0)
	if err != nil {
		return plinth.Value{}, err
	}
	out := []plinth.Value{}
	var open []plinth.Value
	for _, e := range list {
		if e.IsUnknown() {
			open = append(open, e)
		} else if !e.IsNull() && !(e.Kind() == plinth.String && e.Str() == "") {
			out = append(out, e)
		}
	}
	if len(open) > 0 {
		return partial(plinth.ListOf(out), open...), nil
	}
	return plinth.ListOf(out), nil
}

func distinct(c *call) (plinth.Value, error) {
	if c.args[0].IsUnknown() {
		return c.args[0], nil
	}
	list, err := c.list(0)
	if err != nil {
		return plinth.Value{}, err
	}
	list = Unified(list)
	out := []plinth.Value{}
	var open []plinth.Value
	seen := map[string]bool{}
	for _, e := range list {
		k, scalar := scalarKey(e)
		switch {
		case e.IsUnknown() && len(list) > 1:
			open = append(open, e)
		case scalar && seen[k], !scalar && len(out) < maxPairs && containsEqual(out, e):
		default:
			seen[k] = true
			out = append(out, e)
		}
	}
	if len(open) > 0 {
		return partial(plinth.ListOf(out), open...), nil
	}
	return plinth.ListOf(out), nil
}

func element(c *call) (plinth.Value, error) {
	if c.args[0].IsUnknown() || c.args[1].IsUnknown() {
		return Unknown(c.args...), nil
	}
	list, err := c.list(0)
	if err != nil {
		return plinth.Value{}, err
	}
	i, err := c.whole(1)
	if err != nil {
		return plinth.Value{}, err
	}
	if len(list) == 0 {
		return plinth.Value{}, fmt.Errorf("element: the list is empty")
	}
	if i %= len(list); i < 0 {
		i += len(list)
	}
	return within(list[i], c.args...), nil
}

func slice(c *call) (plinth.Value, error) {
	if c.args[0].IsUnknown() || c.args[1].IsUnknown() || c.args[2].IsUnknown() {
		return Unknown(c.args...), nil
	}
	list, err := c.list(0)
	if err != nil {
		return plinth.Value{}, err
	}
	from, err := c.whole(1)
	if err != nil {
		return plinth.Value{}, err
	}
	to, err := c.whole(2)
	if err != nil {
		return plinth.Value{}, err
	}
	if from < 0 || to < from || to > len(list) {
		return plinth.Value{}, fmt.Errorf("slice: %d to %d of %d elements", from, to, len(list))
	}
	return plinth.ListOf(list[from:to:to]), nil
}

func reverse(c *call) (plinth.Value, error) {
	if c.args[0].IsUnknown() {
		return c.args[0], nil
	}
	list, err := c.list(0)
	if err != nil {
		return plinth.Value{}, err
	}
	list = slices.Clone(list)
	slices.Reverse(list)
	return plinth.ListOf(list), nil
}

func sortTexts(c *call) (plinth.Value, error) {
	all, err := c.texts(0)
	if err != nil {
		return plinth.Value{}, err
	}
	sort.Strings(all)
	return stringsOf(all), nil
}

func chunkList(c *call) (plinth.Value, error) {
	if c.args[0].IsUnknown() || c.args[1].IsUnknown() {
		return Unknown(c.args...), nil
	}
	list, err := c.list(0)
	if err != nil {
		return plinth.Value{}, err
	}
	size, err := c.whole(1)
	if err != nil {
		return plinth.Value{}, err
	}
	if size < 0 {
		return plinth.Value{}, fmt.Errorf("chunklist: size %d", size)
	}
	if size == 0 {
		size = max(1, len(list))
	}
	out := []plinth.Value{}
	for chunk := range slices.Chunk(list, size) {
		out = append(out, plinth.ListOf(chunk))
	}
	return plinth.ListOf(out), nil
}

func matchKeys(c *call) (plinth.Value, error) {
	for _, a := range c.args {
		if a.IsUnknown() {
			return Unknown(c.args...), nil
		}
	}
	var lists [3][]plinth.Value
	for i := range lists {
		list, err := c.list(i)
		if err != nil {
			return plinth.Value{}, err
		}
		lists[i] = list
	}
	if len(lists[0]) != len(lists[1]) {
		return plinth.Value{}, fmt.Errorf("matchkeys: %d values and %d keys", len(lists[0]), len(lists[1]))
	}
	if len(lists[1])*len(lists[2]) > maxWalk {
		return plinth.Value{}, fmt.Errorf("matchkeys: too many elements")
	}
	out := []plinth.Value{}
	for i, k := range lists[1] {
		hit, open := holds(lists[2], k)
		if open {
			return Unknown(c.args...), nil
		}
		if hit {
			out = append(out, lists[0][i])
		}
	}
	return plinth.ListOf(out), nil
}

// holds tells whether an element of the list is surely equal to v, and else whether one could be.
func holds(list []plinth.Value, v plinth.Value) (hit, open bool) {
	for _, e := range list {
		eq, undecided := same(e, v)
		if eq {
			return true, false
		}
		open = open || undecided
	}
	return false, open
}

func transpose(c *call) (plinth.Value, error) {
	fields, err := c.fields(0)
	if err != nil {
		return plinth.Value{}, err
	}
	out := map[string][]string{}
	for _, f := range fields {
		list, err := (&call{name: c.name, args: []plinth.Value{f.Value}}).texts(0)
		if err != nil {
			return plinth.Value{}, err
		}
		for _, s := range list {
			if !slices.Contains(out[s], f.Key) {
				out[s] = append(out[s], f.Key)
			}
		}
	}
	result := make([]plinth.Field, 0, len(out))
	for k, list := range out {
		result = append(result, plinth.Field{Key: k, Value: stringsOf(list)})
	}
	return plinth.MapOf(result), nil
}

func one(c *call) (plinth.Value, error) {
	v := c.args[0]
	if v.IsUnknown() {
		return v, nil
	}
	list, err := c.list(0)
	if err != nil {
		return v, err
	}
	switch len(list) {
	case 0:
		return plinth.Value{}, nil
	case 1:
		return within(list[0], v), nil
	}
	return v, fmt.Errorf("one: the list has %d elements", len(list))
}

func mapOf(c *call) (plinth.Value, error) {
	if len(c.args)%2 != 0 {
		return plinth.Value{}, fmt.Errorf("map: a key has no value")
	}
	out := []plinth.Field{}
	for i := 0; i < len(c.args); i += 2 {
		if c.args[i].IsUnknown() {
			return Unknown(c.args...), nil
		}
		k, err := c.text(i)
		if err != nil {
			return plinth.Value{}, err
		}
		out = append(out, plinth.Field{Key: strings.Clone(k), Value: c.args[i+1]})
	}
	return plinth.MapOf(out), nil
}
