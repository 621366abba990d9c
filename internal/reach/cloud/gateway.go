package cloud

import (
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/reach"
)

// gateways tells what API gateways and distributions are reached on, and what they hand requests on to.
func (a *amazon) gateways(byKey map[string]*end) {
	for i, r := range a.graph.Resources() {
		if r.External || r.Data {
			continue
		}
		switch r.Type {
		case "AWS::ApiGatewayV2::Api":
			a.web(r, !get(r.Props, "DisableExecuteApiEndpoint").Bool(), get(r.Props, "ProtocolType"), name(r)+" takes requests from everybody")
			a.newAPI(int32(i), r)
		case "AWS::ApiGateway::RestApi":
			types := texts(get(r.Props, "EndpointConfiguration", "Types"))
			a.web(r, !slices.Contains(types, "PRIVATE") && !get(r.Props, "DisableExecuteApiEndpoint").Bool(), get(r.Props, "EndpointConfiguration"), name(r)+" takes requests from everybody")
			a.oldAPI(int32(i), r)
		case "AWS::CloudFront::Distribution":
			on := get(r.Props, "DistributionConfig", "Enabled")
			a.web(r, on.Kind() != plinth.Bool || on.Bool(), on, name(r)+" serves everybody")
			a.origins(int32(i), r, byKey)
		}
	}
}

// web tells that everybody reaches something by HTTPS.
func (a *amazon) web(r *plinth.Resource, open bool, v plinth.Value, why string) {
	if open {
		a.add(Connection{
			From: plinth.Internet, FromName: internet, To: r.ID, ToName: name(r), ToResource: r, Allow: tcp(443),
			Because: []plinth.Step{step(r, v, costExposure, why)},
		})
	}
}

// newAPI takes the functions behind the routes of an HTTP or WebSocket API. An integration without a route is never called.
func (a *amazon) newAPI(i int32, r *plinth.Resource) {
	for _, j := range a.graph.Referred(i) {
		route := a.graph.Resources()[j]
		if route.Type != "AWS::ApiGatewayV2::Route" {
			continue
		}
		for _, k := range a.graph.Of(j, get(route.Props, "Target")) {
			if n := a.graph.Resources()[k]; n.Type == "AWS::ApiGatewayV2::Integration" {
				steps := []plinth.Step{step(route, get(route.Props, "RouteKey"), costExposure, name(route)+" leads to "+name(n))}
				a.invoke(r, k, n, get(n.Props, "IntegrationUri"), login(text(route.Props, "AuthorizationType"), route), steps)
			}
		}
	}
	a.invoke(r, i, r, get(r.Props, "Target"), nil, nil)
}

// login is the condition that an authorizer makes.
func login(kind string, r *plinth.Resource) []string {
	if kind == "" || kind == "NONE" {
		return nil
	}
	return []string{"the caller passes the authorization " + kind + " of " + name(r)}
}

// oldAPI takes the functions behind the methods of a REST API.
func (a *amazon) oldAPI(i int32, r *plinth.Resource) {
	for _, j := range a.graph.Referred(i) {
		m := a.graph.Resources()[j]
		switch m.Type {
		case "AWS::ApiGateway::Method":
			a.invoke(r, j, m, get(m.Props, "Integration", "Uri"), login(text(m.Props, "AuthorizationType"), m), nil)
		case "terraform:aws_api_gateway_integration":
			a.invoke(r, j, m, get(m.Props, "uri"), a.method(m), nil)
		}
	}
}

// method is the condition of the method that an integration is for: the one with the same resource and verb.
func (a *amazon) method(of *plinth.Resource) []string {
	for _, m := range a.graph.Resources() {
		if m.Type != "AWS::ApiGateway::Method" || world(m) != world(of) || text(m.Props, "HttpMethod") != text(of.Props, "http_method") {
			continue
		}
		if same := get(m.Props, "ResourceId"); len(same.Refs()) > 0 && slices.Equal(same.Why(), get(of.Props, "resource_id").Why()) {
			return login(text(m.Props, "AuthorizationType"), m)
		}
	}
	return nil
}

// invoke tells the functions that a value of the i-th resource calls.
func (a *amazon) invoke(api *plinth.Resource, i int32, r *plinth.Resource, v plinth.Value, when []string, steps []plinth.Step) {
	for _, k := range a.graph.Of(i, v) {
		f := a.graph.Resources()[k]
		if f.Type != "AWS::Lambda::Function" {
			continue
		}
		c := Connection{
			From: api.ID, FromName: name(api), FromResource: api, To: f.ID, ToName: name(f), ToResource: f, Allow: tcp(443), When: when,
			Because: append(slices.Clone(steps), step(r, v, costExposure, name(r)+" calls "+name(f))),
		}
		if !a.callable(k, f) {
			c.When = append(slices.Clone(when), name(f)+" lets the gateway call it")
		}
		a.add(c)
	}
}

// callable tells whether a function has a permission for API Gateway or a load balancer.
func (a *amazon) callable(k int32, f *plinth.Resource) bool {
	for _, j := range a.graph.OfType("AWS::Lambda::Permission") {
		p := a.graph.Resources()[j]
		to := get(p.Props, "FunctionName")
		mine := slices.Contains(a.graph.Of(j, to), k) || to.Str() != "" && to.Str() == text(f.Props, "FunctionName") && world(p) == world(f)
		if by := text(p.Props, "Principal"); mine && (by == "*" || strings.HasPrefix(by, "apigateway.") || strings.HasPrefix(by, "elasticloadbalancing.")) {
			return true
		}
	}
	return false
}

// origins tells the load balancers and functions that a distribution stands before. The load balancer must let everybody in, or the
// list of addresses of the distributions.
func (a *amazon) origins(i int32, r *plinth.Resource, byKey map[string]*end) {
	for _, o := range get(r.Props, "DistributionConfig", "Origins").List() {
		domain := get(o, "DomainName")
		for _, j := range a.graph.Of(i, domain) {
			to := a.graph.Resources()[j]
			e := byKey[string(to.ID)]
			if e == nil || !e.balancer || !e.public.yes {
				continue
			}
			var ports reach.Ports
			for _, u := range a.rulesOf(e, false) {
				if u.listed || size(u.spans.Intersect(outside())) >= 1<<31 {
					ports = ports.Union(u.ports.Intersect(e.ports))
				}
			}
			if !ports.Empty() {
				a.add(Connection{
					From: r.ID, FromName: name(r), FromResource: r, To: to.ID, ToName: name(to), ToResource: to, Allow: ports,
					Because: []plinth.Step{step(r, domain, costExposure, name(r)+" hands requests on to "+name(to))},
				})
			}
		}
	}
}

// toFunction tells a function that a load balancer calls.
func (a *amazon) toFunction(e *end, t *target) {
	for k, f := range a.graph.Resources() {
		if string(f.ID) != t.key || f.Type != "AWS::Lambda::Function" {
			continue
		}
		c := Connection{
			From: e.resource.ID, FromName: name(e.resource), FromResource: e.resource, To: f.ID, ToName: name(f), ToResource: f, Allow: tcp(443), Because: t.steps,
		}
		if !a.callable(int32(k), f) {
			c.When = []string{name(f) + " lets the load balancer call it"}
		}
		a.add(c)
	}
}
