package compose

import (
	"slices"
	"strconv"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/value"
)

// writer turns what a file says into properties.
type writer struct {
	env  environment
	decl *plinth.Declaration
	skip string // what the paths in the file begin with
}

// origin is where a value stands, in the words of its declaration.
func (w *writer) origin(v plinth.Value) *plinth.Origin {
	o := v.Origin()
	if o == nil {
		return &plinth.Origin{At: w.decl.At, Decl: w.decl}
	}
	return &plinth.Origin{At: o.At, Path: strings.TrimPrefix(o.Path, w.skip), Decl: w.decl, From: o.From, Default: o.Default}
}

// value fills the variables of all texts in.
func (w *writer) value(v plinth.Value, depth int) plinth.Value {
	o := w.origin(v)
	switch {
	case depth == maxDepth:
		return plinth.UnknownOf("a value that is nested too deep").WithOrigin(o)
	case v.Kind() == plinth.String && !v.IsUnknown():
		return w.text(v.Str(), o)
	case v.Kind() == plinth.List:
		list := make([]plinth.Value, v.Len())
		for i, e := range v.List() {
			list[i] = w.value(e, depth+1)
		}
		return plinth.ListOf(list).WithOrigin(o)
	case v.Kind() == plinth.Map:
		fields := make([]plinth.Field, 0, v.Len())
		for _, f := range v.Fields() {
			fields = append(fields, plinth.Field{Key: f.Key, Value: w.value(f.Value, depth+1)})
		}
		return plinth.MapOf(fields).WithOrigin(o)
	}
	return v.WithOrigin(o)
}

// text fills the variables of a text in.
func (w *writer) text(s string, o *plinth.Origin) plinth.Value {
	v, from := w.env.expand(s)
	if from.Path != "" {
		at := *o
		at.From = &plinth.Origin{At: from}
		o = &at
	}
	return v.WithOrigin(o)
}

// service returns the properties of a service.
func (w *writer) service(v plinth.Value) []plinth.Field {
	var out []plinth.Field
	for _, f := range v.Fields() {
		x := f.Value
		switch {
		case f.Key == "extends" || f.Key == "name" || f.Key == "file":
			continue
		case f.Key == "ports" && x.Kind() == plinth.List:
			x = w.each(x, w.port)
		case f.Key == "volumes" && x.Kind() == plinth.List:
			x = w.each(x, w.volume)
		case (f.Key == "security_opt" || f.Key == "cap_add" || f.Key == "cap_drop") && x.Kind() == plinth.List:
			x = w.each(x, w.option)
		case f.Key == "environment":
			x = w.variables(x)
		default:
			x = w.value(x, 0)
		}
		out = append(out, plinth.Field{Key: f.Key, Value: x})
	}
	return out
}

func (w *writer) each(v plinth.Value, one func(plinth.Value) plinth.Value) plinth.Value {
	list := make([]plinth.Value, v.Len())
	for i, e := range v.List() {
		list[i] = one(e)
	}
	return plinth.ListOf(list).WithOrigin(w.origin(v))
}

// option is an option as text; one without quotes (apparmor: web) is a map for YAML.
func (w *writer) option(v plinth.Value) plinth.Value {
	v = w.value(v, 0)
	fields := v.Fields()
	if v.Kind() != plinth.Map || len(fields) != 1 {
		return v
	}
	text, ok := value.Plain(fields[0].Value)
	if s := fields[0].Value; s.Kind() == plinth.String {
		text = s.Str()
	}
	if !ok {
		return plinth.UnknownOf(fields[0].Value.Why()...).WithOrigin(v.Origin())
	}
	return plinth.StringOf(fields[0].Key + ":" + text).WithOrigin(v.Origin())
}

// split cuts a text at a separator that stands in no braces.
func split(s string, at byte) []string {
	var out []string
	depth, from := 0, 0
	for i := range len(s) {
		switch c := s[i]; {
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		case c == at && depth <= 0:
			out = append(out, s[from:i])
			from = i + 1
		}
	}
	return append(out, s[from:])
}

// variables is an environment as a map.
func (w *writer) variables(v plinth.Value) plinth.Value {
	if v.Kind() != plinth.List {
		return w.value(v, 0)
	}
	var fields []plinth.Field
	for _, e := range v.List() {
		if e.Kind() != plinth.String {
			continue
		}
		key, text, ok := strings.Cut(e.Str(), "=")
		x := plinth.Value{}.WithOrigin(w.origin(e))
		if ok {
			x = w.text(text, w.origin(e))
		}
		if i := slices.IndexFunc(fields, func(f plinth.Field) bool { return f.Key == key }); i >= 0 {
			fields[i].Value = x
			continue
		}
		fields = append(fields, plinth.Field{Key: key, Value: x})
	}
	return plinth.MapOf(fields).WithOrigin(w.origin(v))
}

