package function

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function/stdlib"

	"github.com/plinthsec/plinth"
)

const maxWidth = 10_000 // of a format verb: the pad would be larger than any sane text

func texts() []Func {
	one := func(f func(string) string) func(*call) (plinth.Value, error) {
		return func(c *call) (plinth.Value, error) {
			s, err := c.text(0)
			return plinth.StringOf(f(s)), err
		}
	}
	two := func(f func(a, b string) plinth.Value) func(*call) (plinth.Value, error) {
		return func(c *call) (plinth.Value, error) {
			a, err := c.text(0)
			if err != nil {
				return plinth.Value{}, err
			}
			b, err := c.text(1)
			return f(a, b), err
		}
	}
	text := func(f func(a, b string) string) func(*call) (plinth.Value, error) {
		return two(func(a, b string) plinth.Value { return plinth.StringOf(f(a, b)) })
	}
	truth := func(f func(a, b string) bool) func(*call) (plinth.Value, error) {
		return two(func(a, b string) plinth.Value { return plinth.BoolOf(f(a, b)) })
	}
	return []Func{
		{Name: "chomp", least: 1, most: 1, run: one(func(s string) string { return strings.TrimRight(s, "\r\n") })},
		{Name: "lower", least: 1, most: 1, run: one(strings.ToLower)},
		{Name: "upper", least: 1, most: 1, run: one(strings.ToUpper)},
		{Name: "title", least: 1, most: 1, run: one(title)},
		{Name: "trimspace", least: 1, most: 1, run: one(strings.TrimSpace)},
		{Name: "strrev", least: 1, most: 1, run: one(reversed)},
		{Name: "trim", least: 2, most: 2, run: text(strings.Trim)},
		{Name: "trimprefix", least: 2, most: 2, run: text(strings.TrimPrefix)},
		{Name: "trimsuffix", least: 2, most: 2, run: text(strings.TrimSuffix)},
		{Name: "startswith", least: 2, most: 2, run: truth(strings.HasPrefix)},
		{Name: "endswith", least: 2, most: 2, run: truth(strings.HasSuffix)},
		{Name: "strcontains", least: 2, most: 2, run: truth(strings.Contains)},
		{Name: "split", least: 2, most: 2, run: two(split)},
		{Name: "join", least: 2, most: -1, run: join},
		{Name: "replace", least: 3, most: 3, run: replace},
		{Name: "substr", least: 3, most: 3, run: substr},
		{Name: "indent", least: 2, most: 2, run: indent},
		{Name: "regex", least: 2, most: 2, run: regexFirst},
		{Name: "regexall", least: 2, most: 2, run: regexAll},
		{Name: "format", least: 1, most: -1, run: format},
		{Name: "formatlist", least: 1, most: -1, unknowns: true, run: formatList},
	}
}

// title capitalises the first letter of each word.
func title(s string) string {
	before := ' '
	return strings.Map(func(r rune) rune {
		start := !unicode.IsLetter(before) && !unicode.IsDigit(before) && before != '_'
		before = r
		if start {
			return unicode.ToTitle(r)
		}
		return r
	}, s)
}

func reversed(s string) string {
	r := []rune(s)
	slices.Reverse(r)
	return string(r)
}

func split(sep, s string) plinth.Value {
	if s == "" {
		return plinth.ListOf([]plinth.Value{plinth.StringOf("")})
	}
	return stringsOf(strings.Split(s, sep))
}

func join(c *call) (plinth.Value, error) {
	sep, err := c.text(0)
	if err != nil {
		return plinth.Value{}, err
	}
	var all []string
	size := 0
	for i := 1; i < len(c.args); i++ {
		list, err := c.list(i)
		if err != nil {
			return plinth.Value{}, err
		}
		for _, e := range list {
			s, err := ToString(e)
			if err != nil || s.Kind() != plinth.String {
				return plinth.Value{}, fmt.Errorf("join: an element is %s, not a string", e.Kind())
			}
			if size += len(s.Str()) + len(sep); size > maxText {
				return plinth.Value{}, fmt.Errorf("join: the text is too long")
			}
			all = append(all, s.Str())
		}
	}
	return plinth.StringOf(strings.Join(all, sep)), nil
}

