package secret

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"math/bits"
	"slices"
	"sort"
	"sync"

	"github.com/plinthsec/plinth/internal/tree"
)

const (
	around     = 256      // bytes on each side of a keyword that a rule looks at without saying so (touch): a name, what joins it to its value
	leastSight = 288      // bytes on each side of a piece that it sees at least
	leastPiece = 128      // bytes of a piece, so that a small change makes few of them new
	mostPiece  = 8 << 10  // bytes of a piece: lines may be long
	cutEvery   = 8        // lines, on average, behind the least piece until one ends it
	leastText  = 512      // bytes of a text that is worth it
	shards     = 64       // parts of the memory that have a lock of their own
	maxKept    = 16 << 10 // pieces of a shard, about 0.1 KB each; a full one begins anew
	maxWindows = 1 << 10  // windows of a shard, mostly without a match
)

// memo remembers of the pieces of texts what in them may lead to a secret, so that the versions of a file in a history cost
// little more than what changed. A piece is known by its bytes, those of the pieces in its sight, and the rules that are for
// the file: the memory holds only for what depends on nothing else. All else, and what led to a secret, is looked at anew each time, so that
// the findings are the same with and without a memory. It is safe for concurrent use.
type memo struct {
	seeds  [2]maphash.Seed // unknown outside: nobody can make two pieces look the same
	shards [shards]shard
}

type shard struct {
	mu      sync.RWMutex
	kept    map[uint64]remembered // by the first half of the print
	windows map[print][][]int     // matches of expressions in windows
}

// print tells a piece, with what is around it, from all others.
type print [2]uint64

// memory is what is left to look at in a piece. The places are counted from its beginning.
type memory struct {
	steps int32 // what looking at it cost; it is charged again, so that a memory changes no limit
	rest  *rest // nil: nothing
}

type rest struct {
	hits    []hit
	runs    []int32 // of base64 or hexadecimal text
	escapes [len(escapes)][]int32
}

// remembered is what is known of a piece whose print has this second half.
type remembered struct {
	half uint64
	memory
}

// piece is a part of the text that is being searched.
type piece struct {
	span
	print
	own         print // of its bytes alone
	settled     bool  // its own bytes ended it
	twin        int32 // the same piece in what the text was made from; -1: none
	low, high   int   // the first and the last of the pieces in its sight
	sight       span  // these
	memory            // of the piece, or in the making
	known       bool
	first, last int // its hits
}

func newMemo() *memo {
	m := &memo{seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}}
	for i := range m.shards {
		m.shards[i].kept, m.shards[i].windows = map[uint64]remembered{}, map[print][][]int{}
	}
	return m
}

// kept are the pieces of an object of a history, for the objects that are made from it.
type kept struct {
	serial uint64 // of the object
	class  string
	pieces []piece
}

// relative is what is kept of what the text was made from, and the parts of that that are in it; nil: nothing.
func (s *searcher) relative() (*kept, []tree.Copy) {
	if s.kin == nil || s.kin.Base == nil {
		return nil, nil
	}
	if k, ok := s.kin.Base.Kept.(*kept); ok && k.serial == s.kin.Base.Serial {
		return k, s.kin.Copies
	}
	return nil, nil
}

// pass hands the pieces on to the objects that are made from this one.
func (s *searcher) pass(class string) {
	if s.kin == nil {
		return
	}
	k, ok := s.kin.Kept.(*kept)
	if !ok {
		k = &kept{}
		s.kin.Kept = k
	}
	k.serial, k.class = s.kin.Serial, class
	k.pieces, s.pieces = s.pieces, k.pieces
}

// cut divides a text into pieces, at the ends of lines that their own bytes choose, so that the same lines give the same pieces
// wherever they stand. What the text was made from, if anything is known of it, gives those of the parts that are the same.
func cut(data []byte, from *kept, copies []tree.Copy, pieces []piece) []piece {
	var old []piece
	if from != nil {
		old = from.pieces
	}
	next := 0
	for at := 0; at < len(data); {
		p := piece{twin: -1}
		for len(copies) > 0 && at >= copies[0].To+copies[0].Len {
			copies = copies[1:]
		}
		if len(copies) > 0 && at >= copies[0].To {
			c := copies[0]
			was := at - c.To + c.From
			if next >= len(old) || old[next].start != was {
				next = sort.Search(len(old), func(i int) bool { return old[i].start >= was })
			}
			if next < len(old) && old[next].start == was && old[next].settled && old[next].end <= c.From+c.Len {
				p.twin, p.settled, p.own = int32(next), true, old[next].own
				p.span = span{at, at + old[next].end - was}
				next++
			}
		}
		if p.twin < 0 {
			p.start = at
			p.end, p.settled = cutAt(data, at)
		}
		pieces = append(pieces, p)
		at = p.end
	}
	sights(pieces)
	return pieces
}

