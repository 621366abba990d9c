// Package form brings resources into the form of their provider's own API, by data tables: Terraform types become
// CloudFormation, ARM, Google REST or Kubernetes objects, split resources are merged into the one that they belong to, and
// absent properties get the provider's defaults.
package form

import (
	"fmt"
	"runtime"
	"sort"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/value"
)

// Complete fills Type and Props of all resources of a target and returns them with what the tables add: resources that hang on
// others, and external ones that only parts of are in the code. The resources are changed in place.
func Complete(resources []*plinth.Resource, problem func(plinth.Problem)) []*plinth.Resource {
	t, err := embedded()
	if err != nil {
		problem(plinth.Problem{Kind: plinth.Internal, Text: "mapping tables: " + err.Error()})
		return resources
	}
	c := &completion{tables: t, problem: problem, byAddress: map[place][]*item{}, byName: map[name][]*item{}, externals: map[string]*item{}, faulty: map[string]bool{}, inside: modulesInside(resources)}
	c.prepare(resources)
	for _, r := range resources {
		c.begin(r)
	}
	for _, r := range resources {
		c.join(r)
	}
	return c.finish()
}

// prepare reads the entries that will be needed, side by side.
func (c *completion) prepare(resources []*plinth.Resource) {
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for _, tf := range Declared(resources) {
		g.Go(func() error {
			c.tables.prepare(tf)
			return nil
		})
	}
	_ = g.Wait()
}

// Declared are the types of those resources that tables are asked for, as users write them.
func Declared(resources []*plinth.Resource) []string {
	seen := map[string]bool{}
	var out []string
	for _, r := range resources {
		if tf := r.Decl.Type; !r.Data && !seen[tf] {
			seen[tf] = true
			out = append(out, tf)
		}
	}
	return out
}

// Prepare reads the tables for some types, as users write them, so that Complete has them.
func Prepare(types []string) {
	t, err := embedded()
	if err != nil {
		return // Complete tells it
	}
	for _, tf := range types {
		t.prepare(tf)
	}
}

// prepare reads an entry. What is wrong with it is told to whoever asks for it.
func (t *Tables) prepare(tf string) {
	defer func() { _ = recover() }()
	_, _ = t.entry(tf)
}

// embedded are the tables of this binary: constants, split once.
var embedded = sync.OnceValues(Load)

// item is a resource under construction.
type item struct {
	r     *plinth.Resource
	entry *entry
	props *node
	hung  map[string]*node
	order []string
}

// place names a declaration inside one root; bare addresses stand without instance keys.
type place struct{ project, root, address string }

// name is what a literal names: a resource of a type, by one of the values that others call it.
type name struct{ project, tf, literal string }

type completion struct {
	tables    *Tables
	problem   func(plinth.Problem)
	items     []*item
	plain     []*plinth.Resource
	byAddress map[place][]*item
	byName    map[name][]*item
	externals map[string]*item
	extOrder  []string
	faulty    map[string]bool
	inside    map[place]bool // module calls whose code is there
}

func (c *completion) entry(tf string) *entry {
	e, err := c.tables.entry(tf)
	if err != nil && !c.faulty[tf] {
		c.faulty[tf] = true
		c.problem(plinth.Problem{Kind: plinth.Internal, Text: "mapping table " + err.Error()})
	}
	return e
}

// begin maps a resource's own arguments.
func (c *completion) begin(r *plinth.Resource) {
	fromSource := r.Type == ""
	if !fromSource && r.Type == r.Decl.Type {
		r.Type = spelled(r.Type)
		r.Decl.Type = r.Type
	}
	tf := r.Decl.Type
	if fromSource && r.Data {
		r.Type, r.Props = "data:"+tf, r.Source
		c.plain = append(c.plain, r)
		if tf == "module" {
			c.moduleCall(r)
		}
		return
	}
	e := c.entry(tf)
	if e == nil || fromSource && e.Into == "" {
		if fromSource && !kubernetesObject(r) {
			r.Type, r.Props = "terraform:"+tf, r.Source
		} else if !fromSource {
			r.Props = c.tables.withDefaults(r)
		}
		c.plain = append(c.plain, r)
		return
	}
	it := &item{r: r, entry: e, props: &node{}}
	if fromSource {
		r.Type = e.Into
		src := fill(r.Source, e.defaults, e.before, r)
		it.run(e.lines, src, r.Decl)
		c.index(it, src)
	} else {
		it.props.set(r.Props)
		c.index(it, r.Props)
	}
	c.items = append(c.items, it)
}

// spelled gives a type of Azure the spelling of its provider: templates may write types in any case.
func spelled(typ string) string {
	const prefix = "microsoft."
	if len(typ) < len(prefix) || !strings.EqualFold(typ[:len(prefix)], prefix) {
		return typ
	}
	known, err := facts()
	if err != nil {
		return typ
	}
	return known.Spelling(typ)
}