func replace(c *call) (plinth.Value, error) {
	var s [3]string
	for i := range s {
		t, err := c.text(i)
		if err != nil {
			return plinth.Value{}, err
		}
		s[i] = t
	}
	if n := len(s[1]); n > 1 && s[1][0] == '/' && s[1][n-1] == '/' {
		re, err := regexp.Compile(s[1][1 : n-1])
		if err != nil {
			return plinth.Value{}, fmt.Errorf("replace: %w", err)
		}
		return plinth.StringOf(re.ReplaceAllString(s[0], s[2])), nil
	}
	if strings.Count(s[0], s[1])*len(s[2]) > maxText {
		return plinth.Value{}, fmt.Errorf("replace: the text is too long")
	}
	return plinth.StringOf(strings.ReplaceAll(s[0], s[1], s[2])), nil
}

func substr(c *call) (plinth.Value, error) {
	s, err := c.text(0)
	if err != nil {
		return plinth.Value{}, err
	}
	from, err := c.whole(1)
	if err != nil {
		return plinth.Value{}, err
	}
	n, err := c.whole(2)
	if err != nil {
		return plinth.Value{}, err
	}
	r := []rune(s)
	if from < 0 {
		from = max(0, from+len(r))
	}
	from = min(from, len(r))
	if n < 0 || n > len(r)-from {
		n = len(r) - from
	}
	return plinth.StringOf(string(r[from : from+n])), nil
}

func indent(c *call) (plinth.Value, error) {
	n, err := c.whole(0)
	if err != nil {
		return plinth.Value{}, err
	}
	s, err := c.text(1)
	if err != nil {
		return plinth.Value{}, err
	}
	if n < 0 || n > maxWidth || strings.Count(s, "\n")*n > maxText {
		return plinth.Value{}, fmt.Errorf("indent: %d is out of range", n)
	}
	return plinth.StringOf(strings.ReplaceAll(s, "\n", "\n"+strings.Repeat(" ", n))), nil
}

func regexArgs(c *call) (*regexp.Regexp, string, error) {
	p, err := c.text(0)
	if err != nil {
		return nil, "", err
	}
	s, err := c.text(1)
	if err != nil {
		return nil, "", err
	}
	re, err := regexp.Compile(p)
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", c.name, err)
	}
	return re, s, nil
}

func regexFirst(c *call) (plinth.Value, error) {
	re, s, err := regexArgs(c)
	if err != nil {
		return plinth.Value{}, err
	}
	m := re.FindStringSubmatchIndex(s)
	if m == nil {
		return plinth.Value{}, fmt.Errorf("regex: no match for %q", re)
	}
	return captures(re, s, m)
}

func regexAll(c *call) (plinth.Value, error) {
	re, s, err := regexArgs(c)
	if err != nil {
		return plinth.Value{}, err
	}
	out := []plinth.Value{}
	for _, m := range re.FindAllStringSubmatchIndex(s, maxElements) {
		v, err := captures(re, s, m)
		if err != nil {
			return v, err
		}
		out = append(out, v)
	}
	return plinth.ListOf(out), nil
}

// captures is the whole match without groups, a list with unnamed, a map with named ones.
func captures(re *regexp.Regexp, s string, m []int) (plinth.Value, error) {
	at := func(i int) plinth.Value {
		if m[2*i] < 0 {
			return plinth.Value{}
		}
		return plinth.StringOf(s[m[2*i]:m[2*i+1]])
	}
	names := re.SubexpNames()[1:]
	if len(names) == 0 {
		return at(0), nil
	}
	named := 0
	var list []plinth.Value
	var fields []plinth.Field
	for i, n := range names {
		if n != "" {
			named++
		}
		list = append(list, at(i+1))
		fields = append(fields, plinth.Field{Key: n, Value: at(i + 1)})
	}
	switch named {
	case 0:
		return plinth.ListOf(list), nil
	case len(names):
		return plinth.MapOf(fields), nil
	}
	return plinth.Value{}, fmt.Errorf("regex: named and unnamed groups do not mix")
}

