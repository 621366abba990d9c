package cloud

import (
	"slices"
	"strconv"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/reach"
)

// databasePorts are the ports on which engines of databases listen unless they are told otherwise.
var databasePorts = []struct {
	engine string
	port   uint32
}{
	{"aurora-postgresql", 5432},
	{"postgres", 5432},
	{"aurora", 3306},
	{"mysql", 3306},
	{"mariadb", 3306},
	{"oracle", 1521},
	{"custom-oracle", 1521},
	{"sqlserver", 1433},
	{"custom-sqlserver", 1433},
	{"db2", 50000},
	{"docdb", 27017},
	{"neptune", 8182},
	{"redshift", 5439},
	{"memcached", 11211},
	{"redis", 6379},
	{"valkey", 6379},
}

func tcp(port int) reach.Ports {
	if port < 1 || port > 65535 {
		return reach.Ports{}
	}
	return reach.PortsOf(reach.TCP, uint32(port), uint32(port))
}

// findEnds finds what has an address in a network.
func (a *amazon) findEnds() {
	for i, r := range a.graph.Resources() {
		if r.External || r.Data {
			continue
		}
		if e := a.end(int32(i), r); e != nil {
			e.index, e.resource, e.groups, e.subnets = int32(i), r, unique(e.groups), unique(e.subnets)
			a.ends = append(a.ends, e)
		}
	}
}

func (a *amazon) end(i int32, r *plinth.Resource) *end {
	switch r.Type {
	case "AWS::EC2::Instance":
		return a.instance(i, r)
	case "AWS::EC2::NetworkInterface":
		if !get(r.Source, "attachment").IsNull() {
			return nil // it is an address of the instance
		}
		return &end{groups: a.keys(i, get(r.Props, "GroupSet")), subnets: a.keys(i, get(r.Props, "SubnetId")), public: a.elastic(r), ports: reach.AllPorts(), sends: true}
	case "AWS::AutoScaling::AutoScalingGroup":
		return a.fleet(i, r)
	case "AWS::RDS::DBInstance":
		return a.database(i, r)
	case "AWS::RDS::DBCluster":
		return a.cluster(i, r)
	case "AWS::Redshift::Cluster", "AWS::ElastiCache::CacheCluster", "AWS::ElastiCache::ReplicationGroup", "AWS::OpenSearchService::Domain", "AWS::Elasticsearch::Domain":
		return a.store(i, r)
	case "AWS::ECS::Service":
		return a.service(i, r)
	case "AWS::Lambda::Function":
		return a.function(i, r)
	case "AWS::EKS::Cluster":
		return a.kubernetes(r)
	case "AWS::ElasticLoadBalancingV2::LoadBalancer", "AWS::ElasticLoadBalancing::LoadBalancer":
		return a.balancer(i, r)
	}
	return nil
}

// elastic tells whether a resource has an elastic address.
func (a *amazon) elastic(r *plinth.Resource) fact {
	if e := a.fixed[string(r.ID)]; e != nil {
		return fact{yes: true, steps: []plinth.Step{step(e, plinth.Value{}, costAddress, name(e)+" gives "+name(r)+" an address outside")}}
	}
	return fact{}
}

// address tells whether a machine gets an address outside: as it says, else as its subnets say; in the default network it gets one.
func (a *amazon) address(r *plinth.Resource, said plinth.Value, subnets []string) fact {
	if f := a.elastic(r); f.yes {
		return f
	}
	switch {
	case said.Kind() == plinth.Bool && said.Bool():
		return fact{yes: true, steps: []plinth.Step{step(r, said, costAddress, name(r)+" asks for an address outside")}}
	case said.Kind() == plinth.Bool:
		return fact{}
	case said.IsUnknown():
		return fact{yes: true, when: said.Why(), steps: []plinth.Step{step(r, said, costAddress, "whether "+name(r)+" gets an address outside is not known")}}
	case len(subnets) == 0:
		return fact{yes: true, steps: []plinth.Step{step(r, plinth.Value{}, costAddress, name(r)+" is in the default network, whose subnets give addresses outside")}}
	}
	var out fact
	for _, key := range subnets {
		s := a.subnets[key]
		if s == nil || s.resource == nil {
			if !out.yes {
				out = fact{yes: true, when: []string{"subnet " + a.called(key) + " gives addresses outside"}, steps: []plinth.Step{step(r, plinth.Value{}, costAddress, name(r)+" is in a subnet that is not in the code")}}
			}
			continue
		}
		if v := get(s.resource.Props, "MapPublicIpOnLaunch"); v.Bool() {
			return fact{yes: true, steps: []plinth.Step{step(s.resource, v, costAddress, name(s.resource)+" gives addresses outside")}}
		}
	}
	return out
}

