package cloud

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/reach"
)

// azure is the networks of Azure among the resources.
type azure struct {
	*World
	fences  map[string][2]fence // network security groups: in, out
	subnets map[string]azureSubnet
	cards   map[string]*card
	basic   map[string]bool // public addresses of the old kind, which nothing shuts by itself
	peers   map[[2]string]bool
	hosts   []*host
}

type azureSubnet struct {
	network, group string
	spans          reach.Spans
}

// card is a network interface.
type card struct {
	resource *plinth.Resource
	groups   []string // keys of security groups: its own
	subnet   string
	marks    []string // application security groups
	public   fact
	basic    bool
}

func (w *World) azure() {
	a := &azure{World: w, fences: map[string][2]fence{}, subnets: map[string]azureSubnet{}, cards: map[string]*card{}, basic: map[string]bool{}, peers: map[[2]string]bool{}}
	for i, r := range w.graph.Resources() {
		if !r.External || r.Type == "Microsoft.Network/networkSecurityGroups" {
			a.read(int32(i), r)
		}
	}
	for i, r := range w.graph.Resources() {
		if r.Type == "Microsoft.Network/networkInterfaces" {
			a.cards[string(r.ID)] = a.card(int32(i), r, get(r.Props, "properties"))
		}
	}
	for i, r := range w.graph.Resources() {
		if !r.External {
			a.join(int32(i), r)
		}
	}
	for _, h := range a.hosts {
		w.tellOutside(h)
	}
	if len(a.hosts) <= maxEnds {
		w.tellInside(a.hosts, func(x, y string) bool { return a.peers[[2]string{x, y}] && a.peers[[2]string{y, x}] })
	}
	for i, r := range w.graph.Resources() {
		if r.Type == "Microsoft.Network/loadBalancers" && !r.External {
			a.balancer(int32(i), r)
		}
	}
}

func (a *azure) read(i int32, r *plinth.Resource) {
	key, p := string(r.ID), get(r.Props, "properties")
	switch r.Type {
	case "Microsoft.Network/networkSecurityGroups":
		a.fences[key] = a.group(i, r, p)
	case "Microsoft.Network/virtualNetworks/subnets":
		s := azureSubnet{group: a.firstOf(i, get(p, "networkSecurityGroup", "id"))}
		for _, b := range texts(get(p, "addressPrefix"), get(p, "addressPrefixes")) {
			s.spans = s.spans.Union(blocks(plinth.StringOf(b)))
		}
		for _, j := range a.graph.Refers(i) {
			if o := a.graph.Resources()[j]; o.Type == "Microsoft.Network/virtualNetworks" {
				s.network = string(o.ID)
			}
		}
		if s.network == "" {
			s.network = "network of " + key
		}
		a.subnets[key] = s
	case "Microsoft.Network/publicIPAddresses":
		a.basic[key] = strings.EqualFold(text(r.Props, "sku", "name"), "Basic")
	case "Microsoft.Network/virtualNetworks/virtualNetworkPeerings":
		to := a.firstOf(i, get(p, "remoteVirtualNetwork", "id"))
		for _, j := range a.graph.Refers(i) {
			if o := a.graph.Resources()[j]; o.Type == "Microsoft.Network/virtualNetworks" && string(o.ID) != to {
				a.peers[[2]string{string(o.ID), to}] = true
			}
		}
	}
}

func (a *azure) firstOf(i int32, v plinth.Value) string {
	if list := a.keys(i, v); len(list) > 0 {
		return list[0]
	}
	return ""
}

