package form

import (
	"bufio"
	"bytes"
	"compress/gzip"
	_ "embed" // the facts
	"fmt"
	"io"
	"sort"
	"strings"
	"sync"
)

//go:generate go run ./gen -schemas ../../../shared/corpora/iac/schemas

//go:embed schema/facts.txt.gz
var factsFile []byte

// Facts are the property paths that providers know, of the types that tables and rules name.
type Facts struct {
	types map[string]*shape // in lower case: ARM's type names match without regard to case
}

// shape is what one type can hold.
type shape struct {
	name  string
	paths []string        // sorted
	free  map[string]bool // paths below which anything may stand
}

// Known returns the embedded facts. They are unpacked when they are first asked for.
func Known() (*Facts, error) { return facts() }

// forgeFile are the facts of GitHub and GitLab, whose APIs no schema of the providers describes: written by hand, in the form of the
// others.
//
//go:embed schema/forge.txt
var forgeFile []byte

var facts = sync.OnceValues(func() (*Facts, error) { return readFacts(factsFile, forgeFile) })

// readFacts reads what is packed and what is plain: lines "type<TAB>NAME", each followed by its paths; a path that ends in ".*" is free below.
func readFacts(packed, plain []byte) (*Facts, error) {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("schema facts: %w", err)
	}
	f := &Facts{types: map[string]*shape{}}
	var at *shape
	prefix := ""
	for s := bufio.NewScanner(io.MultiReader(z, bytes.NewReader(plain))); s.Scan(); {
		line := s.Text()
		if name, ok := strings.CutPrefix(line, "type\t"); ok {
			if at = f.types[strings.ToLower(name)]; at == nil { // ARM spells some types in two ways
				at = &shape{name: name, free: map[string]bool{}}
				f.types[strings.ToLower(name)] = at
			}
			prefix = ""
			continue
		}
		if at == nil {
			return nil, fmt.Errorf("schema facts: a path before the first type")
		}
		path := line
		if n, rest, counted := strings.Cut(line, "|"); counted { // the steps that the path shares with the one before it
			path = shared(prefix, n) + rest
		}
		prefix = path
		if p, ok := strings.CutSuffix(path, ".*"); ok {
			at.free[p] = true
			path = p
		}
		at.paths = append(at.paths, path)
	}
	for _, s := range f.types {
		sort.Strings(s.paths)
	}
	return f, nil
}

// shared returns the first steps of a path, dot included.
func shared(path, count string) string {
	n := number([]string{count}, 0)
	end := 0
	for range n {
		i := strings.IndexByte(path[end:], '.')
		if i < 0 {
			return path
		}
		end += i + 1
	}
	return path[:end]
}

// Spelling returns the type as its provider writes it; a type that is not known stays as it is.
func (f *Facts) Spelling(typ string) string {
	if s := f.types[strings.ToLower(typ)]; s != nil {
		return s.name
	}
	return typ
}

// Has tells whether the provider knows the property, and whether it knows the type at all. Paths have no brackets.
func (f *Facts) Has(typ, path string) (property, known bool) {
	s := f.types[strings.ToLower(typ)]
	if s == nil {
		return false, false
	}
	switch path { // of every resource, from Terraform itself
	case "lifecycle", "lifecycle.create_before_destroy", "lifecycle.prevent_destroy":
		if strings.HasPrefix(strings.ToLower(typ), "terraform:") {
			return true, true
		}
	}
	return s.has(path), true
}

func (s *shape) has(path string) bool {
	i := sort.SearchStrings(s.paths, path)
	if i < len(s.paths) && (s.paths[i] == path || strings.HasPrefix(s.paths[i], path+".")) {
		return true
	}
	j := sort.SearchStrings(s.paths, path+".")
	if j < len(s.paths) && strings.HasPrefix(s.paths[j], path+".") {
		return true
	}
	for at := path; ; {
		if s.free[at] {
			return true
		}
		k := strings.LastIndexByte(at, '.')
		if k < 0 {
			return s.free[""]
		}
		at = at[:k]
	}
}

// Paths lists the properties of a type, nil when it is not known.
func (f *Facts) Paths(typ string) []string {
	if s := f.types[strings.ToLower(typ)]; s != nil {
		return s.paths
	}
	return nil
}

// Types returns the known types, sorted.
func (f *Facts) Types() []string {
	out := make([]string, 0, len(f.types))
	for _, s := range f.types {
		out = append(out, s.name)
	}
	sort.Strings(out)
	return out
}

// Check tells what is wrong with a property path of a provider-form type, nil when the provider knows it or when nothing is
// known of the type (Kubernetes objects, Dockerfiles, types without a table).
func (f *Facts) Check(typ, path string) error {
	has, known := f.Has(typ, path)
	if !known || has {
		return nil
	}
	return fmt.Errorf("%s has no property %s", typ, path)
}
