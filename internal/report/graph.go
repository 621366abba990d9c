package report

import (
	"bufio"
	"bytes"
	"io"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/graph"
)

// Graph is the security graph of one target.
type Graph struct {
	Target string
	*graph.Map
}

type jsonNode struct {
	Type    string        `json:"type"`
	Name    string        `json:"name"`
	Address string        `json:"address"`
	Aliases []string      `json:"aliases"`
	Where   *jsonLocation `json:"location,omitempty"`
}

type jsonRelation struct {
	From        string     `json:"from"`
	To          string     `json:"to"`
	Kind        string     `json:"kind"`
	Technique   string     `json:"technique"`
	Permissions []string   `json:"permissions"`
	Traversable bool       `json:"traversable"`
	When        [][]string `json:"when"`
	Evidence    []jsonStep `json:"evidence"`
}

func nodeJSON(n *plinth.Node) jsonNode {
	out := jsonNode{Type: n.Type, Name: n.Name, Address: n.Address, Aliases: []string{}}
	for _, a := range n.Aliases {
		out.Aliases = append(out.Aliases, string(a))
	}
	out.Aliases = append(out.Aliases, n.Names...)
	if n.At.Path != "" {
		at := locate(n.At)
		out.Where = &at
	}
	return out
}

func evidence(list []plinth.Step) []jsonStep {
	out := make([]jsonStep, 0, len(list))
	for _, s := range list {
		out = append(out, jsonStep{s.Note, locate(s.At), s.Resource})
	}
	return out
}

func conditions(c plinth.Condition) [][]string {
	if c == nil {
		return [][]string{}
	}
	return c
}

// writeGraph prints the security graphs. Nodes of several targets that share an id are one entry.
func writeGraph(w io.Writer, r *Report, _ Options) error {
	b := bufio.NewWriter(w)
	b.WriteString("{\n \"schema\": \"plinth.graph/1\",\n \"nodes\": {")
	told := map[plinth.ID]bool{}
	for _, g := range r.Graphs {
		for i := range g.Nodes() {
			n := &g.Nodes()[i]
			if told[n.ID] {
				continue
			}
			if err := member(b, len(told) > 0, string(n.ID), nodeJSON(n)); err != nil {
				return err
			}
			told[n.ID] = true
		}
	}
	b.WriteString("\n },\n \"relations\": [")
	first := true
	for _, g := range r.Graphs {
		nodes := g.Nodes()
		for i, x := range g.Relations() {
			from, to := g.Ends(uint32(i))
			err := member(b, !first, "", jsonRelation{
				From: string(nodes[from].ID), To: string(nodes[to].ID), Kind: string(x.Kind), Technique: x.Technique, Permissions: some(x.Permissions),
				Traversable: x.Kind.Walked(), When: conditions(x.When), Evidence: evidence(x.Evidence),
			})
			if err != nil {
				return err
			}
			first = false
		}
	}
	b.WriteString("\n ],\n \"problems\": ")
	var tail bytes.Buffer
	if err := encode(&tail, problems(r.Problems)); err != nil {
		return err
	}
	b.Write(bytes.TrimRight(tail.Bytes(), "\n"))
	b.WriteString("\n}\n")
	return b.Flush()
}

// member writes one entry of an object, or one element of a list where it has no name, on a line of its own.
func member(b *bufio.Writer, more bool, name string, v any) error {
	if more {
		b.WriteByte(',')
	}
	b.WriteString("\n  ")
	var one bytes.Buffer
	e := compact(&one)
	if name != "" {
		if err := e.Encode(name); err != nil {
			return err
		}
		b.Write(bytes.TrimRight(one.Bytes(), "\n"))
		b.WriteString(": ")
		one.Reset()
	}
	if err := e.Encode(v); err != nil {
		return err
	}
	b.Write(bytes.TrimRight(one.Bytes(), "\n"))
	return nil
}
