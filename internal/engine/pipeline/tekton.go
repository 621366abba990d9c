package pipeline

import (
	"fmt"
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/lazy"
)

const tektonType = "tekton/Object"

// tektonFile judges an object of Tekton: https://tekton.dev/docs/pipelines, https://tekton.dev/docs/triggers,
// https://pipelinesascode.com/docs.
func tektonFile(l *look) {
	o := &tekton{look: l, kind: get(l.doc, "kind").Str(), objects: l.tekton}
	spec := get(l.doc, "spec")
	for _, f := range get(l.doc, "metadata", "annotations").Fields() {
		if strings.HasPrefix(f.Key, "pipelinesascode.tekton.dev/task") || f.Key == "pipelinesascode.tekton.dev/pipeline" {
			o.annotated(f.Value)
		}
	}
	switch o.kind {
	case "Task", "ClusterTask":
		o.task(spec)
	case "StepAction":
		o.step(spec)
	case "TaskRun":
		o.run(spec)
		o.reference(get(spec, "taskRef"))
		o.task(get(spec, "taskSpec"))
	case "Pipeline":
		o.pipeline(spec)
	case "PipelineRun":
		o.run(spec)
		o.reference(get(spec, "pipelineRef"))
		o.pipeline(get(spec, "pipelineSpec"))
	case "TriggerTemplate":
		for _, r := range append(get(spec, "resourcetemplates").List(), get(spec, "resourceTemplates").List()...) {
			inner := get(r, "spec")
			o.run(inner)
			o.reference(get(inner, "pipelineRef"))
			o.reference(get(inner, "taskRef"))
			o.pipeline(get(inner, "pipelineSpec"))
			o.task(get(inner, "taskSpec"))
		}
	}
}

// tekton is an object that is judged.
type tekton struct {
	*look
	kind    string
	scope   plinth.Value // the spec whose parameters count in scripts
	objects *objects
}

func (o *tekton) pipeline(spec plinth.Value) {
	for _, list := range []string{"tasks", "finally"} {
		for _, t := range get(spec, list).List() {
			o.reference(get(t, "taskRef"))
			o.task(get(t, "taskSpec"))
		}
	}
}

func (o *tekton) task(spec plinth.Value) {
	o.scope = spec
	template := get(spec, "stepTemplate")
	o.contained(template)
	for _, list := range []string{"steps", "sidecars"} {
		for _, s := range get(spec, list).List() {
			o.step(s)
		}
	}
	o.mounts(get(spec, "volumes"))
}

// run judges what a run says of its pods.
func (o *tekton) run(spec plinth.Value) {
	for _, pod := range []plinth.Value{get(spec, "podTemplate"), get(spec, "taskRunTemplate", "podTemplate")} {
		o.mounts(get(pod, "volumes"))
		if v := get(pod, "hostNetwork"); v.Bool() {
			o.add(sight{audit: "pipeline-privileged-container", severity: plinth.High, at: o.first(v), path: pathOf(v), message: "hostNetwork: true"})
		}
	}
}

func (o *tekton) mounts(volumes plinth.Value) {
	for _, v := range volumes.List() {
		if host := get(v, "hostPath"); host.Kind() == plinth.Map {
			o.add(sight{audit: "pipeline-privileged-container", severity: plinth.High, at: o.first(host), path: pathOf(host), message: "the folder " + get(host, "path").Str() + " of the host"})
		}
	}
}

func (o *tekton) contained(s plinth.Value) {
	if image := get(s, "image"); !image.IsNull() {
		o.image(image)
	}
	if v := get(s, "securityContext", "privileged"); v.Bool() {
		o.add(sight{audit: "pipeline-privileged-container", severity: plinth.High, at: o.first(v), path: pathOf(v), message: "privileged: true"})
	}
}

var shells = lazy.New(`^(?:\S*/)?(?:ba|z|da|k)?sh$`)

func (o *tekton) step(s plinth.Value) {
	o.contained(s)
	o.reference(get(s, "ref"))
	scripts := []plinth.Value{get(s, "script")}
	line := append(get(s, "command").List(), get(s, "args").List()...)
	for i, v := range line {
		if strings.HasPrefix(v.Str(), "-") && strings.HasSuffix(v.Str(), "c") && i > 0 && shells.MatchString(line[0].Str()) && i+1 < len(line) {
			scripts = append(scripts, line[i+1])
			break
		}
	}
	for _, script := range scripts {
		if script.Kind() == plinth.String && script.Origin() != nil {
			o.script(s, script)
		}
	}
}

var (
	replaced = lazy.New(`\$\(((?:inputs\.)?(?:tt\.)?(?:params|body|header|headers|extensions|tasks|steps)(?:\.[\w.*-]+|\[["'][\w.-]+["']\])+(?:\[[\d*]+\])?)\)|\{\{\s*((?:body|headers)\.[\w.-]+|[a-z_]+)\s*\}\}`)
	indexed  = strings.NewReplacer(`["`, ".", `"]`, "", `['`, ".", `']`, "", "[*]", "")
)

