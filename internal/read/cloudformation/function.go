package cloudformation

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/value"
)

// arity is how many arguments a function takes at least and at most, as a list; 0, 0 for one that takes no list.
func arity(name string) (least, most int) {
	switch name {
	case "Fn::If":
		return 3, 3
	case "Fn::Join", "Fn::Select", "Fn::Split", "Fn::Equals":
		return 2, 2
	case "Fn::FindInMap":
		return 3, 4
	case "Fn::Cidr":
		return 2, 3
	}
	return 0, 0
}

// call evaluates an intrinsic function.
func (s *scope) call(name string, arg plinth.Value) (plinth.Value, bool) {
	args := arg.List()
	if least, most := arity(name); least > 0 && (len(args) < least || len(args) > most) {
		if inner, ok := s.eval(arg); ok && inner.IsUnknown() {
			return inner, true // {"Fn::Join": {"Fn::If": …}} while the condition is open
		} else if inner.Kind() == plinth.List && inner.Len() >= least && inner.Len() <= most && arg.Kind() == plinth.Map {
			return s.call(name, inner)
		}
		s.template.problem(plinth.Broken, arg, "%s has the wrong number of arguments", name)
		return plinth.UnknownOf(name), true
	}
	switch name {
	case "Ref":
		return s.ref(s.looped(arg).Str())
	case "Fn::GetAtt":
		return s.getAtt(arg), true
	case "Fn::Sub":
		return s.sub(arg), true
	case "Fn::If":
		return s.choice(args)
	case "Fn::Join":
		return s.join(args), true
	case "Fn::Select":
		return s.selected(args), true
	case "Fn::Split":
		return s.split(args), true
	case "Fn::FindInMap":
		return s.findInMap(args), true
	case "Fn::Cidr":
		return s.cidr(args), true
	case "Fn::Base64":
		return s.eval(arg)
	case "Fn::Length":
		list, _ := s.eval(arg)
		if list.Kind() != plinth.List {
			return open(list), true
		}
		return plinth.NumberOf(float64(list.Len())), true
	case "Fn::ToJsonString":
		doc, _ := s.eval(arg)
		if text, ok := value.Plain(doc); ok {
			return plinth.StringOf(text).WithDocument(doc), true
		}
		return open(doc).WithDocument(doc), true
	case "Fn::And", "Fn::Or", "Fn::Not", "Fn::Equals":
		t, why := s.truth(plinth.MapOf([]plinth.Field{{Key: name, Value: arg}}).WithOrigin(arg.Origin()))
		if t == maybe {
			return plinth.UnknownOf(why...), true
		}
		return plinth.BoolOf(t == yes), true
	case "Fn::GetAZs", "Fn::Transform":
		if name == "Fn::Transform" {
			s.template.problem(plinth.Unsupported, arg, "what Fn::Transform gives is not known")
		}
		return plinth.UnknownOf(name), true
	case "Fn::ImportValue":
		export, _ := s.eval(arg)
		if text, ok := scalar(export); ok {
			return plinth.UnknownOf("Fn::ImportValue " + text), true
		}
		return plinth.UnknownOf(append([]string{"Fn::ImportValue"}, export.Why()...)...), true
	}
	s.template.problem(plinth.Unsupported, arg, "the function %s is not known", name)
	return plinth.UnknownOf(name), true
}

func (s *scope) getAtt(arg plinth.Value) plinth.Value {
	if arg.Kind() == plinth.String {
		logical, attr, _ := strings.Cut(s.looped(arg).Str(), ".")
		return s.attribute(logical, attr)
	}
	var parts []string
	for _, e := range arg.List() {
		v, _ := s.eval(e)
		text, ok := scalar(v)
		if !ok {
			return open(v)
		}
		parts = append(parts, text)
	}
	if len(parts) == 0 {
		s.template.problem(plinth.Broken, arg, "Fn::GetAtt wants a resource and an attribute")
		return plinth.UnknownOf("Fn::GetAtt")
	}
	return s.attribute(parts[0], strings.Join(parts[1:], "."))
}

// sub evaluates Fn::Sub: ${Name}, ${Logical.Attr}, ${!Literal}, with an optional map of further names.
func (s *scope) sub(arg plinth.Value) plinth.Value {
	text, names := arg, plinth.Value{}
	if list := arg.List(); len(list) > 0 {
		text = list[0]
		if len(list) > 1 {
			names = list[1]
		}
	}
	if text.Kind() == plinth.Map {
		first := text
		text, _ = s.eval(text)
		if text.IsUnknown() {
			return open(text)
		}
		if f := first.Fields(); text.Kind() == plinth.Map && len(f) == 1 && strings.Contains(f[0].Key, "::") {
			s.template.problem(plinth.Unsupported, arg, "what %s puts in here is not known", f[0].Key)
			return plinth.UnknownOf(f[0].Key)
		}
	}
	if text.Kind() != plinth.String {
		s.template.problem(plinth.Broken, arg, "Fn::Sub wants a text")
		return plinth.UnknownOf("Fn::Sub")
	}
	var parts []plinth.Value
	rest := text.Str()
	for {
		before, after, ok := strings.Cut(rest, "${")
		name, next, closed := strings.Cut(after, "}")
		if !ok || !closed {
			break
		}
		if before != "" {
			parts = append(parts, plinth.StringOf(before))
		}
		rest = next
		if literal, ok := strings.CutPrefix(name, "!"); ok {
			parts = append(parts, plinth.StringOf("${"+literal+"}"))
			continue
		}
		parts = append(parts, s.subName(strings.TrimSpace(name), names))
	}
	parts = append(parts, plinth.StringOf(rest))
	out := concatenated(parts)
	if len(parts) == 2 && rest == "" && parts[0].Origin() != nil {
		out = out.WithOrigin(parts[0].Origin()) // "${Name}" alone: what decides it is the parameter
	}
	return out
}

