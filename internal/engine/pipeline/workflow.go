package pipeline

import (
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
)

// flow is a workflow or a composite action.
type flow struct {
	*look
	action bool
	on     map[string]plinth.Value // events and their filters
	jobs   []*job
	given  map[string]taint // who decides the inputs, in one call of the file; nil where the call is not known
}

type job struct {
	name  string
	v     plinth.Value
	steps []*step
}

type step struct {
	v, with     plinth.Value
	uses        string // trimmed, without what stands behind the @
	ref         string
	usesAt      plinth.Value
	run         plinth.Value
	around      plinth.Location
	version     string // that a comment beside uses tells
	environment plinth.Value
}

// outsiders are the events that anybody can cause while the workflow has the repository's rights.
var outsiders = []string{"pull_request_target", "workflow_run", "issue_comment", "issues", "discussion", "discussion_comment", "fork", "watch", "pull_request_comment"}

func (f *flow) any(events ...string) bool {
	return slices.ContainsFunc(events, func(e string) bool { _, ok := f.on[e]; return ok })
}

func (f *flow) only(event string) bool { return len(f.on) == 1 && f.any(event) }

func newFlow(l *look) *flow {
	f := &flow{look: l, on: map[string]plinth.Value{}}
	on := get(l.doc, "on")
	switch on.Kind() {
	case plinth.String:
		f.on[on.Str()] = plinth.Value{}
	case plinth.List:
		for _, e := range on.List() {
			f.on[e.Str()] = plinth.Value{}
		}
	case plinth.Map:
		for _, e := range on.Fields() {
			f.on[e.Key] = e.Value
		}
	}
	for _, j := range get(l.doc, "jobs").Fields() {
		if j.Value.Kind() == plinth.Map {
			f.jobs = append(f.jobs, &job{name: j.Key, v: j.Value, steps: l.steps(get(j.Value, "steps"))})
		}
	}
	slices.SortStableFunc(f.jobs, func(a, b *job) int { return int(place(a.v).Line - place(b.v).Line) })
	return f
}

func (l *look) steps(list plinth.Value) []*step {
	var out []*step
	for _, v := range list.List() {
		if v.Kind() != plinth.Map || v.Origin() == nil {
			continue
		}
		s := &step{v: v, with: get(v, "with"), usesAt: get(v, "uses"), run: get(v, "run"), environment: get(v, "env"), around: place(v)}
		s.uses, s.ref, s.version = l.used(s.usesAt)
		out = append(out, s)
	}
	return out
}

// used returns the parts of a uses, and the version that its comment tells.
func (l *look) used(v plinth.Value) (name, ref, version string) {
	name, ref, _ = strings.Cut(strings.TrimSpace(v.Str()), "@")
	if v.Kind() == plinth.String && v.Origin() != nil {
		_, comment, _ := strings.Cut(l.line(l.content(v).Line), " #")
		for _, w := range strings.Fields(comment) {
			w = strings.TrimPrefix(strings.TrimPrefix(w, "tag="), "v")
			if w != "" && w[0] >= '0' && w[0] <= '9' {
				return name, ref, w
			}
		}
	}
	if version = strings.TrimPrefix(ref, "v"); len(version) == 40 || version == "" || version[0] < '0' || version[0] > '9' {
		version = ""
	}
	return name, ref, version
}

// is tells whether a step uses one of these actions.
func (s *step) is(names ...string) bool {
	own := strings.ToLower(s.uses)
	return slices.ContainsFunc(names, func(n string) bool { return own == strings.ToLower(n) })
}

// major returns the first number of the version, 0 where it is not known.
func (s *step) major() int {
	n := 0
	for _, c := range s.version {
		if c < '0' || c > '9' || n > 1e6 {
			break
		}
		n = n*10 + int(c-'0')
	}
	return n
}

// top is the first entry of the document.
func (f *flow) top() plinth.Location {
	var best plinth.Location
	for _, e := range f.doc.Fields() {
		if at := f.first(e.Value); best.Line == 0 || at.Line < best.Line {
			best = at
		}
	}
	return best
}

func workflowFile(l *look) {
	f := newFlow(l)
	f.triggers()
	f.rights()
	f.overall()
	for _, j := range f.jobs {
		f.job(j)
		f.checkedOut(j)
		for _, s := range j.steps {
			f.step(j, s)
		}
	}
	f.expressions()
	f.handed()
	f.approvals()
	l.released()
}

func actionFile(l *look) {
	f := newFlow(l)
	f.action = true
	runs := get(l.doc, "runs")
	if image := get(runs, "image"); strings.HasPrefix(image.Str(), "docker://") && !strings.Contains(image.Str(), "@sha256:") {
		f.add(sight{audit: "pipeline-action-unpinnable", severity: plinth.Medium, at: f.first(image), path: pathOf(image), message: image.Str()})
	}
	j := &job{v: runs, steps: l.steps(get(runs, "steps"))}
	f.jobs = []*job{j}
	for _, s := range j.steps {
		if s.uses != "" && !local(s.uses) && !hash(s.ref) && !strings.HasPrefix(s.uses, "docker://") {
			f.add(sight{audit: "pipeline-action-unpinnable", severity: plinth.Medium, at: f.content(s.usesAt), path: pathOf(s.usesAt), message: strings.TrimSpace(s.usesAt.Str())})
		}
		f.step(j, s)
	}
	f.expressions()
}
