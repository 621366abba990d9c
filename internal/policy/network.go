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

// flat returns the properties of an ARM rule object, and any other object as it is.
func flat(rule plinth.Value) plinth.Value {
	rule = inside(rule)
	if p, ok := rule.Get("properties"); ok && (p.Kind() == plinth.Map || p.IsUnknown()) {
		return p
	}
	return rule
}

func has(rule plinth.Value, key string) bool {
	_, ok := rule.Get(key)
	return ok
}

// asks tells whether a text property is one of the words, without regard to case.
func asks(v plinth.Value, words ...string) answer {
	if v.IsUnknown() {
		return because(v)
	}
	s := v.Str()
	if v.Kind() == plinth.Number {
		s = toText(v).Str()
	}
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

// rangeRole tells what a property of a rule object names: where traffic comes from, where it goes, or something else.
func rangeRole(key string) (source, destination bool) {
	switch key {
	case "CidrIp", "CidrIpv6", "CidrBlock", "Ipv6CidrBlock", "Cidr", "cidr", "cidrBlock", "cidr_blocks", "ipv6_cidr_blocks", "cidr_ipv4",
		"cidr_ipv6", "cidr_block", "ipv6_cidr_block", "sourceRanges", "source_ranges", "sourceAddressPrefix", "sourceAddressPrefixes",
		"source_address_prefix", "source_address_prefixes":
		return true, false
	case "destinationRanges", "destination_ranges", "destinationAddressPrefix", "destinationAddressPrefixes", "destination_address_prefix",
		"destination_address_prefixes":
		return false, true
	}
	return false, false
}

func worldRule(rule plinth.Value) answer {
	if rule.IsUnknown() {
		return because(rule)
	}
	from, to, out := yes(false), yes(false), yes(false)
	google, named := false, false
	for _, f := range rule.Fields() {
		switch f.Key {
		case "direction", "Direction":
			out = asks(f.Value, "egress", "outbound")
			continue
		case "allowed", "denied":
			google = true
			continue
		case "sourceRanges", "sourceTags", "sourceServiceAccounts":
			named = named || !f.Value.IsNull()
		}
		source, destination := rangeRole(f.Key)
		switch {
		case source:
			from = from.or(anyOf(f.Value, worldOne))
		case destination:
			to = to.or(anyOf(f.Value, worldOne))
		}
	}
	if google && !named {
		from = yes(true) // https://cloud.google.com/compute/docs/reference/rest/v1/firewalls: no source is any source
	}
	return out.and(to).or(out.not().and(from))
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
	if allowed, denied := has(rule, "allowed"), has(rule, "denied"); allowed || denied {
		allowed, _ := rule.Get("allowed")
		return anyOf(allowed, func(a plinth.Value) answer { return letsThrough(a, port.Num()) }).val()
	}
	return letsThrough(rule, port.Num()).val()
}

// gate is what a rule object says about protocol and ports.
type gate struct {
	access, protocol, from, to plinth.Value
	ports                      [2]plinth.Value // texts with ranges, or lists of them
	named                      int             // how many of ports are set
	azure                      bool
}

func (g *gate) read(rule plinth.Value) {
	for _, f := range rule.Fields() {
		if f.Value.IsNull() {
			continue
		}
		switch f.Key {
		case "access", "RuleAction", "rule_action", "action":
			g.access = f.Value
		case "IpProtocol", "Protocol", "protocol", "IPProtocol", "ip_protocol":
			g.protocol = f.Value
		case "FromPort", "From", "fromPort", "from_port":
			g.from = f.Value
		case "ToPort", "To", "toPort", "to_port":
			g.to = f.Value
		case "PortRange":
			if g.from, g.to = f.Value, f.Value; !f.Value.IsUnknown() {
				g.from, g.to = plinth.Value{}, plinth.Value{}
				g.read(f.Value)
			}
		case "destinationPortRange", "destinationPortRanges", "destination_port_range", "destination_port_ranges":
			g.azure = true
			g.port(f.Value)
		case "ports":
			g.port(f.Value)
		}
	}
}

func (g *gate) port(v plinth.Value) {
	if g.named < len(g.ports) {
		g.ports[g.named] = v
		g.named++
	}
}

func letsThrough(rule plinth.Value, port float64) answer {
	var g gate
	g.read(rule)
	all := asks(g.protocol, "-1", "all", "*", "any")
	if all.t == value.False {
		if all = asks(g.protocol, "tcp", "6"); all.t == value.False {
			return all
		}
		return asks(g.access, "deny").not().and(all.and(g.opens(port)))
	}
	open := yes(true)
	if g.azure { // every protocol means every port, but Azure's rules still name theirs
		open = g.opens(port)
	}
	return asks(g.access, "deny").not().and(all.and(open))
}

// opens tells whether the port is one of those that the object names; one that names none means all.
func (g *gate) opens(port float64) answer {
	out := yes(false)
	for _, p := range g.ports[:g.named] {
		out = out.or(anyOf(p, func(r plinth.Value) answer { return yes(inRanges(toText(r).Str(), port)) }))
	}
	if g.from.IsNull() && g.to.IsNull() {
		return out.or(yes(g.named == 0))
	}
	from, to := g.from, g.to
	if to.IsNull() {
		to = from
	}
	if from.IsNull() {
		from = to
	}
	low := bound(from, func(n float64) bool { return n <= port })
	if low.t == value.False {
		return low
	}
	return low.and(bound(to, func(n float64) bool { return n >= port || n == -1 }))
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
