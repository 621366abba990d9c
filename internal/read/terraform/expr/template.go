package expr

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/read/terraform/function"
	"github.com/plinthsec/plinth/internal/value"
)

const maxEnd = 256 // bytes of a text's known ends that are kept: names and prefixes, not scripts

// template is a text with expressions in it.
type template struct{ parts []Node }

// joined is a for directive of a template: the texts of a list, one behind the other.
type joined struct{ list Node }

// piece is a part of a template's text: known, or a hole.
type piece struct {
	text string
	hole plinth.Value // unknown
}

// pieces evaluates a template into its parts. Marks of known parts are gathered in marks.
type pieces struct {
	list  []piece
	size  int
	open  bool
	marks []plinth.Value
}

func (n *template) eval(f *Frame) plinth.Value { return f.text(n) }
func (n *joined) eval(f *Frame) plinth.Value   { return f.text(n) }

// text evaluates a node of a template to a string.
func (f *Frame) text(n Node) plinth.Value {
	var p pieces
	if !f.pieces(n, &p) {
		return f.fault(textOf(n))
	}
	if p.size > maxText {
		return f.limit("a template makes more than 16 MiB of text")
	}
	if !p.open {
		return function.Marked(plinth.StringOf(p.string()), p.marks...)
	}
	holes := p.marks
	for _, e := range p.list {
		if e.hole.IsUnknown() {
			holes = append(holes, e.hole)
		}
	}
	parts := p.values()
	v := value.Parted(function.Unknown(holes...).WithEnds(ends(parts)), parts)
	if doc, ok := document(p.list); ok {
		return v.WithDocument(doc)
	}
	return v
}

// values are the parts of a template's text.
func (p *pieces) values() []plinth.Value {
	parts := make([]plinth.Value, len(p.list))
	for i, e := range p.list {
		if parts[i] = e.hole; !e.hole.IsUnknown() {
			parts[i] = plinth.StringOf(e.text)
		}
	}
	return parts
}

// ends are the known texts before the first hole and after the last.
func ends(parts []plinth.Value) (head, tail string) {
	head, tail = value.Ends(parts)
	return head[:min(len(head), maxEnd)], tail[max(0, len(tail)-maxEnd):]
}

func (p *pieces) string() string {
	if len(p.list) == 1 {
		return p.list[0].text
	}
	var b strings.Builder
	b.Grow(min(p.size, maxText))
	for _, e := range p.list {
		b.WriteString(e.text)
	}
	return b.String()
}

// pieces adds the parts of a node; false when one of them is no text.
func (f *Frame) pieces(n Node, p *pieces) bool {
	if p.size > maxText {
		return true
	}
	switch n := n.(type) {
	case *template:
		for _, part := range n.parts {
			if !f.pieces(part, p) {
				return false
			}
		}
		return true
	case *joined:
		l, ok := n.list.(*loop)
		if !ok || l.key != nil {
			return false
		}
		fine := true
		open, _, ok := l.each(f, func() { fine = f.pieces(l.value, p) && fine })
		for _, o := range open {
			p.open = true
			p.list = append(p.list, piece{hole: function.Unknown(o)})
		}
		return ok && fine
	case *conditional:
		c := f.eval(n.of)
		if t, err := function.ToBool(c); err == nil && t.Kind() == plinth.Bool {
			p.mark(c)
			if t.Bool() {
				return f.pieces(n.yes, p)
			}
			return f.pieces(n.no, p)
		}
	}
	return p.add(f.eval(n))
}

func (p *pieces) mark(v plinth.Value) {
	if v.Sensitive() || len(v.Refs()) > 0 {
		p.marks = append(p.marks, v)
	}
}

func (p *pieces) add(v plinth.Value) bool {
	if v.IsUnknown() {
		p.open = true
		p.list = append(p.list, piece{hole: v})
		return true
	}
	s, err := function.ToString(v)
	if err != nil || s.IsNull() {
		return false
	}
	p.mark(v)
	p.size += len(s.Str())
	p.list = append(p.list, piece{text: s.Str()})
	return true
}

// document reads a text with holes as JSON or YAML: each hole becomes a token that is turned back afterwards.
func document(list []piece) (plinth.Value, bool) {
	json, likely := looksLike(list)
	if !likely {
		return plinth.Value{}, false
	}
	d := &holes{mark: "\uE000hole"}
	for slices.ContainsFunc(list, func(p piece) bool { return strings.Contains(p.text, d.mark) }) {
		d.mark += "\uE000"
	}
	var b strings.Builder
	quoted := false
	for _, p := range list {
		if !p.hole.IsUnknown() {
			b.WriteString(p.text)
			quoted = inString(p.text, quoted)
			continue
		}
		token := d.mark + strconv.Itoa(len(d.values)) + "\uE001"
		d.values = append(d.values, p.hole)
		if json && !quoted {
			token = `"` + token + `"`
		}
		b.WriteString(token)
	}
	var doc plinth.Value
	var err error
	if json {
		doc, err = value.ParseJSON(strings.TrimSpace(b.String()))
	} else {
		doc, err = function.ParseYAML(b.String())
	}
	if err != nil || doc.Kind() != plinth.List && doc.Kind() != plinth.Map {
		return plinth.Value{}, false
	}
	return d.restore(doc), true
}

