package fix

import (
	"fmt"
	"path"
	"slices"
	"sort"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/read/terraform/splice"
	"github.com/plinthsec/plinth/internal/rule"
)

// Terraform proposes fixes of Terraform files from the examples of the finding's rule.
type Terraform struct {
	Examples func(id string) []rule.Example
	Files    []string // all paths of the target, to find a variable's declaration
}

// setting is one difference between two blocks: an argument or a nested block that is to be there, or an argument that is not.
type setting struct {
	path   []string // nested blocks on the way
	name   string
	text   string // of the expression, or of the whole block
	block  bool
	remove bool
	plain  bool
	on     bool // a bool
}

// Propose returns the candidates of a finding, those with the fewest changes first.
func (t *Terraform) Propose(f *plinth.Finding, read func(string) ([]byte, error)) ([]Candidate, string) {
	decl := f.Decl
	if decl == nil && f.Resource != nil {
		decl = f.Resource.Decl
	}
	if decl == nil || !strings.HasSuffix(decl.At.Path, ".tf") {
		return nil, "there is no fix for this kind of file"
	}
	if strings.Contains(decl.At.Path, ".terraform/") || strings.Contains(decl.At.Path, "://") {
		return nil, "it stands in a downloaded module: change the module or its call"
	}
	src, err := read(decl.At.Path)
	if err != nil {
		return nil, "the file cannot be read: " + err.Error()
	}
	file, err := splice.Parse(decl.At.Path, src)
	if err != nil {
		return nil, "the file does not parse"
	}
	block := file.At(int(decl.At.Line))
	if block == nil || len(block.Labels) < 2 {
		return nil, "its block is not a resource in this file"
	}
	e := &editing{Terraform: t, path: decl.At.Path, src: src, block: block, read: read, called: len(decl.Callers) > 0, files: map[string]*splice.File{decl.At.Path: file}}
	var out []Candidate
	good := false
	for _, r := range append([]*plinth.Rule{f.Rule}, f.Also...) {
		bad, fine := t.examples(r.ID)
		good = good || len(fine) > 0
		out = append(out, e.candidates(block, bad, fine)...)
	}
	sort.SliceStable(out, func(i, j int) bool { return rank(out[i], f.Rule.Fix) < rank(out[j], f.Rule.Fix) })
	out = slices.CompactFunc(out, func(a, b Candidate) bool { return slices.Equal(a.Edits, b.Edits) })
	switch {
	case len(out) > 0:
		return out, ""
	case e.why != "":
		return nil, e.why
	case !good:
		return nil, "there is no fix for this rule in Terraform"
	}
	return nil, "what to write here only the owner knows: " + f.Rule.Fix
}

// rank orders candidates: few changes first, of these the ones that the rule's advice names, and taking something out last.
func rank(c Candidate, advice string) int {
	n := 4 * len(c.Edits)
	if c.Named == "" || !strings.Contains(advice, c.Named) {
		n++
	}
	if strings.HasPrefix(c.Summary, "take out ") {
		n += 2
	}
	if c.late {
		n += 16
	}
	return n
}

// examples parses the rule's Terraform examples.
func (t *Terraform) examples(id string) (bad, good []*splice.File) {
	for _, ex := range t.Examples(id) {
		if ex.Form != "terraform" {
			continue
		}
		for _, text := range ex.Files {
			f, err := splice.Parse("example.tf", []byte(text))
			if err != nil {
				continue
			}
			if ex.Bad {
				bad = append(bad, f)
			} else {
				good = append(good, f)
			}
		}
	}
	return bad, good
}

// editing makes edits of one block.
type editing struct {
	*Terraform
	path   string
	src    []byte
	block  *splice.Block
	read   func(string) ([]byte, error)
	called bool // the block stands in a module that somebody calls
	files  map[string]*splice.File
	why    string // why a change was not possible
}

