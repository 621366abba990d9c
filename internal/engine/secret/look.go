package secret

import (
	"bytes"
	"fmt"
	"slices"
	"sort"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/tree"
)

const (
	stepsPerByte = 400     // of matching that one text may cost; a text made of beginnings of secrets would cost its square
	stepsAtLeast = 1 << 22 // for small texts
	maxMatches   = 10_000  // secrets of one text that are reported
	strictName   = 4       // characters of a name up to which it must stand as a word of its own
	maxLines     = 2       // line ends between a name and its value
)

// match is a secret in a text.
type match struct {
	rule  *Rule
	also  []*Rule
	at    span   // where it stands in the text, decoded or not
	whole span   // with what led to it
	value []byte // the secret itself
	weak  bool   // its checksum is wrong
}

// searcher looks at one text after the other. It is not for concurrent use.
type searcher struct {
	set     *Set
	index   *index
	hits    []hit
	windows map[int32][]span
	steps   int
	problem func(plinth.Problem)
	path    string
}

// text returns the secrets of a text, in the order of their places, each once under its most specific rule.
func (s *searcher) text(path string, data []byte) []match {
	s.path, s.steps = path, stepsPerByte*len(data)+stepsAtLeast
	found := s.find(data, 0)
	if s.steps <= 0 {
		s.problem(plinth.Problem{Kind: plinth.Limit, At: plinth.Location{Path: path}, Text: "the text repeats the beginnings of secrets too often; not all of it was looked at"})
	}
	found = resolve(found)
	if len(found) > maxMatches {
		s.problem(plinth.Problem{Kind: plinth.Limit, At: plinth.Location{Path: path}, Text: fmt.Sprintf("more than %d secrets; the rest is not reported", maxMatches)})
		found = found[:maxMatches]
	}
	return found
}

// whole returns the matches of rules for whole files. They have no place in the text.
func (s *searcher) whole(path string, data []byte) []match {
	var found []match
	s.path = path
	for _, i := range s.index.files {
		if r := s.rule(i); r != nil {
			found = append(found, match{rule: r, value: data})
		}
	}
	return found
}

// rule returns the rule of an entry if it is for this file and can be used.
func (s *searcher) rule(i int32) *Rule {
	r, problems := s.set.entries[i].load()
	for _, p := range problems {
		s.problem(p)
	}
	if r == nil || len(r.paths) > 0 && !slices.ContainsFunc(r.paths, func(p string) bool { return tree.Match(p, s.path) }) {
		return nil
	}
	return r
}

// find returns everything that some rule matches, in the text and in what is encoded in it.
func (s *searcher) find(data []byte, depth int) []match {
	var found []match
	emit := func(m match) { found = append(found, m) }
	s.hits = s.index.auto.find(data, s.hits[:0])
	clear(s.windows)
	for _, h := range s.hits {
		if s.steps <= 0 {
			break
		}
		k := s.index.keywords[h.keyword]
		name := span{int(h.end) - len(k), int(h.end)}
		for _, i := range s.index.byKeyword[h.keyword] {
			r := s.rule(i)
			switch {
			case r == nil:
			case r.form == formToken:
				s.token(r, k, data, name, emit)
			case r.form == formNear:
				s.near(r, data, name, emit)
			case r.form == formAssign:
				s.assign(r, data, name, emit)
			case r.form == formText:
				s.open(i, r, data, name)
			}
		}
	}
	s.expressions(data, emit)
	if depth < maxDepth {
		s.decoded(data, depth, emit)
	}
	return found
}

// accept emits a match if the secret passes the checks of its rule.
func (r *Rule) accept(data []byte, whole, secret span, emit func(match)) bool {
	v := data[secret.start:secret.end]
	if len(v) == 0 || !r.check.passes(v) {
		return false
	}
	emit(match{rule: r, at: secret, whole: whole, value: v, weak: r.check.checksum != nil && !r.check.checksum(v)})
	return true
}

// token looks for a text with a shape of its own around the keyword.
func (s *searcher) token(r *Rule, keyword string, data []byte, at span, emit func(match)) {
	least, most, _ := r.pattern.before(keyword)
	for from := max(0, at.start-most); from <= at.start-least; from++ {
		if s.steps--; !r.first[data[from]] || !leftFree(data, from) {
			continue
		}
		whole, secret, ok := r.pattern.at(data, from)
		s.steps -= whole.end - from
		if ok && whole.end >= at.end && r.rightFree(data, whole.end) && r.accept(data, whole, secret, emit) {
			return
		}
	}
}

// near looks for a value behind the name, on the next lines at most.
func (s *searcher) near(r *Rule, data []byte, name span, emit func(match)) {
	if !named(data, name) {
		return
	}
	lines := 0
	limit := min(len(data), name.end+r.gap+1)
	for p := name.end; p < limit; p++ {
		c := data[p]
		if c == '\n' {
			if lines++; lines > maxLines {
				return
			}
		}
		if s.steps--; !r.first[c] || p == name.end || !leftFree(data, p) || r.edge[data[p-1]] && data[p-1] != '=' && data[p-1] != ':' {
			continue
		}
		whole, secret, ok := r.pattern.at(data, p)
		s.steps -= whole.end - p
		if !ok || !r.rightFree(data, whole.end) || !r.lies(data[name.start:p]) {
			continue
		}
		if r.accept(data, span{name.start, whole.end}, secret, emit) {
			return
		}
	}
}

