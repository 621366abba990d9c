package cloud

import (
	"fmt"
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/reach"
)

// google is the networks of Google Cloud among the resources.
type google struct {
	*World
	networks map[string]string // key or name of a network → its key
	subnets  map[string]subnetwork
	walls    []wall
	hosts    []*host
	pools    map[string][]string // target pool → its instances
	accounts map[string]string   // key of a service account → its address where it is known
}

type subnetwork struct {
	network string
	spans   reach.Spans
}

// wall is one firewall rule.
type wall struct {
	network string
	out     bool
	targets []string // tags and service accounts; none: every machine
	entry
}

// usualNetwork is the network that a project has by itself.
const usualNetwork = "default"

func (w *World) google() {
	g := &google{World: w, networks: map[string]string{}, subnets: map[string]subnetwork{}, pools: map[string][]string{}, accounts: map[string]string{}}
	for i, r := range w.graph.Resources() {
		key := string(r.ID)
		switch r.Type {
		case "compute.googleapis.com/Network":
			g.networks[key] = key
			g.networks[world(r)+text(r.Props, "name")] = key
		case "iam.googleapis.com/ServiceAccount":
			g.accounts[key] = text(r.Props, "email")
		case "compute.googleapis.com/TargetPool":
			g.pools[key] = w.keys(int32(i), get(r.Props, "instances"))
		}
	}
	for i, r := range w.graph.Resources() {
		if r.Type == "compute.googleapis.com/Subnetwork" {
			g.subnets[string(r.ID)] = subnetwork{g.network(int32(i), get(r.Props, "network")), blocks(get(r.Props, "ipCidrRange"))}
			g.subnets[world(r)+text(r.Props, "name")] = g.subnets[string(r.ID)]
		}
	}
	for i, r := range w.graph.Resources() {
		if !r.External && r.Type == "compute.googleapis.com/Firewall" && !get(r.Props, "disabled").Bool() {
			g.wall(int32(i), r)
		}
	}
	for i, r := range w.graph.Resources() {
		if !r.External {
			g.join(int32(i), r)
		}
	}
	for _, h := range g.hosts {
		w.tellOutside(h)
	}
	if len(g.hosts) <= maxEnds {
		w.tellInside(g.hosts, func(string, string) bool { return false })
	}
	for i, r := range w.graph.Resources() {
		if !r.External && (r.Type == "compute.googleapis.com/ForwardingRule" || r.Type == "compute.googleapis.com/GlobalForwardingRule") {
			g.forward(int32(i), r)
		}
	}
}

// network is the key of the network that a value names: by reference, by name or by URL.
func (g *google) network(i int32, v plinth.Value) string {
	here := world(g.graph.Resources()[i])
	list := g.keys(i, v)
	if len(list) == 0 {
		return here + usualNetwork
	}
	last := here + list[0][strings.LastIndexByte(list[0], '/')+1:]
	for _, k := range [...]string{list[0], last} {
		if n := g.networks[k]; n != "" {
			return n
		}
		if s, ok := g.subnets[k]; ok {
			return s.network
		}
	}
	return last
}

// marks are the tags and service accounts of a list, accounts by reference or by address.
func (g *google) marks(i int32, prefix string, v plinth.Value) []string {
	var out []string
	for _, key := range g.keys(i, v) {
		if email := g.accounts[key]; email != "" {
			key = email
		}
		out = append(out, prefix+key)
	}
	return out
}

func (g *google) wall(i int32, r *plinth.Resource) {
	v := r.Props
	w := wall{network: g.network(i, get(v, "network")), out: text(v, "direction") == "EGRESS"}
	w.targets = append(g.marks(i, "tag ", get(v, "targetTags")), g.marks(i, "account ", get(v, "targetServiceAccounts"))...)
	w.number = 1000
	if p := get(v, "priority"); p.Kind() == plinth.Number {
		w.number = p.Num()
	}
	ranges, list := "sourceRanges", get(v, "allowed")
	if w.out {
		ranges = "destinationRanges"
	}
	if w.allow = list.Len() > 0; !w.allow {
		list = get(v, "denied")
	}
	w.entry.marks = append(g.marks(i, "tag ", get(v, "sourceTags")), g.marks(i, "account ", get(v, "sourceServiceAccounts"))...)
	for _, s := range texts(get(v, ranges)) {
		w.spans = w.spans.Union(blocks(plinth.StringOf(s)))
	}
	if get(v, ranges).IsNull() && len(w.entry.marks) == 0 {
		w.spans = everywhere()
	}
	for _, a := range list.List() {
		ports := texts(get(a, "ports"))
		if len(ports) == 0 {
			ports = []string{"*"}
		}
		w.ports = w.ports.Union(portList(text(a, "IPProtocol"), ports))
	}
	w.step = placedAt(r, get(v, ranges), costRule, fmt.Sprintf("%s lets %s through", name(r), w.ports))
	g.walls = append(g.walls, w)
}

