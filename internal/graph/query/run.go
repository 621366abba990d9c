package query

import (
	"context"
	"slices"

	"github.com/plinthsec/plinth/internal/graph"
)

// executor runs a query. After a fault, err is set and everything stops.
type executor struct {
	ctx  context.Context
	text string
	m    *graph.Map
	work int // nodes and relations that may still be looked at
	held int // rows and elements that are held
	err  error
}

func (x *executor) fail(pos int, format string, args ...any) {
	if x.err == nil {
		x.err = errorAt(x.text, pos, format, args...)
	}
}

// spend counts work and tells whether to stop.
func (x *executor) spend(n int) bool {
	before := x.work
	if x.work -= n; x.work < 0 {
		x.fail(0, "the query looks at more than %d nodes and relations: name a type or an id, or an upper bound after *", maxWork)
	}
	if x.err == nil && before>>12 != x.work>>12 { // now and then
		x.err = x.ctx.Err()
	}
	return x.err != nil
}

// spendOn counts the work of writing values out.
func (x *executor) spendOn(values []Value) bool {
	n := 0
	for _, v := range values {
		n += v.weight()
	}
	return x.spend(n)
}

// hold counts what is kept in memory and tells whether to stop.
func (x *executor) hold(pos int) bool {
	if x.held++; x.held > maxHeld {
		x.fail(pos, "the query holds more than %d rows or elements: narrow it with WHERE", maxHeld)
	}
	return x.err != nil
}

// made returns a list or map that the query made, unless it is too large.
func (x *executor) made(v Value) Value {
	for _, e := range v.more.list {
		v.more.size += e.weight()
	}
	if v.more.size > maxHeld {
		x.fail(0, "the query makes a list or map of more than %d elements", maxHeld)
		return Value{}
	}
	return v
}

func (x *executor) concat(a, b []Value) Value {
	if x.spend(len(a) + len(b)) {
		return Value{}
	}
	return x.made(listValue(slices.Concat(a, b)))
}

// stage takes rows. push tells whether it wants more; done is told when there are none, unless the run failed. A row is valid
// only during push.
type stage interface {
	push(row []Value) bool
	done()
}

// run sends one empty row through all clauses.
func (x *executor) run(s *single, last *sink) {
	last.x = x
	var to stage = last
	first := newScope()
	for _, c := range slices.Backward(s.clauses) {
		switch c := c.(type) {
		case *match:
			to = &matchStage{x, c, to}
			first = c.scope
		case *unwind:
			to = &unwindStage{x, c, to}
		case *project:
			to = newProjectStage(x, c, to)
			first = c.in
		}
	}
	to.push(make([]Value, first.n))
	if x.err == nil {
		to.done()
	}
}

// sink is the result.
type sink struct {
	x      *executor
	result *Result
	seen   map[string]bool // rows that are there, for UNION; nil where doubles stay
}

func (s *sink) push(row []Value) bool {
	if s.x.spendOn(row[:len(s.result.Columns)]) {
		return false
	}
	if s.seen != nil {
		k := keyOf(row[:len(s.result.Columns)])
		if s.seen[k] {
			return true
		}
		s.seen[k] = true
	}
	if len(s.result.Rows) == maxRows {
		s.result.Cut = true
		return false
	}
	s.result.Rows = append(s.result.Rows, slices.Clone(row[:len(s.result.Columns)]))
	return true
}

func (s *sink) done() {}

type matchStage struct {
	x  *executor
	m  *match
	to stage
}

func (s *matchStage) push(row []Value) bool {
	found, more := false, true
	s.x.match(s.m, row, func() bool {
		found = true
		more = s.to.push(row)
		return more && s.x.err == nil
	})
	if !found && s.m.optional && s.x.err == nil {
		for _, slot := range s.m.fresh {
			row[slot] = Value{}
		}
		more = s.to.push(row)
	}
	return more && s.x.err == nil
}

func (s *matchStage) done() { s.to.done() }

type unwindStage struct {
	x  *executor
	u  *unwind
	to stage
}

func (s *unwindStage) push(row []Value) bool {
	v := s.u.list.eval(&env{x: s.x, row: row})
	list := v.list()
	if v.kind != kList && v.kind != kNull {
		list = []Value{v}
	}
	for _, e := range list {
		if s.x.spend(1) {
			return false
		}
		row[s.u.slot] = e
		if !s.to.push(row) {
			return false
		}
	}
	return s.x.err == nil
}

func (s *unwindStage) done() { s.to.done() }

// projectStage makes new rows of old ones.
type projectStage struct {
	x           *executor
	p           *project
	to          stage
	seen        map[string]bool
	groups      map[string]*group
	order       []*group // in the order of their first rows
	rows        []sorted
	skip, limit int // limit -1: none
	row         []Value
}

