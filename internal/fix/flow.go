package fix

import (
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// addFlow puts a key into a mapping in flow style, { … }, which JSON is too: behind the last entry, on a line of its own where the closing
// brace has one.
func addFlow(p *page, n *yaml.Node, path []string, value *yaml.Node) []Edit {
	if n.Line < 1 || n.Line > len(p.lines) {
		return nil
	}
	open := p.at[n.Line-1] + n.Column - 1
	if open >= len(p.src) || p.src[open] != '{' {
		return nil
	}
	end := closing(p.src, open)
	if end < 0 {
		return nil
	}
	quoted := strings.HasSuffix(strings.ToLower(p.path), ".json") || len(n.Content) > 0 && n.Content[0].Style&yaml.DoubleQuotedStyle != 0
	var b strings.Builder
	for i, k := range path {
		b.WriteString(flowKey(k, quoted) + ": ")
		if i < len(path)-1 {
			b.WriteByte('{')
		}
	}
	flow(&b, value, quoted)
	b.WriteString(strings.Repeat("}", len(path)-1))
	said := strings.TrimRight(p.src[open+1:end], " \t\r\n")
	at := open + 1 + len(said)
	text := b.String()
	switch {
	case said == "":
	case strings.Contains(p.src[at:end], "\n"):
		line := p.lines[n.Content[0].Line-1]
		text = ",\n" + line[:len(line)-len(strings.TrimLeft(line, " \t"))] + text
	default:
		text = ", " + text
	}
	return []Edit{{Path: p.path, From: at, To: at, Text: strings.TrimPrefix(text, commaBehind(said))}}
}

// commaBehind is the comma that YAML allows behind the last entry.
func commaBehind(said string) string {
	if strings.HasSuffix(said, ",") {
		return ","
	}
	return ""
}

// closing is the place of the brace that closes the one at open; -1 where there is none. Quoted text and comments of YAML are skipped.
func closing(src string, open int) int {
	depth := 0
	for i := open; i < len(src); i++ {
		switch c := src[i]; c {
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i
			}
		case '"', '\'':
			for i++; i < len(src) && src[i] != c; i++ {
				if c == '"' && src[i] == '\\' {
					i++
				}
			}
		case '#':
			if i > 0 && (src[i-1] == ' ' || src[i-1] == '\n' || src[i-1] == '\t') {
				for i < len(src) && src[i] != '\n' {
					i++
				}
			}
		}
	}
	return -1
}

func flowKey(k string, quoted bool) string {
	if quoted {
		return strconv.Quote(k)
	}
	return k
}

// flow writes a value in flow style.
func flow(b *strings.Builder, n *yaml.Node, quoted bool) {
	switch n.Kind {
	case yaml.SequenceNode:
		b.WriteByte('[')
		for i, e := range n.Content {
			if i > 0 {
				b.WriteString(", ")
			}
			flow(b, e, quoted)
		}
		b.WriteByte(']')
	case yaml.MappingNode:
		b.WriteByte('{')
		for i := 0; i+1 < len(n.Content); i += 2 {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(flowKey(n.Content[i].Value, quoted) + ": ")
			flow(b, n.Content[i+1], quoted)
		}
		b.WriteByte('}')
	default:
		if quoted && n.Tag == "!!str" {
			b.WriteString(strconv.Quote(n.Value))
			return
		}
		b.WriteString(written(n))
	}
}
