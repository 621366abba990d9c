package iam

import (
	"slices"
	"strconv"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/value"
)

const (
	maxDocument   = 1 << 20 // bytes of a policy's text; the provider's largest policies have 20 kB
	maxStatements = 10_000  // statements of one policy
	maxList       = 10_000  // actions, resources, principals, values of one statement
)

// Policy is a compiled policy document. It is immutable and safe for concurrent use.
type Policy struct {
	Name       string // as the caller calls it, for messages
	At         plinth.Location
	Statements []*Statement
	// Open are the root causes of statements that are not known at all: they may allow or deny anything, and no answer counts them.
	Open []string
}

// Statement is one statement of a policy.
type Statement struct {
	Policy *Policy
	Index  int // in the document, counted from 0
	Sid    string
	Allow  bool // else it denies
	At     plinth.Location

	actions     *actionSet // nil: there is none
	notAction   bool
	resources   []text // none at all in a trust policy
	notResource bool
	principals  []who
	notWho      bool
	named       bool // there is a Principal or NotPrincipal
	conditions  []*condition
	open        Formula // what must hold of a condition block that is not known, else always
}

// String names the statement: NAME[INDEX] or NAME[Sid].
func (s *Statement) String() string {
	if s.Sid != "" {
		return s.Policy.Name + "[" + s.Sid + "]"
	}
	return s.Policy.Name + "[" + strconv.Itoa(s.Index) + "]"
}

// Compiler turns documents into policies and keeps what they share. It is not for concurrent use; its policies are.
type Compiler struct {
	services *Services
	sets     map[string]*actionSet
	// Resolve, where it is set, gives an unknown text of a policy (the ARN of a resource that is not made yet) the text that it is
	// to be compared as. An ARN may hold stars for what is unknown of it.
	Resolve func(plinth.Value) (string, bool)
}

// NewCompiler returns a compiler for policies about these services.
func NewCompiler(services *Services) *Compiler {
	return &Compiler{services: services, sets: map[string]*actionSet{}}
}

// Services are the facts that the compiler uses.
func (c *Compiler) Services() *Services { return c.services }

// parser compiles one document.
type parser struct {
	*Compiler
	policy    *Policy
	variables bool
	problems  []plinth.Problem
}

// Compile reads a policy document: a map, the text of one, or a value that holds one. What is unknown in it stays unknown; an absent
// document is a policy without statements. Statements that the provider would refuse are problems and count for nothing.
func (c *Compiler) Compile(name string, doc plinth.Value) (*Policy, []plinth.Problem) {
	p := &parser{Compiler: c, policy: &Policy{Name: name}}
	if o := doc.Origin(); o != nil {
		p.policy.At = o.At
	}
	p.document(inside(doc), 0)
	slices.Sort(p.policy.Open)
	p.policy.Open = slices.Compact(p.policy.Open)
	return p.policy, p.problems
}

func (p *parser) problem(at plinth.Value, kind plinth.ProblemKind, text string) {
	where := p.policy.At
	if o := at.Origin(); o != nil {
		where = o.At
	}
	p.problems = append(p.problems, plinth.Problem{Kind: kind, At: where, Text: "policy " + p.policy.Name + ": " + text})
}

// inside returns the document that a text holds, else v.
func inside(v plinth.Value) plinth.Value {
	if k := v.Kind(); (k == plinth.String || k == plinth.Unknown) && !v.Partial() {
		if doc, ok := v.Document(); ok {
			return doc
		}
	}
	return v
}

// sure returns the part of an unknown list or map that is known, null where nothing is.
func sure(v plinth.Value) plinth.Value {
	if v.Partial() {
		doc, _ := v.Document()
		return doc
	}
	return plinth.Value{}
}

func (p *parser) document(doc plinth.Value, depth int) {
	switch doc.Kind() {
	case plinth.Null:
	case plinth.String:
		if strings.TrimSpace(doc.Str()) == "" {
			return
		}
		if len(doc.Str()) > maxDocument {
			p.problem(doc, plinth.Limit, "the document is longer than 1 MiB")
			return
		}
		parsed, err := value.ParseJSON(doc.Str())
		switch {
		case err != nil:
			p.problem(doc, plinth.Broken, "the document is no JSON: "+err.Error())
		case depth > 0:
			p.problem(doc, plinth.Broken, "the document is a text inside a text")
		default:
			p.document(parsed.WithOrigin(doc.Origin()), depth+1)
		}
	case plinth.Unknown:
		if known := sure(doc); known.Kind() == plinth.Map {
			p.document(known, depth)
		}
		p.policy.Open = append(p.policy.Open, doc.Why()...)
	case plinth.Map:
		version := entryOf(doc, "Version")
		p.variables = version.Str() == "2012-10-17" || version.IsUnknown()
		p.statements(entryOf(doc, "Statement"))
	default:
		p.problem(doc, plinth.Broken, "the document is a "+doc.Kind().String())
	}
}

