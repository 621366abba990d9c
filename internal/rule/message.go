package rule

import (
	"strings"
)

// Part is a piece of a message: a text, or the value or the user's name of a property.
type Part struct {
	Text string
	Path []string // from e or c, then from p, as At; nil for a text
	From Variable // what Path starts from when Root is set
	Root bool     // the path names its variable
	Name bool     // the user's name of the property, not its value
}

// parseMessage reads a message with {{path}} and {{src path}} in it. fault tells what is wrong with it.
func parseMessage(s string) (parts []Part, fault string) {
	for s != "" {
		before, rest, ok := strings.Cut(s, "{{")
		if before != "" {
			parts = append(parts, Part{Text: before})
		}
		if !ok {
			return parts, ""
		}
		inner, after, ok := strings.Cut(rest, "}}")
		if !ok {
			return nil, "the message has a {{ without }}"
		}
		inner = strings.TrimSpace(inner)
		p := Part{}
		if name, ok := strings.CutPrefix(inner, "src "); ok {
			p.Name, inner = true, strings.TrimSpace(name)
		}
		steps, ok := splitPath(inner)
		if !ok {
			return nil, "{{" + inner + "}} is no property path, as A.B"
		}
		for i, n := range names {
			if steps[0] == n && len(steps) > 1 {
				p.Root, p.From, steps = true, Variable(i), steps[1:]
				break
			}
		}
		p.Path = steps
		parts, s = append(parts, p), after
	}
	return parts, ""
}
