package dockerfile

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	words "github.com/moby/buildkit/frontend/dockerfile/command"
	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"github.com/plinthsec/plinth"
)

// reading is one Dockerfile that is being read.
type reading struct {
	project  *plinth.Project
	path     string
	source   *source
	problems []plinth.Problem
	globals  []plinth.Value // ARG instructions before the first stage
	outside  *scope         // for FROM
	stages   []*stage
	cur      *stage // nil before the first FROM
}

// image is what a stage says of the image that it makes, and what the next stage on top of it begins with.
type image struct {
	user, workdir, healthcheck, cmd, entrypoint, stopsignal, shell plinth.Value
	exposed, volumes                                               []plinth.Value
	env, labels                                                    map[string]plinth.Value
	ownCmd                                                         bool // CMD stands in this stage
	scratch                                                        bool // nothing is below it
}

type stage struct {
	image
	name         string
	index        int
	from         plinth.Value
	decl         *plinth.Declaration
	scope        *scope
	instructions []plinth.Value
}

func (r *reading) broken(line int, format string, args ...any) {
	at := plinth.Location{Path: r.path}
	if line > 0 {
		at.Line, at.Col, at.EndLine, at.EndCol = int32(line), 1, int32(line), 1
	}
	r.problems = append(r.problems, plinth.Problem{Kind: plinth.Broken, At: at, Text: fmt.Sprintf(format, args...)})
}

func (r *reading) file(data []byte) []*plinth.Resource {
	r.source = sourceOf(data)
	text := strings.Join(r.source.lines[1:], "\n")
	if strings.Count(text, "${") > maxVariables {
		r.problems = append(r.problems, plinth.Problem{
			Kind: plinth.Limit, At: plinth.Location{Path: r.path},
			Text: fmt.Sprintf("more than %d variables in one file", maxVariables),
		})
		return nil
	}
	parsed, err := parser.Parse(strings.NewReader(text))
	if err != nil {
		r.unparsed(err)
		return nil
	}
	r.source.escape = byte(parsed.EscapeToken)
	r.outside = &scope{args: map[string]plinth.Value{}, missing: automatic}
	for _, n := range parsed.AST.Children {
		r.top(n)
	}
	if len(r.stages) == 0 {
		r.broken(1, "no FROM instruction")
		return nil
	}
	return r.resources()
}

func (r *reading) unparsed(err error) {
	line := 1
	if at := (*parser.LocationError)(nil); errors.As(err, &at) && len(at.Locations) > 0 && len(at.Locations[0]) > 0 {
		line = max(at.Locations[0][0].Start.Line, 1)
	}
	r.broken(min(line, len(r.source.lines)-1), "%s", err)
}

// top reads an instruction of the file.
func (r *reading) top(n *parser.Node) {
	text := r.source.instruction(n)
	if text.text != n.Original {
		text = script{text: n.Original, pieces: []piece{{0, n.StartLine, 1}}}
	}
	op := strings.ToLower(n.Value)
	if _, ok := words.Commands[op]; !ok {
		r.broken(n.StartLine, "unknown instruction %s", n.Value)
		return
	}
	if op == words.From {
		r.begin(n, text)
		return
	}
	if r.cur == nil && op != words.Arg {
		r.broken(n.StartLine, "%s stands before the first FROM", strings.ToUpper(op))
		return
	}
	i := r.instruction(n, text)
	if i == nil {
		return
	}
	if r.cur == nil {
		r.declare(i, r.outside)
		r.globals = append(r.globals, r.value(i))
		return
	}
	r.apply(i)
	r.cur.instructions = append(r.cur.instructions, r.value(i))
	r.cur.decl.At.EndLine, r.cur.decl.At.EndCol = i.at.EndLine, i.at.EndCol
}

