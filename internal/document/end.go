package document

import (
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// The YAML parser tells where a node begins; where it ends is looked up in the text.

// content returns the byte at which the content of a node begins, after its anchor and tag.
func (y *yamlText) content(n *yaml.Node) int {
	at := y.offset(n)
	for n.Anchor != "" || n.Style&yaml.TaggedStyle != 0 {
		rest := y.lines.text[at:]
		if !strings.HasPrefix(rest, "&") && !strings.HasPrefix(rest, "!") {
			break
		}
		word := strings.IndexAny(rest, " \t\r\n,]}")
		if word < 0 {
			return len(y.lines.text)
		}
		at = skipSpace(y.lines.text, at+word)
	}
	return at
}

// skipSpace returns the next byte from at on that is neither white space nor part of a comment.
func skipSpace(text string, at int) int {
	for at < len(text) {
		switch text[at] {
		case ' ', '\t', '\r', '\n':
			at++
		case '#':
			n := strings.IndexByte(text[at:], '\n')
			if n < 0 {
				return len(text)
			}
			at += n
		default:
			return at
		}
	}
	return at
}

// closing returns the byte after a collection whose last element ends at end.
func (y *yamlText) closing(n *yaml.Node, end int, bracket byte) int {
	if n.Style&yaml.FlowStyle == 0 {
		return end
	}
	if len(n.Content) == 0 {
		end = y.content(n) + 1
	}
	text := y.lines.text
	at := skipSpace(text, end)
	if at < len(text) && text[at] == ',' {
		at = skipSpace(text, at+1)
	}
	if at < len(text) && text[at] == bracket {
		return at + 1
	}
	return min(end, len(text))
}

func (y *yamlText) endOfScalar(n *yaml.Node) int {
	if n.Value == "" && n.Tag == "!!null" && n.Anchor == "" && n.Style == 0 {
		return y.offset(n) // nothing is written: key:
	}
	text, at := y.lines.text, y.content(n)
	rest := text[min(at, len(text)):]
	switch {
	case n.Style&yaml.DoubleQuotedStyle != 0 && strings.HasPrefix(rest, `"`):
		for i := 1; i < len(rest); i++ {
			switch rest[i] {
			case '\\':
				i++
			case '"':
				return at + i + 1
			}
		}
	case n.Style&yaml.SingleQuotedStyle != 0 && strings.HasPrefix(rest, "'"):
		for i := 1; i < len(rest); i++ {
			if rest[i] == '\'' {
				if i++; i == len(rest) || rest[i] != '\'' {
					return at + i
				}
			}
		}
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		return at + endOfBlock(rest, n.Value)
	case strings.HasPrefix(rest, n.Value):
		return at + len(n.Value)
	default:
		return at + endOfPlain(rest, n.Value)
	}
	return at
}

// endOfPlain finds the end of a plain scalar of several lines: its characters follow each other with other white space.
func endOfPlain(text, value string) int {
	i := 0
	for _, r := range value {
		if strings.ContainsRune(" \t\n\r", r) {
			continue
		}
		for i < len(text) && strings.IndexByte(" \t\r\n", text[i]) >= 0 {
			i++
		}
		if i+utf8.RuneLen(r) > len(text) {
			break
		}
		i += utf8.RuneLen(r)
	}
	return i
}

// endOfBlock finds the end of a literal or folded scalar: the last line that is indented as its first one with content.
func endOfBlock(text, value string) int {
	i := strings.IndexByte(text, '\n')
	if i < 0 {
		return len(text)
	}
	end := i - trailingCR(text[:i])
	if strings.TrimSpace(value) == "" {
		return end
	}
	indent := -1
	for i++; i < len(text); {
		line := text[i:]
		if n := strings.IndexByte(line, '\n'); n >= 0 {
			line = line[:n]
		}
		next := i + len(line) + 1
		line = line[:len(line)-trailingCR(line)]
		if body := strings.TrimLeft(line, " "); body != "" {
			if indent < 0 {
				indent = len(line) - len(body) - leadingSpaces(value)
			}
			if len(line)-len(body) < indent {
				break
			}
			end = i + len(line)
		}
		i = next
	}
	return end
}

func trailingCR(line string) int {
	if strings.HasSuffix(line, "\r") {
		return 1
	}
	return 0
}

// leadingSpaces counts the spaces before the first line of a value that is not empty.
func leadingSpaces(value string) int {
	value = strings.TrimLeft(value, "\n")
	return len(value) - len(strings.TrimLeft(value, " "))
}