func (a *amazon) instance(i int32, r *plinth.Resource) *end {
	e := &end{groups: a.keys(i, get(r.Props, "SecurityGroupIds")), subnets: a.keys(i, get(r.Props, "SubnetId")), ports: reach.AllPorts(), sends: true}
	e.groups = append(e.groups, a.keys(i, get(r.Props, "SecurityGroups"))...)
	e.six = get(r.Props, "Ipv6AddressCount").Num() > 0 || get(r.Props, "Ipv6Addresses").Len() > 0
	said := plinth.Value{}
	for _, n := range get(r.Props, "NetworkInterfaces").List() {
		if v := get(n, "AssociatePublicIpAddress"); !v.IsNull() {
			said = v
		}
		e.groups = append(e.groups, a.keys(i, get(n, "GroupSet"))...)
		e.subnets = append(e.subnets, a.keys(i, get(n, "SubnetId"))...)
		for _, key := range a.keys(i, get(n, "NetworkInterfaceId")) {
			a.attach(e, key)
			if f := a.fixed[key]; f != nil {
				a.fixed[string(r.ID)] = f
			}
		}
	}
	for _, j := range a.graph.Referred(i) {
		o := a.graph.Resources()[j]
		switch o.Type {
		case "AWS::EC2::NetworkInterface":
			a.attach(e, string(o.ID))
			if f := a.fixed[string(o.ID)]; f != nil {
				a.fixed[string(r.ID)] = f
			}
		case "terraform:aws_network_interface_sg_attachment":
			e.groups = append(e.groups, a.keys(j, get(o.Props, "security_group_id"))...)
		}
	}
	for _, key := range a.keys(i, get(r.Props, "LaunchTemplate", "LaunchTemplateId")) {
		groups, _, public := a.template(key)
		if len(e.groups) == 0 {
			e.groups = groups
		}
		if said.IsNull() {
			said = public
		}
	}
	e.public = a.address(r, said, e.subnets)
	return e
}

// attach adds the groups and the subnet of a network interface.
func (a *amazon) attach(e *end, key string) {
	for j, o := range a.graph.Resources() {
		if string(o.ID) == key && o.Type == "AWS::EC2::NetworkInterface" {
			e.groups = append(e.groups, a.keys(int32(j), get(o.Props, "GroupSet"))...)
			e.subnets = append(e.subnets, a.keys(int32(j), get(o.Props, "SubnetId"))...)
		}
	}
}

// template is what a launch template or configuration says: groups, subnets, and whether machines get an address outside.
func (a *amazon) template(key string) (groups, subnets []string, public plinth.Value) {
	for j, o := range a.graph.Resources() {
		if string(o.ID) != key {
			continue
		}
		v, i := o.Props, int32(j)
		if o.Type == "AWS::AutoScaling::LaunchConfiguration" {
			return a.keys(i, get(v, "SecurityGroups")), nil, get(v, "AssociatePublicIpAddress")
		}
		v = get(v, "LaunchTemplateData")
		groups = a.keys(i, get(v, "SecurityGroupIds"))
		for _, n := range get(v, "NetworkInterfaces").List() {
			groups = append(groups, a.keys(i, get(n, "Groups"))...)
			subnets = append(subnets, a.keys(i, get(n, "SubnetId"))...)
			if p := get(n, "AssociatePublicIpAddress"); !p.IsNull() {
				public = p
			}
		}
	}
	return groups, subnets, public
}

func (a *amazon) fleet(i int32, r *plinth.Resource) *end {
	e := &end{subnets: a.keys(i, get(r.Props, "VPCZoneIdentifier")), ports: reach.AllPorts(), sends: true}
	said := plinth.Value{}
	for _, v := range []plinth.Value{
		get(r.Props, "LaunchTemplate", "LaunchTemplateId"), get(r.Props, "LaunchConfigurationName"),
		get(r.Props, "MixedInstancesPolicy", "LaunchTemplate", "LaunchTemplateSpecification", "LaunchTemplateId"),
	} {
		for _, key := range a.keys(i, v) {
			groups, subnets, public := a.template(key)
			e.groups, e.subnets = append(e.groups, groups...), append(e.subnets, subnets...)
			if !public.IsNull() {
				said = public
			}
		}
	}
	e.public = a.address(r, said, e.subnets)
	return e
}