func (c *completion) index(it *item, src plinth.Value) {
	r := it.r
	for _, a := range []string{r.Decl.Address, bare(r.Decl.Address)} {
		at := place{r.Project, r.Root, a}
		c.byAddress[at] = append(c.byAddress[at], it)
		if bare(a) == r.Decl.Address {
			break
		}
	}
	for _, called := range it.entry.Called {
		if v, ok := src.Get(called); ok && v.Kind() == plinth.String && v.Str() != "" {
			n := name{r.Project, r.Decl.Type, v.Str()}
			c.byName[n] = append(c.byName[n], it)
		}
	}
}

// bare takes the instance keys out of an address.
func bare(address string) string {
	if !strings.Contains(address, "[") {
		return address
	}
	var b strings.Builder
	depth, quoted := 0, false
	for i := 0; i < len(address); i++ {
		ch := address[i]
		switch {
		case quoted:
			if ch == '\\' {
				i++
			} else if ch == '"' {
				quoted = false
			}
		case depth > 0 && ch == '"':
			quoted = true
		case ch == '[':
			depth++
		case ch == ']':
			depth--
		case depth == 0:
			b.WriteByte(ch)
		}
	}
	return b.String()
}

// fill puts a provider's defaults where arguments are absent. A default below a block counts where the block is there.
func fill(src plinth.Value, defaults []defaultValue, old []older, r *plinth.Resource) plinth.Value {
	for _, o := range old {
		if before(r.Terms.Version, o.version) {
			for _, d := range o.defaults {
				src = withDefault(src, d.path, d.path, d.value, r.Decl)
			}
		}
	}
	for _, d := range defaults {
		src = withDefault(src, d.path, d.path, d.value, r.Decl)
	}
	return src
}

// withDefault sets path in v unless something, if only an explicit null, stands there.
func withDefault(v plinth.Value, path, whole []string, def plinth.Value, decl *plinth.Declaration) plinth.Value {
	switch v.Kind() {
	case plinth.List:
		list := make([]plinth.Value, v.Len())
		for i, e := range v.List() {
			list[i] = withDefault(e, path, whole, def, decl)
		}
		return like(plinth.ListOf(list), v)
	case plinth.Map:
	default:
		return v
	}
	old, ok := v.Get(path[0])
	set := old
	switch {
	case len(path) > 1 && (!ok || old.IsNull()):
		return v
	case len(path) > 1:
		set = withDefault(old, path[1:], whole, def, decl)
	case ok && !old.IsNull():
		return v
	default:
		at := decl.Header
		if o := v.Origin(); o != nil && len(whole) > 1 {
			at = o.At
		}
		set = def.WithOrigin(&plinth.Origin{At: at, Path: strings.Join(whole, "."), Decl: decl, Default: true})
	}
	fields := make([]plinth.Field, 0, v.Len()+1)
	for _, f := range v.Fields() {
		if f.Key != path[0] {
			fields = append(fields, f)
		}
	}
	return like(plinth.MapOf(append(fields, plinth.Field{Key: path[0], Value: set})), v)
}

// run applies lines to a source value.
func (it *item) run(lines []line, src plinth.Value, decl *plinth.Declaration) {
	for i := range lines {
		l := &lines[i]
		target := it.props
		if strings.HasSuffix(l.hang, "[]") {
			it.runEach(l, src, decl)
			continue
		}
		if l.hang != "" {
			if len(find(src, l.left[0])) == 0 {
				continue
			}
			target = it.hanging(l.hang)
		}
		if len(l.left) > 1 {
			it.joined(l, src, target, decl)
			continue
		}
		for _, m := range find(src, l.left[0]) {
			if values := l.apply(m.v); m.cut >= 0 || len(values) > 0 {
				put(target, l.right, m, values, decl)
			}
		}
	}
}

// runEach makes one hanging resource for each element that the left side finds.
func (it *item) runEach(l *line, src plinth.Value, decl *plinth.Declaration) {
	for _, m := range find(src, l.left[0]) {
		typ := l.hang + "*"
		if len(m.index) > 0 {
			typ = fmt.Sprintf("%s%d", l.hang, m.index[0])
			if len(l.left[0]) > 0 {
				typ += "/" + l.left[0][0].name
			}
			m.index, m.elements = m.index[1:], m.elements[1:]
		}
		put(it.hanging(typ), l.right, m, l.apply(m.v), decl)
	}
}

func (it *item) hanging(typ string) *node {
	if it.hung == nil {
		it.hung = map[string]*node{}
	}
	if it.hung[typ] == nil {
		it.hung[typ] = &node{}
		it.order = append(it.order, typ)
	}
	return it.hung[typ]
}