// begin opens a stage.
func (r *reading) begin(n *parser.Node, text script) {
	s := &stage{index: len(r.stages), decl: &plinth.Declaration{Type: "dockerfile/Stage"}}
	s.decl.At = r.rangeOf(n, text)
	s.decl.Header = s.decl.At
	r.cur = s
	r.stages = append(r.stages, s)
	words := arguments(n)
	s.name = strconv.Itoa(s.index)
	switch {
	case len(words) == 3 && strings.EqualFold(words[1], "as"):
		if r.named(words[2]) == nil {
			s.name = words[2]
		}
	case len(words) != 1:
		r.broken(n.StartLine, "FROM takes an image, or an image and AS with a name")
	}
	i := &instruction{op: "FROM", text: text.text, at: s.decl.At, flags: r.flags(n, r.outside)}
	for k, w := range words {
		v := plinth.StringOf(w)
		if k == 0 {
			v = r.filled(w, r.outside, n.StartLine)
		}
		i.args = append(i.args, v)
	}
	s.scope = &scope{env: map[string]plinth.Value{}, args: map[string]plinth.Value{}, missing: unset}
	s.image = image{env: s.scope.env, labels: map[string]plinth.Value{}}
	if len(i.args) > 0 {
		r.base(s, i)
	}
	s.instructions = append(s.instructions, r.value(i))
}

// base takes over what the image or stage below brings along.
func (r *reading) base(s *stage, i *instruction) {
	at := func(v plinth.Value) plinth.Value { return r.at(v, i.at, "FROM") }
	fields := []plinth.Field{}
	below := r.named(i.args[0].Str())
	if below != nil {
		fields = append(fields, plinth.Field{Key: "stage", Value: at(plinth.StringOf(below.name))})
		s.image = below.image
		s.env, s.labels, s.ownCmd = maps.Clone(below.env), maps.Clone(below.labels), false
		s.exposed, s.volumes = slices.Clip(below.exposed), slices.Clip(below.volumes)
		s.scope.env = s.env
	} else {
		fields = append(fields, plinth.Field{Key: "image", Value: at(i.args[0])})
		s.scratch = i.args[0].Str() == "scratch"
	}
	if s.scratch {
		s.scope.missing = nothing
	}
	for _, f := range i.flags {
		fields = append(fields, plinth.Field{Key: f.Key, Value: at(f.Value)})
	}
	s.from = at(plinth.MapOf(fields))
}

// named returns the earlier stage of that name, which is compared without case. A number is no name in FROM.
func (r *reading) named(name string) *stage {
	for _, s := range slices.Backward(r.stages) {
		if s != r.cur && s.name != strconv.Itoa(s.index) && strings.EqualFold(s.name, name) {
			return s
		}
	}
	return nil
}

func (r *reading) resources() []*plinth.Resource {
	var out []*plinth.Resource
	for _, s := range r.stages {
		s.decl.Address = s.name
		out = append(out, &plinth.Resource{
			ID: plinth.ID("dockerfile:" + r.path + "#" + s.name), Type: "dockerfile/Stage", Name: s.name, Project: r.project.Name,
			Decl: s.decl, Props: r.props(s),
		})
	}
	return out
}

func (r *reading) props(s *stage) plinth.Value {
	own := func(v plinth.Value) plinth.Value {
		return v.WithOrigin(&plinth.Origin{At: s.decl.Header, Path: "FROM", Decl: s.decl})
	}
	fields := []plinth.Field{
		{Key: "name", Value: own(plinth.StringOf(s.name))},
		{Key: "index", Value: own(plinth.NumberOf(float64(s.index)))},
		{Key: "final", Value: own(plinth.BoolOf(s == r.stages[len(r.stages)-1]))},
		{Key: "file", Value: own(plinth.StringOf(r.path))},
		{Key: "instructions", Value: own(plinth.ListOf(s.instructions))},
	}
	if s.index == 0 && len(r.globals) > 0 {
		fields = append(fields, plinth.Field{Key: "globals", Value: own(plinth.ListOf(r.globals))})
	}
	for _, x := range []struct {
		key  string
		said plinth.Value
	}{
		{"from", s.from},
		{"user", s.user},
		{"workdir", s.workdir},
		{"shell", s.shell},
		{"healthcheck", s.healthcheck},
		{"cmd", s.cmd},
		{"entrypoint", s.entrypoint},
		{"stopsignal", s.stopsignal},
	} {
		if !x.said.IsNull() {
			fields = append(fields, plinth.Field{Key: x.key, Value: x.said})
		}
	}
	for key, list := range map[string][]plinth.Value{"exposed": s.exposed, "volumes": s.volumes} {
		if len(list) > 0 {
			fields = append(fields, plinth.Field{Key: key, Value: own(plinth.ListOf(list))})
		}
	}
	for key, set := range map[string]map[string]plinth.Value{"env": s.env, "labels": s.labels} {
		if len(set) > 0 {
			fields = append(fields, plinth.Field{Key: key, Value: own(mapOf(set))})
		}
	}
	return own(plinth.MapOf(fields))
}

