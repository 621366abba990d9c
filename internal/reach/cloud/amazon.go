package cloud

import (
	"slices"
	"strconv"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/reach"
)

// amazon is the networks of AWS among the resources.
type amazon struct {
	*World
	groups  map[string]*group  // security groups, by key
	tables  map[string]*table  // route tables
	acls    map[string]*acl    // network ACLs
	subnets map[string]*subnet // by key
	peers   map[string][2]string
	network map[string]spaces           // VPCs: their addresses
	fixed   map[string]*plinth.Resource // what has an elastic address, by key, and what gives it
	main    map[string]string           // VPC → its main route table
	usual   map[string]string           // VPC → its default network ACL
	lists   map[string]reach.Spans      // prefix lists
}

type spaces struct {
	resource *plinth.Resource
	spans    reach.Spans
}

type subnet struct {
	resource *plinth.Resource // nil where it is not in the code
	key      string
	vpc      string
	spans    reach.Spans
	table    string
	acl      string
}

// group is a security group.
type group struct {
	resource        *plinth.Resource
	vpc             string
	ingress, egress []rule
}

// rule lets some addresses or members of groups through.
type rule struct {
	ports  reach.Ports
	spans  reach.Spans
	six    bool // all of IPv6
	groups []string
	listed bool     // a prefix list that is not in the code
	open   []string // variables without a value that say which block it is
	step   placed
}

type table struct {
	resource *plinth.Resource
	vpc      string
	routes   []route
}

type route struct {
	spans reach.Spans
	six   bool
	via   string // gateway, nat, peering, transit, other
	key   string // of what it leads to
	step  plinth.Step
}

type acl struct {
	resource *plinth.Resource
	entries  [2][]entry // ingress, egress; in the order of their numbers
}

type entry struct {
	number float64
	allow  bool
	spans  reach.Spans
	six    bool
	marks  []string // groups and tags of peers inside
	ports  reach.Ports
	step   placed
}

func newAmazon(w *World) *amazon {
	a := &amazon{
		World: w, groups: map[string]*group{}, tables: map[string]*table{}, acls: map[string]*acl{}, subnets: map[string]*subnet{}, peers: map[string][2]string{},
		network: map[string]spaces{}, fixed: map[string]*plinth.Resource{}, main: map[string]string{}, usual: map[string]string{}, lists: map[string]reach.Spans{},
	}
	for i, r := range w.graph.Resources() {
		if r.External && r.Type != "AWS::EC2::SecurityGroup" {
			continue
		}
		a.read(int32(i), r)
	}
	for i, r := range w.graph.Resources() {
		if !r.External {
			a.join(int32(i), r)
		}
	}
	for _, l := range a.acls {
		for _, list := range l.entries {
			slices.SortStableFunc(list, func(x, y entry) int { return int(x.number - y.number) })
		}
	}
	return a
}

// first is the first key of a value, "" where it has none.
func (a *amazon) first(i int32, v plinth.Value) string {
	if list := a.keys(i, v); len(list) > 0 {
		return list[0]
	}
	return ""
}

// read takes what stands for itself.
func (a *amazon) read(i int32, r *plinth.Resource) {
	key := string(r.ID)
	switch r.Type {
	case "AWS::EC2::VPC":
		a.network[key] = spaces{r, blocks(get(r.Props, "CidrBlock"))}
	case "AWS::EC2::Subnet":
		a.subnets[key] = &subnet{resource: r, key: key, vpc: a.first(i, get(r.Props, "VpcId")), spans: blocks(get(r.Props, "CidrBlock"))}
	case "AWS::EC2::SecurityGroup":
		a.groups[key] = a.group(i, r)
	case "AWS::EC2::RouteTable":
		a.tables[key] = &table{resource: r, vpc: a.first(i, get(r.Props, "VpcId"))}
		if of := get(r.Source, "default_route_table_id"); !of.IsNull() {
			a.tables[key].vpc = a.first(i, of)
			a.main[a.tables[key].vpc] = key
		}
	case "AWS::EC2::NetworkAcl":
		a.acls[key] = &acl{resource: r}
		if of := get(r.Source, "default_network_acl_id"); !of.IsNull() {
			a.usual[a.first(i, of)] = key
		}
	case "AWS::EC2::PrefixList":
		var spans reach.Spans
		for _, e := range get(r.Props, "Entries").List() {
			spans = spans.Union(blocks(get(e, "Cidr")))
		}
		a.lists[key] = spans
	case "AWS::EC2::VPCPeeringConnection":
		a.peers[key] = [2]string{a.first(i, get(r.Props, "VpcId")), a.first(i, get(r.Props, "PeerVpcId"))}
	}
}

