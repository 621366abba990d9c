package form

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"sort"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/plinthsec/plinth"
)

//go:embed tables/*.yaml
var tableFiles embed.FS

//go:embed defaults/*.yaml
var defaultFiles embed.FS

// entry is how one Terraform type becomes its provider's form.
type entry struct {
	tf       string
	Into     string
	Called   []string
	lines    []line
	defaults []defaultValue
	before   []older
	prefer   map[string]string
	parts    []*part
}

// part is a type that sets properties of another resource.
type part struct {
	tf       string
	by       string
	when     map[string]string
	lines    []line
	defaults []defaultValue
	before   []older
}

// older holds defaults of provider versions before one.
type older struct {
	version  string
	defaults []defaultValue
}

// defaultValue is what the provider takes when the argument is absent.
type defaultValue struct {
	path  []string
	value plinth.Value
}

// Tables gives access to the embedded tables. Entries are parsed when they are first asked for; it is safe for concurrent use.
type Tables struct {
	text   map[string]source   // by Terraform type
	parsed sync.Map            // what came of those that were asked for, a func() (*entry, error) by Terraform type
	partOf map[string][]string // part type → types whose entry lists it

	mu            sync.Mutex
	service       map[string]source // provider-form types in lower case
	parsedService map[string][]serviceDefault
}

// source is the text of one entry.
type source struct {
	file string
	line int
	text string
}

// Load splits the embedded tables into entries.
func Load() (*Tables, error) {
	t := &Tables{text: map[string]source{}, partOf: map[string][]string{}}
	files, err := fs.Glob(tableFiles, "tables/*.yaml")
	if err != nil {
		return nil, err
	}
	for _, name := range files {
		data, err := tableFiles.ReadFile(name)
		if err != nil {
			return nil, err
		}
		if err := t.split(path.Base(name), string(data)); err != nil {
			return nil, err
		}
	}
	for _, list := range t.partOf {
		sort.Strings(list)
	}
	return t, nil
}

// split cuts a file at the lines that begin in column 1, and notes which entry lists which part, by the indentation of the
// keys below parts.
func (t *Tables) split(file, text string) error {
	name, start, at, parts := "", 0, 0, -1
	flush := func(end int) error {
		if name == "" {
			return nil
		}
		if old, doubled := t.text[name]; doubled {
			return fmt.Errorf("%s:%d: %s stands already in %s:%d", file, at, name, old.file, old.line)
		}
		t.text[name] = source{file: file, line: at, text: text[start:end]}
		return nil
	}
	pos, n := 0, 0
	for pos < len(text) {
		end := strings.IndexByte(text[pos:], '\n')
		next := len(text)
		if end >= 0 {
			next = pos + end + 1
		}
		line := strings.TrimRight(text[pos:next], "\r\n")
		n++
		body := strings.TrimLeft(line, " ")
		indent := len(line) - len(body)
		switch {
		case body == "" || body[0] == '#':
		case indent == 0:
			if err := flush(pos); err != nil {
				return err
			}
			name, start, at, parts = leadingKey(body), pos, n, -1
		case strings.HasPrefix(body, "parts:"):
			parts = indent
			t.inlineParts(name, strings.TrimPrefix(body, "parts:"))
		case parts >= 0 && indent <= parts:
			parts = -1
		case parts >= 0 && indent == parts+2:
			t.notePart(name, leadingKey(body))
		}
		pos = next
	}
	return flush(len(text))
}

// leadingKey is the key that a line of YAML opens with; types of CloudFormation hold colons.
func leadingKey(body string) string {
	if body[0] == '"' {
		return strings.SplitN(body[1:], `"`, 2)[0]
	}
	if i := strings.Index(body, ": "); i > 0 {
		return body[:i]
	}
	return strings.TrimSuffix(body, ":")
}

// inlineParts notes the parts of `parts: {a: {…}}`.
func (t *Tables) inlineParts(name, rest string) {
	if rest = strings.TrimSpace(rest); rest == "" {
		return
	}
	var m map[string]yaml.Node
	if yaml.Unmarshal([]byte(rest), &m) == nil {
		for k := range m {
			t.notePart(name, k)
		}
	}
}

