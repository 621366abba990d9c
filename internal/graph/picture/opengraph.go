// Package picture writes the security graph for other tools and for people: OpenGraph for BloodHound, and the paths of an answer as
// Mermaid and as SVG. The same graph gives the same bytes.
package picture

import (
	"bufio"
	"encoding/json"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/graph"
)

// sourceKind is what BloodHound calls everything that comes from here, and how kinds begin, so that they never meet those of others.
const sourceKind = "Plinth"

type openNode struct {
	ID         string         `json:"id"`
	Kinds      []string       `json:"kinds"`
	Properties nodeProperties `json:"properties"`
}

// nodeProperties and edgeProperties have lower-case names and no nested values, as BloodHound wants.
type nodeProperties struct {
	Name    string   `json:"name"`
	Type    string   `json:"type"`
	Address string   `json:"address,omitempty"`
	Aliases []string `json:"aliases,omitempty"`
	Place   string   `json:"place,omitempty"`
}

type openEdge struct {
	Kind       string         `json:"kind"`
	Start      endpoint       `json:"start"`
	End        endpoint       `json:"end"`
	Properties edgeProperties `json:"properties"`
}

type endpoint struct {
	Value   string `json:"value"`
	MatchBy string `json:"match_by"`
}

type edgeProperties struct {
	Traversable bool     `json:"traversable"`
	Conditional bool     `json:"conditional"`
	Techniques  []string `json:"techniques,omitempty"`
	Permissions []string `json:"permissions,omitempty"`
	Conditions  []string `json:"conditions,omitempty"`
	Evidence    []string `json:"evidence,omitempty"`
}

// OpenGraph writes a graph in the format of BloodHound's OpenGraph (https://bloodhound.specterops.io/opengraph/developer/schema).
// There, two nodes are joined at most once by a kind: relations of one kind with the same ends are one edge.
func OpenGraph(w io.Writer, m *graph.Map) error {
	b := bufio.NewWriter(w)
	b.WriteString(`{"metadata":{"source_kind":"` + sourceKind + `"},"graph":{"nodes":[`)
	for i := range m.Nodes() {
		if err := element(b, i, openNodeOf(&m.Nodes()[i])); err != nil {
			return err
		}
	}
	b.WriteString("\n],\"edges\":[")
	relations, n := m.Relations(), 0
	for i := 0; i < len(relations); n++ {
		end := i + 1
		for end < len(relations) && relations[end].From == relations[i].From && relations[end].To == relations[i].To && relations[end].Kind == relations[i].Kind {
			end++
		}
		if err := element(b, n, openEdgeOf(relations[i:end])); err != nil {
			return err
		}
		i = end
	}
	b.WriteString("\n]}}\n")
	return b.Flush()
}

func element(b *bufio.Writer, i int, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if i > 0 {
		b.WriteByte(',')
	}
	b.WriteByte('\n')
	_, err = b.Write(data)
	return err
}

func openNodeOf(n *plinth.Node) openNode {
	out := openNode{ID: string(n.ID), Kinds: []string{sourceKind}, Properties: nodeProperties{Name: name(n), Type: n.Type, Address: n.Address, Place: place(n.At)}}
	if n.Type != "" {
		out.Kinds = []string{openKind(n.Type), sourceKind}
	}
	for _, a := range n.Aliases {
		out.Properties.Aliases = append(out.Properties.Aliases, string(a))
	}
	return out
}

func openEdgeOf(relations []plinth.Relation) openEdge {
	first := &relations[0]
	e := openEdge{Kind: openKind(string(first.Kind)), Start: endpoint{string(first.From), "id"}, End: endpoint{string(first.To), "id"}}
	p := &e.Properties
	p.Traversable, p.Conditional = first.Kind.Walked(), true
	for i := range relations {
		r := &relations[i]
		p.Conditional = p.Conditional && r.When != nil
		p.Techniques = append(p.Techniques, r.Technique)
		p.Permissions = append(p.Permissions, r.Permissions...)
		for _, term := range r.When {
			p.Conditions = append(p.Conditions, strings.Join(term, " and "))
		}
		for _, s := range r.Evidence {
			p.Evidence = append(p.Evidence, strings.TrimSpace(place(s.At)+" "+s.Note))
		}
	}
	for _, list := range []*[]string{&p.Techniques, &p.Permissions, &p.Conditions, &p.Evidence} {
		slices.Sort(*list)
		*list = slices.DeleteFunc(slices.Compact(*list), func(s string) bool { return s == "" })
	}
	return e
}

// openKind is a type or a kind of relation in letters and digits: Plinth_AWS_IAM_Role, Plinth_RunsAs.
func openKind(kind string) string {
	var b strings.Builder
	b.WriteString(sourceKind)
	parts := strings.FieldsFunc(kind, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-'
	})
	for _, part := range parts {
		b.WriteByte('_')
		for _, word := range strings.Split(part, "-") {
			if word != "" {
				b.WriteString(strings.ToUpper(word[:1]) + word[1:])
			}
		}
	}
	return b.String()
}

// name is what a node is called in a picture.
func name(n *plinth.Node) string {
	switch {
	case n.Name != "":
		return n.Name
	case n.Address != "":
		return n.Address
	}
	return string(n.ID)
}

func place(at plinth.Location) string {
	if at.Path == "" || at.Line == 0 {
		return at.Path
	}
	return at.Path + ":" + strconv.Itoa(int(at.Line))
}
