package reach

import (
	"fmt"
	"slices"
	"strings"
)

// Span is a range of numbers, both ends included: of IPv4 addresses or of ports.
type Span struct{ Lo, Hi uint32 }

// Spans is a set of numbers as ranges that are sorted and neither overlap nor touch. The zero value is the empty set.
type Spans []Span

// SpansOf returns the numbers of all ranges; those with Lo above Hi are empty.
func SpansOf(list ...Span) Spans {
	sorted := slices.Clone(list)
	slices.SortFunc(sorted, func(a, b Span) int {
		switch {
		case a.Lo < b.Lo:
			return -1
		case a.Lo > b.Lo:
			return 1
		}
		return 0
	})
	var out Spans
	for _, s := range sorted {
		switch n := len(out); {
		case s.Lo > s.Hi:
		case n > 0 && (out[n-1].Hi >= s.Lo || out[n-1].Hi+1 == s.Lo):
			out[n-1].Hi = max(out[n-1].Hi, s.Hi)
		default:
			out = append(out, s)
		}
	}
	return out
}

// Union returns what is in a or in b.
func (a Spans) Union(b Spans) Spans { return SpansOf(append(slices.Clone(a), b...)...) }

// Intersect returns what is in a and in b.
func (a Spans) Intersect(b Spans) Spans {
	var out Spans
	for i, j := 0, 0; i < len(a) && j < len(b); {
		if lo, hi := max(a[i].Lo, b[j].Lo), min(a[i].Hi, b[j].Hi); lo <= hi {
			out = append(out, Span{lo, hi})
		}
		if a[i].Hi < b[j].Hi {
			i++
		} else {
			j++
		}
	}
	return out
}

// Minus returns what is in a and not in b.
func (a Spans) Minus(b Spans) Spans {
	var out Spans
	for _, s := range a {
		lo, left := s.Lo, true
		for _, cut := range b {
			if cut.Hi < lo {
				continue
			}
			if cut.Lo > s.Hi {
				break
			}
			if cut.Lo > lo {
				out = append(out, Span{lo, cut.Lo - 1})
			}
			if cut.Hi >= s.Hi {
				left = false
				break
			}
			lo = cut.Hi + 1
		}
		if left {
			out = append(out, Span{lo, s.Hi})
		}
	}
	return out
}

// Contains tells whether x is in the set.
func (a Spans) Contains(x uint32) bool {
	_, found := slices.BinarySearchFunc(a, x, func(s Span, x uint32) int {
		switch {
		case s.Hi < x:
			return -1
		case s.Lo > x:
			return 1
		}
		return 0
	})
	return found
}

// Protocol is a transport protocol, an index of Ports.
type Protocol int

// The protocols that policies know.
const (
	TCP Protocol = iota
	UDP
	SCTP
)

var protocols = [...]string{"TCP", "UDP", "SCTP"}

func (p Protocol) String() string { return protocols[p] }

// protocolOf reads the name of a protocol; without a name it is TCP.
func protocolOf(name string) (Protocol, bool) {
	if name == "" {
		return TCP, true
	}
	i := slices.Index(protocols[:], name)
	return Protocol(i), i >= 0
}

const lastPort = 65535

// Ports is a set of ports, 1 to 65535, of each protocol.
type Ports [3]Spans

// AllPorts returns every port of every protocol.
func AllPorts() Ports {
	return Ports{{{1, lastPort}}, {{1, lastPort}}, {{1, lastPort}}}
}

// PortsOf returns some ports of one protocol; what is no port is left out.
func PortsOf(p Protocol, lo, hi uint32) Ports {
	var out Ports
	out[p] = SpansOf(Span{max(lo, 1), min(hi, lastPort)})
	return out
}

func (a Ports) each(b Ports, f func(a, b Spans) Spans) Ports {
	for p := range a {
		a[p] = f(a[p], b[p])
	}
	return a
}

// Union returns what is in a or in b.
func (a Ports) Union(b Ports) Ports { return a.each(b, Spans.Union) }

// Intersect returns what is in a and in b.
func (a Ports) Intersect(b Ports) Ports { return a.each(b, Spans.Intersect) }

// Minus returns what is in a and not in b.
func (a Ports) Minus(b Ports) Ports { return a.each(b, Spans.Minus) }

// Empty tells whether no port is in the set.
func (a Ports) Empty() bool { return len(a[TCP])+len(a[UDP])+len(a[SCTP]) == 0 }

// Contains tells whether one port is in the set.
func (a Ports) Contains(p Protocol, port uint32) bool { return a[p].Contains(port) }

// Strings returns the set in words: "all" alone, or "TCP 80", "UDP 53-60" by protocol and number.
func (a Ports) Strings() []string {
	key := a.String()
	if key == "all" {
		return []string{"all"}
	}
	if key == "" {
		return []string{}
	}
	return strings.Split(key, ", ")
}

func (a Ports) String() string {
	var out []string
	full := true
	for p, spans := range a {
		full = full && len(spans) == 1 && spans[0] == Span{1, lastPort}
		for _, s := range spans {
			text := fmt.Sprintf("%s %d", protocols[p], s.Lo)
			if s.Hi > s.Lo {
				text += fmt.Sprintf("-%d", s.Hi)
			}
			out = append(out, text)
		}
	}
	if full {
		return "all"
	}
	return strings.Join(out, ", ")
}

// pool gives equal sets of ports one number, and remembers what combining two of them gave.
type pool struct {
	sets  []Ports
	known map[string]uint32
	memo  map[operation]uint32
}

type operation struct {
	op   byte
	a, b uint32
}

// The numbers of the two sets that are in every pool.
const (
	none uint32 = 0
	all  uint32 = 1
)

func newPool() *pool {
	p := &pool{known: map[string]uint32{}, memo: map[operation]uint32{}}
	p.id(Ports{})
	p.id(AllPorts())
	return p
}

func (p *pool) id(s Ports) uint32 {
	key := s.String()
	if id, ok := p.known[key]; ok {
		return id
	}
	id := uint32(len(p.sets))
	p.sets, p.known[key] = append(p.sets, s), id
	return id
}

func (p *pool) combine(op byte, a, b uint32, f func(a, b Ports) Ports) uint32 {
	key := operation{op, a, b}
	if id, ok := p.memo[key]; ok {
		return id
	}
	id := p.id(f(p.sets[a], p.sets[b]))
	p.memo[key] = id
	return id
}

func (p *pool) union(a, b uint32) uint32 {
	switch {
	case a == b || b == none || a == all:
		return a
	case a == none || b == all:
		return b
	}
	return p.combine('u', min(a, b), max(a, b), Ports.Union)
}

func (p *pool) intersect(a, b uint32) uint32 {
	switch {
	case a == b || a == none || b == all:
		return a
	case b == none || a == all:
		return b
	}
	return p.combine('i', min(a, b), max(a, b), Ports.Intersect)
}

func (p *pool) minus(a, b uint32) uint32 {
	switch {
	case a == b || a == none || b == all:
		return none
	case b == none:
		return a
	}
	return p.combine('m', a, b, Ports.Minus)
}