func (t *Tables) notePart(name, tf string) { t.partOf[tf] = append(t.partOf[tf], name) }

// Types returns the Terraform types that have an entry, sorted.
func (t *Tables) Types() []string {
	out := make([]string, 0, len(t.text))
	for name := range t.text {
		out = append(out, name)
	}
	sort.Strings(out)
	return out
}

// entry returns the entry of a type, nil where there is none. A faulty entry is an error that names file and line.
func (t *Tables) entry(tf string) (*entry, error) {
	if f, ok := t.parsed.Load(tf); ok {
		return f.(func() (*entry, error))()
	}
	f, _ := t.parsed.LoadOrStore(tf, sync.OnceValues(func() (*entry, error) { return t.parse(tf, 0) }))
	return f.(func() (*entry, error))()
}

const likeDepth = 3 // how far one entry may point at another

func (t *Tables) parse(tf string, depth int) (*entry, error) {
	src, ok := t.text[tf]
	if !ok {
		return nil, nil
	}
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(src.text), &doc); err != nil {
		return nil, fmt.Errorf("%s:%d: %s: %w", src.file, src.line, tf, err)
	}
	e, like, err := readEntry(tf, doc.Content[0].Content[1])
	if err != nil {
		return nil, fmt.Errorf("%s:%d: %s: %w", src.file, src.line, tf, err)
	}
	if like != "" {
		if depth == likeDepth {
			return nil, fmt.Errorf("%s:%d: %s: too many steps of like", src.file, src.line, tf)
		}
		base, err := t.parse(like, depth+1)
		if err != nil {
			return nil, err
		}
		if base == nil {
			return nil, fmt.Errorf("%s:%d: %s is like %s, which has no entry", src.file, src.line, tf, like)
		}
		e = e.over(base)
	}
	return e, nil
}

// over lays an entry over the one that it is like.
func (e *entry) over(base *entry) *entry {
	out := *base
	out.tf = e.tf
	if e.Into != "" {
		out.Into = e.Into
	}
	if e.Called != nil {
		out.Called = e.Called
	}
	out.lines = append(append([]line{}, base.lines...), e.lines...)
	out.defaults = append(append([]defaultValue{}, e.defaults...), base.defaults...)
	out.before = append(append([]older{}, base.before...), e.before...)
	if len(e.parts) > 0 {
		out.parts = e.parts
	}
	return &out
}

func readEntry(tf string, n *yaml.Node) (e *entry, like string, err error) {
	e = &entry{tf: tf}
	if n.Kind != yaml.MappingNode {
		return nil, "", fmt.Errorf("is no mapping")
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, v := n.Content[i].Value, n.Content[i+1]
		switch key {
		case "into":
			e.Into = v.Value
		case "like":
			like = v.Value
		case "called":
			err = v.Decode(&e.Called)
		case "map":
			e.lines, err = readLines(v)
		case "default":
			e.defaults, err = readDefaults(v)
		case "before":
			e.before, err = readBefore(v)
		case "prefer":
			err = v.Decode(&e.prefer)
		case "parts":
			e.parts, err = readParts(v)
		default:
			err = fmt.Errorf("unknown key %q (into, like, called, map, default, before, prefer, parts)", key)
		}
		if err != nil {
			return nil, "", fmt.Errorf("line %d: %w", n.Content[i].Line, err)
		}
	}
	return e, like, nil
}

func resolve(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

func readLines(n *yaml.Node) ([]line, error) {
	n = resolve(n)
	var out []line
	for i := 0; i+1 < len(n.Content); i += 2 {
		right := resolve(n.Content[i+1])
		if right.Kind == yaml.SequenceNode { // one argument that sets several properties
			for _, r := range right.Content {
				l, err := readLine(n.Content[i].Value, resolve(r).Value)
				if err != nil {
					return nil, fmt.Errorf("line %d: %w", n.Content[i].Line, err)
				}
				out = append(out, l)
			}
			continue
		}
		l, err := readLine(n.Content[i].Value, right.Value)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n.Content[i].Line, err)
		}
		out = append(out, l)
	}
	return out, nil
}

