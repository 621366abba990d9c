package secret

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/plinthsec/plinth"
)

const (
	maxConfig  = 8 << 20 // bytes of a gitleaks configuration
	maxExtends = 3       // configurations that extend each other
)

// The form of a gitleaks configuration: https://github.com/gitleaks/gitleaks#configuration.
type (
	tomlConfig struct {
		Extend     tomlExtend
		Rules      []tomlRule
		Allowlist  tomlAllow
		Allowlists []tomlAllow
	}
	tomlExtend struct {
		Path, URL     string
		UseDefault    bool
		DisabledRules []string
	}
	tomlRule struct {
		ID, Description, Regex, Path string
		SecretGroup                  int
		Entropy                      float64
		Keywords                     []string
		Allowlist                    tomlAllow
		Allowlists                   []tomlAllow
		Required                     []tomlRequired
		SkipReport                   bool
	}
	tomlRequired struct {
		ID                         string
		WithinLines, WithinColumns int
	}
	tomlAllow struct {
		Description, Condition, RegexTarget string
		TargetRules                         []string
		Paths, Regexes, Commits, StopWords  []string
	}
)

// Config reads a gitleaks configuration and returns ours with its rules. name is the file, for messages; read gives another file
// that it extends. Where the configuration extends the default one of gitleaks, its allow lists and disabled rules hold for ours
// by their aliases.
func Config(name string, data []byte, read func(string) ([]byte, error), ours *Set) (*Set, error) {
	c, err := readConfig(name, data, read, maxExtends)
	if err != nil {
		return nil, err
	}
	t := tomlReader{name: name}
	for _, a := range append(c.Allowlists, c.Allowlist) {
		if t.allow(&t.global, a); t.err != nil {
			return nil, t.err
		}
	}
	var own []*entry
	extra := map[string][]allowance{} // of rules that have no regex of their own: they are ours
	for _, r := range c.Rules {
		if r.Regex == "" && r.Path == "" {
			var list []allowance
			for _, a := range append(r.Allowlists, r.Allowlist) {
				t.allow(&list, a)
			}
			extra[strings.ToLower(r.ID)] = list
			continue
		}
		rule := t.rule(r)
		if t.err != nil {
			return nil, fmt.Errorf("%s: rule %s: %w", name, r.ID, t.err)
		}
		own = append(own, given(rule))
	}
	if c.Extend.UseDefault {
		ours = t.defaults(ours, c.Extend.DisabledRules, extra)
	}
	return Join(ours, newSet(own)), t.err
}

