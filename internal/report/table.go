package report

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"
	"sort"
	"strings"
	"unicode/utf8"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/lazy"
)

const (
	placesShown   = 6 // places of one rule that are written out; the rest is counted
	excerptsShown = 2 // places of one rule that show their code
	reasonsShown  = 8 // root causes of unknown verdicts that are listed
	problemsShown = 12
	othersShown   = 3 // problems that leave the run complete
	around        = 1 // lines of code before and after the deciding one
)

// paint are the ANSI colours of a report, empty without colour.
type paint struct{ on bool }

func (p paint) color(c, s string) string {
	if !p.on || s == "" {
		return s
	}
	return "\x1b[" + c + "m" + s + "\x1b[0m"
}

func (p paint) bold(s string) string { return p.color("1", s) }
func (p paint) dim(s string) string  { return p.color("2", s) }

func (p paint) severity(s plinth.Severity, text string) string {
	return p.color([...]string{"36", "34", "33", "31", "1;31"}[min(int(s), 4)], text)
}

// group is all failing findings of one rule. Advice (severity info) is shown only when it is asked for.
type group struct {
	rule   *plinth.Rule
	places []place
	total  int
	score  int // of its most urgent finding
}

// place is one block of code with all its instances.
type place struct {
	first     *Finding
	instances int
	reasons   []string // why it is more urgent than others
	score     int
}

// groups sorts the findings by rule, and by severity where a rule has several, the most urgent rules and places first.
func groups(r *Report, info bool) []group {
	list := r.Findings
	var out []group
	at := map[string]int{}
	for i := range list {
		f := &list[i]
		if f.Verdict != plinth.Fail || f.Suppressed != nil || f.Rule.Severity == plinth.Info && !info {
			continue
		}
		key := f.Rule.ID + " " + f.Rule.Severity.String()
		k, ok := at[key]
		if !ok {
			k = len(out)
			at[key] = k
			out = append(out, group{rule: f.Rule})
		}
		g := &out[k]
		g.total++
		if n := len(g.places); n > 0 && g.places[n-1].first.At == f.At && g.places[n-1].first.Target == f.Target {
			g.places[n-1].instances++
			continue
		}
		p := r.priority(f.Finding)
		g.score = max(g.score, p.Score)
		g.places = append(g.places, place{f, 1, p.Reasons, p.Score})
	}
	slices.SortStableFunc(out, func(a, b group) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(b.rule.Severity, a.rule.Severity), cmp.Compare(a.rule.ID, b.rule.ID))
	})
	for _, g := range out {
		slices.SortStableFunc(g.places, func(a, b place) int { return cmp.Compare(b.score, a.score) })
	}
	return out
}

type table struct {
	w   bytes.Buffer
	r   *Report
	opt Options
	paint
	code *excerpts
}

func writeTable(w io.Writer, r *Report, opt Options) error {
	if opt.Width == 0 {
		opt.Width = 80
	}
	t := &table{r: r, opt: opt, paint: paint{opt.Color}, code: &excerpts{r: r, files: map[string][]string{}, hidden: secretsOf(r)}}
	for _, g := range groups(r, opt.Wide) {
		t.group(g)
	}
	t.paths()
	t.unknowns()
	t.problems()
	t.summary()
	_, err := w.Write(t.w.Bytes())
	return err
}

func (t *table) group(g group) {
	head := fmt.Sprintf("%-8s ", strings.ToUpper(g.rule.Severity.String()))
	fmt.Fprintf(&t.w, "%s%s\n", t.severity(g.rule.Severity, head), t.bold(t.fit(g.rule.Title, t.opt.Width-len(head))))
	count := ""
	if g.total > 1 {
		count = fmt.Sprintf("  ×%d", g.total)
	}
	fmt.Fprintf(&t.w, "%s\n", t.dim(t.fit("         "+g.rule.ID+count, t.opt.Width)))
	shown := g.places
	if !t.opt.Wide && len(shown) > placesShown {
		shown = shown[:placesShown]
	}
	for i, p := range shown {
		t.place(p, t.opt.Wide || i < excerptsShown)
	}
	if n := len(g.places) - len(shown); n > 0 {
		fmt.Fprintf(&t.w, "  %s\n", t.dim(fmt.Sprintf("… and %d more (-v shows all)", n)))
	}
	t.wrap("  fix: ", g.rule.Fix)
	t.w.WriteByte('\n')
}

