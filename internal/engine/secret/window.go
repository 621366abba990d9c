package secret

import (
	"bytes"
)

const (
	maxName     = 30 // bytes of a name behind the keyword, and of what closes it
	maxOpening  = 6  // bytes of quotes, blanks and brackets before a value
	maxTypeName = 24 // bytes of a type between a name and its value
)

// window returns the part of the text that the rule's regular expression sees.
func (r *Rule) window(data []byte, name span) span {
	switch r.scope {
	case scopeBytes:
		return span{max(0, name.start-r.reach), min(len(data), name.end+r.reach)}
	case scopeDocument:
		return documentAt(data, name)
	case scopeFile:
		return span{0, len(data)}
	case scopeBlock:
		return blockAt(data, name)
	}
	return lineAt(data, name)
}

// lineAt returns the logical line around a place: lines that end with a backslash go on.
func lineAt(data []byte, at span) span {
	from, to := max(0, at.start-maxWindow), min(len(data), at.end+maxWindow)
	w := span{from, to}
	for start := at.start; ; {
		i := bytes.LastIndexByte(data[from:start], '\n')
		if i < 0 {
			break
		}
		w.start = from + i + 1
		if start = from + i; !continues(data, start) {
			break
		}
	}
	for end := at.end; ; {
		i := bytes.IndexByte(data[end:to], '\n')
		if i < 0 {
			break
		}
		w.end = end + i
		if !continues(data, w.end) {
			break
		}
		if end = w.end + 1; end >= to {
			break
		}
	}
	return w
}

// continues tells whether the line that ends before the line feed at i goes on in the next one.
func continues(data []byte, i int) bool {
	for i > 0 && (data[i-1] == '\r' || data[i-1] == ' ') {
		i--
	}
	return i > 0 && (data[i-1] == '\\' || data[i-1] == '`' || data[i-1] == '^')
}

// documentAt returns the YAML document around a place.
func documentAt(data []byte, at span) span {
	from, to := max(0, at.start-maxBlock), min(len(data), at.end+maxBlock)
	w := span{from, to}
	if i := bytes.LastIndex(data[from:at.start], []byte("\n---")); i >= 0 {
		w.start = from + i + 1
	}
	if i := bytes.Index(data[at.end:to], []byte("\n---")); i >= 0 {
		w.end = at.end + i
	}
	return w
}

// blockAt returns the text from the keyword to the end of its END line.
func blockAt(data []byte, at span) span {
	to := min(len(data), at.end+maxBlock)
	w := span{at.start, at.end}
	if i := bytes.Index(data[at.end:to], []byte("-----END")); i >= 0 {
		end := at.end + i + len("-----END")
		if k := bytes.Index(data[end:to], []byte("-----")); k >= 0 {
			w.end = end + k + len("-----")
			return w
		}
	}
	if i := bytes.IndexByte(data[at.end:to], '\n'); i >= 0 { // cut off: as long as it looks like base64
		for w.end = at.end + i; w.end < to && (base64Byte[data[w.end]] || data[w.end] == '\n' || data[w.end] == '\r' || data[w.end] == ' '); {
			w.end++
		}
	}
	return w
}

// assigned returns where the value of a name begins that the text before p belongs to: name = "value", "name": value,
// name := value, name => value, setName("value"), getenv("NAME", "value"), get("NAME") or "value", <name>value,
// key="name" value="value", name: string = "value", - name: X, value: "value".
func assigned(data []byte, p int) (int, bool) {
	limit := min(len(data), p+maxName)
	for p < limit && wordByte[data[p]] {
		p++
	}
	if p >= limit || !joint[data[p]] {
		return 0, false
	}
	quoted := false
	for p < limit && (wordByte[data[p]] || data[p] == '.' || data[p] == '-' || data[p] == ' ' || data[p] == '\t' || closing[data[p]]) {
		quoted = quoted || closing[data[p]]
		if data[p] == ' ' && (quoted || nextWord(data, p)) {
			if q, ok := companion(data, p); ok {
				return opening(data, q), true
			}
		}
		p++
	}
	if p >= len(data) {
		return 0, false
	}
	if data[p] == '\n' || data[p] == '\r' || data[p] == ',' {
		if q, ok := companion(data, p+1); ok {
			return opening(data, q), true
		}
	}
	p, typed, ok := operator(data, p)
	if !ok {
		return 0, false
	}
	if typed {
		if q, ok := typeName(data, p); ok {
			p = q
		}
	}
	if data[p-1] == '>' { // <name> may stand on a line of its own
		for limit := min(len(data), p+2*maxName); p < limit && (data[p] == ' ' || data[p] == '\t' || data[p] == '\n' || data[p] == '\r'); {
			p++
		}
	}
	comma := data[p-1] == ','
	p = opening(data, p)
	if data[p-1] == '"' || data[p-1] == '\'' {
		return p, true
	}
	if comma {
		return 0, false // the next element of a list
	}
	return alternative(data, p), true
}