// script judges what is replaced in a script before the shell sees it. What nobody is known to decide is one finding.
func (o *tekton) script(s, script plinth.Value) {
	o.fetched(script, plinth.Location{})
	o.built(script)
	raw, from := o.raw(script)
	var open []string
	told := map[string]bool{}
	for _, m := range replaced.FindAllStringSubmatchIndex(raw, -1) {
		mark := raw[m[0]:m[1]]
		if told[indexed.Replace(mark)] {
			continue
		}
		told[indexed.Replace(mark)] = true
		here := o.place(from+m[0], from+m[1])
		by := o.value(o.scope, mark, here, 0)
		switch {
		case by.proven():
			message := mark
			if len(by.way) > 0 {
				message += ", which is " + by.what
				by = by.then(mark+" is replaced in a script", here, o.path)
			}
			o.add(sight{audit: "pipeline-template-injection", severity: by.severity, at: o.first(script), path: under(script, mark), message: message, evidence: by.way})
		case by.severity == plinth.Low:
			open = append(open, mark)
		}
	}
	o.decided(open, o.first(script), script)
	if text := script.Str(); len(text) <= maxScript && mayEvaluate(text) {
		sh := &shell{path: o.path, outside: plinth.Medium, variable: func(name string) taint {
			for _, e := range append(get(s, "env").List(), get(o.scope, "stepTemplate", "env").List()...) {
				if v := get(e, "value"); get(e, "name").Str() == name && v.Kind() == plinth.String {
					return o.value(o.scope, v.Str(), place(v), 0).then("it becomes variable "+name, place(v), o.path)
				}
			}
			return unknown()
		}}
		list := o.commands(script)
		sh.learn(list)
		o.evaluated(sh, list, plinth.Location{}, script)
	}
}

// built judges a script of a run that Pipelines as Code starts for pull requests, whose work tree it has cloned.
func (o *tekton) built(script plinth.Value) {
	notes := get(o.doc, "metadata", "annotations")
	if !strings.Contains(get(notes, "pipelinesascode.tekton.dev/on-event").Str(), "pull_request") || !strings.Contains(o.whole, "git-clone") {
		return
	}
	for _, c := range o.commands(script) {
		if builders.MatchString(c.text) {
			o.add(sight{audit: "pipeline-untrusted-checkout", severity: plinth.Medium, at: o.first(script), path: under(script, c.text), message: strings.TrimSpace(c.text)})
		}
	}
}

// value tells who decides a text of an object: the worst of what is replaced in it. Spec declares the parameters.
func (o *tekton) value(spec plinth.Value, text string, at plinth.Location, depth int) taint {
	t := taint{}
	for _, m := range replaced.FindAllStringSubmatch(text, -1) {
		name := strings.TrimPrefix(indexed.Replace(m[1]), "inputs.")
		head, rest, _ := strings.Cut(name, ".")
		var by taint
		switch {
		case depth > maxWay:
			by = unknown()
		case m[2] != "":
			by = asCode(m[2])
		case head == "tt":
			by = o.ofTemplate(strings.TrimPrefix(rest, "params."), depth+1)
		case head == "params":
			key, _, _ := strings.Cut(rest, ".")
			by = o.parameter(spec, key, depth+1)
		case head == "body" || strings.HasPrefix(head, "header") || head == "extensions":
			by = payload(name)
		default:
			by = unknown()
		}
		t = worse(t, by)
	}
	return t
}

var (
	payloadText  = lazy.New(`(?i)(?:title|body|message|[._-]ref|branch|branch_?name|ref_?name|files|label|description|comment|text|email|subject|query|phrase|commits?)$`)
	payloadFixed = lazy.New(`(?i)(?:^|[._-])(?:\w*id|href|number|sha|after|before|size|count|created_at|updated_at|checkout_sha|full_name|\w*url|default_branch|node_id|action|state|status|event|\w*type|commit_?id|repository\.name|repo\.name|project\.name|slug|login|username|x-github-event|x-github-delivery)$`)
)

// payload tells who decides a field of the event that starts a pipeline.
func payload(name string) taint {
	switch {
	case payloadFixed.MatchString(name):
		return taint{}
	case name == "body.ref" || name == "body.base_ref" || strings.HasSuffix(name, ".base.ref") || strings.HasSuffix(name, "target_branch"): // those who may push
		return taint{severity: plinth.Medium, what: name}
	case payloadText.MatchString(name) && strings.HasPrefix(name, "extensions."): // the listener makes it of something
		return taint{severity: plinth.Medium, what: name}
	case payloadText.MatchString(name):
		return taint{severity: plinth.High, what: name}
	case strings.HasPrefix(name, "extensions."):
		return unknown()
	}
	return taint{severity: plinth.Medium, what: name}
}

