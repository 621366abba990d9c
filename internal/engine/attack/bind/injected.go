package bind

import (
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
)

// takesCode are audits of pipelines that prove that outsiders' commands run in a job.
var takesCode = []string{"pipeline-template-injection", "pipeline-injection-through-call", "pipeline-untrusted-checkout", "pipeline-github-env"}

// privileged are events that outsiders cause while the workflow has the rights of the repository, and what they do for it. What a fork's
// pull request runs under pull_request has no token.
var privileged = map[string]string{
	"pull_request_target": "open a pull request", "workflow_run": "open a pull request", "issue_comment": "comment", "issues": "open an issue",
	"discussion": "open a discussion", "discussion_comment": "comment", "fork": "fork the repository", "watch": "star the repository",
}

// injected tells which workflows run what outsiders write, in a job that may ask for a token of the service: where the repository is public,
// everybody has what the workflow has. One way into a workflow is told.
func (w *scene) injected() {
	told := map[plinth.ID]bool{}
	for i := range w.Findings {
		f := &w.Findings[i]
		if f.Verdict != plinth.Fail || f.Suppressed != nil || f.Rule.Severity < plinth.High || f.Resource == nil || f.Resource.Type != "github/Workflow" || !slices.Contains(takesCode, f.Rule.ID) {
			continue
		}
		r := f.Resource
		how := causes(r.Props)
		if told[r.ID] || len(how) == 0 || !inIssuingJob(r.Props, f.At) {
			continue
		}
		told[r.ID] = true
		var when plinth.Condition
		w.to.Relation(plinth.Relation{
			From: plinth.Internet, To: r.ID, Kind: plinth.Weakness, Technique: strings.Join(f.Rule.CWE, "+"), When: when.And("the repository is public").And("outsiders may " + how),
			Evidence: append(slices.Clone(f.Evidence), weak(f)),
		})
	}
}

// causes is what outsiders do so that a workflow runs with the rights of the repository, "" where they cannot.
func causes(workflow plinth.Value) string {
	on, _ := workflow.Get("on")
	var events []string
	switch on.Kind() {
	case plinth.String:
		events = []string{on.Str()}
	case plinth.List:
		for _, e := range on.List() {
			events = append(events, e.Str())
		}
	case plinth.Map:
		for _, e := range on.Fields() {
			events = append(events, e.Key)
		}
	}
	for _, e := range events {
		if how := privileged[e]; how != "" {
			return how
		}
	}
	return ""
}

// inIssuingJob tells whether a place lies in a job that may ask for a token.
func inIssuingJob(workflow plinth.Value, at plinth.Location) bool {
	jobs, _ := workflow.Get("jobs")
	for _, j := range jobs.Fields() {
		if o := j.Value.Origin(); o != nil && at.Line >= o.At.Line && at.Line <= o.At.EndLine && issues(workflow, j.Value) {
			return true
		}
	}
	return false
}