// sights finds what each piece sees.
func sights(pieces []piece) {
	for i := range pieces {
		p := &pieces[i]
		p.low, p.high = i, i
		if i > 0 {
			p.low, p.high = pieces[i-1].low, max(i, pieces[i-1].high)
		}
		for p.low < i && p.start-pieces[p.low+1].start >= leastSight {
			p.low++
		}
		for p.high < len(pieces)-1 && pieces[p.high].end-p.end < leastSight {
			p.high++
		}
		p.sight = span{pieces[p.low].start, pieces[p.high].end}
	}
}

// cutAt returns where a piece ends, and whether its own bytes tell.
func cutAt(data []byte, from int) (end int, settled bool) {
	limit := min(len(data), from+mostPiece)
	end = limit
	for p := from + leastPiece; p < limit; {
		i := bytes.IndexByte(data[p:limit], '\n')
		if i < 0 {
			break
		}
		p += i + 1
		if limit < len(data) {
			end = p
		}
		a, b := binary.LittleEndian.Uint64(data[p-9:]), binary.LittleEndian.Uint64(data[p-17:])
		if h := (a*0x9e3779b97f4a7c15 ^ bits.RotateLeft64(b*0xc2b2ae3d27d4eb4f, 31)) * 0xff51afd7ed558ccd; h>>32%cutEvery == 0 {
			return p, true
		}
	}
	return end, false
}

// class tells the rules that are for the file from those that are for others.
func (s *searcher) class() string {
	s.ours = append(s.ours[:0], byte(b2i(s.lock)))
	for _, i := range s.index.pathed {
		s.ours = append(s.ours, byte(b2i(s.rule(i) != nil)))
	}
	return string(s.ours)
}

// recognise finds what is known of the pieces of a file of a class: what its twin knew of a piece that sees the same, or what was kept of
// another one.
func (m *memo) recognise(class string, data []byte, from *kept, pieces []piece) {
	for i := range pieces {
		if p := &pieces[i]; p.twin < 0 {
			p.own = m.print(data[p.start:p.end])
		}
	}
	var files print
	for k, seed := range m.seeds {
		files[k] = maphash.String(seed, class)
	}
	for i := range pieces {
		p := &pieces[i]
		if p.twin >= 0 && from.class == class && seesSame(pieces, i, from.pieces) {
			was := &from.pieces[p.twin]
			p.print, p.memory, p.known = was.print, was.memory, true
			continue
		}
		for k := range p.print {
			h := files[k]
			for j := p.low; j <= p.high; j++ {
				own := pieces[j].own[k]
				if j == 0 { // nothing is before it
					own ^= 0xa0761d6478bd642f
				}
				if j == len(pieces)-1 { // nor behind it
					own ^= 0xe7037ed1a0b428db
				}
				h = bits.RotateLeft64(h*0x9e3779b97f4a7c15, 29) ^ own
				if j == i {
					h = bits.RotateLeft64(h*0xc2b2ae3d27d4eb4f, 31)
				}
			}
			p.print[k] = h
		}
		s := &m.shards[p.print[0]%shards]
		s.mu.RLock()
		was, ok := s.kept[p.print[0]]
		s.mu.RUnlock()
		if p.known = ok && was.half == p.print[1]; p.known {
			p.memory = was.memory
		}
	}
}

// seesSame tells whether the pieces in sight of one have as twins those in sight of its twin, and neither text begins or ends there.
func seesSame(pieces []piece, i int, old []piece) bool {
	p := &pieces[i]
	was := &old[p.twin]
	if p.low == 0 || p.high == len(pieces)-1 || was.low == 0 || was.high == len(old)-1 || i-p.low != int(p.twin)-was.low || p.high-i != was.high-int(p.twin) {
		return false
	}
	for j := p.low; j <= p.high; j++ {
		if pieces[j].twin != p.twin+int32(j-i) {
			return false
		}
	}
	return true
}

