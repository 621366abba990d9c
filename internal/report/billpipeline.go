package report

import (
	"path"
	"strings"

	"github.com/plinthsec/plinth"
)

// pipelineKind tells whether resources of a type are documents of a pipeline.
func pipelineKind(typ string) bool {
	switch typ {
	case "github/Workflow", "github/Job", "github/Action", "gitlab/Pipeline", "azure/Pipeline", "bitbucket/Pipeline", "circleci/Pipeline",
		"jenkins/Pipeline", "tekton/Object", "pre-commit/Configuration":
		return true
	}
	return false
}

// pipeline adds the actions, templates, hooks and images that a pipeline uses.
func (b *bill) pipeline(res *plinth.Resource, v plinth.Value) {
	p := &pipelineBill{b, res, map[string]bool{}}
	visit := map[string]func(string, plinth.Value){
		"github/Workflow": p.github, "github/Action": p.github, "gitlab/Pipeline": p.gitlab, "azure/Pipeline": p.azure, "bitbucket/Pipeline": p.bitbucket,
		"circleci/Pipeline": p.circle, "tekton/Object": p.tekton, "pre-commit/Configuration": p.hooks,
	}[res.Type]
	if visit == nil {
		p.jenkins(v, "", 0)
		return
	}
	if res.Type == "azure/Pipeline" {
		list, _ := v.At("resources", "containers")
		for _, c := range list.List() {
			p.names[text(c, "container")] = true
		}
	}
	fields(v, visit, 0)
}

// fields calls visit for every field in a value, whatever its depth.
func fields(v plinth.Value, visit func(key string, v plinth.Value), depth int) {
	if depth > maxWritten {
		return
	}
	for _, e := range v.List() {
		fields(e, visit, depth+1)
	}
	for _, f := range v.Fields() {
		visit(f.Key, f.Value)
		fields(f.Value, visit, depth+1)
	}
}

// pipelineBill gathers what one pipeline uses.
type pipelineBill struct {
	*bill
	res   *plinth.Resource
	names map[string]bool // of images that the pipeline itself gives
}

func (p *pipelineBill) put(at plinth.Value, c cdxComponent, ok bool) { p.add(p.res.Place(at), c, ok) }

// picture adds an image that is written as a text, or as a map with the text under one of the keys.
func (p *pipelineBill) picture(v plinth.Value, keys ...string) {
	for _, key := range keys {
		if inner, ok := v.Get(key); ok {
			v = inner
			break
		}
	}
	if name := text(v); name != "" && !p.names[name] {
		p.image(strings.TrimPrefix(name, "docker://"), p.res.Place(v))
	}
}

// github: https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax
func (p *pipelineBill) github(key string, v plinth.Value) {
	switch key {
	case "uses":
		if strings.HasPrefix(text(v), "docker://") {
			p.picture(v)
			return
		}
		c, ok := action(text(v))
		p.put(v, c, ok)
	case "container":
		p.picture(v, "image")
	case "services":
		for _, s := range v.Fields() {
			p.picture(s.Value, "image")
		}
	case "runs":
		if image, ok := v.Get("image"); ok && strings.HasPrefix(text(image), "docker://") { // others are files
			p.picture(image)
		}
	}
}

// gitlab: https://docs.gitlab.com/ci/yaml/
func (p *pipelineBill) gitlab(key string, v plinth.Value) {
	switch key {
	case "image":
		p.picture(v, "name")
	case "services":
		for _, s := range v.List() {
			p.picture(s, "name")
		}
	case "include":
		list := v.List()
		if v.Kind() != plinth.List {
			list = []plinth.Value{v}
		}
		for _, i := range list {
			p.include(i)
		}
	}
}

const ownGitLab = "$CI_SERVER_FQDN/" // the server that the pipeline runs on

