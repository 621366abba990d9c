// Package rego runs policies that teams bring in Rego, unmodified: those in Conftest's conventions on documents, those on resources,
// and Gatekeeper's constraint templates on Kubernetes objects, with their own tests. It is the only importer of OPA.
//
// Nothing that a policy says leaves this process: http.send, net.lookup_ip_addr and opa.runtime do not exist for it.
package rego

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/plinthsec/plinth"
)

const (
	maxFile   = 4 << 20          // bytes of one policy or data file: policies are written by hand
	maxFiles  = 20_000           // files below the policy folders
	maxErrors = 20               // faults that are told of one compilation
	maxTime   = 10 * time.Second // of one evaluation on one document: policies take milliseconds
	maxDepth  = 100              // nesting of an input
	maxFound  = 10_000           // answers of one rule on one document
)

// Faults are what is wrong with policies, each with its place.
type Faults []plinth.Problem

func (f Faults) Error() string {
	var out []string
	for _, p := range f {
		out = append(out, fmt.Sprintf("%s:%d: %s", p.At.Path, p.At.Line, p.Text))
	}
	return strings.Join(out, "\n")
}

// Version is the version of the language that files without a sign of their own are read in.
type Version string

// The versions. Auto reads a file as v1 and, where that fails, as v0.
const (
	Auto Version = "auto"
	V0   Version = "v0"
	V1   Version = "v1"
)

// source is a file below a policy folder.
type source struct {
	path string
	data []byte
}

// files reads the files below the folders (or single files) with one of the endings, sorted by path, each once. Hidden folders are
// left out.
func files(dirs []string, endings ...string) ([]source, error) {
	seen := map[string]bool{}
	var out []source
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.IsDir() {
				if name := d.Name(); p != dir && strings.HasPrefix(name, ".") {
					return fs.SkipDir
				}
				return nil
			}
			if !d.Type().IsRegular() || !slices.Contains(endings, strings.ToLower(path.Ext(d.Name()))) || seen[p] {
				return nil
			}
			if seen[p] = true; len(seen) > maxFiles {
				return fmt.Errorf("more than %d files", maxFiles)
			}
			data, err := read(p)
			out = append(out, source{filepath.ToSlash(p), data})
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("read policies in %s: %w", dir, err)
		}
	}
	slices.SortFunc(out, func(a, b source) int { return strings.Compare(a.path, b.path) })
	return out, nil
}

func read(p string) ([]byte, error) {
	info, err := os.Stat(p)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("%s: more than %d MiB", p, maxFile>>20)
	}
	return os.ReadFile(p)
}

// parse reads one module in the version asked for.
func parse(name, text string, v Version) (*ast.Module, Faults) {
	opts := ast.ParserOptions{ProcessAnnotation: true, RegoVersion: ast.RegoV1, Capabilities: capabilities()}
	if v == V0 {
		opts.RegoVersion = ast.RegoV0
	}
	m, err := ast.ParseModuleWithOpts(name, text, opts)
	if err != nil && v == Auto {
		opts.RegoVersion = ast.RegoV0
		if old, e := ast.ParseModuleWithOpts(name, text, opts); e == nil && old != nil {
			return old, nil
		}
	}
	if err != nil {
		return nil, faultsOf(name, err)
	}
	if m == nil {
		return nil, Faults{{Kind: plinth.Broken, At: plinth.Location{Path: name, Line: 1}, Text: "no package in the file"}}
	}
	return m, nil
}

// capabilities are what policies may call: what OPA has without the network and the machine.
func capabilities() *ast.Capabilities {
	c := ast.CapabilitiesForThisVersion()
	closed := []string{"http.send", "net.lookup_ip_addr", "opa.runtime"}
	c.Builtins = slices.DeleteFunc(slices.Clone(c.Builtins), func(b *ast.Builtin) bool { return slices.Contains(closed, b.Name) })
	return c
}

// compile puts modules together.
func compile(modules map[string]*ast.Module) (*ast.Compiler, Faults) {
	c := ast.NewCompiler().SetErrorLimit(maxErrors).WithCapabilities(capabilities())
	c.Compile(modules)
	if c.Failed() {
		return nil, faultsOf("", c.Errors)
	}
	return c, nil
}

// faultsOf gives the errors of the parser and the compiler their places.
func faultsOf(name string, err error) Faults {
	var list ast.Errors
	if !errors.As(err, &list) {
		return Faults{{Kind: plinth.Broken, At: plinth.Location{Path: name, Line: 1}, Text: err.Error()}}
	}
	var out Faults
	for _, e := range list {
		at := plinth.Location{Path: name, Line: 1}
		if e.Location != nil {
			at.Line, at.Col = int32(e.Location.Row), int32(e.Location.Col)
			if e.Location.File != "" {
				at.Path = e.Location.File
			}
		}
		out = append(out, plinth.Problem{Kind: plinth.Broken, At: at, Text: e.Message})
	}
	return out
}
