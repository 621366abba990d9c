package verdict

import (
	"bytes"
	"path"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/lazy"
)

const (
	maxNotes = 10_000  // suppressions of one file
	maxBlock = 200_000 // lines that one comment may cover
)

// note is a suppression that stands in a file.
type note struct {
	at       plinth.Location
	ids      []string // lower case; a pattern may end in *
	why      string
	until    string
	own      bool // Plinth's own form, which needs a reason
	attr     string
	value    string
	inside   bool // covers the blocks that it stands in
	file     bool // covers the whole file
	from, to int32
	used     *bool // it silenced something
}

// The forms that are honoured. Sources: the documentation of each tool.
var (
	checkovForm = lazy.New(`checkov:skip=\s*([A-Za-z0-9_\-]+)\s*:?\s*(.*)`)
	trivyForm   = lazy.New(`(?:trivy|tfsec):ignore:([A-Za-z0-9_\-*.]+)((?:\[[^\]]*\])?)((?::(?:exp|ws):[^\s:]+)*)`)
	kicsForm    = lazy.New(`kics-scan\s+(ignore-line|ignore-block|ignore|disable=([A-Za-z0-9\-,]+))`)
	plinthForm  = lazy.New(`plinth:ignore\s+([A-Za-z0-9_\-*.:]+)((?:\s+(?:until=\S+|why="[^"]*"))*)`)
	untilForm   = lazy.New(`until=(\S+)`)
	whyForm     = lazy.New(`why="([^"]*)"`)
	expForm     = lazy.New(`:exp:(\d{4}-\d{2}-\d{2})`)
)

// marks are what some suppression holds.
var marks = [...][]byte{[]byte(":ignore"), []byte("checkov:skip"), []byte("kics-scan")}

// Mentions tells whether a file may hold suppressions.
func Mentions(data []byte) bool {
	for _, m := range marks {
		if bytes.Contains(data, m) {
			return true
		}
	}
	return false
}

// notes reads the suppressions of a file. Only comments count: text behind #, //, /* or --.
func notes(file string, data []byte) []note {
	if !Mentions(data) {
		return nil
	}
	text := string(data)
	lines := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	var out []note
	for i, line := range lines {
		start := commentStart(line)
		if start < 0 || len(out) > maxNotes {
			continue
		}
		comment := line[start:]
		at := plinth.Location{Path: file, Line: int32(i + 1), Col: int32(start + 1), EndLine: int32(i + 1), EndCol: int32(len(line) + 1)}
		from, to := covered(file, lines, i, strings.TrimSpace(line[:start]) == "")
		for _, n := range inComment(comment) {
			n.at = at
			if n.from == 0 {
				n.from, n.to = from, to
			} else if n.from = min(from, at.Line+1); n.to == 1 { // ignore-line
				n.from, n.to = at.Line+1, at.Line+1
			} else {
				n.to = to
			}
			out = append(out, n)
		}
	}
	return out
}

// inComment finds the suppressions of one comment. A kics-scan ignore-line has to = 1 and an ignore-block to = 2, with from = 1.
func inComment(s string) []note {
	var out []note
	if m := checkovForm.FindStringSubmatch(s); m != nil {
		out = append(out, note{ids: []string{strings.ToLower(m[1])}, why: strings.TrimSpace(strings.TrimSuffix(m[2], "*/")), inside: true})
	}
	found := trivyForm.FindAllStringSubmatchIndex(s, -1)
	for _, m := range found {
		n := note{ids: []string{strings.ToLower(s[m[2]:m[3]])}}
		if filter := strings.Trim(s[m[4]:m[5]], "[]"); filter != "" {
			n.attr, n.value, _ = strings.Cut(filter, "=")
		}
		if e := expForm.FindStringSubmatch(s[m[6]:m[7]]); e != nil {
			n.until = e[1]
		}
		if m[1] == len(s) || m[0] == found[len(found)-1][0] {
			n.why = strings.TrimSpace(strings.TrimSuffix(strings.TrimLeft(s[m[1]:], ": -"), "*/"))
		}
		out = append(out, n)
	}
	if m := kicsForm.FindStringSubmatch(s); m != nil {
		switch {
		case m[2] != "":
			n := note{file: true}
			for _, id := range strings.Split(strings.ToLower(m[2]), ",") {
				n.ids = append(n.ids, "kics:"+strings.TrimSpace(id))
			}
			out = append(out, n)
		case m[1] == "ignore":
			out = append(out, note{ids: []string{"*"}, file: true})
		case m[1] == "ignore-line":
			out = append(out, note{ids: []string{"*"}, from: 1, to: 1})
		default:
			out = append(out, note{ids: []string{"*"}, from: 1, to: 2})
		}
	}
	for _, m := range plinthForm.FindAllStringSubmatch(s, -1) {
		n := note{ids: []string{strings.ToLower(m[1])}, own: true}
		if u := untilForm.FindStringSubmatch(m[2]); u != nil {
			n.until = u[1]
		}
		if w := whyForm.FindStringSubmatch(m[2]); w != nil {
			n.why = strings.TrimSpace(w[1])
		}
		out = append(out, n)
	}
	return out
}

