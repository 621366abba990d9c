package report

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
)

// excerpts reads the code around findings, without the secrets in it.
type excerpts struct {
	r      *Report
	files  map[string][]string
	hidden secrets
}

// of calls visit for the deciding lines of a finding and one line around them; of a long block only its first line counts.
func (x *excerpts) of(f *Finding, visit func(n int, text string, hit bool)) {
	if x.r.Source == nil || f.At.Line == 0 {
		return
	}
	lines := x.lines(f.Target, f.At.Path)
	if strings.ContainsRune(strings.Join(lines[:min(len(lines), 2)], ""), 0) { // UTF-16 is no text to show
		return
	}
	first, last := int(f.At.Line), int(max(f.At.EndLine, f.At.Line))
	if last > first+3 {
		last = first
	}
	for n := max(1, first-around); n <= min(len(lines), last+around); n++ {
		text := Mask(x.hidden.line(f.Target, f.At.Path, n, lines[n-1]))
		visit(n, Clean(strings.ReplaceAll(text, "\t", "  ")), n >= first && n <= last)
	}
}

func (x *excerpts) lines(target, path string) []string {
	key := target + "\x00" + path
	if l, ok := x.files[key]; ok {
		return l
	}
	data, err := x.r.Source(target, path)
	if err != nil {
		data = nil
	}
	l := strings.Split(strings.ReplaceAll(string(data), "\r\n", "\n"), "\n")
	x.files[key] = l
	return l
}

// cause is a root cause of unknown verdicts.
type cause struct {
	why string
	n   int
}

// causes groups the undecided findings by root cause, the most frequent first.
func causes(r *Report) []cause {
	count := map[string]int{}
	for i := range r.Findings {
		f := &r.Findings[i]
		if f.Verdict == plinth.Undecided && f.Suppressed == nil {
			for _, b := range f.Because {
				count[b]++
			}
		}
	}
	var out []cause
	for _, why := range slices.Sorted(maps.Keys(count)) {
		out = append(out, cause{why, count[why]})
	}
	slices.SortStableFunc(out, func(a, b cause) int { return cmp.Compare(b.n, a.n) })
	return out
}
