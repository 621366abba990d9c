// Package expr compiles expressions of the HCL language once and evaluates them on plinth values as often as wanted.
//
// Unknowns keep their reasons and their structure: a list with an unknown element stays a list. What would be an error in
// Terraform is an unknown value whose reason is the text of the reference or call, and a fault, which try and can look at.
package expr

import (
	"context"
	"slices"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/read/terraform/function"
)

const (
	maxDepth = 5_000      // nested evaluations, over all terms: a stack of some 50 MiB
	maxSteps = 50_000_000 // evaluations in one run: some five seconds
	maxParts = 400_000    // values in the result of one term: shared structure can be exponentially large
	maxMade  = 1_000_000  // values that loops and calls make on the way to one term
	maxTotal = 5_000_000  // values that they make in one run: some 300 MiB
	maxText  = 16 << 20   // bytes in one template: more is a bomb
)

// Node is a compiled expression. It is safe for concurrent use.
type Node interface {
	eval(f *Frame) plinth.Value
}

// Lazy is something that is better not evaluated as a whole: a resource, its instances, a module call.
type Lazy interface {
	// Force returns the whole value.
	Force() plinth.Value
	// Attr returns one attribute; one that cannot be there is not ok.
	Attr(name string) (item Item, ok bool)
	// Index returns one instance. The key may be unknown. A missing instance is not ok.
	Index(key plinth.Value) (item Item, ok bool)
	// Entries returns the instances with their keys, in order, if there are Several.
	Entries() ([]Entry, Shape)
}

// Shape tells how something lazy can be walked.
type Shape uint8

// The shapes.
const (
	Single  Shape = iota // one thing
	Several              // a list or map of instances
	Open                 // nobody knows how many: Force is unknown
)

// Item is a value or something lazy.
type Item struct {
	Value plinth.Value
	Lazy  Lazy
}

// Entry is an instance with its key.
type Entry struct {
	Key  plinth.Value
	Item Item
}

// Force returns the item's value.
func (it Item) Force() plinth.Value {
	if it.Lazy != nil {
		return it.Lazy.Force()
	}
	return it.Value
}

// Names knows what the names in an expression stand for.
type Names interface {
	// Name returns what a root name and the names behind it stand for, and how many of the latter it used. When nobody knows
	// the name the answer is an unknown.
	Name(root string, rest []string) (item Item, used int)
}

// State is what all evaluations of one run share. It belongs to one goroutine.
type State struct {
	ctx       context.Context
	funcs     function.Set
	files     function.Files
	templates map[string]Node
	problems  []plinth.Problem
	depth     int
	steps     int
	made      int // elements made in the term that is being evaluated
	total     int // elements made at all
	faults    int
	tries     int
	inside    int // templates being evaluated
	limited   bool
	stopped   bool
	where     func() plinth.Location
}

// NewState returns the state of a new run. Where tells what is being evaluated, for problems.
func NewState(ctx context.Context, funcs function.Set, files function.Files, where func() plinth.Location) *State {
	return &State{ctx: ctx, funcs: funcs, files: files, templates: map[string]Node{}, where: where}
}

// Problems returns what was found wrong so far.
func (s *State) Problems() []plinth.Problem { return s.problems }

// Problem adds a problem, which is forgotten when a try around it takes another way.
func (s *State) Problem(p plinth.Problem) { s.problems = append(s.problems, p) }

// Stopped tells that the context is done or the work became too much: everything further is unknown.
func (s *State) Stopped() bool { return s.stopped }

// Trying tells whether the evaluation stands inside try or can, where it matters whether something exists at all.
func (s *State) Trying() bool { return s.tries > 0 }

// Term evaluates a node with the given names and bound variables, apart from the evaluation that asked for it: a fault inside
// is not a fault of the asking expression.
func (s *State) Term(n Node, names Names, vars []Item) plinth.Value {
	if c, ok := n.(constant); ok {
		return c.value
	}
	return s.apart(names, vars, func(f *Frame) Item {
		v := f.eval(n)
		if makes(n) && s.parts(v, maxParts) <= 0 {
			v = s.limit("a value has more than 400,000 parts")
		}
		return Item{Value: v}
	}).Value
}

