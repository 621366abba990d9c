package fix

import (
	"fmt"
	"path"
	"strings"

	"github.com/plinthsec/plinth/internal/lazy"
)

const flowStyle = "it is written in flow style: { … }"

// audits are the fixes by audit. Each returns one candidate, or why there is none.
func audits() map[string]func(*place) (Candidate, string) {
	return map[string]func(*place) (Candidate, string){
		"anonymous-definition":      name,
		"artipacked":                checkout,
		"bot-conditions":            bot,
		"cache-poisoning":           cache,
		"concurrency-limits":        concurrency,
		"debug-enabled":             without,
		"dependabot-cooldown":       cooldown,
		"dependabot-execution":      without,
		"excessive-permissions":     permissions,
		"expansion":                 environment,
		"insecure-commands":         commands,
		"insecure-url":              secureURL,
		"obfuscation":               plainUses,
		"risky-default-permissions": permissions,
		"template-injection":        environment,
		"unpinned-uses":             pin,
		"unsound-condition":         condition,
		"unsound-contains":          contains,
	}
}

func one(summary, note string, edits ...Edit) (Candidate, string) {
	return Candidate{Summary: summary, Note: note, Edits: edits}, ""
}

// name names a workflow after its file and a job after its id.
func name(p *place) (Candidate, string) {
	key := strings.TrimRight(strings.TrimSpace(p.text()), ":")
	d := depth(p.text())
	if d == 0 {
		base := path.Base(p.path)
		return one("name the workflow", "", p.before(p.firstLine(), "name: "+strings.TrimSuffix(base, path.Ext(base))+"\n"))
	}
	if !strings.HasSuffix(strings.TrimSpace(p.text()), ":") || p.line+1 >= len(p.lines) {
		return Candidate{}, flowStyle
	}
	next := p.line + 1
	for next < len(p.lines)-1 && blank(p.lines[next]) {
		next++
	}
	pad := strings.Repeat(" ", max(d+1, depth(p.lines[next])))
	return one("name the job", "", p.before(p.line+1, pad+"name: "+key+"\n"))
}

// firstLine is the first line that is no comment.
func (p *place) firstLine() int {
	i := 0
	for i < len(p.lines)-1 && (blank(p.lines[i]) || p.lines[i] == "---") {
		i++
	}
	return i
}

func checkout(p *place) (Candidate, string) {
	it, ok := p.item(p.line)
	if !ok {
		return Candidate{}, flowStyle
	}
	note := "later steps that push need a token of their own"
	for i := it.from; i < it.to; i++ {
		if at := strings.Index(p.lines[i], "persist-credentials:"); at >= 0 && !blank(p.lines[i]) {
			from := at + len("persist-credentials:")
			return one("set persist-credentials: false", note, p.within(i, from, from+len(valueOf(p.lines[i][from:])), " false"))
		}
	}
	uses := p.key(it.from, it.to, it.column, "uses")
	if uses < 0 {
		return Candidate{}, flowStyle
	}
	e, ok := p.put(it, "with", "persist-credentials: false", uses+1)
	if !ok {
		return Candidate{}, flowStyle
	}
	return one("set persist-credentials: false", note, e)
}

// valueOf is a value with the space before it, without a comment.
func valueOf(rest string) string {
	if i := strings.Index(rest, " #"); i >= 0 {
		rest = rest[:i]
	}
	return strings.TrimRight(rest, " ")
}

func bot(p *place) (Candidate, string) {
	at := strings.Index(p.text(), "github.actor")
	if at < 0 || strings.HasPrefix(p.text()[at:], "github.actor_id") || p.top("on") < 0 || !strings.Contains(p.src, "pull_request") {
		return Candidate{}, "the author is known for pull requests only"
	}
	return one("ask for the author of the pull request", "", p.within(p.line, at, at+len("github.actor"), "github.event.pull_request.user.login"))
}

func cache(p *place) (Candidate, string) {
	it, ok := p.item(p.line)
	if !ok {
		return Candidate{}, flowStyle
	}
	with := p.key(it.from, it.to, it.column, "with")
	if with < 0 {
		return Candidate{}, "the cache is what this step is for: take the step out"
	}
	for i := with + 1; i < it.to; i++ {
		if !cached.MatchString(p.lines[i]) {
			continue
		}
		if p.unasked() {
			d := depth(p.lines[i])
			return one("build without the cache", "the build takes longer", p.within(i, d, len(p.lines[i]), "package-manager-cache: false"))
		}
		return one("build without the cache", "the build takes longer", p.drop(i)...)
	}
	return Candidate{}, "the cache is what this step is for: take the step out"
}

// unasked tells whether an action keeps a cache unless it is told not to: setup-node from v5 on.
func (p *place) unasked() bool {
	return strings.Contains(p.text(), "actions/setup-node@") && !oldNode.MatchString(p.text())
}

var oldNode = lazy.New(`[@ ]v[1-4](?:\.|\s|$)`)

var cached = lazy.New(`^ +(cache|enable-cache|cache-from|cache-to): `)