// commentStart returns where the comment of a line begins, -1 without one. Text in quotes is no comment.
func commentStart(line string) int {
	var quote byte
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case quote != 0:
			if c == '\\' && quote == '"' {
				i++
			} else if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'' && (i == 0 || line[i-1] == ' ' || line[i-1] == '[' || line[i-1] == ','):
			quote = c
		case c == '#', c == '/' && i+1 < len(line) && (line[i+1] == '/' || line[i+1] == '*') && (i == 0 || line[i-1] != ':'):
			return i
		}
	}
	return -1
}

// covered returns the lines that a comment speaks of: those of the statement that it stands behind, or of the next one when it
// stands alone. A statement that opens a block has all its lines.
func covered(file string, lines []string, i int, alone bool) (from, to int32) {
	at := i
	if alone {
		for at++; at < len(lines); at++ {
			t := strings.TrimSpace(lines[at])
			if t != "" && commentStart(lines[at]) != len(lines[at])-len(strings.TrimLeft(lines[at], " \t")) {
				break
			}
		}
	}
	if at >= len(lines) {
		return int32(i + 1), int32(i + 1)
	}
	end := at
	switch ext := strings.ToLower(path.Ext(file)); ext {
	case ".yaml", ".yml", ".template":
		end = indented(lines, at)
	case ".tf", ".tofu", ".tfvars", ".json":
		end = balanced(lines, at)
	}
	return int32(at + 1), int32(end + 1)
}

// balanced returns the last line of a statement whose brackets open on the line.
func balanced(lines []string, at int) int {
	depth := 0
	for i := at; i < len(lines) && i-at < maxBlock; i++ {
		line := lines[i]
		if c := commentStart(line); c >= 0 {
			line = line[:c]
		}
		quoted := false
		for k := 0; k < len(line); k++ {
			switch line[k] {
			case '\\':
				k++
			case '"':
				quoted = !quoted
			case '{', '[', '(':
				if !quoted {
					depth++
				}
			case '}', ']', ')':
				if !quoted {
					depth--
				}
			}
		}
		if depth <= 0 {
			return i
		}
	}
	return at
}

// indented returns the last line of a YAML entry: those that follow deeper than it, or as deep for the items of its list.
func indented(lines []string, at int) int {
	indent := func(s string) int { return len(s) - len(strings.TrimLeft(s, " ")) }
	base := indent(lines[at])
	if t := strings.TrimSpace(lines[at]); strings.HasPrefix(t, "- ") && !strings.HasSuffix(t, ":") && strings.Contains(t, ": ") {
		return at // the first key of a map in a list: the line, not the map
	}
	end := at
	for i := at + 1; i < len(lines) && i-at < maxBlock; i++ {
		t := strings.TrimSpace(lines[i])
		if t == "" || strings.HasPrefix(t, "#") {
			continue
		}
		if in := indent(lines[i]); in < base || in == base && !strings.HasPrefix(t, "- ") {
			break
		}
		end = i
	}
	return end
}
