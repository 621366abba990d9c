// Package document reads YAML and JSON texts into values that know where they stand.
//
// Faults are located problems; what can be read is read all the same: the documents of a YAML stream are read one by one, so
// that a broken one costs its neighbours nothing.
package document

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/plinthsec/plinth"
)

const (
	maxDepth    = 200       // nesting of a document: deeper text is hostile
	maxValues   = 3_000_000 // values of one text: 20,000 Kubernetes objects have about a million
	maxExpanded = 300_000   // values that the aliases of one document add to it: an alias bomb doubles without bound
	maxProblems = 50        // problems told of one text
	maxShared   = 1 << 16   // different strings and paths that are kept for sharing
	maxSharedAt = 48        // bytes of a string that is worth sharing
	chunk       = 256       // origins that are allocated at once
)

// Parser reads texts. It shares equal strings and paths between the texts that it reads; it is not for concurrent use. The zero
// Parser is ready.
type Parser struct {
	// Tag gives the value of a YAML node with an application's tag (!Ref) from the tag and the value of the node without it.
	// Without Tag such tags are ignored. The origin is set afterwards.
	Tag func(tag string, v plinth.Value) plinth.Value
	// Relaxed allows in JSON what Azure Resource Manager allows: comments, and line feeds in strings.
	Relaxed bool
	// Elements names a list at the top of a document (items) whose elements are declared one by one: each has a declaration
	// of its own, and paths inside it begin at the element.
	Elements string

	shared  map[string]string
	paths   int
	root    *path
	origins []plinth.Origin
}

// Document is one document of a text.
type Document struct {
	Value plinth.Value
	// Decl is the declaration that the origins in Value share. Its At is the document's range, its Header the first line of
	// it; the rest is for the reader to fill in before anybody else sees it.
	Decl *plinth.Declaration
}

// Parse calls yield for each document of a text, in their order, and returns what is wrong with the text. JSON is told by its
// name (.json), by being Relaxed, or by its beginning; several JSON values that follow each other are several documents. A document with a problem
// that leaves its sense open is not yielded. Empty documents are left out.
func (p *Parser) Parse(name string, data []byte, yield func(Document)) []plinth.Problem {
	f := &faults{path: name}
	text := decode(data, f)
	if p.root == nil {
		p.root, p.shared = &path{}, map[string]string{}
	}
	first := strings.TrimLeft(text, " \t\r\n")
	lower := strings.ToLower(name)
	named := strings.HasSuffix(lower, ".json") || strings.HasSuffix(lower, ".jsonc") || p.Relaxed
	open := strings.HasPrefix(first, "{") || strings.HasPrefix(first, "[")
	switch {
	case first == "":
	case named && (open || strings.HasPrefix(first, "/") || strings.HasPrefix(first, `"`)):
		p.parseJSON(text, f, yield)
	case open:
		// Not named so, it may still be JSON, or a YAML flow collection.
		trial := &faults{path: name}
		var docs []Document
		p.parseJSON(text, trial, func(d Document) { docs = append(docs, d) })
		if len(trial.list) > 0 {
			p.parseYAML(text, f, yield)
			break
		}
		for _, d := range docs {
			yield(d)
		}
	default:
		p.parseYAML(text, f, yield)
	}
	return f.list
}

// position is a place in a text; both count from 1, columns in bytes.
type position struct{ line, col int32 }

// faults collects the problems of one text.
type faults struct {
	path string
	list []plinth.Problem
}

func (f *faults) add(kind plinth.ProblemKind, at position, text string) {
	if len(f.list) == maxProblems {
		return
	}
	if len(f.list) == maxProblems-1 {
		text = "further problems of this file are not told; the last one: " + text
	}
	f.list = append(f.list, plinth.Problem{
		Kind: kind, Text: text,
		At: plinth.Location{Path: f.path, Line: at.line, Col: at.col, EndLine: at.line, EndCol: at.col},
	})
}

// path is the path of a value in its document, with the paths below it.
type path struct {
	text  string
	keys  map[string]*path
	items []*path
}

func (p *Parser) key(at *path, key string) *path {
	if next, ok := at.keys[key]; ok {
		return next
	}
	next := &path{text: key}
	if at.text != "" {
		next.text = at.text + "." + key
	}
	if p.paths < maxShared {
		if at.keys == nil {
			at.keys = map[string]*path{}
		}
		at.keys[key] = next
		p.paths++
	}
	return next
}

func (p *Parser) item(at *path, i int) *path {
	if i < len(at.items) {
		return at.items[i]
	}
	next := &path{text: at.text + "[" + strconv.Itoa(i) + "]"}
	if p.paths < maxShared && i == len(at.items) {
		at.items = append(at.items, next)
		p.paths++
	}
	return next
}

// share returns a string equal to s that is kept once.
func (p *Parser) share(s string) string {
	if len(s) > maxSharedAt {
		return s
	}
	if have, ok := p.shared[s]; ok {
		return have
	}
	if len(p.shared) < maxShared {
		s = strings.Clone(s)
		p.shared[s] = s
	}
	return s
}

func (p *Parser) origin(o plinth.Origin) *plinth.Origin {
	if len(p.origins) == cap(p.origins) {
		p.origins = make([]plinth.Origin, 0, chunk)
	}
	p.origins = append(p.origins, o)
	return &p.origins[len(p.origins)-1]
}

// mapOf returns the map of the fields and tells of keys that stand twice.
func (p *Parser) mapOf(fields []plinth.Field, f *faults) plinth.Value {
	slices.SortStableFunc(fields, func(a, b plinth.Field) int { return strings.Compare(a.Key, b.Key) })
	for i := 1; i < len(fields); i++ {
		if fields[i].Key == fields[i-1].Key {
			at := fields[i].Value.Origin().At
			f.add(plinth.Broken, position{at.Line, at.Col}, fmt.Sprintf("key %q stands twice; the last one counts", fields[i].Key))
		}
	}
	return plinth.MapOf(fields)
}

// declare returns the declaration of a document or element at this range.
func declare(at plinth.Location) *plinth.Declaration {
	header := at
	if at.EndLine > at.Line {
		header.EndLine, header.EndCol = at.Line, at.Col
	}
	return &plinth.Declaration{At: at, Header: header}
}

func location(path string, from, to position) plinth.Location {
	return plinth.Location{Path: path, Line: from.line, Col: from.col, EndLine: to.line, EndCol: to.col}
}
