package policy

import (
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"

	"cel.dev/cel-go/common/ast"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/value"
)

// library returns the functions by name.
func library() map[string]*function {
	lib := map[string]*function{
		"size":   {style: asEither, f1: size, holes: true},
		"dyn":    {style: asGlobal, f1: plain, holes: true, keeps: true},
		"int":    {style: asGlobal, f1: toInt},
		"uint":   {style: asGlobal, f1: toInt},
		"double": {style: asGlobal, f1: toDouble, double: true},
		"string": {style: asGlobal, f1: toString},
		"bool":   {style: asGlobal, f1: toBool},
		"list":   {style: asGlobal, f1: toList, holes: true, soft: true, keeps: true},
		"str":    {style: asGlobal, f1: toText, soft: true, keeps: true},

		"sets.contains":   {style: asGlobal, f2: setContains, holes: true},
		"sets.intersects": {style: asGlobal, f2: setIntersects, holes: true},
		"sets.equivalent": {style: asGlobal, f2: setEquivalent, holes: true},
		"math.greatest":   {style: asGlobal, f2: func(a, b plinth.Value) val { return extreme(a, b, 1) }},
		"math.least":      {style: asGlobal, f2: func(a, b plinth.Value) val { return extreme(a, b, -1) }},
		"distinct":        {style: asMember, f1: distinct},
		"flatten":         {style: asMember, f1: flatten},
		"sort":            {style: asMember, f1: sorted},
		"slice":           {style: asMember, f3: slice},

		"statements": {style: asGlobal, f1: statements, holes: true, soft: true},
		"wild":       {style: asGlobal, f2: wild, holes: true},
		"anyone":     {style: asGlobal, f1: anyone, holes: true},
		"world":      {style: asGlobal, f1: world, holes: true, soft: true},
		"publicCidr": {style: asGlobal, f1: publicCidr, holes: true, soft: true},
		"opens":      {style: asGlobal, f2: opens, holes: true},
		"image":      {style: asGlobal, f1: image, soft: true},
		"flags":      {style: asGlobal, f1: flags, holes: true},
		"runs":       {style: asGlobal, f2: runs, holes: true},
		"template":   {style: asGlobal, f1: template, holes: true},
		"selects":    {style: asGlobal, f2: selects, holes: true},
	}
	texts(lib)
	return lib
}

// texts adds the functions of strings.
func texts(lib map[string]*function) {
	ask := func(f func(s, t string) bool, open func(head, tail, t string) value.Truth) *function {
		return &function{style: asMember, holes: true, f2: func(a, b plinth.Value) val {
			if a.IsUnknown() || b.IsUnknown() {
				if head, tail := a.Ends(); b.Kind() == plinth.String {
					if t := open(head, tail, b.Str()); t != value.Undecided {
						return truth(t == value.True)
					}
				}
				return plain(unknown(a, b))
			}
			if a.Kind() != plinth.String || b.Kind() != plinth.String {
				return failure("it is for strings")
			}
			return truth(f(a.Str(), b.Str()))
		}}
	}
	turn := func(f func(string) string) *function {
		return &function{style: asMember, f1: func(a plinth.Value) val {
			if a.Kind() != plinth.String {
				return failure("it is for strings")
			}
			return text(f(a.Str()))
		}}
	}
	lib["startsWith"] = ask(strings.HasPrefix, func(head, _, t string) value.Truth { return beginning(head, t, strings.HasPrefix) })
	lib["endsWith"] = ask(strings.HasSuffix, func(_, tail, t string) value.Truth { return beginning(tail, t, strings.HasSuffix) })
	lib["contains"] = ask(strings.Contains, func(head, tail, t string) value.Truth {
		if strings.Contains(head, t) || strings.Contains(tail, t) {
			return value.True
		}
		return value.Undecided
	})
	lib["lowerAscii"] = turn(func(s string) string { return ascii(s, 'A', 'Z', 'a'-'A') })
	lib["upperAscii"] = turn(func(s string) string { return ascii(s, 'a', 'z', 'A'-'a') })
	lib["trim"] = turn(strings.TrimSpace)
	lib["matches"] = &function{style: asEither, f2: matches}
	lib["split"] = &function{style: asMember, f2: split}
	lib["join"] = &function{style: asMember, f1: func(a plinth.Value) val { return join(a, plinth.StringOf("")) }, f2: join}
	lib["replace"] = &function{style: asMember, f3: replace}
	lib["substring"] = &function{style: asMember, f2: func(s, from plinth.Value) val {
		return substring(s, from, plinth.NumberOf(float64(utf8.RuneCountInString(s.Str()))))
	}, f3: substring}
	lib["indexOf"] = &function{style: asMember, f2: func(a, b plinth.Value) val { return indexOf(a, b, strings.Index) }}
	lib["lastIndexOf"] = &function{style: asMember, f2: func(a, b plinth.Value) val { return indexOf(a, b, strings.LastIndex) }}
	lib["charAt"] = &function{style: asMember, f2: func(s, i plinth.Value) val {
		if int(i.Num()) == utf8.RuneCountInString(s.Str()) {
			return text("")
		}
		return substring(s, i, plinth.NumberOf(i.Num()+1))
	}}
	lib["reverse"] = &function{style: asMember, f1: reverse}
}

