// Package pipeline judges delivery pipelines as a way in: what outsiders can make a workflow run, what it may do, and whose code
// it takes along.
//
// It looks at the resources of the pipeline reader. What an audit says stands in audits.yaml; how it is found out is here.
// Findings that only a strict eye wants have the severity info.
package pipeline

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/graph"
	"github.com/plinthsec/plinth/internal/lazy"
)

// Name is the engine's name, in reports and for --only and --skip.
const Name = "pipeline"

// scriptType is the type of a script of the repository that a pipeline calls.
const scriptType = "pipeline/Script"

// Engine judges pipelines with the audits that it was given.
type Engine struct {
	// Plain: comments in the files do not silence findings.
	Plain bool
	// Allow and Deny are patterns of what pipelines may use and may not; an empty Allow allows all.
	Allow, Deny []string
	// Hub is asked about the actions that are used; nil: nobody is.
	Hub Hub

	audits map[string]*audit
}

// New returns an engine for the audits.
func New(list []*plinth.Rule) *Engine {
	e := &Engine{audits: map[string]*audit{}}
	for _, r := range list {
		e.audits[r.ID] = newAudit(r)
	}
	return e
}

// Name is the engine's name.
func (e *Engine) Name() string { return Name }

// Check judges the pipelines of a graph, one after the other.
func (e *Engine) Check(ctx context.Context, g *graph.Graph, _ int, report func(plinth.Finding), problem func(plinth.Problem)) (plinth.Coverage, error) {
	cov := plinth.Coverage{Rules: len(e.audits)}
	about, err := readKnown(knownFile)
	if err != nil {
		return cov, err
	}
	judges := map[string]func(*look){
		"github/Workflow": workflowFile, "github/Action": actionFile, "github/Dependabot": dependabotFile, "pre-commit/Configuration": preCommitFile,
		"gitlab/Pipeline": gitlabFile, "azure/Pipeline": azureFile, "bitbucket/Pipeline": bitbucketFile, "circleci/Pipeline": circleFile,
		"jenkins/Pipeline": jenkinsFile, "jenkins/Library": libraryFile, "tekton/Object": tektonFile,
	}
	all := &target{files: map[string]*plinth.Resource{}, looks: map[string]*look{}, tekton: &objects{}, templates: &templates{}}
	var order []*look
	for _, r := range g.Resources() {
		if judges[r.Type] == nil && r.Type != scriptType || r.Source.Kind() != plinth.String {
			continue
		}
		at := r.Decl.At.Path
		all.files[at] = r
		l := &look{text: newText(at, r.Source.Str()), target: all, engine: e, known: about, resource: r, doc: r.Props}
		if all.looks[at] == nil {
			all.looks[at] = l
		}
		order = append(order, l)
		if r.Type == tektonType {
			all.tekton.looks = append(all.tekton.looks, l)
		}
	}
	all.tekton.join()
	for _, l := range order {
		if err := ctx.Err(); err != nil {
			return cov, err
		}
		if judge := judges[l.resource.Type]; judge != nil {
			cov.Resources++
			judge(l)
		}
	}
	if e.Hub != nil {
		if err := e.ask(ctx, all.uses, problem); err != nil {
			return cov, err
		}
	}
	for _, l := range order {
		l.hand(report)
	}
	return cov, nil
}

// target is what all looks share.
type target struct {
	files     map[string]*plinth.Resource // all pipeline files, by path
	looks     map[string]*look            // those that are judged, by path
	tekton    *objects
	templates *templates
	library   map[string][]*function // of shared libraries; nil before somebody asks
	uses      []taken                // of actions, for the Hub
	scans     *bool                  // some pipeline scans; nil before somebody asks
}

// look is one file that is being judged.
type look struct {
	*text
	*target
	engine   *Engine
	known    *known
	resource *plinth.Resource
	doc      plinth.Value
	found    []plinth.Finding
}

// in is the look at a file, at this one where the file is not looked at.
func (l *look) in(path string) *look {
	if x := l.looks[path]; x != nil && path != l.path {
		return x
	}
	return l
}

