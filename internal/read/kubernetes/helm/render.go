package helm

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"text/template/parse"

	"github.com/plinthsec/plinth"
)

// Rendered is what a template came to.
type Rendered struct {
	Path  string  // of the template, as locations name it
	Text  []byte  // a YAML stream
	Lines []int32 // by line of Text, from 0: the line of the template that it comes from
}

// engine renders one chart with all charts in it.
type engine struct {
	ctx     context.Context
	funcs   map[string]any
	trees   map[string]*parse.Tree
	sources map[string]string // texts of templates, by the name under which they were parsed
	steps   int
	bytes   int
	calls   int
	lacks   []string // what the values lack
}

// Render renders all templates of a chart, in the order of their paths; what cannot be rendered is told as a problem of kind unsupported.
func (c *Chart) Render(ctx context.Context, problem func(plinth.Problem)) []Rendered {
	e := &engine{ctx: ctx, trees: map[string]*parse.Tree{}, sources: map[string]string{}}
	e.funcs = e.functions()
	top := c.scopes(nil, c.Name, c.Name)
	top.top = true
	var list []part
	top.parts(&list)
	// Helm's order: the deeper ones first, so that what a parent defines goes before what its charts define; then backwards, which is
	// how some charts (zzz_profile.yaml) change their values before the other templates look at them.
	slices.SortFunc(list, func(a, b part) int {
		return cmp.Or(cmp.Compare(strings.Count(b.name, "/"), strings.Count(a.name, "/")), strings.Compare(b.name, a.name))
	})
	broken := map[string]bool{}
	for i, p := range list {
		if err := e.parse(&list[i]); err != nil {
			broken[p.name] = true
			problem(plinth.Problem{Kind: plinth.Unsupported, At: plinth.Location{Path: p.path, Line: lineOf(err)}, Text: "the template is not rendered: " + plainly(err)})
		}
	}
	release := map[string]any{"Name": c.Name, "Namespace": "default", "Service": "Helm", "IsInstall": true, "IsUpgrade": false, "Revision": 1}
	contexts := map[*scope]map[string]any{}
	var out []Rendered
	for _, p := range list {
		if base := path.Base(p.name); strings.HasPrefix(base, "_") || base == "NOTES.txt" || broken[p.name] || p.scope.library() {
			continue
		}
		e.lacks = nil
		if contexts[p.scope] == nil {
			contexts[p.scope] = p.scope.context(release, capabilities())
		}
		one, err := e.render(p, contexts[p.scope])
		if err != nil {
			problem(plinth.Problem{Kind: plinth.Unsupported, At: plinth.Location{Path: p.path, Line: lineOf(err)}, Text: "the template is not rendered: " + plainly(err)})
			continue
		}
		for _, why := range unique(e.lacks) {
			problem(plinth.Problem{Kind: plinth.Unsupported, At: plinth.Location{Path: p.path}, Text: "the chart asks for a value that it does not bring: " + why})
		}
		if len(bytes.TrimSpace(one.Text)) > 0 {
			out = append(out, *one)
		}
	}
	slices.SortStableFunc(out, func(a, b Rendered) int { return strings.Compare(a.Path, b.Path) })
	return out
}

func unique(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return slices.Compact(list)
}

// part is a template of a chart.
type part struct {
	name  string // shop/charts/db/templates/x.yaml
	path  string
	data  []byte
	scope *scope
}

func (s *scope) parts(to *[]part) {
	for _, f := range s.chart.parts {
		*to = append(*to, part{s.path + "/" + f.name, (&loader{}).join(s.chart.Root, f.name), f.data, s})
	}
	for _, sub := range s.subs {
		sub.parts(to)
	}
}

// library tells whether a chart only defines templates for others.
func (s *scope) library() bool { return s.chart.meta["type"] == "library" }

// parse reads a template and what it defines.
func (e *engine) parse(p *part) error {
	t := parse.New(p.name)
	t.Mode = parse.SkipFuncCheck
	set := map[string]*parse.Tree{}
	if _, err := t.Parse(string(p.data), "", "", set); err != nil {
		return err
	}
	e.sources[p.name] = string(p.data)
	for name, one := range set {
		if old := e.trees[name]; old == nil || !parse.IsEmptyTree(one.Root) {
			e.trees[name] = one
		}
	}
	if e.trees[p.name] == nil {
		e.trees[p.name] = t
	}
	return nil
}