// beginning tells whether a text of which one end is known begins, or ends, with t.
func beginning(end, t string, has func(s, part string) bool) value.Truth {
	switch {
	case has(end, t):
		return value.True
	case has(t, end):
		return value.Undecided
	}
	return value.False
}

func ascii(s string, from, to byte, by int) string {
	changed := []byte(nil)
	for i := range len(s) {
		if s[i] >= from && s[i] <= to {
			if changed == nil {
				changed = []byte(s)
			}
			changed[i] = byte(int(s[i]) + by)
		}
	}
	if changed == nil {
		return s
	}
	return string(changed)
}

func size(a plinth.Value) val {
	switch a.Kind() {
	case plinth.String:
		return number(float64(utf8.RuneCountInString(a.Str())))
	case plinth.List, plinth.Map:
		return number(float64(a.Len()))
	case plinth.Unknown:
		if doc := inside(a); !doc.IsUnknown() {
			return size(doc)
		}
		n := unknown(a)
		if has := surely(a).Len(); has > 0 {
			n = n.WithPartial(plinth.NumberOf(float64(has)))
		}
		return plain(n)
	}
	return failure("it is for strings, lists and maps")
}

func toInt(a plinth.Value) val {
	switch a.Kind() {
	case plinth.Number:
		return number(float64(int64(a.Num())))
	case plinth.String:
		if n, err := strconv.ParseInt(a.Str(), 10, 64); err == nil {
			return number(float64(n))
		}
		return failure("this text is no whole number")
	}
	return failure("it is for numbers and strings")
}

func toDouble(a plinth.Value) val {
	switch a.Kind() {
	case plinth.Number:
		return plain(plinth.NumberOf(a.Num()))
	case plinth.String:
		if f, err := strconv.ParseFloat(a.Str(), 64); err == nil {
			return number(f)
		}
		return failure("this text is no number")
	}
	return failure("it is for numbers and strings")
}

func toString(a plinth.Value) val {
	switch a.Kind() {
	case plinth.String, plinth.Number, plinth.Bool:
		return toText(a)
	}
	return failure("it is for numbers, bools and strings")
}

// toText is str(): the text of a scalar, nothing for null.
func toText(a plinth.Value) val {
	switch a.Kind() {
	case plinth.Unknown:
		return plain(unknown(a))
	case plinth.Null:
		return text("")
	case plinth.String:
		return plain(a)
	case plinth.Bool:
		return text(strconv.FormatBool(a.Bool()))
	case plinth.Number:
		return text(plinth.FormatNumber(a.Num()))
	}
	return failure("a list or a map has no text")
}

func toBool(a plinth.Value) val {
	switch a.Kind() {
	case plinth.Bool:
		return plain(a)
	case plinth.String:
		if b, err := strconv.ParseBool(a.Str()); err == nil {
			return truth(b)
		}
	}
	return failure("it is for bools and their texts")
}

// toList is list(): nothing for null, a list as it is, one element for anything else.
func toList(a plinth.Value) val {
	doc := inside(a)
	switch doc.Kind() {
	case plinth.Null:
		return plain(plinth.ListOf(nil))
	case plinth.Unknown:
		if head, tail := doc.Ends(); head == "" && tail == "" {
			return plain(doc)
		}
	case plinth.List:
		return plain(doc)
	}
	return plain(plinth.ListOf([]plinth.Value{a}))
}

func matches(a, pattern plinth.Value) val {
	if a.Kind() != plinth.String || pattern.Kind() != plinth.String {
		return failure("it is for strings")
	}
	re, fault := compilePattern(pattern.Str())
	if fault != "" {
		return failure(fault)
	}
	return truth(re.MatchString(a.Str()))
}

func compilePattern(pattern string) (*regexp.Regexp, string) {
	if len(pattern) > maxPattern {
		return nil, "the regular expression is too long"
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, err.Error()
	}
	return re, ""
}

// matchesConstant compiles a written pattern once.
func (c *compiler) matchesConstant(e ast.Expr, args []ast.Expr) (node, bool) {
	if args[1].Kind() != ast.LiteralKind {
		return node{}, false
	}
	target := c.value(args[0])
	re, fault := compilePattern(constantText(args[1]))
	if fault != "" {
		return c.fail(args[1], "%s", fault), true
	}
	wrong := c.failed(e, "matches is for strings")
	return node{run: func(sc *Scope) val {
		v := target.run(sc)
		switch {
		case v.st != nil:
			return v
		case v.IsUnknown():
			return plain(unknown(v.Value))
		case v.Kind() != plinth.String:
			return wrong
		}
		return truth(re.MatchString(v.Str()))
	}}, true
}

