// Package fix changes files so that findings go away. A fix is a candidate until a second look at the changed files, kept in memory, shows
// that its finding is gone, that there is none that was not there before, and that everything still parses.
//
// For resources the candidates come from the rules' own good examples: what a good example says and the finding's block does not. Only
// values that say nothing of their owner (bools, numbers, words of the provider) are taken over; what only the owner knows is refused.
package fix

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/plinthsec/plinth"
)

const (
	maxCandidates = 8  // of one finding: examples rarely differ in more than three arguments
	maxJoined     = 3  // findings that one fix does away with together, each brought by the change before it
	maxTurns      = 8  // fixes of the same bytes
	maxLooks      = 60 // rounds of one turn
)

// busy is the reason of what goes in a later turn.
const busy = "another fix changes the same place; run again"

// Edit replaces the bytes From to To of a file.
type Edit struct {
	Path     string
	From, To int
	Text     string
}

// Candidate is one way to do away with a finding: edits of the files as they are, all or none.
type Candidate struct {
	Summary string
	Note    string // what it changes beyond the finding, "" for nothing that is known
	Adds    string // address of the resource that it adds, "" for none
	Named   string // the last argument or block that it changes, "" for none
	Edits   []Edit
	late    bool // a bad example says so, too
	joined  int  // how many findings that it would have brought it does away with as well
}

// Outcome is what became of one finding. Refused says why there is no fix; it is "" where there is a proven one.
type Outcome struct {
	Finding *plinth.Finding
	Fix     Candidate
	Refused string
}

// State is what a look sees.
type State struct {
	Findings []plinth.Finding
	Problems []plinth.Problem
}

// Work is what fixing needs. Files of the target are read by Read; Look scans the target with some files replaced; Propose returns the
// candidates of a finding, cheapest first, and the reason where there is none.
type Work struct {
	Lesser  bool // a fix may leave a finding on the same resource that is less severe than the one that it does away with
	Read    func(path string) ([]byte, error)
	Look    func(ctx context.Context, changed map[string][]byte) (State, error)
	Propose func(f *plinth.Finding, read func(string) ([]byte, error)) ([]Candidate, string)
}

// trial is one finding on its way.
type trial struct {
	out        *Outcome
	finding    *plinth.Finding // as this turn's state has it
	candidates []Candidate
	next       int
	placed     bool // its candidate is among the changes
	proven     bool
	alone      bool // it is tried without others of its resource: together they brought something new
	brought    bool // a candidate did away with the finding, but brought something new: the reason to tell
}

// Run fixes the chosen findings of before. It returns an outcome for each, in their order, and the changed files by path. Fixes that
// change the same bytes go in turns: each turn starts from what the one before has proven.
func (w *Work) Run(ctx context.Context, before State, chosen []*plinth.Finding) ([]Outcome, map[string][]byte, error) {
	outs := make([]Outcome, len(chosen))
	at := map[string]*Outcome{}
	state := named(before)
	name := map[*plinth.Finding]string{}
	for i := range before.Findings {
		name[&before.Findings[i]] = state.Findings[i].Key
	}
	for i, f := range chosen {
		outs[i].Finding = f
		at[name[f]] = &outs[i]
	}
	done := map[string][]byte{}
	for range maxTurns {
		turn := &Work{Lesser: w.Lesser, Propose: w.Propose, Read: func(p string) ([]byte, error) {
			if b, ok := done[p]; ok {
				return b, nil
			}
			return w.Read(p)
		}, Look: func(ctx context.Context, changed map[string][]byte) (State, error) {
			all := maps.Clone(done)
			maps.Copy(all, changed)
			s, err := w.Look(ctx, all)
			return named(s), err
		}}
		files, next, err := turn.turn(ctx, state, at)
		if err != nil {
			return nil, nil, err
		}
		if len(files) == 0 {
			break
		}
		maps.Copy(done, files)
		state = next
	}
	still := map[*Outcome]bool{}
	for i := range state.Findings {
		if o := at[state.Findings[i].Key]; o != nil {
			still[o] = true
		}
	}
	for i := range outs {
		if o := &outs[i]; o.Refused == busy && !still[o] {
			o.Refused, o.Fix.Summary = "", "gone with another fix of the same place"
		}
	}
	return outs, done, nil
}