// lies tells whether one of the words of with: lies between the name and the value.
func (r *Rule) lies(between []byte) bool {
	if len(r.with) == 0 {
		return true
	}
	low := bytes.ToLower(between)
	return slices.ContainsFunc(r.with, func(w string) bool { return bytes.Contains(low, []byte(w)) })
}

// assign looks for a value that is assigned to a name that the keyword is in.
func (s *searcher) assign(r *Rule, data []byte, name span, emit func(match)) {
	if !named(data, name) {
		return
	}
	p, ok := assigned(data, name.end)
	if s.steps -= 16; !ok || p >= len(data) || !r.first[data[p]] {
		return
	}
	whole, secret, ok := r.pattern.at(data, p)
	s.steps -= whole.end - p
	if ok && r.rightFree(data, whole.end) {
		r.accept(data, span{name.start, whole.end}, secret, emit)
	}
}

// open notes the window of a regular expression, joined with the one before where they meet.
func (s *searcher) open(i int32, r *Rule, data []byte, name span) {
	list := s.windows[i]
	n := len(list)
	if n > 0 && name.end <= list[n-1].end && r.scope != scopeBytes {
		return
	}
	w := r.window(data, name)
	if n > 0 && w.start <= list[n-1].end {
		list[n-1].end = max(list[n-1].end, w.end)
		return
	}
	s.windows[i] = append(list, w)
}

// expressions runs the regular expressions on their windows.
func (s *searcher) expressions(data []byte, emit func(match)) {
	order := make([]int32, 0, len(s.windows))
	for i := range s.windows {
		order = append(order, i)
	}
	slices.Sort(order)
	for _, i := range order {
		r := s.rule(i)
		for _, w := range s.windows[i] {
			text := data[w.start:w.end]
			if r.needs != nil && !r.needs.Match(text) {
				continue
			}
			for _, m := range r.expr().FindAllSubmatchIndex(text, -1) {
				g := 2 * r.group
				if g == 0 {
					g = firstGroup(m)
				}
				if m[g] < 0 {
					continue
				}
				whole, secret := span{w.start + m[0], w.start + m[1]}, span{w.start + m[g], w.start + m[g+1]}
				r.accept(data, whole, secret, emit)
			}
		}
	}
}

// firstGroup returns where the first group that holds something begins in the indexes of a match; 0 without one.
func firstGroup(m []int) int {
	for g := 2; g < len(m); g += 2 {
		if m[g] >= 0 && m[g+1] > m[g] {
			return g
		}
	}
	return 0
}

// leftFree tells whether a word may begin at p: the byte before belongs to no word, or ends an escape such as \n, %3D, \u003d.
func leftFree(data []byte, p int) bool {
	if p == 0 || !wordByte[data[p-1]] {
		return true
	}
	if p >= 2 && data[p-2] == '\\' && (data[p-1] == 'n' || data[p-1] == 'r' || data[p-1] == 't') {
		return true
	}
	if p >= 3 && (data[p-3] == '%' || data[p-3] == 'x' && p >= 4 && data[p-4] == '\\') && hexByte[data[p-2]] && hexByte[data[p-1]] {
		return true
	}
	return p >= 6 && data[p-6] == '\\' && data[p-5] == 'u' && hexByte[data[p-4]] && hexByte[data[p-1]]
}

// rightFree tells whether a match of the rule may end before p.
func (r *Rule) rightFree(data []byte, p int) bool {
	return p >= len(data) || !wordByte[data[p]] && !r.edge[data[p]]
}

var wordByte, hexByte = ofBytes("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_"), ofBytes("0123456789ABCDEFabcdef")

func ofBytes(list string) (s set) {
	for i := range len(list) {
		s[list[i]] = true
	}
	return s
}

// named tells whether a keyword is a name and no piece of another word. A short one stands for itself, or as a part of a name
// in one of the usual spellings: fb_key, fbKey, FB-KEY.
func named(data []byte, name span) bool {
	if name.end-name.start > strictName {
		return true
	}
	if name.start > 0 {
		before, c := data[name.start-1], data[name.start]
		if letter(before) && !(isLower(before) && !isLower(c)) {
			return false
		}
	}
	if name.end < len(data) {
		c, after := data[name.end-1], data[name.end]
		if letter(after) && !(isLower(c) && !isLower(after)) {
			return false
		}
	}
	return true
}

func letter(c byte) bool  { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
func isLower(c byte) bool { return c >= 'a' && c <= 'z' }

// resolve leaves one match for each secret: of those that overlap the one of the most specific rule, with the other rules.
func resolve(list []match) []match {
	sort.SliceStable(list, func(i, j int) bool {
		a, b := &list[i], &list[j]
		if x, y := a.rule.specific(), b.rule.specific(); x != y {
			return x > y
		}
		if x, y := a.at.end-a.at.start, b.at.end-b.at.start; x != y {
			return x > y
		}
		if a.at != b.at {
			return a.at.start < b.at.start
		}
		return a.rule.ID < b.rule.ID
	})
	var out []match
	for _, m := range list {
		owner := slices.IndexFunc(out, func(o match) bool { return m.at.start < o.at.end && o.at.start < m.at.end })
		if owner < 0 {
			out = append(out, m)
			continue
		}
		o := &out[owner]
		if m.rule != o.rule && !slices.Contains(o.also, m.rule) {
			o.also = append(o.also, m.rule)
		}
		if o.whole.end-o.whole.start < m.whole.end-m.whole.start && m.whole.start <= o.at.start && m.whole.end >= o.at.end {
			o.whole = m.whole
		}
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].at.start < out[j].at.start })
	return out
}
