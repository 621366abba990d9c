package policy

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/value"
)

// answer is a truth value on its way, with the reasons that leave it open.
type answer struct {
	t   value.Truth
	why []string
}

func yes(b bool) answer { return answer{t: value.TruthOf(b)} }

func because(v plinth.Value) answer { return answer{value.Undecided, v.Why()} }

func (a answer) or(b answer) answer {
	switch {
	case a.t == value.True || b.t == value.False:
		return a
	case b.t == value.True || a.t == value.False:
		return b
	}
	return answer{value.Undecided, append(a.why[:len(a.why):len(a.why)], b.why...)}
}

func (a answer) not() answer { return answer{not(a.t), a.why} }

func (a answer) and(b answer) answer { return a.not().or(b.not()).not() }

func (a answer) val() val { return open(a.t, a.why) }

// anyOf asks every element of a list, or the value itself where it is none.
func anyOf(v plinth.Value, ask func(plinth.Value) answer) answer {
	v = inside(v)
	list, out := v.List(), yes(false)
	switch v.Kind() {
	case plinth.Null:
		return out
	case plinth.Unknown:
		out, list = because(v), surely(v).List()
	case plinth.List:
	default:
		return ask(v)
	}
	for _, e := range list {
		if e.IsUnknown() {
			out = out.or(because(e))
		} else {
			out = out.or(ask(e))
		}
	}
	return out
}

// first returns the first of these properties that is there; the rule's own, or below "properties".
func first(rule plinth.Value, keys ...string) (plinth.Value, bool) {
	for _, k := range keys {
		if v, ok := rule.Get(k); ok && !v.IsNull() {
			return v, true
		}
	}
	return plinth.Value{}, false
}

// flat returns the properties of an ARM rule object, and any other object as it is.
func flat(rule plinth.Value) plinth.Value {
	rule = inside(rule)
	if p, ok := rule.Get("properties"); ok && (p.Kind() == plinth.Map || p.IsUnknown()) {
		return p
	}
	return rule
}

// asks tells whether a text property is one of the words, without regard to case.
func asks(v plinth.Value, words ...string) answer {
	if v.IsUnknown() {
		return because(v)
	}
	s := toText(v).Str()
	for _, w := range words {
		if strings.EqualFold(s, w) {
			return yes(true)
		}
	}
	return yes(false)
}

func world(x plinth.Value) val { return anyOf(x, worldOne).val() }

func worldOne(x plinth.Value) answer {
	switch x.Kind() {
	case plinth.String:
		return yes(everywhere(x.Str()))
	case plinth.Map:
		return worldRule(flat(x))
	}
	return yes(false)
}

func worldRule(rule plinth.Value) answer {
	if rule.IsUnknown() {
		return because(rule)
	}
	direction, _ := first(rule, "direction", "Direction")
	out := asks(direction, "egress", "outbound")
	return out.and(ranges(rule, "destinationRanges", "destinationAddressPrefix", "destinationAddressPrefixes")).
		or(out.not().and(sources(rule)))
}

func ranges(rule plinth.Value, keys ...string) answer {
	out := yes(false)
	for _, k := range keys {
		if v, ok := rule.Get(k); ok {
			out = out.or(anyOf(v, worldOne))
		}
	}
	return out
}

func sources(rule plinth.Value) answer {
	out := ranges(rule, "CidrIp", "CidrIpv6", "CidrBlock", "Ipv6CidrBlock", "Cidr", "cidr", "sourceRanges", "sourceAddressPrefix",
		"sourceAddressPrefixes", "cidr_blocks", "ipv6_cidr_blocks", "cidr_ipv4", "cidr_ipv6", "cidrBlock", "source_ranges", "source_address_prefix")
	_, google := first(rule, "allowed", "denied")
	if _, named := first(rule, "sourceRanges", "sourceTags", "sourceServiceAccounts"); google && !named {
		return yes(true) // https://cloud.google.com/compute/docs/reference/rest/v1/firewalls: no source is any source
	}
	return out
}

// everywhere tells whether a range is the whole internet.
func everywhere(s string) bool {
	s = strings.TrimSpace(s)
	switch strings.ToLower(s) {
	case "*", "any", "internet", "all", "0.0.0.0", "::":
		return true
	}
	address, bits, ok := strings.Cut(s, "/")
	if !ok || strings.TrimLeft(bits, "0") != "" || bits == "" {
		return false
	}
	_, err := netip.ParseAddr(address)
	return err == nil || address == "<nw>"
}

