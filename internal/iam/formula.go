package iam

import (
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/value"
)

const (
	// maxTerms bounds a formula. People read a handful of alternatives; beyond it the answer is "unknown", never "no".
	maxTerms = 64
	// maxProduct bounds what is multiplied out before doubles are dropped, which costs its square.
	maxProduct = 1024
)

// Leaf is one condition that is neither met nor missed yet. Leaves are immutable.
type Leaf struct {
	// Op, Key and Values are a policy's condition as it is written: ForAnyValue:StringLike, aws:TagKeys, [a*, b].
	Op, Key string
	Values  []string
	// Fact is what must hold besides, in words: "the bucket is younger than April 2023". Op is "" then.
	Fact string
	// Because are the root causes of something that cannot be known from the code. Op and Fact are "" then.
	Because []string

	id   string // equal for equal leaves
	text string
}

func newLeaf(op, key string, values []string) *Leaf {
	l := &Leaf{Op: op, Key: key, Values: values}
	joined := strings.Join(values, "|")
	l.text = op + " " + key + " " + joined
	l.id = op + " " + strings.ToLower(key) + " " + joined
	return l
}

// Fact returns the leaf of something that must hold, in words without a full stop.
func Fact(text string) *Leaf { return &Leaf{Fact: text, id: "\x02" + text, text: text} }

// Because returns the leaf of something unknown with its root causes.
func Because(why ...string) *Leaf {
	why = slices.Compact(slices.Sorted(slices.Values(why)))
	text := "unknown " + strings.Join(why, ", ")
	return &Leaf{Because: why, id: "\x03" + text, text: text}
}

// Unknown tells whether the leaf is about something that cannot be known from the code.
func (l *Leaf) Unknown() bool { return l.Op == "" && l.Fact == "" }

func (l *Leaf) String() string { return l.text }

// Literal is a leaf, or that it does not hold.
type Literal struct {
	*Leaf
	Not bool
}

// String is the leaf's text, with "not " in front where a Deny must not match.
func (l Literal) String() string {
	if l.Not {
		return "not " + l.text
	}
	return l.text
}

func (l Literal) compare(m Literal) int {
	if c := strings.Compare(l.id, m.id); c != 0 {
		return c
	}
	switch {
	case l.Not == m.Not:
		return 0
	case m.Not:
		return -1
	}
	return 1
}

// Term is a conjunction of literals, sorted, each once.
type Term []Literal

// Formula is a disjunction of terms: what must hold. No term is part of another, and none contradicts itself. The nil Formula
// never holds; a Formula of one empty term always holds. Formulas are immutable.
type Formula []Term

// always holds. Nothing writes to it.
var always = Formula{Term{}}

// Always returns the formula that holds without condition.
func Always() Formula { return always }

// If returns the formula that holds where the leaf does.
func If(l *Leaf) Formula { return Formula{Term{{Leaf: l}}} }

// Always tells whether the formula holds without condition.
func (f Formula) Always() bool { return len(f) == 1 && len(f[0]) == 0 }

// Never tells whether the formula cannot hold.
func (f Formula) Never() bool { return len(f) == 0 }

// Condition is the formula as the condition of a relation: nil where it always holds.
func (f Formula) Condition() plinth.Condition {
	if f.Always() {
		return nil
	}
	return f.Strings()
}

// And returns the formula that holds where both do.
func (f Formula) And(g Formula) Formula {
	switch {
	case len(f) == 0 || len(g) == 0:
		return nil
	case f.Always():
		return g
	case g.Always():
		return f
	case len(f)*len(g) > maxProduct:
		return If(tooMany())
	}
	terms := make([]Term, 0, len(f)*len(g))
	for _, a := range f {
		for _, b := range g {
			if t := join(a, b); !impossible(t) {
				terms = append(terms, t)
			}
		}
	}
	return simple(terms)
}

// Or returns the formula that holds where one of the two does.
func (f Formula) Or(g Formula) Formula {
	switch {
	case len(f) == 0 || g.Always():
		return g
	case len(g) == 0 || f.Always():
		return f
	}
	return simple(append(slices.Clone(f), g...))
}

// Not returns the formula that holds where this one does not. What is unknown stays unknown.
func (f Formula) Not() Formula {
	out := always
	for _, t := range f {
		var alternatives []Term
		for _, l := range t {
			if !l.Unknown() {
				l.Not = !l.Not
			}
			alternatives = append(alternatives, Term{l})
		}
		out = out.And(simple(alternatives))
	}
	return out
}

