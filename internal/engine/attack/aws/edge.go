package aws

import (
	"fmt"
	"io/fs"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/document"
	"github.com/plinthsec/plinth/rules"
)

const edgesFile = "aws.yaml"

// goal says what a technique leads to.
type goal string

const (
	toPassed    goal = "role:passed"         // the role that is handed to a new workload
	toRunning   goal = "role:of-workload"    // the role of a workload that is there
	toTarget    goal = "principal:target"    // another principal, with what it may do
	toRewritten goal = "principal:rewritten" // another principal, whose policies the attacker writes
	toGroup     goal = "group"               // a group that one joins
	toSelf      goal = "admin:self"          // one's own policies are rewritten
	toSession   goal = "role:session"        // told by assume
)

// target says what an action must be allowed on.
type target string

const (
	onAny      target = "any" // something new, whose name the attacker chooses
	onRole     target = "role"
	onUser     target = "user"
	onGroup    target = "group"
	onPolicy   target = "policy"
	onWorkload target = "workload"
)

// requirement is one action that a technique needs.
type requirement struct {
	action string
	on     target
}

// edge is one technique of rules/edges/aws.yaml.
type edge struct {
	id, title          string
	to                 goal
	workloads          []string // types
	trusts             []string // services, one of which the role must trust
	requires           []requirement
	needs              []string // what must hold besides: see needs.go
	positive, negative string
}

// book is all techniques, in the order of the file.
type book struct{ edges []edge }

// load reads the techniques that come with the product.
func load() (*book, error) {
	data, err := fs.ReadFile(rules.Edges(), edgesFile)
	if err != nil {
		return nil, fmt.Errorf("read edges: %w", err)
	}
	b := &book{}
	var fault error
	problems := (&document.Parser{}).Parse(edgesFile, data, func(d document.Document) {
		for _, f := range d.Value.Fields() {
			e, err := parse(f.Key, f.Value)
			if err != nil && fault == nil {
				fault = fmt.Errorf("%s: %s: %w", edgesFile, f.Key, err)
			}
			b.edges = append(b.edges, e)
		}
	})
	if len(problems) > 0 {
		return nil, fmt.Errorf("%s:%d: %s", edgesFile, problems[0].At.Line, problems[0].Text)
	}
	return b, fault
}

func parse(id string, v plinth.Value) (edge, error) {
	e := edge{
		id: id, title: get(v, "title").Str(), to: goal(get(v, "to").Str()), workloads: texts(get(v, "workload")), trusts: texts(get(v, "trusts")),
		needs: texts(get(v, "needs")), positive: get(v, "positive").Str(), negative: get(v, "negative").Str(),
	}
	switch e.to {
	case toPassed, toRunning, toTarget, toRewritten, toGroup, toSelf, toSession:
	default:
		return e, fmt.Errorf("there is no goal %q", e.to)
	}
	for _, r := range get(v, "requires").List() {
		one := requirement{get(r, "action").Str(), target(get(r, "about").Str())}
		switch one.on {
		case "":
			one.on = onAny
		case onAny, onRole, onUser, onGroup, onPolicy, onWorkload:
		default:
			return e, fmt.Errorf("there is no target %q", one.on)
		}
		e.requires = append(e.requires, one)
	}
	if len(e.requires) == 0 {
		return e, fmt.Errorf("it requires no action")
	}
	return e, nil
}

func texts(v plinth.Value) []string {
	var out []string
	for _, e := range v.List() {
		out = append(out, e.Str())
	}
	if v.Kind() == plinth.String {
		out = append(out, v.Str())
	}
	return out
}
