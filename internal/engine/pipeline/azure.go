package pipeline

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/lazy"
)

const (
	azureType    = "azure/Pipeline"
	maxStages    = 20  // how deep stages, jobs and strategies lie in each other; Azure has six
	maxTemplates = 100 // templates of one pipeline, the limit of the service
)

// azurePipeline is a file of Azure Pipelines: https://learn.microsoft.com/azure/devops/pipelines/yaml-schema.
type azurePipeline struct {
	*look
	open     bool                      // pull requests run it
	asked    bool                      // it says so itself
	settings map[string][]plinth.Value // variables, in lower case, and their texts
	outputs  map[string][]command      // variables that scripts set, and the commands that do
	busy     map[string]bool           // variables that are being looked up
}

func newAzure(l *look) *azurePipeline {
	pr, has := l.doc.Get("pr")
	p := &azurePipeline{look: l, open: pr.Str() != "none", asked: has && pr.Str() != "none", settings: map[string][]plinth.Value{}, outputs: map[string][]command{}, busy: map[string]bool{}}
	p.learn(l.doc, 0)
	return p
}

func azureFile(l *look) {
	p := newAzure(l)
	p.open = p.open && !p.isTemplate()
	p.resources()
	p.within(l.doc, 0)
	p.handed()
	p.approvals(l.doc, 0)
	l.released()
}

// isTemplate tells whether a file is but a part of pipelines: another one uses it, or it takes parameters and nothing starts it.
func (p *azurePipeline) isTemplate() bool {
	for _, key := range []string{"trigger", "pr", "schedules", "resources", "extends", "pool"} {
		if _, has := p.doc.Get(key); has {
			return false
		}
	}
	_, takes := p.doc.Get("parameters")
	return takes || len(p.templates.callers(p.look)) > 0
}

// approvals judges stages and jobs that deploy to production: where an environment is named, its checks are settings of the service.
func (p *azurePipeline) approvals(v plinth.Value, depth int) {
	if depth > maxStages || strings.Contains(p.whole, "ManualValidation@") {
		return
	}
	for _, key := range []string{"stages", "jobs"} {
		for _, x := range get(v, key).List() {
			name, env := get(x, "deployment"), get(x, "environment")
			if env.Kind() == plinth.Map {
				env = get(env, "name")
			}
			job := get(x, "job")
			switch {
			case !name.IsNull() && (production(env.Str()) || production(name.Str())):
				p.add(sight{audit: "pipeline-missing-approval", severity: plinth.Info, at: p.first(name), path: pathOf(name), message: "deployment " + name.Str() + ": whether the environment asks somebody is a setting of the service"})
			case production(job.Str()) && len(get(x, "steps").List()) > 0:
				p.add(sight{audit: "pipeline-missing-approval", severity: plinth.Low, at: p.first(job), path: pathOf(job), message: "job " + job.Str()})
			}
			p.approvals(x, depth+1)
		}
	}
}

// learn notes variables wherever they are declared, and those that scripts set.
func (p *azurePipeline) learn(v plinth.Value, depth int) {
	if depth > maxStages*3 {
		return
	}
	switch vars := get(v, "variables"); vars.Kind() {
	case plinth.Map:
		for _, f := range vars.Fields() {
			p.settings[strings.ToLower(f.Key)] = append(p.settings[strings.ToLower(f.Key)], f.Value)
		}
	case plinth.List:
		for _, x := range vars.List() {
			if name := get(x, "name").Str(); name != "" {
				p.settings[strings.ToLower(name)] = append(p.settings[strings.ToLower(name)], get(x, "value"))
			}
		}
	}
	for _, key := range azureScripts {
		if run := get(v, key); run.Kind() == plinth.String && strings.Contains(run.Str(), "task.setvariable") {
			for _, c := range p.commands(run) {
				if m := setVariable.FindStringSubmatch(c.text); m != nil {
					p.outputs[strings.ToLower(m[1])] = append(p.outputs[strings.ToLower(m[1])], c)
				}
			}
		}
	}
	switch v.Kind() {
	case plinth.Map:
		for _, f := range v.Fields() {
			p.learn(f.Value, depth+1)
		}
	case plinth.List:
		for _, x := range v.List() {
			p.learn(x, depth+1)
		}
	}
}

// azureScripts are the steps that run a script, and the inputs of tasks that do.
var azureScripts = []string{"script", "bash", "powershell", "pwsh"}

