package secret

import (
	"fmt"
	"regexp/syntax"
)

const (
	maxVariants = 64       // sequences that the alternatives of one pattern may unfold to
	maxSegments = 600      // segments of one sequence
	maxRepeat   = 64 << 10 // bytes that an open repetition may take
	fewMarks    = 5        // letters and digits that do not mark a token by themselves
	maxChoice   = 10       // characters that one place of a keyword may have in a pattern
)

// set is a set of bytes.
type set [256]bool

func (s *set) meets(o *set) bool {
	for i := range s {
		if s[i] && o[i] {
			return true
		}
	}
	return false
}

// segment is a run of bytes of one set.
type segment struct {
	in       *set
	min, max int
}

// sequence is a run of segments that can be matched without going back: no byte may belong to a segment of open length and to
// what follows it as well.
type sequence struct {
	segments    []segment
	first, last int // segments of the group called secret, from first up to but without last; all without such a group
}

// pattern is a regular expression of literals, classes, counts and alternatives, unfolded to sequences. It is matched at a
// place, never searched for.
type pattern struct {
	source    string
	sequences []sequence
	least     int // bytes of the shortest match
	most      int
}

// compilePattern reads a pattern. What has no fixed shape (stars over groups, anchors) is an error: it needs regex:.
func compilePattern(source string) (*pattern, error) {
	re, err := syntax.Parse(source, syntax.Perl)
	if err != nil {
		return nil, err
	}
	list, err := unfold(re, []sequence{{first: -1}})
	if err != nil {
		return nil, err
	}
	p := &pattern{source: source, least: 1 << 30}
	for _, s := range list {
		if s.first < 0 {
			s.first, s.last = 0, len(s.segments)
		}
		if err := s.settle(); err != nil {
			return nil, err
		}
		least, most := s.size(len(s.segments))
		p.least, p.most = min(p.least, least), max(p.most, most)
		p.sequences = append(p.sequences, s)
	}
	if p.least == 0 {
		return nil, fmt.Errorf("the pattern matches the empty text")
	}
	return p, nil
}

// size returns the least and most bytes of the first n segments.
func (s *sequence) size(n int) (least, most int) {
	for _, g := range s.segments[:n] {
		least += g.min
		most += g.max
	}
	return least, most
}

// settle checks that the sequence can be matched in one go.
func (s *sequence) settle() error {
	for i, g := range s.segments {
		if g.min == g.max {
			continue
		}
		for _, f := range s.segments[i+1:] {
			if g.in.meets(f.in) {
				return fmt.Errorf("a part of open length is followed by characters that it may hold itself; write regex: instead")
			}
			if f.min > 0 {
				break
			}
		}
	}
	return nil
}

// unfold appends what re matches to each sequence.
func unfold(re *syntax.Regexp, list []sequence) ([]sequence, error) {
	switch re.Op {
	case syntax.OpEmptyMatch:
		return list, nil
	case syntax.OpLiteral:
		for _, r := range re.Rune {
			s, err := literal(r, re.Flags&syntax.FoldCase != 0)
			if err != nil {
				return nil, err
			}
			if list, err = each(list, segment{s, 1, 1}); err != nil {
				return nil, err
			}
		}
		return list, nil
	case syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return each(list, segment{class(re), 1, 1})
	case syntax.OpStar, syntax.OpPlus, syntax.OpQuest, syntax.OpRepeat:
		return repeat(re, list)
	case syntax.OpConcat:
		var err error
		for _, sub := range re.Sub {
			if list, err = unfold(sub, list); err != nil {
				return nil, err
			}
		}
		return list, nil
	case syntax.OpCapture:
		if re.Name != "secret" {
			return unfold(re.Sub[0], list)
		}
		for i := range list {
			list[i].first = len(list[i].segments)
		}
		list, err := unfold(re.Sub[0], list)
		for i := range list {
			list[i].last = len(list[i].segments)
		}
		return list, err
	case syntax.OpAlternate:
		var out []sequence
		for _, sub := range re.Sub {
			more, err := unfold(sub, clones(list))
			if err != nil {
				return nil, err
			}
			if out = append(out, more...); len(out) > maxVariants {
				return nil, fmt.Errorf("the pattern has more than %d alternatives", maxVariants)
			}
		}
		return out, nil
	}
	return nil, fmt.Errorf("%s has no fixed shape; write regex: instead", re)
}