// candidates compares the block with the good examples. What a bad example says as well is tried last.
func (e *editing) candidates(block *splice.Block, bad, good []*splice.File) []Candidate {
	common := map[string]bool{}
	var wrong []setting
	for _, f := range bad {
		for _, b := range ofType(f, block.Labels[0]) {
			for _, s := range settings(b, nil) {
				common[s.key()] = true
				wrong = append(wrong, s)
			}
		}
	}
	var out []Candidate
	for _, f := range good {
		for _, b := range ofType(f, block.Labels[0]) {
			said := settings(b, nil)
			out = append(out, e.from(said, common)...)
			for _, s := range wrong {
				if s.on && len(s.path) == 0 && !slices.ContainsFunc(said, func(o setting) bool { return o.name == s.name && slices.Equal(o.path, s.path) }) {
					s.remove = true
					out = e.add(out, []setting{s})
				}
			}
			out = append(out, e.companions(f, b)...)
		}
	}
	return out
}

// from returns a candidate for each difference alone, and one for all together.
func (e *editing) from(said []setting, common map[string]bool) []Candidate {
	var out []Candidate
	var all []setting
	for _, s := range said {
		switch {
		case !s.plain:
		case common[s.key()]:
			n := len(out)
			if out = e.add(out, []setting{s}); len(out) > n {
				out[n].late = true
			}
		default:
			out = e.add(out, []setting{s})
			all = append(all, s)
		}
	}
	if len(all) > 1 {
		out = e.add(out, all)
	}
	return out
}

func (e *editing) add(out []Candidate, list []setting) []Candidate {
	var c Candidate
	for _, s := range list {
		edits, note := e.edit(s)
		if len(edits) == 0 {
			continue
		}
		c.Edits = append(c.Edits, edits...)
		c.Summary = joined(c.Summary, s.summary())
		c.Note = joined(c.Note, note)
		c.Named = s.name
	}
	if len(c.Edits) == 0 {
		return out
	}
	return append(out, c)
}

func joined(a, b string) string {
	if a == "" || b == "" || a == b {
		return a + strings.TrimPrefix(b, a)
	}
	return a + "; " + b
}

func (s setting) key() string { return strings.Join(s.path, ".") + "." + s.name + "=" + s.text }

func (s setting) summary() string {
	name := strings.Join(append(slices.Clone(s.path), s.name), ".")
	switch {
	case s.remove:
		return "take out " + name
	case s.block:
		return "add the block " + name
	}
	return "set " + name + " = " + s.text
}

func ofType(f *splice.File, typ string) []*splice.Block {
	return slices.DeleteFunc(slices.Clone(f.Blocks), func(b *splice.Block) bool {
		return b.Kind != "resource" || len(b.Labels) < 2 || b.Labels[0] != typ
	})
}

// settings are all that a block says: arguments, nested blocks as a whole, and what they say.
func settings(b *splice.Block, at []string) []setting {
	var out []setting
	for _, a := range b.Attrs {
		out = append(out, setting{path: at, name: a.Name, text: a.Text, plain: a.Plain, on: a.Switch})
	}
	for _, c := range b.Blocks {
		if c.Kind == "dynamic" || c.Kind == "lifecycle" || c.Kind == "provisioner" {
			continue
		}
		out = append(out, setting{path: at, name: c.Kind, block: true, plain: c.Plain(), text: render(c, "")})
		out = append(out, settings(c, append(slices.Clone(at), c.Kind))...)
	}
	return out
}

// render writes a block in the layout of terraform fmt.
func render(b *splice.Block, indent string) string {
	var out strings.Builder
	out.WriteString(indent + b.Kind)
	for _, l := range b.Labels {
		fmt.Fprintf(&out, " %q", l)
	}
	if len(b.Attrs)+len(b.Blocks) == 0 {
		return out.String() + " {}\n"
	}
	out.WriteString(" {\n")
	width := 0
	for _, a := range b.Attrs {
		width = max(width, len(a.Name))
	}
	for _, a := range b.Attrs {
		fmt.Fprintf(&out, "%s  %-*s = %s\n", indent, width, a.Name, a.Text)
	}
	for i, c := range b.Blocks {
		if i > 0 || len(b.Attrs) > 0 {
			out.WriteString("\n")
		}
		out.WriteString(render(c, indent+"  "))
	}
	return out.String() + indent + "}\n"
}

