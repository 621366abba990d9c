package cloud

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/reach"
)

// fence is a firewall whose rules count in their order: the first that is about a packet decides. It remembers connections.
type fence []entry

func (f fence) sort() {
	slices.SortStableFunc(f, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.number, b.number), boolCompare(a.allow, b.allow))
	})
}

// boolCompare puts false before true.
func boolCompare(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// host is a machine or service behind fences: all of them must let a packet through.
type host struct {
	resource *plinth.Resource
	public   fact
	ports    reach.Ports
	fences   []fence // of what comes in
	ways     []fence // of what goes out
	network  string
	address  reach.Spans // inside its network; none where it is not known
	marks    []string    // groups, tags and identities that rules name
	when     []string
}

// admitted is what fences let through for some addresses, which no rule tells apart.
func admitted(fences []fence, cell reach.Span, ports reach.Ports) reach.Ports {
	for _, f := range fences {
		ports = ports.Intersect(decide(f, cell))
	}
	return ports
}

// reached is what the internet reaches of some ports of a host: what everybody does, and what some addresses do.
func (h *host) reached(ports reach.Ports) (all reach.Ports, some []part) {
	var at []reach.Spans
	for _, f := range h.fences {
		for _, e := range f {
			at = append(at, e.spans)
		}
	}
	var list []part
	for _, cell := range cells(outside(), at) {
		if open := admitted(h.fences, cell, ports); !open.Empty() {
			list = append(list, part{reach.SpansOf(cell), open})
		}
	}
	return most(list)
}

// tellOutside tells who on the internet reaches a host.
func (w *World) tellOutside(h *host) {
	if !h.public.yes {
		return
	}
	all, some := h.reached(h.ports)
	c := Connection{To: h.resource.ID, ToName: name(h.resource), ToResource: h.resource, When: append(slices.Clone(h.when), h.public.when...)}
	if !all.Empty() {
		c.From, c.FromName, c.Allow = plinth.Internet, internet, all
		c.opened(h.public.steps, opened(h.fences, all, outside()))
		w.add(c)
	}
	for _, p := range some {
		c.From, c.FromName, c.Allow = "", external(p.addresses), p.ports
		c.opened(h.public.steps, opened(h.fences, p.ports, p.addresses))
		w.add(c)
	}
}

// tellInside tells which hosts of one network, or of two that are joined, reach each other.
func (w *World) tellInside(hosts []*host, joined func(a, b string) bool) {
	for _, from := range hosts {
		for _, to := range hosts {
			if from == to || from.network == "" || to.ports.Empty() || from.network != to.network && !joined(from.network, to.network) {
				continue
			}
			in, why := between(to.fences, from, to.ports)
			if in.Empty() {
				continue
			}
			out, how := between(from.ways, to, in)
			if out.Empty() {
				continue
			}
			w.add(Connection{
				From: from.resource.ID, FromName: name(from.resource), FromResource: from.resource, To: to.resource.ID, ToName: name(to.resource), ToResource: to.resource,
				Allow: out, When: append(slices.Clone(from.when), to.when...), Because: append(how, why...),
			})
		}
	}
}

// between is what fences let through for a host inside: by its marks, or by its addresses.
func between(fences []fence, peer *host, ports reach.Ports) (reach.Ports, []plinth.Step) {
	var steps []plinth.Step
	for _, f := range fences {
		var allowed, decided reach.Ports
		for _, e := range f {
			if !e.about(peer) {
				continue
			}
			if one := e.ports.Minus(decided).Intersect(ports); e.allow && !one.Empty() {
				allowed = allowed.Union(one)
				if e.step.At.Path != "" {
					steps = append(steps, e.step.Step)
				}
			}
			decided = decided.Union(e.ports)
		}
		ports = ports.Intersect(allowed)
	}
	return ports, steps
}

// about tells whether a rule is about a host inside. Of one whose address is not known, rules about everything are.
func (e *entry) about(h *host) bool {
	if slices.ContainsFunc(e.marks, func(m string) bool { return m == insideMark || slices.Contains(h.marks, m) }) {
		return true
	}
	if len(h.address) == 0 {
		return size(e.spans) >= 1<<31
	}
	return len(e.spans.Intersect(h.address)) > 0
}

// insideMark is the mark of everything in the network.
const insideMark = "VirtualNetwork"

// opened are the steps of the rules that let some ports through for some addresses.
func opened(fences []fence, ports reach.Ports, from reach.Spans) []Door {
	var out []Door
	for _, f := range fences {
		for _, e := range f {
			if e.allow && e.step.At.Path != "" && !e.ports.Intersect(ports).Empty() && len(e.spans.Intersect(from)) > 0 {
				out = append(out, e.step.door(e.ports.Intersect(ports)))
			}
		}
	}
	return out
}

// portList reads ports and ranges: *, 80, 8000-8010.
func portList(protocol string, list []string) reach.Ports {
	var out reach.Ports
	for _, s := range list {
		lo, hi, ranged := strings.Cut(strings.TrimSpace(s), "-")
		if s == "*" || s == "" {
			lo, hi, ranged = "1", "65535", true
		}
		if !ranged {
			hi = lo
		}
		a, err1 := strconv.ParseUint(lo, 10, 32)
		b, err2 := strconv.ParseUint(hi, 10, 32)
		if err1 != nil || err2 != nil {
			continue
		}
		span := func(p reach.Protocol) { out = out.Union(reach.PortsOf(p, uint32(max(a, 1)), uint32(min(b, 65535)))) }
		switch strings.ToLower(protocol) {
		case "*", "all", "-1", "":
			span(reach.TCP)
			span(reach.UDP)
			span(reach.SCTP)
		case "tcp", "6":
			span(reach.TCP)
		case "udp", "17":
			span(reach.UDP)
		case "sctp", "132":
			span(reach.SCTP)
		}
	}
	return out
}

// texts are the texts of a value, which is one or a list.
func texts(values ...plinth.Value) []string {
	var out []string
	for _, v := range values {
		if s := scalar(v); s != "" {
			out = append(out, s)
		}
		for _, e := range v.List() {
			if s := scalar(e); s != "" {
				out = append(out, s)
			}
		}
	}
	return out
}

// database tells who reaches a database or another service of a provider that keeps a list of addresses.
func (w *World) database(r *plinth.Resource, public fact, port int, open []entry) {
	h := &host{resource: r, public: public, ports: tcp(port), fences: []fence{open}}
	w.tellOutside(h)
}
