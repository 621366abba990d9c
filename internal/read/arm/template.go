package arm

import (
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/document"
	"github.com/plinthsec/plinth/internal/value"
)

// reading is one file that is being read.
type reading struct {
	project *plinth.Project
	path    string
	to      plinth.Sink
	told    map[plinth.Problem]bool
	names   map[string]bool // IDs that are taken
	made    int
	steps   int
}

func (r *reading) problem(kind plinth.ProblemKind, at plinth.Value, format string, args ...any) {
	x := plinth.Problem{Kind: kind, At: plinth.Location{Path: r.path}, Text: fmt.Sprintf(format, args...)}
	if o := at.Origin(); o != nil && o.At.Path != "" {
		x.At = o.At
	}
	if !r.told[x] { // loops come by several times
		r.told[x] = true
		r.to.Problem(x)
	}
}

// get returns an entry of an object; Azure compares the names without case.
func get(v plinth.Value, key string) (plinth.Value, bool) {
	if e, ok := v.Get(key); ok {
		return e, true
	}
	for _, f := range v.Fields() {
		if strings.EqualFold(f.Key, key) {
			return f.Value, true
		}
	}
	return plinth.Value{}, false
}

// template is a template, outermost or inside a deployment with a scope of its own.
type template struct {
	*reading
	parameters map[string]*term // by lower-case name
	variables  map[string]*term
	functions  map[string]plinth.Value
	depth      int // templates around it
}

// term is a parameter or variable; it is evaluated when it is asked for.
type term struct {
	written plinth.Value
	scope   *scope
	secret  bool
	now     bool
	value   *plinth.Value
}

func (r *reading) file(root plinth.Value) {
	if root.Kind() != plinth.Map {
		r.problem(plinth.Broken, root, "the template is no object")
		return
	}
	body, _ := get(root, "properties")
	if nested, ok := get(body, "template"); ok && nested.Kind() == plinth.Map { // the body of a deployment
		given := map[string]plinth.Value{}
		parameters, _ := get(body, "parameters")
		for _, f := range parameters.Fields() {
			given[strings.ToLower(f.Key)] = argument(f.Key, f.Value)
		}
		r.template(nested, given, 0, nil)
		return
	}
	if _, policy := get(body, "policyRule"); policy {
		return // a policy definition: its template is for what the policy meets
	}
	r.template(root, r.parameterFile(), 0, nil)
}

// template reads a template with the parameter values that it is given.
func (r *reading) template(root plinth.Value, given map[string]plinth.Value, depth int, callers []plinth.Location) {
	t := &template{reading: r, parameters: map[string]*term{}, variables: map[string]*term{}, functions: map[string]plinth.Value{}, depth: depth}
	s := &scope{template: t, callers: callers}
	t.declare(root, given, s)
	resources, ok := get(root, "resources")
	if !ok && depth == 0 {
		r.problem(plinth.Broken, root, "template without resources")
		return
	}
	s.resources(resources, nil)
}

func (t *template) declare(root plinth.Value, given map[string]plinth.Value, s *scope) {
	parameters, _ := get(root, "parameters")
	for _, f := range parameters.Fields() {
		kind, _ := get(f.Value, "type")
		x := &term{scope: s, secret: strings.HasPrefix(strings.ToLower(kind.Str()), "secure")}
		def, hasDefault := get(f.Value, "defaultValue")
		if v, ok := given[strings.ToLower(f.Key)]; ok && (!v.IsNull() || !hasDefault) { // null leaves the default
			v = v.WithSensitive(v.Sensitive() || x.secret)
			x.value = &v
		} else if hasDefault {
			x.written = def
		} else {
			v := plinth.UnknownOf("parameters('" + f.Key + "')").WithSensitive(x.secret).WithOrigin(f.Value.Origin())
			x.value = &v
		}
		t.parameters[strings.ToLower(f.Key)] = x
	}
	variables, _ := get(root, "variables")
	for _, f := range variables.Fields() {
		if f.Key != "copy" || f.Value.Kind() != plinth.List {
			t.variables[strings.ToLower(f.Key)] = &term{scope: s, written: f.Value}
			continue
		}
		for _, loop := range f.Value.List() {
			name, _ := get(loop, "name")
			one := plinth.MapOf([]plinth.Field{{Key: "copy", Value: plinth.ListOf([]plinth.Value{loop})}})
			t.variables[strings.ToLower(name.Str())] = &term{scope: s, written: one.WithOrigin(loop.Origin())}
		}
	}
	functions, _ := get(root, "functions")
	for _, space := range functions.List() {
		name, _ := get(space, "namespace")
		members, _ := get(space, "members")
		for _, f := range members.Fields() {
			t.functions[strings.ToLower(name.Str()+"."+f.Key)] = f.Value
		}
	}
}

