package dockerfile

import (
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"github.com/plinthsec/plinth"
)

// instruction is one instruction, understood.
type instruction struct {
	op, text, form string
	at             plinth.Location
	args           []plinth.Value
	flags, pairs   []plinth.Field
	commands       []command
	heredocs       []plinth.Value
	trigger        *instruction
}

// arguments returns the words of an instruction as the parser split them.
func arguments(n *parser.Node) []string {
	var out []string
	for a := n.Next; a != nil; a = a.Next {
		if len(a.Children) == 0 {
			out = append(out, a.Value)
		}
	}
	return out
}

func (r *reading) rangeOf(n *parser.Node, text script) plinth.Location {
	at := text.location(r.path, 0, len(strings.TrimRight(text.text, " \t\r")))
	if end := n.EndLine; end > int(at.EndLine) && end < len(r.source.lines) {
		at.EndLine, at.EndCol = int32(end), int32(len(r.source.lines[end])+1)
	}
	return at
}

// instruction understands a node, or tells what is wrong with it and returns nil.
func (r *reading) instruction(n *parser.Node, text script) *instruction {
	in := r.outside
	if r.cur != nil {
		in = r.cur.scope
	}
	i := &instruction{op: strings.ToUpper(n.Value), text: strings.TrimSpace(text.text), at: r.rangeOf(n, text), flags: r.flags(n, in)}
	words := arguments(n)
	if len(words) == 0 && i.op != "ONBUILD" && len(n.Attributes) == 0 {
		r.broken(n.StartLine, "%s needs an argument", i.op)
		return nil
	}
	switch i.op {
	case "RUN", "CMD", "ENTRYPOINT", "SHELL":
		i.args = literals(words)
		r.process(i, n, words, text)
	case "HEALTHCHECK":
		i.args = literals(words)
		if strings.EqualFold(words[0], "CMD") && len(words) > 1 {
			r.process(i, n, words[1:], text)
		}
	case "ONBUILD":
		if n.Next == nil || len(n.Next.Children) == 0 {
			r.broken(n.StartLine, "ONBUILD needs an instruction")
			return nil
		}
		child := n.Next.Children[0]
		child.StartLine, child.EndLine, child.Heredocs = n.StartLine, n.EndLine, n.Heredocs
		inner := text.from(max(len(text.text)-len(child.Original), 0))
		if i.trigger = r.instruction(child, inner); i.trigger == nil {
			return nil
		}
		i.args = []plinth.Value{plinth.StringOf(i.trigger.text)}
	case "ENV", "LABEL":
		for k := 0; k+2 < len(words); k += 3 {
			if name := r.filled(words[k], in, n.StartLine); name.Kind() == plinth.String { // "a.b"="c"
				words[k] = name.Str()
			}
			r.pair(i, words[k], words[k+1], in, n.StartLine)
		}
	case "ARG":
		for _, w := range words {
			name, def, ok := strings.Cut(w, "=")
			if !ok {
				i.pairs = append(i.pairs, plinth.Field{Key: name})
				i.args = append(i.args, plinth.StringOf(w))
				continue
			}
			r.pair(i, name, def, in, n.StartLine)
		}
	case "MAINTAINER":
		i.args = literals(words)
	default:
		for _, w := range words {
			i.args = append(i.args, r.filled(w, in, n.StartLine))
		}
	}
	for k, body := range r.source.heredocs(n) {
		i.heredocs = append(i.heredocs, plinth.MapOf([]plinth.Field{
			{Key: "name", Value: plinth.StringOf(n.Heredocs[k].Name)}, {Key: "text", Value: plinth.StringOf(body.text)},
		}))
	}
	return i
}

func literals(words []string) []plinth.Value {
	out := make([]plinth.Value, len(words))
	for i, w := range words {
		out[i] = plinth.StringOf(w)
	}
	return out
}

// filled expands a word; one that is no word is told and stays as it is.
func (r *reading) filled(word string, in *scope, line int) plinth.Value {
	v, err := r.expand(word, in)
	if err != nil {
		r.broken(line, "the variables in %q cannot be filled in: a quote or brace is not closed, or a modifier is unknown", word)
	}
	return v
}

