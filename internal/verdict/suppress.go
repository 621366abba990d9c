package verdict

import (
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
)

// Comments are the suppressions that stand in the code of a target.
type Comments struct {
	Read    func(path string) ([]byte, error) // a file of the target
	Today   string                            // YYYY-MM-DD: what ended before does not count
	Files   []string                          // that hold suppressions, by Mentions; those without findings are looked at for unused ones
	Knows   func(id string) bool              // whether a rule that ran answers to an id; nil: unused ones are not told
	Problem func(plinth.Problem)
}

// Suppress marks the findings that a comment, an annotation or metadata in the code silences. A suppression of Plinth's own form
// without a reason is told as a problem and does not count; a peer's form without one is honoured and shown so. A comment that names
// a rule that ran and silences nothing is told as unused.
func (c Comments) Suppress(findings []plinth.Finding) {
	s := silencer{Comments: c, files: map[string][]note{}}
	for i := range findings {
		f := &findings[i]
		if f.Verdict == plinth.Pass || f.Suppressed != nil {
			continue
		}
		f.Suppressed = s.of(f)
	}
	if c.Knows != nil {
		s.unused()
	}
}

type silencer struct {
	Comments
	files map[string][]note
}

// unused tells the comments that silenced nothing although a rule that they name ran.
func (s *silencer) unused() {
	for _, file := range s.Files {
		for _, n := range s.notes(file) {
			if n.used != nil && *n.used || slices.ContainsFunc(n.ids, func(id string) bool { return strings.Contains(id, "*") }) || !slices.ContainsFunc(n.ids, s.Knows) {
				continue
			}
			s.Problem(plinth.Problem{Kind: plinth.Unused, At: n.at, Text: "the suppression of " + strings.Join(n.ids, ", ") + " silences nothing"})
		}
	}
}

func (s *silencer) notes(file string) []note {
	if file == "" {
		return nil
	}
	if n, ok := s.files[file]; ok {
		return n
	}
	var out []note
	if data, err := s.Read(file); err == nil {
		for _, n := range notes(file, data) {
			if n.own && n.why == "" {
				s.Problem(plinth.Problem{Kind: plinth.Unsupported, At: n.at, Text: `plinth:ignore without why="…" does not count`})
				continue
			}
			n.used = new(bool)
			out = append(out, n)
		}
	}
	s.files[file] = out
	return out
}

func (s *silencer) of(f *plinth.Finding) *plinth.Suppression {
	if n := s.declared(f); n != nil {
		return n
	}
	places := []plinth.Location{f.At}
	if f.Decl != nil {
		places = append(append(places, f.Decl.At), f.Decl.Callers...)
	}
	seen := ""
	for _, p := range places {
		if p.Path == seen {
			continue
		}
		seen = p.Path
		for _, n := range s.notes(p.Path) {
			if s.counts(&n, f) && covers(&n, f) {
				*n.used = true
				return s.suppression(n.why, n.until, n.at)
			}
		}
	}
	return nil
}

func (s *silencer) suppression(why, until string, at plinth.Location) *plinth.Suppression {
	if why == "" {
		why = "no reason given"
	}
	return &plinth.Suppression{By: "comment", Why: why, Until: until, At: at}
}

// counts tells whether a note names the finding's rule and has not ended.
func (s *silencer) counts(n *note, f *plinth.Finding) bool {
	if n.until != "" && n.until < s.Today {
		return false
	}
	if n.attr != "" && !hasArgument(f, n.attr, n.value) {
		return false
	}
	return slices.ContainsFunc(n.ids, func(id string) bool { return answersTo(f, id) })
}

// answersTo tells whether the finding goes by a name, in lower case; a name may end in *.
func answersTo(f *plinth.Finding, id string) bool {
	match := func(name string) bool {
		name = strings.ToLower(name)
		if head, pattern := strings.CutSuffix(id, "*"); pattern {
			return strings.HasPrefix(name, head)
		}
		return name == id
	}
	return match(f.Rule.ID) || slices.ContainsFunc(f.Aliases(), match)
}

func hasArgument(f *plinth.Finding, name, want string) bool {
	if f.Resource == nil {
		return false
	}
	v, ok := f.Resource.Source.At(strings.Split(name, ".")...)
	if !ok {
		v, ok = f.Resource.Props.At(strings.Split(name, ".")...)
	}
	return ok && (v.Str() == want || strings.Trim(v.String(), `"`) == strings.Trim(want, `"'`))
}

// covers tells whether a note speaks of the finding's place: the line or block that decides, the block that declares it, or a
// module call that leads to it.
func covers(n *note, f *plinth.Finding) bool {
	file := n.at.Path
	within := func(l plinth.Location, line int32) bool {
		return l.Path == file && l.Line <= line && line <= max(l.EndLine, l.Line)
	}
	if n.file && f.At.Path == file {
		return true
	}
	var decl plinth.Declaration
	if f.Decl != nil {
		decl = *f.Decl
	}
	blocks := append([]plinth.Location{decl.At}, decl.Callers...)
	if n.inside {
		if strings.Contains(strings.ToLower(file), "dockerfile") && f.At.Path == file {
			return true
		}
		return slices.ContainsFunc(blocks, func(b plinth.Location) bool { return within(b, n.at.Line) })
	}
	for _, b := range blocks {
		if b.Path == file && n.from == b.Line { // on or above the block: what it lacks as well as what it says
			return true
		}
	}
	if f.At.Path != file {
		return false
	}
	if n.from <= f.At.Line && f.At.Line <= n.to {
		return true
	}
	// A comment behind one argument of a nested block that is judged as a whole.
	return f.At != decl.At && f.At.Line != decl.Header.Line && within(f.At, n.from)
}

// declared looks for suppressions that are data: annotations checkov.io/skipN of Kubernetes objects, Metadata checkov.skip of
// CloudFormation resources.
func (s *silencer) declared(f *plinth.Finding) *plinth.Suppression {
	if f.Resource == nil {
		return nil
	}
	notes, _ := f.Resource.Props.At("metadata", "annotations")
	for _, a := range notes.Fields() {
		if !strings.HasPrefix(a.Key, "checkov.io/skip") {
			continue
		}
		id, why, _ := strings.Cut(a.Value.Str(), "=")
		if answersTo(f, strings.ToLower(strings.TrimSpace(id))) {
			return s.suppression(strings.TrimSpace(why), "", place(a.Value))
		}
	}
	skips, _ := f.Resource.Source.At("Metadata", "checkov", "skip")
	for _, x := range skips.List() {
		id, _ := x.Get("id")
		why, _ := x.Get("comment")
		if id.Str() != "" && answersTo(f, strings.ToLower(id.Str())) {
			return s.suppression(why.Str(), "", place(x))
		}
	}
	return nil
}

func place(v plinth.Value) plinth.Location {
	if o := v.Origin(); o != nil {
		return o.At
	}
	return plinth.Location{}
}