func (a *amazon) database(i int32, r *plinth.Resource) *end {
	e := &end{groups: a.keys(i, get(r.Props, "VPCSecurityGroups")), ports: portOfEngine(r)}
	e.subnets = a.subnetGroup(i, get(r.Props, "DBSubnetGroupName"))
	for _, j := range a.graph.Of(i, get(r.Props, "DBClusterIdentifier")) {
		c := a.graph.Resources()[j]
		e.groups = append(e.groups, a.keys(j, get(c.Props, "VpcSecurityGroupIds"))...)
		if len(e.subnets) == 0 {
			e.subnets = a.subnetGroup(j, get(c.Props, "DBSubnetGroupName"))
		}
		if p := number(get(c.Props, "Port"), 0); p > 0 {
			e.ports = tcp(p)
		}
	}
	e.public = saysPublic(r, get(r.Props, "PubliclyAccessible"))
	return e
}

func (a *amazon) cluster(i int32, r *plinth.Resource) *end {
	e := &end{groups: a.keys(i, get(r.Props, "VpcSecurityGroupIds")), subnets: a.subnetGroup(i, get(r.Props, "DBSubnetGroupName")), ports: portOfEngine(r)}
	e.public = saysPublic(r, get(r.Props, "PubliclyAccessible"))
	return e
}

func saysPublic(r *plinth.Resource, v plinth.Value) fact {
	switch {
	case v.IsUnknown():
		return fact{yes: true, when: v.Why(), steps: []plinth.Step{step(r, v, costAddress, "whether "+name(r)+" can be reached from outside its network is not known")}}
	case v.Bool():
		return fact{yes: true, steps: []plinth.Step{step(r, v, costAddress, name(r)+" is publicly accessible")}}
	}
	return fact{}
}

func portOfEngine(r *plinth.Resource) reach.Ports {
	for _, p := range [...]string{"Port", "DBPort"} {
		if n := number(get(r.Props, p), 0); n > 0 {
			return tcp(n)
		}
	}
	engine := strings.ToLower(text(r.Props, "Engine"))
	if strings.HasPrefix(r.Type, "AWS::Redshift") {
		engine = "redshift"
	}
	for _, d := range databasePorts {
		if strings.HasPrefix(engine, d.engine) {
			return tcp(int(d.port))
		}
	}
	return reach.PortsOf(reach.TCP, 1, 65535)
}

// subnetGroup is the subnets of a subnet group.
func (a *amazon) subnetGroup(i int32, v plinth.Value) []string {
	var out []string
	for _, j := range a.graph.Of(i, v) {
		g := a.graph.Resources()[j]
		for _, p := range [...]string{"SubnetIds", "CacheSubnetGroupSubnetIds"} {
			out = append(out, a.keys(j, get(g.Props, p))...)
		}
	}
	if len(out) == 0 {
		return a.keys(i, v) // it is not in the code
	}
	return out
}

func (a *amazon) store(i int32, r *plinth.Resource) *end {
	e := &end{ports: portOfEngine(r), public: saysPublic(r, get(r.Props, "PubliclyAccessible"))}
	for _, p := range [...]string{"VpcSecurityGroupIds", "SecurityGroupIds"} {
		e.groups = append(e.groups, a.keys(i, get(r.Props, p))...)
	}
	for _, p := range [...]string{"ClusterSubnetGroupName", "CacheSubnetGroupName"} {
		e.subnets = append(e.subnets, a.subnetGroup(i, get(r.Props, p))...)
	}
	if options := get(r.Props, "VPCOptions"); !options.IsNull() {
		e.groups, e.subnets, e.ports = a.keys(i, get(options, "SecurityGroupIds")), a.keys(i, get(options, "SubnetIds")), tcp(443)
	} else if strings.HasSuffix(r.Type, "::Domain") {
		return nil // outside of networks, who gets in is said by its policy
	}
	return e
}

func (a *amazon) service(i int32, r *plinth.Resource) *end {
	n := get(r.Props, "NetworkConfiguration", "AwsvpcConfiguration")
	if n.IsNull() {
		return nil // its machines have the addresses
	}
	e := &end{groups: a.keys(i, get(n, "SecurityGroups")), subnets: a.keys(i, get(n, "Subnets")), ports: reach.AllPorts(), sends: true}
	if v := get(n, "AssignPublicIp"); v.Str() == "ENABLED" {
		e.public = fact{yes: true, steps: []plinth.Step{step(r, v, costAddress, name(r)+" gives its tasks an address outside")}}
	}
	return e
}