// looksLike tells from the first known text whether a template may be a JSON or a YAML document.
func looksLike(list []piece) (json, likely bool) {
	for _, p := range list {
		if p.hole.IsUnknown() {
			return false, false
		}
		s := strings.TrimLeft(p.text, " \t\r\n")
		if s == "" {
			continue
		}
		if s[0] == '{' || s[0] == '[' {
			return true, true
		}
		for strings.HasPrefix(s, "#") && !strings.HasPrefix(s, "#!") || strings.HasPrefix(s, "---") {
			_, s, _ = strings.Cut(s, "\n")
			s = strings.TrimLeft(s, " \t\r\n")
		}
		line, _, _ := strings.Cut(s, "\n")
		key, _, isKey := strings.Cut(line, ":")
		return false, strings.HasPrefix(line, "- ") || isKey && !strings.ContainsAny(key, " \t{}()<>;,$")
	}
	return false, false
}

// inString tells whether the end of a JSON text stands inside a string, given whether its start does.
func inString(s string, quoted bool) bool {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			quoted = !quoted
		case '\\':
			if quoted {
				i++
			}
		}
	}
	return quoted
}

type holes struct {
	mark   string
	values []plinth.Value
}

// restore turns tokens back into the unknowns that they stand for.
func (d *holes) restore(v plinth.Value) plinth.Value {
	switch v.Kind() {
	case plinth.String:
		return d.leaf(v)
	case plinth.List:
		list := make([]plinth.Value, v.Len())
		for i, e := range v.List() {
			list[i] = d.restore(e)
		}
		return plinth.ListOf(list)
	case plinth.Map:
		fields := make([]plinth.Field, 0, v.Len())
		var open []plinth.Value
		for _, e := range v.Fields() {
			if k := d.in(e.Key); len(k) > 0 {
				open = append(open, k...)
				continue
			}
			fields = append(fields, plinth.Field{Key: e.Key, Value: d.restore(e.Value)})
		}
		return opened(plinth.MapOf(fields), open)
	}
	return v
}

func (d *holes) leaf(v plinth.Value) plinth.Value {
	in := d.in(v.Str())
	switch {
	case len(in) == 0:
		return v
	case len(in) == 1 && strings.HasPrefix(v.Str(), d.mark) && strings.HasSuffix(v.Str(), "\uE001"):
		if doc, ok := in[0].Document(); ok && !in[0].Partial() {
			return doc
		}
		return in[0]
	}
	head, _, _ := strings.Cut(v.Str(), d.mark)
	tail := v.Str()[strings.LastIndex(v.Str(), "\uE001")+len("\uE001"):]
	return value.Parted(function.Unknown(in...).WithEnds(head, tail), d.split(v.Str()))
}

// in returns the holes that stand in a text.
func (d *holes) in(s string) []plinth.Value {
	return slices.DeleteFunc(d.split(s), func(v plinth.Value) bool { return !v.IsUnknown() })
}

// split cuts a text into what is known of it and its holes.
func (d *holes) split(s string) []plinth.Value {
	var out []plinth.Value
	for {
		head, rest, ok := strings.Cut(s, d.mark)
		if head != "" {
			out = append(out, plinth.StringOf(head))
		}
		if !ok {
			return out
		}
		num, behind, _ := strings.Cut(rest, "\uE001")
		if i, err := strconv.Atoi(num); err == nil && i < len(d.values) {
			out = append(out, d.values[i])
		}
		s = behind
	}
}

// templateCall is templatefile or templatestring.
type templateCall struct {
	name string
	args []Node
	at   plinth.Location
}

func (n *templateCall) eval(f *Frame) plinth.Value {
	if len(n.args) != 2 || f.inside > 0 {
		return f.fault(n.name + "()")
	}
	of, vars := f.eval(n.args[0]), f.eval(n.args[1])
	if of.Kind() != plinth.String {
		if of.IsUnknown() {
			return function.Unknown(of)
		}
		return f.fault(n.name + "()")
	}
	tree, err := n.load(f, of.Str())
	if err != nil {
		return f.failed(n.name, err, []plinth.Value{of}, n.at)
	}
	inner := Frame{State: f.State, names: templateNames{vars}}
	f.inside++
	v := inner.eval(tree)
	f.inside--
	return function.Marked(v, of).WithSensitive(v.Sensitive() || vars.Sensitive())
}

func (n *templateCall) load(f *Frame, of string) (Node, error) {
	path, text := n.at.Path, []byte(of)
	key := n.name + "\x00" + of
	if tree, ok := f.templates[key]; ok {
		return tree, nil
	}
	if n.name == "templatefile" {
		if f.files == nil {
			return nil, fmt.Errorf("templatefile: no files")
		}
		b, name, err := f.files.ReadFile(of)
		if err != nil {
			return nil, err
		}
		path, text = name, b
	}
	tree, err := ParseTemplate(text, path, f.funcs)
	if err != nil {
		return nil, &function.FileError{Path: path, Kind: plinth.Broken, Why: err.Error()}
	}
	f.templates[key] = tree
	return tree, nil
}

// templateNames are the variables of a template.
type templateNames struct{ vars plinth.Value }

func (t templateNames) Name(root string, rest []string) (Item, int) {
	if v, ok := t.vars.Get(root); ok {
		return Item{Value: v}, 0
	}
	if t.vars.IsUnknown() {
		if t.vars.Partial() {
			if doc, ok := t.vars.Document(); ok {
				if v, ok := doc.Get(root); ok {
					return Item{Value: v}, 0
				}
			}
		}
		return Item{Value: function.Unknown(t.vars)}, 0
	}
	return Item{Value: plinth.UnknownOf(root)}, 0
}

// Template evaluates a text as a template with the given variables.
func (s *State) Template(text, vars plinth.Value) plinth.Value {
	f := Frame{State: s, names: templateNames{}}
	n := &templateCall{name: "templatestring", args: []Node{constant{text}, constant{vars}}}
	faults := s.faults
	v := f.eval(n)
	s.faults = faults
	return v
}

// Files returns the files of the run.
func (s *State) Files() function.Files { return s.files }
