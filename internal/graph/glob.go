package graph

import "strings"

// matches tells whether a text, which is known, fits a pattern in which * is any text. An empty text fits none.
func matches(pattern, text string) bool {
	if text == "" {
		return false
	}
	p, t := 0, 0
	star, again := -1, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, again = p, t
			p++
		case p < len(pattern) && pattern[p] == text[t]:
			p++
			t++
		case star >= 0:
			again++
			p, t = star+1, again
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// fits tells whether a pattern in which * is any text and a name in which {braces} are any text can mean the same.
func fits(pattern, name string) bool {
	brace := strings.IndexByte(name, '{')
	if brace < 0 {
		return matches(pattern, name)
	}
	head := brace
	if star := strings.IndexByte(pattern, '*'); star >= 0 {
		head = min(head, star)
	}
	head = min(head, len(pattern))
	if pattern[:head] != name[:head] || len(name) > maxPattern {
		return false
	}
	return meets(pattern[head:], spots(name[head:]))
}

// spot is one place of a name: a byte, or any text.
type spot struct {
	char byte
	any  bool
}

// spots reads the braces of a name; one that is not closed is itself.
func spots(name string) []spot {
	out := make([]spot, 0, len(name))
	for i := 0; i < len(name); i++ {
		if name[i] == '{' {
			if n := closed(name[i:]); n > 0 {
				out = append(out, spot{any: true})
				i += n - 1
				continue
			}
		}
		out = append(out, spot{char: name[i]})
	}
	return out
}

// closed returns the length of the braces that a text begins with, 0 where they are not closed.
func closed(text string) int {
	depth := 0
	for i := range len(text) {
		switch text[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return 0
}

// meets walks all ways to read both at once: now[j] tells whether the pattern so far and the first j spots can be one text.
func meets(pattern string, name []spot) bool {
	now, next := make([]bool, len(name)+1), make([]bool, len(name)+1)
	now[0] = true
	for i := 0; i <= len(pattern); i++ {
		clear(next)
		star := i < len(pattern) && pattern[i] == '*'
		for j := 0; j <= len(name); j++ {
			if !now[j] {
				continue
			}
			any := j < len(name) && name[j].any
			if j < len(name) && (star || any) {
				now[j+1] = true
			}
			if i < len(pattern) && (star || any) {
				next[j] = true
			}
			if i < len(pattern) && j < len(name) && !star && !any && pattern[i] == name[j].char {
				next[j+1] = true
			}
		}
		if i < len(pattern) {
			now, next = next, now
		}
	}
	return now[len(name)]
}
