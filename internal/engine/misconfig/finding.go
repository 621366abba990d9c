package misconfig

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/form"
	"github.com/plinthsec/plinth/internal/rule"
	"github.com/plinthsec/plinth/internal/value"
)

const (
	maxName    = 60      // bytes of an element's content in a path; longer content is named by its digest
	maxQuoted  = 120     // characters of a value in a message
	digest     = 6       // bytes of the SHA-256 that names a long element
	maxTexts   = 1 << 16 // that are kept to be shared; a run has a few thousand
	maxOrigins = 20      // of the places that lead to a value: a chain of module arguments is shorter
)

// found reports a finding about what the variables hold.
func (j *judge) found(r *rule.Rule, v plinth.Verdict, because []string) {
	f := plinth.Finding{
		Rule: j.spoken(r), Resource: j.res, Decl: j.res.Decl, At: j.header(), Verdict: v, Because: because,
		Path: j.once(j.path(r)), Message: j.once(j.message(r)),
	}
	decides, o := j.decides(r)
	if o != nil {
		j.place(&f, o)
	}
	if j.list != "" && r.AtFrom != rule.P && (len(r.At) == 0 || o != nil && o.From == nil) {
		f.Evidence = append(f.Evidence, within(decides)...)
	}
	if v == plinth.Fail && j.list == "" {
		of := f.At
		if f.Decl != nil && f.At == f.Decl.Header && f.Decl.At.Line > 0 {
			of = f.Decl.At // it stands at the line that opens the block
		}
		f.Evidence = append(f.Evidence, j.part(of)...)
	}
	j.report(f)
}

// spoken is the rule with its advice in the words of the resource's source.
func (j *judge) spoken(r *rule.Rule) *plinth.Rule {
	if j.res.Decl == nil {
		return &r.Rule
	}
	key := advice{r.ID, j.res.Type, j.res.Decl.Type}
	if have, ok := j.advised[key]; ok {
		return have
	}
	out := &r.Rule
	if words := form.Advice(j.res, r.Fix); words != r.Fix {
		own := r.Rule
		own.Fix, out = words, &own
	}
	j.advised[key] = out
	return out
}

// part tells which part of the place of a finding is at fault, where that is an element of several, or stands in another declaration.
func (j *judge) part(of plinth.Location) []plinth.Step {
	for _, v := range j.sc.Held() {
		at := v.Origin().At
		if at.Path == of.Path && at.Line >= of.Line && at.EndLine <= of.EndLine && at.EndLine-at.Line < of.EndLine-of.Line {
			return []plinth.Step{{Note: "because of this part", At: at}}
		}
	}
	for _, v := range j.sc.Held() {
		if o := v.Origin(); o.Decl != nil && j.res.Decl != nil && o.At.Line > 0 && o.Decl.Address != j.res.Decl.Address && o.At != of {
			return []plinth.Step{{Note: "because of " + o.Decl.Address, At: o.At, Resource: o.Decl.Address}}
		}
	}
	return nil
}

// decides returns the deciding property, and its origin or that of the innermost thing around it that is written down.
func (j *judge) decides(r *rule.Rule) (plinth.Value, *plinth.Origin) {
	from := r.AtFrom
	if j.list == "" && (from == rule.E || from == rule.C) { // the list as a whole is unknown
		from = rule.P
		if r.Pods != rule.None {
			return plinth.Value{}, nil
		}
		return find(j.res.Props, r.Each, nil)
	}
	base := j.vars[from]
	around := base.Origin()
	if from == rule.P {
		around = nil
	}
	return find(base, r.At, around)
}

// find walks to a property, as far as there is one, and returns it with the origin of the last thing on the way that has one.
func find(v plinth.Value, steps []string, around *plinth.Origin) (plinth.Value, *plinth.Origin) {
	for _, s := range steps {
		v = opened(v)
		if v.IsUnknown() {
			v = certain(v)
		}
		next, ok := v.Get(s)
		if !ok {
			return plinth.Value{}, around
		}
		v = next
		if o := v.Origin(); o != nil && (o.At.Line > 0 || o.Decl != nil) && !standardIn(o, around) {
			around = o
		}
	}
	return v, around
}

