// Package verdict sorts what the engines found: it names each finding by its fingerprint and decides whether the run passes.
package verdict

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/plinthsec/plinth"
)

const keyBytes = 12 // of the SHA-256 that names a finding: 96 bits, no collision among 10^9 findings in practice

// Sort orders findings by severity, rule, place and resource, drops exact doubles and gives each its fingerprint: a hash of
// rule, project, root folder, resource address and property path. It holds no line numbers, so that it survives edits.
func Sort(findings []plinth.Finding) []plinth.Finding {
	arrange(findings)
	out := findings[:0]
	for i := range findings {
		if i > 0 && same(&findings[i], &out[len(out)-1]) {
			continue
		}
		out = append(out, findings[i])
	}
	out = yield(out)
	seen := make(map[[keyBytes]byte]int32, len(out))
	for i := range out {
		identity := identity(&out[i])
		key := digest(identity)
		n := seen[key]
		seen[key]++
		if n > 0 { // two blocks of one address: the order in the code tells them apart
			key = digest(identity + "\x00" + strconv.Itoa(int(n)))
		}
		out[i].Key = hex.EncodeToString(key[:])
	}
	return out
}

// arrange sorts the findings in place, each moved once: they are too large to be swapped at every comparison.
func arrange(list []plinth.Finding) {
	order := make([]int32, len(list))
	for i := range order {
		order[i] = int32(i)
	}
	sort.SliceStable(order, func(i, j int) bool { return less(&list[order[i]], &list[order[j]]) })
	for i := range order {
		if order[i] < 0 || order[i] == int32(i) {
			continue
		}
		first, at := list[i], int32(i)
		for {
			from := order[at]
			order[at] = -1
			if from == int32(i) {
				list[at] = first
				break
			}
			list[at] = list[from]
			at = from
		}
	}
}

func digest(s string) (key [keyBytes]byte) {
	sum := sha256.Sum256([]byte(s))
	copy(key[:], sum[:])
	return key
}

// spot is what a rule said something about; where in it is a Location.
type spot struct {
	rule, root, address string
	verdict             plinth.Verdict
}

func spotOf(f *plinth.Finding, rule string) spot { return spot{rule, root(f), address(f), f.Verdict} }

// block is a place as an address: that of a whole declaration. No address of a resource begins so.
func block(at plinth.Location) string {
	return fmt.Sprintf("\x00%s:%d:%d-%d:%d", at.Path, at.Line, at.Col, at.EndLine, at.EndCol)
}

// yield takes out the findings of rules that yield to another one that has the same verdict at the same place: at the same range, or
// at one that holds it or lies in it. Their rules, and their evidence where it has none, move to the finding that stays, also where that one is reached over several rules.
// What is unknown for two rules is one thing to find out. A rule may yield to an engine as well: to whatever that one finds in the same
// text, which then tells in its evidence what the rule had to say.
func yield(list []plinth.Finding) []plinth.Finding {
	wins := map[string]bool{} // rules that another one yields to
	for i := range list {
		for _, id := range list[i].Rule.YieldsTo {
			wins[id] = true
		}
	}
	at := map[spot][]int{}
	for i := range list {
		if wins[list[i].Rule.ID] {
			s := spotOf(&list[i], list[i].Rule.ID)
			at[s] = append(at[s], i)
			s.address = block(reach(&list[i]))
			at[s] = append(at[s], i)
		}
	}
	stays := map[int]int{} // a finding that yielded → the one that it yielded to
	told := places(list, wins)
	for i := range list {
		k, ok := winner(list, i, at, stays)
		if !ok {
			if k, ok = teller(list, i, told, stays); ok {
				said := plinth.Step{Note: list[i].Message, At: list[i].At}
				if holds(said.At, list[k].At) {
					said.At = list[k].At
				}
				list[k].Evidence = append(append(slices.Clip(list[k].Evidence), said), list[i].Evidence...)
			}
		}
		if ok {
			list[k].Also = append(append(list[k].Also, list[i].Rule), list[i].Also...)
			list[i].Also = nil
			if list[k].Evidence == nil {
				list[k].Evidence = list[i].Evidence
			}
			for _, b := range list[i].Because {
				if !slices.Contains(list[k].Because, b) {
					list[k].Because = append(slices.Clip(list[k].Because), b)
				}
			}
			stays[i] = k
		}
	}
	if len(stays) == 0 {
		return list
	}
	out := list[:0]
	for i := range list {
		if _, gone := stays[i]; !gone {
			out = append(out, list[i])
		}
	}
	return out
}

// winner finds the finding that stays in place of the i-th: of the first rule that it yields to, the one at the very place before
// one around or inside it.
func winner(list []plinth.Finding, i int, at map[spot][]int, stays map[int]int) (int, bool) {
	f := &list[i]
	for _, id := range f.Rule.YieldsTo {
		found := -1
		s := spotOf(f, id)
		here := at[s]
		if s.address = block(f.At); len(here) == 0 && f.Decl != nil && f.Decl.At.Line > 0 && !holds(f.Decl.At, f.At) { // it stands at a part of its resource, which has a block of its own
			here = at[s]
		}
		for _, k := range here {
			switch {
			case list[k].At == f.At:
				found = k
			case found < 0 && (holds(reach(&list[k]), f.At) || holds(reach(f), list[k].At)):
				found = k
			}
		}
		for next, ok := found, found >= 0; ok; next, ok = stays[next] {
			found = next
		}
		if found >= 0 && found != i {
			return found, true
		}
	}
	return 0, false
}