// function is a function in a network, which only sends, or one with an address of its own.
func (a *amazon) function(i int32, r *plinth.Resource) *end {
	e := &end{groups: a.keys(i, get(r.Props, "VpcConfig", "SecurityGroupIds")), subnets: a.keys(i, get(r.Props, "VpcConfig", "SubnetIds")), sends: true}
	if f := a.functionURL(i, r); f.yes {
		e.public, e.ports, e.open, e.service = f, tcp(443), true, true
		return e
	}
	if len(e.subnets) == 0 {
		return nil
	}
	return e
}

// functionURL tells whether a function has a URL that anybody may call: it asks for no authentication, and its policy lets everybody,
// which Terraform sees to by itself.
func (a *amazon) functionURL(i int32, r *plinth.Resource) fact {
	for _, j := range a.graph.OfType("AWS::Lambda::Url") {
		u := a.graph.Resources()[j]
		target := get(u.Props, "TargetFunctionArn")
		if text(u.Props, "AuthType") != "NONE" || !slices.Contains(a.graph.Of(j, target), i) && (target.Str() == "" || target.Str() != text(r.Props, "FunctionName") || u.Project != r.Project) {
			continue
		}
		out := fact{yes: true, steps: []plinth.Step{step(u, get(u.Props, "AuthType"), costExposure, name(u)+" asks for no authentication")}}
		if !u.Source.IsNull() {
			return out
		}
		for _, k := range a.graph.OfType("AWS::Lambda::Permission") {
			p := a.graph.Resources()[k]
			if text(p.Props, "Principal") == "*" && text(p.Props, "FunctionUrlAuthType") == "NONE" && slices.Contains(a.graph.Of(k, get(p.Props, "FunctionName")), i) {
				out.steps = append(out.steps, step(p, get(p.Props, "Principal"), costExposure, name(p)+" lets everybody call it"))
				return out
			}
		}
	}
	return fact{}
}

// kubernetes is the API server of a cluster.
func (a *amazon) kubernetes(r *plinth.Resource) *end {
	v := get(r.Props, "ResourcesVpcConfig", "EndpointPublicAccess")
	if v.Kind() == plinth.Bool && !v.Bool() {
		return nil
	}
	e := &end{ports: tcp(443), open: true, service: true, public: fact{yes: true, when: v.Why(), steps: []plinth.Step{step(r, v, costExposure, "the API server of "+name(r)+" has a public address")}}}
	for _, block := range get(r.Props, "ResourcesVpcConfig", "PublicAccessCidrs").List() {
		e.sources = e.sources.Union(blocks(block))
	}
	return e
}

// balancer is a load balancer with its listeners and targets.
func (a *amazon) balancer(i int32, r *plinth.Resource) *end {
	e := &end{groups: a.keys(i, get(r.Props, "SecurityGroups")), subnets: a.keys(i, get(r.Props, "Subnets")), balancer: true, sends: true}
	for _, m := range get(r.Props, "SubnetMappings").List() {
		e.subnets = append(e.subnets, a.keys(i, get(m, "SubnetId"))...)
	}
	scheme := get(r.Props, "Scheme")
	switch {
	case scheme.IsUnknown():
		e.public = fact{yes: true, when: scheme.Why(), steps: []plinth.Step{step(r, scheme, costExposure, "whether "+name(r)+" is internal is not known")}}
	case scheme.Str() != "internal":
		e.public = fact{yes: true, steps: []plinth.Step{step(r, scheme, costExposure, name(r)+" faces the internet")}}
	}
	if r.Type == "AWS::ElasticLoadBalancing::LoadBalancer" {
		a.classic(i, r, e)
		return e
	}
	kind := text(r.Props, "Type")
	e.open = len(e.groups) == 0 && (kind == "network" || kind == "gateway")
	for _, j := range a.graph.Referred(i) {
		l := a.graph.Resources()[j]
		if l.Type != "AWS::ElasticLoadBalancingV2::Listener" || !slices.Contains(a.graph.Of(j, get(l.Props, "LoadBalancerArn")), i) {
			continue
		}
		protocol := strings.ToUpper(text(l.Props, "Protocol"))
		ports := tcp(number(get(l.Props, "Port"), 0))
		if strings.Contains(protocol, "UDP") {
			udp := reach.PortsOf(reach.UDP, ports[reach.TCP][0].Lo, ports[reach.TCP][0].Hi)
			if ports = udp; protocol == "TCP_UDP" {
				ports = ports.Union(tcp(number(get(l.Props, "Port"), 0)))
			}
		}
		e.ports = e.ports.Union(ports)
		listens := step(l, get(l.Props, "Port"), costExposure, name(l)+" listens on "+ports.String())
		a.actions(e, j, l, "DefaultActions", listens)
		for _, k := range a.graph.Referred(j) {
			if rule := a.graph.Resources()[k]; rule.Type == "AWS::ElasticLoadBalancingV2::ListenerRule" {
				a.actions(e, k, rule, "Actions", listens)
			}
		}
	}
	return e
}

