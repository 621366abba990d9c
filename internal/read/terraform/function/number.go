package function

import (
	"fmt"
	"math"
	"math/big"

	"github.com/plinthsec/plinth"
)

func numbers() []Func {
	one := func(f func(float64) float64) func(*call) (plinth.Value, error) {
		return func(c *call) (plinth.Value, error) {
			x, err := c.num(0)
			if err != nil {
				return plinth.Value{}, err
			}
			return finite(c, f(x))
		}
	}
	two := func(f func(x, y float64) float64) func(*call) (plinth.Value, error) {
		return func(c *call) (plinth.Value, error) {
			x, err := c.num(0)
			if err != nil {
				return plinth.Value{}, err
			}
			y, err := c.num(1)
			if err != nil {
				return plinth.Value{}, err
			}
			return finite(c, f(x, y))
		}
	}
	fold := func(f func(x, y float64) float64) func(*call) (plinth.Value, error) {
		return func(c *call) (plinth.Value, error) {
			all, err := c.num(0)
			for i := 1; i < len(c.args) && err == nil; i++ {
				var x float64
				x, err = c.num(i)
				all = f(all, x)
			}
			if err != nil {
				return plinth.Value{}, err
			}
			return finite(c, all)
		}
	}
	return []Func{
		{Name: "abs", least: 1, most: 1, run: one(math.Abs)},
		{Name: "ceil", least: 1, most: 1, run: one(math.Ceil)},
		{Name: "floor", least: 1, most: 1, run: one(math.Floor)},
		{Name: "signum", least: 1, most: 1, run: one(signum)},
		{Name: "log", least: 2, most: 2, run: two(func(x, y float64) float64 { return math.Log(x) / math.Log(y) })},
		{Name: "pow", least: 2, most: 2, run: two(math.Pow)},
		{Name: "max", least: 1, most: -1, run: fold(math.Max)},
		{Name: "min", least: 1, most: -1, run: fold(math.Min)},
		{Name: "parseint", least: 2, most: 2, run: parseInt},
		{Name: "sum", least: 1, most: 1, run: sum},
		{Name: "range", least: 1, most: 3, run: numberRange},
	}
}

func finite(c *call, f float64) (plinth.Value, error) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return plinth.Value{}, fmt.Errorf("%s: the result is no finite number", c.name)
	}
	return plinth.NumberOf(f), nil
}

func signum(x float64) float64 {
	switch {
	case x > 0:
		return 1
	case x < 0:
		return -1
	}
	return 0
}

func parseInt(c *call) (plinth.Value, error) {
	s, err := c.text(0)
	if err != nil {
		return plinth.Value{}, err
	}
	base, err := c.whole(1)
	if err != nil {
		return plinth.Value{}, err
	}
	if base < 2 || base > 62 || len(s) > 1000 {
		return plinth.Value{}, fmt.Errorf("parseint: base %d is not between 2 and 62", base)
	}
	n, ok := new(big.Int).SetString(s, base)
	if !ok {
		return plinth.Value{}, fmt.Errorf("parseint: %.40q is no number in base %d", s, base)
	}
	f, _ := new(big.Float).SetInt(n).Float64()
	return finite(c, f)
}

func sum(c *call) (plinth.Value, error) {
	list, err := c.list(0)
	if err != nil {
		return plinth.Value{}, err
	}
	if len(list) == 0 {
		return plinth.Value{}, fmt.Errorf("sum: the list is empty")
	}
	total := 0.0
	for _, e := range list {
		n, err := ToNumber(e)
		if err != nil || n.Kind() != plinth.Number {
			return plinth.Value{}, fmt.Errorf("sum: an element is %s, not a number", e.Kind())
		}
		total += n.Num()
	}
	return finite(c, total)
}

func numberRange(c *call) (plinth.Value, error) {
	var at [3]float64
	for i := range c.args {
		f, err := c.num(i)
		if err != nil {
			return plinth.Value{}, err
		}
		at[i] = f
	}
	start, limit, step := 0.0, at[0], 1.0
	if len(c.args) > 1 {
		start, limit = at[0], at[1]
	}
	if limit < start {
		step = -1
	}
	if len(c.args) == 3 {
		step = at[2]
	}
	if step == 0 || step > 0 && limit < start || step < 0 && limit > start {
		return plinth.Value{}, fmt.Errorf("range: step %v does not lead from %v to %v", step, start, limit)
	}
	var out []plinth.Value
	for x := start; step > 0 && x < limit || step < 0 && x > limit; x += step {
		if len(out) == maxRange {
			return plinth.Value{}, fmt.Errorf("range: more than %d elements", maxRange)
		}
		out = append(out, plinth.NumberOf(x))
	}
	return plinth.ListOf(out), nil
}
