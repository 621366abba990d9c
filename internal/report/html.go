package report

import (
	"bufio"
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/plinthsec/plinth"
)

//go:embed page.html
var pageText string

const (
	pagePlaces   = 5_000 // places that the page shows; a browser grows slow beyond, the rest is counted
	pageExcerpts = 1_500 // of them with their code
	pageFolders  = 10    // rows of the table of folders
	pageDepth    = 2     // names of a folder's path there
)

type page struct {
	Version, Gate, GateClass string
	Day                      string // of the run, where that was given
	Incomplete               string // what could not be looked at, counted
	Folders                  []pageFolder
	Targets                  []string
	Counts                   []pageCount
	Unknown, Suppressed      int
	Paths                    []pagePath
	Fixes                    []pageFix
	Groups                   []pageGroup
	More                     int
	Causes                   []pageCause
	Silent                   []pageSilent
	Problems                 []pageProblems
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
	Severity, ID, Title, Engine, Why, Fix, Aliases string
	Total                                          int
	Places                                         []pagePlace
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

// pageProblems are the problems of one kind.
type pageProblems struct {
	Kind       string
	Incomplete bool
	Places     []pageProblem
}

type pageProblem struct{ Where, Text string }

// pageFolder counts what fails in a folder. One without a name stands for the rest.
type pageFolder struct {
	Name   string
	Rest   int
	Counts [4]pageCount // critical first
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
		name := t.Name
		if name == "." {
			name = cmp.Or(t.Title, name)
		}
		p.Targets = append(p.Targets, Clean(name))
		seen, read = seen+t.Seen, read+t.Read
		for k, n := range t.ByReader {
			kinds[k] += n
		}
	}
	p.Looked = fmt.Sprintf("looked at %s of %d (%s)", plural(read, "file"), seen, list(kinds))
	p.addPaths(r)
	p.addFindings(r)
	p.addProblems(r)
	p.addFolders(r)
	if r.Dated {
		p.Day = r.Time.UTC().Format(time.DateOnly)
	}
	if s.Incomplete > 0 {
		p.Incomplete = plural(s.Incomplete, "place")
	}
	return p
}

// addProblems puts problems of a kind together, those that make the run incomplete first.
func (p *page) addProblems(r *Report) {
	at := map[plinth.ProblemKind]int{}
	for _, x := range r.Problems {
		k, ok := at[x.Kind]
		if !ok {
			k = len(p.Problems)
			at[x.Kind] = k
			p.Problems = append(p.Problems, pageProblems{Kind: string(x.Kind), Incomplete: x.Kind.Incomplete()})
		}
		p.Problems[k].Places = append(p.Problems[k].Places, pageProblem{Clean(r.where(x.Target, x.At)), Clean(x.Text)})
	}
	slices.SortStableFunc(p.Problems, func(a, b pageProblems) int {
		if a.Incomplete != b.Incomplete {
			return map[bool]int{true: -1, false: 1}[a.Incomplete]
		}
		return strings.Compare(a.Kind, b.Kind)
	})
}

// where is a place in the words of the page: with its target where there are several.
func (r *Report) where(target string, at plinth.Location) string {
	if len(r.Targets) > 1 {
		return path.Join(target, spot(at))
	}
	return spot(at)
}

// addFolders counts what fails by folder, the worst first. Findings of one folder need no table.
func (p *page) addFolders(r *Report) {
	at := map[string]int{}
	var list []pageFolder
	for i := range r.Findings {
		f := &r.Findings[i]
		if f.Verdict != plinth.Fail || f.Suppressed != nil || f.Rule.Severity == plinth.Info {
			continue
		}
		parts := strings.Split(path.Dir(f.At.Path), "/")
		name := Clean(strings.Join(parts[:min(len(parts), pageDepth)], "/"))
		if len(r.Targets) > 1 {
			name = path.Join(Clean(f.Target), name)
		}
		k, ok := at[name]
		if !ok {
			k = len(list)
			at[name] = k
			one := pageFolder{Name: name}
			for n := range one.Counts {
				one.Counts[n].Severity = (plinth.Critical - plinth.Severity(n)).String()
			}
			list = append(list, one)
		}
		list[k].Counts[plinth.Critical-f.Rule.Severity].N++
	}
	slices.SortFunc(list, func(a, b pageFolder) int {
		for n := range a.Counts {
			if c := b.Counts[n].N - a.Counts[n].N; c != 0 {
				return c
			}
		}
		return strings.Compare(a.Name, b.Name)
	})
	if len(list) < 2 {
		return
	}
	if len(list) > pageFolders {
		rest := pageFolder{Rest: len(list) - pageFolders, Counts: list[pageFolders].Counts}
		for _, f := range list[pageFolders+1:] {
			for n := range f.Counts {
				rest.Counts[n].N += f.Counts[n].N
			}
		}
		list = append(list[:pageFolders], rest)
	}
	p.Folders = list
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
					hop.Evidence = append(hop.Evidence, pageStep{Clean(e.Note), Clean(spot(e.At))})
				}
				one.Hops = append(one.Hops, hop)
			}
			for _, c := range x.Cut {
				one.Cut = append(one.Cut, Clean(spot(c.At)))
			}
			p.Paths = append(p.Paths, one)
		}
		for _, f := range a.Fixes {
			p.Fixes = append(p.Fixes, pageFix{Clean(spot(f.At)), Clean(f.Note)})
		}
	}
}

func (p *page) addFindings(r *Report) {
	code := &excerpts{r: r, files: map[string][]string{}, hidden: secretsOf(r)}
	shown := 0
	for _, g := range groups(r, true) {
		one := pageGroup{
			Severity: g.rule.Severity.String(), ID: g.rule.ID, Title: g.rule.Title, Engine: g.rule.Engine, Why: g.rule.Why, Fix: g.rule.Fix, Total: g.total,
			Aliases: strings.Join(g.rule.Aliases, " "),
		}
		for _, x := range g.places {
			if shown == pagePlaces {
				p.More++
				continue
			}
			shown++
			f := x.first
			place := pagePlace{Where: Clean(r.where(f.Target, f.At)), Address: Clean(address(f)), Instances: x.instances, Reasons: x.reasons}
			if more := strings.TrimPrefix(strings.TrimPrefix(f.Message, f.Rule.Title), ": "); more != f.Rule.Title {
				place.Message = Clean(more)
			}
			if shown <= pageExcerpts {
				code.of(f, func(n int, text string, hit bool) { place.Lines = append(place.Lines, pageLine{n, text, hit}) })
			}
			for _, e := range f.Evidence {
				step := pageStep{Note: Clean(e.Note)}
				if e.At.Path != "" {
					step.Place = Clean(spot(e.At))
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
			p.Silent = append(p.Silent, pageSilent{Clean(r.where(f.Target, f.At)), f.Rule.ID, s.By, Clean(s.Why)})
		}
	}
}
