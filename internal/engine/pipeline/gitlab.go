package pipeline

import (
	"path"
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/lazy"
	"github.com/plinthsec/plinth/internal/tree"
)

const (
	gitlabType   = "gitlab/Pipeline"
	maxIncludes  = 150    // files of one pipeline, the limit of the service
	maxExtends   = 11     // levels of extends, the limit of the service
	maxReference = 10     // levels of !reference, the limit of the service
	maxLookups   = 20_000 // parts of a job's scripts that are looked up; long jobs have a few hundred
)

// referenceKey is how the reader hands over !reference: a map with this key and the list of names.
const referenceKey = "!reference"

// gitlabFile judges a file of a GitLab pipeline: by itself, and, where no other file includes it, with all that it includes.
// https://docs.gitlab.com/ci/yaml
func gitlabFile(l *look) {
	l.debug(get(l.doc, "variables"))
	l.includes(get(l.doc, "include"))
	for _, x := range []plinth.Value{l.doc, get(l.doc, "default")} {
		l.image(get(x, "image"))
		for _, service := range entries(get(x, "services")) {
			l.image(service)
		}
	}
	for _, j := range l.doc.Fields() {
		l.debug(get(j.Value, "variables"))
		if j.Key == "default" || j.Key == "image" || j.Key == "services" || j.Key == "variables" {
			continue
		}
		l.image(get(j.Value, "image"))
		for _, service := range entries(get(j.Value, "services")) {
			l.image(service)
		}
	}
	for _, v := range gitlabScripts(l.doc) {
		scalars(v, func(v plinth.Value) {
			l.fetched(v, plinth.Location{})
			l.interpolated(v)
		})
	}
	l.released()
	if l.isRoot() {
		p := &gitlab{look: l, doc: l.assembled(map[string]bool{}), runs: map[plinth.Location]bool{}, base: map[string]plinth.Value{}}
		p.judge()
	}
}

var gitlabScriptKeys = []string{"script", "before_script", "after_script"}

// gitlabScripts returns the scripts of a file: those for all jobs and those of each job.
func gitlabScripts(doc plinth.Value) []plinth.Value {
	var out []plinth.Value
	for _, j := range append([]plinth.Field{{Value: doc}}, doc.Fields()...) {
		for _, name := range gitlabScriptKeys {
			if v := get(j.Value, name); !v.IsNull() {
				out = append(out, v)
			}
		}
		run := get(j.Value, "run")
		for _, s := range run.List() {
			out = append(out, get(s, "script"))
		}
	}
	return out
}

var interpolation = lazy.New(`\$\[\[\s*inputs\.([\w-]+)\s*(?:\|[^\]]*)?\]\]`)

// interpolated judges inputs of a component that are pasted into a script: https://docs.gitlab.com/ci/inputs. What a type or a list of
// options closes is no finding.
func (l *look) interpolated(v plinth.Value) {
	if !strings.Contains(v.Str(), "$[[") {
		return
	}
	for _, m := range interpolation.FindAllStringSubmatch(v.Str(), -1) {
		audit, severity := "pipeline-template-injection", plinth.Low
		spec := get(l.doc, "spec", "inputs", m[1])
		if t := get(spec, "type").Str(); t == "boolean" || t == "number" || !get(spec, "options").IsNull() || !get(spec, "regex").IsNull() {
			audit, severity = "pipeline-expansion", plinth.Info
		}
		l.add(sight{audit: audit, severity: severity, at: l.first(v), path: under(v, m[0]), message: m[0]})
	}
}

// root is the folder of the repository that a pipeline file belongs to, from which local includes count.
func (l *look) root() string {
	if path.Base(l.path) == ".gitlab-ci.yml" || path.Base(l.path) == ".gitlab-ci.yaml" {
		if dir := path.Dir(l.path); dir != "." {
			return dir
		}
	}
	return ""
}

// local returns the files of the repository that an include names, sorted.
func (l *look) local(root string, include plinth.Value) []string {
	var out []string
	for _, x := range entries(include) {
		name := get(x, "local")
		if x.Kind() == plinth.String && !strings.Contains(x.Str(), "://") {
			name = x
		}
		pattern := strings.TrimPrefix(name.Str(), "/")
		if pattern == "" || strings.Contains(pattern, "$") {
			continue
		}
		pattern = path.Join(root, pattern)
		if !strings.Contains(pattern, "*") {
			out = append(out, pattern)
			continue
		}
		var hits []string
		for p, other := range l.looks {
			if other.resource.Type == gitlabType && tree.Match(pattern, p) && (strings.Contains(pattern, "**") || strings.Count(pattern, "/") == strings.Count(p, "/")) {
				hits = append(hits, p)
			}
		}
		slices.Sort(hits)
		out = append(out, hits...)
	}
	return out
}

