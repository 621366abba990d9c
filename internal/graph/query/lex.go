package query

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Error is a fault in the text of a query, or something that it may not do.
type Error struct {
	Line, Col int // from 1, columns in characters
	Text      string
}

func (e *Error) Error() string { return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Col, e.Text) }

// errorAt places an error.
func errorAt(text string, pos int, format string, args ...any) *Error {
	head := text[:min(pos, len(text))]
	line := strings.Count(head, "\n")
	return &Error{Line: line + 1, Col: utf8.RuneCountInString(head[strings.LastIndexByte(head, '\n')+1:]) + 1, Text: fmt.Sprintf(format, args...)}
}

type tokenKind uint8

const (
	tEnd tokenKind = iota
	tName
	tQuoted // a name in backticks
	tString
	tNumber
	tSymbol
)

type token struct {
	kind     tokenKind
	text     string // of a string its content
	pos, end int
}

// symbols of two characters; all others have one.
var symbols = []string{"<=", ">=", "<>", "=~", ".."}

// lex cuts a query into tokens, the last of which is tEnd.
func lex(text string) ([]token, error) {
	var out []token
	for i := 0; ; {
		i = skipSpace(text, i)
		if i < 0 {
			return nil, errorAt(text, strings.LastIndex(text, "/*"), "the comment is not closed: end it with */")
		}
		if i == len(text) {
			return append(out, token{kind: tEnd, pos: i, end: i}), nil
		}
		t, err := lexOne(text, i)
		if err != nil {
			return nil, err
		}
		out = append(out, t)
		i = t.end
	}
}

// skipSpace skips space and comments; -1 for a comment without an end.
func skipSpace(text string, i int) int {
	for i < len(text) {
		switch {
		case strings.HasPrefix(text[i:], "//"):
			if n := strings.IndexByte(text[i:], '\n'); n >= 0 {
				i += n
			} else {
				i = len(text)
			}
		case strings.HasPrefix(text[i:], "/*"):
			n := strings.Index(text[i+2:], "*/")
			if n < 0 {
				return -1
			}
			i += n + 4
		default:
			r, size := utf8.DecodeRuneInString(text[i:])
			if !unicode.IsSpace(r) {
				return i
			}
			i += size
		}
	}
	return i
}

func lexOne(text string, i int) (token, error) {
	r, size := utf8.DecodeRuneInString(text[i:])
	switch {
	case r == '\'' || r == '"':
		return lexString(text, i)
	case r == '`':
		n := strings.IndexByte(text[i+1:], '`')
		if n < 0 {
			return token{}, errorAt(text, i, "the name is not closed: end it with `")
		}
		return token{tQuoted, text[i+1 : i+1+n], i, i + n + 2}, nil
	case r >= '0' && r <= '9':
		return lexNumber(text, i), nil
	case r == '_' || unicode.IsLetter(r):
		end := i
		for end < len(text) {
			r, size := utf8.DecodeRuneInString(text[end:])
			if r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) {
				break
			}
			end += size
		}
		return token{tName, text[i:end], i, end}, nil
	}
	for _, s := range symbols {
		if strings.HasPrefix(text[i:], s) {
			return token{tSymbol, s, i, i + 2}, nil
		}
	}
	if strings.ContainsRune("()[]{}.,:|=<>+-*/%^", r) {
		return token{tSymbol, text[i : i+size], i, i + size}, nil
	}
	if r == '$' {
		return token{}, errorAt(text, i, "parameters are not known here: write the value itself")
	}
	return token{}, errorAt(text, i, "%q has no meaning here", r)
}

func lexNumber(text string, i int) token {
	end := i
	digits := func() {
		for end < len(text) && text[end] >= '0' && text[end] <= '9' {
			end++
		}
	}
	digits()
	if end+1 < len(text) && text[end] == '.' && text[end+1] >= '0' && text[end+1] <= '9' {
		end++
		digits()
	}
	return token{tNumber, text[i:end], i, end}
}

func lexString(text string, i int) (token, error) {
	quote := text[i]
	var b strings.Builder
	for k := i + 1; k < len(text); k++ {
		c := text[k]
		if c == quote {
			return token{tString, b.String(), i, k + 1}, nil
		}
		if c != '\\' || k+1 == len(text) {
			b.WriteByte(c)
			continue
		}
		k++
		switch e := text[k]; e {
		case 'n':
			b.WriteByte('\n')
		case 't':
			b.WriteByte('\t')
		case 'r':
			b.WriteByte('\r')
		case '\\', '\'', '"', '`':
			b.WriteByte(e)
		case 'u':
			n, err := strconv.ParseUint(text[k+1:min(k+5, len(text))], 16, 32)
			if err != nil || k+5 > len(text) {
				return token{}, errorAt(text, k-1, `\u needs four hexadecimal digits`)
			}
			b.WriteRune(rune(n))
			k += 4
		default: // a pattern of =~ keeps its backslashes
			b.WriteByte('\\')
			b.WriteByte(e)
		}
	}
	return token{}, errorAt(text, i, "the text is not closed: end it with %c", quote)
}
