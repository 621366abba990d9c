package arm

import (
	"encoding/base64"
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/value"
)

const maxText = 1 << 20 // bytes of a text that padLeft makes, elements of a range: Azure's limits are far below

// plain evaluates the functions that know nothing but their arguments. It is false where the arguments are not known well enough
// or do not fit.
func plain(name string, n *node, args []plinth.Value) (plinth.Value, bool) {
	switch name {
	case "true", "false":
		return plinth.BoolOf(name == "true"), len(args) == 0
	case "null":
		return plinth.Value{}, len(args) == 0
	case "createarray":
		return plinth.ListOf(args), true
	case "createobject":
		return created(args)
	case "concat":
		return concat(n, args)
	case "union":
		return union(n, args)
	case "format":
		return format(args)
	case "coalesce":
		for _, a := range args {
			if !a.IsNull() {
				return a, true
			}
		}
		return plinth.Value{}, true
	case "array":
		if len(args) == 1 && args[0].Kind() == plinth.List {
			return args[0], true
		}
		return plinth.ListOf(args), len(args) == 1 && !args[0].IsUnknown()
	case "max", "min":
		return extreme(args, name == "max")
	case "tryget":
		return tryGet(args)
	}
	switch len(args) {
	case 1:
		return ofOne(name, args[0])
	case 2:
		return ofTwo(name, args[0], args[1])
	case 3:
		return ofThree(name, args)
	}
	return plinth.Value{}, false
}

// ofOne evaluates functions of one argument that need not be known inside.
func ofOne(name string, a plinth.Value) (plinth.Value, bool) {
	if a.IsUnknown() {
		return plinth.Value{}, false
	}
	list := a.List()
	switch name {
	case "length":
		if a.Kind() == plinth.String {
			return plinth.NumberOf(float64(len([]rune(a.Str())))), true
		}
		return plinth.NumberOf(float64(a.Len())), a.Kind() == plinth.List || a.Kind() == plinth.Map
	case "empty":
		return plinth.BoolOf(a.IsNull() || a.Len() == 0), a.Kind() != plinth.Number && a.Kind() != plinth.Bool
	case "first", "last":
		if text := []rune(a.Str()); len(text) > 0 {
			list = []plinth.Value{plinth.StringOf(string(text[:1])), plinth.StringOf(string(text[len(text)-1:]))}
		}
		if len(list) == 0 {
			return plinth.Value{}, a.Kind() == plinth.List || a.Kind() == plinth.String
		}
		if name == "first" {
			return list[0], true
		}
		return list[len(list)-1], true
	case "objectkeys", "items":
		out := []plinth.Value{}
		for _, f := range a.Fields() {
			key := plinth.StringOf(f.Key)
			if name == "items" {
				key = plinth.MapOf([]plinth.Field{{Key: "key", Value: key}, {Key: "value", Value: f.Value}})
			}
			out = append(out, key)
		}
		return plinth.ListOf(out), a.Kind() == plinth.Map
	case "flatten":
		out := []plinth.Value{}
		for _, e := range list {
			if e.Kind() != plinth.List {
				return plinth.Value{}, false
			}
			out = append(out, e.List()...)
		}
		return plinth.ListOf(out), a.Kind() == plinth.List
	case "shallowmerge":
		var fields []plinth.Field
		for _, e := range list {
			if e.Kind() != plinth.Map {
				return plinth.Value{}, false
			}
			fields = append(fields, e.Fields()...)
		}
		return plinth.MapOf(fields), a.Kind() == plinth.List
	case "not":
		t := truth(a)
		return plinth.BoolOf(t == value.False), t != value.Undecided
	case "bool":
		t := truth(a)
		return plinth.BoolOf(t == value.True), t != value.Undecided
	case "int", "float":
		return number(a, name == "int")
	case "string":
		if text, ok := scalar(a); ok {
			return plinth.StringOf(text), true
		}
		text, ok := value.Plain(a)
		return plinth.StringOf(text).WithDocument(a), ok
	case "json":
		doc, err := value.ParseJSON(a.Str())
		return doc, err == nil && a.Kind() == plinth.String
	}
	return ofText(name, a)
}