func split(a, sep plinth.Value) val {
	if a.Kind() != plinth.String || sep.Kind() != plinth.String {
		return failure("it is for strings")
	}
	parts := strings.Split(a.Str(), sep.Str())
	list := make([]plinth.Value, len(parts))
	for i, p := range parts {
		list[i] = plinth.StringOf(p).WithOrigin(a.Origin())
	}
	return plain(plinth.ListOf(list))
}

func join(a, sep plinth.Value) val {
	if a.Kind() != plinth.List || sep.Kind() != plinth.String {
		return failure("it is for lists of strings")
	}
	if !value.Known(a) {
		return plain(unknown(a))
	}
	parts := make([]string, a.Len())
	for i, e := range a.List() {
		if e.Kind() != plinth.String {
			return failure("it is for lists of strings")
		}
		parts[i] = e.Str()
	}
	return text(strings.Join(parts, sep.Str()))
}

func replace(s, from, to plinth.Value) val {
	if s.Kind() != plinth.String || from.Kind() != plinth.String || to.Kind() != plinth.String {
		return failure("it is for strings")
	}
	out := strings.ReplaceAll(s.Str(), from.Str(), to.Str())
	if len(out) > maxText {
		return failure("the text grows too long")
	}
	return text(out)
}

func substring(s, from, to plinth.Value) val {
	if s.Kind() != plinth.String || from.Kind() != plinth.Number || to.Kind() != plinth.Number {
		return failure("it is for a string and positions")
	}
	runes := []rune(s.Str())
	i, j := int(from.Num()), int(to.Num())
	if i < 0 || j > len(runes) || i > j {
		return failure("the positions are outside of the text")
	}
	return text(string(runes[i:j]))
}

func indexOf(a, b plinth.Value, find func(s, t string) int) val {
	if a.Kind() != plinth.String || b.Kind() != plinth.String {
		return failure("it is for strings")
	}
	i := find(a.Str(), b.Str())
	if i < 0 {
		return number(-1)
	}
	return number(float64(utf8.RuneCountInString(a.Str()[:i])))
}

func reverse(a plinth.Value) val {
	switch a.Kind() {
	case plinth.String:
		r := []rune(a.Str())
		slices.Reverse(r)
		return text(string(r))
	case plinth.List:
		list := slices.Clone(a.List())
		slices.Reverse(list)
		return plain(plinth.ListOf(list))
	}
	return failure("it is for strings and lists")
}

func extreme(a, b plinth.Value, by int) val {
	if a.Kind() != plinth.Number || b.Kind() != plinth.Number {
		return failure("it is for numbers")
	}
	if sign(a.Num(), b.Num()) == by {
		return plain(a)
	}
	return plain(b)
}

func distinct(a plinth.Value) val {
	if a.Kind() != plinth.List {
		return failure("it is for lists")
	}
	var list, maybe []plinth.Value
	for _, e := range a.List() {
		if !value.Known(e) {
			maybe = append(maybe, e)
		} else if t, _ := member(e, list); t == value.False {
			list = append(list, e)
		}
	}
	return held(plinth.ListOf(list), maybe)
}

// flatten flattens one level, as CEL does.
func flatten(a plinth.Value) val {
	if a.Kind() != plinth.List {
		return failure("it is for lists")
	}
	var list, maybe []plinth.Value
	for _, e := range a.List() {
		switch e = inside(e); {
		case e.IsUnknown():
			maybe = append(maybe, e)
			list = append(list, surely(e).List()...)
		case e.Kind() == plinth.List:
			list = append(list, e.List()...)
		default:
			list = append(list, e)
		}
	}
	return held(plinth.ListOf(list), maybe)
}

func sorted(a plinth.Value) val {
	if a.Kind() != plinth.List {
		return failure("it is for lists")
	}
	if !value.Known(a) {
		return plain(unknown(a).WithPartial(a))
	}
	list := slices.Clone(a.List())
	for _, e := range list {
		if e.Kind() != list[0].Kind() || e.Kind() != plinth.Number && e.Kind() != plinth.String {
			return failure("it is for lists of strings or of numbers")
		}
	}
	sort.SliceStable(list, func(i, j int) bool {
		if list[i].Kind() == plinth.Number {
			return list[i].Num() < list[j].Num()
		}
		return list[i].Str() < list[j].Str()
	})
	return plain(plinth.ListOf(list))
}

func slice(a, from, to plinth.Value) val {
	if a.Kind() != plinth.List || from.Kind() != plinth.Number || to.Kind() != plinth.Number {
		return failure("it is for a list and positions")
	}
	i, j := int(from.Num()), int(to.Num())
	if i < 0 || j > a.Len() || i > j {
		return failure("the positions are outside of the list")
	}
	return plain(plinth.ListOf(a.List()[i:j]))
}
