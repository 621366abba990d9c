package terraform

import (
	"bytes"
	"path"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/cache"
	"github.com/plinthsec/plinth/internal/read/terraform/expr"
)

const gitCrypt = "\x00GITCRYPT" // begins what git-crypt has encrypted

// input is what a variable file gives to a variable of the root module.
type input struct {
	value plinth.Value
	at    plinth.Location
}

// readInputs reads the root module's variable files, in rising order of precedence.
func (e *evaluation) readInputs() {
	e.inputs = map[string]input{}
	for _, name := range e.variableFiles() {
		data := []byte(nil)
		if e.listed(name) {
			data = e.text(name)
		} else {
			b, _, err := (&files{fsys: e.fsys, root: ".", cache: map[string][]byte{}}).ReadFile(name)
			if err != nil {
				e.problem(plinth.Problem{Kind: plinth.Unreadable, At: plinth.Location{Path: name}, Text: err.Error()})
				continue
			}
			data = b
		}
		e.readVariables(name, data)
	}
}

func (e *evaluation) variableFiles() []string {
	var all []string
	for _, n := range [...]string{"terraform.tfvars", "terraform.tfvars.json"} {
		if n = path.Join(e.root, n); e.listed(n) {
			all = append(all, n)
		}
	}
	all = append(all, e.auto[e.root]...)
	if e.project.Config == nil {
		return all
	}
	for _, n := range e.project.Config.VarFiles {
		n = path.Clean(strings.ReplaceAll(n, `\`, "/"))
		if own := path.Join(e.root, n); e.has(own) {
			n = own
		} else if !e.has(n) && e.root != e.project.Name && e.root != "." {
			continue // meant for another root module
		}
		all = append(all, n)
	}
	return all
}

func (e *evaluation) has(file string) bool {
	if e.listed(file) {
		return true
	}
	yes, err := (&files{fsys: e.fsys, root: "."}).Exists(file)
	return err == nil && yes
}

// parseVariables parses one variable file; the body may be nil or hold only a part.
func parseVariables(name string, data []byte) (*hclsyntax.Body, *expr.Source, []plinth.Problem) {
	var body *hclsyntax.Body
	var diags hcl.Diagnostics
	if bytes.HasPrefix(data, []byte(gitCrypt)) {
		text := "encrypted by git-crypt: the values of its variables are not known"
		return nil, nil, []plinth.Problem{{Kind: plinth.Unsupported, At: plinth.Location{Path: name}, Text: text}}
	}
	if isJSON(name) {
		root, more := expr.ParseJSON(data, name)
		if diags = more; root != nil {
			body, more = jsonBody(root, "locals")
			diags = append(diags, more...)
		}
	} else {
		body, diags = expr.ParseFile(data, name)
	}
	src := expr.NewSource(name, data)
	p := &parsed{path: name}
	p.report(src, diags)
	return body, src, p.problems
}

// checkVariables tells what is wrong with a variable file, whether some root module loads it by itself or not.
func (l *loader) checkVariables(name string) {
	l.again("variables "+name, func(rec *cache.Recorder, to plinth.Sink) bool {
		l.note(rec, name)
		_, _, problems := parseVariables(name, l.text(name))
		for _, x := range problems {
			to.Problem(x)
		}
		return true
	})
}

// readVariables reads one variable file. Its values stand for themselves: no references, no functions.
func (e *evaluation) readVariables(name string, data []byte) {
	body, src, problems := parseVariables(name, data)
	for _, x := range problems {
		e.problem(x)
	}
	if body == nil {
		return
	}
	c := expr.NewCompiler(src, e.funcs)
	for _, a := range ordered(body) {
		v, ok := expr.IsConstant(c.Compile(a.Expr, "var."+a.Name))
		if !ok {
			v = plinth.UnknownOf("var." + a.Name)
		}
		e.inputs[a.Name] = input{value: v, at: src.Location(a.SrcRange)}
	}
}

// variable evaluates an input of a module instance: what the call or a variable file gives, else the default; converted to the
// declared type.
func (in *instance) variable(n string) expr.Item {
	v := in.module.variables[n]
	if v == nil {
		if given, ok := in.inputs[n]; ok && in.parent == nil {
			return decided(expr.Item{Value: given.value}, given.at, "var."+n)
		}
		return unknown("var." + n)
	}
	t := termOf(&in.vars, n, in.prefix+"var."+n, v.block.at)
	return in.once(t, func() expr.Item {
		it := in.given(n, v)
		if v.sensitive {
			it = expr.Item{Value: it.Force().WithSensitive(true)}
		}
		return it
	})
}

func (in *instance) given(n string, v *variable) expr.Item {
	if in.parent == nil {
		if given, ok := in.inputs[n]; ok && (v.nullable || !given.value.IsNull()) {
			return in.converted(v, expr.Item{Value: given.value}, given.at)
		}
	} else if a := in.caller.block.attr(n); a != nil && !isCallArgument(n) {
		it := in.state.Item(a.value, scope{in: in.parent, key: in.key}, nil)
		if it.Lazy != nil || v.nullable || !it.Value.IsNull() {
			return in.converted(v, it, a.at)
		}
	}
	if v.def == nil {
		u := plinth.UnknownOf("var." + n)
		return decided(expr.Item{Value: u}, v.block.at, "var."+n)
	}
	d := in.state.Term(v.def.value, scope{in: in}, nil)
	return in.converted(v, expr.Item{Value: d}, v.def.at)
}

// isCallArgument tells whether an argument of a module block is Terraform's own.
func isCallArgument(n string) bool {
	switch n {
	case "source", "version", "providers", "count", "for_each", "depends_on":
		return true
	}
	return false
}

// converted applies the declared type. What does not fit stays as it is: the rest can still be looked at.
func (in *instance) converted(v *variable, it expr.Item, at plinth.Location) expr.Item {
	if it.Lazy != nil && (v.typ == nil || v.typ.Any()) {
		return it
	}
	value := it.Force()
	if v.typ != nil {
		value, _ = v.typ.Convert(value)
	}
	return decided(expr.Item{Value: value}, at, "var."+v.block.labels[0])
}