// fences are the rules for a machine, with those that every network has: nothing comes in, everything goes out.
func (g *google) fences(network string, marks []string) (in, out fence) {
	every := portList("*", []string{"*"})
	in = fence{{number: 1 << 20, spans: everywhere(), ports: every}}
	out = fence{{number: 1 << 20, allow: true, spans: everywhere(), ports: every}}
	for _, w := range g.walls {
		if w.network != network || len(w.targets) > 0 && !slices.ContainsFunc(w.targets, func(t string) bool { return slices.Contains(marks, t) }) {
			continue
		}
		if w.out {
			out = append(out, w.entry)
		} else {
			in = append(in, w.entry)
		}
	}
	in.sort()
	out.sort()
	return in, out
}

// join makes hosts of machines and services.
func (g *google) join(i int32, r *plinth.Resource) {
	v := r.Props
	switch r.Type {
	case "compute.googleapis.com/Instance":
		g.machine(r, r, v, i)
	case "compute.googleapis.com/InstanceGroupManager", "compute.googleapis.com/RegionInstanceGroupManager":
		for _, j := range g.graph.Refers(i) {
			if t := g.graph.Resources()[j]; t.Type == "compute.googleapis.com/InstanceTemplate" {
				g.machine(r, t, get(t.Props, "properties"), j)
				break
			}
		}
	case "sqladmin.googleapis.com/Instance":
		g.sql(r)
	case "container.googleapis.com/Cluster":
		g.kubernetes(r)
	case "run.googleapis.com/Service":
		ingress := get(v, "ingress")
		if ingress.IsNull() {
			ingress = get(v, "metadata", "annotations", "run.googleapis.com/ingress")
		}
		if s := strings.ToLower(ingress.Str()); s == "" || s == "all" || s == "ingress_traffic_all" {
			g.database(r, fact{yes: true, steps: []plinth.Step{step(r, ingress, costExposure, name(r)+" takes requests from outside")}}, 443, allowed(r, nil))
		}
	}
}

// machine makes a host of each network interface of a machine; said is the resource at index of, which says how it is made.
func (g *google) machine(r, said *plinth.Resource, v plinth.Value, of int32) {
	marks := g.marks(of, "tag ", get(v, "tags", "items"))
	for _, a := range get(v, "serviceAccounts").List() {
		marks = append(marks, g.marks(of, "account ", get(a, "email"))...)
	}
	for _, n := range get(v, "networkInterfaces").List() {
		h := &host{resource: r, ports: reach.AllPorts(), marks: marks}
		where := get(n, "subnetwork")
		if where.IsNull() {
			where = get(n, "network")
		}
		h.network = g.network(of, where)
		for _, key := range g.keys(of, where) {
			if s, ok := g.subnets[key]; ok {
				h.address = s.spans
			} else {
				h.address = g.subnets[world(said)+key[strings.LastIndexByte(key, '/')+1:]].spans
			}
		}
		if a := get(n, "accessConfigs"); a.Len() > 0 || a.IsUnknown() {
			h.public = fact{yes: true, when: a.Why(), steps: []plinth.Step{step(said, a, costAddress, name(said)+" has an address outside")}}
		}
		in, out := g.fences(h.network, marks)
		h.fences, h.ways = []fence{in}, []fence{out}
		g.hosts = append(g.hosts, h)
		if h.network == world(said)+usualNetwork && h.public.yes {
			g.usual(h)
		}
	}
}

