package secret

import (
	"regexp"
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
)

// allowance is an allow list of a gitleaks configuration: what it covers is silenced. The zero allowance covers nothing.
type allowance struct {
	why      string
	all      bool // every kind of condition that is given must hold, not any
	target   target
	paths    []*regexp.Regexp
	regexes  []*regexp.Regexp
	stops    []string
	commits  []string
	config   string
	onlyRule []string // ids of the rules that a global list is for; empty: all
}

// target is what the regular expressions of an allow list look at.
type target uint8

const (
	onSecret target = iota
	onMatch
	onLine
)

// covers tells whether the list silences a match. A commit is known only of histories, "" stands for none.
func (a *allowance) covers(path, commit, secret, match, line string) bool {
	var holds []bool
	if len(a.commits) > 0 {
		holds = append(holds, commit != "" && slices.Contains(a.commits, strings.ToLower(commit)))
	}
	if len(a.paths) > 0 {
		holds = append(holds, matchesAny(a.paths, path))
	}
	if len(a.regexes) > 0 {
		holds = append(holds, matchesAny(a.regexes, [...]string{secret, match, line}[a.target]))
	}
	if len(a.stops) > 0 {
		low := strings.ToLower(secret)
		holds = append(holds, slices.ContainsFunc(a.stops, func(w string) bool { return strings.Contains(low, w) }))
	}
	if len(holds) == 0 {
		return false
	}
	if a.all {
		return !slices.Contains(holds, false)
	}
	return slices.Contains(holds, true)
}

func (a *allowance) suppression() *plinth.Suppression {
	why := "allow list of " + a.config
	if a.why != "" {
		why += ": " + a.why
	}
	return &plinth.Suppression{By: "config", Why: why}
}

func matchesAny(list []*regexp.Regexp, s string) bool {
	return slices.ContainsFunc(list, func(r *regexp.Regexp) bool { return r.MatchString(s) })
}

// partner is a rule that must match near a match of another one.
type partner struct {
	id            string
	lines, column int // at most so many lines and columns away; 0: anywhere
}

// together leaves out the matches whose companions are missing, and those of rules that exist for others only.
func together(list []match, l *lines) []match {
	if !slices.ContainsFunc(list, func(m match) bool { return m.rule.hidden || len(m.rule.required) > 0 }) {
		return list
	}
	var out []match
	for i := range list {
		m := &list[i]
		if !m.rule.hidden && !slices.ContainsFunc(m.rule.required, func(c partner) bool { return !c.near(m, list, l) }) {
			out = append(out, *m)
		}
	}
	return out
}

func (c partner) near(m *match, list []match, l *lines) bool {
	line, column := l.place(m.at.start)
	return slices.ContainsFunc(list, func(o match) bool {
		if o.rule.ID != c.id {
			return false
		}
		a, b := l.place(o.at.start)
		return (c.lines == 0 || distance(a, line) <= c.lines) && (c.column == 0 || distance(b, column) <= c.column)
	})
}

func distance(a, b int) int { return max(a-b, b-a) }