// get returns a parameter's or variable's value; it is false for one that is not declared.
func (t *template) get(terms map[string]*term, what, name string) (plinth.Value, bool) {
	x, ok := terms[strings.ToLower(name)]
	if !ok {
		return plinth.Value{}, false
	}
	if x.value != nil {
		return *x.value, true
	}
	if x.now {
		t.problem(plinth.Broken, x.written, "%s('%s') refers to itself", what, name)
		return plinth.UnknownOf(what + "('" + name + "')"), true
	}
	x.now = true
	v := x.scope.at(name).eval(x.written)
	if x.written.Kind() == plinth.Map && len(x.written.Fields()) == 1 && what == "variables" {
		if _, loop := x.written.Get("copy"); loop { // a variable that is a loop holds the list itself
			v, _ = get(v, name)
		}
	}
	v = v.WithSensitive(v.Sensitive() || x.secret)
	x.now, x.value = false, &v
	return v, true
}

// parameterFile returns the values of the parameter file beside the template, by lower-case name.
func (r *reading) parameterFile() map[string]plinth.Value {
	base := strings.TrimSuffix(r.path, path.Ext(r.path))
	for _, name := range []string{base + ".parameters.json", path.Join(path.Dir(r.path), "azuredeploy.parameters.json")} {
		data, err := fs.ReadFile(r.project.FS, name)
		if err != nil || name == r.path {
			continue
		}
		if strings.HasSuffix(name, "azuredeploy.parameters.json") && !strings.EqualFold(path.Base(base), "azuredeploy") && !r.only() {
			continue
		}
		out := map[string]plinth.Value{}
		problems := (&document.Parser{Relaxed: true}).Parse(name, data, func(d document.Document) {
			values, _ := get(d.Value, "parameters")
			for _, f := range values.Fields() {
				if v, ok := get(f.Value, "value"); ok && v.IsNull() {
					continue // left open for whoever deploys
				}
				out[strings.ToLower(f.Key)] = argument(f.Key, f.Value)
			}
		})
		for _, p := range problems {
			r.to.Problem(p)
		}
		return out
	}
	return nil
}

// only tells whether the file is the one template of its folder.
func (r *reading) only() bool {
	n := 0
	for _, f := range r.project.Files {
		if path.Dir(f.Path) == path.Dir(r.path) {
			n++
		}
	}
	return n == 1
}

// argument is what a parameter file or a nested deployment gives for a parameter: {value: …} or {reference: …}.
func argument(name string, v plinth.Value) plinth.Value {
	if given, ok := get(v, "value"); ok {
		return given
	}
	_, vault := get(v, "reference")
	return plinth.UnknownOf("parameters('" + name + "')").WithSensitive(vault).WithOrigin(v.Origin())
}

// truth takes a value as a condition.
func truth(v plinth.Value) value.Truth {
	switch {
	case v.Kind() == plinth.Bool:
		return value.TruthOf(v.Bool())
	case v.Kind() == plinth.Number:
		return value.TruthOf(v.Num() != 0)
	case strings.EqualFold(v.Str(), "true"):
		return value.True
	case strings.EqualFold(v.Str(), "false"):
		return value.False
	}
	return value.Undecided
}
