package policy

import (
	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/value"
)

// Sets are lists; an unknown one may have any elements beside those that it surely has.

func setParts(v plinth.Value) (list []plinth.Value, more, ok bool) {
	v = inside(v)
	if v.IsUnknown() {
		return surely(v).List(), true, true
	}
	return v.List(), false, v.Kind() == plinth.List
}

// setContains tells whether every element of b is one of a.
func setContains(a, b plinth.Value) val {
	have, moreA, okA := setParts(a)
	want, moreB, okB := setParts(b)
	if !okA || !okB {
		return failure("it is for lists")
	}
	answer, why := value.True, []string(nil)
	if moreB {
		answer, why = value.Undecided, b.Why()
	}
	for _, w := range want {
		t, reasons := member(w, have)
		if t == value.False && moreA {
			t, reasons = value.Undecided, a.Why()
		}
		if t == value.False {
			return truth(false)
		}
		if t == value.Undecided {
			answer, why = t, append(why[:len(why):len(why)], reasons...)
		}
	}
	return open(answer, why)
}

// setIntersects tells whether an element of b is one of a.
func setIntersects(a, b plinth.Value) val {
	have, moreA, okA := setParts(a)
	want, moreB, okB := setParts(b)
	if !okA || !okB {
		return failure("it is for lists")
	}
	answer, why := value.False, []string(nil)
	if moreA && (moreB || len(want) > 0) {
		answer, why = value.Undecided, append(why, a.Why()...)
	}
	if moreB && (moreA || len(have) > 0) {
		answer, why = value.Undecided, append(why, b.Why()...)
	}
	for _, w := range want {
		switch t, reasons := member(w, have); t {
		case value.True:
			return truth(true)
		case value.Undecided:
			answer, why = t, append(why, reasons...)
		}
	}
	return open(answer, why)
}

func setEquivalent(a, b plinth.Value) val {
	there, back := setContains(a, b), setContains(b, a)
	switch {
	case there.failed() || there.Kind() == plinth.Bool && !there.Bool():
		return there
	case back.failed() || back.Kind() == plinth.Bool && !back.Bool():
		return back
	case there.IsUnknown() || back.IsUnknown():
		return plain(unknown2(there.Value, back.Value))
	}
	return truth(true)
}