// entryOf returns an entry of a map, whose keys the provider compares without case in old documents.
func entryOf(m plinth.Value, key string) plinth.Value {
	if v, ok := m.Get(key); ok {
		return inside(v)
	}
	for _, f := range m.Fields() {
		if strings.EqualFold(f.Key, key) {
			return inside(f.Value)
		}
	}
	return plinth.Value{}
}

// elements returns the elements of a list, or the value itself as the only one; open are the causes of what is not known.
func elements(v plinth.Value) (list []plinth.Value, open []string) {
	switch v.Kind() {
	case plinth.Null:
		return nil, nil
	case plinth.List:
		return v.List(), nil
	case plinth.Unknown:
		if known := sure(v); known.Kind() == plinth.List {
			return known.List(), v.Why()
		}
	}
	return []plinth.Value{v}, nil
}

func (p *parser) statements(v plinth.Value) {
	list, open := elements(v)
	p.policy.Open = append(p.policy.Open, open...)
	if len(list) > maxStatements {
		p.problem(v, plinth.Limit, "more than 10,000 statements; the first ones count")
		list = list[:maxStatements]
	}
	for i, s := range list {
		switch s = inside(s); s.Kind() {
		case plinth.Map:
			p.statement(i, s)
		case plinth.Unknown:
			p.policy.Open = append(p.policy.Open, s.Why()...)
		case plinth.Null:
		default:
			p.problem(s, plinth.Broken, "a statement is a "+s.Kind().String())
		}
	}
}

func (p *parser) statement(i int, v plinth.Value) {
	s := &Statement{Policy: p.policy, Index: i, Sid: entryOf(v, "Sid").Str(), At: p.policy.At, open: always}
	if o := v.Origin(); o != nil {
		s.At = o.At
	}
	effect := entryOf(v, "Effect")
	switch {
	case effect.IsUnknown():
		p.policy.Open = append(p.policy.Open, effect.Why()...)
		return
	case effect.Str() == "Allow":
		s.Allow = true
	case effect.Str() != "Deny":
		p.problem(v, plinth.Broken, "a statement has no Effect Allow or Deny")
		return
	}
	if !p.actions(s, v) || !p.resources(s, v) || !p.principals(s, v) || !p.conditions(s, entryOf(v, "Condition")) {
		return
	}
	p.policy.Statements = append(p.policy.Statements, s)
}

// texts returns the texts of a list and the causes of those that are not known.
func (p *parser) texts(v plinth.Value) (list []plinth.Value, holes []string) {
	all, open := elements(v)
	if len(all) > maxList {
		p.problem(v, plinth.Limit, "more than 10,000 entries; the first ones count")
		all = all[:maxList]
	}
	for _, e := range all {
		if e.IsUnknown() {
			if s, ok := p.resolved(e); ok {
				list = append(list, plinth.StringOf(s).WithOrigin(e.Origin()))
			} else if nested := sure(e); nested.Kind() == plinth.List {
				open = append(open, e.Why()...)
				list = append(list, nested.List()...)
			} else {
				open = append(open, causes(e)...)
			}
			continue
		}
		list = append(list, e)
	}
	return list, open
}

func (p *parser) resolved(v plinth.Value) (string, bool) {
	if p.Resolve == nil {
		return "", false
	}
	return p.Resolve(v)
}

func causes(v plinth.Value) []string {
	if why := v.Why(); len(why) > 0 {
		return why
	}
	return []string{"a value that is not known"}
}

func (p *parser) actions(s *Statement, v plinth.Value) bool {
	of := entryOf(v, "Action")
	if of.IsNull() {
		of, s.notAction = entryOf(v, "NotAction"), true
	}
	if of.IsNull() {
		p.problem(v, plinth.Broken, "a statement has no Action and no NotAction")
		return false
	}
	list, holes := p.texts(of)
	patterns := make([]string, 0, len(list))
	for _, e := range list {
		if e.Kind() == plinth.String {
			patterns = append(patterns, e.Str())
		}
	}
	s.actions = p.actionSet(patterns, holes)
	return true
}

