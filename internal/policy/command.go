package policy

import (
	"path"
	"strings"

	"github.com/plinthsec/plinth"
)

const maxWords = 10_000 // of a container's command line

// words returns the command line of a container, its command and args, split at white space as a shell would without quotes.
// An element that is unknown stays one unknown word.
func words(c plinth.Value) []plinth.Value {
	var out []plinth.Value
	c = inside(c)
	for _, key := range [...]string{"command", "args"} {
		v, _, _ := field(c, key)
		v = inside(v)
		list := v.List()
		if v.IsUnknown() {
			list = append(surely(v).List(), unknown(v))
		}
		for _, e := range list {
			if e.IsUnknown() {
				out = append(out, unknown(e))
				continue
			}
			for _, w := range strings.Fields(toText(e).Str()) {
				if len(out) == maxWords {
					return out
				}
				out = append(out, plinth.StringOf(strings.Trim(w, `"'`)).WithOrigin(e.Origin()))
			}
		}
	}
	return out
}

// isFlag tells whether a word is a flag, and splits it.
func isFlag(w plinth.Value) (name, value string, joined, ok bool) {
	s := w.Str()
	if len(s) < 2 || s[0] != '-' {
		return "", "", false, false
	}
	name, value, joined = strings.Cut(strings.TrimLeft(s, "-"), "=")
	return name, value, joined, name != ""
}

// flags is flags(): a map from the names of a container's flags, without dashes, to their texts; "true" for a flag without one.
// Of several flags of a name the last counts.
func flags(c plinth.Value) val {
	var fields []plinth.Field
	var maybe []plinth.Value
	list := words(c)
	for i, w := range list {
		if w.IsUnknown() {
			maybe = append(maybe, w)
			continue
		}
		name, text, joined, ok := isFlag(w)
		if !ok {
			continue
		}
		v := plinth.StringOf(text).WithOrigin(w.Origin())
		if !joined {
			v = plinth.StringOf("true").WithOrigin(w.Origin())
			if i+1 < len(list) {
				if _, _, _, next := isFlag(list[i+1]); !next {
					v = list[i+1]
				}
			}
		}
		fields = append(fields, plinth.Field{Key: name, Value: v})
	}
	return held(plinth.MapOf(fields), maybe)
}

// runs is runs(): whether a container's command line calls a program, directly or in a shell.
func runs(c, program plinth.Value) val {
	if program.Kind() != plinth.String {
		return failure("the program is a text")
	}
	var maybe []plinth.Value
	value := false // whether the word may be the value of the flag before it
	for _, w := range words(c) {
		if w.IsUnknown() {
			maybe, value = append(maybe, w), false
			continue
		}
		name, _, joined, ok := isFlag(w)
		if !ok && !value && path.Base(w.Str()) == program.Str() {
			return truth(true)
		}
		value = ok && !joined && name != "c" // sh -c program
	}
	if len(maybe) > 0 {
		return plain(unknown(maybe...))
	}
	return truth(false)
}
