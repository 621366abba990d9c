package secret

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/plinthsec/plinth"
)

// Ignore is places at which a secret is known: a .gitleaksignore, or a report of gitleaks as a baseline.
type Ignore struct {
	places []known
}

// known is a place; an empty commit means every commit.
type known struct {
	commit, path, rule string
	line               int32
	by                 plinth.Suppression
}

// IgnoreFile reads a .gitleaksignore: lines of [commit:]path:rule:line; # begins a comment. A line of another form is a problem.
func IgnoreFile(name string, data []byte, problem func(plinth.Problem)) *Ignore {
	out := &Ignore{}
	n := int32(0)
	for line := range strings.SplitSeq(string(data), "\n") {
		n++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		k, ok := fingerprint(line)
		if !ok {
			problem(plinth.Problem{Kind: plinth.Unsupported, At: plinth.Location{Path: name, Line: n}, Text: "this line is no fingerprint, as in path:rule:line or commit:path:rule:line"})
			continue
		}
		k.by = plinth.Suppression{By: "config", Why: "listed in " + name, At: plinth.Location{Path: name, Line: n}}
		out.places = append(out.places, k)
	}
	return out
}

// fingerprint splits [commit:]path:rule:line. A path may hold colons.
func fingerprint(s string) (known, bool) {
	rest, last, ok := cutLast(s, ":")
	line, err := strconv.ParseInt(last, 10, 32)
	if !ok || err != nil {
		return known{}, false
	}
	rest, rule, ok := cutLast(rest, ":")
	if !ok || rule == "" || rest == "" {
		return known{}, false
	}
	k := known{path: rest, rule: strings.ToLower(rule), line: int32(line)}
	if commit, p, ok := strings.Cut(rest, ":"); ok && (len(commit) == 40 || len(commit) == 64) && strings.Trim(commit, "0123456789abcdef") == "" {
		k.commit, k.path = commit, p
	}
	k.path = path.Clean(strings.ReplaceAll(k.path, `\`, "/"))
	return k, true
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return "", "", false
	}
	return s[:i], s[i+len(sep):], true
}

// report is one finding of gitleaks' JSON.
type report struct {
	RuleID, File, Commit, Fingerprint string
	StartLine                         int32
}

// Baseline reads a JSON report of gitleaks. The secrets themselves may have been removed from it.
func Baseline(name string, data []byte) (*Ignore, error) {
	var list []report
	if err := json.Unmarshal(data, &list); err != nil {
		return nil, fmt.Errorf("read baseline %s: %w", name, err)
	}
	out := &Ignore{}
	for _, r := range list {
		k, ok := fingerprint(r.Fingerprint)
		if !ok {
			k = known{commit: r.Commit, path: path.Clean(strings.ReplaceAll(r.File, `\`, "/")), rule: strings.ToLower(r.RuleID), line: r.StartLine}
		}
		k.by = plinth.Suppression{By: "baseline", Why: "in the baseline " + name}
		out.places = append(out.places, k)
	}
	return out, nil
}

// Join adds the places of another one.
func (g *Ignore) Join(o *Ignore) {
	if o != nil {
		g.places = append(g.places, o.places...)
	}
}

// of returns what silences a sighting, nil where nothing does.
func (g *Ignore) of(s *sighting) *plinth.Suppression {
	if g == nil {
		return nil
	}
	for i := range g.places {
		k := &g.places[i]
		if k.path == s.at.Path && k.line == s.at.Line && (k.commit == "" || k.commit == s.commit) && s.answersTo(k.rule) {
			return &k.by
		}
	}
	return nil
}

// answersTo tells whether one of the rules of a sighting goes by a name of gitleaks or by its own.
func (s *sighting) answersTo(name string) bool {
	return slices.ContainsFunc(append([]*plinth.Rule{s.rule}, s.also...), func(r *plinth.Rule) bool {
		return r.ID == name || slices.ContainsFunc(r.Aliases, func(a string) bool { return strings.EqualFold(a, name) || strings.EqualFold(a, "gitleaks:"+name) })
	})
}
