package policy

import (
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/value"
)

// statements normalises the statements of an IAM policy:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html. What is unknown stays so at its place: an
// unknown Action is an unknown list, an unknown element of it an element.
func statements(doc plinth.Value) val {
	doc = inside(doc)
	if doc.Kind() == plinth.String && strings.TrimSpace(doc.Str()) != "" {
		if len(doc.Str()) > maxDocument {
			return failure("the document is too long")
		}
		parsed, err := value.ParseLooseJSON(doc.Str())
		if err != nil {
			return failure("the document is no JSON: " + err.Error())
		}
		doc = parsed
	}
	switch doc.Kind() {
	case plinth.Null, plinth.String:
		return plain(plinth.ListOf(nil))
	case plinth.Map:
		s, ok := doc.Get("Statement")
		if !ok {
			return plain(plinth.ListOf(nil))
		}
		return eachStatement(s)
	case plinth.Unknown:
		if s, ok := surely(doc).Get("Statement"); ok {
			return eachStatement(s)
		}
		return plain(unknown(doc))
	case plinth.List: // the statements themselves, or several documents
		return eachStatement(doc)
	}
	return failure("the document is a " + doc.Kind().String())
}

func eachStatement(s plinth.Value) val {
	s = toList(s).Value
	from := s.List()
	if s.IsUnknown() {
		from = surely(s).List()
	}
	list := make([]plinth.Value, 0, len(from))
	for _, one := range from {
		switch one = inside(one); one.Kind() {
		case plinth.Map:
			list = append(list, statement(one))
		case plinth.Unknown:
			list = append(list, one)
		}
	}
	if s.IsUnknown() {
		if len(list) == 0 {
			return plain(unknown(s))
		}
		return plain(unknown(s).WithPartial(plinth.ListOf(list)))
	}
	return plain(plinth.ListOf(list))
}

func statement(s plinth.Value) plinth.Value {
	get := func(key string) plinth.Value {
		v, _ := s.Get(key)
		return v
	}
	orEmpty := func(v, empty plinth.Value) plinth.Value {
		if v.IsNull() {
			return empty
		}
		return v
	}
	none := plinth.StringOf("")
	return plinth.MapOf([]plinth.Field{
		{Key: "Action", Value: toList(get("Action")).Value},
		{Key: "Condition", Value: holding(get("Effect"), orEmpty(get("Condition"), plinth.MapOf(nil)))},
		{Key: "Effect", Value: orEmpty(get("Effect"), none)},
		{Key: "NotAction", Value: toList(get("NotAction")).Value},
		{Key: "NotPrincipal", Value: principals(get("NotPrincipal"))},
		{Key: "NotResource", Value: toList(get("NotResource")).Value},
		{Key: "Principal", Value: principals(get("Principal"))},
		{Key: "Resource", Value: toList(get("Resource")).Value},
		{Key: "Sid", Value: orEmpty(get("Sid"), none)},
	}).WithOrigin(s.Origin())
}

// holding leaves out of the conditions of an Allow statement those that hold every caller: IpAddress with all addresses of the
// internet. Where nothing is left, the statement has none. Where it cannot be known whether it is such a one, neither are the
// conditions.
func holding(effect, conditions plinth.Value) plinth.Value {
	ip, ok := conditions.Get("IpAddress")
	if !ok || !effect.IsUnknown() && effect.Str() != "Allow" {
		return conditions
	}
	everybody, why := everyAddress(inside(ip))
	if everybody == value.False {
		return conditions
	}
	var rest []plinth.Field
	for _, f := range conditions.Fields() {
		if f.Key != "IpAddress" {
			rest = append(rest, f)
		}
	}
	left := plinth.MapOf(rest).WithOrigin(conditions.Origin())
	if why = append(why, effect.Why()...); everybody == value.True && !effect.IsUnknown() {
		return left
	}
	return plinth.UnknownOf(why...).WithPartial(left).WithOrigin(conditions.Origin())
}

// everyAddress tells whether the keys of an IpAddress condition let all addresses in, and what of it is not known.
func everyAddress(ip plinth.Value) (value.Truth, []string) {
	if ip.IsUnknown() {
		return value.Undecided, ip.Why()
	}
	answer := value.TruthOf(ip.Len() > 0)
	var why []string
	for _, f := range ip.Fields() {
		if !strings.EqualFold(f.Key, "aws:SourceIp") {
			return value.False, nil
		}
		list := toList(inside(f.Value)).Value
		all, open := false, slices.Clone(list.Why())
		for _, v := range append(slices.Clip(list.List()), surely(list).List()...) {
			all = all || v.Kind() == plinth.String && (v.Str() == "0.0.0.0/0" || v.Str() == "::/0")
			open = append(open, v.Why()...)
		}
		switch {
		case all:
		case len(open) == 0:
			return value.False, nil
		default:
			answer, why = value.Undecided, append(why, open...)
		}
	}
	return answer, why
}

