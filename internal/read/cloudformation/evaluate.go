package cloudformation

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/value"
)

// scope is where expressions are evaluated: a resource, with the loop variables around it, and the property that the value is
// for.
type scope struct {
	template *template
	decl     *plinth.Declaration
	path     string
	loops    map[string]plinth.Value
}

// at returns the scope for an entry or element of the property.
func (s *scope) at(path string) *scope {
	inner := *s
	inner.path = path
	return &inner
}

// origin is the place of an evaluated value: where it is written, and where what decides it is written.
func (s *scope) origin(written, result plinth.Value) *plinth.Origin {
	o := &plinth.Origin{Decl: s.decl, Path: s.path}
	if w := written.Origin(); w != nil {
		o.At, o.From = w.At, w.From
		if r := result.Origin(); r != nil && r != w && r.At != w.At {
			o.From = r
			if r.Decl == s.decl && r.From != nil {
				o.From = r.From
			}
		}
	}
	return o
}

// eval evaluates a value. It is false where the value is AWS::NoValue: the entry that holds it is not there.
func (s *scope) eval(v plinth.Value) (plinth.Value, bool) {
	out, ok := s.evaluate(v)
	o := s.origin(v, out)
	if out.Kind() == plinth.List && out.Len() > 0 && out.List()[0].Origin() == nil {
		return value.Place(out.WithOrigin(nil), o), ok
	}
	return out.WithOrigin(o), ok
}

func (s *scope) evaluate(v plinth.Value) (plinth.Value, bool) {
	switch v.Kind() {
	case plinth.String:
		return s.looped(v), true
	case plinth.List:
		list := make([]plinth.Value, 0, v.Len())
		for _, e := range v.List() {
			if e, ok := s.at(s.path + "[" + strconv.Itoa(len(list)) + "]").eval(e); ok {
				list = append(list, e)
			}
		}
		return plinth.ListOf(list), true
	case plinth.Map:
		if f := v.Fields(); len(f) == 1 && intrinsic(f[0].Key) {
			return s.call(f[0].Key, f[0].Value)
		}
		return s.evalMap(v), true
	}
	return v, true
}

// intrinsic tells whether a map with this key alone is a function call.
func intrinsic(key string) bool {
	return key == "Ref" || strings.HasPrefix(key, "Fn::") && !strings.HasPrefix(key, "Fn::ForEach")
}

func (s *scope) evalMap(v plinth.Value) plinth.Value {
	fields := make([]plinth.Field, 0, v.Len())
	for _, e := range s.unroll(v) {
		if e.key == "Fn::Transform" {
			continue
		}
		inner := *e.scope
		inner.decl, inner.path = s.decl, e.key
		if s.path != "" {
			inner.path = s.path + "." + e.key
		}
		if x, ok := inner.eval(e.value); ok {
			fields = append(fields, plinth.Field{Key: e.key, Value: x})
		}
	}
	if t, ok := v.Get("Fn::Transform"); ok {
		s.template.problem(plinth.Unsupported, t, "what Fn::Transform adds is not known")
		return plinth.UnknownOf("Fn::Transform").WithPartial(plinth.MapOf(fields))
	}
	return plinth.MapOf(fields)
}

// looped fills the loop variables of a text in.
func (s *scope) looped(v plinth.Value) plinth.Value {
	text := v.Str()
	if len(s.loops) == 0 || !strings.Contains(text, "{") {
		return v
	}
	for name, with := range s.loops {
		for _, form := range []string{"${" + name + "}", "&{" + name + "}"} {
			if !strings.Contains(text, form) {
				continue
			}
			if with.IsUnknown() {
				return plinth.UnknownOf(with.Why()...).WithOrigin(v.Origin())
			}
			fill := with.Str()
			if form[0] == '&' {
				fill = alphanumeric(fill)
			}
			text = strings.ReplaceAll(text, form, fill)
		}
	}
	return plinth.StringOf(text).WithOrigin(v.Origin())
}

func alphanumeric(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return -1
	}, s)
}

// unroll returns the entries of a map with its Fn::ForEach loops unrolled.
func (s *scope) unroll(v plinth.Value) []entry {
	var out []entry
	for _, f := range v.Fields() {
		if !strings.HasPrefix(f.Key, "Fn::ForEach") {
			key := s.looped(plinth.StringOf(f.Key))
			if key.IsUnknown() {
				key = plinth.StringOf(f.Key[:max(strings.IndexAny(f.Key, "$&"), 0)] + "[*]")
			}
			out = append(out, entry{key.Str(), f.Value, s})
			continue
		}
		args := f.Value.List()
		if len(args) != 3 || args[0].Kind() != plinth.String || args[2].Kind() != plinth.Map {
			s.template.problem(plinth.Broken, f.Value, "%s wants a name, a list and a map", f.Key)
			continue
		}
		for _, item := range s.items(args[1]) {
			inner := *s
			inner.loops = map[string]plinth.Value{args[0].Str(): item}
			for name, v := range s.loops {
				if name != args[0].Str() {
					inner.loops[name] = v
				}
			}
			entries := inner.unroll(args[2])
			if s.template.expanded += len(entries); s.template.expanded > maxExpanded {
				s.template.problem(plinth.Limit, f.Value, "loops make more than %d entries", maxExpanded)
				return out
			}
			out = append(out, entries...)
		}
	}
	return out
}

