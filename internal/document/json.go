package document

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/plinthsec/plinth"
)

// jsonText is a JSON text that is being read.
type jsonText struct {
	*Parser
	faults  *faults
	decl    *plinth.Declaration
	text    string
	at      int
	line    int32
	newline int // where the line begins
	depth   int
	values  int
	comment bool // a comment was told
}

func (p *Parser) parseJSON(text string, f *faults, yield func(Document)) {
	j := &jsonText{Parser: p, faults: f, text: text, line: 1}
	for first := true; ; first = false {
		j.space()
		if j.at == len(j.text) {
			return
		}
		from := j.position()
		if !first && j.text[j.at] != '{' && j.text[j.at] != '[' {
			j.fail("text follows the JSON document")
			return
		}
		j.decl = &plinth.Declaration{}
		v, ok := j.value(from, p.root)
		if !ok {
			return
		}
		*j.decl = *declare(location(f.path, from, j.position()))
		yield(Document{Value: v, Decl: j.decl})
	}
}

func (j *jsonText) position() position { return position{j.line, int32(j.at - j.newline + 1)} }

func (j *jsonText) fail(text string) bool {
	j.faults.add(plinth.Broken, j.position(), text)
	return false
}

// space skips white space and comments.
func (j *jsonText) space() {
	for j.at < len(j.text) {
		switch c := j.text[j.at]; c {
		case '\n':
			j.at++
			j.line++
			j.newline = j.at
		case ' ', '\t', '\r':
			j.at++
		case '/':
			if !j.skipComment() {
				return
			}
		default:
			return
		}
	}
}

func (j *jsonText) skipComment() bool {
	rest := j.text[j.at:]
	var n int
	switch {
	case strings.HasPrefix(rest, "//"):
		if n = strings.IndexByte(rest, '\n'); n < 0 {
			n = len(rest)
		}
	case strings.HasPrefix(rest, "/*"):
		end := strings.Index(rest[2:], "*/")
		if end < 0 {
			return false
		}
		n = end + 4
	default:
		return false
	}
	if !j.Relaxed && !j.comment {
		j.comment = true
		j.faults.add(plinth.Broken, j.position(), "JSON has no comments")
	}
	if c := strings.Count(rest[:n], "\n"); c > 0 {
		j.line += int32(c)
		j.newline = j.at + strings.LastIndexByte(rest[:n], '\n') + 1
	}
	j.at += n
	return true
}

// value reads the value that begins here; from is where its entry begins, the key included.
func (j *jsonText) value(from position, at *path) (plinth.Value, bool) {
	if j.values++; j.values > maxValues {
		j.faults.add(plinth.Limit, j.position(), fmt.Sprintf("more than %d values in one file", maxValues))
		return plinth.Value{}, false
	}
	if j.at == len(j.text) {
		return plinth.Value{}, j.fail("the text ends where a value should stand")
	}
	var v plinth.Value
	ok := true
	switch c := j.text[j.at]; {
	case c == '{':
		v, ok = j.object(at)
	case c == '[':
		v, ok = j.array(at)
	case c == '"':
		var s string
		s, ok = j.str()
		v = plinth.StringOf(j.share(s))
	case c == '-' || c >= '0' && c <= '9':
		v, ok = j.number()
	default:
		v, ok = j.word()
	}
	if !ok {
		return plinth.Value{}, false
	}
	return v.WithOrigin(j.origin(plinth.Origin{At: location(j.faults.path, from, j.position()), Path: at.text, Decl: j.decl})), true
}

func (j *jsonText) enter() bool {
	j.at++
	if j.depth++; j.depth > maxDepth {
		j.faults.add(plinth.Limit, j.position(), fmt.Sprintf("nested deeper than %d levels", maxDepth))
		return false
	}
	return true
}

// more stands after an element or at the start of a collection: it tells whether another element follows, and whether the text
// is in order.
func (j *jsonText) more(closing byte, first bool) (more, ok bool) {
	j.space()
	if j.at == len(j.text) {
		return false, j.fail(fmt.Sprintf("the text ends inside brackets: %q is missing", closing))
	}
	switch c := j.text[j.at]; {
	case c == closing:
		j.at++
		j.depth--
		return false, true
	case first:
		return true, true
	case c != ',':
		return false, j.fail(fmt.Sprintf("expected a comma or %q", closing))
	}
	comma := j.position()
	j.at++
	j.space()
	if j.at == len(j.text) {
		return false, j.fail(fmt.Sprintf("the text ends inside brackets: %q is missing", closing))
	}
	if j.text[j.at] == closing {
		j.faults.add(plinth.Broken, comma, fmt.Sprintf("comma before %q", closing))
		j.at++
		j.depth--
		return false, true
	}
	return true, true
}

func (j *jsonText) array(at *path) (plinth.Value, bool) {
	if !j.enter() {
		return plinth.Value{}, false
	}
	list := []plinth.Value{}
	for more, ok := j.more(']', true); ; more, ok = j.more(']', false) {
		if !ok {
			return plinth.Value{}, false
		}
		if !more {
			return plinth.ListOf(list), true
		}
		v, ok := j.value(j.position(), j.item(at, len(list)))
		if !ok {
			return plinth.Value{}, false
		}
		list = append(list, v)
	}
}