// joined hands several arguments to the line's first converter as one list.
func (it *item) joined(l *line, src plinth.Value, target *node, decl *plinth.Declaration) {
	var list []plinth.Value
	var m match
	for _, left := range l.left {
		found := find(src, left)
		if len(found) == 0 {
			continue
		}
		m = found[0] // the last one says the most of what they make together
		list = append(list, found[0].v)
	}
	if list == nil {
		return
	}
	v := like(plinth.ListOf(list), list[len(list)-1])
	m.cut = -1
	put(target, l.right, m, l.apply(v), decl)
}

// apply runs the converters. An unknown passes unless a converter reads its document.
func (l *line) apply(v plinth.Value) []plinth.Value {
	values := []plinth.Value{v}
	for _, c := range l.convs {
		var next []plinth.Value
		for _, v := range values {
			k := converters[c.name]
			switch {
			case v.IsUnknown() && k.unwrap:
				next = append(next, k.do(v, c)...)
			case v.IsUnknown():
				next = append(next, v)
			default:
				next = append(next, k.do(v, c)...)
			}
		}
		values = next
	}
	return values
}

// finish builds the values and returns all resources.
func (c *completion) finish() []*plinth.Resource {
	out := c.plain
	for _, key := range c.extOrder {
		c.items = append(c.items, c.externals[key])
	}
	for _, it := range c.items {
		r := it.r
		props := it.props.value()
		if props.IsNull() {
			props = plinth.MapOf(nil)
		}
		if r.External {
			props = it.props.openEnded(r.Props)
		}
		r.Props = props
		if !r.External && r.Source.IsNull() || r.Type == r.Decl.Type {
			r.Props = c.tables.withDefaults(r)
		}
		out = append(out, r)
		for _, typ := range it.order {
			out = append(out, hungOn(r, typ, it.hung[typ].value()))
		}
	}
	return append(out, branches(out)...)
}

// hungOn makes the resource that an argument of another one declares; its Source refers to the other. Behind TYPE[] stands
// which element of which argument it is.
func hungOn(r *plinth.Resource, typ string, props plinth.Value) *plinth.Resource {
	id := r.ID + plinth.ID("/"+typ)
	typ, _, _ = strings.Cut(typ, "[]")
	of := plinth.StringOf(r.Decl.Address).WithRefs(plinth.Ref{To: r.Decl.Address})
	return &plinth.Resource{
		ID: id, Type: typ, Name: r.Name, Project: r.Project, Root: r.Root, Phase: r.Phase, Decl: r.Decl,
		Props: props, Source: plinth.MapOf([]plinth.Field{{Key: "of", Value: of}}), Terms: r.Terms, Hung: true,
	}
}

// moduleOf returns the module path of an address, with instance keys.
func moduleOf(address string) string {
	end := 0
	for strings.HasPrefix(address[end:], "module.") {
		i := end + len("module.")
		depth := 0
		for i < len(address) && (address[i] != '.' || depth > 0) {
			switch address[i] {
			case '[':
				depth++
			case ']':
				depth--
			}
			i++
		}
		if i >= len(address) {
			break
		}
		end = i + 1
	}
	return address[:end]
}

// join puts a part's arguments into the resources that it belongs to. Where several Terraform types become one type of the
// provider (a security group and the default one), what one of them owns is no stranger's.
func (c *completion) join(r *plinth.Resource) {
	if r.Data {
		return
	}
	owned := map[string]string{} // provider type and argument → the Terraform type that has an owner
	for _, stranger := range []bool{false, true} {
		for _, owner := range c.tables.partOf[r.Decl.Type] {
			e := c.entry(owner)
			if e == nil {
				continue
			}
			for _, p := range e.parts {
				if p.tf != r.Decl.Type {
					continue
				}
				kind := e.Into + "\x00" + p.by
				if stranger && owned[kind] != "" && owned[kind] != e.tf {
					continue
				}
				if c.joinPart(e, p, r, stranger) {
					owned[kind] = e.tf
				}
			}
		}
	}
}

// joinPart tells whether the part found its owners, those in the code or, when asked to, a stranger.
func (c *completion) joinPart(e *entry, p *part, r *plinth.Resource, stranger bool) bool {
	src := r.Source
	if r.Type == r.Decl.Type && e.tf == e.Into || src.IsNull() { // CloudFormation: the properties are the source
		src = r.Props
	}
	for arg, want := range p.when {
		v, _ := src.Get(arg)
		if s, _ := text(v); s != want {
			return false
		}
	}
	by, ok := src.At(strings.Split(p.by, ".")...)
	if !ok || by.IsNull() {
		if e.namedOtherwise(p, src) {
			return false
		}
		by = plinth.UnknownOf(p.by)
	}
	src = fill(src, p.defaults, p.before, r)
	owners := c.owners(e.tf, by, r)
	if (owners == nil) != stranger {
		return false
	}
	if stranger {
		c.candidates(e, p, by, r)
		owners = []*item{c.external(e, by, r)}
	}
	for _, it := range owners {
		it.run(p.lines, src, r.Decl)
	}
	return true
}