// join takes what belongs to something else. A part that a resource declares inside itself has that one's id in front of its own.
func (a *amazon) join(i int32, r *plinth.Resource) {
	owner, _, hung := strings.Cut(string(r.ID), "/AWS::EC2::")
	hung = hung && r.Hung
	of := func(property string) string {
		if hung {
			return owner
		}
		return a.first(i, get(r.Props, property))
	}
	switch r.Type {
	case "AWS::EC2::Route":
		if t := a.tables[of("RouteTableId")]; t != nil {
			t.routes = append(t.routes, a.route(i, r))
		}
	case "AWS::EC2::SubnetRouteTableAssociation":
		a.subnet(a.first(i, get(r.Props, "SubnetId"))).table = a.first(i, get(r.Props, "RouteTableId"))
	case "terraform:aws_main_route_table_association":
		a.main[a.first(i, get(r.Props, "vpc_id"))] = a.first(i, get(r.Props, "route_table_id"))
	case "AWS::EC2::NetworkAclEntry":
		if l := a.acls[of("NetworkAclId")]; l != nil {
			way := 0
			if get(r.Props, "Egress").Bool() {
				way = 1
			}
			l.entries[way] = append(l.entries[way], a.entry(r))
		}
	case "AWS::EC2::NetworkAcl":
		for _, key := range a.keys(i, get(r.Source, "subnet_ids")) {
			a.subnet(key).acl = string(r.ID)
		}
	case "AWS::EC2::SubnetNetworkAclAssociation":
		a.subnet(a.first(i, get(r.Props, "SubnetId"))).acl = a.first(i, get(r.Props, "NetworkAclId"))
	case "AWS::EC2::EIP", "AWS::EC2::EIPAssociation":
		for _, p := range [...]string{"InstanceId", "NetworkInterfaceId"} {
			for _, key := range a.keys(i, get(r.Props, p)) {
				a.fixed[key] = r
			}
		}
	}
}

// subnet returns a subnet, one that is not in the code included.
func (a *amazon) subnet(key string) *subnet {
	if a.subnets[key] == nil {
		a.subnets[key] = &subnet{key: key}
	}
	return a.subnets[key]
}

func blocks(v plinth.Value) reach.Spans {
	if s, ok := span(v.Str()); ok {
		return reach.SpansOf(s)
	}
	return nil
}

// portsOf reads a protocol with a range of ports: -1 is everything.
func portsOf(protocol string, from, to plinth.Value) reach.Ports {
	var p reach.Protocol
	switch strings.ToLower(protocol) {
	case "-1", "all":
		return reach.AllPorts()
	case "tcp", "6":
		p = reach.TCP
	case "udp", "17":
		p = reach.UDP
	case "sctp", "132":
		p = reach.SCTP
	default:
		return reach.Ports{} // icmp has no ports
	}
	lo, hi := number(from, 0), number(to, 65535)
	if lo < 0 || hi < 0 {
		lo, hi = 0, 65535
	}
	return reach.PortsOf(p, uint32(max(lo, 1)), uint32(min(hi, 65535)))
}

// number reads a number that may be written as a text.
func number(v plinth.Value, otherwise int) int {
	switch v.Kind() {
	case plinth.Number:
		return int(v.Num())
	case plinth.String:
		if n, err := strconv.Atoi(v.Str()); err == nil {
			return n
		}
	}
	return otherwise
}

func scalar(v plinth.Value) string {
	if v.Kind() == plinth.Number {
		return strconv.Itoa(int(v.Num()))
	}
	return v.Str()
}

// group reads a security group. CloudFormation and the API let everything out where nothing is said; Terraform takes that away.
func (a *amazon) group(i int32, r *plinth.Resource) *group {
	g := &group{resource: r, vpc: a.first(i, get(r.Props, "VpcId"))}
	for _, v := range get(r.Props, "SecurityGroupIngress").List() {
		g.ingress = append(g.ingress, a.rule(i, r, v, "Source"))
	}
	out := get(r.Props, "SecurityGroupEgress")
	for _, v := range out.List() {
		g.egress = append(g.egress, a.rule(i, r, v, "Destination"))
	}
	if out.IsNull() && r.Source.IsNull() {
		g.egress = append(g.egress, rule{ports: reach.AllPorts(), spans: everywhere(), six: true, step: placedAt(r, plinth.Value{}, 0, name(r)+" lets everything out, as it says nothing else")})
	}
	return g
}