var (
	closing  = ofBytes("\"'`])\\")
	starting = ofBytes("\"'` \t=([\\@$")
	joint    = ofBytes("\"'`])\\.- \t\n\r,:=>(|?+!") // what may follow a name
	inside   = ofBytes("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_.-()[]'\"<>%")
)

// nextWord tells whether another word follows a blank.
func nextWord(data []byte, p int) bool { return p+1 < len(data) && letter(data[p+1]) }

// operator reads what stands between a name and its value. typed: a type may follow.
func operator(data []byte, p int) (next int, typed, ok bool) {
	rest := data[p:]
	for _, op := range [...]string{":::=", "::=", ":=", "===", "==", "=>", "->", "||=", "||", "??=", "??", "?=", "?:", "+=", "!="} {
		if bytes.HasPrefix(rest, []byte(op)) {
			return p + len(op), false, true
		}
	}
	switch rest[0] {
	case ':':
		return p + 1, true, true
	case '=', '>', ',', '(', '|':
		return p + 1, false, true
	case '<':
		return p, false, false
	}
	return p, false, false
}

// typeName reads a type and the = behind it: "string =", "Optional[str] =".
func typeName(data []byte, p int) (int, bool) {
	limit := min(len(data), p+maxTypeName)
	from := p
	for p < limit && (wordByte[data[p]] || data[p] == ' ' || data[p] == '[' || data[p] == ']' || data[p] == '?' || data[p] == '*' || data[p] == '&' || data[p] == '.') {
		p++
	}
	if p < limit && p > from && data[p] == '=' && bytes.ContainsAny(data[from:p], "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") {
		return p + 1, true
	}
	return 0, false
}

// opening skips blanks, quotes and what else may stand before a value.
func opening(data []byte, p int) int {
	limit := min(len(data), p+maxOpening)
	for p < limit && starting[data[p]] {
		if data[p] == '$' && !(p+1 < len(data) && (data[p+1] == '"' || data[p+1] == '\'')) {
			break
		}
		p++
	}
	if p+1 < len(data) && (data[p] == 'r' || data[p] == 'b' || data[p] == 'u' || data[p] == 'f') && (data[p+1] == '"' || data[p+1] == '\'') {
		p += 2
	}
	return p
}

// alternative follows an expression to the text that it falls back to: os.environ.get("X") or "text", X || 'text'.
func alternative(data []byte, p int) int {
	limit := min(len(data), p+4*maxName)
	q := p
	for q < limit && inside[data[q]] {
		q++
	}
	if q >= limit || data[q] != ' ' {
		return p
	}
	for _, op := range [...]string{" or ", " || ", " ?? ", " ?: "} {
		if v := q + len(op); v < len(data) && bytes.HasPrefix(data[q:], []byte(op)) && (data[v] == '"' || data[v] == '\'' || data[v] == '`') {
			return v + 1
		}
	}
	return p
}

// companion finds the value that stands under a key of its own beside the name: value="x", "value": "x", Value: x.
func companion(data []byte, p int) (int, bool) {
	limit := min(len(data), p+2*maxName)
	for p < limit && (data[p] == ' ' || data[p] == '\t' || data[p] == '\n' || data[p] == '\r' || data[p] == '"' || data[p] == '\'' || data[p] == ',' || data[p] == '-') {
		p++
	}
	if !(p+5 < limit && bytes.EqualFold(data[p:p+5], []byte("value"))) {
		return 0, false
	}
	for p += 5; p < limit && (data[p] == '"' || data[p] == '\'' || data[p] == ' '); p++ {
	}
	if p < limit && (data[p] == '=' || data[p] == ':') {
		return p + 1, true
	}
	return 0, false
}
