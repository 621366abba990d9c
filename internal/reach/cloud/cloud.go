// Package cloud answers which resources of a cloud's networks the internet reaches, which of them reach each other and which get
// out, on which ports, and proves each answer by the rules that let the traffic through.
//
// A connection needs every part of its way: an address that can be reached, a route to it and back, what the firewall of each end
// lets through (security groups remember connections, network ACLs do not), and a port on which something listens. What code does
// not tell is a condition of the answer. IPv6 counts where a rule is open to all of it.
package cloud

import (
	"cmp"
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/graph"
	"github.com/plinthsec/plinth/internal/reach"
)

// Limits.
const (
	maxEnds        = 3000   // resources with an address: all pairs of them are looked at
	maxConnections = 200000 // beyond it the answer is of no use to anybody
	maxBorders     = 4096   // borders of address blocks in the rules of one resource
)

// Costs of changing a place, as plinth.Step tells them.
const (
	costRule     = 2
	costAddress  = 3
	costExposure = 4
)

// Connection says that one end can open connections to the other.
type Connection struct {
	From, To     plinth.ID // plinth.Internet, or a resource; "" for addresses outside
	FromName     string    // address of the resource, internet, or external:LOW-HIGH,…
	ToName       string
	Allow        reach.Ports
	When         []string      // what must hold besides
	Because      []plinth.Step // all of it
	Doors        []Door        // what of it are rules of firewalls that let some of the ports through from or to outside
	FromResource *plinth.Resource
	ToResource   *plinth.Resource
}

// Door is a rule of a firewall that lets ports through.
type Door struct {
	Ports    reach.Ports
	Step     plinth.Step
	Resource *plinth.Resource    // the firewall
	Decl     *plinth.Declaration // the declaration in which the rule stands, which may be a part's
}

// opened says what a connection rests on: some facts, and the rules that let it through.
func (c *Connection) opened(facts []plinth.Step, doors []Door) {
	c.Because, c.Doors = slices.Clone(facts), doors
	for _, d := range doors {
		c.Because = append(c.Because, d.Step)
	}
}

// placed is a step with the resource and the declaration that say it.
type placed struct {
	plinth.Step
	by   *plinth.Resource
	decl *plinth.Declaration
}

func placedAt(r *plinth.Resource, v plinth.Value, cost uint8, note string) placed {
	p := placed{step(r, v, cost, note), r, r.Decl}
	if o := v.Origin(); o != nil && o.Decl != nil && o.At == p.At {
		p.decl = o.Decl
	}
	return p
}

func (p *placed) door(ports reach.Ports) Door { return Door{ports, p.Step, p.by, p.decl} }

// World is the networks of one target. It is immutable once it is made.
type World struct {
	Problems []plinth.Problem

	graph       *graph.Graph
	ends        []*end
	connections []Connection
}

// end is a resource with an address in a network.
type end struct {
	index    int32
	resource *plinth.Resource
	groups   []string // keys of its security groups
	subnets  []string // keys; none where it is in the default network
	public   fact     // it has an address outside
	ports    reach.Ports
	balancer bool     // it sends to its targets only
	targets  []target // of a load balancer
	six      bool     // it asks for an address of IPv6
	open     bool     // no security group stands before it
	service  bool     // of the provider: it needs neither address nor route
	sources  reach.Spans
	sends    bool
}

// target is what a load balancer sends to.
type target struct {
	key   string // of the resource
	ports reach.Ports
	steps []plinth.Step
}

// fact is something that holds, perhaps under a condition, with its proof.
type fact struct {
	yes   bool
	when  []string
	steps []plinth.Step
}

func (f fact) and(g fact) fact {
	return fact{f.yes && g.yes, append(slices.Clone(f.when), g.when...), append(slices.Clone(f.steps), g.steps...)}
}

// New finds the connections of the resources of a target.
func New(g *graph.Graph) *World {
	w := &World{graph: g}
	a := newAmazon(w)
	a.findEnds()
	if len(w.ends) > maxEnds {
		w.Problems = append(w.Problems, plinth.Problem{Kind: plinth.Limit, Text: "more than 3,000 resources with an address in a network; the others are left out"})
		w.ends = w.ends[:maxEnds]
	}
	a.connect()
	w.azure()
	w.google()
	slices.SortStableFunc(w.connections, func(a, b Connection) int {
		return cmp.Or(cmp.Compare(rank(a.FromName), rank(b.FromName)), cmp.Compare(a.FromName, b.FromName), cmp.Compare(a.ToName, b.ToName))
	})
	return w
}

