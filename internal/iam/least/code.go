package least

import (
	"bytes"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/iam"
)

// The limit of reading code.
const maxCode = 1 << 25 // bytes of all files of a workload

// languages are the endings of files whose calls are read.
var languages = []string{".py", ".js", ".mjs", ".cjs", ".ts", ".go", ".java", ".kt", ".rb", ".cs", ".rs", ".php"}

// Reads tells whether calls are read out of a file of this name.
func Reads(name string) bool { return slices.Contains(languages, path.Ext(name)) }

// calls are the names that code calls or makes, in small letters without underscores, with the first place of each.
type calls struct {
	at map[string]plinth.Location
}

// read gathers all identifiers before an opening bracket: get_item(, GetItem(, new GetItemCommand(, getItem(.
func read(source []File) *calls {
	c := &calls{at: map[string]plinth.Location{}}
	left := maxCode
	for _, f := range source {
		if !Reads(f.Path) || left < len(f.Text) {
			continue
		}
		left -= len(f.Text)
		line := int32(0)
		for text := range bytes.Lines(f.Text) {
			line++
			for at := bytes.IndexByte(text, '('); at >= 0; {
				if name := before(text[:at]); name != "" {
					if _, ok := c.at[name]; !ok {
						c.at[name] = plinth.Location{Path: f.Path, Line: line, EndLine: line}
					}
				}
				next := bytes.IndexByte(text[at+1:], '(')
				if next < 0 {
					break
				}
				at += 1 + next
			}
		}
	}
	return c
}

// before returns the identifier at the end of a text, folded.
func before(text []byte) string {
	text = bytes.TrimRight(text, " \t!?")
	at := len(text)
	for at > 0 && (text[at-1] == '_' || text[at-1] >= '0' && text[at-1] <= '9' || text[at-1]|0x20 >= 'a' && text[at-1]|0x20 <= 'z') {
		at--
	}
	return fold(string(text[at:]))
}

func fold(name string) string { return strings.ToLower(strings.ReplaceAll(name, "_", "")) }

// of returns the actions of a use that the code calls, with the places of the calls; all of the use where it calls none.
func (c *calls) of(u use, service string, facts *iam.Services) (actions []string, seen []plinth.Step) {
	add := func(name string, needs []string) {
		for _, form := range [...]string{fold(name), fold(name) + "command", fold(name) + "request"} {
			at, ok := c.at[form]
			if !ok {
				continue
			}
			step := plinth.Step{Note: "the code calls " + name, At: at}
			for _, a := range needs {
				if !slices.Contains(actions, a) {
					actions = append(actions, a)
				}
			}
			if !slices.Contains(seen, step) {
				seen = append(seen, step)
			}
			return
		}
	}
	if len(c.at) > 0 {
		for _, name := range slices.Sorted(maps.Keys(u.Calls)) {
			add(name, u.Calls[name])
		}
		for _, a := range facts.Actions(service + ":*") {
			_, name, _ := strings.Cut(a, ":")
			if len(name) > len("Query") || slices.Contains(u.Read, a) || slices.Contains(u.Write, a) {
				add(name, []string{a})
			}
		}
	}
	if len(actions) == 0 {
		return slices.Concat(u.Read, u.Write), nil
	}
	return actions, seen
}