// elements reads a list whose elements are declared one by one.
func (j *jsonText) elements(from position, at *path) (plinth.Value, bool) {
	if !j.enter() {
		return plinth.Value{}, false
	}
	outer, list := j.decl, []plinth.Value{}
	for more, ok := j.more(']', true); ; more, ok = j.more(']', false) {
		if !ok {
			return plinth.Value{}, false
		}
		if !more {
			break
		}
		start := j.position()
		j.decl = &plinth.Declaration{}
		v, ok := j.value(start, j.root)
		if !ok {
			return plinth.Value{}, false
		}
		*j.decl = *declare(location(j.faults.path, start, j.position()))
		list = append(list, v)
	}
	j.decl = outer
	o := plinth.Origin{At: location(j.faults.path, from, j.position()), Path: at.text, Decl: outer}
	return plinth.ListOf(list).WithOrigin(j.origin(o)), true
}

func (j *jsonText) object(at *path) (plinth.Value, bool) {
	if !j.enter() {
		return plinth.Value{}, false
	}
	var fields []plinth.Field
	for more, ok := j.more('}', true); ; more, ok = j.more('}', false) {
		if !ok {
			return plinth.Value{}, false
		}
		if !more {
			return j.mapOf(fields, j.faults), true
		}
		from := j.position()
		if j.text[j.at] != '"' {
			return plinth.Value{}, j.fail("expected a key in double quotes")
		}
		key, ok := j.str()
		if !ok {
			return plinth.Value{}, false
		}
		key = j.share(key)
		j.space()
		if j.at == len(j.text) || j.text[j.at] != ':' {
			return plinth.Value{}, j.fail(fmt.Sprintf("expected a colon after the key %q", key))
		}
		j.at++
		j.space()
		v, ok := j.entry(from, at, key)
		if !ok {
			return plinth.Value{}, false
		}
		fields = append(fields, plinth.Field{Key: key, Value: v})
	}
}

func (j *jsonText) entry(from position, at *path, key string) (plinth.Value, bool) {
	next := j.key(at, key)
	if j.Elements != "" && key == j.Elements && j.depth == 1 && strings.HasPrefix(j.text[j.at:], "[") {
		return j.elements(from, next)
	}
	return j.value(from, next)
}

// str reads the string that begins here.
func (j *jsonText) str() (string, bool) {
	from, start := j.position(), j.at+1
	i := start
	for i < len(j.text) && j.text[i] != '"' && j.text[i] != '\\' && j.text[i] >= ' ' {
		i++
	}
	if i < len(j.text) && j.text[i] == '"' {
		j.at = i + 1
		return j.text[start:i], true
	}
	var b strings.Builder
	b.WriteString(j.text[start:i])
	for ; i < len(j.text); i++ {
		switch c := j.text[i]; {
		case c == '"':
			j.at = i + 1
			return b.String(), true
		case c == '\\':
			n, ok := j.escape(&b, i)
			if !ok {
				return "", false
			}
			i += n
		case c < ' ':
			j.control(c, i)
			b.WriteByte(c)
		default:
			b.WriteByte(c)
		}
	}
	j.faults.add(plinth.Broken, from, "a string is not closed")
	return "", false
}

func (j *jsonText) control(c byte, i int) {
	if !j.Relaxed || c != '\n' && c != '\r' && c != '\t' {
		j.faults.add(plinth.Broken, position{j.line, int32(i - j.newline + 1)}, "control character in a string")
	}
	if c == '\n' {
		j.line++
		j.newline = i + 1
	}
}

// escape writes the character of the escape sequence at byte i and returns how many bytes follow the backslash.
func (j *jsonText) escape(b *strings.Builder, i int) (int, bool) {
	if i+1 == len(j.text) {
		j.at = i
		return 0, j.fail("a string is not closed")
	}
	c := j.text[i+1]
	if k := strings.IndexByte(`"\/bfnrt`, c); k >= 0 {
		b.WriteByte("\"\\/\b\f\n\r\t"[k])
		return 1, true
	}
	r, ok := hex(j.text, i+2)
	if c != 'u' || !ok {
		j.at = i
		return 0, j.fail("unknown escape sequence in a string")
	}
	if utf16.IsSurrogate(r) {
		if low, ok := hex(j.text, i+8); ok && j.text[i+6] == '\\' && j.text[i+7] == 'u' {
			if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
				b.WriteRune(pair)
				return 11, true
			}
		}
		r = utf8.RuneError
	}
	b.WriteRune(r)
	return 5, true
}

// hex reads four hexadecimal digits at byte i.
func hex(text string, i int) (rune, bool) {
	if i+4 > len(text) {
		return 0, false
	}
	n, err := strconv.ParseUint(text[i:i+4], 16, 16)
	return rune(n), err == nil
}

func (j *jsonText) number() (plinth.Value, bool) {
	start := j.at
	for j.at < len(j.text) && strings.IndexByte("+-.eE0123456789", j.text[j.at]) >= 0 {
		j.at++
	}
	text := j.text[start:j.at]
	n, err := strconv.ParseFloat(text, 64)
	if err != nil && !math.IsInf(n, 0) {
		j.at = start
		return plinth.Value{}, j.fail("this is no number")
	}
	if math.IsInf(n, 0) {
		return plinth.StringOf(text), true // beyond binary64: its digits are what is known of it
	}
	return plinth.NumberOf(n), true
}

func (j *jsonText) word() (plinth.Value, bool) {
	start := j.at
	for j.at < len(j.text) && (j.text[j.at]|0x20 >= 'a' && j.text[j.at]|0x20 <= 'z') {
		j.at++
	}
	switch j.text[start:j.at] {
	case "true":
		return plinth.BoolOf(true), true
	case "false":
		return plinth.BoolOf(false), true
	case "null":
		return plinth.Value{}, true
	}
	j.at = start
	return plinth.Value{}, j.fail("expected a value")
}
