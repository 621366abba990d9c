package pipeline

import (
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
)

// triggers judges what starts the workflow.
func (f *flow) triggers() {
	on := get(f.doc, "on")
	if on.IsNull() || on.Origin() == nil {
		return
	}
	harmless := len(f.jobs) > 0
	for _, j := range f.jobs {
		for _, s := range j.steps {
			harmless = harmless && s.is("actions/labeler")
		}
		harmless = harmless && len(j.steps) > 0
	}
	for _, e := range []string{"pull_request_target", "workflow_run"} {
		if f.any(e) && !harmless {
			f.add(sight{audit: "pipeline-dangerous-triggers", severity: plinth.High, at: f.event(on, e), around: place(on), path: "on." + e, message: e})
		}
	}
	if f.any(outsiders...) && get(f.doc, "permissions").IsNull() && slices.ContainsFunc(f.jobs, func(j *job) bool { _, has := j.v.Get("permissions"); return !has }) {
		f.add(sight{audit: "pipeline-risky-default-permissions", severity: plinth.Medium, at: f.first(on), path: "on"})
	}
}

// scopes grades what writing to a scope gives; others are medium.
var scopes = map[string]plinth.Severity{
	"contents": plinth.High, "actions": plinth.High, "id-token": plinth.High, "packages": plinth.High, "deployments": plinth.High,
	"attestations": plinth.High, "pull-requests": plinth.High, "issues": plinth.High, "pages": plinth.High, "discussions": plinth.High,
}

// rights judges the permissions of the workflow and its jobs.
func (f *flow) rights() {
	own, has := f.doc.Get("permissions")
	f.permissions(own, true)
	bare := false
	for _, j := range f.jobs {
		p, given := j.v.Get("permissions")
		f.permissions(p, false)
		if given || has {
			continue
		}
		bare = true
		if !f.only("workflow_call") || !get(j.v, "uses").IsNull() {
			f.add(sight{audit: "pipeline-excessive-permissions", severity: plinth.Medium, at: f.first(j.v), around: place(j.v), path: pathOf(j.v), message: "job " + j.name + " has the default permissions"})
		}
	}
	if bare && !f.only("workflow_call") {
		f.add(sight{audit: "pipeline-excessive-permissions", severity: plinth.Medium, at: f.top(), around: place(get(f.doc, "on")), path: "permissions", message: "the workflow has the default permissions"})
	}
}

func (f *flow) permissions(p plinth.Value, shared bool) {
	switch p.Str() {
	case "write-all":
		f.add(sight{audit: "pipeline-excessive-permissions", severity: plinth.High, at: f.first(p), path: pathOf(p), message: "write-all"})
	case "read-all":
		f.add(sight{audit: "pipeline-excessive-permissions", severity: plinth.Medium, at: f.first(p), path: pathOf(p), message: "read-all"})
	}
	var silent []plinth.Value
	for _, s := range p.Fields() {
		if shared && str(s.Value) == "write" {
			severity, ok := scopes[s.Key]
			if !ok {
				severity = plinth.Medium
			}
			if len(f.jobs) < 2 {
				severity = plinth.Low
			}
			f.add(sight{audit: "pipeline-excessive-permissions", severity: severity, at: f.first(s.Value), path: pathOf(s.Value), message: s.Key + ": write for all jobs"})
		}
		if s.Key == "contents" && str(s.Value) == "read" || str(s.Value) == "none" {
			continue
		}
		line := f.line(place(s.Value).Line)
		if i := strings.IndexByte(line, '#'); i < 0 || strings.TrimSpace(line[i+1:]) == "" {
			silent = append(silent, s.Value)
		}
	}
	if len(silent) > 0 {
		first := slices.MinFunc(silent, func(a, b plinth.Value) int { return int(place(a).Line - place(b).Line) })
		f.add(sight{audit: "pipeline-undocumented-permissions", severity: plinth.Info, at: f.first(first), path: pathOf(first)})
	}
}