// named gives findings other keys, for the run alone: fingerprints of objects of one name in several files are told apart by counting, and
// with one of them gone the others would change theirs.
func named(s State) State {
	s.Findings = slices.Clone(s.Findings)
	count := map[string]int{}
	for i := range s.Findings {
		f := &s.Findings[i]
		f.Key = what(f) + "\x00" + f.Path
		count[f.Key]++
		f.Key += "\x00" + strconv.Itoa(count[f.Key])
	}
	return s
}

// turn fixes what it can of the wanted findings that state still has.
func (w *Work) turn(ctx context.Context, state State, wanted map[string]*Outcome) (map[string][]byte, State, error) {
	p := &proof{Work: w, old: map[string]*plinth.Finding{}, problems: map[plinth.Problem]bool{}}
	for _, x := range state.Problems {
		p.problems[x] = true
	}
	for i := range state.Findings {
		f := &state.Findings[i]
		p.old[f.Key] = f
		p.order = append(p.order, f)
		out := wanted[f.Key]
		if out == nil || out.Refused != "" && out.Refused != busy || slices.ContainsFunc(p.trials, func(t *trial) bool { return t.out == out }) {
			continue
		}
		list, why := w.Propose(f, w.Read)
		if len(list) > 0 {
			list, why = harmless(list)
		}
		if len(list) == 0 {
			if out.Refused == "" {
				out.Refused = why
			}
			continue
		}
		p.trials = append(p.trials, &trial{out: out, finding: f, candidates: list[:min(len(list), maxCandidates)]})
	}
	for range maxLooks {
		again, err := p.round(ctx)
		if err != nil {
			return nil, state, err
		}
		if !again {
			break
		}
	}
	files, next, err := p.settle(ctx)
	if err == nil && len(files) > 0 {
		p.follow(next, wanted)
	}
	return files, next, err
}

// proof is the state of the rounds.
type proof struct {
	*Work
	old      map[string]*plinth.Finding
	order    []*plinth.Finding // those of old
	problems map[plinth.Problem]bool
	trials   []*trial
}

// round places the next candidate of every trial that has none proven, looks, and takes back what did not help. It tells whether there
// is more to try.
func (p *proof) round(ctx context.Context) (bool, error) {
	fresh := false
	for _, t := range p.trials {
		if !t.placed && t.next < len(t.candidates) && !p.waits(t) && !p.conflicts(t, t.candidates[t.next]) {
			t.out.Fix, t.placed, fresh = t.candidates[t.next], true, true
			t.next++
		}
	}
	if !fresh {
		return false, nil
	}
	for range 2*len(p.trials) + 2 { // each look takes at least one back, and each is put aside once
		state, err := p.look(ctx)
		if err != nil {
			return false, err
		}
		if !p.takeBack(state) {
			break
		}
	}
	return true, nil
}

// waits tells whether another of its resource is being tried alone.
func (p *proof) waits(of *trial) bool {
	return of.alone && slices.ContainsFunc(p.trials, func(t *trial) bool {
		return t != of && t.placed && !t.proven && t.alone && on(t.finding) == on(of.finding)
	})
}

// conflicts tells whether a candidate touches bytes that another placed one changes. A same edit of the same bytes is shared.
func (p *proof) conflicts(of *trial, c Candidate) bool {
	for _, t := range p.trials {
		if t == of || !t.placed {
			continue
		}
		for _, a := range t.out.Fix.Edits {
			if slices.ContainsFunc(c.Edits, a.conflicts) {
				return true
			}
		}
	}
	return false
}