// usual tells what the rules let in that the network of a new project has.
func (g *google) usual(h *host) {
	usual := entry{number: 65534, allow: true, spans: everywhere(), ports: tcp(22).Union(tcp(3389)), step: placedAt(h.resource, plinth.Value{}, costRule, "the network that a project has by itself lets in SSH and RDP")}
	with := append(slices.Clone(h.fences[0]), usual)
	with.sort()
	more := &host{resource: h.resource, public: h.public, ports: h.ports, fences: []fence{with}, when: []string{"the rules that the default network begins with are still there"}}
	all, _ := more.reached(more.ports)
	had, _ := h.reached(h.ports)
	if all = all.Minus(had); !all.Empty() {
		c := Connection{From: plinth.Internet, FromName: internet, To: h.resource.ID, ToName: name(h.resource), ToResource: h.resource, Allow: all, When: more.when}
		c.opened(h.public.steps, []Door{usual.step.door(all)})
		g.add(c)
	}
}

func (g *google) sql(r *plinth.Resource) {
	c := get(r.Props, "settings", "ipConfiguration")
	public := get(c, "ipv4Enabled")
	if public.Kind() == plinth.Bool && !public.Bool() {
		return
	}
	port := 3306
	switch version := text(r.Props, "databaseVersion"); {
	case strings.HasPrefix(version, "POSTGRES"):
		port = 5432
	case strings.HasPrefix(version, "SQLSERVER"):
		port = 1433
	}
	var rules fence
	for _, n := range get(c, "authorizedNetworks").List() {
		rules = append(rules, entry{allow: true, spans: blocks(get(n, "value")), ports: tcp(port), step: placedAt(r, get(n, "value"), costRule, name(r)+" lets in "+text(n, "value"))})
	}
	g.database(r, fact{yes: true, when: public.Why(), steps: []plinth.Step{step(r, public, costAddress, name(r)+" has an address outside")}}, port, rules)
}

func (g *google) kubernetes(r *plinth.Resource) {
	if v := get(r.Props, "privateClusterConfig", "enablePrivateEndpoint"); v.Bool() {
		return
	}
	networks := get(r.Props, "masterAuthorizedNetworksConfig")
	rules := allowed(r, nil)
	if !networks.IsNull() {
		rules = nil
		for _, b := range get(networks, "cidrBlocks").List() {
			rules = append(rules, entry{allow: true, spans: blocks(get(b, "cidrBlock")), ports: tcp(443), step: placedAt(r, b, costRule, name(r)+" lets in "+text(b, "cidrBlock"))})
		}
	}
	g.database(r, fact{yes: true, steps: []plinth.Step{step(r, networks, costExposure, "the API server of "+name(r)+" has a public address")}}, 443, rules)
}

// forward tells what a forwarding rule is reached on, and the machines of its pool, whose rules must let the callers in.
func (g *google) forward(i int32, r *plinth.Resource) {
	scheme := get(r.Props, "loadBalancingScheme")
	if s := scheme.Str(); s != "" && !strings.HasPrefix(s, "EXTERNAL") {
		return
	}
	protocol := text(r.Props, "IPProtocol")
	if protocol == "" {
		protocol = "tcp"
	}
	ports := portList(protocol, texts(get(r.Props, "portRange"), get(r.Props, "ports")))
	if get(r.Props, "allPorts").Bool() {
		ports = portList(protocol, []string{"*"})
	}
	public := fact{yes: true, steps: []plinth.Step{step(r, scheme, costExposure, name(r)+" has an address outside")}}
	g.tellOutside(&host{resource: r, public: public, ports: ports, fences: []fence{allowed(r, nil)}})
	for _, key := range g.keys(i, get(r.Props, "target")) {
		for _, h := range g.hosts {
			if !slices.Contains(g.pools[key], string(h.resource.ID)) {
				continue
			}
			if open, _ := h.reached(ports); !open.Empty() {
				c := Connection{From: r.ID, FromName: name(r), FromResource: r, To: h.resource.ID, ToName: name(h.resource), ToResource: h.resource, Allow: open}
				c.opened(public.steps, opened(h.fences, open, outside()))
				g.add(c)
			}
		}
	}
}