// overall judges the workflow as a whole: its name and how its runs meet.
func (f *flow) overall() {
	if get(f.doc, "name").IsNull() {
		f.add(sight{audit: "pipeline-anonymous-definition", severity: plinth.Info, at: f.top(), path: "name"})
	}
	for _, j := range f.jobs {
		if get(j.v, "name").IsNull() {
			f.add(sight{audit: "pipeline-anonymous-definition", severity: plinth.Info, at: f.first(j.v), path: pathOf(j.v), message: "job " + j.name})
		}
	}
	on, c := get(f.doc, "on"), get(f.doc, "concurrency")
	cancels := func(c plinth.Value) bool { return !get(c, "cancel-in-progress").IsNull() }
	switch {
	case on.Origin() == nil || f.only("workflow_call") || cancels(c):
	case !c.IsNull():
		f.add(sight{audit: "pipeline-concurrency-limits", severity: plinth.Info, at: f.first(c), path: pathOf(c)})
	default:
		for _, j := range f.jobs {
			if get(j.v, "uses").IsNull() && !cancels(get(j.v, "concurrency")) {
				f.add(sight{audit: "pipeline-concurrency-limits", severity: plinth.Info, at: f.first(on), path: under(j.v, "concurrency"), message: "job " + j.name})
			}
		}
	}
	f.shell(get(f.doc, "defaults", "run", "shell"), plinth.Location{})
	f.insecure(get(f.doc, "env"), plinth.Location{})
	f.debug(get(f.doc, "env"))
}

// job judges what a job says outside its steps.
func (f *flow) job(j *job) {
	around := place(j.v)
	if uses := get(j.v, "uses"); !uses.IsNull() {
		f.pinned(uses, around)
		f.knows(uses, around)
		if get(j.v, "secrets").Str() == "inherit" {
			f.add(sight{audit: "pipeline-secrets-inherit", severity: plinth.Medium, at: f.first(uses), around: around, path: pathOf(get(j.v, "secrets"))})
		}
	}
	f.shell(get(j.v, "defaults", "run", "shell"), plinth.Location{})
	f.insecure(get(j.v, "env"), plinth.Location{})
	f.debug(get(j.v, "env"))
	f.runner(j)
	f.container(j, get(j.v, "container"))
	for _, s := range get(j.v, "services").Fields() {
		f.container(j, s.Value)
	}
	f.allSecrets(j)
	f.condition(get(j.v, "if"), plinth.Location{})
}

// allSecrets tells of a job that some expression gives all secrets.
func (f *flow) allSecrets(j *job) {
	all := false
	scalars(j.v, func(v plinth.Value) {
		for _, x := range f.text.expressions(v) {
			x.root.walk(func(n *node) { all = all || wholesale(n) })
		}
	})
	if all {
		f.add(sight{audit: "pipeline-all-secrets", severity: plinth.Medium, at: f.first(j.v), path: pathOf(j.v), message: "job " + j.name})
	}
}

func wholesale(n *node) bool {
	return n.kind == reference && n.computed && strings.HasPrefix(n.text, "secrets.") ||
		n.kind == call && n.text == "tojson" && len(n.args) == 1 && n.args[0].kind == reference && n.args[0].text == "secrets"
}

func (f *flow) container(j *job, c plinth.Value) {
	image := c
	if c.Kind() == plinth.Map {
		image = get(c, "image")
	}
	if p := get(c, "credentials", "password"); p.Str() != "" && !strings.Contains(p.Str(), "${{") {
		f.add(sight{audit: "pipeline-container-credentials", severity: plinth.High, at: f.first(p), path: pathOf(p)})
	}
	f.image(j, image)
}

func digested(image string) bool { return image == "" || strings.Contains(image, "@sha256:") }

// image judges an image, whose name may be an expression.
func (f *flow) image(j *job, v plinth.Value) {
	loose := ""
	if !strings.Contains(v.Str(), "${{") {
		if !digested(v.Str()) {
			loose = v.Str()
		}
	} else if list := f.text.expressions(v); len(list) == 1 && list[0].text != "" && strings.HasPrefix(strings.TrimSpace(v.Str()), "${{") && strings.HasSuffix(strings.TrimSpace(v.Str()), "}}") {
		loose = f.looseImage(j, list[0].root)
	} else if !strings.Contains(v.Str(), "@sha256:") {
		loose = v.Str()
	}
	if loose != "" {
		f.add(sight{audit: "pipeline-unpinned-images", severity: plinth.High, at: f.first(v), path: pathOf(v), message: loose})
	}
}

// looseImage returns one of the images that an expression may name and that has no digest.
func (f *flow) looseImage(j *job, n *node) string {
	switch {
	case n.kind == literal:
		if n.quoted && !strings.Contains(n.text, "@sha256") {
			return n.text
		}
		return ""
	case n.kind == binary && n.text == "&&":
		return f.looseImage(j, n.args[1])
	case n.kind == binary && n.text == "||":
		if a := f.looseImage(j, n.args[0]); a != "" {
			return a
		}
		return f.looseImage(j, n.args[1])
	case n.kind == reference && strings.HasPrefix(n.text, "matrix."):
		values, static := matrix(j, n.text)
		for _, v := range values {
			if !digested(v) {
				return v
			}
		}
		if static {
			return ""
		}
	}
	return n.text
}

