package report

import (
	"bufio"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"

	"github.com/plinthsec/plinth"
)

//go:embed page.html
var pageText string

const (
	pagePlaces   = 5_000 // places that the page shows; a browser grows slow beyond, the rest is counted
	pageExcerpts = 1_500 // of them with their code
)

type page struct {
	Version, Gate, GateClass string
	Targets                  []string
	Counts                   []pageCount
	Unknown, Suppressed      int
	Paths                    []pagePath
	Fixes                    []pageFix
	Groups                   []pageGroup
	More                     int
	Causes                   []pageCause
	Silent                   []pageSilent
	Problems                 []pageProblem
	Looked                   string
}

type pageCount struct {
	Severity string
	N        int
}

type pagePath struct {
	Name, From, To string
	When           []string
	Hops           []pageHop
	Cut            []string
}

type pageHop struct {
	Kind, To string
	Evidence []pageStep
}

type pageStep struct{ Note, Place string }

type pageFix struct{ Place, Note string }

type pageGroup struct {
	Severity, ID, Title, Why, Fix, Aliases string
	Total                                  int
	Places                                 []pagePlace
}

type pagePlace struct {
	Where, Address, Message string
	Instances               int
	Reasons                 []string
	Lines                   []pageLine
	Evidence                []pageStep
}

type pageLine struct {
	N    int
	Text string
	Hit  bool
}

type pageCause struct {
	Why string
	N   int
}

type pageSilent struct{ Where, ID, By, Why string }

type pageProblem struct {
	Where, Text, Kind string
	Incomplete        bool
}

// writeHTML prints one page that needs nothing else: no script, font or picture from elsewhere.
func writeHTML(w io.Writer, r *Report, _ Options) error {
	tmpl, err := template.New("page").Parse(pageText)
	if err != nil {
		return fmt.Errorf("the page of the report: %w", err)
	}
	b := bufio.NewWriter(w)
	if err := tmpl.Execute(b, r.page()); err != nil {
		return err
	}
	return b.Flush()
}

func (r *Report) page() *page {
	s := r.Summary()
	p := &page{Version: r.Version, Unknown: s.Unknown, Suppressed: s.Suppressed}
	switch {
	case r.Exit == 1:
		p.Gate, p.GateClass = "failed: a finding at or above "+r.FailOn.String(), "bad"
	case r.Exit == 3:
		p.Gate, p.GateClass = "incomplete", "warn"
	case r.NoGate:
		p.Gate = "none"
	default:
		p.Gate, p.GateClass = "passed", "good"
	}
	for sev := plinth.Critical + 1; sev > 0; sev-- {
		p.Counts = append(p.Counts, pageCount{(sev - 1).String(), s.Fail[sev-1]})
	}
	kinds, seen, read := map[string]int{}, 0, 0
	for _, t := range r.Targets {
		p.Targets = append(p.Targets, Clean(t.Name))
		seen, read = seen+t.Seen, read+t.Read
		for k, n := range t.ByReader {
			kinds[k] += n
		}
	}
	p.Looked = fmt.Sprintf("looked at %s of %d (%s)", plural(read, "file"), seen, list(kinds))
	p.addPaths(r)
	p.addFindings(r)
	for _, x := range r.Problems {
		p.Problems = append(p.Problems, pageProblem{Clean(placeText(x.At)), Clean(x.Text), string(x.Kind), x.Kind.Incomplete()})
	}
	return p
}

func (p *page) addPaths(r *Report) {
	for k := range r.Answers {
		a := &r.Answers[k]
		nodes := a.Nodes()
		for i := range a.Paths {
			x := &a.Paths[i]
			one := pagePath{Name: a.Name(i), From: Clean(title(&nodes[x.From])), To: Clean(title(&nodes[x.To]))}
			for _, term := range x.When {
				one.When = append(one.When, Clean(strings.Join(term, " and ")))
			}
			for _, h := range x.Hops {
				rel := &a.Relations()[h.Relation]
				kind := string(rel.Kind)
				if rel.Technique != "" {
					kind += " · " + rel.Technique
				}
				if len(rel.Permissions) > 0 {
					kind += " · " + strings.Join(rel.Permissions, ", ")
				}
				hop := pageHop{Kind: Clean(kind), To: Clean(title(&nodes[h.To]))}
				for _, e := range rel.Evidence {
					hop.Evidence = append(hop.Evidence, pageStep{Clean(e.Note), Clean(placeText(e.At))})
				}
				one.Hops = append(one.Hops, hop)
			}
			for _, c := range x.Cut {
				one.Cut = append(one.Cut, Clean(placeText(c.At)))
			}
			p.Paths = append(p.Paths, one)
		}
		for _, f := range a.Fixes {
			p.Fixes = append(p.Fixes, pageFix{Clean(placeText(f.At)), Clean(f.Note)})
		}
	}
}

func (p *page) addFindings(r *Report) {
	code := &excerpts{r: r, files: map[string][]string{}, hidden: secretsOf(r)}
	shown := 0
	for _, g := range groups(r, true) {
		one := pageGroup{
			Severity: g.rule.Severity.String(), ID: g.rule.ID, Title: g.rule.Title, Why: g.rule.Why, Fix: g.rule.Fix, Total: g.total,
			Aliases: strings.Join(g.rule.Aliases, " "),
		}
		for _, x := range g.places {
			if shown == pagePlaces {
				p.More++
				continue
			}
			shown++
			f := x.first
			place := pagePlace{Where: Clean(placeText(f.At)), Address: Clean(address(f)), Instances: x.instances, Reasons: x.reasons}
			if len(r.Targets) > 1 {
				place.Where = Clean(f.Target) + "/" + place.Where
			}
			if more := strings.TrimPrefix(strings.TrimPrefix(f.Message, f.Rule.Title), ": "); more != f.Rule.Title {
				place.Message = Clean(more)
			}
			if shown <= pageExcerpts {
				code.of(f, func(n int, text string, hit bool) { place.Lines = append(place.Lines, pageLine{n, text, hit}) })
			}
			for _, e := range f.Evidence {
				step := pageStep{Note: Clean(e.Note)}
				if e.At.Path != "" {
					step.Place = Clean(placeText(e.At))
				}
				place.Evidence = append(place.Evidence, step)
			}
			one.Places = append(one.Places, place)
		}
		p.Groups = append(p.Groups, one)
	}
	for _, c := range causes(r) {
		p.Causes = append(p.Causes, pageCause{Clean(c.why), c.n})
	}
	for i := range r.Findings {
		f := &r.Findings[i]
		if s := f.Suppressed; s != nil && len(p.Silent) < pagePlaces {
			p.Silent = append(p.Silent, pageSilent{Clean(placeText(f.At)), f.Rule.ID, s.By, Clean(s.Why)})
		}
	}
}