// principals lists "*", "AWS:arn…", "Service:…". Texts that stand alone or in a list stay as they are.
func principals(p plinth.Value) plinth.Value {
	p = inside(p)
	if p.Kind() != plinth.Map {
		return toList(p).Value
	}
	var list, maybe []plinth.Value
	for _, f := range p.Fields() {
		of := toList(f.Value).Value
		if of.IsUnknown() {
			maybe = append(maybe, of)
		}
		for _, id := range append(slices.Clip(of.List()), surely(of).List()...) {
			switch head, tail := id.Ends(); id.Kind() {
			case plinth.String:
				id = plinth.StringOf(f.Key + ":" + id.Str()).WithOrigin(id.Origin())
			case plinth.Unknown:
				id = plinth.UnknownOf(id.Why()...).WithRefs(id.Refs()...).WithEnds(f.Key+":"+head, tail).WithOrigin(id.Origin())
			}
			list = append(list, id)
		}
	}
	return held(plinth.ListOf(list), maybe).Value
}

// wild tells whether the statement's actions cover this one. Effect, resources and conditions do not matter.
func wild(stmt, action plinth.Value) val {
	stmt = inside(stmt)
	if stmt.IsUnknown() || action.IsUnknown() {
		return plain(unknown2(stmt, action))
	}
	if stmt.Kind() != plinth.Map || action.Kind() != plinth.String {
		return failure("it takes a statement and the name of an action")
	}
	actions, _ := stmt.Get("Action")
	answer, why := covers(actions, action.Str())
	if answer == value.True {
		return truth(true)
	}
	except, _ := stmt.Get("NotAction")
	if except = toList(except).Value; except.IsUnknown() || except.Len() > 0 {
		t, w := covers(except, action.Str())
		t = not(t)
		if t == value.True {
			return truth(true)
		}
		if t == value.Undecided {
			answer, why = t, append(why, w...)
		}
	}
	return open(answer, why)
}

// covers tells whether one of the patterns matches the action.
func covers(patterns plinth.Value, action string) (value.Truth, []string) {
	patterns = toList(patterns).Value
	answer, why := value.False, []string(nil)
	list := patterns.List()
	if patterns.IsUnknown() {
		answer, why, list = value.Undecided, append(why, patterns.Why()...), surely(patterns).List()
	}
	for _, p := range list {
		switch {
		case p.IsUnknown():
			answer, why = value.Undecided, append(why, p.Why()...)
		case p.Kind() == plinth.String && glob(p.Str(), action):
			return value.True, nil
		}
	}
	return answer, why
}

// glob matches as IAM does: * for any text, ? for one character, without regard to case.
func glob(pattern, s string) bool {
	star, mark := -1, 0
	i, j := 0, 0
	for j < len(s) {
		switch {
		case i < len(pattern) && pattern[i] == '*':
			star, mark = i, j
			i++
		case i < len(pattern) && (pattern[i] == '?' || lower(pattern[i]) == lower(s[j])):
			i++
			j++
		case star >= 0:
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	for i < len(pattern) && pattern[i] == '*' {
		i++
	}
	return i == len(pattern)
}

func lower(b byte) byte {
	if b >= 'A' && b <= 'Z' {
		return b + 'a' - 'A'
	}
	return b
}

// anyone tells whether the principal of a statement is everybody.
func anyone(stmt plinth.Value) val {
	stmt = inside(stmt)
	switch stmt.Kind() {
	case plinth.Unknown:
		return plain(unknown(stmt))
	case plinth.Map:
	default:
		return failure("it takes a statement")
	}
	p, _ := stmt.Get("Principal")
	p = principals(p)
	answer, why, list := value.False, []string(nil), p.List()
	if p.IsUnknown() {
		answer, why, list = value.Undecided, append(why, p.Why()...), surely(p).List()
	}
	for _, id := range list {
		for _, everybody := range [...]string{"*", "AWS:*"} {
			t, w := value.Equal(id, plinth.StringOf(everybody))
			if t == value.True {
				return truth(true)
			}
			if t == value.Undecided {
				answer, why = t, append(why, w...)
			}
		}
	}
	return open(answer, slices.Compact(why))
}
