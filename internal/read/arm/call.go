package arm

import (
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/value"
)

// call evaluates a function call. Functions that look at the template or decide which of their arguments count are here; the
// others get evaluated arguments.
func (s *scope) call(n *node, written plinth.Value) plinth.Value {
	name := strings.ToLower(n.name)
	if f, ok := s.template.functions[name]; ok {
		return s.user(f, n, written)
	}
	switch name {
	case "if":
		if len(n.args) == 3 {
			return s.choice(n, written)
		}
	case "and", "or":
		return s.logic(n, name == "or", written)
	case "lambda":
		s.template.problem(plinth.Broken, written, "lambda stands outside filter, map, reduce, sort and toObject")
		return plinth.UnknownOf(n.text)
	case "filter", "map", "reduce", "toobject", "sort":
		return s.lambda(name, n, written)
	}
	args := make([]plinth.Value, len(n.args))
	secret := false
	for i, a := range n.args {
		args[i] = s.node(a, written)
		secret = secret || args[i].Sensitive()
	}
	out, ok := s.scoped(name, n, args, written)
	if !ok {
		out, ok = plain(name, n, args)
	}
	if !ok {
		out = value.Open(n.text, args...)
		if !allKnown(args) {
			return out
		}
		s.template.problem(kindOf(name), written, "%s cannot be evaluated", n.text)
		return plinth.UnknownOf(n.text).WithSensitive(secret)
	}
	if secret && out.Kind() != plinth.Bool && !out.IsNull() {
		out = out.WithSensitive(true)
	}
	return out
}

func allKnown(args []plinth.Value) bool {
	for _, a := range args {
		if !value.Known(a) {
			return false
		}
	}
	return true
}

// kindOf tells a function that is used wrongly from one that nobody here knows.
func kindOf(name string) plinth.ProblemKind {
	if known(name) {
		return plinth.Broken
	}
	return plinth.Unsupported
}

func known(name string) bool {
	switch name {
	case "parameters", "variables", "copyindex", "lambdavariables", "resourceid", "reference", "array", "concat", "contains", "createarray",
		"createobject", "empty", "first", "last", "intersection", "union", "length", "max", "min", "range", "skip", "take", "indexof", "lastindexof",
		"items", "objectkeys", "shallowmerge", "flatten", "tryget", "base64", "base64tojson", "base64tostring", "datauri", "datauritostring", "endswith",
		"startswith", "format", "join", "json", "padleft", "replace", "split", "string", "substring", "tolower", "toupper", "trim", "uri",
		"uricomponent", "uricomponenttostring", "add", "sub", "mul", "div", "mod", "int", "float", "not", "bool", "true", "false", "equals", "greater",
		"greaterorequals", "less", "lessorequals", "coalesce", "null", "if", "and", "or":
		return true
	}
	return false
}

func (s *scope) choice(n *node, written plinth.Value) plinth.Value {
	c := s.node(n.args[0], written)
	switch truth(c) {
	case value.True:
		return s.node(n.args[1], written)
	case value.False:
		return s.node(n.args[2], written)
	}
	return value.Either(s.node(n.args[1], written), s.node(n.args[2], written), value.Open(n.text, c).Why())
}

func (s *scope) logic(n *node, deciding bool, written plinth.Value) plinth.Value {
	var open []plinth.Value
	for _, a := range n.args {
		v := s.node(a, written)
		switch truth(v) {
		case value.TruthOf(deciding):
			return plinth.BoolOf(deciding)
		case value.Undecided:
			open = append(open, v)
		}
	}
	if len(open) > 0 {
		return value.Open(n.text, open...)
	}
	return plinth.BoolOf(!deciding)
}

// user calls a function of the template's own: its output sees its parameters only.
func (s *scope) user(f plinth.Value, n *node, written plinth.Value) plinth.Value {
	output, _ := get(f, "output")
	body, ok := get(output, "value")
	parameters, _ := get(f, "parameters")
	if !ok || parameters.Len() != len(n.args) || s.calls >= maxDepth {
		s.template.problem(plinth.Broken, written, "%s cannot be called", n.text)
		return plinth.UnknownOf(n.text)
	}
	inner := *s
	inner.locals, inner.own, inner.calls = map[string]plinth.Value{}, true, s.calls+1
	for i, p := range parameters.List() {
		name, _ := get(p, "name")
		inner.locals[strings.ToLower(name.Str())] = s.node(n.args[i], written)
	}
	return inner.eval(body)
}

// lambda evaluates the functions that take a lambda.
func (s *scope) lambda(name string, n *node, written plinth.Value) plinth.Value {
	if len(n.args) < 2 {
		s.template.problem(plinth.Broken, written, "%s needs a list and a lambda", n.name)
		return plinth.UnknownOf(n.text)
	}
	list := s.node(n.args[0], written)
	if list.Kind() != plinth.List || name == "sort" || name == "reduce" {
		return value.Open(n.text, list) // no value of a rule depends on an order or a fold so far
	}
	var out []plinth.Value
	var fields []plinth.Field
	for i, e := range list.List() {
		v, ok := s.apply(n.args[1], written, e, plinth.NumberOf(float64(i)))
		if !ok {
			s.template.problem(plinth.Broken, written, "%s needs a lambda", n.name)
			return plinth.UnknownOf(n.text)
		}
		switch name {
		case "map":
			out = append(out, v)
		case "filter":
			switch truth(v) {
			case value.True:
				out = append(out, e)
			case value.Undecided:
				return value.Open(n.text, v)
			}
		case "toobject":
			if v.Kind() != plinth.String {
				return value.Open(n.text, v)
			}
			entry := e
			if len(n.args) == 3 {
				entry, _ = s.apply(n.args[2], written, e)
			}
			fields = append(fields, plinth.Field{Key: v.Str(), Value: entry})
		}
	}
	if name == "toobject" {
		return plinth.MapOf(fields)
	}
	return plinth.ListOf(out)
}

