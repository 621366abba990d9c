package compose

import (
	"path"
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/value"
)

// variable is an entry of a .env file.
type variable struct {
	text string
	at   plinth.Location
}

type environment map[string]variable

// environment reads the file .env of a folder: lines NAME=VALUE, quotes around the value taken off.
func (r *reading) environment(folder string) environment {
	name := path.Join(folder, ".env")
	data, ok := r.load(name, maxEnv)
	if !ok {
		return nil
	}
	env := environment{}
	line := int32(0)
	for text := range strings.SplitSeq(string(data), "\n") {
		line++
		key, v, ok := strings.Cut(strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(text), "export ")), "=")
		if key = strings.TrimSpace(key); !ok || !word(key) {
			continue
		}
		v = strings.TrimSpace(v)
		if n := len(v); n >= 2 && (v[0] == '"' || v[0] == '\'') && v[n-1] == v[0] {
			v = v[1 : n-1]
		} else {
			v, _, _ = strings.Cut(v, " #")
			v = strings.TrimSpace(v)
		}
		if strings.Contains(v, "$") {
			continue // it depends on others
		}
		env[key] = variable{v, plinth.Location{Path: name, Line: line, Col: 1, EndLine: line, EndCol: int32(len(strings.TrimRight(text, "\r")) + 1)}}
	}
	return env
}

// word tells whether a text is the name of a variable.
func word(s string) bool {
	for i := range len(s) {
		if !letter(s[i], i > 0) {
			return false
		}
	}
	return s != ""
}

func letter(c byte, inside bool) bool {
	return c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z' || inside && c >= '0' && c <= '9'
}

// filled is a text with its variables filled in.
type filled struct {
	known strings.Builder // what has come since the last unknown part
	parts []plinth.Value
	why   []string
	from  plinth.Location // of the first variable that .env sets
}

func (f *filled) close() {
	if f.known.Len() > 0 {
		f.parts = append(f.parts, plinth.StringOf(f.known.String()))
		f.known.Reset()
	}
}

func (f *filled) unknown(name string) {
	why := "${" + name + "}"
	f.close()
	f.parts = append(f.parts, plinth.UnknownOf(why))
	if len(f.why) < maxWhy && !slices.Contains(f.why, why) {
		f.why = append(f.why, why)
	}
}

// expand fills the variables of a text in: $NAME, ${NAME}, and the forms with -, :-, ?, :?, + and :+. $$ is a dollar; what is no
// variable stays as it is.
func (e environment) expand(s string) (plinth.Value, plinth.Location) {
	if !strings.Contains(s, "$") {
		return plinth.StringOf(s), plinth.Location{}
	}
	f := &filled{}
	e.fill(f, s, 0)
	if len(f.why) == 0 {
		return plinth.StringOf(f.known.String()), f.from
	}
	f.close()
	return value.Parted(plinth.UnknownOf(f.why...), f.parts).WithEnds(value.Ends(f.parts)), f.from
}

func (e environment) fill(f *filled, s string, depth int) {
	for s != "" {
		i := strings.IndexByte(s, '$')
		if i < 0 || i+1 == len(s) {
			f.known.WriteString(s)
			return
		}
		f.known.WriteString(s[:i])
		s = s[i+1:]
		switch {
		case s[0] == '$':
			f.known.WriteString("$")
			s = s[1:]
		case s[0] == '{':
			end := closing(s)
			if end < 0 || depth == maxNested {
				f.known.WriteString("$" + s)
				return
			}
			e.braced(f, s[1:end], depth)
			s = s[end+1:]
		default:
			n := 0
			for n < len(s) && letter(s[n], n > 0) {
				n++
			}
			if n == 0 {
				f.known.WriteString("$")
				continue
			}
			e.braced(f, s[:n], depth)
			s = s[n:]
		}
	}
}

// closing returns where the brace at the beginning of a text is closed, -1 where it is not.
func closing(s string) int {
	depth := 0
	for i := range len(s) {
		switch s[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// braced fills in one variable, given as it stands between its braces.
func (e environment) braced(f *filled, s string, depth int) {
	n := 0
	for n < len(s) && letter(s[n], n > 0) {
		n++
	}
	name, rest := s[:n], s[n:]
	if name == "" {
		f.known.WriteString("${" + s + "}")
		return
	}
	v, set := e[name]
	if colon := strings.HasPrefix(rest, ":"); colon {
		rest, set = rest[1:], set && v.text != ""
	}
	operator := byte(0)
	if rest != "" {
		operator = rest[0]
	}
	switch {
	case operator == '+' && set, operator == '-' && !set:
		e.fill(f, rest[1:], depth+1)
	case operator == '+':
	case !set && name == "PWD": // the folder of the project, which paths are relative to
		f.known.WriteByte('.')
	case !set && name == "HOME":
		f.known.WriteByte('~')
	case set:
		f.known.WriteString(v.text)
		if f.from.Path == "" {
			f.from = v.at
		}
	default:
		f.unknown(name)
	}
}
