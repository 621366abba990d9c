package terraform

import (
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/read/terraform/expr"
	"github.com/plinthsec/plinth/internal/read/terraform/function"
)

// resource is a resource or data block in a module instance.
type resource struct {
	in    *instance
	block *block
	name  name
	term  term
	repeated
	all []*resourceInstance // parallel to keys
}

var _ expr.Lazy = (*resource)(nil)

// resourceInstance is one instance of it.
type resourceInstance struct {
	of      *resource
	key     repetition
	address string // with module path and instance key
	decl    *plinth.Declaration
	attrs   map[string]*term
	read    map[string]plinth.Value // attributes as others read them
	source  plinth.Value
	whole   bool // source is made
	making  bool
	blocks  int // nested blocks made so far
}

var _ expr.Lazy = (*resourceInstance)(nil)

func (r *resource) address() string { return r.in.prefix + r.name.String() }

// expand finds the instances.
func (r *resource) expand() {
	if r.term.state == done {
		return
	}
	if r.term.name == "" {
		r.term.name, r.term.at = r.address(), r.block.header
	}
	if r.term.state == active {
		r.in.cycle(&r.term)
		return
	}
	r.in.once(&r.term, func() expr.Item {
		r.repeated = r.in.repeat(r.block, r.term.name)
		r.all = make([]*resourceInstance, len(r.keys))
		for i, k := range r.keys {
			r.all[i] = &resourceInstance{of: r, key: k.repetition, address: r.term.name + k.text}
		}
		return expr.Item{}
	})
}

// Force implements expr.Lazy.
func (r *resource) Force() plinth.Value {
	r.expand()
	if r.term.state != done {
		return plinth.UnknownOf(r.name.String())
	}
	return r.force(func(i int) plinth.Value { return r.all[i].Force() }, r.address())
}

// Attr implements expr.Lazy.
func (r *resource) Attr(n string) (expr.Item, bool) {
	r.expand()
	switch {
	case r.term.state != done:
		return expr.Item{Value: plinth.UnknownOf(r.name.String() + "." + n)}, true
	case r.kind == single || len(r.all) == 1 && !r.in.state.Trying():
		return r.all[0].Attr(n)
	case r.open:
		return r.absent(plinth.Value{}, undecided, r.name.String(), r.address())
	}
	return unknown(r.name.String() + "." + n), !r.in.state.Trying()
}

// Index implements expr.Lazy.
func (r *resource) Index(key plinth.Value) (expr.Item, bool) {
	r.expand()
	if r.term.state != done {
		return expr.Item{Value: plinth.UnknownOf(r.name.String())}, true
	}
	if r.kind == single && key.Kind() == plinth.String {
		return r.all[0].Attr(key.Str())
	}
	i, state := r.find(key, r.in.state.Trying())
	if state != found {
		return r.absent(key, state, r.name.String(), r.address())
	}
	return expr.Item{Lazy: r.all[i]}, true
}

// Entries implements expr.Lazy.
func (r *resource) Entries() ([]expr.Entry, expr.Shape) {
	r.expand()
	if r.term.state != done || r.open {
		return nil, expr.Open
	}
	if r.kind == single {
		return nil, expr.Single
	}
	out := make([]expr.Entry, len(r.all))
	for i, one := range r.all {
		out[i] = expr.Entry{Key: r.keys[i].key.Force(), Item: expr.Item{Lazy: one}}
	}
	return out, expr.Several
}

// Attr implements expr.Lazy: what another expression reads refers to this resource.
func (one *resourceInstance) Attr(n string) (expr.Item, bool) {
	if v, ok := one.read[n]; ok {
		return expr.Item{Value: v}, true
	}
	v, ok := one.set(n)
	if !ok {
		v, ok = one.computed(n)
	}
	v = one.known(n, expr.Attribute(one.address, n, v, ok))
	if one.read == nil {
		one.read = map[string]plinth.Value{}
	}
	one.read[n] = v
	return expr.Item{Value: v}, true
}

// ids are the beginnings of the ids that EC2 gives.
var ids = map[string]string{
	"aws_default_security_group": "sg-", "aws_default_vpc": "vpc-", "aws_instance": "i-", "aws_security_group": "sg-", "aws_subnet": "subnet-", "aws_vpc": "vpc-",
}

// known adds what is sure of an attribute that only the provider fills: every ARN begins with "arn:", and that of a policy, role,
// user or group ends with its name.
func (one *resourceInstance) known(n string, v plinth.Value) plinth.Value {
	kind := one.of.block.labels[0]
	if n == "id" {
		return v.WithEnds(ids[kind], "")
	}
	if n != "arn" || !v.IsUnknown() || !strings.HasPrefix(kind, "aws_") {
		return v
	}
	tail := ""
	switch kind {
	case "aws_iam_policy", "aws_iam_role", "aws_iam_user", "aws_iam_group":
		name, _ := one.set("name")
		if name.IsUnknown() {
			_, tail = name.Ends()
		} else if name.Kind() == plinth.String {
			tail = "/" + name.Str()
		}
	}
	return v.WithEnds("arn:", tail)
}

// Index implements expr.Lazy.
func (one *resourceInstance) Index(key plinth.Value) (expr.Item, bool) {
	if key.Kind() == plinth.String {
		return one.Attr(key.Str())
	}
	return expr.Item{Value: function.Unknown(key)}, key.IsUnknown()
}

// Entries implements expr.Lazy.
func (one *resourceInstance) Entries() ([]expr.Entry, expr.Shape) { return nil, expr.Single }