// number is a port that may be written as text.
func number(v plinth.Value) plinth.Value {
	if v.Kind() != plinth.String || v.IsUnknown() {
		return v
	}
	if n, err := strconv.ParseUint(v.Str(), 10, 16); err == nil {
		return plinth.NumberOf(float64(n)).WithOrigin(v.Origin())
	}
	return plinth.UnknownOf("a port that is no number").WithOrigin(v.Origin())
}

// span adds a port or a range of ports.
func span(fields []plinth.Field, key string, v plinth.Value) []plinth.Field {
	if v.Kind() == plinth.String && !v.IsUnknown() {
		if v.Str() == "" {
			return fields
		}
		if from, to, ok := strings.Cut(v.Str(), "-"); ok {
			o := v.Origin()
			return append(fields, plinth.Field{Key: key, Value: number(plinth.StringOf(from).WithOrigin(o))},
				plinth.Field{Key: key + "_end", Value: number(plinth.StringOf(to).WithOrigin(o))})
		}
	}
	return append(fields, plinth.Field{Key: key, Value: number(v)})
}

// port is an entry of ports in the long form. Short: [[ADDRESS:]PUBLISHED:]TARGET[/PROTOCOL].
func (w *writer) port(v plinth.Value) plinth.Value {
	o := w.origin(v)
	if v.Kind() == plinth.Map {
		var fields []plinth.Field
		for _, f := range w.value(v, 0).Fields() {
			if f.Key == "target" || f.Key == "published" {
				fields = span(fields, f.Key, f.Value)
				continue
			}
			fields = append(fields, f)
		}
		return plinth.MapOf(fields).WithOrigin(o)
	}
	if v.Kind() != plinth.String || v.IsUnknown() {
		return plinth.MapOf([]plinth.Field{{Key: "target", Value: w.value(v, 0)}}).WithOrigin(o)
	}
	text := v.Str()
	if whole, _ := w.env.expand(text); !whole.IsUnknown() {
		text = strings.ReplaceAll(whole.Str(), "$", "$$")
	}
	words := split(text, ':')
	last := split(words[len(words)-1], '/')
	fields := span(nil, "target", w.text(last[0], o))
	if len(last) > 1 {
		fields = append(fields, plinth.Field{Key: "protocol", Value: w.text(last[1], o)})
	}
	if n := len(words); n > 1 {
		fields = span(fields, "published", w.text(words[n-2], o))
		if n > 2 {
			address := strings.Trim(strings.Join(words[:n-2], ":"), "[]")
			fields = append(fields, plinth.Field{Key: "host_ip", Value: w.text(address, o)})
		}
	}
	return plinth.MapOf(fields).WithOrigin(o)
}

// volume is an entry of volumes in the long form. Short: [SOURCE:]TARGET[:OPTIONS].
func (w *writer) volume(v plinth.Value) plinth.Value {
	o := w.origin(v)
	if v.Kind() != plinth.String || v.IsUnknown() {
		return w.value(v, 0)
	}
	text := v.Str()
	if whole, _ := w.env.expand(text); !whole.IsUnknown() {
		text = strings.ReplaceAll(whole.Str(), "$", "$$")
	}
	words := split(text, ':')
	if len(words) > 1 && len(words[0]) == 1 && strings.HasPrefix(words[1], `\`) { // a drive of Windows
		words = append([]string{words[0] + ":" + words[1]}, words[2:]...)
	}
	if len(words) == 1 {
		return plinth.MapOf([]plinth.Field{{Key: "type", Value: plinth.StringOf("volume").WithOrigin(o)}, {Key: "target", Value: w.text(words[0], o)}}).WithOrigin(o)
	}
	source := w.text(words[0], o)
	fields := []plinth.Field{{Key: "type", Value: kindOf(source).WithOrigin(o)}, {Key: "source", Value: source}, {Key: "target", Value: w.text(words[1], o)}}
	if len(words) > 2 {
		for _, option := range strings.Split(words[2], ",") {
			switch option {
			case "ro":
				fields = append(fields, plinth.Field{Key: "read_only", Value: plinth.BoolOf(true).WithOrigin(o)})
			case "shared", "rshared", "slave", "rslave", "private", "rprivate":
				bind := plinth.MapOf([]plinth.Field{{Key: "propagation", Value: plinth.StringOf(option).WithOrigin(o)}}).WithOrigin(o)
				fields = append(fields, plinth.Field{Key: "bind", Value: bind})
			}
		}
	}
	return plinth.MapOf(fields).WithOrigin(o)
}

// kindOf tells by its source whether a volume in short form is a folder of the host.
func kindOf(source plinth.Value) plinth.Value {
	text := source.Str()
	if source.IsUnknown() {
		if text, _ = source.Ends(); text == "" {
			return plinth.UnknownOf(source.Why()...)
		}
	}
	if strings.HasPrefix(text, "/") || strings.HasPrefix(text, ".") || strings.HasPrefix(text, "~") || len(text) > 2 && text[1] == ':' {
		return plinth.StringOf("bind")
	}
	return plinth.StringOf("volume")
}
