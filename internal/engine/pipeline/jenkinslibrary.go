package pipeline

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
)

// function is what a shared library of the target defines for pipelines: vars/announce.groovy makes announce(…), and announce.mail(…) of
// other functions in it, https://www.jenkins.io/doc/book/pipeline/shared-libraries/#defining-global-variables.
type function struct {
	look       *look
	parameters []string
	body       plinth.Value
	set        map[string][]plinth.Value // what is assigned in it
}

const maxSets = 5 // assignments that are followed from a script back to a parameter

// functions are those of all libraries of the target, by the name that pipelines call them by.
func (t *target) functions() map[string][]*function {
	if t.library != nil {
		return t.library
	}
	t.library = map[string][]*function{}
	for _, name := range slices.Sorted(maps.Keys(t.looks)) {
		l := t.looks[name]
		if !strings.HasPrefix(l.resource.Type, "jenkins/") || path.Base(path.Dir(name)) != "vars" {
			continue
		}
		stem := strings.TrimSuffix(path.Base(name), path.Ext(name))
		for _, v := range get(l.doc, "steps").List() {
			if !get(v, "defines").Bool() {
				continue
			}
			f := &function{look: l, body: get(v, "body"), set: map[string][]plinth.Value{}}
			for _, x := range get(v, "args").List() {
				m := givenName.FindStringSubmatch(get(x, "text").Str())
				f.parameters = append(f.parameters, strings.Join(m[min(1, len(m)):], ""))
			}
			f.learn(f.body, 0)
			key := stem
			if of := get(v, "call").Str(); of != "call" {
				key += "." + of
			}
			t.library[key] = append(t.library[key], f)
		}
	}
	return t.library
}

func (f *function) learn(v plinth.Value, depth int) {
	if depth > maxSteps {
		return
	}
	if name := get(v, "set").Str(); name != "" {
		f.set[name] = append(f.set[name], get(v, "value"))
	}
	each(v, func(x plinth.Value) { f.learn(x, depth+1) })
}

// handsOn judges what a call gives to a function of a library of the target, whose scripts paste it. Where several libraries define
// the function nobody knows which is meant.
func (p *jenkins) handsOn(v plinth.Value, call string) {
	list := p.functions()[call]
	if len(list) != 1 || list[0].look == p.look || len(list[0].parameters) == 0 {
		return
	}
	f := list[0]
	entry := func(x plinth.Value) { // named arguments are a map, which is the first parameter
		for _, field := range get(x, "named").Fields() {
			p.gives(f, call, f.parameters[0], field.Key, field.Value)
		}
	}
	entry(v)
	for i, x := range get(v, "args").List() {
		if i == 0 && get(x, "pasted").IsNull() {
			entry(x)
		}
		if i < len(f.parameters) {
			p.gives(f, call, f.parameters[i], "", x)
		}
	}
}

func (p *jenkins) gives(f *function, call, parameter, key string, v plinth.Value) {
	by := taint{}
	for _, x := range get(v, "pasted").List() {
		by = worse(by, p.expression(x.Str(), place(x), 0))
	}
	if !by.proven() {
		return
	}
	sink, ok := f.sink(f.body, parameter, key, 0)
	if !ok {
		return
	}
	as := parameter
	if key != "" {
		as = key
	}
	note := "it is given to " + call + " as " + as
	if len(by.way) == 0 {
		note = by.what + " is what others write; " + note
	}
	by = by.then(note, place(v), p.path)
	p.add(sight{
		audit: "pipeline-injection-through-call", severity: by.severity, at: place(v), path: under(v, as),
		message: fmt.Sprintf("%s, through %s of %s", by.what, as, call), evidence: append(by.way, sink),
	})
}

// sink is the first script of a function that pastes a parameter, or the entry of it.
func (f *function) sink(v plinth.Value, parameter, key string, depth int) (step plinth.Step, ok bool) {
	if depth > maxSteps {
		return step, false
	}
	if runs(get(v, "call").Str()) {
		script := get(v, "named", "script")
		if list := get(v, "args").List(); len(list) > 0 && script.IsNull() {
			script = list[0]
		}
		for _, x := range get(script, "pasted").List() {
			if f.carries(x.Str(), parameter, key, 0) {
				return plinth.Step{Note: x.Str() + " is pasted into a script", At: place(x), Resource: f.look.path}, true
			}
		}
	}
	each(v, func(x plinth.Value) {
		if !ok {
			step, ok = f.sink(x, parameter, key, depth+1)
		}
	})
	return step, ok
}

// carries tells whether an expression has the text of a parameter, or of the entry of it, in it.
func (f *function) carries(text, parameter, key string, depth int) bool {
	for _, name := range mentioned(text) {
		base, rest, _ := strings.Cut(name, ".")
		entry, _, _ := strings.Cut(rest, ".")
		if base == parameter && (key == "" || entry == key) {
			return true
		}
		for _, v := range f.set[base] {
			for _, x := range get(v, "pasted").List() {
				if depth < maxSets && f.carries(x.Str(), parameter, key, depth+1) {
					return true
				}
			}
		}
	}
	return false
}
