// Package bind joins what different tools describe apart: source code with the image that is built from it, the image with the
// workload that runs it, the workload with its identity in the cloud and with the way that leads to it from outside, a weakness in
// the code with what it yields, a store with the class of its data, and a credential that stands in a text with whom it makes.
package bind

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/graph"
	"github.com/plinthsec/plinth/internal/iam/account"
	"github.com/plinthsec/plinth/internal/reach"
)

// Costs of changing a place, as plinth.Step tells them.
const (
	costWeakness = 1
	costTrust    = 2
	costExposure = 4
	costIdentity = 4
	costData     = 9
)

// cluster is the Kubernetes objects of one project.
type cluster struct {
	name    string
	objects []*plinth.Resource
	byName  map[string]*plinth.Resource // KIND/namespace/name
	world   *reach.World
}

// scene is what the relations are found in.
type scene struct {
	*graph.Scene
	to       graph.Sink
	estate   *account.Estate
	clusters []*cluster
	running  []container
	builds   []build
}

// Relate tells all relations of this package. The error is that of ctx.
func Relate(ctx context.Context, s *graph.Scene, e *account.Estate, to graph.Sink) error {
	w := &scene{Scene: s, to: to, estate: e}
	w.gather()
	w.data()
	w.images()
	w.pipelines()
	w.connections()
	w.injected()
	w.leaked()
	weak := w.weaknesses()
	for _, c := range w.clusters {
		if err := ctx.Err(); err != nil {
			return err
		}
		w.tokens(c)
		w.federations(c)
		w.secrets(c)
		w.expose(c, weak)
	}
	w.clouds(weak)
	return ctx.Err()
}

// gather sorts the Kubernetes objects by project and finds what runs images.
func (w *scene) gather() {
	byProject := map[string]*cluster{}
	for _, r := range w.Resources() {
		if strings.HasPrefix(string(r.ID), "k8s:") {
			c := byProject[r.Project]
			if c == nil {
				c = &cluster{name: r.Project, byName: map[string]*plinth.Resource{}}
				byProject[r.Project] = c
			}
			c.objects = append(c.objects, r)
			if c.byName[r.Decl.Address] == nil {
				c.byName[r.Decl.Address] = r
			}
		}
		w.running = append(w.running, containersOf(r)...)
	}
	for _, name := range slices.Sorted(maps.Keys(byProject)) {
		w.clusters = append(w.clusters, byProject[name])
	}
}

// relate tells a relation that holds in any case.
func (w *scene) relate(from, to plinth.ID, kind plinth.RelationKind, evidence ...plinth.Step) {
	w.to.Relation(plinth.Relation{From: from, To: to, Kind: kind, Evidence: evidence})
}

// textAt returns the scalar text at a path of a value, "" where there is none or it is unknown.
func textAt(v plinth.Value, path ...string) string {
	at, _ := v.At(path...)
	switch at.Kind() {
	case plinth.String:
		return at.Str()
	case plinth.Bool, plinth.Number:
		return at.String()
	}
	return ""
}

// step is a piece of evidence about a resource.
func step(r *plinth.Resource, at plinth.Location, cost uint8, note string) plinth.Step {
	return plinth.Step{Note: note, At: at, Resource: r.Decl.Address, Cost: cost}
}