// isRoot tells whether no other pipeline includes the file.
func (l *look) isRoot() bool {
	if strings.HasPrefix(path.Base(l.path), ".gitlab-ci.y") {
		return true
	}
	for _, other := range l.looks {
		if other == l || other.resource.Type != gitlabType {
			continue
		}
		roots := []string{other.root()}
		if slices.ContainsFunc(roots, func(root string) bool { return slices.Contains(other.local(root, get(other.doc, "include")), l.path) }) {
			return false
		}
	}
	return true
}

// assembled is the file with its local includes below it.
func (l *look) assembled(seen map[string]bool) plinth.Value {
	return l.assemble(l.root(), seen)
}

func (l *look) assemble(root string, seen map[string]bool) plinth.Value {
	seen[l.path] = true
	out := plinth.Value{}
	for _, p := range l.local(root, get(l.doc, "include")) {
		other := l.looks[p]
		if other == nil || other.resource.Type != gitlabType || seen[p] || len(seen) > maxIncludes {
			continue
		}
		out = overlay(out, other.assemble(root, seen), 0)
	}
	return overlay(out, l.doc, 0)
}

const maxOverlay = 30 // levels of a configuration that are merged; jobs have five

// overlay merges maps key by key, the upper one wins; lists and scalars are replaced as a whole.
func overlay(under, over plinth.Value, depth int) plinth.Value {
	if under.Kind() != plinth.Map || over.Kind() != plinth.Map || depth > maxOverlay {
		if over.IsNull() && over.Origin() == nil {
			return under
		}
		return over
	}
	fields := slices.Clone(under.Fields())
	at := map[string]int{}
	for i, f := range fields {
		at[f.Key] = i
	}
	for _, f := range over.Fields() {
		if i, ok := at[f.Key]; ok {
			fields[i].Value = overlay(fields[i].Value, f.Value, depth+1)
		} else {
			fields = append(fields, f)
		}
	}
	return plinth.MapOf(fields).WithOrigin(over.Origin())
}

// gitlab is a pipeline with all that it includes.
type gitlab struct {
	*look
	doc  plinth.Value
	left int                      // parts of the job's scripts that may still be looked up
	base map[string]plinth.Value  // jobs that others extend, with what they extend themselves
	runs map[plinth.Location]bool // lines of scripts that jobs run
}

// reserved are keys of a file that are no jobs.
var reserved = []string{"default", "include", "stages", "variables", "workflow", "image", "services", "cache", "before_script", "after_script", "spec"}

// judge judges the jobs, then the templates of which no job has made use.
func (p *gitlab) judge() {
	used := map[string]bool{}
	for _, j := range p.doc.Fields() {
		for _, x := range entries(get(j.Value, "extends")) {
			used[x.Str()] = true
		}
	}
	for _, hidden := range []bool{false, true} {
		for _, j := range p.doc.Fields() {
			if j.Value.Kind() != plinth.Map || slices.Contains(reserved, j.Key) || strings.HasPrefix(j.Key, ".") != hidden || hidden && used[j.Key] {
				continue
			}
			name, j := j.Key, p.extended(j.Value, 0)
			p.left = maxLookups
			lines := p.lines(get(j, "script"), 0)
			if hidden && slices.ContainsFunc(lines, func(v plinth.Value) bool { return p.runs[place(v)] }) {
				continue // by an anchor or a reference
			}
			p.job(j)
			if !hidden {
				p.approval(name, j)
			}
			for _, v := range lines {
				p.runs[place(v)] = true
			}
		}
	}
}

// extended is a job with what it extends below it.
func (p *gitlab) extended(j plinth.Value, depth int) plinth.Value {
	out := plinth.Value{}
	if depth < maxExtends {
		for _, x := range entries(get(j, "extends")) {
			base, ok := p.base[x.Str()]
			if !ok && x.Kind() == plinth.String {
				if base = get(p.doc, x.Str()); base.Kind() == plinth.Map {
					base = p.extended(base, depth+1)
				}
				p.base[x.Str()] = base
			}
			if base.Kind() == plinth.Map {
				out = overlay(out, base, 0)
			}
		}
	}
	return overlay(out, j, 0)
}

// lines returns the scalars of a script, references looked up and aliases where they are written.
func (p *gitlab) lines(v plinth.Value, depth int) []plinth.Value {
	if p.left--; depth > maxReference || p.left < 0 {
		return nil
	}
	switch v.Kind() {
	case plinth.String:
		return []plinth.Value{unaliased(v)}
	case plinth.List:
		var out []plinth.Value
		for _, x := range v.List() {
			out = append(out, p.lines(x, depth+1)...)
		}
		return out
	case plinth.Map:
		if names := get(v, referenceKey).List(); len(names) > 1 {
			keys := make([]string, len(names))
			for i, n := range names {
				keys[i] = n.Str()
			}
			job := p.extended(get(p.doc, keys[0]), 0)
			return p.lines(get(job, keys[1:]...), depth+1)
		}
	}
	return nil
}

// shared is a part that a job has of its own, else by default.
func (p *gitlab) shared(j plinth.Value, key string) plinth.Value {
	if v, ok := j.Get(key); ok {
		return v
	}
	if v, ok := get(p.doc, "default").Get(key); ok {
		return v
	}
	return get(p.doc, key)
}

