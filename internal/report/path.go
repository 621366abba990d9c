package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/graph"
)

// Answer is what the security graph of one target says to the question for attack paths.
type Answer struct {
	Graph
	graph.Answer
	From, To string // the question in words
	First    int    // number of the first path of this answer, counted from 1 over all targets
}

type jsonPath struct {
	ID    string     `json:"id"`
	From  string     `json:"from"`
	To    string     `json:"to"`
	When  [][]string `json:"when"`
	Steps []jsonHop  `json:"steps"`
	Cut   []string   `json:"cut"`
}

type jsonHop struct {
	From        string     `json:"from"`
	To          string     `json:"to"`
	Kind        string     `json:"kind"`
	Technique   string     `json:"technique"`
	Permissions []string   `json:"permissions"`
	Also        []string   `json:"also,omitempty"`
	When        [][]string `json:"when"`
	Evidence    []jsonStep `json:"evidence"`
}

type jsonPlace struct {
	Place    string `json:"place"`
	Note     string `json:"note"`
	Resource string `json:"resource,omitempty"`
	Cost     uint8  `json:"cost"`
}

type jsonAnswer struct {
	Target  string      `json:"target"`
	From    string      `json:"from"`
	To      string      `json:"to"`
	Pairs   int         `json:"pairs"`
	LeftOut jsonRest    `json:"left_out"`
	Fixes   []jsonPlace `json:"fixes"`
	Proven  bool        `json:"proven"`
	Lasting int         `json:"lasting,omitempty"` // pairs that no change separates
	Partial bool        `json:"partial,omitempty"`
	Chokes  []string    `json:"chokes"`
}

type jsonRest struct {
	Pairs int `json:"pairs"`
	Paths int `json:"paths"`
}

func placeText(at plinth.Location) string { return fmt.Sprintf("%s:%d", at.Path, at.Line) }

// spot is a place for people: a file as a whole has no line.
func spot(at plinth.Location) string {
	if at.Line == 0 {
		return at.Path
	}
	return placeText(at)
}

// Name names the i-th path of the answer.
func (a *Answer) Name(i int) string { return fmt.Sprintf("p%d", a.First+i) }

// paths puts the paths of all answers, and the nodes that they pass, into JSON.
func pathsJSON(list []Answer) (paths []any, nodes map[string]jsonNode, answers []jsonAnswer) {
	paths, nodes = []any{}, map[string]jsonNode{}
	for k := range list {
		a := &list[k]
		all := a.Nodes()
		name := func(i uint32) string {
			id := string(all[i].ID)
			if _, ok := nodes[id]; !ok {
				nodes[id] = nodeJSON(&all[i])
			}
			return id
		}
		for i := range a.Paths {
			p := &a.Paths[i]
			out := jsonPath{ID: a.Name(i), From: name(p.From), To: name(p.To), When: conditions(p.When), Cut: []string{}}
			for _, h := range p.Hops {
				r := &a.Relations()[h.Relation]
				out.Steps = append(out.Steps, jsonHop{
					From: name(h.From), To: name(h.To), Kind: string(r.Kind), Technique: r.Technique, Permissions: some(r.Permissions), Also: h.Also,
					When: conditions(r.When), Evidence: evidence(r.Evidence),
				})
			}
			for _, c := range p.Cut {
				out.Cut = append(out.Cut, placeText(c.At))
			}
			paths = append(paths, out)
		}
		one := jsonAnswer{
			Target: a.Target, From: a.From, To: a.To, Pairs: a.Joined, LeftOut: jsonRest(a.Rest), Fixes: []jsonPlace{}, Proven: a.Proven, Lasting: a.Lasting,
			Partial: a.Partial, Chokes: []string{},
		}
		for _, f := range a.Fixes {
			one.Fixes = append(one.Fixes, jsonPlace{placeText(f.At), f.Note, f.Resource, f.Cost})
		}
		for _, c := range a.Chokes {
			one.Chokes = append(one.Chokes, name(c))
		}
		answers = append(answers, one)
	}
	return paths, nodes, answers
}

const (
	pathsShown = 10 // that the table writes out; the rest is counted
	cutsShown  = 4
)

