package pipeline

import (
	"errors"
	"io/fs"
	"path"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/tree"
)

const maxIncluded = 1000 // files of a project that are read because pipelines include them

// included reads the files of the repository that a pipeline of GitLab includes, or runs as pipelines of their own, and that no name tells:
// https://docs.gitlab.com/ci/yaml/#includelocal, https://docs.gitlab.com/ci/yaml/#triggerinclude.
func (r *reading) included(file string, doc plinth.Value) {
	var list []plinth.Value
	take := func(v plinth.Value) {
		if v.Kind() == plinth.List {
			list = append(list, v.List()...)
		} else {
			list = append(list, v)
		}
	}
	include, _ := doc.Get("include")
	take(include)
	for _, j := range doc.Fields() {
		if child, ok := j.Value.At("trigger", "include"); ok {
			take(child)
		}
	}
	root := ""
	if strings.HasPrefix(path.Base(file), ".gitlab-ci.y") {
		root = path.Dir(file)
	}
	for _, x := range list {
		name, _ := x.Get("local")
		if x.Kind() == plinth.String && !strings.Contains(x.Str(), "://") {
			name = x
		}
		pattern := strings.TrimPrefix(name.Str(), "/")
		if pattern == "" || strings.Contains(pattern, "$") {
			continue
		}
		pattern = path.Join(root, pattern)
		if !strings.Contains(pattern, "*") {
			r.more(pattern, gitLab)
			continue
		}
		dir := pattern[:strings.IndexByte(pattern, '*')]
		dir = path.Clean(dir[:strings.LastIndexByte(dir, '/')+1])
		if !fs.ValidPath(dir) {
			continue
		}
		_ = fs.WalkDir(r.project.FS, dir, func(p string, d fs.DirEntry, err error) error {
			switch {
			case err != nil || len(r.seen) > maxIncluded:
				return fs.SkipDir
			case d.IsDir() && (d.Name() == ".git" || d.Name() == "node_modules"):
				return fs.SkipDir
			case !d.IsDir() && tree.Match(pattern, p) && (strings.Contains(pattern, "**") || strings.Count(pattern, "/") == strings.Count(p, "/")):
				r.more(p, gitLab)
			}
			return nil
		})
	}
}

const maxNested = 60 // levels of a pipeline of Azure that are looked at for templates; real ones have about ten

// templates reads the templates of the repository that a pipeline of Azure names: https://learn.microsoft.com/azure/devops/pipelines/process/templates.
func (r *reading) templates(file string, v plinth.Value, depth int) {
	if depth > maxNested {
		return
	}
	for _, x := range v.List() {
		r.templates(file, x, depth+1)
	}
	for _, f := range v.Fields() {
		if name := strings.ReplaceAll(strings.TrimSuffix(f.Value.Str(), "@self"), `\`, "/"); f.Key == "template" && name != "" && !strings.ContainsAny(name, "@$") {
			if strings.HasPrefix(name, "/") {
				r.more(strings.TrimPrefix(name, "/"), azure)
			} else {
				r.more(path.Join(path.Dir(file), name), azure)
			}
		}
		r.templates(file, f.Value, depth+1)
	}
}

// more reads a file that another one names, once; what is not there is not of this repository.
func (r *reading) more(name, kind string) {
	if r.seen[name] || len(r.seen) > maxIncluded || !fs.ValidPath(name) {
		return
	}
	r.seen[name] = true
	data, err := fs.ReadFile(r.project.FS, name)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			r.to.Problem(plinth.Problem{Kind: plinth.Unreadable, At: plinth.Location{Path: name}, Text: "a file that a pipeline includes cannot be read"})
		}
		return
	}
	r.file(name, kind, data)
}
