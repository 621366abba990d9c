// Package rules carries the rules of the product as data: docs/adding-a-rule.md, and docs/adding-a-secret-rule.md.
package rules

import (
	"embed"
	"io/fs"
	"slices"
	"strings"
)

//go:embed */*
var files embed.FS

// FS holds one YAML file for each rule for resources, below a folder for each provider.
var FS = resources{files}

// secrets is the folder of the rules for secrets.
const secrets = "secret"

// Secrets holds one YAML file for each kind of secret, below a folder for each provider.
func Secrets() fs.FS {
	sub, err := fs.Sub(files, secrets)
	if err != nil {
		return embed.FS{} // the name is a valid one
	}
	return sub
}

// edges is the folder of the rules for relations of the security graph.
const edges = "edges"

// Edges holds one YAML file for each provider: which permission or setting leads from what to what.
func Edges() fs.FS {
	sub, err := fs.Sub(files, edges)
	if err != nil {
		return embed.FS{} // the name is a valid one
	}
	return sub
}

// resources is all files without those of secrets and edges.
type resources struct{ all embed.FS }

var (
	_ fs.ReadDirFS  = resources{}
	_ fs.ReadFileFS = resources{}
)

func (r resources) Open(name string) (fs.File, error) {
	if hidden(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return r.all.Open(name)
}

func (r resources) ReadFile(name string) ([]byte, error) {
	if hidden(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return r.all.ReadFile(name)
}

func (r resources) ReadDir(name string) ([]fs.DirEntry, error) {
	if hidden(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	list, err := r.all.ReadDir(name)
	if name == "." {
		list = slices.DeleteFunc(list, func(d fs.DirEntry) bool { return hidden(d.Name()) })
	}
	return list, err
}

func hidden(name string) bool {
	top, _, _ := strings.Cut(name, "/")
	return top == secrets || top == edges
}
