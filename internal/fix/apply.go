package fix

import (
	"bytes"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/plinthsec/plinth/internal/lazy"
)

// assigned is an argument on a line of its own.
var assigned = lazy.New(`^([ \t]*)([A-Za-z_][A-Za-z0-9_-]*)( +)= (.*\n)$`)

// lineUp brings the equals signs of arguments that are inserted at one place under one another, as terraform fmt does: under that of the
// line before where they fit, else after an empty line, so that no other line has to move.
func lineUp(src []byte, list []Edit) {
	for i := 0; i < len(list); {
		j := i
		for j < len(list) && list[j].From == list[j].To && list[j].From == list[i].From {
			j++
		}
		group := list[i:j]
		i = max(j, i+1)
		width := 0
		for _, e := range group {
			if m := assigned.FindStringSubmatch(e.Text); m != nil {
				width = max(width, len(m[2])+1)
			}
		}
		if width == 0 {
			continue
		}
		at := lineStart(src, max(0, group[0].From-1))
		apart := false
		if m := assigned.FindStringSubmatch(string(src[at:group[0].From])); m != nil && at < group[0].From {
			before := len(m[2]) + len(m[3])
			apart = width > before
			width = max(width, before)
		}
		for k := range group {
			m := assigned.FindStringSubmatch(group[k].Text)
			if m == nil {
				continue
			}
			group[k].Text = m[1] + m[2] + strings.Repeat(" ", width-len(m[2])) + "= " + m[4]
			if apart {
				group[k].Text, apart = "\n"+group[k].Text, false
			}
		}
	}
}

// indent is the indentation of the first line of a text that is not empty.
func indent(text string) int {
	text = strings.TrimLeft(text, "\r\n")
	return len(text) - len(strings.TrimLeft(text, " \t"))
}

// Apply makes the edits, which refer to the bytes of src. Equal edits count once; of insertions at one place those that are indented more come first: they belong to
// what stands before. Others follow in the order of their text. Overlapping edits, and edits outside src, are an error. Every byte outside of the edits stays; line ends are those of the line before.
func Apply(src []byte, edits []Edit) ([]byte, error) {
	list := slices.Clone(edits)
	sort.SliceStable(list, func(i, j int) bool {
		a, b := list[i], list[j]
		if a.From != b.From {
			return a.From < b.From
		}
		if a.To != b.To {
			return a.To < b.To
		}
		if one, other := indent(a.Text), indent(b.Text); a.From == a.To && one != other {
			return one > other
		}
		if one, other := strings.Count(a.Text, "\n") > 1, strings.Count(b.Text, "\n") > 1; one != other {
			return other // arguments before blocks
		}
		return a.Text < b.Text
	})
	list = slices.Compact(list)
	lineUp(src, list)
	crlf := bytes.Contains(src, []byte("\r\n"))
	var out bytes.Buffer
	at := 0
	for _, e := range list {
		if e.From < at || e.To < e.From || e.To > len(src) {
			return nil, fmt.Errorf("edits of bytes %d to %d overlap or lie outside", e.From, e.To)
		}
		out.Write(src[at:e.From])
		text := e.Text
		if crlf {
			text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\n", "\r\n")
		}
		out.WriteString(text)
		at = e.To
	}
	out.Write(src[at:])
	return out.Bytes(), nil
}