// job judges the scripts of a job as the runner puts them together.
func (p *gitlab) job(j plinth.Value) {
	p.left = maxLookups
	before, own, after := p.lines(p.shared(j, "before_script"), 0), p.lines(get(j, "script"), 0), p.lines(p.shared(j, "after_script"), 0)
	for _, run := range [][]plinth.Value{append(before, own...), after} {
		may := false
		for _, v := range run {
			may = may || mayEvaluate(v.Str()) || strings.Contains(v.Str(), "sh ")
		}
		if !may {
			continue
		}
		sh := p.shell(j)
		var list []command
		for _, v := range run {
			list = append(list, p.in(place(v).Path).commands(v)...)
		}
		sh.learn(list)
		p.evaluated(sh, list, plinth.Location{}, get(j, "script"))
		p.callsScripts(sh, list, "", plinth.Location{}, get(j, "script"))
	}
}

// approval judges a job that deploys to production by itself: https://docs.gitlab.com/ci/yaml/#when.
func (p *gitlab) approval(name string, j plinth.Value) {
	env := get(j, "environment")
	if env.Kind() == plinth.Map {
		if a := get(env, "action").Str(); a != "" && a != "start" {
			return
		}
		env = get(env, "name")
	}
	if !production(env.Str()) && !(env.IsNull() && production(name)) || get(j, "script").IsNull() {
		return
	}
	manual := get(j, "when").Str() == "manual"
	for _, r := range get(j, "rules").List() {
		when := get(r, "when").Str()
		manual = manual || when == "manual"
	}
	if manual {
		return
	}
	at := env
	if at.IsNull() {
		at = get(j, "script")
	}
	here := p.in(place(at).Path)
	here.add(sight{audit: "pipeline-missing-approval", severity: plinth.Low, at: here.first(at), path: pathOf(at), message: "job " + name})
}

// shell is the shell of a job.
func (p *gitlab) shell(j plinth.Value) *shell {
	outside, branch := p.starters(j)
	sh := &shell{path: p.path, outside: outside}
	var of func(name string, depth int) taint
	of = func(name string, depth int) taint {
		if slices.Contains(p.known.Variables["gitlab"], name) {
			if branch && (strings.HasSuffix(name, "_REF_NAME") || strings.HasSuffix(name, "_BRANCH")) {
				return taint{} // the rules name the branch
			}
			return taint{severity: outside, what: name}
		}
		if depth > maxWay {
			return unknown()
		}
		for _, v := range []plinth.Value{get(j, "variables", name), get(p.doc, "variables", name)} {
			if v.Kind() == plinth.Map {
				v = get(v, "value")
			}
			if v.IsNull() {
				continue
			}
			inner := &shell{path: place(v).Path, outside: outside, variable: func(name string) taint { return of(name, depth+1) }}
			by := inner.expand(strings.ReplaceAll(str(v), "'", ""), place(v), 0)
			if by.proven() && len(by.way) == 0 {
				return by.then(by.what+" is what an outsider writes; it becomes variable "+name, place(v), inner.path)
			}
			return by.then("it becomes variable "+name, place(v), inner.path)
		}
		if strings.HasPrefix(name, "CI_") || strings.HasPrefix(name, "GITLAB_") {
			return taint{}
		}
		return unknown()
	}
	sh.variable = func(name string) taint { return of(name, 0) }
	return sh
}

// pinned is a condition that only pipelines of branches fulfil that the project names, of tags or of schedules.
var pinned = lazy.New(`\$CI_(?:COMMIT_(?:REF_NAME|BRANCH)\s*==\s*(?:\$CI_DEFAULT_BRANCH|["'][\w./-]+["'])|PIPELINE_SOURCE\s*==\s*["'](?:schedule|web|trigger|api|pipeline|parent_pipeline)["'])|\$CI_COMMIT_REF_PROTECTED\s*==`)

// starters tells how much outsiders' text means in a job, by the rules that let it run, and whether these name its branch.
func (p *gitlab) starters(j plinth.Value) (outside plinth.Severity, branch bool) {
	rules := get(j, "rules")
	if rules.IsNull() && get(j, "only").IsNull() {
		rules = get(p.doc, "workflow", "rules")
	}
	open := rules.IsNull()
	for _, r := range rules.List() {
		if get(r, "when").Str() == "never" {
			continue
		}
		if text := get(r, "if").Str(); !pinned.MatchString(text) || strings.Contains(text, "||") {
			open = true
		}
	}
	if only := get(j, "only"); !only.IsNull() {
		open = false
		for _, x := range append(entries(only), entries(get(only, "refs"))...) {
			open = open || slices.Contains([]string{"merge_requests", "branches", "external_pull_requests"}, x.Str()) || strings.HasPrefix(x.Str(), "/")
		}
	}
	if open {
		return plinth.High, false
	}
	return plinth.Medium, true
}
