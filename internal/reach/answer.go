package reach

import (
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
)

// Connection is one pair that may talk.
type Connection struct {
	From, To string // namespace/name[Kind], or external:LOW-HIGH,… of IPv4 addresses
	Allow    Ports
	MTLS     string        // mode of the receiver's mutual TLS towards this sender: STRICT, PERMISSIVE, DISABLE; "" outside a mesh
	When     []string      // on what the answer rests that manifests do not tell
	Because  []plinth.Step // the rules that let it through, the sender's first; nil unless asked for
}

// Connections yields every pair of different workloads, and of a workload and addresses outside, for which some port is allowed: in
// the order of Workloads by sender, then receiver, what is outside last. Proof asks for Because.
func (w *World) Connections(proof bool) iter.Seq[Connection] {
	return func(yield func(Connection) bool) {
		for i := range w.Workloads {
			if !w.pairs(i, proof, yield) || !w.external(egress, i, proof, yield) {
				return
			}
		}
		for i := range w.Workloads {
			if !w.external(ingress, i, proof, yield) {
				return
			}
		}
	}
}

func (w *World) pairs(i int, proof bool, yield func(Connection) bool) bool {
	a := w.Workloads[i]
	for j, b := range w.Workloads {
		if i == j {
			continue
		}
		id := w.allowed(i, j)
		if id == none {
			continue
		}
		c := Connection{From: a.String(), To: b.String(), Allow: w.pool.sets[id], MTLS: w.mtls(a, b), When: w.when(a, b)}
		if proof {
			c.Because = w.why(a, b)
		}
		if !yield(c) {
			return false
		}
	}
	return true
}

func (w *World) external(d direction, i int, proof bool, yield func(Connection) bool) bool {
	l := w.Workloads[i]
	for _, p := range w.outside(d, l) {
		c := Connection{From: l.String(), To: external(p.addresses), Allow: w.pool.sets[p.ports]}
		if d == ingress {
			c.From, c.To, c.When = c.To, c.From, w.when(nil, l)
		} else {
			c.When = w.when(l, nil)
		}
		if proof {
			c.Because = w.whyOutside(d, l, p.addresses)
		}
		if !yield(c) {
			return false
		}
	}
	return true
}

func external(spans Spans) string {
	var out []string
	for _, s := range spans {
		out = append(out, address(s.Lo)+"-"+address(s.Hi))
	}
	return "external:" + strings.Join(out, ",")
}

func address(n uint32) string {
	return netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}).String()
}

// when tells what manifests leave open about the ends, of which one is nil where it is outside.
func (w *World) when(from, to *Workload) []string {
	var out []string
	for _, l := range []*Workload{from, to} {
		if l != nil && l.HostNetwork {
			out = append(out, l.String()+" uses the network of its node, where plugins differ in what policies bind")
		}
	}
	if to != nil {
		out = append(out, w.meshWhen(from, to)...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// why proves a pair: the hits of each side that bear on what both allow.
func (w *World) why(a, b *Workload) []plinth.Step {
	var out []plinth.Step
	for _, x := range a.classes {
		for _, y := range b.classes {
			both := w.pool.intersect(w.side(egress, x, y), w.side(ingress, y, x))
			out = w.steps(out, egress, w.groups[egress][x], y, a, both)
			out = w.steps(out, ingress, w.groups[ingress][y], x, b, both)
		}
	}
	return out
}

func (w *World) whyOutside(d direction, l *Workload, spans Spans) []plinth.Step {
	var out []plinth.Step
	for i, a := range w.atoms {
		if !spans.Contains(a.Lo) {
			continue
		}
		for _, class := range l.classes {
			g, col := w.groups[d][class], len(w.classes)+i
			out = w.steps(out, d, g, col, l, w.side(d, class, col))
		}
	}
	return out
}

// steps adds the proof of one side, each rule once.
func (w *World) steps(to []plinth.Step, d direction, g *group, col int, l *Workload, both uint32) []plinth.Step {
	var hits []hit
	w.decide(d, g, col, &hits)
	for _, h := range hits {
		ports := w.pool.intersect(h.ports, both)
		if ports == none {
			continue
		}
		s := plinth.Step{Note: fmt.Sprintf("%s of %s: %s", d, l, h.text), At: h.at, Resource: l.String()}
		if h.rule != nil {
			s.Note = fmt.Sprintf("%s of %s: %s %s %s", d, l, h.rule.policy.name, h.text, w.pool.sets[ports])
		}
		if !slices.Contains(to, s) {
			to = append(to, s)
		}
	}
	return to
}