// Item evaluates a node like Term, leaving something lazy lazy.
func (s *State) Item(n Node, names Names, vars []Item) Item {
	if _, ok := n.(lazyNode); !ok {
		return Item{Value: s.Term(n, names, vars)}
	}
	return s.apart(names, vars, func(f *Frame) Item { return itemOf(f, n) })
}

func (s *State) apart(names Names, vars []Item, run func(f *Frame) Item) Item {
	faults, tries, inside, made := s.faults, s.tries, s.inside, s.made
	s.tries, s.inside, s.made = 0, 0, 0
	it := run(&Frame{State: s, names: names, vars: vars})
	s.faults, s.tries, s.inside, s.made = faults, tries, inside, made
	return it
}

// makes tells whether a node makes new structure rather than pass on what exists.
func makes(n Node) bool {
	switch n.(type) {
	case constant, *access, *index, *bound, *template:
		return false
	}
	return true
}

// parts counts down from left for each value inside v.
func (s *State) parts(v plinth.Value, left int) int {
	left--
	for _, e := range v.List() {
		if left <= 0 {
			return left
		}
		left = s.parts(e, left)
	}
	for _, e := range v.Fields() {
		if left <= 0 {
			return left
		}
		left = s.parts(e.Value, left)
	}
	if doc, ok := v.Document(); ok && left > 0 {
		left = s.parts(doc, left)
	}
	return left
}

func (s *State) limit(text string) plinth.Value {
	if !s.limited {
		s.limited = true
		p := plinth.Problem{Kind: plinth.Limit, Text: text}
		if s.where != nil {
			p.At = s.where()
		}
		s.problems = append(s.problems, p)
	}
	return plinth.UnknownOf("limit")
}

// Frame is one evaluation: names, and the variables that for expressions and dynamic blocks bind.
type Frame struct {
	*State
	names Names
	vars  []Item
}

func (f *Frame) eval(n Node) plinth.Value {
	if c, ok := n.(constant); ok {
		return c.value
	}
	if f.stopped {
		return plinth.UnknownOf("limit")
	}
	f.steps++
	if f.steps&1023 == 0 && f.ctx.Err() != nil {
		f.stopped = true
	}
	if f.steps > maxSteps {
		f.stopped = true
		return f.limit("the evaluation takes more than 50,000,000 steps")
	}
	if f.depth >= maxDepth {
		return f.tooDeep()
	}
	f.depth++
	v := n.eval(f)
	f.depth--
	return v
}

func (f *Frame) tooDeep() plinth.Value {
	return f.limit("values depend on each other more than 5,000 levels deep")
}

// room makes room for further elements; false when there are too many.
func (f *Frame) room(n int) bool {
	f.made, f.total = f.made+n, f.total+n
	switch {
	case f.total > maxTotal:
		f.limit("the evaluation makes more than 5,000,000 values")
	case f.made > maxMade:
		f.limit("the evaluation of one value makes more than 1,000,000 values")
	default:
		return true
	}
	return false
}

// fault is a value that Terraform would not accept.
func (f *Frame) fault(why ...string) plinth.Value {
	f.faults++
	return plinth.UnknownOf(why...)
}

// bind returns a frame's variables with further ones at a slot.
func (f *Frame) bind(slot int, items ...Item) {
	if missing := slot + len(items) - len(f.vars); missing > 0 {
		f.vars = append(slices.Clip(f.vars), make([]Item, missing)...)
	}
	copy(f.vars[slot:], items)
}

// origin says where something was written: shared by all values of one place.
type origin = *plinth.Origin

func placed(v plinth.Value, at origin) plinth.Value {
	if v.Origin() == nil {
		return v.WithOrigin(at)
	}
	return v
}

// IsConstant tells whether a node has the same value everywhere, and which.
func IsConstant(n Node) (plinth.Value, bool) {
	c, ok := n.(constant)
	return c.value, ok
}