// edit turns a setting into edits of the block; none where the block says so already or cannot say it.
func (e *editing) edit(s setting) ([]Edit, string) {
	b := e.block
	for _, kind := range s.path {
		inside := b.Inside(kind)
		if len(inside) != 1 {
			return nil, ""
		}
		b = inside[0]
	}
	a, there := b.Attr(s.name)
	switch {
	case s.remove:
		if !there || a.Text != s.text {
			return nil, ""
		}
		from, to := wholeLine(e.src, a.Start, a.End)
		return []Edit{{Path: e.path, From: from, To: to}}, ""
	case s.block:
		if there || len(b.Inside(s.name)) > 0 && !repeats(b.Inside(s.name), s.text) || slices.ContainsFunc(b.Inside("dynamic"), func(d *splice.Block) bool { return slices.Contains(d.Labels, s.name) }) {
			return nil, ""
		}
		return e.insert(b, s.text), note(s)
	case !there:
		if len(b.Inside(s.name)) > 0 {
			return nil, ""
		}
		return e.insert(b, s.name+e.gap(b, s.name)+"= "+s.text+"\n"), note(s)
	case a.Text == s.text:
		return nil, ""
	case len(a.Refs) > 0:
		return e.origin(a, s)
	}
	return []Edit{{Path: e.path, From: a.From, To: a.End, Text: s.text}}, note(s)
}

// repeats tells whether a block is one more option, of a name that none of those there has.
func repeats(there []*splice.Block, text string) bool {
	for _, b := range there {
		name, ok := b.Attr("name")
		if _, valued := b.Attr("value"); !ok || !valued || strings.Contains(text, " = "+name.Text+"\n") {
			return false
		}
	}
	return true
}

// gap is the space before the equals sign: that of the argument in the line before the closing brace, as terraform fmt has it.
func (e *editing) gap(b *splice.Block, name string) string {
	if len(b.Attrs) == 0 {
		return " "
	}
	last := b.Attrs[len(b.Attrs)-1]
	if strings.Contains(string(e.src[last.Start:last.End]), "\n") || strings.Count(string(e.src[last.End:b.Close]), "\n") != 1 {
		return " "
	}
	sign := strings.IndexByte(string(e.src[last.Start:last.From]), '=')
	return strings.Repeat(" ", max(1, sign-len(name)))
}

// replacing are words of arguments that cannot be changed in place: Terraform makes the resource anew.
var replacing = []string{"encrypt", "kms", "private_cluster", "host_encryption", "purge_protection"}

func note(s setting) string {
	for _, w := range replacing {
		if strings.Contains(s.name, w) {
			return s.name + " may only be possible on a new resource: read the plan before applying"
		}
	}
	return ""
}

// origin follows a reference to the one place that decides: the default of a variable, or a local, of the same folder.
func (e *editing) origin(a splice.Attr, s setting) ([]Edit, string) {
	ref := a.Refs[0]
	kind, name, _ := strings.Cut(ref, ".")
	if len(a.Refs) != 1 || a.Text != ref || kind != "var" && kind != "local" {
		e.why = s.name + " is decided by " + a.Text
		return nil, ""
	}
	if e.called && kind == "var" {
		e.why = s.name + " is decided by the calls of this module: " + ref
		return nil, ""
	}
	for _, p := range e.Files {
		if path.Dir(p) != path.Dir(e.path) || !strings.HasSuffix(p, ".tf") {
			continue
		}
		f := e.file(p)
		if f == nil {
			continue
		}
		for _, b := range f.Blocks {
			want := name
			if kind == "var" {
				if b.Kind != "variable" || len(b.Labels) != 1 || b.Labels[0] != name {
					continue
				}
				want = "default"
			} else if b.Kind != "locals" {
				continue
			}
			if d, ok := b.Attr(want); ok && d.Literal {
				return []Edit{{Path: p, From: d.From, To: d.End, Text: s.text}}, ref + " is changed for everything that uses it"
			}
		}
	}
	e.why = s.name + " is decided by " + ref + ", which has no value in this folder"
	return nil, ""
}

