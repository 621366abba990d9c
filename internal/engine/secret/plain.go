package secret

import (
	"strconv"
	"strings"

	"github.com/plinthsec/plinth"
)

// readPlain reads the part of YAML that our own rule files are written in: maps of two more levels, texts without or in single
// quotes, numbers, truth, and lists of texts in brackets, each on one line. ok is false for all else, which the YAML reader
// reads at ten times the cost; a test holds the two together.
func readPlain(text string) (v plinth.Value, ok bool) {
	for _, r := range text {
		if r < ' ' && r != '\n' || r >= 0x7f && r < 0xa0 || r == 0x2028 || r == 0x2029 || r == 0xfeff || r >= 0xfffd || r >= 0xd800 && r < 0xe000 {
			return v, false
		}
	}
	p := plainReader{lines: strings.Split(strings.TrimRight(text, "\n"), "\n"), ok: true}
	v = p.fields("")
	return v, p.ok && len(p.lines) == 0
}

type plainReader struct {
	lines []string
	ok    bool
}

// fields reads the lines of one indentation.
func (p *plainReader) fields(indent string) plinth.Value {
	var out []plinth.Field
	for p.ok && len(p.lines) > 0 {
		rest, mine := strings.CutPrefix(p.lines[0], indent)
		if !mine || strings.HasPrefix(rest, " ") {
			break
		}
		key, value, found := strings.Cut(rest, ":")
		if p.ok = found && key != "" && strings.Trim(key, "abcdefghijklmnopqrstuvwxyz") == ""; !p.ok {
			break
		}
		p.lines = p.lines[1:]
		if value == "" {
			out = append(out, plinth.Field{Key: key, Value: p.fields(indent + "  ")})
			continue
		}
		if value, p.ok = strings.CutPrefix(value, " "); p.ok {
			out = append(out, plinth.Field{Key: key, Value: p.value(value)})
		}
	}
	p.ok = p.ok && len(out) > 0
	return plinth.MapOf(out)
}

func (p *plainReader) value(s string) plinth.Value {
	if s[:min(1, len(s))] != "[" {
		v, rest := p.scalar(s, "")
		p.ok = p.ok && rest == ""
		return v
	}
	var list []plinth.Value
	for s = s[1:]; p.ok; {
		if s == "]" {
			return plinth.ListOf(list)
		}
		var v plinth.Value
		v, s = p.scalar(s, ",]")
		if p.ok = p.ok && v.Kind() == plinth.String && s != ""; !p.ok {
			break
		}
		list = append(list, v)
		s = strings.TrimPrefix(s, ", ")
	}
	return plinth.Value{}
}

// special are beginnings and parts of plain texts that mean something to YAML.
const special = "&*!|>%@`\"#{}?-[],'"

// scalar reads one scalar up to one of the characters of end.
func (p *plainReader) scalar(s, end string) (plinth.Value, string) {
	if strings.HasPrefix(s, "'") {
		var b strings.Builder
		for s = s[1:]; ; {
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