// The ranges that nobody reaches from the internet: https://www.iana.org/assignments/iana-ipv4-special-registry and its
// sister for IPv6.
var reserved = [...]netip.Prefix{
	netip.PrefixFrom(netip.AddrFrom4([4]byte{10}), 8),
	netip.PrefixFrom(netip.AddrFrom4([4]byte{172, 16}), 12),
	netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 168}), 16),
	netip.PrefixFrom(netip.AddrFrom4([4]byte{100, 64}), 10),
	netip.PrefixFrom(netip.AddrFrom4([4]byte{127}), 8),
	netip.PrefixFrom(netip.AddrFrom4([4]byte{169, 254}), 16),
	netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 0, 2}), 24),
	netip.PrefixFrom(netip.AddrFrom4([4]byte{198, 51, 100}), 24),
	netip.PrefixFrom(netip.AddrFrom4([4]byte{203, 0, 113}), 24),
	netip.PrefixFrom(netip.AddrFrom4([4]byte{198, 18}), 15),
	netip.PrefixFrom(netip.AddrFrom4([4]byte{224}), 3),
	netip.PrefixFrom(netip.AddrFrom16([16]byte{0xfc}), 7),
	netip.PrefixFrom(netip.AddrFrom16([16]byte{0xfe, 0x80}), 10),
	netip.PrefixFrom(netip.AddrFrom16([16]byte{0xff}), 8),
	netip.PrefixFrom(netip.AddrFrom16([16]byte{15: 1}), 128),
	netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8}), 32),
}

func publicCidr(x plinth.Value) val {
	return anyOf(x, func(v plinth.Value) answer { return yes(v.Kind() == plinth.String && public(v.Str())) }).val()
}

func public(s string) bool {
	s = strings.TrimSpace(s)
	if everywhere(s) {
		return true
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		a, err := netip.ParseAddr(s)
		if err != nil {
			return false
		}
		p = netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen())
	}
	for _, r := range reserved {
		if r.Bits() <= p.Bits() && r.Contains(p.Addr()) {
			return false
		}
	}
	return true
}

// opens tells whether a rule object lets TCP to the port through, by protocol and ports; a rule that denies lets nothing
// through. It reads the rule objects of EC2 security groups and network ACLs, of Azure's network security groups and of
// Google's firewalls.
func opens(rule, port plinth.Value) val {
	rule = flat(rule)
	if rule.IsUnknown() || port.IsUnknown() {
		return plain(unknown2(rule, port))
	}
	if rule.Kind() != plinth.Map || port.Kind() != plinth.Number {
		return failure("it takes a rule object and a port")
	}
	if _, google := first(rule, "allowed", "denied"); google {
		allowed, _ := rule.Get("allowed")
		return anyOf(allowed, func(a plinth.Value) answer { return letsThrough(a, port.Num()) }).val()
	}
	return letsThrough(rule, port.Num()).val()
}

func letsThrough(rule plinth.Value, port float64) answer {
	access, _ := first(rule, "access", "RuleAction", "rule_action", "action")
	protocol, _ := first(rule, "IpProtocol", "Protocol", "protocol", "IPProtocol", "ip_protocol")
	every := asks(protocol, "-1", "all", "*", "any")
	tcp := asks(protocol, "tcp", "6")
	open := every.and(everyPortOrAzure(rule, port)).or(tcp.and(ports(rule, port)))
	return asks(access, "deny").not().and(open)
}

// everyPortOrAzure: "every protocol" means every port, but Azure's rules still name theirs.
func everyPortOrAzure(rule plinth.Value, port float64) answer {
	if _, azure := first(rule, "destinationPortRange", "destinationPortRanges", "destination_port_range", "destination_port_ranges"); azure {
		return ports(rule, port)
	}
	return yes(true)
}

func ports(rule plinth.Value, port float64) answer {
	if r, ok := first(rule, "PortRange"); ok {
		if r.IsUnknown() {
			return because(r)
		}
		rule = r
	}
	out, named := yes(false), false
	for _, k := range [...]string{"destinationPortRange", "destinationPortRanges", "destination_port_range", "destination_port_ranges", "ports"} {
		if v, ok := first(rule, k); ok {
			named = true
			out = out.or(anyOf(v, func(r plinth.Value) answer { return yes(inRanges(toText(r).Str(), port)) }))
		}
	}
	from, okFrom := first(rule, "FromPort", "From", "fromPort", "from_port")
	to, okTo := first(rule, "ToPort", "To", "toPort", "to_port")
	if !okFrom && !okTo {
		return out.or(yes(!named))
	}
	if !okTo {
		to = from
	}
	if !okFrom {
		from = to
	}
	lowEnough := bound(from, func(n float64) bool { return n <= port })
	highEnough := bound(to, func(n float64) bool { return n >= port || n == -1 })
	return lowEnough.and(highEnough)
}

func bound(v plinth.Value, holds func(float64) bool) answer {
	switch v.Kind() {
	case plinth.Unknown:
		return because(v)
	case plinth.Number:
		return yes(holds(v.Num()))
	}
	n, err := strconv.ParseFloat(strings.TrimSpace(v.Str()), 64)
	return yes(err == nil && holds(n))
}

// inRanges reads "22", "20-30", "*" and lists of them with commas.
func inRanges(s string, port float64) bool {
	for part := range strings.SplitSeq(s, ",") {
		part = strings.TrimSpace(part)
		if part == "*" || strings.EqualFold(part, "any") {
			return true
		}
		low, high, ok := strings.Cut(part, "-")
		if !ok {
			high = low
		}
		l, errLow := strconv.ParseFloat(strings.TrimSpace(low), 64)
		h, errHigh := strconv.ParseFloat(strings.TrimSpace(high), 64)
		if errLow == nil && errHigh == nil && l <= port && port <= h {
			return true
		}
	}
	return false
}
