package document

import (
	"bytes"
	"encoding/binary"
	"sort"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/plinthsec/plinth"
)

// Text returns a file's content as UTF-8 without a byte order mark. UTF-16 is told by its byte order mark; bytes that are no
// UTF-8 become U+FFFD.
func Text(data []byte) string { return decode(data, &faults{}) }

func decode(data []byte, f *faults) string {
	switch {
	case bytes.HasPrefix(data, []byte("\xef\xbb\xbf")):
		data = data[3:]
	case bytes.HasPrefix(data, []byte("\xff\xfe")):
		return wide(data[2:], binary.LittleEndian)
	case bytes.HasPrefix(data, []byte("\xfe\xff")):
		return wide(data[2:], binary.BigEndian)
	}
	if utf8.Valid(data) {
		return string(data)
	}
	f.add(plinth.Broken, placeOf(data, firstInvalid(data)), "text is not valid UTF-8")
	return strings.ToValidUTF8(string(data), "\uFFFD")
}

func wide(data []byte, order binary.ByteOrder) string {
	units := make([]uint16, len(data)/2)
	for i := range units {
		units[i] = order.Uint16(data[2*i:])
	}
	return string(utf16.Decode(units))
}

func firstInvalid(data []byte) int {
	for i := 0; i < len(data); {
		r, n := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return len(data)
}

// placeOf returns the line and column of a byte.
func placeOf(data []byte, i int) position {
	line := bytes.Count(data[:i], []byte("\n")) + 1
	return position{int32(line), int32(i - bytes.LastIndexByte(data[:i], '\n'))}
}

// lines tells where the lines of a YAML text begin, as a YAML parser counts them and as editors do. They differ where a text
// has line breaks that editors do not know: a lone carriage return, NEL, LS, PS.
type lines struct {
	text  string
	start []int32 // of each YAML line
	line  []int32 // editor line in which it begins; nil: the same
	base  []int32 // where that editor line begins
	first int     // lines of the whole text before the first of these
	ascii bool
	last  struct{ line, col, at int } // where the last look-up ended, for long lines that are not ASCII
}

func linesOf(text string) *lines {
	l := &lines{text: text, ascii: true}
	l.start = make([]int32, 1, strings.Count(text, "\n")+1)
	odd := false
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c >= utf8.RuneSelf {
			l.ascii = false
			odd = odd || c == 0xc2 && strings.HasPrefix(text[i:], "\u0085") ||
				c == 0xe2 && (strings.HasPrefix(text[i:], "\u2028") || strings.HasPrefix(text[i:], "\u2029"))
		}
		if c == '\n' {
			l.start = append(l.start, int32(i+1))
		}
		odd = odd || c == '\r' && !strings.HasPrefix(text[i+1:], "\n")
	}
	if odd {
		l.oddLines()
	}
	return l
}

func (l *lines) oddLines() {
	l.start, l.line, l.base = l.start[:1], []int32{1}, []int32{0}
	line, base := int32(1), int32(0)
	for i, r := range l.text {
		switch r {
		case '\n', '\u0085', '\u2028', '\u2029':
		case '\r':
			if strings.HasPrefix(l.text[i+1:], "\n") {
				continue
			}
		default:
			continue
		}
		next := int32(i + utf8.RuneLen(r))
		if r == '\n' {
			line, base = line+1, next
		}
		l.start, l.line, l.base = append(l.start, next), append(l.line, line), append(l.base, base)
	}
}

// offset returns the byte of a YAML mark; line and col count from 1, col in characters.
func (l *lines) offset(line, col int) int {
	line = min(max(line, 1), len(l.start))
	at := int(l.start[line-1])
	if l.ascii {
		return min(at+col-1, len(l.text))
	}
	n := 1
	if l.last.line == line && l.last.col <= col {
		at, n = l.last.at, l.last.col
	}
	for ; n < col && at < len(l.text); n++ {
		_, size := utf8.DecodeRuneInString(l.text[at:])
		at += size
	}
	l.last.line, l.last.col, l.last.at = line, n, at
	return at
}

// place returns the line and column of a byte.
func (l *lines) place(at int) position {
	i := sort.Search(len(l.start), func(i int) bool { return int(l.start[i]) > at }) - 1
	i = max(i, 0)
	if l.line == nil {
		return position{int32(l.first + i + 1), int32(at) - l.start[i] + 1}
	}
	return position{l.line[i], int32(at) - l.base[i] + 1}
}