func (e *editing) file(p string) *splice.File {
	if f, ok := e.files[p]; ok {
		return f
	}
	src, err := e.read(p)
	if err == nil {
		e.files[p], _ = splice.Parse(p, src)
	}
	return e.files[p]
}

// insert puts lines before the closing brace of a block, indented like what stands there.
func (e *editing) insert(b *splice.Block, text string) []Edit {
	outer := indentOf(e.src, b.Start)
	inner := outer + "  "
	if len(b.Attrs) > 0 && lineStart(e.src, b.Attrs[0].Start) != lineStart(e.src, b.Start) {
		inner = indentOf(e.src, b.Attrs[0].Start)
	}
	var out strings.Builder
	for _, line := range strings.SplitAfter(text, "\n") {
		if strings.TrimSpace(line) != "" {
			out.WriteString(inner)
		}
		out.WriteString(line)
	}
	at := lineStart(e.src, b.Close)
	if at > b.Open { // the brace has a line of its own
		return []Edit{{Path: e.path, From: at, To: at, Text: out.String()}}
	}
	content := strings.TrimSpace(string(e.src[b.Open:b.Close]))
	if content != "" {
		content = inner + content + "\n"
	}
	return []Edit{{Path: e.path, From: b.Open, To: b.Close, Text: "\n" + content + out.String() + outer}}
}

// companions are the resources that a good example hangs on the main one, named after it.
func (e *editing) companions(f *splice.File, main *splice.Block) []Candidate {
	if _, ok := e.block.Attr("count"); ok {
		return nil
	}
	if _, ok := e.block.Attr("for_each"); ok {
		return nil
	}
	from, to := main.Labels[0]+"."+main.Labels[1], e.block.Labels[0]+"."+e.block.Labels[1]
	var out []Candidate
	for _, b := range f.Blocks {
		if b == main || b.Kind != "resource" || len(b.Labels) < 2 || b.Labels[0] == main.Labels[0] || !hangsOn(b, from) {
			continue
		}
		own := *b
		own.Labels = []string{b.Labels[0], e.block.Labels[1]}
		text := strings.ReplaceAll(render(&own, ""), from+".", to+".")
		out = append(out, Candidate{
			Adds:    b.Labels[0] + "." + e.block.Labels[1],
			Summary: "add " + b.Labels[0] + "." + e.block.Labels[1],
			Edits:   []Edit{{Path: e.path, From: e.block.End, To: e.block.End, Text: "\n\n" + strings.TrimSuffix(text, "\n")}},
		})
	}
	return out
}

// hangsOn tells whether a block refers to the main resource and otherwise says only what is plain.
func hangsOn(b *splice.Block, main string) bool {
	found := false
	for _, a := range b.Attrs {
		switch {
		case a.Plain:
		case len(a.Refs) == 1 && a.Refs[0] == main && strings.HasPrefix(a.Text, main+"."):
			found = true
		default:
			return false
		}
	}
	return found && !slices.ContainsFunc(b.Blocks, func(c *splice.Block) bool { return c.Kind == "dynamic" || !c.Plain() })
}

func lineStart(src []byte, at int) int {
	return strings.LastIndexByte(string(src[:at]), '\n') + 1
}

func indentOf(src []byte, at int) string {
	line := string(src[lineStart(src, at):at])
	return line[:len(line)-len(strings.TrimLeft(line, " \t"))]
}

// wholeLine widens a range to its lines where nothing else stands on them.
func wholeLine(src []byte, from, to int) (int, int) {
	start := lineStart(src, from)
	end := to
	for end < len(src) && src[end] != '\n' {
		end++
	}
	rest := strings.TrimSpace(string(src[to:end]))
	if strings.TrimSpace(string(src[start:from])) != "" || rest != "" {
		return from, to
	}
	return start, min(end+1, len(src))
}