func (r *reading) pair(i *instruction, name, text string, in *scope, line int) {
	v := r.filled(text, in, line)
	i.pairs = append(i.pairs, plinth.Field{Key: name, Value: v})
	whole := plinth.UnknownOf(v.Why()...)
	if !v.IsUnknown() {
		whole = plinth.StringOf(name + "=" + v.Str())
	}
	i.args = append(i.args, whole)
}

// repeated are the flags that an instruction may have several times.
func repeated(flag string) bool {
	return slices.Contains([]string{"mount", "exclude", "device", "security"}, flag)
}

func (r *reading) flags(n *parser.Node, in *scope) []plinth.Field {
	var out []plinth.Field
	for _, f := range n.Flags {
		name, text, ok := strings.Cut(strings.TrimPrefix(f, "--"), "=")
		v := plinth.StringOf("true")
		if ok {
			v = r.filled(text, in, n.StartLine)
		}
		k := slices.IndexFunc(out, func(f plinth.Field) bool { return f.Key == name })
		switch {
		case repeated(name) && k >= 0:
			out[k].Value = plinth.ListOf(append(slices.Clone(out[k].Value.List()), v))
			continue
		case repeated(name):
			v = plinth.ListOf([]plinth.Value{v})
		}
		out = append(out, plinth.Field{Key: name, Value: v})
	}
	return out
}

// process finds out in which form a program is given, and the commands in it.
func (r *reading) process(i *instruction, n *parser.Node, words []string, text script) {
	if n.Attributes["json"] {
		i.form = "exec"
		if len(words) > 0 && i.op != "SHELL" {
			i.commands = r.understood(command{text: strings.Join(words, " "), at: i.at}, words, 0)
		}
		return
	}
	i.form = "shell"
	if i.op == "SHELL" {
		r.broken(n.StartLine, "SHELL takes a list in JSON form")
		return
	}
	body := text.from(max(len(strings.TrimRight(text.text, " \t\r"))-len(words[0]), 0))
	bodies := r.source.heredocs(n)
	if len(bodies) > 0 && onlyHeredoc(words[0]) {
		i.form = "heredoc"
		i.args = []plinth.Value{plinth.StringOf(bodies[0].text)}
		if line, ok := strings.CutPrefix(bodies[0].text, "#!"); ok {
			line, _, _ = strings.Cut(line, "\n")
			if program := splitWords(line); len(program) > 0 && !posix(program[len(program)-1]) {
				i.commands = r.understood(command{text: line, at: i.at}, program, 0)
				return
			}
		}
		i.commands = r.script(bodies[0])
		return
	}
	for k, b := range bodies {
		body.text = strings.TrimRight(body.text, "\n") + "\n"
		for _, p := range b.pieces {
			body.pieces = append(body.pieces, piece{len(body.text) + p.at, p.line, p.col})
		}
		body.text += b.text + n.Heredocs[k].Name + "\n"
	}
	i.commands = r.script(body)
}

// onlyHeredoc tells whether a command line is nothing but the mark of a heredoc.
func onlyHeredoc(line string) bool {
	h, err := parser.ParseHeredoc(strings.TrimSpace(line))
	return err == nil && h != nil
}

// script finds the commands of a shell text in the language of the stage's shell.
func (r *reading) script(s script) []command {
	if r.windows() {
		return r.splitCommands(s)
	}
	out, err := r.shellCommands(s, 0)
	if err != nil {
		at := s.location(r.path, 0, 0)
		r.problems = append(r.problems, plinth.Problem{
			Kind: plinth.Unsupported, At: at,
			Text: "shell text is not understood (" + err.Error() + "), only split at its operators",
		})
	}
	return out
}

// windows tells whether the stage's shell is none that the parser knows.
func (r *reading) windows() bool {
	if r.cur == nil {
		return false
	}
	if words := r.cur.shell.List(); len(words) > 0 {
		return !posix(words[0].Str())
	}
	return r.source.escape == '`'
}

