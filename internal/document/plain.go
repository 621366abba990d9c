package document

import (
	"strconv"
	"strings"

	"github.com/plinthsec/plinth"
)

// Plain reads the part of YAML that rule files are written in: maps in maps, texts (plain, quoted on one line, or as a block
// behind |), numbers, truth, and lists of texts in brackets on one line. ok is false for all else, which Parser reads at ten
// times the cost; nothing in the value has a place. Tests hold the two together.
func Plain(text string) (v plinth.Value, ok bool) {
	for _, r := range text {
		if r < ' ' && r != '\n' || r >= 0x7f && r < 0xa0 || r == 0x2028 || r == 0x2029 || r == 0xfeff || r >= 0xfffd || r >= 0xd800 && r < 0xe000 {
			return v, false
		}
	}
	if !strings.HasSuffix(text, "\n") {
		return v, false
	}
	p := plainText{lines: strings.Split(strings.TrimRight(text, "\n"), "\n"), ok: true}
	v = p.fields("")
	return v, p.ok && len(p.lines) == 0
}

const (
	maxPlain = 20  // nesting of a plain text
	maxKey   = 100 // bytes of a key: YAML takes no more than 1,024 on one line
)

type plainText struct {
	lines []string
	ok    bool
}

// fields reads the lines of one indentation.
func (p *plainText) fields(indent string) plinth.Value {
	var out []plinth.Field
	for p.ok && len(p.lines) > 0 && len(indent) < 2*maxPlain {
		rest, mine := strings.CutPrefix(p.lines[0], indent)
		if !mine || strings.HasPrefix(rest, " ") {
			break
		}
		key, value, found := strings.Cut(rest, ":")
		if p.ok = found && isPlainKey(key); !p.ok {
			break
		}
		p.lines = p.lines[1:]
		if value == "" {
			out = append(out, plinth.Field{Key: key, Value: p.fields(indent + "  ")})
			continue
		}
		if value, p.ok = strings.CutPrefix(value, " "); p.ok {
			out = append(out, plinth.Field{Key: key, Value: p.value(value, indent)})
		}
	}
	n := len(out)
	v := plinth.MapOf(out)
	p.ok = p.ok && n > 0 && v.Len() == n // a key that stands twice is for the Parser to tell
	return v
}

// isPlainKey takes lower-case words; those that YAML 1.1 reads as truth are told apart by the reader of values only.
func isPlainKey(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c != '-' || i == 0) {
			return false
		}
	}
	return s != "" && len(s) <= maxKey
}

func (p *plainText) value(s, indent string) plinth.Value {
	switch {
	case s == "|":
		return p.block(indent + "  ")
	case strings.HasPrefix(s, "["):
		return p.list(s[1:])
	}
	v, rest := p.scalar(s, "")
	p.ok = p.ok && rest == ""
	return v
}

// block reads the lines of a text behind |, which all begin with the indentation.
func (p *plainText) block(indent string) plinth.Value {
	var b strings.Builder
	for len(p.lines) > 0 {
		line, mine := strings.CutPrefix(p.lines[0], indent)
		if !mine {
			if strings.TrimSpace(p.lines[0]) == "" { // an empty line may or may not belong to it
				p.ok = false
			}
			break
		}
		if strings.TrimSpace(line) == "" || b.Len() == 0 && line[0] == ' ' {
			p.ok = false // which line feeds count is for the Parser to tell
		}
		b.WriteString(line + "\n")
		p.lines = p.lines[1:]
	}
	p.ok = p.ok && b.Len() > 0
	return plinth.StringOf(b.String())
}

func (p *plainText) list(s string) plinth.Value {
	var list []plinth.Value
	for p.ok {
		if s == "]" {
			return plinth.ListOf(list)
		}
		var v plinth.Value
		v, s = p.scalar(s, ",]")
		if p.ok = p.ok && v.Kind() == plinth.String && s != ""; !p.ok {
			break
		}
		list = append(list, v)
		if s != "]" {
			s, p.ok = strings.CutPrefix(s, ", ")
		}
	}
	return plinth.Value{}
}

// special are beginnings of plain texts that mean something to YAML.
const special = "&*!|>%@`\"#{}?-[],'"

// scalar reads one scalar up to one of the characters of end.
func (p *plainText) scalar(s, end string) (plinth.Value, string) {
	switch {
	case strings.HasPrefix(s, "'"):
		return p.single(s[1:])
	case strings.HasPrefix(s, `"`):
		return p.double(s[1:])
	}
	rest := ""
	if i := strings.IndexAny(s, end); i >= 0 && end != "" {
		s, rest = s[:i], s[i:]
	}
	switch {
	case s == "" || strings.Contains(special, s[:1]) || strings.Contains(s, ": ") || strings.Contains(s, " #") || strings.HasSuffix(s, ":") || strings.TrimSpace(s) != s:
		p.ok = false
	case s == "true" || s == "false":
		return plinth.BoolOf(s == "true"), rest
	case s[0] >= '0' && s[0] <= '9' || s[0] == '.' || s[0] == '+' || s[0] == '~':
		n, err := strconv.ParseFloat(s, 64)
		if err == nil && strings.Trim(s, "0123456789.") == "" && (s[0] != '0' || len(s) == 1) {
			return plinth.NumberOf(n), rest
		}
		if strings.Contains(s, " ") && strings.ContainsAny(s, "abcdefghijklmnopqrstuvwxyz") {
			return plinth.StringOf(s), rest
		}
		p.ok = false // a date, an octal number: YAML knows
	case strings.Contains(" null Null NULL True TRUE False FALSE yes Yes YES no No NO on On ON off Off OFF y Y n N ", " "+s+" "):
		p.ok = false
	}
	return plinth.StringOf(s), rest
}

func (p *plainText) single(s string) (plinth.Value, string) {
	var b strings.Builder
	for {
		i := strings.IndexByte(s, '\'')
		if i < 0 {
			p.ok = false
			return plinth.Value{}, ""
		}
		b.WriteString(s[:i])
		if s = s[i+1:]; !strings.HasPrefix(s, "'") {
			return plinth.StringOf(b.String()), s
		}
		b.WriteByte('\'')
		s = s[1:]
	}
}

// double reads a text in double quotes with the escapes that need no table.
func (p *plainText) double(s string) (plinth.Value, string) {
	var b strings.Builder
	for {
		i := strings.IndexAny(s, `"\`)
		if i < 0 || s[i] == '\\' && i+1 == len(s) {
			p.ok = false
			return plinth.Value{}, ""
		}
		b.WriteString(s[:i])
		if s[i] == '"' {
			return plinth.StringOf(b.String()), s[i+1:]
		}
		switch s[i+1] {
		case '"', '\\', '/':
			b.WriteByte(s[i+1])
		case 'n':
			b.WriteByte('\n')
		case 't':
			b.WriteByte('\t')
		default:
			p.ok = false
			return plinth.Value{}, ""
		}
		s = s[i+2:]
	}
}
