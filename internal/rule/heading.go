package rule

import "strings"

// heading is what a rule file is found by.
type heading struct {
	id      string
	aliases []string
	on      []string
	cut     int // where the examples begin; the length of the text where they do not stand last
}

// headingOf picks the names from a rule file without parsing it. What it cannot read the parser complains about.
func headingOf(text string) heading {
	h := heading{cut: len(text)}
	for at := 0; at < len(text); {
		end := at + fieldEnd(text[at:])
		field := text[at:end]
		key, rest, ok := strings.Cut(field, ":")
		if ok {
			switch key {
			case "id":
				if w := words(rest); len(w) > 0 {
					h.id = w[0]
				}
			case "aliases":
				h.aliases = words(rest)
			case "on":
				h.on = words(rest)
			case "examples":
				if end == len(text) {
					h.cut = at
				}
			}
		}
		at = end
	}
	return h
}

// fieldEnd returns the length of the first field of a map that begins in column 1: up to the next line that begins with a
// letter.
func fieldEnd(text string) int {
	at := 0
	for {
		i := strings.IndexByte(text[at:], '\n')
		if i < 0 {
			return len(text)
		}
		at += i + 1
		if at < len(text) && (text[at] >= 'a' && text[at] <= 'z' || text[at] >= 'A' && text[at] <= 'Z') {
			return at
		}
	}
}

// words splits a scalar or a list of scalars, in flow or block form.
func words(s string) []string {
	var out []string
	for s != "" {
		switch c := s[0]; {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == ',' || c == '[' || c == ']':
			s = s[1:]
		case c == '-' && (len(s) == 1 || s[1] == ' '):
			s = s[1:]
		case c == '#':
			i := strings.IndexByte(s, '\n')
			if i < 0 {
				return out
			}
			s = s[i:]
		case c == '"' || c == '\'':
			i := strings.IndexByte(s[1:], c)
			if i < 0 {
				return out
			}
			out, s = append(out, s[1:i+1]), s[i+2:]
		default:
			i := strings.IndexAny(s, ",]\n\r")
			if i < 0 {
				i = len(s)
			}
			word := s[:i]
			if k := strings.Index(word, " #"); k >= 0 {
				word, i = word[:k], k
			}
			out, s = append(out, strings.TrimSpace(word)), s[i:]
		}
	}
	return out
}

// head is the text without its examples where these stand last: a scan of a small repository needs nothing of them.
func (e *entry) head() string { return e.data[:e.cut] }
