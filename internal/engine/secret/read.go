package secret

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/document"
	"github.com/plinthsec/plinth/internal/engine/secret/verify"
	"github.com/plinthsec/plinth/internal/value"
)

var (
	idForm     = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)+$`)
	cweForm    = regexp.MustCompile(`^CWE-[0-9]+$`)
	attackForm = regexp.MustCompile(`^T[0-9]{4}(\.[0-9]{3})?$`)
)

var (
	fields      = []string{"id", "aliases", "title", "severity", "opens", "revoke", "cwe", "attack", "links", "generic", "find", "check", "verify", "owner", "examples"}
	findFields  = []string{"keywords", "token", "near", "assign", "regex", "gap", "with", "within", "follow", "needs", "under", "paths"}
	checkFields = []string{"entropy", "digits", "lower", "upper", "distinct", "checksum", "structure", "plain", "mixed", "value", "not"}
	forms       = map[string]form{"token": formToken, "near": formNear, "assign": formAssign, "regex": formText}
)

// reading turns one file into a rule.
type reading struct {
	file     string
	props    plinth.Value
	at       plinth.Location
	problems []plinth.Problem
}

func (r *reading) fault(v plinth.Value, format string, args ...any) {
	at := r.at
	if o := v.Origin(); o != nil && o.At.Line > 0 {
		at = o.At
	}
	r.problems = append(r.problems, plinth.Problem{Kind: plinth.Broken, At: at, Text: fmt.Sprintf(format, args...)})
}

func parse(file, text string) *reading {
	r := &reading{file: file, at: plinth.Location{Path: file, Line: 1, Col: 1}}
	var p document.Parser
	count := 0
	r.problems = p.Parse(file, []byte(text), func(d document.Document) {
		count++
		r.props = d.Value
	})
	if len(r.problems) == 0 && (count != 1 || r.props.Kind() != plinth.Map) {
		r.fault(plinth.Value{}, "a rule file holds one rule, a map that begins with id:")
	}
	return r
}

// readRule turns the text of a file into a rule. The rule is nil when there are problems.
func readRule(file, data string, h heading) (*Rule, []plinth.Problem) {
	if v, ok := document.Plain(data[:h.cut]); ok {
		r := &reading{file: file, at: plinth.Location{Path: file, Line: 1, Col: 1}, props: v}
		if rule, problems := r.rule(data, h); len(problems) == 0 {
			return rule, nil
		}
	}
	r := parse(file, data[:h.cut])
	if len(r.problems) > 0 {
		return nil, r.problems
	}
	return r.rule(data, h)
}

// rule turns the fields of a file into a rule.
func (r *reading) rule(data string, h heading) (*Rule, []plinth.Problem) {
	r.known(r.props, fields, "")
	rule := &Rule{File: r.file, examples: func() ([]Example, []Example, []plinth.Problem) { return readExamples(r.file, data) }}
	r.words(rule)
	if find, ok := r.props.Get("find"); !ok || find.Kind() != plinth.Map {
		r.fault(find, "the rule has no find: what it looks for")
	} else {
		r.find(rule, find)
	}
	if c, ok := r.props.Get("check"); ok {
		r.check(rule, c)
	}
	if v, ok := r.props.Get("verify"); ok {
		rule.recipe = verify.Read(v, r.fault)
	}
	if name, v := r.text(r.props, "owner", false); name != "" {
		if rule.owner = owners[name]; rule.owner == nil {
			r.fault(v, "there is no owner %s%s", name, value.Hint(name, names(owners)))
		}
	}
	faint := rule.Rule
	faint.Severity = min(faint.Severity, plinth.Info)
	rule.faint = &faint
	if !slices.Equal(rule.Keywords, h.keywords) {
		r.fault(plinth.Value{}, "the keywords are one list in brackets, in the line of keywords:")
	}
	if len(r.problems) > 0 {
		return nil, r.problems
	}
	return rule, nil
}

// known complains of fields that there are not.
func (r *reading) known(v plinth.Value, names []string, where string) {
	for _, f := range v.Fields() {
		if !slices.Contains(names, f.Key) {
			r.fault(f.Value, "there is no field %s%s%s", f.Key, where, value.Hint(f.Key, names))
		}
	}
}

func (r *reading) text(in plinth.Value, key string, needed bool) (string, plinth.Value) {
	v, ok := in.Get(key)
	switch {
	case !ok && needed:
		r.fault(v, "the rule has no %s", key)
	case ok && v.Kind() != plinth.String:
		r.fault(v, "%s is a text", key)
	case ok && needed && strings.TrimSpace(v.Str()) == "":
		r.fault(v, "%s is empty", key)
	}
	return strings.TrimSpace(v.Str()), v
}

func (r *reading) list(in plinth.Value, key string, like *regexp.Regexp) []string {
	v, ok := in.Get(key)
	if !ok {
		return nil
	}
	if v.Kind() != plinth.List {
		r.fault(v, "%s is a list", key)
		return nil
	}
	var out []string
	for _, e := range v.List() {
		switch {
		case e.Kind() != plinth.String || e.Str() == "":
			r.fault(e, "%s holds texts", key)
		case like != nil && !like.MatchString(e.Str()):
			r.fault(e, "%s in %s does not look like %s", e.Str(), key, like)
		}
		out = append(out, e.Str())
	}
	return out
}

func (r *reading) number(in plinth.Value, key string, most float64) float64 {
	v, ok := in.Get(key)
	if ok && (v.Kind() != plinth.Number || v.Num() < 0 || v.Num() > most) {
		r.fault(v, "%s is a number from 0 to %v", key, most)
		return 0
	}
	return v.Num()
}

func (r *reading) truth(in plinth.Value, key string) bool {
	v, ok := in.Get(key)
	if ok && v.Kind() != plinth.Bool {
		r.fault(v, "%s is true or false", key)
	}
	return v.Bool()
}

// words reads what is for people.
func (r *reading) words(rule *Rule) {
	var v plinth.Value
	rule.Engine = Name
	if rule.ID, v = r.text(r.props, "id", true); rule.ID != "" && !idForm.MatchString(rule.ID) {
		r.fault(v, "an id is lower-case words joined by -, as in github-token")
	}
	rule.Aliases = r.list(r.props, "aliases", nil)
	rule.Title, v = r.text(r.props, "title", true)
	switch {
	case utf8.RuneCountInString(rule.Title) > maxTitle:
		r.fault(v, "the title has more than %d characters", maxTitle)
	case strings.HasSuffix(rule.Title, ".") || strings.Contains(rule.Title, "\n"):
		r.fault(v, "the title is one line without a full stop")
	}
	rule.Why, _ = r.text(r.props, "opens", true)
	rule.Fix, _ = r.text(r.props, "revoke", true)
	severity, v := r.text(r.props, "severity", true)
	var ok bool
	if rule.Severity, ok = plinth.ParseSeverity(severity); !ok && severity != "" {
		r.fault(v, "there is no severity %s; there are info, low, medium, high and critical", severity)
	}
	rule.CWE = r.list(r.props, "cwe", cweForm)
	rule.Attack = r.list(r.props, "attack", attackForm)
	rule.Links = r.list(r.props, "links", nil)
	rule.generic = r.truth(r.props, "generic")
}

// find reads what the rule looks for.
func (r *reading) find(rule *Rule, find plinth.Value) {
	r.known(find, findFields, " in find")
	rule.Keywords = r.list(find, "keywords", nil)
	for i, k := range rule.Keywords {
		if len(k) == 0 || len(k) > 64 || k != strings.ToLower(k) {
			r.fault(find, "keyword %q: keywords are written in lower case and have 1 to 64 characters", rule.Keywords[i])
		}
	}
	rule.paths = r.list(find, "paths", nil)
	for _, p := range rule.paths {
		if s, ok := strings.CutPrefix(p, "*."); ok && !strings.ContainsAny(s, "*?[{/") {
			rule.endings = append(rule.endings, "."+s)
		}
	}
	rule.with = r.list(find, "with", nil)
	if slices.Contains(rule.with, "key") {
		rule.with = append(slices.DeleteFunc(rule.with, func(s string) bool { return s == "key" }), keyWords...)
	}
	if rule.gap = int(r.number(find, "gap", maxGap)); rule.gap == 0 {
		rule.gap = defaultGap
	}
	rule.form = formFile
	source := ""
	for name, f := range forms {
		if src, v := r.text(find, name, false); src != "" {
			if source != "" {
				r.fault(v, "find has one of token, near, assign and regex")
			}
			source, rule.form = src, f
		}
	}
	switch {
	case rule.form == formFile && (len(rule.paths) == 0 || len(rule.Keywords) > 0):
		r.fault(find, "find has token, near, assign or regex; a rule for whole files has paths and no keywords")
	case rule.form == formFile:
	case len(rule.Keywords) == 0:
		r.fault(find, "find has no keywords: words of which one is in every text that is found")
	case rule.form == formText:
		r.regex(rule, find, source)
	default:
		r.shape(rule, find, source)
	}
}

func (r *reading) shape(rule *Rule, find plinth.Value, source string) {
	p, err := compilePattern(source)
	if err != nil {
		r.fault(find, "%s: %v", source, err)
		return
	}
	rule.pattern, rule.edge, rule.first, rule.bare = p, *p.last(), p.begin(), p.bare()
	for _, k := range rule.Keywords {
		o, ok := p.place(k)
		rule.offsets = append(rule.offsets, o)
		if !ok && rule.form == formToken {
			r.fault(find, "the keyword %s is no part of %s", k, source)
		}
	}
}

func (r *reading) regex(rule *Rule, find plinth.Value, source string) {
	re, err := syntax.Parse(source, syntax.Perl)
	if err != nil {
		r.fault(find, "regex: %v", err)
		return
	}
	rule.expr = lazy(source)
	rule.group, rule.must = secretGroup(re), mandatory(re)
	if needs, v := r.text(find, "needs", false); needs != "" {
		if rule.needs, err = regexp.Compile(needs); err != nil {
			r.fault(v, "needs: %v", err)
		}
	}
	if follow, _ := r.text(find, "follow", false); follow != "" {
		bytes := ofBytes(follow)
		rule.follow = &bytes
	}
	rule.under = r.list(find, "under", nil)
	v, ok := find.Get("within")
	switch {
	case !ok || v.Str() == "line":
	case v.Kind() == plinth.Number:
		rule.scope, rule.reach = scopeBytes, int(r.number(find, "within", maxWindow))
	case v.Str() == "document":
		rule.scope = scopeDocument
	case v.Str() == "block":
		rule.scope = scopeBlock
	default:
		r.fault(v, "within is line, document, block or a number of bytes")
	}
}

// secretGroup returns the number of the group called secret; 0 for the first group that holds something.
func secretGroup(re *syntax.Regexp) int {
	return max(0, slices.Index(re.CapNames(), "secret"))
}

// check reads the conditions on the secret.
func (r *reading) check(rule *Rule, c plinth.Value) {
	r.known(c, checkFields, " in check")
	k := &rule.check
	k.entropy = r.number(c, "entropy", 8)
	k.digits, k.lower, k.upper = int(r.number(c, "digits", 100)), int(r.number(c, "lower", 100)), int(r.number(c, "upper", 100))
	k.distinct = int(r.number(c, "distinct", 64))
	k.plain, k.mixed, k.value = r.truth(c, "plain"), r.truth(c, "mixed"), r.truth(c, "value")
	if name, v := r.text(c, "checksum", false); name != "" {
		if k.checksum = checksums[name]; k.checksum == nil {
			r.fault(v, "there is no checksum %s%s", name, value.Hint(name, names(checksums)))
		}
		weaker := rule.Rule
		weaker.Severity = min(weaker.Severity, plinth.Medium)
		rule.weaker = &weaker
	}
	if name, v := r.text(c, "structure", false); name != "" {
		if k.structure = structures[name]; k.structure == nil {
			r.fault(v, "there is no structure %s%s", name, value.Hint(name, names(structures)))
		}
	}
	not, ok := c.Get("not")
	if !ok {
		return
	}
	r.known(not, []string{"words", "regex"}, " in not")
	for _, w := range r.list(not, "words", nil) {
		k.words = append(k.words, strings.ToLower(w))
	}
	if src, v := r.text(not, "regex", false); src != "" {
		var err error
		if k.not, err = regexp.Compile(src); err != nil {
			r.fault(v, "not: %v", err)
		}
	}
}

func names[T any](m map[string]T) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// readExamples reads the examples of a file: texts in base64, since hosts of repositories refuse what looks like a live secret.
// An example is a text, or a map with the path that the text stands in.
func readExamples(file, data string) (found, clean []Example, problems []plinth.Problem) {
	r := parse(file, data)
	if len(r.problems) > 0 {
		return nil, nil, r.problems
	}
	all, _ := r.props.Get("examples")
	r.known(all, []string{"good", "bad"}, " in examples")
	for _, kind := range []string{"good", "bad"} {
		list, _ := all.Get(kind)
		if list.Kind() != plinth.List || list.Len() == 0 {
			r.fault(all, "the rule has no %s example", kind)
		}
		for _, v := range list.List() {
			ex, ok := r.example(v)
			switch {
			case !ok:
			case kind == "good":
				found = append(found, ex)
			default:
				clean = append(clean, ex)
			}
		}
	}
	return found, clean, r.problems
}

func (r *reading) example(v plinth.Value) (Example, bool) {
	ex := Example{Path: "sample.txt", At: r.at}
	if o := v.Origin(); o != nil {
		ex.At = o.At
	}
	if v.Kind() == plinth.Map {
		r.known(v, []string{"path", "text"}, " in an example")
		ex.Path, _ = r.text(v, "path", true)
		v, _ = v.Get("text")
	}
	coded, ok := strings.CutPrefix(v.Str(), "b64:")
	data, err := base64.StdEncoding.DecodeString(coded)
	if !ok || err != nil || v.Kind() != plinth.String {
		r.fault(v, "an example is a text in base64 that begins with b64:, or a map with path and text")
		return Example{}, false
	}
	ex.Text = data
	return ex, true
}