func (p *parser) resources(s *Statement, v plinth.Value) bool {
	of := entryOf(v, "Resource")
	if of.IsNull() {
		of = entryOf(v, "NotResource")
		s.notResource = !of.IsNull()
	}
	list, holes := p.texts(of)
	for _, e := range list {
		if e.Kind() == plinth.String {
			s.resources = append(s.resources, textOf(e.Str(), p.variables, true))
		}
	}
	if len(holes) > 0 {
		s.resources = append(s.resources, unknownText(holes))
	}
	if len(s.resources) == 0 && !of.IsNull() {
		p.problem(v, plinth.Broken, "a statement's Resource names nothing")
		return false
	}
	return true
}

func (p *parser) principals(s *Statement, v plinth.Value) bool {
	of := entryOf(v, "Principal")
	if of.IsNull() {
		of = entryOf(v, "NotPrincipal")
		s.notWho = !of.IsNull()
	}
	s.named = !of.IsNull()
	add := func(kind string, v plinth.Value) {
		list, holes := p.texts(v)
		for _, e := range list {
			if e.Kind() == plinth.String {
				s.principals = append(s.principals, whoOf(kind, e.Str()))
			}
			if e.Kind() == plinth.Number { // an account without quotes
				s.principals = append(s.principals, whoOf(kind, strings.Repeat("0", max(0, 12-len(plinth.FormatNumber(e.Num()))))+plinth.FormatNumber(e.Num())))
			}
		}
		if len(holes) > 0 {
			s.principals = append(s.principals, who{kind: whoUnknown, open: If(Because(holes...))})
		}
	}
	known := of
	if of.IsUnknown() && sure(of).Kind() == plinth.Map {
		known = sure(of)
		s.principals = append(s.principals, who{kind: whoUnknown, open: If(Because(causes(of)...))})
	}
	if known.Kind() != plinth.Map {
		add("", known)
		return true
	}
	for _, f := range known.Fields() {
		add(f.Key, inside(f.Value))
	}
	return true
}

// conditions reads the condition block. What cannot be read stays open, so that it neither allows nor denies for certain.
func (p *parser) conditions(s *Statement, block plinth.Value) bool {
	if block.IsUnknown() {
		s.open = If(Because(causes(block)...))
		block = sure(block)
	}
	if k := block.Kind(); k != plinth.Map && k != plinth.Null {
		p.problem(block, plinth.Broken, "a Condition is a "+k.String())
		return false
	}
	for _, op := range block.Fields() {
		keys := inside(op.Value)
		if keys.IsUnknown() && len(keys.Open()) == 0 {
			s.open = s.open.And(If(Because(causes(keys)...)))
		}
		for _, f := range entries(keys) {
			c, ok := newCondition(op.Key, f.Key, p.values(inside(f.Value)), p.variables)
			if !ok {
				p.problem(op.Value, plinth.Unsupported, "there is no condition operator "+strconv.Quote(op.Key))
				s.open = s.open.And(If(Because("condition operator " + op.Key)))
				continue
			}
			s.conditions = append(s.conditions, c)
		}
	}
	return true
}

// entries returns the entries of a map that may be unknown; an unknown key stands for itself by its root causes in braces:
// {aws_eks_cluster.main.identity}:sub.
func entries(of plinth.Value) []plinth.Field {
	open := of.Open()
	if of.IsUnknown() {
		of = sure(of)
	}
	fields := of.Fields()
	if len(open) == 0 {
		return fields
	}
	fields = slices.Clone(fields)
	for _, f := range open {
		head, tail := f.Key.Ends()
		fields = append(fields, plinth.Field{Key: head + "{" + strings.Join(f.Key.Why(), ", ") + "}" + tail, Value: f.Value})
	}
	return fields
}

func (p *parser) values(v plinth.Value) []text {
	list, holes := p.texts(v)
	var out []text
	for _, e := range list {
		switch e.Kind() {
		case plinth.String:
			out = append(out, text{shown: e.Str()})
		case plinth.Bool:
			out = append(out, text{shown: strconv.FormatBool(e.Bool())})
		case plinth.Number:
			out = append(out, text{shown: plinth.FormatNumber(e.Num())})
		}
	}
	if len(holes) > 0 {
		out = append(out, unknownText(holes))
	}
	return out
}