// namedOtherwise tells whether the part names its owner by the argument of another part of this type.
func (e *entry) namedOtherwise(p *part, src plinth.Value) bool {
	for _, other := range e.parts {
		if other.tf != p.tf || other.by == p.by {
			continue
		}
		if v, ok := src.At(strings.Split(other.by, ".")...); ok && !v.IsNull() {
			return true
		}
	}
	return false
}

// owners finds the resources of a type that a value refers to: by reference, else by an equal literal in the same project.
func (c *completion) owners(tf string, by plinth.Value, r *plinth.Resource) []*item {
	var out []*item
	for _, ref := range by.Refs() {
		exact := false
		for _, it := range c.byAddress[place{r.Project, r.Root, ref.To}] {
			if it.r.Decl.Type == tf {
				out, exact = append(out, it), true
			}
		}
		if exact {
			continue
		}
		for _, it := range c.byAddress[place{r.Project, r.Root, bare(ref.To)}] {
			if it.r.Decl.Type == tf && mayBe(ref.To, it.r.Decl.Address) {
				out = append(out, it)
			}
		}
	}
	if out == nil && by.Kind() == plinth.String && by.Str() != "" {
		out = c.byName[name{r.Project, tf, by.Str()}]
	}
	return unique(out)
}

func unique(list []*item) []*item {
	seen := map[*item]bool{}
	out := list[:0:0]
	for _, it := range list {
		if !seen[it] {
			seen[it] = true
			out = append(out, it)
		}
	}
	return out
}

// mayBe tells whether two addresses that are equal without instance keys can mean one instance: a missing key and [*] stand for
// any.
func mayBe(a, b string) bool {
	x, y := splitKeys(a), splitKeys(b)
	for i := 0; i < min(len(x), len(y)); i++ {
		if x[i] != y[i] && x[i] != "" && y[i] != "" && x[i] != "[*]" && y[i] != "[*]" {
			return false
		}
	}
	return true
}

// splitKeys returns the instance key behind each name of an address, "" where there is none.
func splitKeys(address string) []string {
	var out []string
	for address != "" {
		end, depth, quoted := 0, 0, false
		for end < len(address) && (address[end] != '.' || depth > 0) {
			switch {
			case quoted && address[end] == '\\':
				end++
			case address[end] == '"':
				quoted = !quoted
			case !quoted && address[end] == '[':
				depth++
			case !quoted && address[end] == ']':
				depth--
			}
			end++
		}
		end = min(end, len(address))
		segment := address[:end]
		if i := strings.IndexByte(segment, '['); i >= 0 {
			out = append(out, segment[i:])
		} else {
			out = append(out, "")
		}
		address = strings.TrimPrefix(address[end:], ".")
	}
	return out
}

// candidates marks what a part with an unknown owner may set: unknown because of the part, on every resource of its module
// that lacks it.
func (c *completion) candidates(e *entry, p *part, by plinth.Value, r *plinth.Resource) {
	if !by.IsUnknown() {
		return
	}
	module := moduleOf(r.Decl.Address)
	for _, it := range c.items {
		o := it.r
		if o.Decl.Type != e.tf || o.Project != r.Project || o.Root != r.Root || moduleOf(o.Decl.Address) != module {
			continue
		}
		for i := range p.lines {
			l := &p.lines[i]
			if l.hang == "" && len(l.right) > 0 && !it.props.has(l.right) {
				m := match{v: plinth.UnknownOf(r.Decl.Address), cut: remaining(l.right)}
				put(it.props, l.right, m, nil, r.Decl)
			}
		}
	}
}

// external is the resource of somebody else that a part belongs to. Parts that name it alike share it.
func (c *completion) external(e *entry, by plinth.Value, r *plinth.Resource) *item {
	called := by.String()
	why := fmt.Sprintf("%s is not in the code", called)
	if by.IsUnknown() {
		called = strings.Join(value.Reasons(by), ", ")
		why = called
	}
	key := strings.Join([]string{r.Project, r.Root, moduleOf(r.Decl.Address), e.tf, called}, "\x00")
	if it := c.externals[key]; it != nil {
		return it
	}
	x := &plinth.Resource{
		ID: r.ID + "^" + plinth.ID(e.Into), Type: e.Into, Name: called, Project: r.Project, Root: r.Root, Phase: r.Phase, Decl: r.Decl,
		Props: plinth.UnknownOf(why), Terms: r.Terms, External: true,
	}
	it := &item{r: x, entry: e, props: &node{}}
	c.externals[key] = it
	c.extOrder = append(c.extOrder, key)
	sort.Strings(c.extOrder)
	return it
}