func repeat(re *syntax.Regexp, list []sequence) ([]sequence, error) {
	least, most := re.Min, re.Max
	switch re.Op {
	case syntax.OpStar:
		least, most = 0, -1
	case syntax.OpPlus:
		least, most = 1, -1
	case syntax.OpQuest:
		least, most = 0, 1
	}
	sub := re.Sub[0]
	if single := one(sub); single != nil {
		if most < 0 {
			most = maxRepeat
		}
		return each(list, segment{single, least, most})
	}
	if most < 0 {
		return nil, fmt.Errorf("%s has no fixed shape; write regex: instead", re)
	}
	var out []sequence
	var err error
	for n := 0; n <= most; n++ {
		if n >= least {
			if out = append(out, clones(list)...); len(out) > maxVariants {
				return nil, fmt.Errorf("the pattern has more than %d alternatives", maxVariants)
			}
		}
		if n < most {
			if list, err = unfold(sub, list); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// one returns the set of an expression that matches one character.
func one(re *syntax.Regexp) *set {
	switch re.Op {
	case syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return class(re)
	case syntax.OpLiteral:
		if len(re.Rune) == 1 {
			s, err := literal(re.Rune[0], re.Flags&syntax.FoldCase != 0)
			if err == nil {
				return s
			}
		}
	}
	return nil
}

func literal(r rune, fold bool) (*set, error) {
	if r >= 128 {
		return nil, fmt.Errorf("a pattern is written in ASCII")
	}
	s := &set{}
	s[r] = true
	if fold {
		if r >= 'a' && r <= 'z' {
			s[r-'a'+'A'] = true
		}
		if r >= 'A' && r <= 'Z' {
			s[r-'A'+'a'] = true
		}
	}
	return s, nil
}

// class returns the bytes of a class; one that holds all other characters holds their bytes, too.
func class(re *syntax.Regexp) *set {
	s := &set{}
	if re.Op != syntax.OpCharClass {
		for i := range s {
			s[i] = i != '\n' || re.Op == syntax.OpAnyChar
		}
		return s
	}
	for i := 0; i+1 < len(re.Rune); i += 2 {
		for c := re.Rune[i]; c <= re.Rune[i+1] && c < 128; c++ {
			s[c] = true
		}
		if re.Rune[i] <= 0x100 && re.Rune[i+1] > 0x10000 {
			for c := 128; c < 256; c++ {
				s[c] = true
			}
		}
	}
	return s
}

func each(list []sequence, g segment) ([]sequence, error) {
	for i := range list {
		s := &list[i]
		if n := len(s.segments); n > 0 && *s.segments[n-1].in == *g.in && s.first != n && s.last != n && s.segments[n-1].min == s.segments[n-1].max {
			s.segments[n-1].min += g.min
			s.segments[n-1].max += g.max
			continue
		}
		if len(s.segments) == maxSegments {
			return nil, fmt.Errorf("the pattern is longer than %d parts", maxSegments)
		}
		s.segments = append(s.segments, g)
	}
	return list, nil
}

func clones(list []sequence) []sequence {
	out := make([]sequence, len(list))
	for i, s := range list {
		out[i] = s
		out[i].segments = append([]segment(nil), s.segments...)
	}
	return out
}

// span is a range of bytes in a text.
type span struct{ start, end int }

// at matches the pattern at a place. whole is the longest match, secret the part of it that counts; without a match whole is how
// far the longest attempt came. far is that in any case: no byte behind it was looked at.
func (p *pattern) at(text []byte, pos int) (whole, secret span, far int, ok bool) {
	for i := range p.sequences {
		w, s, fits := p.sequences[i].at(text, pos)
		far = max(far, w.end+1)
		switch {
		case fits && (!ok || w.end > whole.end):
			whole, secret, ok = w, s, true
		case !ok && w.end > whole.end:
			whole = w
		}
	}
	return whole, secret, far, ok
}

func (s *sequence) at(text []byte, pos int) (whole, secret span, ok bool) {
	whole.start, secret.start = pos, pos
	for i := range s.segments {
		if i == s.first {
			secret.start = pos
		}
		if i == s.last {
			secret.end = pos
		}
		g := &s.segments[i]
		limit := min(len(text), pos+g.max)
		from := pos
		for pos < limit && g.in[text[pos]] {
			pos++
		}
		if pos-from < g.min {
			whole.end = pos // how far it came, for whoever counts
			return whole, span{}, false
		}
	}
	if s.last == len(s.segments) {
		secret.end = pos
	}
	whole.end = pos
	return whole, secret, true
}

// place returns where a keyword lies in the pattern, and whether it is a part of every match of some sequence.
func (p *pattern) place(keyword string) (o offset, ok bool) {
	o.least, o.more = 1<<30, true
	for i := range p.sequences {
		s := &p.sequences[i]
		for k := range s.segments {
			next, rest, spelled := s.spells(k, keyword)
			if !spelled {
				continue
			}
			least, most := s.size(k)
			o.least, o.most, ok = min(o.least, least), max(o.most, most), true
			s.near(&o.before, k-1, -1)
			switch {
			case rest:
				o.after.join(s.segments[next].in)
			case !s.near(&o.after, next, 1):
				o.more = false
			}
		}
	}
	return o, ok
}

// near adds the bytes that may come next from segment k on in one direction, and tells whether one must come.
func (s *sequence) near(to *set, k, step int) bool {
	for ; k >= 0 && k < len(s.segments); k += step {
		to.join(s.segments[k].in)
		if s.segments[k].min > 0 {
			return true
		}
	}
	return false
}

func (s *set) join(o *set) {
	for i, in := range o {
		s[i] = s[i] || in
	}
}

// spells tells whether the segments from k on can be the keyword, character by character or with a few choices for one. next is
// the segment in which it ends (rest: with more of it to come) or before which it ends.
func (s *sequence) spells(k int, keyword string) (next int, rest, ok bool) {
	for i := 0; i < len(keyword); k++ {
		if k == len(s.segments) {
			return 0, false, false
		}
		g := s.segments[k]
		if g.min != g.max {
			return 0, false, false
		}
		for n := range g.min {
			if i == len(keyword) {
				return k, n < g.min, true
			}
			if !g.tells(keyword[i]) {
				return 0, false, false
			}
			i++
		}
	}
	return k, false, true
}

// tells tells whether the segment holds the byte c, in some case, and few others.
func (g *segment) tells(c byte) bool {
	n := 0
	for i, in := range g.in {
		if in && lower(byte(i)) == byte(i) {
			n++
		}
	}
	return n <= maxChoice && (g.in[c] || g.in[upper(c)])
}

// begin is the set of the bytes that a match may begin with.
func (p *pattern) begin() set {
	var out set
	for i := range p.sequences {
		for _, g := range p.sequences[i].segments {
			for c, in := range g.in {
				out[c] = out[c] || in
			}
			if g.min > 0 {
				break
			}
		}
	}
	return out
}

// bare tells whether nothing but a few letters and digits marks a match: base64 holds the same by chance.
func (p *pattern) bare() bool {
	for i := range p.sequences {
		marks := 0
		for _, g := range p.sequences[i].segments {
			n, c := g.count()
			if n == 1 && !letter(c) && !(c >= '0' && c <= '9') {
				marks = fewMarks + 1
			}
			if n == 1 {
				marks += g.min
			}
		}
		if marks <= fewMarks {
			return true
		}
	}
	return false
}

// count returns how many bytes, of either case, the segment may hold, and one of them.
func (g *segment) count() (n int, one byte) {
	for c, in := range g.in {
		if in && lower(byte(c)) == byte(c) || in && !g.in[lower(byte(c))] {
			n, one = n+1, byte(c)
		}
	}
	return n, one
}

// last is the set of the bytes that may end a match.
func (p *pattern) last() *set {
	out := &set{}
	for i := range p.sequences {
		s := p.sequences[i].segments
		for k := len(s) - 1; k >= 0; k-- {
			for c, in := range s[k].in {
				out[c] = out[c] || in
			}
			if s[k].min > 0 {
				break
			}
		}
	}
	return out
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

func upper(c byte) byte {
	if c >= 'a' && c <= 'z' {
		return c - 'a' + 'A'
	}
	return c
}
