package pipeline

import (
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/lazy"
)

const maxSteps = 200 // how deep calls lie in each other; the reader goes less deep

// jenkins is a Jenkinsfile, https://www.jenkins.io/doc/book/pipeline/syntax, or a file of a shared library.
type jenkins struct {
	*look
	parameters map[string]string         // declared parameters and their kind
	set        map[string][]plinth.Value // what is assigned to variables and to env
	given      map[string]bool           // parameters of functions: whoever calls decides them
	secret     []string                  // variables that hold secrets where the walk is
	approved   bool                      // somebody was asked
	busy       map[string]bool           // variables that are being looked up
}

func jenkinsFile(l *look) {
	libraryFile(l)
	l.released()
}

// libraryFile judges the steps of a shared library. What pipelines that use it publish is theirs.
func libraryFile(l *look) {
	p := &jenkins{look: l, parameters: map[string]string{}, set: map[string][]plinth.Value{}, given: map[string]bool{}, busy: map[string]bool{}}
	p.learn(get(l.doc, "steps"), 0)
	p.walk(get(l.doc, "steps"), "", 0)
}

// each calls visit for the values right below a statement or an argument.
func each(v plinth.Value, visit func(plinth.Value)) {
	switch v.Kind() {
	case plinth.List:
		for _, x := range v.List() {
			visit(x)
		}
	case plinth.Map:
		for _, key := range []string{"value", "args", "calls", "body", "then"} {
			if x, ok := v.Get(key); ok {
				visit(x)
			}
		}
		for _, f := range get(v, "named").Fields() {
			visit(f.Value)
		}
	}
}

// learn notes parameters and assignments, wherever they stand.
func (p *jenkins) learn(v plinth.Value, depth int) {
	if depth > maxSteps {
		return
	}
	switch call := get(v, "call").Str(); call {
	case "choice", "booleanParam", "string", "text", "password", "run", "file", "credentials":
		if name := get(v, "named", "name"); name.Str() != "" {
			p.parameters[name.Str()] = call
		}
	case "withEnv":
		for _, x := range get(v, "args").List() {
			for _, pair := range entries(x) {
				p.pair(pair)
			}
		}
	}
	if get(v, "defines").Bool() {
		for _, x := range get(v, "args").List() {
			if m := givenName.FindStringSubmatch(get(x, "text").Str()); m != nil {
				p.given[m[1]] = true
			}
		}
	}
	if name := get(v, "set").Str(); name != "" {
		p.set[name] = append(p.set[name], get(v, "value"))
		if get(v, "value", "call").Str() == "credentials" {
			p.secret = append(p.secret, name, name+"_PSW")
		}
	}
	each(v, func(x plinth.Value) { p.learn(x, depth+1) })
}

// givenName is a parameter of a function: its type, name and default.
var givenName = lazy.New(`^(?:[\w.]+(?:<[^>]*>)?(?:\[\])?\s+)?(\w+)\s*(?:=|$)`)

// pair notes a NAME=text of withEnv.
func (p *jenkins) pair(v plinth.Value) {
	text := v.Str()
	if v.Kind() == plinth.Map {
		text = strings.Trim(get(v, "text").Str(), `"'`)
	}
	if name, _, ok := strings.Cut(text, "="); ok {
		p.set[name] = append(p.set[name], v)
	}
}

// walk judges statements in their order.
func (p *jenkins) walk(v plinth.Value, inside string, depth int) {
	if depth > maxSteps {
		return
	}
	call := get(v, "call").Str()
	last := call[strings.LastIndexByte(call, '.')+1:]
	first := plinth.Value{}
	if list := get(v, "args").List(); len(list) > 0 {
		first = list[0]
	}
	switch {
	case call == "":
	case runs(call):
		script := first
		if s, ok := get(v, "named").Get("script"); ok {
			script = s
		}
		p.script(script)
	case call == "sshCommand":
		p.script(get(v, "named", "command"))
	case call == "evaluate" || call == "Eval.me":
		p.pasted(first)
	case call == "@Library" || call == "library":
		p.library(first)
		p.library(get(v, "named", "identifier"))
	case call == "git":
		p.unencrypted(first)
		p.unencrypted(get(v, "named", "url"))
	case call == "input":
		p.approved = true
	case call == "image" && inside == "docker", call == "docker" && inside == "agent", call == "docker.image":
		p.jenkinsImage(first)
	case call == "containerTemplate":
		p.jenkinsImage(get(v, "named", "image"))
		p.unwalled(get(v, "named", "privileged"))
	case call == "args" && (inside == "docker" || inside == "dockerfile"), last == "inside", last == "withRun", last == "run" && inside == "then":
		p.unwalled(first)
	case call == "yaml", call == "podTemplate":
		p.pod(first)
		p.pod(get(v, "named", "yaml"))
	case call == "stage":
		p.stage(v, first)
	}
	p.handsOn(v, call)
	p.within(v, call, depth)
}

