package iam

import (
	"slices"
	"strings"

	"github.com/plinthsec/plinth/internal/value"
)

// maxParts bounds the variables of one text.
const maxParts = 64

// text is one text of a policy: a resource or a value of a condition, with wildcards, variables, or unknown.
type text struct {
	glob  string // the whole pattern where there are no variables
	parts []part // else, in their order
	open  *Leaf  // the text is not known from the code
	shown string // as it is written
}

// part is a piece of a pattern, or a variable: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html.
type part struct {
	glob     string
	key      string // in lower case
	instead  string // what stands for a key that is absent
	hasOther bool
}

// textOf reads a text. Variables count only where the policy's version knows them, wildcards only where wild says so.
func textOf(s string, variables, wild bool) text {
	t := text{shown: s}
	pattern := literalOf
	if wild {
		pattern = globOf
	}
	if !variables || !strings.Contains(s, "${") {
		t.glob = pattern(s)
		return t
	}
	var parts []part
	add := func(glob string) {
		if n := len(parts); n > 0 && parts[n-1].key == "" {
			parts[n-1].glob += glob
		} else if glob != "" {
			parts = append(parts, part{glob: glob})
		}
	}
	for rest := s; rest != ""; {
		head, tail, ok := strings.Cut(rest, "${")
		name, after, closed := strings.Cut(tail, "}")
		if !ok || !closed || len(parts) >= maxParts {
			add(pattern(rest))
			break
		}
		add(pattern(head))
		switch name = strings.TrimSpace(name); name {
		case "*", "?", "$":
			add(name)
		default:
			key, other, has := strings.Cut(name, ",")
			parts = append(parts, part{
				key: strings.ToLower(strings.TrimSpace(key)), hasOther: has,
				instead: strings.Trim(strings.TrimSpace(other), "'"),
			})
		}
		rest = after
	}
	if len(parts) <= 1 && !slices.ContainsFunc(parts, func(p part) bool { return p.key != "" }) {
		for _, p := range parts {
			t.glob = p.glob
		}
		return t
	}
	t.parts = parts
	return t
}

// resolve fills the variables in. It is False where one of them has no value, and Undecided where one may have any: pattern has a
// star there.
func (t *text) resolve(c *Context) (pattern string, truth value.Truth) {
	if t.open != nil {
		return string(rune(many)), value.Undecided
	}
	if t.parts == nil {
		return t.glob, value.True
	}
	var b strings.Builder
	truth = value.True
	for i := range t.parts {
		p := &t.parts[i]
		if p.key == "" {
			b.WriteString(p.glob)
			continue
		}
		values, known := c.lookup(p.key)
		switch {
		case known == undecided:
			b.WriteByte(many)
			truth = value.Undecided
		case known == present && len(values) == 1:
			b.WriteString(literalOf(values[0]))
		case known == absent && p.hasOther:
			b.WriteString(literalOf(p.instead))
		default:
			return "", value.False
		}
	}
	return b.String(), truth
}

// match tells whether the text matches s. Where a variable or the text itself is unknown, it is Undecided as long as some value
// would match.
func (t *text) match(s string, c *Context, how func(pattern, s string) bool) value.Truth {
	if t.parts == nil && t.open == nil {
		return value.TruthOf(how(t.glob, s))
	}
	pattern, truth := t.resolve(c)
	if truth == value.False || !how(pattern, s) {
		return value.False
	}
	return truth
}

// leaf is what must hold for the text to match where match is Undecided.
func (t *text) leaf() *Leaf {
	if t.open != nil {
		return t.open
	}
	var keys []string
	for _, p := range t.parts {
		if p.key != "" {
			keys = append(keys, p.key)
		}
	}
	return newLeaf("ResourceLike", strings.Join(keys, ","), []string{t.shown})
}

// unknownText is a text that the code does not tell.
func unknownText(why []string) text {
	return text{open: Because(why...), shown: "{" + strings.Join(why, ", ") + "}"}
}

// foldGlob compares without case.
func foldGlob(pattern, s string) bool { return glob(strings.ToLower(pattern), strings.ToLower(s)) }

// arnGlob compares two ARNs part by part; a star alone matches every ARN. The sixth part may hold colons.
func arnGlob(pattern, s string) bool {
	if pattern == string(rune(many)) {
		return true
	}
	for range 5 {
		p, restP, okP := strings.Cut(pattern, ":")
		v, restV, okV := strings.Cut(s, ":")
		if !okP || !okV || !glob(p, v) {
			return false
		}
		pattern, s = restP, restV
	}
	return glob(pattern, s)
}
