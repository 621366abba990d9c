package misconfig

import (
	"fmt"
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/policy"
	"github.com/plinthsec/plinth/internal/rule"
	"github.com/plinthsec/plinth/internal/value"
)

// judge asks rules about one resource after the other. It belongs to one goroutine.
type judge struct {
	*run
	index   int32
	res     *plinth.Resource
	version plinth.Value // what PodSecurity returned for res
	sc      policy.Scope
	vars    [rule.C + 1]plinth.Value
	list    string         // path of the list whose elements are judged, "" for the resource itself
	names   map[string]int // of the elements that findings of one rule were about
	texts   map[string]string
	advised map[advice]*plinth.Rule
}

// advice is what the words of a rule's advice hang on: the type, and the one that the source declares.
type advice struct{ rule, typ, declared string }

func newJudge(r *run) *judge {
	j := &judge{run: r, names: map[string]int{}, texts: map[string]string{}, advised: map[advice]*plinth.Rule{}}
	j.sc = policy.Scope{Vars: j.vars[:], World: j}
	return j
}

// once returns the text that was there first of equal ones: findings about many like resources share theirs.
func (j *judge) once(s string) string {
	if have, ok := j.texts[s]; ok {
		return have
	}
	if len(j.texts) < maxTexts {
		j.texts[s] = s
	}
	return s
}

func (j *judge) judge(i int32, rules []*rule.Rule) {
	j.index, j.res = i, j.graph.Resources()[i]
	j.version = plinth.Value{}
	clear(j.vars[:])
	j.vars[rule.P] = j.res.Props
	if path := rule.PodSpec(j.res.Type); path != nil {
		j.vars[rule.Pod], _ = j.res.Props.At(path...)
	}
	for _, r := range rules {
		j.guard(r, j.evaluate)
	}
}

func (j *judge) evaluate(r *rule.Rule) {
	clear(j.names)
	if r.Pods != rule.None && j.vars[rule.Pod].IsNull() {
		return // a template without pods
	}
	if j.vars[rule.R].IsNull() && (r.Fail.Uses(int(rule.R)) || r.When != nil && r.When.Uses(int(rule.R))) {
		j.vars[rule.R] = j.describe()
	}
	j.list = ""
	switch {
	case r.Each != nil:
		j.elements(r)
	case r.Pods > rule.Whole:
		j.containers(r)
	default:
		j.ask(r)
	}
}

// ask runs the rule for what the variables hold.
func (j *judge) ask(r *rule.Rule) {
	var because []string
	if r.When != nil {
		when := r.When.Eval(&j.sc)
		if when.Err != nil {
			j.fault(r, when.Err)
			return
		}
		if when.Truth == value.False {
			return
		}
		because = when.Why
	}
	fail := r.Fail.Eval(&j.sc)
	switch {
	case fail.Err != nil:
		j.fault(r, fail.Err)
	case fail.Truth == value.False:
	case fail.Truth == value.True && because == nil:
		j.found(r, plinth.Fail, nil)
	default:
		j.open(r, append(slices.Clip(because), fail.Why...))
	}
}

// open reports that the rule is undecided. Of a resource that is not in the code nobody expects an answer.
func (j *judge) open(r *rule.Rule, because []string) {
	if !j.res.External {
		j.found(r, plinth.Undecided, unique(because))
	}
}

