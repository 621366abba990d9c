package dockerfile

import (
	"slices"

	"github.com/moby/buildkit/frontend/dockerfile/shell"

	"github.com/plinthsec/plinth"
)

// scope is what variables stand for at one place.
type scope struct {
	env     map[string]plinth.Value // ENV beats ARG, whatever comes first
	args    map[string]plinth.Value
	missing func(name string) plinth.Value // what a variable is that neither has set
}

func (s *scope) get(name string) plinth.Value {
	if v, ok := s.env[name]; ok {
		return v
	}
	if v, ok := s.args[name]; ok {
		return v
	}
	return s.missing(name)
}

// lookup gives the variables of a scope to the lexer and notes the unknown ones that it asks for.
type lookup struct {
	scope *scope
	why   []string
}

var _ shell.EnvGetter = (*lookup)(nil)

func (l *lookup) Get(name string) (string, bool) {
	v := l.scope.get(name)
	if v.IsUnknown() {
		for _, w := range v.Why() {
			if !slices.Contains(l.why, w) {
				l.why = append(l.why, w)
			}
		}
		return "", false
	}
	return v.Str(), v.Kind() == plinth.String
}

func (l *lookup) Keys() []string { return nil }

// expand fills the variables of a word in. A word that is no word (a quote or brace is not closed) comes back as it is, with
// the reason.
func (r *reading) expand(word string, s *scope) (plinth.Value, error) {
	l := &lookup{scope: s}
	text, _, err := shell.NewLex(rune(r.source.escape)).ProcessWord(word, l)
	switch {
	case err != nil:
		return plinth.StringOf(word), err
	case len(l.why) > 0:
		return plinth.UnknownOf(l.why...), nil
	}
	return plinth.StringOf(text), nil
}

// unset is a variable that only the base image could have set.
func unset(name string) plinth.Value { return plinth.UnknownOf("$" + name) }

// nothing is a variable that nobody has set.
func nothing(string) plinth.Value { return plinth.Value{} }

// automatic is a variable outside all stages that nobody has set; the platform ones belong to the build.
func automatic(name string) plinth.Value {
	switch name {
	case "BUILDPLATFORM", "BUILDOS", "BUILDARCH", "BUILDVARIANT", "TARGETPLATFORM", "TARGETOS", "TARGETARCH", "TARGETVARIANT", "TARGETSTAGE":
		return unset(name)
	}
	return plinth.Value{}
}
