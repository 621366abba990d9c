package form

import (
	"fmt"
	"strings"
)

// line is one line of a table: where a value stands in Terraform, what becomes of it, where it goes.
type line struct {
	left  [][]step // several where a converter joins them
	right []step
	hang  string // provider-form type of a resource of its own that hangs on this one, "" for this one
	convs []conv
	text  string // the right side's path as written, for spelling
}

// step is one step of a path.
type step struct {
	name  string
	each  bool   // []
	first bool   // [0]
	more  bool   // [+]
	key   string // [Key=value]
	value string
}

// conv is one converter with its arguments.
type conv struct {
	name  string
	args  []string
	table map[string]string // enum
}

func readLine(left, right string) (line, error) {
	var l line
	for _, part := range strings.Split(left, ",") {
		steps, err := readPath(strings.TrimSpace(part))
		if err != nil {
			return l, fmt.Errorf("%s: %w", left, err)
		}
		l.left = append(l.left, steps)
	}
	fields := splitBars(right)
	target := strings.TrimSpace(fields[0])
	if strings.HasPrefix(target, "@") {
		l.hang, target = cutType(target[1:])
	}
	var err error
	if l.right, err = readPath(target); err != nil {
		return l, fmt.Errorf("%s: %w", right, err)
	}
	l.text = plainPath(l.right)
	for _, f := range fields[1:] {
		c, err := readConv(strings.TrimSpace(f))
		if err != nil {
			return l, fmt.Errorf("%s: %w", right, err)
		}
		l.convs = append(l.convs, c)
	}
	return l, nil
}

// cutType splits TYPE.Path; a type may hold dots before its last slash.
func cutType(s string) (string, string) {
	from := strings.LastIndexByte(strings.SplitN(s, `"`, 2)[0], '/') + 1
	if i := strings.LastIndex(s, "::"); i > from {
		from = i
	}
	i := strings.IndexByte(s[from:], '.')
	if i < 0 {
		return s, "."
	}
	return s[:from+i], s[from+i+1:]
}

// splitBars splits at bars outside parentheses.
func splitBars(s string) []string {
	var out []string
	depth, start := 0, 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '(':
			depth++
		case ')':
			depth--
		case '|':
			if depth == 0 {
				out = append(out, s[start:i])
				start = i + 1
			}
		}
	}
	return append(out, s[start:])
}

func readPath(s string) ([]step, error) {
	if s == "." || s == "" {
		return nil, nil
	}
	var out []step
	for s != "" {
		var st step
		if s[0] == '"' {
			end := strings.IndexByte(s[1:], '"')
			if end < 0 {
				return nil, fmt.Errorf("a quote is not closed")
			}
			st.name, s = s[1:1+end], s[2+end:]
		} else {
			end := strings.IndexAny(s, ".[")
			if end < 0 {
				end = len(s)
			}
			st.name, s = s[:end], s[end:]
		}
		if st.name == "" && !strings.HasPrefix(s, "[") {
			return nil, fmt.Errorf("an empty step")
		}
		if strings.HasPrefix(s, "[") {
			end := strings.IndexByte(s, ']')
			if end < 0 {
				return nil, fmt.Errorf("a bracket is not closed")
			}
			inside := s[1:end]
			s = s[end+1:]
			switch {
			case inside == "":
				st.each = true
			case inside == "0":
				st.first = true
			case inside == "+":
				st.more = true
			case strings.Contains(inside, "="):
				st.key, st.value, _ = strings.Cut(inside, "=")
			default:
				return nil, fmt.Errorf("[%s] is none of [], [0], [+], [Key=value]", inside)
			}
		}
		out = append(out, st)
		if s != "" {
			if s[0] != '.' || len(s) == 1 {
				return nil, fmt.Errorf("unexpected %q", s)
			}
			s = s[1:]
		}
	}
	return out, nil
}

// plainPath writes a path without brackets, as rules name it.
func plainPath(steps []step) string {
	names := make([]string, len(steps))
	for i, s := range steps {
		names[i] = s.name
	}
	return strings.Join(names, ".")
}

func readConv(s string) (conv, error) {
	c := conv{name: s}
	if i := strings.IndexByte(s, '('); i >= 0 && strings.HasSuffix(s, ")") {
		c.name = s[:i]
		inside := s[i+1 : len(s)-1]
		if c.name == "join" || c.name == "split" || c.name == "const" || c.name == "last" { // the argument is taken as it is
			c.args = []string{strings.Trim(inside, "'\"")}
		} else {
			for _, a := range strings.Split(inside, ",") {
				c.args = append(c.args, strings.TrimSpace(a))
			}
		}
	}
	want, ok := converters[c.name]
	if !ok {
		return c, fmt.Errorf("no converter %q", c.name)
	}
	if want.args >= 0 && len(c.args) != want.args {
		return c, fmt.Errorf("%s takes %d arguments, not %d", c.name, want.args, len(c.args))
	}
	if c.name == "enum" {
		c.table = map[string]string{}
		for _, a := range c.args {
			from, to, ok := strings.Cut(a, "=")
			if !ok {
				return c, fmt.Errorf("enum takes from=to, not %q", a)
			}
			c.table[strings.TrimSpace(from)] = strings.TrimSpace(to)
		}
	}
	return c, nil
}

// lessVersion compares dotted numbers.
func lessVersion(a, b string) bool {
	x, y := strings.Split(a, "."), strings.Split(b, ".")
	for i := 0; i < max(len(x), len(y)); i++ {
		p, q := number(x, i), number(y, i)
		if p != q {
			return p < q
		}
	}
	return false
}

func number(parts []string, i int) int {
	n := 0
	if i < len(parts) {
		for _, c := range parts[i] {
			if c < '0' || c > '9' {
				break
			}
			n = n*10 + int(c-'0')
			if n > 1e6 {
				break
			}
		}
	}
	return n
}

// before tells whether every version that the constraint allows is lower than version. Without a constraint the newest
// version counts.
func before(constraint, version string) bool {
	for _, term := range strings.Split(constraint, ",") {
		term = strings.TrimSpace(term)
		op := strings.TrimRight(term[:len(term)-len(strings.TrimLeft(term, "=<>~! "))], " ")
		v := strings.TrimLeft(term, "=<>~! v")
		if v == "" || v[0] < '0' || v[0] > '9' {
			continue
		}
		switch op {
		case "", "=":
			if lessVersion(v, version) {
				return true
			}
		case "<":
			if !lessVersion(version, v) {
				return true
			}
		case "<=":
			if lessVersion(v, version) {
				return true
			}
		case "~>":
			if !lessVersion(version, ceiling(v)) {
				return true
			}
		}
	}
	return false
}

// ceiling is the first version that ~> v does not allow.
func ceiling(v string) string {
	parts := strings.Split(v, ".")
	if len(parts) == 1 {
		return "1000000"
	}
	n := len(parts) - 2
	return strings.Join(append(append([]string{}, parts[:n]...), fmt.Sprint(number(parts, n)+1)), ".")
}
