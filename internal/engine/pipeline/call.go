package pipeline

import (
	"fmt"
	"path"
	"strings"

	"github.com/plinthsec/plinth"
)

// callee returns the workflow or composite action of the same repository that a uses names, nil where it is not there. The paths of
// ./ and $/ count from the folder that holds .github.
func (l *look) callee(uses string) *flow {
	if !local(uses) {
		return nil
	}
	root, _, ok := strings.Cut("/"+l.path, "/.github/")
	if !ok {
		return nil
	}
	name := path.Join(strings.TrimPrefix(root, "/"), uses[2:])
	for _, file := range []string{name, path.Join(name, "action.yml"), path.Join(name, "action.yaml")} {
		r := l.files[file]
		if r == nil || r.Type != "github/Workflow" && r.Type != "github/Action" {
			continue
		}
		f := newFlow(&look{text: l.in(file).text, target: l.target, engine: l.engine, known: l.known, resource: r, doc: r.Props})
		if r.Type == "github/Action" {
			runs := get(f.doc, "runs")
			f.action, f.jobs = true, []*job{{v: runs, steps: f.steps(get(runs, "steps"))}}
		}
		return f
	}
	return nil
}

// passage is a use of a local workflow or action, with the job and the step that it stands in.
type passage struct {
	job        *job
	step       *step // without fields, where a job calls a workflow
	uses, with plinth.Value
}

// calls returns what the file calls in its own repository.
func (f *flow) calls() []passage {
	var out []passage
	for _, j := range f.jobs {
		if uses := get(j.v, "uses"); local(strings.TrimSpace(uses.Str())) {
			out = append(out, passage{j, &step{}, uses, get(j.v, "with")})
		}
		for _, s := range j.steps {
			if local(s.uses) {
				out = append(out, passage{j, s, s.usesAt, s.with})
			}
		}
	}
	return out
}

// handed judges what outsiders write and the file hands on to workflows and actions of its repository, whose scripts take it in.
func (f *flow) handed() {
	for _, c := range f.calls() {
		uses := strings.TrimSpace(c.uses.Str())
		callee := f.callee(uses)
		if callee == nil {
			continue
		}
		for _, input := range c.with.Fields() {
			for _, x := range f.text.expressions(input.Value) {
				for _, ref := range x.root.flows() {
					by := f.decides(c.job, c.step, ref, 0)
					if !by.proven() || by.what == "" {
						continue
					}
					steps := callee.sinks(strings.ToLower(input.Key), map[string]bool{})
					if len(steps) == 0 {
						continue
					}
					by = f.arrives(by, ref, "becomes input "+input.Key, f.expressionAt(x))
					f.add(sight{
						audit: "pipeline-injection-through-call", severity: by.severity, at: f.expressionAt(x), around: c.step.around, path: under(input.Value, x.text),
						message:  fmt.Sprintf("%s, through input %s of %s", ref.text, input.Key, uses),
						evidence: append(by.way, steps...),
					})
				}
			}
		}
	}
}

// sinks returns the way from an input to the first script that pastes it, nil where there is none. Seen holds the inputs that were
// followed: files may call each other in circles.
func (f *flow) sinks(input string, seen map[string]bool) []plinth.Step {
	key := f.path + "#" + input
	if seen[key] {
		return nil
	}
	seen[key] = true
	for _, j := range f.jobs {
		for _, s := range j.steps {
			for _, script := range s.scripts() {
				for _, x := range f.text.expressions(script) {
					if f.takes(j, s, x.root, input) {
						return []plinth.Step{{Note: x.text + " is expanded in a script", At: f.expressionAt(x), Resource: f.path}}
					}
				}
			}
		}
	}
	for _, c := range f.calls() {
		callee := f.callee(strings.TrimSpace(c.uses.Str()))
		if callee == nil {
			continue
		}
		for _, next := range c.with.Fields() {
			for _, x := range f.text.expressions(next.Value) {
				if !f.takes(c.job, c.step, x.root, input) {
					continue
				}
				if rest := callee.sinks(strings.ToLower(next.Key), seen); rest != nil {
					return append([]plinth.Step{{Note: "it is handed on as input " + next.Key, At: f.expressionAt(x), Resource: f.path}}, rest...)
				}
			}
		}
	}
	return nil
}

// takes tells whether an expression yields an input, by its name or through an env.
func (f *flow) takes(j *job, s *step, root *node, input string) bool {
	for _, ref := range root.flows() {
		if ref.text == "inputs."+input {
			return true
		}
		key, ok := strings.CutPrefix(ref.text, "env.")
		if !ok {
			continue
		}
		for _, env := range []plinth.Value{s.environment, get(j.v, "env"), get(f.doc, "env")} {
			v := fold(env, key)
			for _, x := range f.text.expressions(v) {
				for _, inner := range x.root.flows() {
					if inner.text == "inputs."+input {
						return true
					}
				}
			}
			if !v.IsNull() {
				break
			}
		}
	}
	return false
}
