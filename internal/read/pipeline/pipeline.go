// Package pipeline reads the files that make a delivery pipeline: GitHub workflows, actions and Dependabot, pre-commit, GitLab
// CI, Azure Pipelines, Bitbucket, CircleCI, Tekton, and Jenkins with its shared libraries.
//
// Each file is one resource whose Props are the document as written and whose Source is the text of the file: comments and the
// layout of scripts decide what an expression means. Each job of a workflow is a resource of its own.
package pipeline

import (
	"bytes"
	"context"
	"path"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/document"
	"github.com/plinthsec/plinth/internal/lazy"
)

// The types of the resources.
const (
	workflow   = "github/Workflow"
	job        = "github/Job"
	action     = "github/Action"
	dependabot = "github/Dependabot"
	preCommit  = "pre-commit/Configuration"
	gitLab     = "gitlab/Pipeline"
	azure      = "azure/Pipeline"
	bitbucket  = "bitbucket/Pipeline"
	circleCI   = "circleci/Pipeline"
	jenkins    = "jenkins/Pipeline"
	library    = "jenkins/Library"
	tekton     = "tekton/Object"
	script     = "pipeline/Script"
)

const (
	maxFile    = 4 << 20  // bytes; the services refuse files of a tenth of it
	maxScript  = 64 << 10 // bytes of a script of the repository; longer ones are generated
	maxScripts = 1000     // scripts of a project that are looked at
)

type reader struct{}

var _ plinth.Reader = reader{}

// New returns the reader.
func New() plinth.Reader { return reader{} }

func (reader) Name() string { return "pipeline" }

// Wants decides by name; an action is told by its runs as well, a component of GitLab by its inputs.
func (reader) Wants(name string, data []byte) bool {
	kind := kindOf(name, data)
	return kind != "" && (kind != action || bytes.Contains(data, []byte("runs")))
}

// kindOf returns the type of the resource that a file is, or "".
func kindOf(name string, data []byte) string {
	dir, base := path.Split(name)
	dir, base = "/"+strings.ToLower(dir), strings.ToLower(base)
	if strings.Contains(dir, "/vendor/") || strings.Contains(dir, "/node_modules/") {
		return "" // copies of other repositories: no service runs what lies there
	}
	ext := path.Ext(base)
	stem := strings.TrimSuffix(base, ext)
	if base == "jenkinsfile" || strings.HasPrefix(base, "jenkinsfile.") && ext != ".md" || ext == ".jenkinsfile" {
		return jenkins
	}
	if ext == ".groovy" && groovyForm.Match(data) {
		return jenkins
	}
	if ext == ".groovy" && libraryForm.MatchString(dir) && !strings.Contains(dir, "/test/") && stepForm.Match(data) {
		return library
	}
	if ext != ".yml" && ext != ".yaml" {
		return ""
	}
	switch {
	case stem == ".pre-commit-config":
		return preCommit
	case strings.HasSuffix(dir, "/.github/workflows/"):
		return workflow
	case stem == "action":
		return action
	case stem == "dependabot" && strings.HasSuffix(dir, "/.github/"):
		return dependabot
	case strings.HasSuffix(stem, ".gitlab-ci"), strings.Contains(dir, "/.gitlab/ci/"), strings.Contains(dir, "/.gitlab-ci/"), bytes.Contains(data, []byte("$[[ inputs.")):
		return gitLab
	case strings.HasPrefix(strings.TrimPrefix(stem, "."), "azure-pipelines"), strings.Contains(dir, "/.azure-pipelines/"), strings.Contains(dir, "/.azuredevops/"):
		return azure
	case stem == "bitbucket-pipelines":
		return bitbucket
	case strings.HasSuffix(dir, "/.circleci/") && (stem == "config" || bytes.Contains(data, []byte("jobs:")) && bytes.Contains(data, []byte("version:"))):
		return circleCI
	case bytes.Contains(data, []byte("tekton.dev/")) && tektonForm.Match(data) && !helmForm.Match(data):
		return tekton
	case (bytes.Contains(data, []byte("vmImage:")) && bytes.Contains(data, []byte("pool:")) || bytes.Contains(data, []byte("- task: ")) && azureForm.Match(data)) && !fillForm.Match(data):
		return azure
	}
	return ""
}

var (
	groovyForm = lazy.New(`(?m)^\s*pipeline\s*\{(?s:.*)\bstages\b|^\s*node\s*[({](?s:.*)\bstage\s*[('"]`)
	// Of a shared library, https://www.jenkins.io/doc/book/pipeline/shared-libraries/#directory-structure, what runs a command.
	libraryForm = lazy.New(`/vars/$|/src/`)
	stepForm    = lazy.New(`(?m)(?:^|[\s.({=,])(?:sh|bat|powershell|pwsh)(?:\s*\(\s*|[ \t]+)(?:["']|\w+\s*:[^:])`)
	fillForm    = lazy.New(`(?:^|[^$])\{\{`) // something else fills it in first
	azureForm   = lazy.New(`(?m)^\s*- task: \w+@\d+\s*$`)
	tektonForm  = lazy.New(`(?m)^(?:-\s)?\s*apiVersion:\s*["']?(?:triggers\.)?tekton\.dev/`)
	helmForm    = lazy.New(`\{\{-?\s*(?:\.|if\s|range\s|with\s|include\s|template\s|end\s)`) // Helm reads its templates
)

