package query

import (
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
)

// labels are the types that a node answers to: its own, and the last word of that.
func labels(n *plinth.Node) []string {
	if n.Type == "" {
		return nil
	}
	out := []string{n.Type}
	if i := strings.LastIndexAny(n.Type, ":/"); i >= 0 && i+1 < len(n.Type) {
		out = append(out, n.Type[i+1:])
	}
	return out
}

// isLabel tells whether a node answers to a type; case does not count, nor that - is _.
func isLabel(n *plinth.Node, label string) bool {
	if sameLabel(n.Type, label) {
		return true
	}
	i := strings.LastIndexAny(n.Type, ":/")
	return i >= 0 && sameLabel(n.Type[i+1:], label)
}

func sameLabel(a, b string) bool {
	if len(a) != len(b) || a == "" {
		return false
	}
	return strings.EqualFold(a, b) || strings.EqualFold(strings.ReplaceAll(a, "-", "_"), strings.ReplaceAll(b, "-", "_"))
}

// nodeNames are the properties that every node has.
var nodeNames = []string{"id", "type", "name", "address", "path", "line", "aliases", "names", "props"}

// nodeProp returns a property of a node: its own, else one of its resource's.
func nodeProp(n *plinth.Node, name string) Value {
	switch name {
	case "id":
		return textOf(string(n.ID))
	case "type":
		return textOf(n.Type)
	case "name":
		return textOf(n.Name)
	case "address":
		return textOf(n.Address)
	case "path":
		return placed(n.At, textOf(n.At.Path))
	case "line":
		return placed(n.At, numberOf(int(n.At.Line)))
	case "aliases":
		out := make([]string, len(n.Aliases))
		for i, a := range n.Aliases {
			out[i] = string(a)
		}
		return texts(out)
	case "names":
		return texts(n.Names)
	}
	if n.Resource == nil {
		return Value{}
	}
	if name == "props" {
		return configured(n.Resource.Props)
	}
	v, ok := n.Resource.Props.Get(name)
	if !ok {
		return Value{}
	}
	return configured(v)
}

// placed is null for what has no place.
func placed(at plinth.Location, v Value) Value {
	if at.Path == "" {
		return Value{}
	}
	return v
}

// nodeProps are all properties of a node but names and props, those of its resource included.
func nodeProps(v Value) Value {
	n := &v.m.Nodes()[v.index]
	out := &more{}
	for _, name := range nodeNames {
		if p := nodeProp(n, name); name != "props" && name != "names" && p.kind != kNull {
			out.keys, out.list = append(out.keys, name), append(out.list, p)
		}
	}
	if n.Resource != nil {
		for _, f := range n.Resource.Props.Fields() {
			if !slices.Contains(nodeNames, f.Key) {
				out.keys, out.list = append(out.keys, f.Key), append(out.list, configured(f.Value))
			}
		}
	}
	return Value{kind: kMap, more: out}
}

// relationNames are the properties that every relation has.
var relationNames = []string{"kind", "from", "to", "technique", "permissions", "when", "walked", "evidence", "path", "line", "cost"}

func relationProp(r *plinth.Relation, name string) Value {
	first := plinth.Step{}
	for _, s := range r.Evidence {
		if s.At.Path != "" {
			first = s
			break
		}
	}
	switch name {
	case "kind":
		return textOf(string(r.Kind))
	case "from":
		return textOf(string(r.From))
	case "to":
		return textOf(string(r.To))
	case "technique":
		if r.Technique == "" {
			return Value{}
		}
		return textOf(r.Technique)
	case "permissions":
		return texts(r.Permissions)
	case "when":
		out := make([]Value, len(r.When))
		for i, t := range r.When {
			out[i] = texts(t)
		}
		return listValue(out)
	case "walked":
		return truth(r.Kind.Walked())
	case "evidence":
		out := make([]Value, len(r.Evidence))
		for i, s := range r.Evidence {
			out[i] = Value{kind: kMap, more: &more{
				keys: []string{"note", "path", "line", "cost"},
				list: []Value{textOf(s.Note), placed(s.At, textOf(s.At.Path)), placed(s.At, numberOf(int(s.At.Line))), numberOf(int(s.Cost))},
			}}
		}
		return listValue(out)
	case "path":
		return textOf(first.At.Path)
	case "line":
		return numberOf(int(first.At.Line))
	case "cost":
		cost := 0
		for _, s := range r.Evidence {
			if s.Cost > 0 && (cost == 0 || int(s.Cost) < cost) {
				cost = int(s.Cost)
			}
		}
		return numberOf(cost)
	}
	return Value{}
}

func relationProps(v Value) Value {
	r := &v.m.Relations()[v.index]
	out := &more{}
	for _, name := range relationNames {
		if p := relationProp(r, name); p.kind != kNull {
			out.keys, out.list = append(out.keys, name), append(out.list, p)
		}
	}
	return Value{kind: kMap, more: out}
}

// propertyOf returns a property of anything; null where there is none. A name with points is a way into it.
func propertyOf(v Value, name string) Value {
	one, rest, deeper := strings.Cut(name, ".")
	var out Value
	switch v.kind {
	case kNode:
		out = nodeProp(&v.m.Nodes()[v.index], one)
	case kRelation:
		out = relationProp(&v.m.Relations()[v.index], one)
	case kMap:
		out = v.get(one)
	}
	if deeper {
		return propertyOf(out, rest)
	}
	return out
}

func nodesOf(v Value) Value {
	out := make([]Value, len(v.more.nodes))
	for i, n := range v.more.nodes {
		out[i] = Value{kind: kNode, index: n, m: v.m}
	}
	return listValue(out)
}

func relationsOf(v Value) Value {
	out := make([]Value, len(v.more.rels))
	for i, r := range v.more.rels {
		out[i] = Value{kind: kRelation, index: r, m: v.m}
	}
	return listValue(out)
}
