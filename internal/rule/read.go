package rule

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/document"
	"github.com/plinthsec/plinth/internal/policy"
	"github.com/plinthsec/plinth/internal/value"
)

var fields = []string{
	"id", "aliases", "title", "why", "fix", "severity", "cwe", "controls", "attack", "links", "yields-to", "on", "when", "each",
	"fail", "at", "message", "examples",
}

// What ids look like.
var (
	idForm      = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)+$`)
	cweForm     = regexp.MustCompile(`^CWE-[0-9]+$`)
	controlForm = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]*:\S+$`)
	attackForm  = regexp.MustCompile(`^T[0-9]{4}(\.[0-9]{3})?$`)
)

// reading turns one file into a rule.
type reading struct {
	e        *entry
	lines    []string
	props    plinth.Value
	at       plinth.Location // of the whole file
	problems []plinth.Problem
}

func (r *reading) fault(at plinth.Location, format string, args ...any) {
	r.problems = append(r.problems, plinth.Problem{Kind: plinth.Broken, At: at, Text: fmt.Sprintf(format, args...)})
}

func (r *reading) where(v plinth.Value) plinth.Location {
	if o := v.Origin(); o != nil && o.At.Line > 0 {
		return o.At
	}
	return r.at
}

// parse reads the text of a file, whole or without its examples.
func (e *entry) parse(text string) *reading {
	r := &reading{e: e, at: plinth.Location{Path: e.file, Line: 1, Col: 1}, lines: strings.Split(text, "\n")}
	var p document.Parser
	count := 0
	r.problems = p.Parse(e.file, []byte(text), func(d document.Document) {
		count++
		r.props = d.Value
	})
	switch {
	case len(r.problems) > 0:
	case count != 1:
		r.fault(r.at, "a rule file holds one rule")
	case r.props.Kind() != plinth.Map:
		r.fault(r.at, "a rule is a map that begins with id:")
	}
	return r
}

// read turns a text into a rule with its expressions compiled. The rule is nil when there are problems. Our own files are read
// without places first: those are needed only where something is wrong.
func (e *entry) read(text string) (*Rule, []plinth.Problem) {
	at := plinth.Location{Path: e.file, Line: 1, Col: 1}
	if v, ok := document.Plain(text); ok {
		if rule, problems := (&reading{e: e, at: at, props: v, lines: strings.Split(text, "\n")}).rule(); len(problems) == 0 {
			return rule, nil
		}
	}
	r := e.parse(text)
	if len(r.problems) > 0 {
		return nil, r.problems
	}
	return r.rule()
}

// rule reads the fields.
func (r *reading) rule() (*Rule, []plinth.Problem) {
	e := r.e
	for _, f := range r.props.Fields() {
		if !slices.Contains(fields, f.Key) {
			hint := ""
			if near := value.Nearest(f.Key, fields); near != "" {
				hint = "; the nearest is " + near
			}
			r.fault(r.where(f.Value), "there is no field %s%s", f.Key, hint)
		}
	}
	rule := &Rule{File: e.file, path: func() ([]Example, []plinth.Problem) { return e.examples() }}
	r.words(rule)
	r.condition(rule)
	if _, ok := r.props.Get("examples"); !ok && e.cut == len(e.data) {
		r.fault(r.at, "the rule has no examples")
	}
	if len(r.problems) > 0 {
		return nil, r.problems
	}
	return rule, nil
}

// text reads a field that is one string.
func (r *reading) text(key string, needed bool) (string, plinth.Value) {
	v, ok := r.props.Get(key)
	switch {
	case !ok && needed:
		r.fault(r.at, "the rule has no %s", key)
	case ok && v.Kind() != plinth.String:
		r.fault(r.where(v), "%s is a text", key)
	case ok && needed && strings.TrimSpace(v.Str()) == "":
		r.fault(r.where(v), "%s is empty", key)
	}
	return strings.TrimSpace(v.Str()), v
}

// list reads a field that is a list of strings of a form.
func (r *reading) list(key string, form *regexp.Regexp) []string {
	v, ok := r.props.Get(key)
	if !ok {
		return nil
	}
	if v.Kind() == plinth.String && key == "on" {
		return []string{v.Str()}
	}
	if v.Kind() != plinth.List {
		r.fault(r.where(v), "%s is a list", key)
		return nil
	}
	var out []string
	for _, e := range v.List() {
		switch {
		case e.Kind() != plinth.String || e.Str() == "":
			r.fault(r.where(e), "%s holds texts", key)
		case form != nil && !form.MatchString(e.Str()):
			r.fault(r.where(e), "%s in %s does not look like %s", e.Str(), key, form)
		case slices.ContainsFunc(out, func(s string) bool { return strings.EqualFold(s, e.Str()) }):
			r.fault(r.where(e), "%s stands twice in %s", e.Str(), key)
		}
		out = append(out, e.Str())
	}
	return out
}

// words reads what is for people.
func (r *reading) words(rule *Rule) {
	var v plinth.Value
	rule.Engine = Engine
	if rule.ID, v = r.text("id", true); rule.ID != "" && !idForm.MatchString(rule.ID) {
		r.fault(r.where(v), "an id is lower-case words joined by -, as in aws-s3-versioning")
	}
	rule.Aliases = r.list("aliases", nil)
	rule.Title, v = r.text("title", true)
	switch {
	case utf8.RuneCountInString(rule.Title) > maxTitle:
		r.fault(r.where(v), "the title has more than %d characters", maxTitle)
	case strings.HasSuffix(rule.Title, ".") || strings.Contains(rule.Title, "\n"):
		r.fault(r.where(v), "the title is one line without a full stop")
	}
	rule.Why, _ = r.text("why", true)
	rule.Fix, _ = r.text("fix", true)
	severity, v := r.text("severity", true)
	var ok bool
	if rule.Severity, ok = plinth.ParseSeverity(severity); !ok && severity != "" {
		r.fault(r.where(v), "there is no severity %s; there are info, low, medium, high and critical", severity)
	}
	rule.CWE = r.list("cwe", cweForm)
	rule.Controls = r.list("controls", controlForm)
	rule.Attack = r.list("attack", attackForm)
	rule.Links = r.list("links", nil)
	rule.YieldsTo = r.list("yields-to", idForm)
}

