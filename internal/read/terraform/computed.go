package terraform

import (
	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/read/terraform/function"
)

// computed returns an attribute that follows from the arguments alone, for the few types that only compute.
func (one *resourceInstance) computed(n string) (plinth.Value, bool) {
	data := one.of.name.mode == "data"
	switch typ := one.of.name.typ; {
	case data && typ == "aws_iam_policy_document" && (n == "json" || n == "minified_json"):
		return one.derived(n, func() plinth.Value { return policyText(one.arguments()) }), true
	case data && typ == "aws_partition":
		return partition(n)
	case data && typ == "template_file" && n == "rendered":
		return one.derived(n, one.rendered), true
	case data && (typ == "local_file" || typ == "local_sensitive_file") && n == "content":
		return one.derived(n, one.content), true
	case data && typ == "null_data_source" && n == "outputs":
		return one.set("inputs")
	case !data && typ == "terraform_data" && n == "output":
		return one.set("input")
	}
	return plinth.Value{}, false
}

// derived evaluates a computed attribute once.
func (one *resourceInstance) derived(n string, run func() plinth.Value) plinth.Value {
	return one.evaluate(n, one.of.block.header, func() plinth.Value {
		v := run()
		if v.Origin() == nil {
			v = v.WithOrigin(&plinth.Origin{At: one.of.block.at, Path: n, Decl: one.declaration()})
		}
		return v
	})
}

// partition is taken as the public one: the others are rare, and every ARN would be unknown.
func partition(n string) (plinth.Value, bool) {
	switch n {
	case "partition", "id":
		return plinth.StringOf("aws"), true
	case "dns_suffix":
		return plinth.StringOf("amazonaws.com"), true
	case "reverse_dns_prefix":
		return plinth.StringOf("com.amazonaws"), true
	}
	return plinth.Value{}, false
}

// rendered is the text of a template_file.
func (one *resourceInstance) rendered() plinth.Value {
	text, _ := one.set("template")
	vars, ok := one.set("vars")
	if !ok {
		vars = plinth.MapOf([]plinth.Field{})
	}
	return one.of.in.state.Template(text, vars)
}

func (one *resourceInstance) content() plinth.Value {
	name, _ := one.set("filename")
	v, err := one.of.in.funcs["file"].Call(one.of.in.state.Files(), []plinth.Value{name})
	if err != nil {
		return plinth.UnknownOf(one.of.name.String() + ".content")
	}
	return v.WithSensitive(one.of.name.typ == "local_sensitive_file")
}

// policyText is what aws_iam_policy_document makes of its arguments: IAM policy JSON, with holes where arguments are unknown.
func policyText(args plinth.Value) plinth.Value {
	p := &policy{}
	for _, from := range [...]string{"source_policy_documents", "source_json"} {
		p.include(args, from, false)
	}
	if blocks, ok := args.Get("statement"); ok {
		if blocks.IsUnknown() {
			p.open = append(p.open, blocks)
			if blocks.Partial() {
				blocks, _ = blocks.Document()
			}
		}
		for _, b := range blocks.List() {
			p.add(statement(b), false)
		}
	}
	for _, from := range [...]string{"override_policy_documents", "override_json"} {
		p.include(args, from, true)
	}
	statements := plinth.ListOf(p.statements)
	if len(p.open) > 0 {
		statements = function.Unknown(p.open...).WithPartial(statements)
	}
	version, ok := args.Get("version")
	if !ok {
		version = plinth.StringOf("2012-10-17")
	}
	fields := []plinth.Field{{Key: "Statement", Value: statements}, {Key: "Version", Value: version}}
	if id, ok := args.Get("policy_id"); ok {
		fields = append(fields, plinth.Field{Key: "Id", Value: id})
	}
	v, err := function.JSON(plinth.MapOf(fields))
	if err != nil {
		return plinth.UnknownOf("data.aws_iam_policy_document")
	}
	return v
}

// policy gathers statements. A later statement with the same Sid replaces an earlier one.
type policy struct {
	statements []plinth.Value
	open       []plinth.Value // unknown documents and statements
}

func (p *policy) add(s plinth.Value, override bool) {
	if sid, ok := s.Get("Sid"); ok && override && sid.Str() != "" {
		for i, old := range p.statements {
			if o, _ := old.Get("Sid"); o.Str() == sid.Str() {
				p.statements[i] = s
				return
			}
		}
	}
	p.statements = append(p.statements, s)
}

