package terraform

import (
	"path"
	"slices"
	"sort"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/read/terraform/expr"
)

// module is what a folder declares, after its override files are merged. It is not changed once it is made.
type module struct {
	dir       string
	variables map[string]*variable
	locals    map[string]*attribute
	outputs   map[string]*output
	calls     map[string]*call
	resources map[name]*block
	providers map[string]*block     // by local name, with an alias: aws.eu
	required  map[string]string     // version constraints by local name
	packages  map[string]*attribute // what the module asks for of providers, by local name
	doubles   []*block              // second declarations of an address
	order     []name                // of resources, sorted
	callOrder []string
	problems  []plinth.Problem
}

// name is the name of a resource inside its module.
type name struct{ mode, typ, label string }

func (n name) String() string {
	if n.mode == "resource" {
		return n.typ + "." + n.label
	}
	return n.mode + "." + n.typ + "." + n.label
}

// variable is an input.
type variable struct {
	block     *block
	typ       *expr.Type
	def       *attribute
	nullable  bool
	sensitive bool
}

// output is a result.
type output struct {
	value     *attribute
	sensitive bool
}

// call is a module call.
type call struct {
	name   string
	block  *block
	source string // "" where it is not a constant
	local  string // folder that is called, "" where the source is not local
}

// makeModule puts the files of a folder together.
func makeModule(dir string, files []*parsed) *module {
	m := &module{
		dir: dir, variables: map[string]*variable{}, locals: map[string]*attribute{}, outputs: map[string]*output{},
		calls: map[string]*call{}, resources: map[name]*block{}, providers: map[string]*block{}, required: map[string]string{}, packages: map[string]*attribute{},
	}
	var blocks []*block
	seen := map[string]*block{}
	for _, f := range files {
		m.problems = append(m.problems, f.problems...)
		if isOverride(f.path) {
			continue
		}
		for _, b := range f.blocks {
			if key := b.key(); key != "" {
				if first, double := seen[key]; double {
					m.double(first, b)
					continue
				}
				seen[key] = b
			}
			blocks = append(blocks, b)
		}
	}
	for _, f := range files { // sorted by path
		if !isOverride(f.path) {
			continue
		}
		for _, b := range f.blocks {
			if base, ok := seen[b.key()]; ok && b.key() != "" {
				base.override(b)
				continue
			}
			blocks = append(blocks, b)
		}
	}
	for _, b := range blocks {
		m.add(b)
	}
	m.sort()
	return m
}

func isOverride(file string) bool {
	base := path.Base(file)
	for _, ext := range [...]string{".tf", ".tf.json", ".tofu", ".tofu.json"} {
		if stem, ok := strings.CutSuffix(base, ext); ok {
			return stem == "override" || strings.HasSuffix(stem, "_override")
		}
	}
	return false
}

// key is what a module may declare once; "" where it may do so often.
func (b *block) key() string {
	switch b.kind {
	case "locals", "terraform":
		return ""
	case "provider":
		return "provider." + b.providerName()
	}
	return b.address()
}

func (b *block) providerName() string {
	if a := b.attr("alias"); a != nil {
		if v, ok := expr.IsConstant(a.value); ok && v.Str() != "" {
			return b.labels[0] + "." + v.Str()
		}
	}
	return b.labels[0]
}

func (m *module) double(first, b *block) {
	if b.kind == "provider" {
		return
	}
	m.doubles = append(m.doubles, b)
	m.problems = append(m.problems, plinth.Problem{
		Kind: plinth.Broken, At: b.header, Text: b.address() + " is declared twice in this module, first in " + first.at.Path,
	})
}

// override replaces arguments one by one, and nested blocks of a type all together.
func (b *block) override(by *block) {
	for _, a := range by.attrs {
		if old := b.attr(a.name); old != nil {
			*old = a
		} else {
			b.attrs = append(b.attrs, a)
		}
	}
	b.blocks = slices.DeleteFunc(b.blocks, func(old *block) bool {
		return slices.ContainsFunc(by.blocks, func(n *block) bool { return n.kind == old.kind })
	})
	b.blocks = append(b.blocks, by.blocks...)
}

func (m *module) add(b *block) {
	switch b.kind {
	case "resource", "data", "ephemeral":
		m.resources[name{b.kind, b.labels[0], b.labels[1]}] = b
	case "variable":
		m.variables[b.labels[0]] = newVariable(b)
	case "locals":
		for i := range b.attrs {
			m.locals[b.attrs[i].name] = &b.attrs[i]
		}
	case "output":
		o := &output{value: b.attr("value")}
		if a := b.attr("sensitive"); a != nil {
			v, _ := expr.IsConstant(a.value)
			o.sensitive = v.Bool()
		}
		m.outputs[b.labels[0]] = o
	case "module":
		m.calls[b.labels[0]] = newCall(m.dir, b)
	case "provider":
		m.providers[b.providerName()] = b
		m.require(b.labels[0], b.attr("version"))
	case "terraform":
		for i := range b.attrs {
			m.require(b.attrs[i].name, &b.attrs[i])
			m.packages[b.attrs[i].name] = &b.attrs[i]
		}
	}
}

// require reads a version constraint: a text, or an object with one.
func (m *module) require(provider string, a *attribute) {
	if a == nil {
		return
	}
	v, ok := expr.IsConstant(a.value)
	if !ok {
		return
	}
	if v.Kind() == plinth.Map {
		v, _ = v.Get("version")
	}
	if v.Str() != "" {
		m.required[provider] = v.Str()
	}
}

func newVariable(b *block) *variable {
	v := &variable{block: b, def: b.attr("default"), nullable: true}
	if a := b.attr("type"); a != nil {
		v.typ = a.typ
	}
	if a := b.attr("nullable"); a != nil {
		if c, ok := expr.IsConstant(a.value); ok && c.Kind() == plinth.Bool {
			v.nullable = c.Bool()
		}
	}
	if a := b.attr("sensitive"); a != nil {
		c, _ := expr.IsConstant(a.value)
		v.sensitive = c.Bool()
	}
	return v
}

func newCall(dir string, b *block) *call {
	c := &call{name: b.labels[0], block: b}
	if a := b.attr("source"); a != nil {
		if v, ok := expr.IsConstant(a.value); ok {
			c.source = v.Str()
		}
	}
	s := strings.ReplaceAll(c.source, `\`, "/")
	if strings.HasPrefix(s, "./") || strings.HasPrefix(s, "../") || s == "." || s == ".." {
		c.local = path.Join(dir, s)
	}
	return c
}

func (m *module) sort() {
	for n := range m.resources {
		m.order = append(m.order, n)
	}
	sort.Slice(m.order, func(i, j int) bool { return m.order[i].String() < m.order[j].String() })
	for n := range m.calls {
		m.callOrder = append(m.callOrder, n)
	}
	sort.Strings(m.callOrder)
}
