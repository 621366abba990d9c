package rule

import (
	"fmt"
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/value"
)

// Example is one example of a rule.
type Example struct {
	Bad   bool
	Form  string            // terraform, cloudformation, arm, kubernetes, dockerfile, compose, api
	Files map[string]string // text by name
	At    plinth.Location
}

// forms are the source forms of examples, with the name of the file that a single text becomes.
var forms = map[string]string{
	"terraform": "main.tf", "cloudformation": "template.yaml", "arm": "azuredeploy.json", "kubernetes": "manifest.yaml", "dockerfile": "Dockerfile",
	"compose": "compose.yaml", "api": "github.json",
}

func formNames() []string {
	return []string{"api", "arm", "cloudformation", "compose", "dockerfile", "kubernetes", "terraform"}
}

// examples reads the whole file.
func (e *entry) examples() ([]Example, []plinth.Problem) {
	r := e.parse(e.data)
	if len(r.problems) > 0 {
		return nil, r.problems
	}
	all, ok := r.props.Get("examples")
	if all.Kind() != plinth.Map || !ok {
		r.fault(r.where(all), "examples is a map of bad and good")
		return nil, r.problems
	}
	for _, f := range all.Fields() {
		if f.Key != "bad" && f.Key != "good" {
			r.fault(r.where(f.Value), "there is no field %s in examples; there are bad and good", f.Key)
		}
	}
	var out []Example
	for _, kind := range []string{"bad", "good"} {
		list, _ := all.Get(kind)
		if list.Kind() != plinth.List || list.Len() == 0 {
			r.fault(r.where(all), "the rule has no %s example", kind)
		}
		for _, v := range list.List() {
			if ex, ok := r.example(v, kind == "bad"); ok {
				out = append(out, ex)
			}
		}
	}
	return out, r.problems
}

func (r *reading) example(v plinth.Value, bad bool) (Example, bool) {
	if v.Kind() != plinth.Map || v.Len() != 1 {
		r.fault(r.where(v), "an example is one text under the name of its form, as in terraform: |")
		return Example{}, false
	}
	f := v.Fields()[0]
	name, ok := forms[f.Key]
	if !ok {
		hint := ""
		if near := value.Nearest(f.Key, formNames()); near != "" {
			hint = "; the nearest is " + near
		}
		r.fault(r.where(v), "there is no form %s of examples%s", f.Key, hint)
		return Example{}, false
	}
	ex := Example{Bad: bad, Form: f.Key, Files: map[string]string{}, At: r.where(f.Value)}
	switch f.Value.Kind() {
	case plinth.String:
		ex.Files[name] = f.Value.Str()
	case plinth.Map:
		for _, file := range f.Value.Fields() {
			if file.Value.Kind() != plinth.String {
				r.fault(r.where(file.Value), "a file of an example is a text")
			}
			ex.Files[file.Key] = file.Value.Str()
		}
	default:
		r.fault(r.where(f.Value), "an example is a text, or a map of file names and texts")
		return Example{}, false
	}
	return ex, true
}

// Outcome is what a run of this rule alone gave on an example.
type Outcome struct {
	Findings []plinth.Finding
	Problems []plinth.Problem
	Judged   int // resources that the rule judged
}

// Test runs the rule's examples and returns what is wrong with them: a bad one that does not fail, a good one that does, one
// that is unknown, one that cannot be read or has nothing to judge. run scans files with this rule alone.
func (r *Rule) Test(run func(files map[string]string) (Outcome, error)) ([]plinth.Problem, error) {
	examples, problems := r.Examples()
	for _, ex := range examples {
		out, err := run(ex.Files)
		if err != nil {
			return problems, fmt.Errorf("example at %s:%d: %w", ex.At.Path, ex.At.Line, err)
		}
		for _, text := range r.judge(ex, out) {
			problems = append(problems, plinth.Problem{Kind: plinth.Broken, At: ex.At, Text: text})
		}
	}
	return problems, nil
}

func (r *Rule) judge(ex Example, out Outcome) []string {
	kind := "good"
	if ex.Bad {
		kind = "bad"
	}
	kind += " " + ex.Form + " example"
	var faults []string
	fails := 0
	for _, f := range out.Findings {
		switch {
		case f.Rule.ID != r.ID:
		case f.Verdict == plinth.Fail:
			if fails++; !ex.Bad {
				faults = append(faults, fmt.Sprintf("%s fails at %s:%d (%s)", kind, f.At.Path, f.At.Line, address(f)))
			}
		case f.Verdict == plinth.Undecided:
			faults = append(faults, fmt.Sprintf("%s is unknown because of %s (%s)", kind, strings.Join(f.Because, ", "), address(f)))
		}
	}
	for _, p := range out.Problems {
		if p.Kind.Incomplete() {
			faults = append(faults, fmt.Sprintf("%s: %s:%d: %s", kind, p.At.Path, p.At.Line, p.Text))
		}
	}
	if ex.Bad && fails == 0 && len(faults) == 0 {
		faults = append(faults, kind+" does not fail")
	}
	if never := !ex.Bad && r.Fail.Always(); out.Judged == 0 && !never && !slices.ContainsFunc(out.Problems, func(p plinth.Problem) bool { return p.Kind.Incomplete() }) {
		faults = append(faults, kind+" has no resource that the rule judges")
	}
	return faults
}

func address(f plinth.Finding) string {
	if f.Decl != nil {
		return f.Decl.Address
	}
	return string(f.Resource.ID)
}
