package iam

import (
	"strings"
	"unicode/utf8"
)

// Two bytes that no valid text of a policy needs stand for the wildcards, so that ${*} can be an ordinary star.
const (
	many = '\x00' // * in the policy: any text, the empty one included
	one  = '\x01' // ? in the policy: one character
)

// Matching costs the product of the lengths at worst. The longest ARN of a provider has 2,048 bytes.
const (
	maxGlob    = 4096
	maxOverlap = 1 << 20 // of the product, where two patterns are compared
)

// globOf turns the text of a policy, where * and ? are wildcards, into a pattern. Repeated stars fold into one, and ? moves in
// front of a star beside it, so that equal languages mostly have equal patterns.
func globOf(s string) string {
	if !strings.ContainsAny(s, "*?\x00\x01") {
		return s
	}
	return tidy(strings.Map(func(r rune) rune {
		switch r {
		case '*':
			return many
		case '?':
			return one
		case many, one:
			return utf8.RuneError
		}
		return r
	}, s))
}

// literalOf turns a text that has no wildcards into a pattern that matches it alone.
func literalOf(s string) string {
	if strings.IndexByte(s, many) < 0 && strings.IndexByte(s, one) < 0 {
		return s
	}
	return strings.Map(func(r rune) rune {
		if r == many || r == one {
			return utf8.RuneError
		}
		return r
	}, s)
}

func tidy(pattern string) string {
	var b strings.Builder
	star := false
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; {
		case c == many:
			star = true
		case c == one:
			b.WriteByte(c)
		default:
			if star {
				b.WriteByte(many)
				star = false
			}
			b.WriteByte(c)
		}
	}
	if star {
		b.WriteByte(many)
	}
	return b.String()
}

// plainGlob tells whether a pattern has no wildcard.
func plainGlob(pattern string) bool {
	for i := 0; i < len(pattern); i++ {
		if pattern[i] <= one {
			return false
		}
	}
	return true
}

// glob tells whether the pattern matches the text. Where the text is a pattern itself, it tells whether all that the text matches
// is matched: a star of the text is swallowed by a star only.
func glob(pattern, s string) bool {
	if len(pattern) > maxGlob || len(s) > maxGlob {
		return pattern == s || pattern == string(rune(many))
	}
	i, j := 0, 0
	for i < len(pattern) && j < len(s) && pattern[i] == s[j] && pattern[i] > one {
		i++
		j++
	}
	star, mark := -1, 0
	for j < len(s) {
		switch {
		case i < len(pattern) && pattern[i] == many:
			i++
			if i == len(pattern) {
				return true
			}
			star, mark = i, j
		case i < len(pattern) && pattern[i] == s[j]:
			i++
			j++
		case i < len(pattern) && pattern[i] == one && s[j] != many:
			i++
			j += runeLen(s, j)
		case star >= 0:
			mark++
			i, j = star, mark
		default:
			return false
		}
	}
	for i < len(pattern) && pattern[i] == many {
		i++
	}
	return i == len(pattern)
}

func runeLen(s string, at int) int {
	if s[at] < utf8.RuneSelf {
		return 1
	}
	_, n := utf8.DecodeRuneInString(s[at:])
	return n
}

// overlap tells whether some text is matched by both patterns.
func overlap(a, b string) bool {
	if plainGlob(a) {
		return glob(b, a)
	}
	if plainGlob(b) {
		return glob(a, b)
	}
	for i := 0; i < len(a) && i < len(b) && a[i] != many && b[i] != many; i++ {
		if a[i] != b[i] && a[i] != one && b[i] != one {
			return false
		}
	}
	if len(a)*len(b) > maxOverlap {
		return true // no proof that they are apart
	}
	// rows[j]: a[i:] and b[j:] have a text in common.
	below, row := make([]bool, len(b)+1), make([]bool, len(b)+1)
	for i := len(a); i >= 0; i-- {
		for j := len(b); j >= 0; j-- {
			switch {
			case i == len(a) && j == len(b):
				row[j] = true
			case i < len(a) && a[i] == many:
				row[j] = below[j] || j < len(b) && row[j+1]
			case j < len(b) && b[j] == many:
				row[j] = row[j+1] || i < len(a) && below[j]
			case i == len(a) || j == len(b):
				row[j] = false
			default:
				row[j] = (a[i] == b[j] || a[i] == one || b[j] == one) && below[j+1]
			}
		}
		below, row = row, below
	}
	return below[0]
}

// shown gives a pattern the form that it has in a policy.
func shown(pattern string) string {
	if plainGlob(pattern) {
		return pattern
	}
	return strings.Map(func(r rune) rune {
		switch r {
		case many:
			return '*'
		case one:
			return '?'
		}
		return r
	}, pattern)
}