func format(c *call) (plinth.Value, error) {
	f, err := c.text(0)
	if err != nil {
		return plinth.Value{}, err
	}
	s, err := formatted(f, c.args[1:])
	return plinth.StringOf(s), err
}

// formatted is Terraform's format on known arguments.
func formatted(f string, args []plinth.Value) (string, error) {
	if wide(f) {
		return "", fmt.Errorf("format: a width of more than %d", maxWidth)
	}
	in := make([]cty.Value, len(args))
	for i, a := range args {
		in[i] = toCty(a)
	}
	v, err := stdlib.Format(cty.StringVal(f), in...)
	if err != nil {
		return "", err
	}
	return v.AsString(), nil
}

// wide tells whether a verb of a format text has a width or precision of more than maxWidth.
func wide(f string) bool {
	for i := 0; i < len(f); i++ {
		if f[i] != '%' {
			continue
		}
		digits := 0
		for i++; i < len(f) && strings.IndexByte("0123456789+-# .*[]", f[i]) >= 0; i++ {
			if f[i] < '0' || f[i] > '9' {
				digits = 0
			} else if digits++; digits > 4 {
				return true
			}
		}
	}
	return false
}

func formatList(c *call) (plinth.Value, error) {
	n := -1
	for _, a := range c.args {
		if a.IsUnknown() {
			return Unknown(c.args...), nil
		}
		if a.Kind() != plinth.List {
			continue
		}
		if n >= 0 && n != a.Len() {
			return plinth.Value{}, fmt.Errorf("formatlist: lists of %d and %d elements", n, a.Len())
		}
		n = a.Len()
	}
	if n < 0 {
		n = 1
	}
	out := make([]plinth.Value, n)
	for i := range out {
		row := make([]plinth.Value, len(c.args))
		for j, a := range c.args {
			if row[j] = a; a.Kind() == plinth.List {
				row[j] = a.List()[i]
			}
		}
		v, err := formatRow(row)
		if err != nil {
			return plinth.Value{}, err
		}
		out[i] = v
	}
	return plinth.ListOf(out), nil
}

func formatRow(row []plinth.Value) (plinth.Value, error) {
	m := &marks{left: maxWalk}
	for _, a := range row {
		m.walk(a)
	}
	if len(m.why) > 0 {
		return m.on(plinth.UnknownOf(m.why...)), nil
	}
	f, err := ToString(row[0])
	if err != nil {
		return plinth.Value{}, err
	}
	s, err := formatted(f.Str(), row[1:])
	return m.on(plinth.StringOf(s)), err
}

// toCty converts a known value for a function of cty's.
func toCty(v plinth.Value) cty.Value {
	switch v.Kind() {
	case plinth.Bool:
		return cty.BoolVal(v.Bool())
	case plinth.Number:
		return cty.NumberFloatVal(v.Num())
	case plinth.String:
		if !utf8.ValidString(v.Str()) {
			return cty.StringVal(strings.ToValidUTF8(v.Str(), "\uFFFD"))
		}
		return cty.StringVal(v.Str())
	case plinth.List:
		list := make([]cty.Value, v.Len())
		for i, e := range v.List() {
			list[i] = toCty(e)
		}
		return cty.TupleVal(list)
	case plinth.Map:
		fields := make(map[string]cty.Value, v.Len())
		for _, f := range v.Fields() {
			fields[f.Key] = toCty(f.Value)
		}
		return cty.ObjectVal(fields)
	}
	return cty.NullVal(cty.DynamicPseudoType)
}
