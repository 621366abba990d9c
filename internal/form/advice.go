package form

import (
	"slices"
	"sort"
	"strings"
	"sync"

	"github.com/plinthsec/plinth"
)

// Advice puts what a rule advises into the words of the source of a resource. Rules name Terraform's arguments; of a template in the
// provider's form they become its properties, as far as a table line says which ("at_rest_encryption_enabled" is
// "AtRestEncryptionEnabled" there). Words that no line knows stay.
func Advice(r *plinth.Resource, words string) string {
	if !strings.Contains(words, "_") || r.Decl == nil || !strings.ContainsAny(r.Decl.Type, ":/") { // a type of Terraform has neither
		return words
	}
	t, err := embedded()
	if err != nil {
		return words
	}
	var out []string
	for i, word := range strings.Split(words, " ") {
		name := strings.Trim(word, ".,;:()'")
		property := t.property(r.Type, name)
		if property == "" {
			out = append(out, word)
			continue
		}
		if i > 0 && out[i-1] == "an" && !strings.ContainsAny(property[:1], "AEIOUaeiou") {
			out[i-1] = "a"
		}
		out = append(out, strings.Replace(word, name, property, 1))
	}
	return strings.Join(out, " ")
}

// Part tells whether resources of a Terraform type are only ever a part of another one: where that one is not in the code, the first
// part stands for it.
func Part(typ string) bool {
	t, err := embedded()
	if err != nil {
		return false
	}
	_, own := t.text[typ]
	return !own && len(t.partOf[typ]) > 0
}

// property returns the property that a Terraform argument, a block or a part's type sets; "" where no line says.
func (t *Tables) property(typ, argument string) string {
	if !strings.Contains(argument, "_") {
		return ""
	}
	steps := strings.Split(argument, ".")
	block := ""
	for _, name := range declared()[strings.ToLower(typ)] {
		e, err := t.entry(name)
		if err != nil || e == nil {
			continue
		}
		for _, p := range e.parts {
			if lines := p.lines; p.tf == steps[0] {
				if len(steps) == 1 {
					return firstStep(lines)
				}
				if exact, _ := propertyIn(lines, steps[1:]); exact != "" {
					return exact
				}
			}
		}
		lines := e.lines
		for _, p := range e.parts {
			lines = append(slices.Clip(lines), p.lines...)
		}
		exact, around := propertyIn(lines, steps)
		if exact != "" {
			return exact
		}
		if block == "" {
			block = around
		}
	}
	return block
}

// propertyIn finds the property that an argument sets exactly, and the one that a block around arguments becomes.
func propertyIn(lines []line, steps []string) (exact, block string) {
	for i := range lines {
		l := &lines[i]
		if l.hang != "" || len(l.left) != 1 {
			continue
		}
		left := strings.Split(plainPath(l.left[0]), ".")
		at := slices.Index(left, steps[0])
		if at < 0 || at+len(steps) > len(left) || !slices.Equal(left[at:at+len(steps)], steps) {
			continue
		}
		below := len(left) - at - len(steps)
		switch {
		case below == 0 && (exact == "" || at == 0):
			exact = written(l.right)
		case below > 0 && below < len(l.right) && block == "":
			block = written(l.right[:len(l.right)-below])
		}
	}
	return exact, block
}

// written is a path in words: an element that is found by one of its members stands with it.
func written(steps []step) string {
	names := make([]string, len(steps))
	for i, s := range steps {
		if names[i] = s.name; s.key != "" {
			names[i] += "[" + s.key + "=" + s.value + "]"
		}
	}
	return strings.Join(names, ".")
}

// firstStep is the first step of what all lines set, "" where they differ.
func firstStep(lines []line) string {
	first := ""
	for i := range lines {
		if lines[i].hang != "" || len(lines[i].right) == 0 {
			continue
		}
		name := lines[i].right[0].name
		if first != "" && first != name {
			return ""
		}
		first = name
	}
	return first
}

// declared lists the Terraform types that become a provider-form type, by that type in lower case. It is made when it is first asked for.
var declared = sync.OnceValue(func() map[string][]string {
	out := map[string][]string{}
	t, err := embedded()
	if err != nil {
		return out
	}
	for name, src := range t.text {
		if _, after, ok := strings.Cut(src.text, "  into: "); ok {
			typ, _, _ := strings.Cut(after, "\n")
			typ = strings.ToLower(strings.TrimSpace(typ))
			out[typ] = append(out[typ], name)
		}
	}
	for _, names := range out {
		sort.Strings(names)
	}
	return out
})