// process is the value of CMD and ENTRYPOINT.
func (i *instruction) process() plinth.Value {
	return plinth.MapOf([]plinth.Field{{Key: "form", Value: plinth.StringOf(i.form)}, {Key: "args", Value: plinth.ListOf(i.args)}})
}

func (i *instruction) health() plinth.Value {
	if len(i.args) > 0 && strings.EqualFold(i.args[0].Str(), "NONE") {
		return plinth.MapOf([]plinth.Field{{Key: "none", Value: plinth.BoolOf(true)}})
	}
	fields := []plinth.Field{{Key: "test", Value: plinth.ListOf(i.args)}, {Key: "form", Value: plinth.StringOf(i.form)}}
	return plinth.MapOf(append(fields, i.flags...))
}

// at gives a value, and what is inside it, a place.
func (r *reading) at(v plinth.Value, at plinth.Location, path string) plinth.Value {
	o := &plinth.Origin{At: at, Path: path}
	if r.cur != nil {
		o.Decl = r.cur.decl
	}
	return placed(v, o)
}

func placed(v plinth.Value, o *plinth.Origin) plinth.Value {
	switch v.Kind() {
	case plinth.List:
		list := make([]plinth.Value, v.Len())
		for i, e := range v.List() {
			list[i] = placed(e, o)
		}
		v = plinth.ListOf(list)
	case plinth.Map:
		fields := make([]plinth.Field, v.Len())
		for i, f := range v.Fields() {
			fields[i] = plinth.Field{Key: f.Key, Value: placed(f.Value, o)}
		}
		v = plinth.MapOf(fields)
	}
	return v.WithOrigin(o)
}

// value is the instruction as rules see it.
func (r *reading) value(i *instruction) plinth.Value {
	fields := []plinth.Field{
		{Key: "op", Value: plinth.StringOf(i.op)},
		{Key: "text", Value: plinth.StringOf(i.text)},
		{Key: "args", Value: plinth.ListOf(i.args)},
		{Key: "flags", Value: plinth.MapOf(i.flags)},
	}
	if i.form != "" {
		fields = append(fields, plinth.Field{Key: "form", Value: plinth.StringOf(i.form)})
	}
	if len(i.pairs) > 0 {
		fields = append(fields, plinth.Field{Key: "pairs", Value: plinth.MapOf(slices.Clone(i.pairs))})
	}
	if len(i.heredocs) > 0 {
		fields = append(fields, plinth.Field{Key: "heredocs", Value: plinth.ListOf(i.heredocs)})
	}
	for k := range fields {
		fields[k].Value = r.at(fields[k].Value, i.at, i.op)
	}
	if i.trigger != nil {
		fields = append(fields, plinth.Field{Key: "trigger", Value: r.value(i.trigger)})
	}
	if i.form != "" && i.op != "SHELL" {
		list := make([]plinth.Value, len(i.commands))
		for k, c := range i.commands {
			list[k] = r.at(c.value(), c.at, i.op)
		}
		o := &plinth.Origin{At: i.at, Path: i.op}
		if r.cur != nil {
			o.Decl = r.cur.decl
		}
		fields = append(fields, plinth.Field{Key: "commands", Value: plinth.ListOf(list).WithOrigin(o)})
	}
	return plinth.MapOf(fields).WithOrigin(fields[0].Value.Origin())
}

func (c command) value() plinth.Value {
	fields := []plinth.Field{
		{Key: "name", Value: plinth.StringOf(c.name)},
		{Key: "args", Value: plinth.ListOf(literals(c.args))},
		{Key: "text", Value: plinth.StringOf(c.text)},
		{Key: "sudo", Value: plinth.BoolOf(c.sudo)},
		{Key: "piped", Value: plinth.BoolOf(c.piped)},
	}
	if len(c.env) > 0 {
		fields = append(fields, plinth.Field{Key: "env", Value: plinth.MapOf(slices.Clone(c.env))})
	}
	return plinth.MapOf(fields)
}
