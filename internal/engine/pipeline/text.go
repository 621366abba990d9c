package pipeline

import (
	"sort"
	"strings"

	"github.com/plinthsec/plinth"
)

// text is the text of a file and where its lines begin.
type text struct {
	path  string
	whole string
	start []int
}

func newText(path, whole string) *text {
	t := &text{path: path, whole: whole, start: []int{0}}
	for i := 0; i < len(whole); i++ {
		if whole[i] == '\n' {
			t.start = append(t.start, i+1)
		}
	}
	return t
}

func (t *text) offset(line, col int32) int {
	if line < 1 || int(line) > len(t.start) {
		return len(t.whole)
	}
	return min(t.start[line-1]+int(max(col, 1))-1, len(t.whole))
}

// place returns the range of the text from byte from to byte to.
func (t *text) place(from, to int) plinth.Location {
	line := func(at int) int { return sort.SearchInts(t.start, at+1) }
	a, b := line(from), line(to)
	return plinth.Location{Path: t.path, Line: int32(a), Col: int32(from - t.start[a-1] + 1), EndLine: int32(b), EndCol: int32(to - t.start[b-1] + 1)}
}

// line returns a line by its number, without its end.
func (t *text) line(n int32) string {
	from := t.offset(n, 1)
	rest := t.whole[from:]
	if i := strings.IndexByte(rest, '\n'); i >= 0 {
		rest = rest[:i]
	}
	return rest
}

// raw returns how a value is written, its key included, and the byte where that begins.
func (t *text) raw(v plinth.Value) (string, int) {
	o := v.Origin()
	if o == nil {
		return "", 0
	}
	from, to := t.offset(o.At.Line, o.At.Col), t.offset(o.At.EndLine, o.At.EndCol)
	if to < from {
		return "", from
	}
	return t.whole[from:to], from
}

// content returns the place of the first line of a scalar's own text.
func (t *text) content(v plinth.Value) plinth.Location {
	raw, from := t.raw(v)
	first, _, _ := strings.Cut(strings.TrimSpace(v.Str()), "\n")
	if i := strings.LastIndex(raw, first); i >= 0 && first != "" {
		return t.place(from+i, from+i+len(first))
	}
	return t.place(from, from+len(raw))
}

// first is the place of the first line of a value: that of its key.
func (t *text) first(v plinth.Value) plinth.Location {
	raw, from := t.raw(v)
	head, _, _ := strings.Cut(raw, "\n")
	return t.place(from, from+len(strings.TrimRight(head, " \r")))
}

// expression is one ${{ … }} of a text.
type expression struct {
	root     *node
	text     string
	from, to int // with the marks
	inner    int // where the text begins
}

// at is the place of a command.
func (c command) at() plinth.Location { return c.in.place(c.from, max(c.from, c.to)) }

// unaliased is a value as it stands where it is written: behind an alias, at the anchor.
func unaliased(v plinth.Value) plinth.Value {
	for o := v.Origin(); o != nil && o.From != nil; o = v.Origin() {
		v = v.WithOrigin(o.From)
	}
	return v
}

// expressions returns the expressions of a scalar that are written there; those of an alias stand at the anchor.
func (t *text) expressions(v plinth.Value) []expression {
	raw, from := t.raw(v)
	var out []expression
	for at := 0; ; {
		i := strings.Index(raw[at:], "${{")
		if i < 0 {
			return out
		}
		i += at
		end := closing(raw, i+3)
		if end < 0 {
			return out
		}
		inner := raw[i+3 : end]
		if n, err := parse(inner); err == nil {
			out = append(out, expression{root: n, text: strings.TrimSpace(inner), from: from + i, to: from + end + 2, inner: from + i + 3})
		}
		at = end + 2
	}
}

// closing finds the }} that ends an expression; strings may hold it.
func closing(s string, at int) int {
	quoted := false
	for ; at+1 < len(s); at++ {
		switch {
		case s[at] == '\'':
			quoted = !quoted
		case !quoted && s[at] == '}' && s[at+1] == '}':
			return at
		}
	}
	return -1
}

// condition returns the expression of an if, which needs no marks.
func (t *text) condition(v plinth.Value) []expression {
	if strings.Contains(v.Str(), "${{") {
		return t.expressions(v)
	}
	s := strings.TrimSpace(v.Str())
	n, err := parse(s)
	if err != nil || s == "" {
		return nil
	}
	raw, from := t.raw(v)
	if i := strings.Index(raw, s); i >= 0 {
		return []expression{{root: n, text: s, from: from + i, to: from + i + len(s), inner: from + i}}
	}
	at := t.content(v)
	from = t.offset(at.Line, at.Col)
	return []expression{{root: flat(n), text: s, from: from, to: from, inner: from}}
}

// flat moves all parts of an expression to its beginning, where their own places are not known.
func flat(n *node) *node {
	n.walk(func(x *node) { x.from = 0 })
	return n
}

// command is a logical line of a script.
type command struct {
	in       *text // where it stands
	text     string
	words    []string
	from, to int
}

// commands returns the logical lines of a script, comments left out.
func (t *text) commands(v plinth.Value) []command {
	raw, at := t.raw(v)
	return t.lines(raw, at, true)
}

// lines returns the logical lines of a raw text that begins at a byte; an entry of a document has a key or a dash before it.
func (t *text) lines(raw string, at int, entry bool) []command {
	var out []command
	var open *command
	lines := strings.SplitAfter(raw, "\n")
	for i, line := range lines {
		from := at
		at += len(line)
		body := strings.TrimRight(line, " \t\r\n")
		if i == 0 && entry {
			body, from = afterKey(body, from)
		}
		trimmed := strings.TrimLeft(body, " \t")
		from += len(body) - len(trimmed)
		if trimmed == "" || strings.HasPrefix(trimmed, "#") || i == 0 && entry && len(lines) > 1 && strings.IndexByte("|>", trimmed[0]) >= 0 {
			continue
		}
		more := strings.HasSuffix(trimmed, "\\") || strings.HasSuffix(trimmed, " `") // of a POSIX shell, of PowerShell
		if more {
			trimmed = trimmed[:len(trimmed)-1]
		}
		if open == nil {
			open = &command{in: t, from: from}
		}
		open.text += trimmed + " "
		open.to = from + len(trimmed)
		if !more {
			out, open = append(out, *open), nil
		}
	}
	if open != nil {
		out = append(out, *open)
	}
	for i := range out {
		out[i].words = strings.Fields(out[i].text)
	}
	return out
}

// afterKey cuts "- " and "key: " from the first line of an entry.
func afterKey(line string, from int) (string, int) {
	i := 0
	for i < len(line) && (isWord(line[i]) || line[i] == '-' || line[i] == '.') {
		i++
	}
	if i > 0 && strings.HasPrefix(line[i:], ":") && (i+1 == len(line) || line[i+1] == ' ') {
		i++
		for i < len(line) && line[i] == ' ' {
			i++
		}
		if rest := line[i:]; strings.HasPrefix(rest, "&") || strings.HasPrefix(rest, "!") {
			if j := strings.IndexByte(rest, ' '); j > 0 {
				i += j + 1
			}
		}
		rest := line[i:]
		if rest != "" && (rest[0] == '"' || rest[0] == '\'') {
			rest = strings.Trim(rest, rest[:1])
		}
		return rest, from + i
	}
	return line, from
}