// items returns what a loop runs over; one unknown item for a list that is not known.
func (s *scope) items(v plinth.Value) []plinth.Value {
	list, _ := s.eval(v)
	if list.Kind() != plinth.List {
		why := list.Why()
		if len(why) == 0 {
			why = []string{"Fn::ForEach"}
		}
		return []plinth.Value{plinth.UnknownOf(why...)}
	}
	out := make([]plinth.Value, 0, list.Len())
	for _, e := range list.List() {
		if text, ok := scalar(e); ok {
			e = plinth.StringOf(text)
		} else if !e.IsUnknown() {
			s.template.problem(plinth.Broken, v, "Fn::ForEach runs over text only")
			continue
		}
		out = append(out, e)
	}
	return out
}

// ref returns what Ref gives for a name.
func (s *scope) ref(name string) (plinth.Value, bool) {
	if v, ok := s.loops[name]; ok {
		return v, true
	}
	if v, ok := s.template.parameters[name]; ok {
		return v, true
	}
	switch {
	case name == "AWS::NoValue":
		return plinth.Value{}, false
	case name == "AWS::Partition":
		return plinth.StringOf("aws"), true
	case s.template.resources[name]:
		return plinth.UnknownOf(name).WithRefs(plinth.Ref{To: name}), true
	}
	return plinth.UnknownOf(name), true
}

func (s *scope) attribute(logical, attr string) plinth.Value {
	v := plinth.UnknownOf(strings.TrimSuffix(logical+"."+attr, "."))
	if s.template.resources[logical] {
		v = v.WithRefs(plinth.Ref{To: logical, Attr: attr})
	}
	switch {
	case attr == "Arn" || strings.HasSuffix(attr, ".Arn"):
		v = v.WithEnds("arn:", "")
	case attr == "GroupId":
		v = v.WithEnds("sg-", "")
	}
	return v
}

// open returns an unknown because of what is unknown in the arguments of a function.
func open(values ...plinth.Value) plinth.Value {
	return value.Open("an argument of the wrong kind", values...)
}

// concatenated joins known and unknown parts of a text. Where the text is a JSON document, an unknown one keeps the document with
// its holes.
func concatenated(parts []plinth.Value) plinth.Value {
	var text strings.Builder
	var holes []plinth.Value
	secret := false
	for _, p := range parts {
		secret = secret || p.Sensitive()
		if part, ok := scalar(p); ok {
			text.WriteString(part)
			continue
		}
		fmt.Fprintf(&text, "\ue000%d\ue001", len(holes))
		holes = append(holes, p)
	}
	if len(holes) == 0 {
		return plinth.StringOf(text.String()).WithSensitive(secret)
	}
	head, _, _ := strings.Cut(text.String(), "\ue000")
	tail := text.String()[strings.LastIndex(text.String(), "\ue001")+len("\ue001"):]
	out := value.Parted(open(holes...).WithSensitive(secret).WithEnds(head, tail), scalars(parts))
	if first := strings.TrimSpace(text.String()); strings.HasPrefix(first, "{") || strings.HasPrefix(first, "[") {
		if doc, err := value.ParseJSON(first); err == nil {
			out = out.WithDocument(withHoles(doc, holes))
		}
	}
	return out
}

// split cuts a text with marks into what is known of it and the holes.
func split(s string, holes []plinth.Value) []plinth.Value {
	var out []plinth.Value
	for {
		head, rest, ok := strings.Cut(s, "\ue000")
		if head != "" {
			out = append(out, plinth.StringOf(head))
		}
		if !ok {
			return out
		}
		num, behind, _ := strings.Cut(rest, "\ue001")
		if i, err := strconv.Atoi(num); err == nil && i < len(holes) {
			out = append(out, holes[i])
		}
		s = behind
	}
}

// scalars turns known scalars into the texts that they are joined as.
func scalars(parts []plinth.Value) []plinth.Value {
	out := make([]plinth.Value, len(parts))
	for i, p := range parts {
		if s, ok := scalar(p); ok {
			p = plinth.StringOf(s)
		}
		out[i] = p
	}
	return out
}

// withHoles puts unknown values where their marks stand.
func withHoles(v plinth.Value, holes []plinth.Value) plinth.Value {
	switch v.Kind() {
	case plinth.String:
		var hit []plinth.Value
		for i, h := range holes {
			mark := fmt.Sprintf("\ue000%d\ue001", i)
			if v.Str() == mark {
				return h
			}
			if strings.Contains(v.Str(), mark) {
				hit = append(hit, h)
			}
		}
		if len(hit) > 0 {
			head, _, _ := strings.Cut(v.Str(), "\ue000")
			tail := v.Str()[strings.LastIndex(v.Str(), "\ue001")+len("\ue001"):]
			return value.Parted(open(hit...).WithEnds(head, tail), split(v.Str(), holes))
		}
	case plinth.List:
		list := make([]plinth.Value, v.Len())
		for i, e := range v.List() {
			list[i] = withHoles(e, holes)
		}
		return plinth.ListOf(list)
	case plinth.Map:
		fields := make([]plinth.Field, v.Len())
		for i, f := range v.Fields() {
			fields[i] = plinth.Field{Key: f.Key, Value: withHoles(f.Value, holes)}
		}
		return plinth.MapOf(fields)
	}
	return v
}
