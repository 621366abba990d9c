package ai

import (
	"slices"
	"strings"
)

const (
	maxTokens = 2_000_000 // of one file: a program of a hundred thousand lines has a million
	maxNested = 200       // brackets inside brackets of one call
)

// language is how a program is read.
type language uint8

const (
	noLanguage language = iota
	python
	script // JavaScript and TypeScript
	golang
)

func languageOf(name string) language {
	switch ext := name[strings.LastIndexByte(name, '.')+1:]; strings.ToLower(ext) {
	case "py", "pyi", "ipynb":
		return python
	case "js", "mjs", "cjs", "jsx", "ts", "mts", "cts", "tsx":
		return script
	case "go":
		return golang
	}
	return noLanguage
}

type tokenKind uint8

const (
	name   tokenKind = iota // an identifier, or identifiers joined by dots
	text                    // a string, without its quotes
	number                  // digits
	mark                    // one byte of punctuation
)

// token is a word of a program. Interpolated texts (f"…", `…`) are marked: what stands in their braces is code.
type token struct {
	kind  tokenKind
	s     string
	inter bool
	line  int32
	col   int32
}

// lexer splits a program into tokens. It knows comments, strings and brackets and nothing else of the language.
type lexer struct {
	lang  language
	data  string
	at    int
	line  int32
	start int // of the line
	out   []token
}

// lex appends the tokens of a program to room, which it may be in; a program that is too long is cut. No token refers to data.
func lex(lang language, data []byte, room []token) []token {
	l := &lexer{lang: lang, data: string(data), line: 1, out: slices.Grow(room[:0], len(data)/8)}
	for l.at < len(data) && len(l.out) < maxTokens {
		l.next()
	}
	return l.out
}

// inWord are the bytes of identifiers.
var inWord = func() (is [256]bool) {
	for c := range is {
		is[c] = c >= 'a' && c <= 'z' || c == '_' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '$' || c >= 0x80
	}
	return is
}()

func isWord(c byte) bool { return inWord[c] }

// marks are the bytes of punctuation, so that none is allocated.
var marks = func() string {
	var b [0x80]byte
	for i := range b {
		b[i] = byte(i)
	}
	return string(b[:])
}()

func (l *lexer) next() {
	c := l.data[l.at]
	rest := l.data[l.at:]
	switch {
	case c == '\n':
		l.at++
		l.line++
		l.start = l.at
	case c == ' ' || c == '\t' || c == '\r':
		for l.at++; l.at < len(l.data) && l.data[l.at] == ' '; l.at++ {
		}
	case c < 0x80 && isWord(c):
		l.word()
	case l.lang == python && c == '#':
		l.skip(strings.IndexByte(rest, '\n'))
	case l.lang != python && strings.HasPrefix(rest, "//"):
		l.skip(strings.IndexByte(rest, '\n'))
	case l.lang != python && strings.HasPrefix(rest, "/*"):
		end := strings.Index(rest[2:], "*/")
		if end >= 0 {
			end += 4
		}
		l.skip(end)
	case c == '"' || c == '\'' || c == '`':
		l.quoted("")
	case isWord(c):
		l.word()
	default:
		l.add(mark, marks[c:c+1], false)
		l.at++
	}
}

func (l *lexer) add(k tokenKind, s string, inter bool) {
	l.out = append(l.out, token{kind: k, s: s, inter: inter, line: l.line, col: int32(l.at-l.start) + 1})
}

// skip goes n bytes on, to the end where n is negative.
func (l *lexer) skip(n int) {
	if n < 0 {
		n = len(l.data) - l.at
	}
	part := l.data[l.at : l.at+n]
	if lines := strings.Count(part, "\n"); lines > 0 {
		l.line += int32(lines)
		l.start = l.at + strings.LastIndexByte(part, '\n') + 1
	}
	l.at += n
}

// word takes an identifier with what is joined to it by dots; the prefix of a string of Python belongs to the string.
func (l *lexer) word() {
	end := l.at
	for end < len(l.data) && (isWord(l.data[end]) || l.data[end] == '.' && end+1 < len(l.data) && isWord(l.data[end+1])) {
		end++
	}
	s := l.data[l.at:end]
	if l.lang == python && end < len(l.data) && (l.data[end] == '"' || l.data[end] == '\'') && len(s) <= 2 && strings.Trim(strings.ToLower(s), "rbuf") == "" {
		l.at = end
		l.quoted(strings.ToLower(s))
		return
	}
	kind := name
	if s[0] >= '0' && s[0] <= '9' {
		kind = number
	}
	l.add(kind, s, false)
	l.at = end
}

// quoted takes a string. One that is not closed ends with its line, or with the text.
func (l *lexer) quoted(prefix string) {
	q := l.data[l.at : l.at+1]
	long := l.lang == python && strings.HasPrefix(l.data[l.at:], strings.Repeat(q, 3))
	if long {
		q = strings.Repeat(q, 3)
	}
	multi := long || q[0] == '`'
	raw := l.lang == golang && q[0] == '`'
	end := l.at + len(q)
	for end < len(l.data) && !strings.HasPrefix(l.data[end:], q) && (multi || l.data[end] != '\n') {
		if l.data[end] == '\\' && !raw {
			end++
		}
		end++
	}
	end = min(end, len(l.data))
	body := l.data[l.at+len(q) : max(end, l.at+len(q))]
	l.add(text, body, strings.Contains(prefix, "f") || l.lang == script && q[0] == '`')
	if end < len(l.data) && strings.HasPrefix(l.data[end:], q) {
		end += len(q)
	}
	l.skip(end - l.at)
}