func (t *table) place(p place, excerpt bool) {
	f := p.first
	where := f.At.Path
	if f.Target != "." && f.Target != "-" && len(t.r.Targets) > 1 {
		where = f.Target + "/" + where
	}
	if f.At.Line > 0 {
		where += fmt.Sprintf(":%d", f.At.Line)
	}
	times := ""
	if p.instances > 1 {
		times = fmt.Sprintf(" ×%d", p.instances)
	}
	address := ""
	if f.Decl != nil {
		address = f.Decl.Address
	}
	line := "  " + Clean(where) + "  " + Clean(address) + times
	if utf8.RuneCountInString(line) > t.opt.Width {
		fmt.Fprintf(&t.w, "  %s\n", t.color("4", t.fit(Clean(where), t.opt.Width-2)))
		line = "    " + Clean(address) + times
		fmt.Fprintf(&t.w, "%s\n", t.fit(line, t.opt.Width))
	} else {
		fmt.Fprintf(&t.w, "  %s  %s%s\n", t.color("4", Clean(where)), Clean(address), times)
	}
	if more := strings.TrimPrefix(strings.TrimPrefix(f.Message, f.Rule.Title), ": "); more != "" {
		t.wrap("    ", Clean(more))
	}
	for _, reason := range p.reasons {
		t.wrap("    ▲ ", Clean(reason))
	}
	if excerpt {
		t.excerpt(f)
	}
	for _, s := range f.Evidence {
		note := s.Note
		if s.At.Path != "" {
			note += fmt.Sprintf(" (%s:%d)", s.At.Path, s.At.Line)
		}
		t.wrap("    ↳ ", Clean(note))
	}
}

// excerpt prints the deciding lines with one line around them.
func (t *table) excerpt(f *Finding) {
	t.code.of(f, func(n int, text string, hit bool) {
		text = t.fit(text, t.opt.Width-12)
		if hit {
			fmt.Fprintf(&t.w, "    %s %4d │ %s\n", t.color("31", "›"), n, t.bold(text))
			return
		}
		fmt.Fprintf(&t.w, "      %s\n", t.dim(strings.TrimRight(fmt.Sprintf("%4d │ %s", n, text), " ")))
	})
}

// unknowns groups the undecided findings by root cause.
func (t *table) unknowns() {
	total := t.r.Summary().Unknown
	if total == 0 {
		return
	}
	fmt.Fprintf(&t.w, "%s\n", t.bold(fmt.Sprintf("UNKNOWN  %d could not be decided", total)))
	list := causes(t.r)
	for i, c := range list {
		if i == reasonsShown && !t.opt.Wide {
			fmt.Fprintf(&t.w, "  %s\n", t.dim(fmt.Sprintf("… and %d more causes", len(list)-i)))
			break
		}
		fmt.Fprintf(&t.w, "%s\n", t.fit(fmt.Sprintf("  %5d because of %s", c.n, Clean(c.why)), t.opt.Width))
	}
	t.w.WriteByte('\n')
}

// problems writes what could not be looked at, what lies outside, and what silences nothing.
func (t *table) problems() {
	var incomplete, outside, unused []Problem
	for _, p := range t.r.Problems {
		switch {
		case p.Kind.Incomplete():
			incomplete = append(incomplete, p)
		case p.Kind == plinth.Unused:
			unused = append(unused, p)
		default:
			outside = append(outside, p)
		}
	}
	t.listed(t.severity(plinth.High, fmt.Sprintf("INCOMPLETE  %s could not be looked at", plural(len(incomplete), "place"))), incomplete, problemsShown)
	t.listed(t.bold("OUTSIDE  "+plural(len(outside), "thing that lies outside the target or is not supported", "things that lie outside the target or are not supported")), outside, othersShown)
	t.listed(t.bold("UNUSED  "+plural(len(unused), "suppression silences", "suppressions silence")+" nothing"), unused, othersShown)
}

// listed writes problems under a heading, and counts those beyond the limit.
func (t *table) listed(head string, list []Problem, limit int) {
	if len(list) == 0 {
		return
	}
	fmt.Fprintf(&t.w, "%s\n", head)
	for i, p := range list {
		if i == limit && !t.opt.Wide {
			fmt.Fprintf(&t.w, "  %s\n", t.dim(fmt.Sprintf("… and %d more (-v shows all)", len(list)-i)))
			break
		}
		t.problem(p)
	}
	t.w.WriteByte('\n')
}

func (t *table) problem(p Problem) {
	where := p.At.Path
	if p.At.Line > 0 {
		where += fmt.Sprintf(":%d", p.At.Line)
	}
	if where != "" {
		where += ": "
	}
	t.wrap("  ", Clean(where+p.Text)+" ("+string(p.Kind)+")")
}