// Decide replaces the literals that somebody can decide: answer says of each leaf whether it holds.
func (f Formula) Decide(answer func(*Leaf) value.Truth) Formula {
	var out []Term
	for _, t := range f {
		left, possible := make(Term, 0, len(t)), true
		for _, l := range t {
			switch truth := answer(l.Leaf); {
			case truth == value.Undecided:
				left = append(left, l)
			case (truth == value.True) == l.Not:
				possible = false
			}
		}
		if possible {
			out = append(out, left)
		}
	}
	return simple(out)
}

// Known returns the terms that hold nothing unknown.
func (f Formula) Known() Formula {
	var out Formula
	for _, t := range f {
		if !slices.ContainsFunc(t, func(l Literal) bool { return l.Unknown() }) {
			out = append(out, t)
		}
	}
	return out
}

// Because returns the root causes of all unknowns in the formula, sorted.
func (f Formula) Because() []string {
	var out []string
	for _, t := range f {
		for _, l := range t {
			out = append(out, l.Because...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Strings returns the texts of the terms: none for a formula that always holds.
func (f Formula) Strings() [][]string {
	out := [][]string{}
	if f.Always() {
		return out
	}
	for _, t := range f {
		term := make([]string, len(t))
		for i, l := range t {
			term[i] = l.String()
		}
		out = append(out, term)
	}
	return out
}

// String is the formula on one line.
func (f Formula) String() string {
	if f.Always() {
		return "always"
	}
	if f.Never() {
		return "never"
	}
	terms := f.Strings()
	parts := make([]string, len(terms))
	for i, t := range terms {
		parts[i] = strings.Join(t, " and ")
	}
	return strings.Join(parts, " or ")
}

func tooMany() *Leaf { return Because("more than 64 alternatives of conditions") }

// join merges two sorted terms.
func join(a, b Term) Term {
	out := make(Term, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		switch c := a[0].compare(b[0]); {
		case c < 0:
			out, a = append(out, a[0]), a[1:]
		case c > 0:
			out, b = append(out, b[0]), b[1:]
		default:
			out, a, b = append(out, a[0]), a[1:], b[1:]
		}
	}
	return append(append(out, a...), b...)
}

// impossible tells whether the term contradicts itself: a leaf and its negation, or one key that equals two different texts.
func impossible(t Term) bool {
	for i := range t {
		if i > 0 && t[i].id == t[i-1].id { // sorted: the same leaf with and without Not
			return true
		}
		for j := range i {
			if apart(t[i], t[j]) {
				return true
			}
		}
	}
	return false
}

// apart tells whether two literals name values of one key that have no text in common.
func apart(a, b Literal) bool {
	if !exact(a) || !exact(b) || !strings.EqualFold(a.Key, b.Key) {
		return false
	}
	return !slices.ContainsFunc(a.Values, func(v string) bool { return slices.Contains(b.Values, v) })
}

// exact tells whether the literal says that its key is there and equals one of the values.
func exact(l Literal) bool {
	if l.Not && l.Op != "StringNotEquals" || !l.Not && l.Op != "StringEquals" {
		return false
	}
	return !slices.ContainsFunc(l.Values, func(v string) bool { return strings.Contains(v, "${") || strings.Contains(v, "{") })
}

// simple drops the terms that hold another one and bounds the rest.
func simple(terms []Term) Formula {
	slices.SortStableFunc(terms, func(a, b Term) int {
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		return slices.CompareFunc(a, b, Literal.compare)
	})
	var out Formula
	for _, t := range terms {
		if !slices.ContainsFunc(out, func(have Term) bool { return holds(t, have) }) {
			out = append(out, t)
		}
	}
	switch {
	case len(out) > maxTerms:
		return If(tooMany())
	case len(out) == 1 && len(out[0]) == 0:
		return always
	}
	return out
}

// holds tells whether all literals of part are in t; both are sorted.
func holds(t, part Term) bool {
	for _, l := range part {
		for len(t) > 0 && t[0].compare(l) < 0 {
			t = t[1:]
		}
		if len(t) == 0 || t[0].compare(l) != 0 {
			return false
		}
		t = t[1:]
	}
	return true
}
