package secret

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	maxDepth   = 2       // texts inside texts that are looked at
	leastRun   = 24      // characters of base64 or hexadecimal text that can hold a secret
	maxRun     = 1 << 20 // characters of one run that are decoded
	sniffed    = 8 << 10 // bytes that tell whether a file is text
	mostBinary = 30      // one in so many characters of a decoded text may be no text
)

// decoded looks at what is encoded in a text: base64, hexadecimal, percent escapes and \u escapes. A secret in it stands where
// the encoded text stands.
func (s *searcher) decoded(data []byte, depth int, emit func(match)) {
	runs(data, span{0, len(data)}, func(at span) { s.run(data, at, depth, emit) })
	for kind, next := range escapes {
		for p := next(data, span{0, len(data)}); p >= 0; p = next(data, span{p, len(data)}) {
			p = s.unescaped(data, p, depth, kind, emit)
		}
	}
}

// run looks at a run of base64 or hexadecimal text.
func (s *searcher) run(data []byte, at span, depth int, emit func(match)) {
	if at.end-at.start > maxRun {
		return
	}
	if text := decode(data[at.start:at.end]); text != nil {
		s.inner(text, at, depth, false, emit)
	}
}

// inner looks at a decoded text. In an address whose escapes are gone only what has a form of its own can be told: its parts
// are not where they were.
func (s *searcher) inner(text []byte, at span, depth int, address bool, emit func(match)) {
	inner := *s // the outer text is done with: its hits and windows are not needed again
	for _, m := range inner.find(text, depth+1) {
		if m.rule.generic || address && m.rule.form != formToken {
			continue
		}
		m.at, m.whole = at, at
		emit(m)
	}
	s.steps, s.hits, s.spare, s.opened = inner.steps, inner.hits, inner.spare, inner.opened
}

var coded = ofBytes("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz+/-_=")

// runs finds the long runs of the characters of base64 that begin in a part of a text. It looks at one byte in leastRun until it
// meets one.
func runs(data []byte, in span, found func(span)) {
	from := in.start
	for from > 0 && from < in.end && coded[data[from-1]] && coded[data[from]] { // it began before
		from++
	}
	for p := from + leastRun - 1; p < len(data) && p-leastRun+1 < in.end; {
		if !coded[data[p]] {
			p += leastRun
			continue
		}
		start := p
		for start > from && p-start < leastRun && coded[data[start-1]] {
			start--
		}
		if start >= in.end {
			return
		}
		end := runEnd(data, p)
		if end-start >= leastRun {
			found(span{start, end})
		}
		p = end + leastRun - 1
	}
}

// runEnd returns where the run that byte p is in ends.
func runEnd(data []byte, p int) int {
	for p < len(data) && coded[data[p]] {
		p++
	}
	return p
}

// decode reads base64 (either alphabet) or hexadecimal; nil where the result is no text.
func decode(run []byte) []byte {
	upper, lower, digit, other := false, false, false, false
	for _, c := range run {
		switch {
		case c >= 'A' && c <= 'Z':
			upper, other = true, other || c > 'F'
		case c >= 'a' && c <= 'z':
			lower, other = true, other || c > 'f'
		case c >= '0' && c <= '9':
			digit = true
		default:
			other = true
		}
	}
	if !other && digit && len(run)%2 == 0 {
		text := make([]byte, len(run)/2)
		if _, err := hex.Decode(text, run); err == nil && readable(text) {
			return text
		}
		return nil
	}
	if !upper || !lower {
		return nil
	}
	body := bytes.TrimRight(run, "=")
	if i := bytes.LastIndexByte(body, '='); i >= 0 {
		body = body[i+1:] // name=value: the value
	}
	if len(body) < leastRun-4 {
		return nil
	}
	enc := base64.RawStdEncoding
	if bytes.ContainsAny(body, "-_") {
		enc = base64.RawURLEncoding
	}
	body = body[:len(body)-b2i(len(body)%4 == 1)]
	// The first characters tell most: what is no text is left without decoding the rest.
	var head [18]byte
	if n, err := enc.Decode(head[:], body[:min(24, len(body))/4*4]); err != nil || !readable(head[:n]) {
		return nil
	}
	text := make([]byte, enc.DecodedLen(len(body)))
	n, err := enc.Decode(text, body)
	if err != nil || !readable(text[:n]) {
		return nil
	}
	return text[:n]
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// readable tells whether bytes are text.
func readable(s []byte) bool {
	bad := 0
	for _, c := range s {
		if c < ' ' && c != '\n' && c != '\r' && c != '\t' || c >= 0x7f {
			if bad++; bad*mostBinary > len(s) {
				return false
			}
		}
	}
	return true
}

// escapes find the next escape of a kind that begins in a part of a text; they return -1 where there is none.
var escapes = [...]func(data []byte, in span) int{percent, unicodeEscape}

func percent(data []byte, in span) int {
	for p := in.start; p < in.end; p++ {
		i := bytes.IndexByte(data[p:in.end], '%')
		if i < 0 {
			return -1
		}
		if p += i; p+2 < len(data) && hexByte[data[p+1]] && hexByte[data[p+2]] {
			return p
		}
	}
	return -1
}

func unicodeEscape(data []byte, in span) int {
	const mark = `\u00`
	if in.start >= in.end {
		return -1
	}
	i := bytes.Index(data[in.start:min(len(data), in.end+len(mark)-1)], []byte(mark))
	if i < 0 {
		return -1
	}
	return in.start + i
}

// unescaped looks at the line of an escape without its escapes and returns where the search for the next one goes on.
func (s *searcher) unescaped(data []byte, p, depth, kind int, emit func(match)) int {
	at := lineAt(data, span{p, p + 1})
	s.inner(unescape(data[at.start:at.end]), at, depth, kind == 0, emit)
	return max(p, at.end) + 1
}

// unescape replaces %XX and \uXXXX.
func unescape(s []byte) []byte {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '%' && i+2 < len(s) && hexByte[s[i+1]] && hexByte[s[i+2]]:
			out = append(out, nibble(s[i+1])<<4|nibble(s[i+2]))
			i += 2
		case s[i] == '\\' && i+5 < len(s) && s[i+1] == 'u' && hexByte[s[i+2]] && hexByte[s[i+3]] && hexByte[s[i+4]] && hexByte[s[i+5]]:
			r := rune(nibble(s[i+2]))<<12 | rune(nibble(s[i+3]))<<8 | rune(nibble(s[i+4]))<<4 | rune(nibble(s[i+5]))
			out = utf8.AppendRune(out, r)
			i += 5
		default:
			out = append(out, s[i])
		}
	}
	return out
}

func nibble(c byte) byte {
	switch {
	case c >= 'a':
		return c - 'a' + 10
	case c >= 'A':
		return c - 'A' + 10
	}
	return c - '0'
}

// plainText returns the text of a file, nil where it is none. UTF-16 with a byte order mark becomes UTF-8.
func plainText(data []byte) []byte {
	if len(data) >= 2 && (data[0] == 0xff && data[1] == 0xfe || data[0] == 0xfe && data[1] == 0xff) {
		units := make([]uint16, 0, len(data)/2)
		for i := 2; i+1 < len(data); i += 2 {
			if data[0] == 0xff {
				units = append(units, uint16(data[i])|uint16(data[i+1])<<8)
			} else {
				units = append(units, uint16(data[i+1])|uint16(data[i])<<8)
			}
		}
		return []byte(string(utf16.Decode(units)))
	}
	if bytes.IndexByte(data[:min(len(data), sniffed)], 0) >= 0 {
		return nil
	}
	return data
}
