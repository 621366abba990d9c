// Package graph keeps the resources of one target and how they are joined.
//
// A resource refers to another one when a value of its properties or arguments stands for (part of) that one. References are
// resolved inside one world: a Terraform root, a template, a project.
package graph

import (
	"slices"
	"strings"
	"sync"

	"github.com/plinthsec/plinth"
)

const maxDepth = 300 // of the values that are searched for references; parsers stop earlier

// Graph is the resources of a target, joined. It is immutable and safe for concurrent use.
type Graph struct {
	resources []*plinth.Resource
	types     []string // sorted
	byType    map[string][]int32
	out, in   edges
	byProps   func() map[*plinth.Field]int32
	derived   map[any]any
	deriving  sync.Mutex
	places    func() map[place][]int32
}

// edges are the neighbours of each resource, one after the other.
type edges struct {
	start []int32
	to    []int32
}

func (e *edges) of(i int32) []int32 { return e.to[e.start[i]:e.start[i+1]] }

// New joins the resources. It keeps the slice; their order is the order of all answers.
func New(resources []*plinth.Resource) *Graph {
	g := &Graph{resources: resources, byType: map[string][]int32{}}
	for i, r := range resources {
		g.byType[r.Type] = append(g.byType[r.Type], int32(i))
	}
	for t := range g.byType {
		g.types = append(g.types, t)
	}
	slices.Sort(g.types)
	g.join()
	g.byProps = sync.OnceValue(g.indexProps)
	g.places = sync.OnceValue(func() map[place][]int32 { at, _ := g.index(); return at })
	return g
}

// Once returns what make made when it was first asked for under this key: what a room above derives from the graph, so that engines
// share it. make must not ask for something else here. A key is a type of its room's own, which stands for one type of T.
func Once[T any](g *Graph, key any, make func() T) T {
	g.deriving.Lock()
	defer g.deriving.Unlock()
	if v, ok := g.derived[key].(T); ok {
		return v
	}
	if g.derived == nil {
		g.derived = map[any]any{}
	}
	v := make()
	g.derived[key] = v
	return v
}

// Resources returns all resources. The slice is not to be changed.
func (g *Graph) Resources() []*plinth.Resource { return g.resources }

// Types returns the types that are there, sorted.
func (g *Graph) Types() []string { return g.types }

// OfType returns the indexes in Resources of those of a type. The slice is not to be changed.
func (g *Graph) OfType(typ string) []int32 { return g.byType[typ] }

// Refers returns the resources that the i-th one refers to, in the order of their indexes.
func (g *Graph) Refers(i int32) []int32 { return g.out.of(i) }

// Referred returns the resources that refer to the i-th one, in the order of their indexes.
func (g *Graph) Referred(i int32) []int32 { return g.in.of(i) }

// ByProps returns the index of the resource whose Props are this very value, as they are found in Resources; not of an equal one,
// nor of one without properties. The resource with index near is tried first, and alone where there are no properties.
func (g *Graph) ByProps(props plinth.Value, near int32) (int32, bool) {
	f := identity(props)
	if f == identity(g.resources[near].Props) {
		return near, true
	}
	if f == nil {
		return 0, false
	}
	i, ok := g.byProps()[f]
	return i, ok
}

// identity is the address of the first entry: values share their content.
func identity(props plinth.Value) *plinth.Field {
	if doc, ok := props.Document(); ok && props.Partial() {
		props = doc
	}
	if fields := props.Fields(); len(fields) > 0 {
		return &fields[0]
	}
	return nil
}

func (g *Graph) indexProps() map[*plinth.Field]int32 {
	m := make(map[*plinth.Field]int32, len(g.resources))
	for i, r := range g.resources {
		if f := identity(r.Props); f != nil {
			m[f] = int32(i)
		}
	}
	return m
}

// world is where a resource's references are looked up: its project, and the part of its id that names the root or the template.
func world(r *plinth.Resource) (world, address string) {
	head, address, ok := strings.Cut(string(r.ID), "#")
	if !ok {
		return r.Project, string(r.ID)
	}
	return r.Project + "\x00" + head, address
}

type place struct{ world, address string }