// Force implements expr.Lazy: all arguments, marked as the resource as a whole.
func (one *resourceInstance) Force() plinth.Value {
	if one.making {
		return plinth.UnknownOf(one.of.name.String()).WithRefs(plinth.Ref{To: one.address})
	}
	return one.arguments().WithOnlyRefs(plinth.Ref{To: one.address})
}

func (one *resourceInstance) scope() scope { return scope{in: one.of.in, key: one.key} }

// set returns an argument or the nested blocks of a type, as the configuration sets them.
func (one *resourceInstance) set(n string) (plinth.Value, bool) {
	if a := one.of.block.attr(n); a != nil {
		if !one.argument(n) {
			return plinth.Value{}, false
		}
		v := one.evaluate(n, a.at, func() plinth.Value { return one.value(a, one.scope(), nil) })
		return v, !v.IsNull() // a null argument is left to the provider
	}
	for _, b := range one.of.block.blocks {
		if b.kind == n && one.nested(n) {
			return one.evaluate(n, b.at, func() plinth.Value {
				return one.body(one.of.block, n, nil).at(n)
			}), true
		}
	}
	return plinth.Value{}, false
}

// evaluate runs once per argument; arguments of a resource can refer to others of the same resource's instances.
func (one *resourceInstance) evaluate(n string, at plinth.Location, run func() plinth.Value) plinth.Value {
	t := termOf(&one.attrs, n, one.address+"."+n, at)
	return one.of.in.once(t, func() expr.Item { return expr.Item{Value: run()} }).Value
}

// argument tells whether an attribute is an argument of the provider rather than of Terraform.
func (one *resourceInstance) argument(n string) bool {
	switch n {
	case "count", "for_each", "provider", "depends_on", "lifecycle", "provisioner", "connection", "timeouts", "//":
		return false
	}
	return n != "providers" || one.of.name.mode != "module"
}

func (one *resourceInstance) nested(n string) bool { return one.argument(n) }

// declaration is shared by everything that the instance declares.
func (one *resourceInstance) declaration() *plinth.Declaration {
	if one.decl == nil {
		b := one.of.block
		one.decl = &plinth.Declaration{Address: one.address, Type: b.labels[0], At: b.at, Header: b.header, Callers: one.of.in.callers}
	}
	return one.decl
}

// value evaluates one argument, placed where it is written.
func (one *resourceInstance) value(a *attribute, s scope, vars []expr.Item) plinth.Value {
	v, constant := expr.IsConstant(a.value)
	if !constant {
		v = one.of.in.state.Term(a.value, s, vars)
	}
	p := place{at: a.at, decl: one.declaration(), left: maxPlaced}
	return p.put(v, a.path)
}

// arguments evaluates everything that the block sets: a map, nested blocks as lists of maps, null arguments left out.
func (one *resourceInstance) arguments() plinth.Value {
	if one.whole {
		return one.source
	}
	one.making = true
	b := one.of.block
	fields := make([]plinth.Field, 0, len(b.attrs)+len(b.blocks))
	for i := range b.attrs {
		if v, ok := one.set(b.attrs[i].name); ok {
			fields = append(fields, plinth.Field{Key: b.attrs[i].name, Value: v})
		}
	}
	seen := map[string]bool{}
	for _, n := range b.blocks {
		if seen[n.kind] || b.attr(n.kind) != nil {
			continue
		}
		seen[n.kind] = true
		if v, ok := one.set(n.kind); ok && (v.Kind() != plinth.List || v.Len() > 0) {
			fields = append(fields, plinth.Field{Key: n.kind, Value: v})
		}
	}
	if v, ok := one.lifecycle(); ok {
		fields = append(fields, plinth.Field{Key: "lifecycle", Value: v})
	}
	one.source = plinth.MapOf(fields).WithOrigin(&plinth.Origin{At: b.at, Decl: one.declaration()})
	one.whole, one.making = true, false
	return one.source
}

// lifecycle is what such a block says about replacing and destroying, as a list like any block. The rest of it is Terraform's own business.
func (one *resourceInstance) lifecycle() (plinth.Value, bool) {
	for _, b := range one.of.block.blocks {
		if b.kind != "lifecycle" || one.of.name.mode != "resource" {
			continue
		}
		var fields []plinth.Field
		for i := range b.attrs {
			switch a := &b.attrs[i]; a.name {
			case "create_before_destroy", "prevent_destroy":
				fields = append(fields, plinth.Field{Key: a.name, Value: one.value(a, one.scope(), nil)})
			}
		}
		if fields == nil {
			return plinth.Value{}, false
		}
		from := &plinth.Origin{At: b.at, Decl: one.declaration()}
		return plinth.ListOf([]plinth.Value{plinth.MapOf(fields).WithOrigin(from)}).WithOrigin(from), true
	}
	return plinth.Value{}, false
}

// finished is the instance as the rest of the house knows it. Data sources and module calls are not made by a provider.
func (one *resourceInstance) finished() *plinth.Resource {
	in := one.of.in
	return &plinth.Resource{
		ID: plinth.ID("tf:" + in.root + "#" + one.address), Name: one.of.name.label, Project: in.project.Name, Root: in.root,
		Decl: one.declaration(), Source: one.withDocument(one.arguments()), Data: one.of.name.mode != "resource", Terms: in.context(one.of.block),
	}
}

// withDocument adds what an aws_iam_policy_document is there for, so that rules see the policy and not its spelling.
func (one *resourceInstance) withDocument(args plinth.Value) plinth.Value {
	if one.of.name.mode != "data" || one.of.name.typ != "aws_iam_policy_document" {
		return args
	}
	doc, _ := one.computed("json")
	fields := append(append([]plinth.Field{}, args.Fields()...), plinth.Field{Key: "json", Value: doc})
	return plinth.MapOf(fields).WithOrigin(args.Origin())
}