var (
	taskScripts   = []string{"script", "inlineScript", "Inline", "inline"}
	taskArguments = []string{"arguments", "scriptArguments", "ScriptArguments"}
	setVariable   = lazy.New(`##vso\[task\.setvariable\s+variable=([\w.]+)[^\]]*\](.*)`)
	macro         = lazy.New(`\$\(([A-Za-z_][\w.-]*)\)|\$\{\{\s*(parameters|variables)[.\[]['"]?([\w.-]+)['"]?\]?\s*\}\}|\$\[\s*variables[.\[]['"]?([\w.-]+)['"]?\]?\s*\]`)
)

// resources judges what a pipeline takes from elsewhere.
func (p *azurePipeline) resources() {
	p.variables(get(p.doc, "variables"))
	for _, c := range get(p.doc, "resources", "containers").List() {
		p.image(get(c, "image"))
	}
	for _, r := range get(p.doc, "resources", "repositories").List() {
		ref, name := get(r, "ref"), get(r, "name")
		branch := strings.TrimPrefix(ref.Str(), "refs/heads/")
		if name.Kind() != plinth.String || strings.HasPrefix(ref.Str(), "refs/tags/") || strings.Contains(ref.Str(), "${{") || hash(ref.Str()) || !slices.Contains(branches, branch) {
			continue
		}
		severity, at := plinth.Medium, ref
		if get(r, "type").Str() == "git" {
			severity = plinth.Low // of the same organisation
		}
		if at.IsNull() {
			at = name
		}
		p.add(sight{audit: "pipeline-unpinned-include", severity: severity, at: p.first(at), path: pathOf(at), message: strings.TrimSuffix(name.Str()+"@"+branch, "@")})
	}
}

// variables judges the variables of a pipeline, a map or a list.
func (l *look) variables(v plinth.Value) {
	l.debug(v)
	for _, x := range v.List() {
		if name := get(x, "name"); strings.EqualFold(name.Str(), "system.debug") && strings.EqualFold(str(get(x, "value")), "true") {
			l.add(sight{audit: "pipeline-debug-enabled", severity: plinth.Low, at: l.first(name), path: pathOf(name), message: name.Str()})
		}
	}
}

// within judges stages, jobs and steps, those behind conditions included.
func (p *azurePipeline) within(v plinth.Value, depth int) {
	if depth > maxStages {
		return
	}
	p.pool(get(v, "pool"))
	if c := get(v, "container"); c.Kind() == plinth.Map {
		p.image(get(c, "image"))
		p.unwalled(get(c, "options"))
	} else if strings.ContainsAny(c.Str(), "/:.") { // else it is the name of a resource
		p.image(c)
	}
	p.steps(get(v, "steps"), false, depth)
	for _, key := range []string{"stages", "jobs"} {
		p.entries(get(v, key), depth)
	}
	for _, s := range get(v, "strategy").Fields() {
		for _, part := range s.Value.Fields() {
			p.within(part.Value, depth+1)
		}
	}
	p.extended(get(v, "extends"), depth)
}

// extended judges the stages, jobs and steps that a pipeline hands to the template that it extends.
func (p *azurePipeline) extended(v plinth.Value, depth int) {
	for _, f := range get(v, "parameters").Fields() {
		p.steps(f.Value, false, depth)
		p.entries(f.Value, depth)
	}
}

func (p *azurePipeline) entries(list plinth.Value, depth int) {
	for _, x := range list.List() {
		p.variables(get(x, "variables"))
		p.within(x, depth+1)
		for _, f := range x.Fields() {
			if strings.HasPrefix(f.Key, "${{") && depth < maxStages { // ${{ if … }}: and ${{ each … }}:
				p.entries(f.Value, depth+1)
			}
		}
	}
}

func (p *azurePipeline) steps(list plinth.Value, out bool, depth int) bool {
	for _, s := range list.List() {
		for _, f := range s.Fields() {
			if strings.HasPrefix(f.Key, "${{") && depth < maxStages {
				out = p.steps(f.Value, out, depth+1)
			}
		}
		out = out || get(s, "checkout").Str() == "self"
		if keep := get(s, "persistCredentials"); keep.Bool() || strings.EqualFold(keep.Str(), "true") {
			p.add(sight{audit: "pipeline-artipacked", severity: plinth.Medium, at: p.first(keep), around: place(s), path: pathOf(keep), message: "persistCredentials: true"})
		}
		p.keyed(s)
		for _, key := range azureScripts {
			p.script(s, get(s, key), p.open && out)
		}
		for _, key := range taskScripts {
			p.script(s, get(s, "inputs", key), p.open && out)
		}
		for _, key := range taskArguments {
			p.pasted(get(s, "inputs", key), plinth.Medium)
		}
	}
	return out
}