type group struct {
	row  []Value
	sums []*sum
}

type sorted struct{ row, keys []Value }

func newProjectStage(x *executor, p *project, to stage) *projectStage {
	s := &projectStage{x: x, p: p, to: to, limit: -1, row: make([]Value, p.out.n)}
	whole := func(e expr, what string) (int, bool) {
		if e == nil {
			return 0, false
		}
		v := e.eval(&env{x: x, row: make([]Value, maxSlots)})
		if v.kind != kNumber || !v.whole || v.num < 0 {
			x.fail(p.pos, "%s takes a whole number that is not negative", what)
			return 0, false
		}
		return int(min(v.num, 1e15)), true
	}
	s.skip, _ = whole(p.skip, "SKIP")
	if n, ok := whole(p.limit, "LIMIT"); ok {
		s.limit = n
	}
	if p.distinct {
		s.seen = map[string]bool{}
	}
	if len(p.aggregates) > 0 {
		s.groups = map[string]*group{}
	}
	return s
}

func (s *projectStage) push(row []Value) bool {
	if s.x.spend(1) {
		return false
	}
	e := &env{x: s.x, row: row}
	if s.groups != nil {
		return s.gather(e)
	}
	return s.emit(e)
}

// gather adds a row to its group.
func (s *projectStage) gather(e *env) bool {
	var key []Value
	for _, i := range s.p.items {
		if i.constant {
			key = append(key, i.expr.eval(e))
		}
	}
	if s.x.spendOn(key) {
		return false
	}
	k := keyOf(key)
	g := s.groups[k]
	if g == nil {
		if s.x.hold(0) {
			return false
		}
		g = s.newGroup(e.row)
		s.groups[k] = g
	}
	for _, sum := range g.sums {
		sum.add(e)
	}
	return s.x.err == nil
}

func (s *projectStage) newGroup(row []Value) *group {
	g := &group{row: slices.Clone(row)}
	for _, a := range s.p.aggregates {
		g.sums = append(g.sums, newSum(a))
	}
	s.order = append(s.order, g)
	return g
}

// emit makes the new row of an old one or of a group, and sends it on or keeps it for sorting.
func (s *projectStage) emit(e *env) bool {
	for i, it := range s.p.items {
		s.row[i] = it.expr.eval(e)
	}
	clear(s.row[len(s.p.items):])
	if s.x.err != nil || s.x.spendOn(s.row[:len(s.p.items)]) {
		return false
	}
	if s.seen != nil {
		k := keyOf(s.row[:len(s.p.items)])
		if s.seen[k] {
			return true
		}
		if s.x.hold(0) {
			return false
		}
		s.seen[k] = true
	}
	if len(s.p.order) == 0 {
		return s.send(s.row)
	}
	if s.x.hold(0) {
		return false
	}
	wide := make([]Value, s.p.sorted.n)
	copy(wide, s.row[:len(s.p.items)])
	copy(wide[len(s.p.items):], e.row)
	keys := make([]Value, len(s.p.order))
	for i, k := range s.p.order {
		keys[i] = k.expr.eval(&env{x: s.x, row: wide})
	}
	s.rows = append(s.rows, sorted{slices.Clone(s.row), keys})
	return s.x.err == nil
}

// send passes a row on, past SKIP, LIMIT and WHERE.
func (s *projectStage) send(row []Value) bool {
	if s.skip > 0 {
		s.skip--
		return true
	}
	if s.limit == 0 {
		return false
	}
	s.limit = max(s.limit-1, -1)
	if s.p.where != nil && !holds(s.p.where.eval(&env{x: s.x, row: row})) {
		return s.x.err == nil && s.limit != 0
	}
	return s.to.push(row) && s.x.err == nil && s.limit != 0
}

func (s *projectStage) done() {
	if s.groups != nil {
		if len(s.order) == 0 && !slices.ContainsFunc(s.p.items, func(i item) bool { return i.constant }) {
			s.newGroup(make([]Value, s.p.in.n)) // count(*) of nothing is 0
		}
		for _, g := range s.order {
			sums := make([]Value, len(g.sums))
			for i, sum := range g.sums {
				sums[i] = sum.value(s.x)
			}
			if !s.emit(&env{x: s.x, row: g.row, sums: sums}) {
				break
			}
		}
	}
	sortRows(s.rows, s.p.order)
	for _, r := range s.rows {
		if s.x.err != nil || !s.send(r.row) {
			break
		}
	}
	if s.x.err == nil {
		s.to.done()
	}
}