// sight is where and what an audit found.
type sight struct {
	audit    string
	severity plinth.Severity
	at       plinth.Location
	around   plinth.Location // comments in these lines count too; may be zero
	path     string          // tells findings of an audit apart
	message  string
	evidence []plinth.Step // from the source to where it does harm
}

func (l *look) add(s sight) {
	a := l.engine.audits[s.audit]
	if a == nil {
		return
	}
	f := plinth.Finding{
		Rule: &a.graded[min(int(s.severity), len(a.graded)-1)], Resource: l.resource, Decl: l.resource.Decl, At: s.at,
		Path: s.path, Message: a.Title, Verdict: plinth.Fail, Evidence: s.evidence,
	}
	if s.message != "" {
		f.Message += ": " + s.message
	}
	if !l.engine.Plain {
		f.Suppressed = l.silent(a, s.at)
		if f.Suppressed == nil && s.around.Line > 0 {
			f.Suppressed = l.silent(a, s.around)
		}
	}
	l.found = append(l.found, f)
}

var ignoreForm = lazy.New(`#\s*zizmor:\s*ignore\[([A-Za-z0-9_,\s-]+)\]`)

// silent returns the comment in these lines that silences an audit.
func (l *look) silent(a *audit, at plinth.Location) *plinth.Suppression {
	for n := at.Line; n <= at.EndLine; n++ {
		line := l.line(n)
		if !strings.Contains(line, "zizmor:") {
			continue
		}
		for _, m := range ignoreForm.FindAllStringSubmatch(line, -1) {
			for name := range strings.SplitSeq(m[1], ",") {
				if slices.Contains(a.Aliases, "zizmor:"+strings.TrimSpace(name)) {
					return &plinth.Suppression{By: "comment", Why: "zizmor: ignore", At: plinth.Location{Path: l.path, Line: n, Col: 1, EndLine: n, EndCol: int32(len(line) + 1)}}
				}
			}
		}
	}
	return nil
}

// hand reports what was found, in order and each only once, at its worst: an anchored step stands in several jobs.
func (l *look) hand(report func(plinth.Finding)) {
	slices.SortStableFunc(l.found, func(a, b plinth.Finding) int {
		return cmp.Or(cmp.Compare(a.At.Line, b.At.Line), cmp.Compare(a.At.Col, b.At.Col), cmp.Compare(a.Rule.ID, b.Rule.ID), cmp.Compare(a.Message, b.Message), cmp.Compare(b.Rule.Severity, a.Rule.Severity))
	})
	for i, f := range l.found {
		if i > 0 && f.At == l.found[i-1].At && f.Rule.ID == l.found[i-1].Rule.ID && f.Message == l.found[i-1].Message {
			continue
		}
		report(f)
	}
}

func pathOf(v plinth.Value) string {
	if o := v.Origin(); o != nil {
		return o.Path
	}
	return ""
}

// place is where a value stands, its key included; zero for what is not written.
func place(v plinth.Value) plinth.Location {
	if o := v.Origin(); o != nil {
		return o.At
	}
	return plinth.Location{}
}

func under(v plinth.Value, more string) string { return fmt.Sprintf("%s#%s", pathOf(v), more) }

// get returns the entry of a map, null where there is none.
func get(v plinth.Value, keys ...string) plinth.Value {
	out, _ := v.At(keys...)
	return out
}

// str returns a scalar as it would be written: numbers and booleans are texts to the services.
func str(v plinth.Value) string {
	if v.Kind() == plinth.String {
		return v.Str()
	}
	if v.Kind() == plinth.Bool || v.Kind() == plinth.Number {
		return v.String()
	}
	return ""
}

// scalars calls visit for all scalars below a value.
func scalars(v plinth.Value, visit func(plinth.Value)) {
	switch v.Kind() {
	case plinth.Map:
		for _, f := range v.Fields() {
			scalars(f.Value, visit)
		}
	case plinth.List:
		for _, x := range v.List() {
			scalars(x, visit)
		}
	case plinth.String:
		visit(v)
	}
}
