package attack

import (
	"maps"
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/graph"
	"github.com/plinthsec/plinth/internal/iam/account"
)

// apart keeps resources of different worlds (Terraform roots, templates) apart of which nobody knows the account: a repository may hold
// examples that have nothing to do with each other, or one account in many roots. A relation between two such resources holds if
// they are in one account, and each world has an administrator and a root of its own.
type apart struct {
	graph.Sink
	estate    *account.Estate
	resources map[plinth.ID]*plinth.Resource
	worlds    map[string]map[string]bool // by account: the worlds whose resources are in it
	virtual   map[plinth.ID]plinth.Node  // nodes of accounts that several worlds may share
	used      map[plinth.ID]map[string]bool
	between   []plinth.Relation // that join two of them
}

func newApart(to graph.Sink, e *account.Estate, resources []*plinth.Resource) *apart {
	a := &apart{
		Sink: to, estate: e, resources: make(map[plinth.ID]*plinth.Resource, len(resources)), worlds: map[string]map[string]bool{},
		virtual: map[plinth.ID]plinth.Node{}, used: map[plinth.ID]map[string]bool{},
	}
	for _, r := range resources {
		a.resources[r.ID] = r
		if acct := e.Account(r); strings.HasPrefix(r.Type, "AWS::") && open(acct) {
			note(a.worlds, acct, world(r.ID))
		}
	}
	return a
}

// open tells whether an account is not known.
func open(acct string) bool { return strings.Contains(acct, "{") }

func note[K comparable](in map[K]map[string]bool, key K, word string) {
	if in[key] == nil {
		in[key] = map[string]bool{}
	}
	in[key][word] = true
}

// shared returns the account of a virtual node that several worlds may share.
func (a *apart) shared(id plinth.ID) (acct string, ok bool) {
	rest, ok := strings.CutPrefix(string(id), "aws:")
	if !ok {
		return "", false
	}
	i := strings.LastIndexByte(rest, ':')
	if i < 0 {
		return "", false
	}
	return rest[:i], len(a.worlds[rest[:i]]) > 1
}

func (a *apart) Node(n plinth.Node) {
	if _, ok := a.shared(n.ID); !ok {
		a.Sink.Node(n)
		return
	}
	a.virtual[n.ID] = n
	for w := range a.used[n.ID] {
		a.tell(n, w)
	}
}

// tell tells the node of an account for one world.
func (a *apart) tell(n plinth.Node, w string) {
	n.ID = of(n.ID, w)
	_, place, _ := strings.Cut(w, ":")
	n.Name, n.Address = n.Name+" of "+place, n.Address+" of "+place
	a.Sink.Node(n)
}

// of is the id of an account's node for one world.
func of(id plinth.ID, w string) plinth.ID {
	i := strings.LastIndexByte(string(id), ':')
	return id[:i] + "@" + plinth.ID(w) + id[i:]
}

// within gives the end of a relation the name that it has in a world.
func (a *apart) within(id plinth.ID, w string) plinth.ID {
	if _, ok := a.shared(id); !ok {
		return id
	}
	if !a.used[id][w] {
		note(a.used, id, w)
		if n, told := a.virtual[id]; told {
			a.tell(n, w)
		}
	}
	return of(id, w)
}

func (a *apart) Relation(r plinth.Relation) {
	from, to := a.resource(r.From), a.resource(r.To)
	_, fromShared := a.shared(r.From)
	_, toShared := a.shared(r.To)
	switch {
	case fromShared && toShared:
		a.between = append(a.between, r)
		return
	case fromShared && to != nil:
		r.From = a.within(r.From, world(r.To))
	case toShared && from != nil:
		r.To = a.within(r.To, world(r.From))
	case from != nil && to != nil && world(r.From) != world(r.To) && (open(a.estate.Account(from)) || open(a.estate.Account(to))):
		r.When = r.When.And(from.Decl.Address + " and " + to.Decl.Address + " are in one account")
	}
	a.Sink.Relation(r)
}

// flush tells the relations between two nodes of one account, for every world in which both of them are there.
func (a *apart) flush() {
	for _, r := range a.between {
		for _, w := range slices.Sorted(maps.Keys(a.used[r.From])) {
			if a.used[r.To][w] {
				one := r
				one.From, one.To = of(r.From, w), of(r.To, w)
				a.Sink.Relation(one)
			}
		}
	}
}

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
