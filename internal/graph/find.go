package graph

import (
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
)

// Words that find nodes by what they are.
const (
	WordInternet = "internet"
	WordAdmin    = "admin"
	WordData     = "data"
	WordLeaked   = "leaked"
)

// Words are all such words.
var Words = []string{WordInternet, WordAdmin, WordData, WordLeaked}

const maxPattern = 4096 // bytes of a pattern; no id is as long

// directory finds nodes by what they are called.
type directory struct {
	literal map[string][]uint32
	// open are the names with an unknown part in braces, by the text after the last brace, or, where that is empty, before the first.
	open  map[string][]called
	words map[string][]uint32
}

type called struct {
	name string
	node uint32
}

// Find returns the nodes that a pattern means, ascending: one of the words internet, admin (administrators of any account or
// cluster), data (stores of classified data) and leaked (credentials that stand in texts), or an id, an alias, a name or an address.
// A * in it stands for any text. What stands in braces in an id or an alias is not known and fits any text, but only where no node
// is called exactly so.
func (m *Map) Find(pattern string) []uint32 {
	f := m.finder()
	if len(pattern) > maxPattern {
		return nil
	}
	if found, ok := f.words[pattern]; ok {
		return found
	}
	if strings.IndexByte(pattern, '*') >= 0 {
		return m.glob(pattern)
	}
	if found, ok := f.literal[pattern]; ok {
		return found
	}
	var out []uint32
	try := func(key string) {
		for _, c := range f.open[key] {
			if fits(pattern, c.name) {
				out = append(out, c.node)
			}
		}
	}
	for i := range pattern {
		try("}" + pattern[i:])
		try(pattern[:i] + "{")
	}
	try(pattern + "{")
	slices.Sort(out)
	return slices.Compact(out)
}

func newDirectory(m *Map) *directory {
	f := &directory{literal: make(map[string][]uint32, 3*len(m.nodes)), open: map[string][]called{}, words: map[string][]uint32{}}
	for i := range m.nodes {
		n := &m.nodes[i]
		f.id(string(n.ID), uint32(i))
		for _, a := range n.Aliases {
			f.id(string(a), uint32(i))
		}
		f.add(n.Name, uint32(i))
		f.add(n.Address, uint32(i))
		for _, name := range n.Names {
			f.add(name, uint32(i))
		}
		switch n.Type {
		case plinth.TypeInternet, plinth.TypeAnyPrincipal:
			f.words[WordInternet] = append(f.words[WordInternet], uint32(i))
		case plinth.TypeAdmin:
			f.words[WordAdmin] = append(f.words[WordAdmin], uint32(i))
		case plinth.TypeCredential:
			f.words[WordLeaked] = append(f.words[WordLeaked], uint32(i))
		}
	}
	for _, word := range []string{WordInternet, WordAdmin, WordLeaked} {
		f.words[word] = slices.Clip(f.words[word])
	}
	f.words[WordData] = m.stores()
	return f
}

// stores returns the nodes that store a class of data.
func (m *Map) stores() []uint32 {
	var out []uint32
	for i := range m.relations {
		if m.relations[i].Kind != plinth.Stores {
			continue
		}
		if class := &m.nodes[m.to[i]]; class.Type == plinth.TypeDataClass && !strings.EqualFold(class.Name, "public") {
			out = append(out, m.from[i])
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (f *directory) add(name string, node uint32) {
	if name == "" {
		return
	}
	if found := f.literal[name]; len(found) == 0 || found[len(found)-1] != node {
		f.literal[name] = append(found, node)
	}
}

func (f *directory) id(name string, node uint32) {
	f.add(name, node)
	first, last := strings.IndexByte(name, '{'), strings.LastIndexByte(name, '}')
	if first < 0 || last < first {
		return
	}
	key := name[last:]
	if key == "}" {
		key = name[:first+1]
	}
	f.open[key] = append(f.open[key], called{name, node})
}

func (m *Map) glob(pattern string) []uint32 {
	var out []uint32
	for i := range m.nodes {
		if calls(pattern, &m.nodes[i]) {
			out = append(out, uint32(i))
		}
	}
	return out
}

func calls(pattern string, n *plinth.Node) bool {
	if fits(pattern, string(n.ID)) || matches(pattern, n.Name) || matches(pattern, n.Address) {
		return true
	}
	for _, a := range n.Aliases {
		if fits(pattern, string(a)) {
			return true
		}
	}
	for _, name := range n.Names {
		if matches(pattern, name) {
			return true
		}
	}
	return false
}
