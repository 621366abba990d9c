package pipeline

import (
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/lazy"
)

// circle is a configuration of CircleCI: https://circleci.com/docs/configuration-reference.
type circle struct {
	*look
	calls map[string][]plinth.Value // what jobs, commands and executors are given, by their names
	busy  map[string]bool           // parameters that are being looked up
}

func circleFile(l *look) {
	p := &circle{look: l, calls: map[string][]plinth.Value{}, busy: map[string]bool{}}
	p.orbs()
	for _, group := range []string{"jobs", "executors"} {
		for _, j := range get(l.doc, group).Fields() {
			for _, d := range get(j.Value, "docker").List() {
				l.image(get(d, "image"))
			}
			if class := get(j.Value, "resource_class"); strings.Contains(class.Str(), "/") {
				l.add(sight{audit: "pipeline-self-hosted-runner", severity: plinth.Info, at: l.first(class), path: pathOf(class), message: class.Str()})
			}
		}
	}
	p.learn(get(l.doc, "workflows"), 0)
	p.learn(get(l.doc, "jobs"), 0)
	p.learn(get(l.doc, "commands"), 0)
	for _, group := range []string{"jobs", "commands"} {
		for _, j := range get(l.doc, group).Fields() {
			p.steps(j.Value, j.Key, get(j.Value, "steps"), 0)
		}
	}
	p.approvals()
	p.released()
}

// approvals judges jobs that deploy to production and before which nobody is asked: https://circleci.com/docs/workflows/#holding-a-workflow-for-a-manual-approval.
func (p *circle) approvals() {
	for _, w := range get(p.doc, "workflows").Fields() {
		needs, asks := map[string][]string{}, map[string]bool{}
		at := map[string]plinth.Value{}
		for _, x := range get(w.Value, "jobs").List() {
			if x.Kind() == plinth.String {
				at[x.Str()] = x
			}
			for _, f := range x.Fields() {
				name := f.Key
				if n := get(f.Value, "name").Str(); n != "" {
					name = n
				}
				at[name], asks[name] = f.Value, get(f.Value, "type").Str() == "approval"
				for _, r := range entries(get(f.Value, "requires")) {
					needs[name] = append(needs[name], r.Str())
				}
			}
		}
		for name, v := range at {
			if !asks[name] && production(name) && v.Origin() != nil && !held(name, needs, asks, map[string]bool{}) {
				p.add(sight{audit: "pipeline-missing-approval", severity: plinth.Low, at: p.first(v), path: pathOf(v), message: "job " + name})
			}
		}
	}
}

// held tells whether a job, or one that it waits for, waits for an approval.
func held(name string, needs map[string][]string, asks, seen map[string]bool) bool {
	if seen[name] {
		return false
	}
	seen[name] = true
	return asks[name] || slices.ContainsFunc(needs[name], func(n string) bool { return held(n, needs, asks, seen) })
}

func (p *circle) orbs() {
	for _, o := range get(p.doc, "orbs").Fields() {
		orb := o.Value
		_, version, _ := strings.Cut(orb.Str(), "@")
		if orb.Kind() != plinth.String || strings.Contains(version, "<<") {
			continue
		}
		p.permitted(orb, plinth.Location{})
		switch {
		case version == "volatile" || version == "" || strings.HasPrefix(version, "dev:"):
			p.add(sight{audit: "pipeline-unpinned-orb", severity: plinth.High, at: p.first(orb), path: pathOf(orb), message: orb.Str()})
		case strings.Count(version, ".") < 2:
			p.add(sight{audit: "pipeline-unpinned-orb", severity: plinth.Medium, at: p.first(orb), path: pathOf(orb), message: orb.Str()})
		}
	}
}

// learn notes what is given to jobs and commands: entries of lists that are maps with one key.
func (p *circle) learn(v plinth.Value, depth int) {
	if depth > maxStages {
		return
	}
	for _, x := range v.List() {
		if f := x.Fields(); len(f) == 1 && f[0].Value.Kind() == plinth.Map {
			p.calls[f[0].Key] = append(p.calls[f[0].Key], f[0].Value)
		} else if x.Kind() == plinth.String { // with defaults only
			p.calls[x.Str()] = append(p.calls[x.Str()], plinth.MapOf(nil))
		}
		p.learn(x, depth+1)
	}
	for _, f := range v.Fields() {
		p.learn(f.Value, depth+1)
	}
}

