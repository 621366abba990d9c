package secret

import (
	"bytes"
	"maps"
	"regexp"
	"slices"
	"sort"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/graph"
)

const (
	shortValue = 6        // bytes of a value that is too short for a secret
	maxValue   = 1 << 20  // bytes of a value that is looked at: scripts and documents
	maxGather  = 16 << 20 // bytes of the values of one file: more is a loop that makes text
	maxNested  = 60       // how deep the properties of a resource are followed; parsers stop far above
	maxReached = 5        // settings that a finding lists
)

// apart keeps a value from the name of the one before it.
const apart = "\n\n\n;\n\n\n"

// setting is a text that a resource is given.
type setting struct {
	resource *plinth.Resource
	name     string
	origin   *plinth.Origin
	span     // of the value in the text of all settings that its file decides
}

// settings are the values that one file decides, as a text: NAME = "VALUE", apart from each other.
type settings struct {
	text []byte
	list []setting
}

// gatherer collects the values of resources by the file that decides them.
type gatherer struct {
	byFile map[string]*settings
	now    *plinth.Resource
}

// settingsOf collects the known texts that the declared resources are given, as they are once their configuration is evaluated. What
// nobody wrote is left out.
func settingsOf(g *graph.Graph) map[string]*settings {
	w := gatherer{byFile: map[string]*settings{}}
	for _, r := range g.Resources() {
		if r.Data || r.External || r.Hung {
			continue
		}
		w.now = r
		if v := r.Source; v.Kind() == plinth.Map {
			w.walk("", v, 0)
		} else {
			w.walk("", r.Props, 0)
		}
	}
	return w.byFile
}

func (w *gatherer) walk(name string, v plinth.Value, depth int) {
	if depth > maxNested {
		return
	}
	switch v.Kind() {
	case plinth.String:
		w.add(name, v)
	case plinth.List:
		for _, e := range v.List() {
			w.walk(name, e, depth+1)
		}
	case plinth.Map:
		own := sibling(v)
		if own == "" {
			own = name // of {NAME: {value: X}}
		}
		for _, f := range v.Fields() {
			key := f.Key
			if own != "" && strings.EqualFold(key, "value") {
				key = own
			}
			w.walk(key, f.Value, depth+1)
		}
	}
}

// sibling is the name that an entry {name: X, value: Y} gives its value, "" for maps of another form.
func sibling(v plinth.Value) string {
	for _, f := range v.Fields() {
		if strings.EqualFold(f.Key, "name") || strings.EqualFold(f.Key, "key") {
			return f.Value.Str()
		}
	}
	return ""
}

// add takes up a value.
func (w *gatherer) add(name string, v plinth.Value) {
	o, s := v.Origin(), v.Str()
	if o == nil || o.Default || len(s) < shortValue || len(s) > maxValue {
		return
	}
	file := decides(o).Path
	if file == "" {
		return
	}
	to := w.byFile[file]
	if to == nil {
		to = &settings{}
		w.byFile[file] = to
	}
	if len(to.text)+len(s) > maxGather {
		return
	}
	head, tail := name+` = "`, "\""
	if strings.ContainsAny(s, "\n\"") {
		head, tail = "", ""
	}
	to.text = append(to.text, head...)
	start := len(to.text)
	to.text = append(append(append(to.text, s...), tail...), apart...)
	to.list = append(to.list, setting{w.now, name, o, span{start, start + len(s)}})
}

// at is the setting that holds a match, nil where the match is none of a value alone.
func (s *settings) at(m span) *setting {
	i := sort.Search(len(s.list), func(i int) bool { return s.list[i].end >= m.end })
	if i == len(s.list) || s.list[i].start > m.start {
		return nil
	}
	return &s.list[i]
}

// decides is the place that decides a value.
func decides(o *plinth.Origin) plinth.Location {
	for o.From != nil && o.From.At.Path != "" {
		o = o.From
	}
	return o.At
}

// evaluated finds the secrets in what resources are given once their configuration is evaluated. Those that no text holds, or whose
// text has no name that tells them, are sightings at the place that decides the value; of all it tells which settings they reach, by
// their hashes.
func (e *Engine) evaluated(g *graph.Graph, seen []sighting, problem func(plinth.Problem)) (more []sighting, reached map[string][]plinth.Step) {
	if g == nil || e.read == nil || len(g.Resources()) == 0 {
		return nil, nil
	}
	known := map[string]bool{}
	for i := range seen {
		known[seen[i].hash] = true
	}
	best := map[string]int{} // where in more the sightings stand
	s, err := e.searcher(problem)
	if err != nil {
		return nil, nil // the texts have told
	}
	defer e.searches.Put(s)
	s.memo = nil
	reached = map[string][]plinth.Step{}
	byFile := settingsOf(g)
	for _, file := range slices.Sorted(maps.Keys(byFile)) {
		of := byFile[file]
		found := s.text(file, of.text)
		if len(found) == 0 {
			continue
		}
		text, err := e.read(file)
		if err != nil {
			continue // a module that was not downloaded
		}
		body, l := linesOf(of.text), linesOf(text)
		for i := range found {
			m := &found[i]
			x := of.at(m.at)
			if x == nil || m.hollow || !x.telling(m) {
				continue
			}
			one := e.sighting(file, of.text, body, s.name(m.value), m)
			reached[one.hash] = append(reached[one.hash], plinth.Step{Note: "it reaches " + x.name + " of " + x.resource.Label(), At: x.origin.At, Resource: x.resource.Label()})
			if known[one.hash] || x.written(m, text, l) {
				continue
			}
			one.at, one.part = decides(x.origin), len(m.value) != x.end-x.start
			one.silent = e.allowedAt(file, text, l, one.at, one.silent)
			if k, ok := best[one.hash]; !ok {
				best[one.hash] = len(more)
				more = append(more, one)
			} else if more[k].part && !one.part { // the value itself is nearer than a script that it is a part of
				more[k] = one
			}
		}
	}
	return more, reached
}

var (
	joinedWords = regexp.MustCompile(`^[A-Za-z]+(?:[-_. ][A-Za-z]+)+$`)
	nameOfOther = regexp.MustCompile(`(?i)(?:checksum|hash|digest|sha(?:1|256|512)?|md5|name|arn|id|path|file|ref|version)$`)
)

// telling tells whether a setting is a secret where little but its name speaks for it: not the name of one, db-password, nor what tells
// that it has changed.
func (x *setting) telling(m *match) bool {
	if m.rule.form == formToken || m.at != x.span {
		return true
	}
	return !joinedWords.Match(m.value) && !nameOfOther.MatchString(x.name)
}

// written tells whether the value stands so at the setting itself: then whoever reads the text has judged it.
func (x *setting) written(m *match, text []byte, l *lines) bool {
	if x.origin.From != nil {
		return false
	}
	at := x.origin.At
	first, last := int(at.Line)-1, int(max(at.Line, at.EndLine))-1
	if first < 0 || last >= len(l.start) {
		return false
	}
	return bytes.Contains(text[l.start[first]:l.start[last]+len(l.text(text, last))], m.value)
}

// allowedAt is what silences a secret at the place that decides it: what silences it already, or a comment on its line.
func (e *Engine) allowedAt(file string, text []byte, l *lines, at plinth.Location, by *plinth.Suppression) *plinth.Suppression {
	if by != nil || e.Plain || at.Line < 1 || int(at.Line) > len(l.start) {
		return by
	}
	start := l.start[at.Line-1]
	return allowed(file, text, l, &match{at: span{start, start + 1}, whole: span{start, start + 1}})
}
