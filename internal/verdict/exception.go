package verdict

import (
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/tree"
)

// Accepted is a list of exceptions that remembers which of them silenced something.
type Accepted struct {
	By   string // config or baseline
	list []plinth.Exception
	used []bool
}

// Accept returns the exceptions as something that suppresses findings; by is config or baseline.
func Accept(by string, list []plinth.Exception) *Accepted {
	return &Accepted{By: by, list: list, used: make([]bool, len(list))}
}

// Suppress marks the findings that one of the exceptions is about. today is a date, YYYY-MM-DD, from which an exception that ended
// before does not count.
func (a *Accepted) Suppress(findings []plinth.Finding, today string) {
	for i := range findings {
		f := &findings[i]
		for k := range a.list {
			x := &a.list[k]
			if f.Verdict == plinth.Pass || x.Until != "" && x.Until < today || !meets(x, f) {
				continue
			}
			a.used[k] = true
			if f.Suppressed == nil {
				f.Suppressed = &plinth.Suppression{By: a.By, Why: x.Why, Until: x.Until, At: x.At}
			}
			break
		}
	}
}

// Unused tells the exceptions that silenced nothing, and those that have ended.
func (a *Accepted) Unused(today string, problem func(plinth.Problem)) {
	for k := range a.list {
		x := &a.list[k]
		switch {
		case x.Until != "" && x.Until < today:
			problem(plinth.Problem{Kind: plinth.Unused, At: x.At, Text: "the exception for " + words(x) + " ended on " + x.Until})
		case !a.used[k]:
			problem(plinth.Problem{Kind: plinth.Unused, At: x.At, Text: "the exception for " + words(x) + " silences nothing"})
		}
	}
}

func words(x *plinth.Exception) string {
	for _, list := range [][]string{x.Rules, x.Resources, x.Paths} {
		if len(list) > 0 {
			return strings.Join(list, ", ")
		}
	}
	return "everything"
}

func meets(x *plinth.Exception, f *plinth.Finding) bool {
	return wanted(x.Rules, func(id string) bool { return answersTo(f, strings.ToLower(id)) }) &&
		wanted(x.Paths, func(p string) bool { return tree.Match(p, f.At.Path) }) &&
		wanted(x.Resources, func(p string) bool { return f.Decl != nil && named(p, f.Decl.Address) })
}

// wanted is true for no wish at all.
func wanted(list []string, ok func(string) bool) bool {
	for _, s := range list {
		if ok(s) {
			return true
		}
	}
	return len(list) == 0
}

// named tells whether an address fits a pattern in which * stands for any text.
func named(pattern, address string) bool {
	head, rest, wild := strings.Cut(pattern, "*")
	if !wild {
		return pattern == address
	}
	if !strings.HasPrefix(address, head) {
		return false
	}
	address = address[len(head):]
	for {
		part, more, again := strings.Cut(rest, "*")
		if !again {
			return strings.HasSuffix(address, part)
		}
		i := strings.Index(address, part)
		if i < 0 {
			return false
		}
		address, rest = address[i+len(part):], more
	}
}
