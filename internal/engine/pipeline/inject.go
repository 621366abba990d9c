package pipeline

import (
	"fmt"
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
)

// tainted are references whose text outsiders write; a * stands for any number of parts.
var tainted = []string{
	"github.event.issue.title", "github.event.issue.body", "github.event.pull_request.title", "github.event.pull_request.body",
	"github.event.comment.body", "github.event.review.body", "github.event.review_comment.body", "github.event.discussion.title", "github.event.discussion.body",
	"github.event.pull_request.head.ref", "github.event.pull_request.head.label", "github.event.pull_request.head.repo.*",
	"github.event.pull_request.head.user.*", "github.event.head_commit.message", "github.event.head_commit.author.*", "github.event.head_commit.committer.*",
	"github.event.commits.*", "github.event.pages.*", "github.event.workflow_run.head_branch", "github.event.workflow_run.head_commit.*",
	"github.event.workflow_run.head_repository.*", "github.event.workflow_run.display_title", "github.event.workflow_run.pull_requests.*",
	"github.event.client_payload.*", "github.event.label.name", "github.event.label.description", "github.event.milestone.title", "github.event.release.name",
	"github.event.release.body", "github.event.ref", "github.event.base_ref", "github.event.changes.*", "github.event.answer.body", "github.event.sender.*",
	"github.head_ref", "github.ref_name", "github.ref", "github.base_ref",
}

// harmless are last parts of references whose text nobody can choose.
var harmless = []string{"number", "id", "node_id", "sha", "after", "before", "created_at", "updated_at", "merged", "draft", "state", "author_association", "run_number", "run_id", "run_attempt", "head_sha", "conclusion", "status", "action", "merge_commit_sha"}

// narrow are last parts of references whose text outsiders choose from letters, digits and a few marks: no shell makes more of it.
var narrow = []string{"full_name", "login", "url", "type"}

// refs are names of branches and tags of the repository itself: those who may push choose them.
var refs = []string{"github.ref", "github.ref_name", "github.base_ref", "github.event.ref", "github.event.base_ref"}

// sinks are inputs of actions that run what they are given.
var sinks = map[string][]string{
	"actions/github-script": {"script"}, "jannekem/run-python-script-action": {"script"}, "amadevus/pwsh-script": {"script"}, "mikefarah/yq": {"cmd"},
	"appleboy/ssh-action": {"script"}, "azure/cli": {"inlinescript"}, "azure/powershell": {"inlinescript"}, "nick-fields/retry": {"command", "on_retry_command"},
	"nick-invision/retry": {"command", "on_retry_command"}, "cardinalby/js-eval-action": {"expression"}, "sergeysova/jq-action": {"cmd"}, "gautamkrishnar/keepalive-workflow": {"commit_message"},
	"devorbitus/yq-action-output": {"cmd"}, "lpenz/ghaction-cmake": {"preset"}, "addnab/docker-run-action": {"run", "options"}, "vmactions/freebsd-vm": {"run", "prepare"},
	"vmactions/openbsd-vm": {"run", "prepare"}, "cross-platform-actions/action": {"run"}, "coactions/setup-xvfb": {"run"}, "gabrielbb/xvfb-action": {"run"}, "nodejs/run-script": {"script"},
	"cypress-io/github-action": {"command", "start", "build", "install-command"}, "snow-actions/eclint": {"args"}, "reactivecircus/android-emulator-runner": {"script", "pre-emulator-launch-script"},
	"uraimo/run-on-arch-action": {"run", "install", "setup"}, "pypa/cibuildwheel": {"extras"}, "docker/bake-action": {"set"}, "roots/issue-closer-action": {"script"}, "mathieudutour/github-tag-action": {"custom_tag"},
	"satackey/action-js-inline": {"script"}, "retep998/script-action": {"script"}, "teaminovus/python-script-action": {"script"}, "anthropics/claude-code-action": {"prompt", "direct_prompt"}, "google-github-actions/run-gemini-cli": {"prompt"},
}

// scripts returns the texts of a step that are run.
func (s *step) scripts() []plinth.Value {
	var out []plinth.Value
	if s.run.Kind() == plinth.String {
		out = append(out, s.run)
	}
	for _, input := range sinks[strings.ToLower(s.uses)] {
		if v := fold(s.with, input); v.Kind() == plinth.String {
			out = append(out, v)
		}
	}
	return out
}

// injected judges the expressions that are pasted into scripts.
func (f *flow) injected(j *job, s *step) {
	for _, script := range s.scripts() {
		for _, x := range f.text.expressions(script) {
			refs := x.root.flows()
			if len(refs) == 0 {
				at := f.expressionAt(x)
				f.add(sight{audit: "pipeline-expansion", severity: plinth.Info, at: at, around: s.around, path: under(script, x.text), message: x.text})
			}
			for _, n := range refs {
				audit, by := f.grade(j, s, n)
				at := f.place(x.inner+n.from, x.inner+n.from+len(n.text))
				message := n.text
				if len(by.way) > 0 {
					if by.what != n.text {
						message += ", which is " + by.what
					}
					by = by.then(n.text+" is expanded in a script", at, f.path)
				}
				f.add(sight{audit: audit, severity: by.severity, at: at, around: s.around, path: under(script, x.text+" "+n.text), message: message, evidence: by.way})
			}
		}
	}
}