func unique(list []string) []string {
	var out []string
	for _, s := range list {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

func (j *judge) fault(r *rule.Rule, err *policy.Error) {
	j.faults.add(r, plinth.Problem{Kind: plinth.Broken, At: j.header(), Text: fmt.Sprintf("%s cannot be judged: %s", j.address(), err.Text)})
}

// elements asks about every element of the rule's list.
func (j *judge) elements(r *rule.Rule) {
	j.list = "each"
	why := j.each(j.res.Props, r.Each, func(e plinth.Value) {
		j.vars[rule.E] = e
		j.ask(r)
	})
	j.vars[rule.E] = plinth.Value{}
	if len(why) > 0 {
		j.list = ""
		j.open(r, why)
	}
}

// containerLists are the lists of containers in a pod spec, the main one first.
var containerLists = [...][]string{{"containers"}, {"initContainers"}, {"ephemeralContainers"}}

// containers asks about the containers of the pod.
func (j *judge) containers(r *rule.Rule) {
	kinds := containerLists[:]
	if r.Pods == rule.Main {
		kinds = kinds[:1]
	}
	visit := func(c plinth.Value) {
		j.vars[rule.C] = c
		j.ask(r)
	}
	var why []string
	for _, steps := range kinds {
		j.list = steps[0]
		why = append(why, j.each(j.vars[rule.Pod], steps, visit)...)
	}
	j.vars[rule.C] = plinth.Value{}
	if len(why) > 0 {
		j.list = ""
		j.open(r, why)
	}
}

// each visits what a path leads to, through the elements of all lists on the way, and returns why there may be more.
func (j *judge) each(v plinth.Value, steps []string, visit func(plinth.Value)) (why []string) {
	v = opened(v)
	if v.IsUnknown() {
		why = v.Why()
		if v = certain(v); v.IsNull() {
			return why
		}
	}
	if v.Kind() == plinth.List {
		if len(steps) > 0 && steps[0] == "[]" {
			steps = steps[1:]
		}
		for _, e := range v.List() {
			if len(steps) > 0 {
				why = append(why, j.each(e, steps, visit)...)
				continue
			}
			if e = opened(e); e.IsUnknown() && certain(e).IsNull() && !partly(e) {
				why = append(why, e.Why()...)
				continue
			}
			visit(e)
		}
		return why
	}
	for len(steps) > 0 && steps[0] == "[]" { // one where a list may stand
		steps = steps[1:]
	}
	if len(steps) == 0 {
		if !v.IsNull() {
			visit(v)
		}
		return why
	}
	next, _ := v.Get(steps[0])
	return append(why, j.each(next, steps[1:], visit)...)
}

// partly tells whether an unknown text is known at one of its ends, which may decide.
func partly(v plinth.Value) bool {
	head, tail := v.Ends()
	return head != "" || tail != ""
}

// opened is what a text holds, and v for everything else.
func opened(v plinth.Value) plinth.Value {
	if doc, ok := v.Document(); ok && !v.Partial() {
		return doc
	}
	return v
}

// certain is what an unknown holds in any case.
func certain(v plinth.Value) plinth.Value {
	if doc, ok := v.Document(); ok && v.Partial() {
		return doc
	}
	return plinth.Value{}
}

// describe builds the variable r.
func (j *judge) describe() plinth.Value {
	source := j.res.Type
	if j.res.Decl != nil {
		source = j.res.Decl.Type
	}
	kind, _, _ := strings.Cut(string(j.res.ID), ":")
	switch kind {
	case "tf":
		kind = "terraform"
	case "cfn":
		kind = "cloudformation"
	case "k8s":
		kind = "kubernetes"
	}
	return plinth.MapOf([]plinth.Field{
		{Key: "address", Value: plinth.StringOf(j.address())},
		{Key: "name", Value: plinth.StringOf(j.res.Name)},
		{Key: "reader", Value: plinth.StringOf(kind)},
		{Key: "source", Value: plinth.StringOf(source)},
		{Key: "type", Value: plinth.StringOf(j.res.Type)},
	})
}

func (j *judge) address() string {
	if j.res.Decl != nil {
		return j.res.Decl.Address
	}
	return string(j.res.ID)
}

func (j *judge) header() plinth.Location {
	if j.res.Decl != nil {
		return j.res.Decl.Header
	}
	return plinth.Location{}
}

// Linked returns the properties of joined resources.
func (j *judge) Linked(from plinth.Value, typ string, d policy.Direction) []plinth.Value {
	i, ok := j.graph.ByProps(from, j.index)
	if !ok {
		return nil
	}
	var out []plinth.Value
	add := func(list []int32, except []int32) {
		for _, k := range list {
			if r := j.graph.Resources()[k]; r.Type == typ && !slices.Contains(except, k) {
				out = append(out, r.Props)
			}
		}
	}
	if d&policy.Refers != 0 {
		add(j.graph.Refers(i), nil)
	}
	if d&policy.Referred != 0 {
		var both []int32
		if d&policy.Refers != 0 {
			both = j.graph.Refers(i)
		}
		add(j.graph.Referred(i), both)
	}
	return out
}

// All returns the properties of all resources of a type, or of all kinds with pods, in the same project.
func (j *judge) All(typ string) []plinth.Value {
	key := [2]string{j.res.Project, typ}
	if v, ok := j.inScope.Load(key); ok {
		return v.([]plinth.Value)
	}
	var out []plinth.Value
	for _, t := range j.graph.Types() {
		if t != typ && (typ != rule.Workload || rule.PodSpec(t) == nil) {
			continue
		}
		for _, i := range j.graph.OfType(t) {
			if r := j.graph.Resources()[i]; r.Project == j.res.Project {
				out = append(out, r.Props)
			}
		}
	}
	v, _ := j.inScope.LoadOrStore(key, out)
	return v.([]plinth.Value)
}

// Index keeps what a condition over all resources of a project needs once.
func (j *judge) Index(key any, build func() any) any {
	at := [2]any{j.res.Project, key}
	if v, ok := j.indexes.Load(at); ok {
		return v
	}
	v, _ := j.indexes.LoadOrStore(at, build())
	return v
}
