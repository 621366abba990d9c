package rego

import (
	"context"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/document"
)

// Outcome is what tests of policies came to.
type Outcome struct {
	Suites, Ran, Skipped int
	Wrong                []plinth.Problem
}

// Test runs the tests below the folders: rules test_… of *_test.rego with all the Rego beside and below them, and Gatekeeper's suites
// (kind Suite). Found is false where there are neither.
func Test(ctx context.Context, dirs []string, v Version) (out Outcome, found bool, err error) {
	list, err := files(dirs, ".rego", ".yaml", ".yml")
	if err != nil {
		return out, false, err
	}
	modules, faults := map[string]*ast.Module{}, Faults(nil)
	unit := false
	for _, f := range list {
		if path.Ext(f.path) == ".rego" {
			m, more := parse(f.path, string(f.data), v)
			if faults = append(faults, more...); m != nil {
				modules[f.path] = m
			}
			unit = unit || strings.HasSuffix(f.path, "_test.rego")
		}
	}
	if found = unit || len(faults) > 0; found {
		if len(faults) > 0 {
			return out, true, faults
		}
		if err := units(ctx, modules, &out); err != nil {
			return out, true, err
		}
	}
	for _, f := range list {
		if path.Ext(f.path) == ".rego" || !strings.Contains(string(f.data), suites) {
			continue
		}
		docs, problems := documents(f)
		out.Wrong = append(out.Wrong, problems...)
		for _, d := range docs {
			if textAt(d.value, "kind") == "Suite" && strings.HasPrefix(textAt(d.value, "apiVersion"), suites) {
				found = true
				out.Suites++
				s := suite{file: f.path, out: &out}
				if err := s.run(ctx, d.value); err != nil {
					return out, true, err
				}
			}
		}
	}
	return out, found, nil
}

// units runs the rules test_… of all modules.
func units(ctx context.Context, modules map[string]*ast.Module, out *Outcome) error {
	p, faults := newProgram(modules, map[string]any{})
	if faults != nil {
		return faults
	}
	seen := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(modules)) {
		m := modules[name]
		for _, r := range m.Rules {
			rule := r.Head.Ref()[0].Value.String()
			key := m.Package.Path.String() + "." + rule
			if seen[key] {
				continue
			}
			seen[key] = true
			if strings.HasPrefix(rule, "todo_test_") {
				out.Skipped++
			}
			if !strings.HasPrefix(rule, "test_") {
				continue
			}
			out.Ran++
			where := plinth.Location{Path: name, Line: int32(r.Location.Row)}
			switch answer, err := p.ask(ctx, under(m.Package.Path, rule), nil); {
			case ctx.Err() != nil:
				return ctx.Err()
			case err != nil:
				out.wrong(where, fmt.Sprintf("%s: %v", rule, err))
			case answer == nil || answer == false:
				out.wrong(where, rule+" does not hold")
			}
		}
	}
	return nil
}

func (o *Outcome) wrong(at plinth.Location, text string) {
	o.Wrong = append(o.Wrong, plinth.Problem{Kind: plinth.Broken, At: at, Text: text})
}

// placed is a JSON value with the line it begins at.
type placed struct {
	value any
	at    plinth.Location
}

func documents(f source) ([]placed, []plinth.Problem) {
	var out []placed
	parser := document.Parser{}
	problems := parser.Parse(f.path, f.data, func(d document.Document) {
		out = append(out, placed{Plain(d.Value, Named), d.Decl.Header})
	})
	return out, problems
}

// suite is one run of a Gatekeeper suite (gator verify).
type suite struct {
	file string
	out  *Outcome
}

func (s *suite) wrong(text string) { s.out.wrong(plinth.Location{Path: s.file, Line: 1}, text) }

// load reads the documents of a file that the suite names.
func (s *suite) load(name string) []placed {
	p := path.Join(path.Dir(s.file), name)
	data, err := read(p)
	if err != nil {
		s.wrong(fmt.Sprintf("%s: %v", name, err))
		return nil
	}
	docs, problems := documents(source{p, data})
	s.out.Wrong = append(s.out.Wrong, problems...)
	if len(docs) == 0 && len(problems) == 0 {
		s.wrong(name + ": no document in the file")
	}
	return docs
}

func (s *suite) run(ctx context.Context, doc any) error {
	if at(doc, "skip") == true {
		s.out.Skipped++
		return nil
	}
	for _, t := range elements(at(doc, "tests")) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if at(t, "skip") == true {
			s.out.Skipped++
			continue
		}
		s.test(ctx, t)
	}
	return ctx.Err()
}

func (s *suite) test(ctx context.Context, t any) {
	name := textAt(t, "name")
	p := &Pack{}
	var faults Faults
	for _, d := range s.load(textAt(t, "template")) {
		faults = append(faults, p.Add(d.value, d.at)...)
	}
	if at(t, "invalid") == true {
		if s.out.Ran++; len(faults) == 0 && len(p.templates) > 0 {
			s.wrong(name + ": the template is valid and should not be")
		}
		return
	}
	for _, d := range s.load(textAt(t, "constraint")) {
		faults = append(faults, p.Add(d.value, d.at)...)
	}
	if s.out.Wrong = append(s.out.Wrong, faults...); len(faults) > 0 {
		return
	}
	if len(p.templates) != 1 || len(p.limits) != 1 || p.template(p.limits[0].Kind) == nil {
		s.wrong(name + ": wants one template and one constraint of its kind")
		return
	}
	for _, c := range elements(at(t, "cases")) {
		if at(c, "skip") == true {
			s.out.Skipped++
			continue
		}
		s.once(ctx, p, name+"/"+textAt(c, "name"), c)
	}
}

// once runs one case: the object under the constraint, and each assertion about the violations.
func (s *suite) once(ctx context.Context, p *Pack, name string, c any) {
	var inventory []any
	for _, file := range wordsAt(c, "inventory") {
		for _, d := range s.load(file) {
			inventory = append(inventory, d.value)
		}
	}
	docs := s.load(textAt(c, "object"))
	if len(docs) != 1 {
		if len(docs) > 1 {
			s.wrong(name + ": wants one object, not several")
		}
		return
	}
	found, err := p.Review(ctx, p.limits[0], &Review{Object: docs[0].value, Inventory: NewInventory(inventory)})
	if err != nil {
		s.wrong(name + ": " + err.Error())
		return
	}
	list := elements(at(c, "assertions"))
	if len(list) == 0 {
		s.wrong(name + ": no assertions")
	}
	for _, a := range list {
		s.out.Ran++
		s.assert(name, a, found)
	}
}

func (s *suite) assert(name string, a any, found []Violation) {
	n := len(found)
	if text := textAt(a, "message"); text != "" {
		re, err := regexp.Compile(text)
		if err != nil {
			s.wrong(fmt.Sprintf("%s: message: %v", name, err))
			return
		}
		n = 0
		for _, v := range found {
			if re.MatchString(v.Message) {
				n++
			}
		}
	}
	want := at(a, "violations")
	ok := false
	switch word := fmt.Sprint(want); word {
	case "<nil>", "yes", "true":
		ok, want = n > 0, "some"
	case "no", "false":
		ok, want = n == 0, "no"
	default:
		ok = word == fmt.Sprint(n)
	}
	if !ok {
		var messages []string
		for _, v := range found {
			messages = append(messages, v.Message)
		}
		s.wrong(strings.TrimSuffix(fmt.Sprintf("%s: wants %v violations, has %d: %s", name, want, n, strings.Join(messages, "; ")), ": "))
	}
}