func (s *scope) subName(name string, names plinth.Value) plinth.Value {
	if given, ok := names.Get(name); ok {
		if v, ok := s.eval(given); ok {
			return v
		}
		return plinth.StringOf("")
	}
	if _, loop := s.loops[name]; !loop {
		if logical, attr, ok := strings.Cut(name, "."); ok {
			return s.attribute(logical, attr)
		}
	}
	v, _ := s.ref(name)
	return v
}

func (s *scope) join(args []plinth.Value) plinth.Value {
	between, _ := s.eval(args[0])
	list, _ := s.eval(args[1])
	if list.Kind() != plinth.List {
		return open(list)
	}
	var parts []plinth.Value
	for i, e := range list.List() {
		if i > 0 {
			parts = append(parts, between)
		}
		if e.Kind() == plinth.List { // a list parameter among the parts
			for k, inner := range e.List() {
				if k > 0 {
					parts = append(parts, between)
				}
				parts = append(parts, inner)
			}
			continue
		}
		parts = append(parts, e)
	}
	return concatenated(parts)
}

func (s *scope) selected(args []plinth.Value) plinth.Value {
	at, _ := s.eval(args[0])
	list, _ := s.eval(args[1])
	if at.IsUnknown() || list.Kind() != plinth.List {
		return open(at, list)
	}
	text, _ := scalar(at)
	i, err := strconv.Atoi(text)
	if err != nil || i < 0 || i >= list.Len() {
		s.template.problem(plinth.Broken, args[0], "Fn::Select finds no element %s", text)
		return plinth.UnknownOf("Fn::Select")
	}
	return list.List()[i]
}

func (s *scope) split(args []plinth.Value) plinth.Value {
	between, _ := s.eval(args[0])
	text, _ := s.eval(args[1])
	if text.Kind() != plinth.String || between.Kind() != plinth.String {
		return open(between, text)
	}
	list := []plinth.Value{}
	for _, part := range strings.Split(text.Str(), between.Str()) {
		list = append(list, plinth.StringOf(part))
	}
	return plinth.ListOf(list)
}

func (s *scope) findInMap(args []plinth.Value) plinth.Value {
	v := s.template.mappings
	var names []string
	for _, a := range args[:3] {
		key, _ := s.eval(a)
		text, ok := scalar(key)
		if !ok {
			return open(key)
		}
		names = append(names, text)
		next, ok := v.Get(text)
		if !ok {
			if len(args) == 4 {
				if def, ok := args[3].Get("DefaultValue"); ok {
					v, _ := s.eval(def)
					return v
				}
			}
			s.template.problem(plinth.Broken, a, "the mapping has no entry %s", strings.Join(names, "."))
			return plinth.UnknownOf(strings.Join(names, "."))
		}
		v = next
	}
	return v
}

// cidr evaluates Fn::Cidr: count blocks with this many host bits, from the beginning of the range.
func (s *scope) cidr(args []plinth.Value) plinth.Value {
	var texts []string
	for _, a := range args {
		v, _ := s.eval(a)
		text, ok := scalar(v)
		if !ok {
			return open(v)
		}
		texts = append(texts, text)
	}
	prefix, err := netip.ParsePrefix(texts[0])
	count, err2 := strconv.Atoi(texts[1])
	if err != nil || err2 != nil || count < 1 || count > maxCIDRs {
		s.template.problem(plinth.Broken, args[0], "Fn::Cidr wants a range and a count up to %d", maxCIDRs)
		return plinth.UnknownOf("Fn::Cidr")
	}
	bits := 8
	if len(texts) == 3 {
		bits, err = strconv.Atoi(texts[2])
	} else if prefix.Addr().Is6() {
		bits = 64
	}
	length := prefix.Addr().BitLen() - bits
	if err != nil || length < prefix.Bits() || bits < 0 {
		s.template.problem(plinth.Broken, args[0], "Fn::Cidr cannot cut %s into such blocks", texts[0])
		return plinth.UnknownOf("Fn::Cidr")
	}
	return plinth.ListOf(blocks(prefix.Masked().Addr(), prefix, length, count))
}

func blocks(at netip.Addr, within netip.Prefix, length, count int) []plinth.Value {
	list := []plinth.Value{}
	for ; count > 0 && at.IsValid() && within.Contains(at); count-- {
		list = append(list, plinth.StringOf(netip.PrefixFrom(at, length).String()))
		at = after(at, length)
	}
	return list
}

// after returns the first address behind the block of this length at an address.
func after(at netip.Addr, length int) netip.Addr {
	b := at.AsSlice()
	if length == 0 {
		return netip.Addr{}
	}
	step := byte(1) << ((8 - length%8) % 8)
	for i := (length - 1) / 8; i >= 0; i-- {
		b[i] += step
		if b[i] >= step {
			break
		}
		step = 1
		if i == 0 {
			return netip.Addr{}
		}
	}
	next, _ := netip.AddrFromSlice(b)
	return next
}