func mapOf(set map[string]plinth.Value) plinth.Value {
	fields := make([]plinth.Field, 0, len(set))
	for _, k := range slices.Sorted(maps.Keys(set)) {
		fields = append(fields, plinth.Field{Key: k, Value: set[k]})
	}
	return plinth.MapOf(fields)
}

// apply changes the image as an instruction says.
func (r *reading) apply(i *instruction) {
	s := r.cur
	first := plinth.Value{}
	if len(i.args) > 0 {
		first = r.at(i.args[0], i.at, i.op)
	}
	switch i.op {
	case "USER":
		s.user = first
	case "WORKDIR":
		s.workdir = r.at(under(s.workdir, i.args), i.at, i.op)
	case "STOPSIGNAL":
		s.stopsignal = first
	case "SHELL":
		s.shell = r.at(plinth.ListOf(i.args), i.at, i.op)
	case "CMD":
		s.cmd, s.ownCmd = r.at(i.process(), i.at, i.op), true
	case "ENTRYPOINT":
		s.entrypoint = r.at(i.process(), i.at, i.op)
		if !s.ownCmd {
			s.cmd = plinth.Value{} // an inherited CMD was meant for the inherited ENTRYPOINT
		}
	case "HEALTHCHECK":
		s.healthcheck = r.at(i.health(), i.at, i.op)
	case "EXPOSE":
		for _, a := range i.args {
			if len(s.exposed) < maxPorts {
				s.exposed = append(s.exposed, r.at(port(a), i.at, i.op))
			}
		}
	case "VOLUME":
		for _, a := range i.args {
			s.volumes = append(s.volumes, r.at(a, i.at, i.op))
		}
	case "ENV":
		for _, p := range i.pairs {
			s.env[p.Key] = r.at(p.Value, i.at, "ENV "+p.Key)
		}
	case "LABEL":
		for _, p := range i.pairs {
			s.labels[p.Key] = r.at(p.Value, i.at, "LABEL "+p.Key)
		}
	case "ARG":
		r.declare(i, s.scope)
	}
}

// declare makes the variables of an ARG known to a scope. Inside a stage one without a default has that of the file's head.
func (r *reading) declare(i *instruction, in *scope) {
	for _, p := range i.pairs {
		v := p.Value
		if v.IsNull() {
			outer, ok := r.outside.args[p.Key]
			if ok && in != r.outside {
				v = outer
			} else {
				v = plinth.UnknownOf("ARG " + p.Key)
			}
		}
		in.args[p.Key] = v
	}
}

// under is a WORKDIR seen from the one before.
func under(before plinth.Value, args []plinth.Value) plinth.Value {
	if len(args) == 0 {
		return before
	}
	dir := args[0]
	switch {
	case dir.IsUnknown() || strings.HasPrefix(dir.Str(), "/") || strings.Contains(dir.Str(), ":") || strings.HasPrefix(dir.Str(), `\`):
		return dir
	case before.IsUnknown():
		return before
	case before.IsNull():
		return dir
	}
	return plinth.StringOf(path.Join(before.Str(), dir.Str()))
}

// port reads a word of EXPOSE: 80, 80/udp, 8000-8010/tcp.
func port(word plinth.Value) plinth.Value {
	if word.IsUnknown() {
		return plinth.MapOf([]plinth.Field{{Key: "port", Value: word}, {Key: "protocol", Value: plinth.StringOf("tcp")}})
	}
	ports, protocol, ok := strings.Cut(word.Str(), "/")
	if !ok {
		protocol = "tcp"
	}
	number := func(s string) plinth.Value {
		if n, err := strconv.ParseUint(s, 10, 16); err == nil {
			return plinth.NumberOf(float64(n)).WithOrigin(word.Origin())
		}
		return plinth.StringOf(s).WithOrigin(word.Origin())
	}
	from, to, ranged := strings.Cut(ports, "-")
	fields := []plinth.Field{{Key: "port", Value: number(from)}, {Key: "protocol", Value: plinth.StringOf(strings.ToLower(protocol))}}
	if ranged {
		fields = append(fields, plinth.Field{Key: "to", Value: number(to)})
	}
	return plinth.MapOf(fields)
}