// asCode tells who decides a variable of Pipelines as Code.
func asCode(name string) taint {
	switch {
	case strings.HasPrefix(name, "body.") || strings.HasPrefix(name, "headers."):
		return payload(name)
	case name == "source_branch" || name == "trigger_comment" || name == "event_title":
		return taint{severity: plinth.High, what: name}
	case name == "sender" || name == "pull_request_labels" || name == "git_tag":
		return taint{severity: plinth.Medium, what: name}
	}
	return taint{}
}

// parameter tells who decides a parameter of a task or a pipeline: those who call it in this target.
func (o *tekton) parameter(spec plinth.Value, key string, depth int) taint {
	for _, p := range get(spec, "params").List() {
		if get(p, "name").Str() == key && !get(p, "enum").IsNull() {
			return taint{}
		}
	}
	id := fmt.Sprint(place(spec), key)
	if t, ok := o.objects.known[id]; ok {
		return t
	}
	o.objects.known[id] = unknown() // while it is being looked up
	t, any := taint{}, false
	for _, c := range o.objects.callers[place(spec)] {
		own := false
		for _, p := range c.params.List() {
			v := get(p, "value")
			if get(p, "name").Str() != key {
				continue
			}
			by := c.from.value(c.in, v.Str(), place(v), depth+1)
			t, any, own = worse(t, becomes(by, key, place(v), c.from.path)), true, true
		}
		if c.inline && !own { // the parameters of the pipeline are those of a task inside it
			t, any = worse(t, c.from.parameter(c.in, key, depth+1)), true
		}
	}
	if !any {
		t = unknown()
	}
	o.objects.known[id] = t
	return t
}

// becomes adds the station at which a text becomes a parameter.
func becomes(by taint, key string, at plinth.Location, path string) taint {
	if by.proven() && len(by.way) == 0 {
		return by.then(by.what+" is what an outsider writes; it becomes parameter "+key, at, path)
	}
	return by.then("it becomes parameter "+key, at, path)
}

// ofTemplate tells who decides a parameter of a trigger's template: the bindings that fill it.
func (o *tekton) ofTemplate(key string, depth int) taint {
	name := get(o.doc, "metadata", "name").Str()
	list := o.objects.bindings[key]
	if o.objects.used[name] {
		list = o.objects.filled[name+"/"+key]
	}
	if len(list) == 0 {
		return unknown()
	}
	t := taint{}
	for _, v := range list {
		t = worse(t, becomes(o.value(plinth.Value{}, v.Str(), place(v), depth+1), key, place(v), place(v).Path))
	}
	return t
}

// reference judges a task, a pipeline or a step that is taken from elsewhere: https://tekton.dev/docs/pipelines/resolution.
func (o *tekton) reference(v plinth.Value) {
	put := func(at plinth.Value, severity plinth.Severity, message string) {
		o.add(sight{audit: "pipeline-unpinned-include", severity: severity, at: o.first(at), path: pathOf(at), message: message})
	}
	param := func(name string) plinth.Value {
		for _, p := range get(v, "params").List() {
			if get(p, "name").Str() == name {
				return get(p, "value")
			}
		}
		return plinth.Value{}
	}
	if b := get(v, "bundle"); b.Kind() == plinth.String && !strings.ContainsAny(b.Str(), "$") && !strings.Contains(b.Str(), "@sha256:") {
		put(b, plinth.Medium, b.Str())
	}
	resolver := get(v, "resolver")
	switch resolver.Str() {
	case "git":
		revision := param("revision")
		if slices.Contains(branches, revision.Str()) {
			at := revision
			if at.Origin() == nil {
				at = resolver
			}
			put(at, plinth.Medium, strings.TrimSuffix(param("url").Str()+param("repo").Str()+"@"+revision.Str(), "@"))
		}
	case "hub":
		if version := param("version"); version.IsNull() || version.Str() == "latest" {
			put(resolver, plinth.Medium, "hub "+param("name").Str())
		}
	case "bundles":
		if b := param("bundle"); b.Kind() == plinth.String && !strings.Contains(b.Str(), "$") && !strings.Contains(b.Str(), "@sha256:") {
			put(b, plinth.Medium, b.Str())
		}
	case "http":
		if u := param("url"); u.Kind() == plinth.String && !strings.Contains(u.Str(), "$") && param("digest").IsNull() {
			put(u, plinth.High, u.Str())
		}
	}
}

var remoteTask = lazy.New(`https?://[^\s,\]"']+`)

// annotated judges the tasks that Pipelines as Code fetches for a run.
func (o *tekton) annotated(v plinth.Value) {
	for _, u := range remoteTask.FindAllString(v.Str(), -1) {
		for _, b := range branches {
			if b != "" && strings.Contains(u, "/"+b+"/") {
				o.add(sight{audit: "pipeline-unpinned-include", severity: plinth.Medium, at: o.first(v), path: under(v, u), message: u})
				break
			}
		}
	}
}