func concurrency(p *place) (Candidate, string) {
	jobs := p.top("jobs")
	if jobs < 0 || p.top("concurrency") >= 0 {
		return Candidate{}, "the workflow says how its runs share already"
	}
	return one("let a new run cancel the one before", "a run that must end, such as a deployment, needs cancel-in-progress: false",
		p.before(jobs, "concurrency:\n  group: ${{ github.workflow }}-${{ github.ref }}\n  cancel-in-progress: true\n\n"))
}

// without takes out the line that the finding is about.
func without(p *place) (Candidate, string) {
	if !settingLine.MatchString(p.text()) {
		return Candidate{}, flowStyle
	}
	return one("take out "+strings.TrimSpace(p.text()), "", p.drop(p.line)...)
}

var settingLine = lazy.New(`^ +[A-Za-z_-]+: *["']?[A-Za-z0-9]+["']? *(#.*)?$`)

func commands(p *place) (Candidate, string) {
	for i := p.line; i < len(p.lines) && i <= p.line+maxEnv; i++ {
		if strings.Contains(p.lines[i], "ACTIONS_ALLOW_UNSECURE_COMMANDS:") && settingLine.MatchString(p.lines[i]) {
			return one("take out ACTIONS_ALLOW_UNSECURE_COMMANDS", "", p.drop(i)...)
		}
	}
	return Candidate{}, flowStyle
}

const maxEnv = 60 // lines of one env mapping

func cooldown(p *place) (Candidate, string) {
	it, ok := p.item(p.line)
	if !ok {
		return Candidate{}, flowStyle
	}
	for i := it.from; i < it.to; i++ {
		if at := strings.Index(p.lines[i], "default-days:"); at >= 0 {
			from := at + len("default-days:")
			return one("wait a week", "", p.within(i, from, from+len(valueOf(p.lines[i][from:])), " 7"))
		}
	}
	e, ok := p.put(it, "cooldown", "default-days: 7", it.to)
	if !ok {
		return Candidate{}, flowStyle
	}
	return one("wait a week before a new release is taken", "", e)
}

func permissions(p *place) (Candidate, string) {
	note := "a job that writes needs permissions of its own"
	if at := strings.Index(p.text(), "permissions:"); at >= 0 {
		value := strings.TrimSpace(valueOf(p.text()[at+len("permissions:"):]))
		if value != "write-all" && value != "read-all" {
			return Candidate{}, "which of these the job needs only its owner knows"
		}
		from := at + len("permissions:")
		pad := strings.Repeat(" ", at+2)
		return one("grant contents: read", note, p.within(p.line, from, from+len(valueOf(p.text()[from:])), "\n"+pad+"contents: read"))
	}
	jobs := p.top("jobs")
	if jobs < 0 || p.top("permissions") >= 0 {
		return Candidate{}, "which permissions the job needs only its owner knows"
	}
	return one("grant contents: read", note, p.before(jobs, "permissions:\n  contents: read\n\n"))
}

func secureURL(p *place) (Candidate, string) {
	at := strings.Index(p.text(), "http://")
	if at < 0 {
		return Candidate{}, "the address is not in this line"
	}
	return one("fetch by https", "the server has to answer by https", p.within(p.line, at, at+len("http"), "https"))
}

// plainUses writes the path of an action without detours.
func plainUses(p *place) (Candidate, string) {
	m := usesLine.FindStringSubmatchIndex(p.text())
	if m == nil {
		return Candidate{}, "what it stands for only its owner knows"
	}
	old := p.text()[m[2]:m[3]]
	clean := path.Clean(old)
	if strings.HasPrefix(old, "./") {
		clean = "./" + clean
	}
	if clean == old || strings.HasPrefix(clean, "..") {
		return Candidate{}, "what it stands for only its owner knows"
	}
	return one("write "+clean, "", p.within(p.line, m[2], m[3], clean))
}

var usesLine = lazy.New(`uses: +["']?([^@\s"'#]+)(?:@([^\s"'#]+))?["']?`)

// pin puts the hash in the place of the tag, which stays as a comment.
func pin(p *place) (Candidate, string) {
	m := usesLine.FindStringSubmatchIndex(p.text())
	if m == nil || m[4] < 0 {
		return Candidate{}, "it names no version"
	}
	action, ref := p.text()[m[2]:m[3]], p.text()[m[4]:m[5]]
	sum, why := p.pins.hash(action, ref)
	if why != "" {
		return Candidate{}, why
	}
	edits := []Edit{p.within(p.line, m[4], m[5], sum)}
	if rest := strings.TrimSpace(p.text()[m[1]:]); rest == "" {
		end := len(strings.TrimRight(p.text(), " "))
		edits = append(edits, p.within(p.line, end, end, " # "+ref))
	}
	return one("pin "+action+" to the hash of "+ref, "", edits...)
}