// group reads a network security group with the rules that every one has
// (https://learn.microsoft.com/azure/virtual-network/network-security-groups-overview#default-security-rules).
func (a *azure) group(i int32, r *plinth.Resource, p plinth.Value) [2]fence {
	var out [2]fence
	every := portList("*", []string{"*"})
	for way := range out {
		usual := placedAt(r, plinth.Value{}, 0, name(r)+" lets its own network through, as every group does by itself")
		out[way] = append(out[way], entry{number: 65000, allow: true, marks: []string{insideMark}, ports: every, step: usual}, entry{number: 65500, spans: everywhere(), ports: every})
	}
	out[1] = append(out[1], entry{number: 65001, allow: true, spans: everywhere(), ports: every})
	for _, v := range get(p, "securityRules").List() {
		q := get(v, "properties")
		way, peer := 0, "source"
		if strings.EqualFold(text(q, "direction"), "Outbound") {
			way, peer = 1, "destination"
		}
		e := entry{number: get(q, "priority").Num(), allow: strings.EqualFold(text(q, "access"), "Allow")}
		e.ports = portList(text(q, "protocol"), texts(get(q, "destinationPortRange"), get(q, "destinationPortRanges")))
		for _, s := range texts(get(q, peer+"AddressPrefix"), get(q, peer+"AddressPrefixes")) {
			switch {
			case s == "*" || strings.EqualFold(s, "Any"):
				e.spans, e.marks = everywhere(), append(e.marks, insideMark)
			case strings.EqualFold(s, "Internet"):
				e.spans = e.spans.Union(outside())
			case strings.EqualFold(s, insideMark):
				e.marks = append(e.marks, insideMark)
			default:
				e.spans = e.spans.Union(blocks(plinth.StringOf(s)))
			}
		}
		for _, g := range get(q, peer+"ApplicationSecurityGroups").List() {
			e.marks = append(e.marks, a.keys(i, get(g, "id"))...)
		}
		e.step = placedAt(r, v, costRule, fmt.Sprintf("%s rule %s lets %s through", name(r), text(v, "name"), e.ports))
		out[way] = append(out[way], e)
	}
	out[0].sort()
	out[1].sort()
	return out
}

func (a *azure) card(i int32, r *plinth.Resource, p plinth.Value) *card {
	c := &card{resource: r}
	if g := a.firstOf(i, get(p, "networkSecurityGroup", "id")); g != "" {
		c.groups = append(c.groups, g)
	}
	for _, v := range get(p, "ipConfigurations").List() {
		q := get(v, "properties")
		if s := a.firstOf(i, get(q, "subnet", "id")); s != "" {
			c.subnet = s
		}
		for _, g := range get(q, "applicationSecurityGroups").List() {
			c.marks = append(c.marks, a.keys(i, get(g, "id"))...)
		}
		address := get(q, "publicIPAddress")
		if address.IsNull() {
			address = get(q, "publicIPAddressConfiguration")
		}
		if !address.IsNull() {
			c.basic = a.basic[a.firstOf(i, get(address, "id"))]
			c.public = fact{yes: true, steps: []plinth.Step{step(r, address, costAddress, name(r)+" has an address outside")}}
		}
	}
	return c
}

// join makes hosts of machines and services.
func (a *azure) join(i int32, r *plinth.Resource) {
	p := get(r.Props, "properties")
	switch r.Type {
	case "Microsoft.Compute/virtualMachines":
		for _, n := range get(p, "networkProfile", "networkInterfaces").List() {
			for _, key := range a.keys(i, get(n, "id")) {
				if c := a.cards[key]; c != nil {
					a.hosts = append(a.hosts, a.host(r, c))
				}
			}
		}
	case "Microsoft.Compute/virtualMachineScaleSets":
		for _, n := range get(p, "virtualMachineProfile", "networkProfile", "networkInterfaceConfigurations").List() {
			a.hosts = append(a.hosts, a.host(r, a.scaled(i, r, n)))
		}
	case "Microsoft.Sql/servers":
		a.server(i, r, p, 1433)
	case "Microsoft.DBforPostgreSQL/servers", "Microsoft.DBforPostgreSQL/flexibleServers":
		a.server(i, r, p, 5432)
	case "Microsoft.DBforMySQL/servers", "Microsoft.DBforMySQL/flexibleServers", "Microsoft.DBforMariaDB/servers":
		a.server(i, r, p, 3306)
	case "Microsoft.ContainerService/managedClusters":
		api := get(p, "apiServerAccessProfile")
		if !get(api, "enablePrivateCluster").Bool() {
			a.database(r, fact{yes: true, steps: []plinth.Step{step(r, get(api, "enablePrivateCluster"), costExposure, "the API server of "+name(r)+" has a public address")}}, 443,
				allowed(r, texts(get(api, "authorizedIPRanges"))))
		}
	case "Microsoft.Web/sites":
		a.site(r, p)
	}
}