func (t *table) summary() {
	s := t.r.Summary()
	var seen, read int
	kinds := map[string]int{}
	for _, x := range t.r.Targets {
		seen += x.Seen
		read += x.Read
		for k, n := range x.ByReader {
			kinds[k] += n
		}
	}
	var parts []string
	for sev := plinth.Critical + 1; sev > 0; sev-- {
		if n := s.Fail[sev-1]; n > 0 {
			note := ""
			if sev-1 == plinth.Info && !t.opt.Wide {
				note = " (-v shows them)"
			}
			parts = append(parts, t.severity(sev-1, fmt.Sprintf("%d %s", n, sev-1))+note)
		}
	}
	if parts == nil {
		parts = []string{"no findings"}
	}
	if s.Unknown > 0 {
		parts = append(parts, fmt.Sprintf("%d unknown", s.Unknown))
	}
	if s.Suppressed > 0 {
		parts = append(parts, fmt.Sprintf("%d suppressed", s.Suppressed))
	}
	fmt.Fprintf(&t.w, "%s\n", strings.Join(parts, " · "))
	var resources, rules int
	for _, e := range t.r.Engines {
		resources, rules = resources+e.Resources, rules+e.Rules
	}
	t.wrap("", fmt.Sprintf("looked at %s of %d (%s), %s, %s", plural(read, "file"), seen, list(kinds), plural(resources, "resource"), plural(rules, "rule")))
	fmt.Fprintf(&t.w, "%s\n", t.gate())
}

func (t *table) gate() string {
	switch {
	case t.r.Exit == 1:
		return t.severity(plinth.Critical, "gate: failed") + fmt.Sprintf(" (a finding at or above %s)", t.r.FailOn)
	case t.r.Exit == 3:
		return t.severity(plinth.Medium, "gate: incomplete") + " (--allow-incomplete accepts that)"
	case t.r.NoGate:
		return "gate: none"
	}
	return t.color("32", "gate: passed")
}

func list(kinds map[string]int) string {
	names := make([]string, 0, len(kinds))
	for k := range kinds {
		names = append(names, k)
	}
	sort.Strings(names)
	for i, k := range names {
		names[i] = fmt.Sprintf("%s %d", k, kinds[k])
	}
	if len(names) == 0 {
		return "none that a reader knows"
	}
	return strings.Join(names, ", ")
}

// plural writes a count with its noun.
func plural(n int, words ...string) string {
	switch {
	case n == 1:
		return "1 " + words[0]
	case len(words) > 1:
		return fmt.Sprintf("%d %s", n, words[1])
	}
	return fmt.Sprintf("%d %ss", n, words[0])
}

// fit cuts a line that is wider than the columns.
func (t *table) fit(s string, width int) string {
	if utf8.RuneCountInString(s) <= width {
		return s
	}
	r := []rune(s)
	return string(r[:max(0, width-1)]) + "…"
}

// wrap writes text with a hanging indent.
func (t *table) wrap(indent, text string) {
	t.hang(indent, strings.Repeat(" ", utf8.RuneCountInString(indent)), text)
}

// hang writes text behind one prefix, and its further lines behind another.
func (t *table) hang(first, next, text string) {
	line := first
	empty := true
	for _, word := range strings.Fields(text) {
		n := utf8.RuneCountInString(line) + utf8.RuneCountInString(word)
		if !empty && n+1 > t.opt.Width {
			fmt.Fprintf(&t.w, "%s\n", line)
			line, empty = next, true
		}
		if !empty {
			line += " "
		}
		line += word
		empty = false
	}
	if !empty {
		fmt.Fprintf(&t.w, "%s\n", line)
	}
}

// Clean makes text of unknown origin safe for terminals and logs: control characters and invalid bytes are written out.
func Clean(s string) string {
	clean := true
	for _, r := range s {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == utf8.RuneError || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			clean = false
			break
		}
	}
	if clean {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			b.WriteByte(' ')
		case r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069:
			fmt.Fprintf(&b, "\\u%04x", r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

var secretLine = lazy.New(`(?i)((?:password|passwd|pwd|secret|token|api_?key|access_?key|private_?key|credential)[a-z0-9_.\-]*["']?\s*[:=]+\s*)(["']?)([^"'\s,}]{4,})`)

// Mask hides what looks like a hard-coded secret in a line of code.
func Mask(line string) string {
	return secretLine.ReplaceAllStringFunc(line, func(m string) string {
		p := secretLine.FindStringSubmatch(m)
		if strings.HasPrefix(p[3], "var.") || strings.HasPrefix(p[3], "local.") || strings.HasPrefix(p[3], "${") || p[3] == "true" || p[3] == "false" || p[3] == "null" || strings.Contains(p[3], "(") {
			return m
		}
		return p[1] + p[2] + "********"
	})
}