// pool judges where a job runs: a pool with a name of its own is of machines of one's own.
func (p *azurePipeline) pool(v plinth.Value) {
	name := v
	if v.Kind() == plinth.Map {
		name = get(v, "name")
	}
	if name.Kind() != plinth.String || strings.HasPrefix(name.Str(), "Azure Pipelines") || strings.HasPrefix(name.Str(), "Hosted") || strings.ContainsAny(name.Str(), "$") || name.Str() == "server" {
		return
	}
	if p.asked {
		p.add(sight{audit: "pipeline-pull-request-runner", severity: plinth.Medium, at: p.first(name), path: pathOf(name), message: "pool " + name.Str()})
	} else {
		p.add(sight{audit: "pipeline-self-hosted-runner", severity: plinth.Info, at: p.first(name), path: pathOf(name), message: "pool " + name.Str()})
	}
}

// script judges a script of a step. Built: it runs in the work tree of a pull request.
func (p *azurePipeline) script(s, run plinth.Value, built bool) {
	if run.Kind() != plinth.String || run.Origin() == nil {
		return
	}
	p.pasted(run, plinth.High)
	list := p.commands(run)
	p.fetches(run, list, plinth.Location{})
	if built {
		for _, c := range list {
			if builders.MatchString(c.text) {
				p.add(sight{audit: "pipeline-untrusted-checkout", severity: plinth.Medium, at: c.at(), path: under(run, c.text), message: strings.TrimSpace(c.text)})
			}
		}
	}
	if text := run.Str(); len(text) <= maxScript && (mayEvaluate(text) || strings.Contains(text, "sh ")) {
		sh := p.shell(s, 0)
		sh.learn(list)
		p.evaluated(sh, list, plinth.Location{}, run)
		p.callsScripts(sh, list, "", plinth.Location{}, run)
	}
}

func (p *azurePipeline) shell(s plinth.Value, depth int) *shell {
	return &shell{path: p.path, outside: plinth.Medium, variable: func(name string) taint {
		if v := get(s, "env", name); v.Kind() == plinth.String {
			return p.decides(v.Str(), depth+1).then("it becomes variable "+name, place(v), p.path)
		}
		if dotted := strings.ReplaceAll(name, "_", "."); len(p.settings[strings.ToLower(dotted)])+len(p.outputs[strings.ToLower(dotted)]) > 0 {
			name = dotted // the environment has no dots
		}
		return p.variable(name, depth+1)
	}}
}

// pasted judges the macros and template expressions in a script: they are replaced before the shell sees it. One finding tells all.
func (p *azurePipeline) pasted(v plinth.Value, most plinth.Severity) {
	if v.Kind() != plinth.String || v.Origin() == nil {
		return
	}
	worst, names := taint{}, []string{}
	var chosen []string
	for _, m := range macro.FindAllStringSubmatch(v.Str(), -1) {
		by := p.replaced(m, 0)
		switch {
		case slices.Contains(names, m[0]) || slices.Contains(chosen, m[0]):
		case by.proven():
			if by.what != "" && len(by.way) > 0 {
				by = by.then(m[0]+" is replaced in a script", p.first(v), p.path)
			}
			worst, names = worse(worst, by), append(names, m[0])
		case by.severity == plinth.Low && m[2] == "parameters":
			chosen = append(chosen, m[0])
		}
	}
	if len(names) > 0 {
		message := strings.Join(names, ", ")
		if len(worst.way) > 0 {
			message += ", which is " + worst.what
		}
		p.add(sight{audit: "pipeline-template-injection", severity: min(worst.severity, most), at: p.first(v), path: pathOf(v), message: message, evidence: worst.way})
	}
	p.decided(chosen, p.first(v), v)
}

// decides tells who decides a text, by the macros in it.
func (p *azurePipeline) decides(text string, depth int) taint {
	t := taint{}
	for _, m := range macro.FindAllStringSubmatch(text, -1) {
		t = worse(t, p.replaced(m, depth+1))
	}
	return t
}

// replaced tells who decides what takes the place of a macro.
func (p *azurePipeline) replaced(m []string, depth int) taint {
	switch {
	case m[2] == "parameters":
		return p.parameter(m[3], depth)
	case m[2] == "variables":
		return p.variable(m[3], depth)
	case m[4] != "":
		return p.variable(m[4], depth)
	}
	return p.variable(m[1], depth)
}

