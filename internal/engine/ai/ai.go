// Package ai looks for artificial intelligence in code: which libraries, models, prompts, servers and agents there are, as resources,
// and what about them lets a stranger in, as findings.
//
// Programs are read by their words (lex.go): comments and strings are known, calls and their arguments, nothing else. What an audit
// says, and which calls it means, stands in audits.yaml.
package ai

import (
	"cmp"
	"context"
	_ "embed" // the audits and libraries
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/graph"
	"github.com/plinthsec/plinth/internal/rule"
)

// Name is the engine's name, in reports and for --only and --skip.
const Name = "ai"

const (
	maxProgram  = 2 << 20 // bytes of a program that is read: longer ones are generated or minified
	maxLine     = 5000    // bytes of its longest line: longer ones are minified
	maxFindings = 200     // of one audit in one file
)

//go:embed audits.yaml
var audits []byte

//go:embed libraries.yaml
var libraries []byte

// Audits reads the audits that come with the product, sorted by id.
func Audits() ([]*plinth.Rule, error) { return rule.Audits(Name, "audits.yaml", audits) }

// audit is one thing that the engine looks for in calls.
type audit struct {
	rule  *plinth.Rule
	in    []language
	calls []string
	with  []string
	has   []condition
	lacks []condition

	anywhere []string // names of arguments, where the audit is about calls of any function
}

// condition is about an argument: one of names, any where names is "*", the first without a name where it is "".
type condition struct {
	names []string
	text  *regexp.Regexp
}

// catalog is what libraries.yaml says.
type catalog struct {
	Python, Script, Golang, Java, Dotnet, Rust []string
	Models, With, Personal                     []string
}

// Engine looks at files. It is safe for concurrent use.
type Engine struct {
	rules map[string]*plinth.Rule
	calls []*audit
	known catalog
	words map[language]*finder
	first map[language]*finder // of the words without which a program is not read
	load  func() error         // reads the embedded data, once somebody needs them

	rooms     sync.Pool // of *[]word
	mu        sync.Mutex
	found     []plinth.Finding
	resources map[plinth.ID]*plinth.Resource
}

// New returns an engine for the audits.
func New(list []*plinth.Rule) *Engine {
	e := &Engine{rules: map[string]*plinth.Rule{}, resources: map[plinth.ID]*plinth.Resource{}}
	for _, r := range list {
		e.rules[r.ID] = r
	}
	e.load = sync.OnceValue(e.read)
	return e
}

// read reads which calls the audits mean, and the names of libraries.
func (e *Engine) read() error {
	if err := yaml.Unmarshal(libraries, &e.known); err != nil {
		return fmt.Errorf("libraries.yaml: %w", err)
	}
	var forms map[string]struct {
		In, Calls, With []string
		Has, Lacks      map[string]string
	}
	if err := yaml.Unmarshal(audits, &forms); err != nil {
		return fmt.Errorf("audits.yaml: %w", err)
	}
	languages := map[string]language{"python": python, "script": script, "golang": golang}
	for id, f := range forms {
		r := e.rules[Name+"-"+id]
		if r == nil || len(f.Calls) == 0 {
			continue
		}
		a := &audit{rule: r, calls: f.Calls, with: f.With}
		for _, l := range f.In {
			a.in = append(a.in, languages[l])
		}
		var err error
		if a.has, err = conditions(f.Has); err == nil {
			a.lacks, err = conditions(f.Lacks)
		}
		if err != nil {
			return fmt.Errorf("audits.yaml: %s: %w", id, err)
		}
		if slices.Contains(a.calls, "*") {
			for _, k := range a.has {
				a.anywhere = append(a.anywhere, k.names...)
			}
		}
		e.calls = append(e.calls, a)
	}
	slices.SortFunc(e.calls, func(a, b *audit) int { return strings.Compare(a.rule.ID, b.rule.ID) })
	e.words, e.first = map[language]*finder{}, map[language]*finder{}
	for _, lang := range languages {
		e.first[lang] = newFinder(wordsOf(lang))
		all := slices.Clone(e.known.With)
		for _, a := range e.calls {
			if slices.Contains(a.in, lang) {
				all = append(all, a.with...)
			}
		}
		e.words[lang] = newFinder(all)
	}
	return nil
}

func conditions(m map[string]string) ([]condition, error) {
	var out []condition
	for names, text := range m {
		re, err := regexp.Compile(text)
		if err != nil {
			return nil, err
		}
		out = append(out, condition{strings.Split(names, "|"), re})
	}
	return out, nil
}