// paths writes the attack paths for people: of each pair of a start and a goal the first one, all of them with -v.
func (t *table) paths() {
	shown, rest := 0, 0
	for k := range t.r.Answers {
		a := &t.r.Answers[k]
		ways := map[[2]uint32]int{}
		for i := range a.Paths {
			ways[[2]uint32{a.Paths[i].From, a.Paths[i].To}]++
		}
		for i := range a.Paths {
			pair := [2]uint32{a.Paths[i].From, a.Paths[i].To}
			n := ways[pair]
			ways[pair] = 0
			switch {
			case t.opt.Wide:
				t.path(a, i, 1)
			case n == 0:
			case shown == pathsShown:
				rest += n
			default:
				shown++
				t.path(a, i, n)
			}
		}
		rest += a.Rest.Paths + a.Rest.Pairs
		t.fixes(a)
	}
	if rest > 0 {
		t.wrap("", fmt.Sprintf("%s left out (-v shows more, -o json has those that were sought)", plural(rest, "more path", "more paths")))
		t.w.WriteByte('\n')
	}
}

// path writes one path, and how many others join the same ends.
func (t *table) path(a *Answer, i, ways int) {
	p := &a.Paths[i]
	nodes := a.Nodes()
	head := fmt.Sprintf("%s  %s → %s", a.Name(i), title(&nodes[p.From]), title(&nodes[p.To]))
	t.w.WriteString(t.bold(t.fit(Clean(head), t.opt.Width)) + "\n")
	for _, term := range p.When {
		t.wrap("    if ", Clean(strings.Join(term, " and ")))
	}
	t.wrap("    ", Clean(title(&nodes[p.From])))
	for _, h := range p.Hops {
		r := &a.Relations()[h.Relation]
		kind := string(r.Kind)
		if r.Technique != "" {
			kind += " (" + r.Technique + ")"
		}
		if len(r.Permissions) > 0 {
			kind += " by " + strings.Join(r.Permissions, ", ")
		}
		t.hang("    │ ", "    │ ", Clean(kind))
		for _, s := range r.Evidence {
			t.hang("    │   ", "    │   ", Clean(s.Note+" ("+placeText(s.At)+")"))
		}
		t.hang("    → ", "      ", Clean(title(&nodes[h.To])))
	}
	if len(p.Cut) > 0 {
		var cut []string
		for _, c := range p.Cut[:min(len(p.Cut), cutsShown)] {
			cut = append(cut, placeText(c.At))
		}
		t.wrap("    cut it at ", Clean(strings.Join(cut, " or ")))
	} else if !p.Uncut {
		t.wrap("    ", "no single place ends it")
	}
	if ways > 1 {
		t.wrap("    ", t.dim(fmt.Sprintf("and %s to the same end", plural(ways-1, "other way", "other ways"))))
	}
	t.w.WriteByte('\n')
}

// title is what people call a node.
func title(n *plinth.Node) string {
	text := n.Address
	if text == "" {
		text = n.Name
	}
	if text == "" {
		text = string(n.ID)
	}
	if n.Type == plinth.TypeEndpoint {
		text += " (its port)"
	}
	return text
}

// fixes writes the least to change.
func (t *table) fixes(a *Answer) {
	if len(a.Fixes) == 0 && a.Lasting == 0 {
		return
	}
	words, left := "the cheapest set of changes that was found", "no path"
	if a.Proven {
		words = "no set is cheaper"
	}
	if a.Lasting > 0 {
		left = plural(a.Lasting, "pair") + " of " + fmt.Sprint(a.Joined)
	}
	t.w.WriteString(t.bold("least to change") + t.dim("  without these "+left+" is left; "+words) + "\n")
	for _, f := range a.Fixes {
		t.wrap("    ", Clean(placeText(f.At)))
		t.wrap("      ", Clean(f.Note))
	}
	if a.Lasting > 0 {
		t.wrap("    ", plural(a.Lasting, "pair")+" joined by what nobody can change here: facts of a service, or code that is not in this tree")
	}
	t.w.WriteByte('\n')
}

// WritePaths prints the attack paths of a report for people, without its findings.
func WritePaths(w io.Writer, r *Report, opt Options) error {
	if opt.Width == 0 {
		opt.Width = 80
	}
	t := &table{r: r, opt: opt, paint: paint{opt.Color}}
	t.paths()
	for _, a := range r.Answers {
		if len(a.Paths) == 0 {
			t.wrap("", Clean("no path from "+a.From+" to "+a.To))
		}
	}
	t.problems()
	nodes, relations, seen, read := 0, 0, 0, 0
	for _, g := range r.Graphs {
		nodes, relations = nodes+len(g.Nodes()), relations+len(g.Relations())
	}
	for _, x := range r.Targets {
		seen, read = seen+x.Seen, read+x.Read
	}
	t.wrap("", fmt.Sprintf("%s and %s, drawn from %s of %d", plural(nodes, "node"), plural(relations, "relation"), plural(read, "file"), seen))
	_, err := w.Write(t.w.Bytes())
	return err
}

// WriteJSON prints a report as JSON, schema plinth.report/1.
func WriteJSON(w io.Writer, r *Report) error { return writeJSON(w, r, Options{}) }