// keep remembers the pieces that were new.
func (m *memo) keep(pieces []piece) {
	for i := range pieces {
		p := &pieces[i]
		if p.known {
			continue
		}
		s := &m.shards[p.print[0]%shards]
		s.mu.Lock()
		if len(s.kept) >= maxKept {
			clear(s.kept)
		}
		s.kept[p.print[0]] = remembered{p.print[1], p.memory}
		s.mu.Unlock()
	}
}

func (m *memo) print(text []byte) (p print) {
	for k, seed := range m.seeds {
		p[k] = maphash.Bytes(seed, text)
	}
	return p
}

// matches returns what find finds for a rule in a window: what it found in such a window before, if there was one.
func (m *memo) matches(rule int32, window []byte, find func() [][]int) [][]int {
	p := m.print(window)
	p[0] ^= uint64(rule+1) * 0x9e3779b97f4a7c15
	s := &m.shards[p[0]%shards]
	s.mu.RLock()
	list, ok := s.windows[p]
	s.mu.RUnlock()
	if ok {
		return list
	}
	list = find()
	s.mu.Lock()
	if len(s.windows) >= maxWindows {
		clear(s.windows)
	}
	s.windows[p] = list
	s.mu.Unlock()
	return list
}

// more returns what is left to look at in a piece that is new.
func (p *piece) more() *rest {
	if p.rest == nil {
		p.rest = &rest{}
	}
	return p.rest
}

// sees tells whether bytes lie in sight of a piece, of a text of n bytes.
func (p *piece) sees(s span, n int) bool {
	return (p.sight.start == 0 || s.start >= p.sight.start) && (p.sight.end == n || s.end <= p.sight.end)
}

// recall does what find does, and looks only at what may lead to something in the pieces that are known. When the steps run out
// it gives up.
func (s *searcher) recall(data []byte) []match {
	var found []match
	emit := func(m match) { found = append(found, m) }
	from, copies := s.relative()
	class := s.class()
	s.pieces = cut(data, from, copies, s.pieces[:0])
	s.memo.recognise(class, data, from, s.pieces)
	s.gather(data)
	s.live = slices.Grow(s.live[:0], len(s.hits))[:len(s.hits)]
	s.always(data)
	for k := range s.pieces {
		p := &s.pieces[k]
		if p.known {
			s.steps -= int(p.steps)
		}
		before := s.steps
		for j := p.first; j < p.last && s.steps > 0; j++ {
			n := len(found)
			s.weigh(data, s.hits[j], emit)
			s.live[j] = p.known || len(found) > n || !p.sees(s.touched, len(data))
		}
		if !p.known {
			p.steps = int32(min(before-s.steps, maxSteps))
		}
	}
	if s.steps <= 0 {
		return nil
	}
	s.expressions(data, emit)
	s.remain(data)
	s.recallRuns(data, &found)
	for kind := range escapes {
		s.recallEscapes(data, kind, &found)
	}
	if s.steps > 0 {
		s.memo.keep(s.pieces)
		s.pass(class)
	}
	return found
}

const maxSteps = 1 << 30 // that are remembered of a piece; whoever charges as many has none left

// gather collects the hits: those that are left of the pieces that are known, and all of the others.
func (s *searcher) gather(data []byte) {
	s.hits = s.hits[:0]
	for k := 0; k < len(s.pieces); {
		p := &s.pieces[k]
		if p.known {
			p.first = len(s.hits)
			if p.rest != nil {
				for _, h := range p.rest.hits {
					s.hits = append(s.hits, hit{keyword: h.keyword, end: h.end + int32(p.start)})
				}
			}
			p.last = len(s.hits)
			k++
			continue
		}
		end := k
		for end < len(s.pieces) && !s.pieces[end].known {
			end++
		}
		s.scan(data, s.pieces[k:end])
		k = end
	}
}

// scan collects the hits of pieces that follow each other. A hit belongs to the piece in which it ends.
func (s *searcher) scan(data []byte, pieces []piece) {
	from := max(0, pieces[0].start-s.index.auto.longest+1)
	n := len(s.hits)
	s.hits = s.index.auto.find(data[from:pieces[len(pieces)-1].end], s.hits, &s.spare)
	list := s.hits[n:]
	for i := range list {
		list[i].end += int32(from)
	}
	early := 0
	for early < len(list) && int(list[early].end) <= pieces[0].start {
		early++
	}
	list = slices.Delete(list, 0, early)
	s.hits = s.hits[:n+len(list)]
	at := 0
	for i := range pieces {
		p := &pieces[i]
		p.first = n + at
		for at < len(list) && int(list[at].end) <= p.end {
			at++
		}
		p.last = n + at
	}
}