// standardIn tells whether a value is a default inside a block that is written down: the block is the nearer place.
func standardIn(o, around *plinth.Origin) bool {
	return o.Default && around != nil && around.At.Line > 0 && around.Decl == o.Decl
}

// place points the finding at what decides: the argument, its declaration where that is a part of the resource, and how the
// value came there.
func (j *judge) place(f *plinth.Finding, o *plinth.Origin) {
	if o.Decl != nil && o.Decl != j.res.Decl {
		f.Decl, f.At = o.Decl, o.Decl.Header
		if j.res.Decl != nil && o.Decl.Address != j.res.Decl.Address && !form.Part(j.res.Decl.Type) {
			f.Evidence = append(f.Evidence, plinth.Step{Note: "part of " + j.res.Decl.Address, At: j.res.Decl.Header, Resource: j.res.Decl.Address})
		}
	}
	if o.Default {
		return
	}
	if o.At.Line > 0 {
		f.At = o.At
	}
	if o.Decl != nil && o.At == o.Decl.At && o.Decl.Header.Line > 0 { // what is missing is missing in the whole block
		f.At = o.Decl.Header
	}
	f.Evidence = append(f.Evidence, chain(o)...)
}

// chain tells how a value came to its place, the nearest first.
func chain(o *plinth.Origin) []plinth.Step {
	var out []plinth.Step
	for from := o.From; from != nil && len(out) < maxOrigins; from = from.From {
		note := "set by " + from.Path
		if from.Path == "" {
			note = "set here"
		}
		out = append(out, plinth.Step{Note: note, At: from.At})
	}
	return out
}

// within tells the same of the entries of an element that is judged as a whole, each step once; entries of one holder, or what was
// given as a whole, are one step.
func within(element plinth.Value) []plinth.Step {
	var all []plinth.Step
	for _, f := range element.Fields() {
		o := f.Value.Origin()
		if o == nil || len(all) >= maxOrigins {
			continue
		}
		for _, s := range chain(o) {
			if !slices.Contains(all, s) {
				all = append(all, s)
			}
		}
	}
	var out []plinth.Step
	for _, s := range all {
		holder := s.Note
		if i := strings.LastIndexByte(s.Note, '.'); i >= 0 && strings.ContainsAny(s.Note[:i], ".[") && many(all, s.At.Path, s.Note[:i]) { // more than "var" alone
			holder = s.Note[:i]
		}
		if k := slices.IndexFunc(out, func(o plinth.Step) bool { return o.Note == holder && o.At.Path == s.At.Path }); k >= 0 {
			out[k].At = span(out[k].At, s.At)
			continue
		}
		s.Note = holder
		out = append(out, s)
	}
	return out
}

// many tells whether several steps are about a holder, or about entries of it.
func many(steps []plinth.Step, file, holder string) bool {
	n := 0
	for _, s := range steps {
		if rest, ok := strings.CutPrefix(s.Note, holder); ok && s.At.Path == file && (rest == "" || rest[0] == '.' && strings.LastIndexByte(rest, '.') == 0) {
			n++
		}
	}
	return n > 1
}

// span is the range from the first to the last of two in one file.
func span(a, b plinth.Location) plinth.Location {
	if b.Line < a.Line || b.Line == a.Line && b.Col < a.Col {
		a.Line, a.Col = b.Line, b.Col
	}
	if b.EndLine > a.EndLine || b.EndLine == a.EndLine && b.EndCol > a.EndCol {
		a.EndLine, a.EndCol = b.EndLine, b.EndCol
	}
	return a
}

