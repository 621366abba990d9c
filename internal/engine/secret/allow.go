package secret

import (
	"bytes"
	"sort"
	"strings"

	"github.com/plinthsec/plinth"
)

// lines knows where the lines of a text begin.
type lines struct{ start []int }

func linesOf(text []byte) *lines { return (&lines{}).of(text) }

// of makes them those of another text, in the room of the one before.
func (l *lines) of(text []byte) *lines {
	l.start = append(l.start[:0], 0)
	for p := 0; ; {
		i := bytes.IndexByte(text[p:], '\n')
		if i < 0 {
			return l
		}
		p += i + 1
		l.start = append(l.start, p)
	}
}

// at returns the number of the line that byte p is in, from 0.
func (l *lines) at(p int) int {
	return sort.Search(len(l.start), func(i int) bool { return l.start[i] > p }) - 1
}

// place returns line and column of byte p, from 0.
func (l *lines) place(p int) (line, column int) {
	line = l.at(p)
	return line, p - l.start[line]
}

// location returns the place of a match; one that is the file itself has no line.
func (l *lines) location(path string, s span) plinth.Location {
	if s.end == 0 {
		return plinth.Location{Path: path}
	}
	a, b := l.at(s.start), l.at(s.end)
	return plinth.Location{Path: path, Line: int32(a + 1), Col: int32(s.start - l.start[a] + 1), EndLine: int32(b + 1), EndCol: int32(s.end - l.start[b] + 1)}
}

// text returns line i, without its end.
func (l *lines) text(body []byte, i int) []byte {
	end := len(body)
	if i+1 < len(l.start) {
		end = l.start[i+1] - 1
	}
	return body[l.start[i]:end]
}

// Comments that allow a secret on their line: ours and those of the peers, with or without a reason behind them.
var allowing = []string{"gitleaks:allow", "betterleaks:allow", "trufflehog:ignore", "pragma: allowlist secret", "pragma: whitelist secret", "nosecret", "ggignore", "noseyparker:ignore", "kingfisher:ignore"}

// nextLine are those that allow one on the line below.
var nextLine = []string{"pragma: allowlist nextline secret", "gitleaks:allow-next-line", "trufflehog:ignore-next-line"}

// allowed returns what silences a match: a comment on one of its lines, or on the line above.
func allowed(path string, body []byte, l *lines, m *match) *plinth.Suppression {
	if m.at.end == 0 {
		return nil
	}
	first, last := l.at(min(m.whole.start, m.at.start)), l.at(max(m.at.start, m.at.end-1))
	if m.whole.end == 0 {
		first = l.at(m.at.start)
	}
	for i := first; i <= last; i++ {
		if why, ok := comment(l.text(body, i), allowing); ok {
			return &plinth.Suppression{By: "comment", Why: why, At: plinth.Location{Path: path, Line: int32(i + 1)}}
		}
	}
	for i := l.at(m.at.start) - 1; i >= 0 && i >= first-1; i-- {
		if why, ok := comment(l.text(body, i), nextLine); ok {
			return &plinth.Suppression{By: "comment", Why: why, At: plinth.Location{Path: path, Line: int32(i + 1)}}
		}
	}
	return nil
}

const maxCommented = 8 << 10 // bytes of a line in which comments are looked for

// comment finds one of the marks in a line and returns it with what follows.
func comment(text []byte, marks []string) (string, bool) {
	text = text[:min(len(text), maxCommented)]
	if !mayAllow(text) {
		return "", false
	}
	low := strings.ToLower(string(text))
	for _, mark := range marks {
		if i := strings.Index(low, mark); i >= 0 {
			why := strings.TrimRight(string(text[i:]), " \t\r*/->#")
			return why, true
		}
	}
	return "", false
}

// speakers stand before the colon of a mark.
var speakers = []string{"gitleaks", "betterleaks", "trufflehog", "pragma", "noseyparker", "kingfisher"}

// mayAllow tells whether a line may hold a mark, in letters of whatever case where it has a colon: nearly all have none.
func mayAllow(text []byte) bool {
	colon := false
	for p := 0; ; p++ {
		i := bytes.IndexByte(text[p:], ':')
		if i < 0 {
			break
		}
		p += i
		colon = true
		for _, name := range speakers {
			if p >= len(name) && strings.EqualFold(string(text[p-len(name):p]), name) {
				return true
			}
		}
	}
	if bytes.Contains(text, []byte("nosecret")) || bytes.Contains(text, []byte("ggignore")) {
		return true
	}
	for p := 0; colon && p+len("nosecret") <= len(text); p++ {
		if c := text[p] | 0x20; (c == 'n' || c == 'g') && (strings.EqualFold(string(text[p:p+8]), "nosecret") || strings.EqualFold(string(text[p:p+8]), "ggignore")) {
			return true
		}
	}
	return false
}
