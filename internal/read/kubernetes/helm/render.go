package helm

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"text/template"
	"text/template/parse"
	"unsafe"

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
	ctx   context.Context
	all   *template.Template
	steps int
	bytes int
	calls int
	lacks []string       // what the values lack
	marks map[*byte]mark // where pieces of templates stand
	known map[*parse.Tree]bool
}

// mark is where a piece of a template stands: a text, whose lines are its own, or the place of an action.
type mark struct {
	line int32
	text bool
}

// Render renders all templates of a chart, in the order of their paths; what cannot be rendered is told as a problem of kind unsupported.
func (c *Chart) Render(ctx context.Context, problem func(plinth.Problem)) []Rendered {
	e := &engine{ctx: ctx, marks: map[*byte]mark{}, known: map[*parse.Tree]bool{}}
	e.all = template.New("chart").Option("missingkey=zero").Funcs(e.functions())
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

// parse reads a template and marks its pieces.
func (e *engine) parse(p *part) error {
	t, err := e.all.New(p.name).Parse(string(p.data))
	if err != nil {
		return err
	}
	e.mark(t, string(p.data))
	return nil
}

// mark puts a piece of no length before each action: the writer sees where that stands, and that a loop goes on.
func (e *engine) mark(t *template.Template, source string) {
	for _, one := range t.Templates() {
		if one.Tree == nil || e.known[one.Tree] {
			continue
		}
		e.known[one.Tree] = true
		e.list(one.Tree.Root, source)
	}
}

func (e *engine) list(l *parse.ListNode, source string) {
	if l == nil {
		return
	}
	nodes := make([]parse.Node, 0, 2*len(l.Nodes)+1)
	nodes = append(nodes, e.stop(l.Pos, source))
	for _, n := range l.Nodes {
		switch n := n.(type) {
		case *parse.TextNode:
			if len(n.Text) > 0 {
				e.marks[&n.Text[0]] = mark{lineAt(source, n.Pos), true}
			}
		case *parse.IfNode:
			e.list(n.List, source)
			e.list(n.ElseList, source)
		case *parse.RangeNode:
			e.list(n.List, source)
			e.list(n.ElseList, source)
		case *parse.WithNode:
			e.list(n.List, source)
			e.list(n.ElseList, source)
		default:
			nodes = append(nodes, e.stop(n.Position(), source))
		}
		nodes = append(nodes, n)
	}
	l.Nodes = nodes
}

// stop is a piece of no length.
func (e *engine) stop(at parse.Pos, source string) *parse.TextNode {
	text := make([]byte, 1)
	e.marks[&text[0]] = mark{line: lineAt(source, at)}
	return &parse.TextNode{NodeType: parse.NodeText, Pos: at, Text: text[:0]}
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
	w := &writer{e: e, line: 1, own: true}
	if err := e.all.ExecuteTemplate(w, p.name, data); err != nil {
		return nil, err
	}
	w.end()
	return &Rendered{Path: p.path, Text: w.out.Bytes(), Lines: w.lines}, nil
}

// writer takes what a template writes, piece by piece.
type writer struct {
	e     *engine
	out   bytes.Buffer
	own   bool    // lines are wanted
	line  int32   // of the template, where it is now
	lines []int32 // of the lines written
	begun bool    // the last line has something in it
}

func (w *writer) Write(piece []byte) (int, error) {
	if err := w.e.step(0); err != nil {
		return 0, err
	}
	n := len(piece)
	if w.e.bytes += n; w.e.bytes > maxOutput {
		return 0, errors.New("it makes more text than a chart is expected to make")
	}
	m, ours := w.e.marks[unsafe.SliceData(piece)]
	if ours {
		w.line = m.line
	}
	if !(ours && m.text) && bytes.Contains(piece, []byte("<no value>")) {
		piece = bytes.ReplaceAll(piece, []byte("<no value>"), nil)
	}
	w.out.Write(piece)
	if !w.own {
		return n, nil
	}
	for _, c := range piece {
		if c != '\n' {
			if !w.begun {
				w.lines, w.begun = append(w.lines, w.line), true
			}
			continue
		}
		w.end()
		if ours && m.text {
			w.line++
		}
	}
	return n, nil
}

func (w *writer) end() {
	if !w.begun {
		w.lines = append(w.lines, w.line)
	}
	w.begun = false
}

// include renders a template that another one defines.
func (e *engine) include(name string, data any) (string, error) {
	if e.calls++; e.calls > maxCalls {
		return "", errors.New("templates include each other too deep")
	}
	defer func() { e.calls-- }()
	w := &writer{e: e}
	err := e.all.ExecuteTemplate(w, name, data)
	return w.out.String(), err
}

// tpl renders a text as a template.
func (e *engine) tpl(text string, data any) (string, error) {
	if !strings.Contains(text, "{{") {
		return text, nil
	}
	if e.calls++; e.calls > maxCalls {
		return "", errors.New("templates include each other too deep")
	}
	defer func() { e.calls-- }()
	if err := e.step(200); err != nil {
		return "", err
	}
	t, err := e.all.Clone()
	if err != nil {
		return "", err
	}
	t, err = t.New("tpl").Parse(text)
	if err != nil {
		return "", err
	}
	e.list(t.Root, text)
	w := &writer{e: e}
	err = t.Execute(w, data)
	return w.out.String(), err
}

// lineOf reads the line out of an error of text/template: template: NAME:LINE:COL: …
func lineOf(err error) int32 {
	for rest := err.Error(); ; {
		_, after, ok := strings.Cut(rest, ".yaml:")
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
	if i := strings.LastIndex(s, ">: "); i >= 0 {
		s = s[i+3:]
	}
	s = strings.TrimPrefix(s, "template: ")
	if len(s) > longest {
		s = s[:longest] + "…"
	}
	return s
}
