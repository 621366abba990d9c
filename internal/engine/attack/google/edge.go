package google

import (
	"fmt"
	"io/fs"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/document"
	"github.com/plinthsec/plinth/rules"
)

const edgesFile = "google.yaml"

// goal says what a technique leads to.
type goal string

const (
	toPassed  goal = "account:passed"      // the service account that something new runs as
	toRunning goal = "account:of-workload" // the workload that is there, and so its service account
	toTarget  goal = "account:target"      // the service account itself
	toDefault goal = "account:default"     // the account of a project's machines where none is named
	toAgent   goal = "account:agent"       // the account of Google's own APIs
	toAdmin   goal = "admin"               // everything in the scope that the permission is held on
	toRole    goal = "role:own"            // a custom role that one holds is rewritten
)

// requirement is one permission that a technique needs: on the service account, the workload, or what the two lie in.
type requirement struct{ action, about string }

// edge is one technique of rules/edges/google.yaml.
type edge struct {
	id, title          string
	to                 goal
	kind               plinth.RelationKind
	on                 []string // prefixes of the scopes that toAdmin is about
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
		id: id, title: text("title"), to: goal(text("to")), kind: plinth.Escalate, on: list("on"), workloads: list("workload"),
		positive: text("positive"), negative: text("negative"),
	}
	if text("kind") == string(plinth.Assume) {
		e.kind = plinth.Assume
	}
	switch e.to {
	case toPassed, toRunning, toTarget, toDefault, toAgent, toAdmin, toRole:
	default:
		return e, fmt.Errorf("there is no goal %q", e.to)
	}
	requires, _ := v.Get("requires")
	for _, r := range requires.List() {
		action, _ := r.Get("action")
		about, _ := r.Get("about")
		switch about.Str() {
		case "", "account", "workload":
		default:
			return e, fmt.Errorf("there is no target %q", about.Str())
		}
		e.requires = append(e.requires, requirement{action.Str(), about.Str()})
	}
	if len(e.requires) == 0 {
		return e, fmt.Errorf("it requires no permission")
	}
	return e, nil
}
