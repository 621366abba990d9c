package pipeline

import "strings"

// tokenKind is what a token of Groovy is.
type tokenKind uint8

const (
	wordToken tokenKind = iota
	textToken
	numberToken
	markToken // an operator or a bracket
	lineToken // the end of a line
	endToken
)

// token is a piece of Groovy: bytes from to to of the text.
type token struct {
	kind     tokenKind
	from, to int
	text     string   // a word, a mark, or what stands between the quotes of a text
	pasted   [][2]int // the expressions that a text pastes: where they begin and end
}

const (
	maxTokens = 300_000 // of one file; long pipelines have ten thousand
	maxPasted = 4 << 10 // bytes of an expression in a text; longer ones are no expressions
)

// tokens splits Groovy. Lost is the first byte of what has no end, -1 where there is none.
func tokens(text string) (out []token, lost int) {
	lost = -1
	for at := 0; at < len(text); {
		if len(out) >= maxTokens {
			lost = at
			break
		}
		c, from := text[at], at
		rest := text[at:]
		switch {
		case c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\\':
			at++
		case c == '\n':
			at++
			if len(out) == 0 || out[len(out)-1].kind != lineToken {
				out = append(out, token{kind: lineToken, from: from, to: at, text: "\n"})
			}
		case strings.HasPrefix(rest, "//") || strings.HasPrefix(rest, "#!") && at == 0:
			at += strings.IndexByte(rest+"\n", '\n')
		case strings.HasPrefix(rest, "/*"):
			end := strings.Index(text[at+2:], "*/")
			if end < 0 {
				return append(out, token{kind: endToken, from: len(text), to: len(text)}), at
			}
			at += end + 4
		case c == '\'' || c == '"' || c == '/' && slashy(out) || strings.HasPrefix(rest, "$/"):
			t, end := quotedText(text, at)
			if end < 0 {
				if c == '/' { // a division after all
					at++
					out = append(out, token{kind: markToken, from: from, to: at, text: "/"})
					continue
				}
				return append(out, token{kind: endToken, from: len(text), to: len(text)}), at
			}
			at = end
			out = append(out, t)
		case letter(c):
			for at < len(text) && (letter(text[at]) || digit(text[at])) {
				at++
			}
			out = append(out, token{kind: wordToken, from: from, to: at, text: text[from:at]})
		case digit(c):
			for at < len(text) && (letter(text[at]) || digit(text[at])) {
				at++
			}
			out = append(out, token{kind: numberToken, from: from, to: at, text: text[from:at]})
		default:
			at++
			for _, m := range []string{"==~", "<<", "->", "?.", "?:", "==", "!=", "+=", "-=", "&&", "||", "=~", "::", "<=", ">="} {
				if strings.HasPrefix(rest, m) {
					at = from + len(m)
					break
				}
			}
			out = append(out, token{kind: markToken, from: from, to: at, text: text[from:at]})
		}
	}
	return append(out, token{kind: endToken, from: len(text), to: len(text)}), lost
}

func letter(c byte) bool {
	return c == '_' || c == '$' || c == '@' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// slashy tells whether a slash begins a text: where no operand stands before it.
func slashy(before []token) bool {
	if len(before) == 0 {
		return true
	}
	switch last := before[len(before)-1]; last.kind {
	case markToken:
		return last.text != ")" && last.text != "]" && last.text != "}"
	case lineToken:
		return true
	case wordToken:
		return last.text == "return"
	}
	return false
}

// quotedText reads a text with its quotes; end is -1 where it does not end.
func quotedText(text string, at int) (t token, end int) {
	rest := text[at:]
	open, last := rest[:1], rest[:1]
	switch {
	case strings.HasPrefix(rest, `'''`), strings.HasPrefix(rest, `"""`):
		open, last = rest[:3], rest[:3]
	case strings.HasPrefix(rest, "$/"):
		open, last = "$/", "/$"
	}
	t = token{kind: textToken, from: at}
	pastes := open[0] != '\''
	for i := at + len(open); i < len(text); {
		switch c := text[i]; {
		case strings.HasPrefix(text[i:], last):
			end = i + len(last)
			if len(last) == 3 { // a quote before the three that end the text belongs to it
				for end < len(text) && text[end] == last[0] {
					end++
				}
			}
			t.to, t.text = end, text[at+len(open):end-len(last)]
			return t, end
		case c == '\\' && open != "$/":
			i += 2
		case c == '\n' && len(open) == 1:
			return t, -1
		case c == '$' && pastes && i+1 < len(text):
			from, to, next := pastedAt(text, i)
			if next > 0 {
				t.pasted = append(t.pasted, [2]int{from, to})
				i = next
			} else {
				i++
			}
		default:
			i++
		}
	}
	return t, -1
}

// pastedAt reads the $NAME or ${…} at byte i: where its expression begins and ends, and where the text goes on; 0 where there is none.
func pastedAt(text string, i int) (from, to, next int) {
	if text[i+1] != '{' {
		j := i + 1
		for j < len(text) && text[j] != '$' && text[j] != '@' && (letter(text[j]) || j > i+1 && (digit(text[j]) || text[j] == '.' && j+1 < len(text) && letter(text[j+1]))) {
			j++
		}
		if j == i+1 {
			return 0, 0, 0
		}
		return i + 1, j, j
	}
	depth := 0
	for j := i + 1; j < min(len(text), i+maxPasted); j++ {
		switch text[j] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i + 2, j, j + 1
			}
		case '\n':
			if depth == 0 {
				return 0, 0, 0
			}
		}
	}
	return 0, 0, 0
}
