package iam

import "github.com/plinthsec/plinth"

// Texts is a list of texts of which some may not be known.
type Texts struct {
	Known []string
	Open  *Leaf // that an unknown element is what is asked for; nil where all are known
}

// TextsOf reads a text or a list of texts.
func TextsOf(v plinth.Value) Texts {
	list, why := elements(inside(v))
	var t Texts
	for _, e := range list {
		switch e.Kind() {
		case plinth.Unknown:
			why = append(why[:len(why):len(why)], causes(e)...)
		case plinth.String:
			t.Known = append(t.Known, e.Str())
		}
	}
	if len(why) > 0 {
		t.Open = Because(why...)
	}
	return t
}

// Match tells under which conditions one of the texts is one that is asked for.
func (t Texts) Match(is func(string) bool) Formula {
	for _, s := range t.Known {
		if is(s) {
			return always
		}
	}
	if t.Open != nil {
		return If(t.Open)
	}
	return nil
}

// Empty tells whether there is no text, known or not.
func (t Texts) Empty() bool { return len(t.Known) == 0 && t.Open == nil }
