package secret

import (
	"bytes"
	"slices"
)

// window is a part of the text that a regular expression looks at.
type window struct {
	span
	full bool // the expression matches in it
}

// search returns everything that some rule matches in a text of a file.
func (s *searcher) search(data []byte) []match {
	budget := stepsPerByte*len(data) + stepsAtLeast
	s.steps = budget
	if s.memo != nil && len(data) >= leastText {
		if found := s.recall(data); s.steps > 0 {
			return found
		}
		s.steps = budget // a text that costs too much is cut off at the same place, whatever was seen before
	}
	return s.find(data, 0)
}

// find returns everything that some rule matches, in the text and in what is encoded in it.
func (s *searcher) find(data []byte, depth int) []match {
	var found []match
	emit := func(m match) { found = append(found, m) }
	s.hits = s.index.auto.find(data, s.hits[:0], &s.spare)
	s.always(data)
	for _, h := range s.hits {
		if s.steps <= 0 {
			break
		}
		s.weigh(data, h, emit)
	}
	s.expressions(data, emit)
	if depth < maxDepth {
		s.decoded(data, depth, emit)
	}
	return found
}

// always opens windows for the rules without keywords: they look at every text.
func (s *searcher) always(data []byte) {
	for _, i := range s.opened {
		s.windows[i] = s.windows[i][:0]
	}
	s.opened = s.opened[:0]
	for _, i := range s.index.files {
		if r := s.rule(i); r != nil && r.form == formText {
			s.openWindow(i, span{0, len(data)})
		}
	}
}

// weigh asks the rules of a keyword about one of its hits. Those with a regular expression note their windows.
func (s *searcher) weigh(data []byte, h hit, emit func(match)) {
	k := s.index.keywords[h.keyword]
	name := span{int(h.end) - len(k), int(h.end)}
	s.touched = span{name.start - around, name.end + around}
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
			s.note(i, r, data, name)
		}
	}
}

// touch tells that the outcome of the hit depends on the bytes from one place up to another one.
func (s *searcher) touch(from, to int) {
	s.touched.start, s.touched.end = min(s.touched.start, from), max(s.touched.end, to)
}

// note keeps the window of a regular expression, joined with the one before where they meet.
func (s *searcher) note(i int32, r *Rule, data []byte, name span) {
	if r.follow != nil && !follows(data, name.end, r.follow) {
		return
	}
	list := s.windows[i]
	n := len(list)
	if n > 0 && name.end <= list[n-1].end && r.scope != scopeBytes {
		return
	}
	w := r.window(data, name)
	if r.scope == scopeBlock || r.scope == scopeDocument {
		s.steps -= maxBlock / bytesPerStep
	}
	if n > 0 && w.start <= list[n-1].end {
		list[n-1].end = max(list[n-1].end, w.end)
		return
	}
	s.openWindow(i, w)
}

func (s *searcher) openWindow(i int32, w span) {
	if len(s.windows[i]) == 0 {
		s.opened = append(s.opened, i)
	}
	s.windows[i] = append(s.windows[i], window{span: w})
}

// follows tells whether behind the rest of a name, quotes and blanks comes one of the bytes.
func follows(data []byte, p int, list *set) bool {
	limit := min(len(data), p+maxName)
	for p < limit && (wordByte[data[p]] || data[p] == ' ' || data[p] == '\t' || data[p] == '"' || data[p] == '\'') {
		p++
	}
	return p < limit && list[data[p]]
}

// expressions runs the regular expressions on their windows.
func (s *searcher) expressions(data []byte, emit func(match)) {
	slices.Sort(s.opened)
	for _, i := range s.opened {
		r := s.rule(i)
		for k := range s.windows[i] {
			w := &s.windows[i][k]
			text := data[w.start:w.end]
			if r.scope == scopeBlock {
				text = text[:min(len(text), blockHead)]
			}
			if !holdsAll(text, r.must) || !s.lies(r, text) || r.needs != nil && !r.needs.Match(text) {
				continue
			}
			for _, m := range s.matches(i, r, text) {
				w.full = true
				g := 2 * r.group
				if g == 0 {
					g = firstGroup(m)
				}
				if m[g] < 0 {
					continue
				}
				if len(r.under) > 0 && (slices.Contains(plainKeys, keyOf(text, m[g])) || !slices.Contains(r.under, blockOf(text, m[g]))) {
					continue
				}
				whole, secret := span{w.start + m[0], w.start + m[1]}, span{w.start + m[g], w.start + m[g+1]}
				if r.scope == scopeBlock { // the head was matched; the block is the secret
					if w.end-whole.end < leastBlock {
						continue
					}
					whole.end = w.end
					secret = whole
				}
				s.accept(r, data, whole, secret, emit)
				if r.scope == scopeBlock {
					break
				}
			}
		}
	}
}

// matches returns the matches of a rule's expression in a window, as regexp.FindAllSubmatchIndex does.
func (s *searcher) matches(i int32, r *Rule, text []byte) [][]int {
	if s.memo == nil {
		return r.expr().FindAllSubmatchIndex(text, -1)
	}
	return s.memo.matches(i, text, func() [][]int { return r.expr().FindAllSubmatchIndex(text, -1) })
}

// blockOf returns the key of the block of YAML, or of the object of JSON, that holds the line of byte p: the nearest line above with less
// indentation; "" where there is none. Lines of templates and comments are not counted.
func blockOf(text []byte, p int) string {
	end := bytes.LastIndexByte(text[:p], '\n') + 1
	mine := indent(text[end:])
	for end > 0 {
		start := bytes.LastIndexByte(text[:end-1], '\n') + 1
		line := bytes.TrimSpace(text[start : end-1])
		if n := indent(text[start:]); n < mine && len(line) > 0 && line[0] != '#' && !bytes.HasPrefix(line, []byte("{{")) {
			key, rest, _ := bytes.Cut(line, []byte(":"))
			if block := bytes.TrimSpace(rest); len(block) == 0 || block[0] == '{' || block[0] == '#' {
				return string(bytes.Trim(key, `"' `))
			}
			mine = n // a text of several lines
		}
		end = start
	}
	return ""
}

// plainKeys are keys of a block of secrets whose values are none.
var plainKeys = []string{"name", "type", "url", "namespace", "username", "user", "project", "host", "database", "region"}

// keyOf is the key of the line of byte p.
func keyOf(text []byte, p int) string {
	key, _, _ := bytes.Cut(text[bytes.LastIndexByte(text[:p], '\n')+1:p], []byte(":"))
	return string(bytes.Trim(key, " \t\"'"))
}

func indent(line []byte) int { return len(line) - len(bytes.TrimLeft(line, " \t")) }

// firstGroup returns where the first group that holds something begins in the indexes of a match; 0 without one.
func firstGroup(m []int) int {
	for g := 2; g < len(m); g += 2 {
		if m[g] >= 0 && m[g+1] > m[g] {
			return g
		}
	}
	return 0
}
