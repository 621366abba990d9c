package pipeline

import (
	"path"
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/lazy"
)

// outside is how much it means what outsiders write, by what starts the workflow.
func (f *flow) outside() plinth.Severity {
	if f.action || f.any(append(outsiders, "pull_request", "pull_request_review", "pull_request_review_comment", "workflow_call")...) {
		return plinth.High
	}
	return plinth.Medium
}

// commits is how much it means what stands in the commits that the workflow checks out.
func (f *flow) commits() plinth.Severity {
	if f.any("pull_request", "workflow_call") || f.action {
		return plinth.High
	}
	return plinth.Medium
}

// decides tells who decides the text of a reference in a step of a job; j and s may be without fields.
func (f *flow) decides(j *job, s *step, n *node, depth int) taint {
	name := n.text
	last := name[strings.LastIndexByte(name, '.')+1:]
	head, key, _ := strings.Cut(name, ".")
	parts := strings.Split(name, ".")
	switch {
	case depth > maxWay:
		return unknown()
	case slices.Contains(harmless, last) && head != "steps" && head != "needs" && head != "inputs" && head != "env":
		return taint{}
	case head == "matrix":
		return f.dimension(j, s, n, depth)
	case head == "env":
		return f.environment(j, s, key, depth)
	case head == "inputs" || strings.HasPrefix(name, "github.event.inputs."):
		return f.input(last)
	case head == "github" && foreign(name):
		switch {
		case slices.Contains(narrow, last) || strings.HasSuffix(last, "_url"):
			return unknown()
		case slices.Contains(refs, name):
			return taint{severity: plinth.Medium, what: name}
		}
		return taint{severity: f.outside(), what: name}
	case head == "steps" && len(parts) == 4 && parts[2] == "outputs":
		return f.output(j, parts[1], parts[3], depth+1)
	case head == "steps" && (last == "outcome" || last == "conclusion"):
		return taint{}
	case (head == "needs" || head == "jobs") && len(parts) == 4 && parts[2] == "outputs":
		return f.outputOfJob(parts[1], parts[3], depth+1)
	case head == "steps":
		return unknown()
	}
	return taint{}
}

// dimension tells who decides a value of the matrix: nobody, where the file lists it.
func (f *flow) dimension(j *job, s *step, n *node, depth int) taint {
	if _, static := matrix(j, n.text); static {
		return taint{}
	}
	m := get(j.v, "strategy", "matrix")
	head, _, _ := strings.Cut(strings.TrimPrefix(n.text, "matrix."), ".")
	from := m
	if v := fold(m, head); v.Kind() == plinth.String && get(m, "include").IsNull() {
		from = v
	}
	t, any := taint{}, false
	visit := func(v plinth.Value) {
		for _, x := range f.text.expressions(v) {
			any = true
			for _, ref := range x.root.flows() {
				t = worse(t, f.arrives(f.decides(j, s, ref, depth+1), ref, "becomes "+n.text, f.expressionAt(x)))
			}
		}
	}
	scalars(from, visit)
	if !any {
		return unknown()
	}
	return t
}

// arrives adds the station at which a text that a reference yields gets another name.
func (f *flow) arrives(t taint, ref *node, what string, at plinth.Location) taint {
	if t.what == "" {
		return t
	}
	if len(t.way) == 0 {
		return t.then(ref.text+" is what an outsider writes; it "+what, at, f.path)
	}
	return t.then("it "+what, at, f.path)
}

// environment tells who decides a variable that an env or an earlier step sets.
func (f *flow) environment(j *job, s *step, key string, depth int) taint {
	for _, env := range []plinth.Value{s.environment, get(j.v, "env"), get(f.doc, "env")} {
		if v := fold(env, strings.ToLower(key)); !v.IsNull() {
			return f.value(j, s, v, "becomes env."+key, depth)
		}
	}
	return f.exported(j, s, key, unknown(), depth)
}