// argument is the name of what an insertion inserts: an argument, a block, a resource with its labels.
func argument(e Edit) string {
	fields := strings.Fields(e.Text)
	switch {
	case len(fields) == 0:
		return ""
	case fields[0] == "resource" && len(fields) > 2:
		return fields[1] + fields[2]
	case len(fields) > 4 && fields[1] == "{" && fields[2] == "name": // one of several options
		return fields[0] + fields[4]
	}
	return fields[0]
}

func (p *proof) look(ctx context.Context) (State, error) {
	files, err := p.files()
	if err != nil {
		return State{}, err
	}
	return p.Look(ctx, files)
}

// takeBack removes candidates whose finding is still there, and those that stand where something new is wrong. It tells whether what is
// left has to be looked at again.
func (p *proof) takeBack(s State) bool {
	left := keysOf(s)
	moved := p.moved(left)
	var fresh []*plinth.Finding
	for i := range s.Findings {
		f := &s.Findings[i]
		if p.old[f.Key] != nil || f.Verdict != plinth.Fail || p.Lesser && p.lesser(f) {
			continue
		}
		if moved[what(f)] > 0 {
			moved[what(f)]--
			continue
		}
		fresh = append(fresh, f)
	}
	again := false
	drop := func(t *trial, why string) {
		t.placed, t.proven, again = false, false, true
		t.out.Fix = Candidate{}
		if !t.brought {
			t.out.Refused = why
		}
	}
	for _, t := range p.trials {
		if t.placed && left[t.finding.Key] {
			drop(t, "no change that its rule suggests does away with it: "+t.finding.Rule.Fix)
		}
	}
	if again {
		return true
	}
	problems := p.brought(s)
	if len(fresh) > 0 || len(problems) > 0 {
		p.blame(fresh, problems, drop)
		return true
	}
	for _, t := range p.trials {
		if t.placed {
			t.proven, t.out.Refused = true, ""
		}
	}
	return false
}

// brought are the problems that were not there before. One that only moved is not among them.
func (p *proof) brought(s State) []plinth.Problem {
	left := map[plinth.Problem]int{}
	place := func(x plinth.Problem) plinth.Problem {
		return plinth.Problem{Kind: x.Kind, At: plinth.Location{Path: x.At.Path}, Text: x.Text}
	}
	for x := range p.problems {
		left[place(x)]++
	}
	var out []plinth.Problem
	for _, x := range s.Problems {
		if k := place(x); left[k] > 0 {
			left[k]--
		} else {
			out = append(out, x)
		}
	}
	return out
}

// what is what a finding says and of which resource, without the place within it.
func what(f *plinth.Finding) string { return f.Rule.ID + "\x00" + f.At.Path + "\x00" + label(f) }

func keysOf(s State) map[string]bool {
	out := map[string]bool{}
	for i := range s.Findings {
		out[s.Findings[i].Key] = true
	}
	return out
}

// moved counts the findings that went although nothing that is placed is about them: the text that their keys hold was changed, and
// they are there under other keys.
func (p *proof) moved(left map[string]bool) map[string]int {
	out := map[string]int{}
	for key, f := range p.old {
		if !left[key] {
			out[what(f)]++
		}
	}
	for _, t := range p.trials {
		if t.placed && !left[t.finding.Key] {
			out[what(t.finding)]--
		}
	}
	return out
}

// follow lets the outcomes of findings that moved be found under their new keys.
func (p *proof) follow(next State, wanted map[string]*Outcome) {
	left := keysOf(next)
	gone := map[string][]*Outcome{}
	for i := range p.order {
		f := p.order[i]
		if out := wanted[f.Key]; out != nil && out.Refused != "" && !left[f.Key] {
			gone[what(f)] = append(gone[what(f)], out)
		}
	}
	for i := range next.Findings {
		f := &next.Findings[i]
		if list := gone[what(f)]; len(list) > 0 && p.old[f.Key] == nil && wanted[f.Key] == nil {
			wanted[f.Key], gone[what(f)] = list[0], list[1:]
		}
	}
}

