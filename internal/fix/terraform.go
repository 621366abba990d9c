package fix

import (
	"bytes"
	"fmt"
	"maps"
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

	parsed map[string]*splice.File // by path, of those that were asked for
}

// parse parses a file, if it is not the one that it was the last time.
func (t *Terraform) parse(name string, src []byte) (*splice.File, error) {
	if f := t.parsed[name]; f != nil && bytes.Equal(f.Source, src) {
		return f, nil
	}
	f, err := splice.Parse(name, src)
	if t.parsed == nil {
		t.parsed = map[string]*splice.File{}
	}
	t.parsed[name] = f
	return f, err
}

// setting is one difference between two blocks: an argument or a nested block that is to be there, or an argument that is not.
type setting struct {
	path   []string // nested blocks on the way
	within string   // the argument whose map it is an entry of, "" for an argument or a block
	name   string
	text   string // of the expression, or of the whole block
	block  bool
	remove bool
	plain  bool
	on     bool // a bool
	value  bool // a bool or a number
	whole  bool // a map as a whole
}

// Propose returns the candidates of a finding, those with the fewest changes first.
func (t *Terraform) Propose(f *plinth.Finding, read func(string) ([]byte, error)) ([]Candidate, string) {
	decl := f.Decl
	if decl == nil && f.Resource != nil {
		decl = f.Resource.Decl
	}
	if strings.Contains(f.Rule.Fix, " unless ") {
		return nil, "only the owner can decide: " + f.Rule.Fix
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
	file, err := t.parse(decl.At.Path, src)
	if err != nil {
		return nil, "the file does not parse"
	}
	block := file.At(int(decl.At.Line))
	if block == nil || len(block.Labels) < 2 {
		return nil, "its block is not a resource in this file"
	}
	e := &editing{Terraform: t, path: decl.At.Path, src: src, block: block, read: read, callers: decl.Callers, files: map[string]*splice.File{decl.At.Path: file}}
	var out []Candidate
	good := false
	for _, r := range append([]*plinth.Rule{f.Rule}, f.Also...) {
		bad, fine := t.examples(r.ID)
		good = good || len(fine) > 0
		out = append(out, e.candidates(block, r.Fix, bad, fine)...)
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
			f, err := t.parse("example "+text, []byte(text))
			if err != nil {
				continue
			}
			for _, b := range f.Blocks {
				standIn(b)
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
	path    string
	src     []byte
	block   *splice.Block
	read    func(string) ([]byte, error)
	callers []plinth.Location // the calls that lead to the block's module, innermost first
	files   map[string]*splice.File
	why     string // why a change was not possible
}

// candidates compares the block with the good examples of its type, or of a like one of the provider where there are none. What a bad
// example says as well is tried last.
func (e *editing) candidates(block *splice.Block, advice string, bad, good []*splice.File) []Candidate {
	like := func(b *splice.Block) bool { return b.Labels[0] == block.Labels[0] }
	if !slices.ContainsFunc(good, func(f *splice.File) bool { return len(resourcesOf(f, like)) > 0 }) {
		provider, _, _ := strings.Cut(block.Labels[0], "_")
		like = func(b *splice.Block) bool { return strings.HasPrefix(b.Labels[0], provider+"_") }
	}
	common := map[string]bool{}
	var wrong []setting
	for _, f := range bad {
		for _, b := range resourcesOf(f, like) {
			for _, s := range settings(b, nil) {
				common[s.key()] = true
				wrong = append(wrong, s)
			}
		}
	}
	var out []Candidate
	for _, f := range good {
		for _, b := range resourcesOf(f, like) {
			said := settings(b, nil)
			if otherEngine(b, block) {
				said = slices.DeleteFunc(said, func(s setting) bool { return !s.value && !strings.Contains(s.text, placeholder) })
			}
			out = append(out, e.from(said, common, advice)...)
			for _, s := range wrong {
				if s.plain && !s.block && len(s.path) == 0 && s.within == "" && !slices.ContainsFunc(said, func(o setting) bool { return o.address() == s.address() }) {
					s.remove = true
					out = e.add(out, []setting{s})
				}
			}
			if b.Labels[0] == block.Labels[0] {
				out = append(out, e.companions(f, b)...)
				out = e.asSiblings(out, said)
			}
		}
	}
	return out
}

// engines are arguments that decide which words the others may say: the names of logs, of parameters.
var engines = []string{"engine", "database_version", "os_type", "family"}

// otherEngine tells whether an example is about another engine than the block.
func otherEngine(example, block *splice.Block) bool {
	return slices.ContainsFunc(engines, func(name string) bool {
		a, said := example.Attr(name)
		b, there := block.Attr(name)
		return said && there && b.Literal && kindOfEngine(a.Text) != kindOfEngine(b.Text)
	})
}

// kindOfEngine is an engine without its version: POSTGRES_15 is POSTGRES.
func kindOfEngine(text string) string {
	return strings.TrimRightFunc(strings.ToLower(text), func(r rune) bool { return r < 'a' || r > 'z' })
}

// from returns a candidate for each difference alone, one for all together, and one for those of each nested block and those that the
// advice names. A word of the provider that a bad example says as well is not what the rule is about.
func (e *editing) from(said []setting, common map[string]bool, advice string) []Candidate {
	var out []Candidate
	var all, named []setting
	nested := map[string][]setting{}
	for _, s := range said {
		late := common[s.key()]
		if !s.plain {
			continue
		}
		if !s.block && strings.Contains(advice, s.name) {
			named = append(named, s)
		}
		if !s.block && len(s.path) > 0 {
			at := strings.Join(s.path, ".")
			nested[at] = append(nested[at], s)
		}
		switch n := len(out); {
		case !late:
			out = e.add(out, []setting{s})
			all = append(all, s)
		case s.value:
			if out = e.add(out, []setting{s}); len(out) > n {
				out[n].late = true
			}
		}
	}
	groups := [][]setting{all, named}
	for _, at := range slices.Sorted(maps.Keys(nested)) {
		groups = append(groups, nested[at])
	}
	for _, g := range groups {
		if len(g) > 1 {
			out = e.add(out, g)
		}
	}
	return out
}

func (e *editing) add(out []Candidate, list []setting) []Candidate {
	var c Candidate
	for _, s := range list {
		key := ""
		if s.text, key = e.ownKey(s.text); key != "" {
			c.Adds = "aws_kms_key." + key
		}
		edits, note := e.edit(s)
		if len(edits) == 0 {
			continue
		}
		if c.Adds != "" {
			edits = append(edits, e.newKey(key)...)
			note = joined(note, keyNote(key))
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

func (s setting) key() string { return s.address() + "=" + s.text }

// address is the setting's name with those of the blocks and the map around it.
func (s setting) address() string {
	parts := slices.Clone(s.path)
	if s.within != "" {
		parts = append(parts, s.within)
	}
	return strings.Join(append(parts, s.name), ".")
}

func (s setting) summary() string {
	name := s.address()
	switch {
	case s.remove:
		return "take out " + name
	case s.block:
		return "add the block " + name
	}
	return "set " + name + " = " + s.text
}

func ofType(f *splice.File, typ string) []*splice.Block {
	return resourcesOf(f, func(b *splice.Block) bool { return b.Labels[0] == typ })
}

func resourcesOf(f *splice.File, is func(*splice.Block) bool) []*splice.Block {
	return slices.DeleteFunc(slices.Clone(f.Blocks), func(b *splice.Block) bool {
		return b.Kind != "resource" || len(b.Labels) < 2 || !is(b)
	})
}

// settings are all that a block says: arguments, nested blocks as a whole, and what they say.
func settings(b *splice.Block, at []string) []setting {
	var out []setting
	for _, a := range b.Attrs {
		out = append(out, setting{path: at, name: a.Name, text: a.Text, plain: a.Plain, on: a.Switch, value: a.Switch || a.Number, whole: a.Map != nil})
		if a.Map != nil && !splice.Personal(a.Name) {
			for _, x := range a.Map.Entries {
				out = append(out, setting{path: at, within: a.Name, name: x.Name, text: x.Text, plain: x.Plain, on: x.Switch, value: x.Switch || x.Number})
			}
		}
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
	if s.within != "" {
		return e.entry(b, s)
	}
	if need := needs[s.name]; need != "" && !s.remove {
		if _, ok := e.block.Attr(need); !ok {
			e.why = s.name + " takes effect with " + need + " only, which only the owner knows"
			return nil, ""
		}
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
	case a.Text == s.text, s.whole: // the entries of a map that is there are settings of their own
		return nil, ""
	case len(a.Refs) > 0:
		return e.origin(a, s)
	}
	return []Edit{{Path: e.path, From: a.From, To: a.End, Text: s.text}}, note(s)
}

// entry sets an entry of a map that is there.
func (e *editing) entry(b *splice.Block, s setting) ([]Edit, string) {
	a, there := b.Attr(s.within)
	if !there || a.Map == nil {
		return nil, ""
	}
	for _, x := range a.Map.Entries {
		switch {
		case x.Name != s.name:
		case x.Text == s.text:
			return nil, ""
		case len(x.Refs) > 0:
			return e.origin(x, s)
		default:
			return []Edit{{Path: e.path, From: x.From, To: x.End, Text: s.text}}, ""
		}
	}
	at := lineStart(e.src, a.Map.Close)
	if len(a.Map.Entries) == 0 || at <= a.Map.Open {
		return nil, ""
	}
	return []Edit{{Path: e.path, From: at, To: at, Text: indentOf(e.src, a.Map.Entries[0].Start) + splice.Name(s.name) + " = " + s.text + "\n"}}, ""
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

// origin follows a reference to the one place that decides: a local, the default of a variable, or the argument of the module's call that
// leads to this instance; an argument that the call leaves out is put in, so that other calls stay as they are.
func (e *editing) origin(a splice.Attr, s setting) ([]Edit, string) {
	ref := a.Refs[0]
	kind, name, _ := strings.Cut(ref, ".")
	if len(a.Refs) != 1 || a.Text != ref || kind != "var" && kind != "local" {
		e.why = s.name + " is decided by " + a.Text
		return nil, ""
	}
	if len(e.callers) > 0 && kind == "var" {
		return e.argument(name, s)
	}
	for _, p := range e.inFolder() {
		for _, b := range e.file(p).Blocks {
			want := name
			if kind == "var" {
				if b.Kind != "variable" || len(b.Labels) != 1 || b.Labels[0] != name {
					continue
				}
				want = "default"
			} else if b.Kind != "locals" {
				continue
			}
			d, ok := b.Attr(want)
			switch {
			case ok && d.Literal:
				return []Edit{{Path: p, From: d.From, To: d.End, Text: s.text}}, ref + " is changed for everything that uses it"
			case ok && kind == "local" && len(d.Refs) == 1 && d.Text != a.Text:
				return e.origin(d, s)
			}
		}
	}
	e.why = s.name + " is decided by " + ref + ", which has no value in this folder"
	return nil, ""
}

// argument sets an argument of the call of the module that the block stands in.
func (e *editing) argument(name string, s setting) ([]Edit, string) {
	call := e.callers[0]
	e.why = s.name + " is decided by a call of this module that cannot be changed: var." + name
	file := e.file(call.Path)
	if file == nil || strings.Contains(call.Path, ".terraform/") || strings.Contains(call.Path, "://") {
		return nil, ""
	}
	b := file.At(int(call.Line))
	if b == nil || b.Kind != "module" || len(b.Labels) != 1 {
		return nil, ""
	}
	in := *e
	in.path, in.src, in.callers = call.Path, file.Source, e.callers[1:]
	d, there := b.Attr(name)
	switch {
	case !there:
		return in.insert(b, name+in.gap(b, name)+"= "+s.text+"\n"), "module." + b.Labels[0] + " says it from now on"
	case d.Literal:
		return []Edit{{Path: call.Path, From: d.From, To: d.End, Text: s.text}}, "module." + b.Labels[0] + " decides it"
	case len(d.Refs) > 0:
		edits, note := in.origin(d, s)
		e.why = in.why
		return edits, note
	}
	return nil, ""
}

func (e *editing) file(p string) *splice.File {
	if f, ok := e.files[p]; ok {
		return f
	}
	src, err := e.read(p)
	if err == nil {
		e.files[p], _ = e.parse(p, src)
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