// remain remembers of each new piece the hits that led to something, or that depend on more than the piece sees.
func (s *searcher) remain(data []byte) {
	for k := range s.pieces {
		p := &s.pieces[k]
		if p.known {
			continue
		}
		for j := p.first; j < p.last; j++ {
			if h := s.hits[j]; s.live[j] || s.windowed(data, p, h) {
				r := p.more()
				r.hits = append(r.hits, hit{keyword: h.keyword, end: h.end - int32(p.start)})
			}
		}
	}
}

// windowed tells whether a hit lies in a window in which an expression matches, or which may be another one in another text.
func (s *searcher) windowed(data []byte, p *piece, h hit) bool {
	for _, i := range s.index.byKeyword[h.keyword] {
		list := s.windows[i]
		n := sort.Search(len(list), func(k int) bool { return list[k].end >= int(h.end) })
		if n == len(list) || list[n].start >= int(h.end) {
			continue
		}
		if w := &list[n]; w.full || !p.settles(s.rule(i), data, w.span, s.index.auto.longest) {
			return true
		}
	}
	return false
}

// settles tells whether a window is the same in each text in which a piece sees the same.
func (p *piece) settles(r *Rule, data []byte, w span, longest int) bool {
	switch r.scope {
	case scopeLine:
		from, ok := wholeLine(data, w)
		return ok && p.sees(span{from, w.end + 1}, len(data))
	case scopeBytes: // no hit out of sight may have a window that meets this one
		return p.sees(span{w.start - r.reach - longest, w.end + r.reach + longest}, len(data))
	}
	return false
}

// wholeLine tells whether a window is a logical line, or several, and short enough to be one wherever in it a hit is. from is the first byte that was
// looked at for that.
func wholeLine(data []byte, w span) (from int, ok bool) {
	if w.end-w.start > maxWindow || w.end < len(data) && (data[w.end] != '\n' || continues(data, w.end)) {
		return 0, false
	}
	if w.start == 0 {
		return 0, true
	}
	if data[w.start-1] != '\n' || continues(data, w.start-1) {
		return 0, false
	}
	from = w.start - 1
	for from > 0 && (data[from-1] == '\r' || data[from-1] == ' ') {
		from--
	}
	return from - 1, true
}

// recallRuns looks at what is encoded in base64 or hexadecimal.
func (s *searcher) recallRuns(data []byte, found *[]match) {
	emit := func(m match) { *found = append(*found, m) }
	for k := range s.pieces {
		p := &s.pieces[k]
		if !p.known {
			runs(data, p.span, func(at span) {
				n := len(*found)
				if s.run(data, at, 0, emit); len(*found) > n || !p.sees(span{at.start - 1, at.end + 1}, len(data)) {
					p.more().runs = append(p.rest.runs, int32(at.start-p.start))
				}
			})
			continue
		}
		if p.rest == nil {
			continue
		}
		for _, r := range p.rest.runs {
			start := p.start + int(r)
			if end := runEnd(data, start); end-start >= leastRun {
				s.run(data, span{start, end}, 0, emit)
			}
		}
	}
}

// recallEscapes looks at the lines with escapes of a kind.
func (s *searcher) recallEscapes(data []byte, kind int, found *[]match) {
	emit := func(m match) { *found = append(*found, m) }
	next := 0
	for k := range s.pieces {
		p := &s.pieces[k]
		if p.known {
			if p.rest == nil {
				continue
			}
			for _, r := range p.rest.escapes[kind] {
				if at := p.start + int(r); at >= next {
					next = s.unescaped(data, at, 0, kind, emit)
				}
			}
			continue
		}
		for next = max(next, p.start); next < p.end; {
			at := escapes[kind](data, span{next, p.end})
			if at < 0 {
				break
			}
			n := len(*found)
			next = s.unescaped(data, at, 0, kind, emit)
			w := lineAt(data, span{at, at + 1})
			from, whole := wholeLine(data, w)
			if len(*found) > n || !whole || !p.sees(span{from, w.end + 1}, len(data)) {
				r := p.more()
				r.escapes[kind] = append(r.escapes[kind], int32(at-p.start))
			}
		}
	}
}