// lesser tells whether a placed candidate does away with a more severe finding of the same resource.
func (p *proof) lesser(f *plinth.Finding) bool {
	return slices.ContainsFunc(p.trials, func(t *trial) bool {
		return t.placed && on(t.finding) == on(f) && t.finding.Rule.Severity > f.Rule.Severity
	})
}

// blame drops what brought something new: the candidate that adds the resource, or the one whose finding only became a lesser one;
// else those of the same resource; and those that change a file that no longer reads. That is done for every resource and file at once;
// where nothing leads to a candidate so, those of the same file are dropped, all unproven ones, all. Where these are several they are
// put aside and tried alone.
func (p *proof) blame(fresh []*plinth.Finding, problems []plinth.Problem, drop func(*trial, string)) {
	found := false
	said := map[string]bool{}
	for _, f := range fresh {
		if at := on(f); !said[at] {
			said[at] = true
			found = p.blamed(f, p.near(f), drop) || found
		}
	}
	for _, x := range problems {
		if at := x.At.Path; !said[at] {
			said[at] = true
			changes := func(t *trial) bool {
				return slices.ContainsFunc(t.out.Fix.Edits, func(e Edit) bool { return e.Path == at })
			}
			found = p.blamed(nil, []func(*trial) bool{func(t *trial) bool { return !t.proven && changes(t) }, changes}, drop) || found
		}
	}
	if found {
		return
	}
	var first *plinth.Finding
	if len(fresh) > 0 {
		first = fresh[0]
	}
	p.blamed(first, []func(*trial) bool{
		func(t *trial) bool {
			return !t.proven && (first != nil && first.At.Path == t.finding.At.Path ||
				slices.ContainsFunc(problems, func(x plinth.Problem) bool { return x.At.Path == t.finding.At.Path }))
		},
		func(t *trial) bool { return !t.proven },
		func(*trial) bool { return true },
	}, drop)
}

// near are those that a new finding on a resource is blamed on, the likeliest first.
func (p *proof) near(f *plinth.Finding) []func(*trial) bool {
	return []func(*trial) bool{
		func(t *trial) bool { return t.out.Fix.Adds != "" && t.out.Fix.Adds == label(f) },
		func(t *trial) bool { return on(f) == on(t.finding) && slices.Contains(t.finding.Also, f.Rule) },
		func(t *trial) bool { return !t.proven && on(f) == on(t.finding) },
	}
}

// blamed drops the placed candidates of the first kind of which there are any, and tells whether there were. Fresh is the finding that
// they brought, nil where a file no longer reads.
func (p *proof) blamed(fresh *plinth.Finding, kinds []func(*trial) bool, drop func(*trial, string)) bool {
	why := "it would break something: a file no longer reads"
	if fresh != nil {
		why = "it would bring a new finding: " + fresh.Rule.ID + " on " + label(fresh)
	}
	for _, is := range kinds {
		var found []*trial
		for _, t := range p.trials {
			if t.placed && is(t) {
				found = append(found, t)
			}
		}
		for _, t := range found {
			aside := len(found) > 1 && !t.alone
			if fresh != nil && !aside {
				p.extend(t, fresh)
			}
			drop(t, why)
			t.brought = true
			if aside {
				t.alone = true
				t.next--
			}
		}
		if len(found) > 0 {
			return true
		}
	}
	return false
}

// extend puts candidates in line that do away with the finding of a trial, and with the one on the same resource that its present
// candidate would bring.
func (p *proof) extend(t *trial, fresh *plinth.Finding) {
	if on(fresh) != on(t.finding) || t.out.Fix.joined == maxJoined {
		return
	}
	as := *t.finding // the place in the files as they are
	as.Rule, as.Also = fresh.Rule, nil
	more, _ := p.Propose(&as, p.Read)
	more, _ = harmless(more)
	var list []Candidate
	for _, c := range more {
		if both, ok := t.out.Fix.with(c); ok && !slices.ContainsFunc(t.candidates, func(o Candidate) bool { return slices.Equal(o.Edits, both.Edits) }) {
			list = append(list, both)
		}
	}
	t.candidates = slices.Insert(t.candidates, t.next, list[:min(len(list), maxCandidates)]...)
}