// scaled is the network interface of the machines of a scale set. Terraform's address and subnet stand in the source.
func (a *azure) scaled(i int32, r *plinth.Resource, n plinth.Value) *card {
	c := a.card(i, r, get(n, "properties"))
	for _, s := range get(r.Source, "network_interface").List() {
		for _, v := range get(s, "ip_configuration").List() {
			if key := a.firstOf(i, get(v, "subnet_id")); key != "" {
				c.subnet = key
			}
			if address := get(v, "public_ip_address"); address.Len() > 0 {
				c.public = fact{yes: true, steps: []plinth.Step{step(r, address, costAddress, name(r)+" gives its machines an address outside")}}
			}
		}
	}
	return c
}

// host is a machine with one network interface. An address of the standard kind is shut where no group says otherwise.
func (a *azure) host(r *plinth.Resource, c *card) *host {
	h := &host{resource: r, public: c.public, ports: reach.AllPorts(), marks: c.marks, network: "network of " + cmp.Or(c.subnet, string(r.ID))}
	groups := slices.Clone(c.groups)
	if s, ok := a.subnets[c.subnet]; ok {
		h.network, h.address = s.network, s.spans
		if s.group != "" && !slices.Contains(groups, s.group) {
			groups = append(groups, s.group)
		}
	}
	for _, key := range groups {
		f, ok := a.fences[key]
		if !ok {
			h.when = append(h.when, "network security group "+strings.TrimPrefix(key, "?")+" lets it through")
			continue
		}
		h.fences, h.ways = append(h.fences, f[0]), append(h.ways, f[1])
	}
	if len(groups) == 0 && !c.basic {
		every := portList("*", []string{"*"})
		usual := placedAt(c.resource, plinth.Value{}, 0, "no group of rules stands before "+name(r)+", which leaves it open to its own network")
		h.fences = []fence{{{allow: true, marks: []string{insideMark}, ports: every, step: usual}, {number: 1, spans: everywhere(), ports: every}}}
	}
	return h
}

// allowed are rules that let in some addresses: all where there are none.
func allowed(r *plinth.Resource, list []string) fence {
	every := portList("*", []string{"*"})
	if len(list) == 0 {
		return fence{{allow: true, spans: everywhere(), ports: every}}
	}
	var out fence
	for _, s := range list {
		out = append(out, entry{allow: true, spans: blocks(plinth.StringOf(s)), ports: every, step: placedAt(r, plinth.Value{}, costRule, name(r)+" lets in "+s)})
	}
	return out
}

// server is a database server with firewall rules of its own.
func (a *azure) server(i int32, r *plinth.Resource, p plinth.Value, port int) {
	access := get(p, "publicNetworkAccess")
	if access.IsNull() {
		access = get(p, "network", "publicNetworkAccess")
	}
	if strings.EqualFold(access.Str(), "Disabled") || !get(p, "network", "delegatedSubnetResourceId").IsNull() {
		return
	}
	var rules fence
	for _, j := range a.graph.Referred(i) {
		o := a.graph.Resources()[j]
		if !strings.HasSuffix(strings.ToLower(o.Type), "/firewallrules") {
			continue
		}
		lo, ok1 := span(text(o.Props, "properties", "startIpAddress"))
		hi, ok2 := span(text(o.Props, "properties", "endIpAddress"))
		if ok1 && ok2 {
			rules = append(rules, entry{
				allow: true, spans: reach.SpansOf(reach.Span{Lo: lo.Lo, Hi: hi.Hi}), ports: portList("tcp", []string{"*"}),
				step: placedAt(o, get(o.Props, "properties", "startIpAddress"), costRule, name(o)+" lets in these addresses"),
			})
		}
	}
	a.database(r, fact{yes: true, steps: []plinth.Step{step(r, access, costExposure, name(r)+" can be reached from outside")}}, port, rules)
}

