package fix

import (
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/lazy"
)

// Workflow proposes fixes of GitHub Actions workflows and of Dependabot's configuration, in block style.
type Workflow struct {
	Pins map[string]string                                     // the hashes that tags stand for, by OWNER/NAME@TAG
	Ask  func(repository, ref string) (hash string, err error) // for the others; nil: nobody is asked
}

// Propose returns the candidates of a finding, or why there are none.
func (w *Workflow) Propose(f *plinth.Finding, read func(string) ([]byte, error)) ([]Candidate, string) {
	audit := strings.TrimPrefix(f.Rule.ID, "pipeline-")
	make, ok := audits()[audit]
	if !ok {
		return nil, "there is no fix for this audit: " + f.Rule.Fix
	}
	if f.Resource != nil && !strings.HasPrefix(f.Resource.Type, "github/") && f.Resource.Type != "pre-commit/Configuration" {
		return nil, "pipelines of this service are not edited: " + f.Rule.Fix
	}
	src, err := read(f.At.Path)
	if err != nil {
		return nil, "the file cannot be read: " + err.Error()
	}
	p := newPage(f.At.Path, src)
	line := int(f.At.Line) - 1
	if line < 0 || line >= len(p.lines) {
		return nil, "the finding has no line in this file"
	}
	c, why := make(&place{page: p, line: line, f: f, pins: w})
	if why != "" {
		return nil, why
	}
	return []Candidate{c}, ""
}

// page is a file in lines, without their ends.
type page struct {
	path  string
	src   string
	lines []string
	at    []int // offset of each line, and of the end
}

func newPage(path string, src []byte) *page {
	p := &page{path: path, src: string(src)}
	at := 0
	for _, l := range strings.SplitAfter(p.src, "\n") {
		p.at = append(p.at, at)
		p.lines = append(p.lines, strings.TrimRight(l, "\r\n"))
		at += len(l)
	}
	p.at = append(p.at, at)
	return p
}

// before inserts lines before line i.
func (p *page) before(i int, text string) Edit {
	if i >= len(p.lines) || i == len(p.lines)-1 && p.lines[i] == "" {
		if p.src != "" && !strings.HasSuffix(p.src, "\n") {
			text = "\n" + strings.TrimSuffix(text, "\n")
		}
		return Edit{Path: p.path, From: len(p.src), To: len(p.src), Text: text}
	}
	return Edit{Path: p.path, From: p.at[i], To: p.at[i], Text: text}
}

// within replaces columns from to to of line i.
func (p *page) within(i, from, to int, text string) Edit {
	return Edit{Path: p.path, From: p.at[i] + from, To: p.at[i] + to, Text: text}
}

// without takes a line out.
func (p *page) without(i int) Edit { return Edit{Path: p.path, From: p.at[i], To: p.at[i+1]} }

func depth(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }

func blank(line string) bool {
	t := strings.TrimSpace(line)
	return t == "" || t[0] == '#'
}

// end is the line behind the mapping or item whose first line is i and whose content is indented deeper than column.
func (p *page) end(i, column int) int {
	last := i + 1
	for k := i + 1; k < len(p.lines); k++ {
		if strings.TrimSpace(p.lines[k]) == "" {
			continue
		}
		if depth(p.lines[k]) <= column {
			break
		}
		last = k + 1
	}
	return last
}

// item is an element of a list of mappings in block style: its lines, the column of its keys.
type item struct {
	from, to, column int
}

// item finds the innermost element of a list about a line: a step, an entry of Dependabot's updates.
func (p *page) item(line int) (item, bool) {
	for i := line; i >= 0; i-- {
		l := p.lines[i]
		t := strings.TrimLeft(l, " ")
		if !strings.HasPrefix(t, "- ") || !itemKey.MatchString(t) {
			continue
		}
		d := depth(l)
		column := len(l) - len(strings.TrimLeft(t[1:], " "))
		if to := p.end(i, d); line < to {
			return item{i, to, column}, true
		}
	}
	return item{}, false
}

var itemKey = lazy.New(`^- +[A-Za-z_-]+:( |$)`)

// key finds a key at a column between two lines; -1 where there is none. The key of an item's first line stands behind its dash.
func (p *page) key(from, to, column int, name string) int {
	for i := from; i < to && i < len(p.lines); i++ {
		l := p.lines[i]
		if len(l) <= column || !strings.HasPrefix(l[column:], name+":") {
			continue
		}
		if lead := strings.TrimSpace(l[:column]); lead == "" || lead == "-" {
			return i
		}
	}
	return -1
}

// put puts a line below a mapping of an item, which is made before line at where it is not there. It fails for flow style.
func (p *page) put(it item, mapping, line string, at int) (Edit, bool) {
	pad := strings.Repeat(" ", it.column)
	i := p.key(it.from, it.to, it.column, mapping)
	if i < 0 {
		return p.before(at, pad+mapping+":\n"+pad+"  "+line+"\n"), true
	}
	rest := strings.TrimSpace(p.lines[i][it.column+len(mapping)+1:])
	if rest != "" && rest[0] != '#' {
		return Edit{}, false
	}
	for k := i + 1; k < it.to; k++ {
		if !blank(p.lines[k]) {
			if depth(p.lines[k]) <= it.column {
				break
			}
			return p.before(p.end(i, it.column), strings.Repeat(" ", depth(p.lines[k]))+line+"\n"), true
		}
	}
	return Edit{}, false
}

// place is the finding in its page.
type place struct {
	*page
	line int
	f    *plinth.Finding
	pins *Workflow
}

func (p *place) text() string { return p.lines[p.line] }

// top is the line of a key of the outermost mapping.
func (p *page) top(name string) int { return p.key(0, len(p.lines), 0, name) }

// drop takes a line out, and the line of its mapping where nothing else is in it.
func (p *place) drop(i int) []Edit {
	d := depth(p.lines[i])
	up := i - 1
	for up >= 0 && (blank(p.lines[up]) || depth(p.lines[up]) > d) {
		up--
	}
	edits := []Edit{p.without(i)}
	if up < 0 || depth(p.lines[up]) == d || !strings.HasSuffix(strings.TrimSpace(p.lines[up]), ":") {
		return edits
	}
	others := slices.ContainsFunc(p.lines[up+1:p.end(up, depth(p.lines[up]))], func(l string) bool { return l != p.lines[i] && strings.TrimSpace(l) != "" })
	if others || strings.HasPrefix(strings.TrimSpace(p.lines[up]), "-") {
		return edits
	}
	return []Edit{p.without(up), edits[0]}
}
