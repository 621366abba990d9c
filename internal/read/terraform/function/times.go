package function

import (
	"fmt"
	"time"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function/stdlib"

	"github.com/plinthsec/plinth"
)

func times() []Func {
	return []Func{
		later("timestamp", 0, 0), later("plantimestamp", 0, 0),
		{Name: "timeadd", least: 2, most: 2, run: timeAdd},
		{Name: "timecmp", least: 2, most: 2, run: timeCmp},
		{Name: "formatdate", least: 2, most: 2, run: formatDate},
	}
}

func (c *call) time(i int) (time.Time, error) {
	s, err := c.text(i)
	if err != nil {
		return time.Time{}, err
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return t, fmt.Errorf("%s: %.60q is no RFC 3339 time", c.name, s)
	}
	return t, nil
}

func timeAdd(c *call) (plinth.Value, error) {
	t, err := c.time(0)
	if err != nil {
		return plinth.Value{}, err
	}
	s, err := c.text(1)
	if err != nil {
		return plinth.Value{}, err
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return plinth.Value{}, fmt.Errorf("timeadd: %.60q is no duration", s)
	}
	return plinth.StringOf(t.Add(d).Format(time.RFC3339)), nil
}

func timeCmp(c *call) (plinth.Value, error) {
	a, err := c.time(0)
	if err != nil {
		return plinth.Value{}, err
	}
	b, err := c.time(1)
	return plinth.NumberOf(float64(a.Compare(b))), err
}

func formatDate(c *call) (plinth.Value, error) {
	f, err := c.text(0)
	if err != nil {
		return plinth.Value{}, err
	}
	t, err := c.text(1)
	if err != nil {
		return plinth.Value{}, err
	}
	v, err := stdlib.FormatDate(cty.StringVal(f), cty.StringVal(t))
	if err != nil {
		return plinth.Value{}, fmt.Errorf("formatdate: %w", err)
	}
	return plinth.StringOf(v.AsString()), nil
}