// include adds a component of GitLab's catalog, a file of another project, or one of the web.
func (p *pipelineBill) include(v plinth.Value) {
	address := text(v, "remote")
	if strings.Contains(text(v), "://") {
		address = text(v)
	}
	if c, ok := download(address); ok {
		p.put(v, c, true)
		return
	}
	where, ref, sub, host := strings.Trim(text(v, "project"), "/"), text(v, "ref"), "", ""
	if file, ok := v.Get("file"); ok && file.Kind() == plinth.String {
		sub = strings.Trim(text(file), "/")
	}
	if name, version, ok := strings.Cut(text(v, "component"), "@"); ok {
		name = strings.Replace(strings.Replace(name, ownGitLab, "/", 1), "$CI_SERVER_HOST/", "/", 1)
		host, where, _ = strings.Cut(name, "/")
		at := strings.LastIndexByte(where, '/')
		if at < 0 {
			return
		}
		where, sub, ref = where[:at], where[at+1:], version
	}
	at := strings.LastIndexByte(where, '/')
	if at < 0 || where != strings.Trim(path.Clean(where), "/.") || strings.ContainsAny(where+ref, "$[") {
		return
	}
	if host == "gitlab.com" {
		host = ""
	}
	u := purl{
		kind: "gitlab", namespace: strings.ToLower(where[:at]), name: strings.ToLower(where[at+1:]), version: Clean(ref),
		qualifiers: [][2]string{{"repository_url", host}},
	}
	c := cdxComponent{Type: "application", Group: Clean(where[:at]), Name: Clean(where[at+1:]), Version: Clean(ref), PURL: u.String(), part: Clean(sub)}
	p.put(v, c, true)
}

// azure: https://learn.microsoft.com/azure/devops/pipelines/yaml-schema/
func (p *pipelineBill) azure(key string, v plinth.Value) {
	switch key {
	case "container":
		p.picture(v, "image")
	case "containers":
		for _, c := range v.List() {
			if image, ok := c.Get("image"); ok {
				p.picture(image)
			}
		}
	case "repositories":
		for _, r := range v.List() {
			if text(r, "type") == "github" {
				c, ok := repository("https://github.com/"+text(r, "name"), text(r, "ref"))
				p.put(r, c, ok)
			}
		}
	}
}

// bitbucket: https://support.atlassian.com/bitbucket-cloud/docs/bitbucket-pipelines-configuration-reference/
func (p *pipelineBill) bitbucket(key string, v plinth.Value) {
	switch key {
	case "image":
		p.picture(v, "name")
	case "pipe":
		if strings.HasPrefix(text(v), "docker://") {
			p.picture(v)
		} else if name, version, ok := strings.Cut(text(v), ":"); ok {
			c, ok := repository("https://bitbucket.org/"+name, version)
			p.put(v, c, ok)
		}
	}
}

// circle: https://circleci.com/docs/reference/configuration-reference/
func (p *pipelineBill) circle(key string, v plinth.Value) {
	switch key {
	case "docker":
		for _, c := range v.List() {
			if image, ok := c.Get("image"); ok {
				p.picture(image)
			}
		}
	case "orbs":
		for _, o := range v.Fields() {
			name, version, ok := strings.Cut(text(o.Value), "@")
			group, short, whole := strings.Cut(name, "/")
			c := cdxComponent{Type: "application", Ref: "circleci-orb:" + Clean(text(o.Value)), Group: Clean(group), Name: Clean(short), Version: Clean(version)}
			p.put(o.Value, c, ok && whole && !strings.ContainsAny(name+version, "<"))
		}
	}
}

// tekton: https://tekton.dev/docs/pipelines/tasks/
func (p *pipelineBill) tekton(key string, v plinth.Value) {
	switch key {
	case "steps", "sidecars":
		for _, s := range v.List() {
			if image, ok := s.Get("image"); ok {
				p.picture(image)
			}
		}
	case "stepTemplate":
		if image, ok := v.Get("image"); ok {
			p.picture(image)
		}
	}
}

// hooks: https://pre-commit.com/#pre-commit-configyaml---repos
func (p *pipelineBill) hooks(key string, v plinth.Value) {
	if key != "repos" {
		return
	}
	for _, r := range v.List() {
		at, _ := r.Get("repo")
		c, ok := repository(text(at), text(r, "rev"))
		p.put(at, c, ok)
	}
}

// jenkins adds the images of the calls in a value that stands in the body of another call:
// https://www.jenkins.io/doc/book/pipeline/docker/, https://plugins.jenkins.io/kubernetes/.
func (p *pipelineBill) jenkins(v plinth.Value, around string, depth int) {
	if depth > maxWritten {
		return
	}
	for _, e := range v.List() {
		p.jenkins(e, around, depth+1)
	}
	call := text(v, "call")
	switch {
	case call == "docker", call == "docker.image", call == "image" && around == "docker":
		if args, _ := v.Get("args"); args.Len() > 0 {
			p.picture(args.List()[0])
		}
	case call == "containerTemplate":
		if image, ok := v.At("named", "image"); ok {
			p.picture(image)
		}
	}
	for _, f := range v.Fields() {
		if f.Value.Kind() == plinth.List {
			p.jenkins(f.Value, call, depth+1)
		}
	}
}