func ofText(name string, a plinth.Value) (plinth.Value, bool) {
	text := a.Str()
	if a.Kind() != plinth.String {
		return plinth.Value{}, false
	}
	var err error
	switch name {
	case "tolower":
		text = strings.ToLower(text)
	case "toupper":
		text = strings.ToUpper(text)
	case "trim":
		text = strings.TrimSpace(text)
	case "base64":
		text = base64.StdEncoding.EncodeToString([]byte(text))
	case "base64tostring", "base64tojson":
		var b []byte
		b, err = base64.StdEncoding.DecodeString(text)
		text = string(b)
		if name == "base64tojson" && err == nil {
			doc, err := value.ParseJSON(text)
			return doc, err == nil
		}
	case "uricomponent":
		text = strings.ReplaceAll(url.QueryEscape(text), "+", "%20")
	case "uricomponenttostring":
		text, err = url.PathUnescape(text)
	case "datauri":
		text = "data:text/plain;charset=utf8;base64," + base64.StdEncoding.EncodeToString([]byte(text))
	default:
		return plinth.Value{}, false
	}
	return plinth.StringOf(text), err == nil
}

func ofTwo(name string, a, b plinth.Value) (plinth.Value, bool) {
	switch name {
	case "equals":
		t, _ := value.Equal(a, b)
		return plinth.BoolOf(t == value.True), t != value.Undecided
	case "contains":
		return contains(a, b)
	}
	if a.IsUnknown() || b.IsUnknown() {
		return plinth.Value{}, false
	}
	texts := a.Kind() == plinth.String && b.Kind() == plinth.String
	numbers := a.Kind() == plinth.Number && b.Kind() == plinth.Number
	x, y := a.Num(), b.Num()
	switch name {
	case "greater", "greaterorequals", "less", "lessorequals":
		c := strings.Compare(a.Str(), b.Str())
		if numbers {
			c = compare(x, y)
		}
		return plinth.BoolOf(map[string]bool{"greater": c > 0, "greaterorequals": c >= 0, "less": c < 0, "lessorequals": c <= 0}[name]), texts || numbers
	case "add":
		return plinth.NumberOf(x + y), numbers
	case "sub":
		return plinth.NumberOf(x - y), numbers
	case "mul":
		return plinth.NumberOf(x * y), numbers
	case "div":
		return plinth.NumberOf(math.Trunc(x / y)), numbers && y != 0
	case "mod":
		return plinth.NumberOf(math.Mod(x, y)), numbers && y != 0
	case "range":
		out := []plinth.Value{}
		for i := 0.0; i < y && y <= maxText; i++ {
			out = append(out, plinth.NumberOf(x+i))
		}
		return plinth.ListOf(out), numbers && y <= maxText
	case "startswith":
		return plinth.BoolOf(strings.HasPrefix(strings.ToLower(a.Str()), strings.ToLower(b.Str()))), texts
	case "endswith":
		return plinth.BoolOf(strings.HasSuffix(strings.ToLower(a.Str()), strings.ToLower(b.Str()))), texts
	case "indexof", "lastindexof":
		return indexOf(name, a, b)
	case "skip", "take":
		return cut(a, b, name == "take")
	case "split":
		return split(a, b)
	case "join":
		return join(a, b)
	case "intersection":
		return intersection(a, b)
	case "substring":
		return substring(a, int(y), len([]rune(a.Str())))
	case "padleft":
		return padLeft(a, b, " ")
	case "uri":
		base, err := url.Parse(a.Str())
		if err != nil {
			return plinth.Value{}, false
		}
		full, err := base.Parse(b.Str())
		if err != nil {
			return plinth.Value{}, false
		}
		return plinth.StringOf(full.String()), texts
	}
	return plinth.Value{}, false
}

func compare(x, y float64) int {
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}

func ofThree(name string, args []plinth.Value) (plinth.Value, bool) {
	a, b, c := args[0], args[1], args[2]
	if !allKnown(args) {
		return plinth.Value{}, false
	}
	switch name {
	case "replace":
		texts := a.Kind() == plinth.String && b.Kind() == plinth.String && c.Kind() == plinth.String
		return plinth.StringOf(strings.ReplaceAll(a.Str(), b.Str(), c.Str())), texts && b.Str() != "" && len(a.Str())*(len(c.Str())+1) <= maxText
	case "substring":
		return substring(a, int(b.Num()), int(c.Num()))
	case "padleft":
		return padLeft(a, b, c.Str())
	case "intersection":
		v, ok := intersection(a, b)
		if !ok {
			return v, false
		}
		return intersection(v, c)
	}
	return plinth.Value{}, false
}

