package network

import (
	"fmt"
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/reach"
	"github.com/plinthsec/plinth/internal/reach/cloud"
)

// The ports that say what listens there.
var (
	adminPorts = []uint32{22, 23, 135, 139, 445, 512, 513, 514, 873, 2049, 2375, 2376, 2379, 2380, 3389, 5900, 5985, 5986, 8001, 9090, 10250, 10255}
	dataPorts  = []uint32{1433, 1521, 3306, 5432, 5439, 5984, 6379, 7000, 7001, 8086, 9042, 9200, 9300, 11211, 27017, 27018, 50000}
)

// wide is the number of open ports from which on they say nothing of what listens there: one finding says that they are open.
const wide = 1000

// hit is what of some open ports an audit is about.
type hit struct {
	audit string
	ports reach.Ports
}

// telling returns what the audits say of open ports.
func telling(open reach.Ports) []hit {
	var out []hit
	for _, kind := range [...]struct {
		audit string
		ports []uint32
	}{{"admin-port-outside", adminPorts}, {"data-port-outside", dataPorts}} {
		h := hit{audit: kind.audit}
		for _, p := range kind.ports {
			if open.Contains(reach.TCP, p) {
				h.ports = h.ports.Union(reach.PortsOf(reach.TCP, p, p))
			}
		}
		if h.ports.Empty() {
			continue
		}
		if out = append(out, h); count(open) >= wide {
			break
		}
	}
	return out
}

func count(p reach.Ports) int {
	n := 0
	for _, span := range p[reach.TCP] {
		n += int(span.Hi - span.Lo + 1)
	}
	return n
}

// what names the ports.
func (h *hit) what(open reach.Ports) string {
	if n := count(open); n >= wide {
		return fmt.Sprintf("%s among %d open ports", h.ports.Strings()[0], n)
	}
	return h.ports.String()
}

// opening is one fault: a rule that lets the internet to ports which say what listens there, with all that it opens.
type opening struct {
	hit
	open     reach.Ports
	when     []string
	door     *cloud.Door // nil: nothing but the resource itself lets it in
	to       []*plinth.Resource
	evidence []plinth.Step
}

// firewall is the type whose resources are one rule each.
const firewall = "compute.googleapis.com/Firewall"

// handsOn are types that hand packets on as they come. One that takes nearly all ports means none of them: the rules of what stands
// behind it say which can be reached.
var handsOn = map[string]bool{"compute.googleapis.com/ForwardingRule": true, "compute.googleapis.com/GlobalForwardingRule": true, "Microsoft.Network/loadBalancers": true}

const shownTargets = 3 // of the resources behind one rule

// cloud reports the ports of clouds that everybody reaches: at the rule that lets them in, once for all that is behind it.
func (e *Engine) cloud(exposures []cloud.Connection, report func(plinth.Finding)) {
	var list []*opening
	for i := range exposures {
		c := &exposures[i]
		for _, h := range telling(c.Allow) {
			told := false
			for k := range c.Doors {
				d := &c.Doors[k]
				if through := d.Ports.Intersect(h.ports); !through.Empty() && d.Decl != nil && d.Step.Cost > 0 {
					list = opened(list, hit{h.audit, through}, c, d)
					told = true
				}
			}
			if !told && !(handsOn[c.ToResource.Type] && count(c.Allow) >= wide) {
				list = opened(list, h, c, nil)
			}
		}
	}
	for _, o := range list {
		path := o.audit
		if len(o.when) > 0 {
			path += "?" // what is open for certain is another finding
		}
		if o.door == nil {
			if r := o.to[0]; r.Decl != nil {
				e.report(report, o.audit, r, r.Decl.Header, path, o.what(o.open), o.when, o.evidence)
			}
			continue
		}
		at := o.door.Step.At
		if o.door.Resource.Type == firewall {
			at = o.door.Decl.Header
		}
		e.report(report, o.audit, o.door.Resource, at, fmt.Sprintf("%s %s", path, o.ports), o.what(o.open)+" of "+labels(o.to), o.when, o.evidence)
	}
}

// opened adds what a rule opens to the opening of the same rule.
func opened(list []*opening, h hit, c *cloud.Connection, d *cloud.Door) []*opening {
	for _, o := range list {
		if d != nil && o.door != nil && o.audit == h.audit && o.door.Step.At == d.Step.At && o.door.Resource == d.Resource && slices.Equal(o.when, c.When) {
			if !slices.Contains(o.to, c.ToResource) {
				o.to = append(o.to, c.ToResource)
			}
			return list
		}
	}
	open := c.Allow
	if d != nil {
		open = d.Ports
	}
	o := &opening{hit: h, open: open, when: c.When, door: d, to: []*plinth.Resource{c.ToResource}}
	for _, s := range c.Because {
		if d == nil || !slices.ContainsFunc(c.Doors, func(other cloud.Door) bool { return other.Step == s && other.Step != d.Step }) {
			o.evidence = append(o.evidence, s)
		}
	}
	return append(list, o)
}

func labels(list []*plinth.Resource) string {
	var names []string
	for i, r := range list {
		if i == shownTargets && len(list) > shownTargets+1 {
			return strings.Join(names, ", ") + fmt.Sprintf(" and %d more", len(list)-i)
		}
		names = append(names, r.Label())
	}
	return strings.Join(names, ", ")
}