// path names the deciding property in the words of its provider, with list elements named by their content.
func (j *judge) path(r *rule.Rule) string {
	at := pathText(r.At)
	switch {
	case j.list == "" && (r.Each != nil || r.Pods > rule.Whole):
		return pathText(r.Each)
	case j.list == "" && r.AtFrom == rule.Pod:
		return join(strings.Join(rule.PodSpec(j.res.Type), "."), at)
	case j.list == "":
		return at
	}
	element, list := j.vars[rule.E], pathText(r.Each)
	if r.Each == nil {
		element, list = j.vars[rule.C], strings.Join(rule.PodSpec(j.res.Type), ".")+"."+j.list
	}
	name := list + "[" + nameOf(element) + "]"
	j.names[name]++
	if n := j.names[name]; n > 1 {
		name += "#" + strconv.Itoa(n)
	}
	if r.AtFrom != rule.E && r.AtFrom != rule.C {
		return name
	}
	return join(name, at)
}

func join(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "." + b
}

func pathText(steps []string) string {
	return strings.ReplaceAll(strings.Join(steps, "."), ".[]", "[]")
}

// nameOf names a list element by its content: its own name, its short texts and numbers, or a digest.
func nameOf(v plinth.Value) string {
	if v.Kind() != plinth.Map {
		return short(v)
	}
	for _, key := range [...]string{"name", "Name", "Key", "Id", "Sid"} {
		if n, ok := v.Get(key); ok && n.Kind() == plinth.String && n.Str() != "" && !n.Sensitive() && len(n.Str()) <= maxName {
			return n.Str()
		}
	}
	var first, rest []string
	from, _ := v.Get("FromPort")
	for _, f := range v.Fields() {
		switch {
		case strings.EqualFold(f.Key, "description"):
		case f.Value.Sensitive() || f.Value.Kind() == plinth.List || f.Value.Kind() == plinth.Map:
			return digestOf(v)
		case f.Key == "IpProtocol" || f.Key == "FromPort":
			first = append([]string{plain(f.Value)}, first...)
		case f.Key == "ToPort" && value.Known(from) && from.Num() == f.Value.Num():
		default:
			rest = append(rest, plain(f.Value))
		}
	}
	if name := strings.Join(append(first, rest...), " "); len(name) <= maxName {
		return name
	}
	return digestOf(v)
}

// short is a scalar's text, or a digest.
func short(v plinth.Value) string {
	if s := plain(v); len(s) <= maxName && v.Kind() != plinth.List && !v.Sensitive() {
		return s
	}
	return digestOf(v)
}

func plain(v plinth.Value) string {
	switch v.Kind() {
	case plinth.String:
		return v.Str()
	case plinth.Unknown:
		return "?"
	}
	return v.String()
}

func digestOf(v plinth.Value) string {
	var b bytes.Buffer
	value.WriteJSON(&b, v)
	sum := sha256.Sum256(b.Bytes())
	return hex.EncodeToString(sum[:digest])
}

// message is the title, and what the rule adds to it.
func (j *judge) message(r *rule.Rule) string {
	if j.list == "" && (r.Each != nil || r.Pods > rule.Whole) {
		return r.Title // of a list that is unknown as a whole there is nothing to quote
	}
	if r.Message == nil {
		if words := j.words(r); words != "" {
			return r.Title + ": " + words
		}
		return r.Title
	}
	var b strings.Builder
	b.WriteString(r.Title)
	b.WriteString(": ")
	for _, p := range r.Message {
		if p.Path == nil {
			b.WriteString(p.Text)
			continue
		}
		v := j.mentioned(r, p)
		if !p.Name {
			b.WriteString(quoted(v))
			continue
		}
		if o := v.Origin(); o != nil && o.Path != "" {
			b.WriteString(o.Path)
		} else {
			b.WriteString(pathText(p.Path))
		}
	}
	return b.String()
}

// names are last steps of a property that tell which thing it is, not what is wrong with it.
var names = []string{"name", "id", "arn", "type", "kind", "key", "namespace", "description", "projectid", "user", "username"}