// scalar returns a string, number or bool as text, as string() writes it.
func scalar(v plinth.Value) (string, bool) {
	switch v.Kind() {
	case plinth.String:
		return v.Str(), true
	case plinth.Number:
		return plinth.FormatNumber(v.Num()), true
	case plinth.Bool:
		if v.Bool() {
			return "True", true
		}
		return "False", true
	}
	return "", false
}

func number(a plinth.Value, whole bool) (plinth.Value, bool) {
	f := a.Num()
	if a.Kind() == plinth.String {
		var err error
		if f, err = strconv.ParseFloat(strings.TrimSpace(a.Str()), 64); err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
			return plinth.Value{}, false
		}
	}
	if whole {
		f = math.Trunc(f)
	}
	return plinth.NumberOf(f), a.Kind() == plinth.Number || a.Kind() == plinth.String
}

func created(args []plinth.Value) (plinth.Value, bool) {
	var fields []plinth.Field
	for i := 0; i+1 < len(args); i += 2 {
		if args[i].Kind() != plinth.String {
			return plinth.Value{}, false
		}
		fields = append(fields, plinth.Field{Key: args[i].Str(), Value: args[i+1]})
	}
	return plinth.MapOf(fields), len(args)%2 == 0
}

// format fills {0}, {1:…} in. Number formats beyond padding with zeros are not known.
func format(args []plinth.Value) (plinth.Value, bool) {
	if len(args) == 0 || args[0].Kind() != plinth.String {
		return plinth.Value{}, false
	}
	var b strings.Builder
	var open []plinth.Value
	rest := args[0].Str()
	for rest != "" {
		i := strings.IndexAny(rest, "{}")
		if i < 0 {
			break
		}
		b.WriteString(rest[:i])
		if i+1 < len(rest) && rest[i+1] == rest[i] {
			b.WriteByte(rest[i])
			rest = rest[i+2:]
			continue
		}
		hole, next, ok := strings.Cut(rest[i+1:], "}")
		number, pattern, _ := strings.Cut(hole, ":")
		k, err := strconv.Atoi(strings.TrimSpace(number))
		if !ok || err != nil || k < 0 || k+1 >= len(args) {
			return plinth.Value{}, false
		}
		rest = next
		if args[k+1].IsUnknown() {
			open = append(open, args[k+1])
			continue
		}
		text, ok := formatted(args[k+1], pattern)
		if !ok {
			return plinth.Value{}, false
		}
		b.WriteString(text)
	}
	if len(open) > 0 {
		return value.Open("format", open...), true
	}
	b.WriteString(rest)
	return plinth.StringOf(b.String()), true
}

func formatted(v plinth.Value, pattern string) (string, bool) {
	text, ok := scalar(v)
	if !ok {
		text, ok = value.Plain(v)
	}
	width := 0
	switch {
	case pattern == "" || v.Kind() != plinth.Number:
	case strings.Trim(pattern, "0") == "":
		width = len(pattern)
	case pattern[0]|0x20 == 'd':
		width, _ = strconv.Atoi(pattern[1:])
	case pattern[0]|0x20 == 'x':
		text = fmt.Sprintf("%x", int64(v.Num()))
		if pattern[0] == 'X' {
			text = strings.ToUpper(text)
		}
		width, _ = strconv.Atoi(pattern[1:])
	default:
		return "", false
	}
	if width > 64 {
		return "", false
	}
	return strings.Repeat("0", max(width-len(text), 0)) + text, ok
}

func extreme(args []plinth.Value, largest bool) (plinth.Value, bool) {
	if len(args) == 1 && args[0].Kind() == plinth.List {
		args = args[0].List()
	}
	var out plinth.Value
	for i, a := range args {
		if a.Kind() != plinth.Number {
			return plinth.Value{}, false
		}
		if i == 0 || a.Num() > out.Num() == largest {
			out = a
		}
	}
	return out, len(args) > 0
}

func substring(a plinth.Value, from, length int) (plinth.Value, bool) {
	text := []rune(a.Str())
	if a.Kind() != plinth.String || from < 0 || from > len(text) || length < 0 {
		return plinth.Value{}, false
	}
	return plinth.StringOf(string(text[from:min(from+length, len(text))])), true
}

func padLeft(a, b plinth.Value, with string) (plinth.Value, bool) {
	text, ok := scalar(a)
	width := int(b.Num())
	if !ok || len([]rune(with)) != 1 || width > maxText {
		return plinth.Value{}, false
	}
	return plinth.StringOf(strings.Repeat(with, max(width-len([]rune(text)), 0)) + text), true
}
