package cloud

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/plinthsec/plinth/internal/reach"
)

// span is the addresses of a block of IPv4.
func span(block string) (reach.Span, bool) {
	p, err := netip.ParsePrefix(block)
	if err != nil {
		a, err := netip.ParseAddr(block)
		if err != nil {
			return reach.Span{}, false
		}
		p = netip.PrefixFrom(a, a.BitLen())
	}
	if !p.Addr().Is4() {
		return reach.Span{}, false
	}
	four := p.Masked().Addr().As4()
	lo := binary.BigEndian.Uint32(four[:])
	return reach.Span{Lo: lo, Hi: lo | uint32(uint64(1)<<(32-p.Bits())-1)}, true
}

// everySix tells whether a block is all of IPv6.
func everySix(block string) bool { return block == "::/0" }

// reserved are the blocks that nobody has on the internet (RFC 6890).
var reserved = []string{
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/3",
}

// outside are the addresses of the internet.
func outside() reach.Spans {
	out := reach.SpansOf(reach.Span{Lo: 0, Hi: 1<<32 - 1})
	for _, b := range reserved {
		if s, ok := span(b); ok {
			out = out.Minus(reach.SpansOf(s))
		}
	}
	return out
}

func size(s reach.Spans) uint64 {
	var n uint64
	for _, x := range s {
		n += uint64(x.Hi) - uint64(x.Lo) + 1
	}
	return n
}

// cells cuts addresses at the borders of other blocks.
func cells(of reach.Spans, at []reach.Spans) []reach.Span {
	borders := map[uint64]bool{}
	for _, list := range at {
		for _, s := range list {
			if len(borders) < maxBorders {
				borders[uint64(s.Lo)], borders[uint64(s.Hi)+1] = true, true
			}
		}
	}
	var sorted []uint64
	for b := range borders {
		sorted = append(sorted, b)
	}
	slices.Sort(sorted)
	var out []reach.Span
	for _, s := range of {
		lo := uint64(s.Lo)
		i, _ := slices.BinarySearch(sorted, lo+1)
		for ; i < len(sorted) && sorted[i] <= uint64(s.Hi); i++ {
			out = append(out, reach.Span{Lo: uint32(lo), Hi: uint32(sorted[i] - 1)})
			lo = sorted[i]
		}
		out = append(out, reach.Span{Lo: uint32(lo), Hi: s.Hi})
	}
	return out
}

// part is some addresses with the ports that are open to them.
type part struct {
	addresses reach.Spans
	ports     reach.Ports
}

// most parts what is open to most of the internet from what is open to some addresses of it.
func most(list []part) (all reach.Ports, some []part) {
	for protocol := range all {
		var borders []uint32
		for _, p := range list {
			for _, s := range p.ports[protocol] {
				borders = append(borders, s.Lo, s.Hi+1)
			}
		}
		slices.Sort(borders)
		borders = slices.Compact(borders)
		for i := 1; i < len(borders); i++ {
			ports := reach.PortsOf(reach.Protocol(protocol), borders[i-1], borders[i]-1)
			var n uint64
			for _, p := range list {
				if !p.ports.Intersect(ports).Empty() {
					n += size(p.addresses)
				}
			}
			if n >= 1<<31 {
				all = all.Union(ports)
			}
		}
	}
	for _, p := range list {
		if p.ports = p.ports.Minus(all); p.ports.Empty() {
			continue
		}
		i := slices.IndexFunc(some, func(q part) bool { return q.ports.String() == p.ports.String() })
		if i < 0 {
			some = append(some, p)
			continue
		}
		some[i].addresses = some[i].addresses.Union(p.addresses)
	}
	return all, some
}

// external names addresses as plinth network does.
func external(spans reach.Spans) string {
	var out []string
	for _, s := range spans {
		out = append(out, dotted(s.Lo)+"-"+dotted(s.Hi))
	}
	return "external:" + strings.Join(out, ",")
}

func dotted(n uint32) string { return fmt.Sprintf("%d.%d.%d.%d", n>>24, n>>16&0xff, n>>8&0xff, n&0xff) }
