package dockerfile

import (
	"sort"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/document"
)

// script is a text that was put together from pieces of a file.
type script struct {
	text   string
	pieces []piece
}

// piece says that the text from byte at on stands in the file at this line and column.
type piece struct {
	at        int
	line, col int
}

func (s *script) add(text string, line, col int) {
	s.pieces = append(s.pieces, piece{len(s.text), line, col})
	s.text += text
}

// from returns the script without its first n bytes.
func (s script) from(n int) script {
	out := script{text: s.text[n:]}
	for i, p := range s.pieces {
		if i+1 < len(s.pieces) && s.pieces[i+1].at <= n {
			continue
		}
		if d := n - p.at; d > 0 {
			p.at, p.col = n, p.col+d
		}
		p.at -= n
		out.pieces = append(out.pieces, p)
	}
	return out
}

// part returns the bytes from one to another.
func (s script) part(from, end int) script {
	out := s.from(from)
	out.text = out.text[:end-from]
	return out
}

// place returns the line and column of a byte; a byte just after a piece belongs to it when end is asked for.
func (s script) place(at int, end bool) (line, col int) {
	i := sort.Search(len(s.pieces), func(i int) bool { return s.pieces[i].at > at || end && s.pieces[i].at == at }) - 1
	if i = max(i, 0); i >= len(s.pieces) {
		return 1, 1
	}
	p := s.pieces[i]
	return p.line, p.col + max(at-p.at, 0)
}

// location returns the range of the bytes from to end.
func (s script) location(path string, from, end int) plinth.Location {
	line, col := s.place(from, false)
	endLine, endCol := s.place(end, end > from)
	return plinth.Location{Path: path, Line: int32(line), Col: int32(col), EndLine: int32(endLine), EndCol: int32(endCol)}
}

// source is a Dockerfile's text by lines, the first at index 1.
type source struct {
	lines  []string
	escape byte
}

func sourceOf(data []byte) *source {
	text := document.Text(data)
	s := &source{lines: append([]string{""}, strings.Split(text, "\n")...)}
	for i, l := range s.lines {
		s.lines[i] = strings.TrimRight(l, "\r")
	}
	return s
}

// instruction joins the lines of an instruction as the parser does, heredocs left out: comments and empty lines inside are
// dropped, and so are the continuation marks.
func (s *source) instruction(n *parser.Node) script {
	var out script
	first := true
	for i := n.StartLine; i <= n.EndLine && i < len(s.lines); i++ {
		line := s.lines[i]
		trimmed := strings.TrimLeft(line, " \t\v\f\r")
		col := 1
		if first {
			col += len(line) - len(trimmed)
			line = trimmed
		} else if trimmed == "" || trimmed[0] == '#' {
			continue
		}
		body, more := s.continued(line)
		out.add(body, i, col)
		if first = false; !more {
			break
		}
	}
	return out
}

// continued takes the continuation mark off a line: the escape character as the last one that is no white space, unless
// another one stands before it.
func (s *source) continued(line string) (string, bool) {
	body := strings.TrimRight(line, " \t")
	if body == "" || body[len(body)-1] != s.escape {
		return line, false
	}
	body = body[:len(body)-1]
	if body != "" && body[len(body)-1] == s.escape {
		return line, false
	}
	return body, true
}

// heredocs returns the bodies of an instruction's heredocs, one script each.
func (s *source) heredocs(n *parser.Node) []script {
	lines := 0
	for _, h := range n.Heredocs {
		lines += strings.Count(h.Content, "\n") + 1
	}
	at := n.EndLine - lines + 1
	var out []script
	for _, h := range n.Heredocs {
		var body script
		for range strings.Count(h.Content, "\n") {
			line, col := s.lines[min(at, len(s.lines)-1)], 1
			if h.Chomp {
				col += len(line) - len(strings.TrimLeft(line, "\t"))
			}
			body.add(line[col-1:]+"\n", at, col)
			at++
		}
		at++ // the terminator
		out = append(out, body)
	}
	return out
}