func lineAt(source string, at parse.Pos) int32 {
	return int32(strings.Count(source[:min(int(at), len(source))], "\n")) + 1
}

var errSteps = errors.New("it takes more steps than a chart is expected to take")

// step counts a step, and n more.
func (e *engine) step(n int) error {
	if e.steps += 1 + n; e.steps > maxSteps {
		return errSteps
	}
	if e.steps%1024 == 0 {
		return e.ctx.Err()
	}
	return nil
}

// render carries out a template.
func (e *engine) render(p part, data map[string]any) (*Rendered, error) {
	data["Template"] = map[string]any{"Name": p.name, "BasePath": p.scope.path + "/templates"}
	w := &writer{e: e, own: true}
	if err := e.execute(w, p.name, data); err != nil {
		return nil, err
	}
	w.end(w.line)
	return &Rendered{Path: p.path, Text: w.out.Bytes(), Lines: w.lines}, nil
}

// writer takes what a template writes, piece by piece.
type writer struct {
	e     *engine
	out   bytes.Buffer
	own   bool    // lines are wanted
	line  int32   // of the template, where it was last
	fixed int32   // line of the action that has another template carried out here, 0 for none
	lines []int32 // of the lines written
	begun bool    // the last line has something in it
}

// at returns the writer for a template that another one has carried out in place; it is the same one.
func (w *writer) at(line int32) *writer {
	if w.fixed == 0 {
		w.fixed = line
	}
	return w
}

// text writes a text of the template that begins at a line.
func (w *writer) text(piece []byte, line int32) error { return w.write(piece, line, true) }

// action writes what an action at a line comes to.
func (w *writer) action(piece string, line int32) error { return w.write([]byte(piece), line, false) }

func (w *writer) write(piece []byte, line int32, moves bool) error {
	if w.e.bytes += len(piece); w.e.bytes > maxOutput {
		return errors.New("it makes more text than a chart is expected to make")
	}
	w.out.Write(piece)
	if !w.own {
		return nil
	}
	if w.fixed > 0 {
		line, moves = w.fixed, false
	}
	for _, c := range piece {
		if c != '\n' {
			if !w.begun {
				w.lines, w.begun = append(w.lines, line), true
			}
			continue
		}
		w.end(line)
		if moves {
			line++
		}
	}
	w.line = line
	return nil
}

func (w *writer) end(line int32) {
	if !w.begun {
		w.lines = append(w.lines, line)
	}
	w.begun = false
}

// deeper guards against templates that carry out each other without end.
func (e *engine) deeper(do func() error) error {
	if e.calls++; e.calls > maxCalls {
		return errors.New("templates include each other too deep")
	}
	defer func() { e.calls-- }()
	return do()
}

// include renders a template that another one defines.
func (e *engine) include(name string, data any) (string, error) {
	w := &writer{e: e}
	err := e.deeper(func() error { return e.execute(w, name, data) })
	return w.out.String(), err
}

// tpl renders a text as a template, which may define others for itself.
func (e *engine) tpl(text string, data any) (string, error) {
	if !strings.Contains(text, "{{") {
		return text, nil
	}
	if err := e.step(len(text) / 16); err != nil {
		return "", err
	}
	w := &writer{e: e}
	err := e.deeper(func() error {
		before, sources := e.trees, e.sources
		defer func() { e.trees, e.sources = before, sources }()
		e.trees, e.sources = maps.Clone(before), maps.Clone(sources)
		if err := e.parse(&part{name: "tpl", data: []byte(text)}); err != nil {
			return err
		}
		return e.execute(w, "tpl", data)
	})
	return w.out.String(), err
}

// lineOf is the line of an error: where it was carried out, or as the parser tells it: template: NAME:LINE: …
func lineOf(err error) int32 {
	var placed *fault
	if errors.As(err, &placed) {
		return placed.line
	}
	for rest := err.Error(); ; {
		_, after, ok := strings.Cut(rest, ":")
		if !ok {
			return 0
		}
		var line int32
		if _, scanned := fmt.Sscanf(after, "%d", &line); scanned == nil {
			return line
		}
		rest = after
	}
}

const longest = 300 // bytes of an error that are told

// plainly is what an error says in the end.
func plainly(err error) string {
	s := err.Error()
	s = strings.TrimPrefix(s, "template: ")
	if len(s) > longest {
		s = s[:longest] + "…"
	}
	return s
}
