package cloudformation

import (
	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/value"
)

// The truth of a condition, and why it is open.
const (
	no    = value.False
	yes   = value.True
	maybe = value.Undecided
)

// condition is a named condition; it is evaluated once.
type condition struct {
	entry     entry
	done, now bool // evaluated; being evaluated
	truth     value.Truth
	why       []string
}

// named returns the truth of a condition by its name.
func (s *scope) named(name string) (value.Truth, []string) {
	c, ok := s.template.conditions[s.looped(plinth.StringOf(name)).Str()]
	if !ok || c.now {
		return maybe, []string{"Condition " + name}
	}
	if !c.done {
		c.now = true
		c.truth, c.why = c.entry.scope.truth(c.entry.value)
		c.done, c.now = true, false
	}
	return c.truth, c.why
}

// truth evaluates an expression of the section Conditions.
func (s *scope) truth(v plinth.Value) (value.Truth, []string) {
	fields := v.Fields()
	if len(fields) != 1 {
		return s.plainTruth(v)
	}
	args := fields[0].Value.List()
	switch fields[0].Key {
	case "Condition":
		return s.named(fields[0].Value.Str())
	case "Fn::Not":
		if len(args) != 1 {
			break
		}
		t, why := s.truth(args[0])
		switch t {
		case yes:
			t = no
		case no:
			t = yes
		}
		return t, why
	case "Fn::And":
		return s.all(args, no)
	case "Fn::Or":
		return s.all(args, yes)
	case "Fn::Equals":
		if len(args) == 2 {
			return s.equal(args[0], args[1])
		}
	default:
		return s.plainTruth(v)
	}
	s.template.problem(plinth.Broken, v, "%s has the wrong number of arguments", fields[0].Key)
	return maybe, []string{fields[0].Key}
}

// plainTruth takes a value that is no condition function as a bool.
func (s *scope) plainTruth(v plinth.Value) (value.Truth, []string) {
	out, _ := s.eval(v)
	switch text, _ := scalar(out); text {
	case "true":
		return yes, nil
	case "false":
		return no, nil
	}
	return maybe, open(out).Why()
}

// all evaluates Fn::And and Fn::Or: the deciding truth of one argument is that of the whole.
func (s *scope) all(args []plinth.Value, deciding value.Truth) (value.Truth, []string) {
	out, why := yes, []string(nil)
	if deciding == yes {
		out = no
	}
	for _, a := range args {
		t, w := s.truth(a)
		if t == deciding {
			return deciding, nil
		}
		if t == maybe {
			out, why = maybe, append(why, w...)
		}
	}
	return out, why
}

func (s *scope) equal(a, b plinth.Value) (value.Truth, []string) {
	a, _ = s.eval(a)
	b, _ = s.eval(b)
	return value.Equal(texts(a), texts(b))
}

// texts turns numbers and bools into text, since CloudFormation compares texts.
func texts(v plinth.Value) plinth.Value {
	if text, ok := scalar(v); ok {
		return plinth.StringOf(text)
	}
	if v.Kind() == plinth.List {
		list := make([]plinth.Value, v.Len())
		for i, e := range v.List() {
			list[i] = texts(e)
		}
		return plinth.ListOf(list)
	}
	return v
}

// choice is Fn::If.
func (s *scope) choice(args []plinth.Value) (plinth.Value, bool) {
	var t value.Truth
	var why []string
	if args[0].Kind() == plinth.String {
		t, why = s.named(args[0].Str())
	} else {
		t, why = s.truth(args[0])
	}
	switch t {
	case yes:
		return s.eval(args[1])
	case no:
		return s.eval(args[2])
	}
	a, hasA := s.eval(args[1])
	b, hasB := s.eval(args[2])
	if !hasA && !hasB {
		return plinth.Value{}, false
	}
	if !hasA || !hasB {
		return value.Either(plinth.Value{}, open(a, b), why), true
	}
	return value.Either(a, b, why), true
}
