package ai

import (
	"bytes"
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
}

// word is a token as a part of the program's text: most tokens are looked at and nothing more.
type word struct {
	kind     tokenKind
	inter    bool
	line     int32
	col      int32
	from, to int32
}

// lexer splits a program into words. It knows comments, strings and brackets and nothing else of the language.
type lexer struct {
	lang  language
	data  []byte
	at    int
	line  int32
	start int // of the line
	out   []word
}

// lex appends the words of a program to room, which it may be in; a program that is too long is cut.
func lex(lang language, data []byte, room []word) []word {
	l := &lexer{lang: lang, data: data, line: 1, out: room[:0]}
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
		l.skip(bytes.IndexByte(rest, '\n'))
	case l.lang != python && c == '/' && len(rest) > 1 && rest[1] == '/':
		l.skip(bytes.IndexByte(rest, '\n'))
	case l.lang != python && c == '/' && len(rest) > 1 && rest[1] == '*':
		end := bytes.Index(rest[2:], []byte("*/"))
		if end >= 0 {
			end += 4
		}
		l.skip(end)
	case c == '"' || c == '\'' || c == '`':
		l.quoted(false)
	case isWord(c):
		l.word()
	default:
		l.add(mark, l.at, l.at+1, false)
		l.at++
	}
}

func (l *lexer) add(k tokenKind, from, to int, inter bool) {
	l.out = append(l.out, word{kind: k, inter: inter, line: l.line, col: int32(l.at-l.start) + 1, from: int32(from), to: int32(to)})
}

// skip goes n bytes on, to the end where n is negative.
func (l *lexer) skip(n int) {
	if n < 0 {
		n = len(l.data) - l.at
	}
	part := l.data[l.at : l.at+n]
	if last := bytes.LastIndexByte(part, '\n'); last >= 0 {
		l.line += int32(bytes.Count(part, []byte("\n")))
		l.start = l.at + last + 1
	}
	l.at += n
}

// word takes an identifier with what is joined to it by dots; the prefix of a string of Python belongs to the string.
func (l *lexer) word() {
	end := l.at
	for end < len(l.data) && (isWord(l.data[end]) || l.data[end] == '.' && end+1 < len(l.data) && isWord(l.data[end+1])) {
		end++
	}
	if l.lang == python && end-l.at <= 2 && end < len(l.data) && (l.data[end] == '"' || l.data[end] == '\'') {
		if prefix := strings.ToLower(string(l.data[l.at:end])); strings.Trim(prefix, "rbuf") == "" {
			l.at = end
			l.quoted(strings.Contains(prefix, "f"))
			return
		}
	}
	kind := name
	if c := l.data[l.at]; c >= '0' && c <= '9' {
		kind = number
	}
	l.add(kind, l.at, end, false)
	l.at = end
}

// quoted takes a string. One that is not closed ends with its line, or with the text.
func (l *lexer) quoted(inter bool) {
	q := l.data[l.at]
	size := 1
	if l.lang == python && l.at+2 < len(l.data) && l.data[l.at+1] == q && l.data[l.at+2] == q {
		size = 3
	}
	multi := size == 3 || q == '`'
	raw := l.lang == golang && q == '`'
	from := l.at + size
	end := from
	for ; end < len(l.data); end++ {
		if c := l.data[end]; c == q {
			if size == 1 || end+2 < len(l.data) && l.data[end+1] == q && l.data[end+2] == q {
				break
			}
		} else if c == '\\' && !raw {
			end++
		} else if c == '\n' && !multi {
			break
		}
	}
	end = min(end, len(l.data))
	l.add(text, from, max(end, from), inter || l.lang == script && q == '`')
	if end < len(l.data) && l.data[end] == q {
		end += size
	}
	l.skip(end - l.at)
}

// call is one call of a function: what is called, as it is written, and its arguments.
type call struct {
	callee   string
	whole    string // the callee with what its first name is imported for, "" where that is itself
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

// program is the text of a program and its words.
type program struct {
	lang  language
	data  []byte
	words []word
}

// is tells whether a word is a mark.
func (p *program) is(i int, c byte) bool {
	return i >= 0 && i < len(p.words) && p.words[i].kind == mark && p.data[p.words[i].from] == c
}

// text is a word as it is written, a string without its quotes. It is not to be kept.
func (p *program) text(i int) []byte { return p.data[p.words[i].from:p.words[i].to] }

// calls hands over the calls of a program in the order of their places: those of functions that are meant, and those with an argument
// of a name that is.
func (p *program) calls(function, argument func(name []byte) bool, each func(*call)) {
	marked := p.holding(argument)
	around := -1
	for i := range p.words {
		t := &p.words[i]
		if t.kind != name {
			continue
		}
		if i > 0 && p.words[i-1].kind == name {
			switch string(p.text(i - 1)) {
			case "def", "function", "func":
				around = i
				continue
			case "class":
				continue
			}
		}
		if !p.is(i+1, '(') || keyword(string(p.text(i))) {
			continue
		}
		for len(marked) > 0 && marked[0] < int32(i+1) {
			marked = marked[1:]
		}
		callee := p.text(i)
		if len(marked) > 0 && marked[0] == int32(i+1) || function(callee) {
			c := &call{callee: string(callee), line: t.line, col: t.col, endCol: t.col + t.to - t.from, args: arguments(p.lang, p.tokens(i+2))}
			if i > 1 && p.is(i-1, '.') { // a().b(…): only the last name is known
				c.callee = "." + c.callee
			}
			if around >= 0 {
				c.function = string(p.text(around))
			}
			each(c)
		}
	}
}

// tokens are the words of arguments from one on, up to the bracket that closes them.
func (p *program) tokens(from int) []token {
	end := from
	for depth := 0; end < len(p.words) && end-from <= maxArgument && depth >= 0; end++ {
		if p.words[end].kind != mark {
			continue
		}
		switch p.data[p.words[end].from] {
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			depth--
		}
	}
	if end == from {
		return nil
	}
	start := p.words[from].from
	s := string(p.data[start:p.words[end-1].to])
	out := make([]token, end-from)
	for i := range out {
		w := &p.words[from+i]
		out[i] = token{kind: w.kind, s: s[w.from-start : w.to-start], inter: w.inter}
	}
	return out
}

// holding returns the opening brackets that an argument of a name that is meant stands in, or an entry of an object in an argument, in order.
func (p *program) holding(meant func(name []byte) bool) []int32 {
	var out, open []int32
	for i := range p.words {
		t := &p.words[i]
		if t.kind != mark {
			if t.kind != number && (p.is(i+1, '=') || p.is(i+1, ':')) && meant(p.text(i)) {
				out = append(out, open[max(0, len(open)-2):]...)
			}
			continue
		}
		switch p.data[t.from] {
		case '(', '{', '[':
			open = append(open, int32(i))
		case ')', '}', ']':
			open = open[:max(0, len(open)-1)]
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
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
