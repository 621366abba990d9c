package graph

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/plinthsec/plinth"
)

// tell writes an answer down, a line for each path and each fix.
func tell(m *Map, a Answer) string {
	var b strings.Builder
	for _, p := range a.Paths {
		b.WriteString(string(m.nodes[p.From].ID))
		for _, h := range p.Hops {
			r := m.relations[h.Relation]
			fmt.Fprintf(&b, " -%s", r.Kind)
			if r.Technique != "" || len(h.Also) > 0 {
				fmt.Fprintf(&b, ":%s%v", r.Technique, h.Also)
			}
			fmt.Fprintf(&b, "-> %s", m.nodes[h.To].ID)
		}
		if p.When != nil {
			fmt.Fprintf(&b, " when %v", p.When)
		}
		for _, c := range p.Cut {
			fmt.Fprintf(&b, " cut %s:%d(%d)", c.At.Path, c.At.Line, c.Cost)
		}
		b.WriteByte('\n')
	}
	for _, c := range a.Fixes {
		fmt.Fprintf(&b, "fix %s:%d %s\n", c.At.Path, c.At.Line, c.Note)
	}
	for _, c := range a.Chokes {
		fmt.Fprintf(&b, "choke %s\n", m.nodes[c].ID)
	}
	fmt.Fprintf(&b, "joined %d, rest %v, lasting %v, proven %v\n", a.Joined, a.Rest, a.Lasting, a.Proven)
	return b.String()
}

func TestAnswer(t *testing.T) {
	step := func(line int32, cost uint8, note string) plinth.Step {
		return plinth.Step{Note: note, At: plinth.Location{Path: "m.tf", Line: line}, Cost: cost}
	}
	rel := func(from, to plinth.ID, kind plinth.RelationKind, technique string, steps ...plinth.Step) plinth.Relation {
		return plinth.Relation{From: from, To: to, Kind: kind, Technique: technique, Evidence: steps}
	}
	wide, trust := step(10, 1, "statement Wide allows everything"), step(20, 2, "the trust policy names everybody")
	maybe := rel("web", "role", plinth.Assume, "", step(50, 2, "trusted with MFA"))
	maybe.When = plinth.Condition{{"with MFA"}}
	for _, c := range []struct {
		name      string
		relations []plinth.Relation
		from, to  []string
		want      string
	}{
		{
			"one weak line, one wide statement, one trust",
			[]plinth.Relation{
				rel("internet", "web", plinth.Exposes, "", step(1, 4, "a load balancer")),
				rel("web", "role", plinth.RunsAs, "", trust, step(2, 4, "runs as")),
				rel("role", "bucket", plinth.Can, "", wide), rel("role", "queue", plinth.Can, "", wide),
			},
			[]string{"internet"},
			[]string{"bucket", "queue"},
			`internet -exposes-> web -runs-as-> role -can-> bucket cut m.tf:10(1) cut m.tf:20(2) cut m.tf:1(4) cut m.tf:2(4)
internet -exposes-> web -runs-as-> role -can-> queue cut m.tf:10(1) cut m.tf:20(2) cut m.tf:1(4) cut m.tf:2(4)
fix m.tf:10 statement Wide allows everything
choke web
choke role
joined 2, rest {0 0}, lasting 0, proven true
`,
		},
		{
			"ways in parallel: the cheapest is told, the others named; a sure path comes before a shorter unsure one",
			[]plinth.Relation{
				rel("user", "role", plinth.Escalate, "dear", step(3, 9, "a")), rel("user", "role", plinth.Escalate, "cheap", step(4, 1, "b")),
				rel("user", "web", plinth.Escalate, "", step(5, 3, "c")), maybe, rel("role", "admin", plinth.Admin, "", step(6, 9, "d")),
				rel("web", "admin", plinth.Admin, "", step(7, 0, "it is so")),
			},
			[]string{"user"},
			[]string{"admin"},
			`user -escalate:cheap[dear]-> role -admin-> admin
user -escalate-> web -admin-> admin
user -escalate-> web -assume-> role -admin-> admin when [[with MFA]]
fix m.tf:5 c
fix m.tf:6 d
joined 1, rest {0 0}, lasting 0, proven true
`,
		},
		{
			"nothing can be changed",
			[]plinth.Relation{rel("internet", "web", plinth.Exposes, "", step(1, 0, "the provider says so"))},
			[]string{"internet"},
			[]string{"web"},
			`internet -exposes-> web
joined 1, rest {0 0}, lasting 1, proven true
`,
		},
		{
			"no path: built from is not walked",
			[]plinth.Relation{rel("image", "source", plinth.BuiltFrom, "", step(1, 1, "x"))},
			[]string{"image"},
			[]string{"source"},
			"joined 0, rest {0 0}, lasting 0, proven false\n",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := build(t, nil, c.relations)
			var q Question
			for _, f := range c.from {
				q.From = append(q.From, m.Find(f)...)
			}
			for _, to := range c.to {
				if i, ok := m.Node(plinth.ID(to)); ok {
					q.To = append(q.To, i)
				}
			}
			if i, ok := m.Node(plinth.Internet); ok && slices.Contains(c.from, "internet") {
				q.From = []uint32{i}
			}
			if d := cmp.Diff(c.want, tell(m, m.Answer(q))); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func TestAnswerTellsNearestPairs(t *testing.T) {
	var relations []plinth.Relation
	for i := range 9 {
		relations = append(relations, relate(plinth.ID(fmt.Sprint("p", i)), plinth.ID(fmt.Sprint("p", i+1)), plinth.Assume, int32(i)))
	}
	m := build(t, nil, relations)
	a := m.Answer(Question{From: []uint32{0, 1, 2, 3, 4, 5, 6, 7, 8}, To: []uint32{9}, Pairs: 2})
	if a.Joined != 9 || len(a.Paths) != 2 || a.Rest.Pairs != 7 || a.Paths[0].From != 8 || len(a.Fixes) != 1 || !a.Proven {
		t.Errorf("%+v", a)
	}
}