// expressionAt is where the text of an expression begins, behind the marks and the white space.
func (f *flow) expressionAt(x expression) plinth.Location {
	from := x.inner
	for from < x.to && strings.IndexByte(" \t\r\n", f.whole[from]) >= 0 {
		from++
	}
	return f.place(from, min(from+len(x.text), x.to))
}

// grade tells which audit a reference in a script is for, and who decides its text.
func (f *flow) grade(j *job, s *step, n *node) (string, taint) {
	t := f.decides(j, s, n, 0)
	if t.severity <= plinth.Low {
		return "pipeline-expansion", t
	}
	return "pipeline-template-injection", t
}

// decided reports, in one finding, what a script takes in and somebody decides who is not known: whoever starts the pipeline, or calls a
// part of it.
func (l *look) decided(marks []string, at plinth.Location, script plinth.Value) {
	if len(marks) == 0 {
		return
	}
	message := strings.Join(marks[:min(3, len(marks))], ", ")
	if more := len(marks) - 3; more > 0 {
		message += fmt.Sprintf(" and %d more", more)
	}
	l.add(sight{audit: "pipeline-expansion", severity: plinth.Low, at: at, path: under(script, strings.Join(marks, " ")), message: message})
}

// foreign tells whether outsiders write (a part of) what a reference stands for.
func foreign(name string) bool {
	if name == "github" || name == "github.event" {
		return true
	}
	return slices.ContainsFunc(tainted, func(t string) bool {
		if all, ok := strings.CutSuffix(t, ".*"); ok {
			return name == all || strings.HasPrefix(name, all+".")
		}
		return name == t || strings.HasPrefix(t, name+".") && strings.Count(name, ".") >= 2
	})
}

// expressions judges all expressions of the file, wherever they stand.
func (f *flow) expressions() {
	for _, j := range f.jobs {
		for _, s := range j.steps {
			scalars(s.v, func(v plinth.Value) { f.expression(j, v, s.around) })
		}
		for _, x := range j.v.Fields() {
			if x.Key != "steps" {
				scalars(x.Value, func(v plinth.Value) { f.expression(j, v, plinth.Location{}) })
			}
		}
	}
	scalars(get(f.doc, "env"), func(v plinth.Value) { f.expression(nil, v, plinth.Location{}) })
}

func (f *flow) expression(j *job, v plinth.Value, around plinth.Location) {
	for _, x := range f.text.expressions(v) {
		at := f.expressionAt(x)
		if n := opaque(x.root); n != nil {
			f.add(sight{audit: "pipeline-obfuscation", severity: plinth.Low, at: at, around: around, path: under(v, x.text), message: "the expression is constant"})
		}
		x.root.walk(func(n *node) {
			switch {
			case wholesale(n):
				f.add(sight{audit: "pipeline-overprovisioned-secrets", severity: plinth.Medium, at: at, around: around, path: under(v, x.text)})
			case n.kind == call && n.text == "fromjson" && len(n.args) == 1 && n.args[0].kind == reference && strings.HasPrefix(n.args[0].text, "secrets."):
				f.add(sight{audit: "pipeline-unredacted-secrets", severity: plinth.Medium, at: at, around: around, path: under(v, x.text), message: n.args[0].text})
			case n.kind == reference && strings.HasPrefix(n.text, "secrets.") && n.text != "secrets.github_token" && j != nil && !f.action &&
				get(j.v, "environment").IsNull() && get(j.v, "uses").IsNull():
				f.add(sight{audit: "pipeline-secrets-outside-env", severity: plinth.Info, at: at, around: around, path: under(v, x.text+n.text), message: n.text})
			case n.kind == binary && n.text == "||" && n.args[0].kind == binary && n.args[0].text == "&&" && falsy(n.args[0].args[1]):
				f.add(sight{audit: "pipeline-unsound-ternary", severity: plinth.Medium, at: at, around: around, path: under(v, x.text)})
			}
		})
	}
}

func falsy(n *node) bool {
	return n.kind == literal && (n.quoted && n.text == "" || !n.quoted && (n.text == "false" || n.text == "null" || n.text == "0"))
}

// opaque returns a part of an expression that says nothing but a constant, in a form that hides it.
func opaque(root *node) *node {
	if root.constant() {
		return root
	}
	var found *node
	var walk func(n *node)
	walk = func(n *node) {
		if n.kind != literal && n.constant() {
			found = n
			return
		}
		if n.kind == call && n.text == "fromjson" && len(n.args) == 1 && n.args[0].kind == call && n.args[0].text == "tojson" {
			found = n
		}
		if n.kind == reference { // an index that is computed is judged with what it reaches
			return
		}
		for _, a := range n.args {
			walk(a)
		}
	}
	walk(root)
	return found
}
