package attack

import (
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/graph"
	"github.com/plinthsec/plinth/internal/iam/account"
)

// apart adds to relations between resources of different worlds (Terraform roots, templates), of which nobody knows the account, that
// they must be in one: a repository may hold examples that have nothing to do with each other, or one account in many roots.
type apart struct {
	graph.Sink
	estate    *account.Estate
	resources map[plinth.ID]*plinth.Resource
}

func newApart(to graph.Sink, e *account.Estate, resources []*plinth.Resource) *apart {
	a := &apart{Sink: to, estate: e, resources: make(map[plinth.ID]*plinth.Resource, len(resources))}
	for _, r := range resources {
		a.resources[r.ID] = r
	}
	return a
}

func (a *apart) Relation(r plinth.Relation) {
	from, to := a.resource(r.From), a.resource(r.To)
	if from != nil && to != nil && world(r.From) != world(r.To) && (a.open(from) || a.open(to)) {
		fact := from.Decl.Address + " and " + to.Decl.Address + " are in one account"
		if len(r.When) == 0 {
			r.When = plinth.Condition{{fact}}
		} else {
			when := make(plinth.Condition, len(r.When))
			for i, term := range r.When {
				when[i] = append(slices.Clone(term), fact)
			}
			r.When = when
		}
	}
	a.Sink.Relation(r)
}

// open tells whether the account of a resource is not known.
func (a *apart) open(r *plinth.Resource) bool { return strings.Contains(a.estate.Account(r), "{") }

// resource is what a node stands for, or is a state of: ROOT#ADDRESS#taken is ROOT#ADDRESS with other policies.
func (a *apart) resource(id plinth.ID) *plinth.Resource {
	if r := a.resources[id]; r != nil {
		return r
	}
	head, tail, _ := strings.Cut(string(id), "#")
	address, _, state := strings.Cut(tail, "#")
	if !state {
		return nil
	}
	return a.resources[plinth.ID(head+"#"+address)]
}

// world is the part of an id that names the root or the template.
func world(id plinth.ID) string {
	head, _, _ := strings.Cut(string(id), "#")
	return head
}