// rank puts what comes from outside first.
func rank(name string) int {
	if name == internet || strings.HasPrefix(name, "external:") {
		return 0
	}
	return 1
}

const internet = "internet"

// Connections are all connections, those from outside first, sorted by their ends. The slice is not to be changed.
func (w *World) Connections() []Connection { return w.connections }

// Exposures are the connections that anybody can open from the internet. The slice is the caller's.
func (w *World) Exposures() []Connection {
	var out []Connection
	for _, c := range w.connections {
		if c.From == plinth.Internet {
			out = append(out, c)
		}
	}
	return out
}

func (w *World) add(c Connection) {
	c.When = unique(c.When)
	switch n := len(w.connections); {
	case n < maxConnections:
		w.connections = append(w.connections, c)
	case len(w.Problems) == 0 || w.Problems[len(w.Problems)-1].Text != tooMany:
		w.Problems = append(w.Problems, plinth.Problem{Kind: plinth.Limit, Text: tooMany})
	}
}

const tooMany = "more than 200,000 connections between resources; the others are left out"

func unique(list []string) []string {
	out := slices.Clone(list)
	slices.Sort(out)
	return slices.Compact(out)
}

// keys are the resources that a value refers to, by id, or the texts that it consists of.
func (w *World) keys(i int32, v plinth.Value) []string {
	if v.Kind() == plinth.List {
		var out []string
		for _, e := range v.List() {
			out = append(out, w.keys(i, e)...)
		}
		return out
	}
	var out []string
	for _, j := range w.graph.Of(i, v) {
		out = append(out, string(w.graph.Resources()[j].ID))
	}
	switch {
	case len(out) > 0:
	case v.Kind() == plinth.String && v.Str() != "":
		out = []string{v.Str()}
	case v.IsUnknown() && len(v.Why()) > 0:
		out = []string{"?" + strings.Join(v.Why(), ", ")}
	}
	return out
}

// world is what a resource is declared with: a Terraform root, a template. What is in no network of the code is taken to be in one with
// its own world only.
func world(r *plinth.Resource) string {
	head, _, _ := strings.Cut(string(r.ID), "#")
	return r.Project + " " + head
}

func get(v plinth.Value, path ...string) plinth.Value {
	out, _ := v.At(path...)
	return out
}

func text(v plinth.Value, path ...string) string { return get(v, path...).Str() }

// name is how a user calls a resource.
func name(r *plinth.Resource) string {
	if r.Decl != nil && r.Decl.Address != "" {
		return r.Decl.Address
	}
	return string(r.ID)
}

func step(r *plinth.Resource, v plinth.Value, cost uint8, note string) plinth.Step {
	return plinth.Step{Note: note, At: r.Place(v), Resource: name(r), Cost: cost}
}

// Knows tells whether a type of resources is one with an address in a network.
func Knows(typ string) bool {
	switch typ {
	case "AWS::EC2::Instance", "AWS::EC2::NetworkInterface", "AWS::AutoScaling::AutoScalingGroup", "AWS::RDS::DBInstance", "AWS::RDS::DBCluster", "AWS::Redshift::Cluster",
		"AWS::ElastiCache::CacheCluster", "AWS::ElastiCache::ReplicationGroup", "AWS::OpenSearchService::Domain", "AWS::Elasticsearch::Domain", "AWS::ECS::Service",
		"AWS::Lambda::Function", "AWS::EKS::Cluster", "AWS::ApiGatewayV2::Api", "AWS::ApiGateway::RestApi", "AWS::CloudFront::Distribution", "AWS::ElasticLoadBalancingV2::LoadBalancer", "AWS::ElasticLoadBalancing::LoadBalancer",
		"Microsoft.Compute/virtualMachines", "Microsoft.Compute/virtualMachineScaleSets", "Microsoft.Sql/servers", "Microsoft.DBforPostgreSQL/servers",
		"Microsoft.DBforPostgreSQL/flexibleServers", "Microsoft.DBforMySQL/servers", "Microsoft.DBforMySQL/flexibleServers", "Microsoft.DBforMariaDB/servers",
		"Microsoft.ContainerService/managedClusters", "Microsoft.Web/sites", "Microsoft.Network/loadBalancers",
		"compute.googleapis.com/Instance", "compute.googleapis.com/InstanceGroupManager", "compute.googleapis.com/RegionInstanceGroupManager",
		"sqladmin.googleapis.com/Instance", "container.googleapis.com/Cluster", "run.googleapis.com/Service", "compute.googleapis.com/ForwardingRule",
		"compute.googleapis.com/GlobalForwardingRule":
		return true
	}
	return false
}