// parameter tells who decides a parameter: whoever starts the run, or those who call the template in this target; nobody, where its values
// are listed.
func (p *azurePipeline) parameter(name string, depth int) taint {
	declared := plinth.Value{}
	for _, x := range get(p.doc, "parameters").List() {
		if strings.EqualFold(get(x, "name").Str(), name) {
			declared = x
		}
	}
	if t := get(declared, "type").Str(); t != "string" && t != "" || !get(declared, "values").IsNull() {
		return taint{}
	}
	id := p.path + "#" + strings.ToLower(name)
	callers := p.templates.callers(p.look)
	if len(callers) == 0 && p.isTemplate() {
		return taint{} // those who write pipelines elsewhere
	}
	if len(callers) == 0 || depth > maxWay || p.templates.busy[id] {
		return unknown()
	}
	p.templates.busy[id] = true
	defer delete(p.templates.busy, id)
	t := taint{}
	for _, c := range callers {
		for _, f := range c.parameters.Fields() {
			if strings.EqualFold(f.Key, name) {
				t = worse(t, c.from.decides(str(f.Value), depth+1))
			}
		}
	}
	if t.proven() { // told where it is handed over
		return taint{}
	}
	return t
}

// variable tells who decides a variable: the service, the file, or a script that sets it.
func (p *azurePipeline) variable(name string, depth int) taint {
	key := strings.ToLower(name)
	if i := strings.LastIndexByte(key, '.'); i > 0 && len(p.settings[key]) == 0 && len(p.outputs[key[i+1:]]) > 0 {
		key = key[i+1:] // of a step with a name
	}
	env := strings.ToUpper(strings.ReplaceAll(name, ".", "_"))
	switch {
	case slices.Contains(p.known.Variables["azure"], env):
		return taint{severity: plinth.High, what: name}
	case slices.Contains(p.known.Variables["azure-writers"], env):
		return taint{severity: plinth.Medium, what: name}
	case depth > maxWay || p.busy[key]:
		return unknown()
	case len(p.settings[key])+len(p.outputs[key]) == 0:
		return taint{} // a setting of the project
	}
	p.busy[key] = true
	defer delete(p.busy, key)
	t := taint{}
	arrives := func(by taint, at plinth.Location) {
		if by.proven() && len(by.way) == 0 {
			by = by.then(by.what+" is what others write; it becomes variable "+name, at, p.path)
		} else {
			by = by.then("it becomes variable "+name, at, p.path)
		}
		t = worse(t, by)
	}
	for _, v := range p.settings[key] {
		arrives(p.decides(str(v), depth+1), place(v))
	}
	for _, c := range p.outputs[key] {
		m := setVariable.FindStringSubmatch(c.text)
		arrives(worse(p.decides(m[2], depth+1), p.shell(plinth.Value{}, depth+1).inQuotes(m[2], c.at())), c.at())
	}
	return t
}

// inQuotes tells who decides what a text becomes that stands in double quotes.
func (s *shell) inQuotes(text string, at plinth.Location) taint {
	return s.expand(strings.NewReplacer(`"`, "", "'", "").Replace(macro.ReplaceAllString(text, "")), at, 1)
}

// use is a template of the repository, what is given to it, and the file that does.
type use struct {
	template, parameters plinth.Value
	from                 *azurePipeline
}

// templates are the uses of all templates of a target, by the file that is used.
type templates struct {
	uses map[string][]use // nil before somebody asks
	busy map[string]bool  // parameters that are being looked up
}

func (x *templates) callers(l *look) []use {
	if x.uses == nil {
		x.uses, x.busy = map[string][]use{}, map[string]bool{}
		for _, name := range slices.Sorted(maps.Keys(l.looks)) {
			other := l.looks[name]
			if other.resource.Type != azureType || !strings.Contains(other.whole, "template:") {
				continue
			}
			p := newAzure(other)
			for _, u := range p.uses(p.doc, 0) {
				if file := p.file(u.template.Str()); file != "" {
					x.uses[file] = append(x.uses[file], u)
				}
			}
		}
	}
	return x.uses[l.path]
}