// runs tells whether a call runs a script. In the classes of a library the step is one of the pipeline that they are given: steps.sh.
func runs(call string) bool {
	last := call[strings.LastIndexByte(call, '.')+1:]
	return last == "sh" || last == "bat" || last == "powershell" || last == "pwsh"
}

// within walks what a statement holds, with the secrets that it binds.
func (p *jenkins) within(v plinth.Value, call string, depth int) {
	before := len(p.secret)
	if call == "withCredentials" {
		p.bind(get(v, "args"), 0)
	}
	switch v.Kind() {
	case plinth.List:
		for _, x := range v.List() {
			p.walk(x, call, depth+1)
		}
	case plinth.Map:
		for _, key := range []string{"value", "args", "calls", "body", "then"} {
			for _, x := range entries(get(v, key)) {
				inside := call
				if key == "then" {
					inside = "then"
				}
				if x.Kind() != plinth.String {
					p.walk(x, inside, depth+1)
				}
			}
		}
		for _, f := range get(v, "named").Fields() {
			p.walk(f.Value, call, depth+1)
		}
	}
	p.secret = p.secret[:before]
}

// bound are the arguments of bindings that name the variable of a secret.
var bound = []string{"passwordVariable", "secretKeyVariable", "passphraseVariable", "tokenVariable", "secretVariable"}

// bind notes the variables that withCredentials fills with secrets; a file's variable holds but its path.
func (p *jenkins) bind(v plinth.Value, depth int) {
	if depth > 5 {
		return
	}
	for _, x := range v.List() {
		if x.Kind() == plinth.List {
			p.bind(x, depth+1)
			continue
		}
		named := get(x, "named")
		for _, key := range bound {
			if name := get(named, key).Str(); name != "" {
				p.secret = append(p.secret, name)
			}
		}
		kind := get(x, "call").Str() + get(named, "$class").Str()
		if name := get(named, "variable").Str(); name != "" && !strings.Contains(strings.ToLower(kind), "file") {
			p.secret = append(p.secret, name)
		}
	}
}

// quotedText is what stands between the quotes of a text, and where it begins.
func (l *look) quotedText(v plinth.Value) (string, int) {
	raw, from := l.raw(v)
	for _, q := range []string{`"""`, `'''`, `"`, `'`, `/`, `$/`} {
		if strings.HasPrefix(raw, q) {
			end := q
			if q == "$/" {
				end = "/$"
			}
			return strings.TrimSuffix(raw[len(q):], end), from + len(q)
		}
	}
	return raw, from
}

// script judges a script of a step.
func (p *jenkins) script(v plinth.Value) {
	if v.IsNull() || v.Origin() == nil {
		return
	}
	p.pasted(v)
	inner, from := p.quotedText(v)
	list := p.lines(inner, from, false)
	p.fetches(v, list, plinth.Location{})
	if len(inner) > maxScript || !mayEvaluate(inner) && !strings.Contains(inner, "sh ") {
		return
	}
	sh := &shell{path: p.path, outside: plinth.High, variable: func(name string) taint { return p.named(name, 0) }}
	sh.learn(list)
	if v.Kind() == plinth.String { // what Groovy pastes is judged by itself
		p.evaluated(sh, list, plinth.Location{}, v)
	}
	p.callsScripts(sh, list, "", plinth.Location{}, v)
}

// pasted judges the expressions that a script pastes: https://www.jenkins.io/doc/book/pipeline/jenkinsfile/#string-interpolation. Each is told
// once in a script; those that only whoever starts the build decides are one finding.
func (p *jenkins) pasted(v plinth.Value) {
	told := map[string]bool{}
	var chosen []string
	var at plinth.Location
	for _, x := range get(v, "pasted").List() {
		name := strings.TrimPrefix(x.Str(), "env.")
		if told[name] {
			continue
		}
		told[name] = true
		if slices.Contains(p.secret, name) {
			p.add(sight{audit: "pipeline-secret-in-command", severity: plinth.Medium, at: place(x), path: under(v, name), message: x.Str()})
			continue
		}
		by := p.expression(x.Str(), place(x), 0)
		if by.severity == plinth.Low && by.what != "" {
			if chosen = append(chosen, x.Str()); at.Line == 0 {
				at = place(x)
			}
		}
		if !by.proven() {
			continue
		}
		message := x.Str()
		if len(by.way) > 0 {
			message += ", which is " + by.what
			by = by.then("the text is pasted into a script", place(x), p.path)
		}
		p.add(sight{audit: "pipeline-template-injection", severity: by.severity, at: place(x), path: under(v, x.Str()), message: message, evidence: by.way})
	}
	p.decided(chosen, at, v)
}