// hash is the commit that an action's tag stands for, or why it is not known.
func (w *Workflow) hash(action, ref string) (sum, why string) {
	if sum, ok := w.Pins[action+"@"+ref]; ok {
		return sum, ""
	}
	parts := strings.SplitN(action, "/", 3)
	if len(parts) < 2 {
		return "", "it is no action of a repository"
	}
	repository := parts[0] + "/" + parts[1]
	if sum, ok := w.Pins[repository+"@"+ref]; ok {
		return sum, ""
	}
	if w.Ask == nil {
		return "", fmt.Sprintf("name the hash of %s@%s in a file for --pins, or ask GitHub with --online", action, ref)
	}
	sum, err := w.Ask(repository, ref)
	if err != nil {
		return "", err.Error()
	}
	return sum, ""
}

// condition takes the line end off a condition: a text that is not empty is true.
func condition(p *place) (Candidate, string) {
	m := blockIf.FindStringSubmatchIndex(p.text())
	if m == nil {
		return Candidate{}, "what the condition means only its owner knows"
	}
	return one("leave the line end out of the condition", "the condition can be false from now on", p.within(p.line, m[3], m[3], "-"))
}

var blockIf = lazy.New(`if: +([|>]) *$`)

// contains turns the text that is searched into a list.
func contains(p *place) (Candidate, string) {
	m := containsText.FindStringSubmatchIndex(p.text())
	if m == nil {
		return Candidate{}, "the list is not written here"
	}
	words := strings.FieldsFunc(p.text()[m[2]:m[3]], func(r rune) bool { return r == ' ' || r == ',' })
	for _, w := range words {
		if strings.ContainsAny(w, `"\`) {
			return Candidate{}, "the list is not written here"
		}
	}
	list := `fromJSON('["` + strings.Join(words, `", "`) + `"]')`
	return one("look for an element of a list", "", p.within(p.line, m[2]-1, m[3]+1, list))
}

var containsText = lazy.New(`contains\( *'([^']+)' *,`)

// environment moves an expression out of a script into the step's environment.
func environment(p *place) (Candidate, string) {
	it, ok := p.item(p.line)
	if !ok {
		return Candidate{}, flowStyle
	}
	run := p.key(it.from, it.to, it.column, "run")
	if run < 0 || p.line < run {
		return Candidate{}, "it is no script of a shell: hand the text over by the environment"
	}
	if i := p.key(it.from, it.to, it.column, "shell"); i >= 0 && !posix.MatchString(p.lines[i]) {
		return Candidate{}, "its shell has another way to read the environment"
	}
	text := p.text()
	for _, m := range expression.FindAllStringSubmatchIndex(text, -1) {
		if col := int(p.f.At.Col) - 1; col < m[0] || col >= m[1] {
			continue
		}
		if strings.Count(text[:m[0]], "'")%2 == 1 && strings.Count(text[:m[0]], `"`)%2 == 0 {
			return Candidate{}, "it stands in single quotes, where the shell replaces nothing"
		}
		inner := strings.TrimSpace(text[m[2]:m[3]])
		variable := variableOf(inner)
		if strings.Contains(p.src[p.at[it.from]:p.at[it.to]], variable+":") && !strings.Contains(p.src, variable+": ${{ "+inner+" }}") {
			return Candidate{}, "the step has a variable " + variable + " already"
		}
		edits := []Edit{p.within(p.line, m[0], m[1], "${"+variable+"}")}
		if !strings.Contains(p.src[p.at[it.from]:p.at[it.to]], variable+": ${{ "+inner+" }}") {
			e, ok := p.addVariable(it, run, variable+": ${{ "+inner+" }}")
			if !ok {
				return Candidate{}, flowStyle
			}
			edits = append(edits, e)
		}
		return one("hand "+inner+" over as "+variable, "", edits...)
	}
	return Candidate{}, "the expression is not in one line"
}

// addVariable puts a variable into the env of a step. A step that begins with run gets it behind the script.
func (p *place) addVariable(it item, run int, line string) (Edit, bool) {
	at := run
	if run == it.from {
		at = p.end(run, it.column)
	}
	return p.put(it, "env", line, at)
}

var (
	expression = lazy.New(`\$\{\{(.*?)\}\}`)
	posix      = lazy.New(`shell: *["']?(bash|sh)\b`)
	noWord     = lazy.New(`[^A-Za-z0-9]+`)
)

// variableOf makes the name of a variable from the last parts of an expression.
func variableOf(expr string) string {
	words := strings.FieldsFunc(noWord.ReplaceAllString(expr, " "), func(r rune) bool { return r == ' ' })
	for len(words) > 1 && (words[0] == "github" || words[0] == "event") {
		words = words[1:]
	}
	name := strings.ToUpper(strings.Join(words[:min(len(words), 5)], "_"))
	if name == "" || name[0] >= '0' && name[0] <= '9' || reserved[name] {
		return "VALUE_" + name
	}
	return name
}

// reserved are variables that the shell or the runner reads.
var reserved = map[string]bool{"PATH": true, "HOME": true, "SHELL": true, "USER": true, "IFS": true, "ENV": true, "BASH_ENV": true, "NODE_OPTIONS": true, "LD_PRELOAD": true, "CI": true}