// exported tells who decides what steps before this one wrote to GITHUB_ENV under a name; none, where they wrote nothing.
func (f *flow) exported(j *job, s *step, key string, none taint, depth int) taint {
	t, any := taint{}, false
	for _, x := range j.steps {
		if x == s {
			break
		}
		if x.run.Kind() != plinth.String || !strings.Contains(x.run.Str(), "GITHUB_ENV") {
			continue
		}
		if by, ok := f.written(j, x, key, "GITHUB_ENV", depth+1); ok {
			t, any = worse(t, by), true
		}
	}
	if !any {
		return none
	}
	return t
}

// value tells who decides the expressions of a scalar.
func (f *flow) value(j *job, s *step, v plinth.Value, what string, depth int) taint {
	t := taint{}
	for _, x := range f.text.expressions(v) {
		for _, ref := range x.root.flows() {
			t = worse(t, f.arrives(f.decides(j, s, ref, depth+1), ref, what, f.expressionAt(x)))
		}
	}
	return t
}

var closedTypes = []string{"boolean", "number", "choice", "environment"}

// input tells who decides an input: nobody, where its type says what it may be.
func (f *flow) input(name string) taint {
	if by, ok := f.given[name]; ok {
		return by
	}
	if f.action {
		if f.given != nil {
			return taint{} // the default of the action, which its caller did not replace
		}
		return unknown()
	}
	closed := 0
	for _, event := range []string{"workflow_dispatch", "workflow_call"} {
		if v := fold(get(f.doc, "on", event, "inputs"), name); !v.IsNull() {
			if !slices.Contains(closedTypes, get(v, "type").Str()) {
				return unknown()
			}
			closed++
		}
	}
	if closed > 0 {
		return taint{}
	}
	return unknown()
}

// output tells who decides an output of a step.
func (f *flow) output(j *job, id, name string, depth int) taint {
	for _, s := range j.steps {
		if strings.ToLower(get(s.v, "id").Str()) != id {
			continue
		}
		switch {
		case depth > maxWay:
		case s.run.Kind() == plinth.String:
			if by, ok := f.written(j, s, name, "GITHUB_OUTPUT", depth); ok {
				return by
			}
		case local(s.uses):
			return f.outputOfAction(j, s, name, depth)
		default:
			return f.outputOfKnown(j, s, name, depth)
		}
		return unknown()
	}
	return unknown()
}

// outputOfAction tells who decides an output of a composite action of the repository.
func (f *flow) outputOfAction(j *job, s *step, name string, depth int) taint {
	callee := f.callee(s.uses)
	if callee == nil || !callee.action {
		return unknown()
	}
	callee.given = f.handOver(j, s, s.with, depth)
	v := get(fold(get(callee.doc, "outputs"), name), "value")
	if v.Kind() != plinth.String {
		return unknown()
	}
	return callee.value(callee.jobs[0], &step{}, v, "becomes output "+name+" of the action", depth+1)
}

// handOver tells who decides what a step or a job hands to the inputs of a file of the repository.
func (f *flow) handOver(j *job, s *step, with plinth.Value, depth int) map[string]taint {
	out := map[string]taint{}
	for _, x := range with.Fields() {
		key := strings.ToLower(x.Key)
		out[key] = f.value(j, s, x.Value, "becomes input "+key, depth+1)
	}
	return out
}

// outputOfJob tells who decides an output of a job, also of one that calls a workflow of the repository.
func (f *flow) outputOfJob(job, name string, depth int) taint {
	for _, j := range f.jobs {
		if strings.ToLower(j.name) != job {
			continue
		}
		uses := strings.TrimSpace(get(j.v, "uses").Str())
		if uses == "" {
			v := fold(get(j.v, "outputs"), name)
			if v.Kind() != plinth.String {
				return unknown()
			}
			return f.value(j, &step{}, v, "becomes output "+name+" of job "+j.name, depth+1)
		}
		callee := f.callee(uses)
		if callee == nil || callee.action || depth > maxWay {
			return unknown()
		}
		callee.given = f.handOver(j, &step{}, get(j.v, "with"), depth)
		v := get(fold(get(callee.doc, "on", "workflow_call", "outputs"), name), "value")
		if v.Kind() != plinth.String {
			return unknown()
		}
		return callee.value(nowhere, &step{}, v, "becomes output "+name+" of "+uses, depth+1)
	}
	return unknown()
}

