// Package query asks a security graph in the reading part of openCypher (openCypher 9): MATCH, OPTIONAL MATCH, WHERE, WITH, UNWIND,
// RETURN, ORDER BY, SKIP, LIMIT and UNION.
//
// docs/graph.md says what nodes and relations are called here. What is unknown or sensitive in a resource is null.
package query

import (
	"context"

	"github.com/plinthsec/plinth/internal/graph"
)

// Limits of one query. They keep a query from taking the machine; a query that meets one is told so.
const (
	maxText  = 64 << 10   // bytes: the longest published queries have a tenth of that
	maxDepth = 100        // of nested expressions
	maxSlots = 500        // variables, unnamed nodes and relations included
	maxHops  = 30         // of a * without an upper bound
	maxWork  = 20_000_000 // relations and nodes looked at: some seconds
	maxRows  = 100_000    // rows of a result
	maxHeld  = 1_000_000  // rows, list elements or groups held for sorting, collecting and counting
	maxRegex = 1000       // bytes of a pattern of =~
	maxName  = 4000       // bytes of a name that is looked up; longer ones are compared one by one
)

// Query is a query that was read. It is immutable and safe for concurrent use.
type Query struct {
	text  string
	parts []*single // joined by UNION
	all   bool      // UNION ALL
}

// single is a query without UNION.
type single struct {
	clauses []clause
	columns []string
}

// clause is a *match, an *unwind or a *project.
type clause any

type match struct {
	optional bool
	patterns []*pattern
	where    []condition
	fresh    []int // slots that it fills
	scope    *scope
}

// condition is one of the terms that AND joins, with the slots that it reads.
type condition struct {
	expr expr
	refs []int
}

type unwind struct {
	list expr
	slot int
}

type project struct {
	distinct    bool
	items       []item
	aggregates  []*aggregate
	order       []sortKey
	skip, limit expr
	pos         int // of SKIP or LIMIT
	where       expr
	in, out     *scope
	sorted      *scope // what order sees: the new names, then the old ones
}

type item struct {
	expr     expr
	name     string
	text     string // as it is written
	constant bool   // has no aggregate in it
}

type sortKey struct {
	expr expr
	desc bool
}

// pattern is a chain of nodes and relations.
type pattern struct {
	slot     int // of the path, -1 where it has no name
	nodes    []*nodePattern
	rels     []*relPattern
	shortest bool
	pos      int
}

type nodePattern struct {
	slot   int
	labels [][]string // one of each
	props  []property
}

type direction uint8

const (
	outward direction = iota
	inward
	either
)

type relPattern struct {
	slot     int
	kinds    []string
	props    []property
	dir      direction
	many     bool // *: the slot holds a list
	wanted   bool // the relation or its path has a name
	min, max int
}

// property is name: value in braces.
type property struct {
	name  string
	value expr
	refs  []int
}

// scope says in which slot of a row each variable is.
type scope struct {
	names map[string]int
	n     int
}

func newScope() *scope { return &scope{names: map[string]int{}} }

// Result is a table.
type Result struct {
	Columns []string
	Rows    [][]Value
	Cut     bool // there are more rows than a result holds
}

// Run asks a graph. The error is an *Error, or that of ctx.
func (q *Query) Run(ctx context.Context, m *graph.Map) (*Result, error) {
	x := &executor{ctx: ctx, text: q.text, m: m, work: maxWork}
	r := &Result{Columns: q.parts[0].columns}
	seen := map[string]bool{}
	for _, s := range q.parts {
		last := &sink{result: r}
		if len(q.parts) > 1 && !q.all {
			last.seen = seen
		}
		x.run(s, last)
		if x.err != nil {
			return nil, x.err
		}
	}
	return r, nil
}