// site is a web application.
func (a *azure) site(r *plinth.Resource, p plinth.Value) {
	if strings.EqualFold(text(p, "publicNetworkAccess"), "Disabled") {
		return
	}
	rules := fence{}
	limits := get(p, "siteConfig", "ipSecurityRestrictions").List()
	for _, v := range limits {
		e := entry{number: get(v, "priority").Num(), allow: !strings.EqualFold(text(v, "action"), "Deny"), ports: portList("*", []string{"*"}), spans: blocks(get(v, "ipAddress")), step: placedAt(r, v, costRule, name(r)+" lets in "+text(v, "ipAddress"))}
		if strings.EqualFold(text(v, "ipAddress"), "Any") {
			e.spans = everywhere()
		}
		rules = append(rules, e)
	}
	if len(limits) == 0 && !strings.EqualFold(text(p, "siteConfig", "ipSecurityRestrictionsDefaultAction"), "Deny") {
		rules = allowed(r, nil)
	}
	rules.sort()
	ports := tcp(443)
	if !get(p, "httpsOnly").Bool() {
		ports = ports.Union(tcp(80))
	}
	a.tellOutside(&host{resource: r, public: fact{yes: true, steps: []plinth.Step{step(r, get(p, "publicNetworkAccess"), costExposure, name(r)+" has a public address")}}, ports: ports, fences: []fence{rules}})
}

// balancer tells what a load balancer is reached on and reaches: it hands on packets with the address of the caller, so that the
// groups of its targets must let the internet in.
func (a *azure) balancer(i int32, r *plinth.Resource) {
	var public fact
	for _, f := range get(r.Props, "properties", "frontendIPConfigurations").List() {
		if v := get(f, "properties", "publicIPAddress"); !v.IsNull() {
			public = fact{yes: true, steps: []plinth.Step{step(r, v, costExposure, name(r)+" has an address outside")}}
		}
	}
	pools := map[string]bool{}
	h := &host{resource: r, public: public, fences: []fence{allowed(r, nil)}}
	var back reach.Ports
	take := func(protocol string, front, to plinth.Value) {
		h.ports = h.ports.Union(portList(protocol, texts(front)))
		back = back.Union(portList(protocol, texts(to)))
	}
	for _, v := range get(r.Props, "properties", "loadBalancingRules").List() {
		take(text(v, "properties", "protocol"), get(v, "properties", "frontendPort"), get(v, "properties", "backendPort"))
	}
	for _, j := range a.graph.Referred(i) {
		switch o := a.graph.Resources()[j]; o.Type {
		case "terraform:azurerm_lb_rule", "terraform:azurerm_lb_nat_rule":
			take(text(o.Props, "protocol"), get(o.Props, "frontend_port"), get(o.Props, "backend_port"))
		case "terraform:azurerm_lb_backend_address_pool":
			pools[string(o.ID)] = true
		}
	}
	a.tellOutside(h)
	for j, o := range a.graph.Resources() {
		var card string
		switch o.Type {
		case "terraform:azurerm_network_interface_backend_address_pool_association":
			if pools[a.firstOf(int32(j), get(o.Props, "backend_address_pool_id"))] {
				card = a.firstOf(int32(j), get(o.Props, "network_interface_id"))
			}
		case "Microsoft.Compute/virtualMachineScaleSets":
			for _, n := range get(o.Source, "network_interface").List() {
				for _, v := range get(n, "ip_configuration").List() {
					for _, key := range a.keys(int32(j), get(v, "load_balancer_backend_address_pool_ids")) {
						if pools[key] {
							card = string(o.ID)
						}
					}
				}
			}
		}
		if card != "" {
			a.behind(r, card, back, public)
		}
	}
}

// behind tells the target of a load balancer.
func (a *azure) behind(r *plinth.Resource, card string, ports reach.Ports, public fact) {
	for _, h := range a.hosts {
		c := a.cards[card]
		if string(h.resource.ID) != card && (c == nil || !slices.Contains(a.cardsOf(h.resource), card)) {
			continue
		}
		open := ports
		if public.yes {
			open, _ = h.reached(ports)
		}
		if !open.Empty() {
			c := Connection{From: r.ID, FromName: name(r), FromResource: r, To: h.resource.ID, ToName: name(h.resource), ToResource: h.resource, Allow: open, When: h.when}
			c.opened(public.steps, opened(h.fences, open, outside()))
			a.add(c)
		}
	}
}

// cardsOf are the network interfaces of a machine.
func (a *azure) cardsOf(r *plinth.Resource) []string {
	var out []string
	for i, o := range a.graph.Resources() {
		if o == r {
			for _, n := range get(r.Props, "properties", "networkProfile", "networkInterfaces").List() {
				out = append(out, a.keys(int32(i), get(n, "id"))...)
			}
		}
	}
	return out
}