var hosted = []string{"ubuntu-", "macos-", "windows-"}

// runner judges where a job runs.
func (f *flow) runner(j *job) {
	on := get(j.v, "runs-on")
	if on.IsNull() {
		return
	}
	labels, detail := []plinth.Value{on}, on
	if group := get(on, "group"); !group.IsNull() {
		f.add(sight{audit: "pipeline-self-hosted-runner", severity: plinth.Info, at: f.first(on), path: pathOf(on), message: "group " + group.Str()})
		labels, detail = []plinth.Value{group}, group
	} else if l := get(on, "labels"); !l.IsNull() {
		labels, detail = []plinth.Value{l}, l
	}
	if labels[0].Kind() == plinth.List {
		labels = labels[0].List()
	}
	own, known := false, true
	for _, l := range labels {
		names := []string{l.Str()}
		if list := f.text.expressions(l); len(list) == 1 && list[0].root.kind == reference && strings.HasPrefix(list[0].root.text, "matrix.") {
			names, known = matrix(j, list[0].root.text)
		} else if strings.Contains(l.Str(), "${{") {
			known = false
			continue
		}
		own = own || slices.Contains(names, "self-hosted")
		known = known && !slices.ContainsFunc(names, func(n string) bool {
			return !slices.ContainsFunc(hosted, func(h string) bool { return strings.HasPrefix(strings.ToLower(n), h) })
		})
		if !known && !strings.Contains(l.Str(), "${{") {
			own = own || on.Kind() == plinth.Map
		}
	}
	if own && get(on, "group").IsNull() && slices.ContainsFunc(labels, func(l plinth.Value) bool { return l.Str() == "self-hosted" || strings.Contains(l.Str(), "${{") }) {
		f.add(sight{audit: "pipeline-self-hosted-runner", severity: plinth.Info, at: f.first(on), path: pathOf(on)})
	}
	if f.any("pull_request", "pull_request_target") && (own || !known && !strings.Contains(detail.Str(), "${{")) {
		f.add(sight{audit: "pipeline-pull-request-runner", severity: plinth.Medium, at: f.first(detail), path: pathOf(detail), message: "job " + j.name})
	}
}

// matrix returns the values that a dimension of the job's matrix has, and whether they are all written there.
func matrix(j *job, name string) (out []string, static bool) {
	m := get(j.v, "strategy", "matrix")
	key := strings.TrimPrefix(name, "matrix.")
	if m.Kind() != plinth.Map || strings.Contains(key, "*") {
		return nil, false
	}
	static = true
	take := func(v plinth.Value) {
		for _, part := range strings.Split(key, ".")[1:] {
			v = fold(v, part)
		}
		scalar := str(v)
		if strings.Contains(scalar, "${{") {
			static = false
		}
		out = append(out, scalar)
	}
	head, _, _ := strings.Cut(key, ".")
	list := fold(m, head)
	if list.Kind() == plinth.String {
		static = false
	}
	for _, v := range list.List() {
		if !excluded(get(m, "exclude"), head, v) {
			take(v)
		}
	}
	include := get(m, "include")
	if include.Kind() == plinth.String {
		static = false
	}
	for _, x := range include.List() {
		if v := fold(x, head); !v.IsNull() {
			take(v)
		}
	}
	return out, static
}

// fold returns an entry by its name in lower case.
func fold(v plinth.Value, key string) plinth.Value {
	for _, f := range v.Fields() {
		if strings.ToLower(f.Key) == key {
			return f.Value
		}
	}
	return plinth.Value{}
}

// excluded tells whether a value of a dimension never runs.
func excluded(list plinth.Value, key string, v plinth.Value) bool {
	return slices.ContainsFunc(list.List(), func(x plinth.Value) bool {
		return x.Len() == 1 && str(v) != "" && str(fold(x, key)) == str(v)
	})
}

// event is where an event stands among those that run the workflow.
func (f *flow) event(on plinth.Value, name string) plinth.Location {
	for _, v := range on.List() {
		if v.Str() == name && v.Origin() != nil {
			return f.first(v)
		}
	}
	if v, ok := on.Get(name); ok && v.Origin() != nil {
		return f.first(v)
	}
	return f.first(on)
}