var (
	members  = lazy.New(`[A-Za-z_]\w*(?:\??\.[A-Za-z_]\w*)*(?:\[['"][\w.-]+['"]\])?`)
	quoted   = lazy.New(`'[^']*'`)
	narrowed = lazy.New(`\.replaceAll\(\s*['"/]\[?\[\^|\.(?:length|size|toInteger|toLong|isEmpty|hashCode|startsWith|endsWith|contains|equals|matches|md5|sha1|sha256)\(|\bas\s+(?:int|Integer)\b|==|!=`)
)

// mentioned are the variables whose text an expression has in it; none where it narrows them.
func mentioned(text string) []string {
	if narrowed.MatchString(text) && !strings.Contains(text, "?") {
		return nil
	}
	if i := strings.Index(text, "? "); i > 0 && text[i-1] != '?' { // a choice: its condition pastes nothing
		text = text[i+1:]
	}
	list := members.FindAllString(quoted.ReplaceAllString(text, ""), -1)
	for i, name := range list {
		name = strings.NewReplacer("?.", ".", "['", ".", "']", "", `["`, ".", `"]`, "").Replace(name)
		for _, of := range []string{".env.", ".params."} { // of the pipeline that a class is given: steps.env.X
			if at := strings.Index(name, of); at > 0 {
				name = name[at+1:]
			}
		}
		list[i] = name
	}
	return list
}

// expression tells who decides the text of a Groovy expression.
func (p *jenkins) expression(text string, at plinth.Location, depth int) taint {
	t := taint{}
	for _, name := range mentioned(text) {
		if rest, ok := strings.CutPrefix(name, "env."); ok {
			name, _, _ = strings.Cut(rest, ".")
		} else if base, _, _ := strings.Cut(name, "."); p.given[base] || base == "params" && len(p.set[base]) > 0 {
			t = worse(t, unknown())
			continue
		} else if !strings.HasPrefix(name, "params.") && !strings.HasPrefix(name, "pullRequest.") {
			name, _, _ = strings.Cut(name, ".")
		}
		t = worse(t, p.named(name, depth))
	}
	return t
}

// named tells who decides a variable, a parameter or an entry of env.
func (p *jenkins) named(name string, depth int) taint {
	if rest, ok := strings.CutPrefix(name, "params."); ok {
		name, _, _ = strings.Cut(rest, ".")
		return p.parameter(name)
	}
	if _, ok := p.parameters[name]; ok && len(p.set[name]) == 0 {
		return p.parameter(name)
	}
	for _, list := range []struct {
		key      string
		severity plinth.Severity
	}{{"jenkins", plinth.High}, {"jenkins-writers", plinth.Medium}} {
		if slices.Contains(p.known.Variables[list.key], name) {
			return taint{severity: list.severity, what: name}
		}
	}
	values := append(p.set[name], p.set["env."+name]...)
	if depth > maxWay || p.busy[name] || len(values) == 0 {
		return unknown()
	}
	p.busy[name] = true
	t := taint{}
	for _, v := range values {
		t = worse(t, p.assigned(name, v, depth))
	}
	delete(p.busy, name)
	return t
}

// parameter tells who decides a parameter of the build: whoever may start it, where the parameter is a text.
func (p *jenkins) parameter(name string) taint {
	switch p.parameters[name] {
	case "string", "text", "":
		return taint{severity: plinth.Low, what: "params." + name}
	}
	return taint{}
}

// assigned tells who decides a value that a variable gets.
func (p *jenkins) assigned(name string, v plinth.Value, depth int) taint {
	what := "becomes " + name
	t := taint{}
	for _, x := range get(v, "pasted").List() {
		by := p.expression(x.Str(), place(x), depth+1)
		if by.proven() && len(by.way) == 0 {
			by = by.then(by.what+" is what others write; it "+what, place(x), p.path)
		} else {
			by = by.then("it "+what, place(x), p.path)
		}
		t = worse(t, by)
	}
	for _, call := range append([]plinth.Value{v}, get(v, "calls").List()...) {
		if !runs(get(call, "call").Str()) || !get(call, "named", "returnStdout").Bool() {
			if get(call, "call").Str() != "" {
				t = worse(t, unknown())
			}
			continue
		}
		script := get(call, "named", "script")
		inner, _ := p.quotedText(script)
		sh := &shell{path: p.path, outside: plinth.Medium, variable: func(name string) taint { return p.named(name, depth+1) }}
		t = worse(t, sh.output(inner, place(script), 0).then("it "+what, place(call), p.path))
	}
	return t
}