// words says of the deciding property, as the user writes it, what it is, or that it is not set.
func (j *judge) words(r *rule.Rule) string {
	if len(r.At) == 0 || slices.Contains(r.At, "[]") || slices.Contains(names, strings.ToLower(r.At[len(r.At)-1])) || !asks(r) {
		return ""
	}
	v, _ := find(j.vars[r.AtFrom], r.At, nil)
	o := v.Origin()
	switch {
	case v.IsNull() && j.list == "" && len(j.sc.Held()) > 0: // what is there is at fault, not what is missing
		return ""
	case v.IsNull():
		argument := pathText(r.At)
		if r.AtFrom == rule.P {
			argument = form.Argument(j.res, argument)
		}
		if argument == "" {
			return ""
		}
		return argument + " is not set"
	case v.Kind() == plinth.Map || v.Kind() == plinth.List || v.IsUnknown() || o == nil || o.Path == "":
		return ""
	}
	if _, document := v.Document(); document {
		return ""
	}
	name := j.named(r, o)
	if o.Default {
		return name + " is not set, which means " + quoted(v)
	}
	if own := j.source(o.Path); own.Kind() == plinth.Bool && v.Kind() == plinth.String { // the provider has another word for it
		v = own
	}
	if v.Kind() == plinth.String && v.Str() == "" && !v.Sensitive() {
		return name + " is empty"
	}
	if text := quoted(v); strings.HasPrefix(text, name+" ") { // an instruction says itself what it is
		return text
	}
	return name + " is " + quoted(v)
}

// named is the deciding property as the source has it. In a source of the provider's form what an expression puts together stands
// somewhere else than where it belongs; the property itself tells more.
func (j *judge) named(r *rule.Rule, o *plinth.Origin) string {
	property := pathText(r.At)
	if j.res.Decl == nil || !strings.ContainsAny(j.res.Decl.Type, ":/") || strings.HasSuffix(o.Path, property) {
		return o.Path
	}
	return property
}

// roots are the names of the variables that a place can begin at.
var roots = map[rule.Variable]string{rule.P: "p", rule.E: "e", rule.C: "c", rule.Pod: "pod"}

// asks tells whether the condition is about the property at which the finding stands, something around it or something in it. Where it
// is not, the place is only where to look, and what stands there says nothing of the fault.
func asks(r *rule.Rule) bool {
	for _, p := range r.Fail.Paths() {
		n := min(len(p.Steps), len(r.At))
		if p.Root == roots[r.AtFrom] && slices.Equal(p.Steps[:n], r.At[:n]) {
			return true
		}
	}
	return false
}

// source returns an argument as the user wrote it; null for one that stands in a block of which there are several.
func (j *judge) source(path string) plinth.Value {
	v := j.res.Source
	for _, s := range strings.Split(path, ".") {
		if list := v.List(); v.Kind() == plinth.List && len(list) == 1 {
			v = list[0]
		}
		v, _ = v.Get(s)
	}
	return v
}

// mentioned finds a value that a message names: in the variable that it names, else in the element or container, else in the
// properties.
func (j *judge) mentioned(r *rule.Rule, p rule.Part) plinth.Value {
	if p.Root {
		if p.From == rule.R && j.vars[rule.R].IsNull() {
			j.vars[rule.R] = j.describe()
		}
		v, _ := find(j.vars[p.From], p.Path, nil)
		return v
	}
	if r.AtFrom != rule.P {
		if v, _ := find(j.vars[r.AtFrom], p.Path, nil); !v.IsNull() {
			return v
		}
	}
	v, _ := find(j.res.Props, p.Path, nil)
	return v
}

func quoted(v plinth.Value) string {
	s := ""
	switch {
	case v.Sensitive():
		s = v.String()
	case v.IsNull():
		s = "not set"
	case v.IsUnknown():
		s = "unknown (" + strings.Join(v.Why(), ", ") + ")"
	case v.Kind() == plinth.String:
		s = v.Str()
	default:
		s = v.String()
	}
	if utf8.RuneCountInString(s) > maxQuoted {
		s = string([]rune(s)[:maxQuoted]) + "…"
	}
	return s
}