// Name is the engine's name.
func (e *Engine) Name() string { return Name }

// Knows tells whether an audit of this engine answers to an id.
func (e *Engine) Knows(id string) bool { return e.rules[id] != nil }

// File looks at a file of the target, or at a member of an archive, and tells whether there is something in it.
func (e *Engine) File(name string, data []byte, problem func(plinth.Problem)) bool {
	if len(data) == 0 {
		return false
	}
	l := &look{engine: e, path: name, base: strings.ToLower(path.Base(name)), data: data}
	if strings.HasSuffix(l.base, ".ipynb") {
		l.data = notebook(data)
	}
	switch lang := languageOf(name); {
	case lang != noLanguage:
		if l.loaded(problem) {
			l.program(lang)
		}
	case l.binary():
	default:
		if form := manifestOf(l.path, l.base); form != nil && l.loaded(problem) {
			l.manifest(form)
		}
		if strings.HasSuffix(l.base, ".json") {
			l.lambdas()
		}
		l.settings()
		l.started()
		l.prompt()
	}
	return e.keep(l)
}

// keep keeps what a file gave, and tells whether it gave something.
func (e *Engine) keep(l *look) bool {
	if len(l.found) == 0 && len(l.resources) == 0 {
		return false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.found = append(e.found, l.found...)
	for _, r := range l.resources {
		if e.resources[r.ID] == nil {
			e.resources[r.ID] = r
		}
	}
	return true
}

// loaded tells whether the embedded data are there.
func (l *look) loaded(problem func(plinth.Problem)) bool {
	err := l.engine.load()
	if err != nil {
		problem(plinth.Problem{Kind: plinth.Internal, At: plinth.Location{Path: l.path}, Text: err.Error()})
	}
	return err == nil
}

// Resources are what the files use of artificial intelligence, sorted by id.
func (e *Engine) Resources() []*plinth.Resource {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := make([]*plinth.Resource, 0, len(e.resources))
	for _, r := range e.resources {
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b *plinth.Resource) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// Check hands over what was found in the files.
func (e *Engine) Check(ctx context.Context, _ *graph.Graph, _ int, report func(plinth.Finding), _ func(plinth.Problem)) (plinth.Coverage, error) {
	for _, f := range e.found {
		report(f)
	}
	return plinth.Coverage{Rules: len(e.rules), Resources: len(e.resources)}, ctx.Err()
}

// look is one file that is being looked at.
type look struct {
	engine    *Engine
	path      string
	base      string // the last part of the path in lower case
	data      []byte
	found     []plinth.Finding
	resources []*plinth.Resource
	file      *plinth.Resource
	counts    map[string]int
}

// resource notes something that the file uses.
func (l *look) resource(typ, what string, at plinth.Location, fields ...plinth.Field) {
	what = strings.Clone(what) // it would keep the text of the whole file
	decl := &plinth.Declaration{Address: l.path + "#" + what, Type: typ, At: at, Header: at}
	fields = append([]plinth.Field{{Key: "name", Value: plinth.StringOf(what)}}, fields...)
	l.resources = append(l.resources, &plinth.Resource{
		ID: plinth.ID("ai:" + l.path + "#" + typ + "/" + what), Type: typ, Name: what, Decl: decl, Props: plinth.MapOf(fields),
	})
}

// report notes a finding. key tells it from others of its rule in the file, without line numbers.
func (l *look) report(id string, at plinth.Location, key, message string) {
	r := l.engine.rules[Name+"-"+id]
	if r == nil {
		return
	}
	if l.counts == nil {
		l.counts = map[string]int{}
		whole := plinth.Location{Path: l.path, Line: 1, Col: 1, EndLine: 1, EndCol: 1}
		l.file = &plinth.Resource{ID: plinth.ID("ai:" + l.path), Type: "ai/File", Name: path.Base(l.path), Decl: &plinth.Declaration{Address: l.path, Type: "ai/File", At: whole, Header: whole}}
	}
	if l.counts[id]++; l.counts[id] > maxFindings {
		return
	}
	if n := l.counts[id+"\x00"+key]; n > 0 {
		l.counts[id+"\x00"+key]++
		key = fmt.Sprintf("%s %d", key, n+1)
	} else {
		l.counts[id+"\x00"+key] = 1
	}
	l.found = append(l.found, plinth.Finding{Rule: r, Resource: l.file, Decl: l.file.Decl, At: at, Path: key, Message: message, Verdict: plinth.Fail})
}