// Read emits one resource for each document and one for each job of a workflow.
func (reader) Read(ctx context.Context, p *plinth.Project, to plinth.Sink) error {
	r := &reading{project: p, to: to, own: &scripts{project: p, to: to, seen: map[string]bool{}}, seen: map[string]bool{}}
	r.parser.Tag = reference
	for _, f := range p.Files {
		r.seen[f.Path] = true
	}
	for _, f := range p.Files {
		if err := ctx.Err(); err != nil {
			return err
		}
		r.file(f.Path, kindOf(f.Path, f.Data), f.Data)
	}
	return nil
}

// reading is one call of Read.
type reading struct {
	project *plinth.Project
	to      plinth.Sink
	parser  document.Parser
	own     *scripts
	seen    map[string]bool // files that are read, or will be
}

// reference hands over a !reference as a map with that key.
func reference(tag string, v plinth.Value) plinth.Value {
	if tag != "!reference" {
		return v
	}
	return plinth.MapOf([]plinth.Field{{Key: tag, Value: v}})
}

func (r *reading) file(name, kind string, data []byte) {
	if len(data) > maxFile {
		r.to.Problem(plinth.Problem{Kind: plinth.Limit, At: plinth.Location{Path: name}, Text: "a pipeline file of more than 4 MiB"})
		return
	}
	if kind == jenkins || kind == library {
		r.jenkinsfile(name, kind, data)
		return
	}
	found, text := false, document.Text(data)
	var head plinth.Value // of a file whose inputs stand in a document of their own
	problems := r.parser.Parse(name, data, func(d document.Document) {
		if d.Value.Kind() != plinth.Map {
			return
		}
		found = true
		if spec, ok := d.Value.Get("spec"); ok && kind == gitLab && d.Value.Len() == 1 {
			head = spec
			return
		}
		if !head.IsNull() {
			d.Value = plinth.MapOf(append([]plinth.Field{{Key: "spec", Value: head}}, d.Value.Fields()...)).WithOrigin(d.Value.Origin())
			head = plinth.Value{}
		}
		if kind == tekton {
			r.objects(name, text, d)
			return
		}
		emit(name, kind, text, r.project.Name, d, r.to)
		r.own.called(name, text)
		switch kind {
		case gitLab:
			r.included(name, d.Value)
		case azure:
			r.templates(name, d.Value, 0)
		}
	})
	if len(problems) == 0 && !found {
		problems = append(problems, plinth.Problem{Kind: plinth.Broken, At: plinth.Location{Path: name}, Text: "no pipeline in the file"})
	}
	for _, x := range problems {
		if kind == tekton && x.Kind == plinth.Broken && fillForm.Match(data) {
			x.Kind = plinth.Unsupported
		}
		r.to.Problem(x)
	}
}

// objects emits the objects of Tekton that a document holds, by itself or as a list.
func (r *reading) objects(name, text string, d document.Document) {
	list := []plinth.Value{d.Value}
	if items, ok := d.Value.Get("items"); ok {
		list = items.List()
	}
	for _, v := range list {
		version, _ := v.Get("apiVersion")
		group, _, _ := strings.Cut(version.Str(), "/")
		if group != "tekton.dev" && group != "triggers.tekton.dev" || v.Origin() == nil {
			continue
		}
		kind, _ := v.Get("kind")
		title, _ := v.At("metadata", "name")
		if title.Str() == "" {
			title, _ = v.At("metadata", "generateName")
		}
		address := name + "#" + kind.Str() + "/" + title.Str()
		at := v.Origin().At
		header := at
		header.EndLine, header.EndCol = at.Line, at.Col
		r.to.Resource(&plinth.Resource{
			ID: plinth.ID("pipeline:" + address), Type: tekton, Name: title.Str(), Project: r.project.Name, Hung: true,
			Decl: &plinth.Declaration{Address: address, Type: tekton, At: at, Header: header}, Props: v, Source: plinth.StringOf(text),
		})
	}
}

func emit(name, kind, text, project string, d document.Document, to plinth.Sink) {
	d.Decl.Address, d.Decl.Type = name, kind
	title, _ := d.Value.Get("name")
	to.Resource(&plinth.Resource{ID: plinth.ID("pipeline:" + name), Type: kind, Name: title.Str(), Project: project, Decl: d.Decl, Props: d.Value, Source: plinth.StringOf(text)})
	if kind != workflow {
		return
	}
	jobs, _ := d.Value.Get("jobs")
	for _, j := range jobs.Fields() {
		if j.Value.Kind() != plinth.Map || j.Value.Origin() == nil {
			continue
		}
		at := j.Value.Origin().At
		header := at
		header.EndLine, header.EndCol = at.Line, at.Col
		to.Resource(&plinth.Resource{
			ID: plinth.ID("pipeline:" + name + "#" + j.Key), Type: job, Name: j.Key, Project: project, Hung: true,
			Decl: &plinth.Declaration{Address: name + "#" + j.Key, Type: job, At: at, Header: header}, Props: j.Value,
		})
	}
}