// mention is a place that a finding tells about: its own, or one of its evidence.
type mention struct {
	engine, path, commit string
}

// places lists, of the engines that wins names, what their findings tell about.
func places(list []plinth.Finding, wins map[string]bool) map[mention][]int {
	told := map[mention][]int{}
	for i := range list {
		f := &list[i]
		if !wins[f.Rule.Engine] {
			continue
		}
		own := mention{f.Rule.Engine, f.At.Path, f.Commit}
		told[own] = append(told[own], i)
		for _, s := range f.Evidence {
			if m := (mention{f.Rule.Engine, s.At.Path, f.Commit}); s.At.Path != f.At.Path && !slices.Contains(told[m], i) {
				told[m] = append(told[m], i)
			}
		}
	}
	return told
}

// teller finds the finding of an engine that the i-th yields to: one about the same text, whatever resource that is of. One that is
// silenced comes after all others.
func teller(list []plinth.Finding, i int, told map[mention][]int, stays map[int]int) (int, bool) {
	f, best := &list[i], -1
	for _, engine := range f.Rule.YieldsTo {
		for _, k := range told[mention{engine, f.At.Path, f.Commit}] {
			o := &list[k]
			if _, gone := stays[k]; gone || k == i || o.Verdict != f.Verdict || best >= 0 && (list[best].Suppressed == nil || o.Suppressed != nil) {
				continue
			}
			meets := func(at plinth.Location) bool { return holds(at, f.At) || holds(f.At, at) }
			if meets(o.At) || slices.ContainsFunc(o.Evidence, func(s plinth.Step) bool { return meets(s.At) }) {
				best = k
			}
		}
	}
	return best, best >= 0
}

// reach is what a finding is about: the whole declaration where it stands at the line that opens it.
func reach(f *plinth.Finding) plinth.Location {
	if f.Decl != nil && f.At == f.Decl.Header && f.Decl.At.Line > 0 {
		return f.Decl.At
	}
	return f.At
}

// holds tells whether b lies in a.
func holds(a, b plinth.Location) bool {
	if a.Path != b.Path || a.Line == 0 || b.Line == 0 {
		return false
	}
	starts := a.Line < b.Line || a.Line == b.Line && a.Col <= b.Col
	ends := a.EndLine > b.EndLine || a.EndLine == b.EndLine && a.EndCol >= b.EndCol
	return starts && ends
}

func identity(f *plinth.Finding) string {
	var project, root, address string
	if f.Resource != nil {
		project, root = f.Resource.Project, f.Resource.Root
	}
	if f.Decl != nil {
		address = f.Decl.Address
		if root == "" {
			root = path.Dir(f.Decl.At.Path)
		}
	}
	return strings.Join([]string{f.Rule.ID, project, root, address, f.Path}, "\x00")
}

func less(a, b *plinth.Finding) bool {
	if a.Rule.Severity != b.Rule.Severity {
		return a.Rule.Severity > b.Rule.Severity
	}
	if a.Rule.ID != b.Rule.ID {
		return a.Rule.ID < b.Rule.ID
	}
	if a.Verdict != b.Verdict {
		return a.Verdict < b.Verdict
	}
	if a.At != b.At {
		return before(a.At, b.At)
	}
	if x, y := address(a), address(b); x != y {
		return x < y
	}
	if x, y := id(a), id(b); x != y {
		return x < y
	}
	if a.Path != b.Path {
		return a.Path < b.Path
	}
	return a.Message < b.Message
}

// same tells whether two findings say the same of the same place: a part that several resources share is judged once for each.
func same(a, b *plinth.Finding) bool {
	return a.Rule == b.Rule && a.Verdict == b.Verdict && a.At == b.At && address(a) == address(b) && a.Path == b.Path && a.Message == b.Message && root(a) == root(b)
}

func address(f *plinth.Finding) string {
	if f.Decl == nil {
		return ""
	}
	return f.Decl.Address
}

func id(f *plinth.Finding) plinth.ID {
	if f.Resource == nil {
		return ""
	}
	return f.Resource.ID
}

func root(f *plinth.Finding) string {
	if f.Resource == nil {
		return ""
	}
	return f.Resource.Project + "\x00" + f.Resource.Root
}

func before(a, b plinth.Location) bool {
	switch {
	case a.Path != b.Path:
		return a.Path < b.Path
	case a.Line != b.Line:
		return a.Line < b.Line
	case a.Col != b.Col:
		return a.Col < b.Col
	case a.EndLine != b.EndLine:
		return a.EndLine < b.EndLine
	}
	return a.EndCol < b.EndCol
}

// The exit codes of a run.
const (
	Passed     = 0
	GateFailed = 1
	Usage      = 2
	Incomplete = 3
)

// Exit decides the exit code of a run that has no usage fault.
func Exit(findings []plinth.Finding, problems []plinth.Problem, c *plinth.Config) int {
	for i := range findings {
		f := &findings[i]
		if f.Suppressed != nil {
			continue
		}
		if f.Verdict == plinth.Fail && !c.FailOnNothing && f.Rule.Severity >= c.FailOn || f.Verdict == plinth.Undecided && c.FailOnUnknown {
			return GateFailed
		}
	}
	if c.AllowPartial {
		return Passed
	}
	for _, p := range problems {
		if p.Kind.Incomplete() || c.Strict && p.Kind != plinth.Unused {
			return Incomplete
		}
	}
	return Passed
}