func readDefaults(n *yaml.Node) ([]defaultValue, error) {
	n = resolve(n)
	var out []defaultValue
	for i := 0; i+1 < len(n.Content); i += 2 {
		v, err := literal(resolve(n.Content[i+1]))
		if err != nil {
			return nil, err
		}
		out = append(out, defaultValue{path: strings.Split(strings.ReplaceAll(n.Content[i].Value, "[]", ""), "."), value: v})
	}
	return out, nil
}

// literal turns a YAML node of a table into a value.
func literal(n *yaml.Node) (plinth.Value, error) {
	switch n.Kind {
	case yaml.SequenceNode:
		list := []plinth.Value{}
		for _, c := range n.Content {
			v, err := literal(resolve(c))
			if err != nil {
				return v, err
			}
			list = append(list, v)
		}
		return plinth.ListOf(list), nil
	case yaml.MappingNode:
		fields := []plinth.Field{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			v, err := literal(resolve(n.Content[i+1]))
			if err != nil {
				return v, err
			}
			fields = append(fields, plinth.Field{Key: n.Content[i].Value, Value: v})
		}
		return plinth.MapOf(fields), nil
	}
	var x any
	if err := n.Decode(&x); err != nil {
		return plinth.Value{}, err
	}
	switch x := x.(type) {
	case nil:
		return plinth.Value{}, nil
	case bool:
		return plinth.BoolOf(x), nil
	case int:
		return plinth.NumberOf(float64(x)), nil
	case float64:
		return plinth.NumberOf(x), nil
	}
	return plinth.StringOf(n.Value), nil
}

func readBefore(n *yaml.Node) ([]older, error) {
	var out []older
	for i := 0; i+1 < len(n.Content); i += 2 {
		body := resolve(n.Content[i+1])
		for k := 0; k+1 < len(body.Content); k += 2 {
			if body.Content[k].Value != "default" {
				return nil, fmt.Errorf("unknown key %q below before (default)", body.Content[k].Value)
			}
			d, err := readDefaults(body.Content[k+1])
			if err != nil {
				return nil, err
			}
			out = append(out, older{version: n.Content[i].Value, defaults: d})
		}
	}
	sort.SliceStable(out, func(i, j int) bool { return lessVersion(out[i].version, out[j].version) })
	return out, nil
}

func readParts(n *yaml.Node) ([]*part, error) {
	var out []*part
	for i := 0; i+1 < len(n.Content); i += 2 {
		v := resolve(n.Content[i+1])
		bodies := []*yaml.Node{v}
		if v.Kind == yaml.SequenceNode {
			bodies = v.Content
		}
		for _, b := range bodies {
			p, err := readPart(n.Content[i].Value, resolve(b))
			if err != nil {
				return nil, fmt.Errorf("%s: %w", n.Content[i].Value, err)
			}
			out = append(out, p)
		}
	}
	return out, nil
}

func readPart(tf string, n *yaml.Node) (p *part, err error) {
	p = &part{tf: tf}
	for i := 0; i+1 < len(n.Content); i += 2 {
		v := resolve(n.Content[i+1])
		switch key := n.Content[i].Value; key {
		case "by":
			p.by = v.Value
		case "when":
			err = v.Decode(&p.when)
		case "map":
			p.lines, err = readLines(v)
		case "default":
			p.defaults, err = readDefaults(v)
		case "before":
			p.before, err = readBefore(v)
		default:
			err = fmt.Errorf("unknown key %q (by, when, map, default, before)", key)
		}
		if err != nil {
			return nil, err
		}
	}
	if p.by == "" {
		return nil, fmt.Errorf("by is missing")
	}
	return p, nil
}

// Named returns every type that some table names, in lower case: Terraform types, what they become, and what hangs on them.
func (t *Tables) Named() (map[string]bool, error) {
	out := map[string]bool{}
	for _, tf := range t.Types() {
		e, err := t.entry(tf)
		if err != nil {
			return nil, err
		}
		out[tf], out[strings.ToLower(e.Into)] = true, true
		lines := e.lines
		for _, p := range e.parts {
			out[p.tf] = true
			lines = append(lines[:len(lines):len(lines)], p.lines...)
		}
		for i := range lines {
			typ, _, _ := strings.Cut(lines[i].hang, "[]")
			out[strings.ToLower(typ)] = true
		}
	}
	delete(out, "")
	return out, nil
}