var nowhere = &job{} // for values that stand outside the jobs

// outputOfKnown tells who decides an output of an action of others, from what is known of it.
func (f *flow) outputOfKnown(j *job, s *step, name string, depth int) taint {
	if s.is("actions/github-script") {
		return f.returned(j, s, name, depth)
	}
	for _, o := range f.look.known.Outputs {
		if !s.is(o.Action) || !slices.ContainsFunc(o.Names, func(pattern string) bool { ok, _ := path.Match(pattern, name); return ok }) {
			continue
		}
		switch {
		case o.By == "nobody":
			return taint{}
		case o.By == "outsider":
			if o.Safe != "" && (s.version == "" || compare(s.version, o.Safe) >= 0) && str(fold(s.with, "safe_output")) != "false" || strings.Contains("shell escape", str(fold(s.with, "list-files"))) && o.Listed {
				return unknown() // the action escapes it
			}
			return taint{severity: f.outside(), what: "output " + name + " of " + s.uses, way: []plinth.Step{{Note: s.uses + " gives " + o.About, At: f.content(s.usesAt), Resource: f.path}}}
		case strings.HasPrefix(o.By, "input "):
			return f.value(j, s, fold(s.with, strings.TrimPrefix(o.By, "input ")), "passes through "+s.uses, depth+1)
		}
	}
	return unknown()
}

var (
	// handedBack are the texts that a github-script makes its outputs.
	handedBack = lazy.New("(?:core\\.setOutput\\(\\s*['\"`]([\\w-]+)['\"`]\\s*,|\\breturn\\b)\\s*([^\\n]*)")
	writtenBy  = lazy.New(`\.(?:title|body|head\??\.(?:ref|label)|head_ref|head_branch|message|display_title)\b`)
	fileRead   = lazy.New(`\breadFile(?:Sync)?\([^)\n]*`)
	numeric    = lazy.New(`^(?:Number|parseInt|parseFloat|Boolean)\(`)
	plainValue = lazy.New(`^(?:true|false|null|undefined|-?\d+|'[^'$]*'|"[^"$]*"|[\w.?\[\]]*\.(?:number|length|id|node_id|sha|html_url|url|state|draft|merged|created_at|updated_at)|!.*|.*(?:===|!==)[^?]*)\s*[);]*\s*;?$`)
)

// returned tells who decides an output of actions/github-script: what its script returns is result, others it sets by name.
func (f *flow) returned(j *job, s *step, name string, depth int) taint {
	script := fold(s.with, "script")
	if script.Kind() != plinth.String {
		return unknown()
	}
	t, any := taint{}, false
	for _, m := range handedBack.FindAllStringSubmatch(script.Str(), -1) {
		if m[1] == "" && name != "result" || m[1] != "" && !strings.EqualFold(m[1], name) {
			continue
		}
		any = true
		text := strings.TrimSpace(m[2])
		switch {
		case strings.Contains(text, "${{"):
			t = worse(t, f.value(j, s, script, "becomes output "+name, depth+1))
		case plainValue.MatchString(text) || text == "" || text == ";" || numeric.MatchString(text):
		case fileRead.MatchString(script.Str()) && f.artifact(j, s) != nil:
			t = worse(worse(t, unknown()), f.artifact(j, s)(fileRead.FindString(script.Str()), f.first(script)))
		case writtenBy.MatchString(text):
			t = worse(t, taint{severity: f.outside(), what: strings.TrimRight(text, " );"), way: []plinth.Step{{Note: "the script hands back " + strings.TrimRight(text, " );"), At: f.first(script), Resource: f.path}}})
		default:
			t = worse(t, unknown())
		}
	}
	if !any {
		return unknown()
	}
	return t
}