// uses returns the templates that a file names.
func (p *azurePipeline) uses(v plinth.Value, depth int) []use {
	var out []use
	if depth > maxStages*3 {
		return nil
	}
	switch v.Kind() {
	case plinth.Map:
		if t := get(v, "template"); t.Kind() == plinth.String {
			out = append(out, use{t, get(v, "parameters"), p})
		}
		for _, f := range v.Fields() {
			out = append(out, p.uses(f.Value, depth+1)...)
		}
	case plinth.List:
		for _, x := range v.List() {
			out = append(out, p.uses(x, depth+1)...)
		}
	}
	return out
}

// file is the path that a template names, "" for one of another repository.
func (p *azurePipeline) file(name string) string {
	name = strings.ReplaceAll(strings.TrimSuffix(name, "@self"), `\`, "/")
	switch {
	case strings.ContainsAny(name, "@$"):
		return ""
	case strings.HasPrefix(name, "/"):
		return strings.TrimPrefix(name, "/")
	}
	return path.Join(path.Dir(p.path), name)
}

// template returns the file of the repository that a template names, nil where it is not there.
func (p *azurePipeline) template(name string) *azurePipeline {
	if l := p.looks[p.file(name)]; l != nil && l.resource.Type == azureType {
		return newAzure(l)
	}
	return nil
}

// handed judges what outsiders write and the file hands to templates of its repository, whose scripts take it in.
func (p *azurePipeline) handed() {
	for _, u := range p.uses(p.doc, 0) {
		var callee *azurePipeline
		for _, f := range u.parameters.Fields() {
			by := p.decides(f.Value.Str(), 0)
			if !by.proven() {
				continue
			}
			if callee == nil {
				if callee = p.template(u.template.Str()); callee == nil {
					break
				}
			}
			steps := callee.sinks(f.Key, map[string]bool{})
			if len(steps) == 0 {
				continue
			}
			at := p.first(f.Value)
			if len(by.way) == 0 {
				by = by.then(by.what+" is what others write; it becomes parameter "+f.Key, at, p.path)
			} else {
				by = by.then("it becomes parameter "+f.Key, at, p.path)
			}
			p.add(sight{
				audit: "pipeline-injection-through-call", severity: by.severity, at: at, path: pathOf(f.Value),
				message: fmt.Sprintf("%s, through parameter %s of %s", by.what, f.Key, u.template.Str()), evidence: append(by.way, steps...),
			})
		}
	}
}

// sinks returns the way from a parameter to the first script that pastes it, nil where there is none.
func (p *azurePipeline) sinks(name string, seen map[string]bool) []plinth.Step {
	key := p.path + "#" + strings.ToLower(name)
	if seen[key] || len(seen) > maxTemplates {
		return nil
	}
	seen[key] = true
	takes := func(v plinth.Value) bool {
		for _, m := range macro.FindAllStringSubmatch(v.Str(), -1) {
			if m[2] == "parameters" && strings.EqualFold(m[3], name) {
				return true
			}
		}
		return false
	}
	if v := p.takesIn(p.doc, takes, 0); v.Origin() != nil {
		return []plinth.Step{{Note: "parameter " + name + " is replaced in a script", At: p.first(v), Resource: p.path}}
	}
	for _, u := range p.uses(p.doc, 0) {
		for _, f := range u.parameters.Fields() {
			if !takes(f.Value) {
				continue
			}
			callee := p.template(u.template.Str())
			if callee == nil {
				break
			}
			if rest := callee.sinks(f.Key, seen); rest != nil {
				return append([]plinth.Step{{Note: "it is handed on as parameter " + f.Key, At: p.first(f.Value), Resource: p.path}}, rest...)
			}
		}
	}
	return nil
}

// takesIn returns the first script that takes something in.
func (p *azurePipeline) takesIn(v plinth.Value, takes func(plinth.Value) bool, depth int) plinth.Value {
	if depth > maxStages*3 {
		return plinth.Value{}
	}
	for _, key := range azureScripts {
		if run := get(v, key); run.Kind() == plinth.String && takes(run) {
			return run
		}
	}
	for _, key := range append(taskScripts, taskArguments...) {
		if run := get(v, "inputs", key); run.Kind() == plinth.String && takes(run) {
			return run
		}
	}
	for _, x := range append(v.List(), values(v)...) {
		if hit := p.takesIn(x, takes, depth+1); hit.Origin() != nil {
			return hit
		}
	}
	return plinth.Value{}
}

// values are the values of a map.
func values(v plinth.Value) []plinth.Value {
	var out []plinth.Value
	for _, f := range v.Fields() {
		out = append(out, f.Value)
	}
	return out
}
