package policy

import (
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/value"
)

// val is what a part of an expression evaluates to: a value; an optional, empty or not; or a failure.
type val struct {
	plinth.Value
	st *state // nil for a plain value, an unknown optional included
}

type state struct {
	kind      stateKind
	text      string
	line, col int
}

type stateKind uint8

const (
	failed stateKind = iota
	empty            // optional.none()
	filled           // optional.of(x)
)

// code runs a part of an expression.
type code func(*Scope) val

func (s *state) fault() *Error {
	if s.kind != failed {
		return &Error{Text: "the answer is optional"}
	}
	return &Error{Line: s.line, Col: s.col, Text: s.text}
}

// The two states without content; nothing ever writes to them.
var (
	isEmpty  = &state{kind: empty}
	isFilled = &state{kind: filled}
)

func none() val { return val{st: isEmpty} }

func some(v plinth.Value) val { return val{Value: v, st: isFilled} }

func truth(b bool) val { return val{Value: plinth.BoolOf(b)} }

func number(f float64) val { return val{Value: plinth.NumberOf(f)} }

func text(s string) val { return val{Value: plinth.StringOf(s)} }

func plain(v plinth.Value) val { return val{Value: v} }

func failure(text string) val { return val{st: &state{kind: failed, text: text}} }

func (v val) failed() bool { return v.st != nil && v.st.kind == failed }

// unknown returns an unknown for the reasons of all given values, including those inside of them.
func unknown(of ...plinth.Value) plinth.Value {
	if len(of) == 1 && of[0].IsUnknown() {
		return plinth.UnknownOf(of[0].Why()...)
	}
	var why []string
	for _, v := range of {
		for _, w := range value.Reasons(v) {
			if !slices.Contains(why, w) {
				why = append(why, w)
			}
		}
	}
	return plinth.UnknownOf(why...)
}

func open(t value.Truth, why []string) val {
	if t == value.Undecided {
		return plain(plinth.UnknownOf(why...))
	}
	return truth(t == value.True)
}

// identities are the attributes of a resource that are never null or empty once it is made, in lower case.
func identity(attr string) bool {
	switch strings.ToLower(attr) {
	case "", "id", "arn", "name", "key_id", "keyid", "self_link", "selflink", "key_arn", "groupid", "vpcid":
		return true
	}
	return false
}

// there tells whether an unknown is surely not null: it stands for the identity of another resource and for nothing else, or
// a part of it is known.
func there(v plinth.Value) bool {
	if _, ok := v.Document(); ok {
		return true
	}
	if head, tail := v.Ends(); head != "" || tail != "" {
		return true
	}
	refs := v.Refs()
	return len(refs) == 1 && identity(refs[0].Attr) && len(v.Why()) <= 1
}

// inside returns the document that a string holds, and v itself for everything else.
func inside(v plinth.Value) plinth.Value {
	if k := v.Kind(); (k == plinth.String || k == plinth.Unknown) && !v.Partial() {
		if doc, ok := v.Document(); ok {
			return doc
		}
	}
	return v
}

// surely returns the entries or elements that an unknown list or map has in any case; null where nothing is known.
func surely(v plinth.Value) plinth.Value {
	if v.Partial() {
		doc, _ := v.Document()
		return doc
	}
	return plinth.Value{}
}

// presence tells whether a property with this value is there.
func presence(v plinth.Value, ok bool) value.Truth {
	switch {
	case !ok || v.IsNull():
		return value.False
	case v.IsUnknown() && !there(v):
		return value.Undecided
	}
	return value.True
}

// optional turns an entry into an optional: empty for a missing or null one, unknown where that is open.
func optional(v plinth.Value, ok bool) val {
	switch presence(v, ok) {
	case value.False:
		return none()
	case value.True:
		return some(v)
	}
	return plain(v)
}

// field finds an entry of a map, a document or an unknown. ok is false where v has no entries at all.
func field(v plinth.Value, key string) (entry plinth.Value, found, ok bool) {
	v = inside(v)
	switch v.Kind() {
	case plinth.Map:
		entry, found = v.Get(key)
		return entry, found, true
	case plinth.Unknown:
		if entry, found = surely(v).Get(key); found {
			return entry, true, true
		}
		return unknown(v), true, true
	case plinth.Null:
		return plinth.Value{}, false, true
	}
	return plinth.Value{}, false, false
}
