// Package policy runs CEL expressions on plinth values: three-valued, with the reasons of every answer that stays open.
//
// The text is parsed by cel-go; names, arities and the shape of macros are checked here, and the tree is compiled to closures
// over plinth.Value. Truth is Kleene's: an unknown operand matters only while it could still decide. Beside CEL
// (github.com/google/cel-spec), five things are decided here:
//
//   - All numbers are of one kind, binary64. "/" and "%" of two whole numbers are whole, as for CEL's int, unless one side is
//     written as a double (2.0, double(x)).
//   - null is absence: has() is false and .? is empty for a null property; a plain selection gives the null.
//   - has(a.b.c) asks for the whole path; a missing a.b makes it false, not an error.
//   - A string that holds a document (plinth.Value.Document) is selected into.
//   - A condition that is unknown chooses both sides of "?:"; what they agree on is the answer.
//
// Time, bytes and messages of CEL are left out. An Env is safe for concurrent use, and so is a Program; a Scope is not.
package policy

import (
	"fmt"
	"strings"

	"cel.dev/cel-go/common"
	"cel.dev/cel-go/parser"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/value"
)

const (
	maxSource   = 20_000    // code points of an expression: the longest of ours has 400
	maxNesting  = 100       // of an expression; the parser and the compiler recurse
	maxReasons  = 20        // of one answer: more help nobody
	maxText     = 1 << 20   // bytes of a string or list elements that an expression may build
	maxSteps    = 5_000_000 // elements that the macros of one answer visit: nested ones multiply
	chargeFrom  = 32        // bytes or elements of a result that cost one step
	maxPattern  = 2_000     // bytes of a regular expression
	maxDocument = 1 << 20   // bytes of JSON text that statements() parses
)

// Env is what an expression may name: variables by their index, and the functions of the library.
type Env struct {
	names []string
	funcs map[string]*function
	parse *parser.Parser
}

// NewEnv returns the environment with these variables; Scope.Vars holds their values in the same order.
func NewEnv(names ...string) *Env {
	p, err := parser.NewParser(parser.EnablePrattParser(true), parser.EnableOptionalSyntax(true),
		parser.MaxRecursionDepth(maxNesting), parser.ExpressionSizeCodePointLimit(maxSource))
	if err != nil { // the options are constants
		panic(err)
	}
	return &Env{names: names, funcs: library(), parse: p}
}

// Index returns the index of a variable, -1 where there is none of that name.
func (e *Env) Index(name string) int {
	for i, n := range e.names {
		if n == name {
			return i
		}
	}
	return -1
}

// Error is a fault of an expression: when it is compiled, or when it is run on a value that it does not fit.
type Error struct {
	Line, Col int // from 1, in the text of the expression; columns in code points
	Text      string
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return e.Text
	}
	return fmt.Sprintf("%d:%d: %s", e.Line, e.Col, e.Text)
}

// Path is a property that an expression reads.
type Path struct {
	Root      string   // the variable that it starts at; "" for a property of another resource
	Type      string   // the type of that other resource
	Steps     []string // names; "[]" for any element of a list
	Line, Col int      // in the text of the expression
}

func (p Path) String() string {
	return strings.ReplaceAll(strings.Join(p.Steps, "."), ".[]", "[]")
}

// Program is a compiled expression.
type Program struct {
	run    code
	locals int
	paths  []Path
	types  []string
	vars   []bool
	always bool
}

// Compile parses and checks an expression. The error is an *Error.
func Compile(src string, env *Env) (*Program, error) {
	source := common.NewTextSource(src)
	tree, faults := env.parse.Parse(source)
	if list := faults.GetErrors(); len(list) > 0 {
		first := list[0]
		text, _, _ := strings.Cut(first.Message, "\n")
		text = strings.TrimPrefix(text, "Syntax error: ")
		return nil, &Error{Line: max(first.Location.Line(), 1), Col: max(first.Location.Column(), 0) + 1, Text: text}
	}
	c := &compiler{env: env, info: tree.SourceInfo(), used: make([]bool, len(env.names))}
	n := c.compile(tree.Expr())
	if c.fault == nil && n.optional {
		c.fail(tree.Expr(), "the answer is optional; end it with .orValue(…)")
	}
	if c.fault != nil {
		return nil, c.fault
	}
	always := n.constant != nil && n.constant.Bool()
	return &Program{always: always, run: n.run, locals: c.maxLocals, paths: c.reads(), types: c.types, vars: c.used}, nil
}

// Paths returns the properties that the expression reads, in the order of the text, the longest path of each place.
func (p *Program) Paths() []Path { return p.paths }

// Types returns the types of other resources that the expression asks for, in the order of the text.
func (p *Program) Types() []string { return p.types }

// Always tells that the expression is the literal true: nothing that it is asked of can be right.
func (p *Program) Always() bool { return p.always }

// Uses tells whether the expression mentions the variable with this index.
func (p *Program) Uses(i int) bool { return i >= 0 && i < len(p.vars) && p.vars[i] }

// Direction says which way relations are followed.
type Direction uint8

// The directions: from the one that names to the one that is named, back, or both.
const (
	Refers Direction = 1 << iota
	Referred
	Related = Refers | Referred
)

// World is what an expression sees beside its variables.
type World interface {
	// Linked returns the properties of the resources of a type that are joined to the resource whose properties are from.
	Linked(from plinth.Value, typ string, d Direction) []plinth.Value
	// All returns the properties of all resources of a type in the same project.
	All(typ string) []plinth.Value
}

// Scope is what one evaluation sees. It may be used again by the same goroutine.
type Scope struct {
	Vars   []plinth.Value // by index in the Env
	World  World          // nil: there is nothing else
	locals []val
	steps  int
	held   []plinth.Value
}

// Held returns the maps with a place in the source for which an exists() of the last answer held, the innermost first: what the
// answer is true because of. It is valid until the next answer.
func (sc *Scope) Held() []plinth.Value { return sc.held }

// Result is the answer of an expression that asks.
type Result struct {
	Truth value.Truth
	Why   []string // root causes where Truth is Undecided
	Err   *Error   // the expression does not fit the values; Truth says nothing
}

// Eval runs the expression for a truth value.
func (p *Program) Eval(sc *Scope) Result {
	v := p.eval(sc)
	switch {
	case v.st != nil:
		return Result{Err: v.st.fault()}
	case v.Kind() == plinth.Bool:
		return Result{Truth: value.TruthOf(v.Bool())}
	case v.IsUnknown():
		return Result{Truth: value.Undecided, Why: limited(v.Why())}
	}
	return Result{Err: &Error{Text: "the answer is a " + v.Kind().String() + ", not a bool"}}
}

// Value runs the expression for its value. Absence (an empty optional) is null.
func (p *Program) Value(sc *Scope) (plinth.Value, *Error) {
	v := p.eval(sc)
	if v.st != nil && v.st.kind == failed {
		return plinth.Value{}, v.st.fault()
	}
	return v.Value, nil
}

func (p *Program) eval(sc *Scope) val {
	if len(sc.locals) < p.locals {
		sc.locals = make([]val, p.locals)
	}
	sc.steps, sc.held = 0, sc.held[:0]
	return p.run(sc)
}

func limited(why []string) []string {
	if len(why) > maxReasons {
		return why[:maxReasons]
	}
	return why
}
