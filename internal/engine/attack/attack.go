// Package attack draws the security graph of a target: it tells a node for every resource, and asks each part of the engine for
// the relations that it can prove.
package attack

import (
	"context"
	"fmt"
	"runtime"

	"golang.org/x/sync/errgroup"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/engine/attack/aws"
	"github.com/plinthsec/plinth/internal/engine/attack/azure"
	"github.com/plinthsec/plinth/internal/engine/attack/bind"
	"github.com/plinthsec/plinth/internal/engine/attack/google"
	"github.com/plinthsec/plinth/internal/engine/attack/kube"
	"github.com/plinthsec/plinth/internal/graph"
	"github.com/plinthsec/plinth/internal/iam/account"
)

// Name is the engine's name in reports and on the command line.
const Name = "attack"

// Draw returns the security graph of a scene. What could not be understood is told to problem; the error is that of ctx, or one of
// the binary's own facts.
func Draw(ctx context.Context, s *graph.Scene, problem func(plinth.Problem)) (*graph.Map, error) {
	to := graph.NewBuilder(problem)
	to.Node(plinth.Node{ID: plinth.Internet, Type: plinth.TypeInternet, Name: "internet", Address: "internet"})
	for _, r := range s.Resources() {
		to.Node(plinth.Node{ID: r.ID, Type: r.Type, Name: r.Name, Address: r.Decl.Address, At: r.Decl.Header, Resource: r})
	}
	estate, err := account.Of(s.Graph)
	if err != nil {
		return nil, fmt.Errorf("read the facts about AWS: %w", err)
	}
	accounts := newApart(to, estate, s.Resources())
	var fromAWS, fromKube, fromBind, fromAzure, fromGoogle notes
	if err := relate(ctx,
		func(ctx context.Context) error { return aws.Relate(ctx, s, estate, &fromAWS) },
		func(ctx context.Context) error { return kube.Relate(ctx, s, &fromKube) },
		func(ctx context.Context) error { return azure.Relate(ctx, s, &fromAzure) },
		func(ctx context.Context) error { return google.Relate(ctx, s, &fromGoogle) },
	); err != nil {
		return nil, err
	}
	if err := bind.Relate(ctx, s, estate, &fromBind); err != nil { // asks the estates of all clouds, which answer one at a time
		return nil, err
	}
	fromAWS.tell(accounts)
	accounts.flush()
	for _, n := range []notes{fromKube, fromBind, fromAzure, fromGoogle} {
		n.tell(to)
	}
	for _, p := range estate.Problems() {
		problem(p)
	}
	return to.Build(), nil
}

// relate asks parts of the engine side by side.
func relate(ctx context.Context, parts ...func(context.Context) error) error {
	broken := make([]any, len(parts))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i := range parts {
		g.Go(func() error {
			defer func() { broken[i] = recover() }()
			return parts[i](ctx)
		})
	}
	err := g.Wait()
	for _, p := range broken {
		if p != nil {
			panic(p) // for whoever asked for the graph
		}
	}
	return err
}

// notes are what a part told, in order.
type notes []func(graph.Sink)

var _ graph.Sink = (*notes)(nil)

// Node implements graph.Sink.
func (n *notes) Node(x plinth.Node) {
	*n = append(*n, func(to graph.Sink) { to.Node(x) })
}

// Relation implements graph.Sink.
func (n *notes) Relation(x plinth.Relation) {
	*n = append(*n, func(to graph.Sink) { to.Relation(x) })
}

// Problem implements graph.Sink.
func (n *notes) Problem(x plinth.Problem) {
	*n = append(*n, func(to graph.Sink) { to.Problem(x) })
}

// tell tells them again.
func (n notes) tell(to graph.Sink) {
	for _, again := range n {
		again(to)
	}
}

// starts are the types of nodes that somebody may hold: the principals of clouds and clusters.
var starts = map[string]bool{
	"AWS::IAM::User": true, "AWS::IAM::Role": true, "core/ServiceAccount": true, "iam.googleapis.com/ServiceAccount": true, "Microsoft.ManagedIdentity/userAssignedIdentities": true,
	"terraform:azuread_service_principal": true, "terraform:azuread_user": true, "terraform:azuread_group": true, plinth.TypePrincipal: true, plinth.TypeGroup: true,
	plinth.TypeInternet: true, plinth.TypeAnyPrincipal: true, plinth.TypeIdentityToken: true, plinth.TypeReader: true,
}

// Principals returns the principals of a graph, ascending.
func Principals(m *graph.Map) []uint32 {
	var out []uint32
	for i := range m.Nodes() {
		if starts[m.Nodes()[i].Type] {
			out = append(out, uint32(i))
		}
	}
	return out
}