// library judges a shared library: https://www.jenkins.io/doc/book/pipeline/shared-libraries.
func (p *jenkins) library(v plinth.Value) {
	for _, x := range entries(v) {
		name, version, ok := strings.Cut(x.Str(), "@")
		if x.Kind() != plinth.String || name == "" {
			continue
		}
		switch {
		case !ok:
			p.add(sight{audit: "pipeline-unpinned-include", severity: plinth.Info, at: place(x), path: under(x, name), message: name + ", in the version that Jenkins is set to"})
		case slices.Contains(branches, version):
			p.add(sight{audit: "pipeline-unpinned-include", severity: plinth.Medium, at: place(x), path: under(x, name), message: x.Str()})
		}
	}
}

func (p *jenkins) unencrypted(v plinth.Value) {
	for _, scheme := range []string{"http://", "git://", "ftp://"} {
		if strings.HasPrefix(strings.ToLower(v.Str()), scheme) && !strings.Contains(v.Str(), "localhost") {
			p.add(sight{audit: "pipeline-insecure-url", severity: plinth.Medium, at: place(v), path: pathOf(v), message: v.Str()})
		}
	}
}

func (p *jenkins) jenkinsImage(v plinth.Value) {
	if v.Kind() == plinth.String {
		p.image(v)
	}
}

// unwall are options of a container that take its walls away.
var unwall = lazy.New(`--privileged(?:\s|=true|$)|(?:/var)?/run/docker\.sock|--pid[= ]host|--cap-add[= ](?:ALL|SYS_ADMIN)|-v\s+/:|--security-opt[= ]\S*unconfined`)

// unwalled judges the options that a job's container is started with.
func (l *look) unwalled(v plinth.Value) {
	text := v.Str()
	if v.Kind() == plinth.Map {
		text = get(v, "text").Str()
	}
	if m := unwall.FindString(text); m != "" || v.Bool() {
		if m == "" {
			m = "privileged: true"
		}
		l.add(sight{audit: "pipeline-privileged-container", severity: plinth.High, at: l.first(v), path: under(v, m), message: strings.TrimSpace(m)})
	}
}

var (
	podImage      = lazy.New(`(?m)^\s*(?:-\s+)?image:\s*["']?([^\s"'#]+)`)
	podPrivileged = lazy.New(`(?m)^\s*(?:-\s+)?privileged:\s*true|path:\s*["']?(?:/var)?/run/docker\.sock`)
)

// pod judges the text of a pod in which a job runs.
func (p *jenkins) pod(v plinth.Value) {
	if v.IsNull() || v.Origin() == nil {
		return
	}
	inner, from := p.quotedText(v)
	for _, m := range podImage.FindAllStringSubmatchIndex(inner, -1) {
		name := inner[m[2]:m[3]]
		if severity := loose(name); severity > plinth.Info {
			p.add(sight{audit: "pipeline-unpinned-images", severity: severity, at: p.place(from+m[2], from+m[3]), path: under(v, name), message: name})
		}
	}
	if m := podPrivileged.FindStringIndex(inner); m != nil {
		line := strings.TrimSpace(inner[m[0]:m[1]])
		p.add(sight{audit: "pipeline-privileged-container", severity: plinth.High, at: p.place(from+m[1]-len(line), from+m[1]), path: under(v, line), message: line})
	}
}

// stage judges a stage that deploys to production without that somebody was asked in it or before.
func (p *jenkins) stage(v, name plinth.Value) {
	if name.Kind() != plinth.String || !production(name.Str()) || p.approved {
		return
	}
	acts, asks := false, false
	var look func(x plinth.Value, depth int)
	look = func(x plinth.Value, depth int) {
		if depth > maxSteps {
			return
		}
		switch get(x, "call").Str() {
		case "sh", "bat", "powershell", "pwsh", "build", "sshCommand", "sshPublisher", "kubernetesDeploy", "ansiblePlaybook":
			acts = true
		case "input", "milestone":
			asks = true
		case "when", "if":
			raw, _ := p.raw(x)
			asks = asks || strings.Contains(raw, "params.") // somebody starts the build with it
		}
		each(x, func(y plinth.Value) { look(y, depth+1) })
	}
	look(v, 0)
	if acts && !asks {
		p.add(sight{audit: "pipeline-missing-approval", severity: plinth.Low, at: p.first(v), path: under(v, name.Str()), message: "stage " + name.Str()})
	}
}