// with makes one candidate of two; false where they change the same bytes, or the second adds nothing.
func (c Candidate) with(d Candidate) (Candidate, bool) {
	out := c
	out.Edits = slices.Clone(c.Edits)
	for _, e := range d.Edits {
		if slices.Contains(out.Edits, e) {
			continue
		}
		i := slices.IndexFunc(out.Edits, e.conflicts)
		if i < 0 {
			out.Edits = append(out.Edits, e)
			continue
		}
		if out.Edits[i].Text = nested(out.Edits[i], e); out.Edits[i].Text == "" {
			return Candidate{}, false
		}
	}
	grown := len(out.Edits) > len(c.Edits) || !slices.Equal(out.Edits, c.Edits)
	out.Summary, out.Note = joined(c.Summary, d.Summary), joined(c.Note, d.Note)
	if out.Adds == "" {
		out.Adds = d.Adds
	}
	out.late = c.late || d.late
	out.joined = c.joined + 1
	return out, grown
}

// nested puts what stands in the second of two inserted blocks of one name into the first; "" where they are no such blocks.
func nested(a, b Edit) string {
	head, body, ok := strings.Cut(b.Text, "{\n")
	end := strings.LastIndex(a.Text, "}")
	if a.From != a.To || a.From != b.From || b.To != b.From || !ok || end < 0 || !strings.HasPrefix(a.Text, head+"{\n") {
		return ""
	}
	body = body[:max(0, strings.LastIndex(body, "}"))]
	line := strings.LastIndexByte(a.Text[:end], '\n') + 1
	return a.Text[:line] + body[:strings.LastIndexByte(body, '\n')+1] + a.Text[line:]
}

// conflicts tells whether two edits change the same bytes, or say the same argument in two ways.
func (e Edit) conflicts(o Edit) bool {
	if e.Path != o.Path || e == o {
		return false
	}
	return e.From < o.To && o.From < e.To || argument(e) != "" && argument(e) == argument(o) && e.From == e.To && e.From == o.From
}

// on tells resources apart, those of one name in several files, too.
func on(f *plinth.Finding) string {
	if f.Resource == nil || f.Resource.Decl == nil {
		return label(f)
	}
	return label(f) + "\x00" + f.Resource.Decl.At.Path
}

func label(f *plinth.Finding) string {
	if f.Resource == nil {
		return f.At.Path
	}
	return f.Resource.Label()
}

// settle looks a last time: what is not gone then is not fixed.
func (p *proof) settle(ctx context.Context) (map[string][]byte, State, error) {
	for _, t := range p.trials {
		if !t.placed && t.next < len(t.candidates) {
			t.out.Refused = busy
		}
	}
	for range len(p.trials) + 1 {
		files, err := p.files()
		if err != nil || len(files) == 0 {
			return nil, State{}, err
		}
		s, err := p.Look(ctx, files)
		if err != nil {
			return nil, State{}, err
		}
		if !p.takeBack(s) {
			return files, s, nil
		}
	}
	return nil, State{}, nil
}

// files applies the placed candidates.
func (p *proof) files() (map[string][]byte, error) {
	edits := map[string][]Edit{}
	for _, t := range p.trials {
		if !t.placed {
			continue
		}
		for _, e := range t.out.Fix.Edits {
			edits[e.Path] = append(edits[e.Path], e)
		}
	}
	out := map[string][]byte{}
	for path, list := range edits {
		src, err := p.Read(path)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
		if out[path], err = Apply(src, list); err != nil {
			return nil, fmt.Errorf("change %s: %w", path, err)
		}
	}
	return out, nil
}