// classic takes listeners and instances of a load balancer of the first generation.
func (a *amazon) classic(i int32, r *plinth.Resource, e *end) {
	for _, l := range get(r.Props, "Listeners").List() {
		e.ports = e.ports.Union(tcp(number(get(l, "LoadBalancerPort"), 0)))
		listens := step(r, l, costExposure, name(r)+" listens on TCP "+strconv.Itoa(number(get(l, "LoadBalancerPort"), 0)))
		to := tcp(number(get(l, "InstancePort"), 0))
		for _, key := range a.keys(i, get(r.Props, "Instances")) {
			e.targets = append(e.targets, target{key, to, []plinth.Step{listens}})
		}
		for _, j := range a.graph.Referred(i) {
			if f := a.graph.Resources()[j]; f.Type == "AWS::AutoScaling::AutoScalingGroup" {
				e.targets = append(e.targets, target{string(f.ID), to, []plinth.Step{listens}})
			}
		}
	}
}

// actions takes the targets of the target groups that a listener or a rule of one forwards to.
func (a *amazon) actions(e *end, i int32, r *plinth.Resource, property string, listens plinth.Step) {
	for _, act := range get(r.Props, property).List() {
		groups := a.graph.Of(i, get(act, "TargetGroupArn"))
		for _, g := range get(act, "ForwardConfig", "TargetGroups").List() {
			groups = append(groups, a.graph.Of(i, get(g, "TargetGroupArn"))...)
		}
		for _, j := range groups {
			g := a.graph.Resources()[j]
			if g.Type == "AWS::ElasticLoadBalancingV2::TargetGroup" {
				a.members(e, j, g, []plinth.Step{listens, step(r, get(act, "TargetGroupArn"), costExposure, name(r)+" forwards to "+name(g))})
			}
		}
	}
}

// members adds what is in a target group.
func (a *amazon) members(e *end, j int32, g *plinth.Resource, steps []plinth.Step) {
	usual := number(get(g.Props, "Port"), 0)
	add := func(key string, port int, why plinth.Step) {
		ports := tcp(port)
		if strings.Contains(strings.ToUpper(text(g.Props, "Protocol")), "UDP") && port > 0 {
			ports = ports.Union(reach.PortsOf(reach.UDP, uint32(port), uint32(port)))
		}
		e.targets = append(e.targets, target{key, ports, append(slices.Clone(steps), why)})
	}
	for _, t := range get(g.Props, "Targets").List() {
		for _, key := range a.keys(j, get(t, "Id")) {
			add(key, number(get(t, "Port"), usual), step(g, t, costExposure, a.called(key)+" is a target of "+name(g)))
		}
	}
	for _, k := range a.graph.Referred(j) {
		o := a.graph.Resources()[k]
		switch o.Type {
		case "AWS::AutoScaling::AutoScalingGroup":
			if slices.Contains(a.keys(k, get(o.Props, "TargetGroupARNs")), string(g.ID)) {
				add(string(o.ID), usual, step(o, get(o.Props, "TargetGroupARNs"), costExposure, name(o)+" is a target of "+name(g)))
			}
		case "AWS::ECS::Service":
			for _, l := range get(o.Props, "LoadBalancers").List() {
				if slices.Contains(a.keys(k, get(l, "TargetGroupArn")), string(g.ID)) {
					add(string(o.ID), number(get(l, "ContainerPort"), usual), step(o, l, costExposure, name(o)+" is a target of "+name(g)))
				}
			}
		case "terraform:aws_autoscaling_attachment":
			for _, key := range a.keys(k, get(o.Props, "autoscaling_group_name")) {
				add(key, usual, step(o, plinth.Value{}, costExposure, a.called(key)+" is a target of "+name(g)))
			}
		}
	}
}
