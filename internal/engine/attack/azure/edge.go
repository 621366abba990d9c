package azure

import (
	"fmt"
	"io/fs"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/document"
	"github.com/plinthsec/plinth/rules"
)

const edgesFile = "azure.yaml"

// goal says what a technique leads to.
type goal string

const (
	toPassed  goal = "identity:passed"      // the identity that something new runs as
	toTarget  goal = "identity:target"      // the identity itself
	toRunning goal = "identity:of-workload" // the workload that is there, and so its identities
	toAdmin   goal = "admin"                // everything in the scope that the action is allowed on
	toRole    goal = "role:own"             // a role that one has is rewritten
)

// requirement is one action that a technique needs: on the identity, the workload, or what they lie in.
type requirement struct{ action, about string }

// edge is one technique of rules/edges/azure.yaml.
type edge struct {
	id, title          string
	to                 goal
	workloads          []string // types
	requires           []requirement
	positive, negative string
}

// load reads the techniques that come with the product, in the order of the file.
func load() ([]edge, error) {
	data, err := fs.ReadFile(rules.Edges(), edgesFile)
	if err != nil {
		return nil, fmt.Errorf("read edges: %w", err)
	}
	var out []edge
	var fault error
	problems := (&document.Parser{}).Parse(edgesFile, data, func(d document.Document) {
		for _, f := range d.Value.Fields() {
			e, err := parse(f.Key, f.Value)
			if err != nil && fault == nil {
				fault = fmt.Errorf("%s: %s: %w", edgesFile, f.Key, err)
			}
			out = append(out, e)
		}
	})
	if len(problems) > 0 {
		return nil, fmt.Errorf("%s:%d: %s", edgesFile, problems[0].At.Line, problems[0].Text)
	}
	return out, fault
}

func parse(id string, v plinth.Value) (edge, error) {
	text := func(key string) string { s, _ := v.Get(key); return s.Str() }
	list := func(key string) []string {
		l, _ := v.Get(key)
		var out []string
		for _, one := range l.List() {
			out = append(out, one.Str())
		}
		return out
	}
	e := edge{
		id: id, title: text("title"), to: goal(text("to")), workloads: list("workload"),
		positive: text("positive"), negative: text("negative"),
	}
	switch e.to {
	case toPassed, toRunning, toTarget, toAdmin, toRole:
	default:
		return e, fmt.Errorf("there is no goal %q", e.to)
	}
	requires, _ := v.Get("requires")
	for _, r := range requires.List() {
		action, _ := r.Get("action")
		about, _ := r.Get("about")
		switch about.Str() {
		case "", "identity", "workload":
		default:
			return e, fmt.Errorf("there is no target %q", about.Str())
		}
		e.requires = append(e.requires, requirement{action.Str(), about.Str()})
	}
	if len(e.requires) == 0 {
		return e, fmt.Errorf("it requires no action")
	}
	return e, nil
}
