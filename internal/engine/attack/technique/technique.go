// Package technique reads rules/edges: what an attacker does with which rights, as data.
package technique

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/document"
	"github.com/plinthsec/plinth/rules"
)

// Technique is one way to get on in the accounts of a cloud.
type Technique struct {
	ID, Title string
	To        string // what it leads to, one of the goals of its file
	Kind      plinth.RelationKind
	On        []string // prefixes of the scopes that it is about, none for all
	Workloads []string // types
	Trusts    []string // services, one of which the identity must trust
	Requires  []Requirement
	Needs     []string // what must hold besides
	// Positive and Negative are examples: files in which somebody called mia uses it, and in which nobody does.
	Positive, Negative string
}

// Requirement is one action that a technique needs, and what it must be allowed on, one of the targets of its file.
type Requirement struct{ Action, About string }

// Load reads the techniques of a file, in its order. goals and targets are the words that it may use; a requirement without a target
// is about the first of these.
func Load(file string, goals, targets []string) ([]Technique, error) {
	var out []Technique
	err := Read(file, func(id string, v plinth.Value) error {
		t, err := parse(id, v, goals, targets)
		out = append(out, t)
		return err
	})
	return out, err
}

// Read calls each for every entry of a file, in its order. The error is the first one.
func Read(file string, each func(id string, v plinth.Value) error) error {
	data, err := fs.ReadFile(rules.Edges(), file)
	if err != nil {
		return fmt.Errorf("read edges: %w", err)
	}
	var fault error
	problems := (&document.Parser{}).Parse(file, data, func(d document.Document) {
		for _, f := range d.Value.Fields() {
			if err := each(f.Key, f.Value); err != nil && fault == nil {
				fault = fmt.Errorf("%s: %s: %w", file, f.Key, err)
			}
		}
	})
	if len(problems) > 0 {
		return fmt.Errorf("%s:%d: %s", file, problems[0].At.Line, problems[0].Text)
	}
	return fault
}

func parse(id string, v plinth.Value, goals, targets []string) (Technique, error) {
	text := func(of plinth.Value, key string) string { s, _ := of.Get(key); return s.Str() }
	t := Technique{
		ID: id, Title: text(v, "title"), To: text(v, "to"), Kind: plinth.Escalate, On: texts(v, "on"), Workloads: texts(v, "workload"),
		Trusts: texts(v, "trusts"), Needs: texts(v, "needs"), Positive: text(v, "positive"), Negative: text(v, "negative"),
	}
	switch kind := plinth.RelationKind(text(v, "kind")); kind {
	case "":
	case plinth.Escalate, plinth.Assume:
		t.Kind = kind
	default:
		return t, fmt.Errorf("there is no kind %q", kind)
	}
	if !slices.Contains(goals, t.To) {
		return t, fmt.Errorf("there is no goal %q", t.To)
	}
	requires, _ := v.Get("requires")
	for _, r := range requires.List() {
		one := Requirement{text(r, "action"), text(r, "about")}
		if one.About == "" {
			one.About = targets[0]
		}
		if !slices.Contains(targets, one.About) {
			return t, fmt.Errorf("there is no target %q", one.About)
		}
		t.Requires = append(t.Requires, one)
	}
	if len(t.Requires) == 0 {
		return t, errors.New("it requires no action")
	}
	return t, nil
}

// texts are the texts of a key, which holds one or a list.
func texts(v plinth.Value, key string) []string {
	of, _ := v.Get(key)
	if of.Kind() == plinth.String {
		return []string{of.Str()}
	}
	var out []string
	for _, e := range of.List() {
		out = append(out, e.Str())
	}
	return out
}