// steps judges the scripts of a job or a command; in when and unless as well.
func (p *circle) steps(owner plinth.Value, name string, list plinth.Value, depth int) {
	if depth > maxStages {
		return
	}
	for _, s := range list.List() {
		run := get(s, "run")
		if run.Kind() == plinth.Map {
			p.script(owner, name, run, get(run, "command"))
		} else {
			p.script(owner, name, plinth.Value{}, run)
		}
		for _, key := range []string{"when", "unless"} {
			p.steps(owner, name, get(s, key, "steps"), depth+1)
		}
	}
}

// replacedHere is a parameter or a value of the pipeline that takes its place in the configuration before it runs.
var replacedHere = lazy.New(`<<\s*([A-Za-z_][\w.-]*)\s*>>`)

func (p *circle) script(owner plinth.Value, name string, run, script plinth.Value) {
	if script.Kind() != plinth.String || script.Origin() == nil {
		return
	}
	p.fetched(script, plinth.Location{})
	raw, from := p.raw(script)
	var chosen []string
	var at plinth.Location
	told := map[string]bool{}
	for _, m := range replacedHere.FindAllStringSubmatchIndex(raw, -1) {
		mark, ref := raw[m[0]:m[1]], raw[m[2]:m[3]]
		if told[ref] {
			continue
		}
		told[ref] = true
		here := p.place(from+m[0], from+m[1])
		by := p.value(owner, name, ref, 0)
		switch {
		case by.proven():
			message := mark
			if len(by.way) > 0 {
				message += ", which is " + by.what
				by = by.then(mark+" is replaced in a script", here, p.path)
			}
			p.add(sight{audit: "pipeline-template-injection", severity: by.severity, at: here, path: under(script, mark), message: message, evidence: by.way})
		case by.severity == plinth.Low:
			if chosen = append(chosen, mark); at.Line == 0 {
				at = here
			}
		}
	}
	p.decided(chosen, at, script)
	if text := script.Str(); len(text) <= maxScript && (mayEvaluate(text) || strings.Contains(text, "sh ")) {
		sh := &shell{path: p.path, outside: plinth.Medium, variable: func(key string) taint {
			for _, env := range []plinth.Value{get(run, "environment"), get(owner, "environment")} {
				if v := get(env, key); !v.IsNull() {
					return p.text(owner, name, v, 0).then("it becomes variable "+key, place(v), p.path)
				}
			}
			return p.value(owner, name, key, 0)
		}}
		list := p.commands(script)
		sh.learn(list)
		p.evaluated(sh, list, plinth.Location{}, script)
		p.callsScripts(sh, list, "", plinth.Location{}, script)
	}
}

// text tells who decides a text of a job or a command.
func (p *circle) text(owner plinth.Value, name string, v plinth.Value, depth int) taint {
	t := taint{}
	for _, m := range replacedHere.FindAllStringSubmatch(str(v), -1) {
		t = worse(t, p.value(owner, name, m[1], depth+1))
	}
	return t
}

// value tells who decides a value: the service, whoever starts the pipeline, or the callers of the job or the command.
func (p *circle) value(owner plinth.Value, name, ref string, depth int) taint {
	switch {
	case slices.Contains(p.known.Variables["circleci"], ref):
		return taint{severity: plinth.High, what: ref}
	case slices.Contains(p.known.Variables["circleci-writers"], ref):
		return taint{severity: plinth.Medium, what: ref}
	case strings.HasPrefix(ref, "pipeline.trigger_parameters.") || strings.HasPrefix(ref, "pipeline.event."):
		return payload(ref)
	}
	key, ok := strings.CutPrefix(ref, "pipeline.parameters.")
	if ok {
		if t := get(p.doc, "parameters", key, "type").Str(); t != "string" && t != "" {
			return taint{}
		}
		return unknown()
	}
	key, ok = strings.CutPrefix(ref, "parameters.")
	if !ok {
		return taint{}
	}
	if t := get(owner, "parameters", key, "type").Str(); t != "string" && t != "" {
		return taint{}
	}
	id := name + "#" + key
	if len(p.calls[name]) == 0 || p.busy[id] || depth > maxWay {
		return unknown()
	}
	p.busy[id] = true
	defer delete(p.busy, id)
	t := taint{}
	for _, c := range p.calls[name] {
		v := get(c, key)
		by := taint{}
		for _, m := range replacedHere.FindAllStringSubmatch(str(v), -1) {
			if strings.HasPrefix(m[1], "parameters.") { // of another job or command, which one is not looked up
				by = worse(by, unknown())
				continue
			}
			by = worse(by, p.value(plinth.Value{}, "", m[1], depth+1))
		}
		if by.proven() {
			by = by.then(by.what+" is what others write; it becomes parameter "+key, place(v), p.path)
		}
		t = worse(t, by)
	}
	return t
}
