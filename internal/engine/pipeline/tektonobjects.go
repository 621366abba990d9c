package pipeline

import (
	"github.com/plinthsec/plinth"
)

// objects are all objects of Tekton of a target, joined by their names.
type objects struct {
	looks    []*look
	specs    map[string][]plinth.Value    // of tasks and pipelines, by kind and name
	callers  map[plinth.Location][]caller // of a spec, by its place
	bindings map[string][]plinth.Value    // what bindings give to parameters, by name
	filled   map[string][]plinth.Value    // what triggers give to the parameters of a template: TEMPLATE/NAME
	used     map[string]bool              // templates that a trigger of the target names
	known    map[string]taint             // parameters that were looked up
}

// caller is a place that gives parameters to a spec.
type caller struct {
	params plinth.Value
	in     plinth.Value // the spec whose parameters the values may name
	from   *tekton
	inline bool // the spec stands inside
}

// join joins the objects once all are known.
func (x *objects) join() {
	x.specs, x.callers = map[string][]plinth.Value{}, map[plinth.Location][]caller{}
	x.bindings, x.known = map[string][]plinth.Value{}, map[string]taint{}
	x.filled, x.used = map[string][]plinth.Value{}, map[string]bool{}
	objects := map[string]plinth.Value{} // the parameters of bindings, by the name of the object
	for _, l := range x.looks {
		kind, name := get(l.doc, "kind").Str(), get(l.doc, "metadata", "name").Str()
		switch kind {
		case "Task", "ClusterTask", "Pipeline":
			if kind == "ClusterTask" {
				kind = "Task"
			}
			x.specs[kind+"/"+name] = append(x.specs[kind+"/"+name], get(l.doc, "spec"))
		case "TriggerBinding", "ClusterTriggerBinding":
			objects[name] = get(l.doc, "spec", "params")
			parameters(objects[name], func(name string, v plinth.Value) { x.bindings[name] = append(x.bindings[name], v) })
		}
	}
	for _, l := range x.looks {
		if kind := get(l.doc, "kind").Str(); kind == "EventListener" || kind == "Trigger" {
			for _, t := range append([]plinth.Value{get(l.doc, "spec")}, get(l.doc, "spec", "triggers").List()...) {
				x.trigger(t, objects)
			}
		}
	}
	for _, l := range x.looks {
		o := &tekton{look: l, kind: get(l.doc, "kind").Str(), objects: x}
		x.object(o, o.kind, get(l.doc, "spec"))
		for _, key := range []string{"resourcetemplates", "resourceTemplates"} {
			for _, r := range get(l.doc, "spec", key).List() {
				x.object(o, get(r, "kind").Str(), get(r, "spec"))
			}
		}
	}
}

// trigger notes what a trigger gives to its template: by bindings that it names, and by some of its own.
func (x *objects) trigger(t plinth.Value, objects map[string]plinth.Value) {
	template := get(t, "template", "ref").Str()
	if template == "" {
		template = get(t, "template", "name").Str()
	}
	x.used[template] = x.used[template] || template != ""
	fill := func(name string, v plinth.Value) {
		x.filled[template+"/"+name] = append(x.filled[template+"/"+name], v)
	}
	parameters(get(t, "bindings"), fill)
	for _, b := range get(t, "bindings").List() {
		ref := get(b, "ref").Str()
		if ref == "" {
			ref = get(b, "name").Str()
		}
		parameters(objects[ref], fill)
		parameters(get(b, "spec", "params"), fill)
	}
}

// parameters calls visit for the names and values of a list of parameters.
func parameters(params plinth.Value, visit func(name string, v plinth.Value)) {
	for _, p := range params.List() {
		if v := get(p, "value"); v.Kind() == plinth.String {
			visit(get(p, "name").Str(), v)
		}
	}
}

// object notes what an object calls.
func (x *objects) object(o *tekton, kind string, spec plinth.Value) {
	switch kind {
	case "Pipeline":
		x.tasks(o, spec)
	case "PipelineRun":
		x.calls(o, "Pipeline", get(spec, "pipelineRef", "name").Str(), get(spec, "pipelineSpec"), spec)
		x.tasks(o, get(spec, "pipelineSpec"))
	case "TaskRun":
		x.calls(o, "Task", get(spec, "taskRef", "name").Str(), get(spec, "taskSpec"), spec)
	}
}

func (x *objects) tasks(o *tekton, pipeline plinth.Value) {
	for _, key := range []string{"tasks", "finally"} {
		for _, t := range get(pipeline, key).List() {
			params := get(t, "params")
			c := caller{params: params, in: pipeline, from: o}
			for _, spec := range x.specs["Task/"+get(t, "taskRef", "name").Str()] {
				x.callers[place(spec)] = append(x.callers[place(spec)], c)
			}
			if spec := get(t, "taskSpec"); spec.Origin() != nil {
				c.inline = true
				x.callers[place(spec)] = append(x.callers[place(spec)], c)
			}
		}
	}
}

func (x *objects) calls(o *tekton, kind, name string, own, run plinth.Value) {
	c := caller{params: get(run, "params"), in: run, from: o}
	for _, spec := range x.specs[kind+"/"+name] {
		x.callers[place(spec)] = append(x.callers[place(spec)], c)
	}
	if own.Origin() != nil {
		x.callers[place(own)] = append(x.callers[place(own)], c)
	}
}
