package terraform

import (
	"fmt"
	"path"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/read/terraform/expr"
)

// moduleCall is a module block in a module instance.
type moduleCall struct {
	in   *instance
	call *call
	term term
	repeated
	modules []*instance // parallel to keys
	missing bool        // the module's files are not there
}

var _ expr.Lazy = (*moduleCall)(nil)

func (in *instance) call(n string) *moduleCall {
	if c := in.calls[n]; c != nil {
		return c
	}
	spec := in.module.calls[n]
	if spec == nil {
		return nil
	}
	if in.calls == nil {
		in.calls = map[string]*moduleCall{}
	}
	c := &moduleCall{in: in, call: spec, term: term{name: in.prefix + "module." + n, at: spec.block.header}}
	in.calls[n] = c
	return c
}

// expand finds the instances of the call.
func (c *moduleCall) expand() {
	if c.term.state == done {
		return
	}
	if c.term.state == active {
		c.in.cycle(&c.term)
		return
	}
	c.in.once(&c.term, func() expr.Item {
		c.repeated = c.in.repeat(c.call.block, c.term.name)
		m, dir := c.in.find(c.call)
		if m == nil {
			c.missing = true
			return expr.Item{}
		}
		for _, k := range c.keys {
			if c.in.instances.Add(1) > maxModules {
				c.in.problem(plinth.Problem{Kind: plinth.Limit, At: c.call.block.header, Text: "the project has more than 50,000 module instances: the rest is left out"})
				break
			}
			c.modules = append(c.modules, &instance{
				evaluation: c.in.evaluation, module: m, dir: c.in.moduleDir(dir), parent: c.in, caller: c.call, key: k.repetition,
				prefix: c.term.name + k.text + ".", depth: c.in.depth + 1,
				callers: append([]plinth.Location{c.call.block.at}, c.in.callers...),
			})
		}
		c.keys = c.keys[:len(c.modules)]
		c.missing = c.kind == single && len(c.modules) == 0
		return expr.Item{}
	})
}

// find returns the module that a call names. Nil: it is not in the target, or calls itself, which is reported.
func (in *instance) find(c *call) (*module, string) {
	dir := c.local
	if dir == "" {
		if dir = in.installedAt(c); dir == "" {
			dir = in.remote.found[c].dir
		}
	}
	m := in.use(dir)
	if dir == "" || m == nil {
		in.problem(plinth.Problem{Kind: plinth.NotDownloaded, At: c.block.header, Text: in.missingText(c)})
		return nil, dir
	}
	for up := in; up != nil; up = up.parent {
		if up.module == m {
			in.problem(plinth.Problem{Kind: plinth.Broken, At: c.block.header, Text: fmt.Sprintf("module %q calls itself through %s: it is left out", c.name, dir)})
			return nil, dir
		}
	}
	if in.depth >= maxCallDepth {
		in.problem(plinth.Problem{Kind: plinth.Limit, At: c.block.header, Text: fmt.Sprintf("module %q is called more than %d levels deep: it is left out", c.name, maxCallDepth)})
		return nil, dir
	}
	return m, dir
}

// installedAt finds a module that terraform init has fetched, or a folder named without ./ in front.
func (in *instance) installedAt(c *call) string {
	if dirs := in.manifests[in.root]; dirs != nil {
		if dir, ok := dirs[in.callPath()+c.name]; ok {
			return dir
		}
	}
	if n := strings.Count(c.source, "/"); c.source != "" && n < 2 && !strings.Contains(c.source, ":") {
		if dir := path.Join(in.module.dir, c.source); dir != in.module.dir && in.use(dir) != nil {
			return dir
		}
	}
	return ""
}

// callPath is the names of the calls that lead here, as the list of installed modules has them: a.b.
func (in *instance) callPath() string {
	if in.parent == nil {
		return ""
	}
	return in.parent.callPath() + in.caller.name + "."
}

// calls returns the instances of the call as things of their own: of a local module its source, of another one all arguments,
// for whoever knows what such a module makes of them.
func (c *moduleCall) calls() []*resourceInstance {
	b := *c.call.block
	if c.call.local != "" {
		b.attrs = nil
		if a := c.call.block.attr("source"); a != nil {
			b.attrs = []attribute{*a}
		}
	}
	r := &resource{in: c.in, block: &b, name: name{mode: "module", label: c.call.name}}
	out := make([]*resourceInstance, len(c.keys))
	for i, k := range c.keys {
		address := c.term.name + k.text
		out[i] = &resourceInstance{of: r, key: k.repetition, address: address, decl: &plinth.Declaration{
			Address: address, Type: "module", At: b.at, Header: b.header, Callers: c.in.callers,
		}}
	}
	return out
}

func (c *moduleCall) unknown() plinth.Value { return plinth.UnknownOf("module." + c.call.name) }

// Force implements expr.Lazy.
func (c *moduleCall) Force() plinth.Value {
	c.expand()
	if c.missing || c.term.state != done {
		return c.unknown()
	}
	return c.force(func(i int) plinth.Value { return c.modules[i].Force() }, "")
}

// Attr implements expr.Lazy.
func (c *moduleCall) Attr(n string) (expr.Item, bool) {
	c.expand()
	switch {
	case c.missing || c.term.state != done:
		return expr.Item{Value: c.unknown()}, true
	case c.kind == single || len(c.modules) == 1 && !c.in.state.Trying():
		return c.modules[0].Attr(n)
	}
	return unknown("module." + c.call.name + "." + n), !c.in.state.Trying()
}

// Index implements expr.Lazy.
func (c *moduleCall) Index(key plinth.Value) (expr.Item, bool) {
	c.expand()
	if c.missing || c.term.state != done {
		return expr.Item{Value: c.unknown()}, true
	}
	if c.kind == single && key.Kind() == plinth.String {
		return c.modules[0].Attr(key.Str())
	}
	i, state := c.find(key, c.in.state.Trying())
	if state != found {
		return c.absent(key, state, "module."+c.call.name, "")
	}
	return expr.Item{Lazy: c.modules[i]}, true
}

// Entries implements expr.Lazy.
func (c *moduleCall) Entries() ([]expr.Entry, expr.Shape) {
	c.expand()
	if c.missing || c.term.state != done || c.open {
		return nil, expr.Open
	}
	if c.kind == single {
		return nil, expr.Single
	}
	out := make([]expr.Entry, len(c.modules))
	for i, m := range c.modules {
		out[i] = expr.Entry{Key: c.keys[i].key.Force(), Item: expr.Item{Lazy: m}}
	}
	return out, expr.Several
}