// include adds the statements of whole documents: a text, or a list of them.
func (p *policy) include(args plinth.Value, name string, override bool) {
	v, ok := args.Get(name)
	if !ok {
		return
	}
	docs := []plinth.Value{v}
	if v.Kind() == plinth.List {
		docs = v.List()
	}
	for _, d := range docs {
		doc, ok := d.Document()
		if !ok && d.Kind() == plinth.String {
			if d.Str() == "" {
				continue
			}
			doc = function.ParseJSON(d)
		}
		list, ok := doc.Get("Statement")
		switch {
		case d.IsNull():
		case !ok:
			p.open = append(p.open, function.Unknown(d, plinth.UnknownOf(name)))
		case list.IsUnknown():
			p.open = append(p.open, list)
			if list.Partial() {
				certain, _ := list.Document()
				for _, s := range certain.List() {
					p.add(s, override)
				}
			}
		case list.Kind() == plinth.Map:
			p.add(list, override)
		default:
			for _, s := range list.List() {
				p.add(s, override)
			}
		}
	}
}

// statement turns a statement block into the form of IAM.
func statement(b plinth.Value) plinth.Value {
	if b.Kind() != plinth.Map {
		return b
	}
	fields := make([]plinth.Field, 0, b.Len()+1)
	if _, ok := b.Get("effect"); !ok {
		fields = append(fields, plinth.Field{Key: "Effect", Value: plinth.StringOf("Allow")})
	}
	for _, f := range b.Fields() {
		switch f.Key {
		case "sid":
			fields = append(fields, plinth.Field{Key: "Sid", Value: f.Value})
		case "effect":
			fields = append(fields, plinth.Field{Key: "Effect", Value: f.Value})
		case "actions", "not_actions", "resources", "not_resources":
			key := map[string]string{"actions": "Action", "not_actions": "NotAction", "resources": "Resource", "not_resources": "NotResource"}[f.Key]
			if f.Value.IsUnknown() || f.Value.Len() > 0 {
				fields = append(fields, plinth.Field{Key: key, Value: unwrapped(f.Value)})
			}
		case "principals":
			fields = append(fields, plinth.Field{Key: "Principal", Value: principals(f.Value)})
		case "not_principals":
			fields = append(fields, plinth.Field{Key: "NotPrincipal", Value: principals(f.Value)})
		case "condition":
			fields = append(fields, plinth.Field{Key: "Condition", Value: conditions(f.Value)})
		}
	}
	return plinth.MapOf(fields).WithOrigin(b.Origin())
}

// unwrapped is a list of one as its element.
func unwrapped(v plinth.Value) plinth.Value {
	if v.Kind() == plinth.List && v.Len() == 1 {
		e := v.List()[0]
		if v.Sensitive() {
			e = e.WithSensitive(true)
		}
		if v.Origin() != nil && (e.Origin() == nil || e.Origin().Decl == nil) {
			e = e.WithOrigin(v.Origin())
		}
		return e
	}
	return v
}

// principals groups identifiers by type: {"AWS": […]}, or "*" for everybody.
func principals(blocks plinth.Value) plinth.Value {
	if blocks.IsUnknown() {
		return blocks
	}
	byType := map[string][]plinth.Value{}
	var fields []plinth.Field
	for _, b := range blocks.List() {
		typ, _ := b.Get("type")
		ids, _ := b.Get("identifiers")
		if b.IsUnknown() || typ.IsUnknown() || typ.Kind() != plinth.String {
			return function.Unknown(b)
		}
		if ids.IsUnknown() {
			fields = append(fields, plinth.Field{Key: typ.Str(), Value: ids})
			continue
		}
		if typ.Str() == "*" {
			return unwrapped(ids)
		}
		byType[typ.Str()] = append(byType[typ.Str()], ids.List()...)
	}
	for t, ids := range byType {
		fields = append(fields, plinth.Field{Key: t, Value: unwrapped(plinth.ListOf(ids))})
	}
	return plinth.MapOf(fields).WithOrigin(blocks.Origin())
}

// conditions groups values by test and variable: {"StringEquals": {"aws:SourceAccount": …}}.
func conditions(blocks plinth.Value) plinth.Value {
	if blocks.IsUnknown() {
		return blocks
	}
	tests, open := map[string][]plinth.Field{}, map[string][]plinth.OpenField{}
	for _, b := range blocks.List() {
		test, _ := b.Get("test")
		variable, _ := b.Get("variable")
		values, _ := b.Get("values")
		if b.IsUnknown() || test.Kind() != plinth.String {
			return function.Unknown(b)
		}
		name := test.Str()
		if variable.Kind() == plinth.String {
			tests[name] = append(tests[name], plinth.Field{Key: variable.Str(), Value: unwrapped(values)})
			continue
		}
		open[name] = append(open[name], plinth.OpenField{Key: variable, Value: unwrapped(values)})
	}
	fields := make([]plinth.Field, 0, len(tests)+len(open))
	for t, vars := range tests {
		fields = append(fields, plinth.Field{Key: t, Value: function.OpenMap(vars, open[t])})
	}
	for t, vars := range open {
		if tests[t] == nil {
			fields = append(fields, plinth.Field{Key: t, Value: function.OpenMap(nil, vars)})
		}
	}
	return plinth.MapOf(fields).WithOrigin(blocks.Origin())
}