// call is one call of a function: what is called, as it is written, and its arguments.
type call struct {
	callee   string
	line     int32
	col      int32
	endCol   int32
	args     []arg
	function string // the function around it, "" at the top
}

// arg is one argument: its name where it has one (a keyword of Python, a key of an object literal), and its tokens.
type arg struct {
	name   string
	tokens []token
}

// text is the argument's words, for comparison.
func (a arg) text() string {
	var b strings.Builder
	for i, t := range a.tokens {
		if i > 0 && t.kind < mark && a.tokens[i-1].kind < mark {
			b.WriteByte(' ')
		}
		if t.kind == text {
			b.WriteByte('"')
			b.WriteString(t.s)
			b.WriteByte('"')
		} else {
			b.WriteString(t.s)
		}
	}
	return b.String()
}

// literal is the argument where it is one string without code in it.
func (a arg) literal() (string, bool) {
	if len(a.tokens) != 1 || a.tokens[0].kind != text || a.tokens[0].inter && strings.ContainsAny(a.tokens[0].s, "{$") {
		return "", false
	}
	return a.tokens[0].s, true
}

// calls hands over the calls of a program in the order of their places: those of functions that are meant, and those with an argument
// of a name that is.
func calls(lang language, toks []token, function, argument func(string) bool, each func(*call)) {
	marked := holding(toks, argument)
	around := ""
	for i := range toks {
		t := &toks[i]
		if t.kind != name {
			continue
		}
		if i > 0 && toks[i-1].kind == name && (toks[i-1].s == "def" || toks[i-1].s == "function" || toks[i-1].s == "func" || toks[i-1].s == "class") {
			if toks[i-1].s != "class" {
				around = t.s
			}
			continue
		}
		if i+1 >= len(toks) || toks[i+1].kind != mark || toks[i+1].s != "(" || keyword(t.s) {
			continue
		}
		callee := t.s
		if i > 1 && toks[i-1].kind == mark && toks[i-1].s == "." { // a().b(…): only the last name is known
			callee = "." + callee
		}
		if marked[i+1] || function(callee) {
			each(&call{callee: callee, line: t.line, col: t.col, endCol: t.col + int32(len(t.s)), args: arguments(lang, toks[i+2:]), function: around})
		}
	}
}

// holding returns the opening brackets that an argument of a name that is meant stands in, or an entry of an object in an argument.
func holding(toks []token, meant func(string) bool) map[int]bool {
	out := map[int]bool{}
	var open []int
	for i := range toks {
		t := &toks[i]
		switch {
		case t.kind == mark && (t.s == "(" || t.s == "{" || t.s == "["):
			open = append(open, i)
		case t.kind == mark && (t.s == ")" || t.s == "}" || t.s == "]") && len(open) > 0:
			open = open[:len(open)-1]
		case (t.kind == name || t.kind == text) && i+1 < len(toks) && toks[i+1].kind == mark && (toks[i+1].s == "=" || toks[i+1].s == ":") && meant(t.s):
			for _, at := range open[max(0, len(open)-2):] {
				out[at] = true
			}
		}
	}
	return out
}

func keyword(s string) bool {
	switch s {
	case "if", "for", "while", "switch", "catch", "return", "and", "or", "not", "in", "print", "elif", "with", "await", "typeof", "new":
		return true
	}
	return false
}

const maxArgument = 4000 // tokens of one call's arguments that are looked at

// arguments splits what stands behind an opening bracket.
func arguments(lang language, toks []token) []arg {
	var out []arg
	depth, from := 0, 0
	flush := func(end int) {
		if end > from {
			out = append(out, named(lang, toks[from:end])...)
		}
		from = end + 1
	}
	for i := 0; i < len(toks) && i < maxArgument; i++ {
		if toks[i].kind != mark {
			continue
		}
		switch toks[i].s {
		case "(", "[", "{":
			if depth++; depth > maxNested {
				return out
			}
		case ")", "]", "}":
			if depth--; depth < 0 {
				flush(i)
				return out
			}
		case ",":
			if depth == 0 {
				flush(i)
			}
		}
	}
	return out
}

// named takes the name off an argument; an object literal is its entries.
func named(lang language, toks []token) []arg {
	if lang == python && len(toks) > 2 && toks[0].kind == name && toks[1].kind == mark && toks[1].s == "=" && !(toks[2].kind == mark && toks[2].s == "=") {
		return []arg{{toks[0].s, toks[2:]}}
	}
	if lang != script || len(toks) < 2 || toks[0].s != "{" || toks[0].kind != mark {
		return []arg{{"", toks}}
	}
	var out []arg
	for _, e := range arguments(python, append(toks[1:len(toks)-1:len(toks)-1], token{kind: mark, s: ")"})) {
		if len(e.tokens) > 2 && e.name == "" && (e.tokens[0].kind == name || e.tokens[0].kind == text) && e.tokens[1].s == ":" {
			e = arg{e.tokens[0].s, e.tokens[2:]}
		}
		out = append(out, e)
	}
	return out
}