// index finds the resources of each place, and the world of each resource.
func (g *Graph) index() (at map[place][]int32, some []string) {
	at = map[place][]int32{}
	some = make([]string, len(g.resources))
	for i, r := range g.resources {
		var address string
		some[i], address = world(r)
		g.place(at, some[i], address, int32(i))
		for _, alias := range r.Aliases {
			if _, a, ok := strings.Cut(string(alias), "#"); ok && a != address {
				g.place(at, some[i], a, int32(i))
			}
		}
	}
	return at, some
}

// join resolves all references.
func (g *Graph) join() {
	at, some := g.index()
	g.out.start = make([]int32, len(g.resources)+1)
	w := finder{g: g, at: at}
	for i, r := range g.resources {
		w.begin(some[i], int32(i))
		w.search(r.Props, 0)
		w.search(r.Source, 0)
		slices.Sort(w.found)
		g.out.to = append(g.out.to, slices.Compact(w.found)...)
		g.out.start[i+1] = int32(len(g.out.to))
	}
	g.out.to = slices.Clip(g.out.to)
	g.in = g.out.turned(len(g.resources))
}

func (g *Graph) place(at map[place][]int32, world, address string, i int32) {
	p := place{world, bare(address)}
	at[p] = append(at[p], i)
}

// turned returns the edges backwards, sources in order.
func (e *edges) turned(n int) edges {
	back := edges{start: make([]int32, n+1), to: make([]int32, len(e.to))}
	for _, to := range e.to {
		back.start[to+1]++
	}
	for i := range n {
		back.start[i+1] += back.start[i]
	}
	next := slices.Clone(back.start)
	for from := range n {
		for _, to := range e.of(int32(from)) {
			back.to[next[to]] = int32(from)
			next[to]++
		}
	}
	return back
}

// finder collects what one resource refers to.
type finder struct {
	g     *Graph
	at    map[place][]int32
	world string
	self  int32
	found []int32
}

func (f *finder) begin(world string, self int32) {
	f.world, f.self, f.found = world, self, f.found[:0]
}

func (f *finder) search(v plinth.Value, depth int) {
	if depth > maxDepth {
		return
	}
	for _, r := range v.Refs() {
		f.resolve(r.To)
	}
	for _, e := range v.List() {
		f.search(e, depth+1)
	}
	for _, e := range v.Fields() {
		f.search(e.Value, depth+1)
	}
	if doc, ok := v.Document(); ok {
		f.search(doc, depth+1)
	}
}

func (f *finder) resolve(to string) {
	for _, i := range f.at[place{f.world, bare(to)}] {
		if i == f.self {
			continue
		}
		r := f.g.resources[i]
		_, address := world(r)
		if agree(to, address) || slices.ContainsFunc(r.Aliases, func(a plinth.ID) bool {
			_, address, _ := strings.Cut(string(a), "#")
			return agree(to, address)
		}) {
			f.found = append(f.found, i)
		}
	}
}

// bare drops all instance keys from an address.
func bare(address string) string {
	if strings.IndexByte(address, '[') < 0 {
		return address
	}
	var b strings.Builder
	for {
		head, key, tail := cutKey(address)
		b.WriteString(head)
		if key == "" {
			return b.String()
		}
		address = tail
	}
}

// cutKey splits an address at its first instance key: head[key]tail, key with its brackets, "" where there is none. Brackets
// inside a quoted key do not count.
func cutKey(address string) (head, key, tail string) {
	open := strings.IndexByte(address, '[')
	if open < 0 {
		return address, "", ""
	}
	quoted := false
	for i := open + 1; i < len(address); i++ {
		switch c := address[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case c == ']' && !quoted:
			return address[:open], address[open : i+1], address[i+1:]
		}
	}
	return address, "", ""
}

// agree tells whether two addresses may name the same instance: their keys are equal wherever both have one, and [*] is any.
func agree(a, b string) bool {
	for {
		headA, keyA, tailA := cutKey(a)
		headB, keyB, tailB := cutKey(b)
		switch {
		case keyA == "" && keyB == "":
			return headA == headB
		case keyA != "" && keyB != "" && len(headA) == len(headB):
			if headA != headB || keyA != keyB && keyA != "[*]" && keyB != "[*]" {
				return false
			}
			a, b = tailA, tailB
		case keyA != "" && (keyB == "" || len(headA) < len(headB)): // only a names an instance here
			if !strings.HasPrefix(b, headA) {
				return false
			}
			a, b = tailA, b[len(headA):]
		default:
			if !strings.HasPrefix(a, headB) {
				return false
			}
			a, b = a[len(headB):], tailB
		}
	}
}