// readConfig reads a configuration with those that it extends. A rule of the same id adds to the one that is extended.
func readConfig(name string, data []byte, read func(string) ([]byte, error), depth int) (*tomlConfig, error) {
	if len(data) > maxConfig {
		return nil, fmt.Errorf("%s is larger than %d MiB", name, maxConfig>>20)
	}
	var c tomlConfig
	if _, err := toml.Decode(string(data), &c); err != nil {
		var at toml.ParseError
		if errors.As(err, &at) {
			return nil, Faults{{Kind: plinth.Broken, At: plinth.Location{Path: name, Line: int32(at.Position.Line), Col: int32(at.Position.Col)}, Text: at.Message}}
		}
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if c.Extend.Path == "" {
		return &c, nil
	}
	if depth == 0 {
		return nil, fmt.Errorf("%s: more than %d configurations extend each other", name, maxExtends)
	}
	at := c.Extend.Path
	if !filepath.IsAbs(at) {
		at = filepath.Join(filepath.Dir(name), at)
	}
	more, err := read(at)
	if err != nil {
		return nil, fmt.Errorf("%s extends %s: %w", name, c.Extend.Path, err)
	}
	base, err := readConfig(at, more, read, depth-1)
	if err != nil {
		return nil, err
	}
	base.extend(&c)
	return base, nil
}

// extend adds a configuration to the one that it extends.
func (c *tomlConfig) extend(by *tomlConfig) {
	c.Rules = slices.DeleteFunc(c.Rules, func(r tomlRule) bool { return slices.Contains(by.Extend.DisabledRules, r.ID) })
	for _, r := range by.Rules {
		i := slices.IndexFunc(c.Rules, func(o tomlRule) bool { return o.ID == r.ID })
		if i < 0 {
			c.Rules = append(c.Rules, r)
			continue
		}
		o := &c.Rules[i]
		for _, s := range []struct {
			to   *string
			from string
		}{{&o.Description, r.Description}, {&o.Regex, r.Regex}, {&o.Path, r.Path}} {
			if s.from != "" {
				*s.to = s.from
			}
		}
		if r.Entropy != 0 {
			o.Entropy = r.Entropy
		}
		if r.SecretGroup != 0 {
			o.SecretGroup = r.SecretGroup
		}
		o.Keywords = append(o.Keywords, r.Keywords...)
		o.Allowlists = append(append(o.Allowlists, r.Allowlists...), r.Allowlist)
	}
	c.Allowlists = append(append(c.Allowlists, by.Allowlists...), by.Allowlist)
	c.Extend.UseDefault = c.Extend.UseDefault || by.Extend.UseDefault
	c.Extend.DisabledRules = append(c.Extend.DisabledRules, by.Extend.DisabledRules...)
}

// tomlReader turns a configuration into rules. It keeps the first error.
type tomlReader struct {
	name   string
	global []allowance
	err    error
}

func (t *tomlReader) compile(list []string) []*regexp.Regexp {
	var out []*regexp.Regexp
	for _, s := range list {
		re, err := regexp.Compile(s)
		if err != nil && t.err == nil {
			t.err = fmt.Errorf("%s: %w", t.name, err)
		}
		if re != nil {
			out = append(out, re)
		}
	}
	return out
}

func (t *tomlReader) allow(to *[]allowance, a tomlAllow) {
	if len(a.Paths)+len(a.Regexes)+len(a.Commits)+len(a.StopWords) == 0 {
		return
	}
	out := allowance{why: a.Description, config: t.name, paths: t.compile(a.Paths), regexes: t.compile(a.Regexes), onlyRule: a.TargetRules}
	for _, s := range a.StopWords {
		out.stops = append(out.stops, strings.ToLower(s))
	}
	for _, s := range a.Commits {
		out.commits = append(out.commits, strings.ToLower(s))
	}
	switch strings.ToUpper(a.Condition) {
	case "", "OR", "||":
	case "AND", "&&":
		out.all = true
	default:
		t.err = fmt.Errorf("%s: an allow list has the condition %q; there are AND and OR", t.name, a.Condition)
	}
	switch a.RegexTarget {
	case "", "secret":
	case "match":
		out.target = onMatch
	case "line":
		out.target = onLine
	default:
		t.err = fmt.Errorf("%s: an allow list has the regexTarget %q; there are secret, match and line", t.name, a.RegexTarget)
	}
	*to = append(*to, out)
}

// rule turns a rule of the configuration into ours.
func (t *tomlReader) rule(r tomlRule) *Rule {
	title := strings.TrimSuffix(strings.TrimSpace(r.Description), ".")
	if title == "" {
		title = r.ID
	}
	out := &Rule{File: t.name, form: formFile, scope: scopeFile, allows: t.forRule(r.ID), hidden: r.SkipReport}
	out.Rule = plinth.Rule{
		ID: r.ID, Engine: Name, Aliases: []string{"gitleaks:" + r.ID}, Title: title, Severity: plinth.High, CWE: []string{"CWE-798"},
		Why: "Whoever reads the text holds the credential and can use it wherever it is accepted.",
		Fix: "Revoke it where it was issued, keep the new one in a secret store, and look there for uses that are not yours.",
	}
	faint := out.Rule
	faint.Severity = plinth.Info
	out.faint, out.check = &faint, check{entropy: r.Entropy, plain: true}
	if r.Path != "" {
		if list := t.compile([]string{r.Path}); len(list) > 0 {
			out.pathExpr = list[0]
		}
	}
	for _, a := range append(r.Allowlists, r.Allowlist) {
		t.allow(&out.allows, a)
	}
	for _, q := range r.Required {
		out.required = append(out.required, partner{q.ID, q.WithinLines, q.WithinColumns})
	}
	if r.Regex == "" {
		return out
	}
	out.form = formText
	for _, k := range r.Keywords {
		if k = strings.ToLower(k); k != "" && !slices.Contains(out.Keywords, k) {
			out.Keywords = append(out.Keywords, k)
		}
	}
	re, err := regexp.Compile(r.Regex)
	if err != nil {
		t.err = err
		return out
	}
	if r.SecretGroup > re.NumSubexp() {
		t.err = fmt.Errorf("secretGroup is %d, and the regex has %d groups", r.SecretGroup, re.NumSubexp())
	}
	out.group, out.expr = r.SecretGroup, func() *regexp.Regexp { return re }
	return out
}

// forRule returns the global allow lists that are for a rule.
func (t *tomlReader) forRule(id string) []allowance {
	var out []allowance
	for _, a := range t.global {
		if len(a.onlyRule) == 0 || slices.Contains(a.onlyRule, id) {
			out = append(out, a)
		}
	}
	return out
}

// defaults returns our rules as the configuration wants them: without the disabled ones, with its allow lists.
func (t *tomlReader) defaults(ours *Set, disabled []string, extra map[string][]allowance) *Set {
	var out []*entry
	for _, r := range ours.All(func(plinth.Problem) {}) {
		names := []string{r.ID}
		for _, a := range r.Aliases {
			if id, ok := strings.CutPrefix(a, "gitleaks:"); ok {
				names = append(names, id)
			}
		}
		if slices.ContainsFunc(names, func(n string) bool { return slices.Contains(disabled, n) }) {
			continue
		}
		clone := *r
		for _, n := range names {
			clone.allows = append(append(clone.allows, t.forRule(n)...), extra[strings.ToLower(n)]...)
		}
		out = append(out, given(&clone))
	}
	return newSet(out)
}