// condition reads what decides.
func (r *reading) condition(rule *Rule) {
	rule.On = r.list("on", nil)
	if len(rule.On) == 0 {
		r.fault(r.at, "the rule has no on: the type of resources that it is for")
	}
	workload := slices.Contains(rule.On, Workload)
	if workload {
		rule.Pods = Whole
		if len(rule.On) > 1 {
			v, _ := r.props.Get("on")
			r.fault(r.where(v), "workload stands alone: it is every kind with pods")
		}
	}
	each, v := r.text("each", false)
	switch {
	case workload && each == "containers":
		rule.Pods = All
	case workload && each == "mainContainers":
		rule.Pods = Main
	case each != "":
		rule.Each = r.path(v, each)
	}
	env := r.e.envs.get(rule.Each != nil, rule.Pods)
	rule.When = r.expression(env, "when", false)
	rule.Fail = r.expression(env, "fail", true)
	r.place(rule)
	if message, v := r.text("message", false); message != "" {
		parts, fault := parseMessage(message)
		if fault != "" {
			r.fault(r.where(v), "%s", fault)
		}
		rule.Message = parts
	}
}

// path splits a property path. The names may stand in double quotes where they hold a dot.
func (r *reading) path(v plinth.Value, s string) []string {
	steps, ok := splitPath(s)
	if !ok {
		r.fault(r.where(v), "%s is no property path, as A.B[].C", s)
	}
	return steps
}

func (r *reading) expression(env *policy.Env, key string, needed bool) *policy.Program {
	src, v := r.text(key, needed)
	if src == "" {
		return nil
	}
	p, err := policy.Compile(src, env)
	if fault, ok := err.(*policy.Error); ok {
		r.fault(r.inside(v, key, fault), "%s: %s", key, fault.Text)
	}
	return p
}

// inside finds the place of a fault in an expression: in its own line for a block scalar, behind the key for any other.
func (r *reading) inside(v plinth.Value, key string, fault *policy.Error) plinth.Location {
	at := r.where(v)
	if int(at.Line) > len(r.lines) {
		return at
	}
	line := r.lines[at.Line-1]
	rest := strings.TrimSpace(strings.TrimPrefix(line, key+":"))
	if strings.HasPrefix(rest, "|") || strings.HasPrefix(rest, ">") {
		at.Line += int32(fault.Line)
		at.Col = int32(fault.Col)
		if int(at.Line) <= len(r.lines) {
			text := r.lines[at.Line-1]
			at.Col += int32(len(text) - len(strings.TrimLeft(text, " ")))
		}
		return plinth.Location{Path: at.Path, Line: at.Line, Col: at.Col}
	}
	col := strings.Index(line, rest) + fault.Col
	if strings.HasPrefix(rest, `"`) || strings.HasPrefix(rest, "'") {
		col++
	}
	return plinth.Location{Path: at.Path, Line: at.Line + int32(fault.Line) - 1, Col: int32(col)}
}

// place decides which property a finding points at: the one that at names, else the first that fail reads, of the element
// before others.
func (r *reading) place(rule *Rule) {
	rule.AtFrom = P
	switch {
	case rule.Each != nil:
		rule.AtFrom = E
	case rule.Pods > Whole:
		rule.AtFrom = C
	case rule.Pods == Whole:
		rule.AtFrom = Pod
	}
	if at, v := r.text("at", false); at != "" {
		rule.At = r.path(v, at)
		if i := slices.Index(names[:], rule.At[0]); i >= 0 && len(rule.At) > 1 {
			rule.AtFrom, rule.At = Variable(i), rule.At[1:]
		}
		return
	}
	if rule.Fail == nil {
		return
	}
	for _, p := range rule.Fail.Paths() {
		if p.Root == names[rule.AtFrom] {
			rule.At = p.Steps
			return
		}
	}
	for _, p := range rule.Fail.Paths() {
		if rule.AtFrom != P && rule.AtFrom != E && p.Root == names[P] || rule.AtFrom == Pod && p.Root == names[P] {
			rule.AtFrom, rule.At = P, p.Steps
			return
		}
	}
}

func splitPath(s string) (steps []string, ok bool) {
	for s != "" {
		var name string
		if s[0] == '"' {
			i := strings.IndexByte(s[1:], '"')
			if i < 0 {
				return nil, false
			}
			name, s = s[1:i+1], s[i+2:]
		} else {
			i := strings.IndexAny(s, ".[")
			if i < 0 {
				i = len(s)
			}
			name, s = s[:i], s[i:]
		}
		if name == "" || strings.ContainsAny(name, " \t{}()?") {
			return nil, false
		}
		steps = append(steps, name)
		for strings.HasPrefix(s, "[]") {
			steps, s = append(steps, "[]"), s[2:]
		}
		if s == "" {
			break
		}
		if s[0] != '.' || len(s) == 1 {
			return nil, false
		}
		s = s[1:]
	}
	return steps, len(steps) > 0
}
