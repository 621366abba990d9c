package function

import (
	"fmt"
	"slices"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/value"
)

func predicates() []Func {
	return []Func{
		{Name: "contains", least: 2, most: 2, unknowns: true, run: contains},
		{Name: "index", least: 2, most: 2, unknowns: true, run: index},
		{Name: "alltrue", least: 1, most: 1, unknowns: true, run: func(c *call) (plinth.Value, error) { return quantified(c, false) }},
		{Name: "anytrue", least: 1, most: 1, unknowns: true, run: func(c *call) (plinth.Value, error) { return quantified(c, true) }},
	}
}

func contains(c *call) (plinth.Value, error) {
	list := known(c.args[0])
	if list.Kind() == plinth.List {
		hit, open := false, false
		for _, e := range list.List() {
			t, _ := value.Equal(e, c.args[1])
			hit, open = hit || t == value.True, open || t == value.Undecided
		}
		switch {
		case hit:
			return plinth.BoolOf(true), nil
		case open || c.args[0].IsUnknown():
			return Unknown(c.args...), nil
		}
		return plinth.BoolOf(false), nil
	}
	if list.IsUnknown() {
		return Unknown(list), nil
	}
	return list, fmt.Errorf("contains: a list is wanted, not a %s", list.Kind())
}

func index(c *call) (plinth.Value, error) {
	if c.args[0].IsUnknown() {
		return Unknown(c.args[0]), nil
	}
	list, err := c.list(0)
	if err != nil {
		return plinth.Value{}, err
	}
	for i, e := range list {
		eq, open := same(e, c.args[1])
		if open {
			return Unknown(c.args...), nil
		}
		if eq {
			return plinth.NumberOf(float64(i)), nil
		}
	}
	return plinth.Value{}, fmt.Errorf("index: no such element")
}

// quantified is anytrue where wanted is true, alltrue where it is false: one element of that truth decides.
func quantified(c *call, wanted bool) (plinth.Value, error) {
	v := known(c.args[0])
	open := c.args[0].IsUnknown()
	for _, e := range v.List() {
		b, err := ToBool(e)
		switch {
		case err != nil:
			return e, err
		case b.IsUnknown():
			open = true
		case b.Kind() == plinth.Bool && b.Bool() == wanted, b.IsNull() && !wanted:
			return plinth.BoolOf(wanted), nil
		}
	}
	if open {
		return Unknown(c.args[0]), nil
	}
	if v.Kind() != plinth.List {
		return v, fmt.Errorf("%s: a list is wanted, not a %s", c.name, v.Kind())
	}
	return plinth.BoolOf(!wanted), nil
}

func sets() []Func {
	return []Func{
		{Name: "setunion", least: 1, most: -1, unknowns: true, run: setUnion},
		{Name: "setintersection", least: 1, most: -1, run: setIntersection},
		{Name: "setsubtract", least: 2, most: 2, run: setSubtract},
		{Name: "setproduct", least: 1, most: -1, unknowns: true, run: setProduct},
	}
}

func setUnion(c *call) (plinth.Value, error) {
	var all, open []plinth.Value
	for i, a := range c.args {
		if a.IsUnknown() {
			open = append(open, a)
			all = append(all, known(a).List()...)
			continue
		}
		list, err := c.list(i)
		if err != nil {
			return a, err
		}
		if all = append(all, list...); len(all) > maxElements {
			return a, fmt.Errorf("setunion: more than %d elements", maxElements)
		}
	}
	v := ToSet(Unified(all))
	if len(open) > 0 {
		return partial(v, open...), nil
	}
	return v, nil
}

func setIntersection(c *call) (plinth.Value, error) {
	out, err := c.list(0)
	if err != nil {
		return plinth.Value{}, err
	}
	for i := 1; i < len(c.args); i++ {
		other, err := c.list(i)
		if err != nil {
			return plinth.Value{}, err
		}
		if out, err = filtered(out, other, true); err != nil {
			return plinth.Value{}, err
		}
	}
	return ToSet(Unified(out)), nil
}

func setSubtract(c *call) (plinth.Value, error) {
	a, err := c.list(0)
	if err != nil {
		return plinth.Value{}, err
	}
	b, err := c.list(1)
	if err != nil {
		return plinth.Value{}, err
	}
	out, err := filtered(a, b, false)
	return ToSet(Unified(out)), err
}

// filtered keeps the elements of list that other holds, or those that it does not hold.
func filtered(list, other []plinth.Value, keep bool) ([]plinth.Value, error) {
	keys := make(map[string]bool, len(other))
	var rest []plinth.Value
	for _, e := range other {
		if k, ok := scalarKey(e); ok {
			keys[k] = true
		} else {
			rest = append(rest, e)
		}
	}
	if len(list)*len(rest) > maxWalk {
		return nil, fmt.Errorf("sets of structures with too many elements")
	}
	var out []plinth.Value
	for _, e := range list {
		k, scalar := scalarKey(e)
		if (scalar && keys[k] || !scalar && containsEqual(rest, e)) == keep {
			out = append(out, e)
		}
	}
	return out, nil
}

func setProduct(c *call) (plinth.Value, error) {
	rows := [][]plinth.Value{nil}
	set := true
	for i, a := range c.args {
		if a.IsUnknown() {
			return Unknown(c.args...), nil
		}
		list, err := c.list(i)
		if err != nil {
			return a, err
		}
		set = set && a.IsSet()
		if len(rows)*len(list)*(i+1) > maxElements {
			return a, fmt.Errorf("setproduct: more than %d elements", maxElements)
		}
		next := make([][]plinth.Value, 0, len(rows)*len(list))
		for _, r := range rows {
			for _, e := range list {
				next = append(next, append(slices.Clip(slices.Clone(r)), e))
			}
		}
		rows = next
	}
	out := make([]plinth.Value, len(rows))
	for i, r := range rows {
		out[i] = plinth.ListOf(r)
	}
	if set {
		return plinth.SetOf(out), nil
	}
	return plinth.ListOf(out), nil
}