func everywhere() reach.Spans { return reach.SpansOf(reach.Span{Lo: 0, Hi: 1<<32 - 1}) }

func (a *amazon) rule(i int32, r *plinth.Resource, v plinth.Value, peer string) rule {
	u := rule{ports: portsOf(scalar(get(v, "IpProtocol")), get(v, "FromPort"), get(v, "ToPort")), spans: blocks(get(v, "CidrIp")), six: everySix(text(v, "CidrIpv6"))}
	group := get(v, peer+"SecurityGroupId")
	if group.IsUnknown() && slices.Equal(group.Why(), []string{"self"}) {
		u.groups = []string{string(r.ID)}
	} else {
		u.groups = a.keys(i, group)
	}
	prefix := get(v, peer+"PrefixListId")
	for _, key := range a.keys(i, prefix) {
		u.spans = u.spans.Union(a.lists[key])
		u.listed = u.listed || a.lists[key] == nil
	}
	for _, v := range []plinth.Value{get(v, "CidrIp"), get(v, "CidrIpv6")} {
		if _, tail := v.Ends(); v.IsUnknown() && !strings.Contains(tail, "/") && !slices.ContainsFunc(v.Why(), func(w string) bool { return !strings.HasPrefix(w, "var.") }) {
			u.open = append(u.open, v.Why()...)
		}
	}
	what := "some"
	switch {
	case text(v, "CidrIp") != "":
		what = text(v, "CidrIp")
	case text(v, "CidrIpv6") != "":
		what = text(v, "CidrIpv6")
	case len(u.groups) > 0:
		what = "members of " + a.called(u.groups[0])
	case !prefix.IsNull():
		what = "a prefix list"
	}
	way := " lets in "
	if peer == "Destination" {
		way = " lets out to "
	}
	u.step = placedAt(r, v, costRule, name(r)+way+what+" on "+u.ports.String())
	return u
}

// called is how a user calls what a key stands for.
func (a *amazon) called(key string) string {
	if g := a.groups[key]; g != nil {
		return name(g.resource)
	}
	_, tail, ok := strings.Cut(key, "#")
	if ok {
		return tail
	}
	return strings.TrimPrefix(key, "?")
}

func (a *amazon) route(i int32, r *plinth.Resource) route {
	u := route{spans: blocks(get(r.Props, "DestinationCidrBlock")), six: everySix(text(r.Props, "DestinationIpv6CidrBlock")), via: "other"}
	for _, w := range [...]struct{ property, via string }{
		{"GatewayId", "gateway"},
		{"NatGatewayId", "nat"},
		{"VpcPeeringConnectionId", "peering"},
		{"TransitGatewayId", "transit"},
		{"InstanceId", "nat"},
		{"NetworkInterfaceId", "nat"},
		{"EgressOnlyInternetGatewayId", "nat"},
		{"VpcEndpointId", "other"},
	} {
		if v := get(r.Props, w.property); !v.IsNull() && (v.Kind() != plinth.String || v.Str() != "") {
			u.via, u.key = w.via, a.first(i, v)
			break
		}
	}
	if u.via == "gateway" && !a.isInternetGateway(u.key) {
		u.via = "other" // a virtual private gateway, or local
	}
	u.step = step(r, get(r.Props, "GatewayId"), costExposure, name(r)+" leads to "+a.called(u.key))
	return u
}

// isInternetGateway tells whether a key stands for an internet gateway; one whose text is not known is taken for one.
func (a *amazon) isInternetGateway(key string) bool {
	for _, j := range a.graph.OfType("AWS::EC2::InternetGateway") {
		if string(a.graph.Resources()[j].ID) == key {
			return true
		}
	}
	return strings.HasPrefix(key, "igw-") || strings.Contains(key, "internet_gateway") || strings.Contains(key, "igw")
}

func (a *amazon) entry(r *plinth.Resource) entry {
	v := r.Props
	e := entry{
		number: get(v, "RuleNumber").Num(), allow: strings.EqualFold(text(v, "RuleAction"), "allow"), spans: blocks(get(v, "CidrBlock")), six: everySix(text(v, "Ipv6CidrBlock")),
		ports: portsOf(scalar(get(v, "Protocol")), get(v, "PortRange", "From"), get(v, "PortRange", "To")),
	}
	e.step = placedAt(r, get(v, "RuleNumber"), costRule, name(r)+" rule "+strconv.Itoa(int(e.number))+" lets it through")
	return e
}
