package rule

import (
	"cmp"
	"fmt"
	"path"
	"slices"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/document"
)

// Audits reads what an engine looks for that no expression says: a map from names to title, why, fix, severity, cwe, attack, aliases,
// links and yields-to. An audit's id is the engine's name, a dash and its own; the result is sorted by id. file names the text in
// errors.
func Audits(engine, file string, data []byte) ([]*plinth.Rule, error) {
	var out []*plinth.Rule
	var wrong error
	faults := (&document.Parser{}).Parse(file, data, func(d document.Document) {
		for _, x := range d.Value.Fields() {
			word := func(key string) string { v, _ := x.Value.Get(key); return v.Str() }
			words := func(key string) (out []string) {
				list, _ := x.Value.Get(key)
				for _, e := range list.List() {
					out = append(out, e.Str())
				}
				return out
			}
			severity, ok := plinth.ParseSeverity(word("severity"))
			if !ok || word("title") == "" || word("why") == "" || word("fix") == "" {
				wrong = cmp.Or(wrong, fmt.Errorf("%s: %s wants title, why, fix and a severity", file, x.Key))
			}
			out = append(out, &plinth.Rule{
				ID: engine + "-" + x.Key, Engine: engine, Title: word("title"), Why: word("why"), Fix: word("fix"), Severity: severity,
				Aliases: words("aliases"), CWE: words("cwe"), Attack: words("attack"), Links: words("links"), YieldsTo: words("yields-to"),
			})
		}
	})
	if len(faults) > 0 {
		return nil, fmt.Errorf("%s:%d: %s", file, faults[0].At.Line, faults[0].Text)
	}
	slices.SortFunc(out, func(a, b *plinth.Rule) int { return cmp.Compare(a.ID, b.ID) })
	return out, wrong
}

// Chosen returns the audits that only names, or all where it is empty, without those that skip names.
func Chosen(list []*plinth.Rule, only, skip []string) []*plinth.Rule {
	return slices.DeleteFunc(slices.Clone(list), func(r *plinth.Rule) bool {
		is := func(name string) bool { return Answers(r, name) }
		return len(only) > 0 && !slices.ContainsFunc(only, is) || slices.ContainsFunc(skip, is)
	})
}

// Answers tells whether an audit goes by a name: that of its engine, its id, an alias, or a pattern of ids.
func Answers(r *plinth.Rule, name string) bool {
	if name == r.Engine || name == r.ID || slices.Contains(r.Aliases, name) {
		return true
	}
	ok, err := path.Match(name, r.ID)
	return ok && err == nil
}