// apply calls lambda('x', 'i', body) with the arguments that it has names for.
func (s *scope) apply(l *node, written plinth.Value, args ...plinth.Value) (plinth.Value, bool) {
	if l.kind != call || !strings.EqualFold(l.name, "lambda") || len(l.args) == 0 || s.calls >= maxDepth {
		return plinth.Value{}, false
	}
	inner := *s
	inner.calls++
	inner.locals = map[string]plinth.Value{}
	for k, v := range s.locals {
		inner.locals[k] = v
	}
	for i, name := range l.args[:len(l.args)-1] {
		if i < len(args) {
			inner.locals[strings.ToLower(name.value.Str())] = args[i]
		}
	}
	return inner.node(l.args[len(l.args)-1], written), true
}

// scoped evaluates the functions that look at the template, its loops or the deployment.
func (s *scope) scoped(name string, n *node, args []plinth.Value, written plinth.Value) (plinth.Value, bool) {
	switch name {
	case "parameters", "variables":
		if len(args) == 1 && args[0].Kind() == plinth.String {
			return s.declared(name, args[0].Str(), written), true
		}
	case "lambdavariables":
		if len(args) == 1 {
			v, ok := s.locals[strings.ToLower(args[0].Str())]
			return v, ok
		}
	case "copyindex":
		return s.copyIndex(n, args)
	case "resourceid", "subscriptionresourceid", "tenantresourceid", "extensionresourceid", "managementgroupresourceid":
		return identifier(n, args), true
	case "reference", "references", "resourceinfo":
		return referred(n, args), true
	case "resourcegroup", "subscription", "tenant", "managementgroup", "deployment", "environment", "deployer", "uniquestring", "guid", "newguid",
		"utcnow", "datetimeadd", "datetimetoepoch", "datetimefromepoch", "pickzones", "providers", "tologicalzone", "tophysicalzone",
		"getsecret", "externalinput":
		return plinth.UnknownOf(n.text).WithSensitive(name == "getsecret"), true
	}
	if strings.HasPrefix(name, "list") {
		return referred(n, args).WithSensitive(true), true
	}
	return plinth.Value{}, false
}

// declared is parameters('name') and variables('name').
func (s *scope) declared(what, name string, written plinth.Value) plinth.Value {
	if s.own && what == "parameters" {
		if v, ok := s.locals[strings.ToLower(name)]; ok {
			return v
		}
	}
	terms := s.template.parameters
	if what == "variables" {
		terms = s.template.variables
	}
	if v, ok := s.template.get(terms, what, name); ok {
		return v
	}
	return plinth.UnknownOf(what + "('" + name + "')")
}

// copyIndex is copyIndex([loop], [offset]).
func (s *scope) copyIndex(n *node, args []plinth.Value) (plinth.Value, bool) {
	loop, offset := "", 0.0
	for _, a := range args {
		if a.Kind() == plinth.Number {
			offset = a.Num()
		} else {
			loop = strings.ToLower(a.Str())
		}
	}
	i, ok := s.copies[loop]
	switch {
	case !ok:
		return plinth.UnknownOf(n.text), true
	case i.IsUnknown():
		return i, true
	}
	return plinth.NumberOf(i.Num() + offset), true
}

// identifier is the id of a resource: unknown, since it holds the subscription, but a reference to the resource that it names:
// resourceId([scopes …], type, name …). A name that is not known counts as its expression, as it does in an address.
func identifier(n *node, args []plinth.Value) plinth.Value {
	out := plinth.UnknownOf(n.text)
	for i, a := range args {
		if a.Kind() != plinth.String || !strings.Contains(a.Str(), "/") || !strings.Contains(a.Str(), ".") {
			continue
		}
		var names []string
		for k, name := range args[i+1:] {
			text := name.Str()
			if name.Kind() != plinth.String || name.Sensitive() {
				text = "[" + n.args[i+1+k].text + "]"
				out = plinth.UnknownOf(append(out.Why(), name.Why()...)...)
			}
			names = append(names, text)
		}
		if len(names) > 0 {
			out = out.WithRefs(plinth.Ref{To: full(a.Str(), strings.Join(names, "/"))})
		}
		break
	}
	return out
}

// full names a resource by its type and address; Azure compares both without case.
func full(typ, address string) string { return strings.ToLower(typ + "@" + address) }

// mentioned returns the reference in a text that names a resource: Microsoft.Sql/servers/NAME/databases/NAME.
func mentioned(v plinth.Value) plinth.Value {
	parts := strings.Split(v.Str(), "/")
	if v.Kind() != plinth.String || len(parts) < 3 || len(parts)%2 == 0 || !strings.Contains(parts[0], ".") {
		return v
	}
	typ, names := parts[0], []string{}
	for i := 1; i < len(parts); i += 2 {
		typ += "/" + parts[i]
		names = append(names, parts[i+1])
	}
	return v.WithRefs(plinth.Ref{To: full(typ, strings.Join(names, "/"))})
}

// referred is what reference(id or name) and list*(id) give.
func referred(n *node, args []plinth.Value) plinth.Value {
	out := plinth.UnknownOf(n.text)
	if len(args) == 0 {
		return out
	}
	if args[0].Kind() == plinth.String && args[0].Str() != "" {
		return out.WithRefs(plinth.Ref{To: args[0].Str()})
	}
	return out.WithRefs(args[0].Refs()...)
}
