package document

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/plinthsec/plinth"
)

// yamlText is a YAML stream that is being read, one document at a time.
type yamlText struct {
	*Parser
	faults   *faults
	lines    *lines
	values   int
	expanded int // values that came from aliases of this document
	aliases  int // aliases around the value that is being read
	over     bool
	decl     *plinth.Declaration
	open     map[*yaml.Node]bool // anchored nodes that are being read through an alias
}

func (p *Parser) parseYAML(text string, f *faults, yield func(Document)) {
	text = printable(text, f)
	l := linesOf(text)
	for from, n := 0, 0; from < len(l.start); from += n {
		n = nextDocument(l, from)
		end := len(text)
		if from+n < len(l.start) {
			end = int(l.start[from+n])
		}
		part := text[l.start[from]:end]
		if strings.TrimSpace(part) == "" {
			continue
		}
		y := &yamlText{Parser: p, faults: f, lines: l.part(from, n, end), open: map[*yaml.Node]bool{}}
		y.document(part, yield)
		if y.over {
			return
		}
	}
}

// nextDocument returns how many lines the document beginning at line index from has. A line of --- or ... ends a document
// wherever it stands, also inside a scalar (YAML 1.2, 9.1.2), but directives belong to the document that follows.
func nextDocument(l *lines, from int) int {
	directives := false
	for i := from; i < len(l.start); i++ {
		line := l.text[l.start[i]:min(int(l.start[i])+4, len(l.text))]
		switch {
		case i > from && marker(line, "---"):
			if !directives {
				return i - from
			}
			directives = false
		case marker(line, "..."):
			return i - from + 1
		case strings.HasPrefix(line, "%"):
			directives = directives || onlyComments(l.text[l.start[from]:l.start[i]])
		}
	}
	return len(l.start) - from
}

func marker(line, mark string) bool {
	return strings.HasPrefix(line, mark) && (len(line) == 3 || strings.IndexByte(" \t\r\n", line[3]) >= 0)
}

func onlyComments(text string) bool {
	for line := range strings.SplitSeq(text, "\n") {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' && line[0] != '%' {
			return false
		}
	}
	return true
}

// part returns n lines of the text from line index from on, ending at byte end, as lines of their own.
func (l *lines) part(from, n, end int) *lines {
	out := *l
	out.text, out.start, out.first = l.text[:end], l.start[from:from+n], from
	if l.line != nil {
		out.line, out.base = l.line[from:from+n], l.base[from:from+n]
	}
	return &out
}

// printable replaces the characters that YAML forbids and tells of the first.
func printable(text string, f *faults) string {
	forbidden := func(r rune) bool {
		return r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0x7f || r >= 0x80 && r < 0xa0 && r != 0x85 ||
			r == 0xfeff || r == 0xfffe || r == 0xffff
	}
	i := strings.IndexFunc(text, forbidden)
	if i < 0 {
		return text
	}
	f.add(plinth.Broken, placeOf([]byte(text[:i]), i), "control character in the text")
	return strings.Map(func(r rune) rune {
		if forbidden(r) {
			return '\uFFFD'
		}
		return r
	}, text)
}

func (y *yamlText) document(part string, yield func(Document)) {
	var node yaml.Node
	if err := decodeYAML(strings.NewReader(part), &node); err != nil {
		if err != io.EOF { // comments only
			y.broken(part, err)
		}
		return
	}
	if node.Kind != yaml.DocumentNode || len(node.Content) == 0 {
		return
	}
	root := node.Content[0]
	if root.Kind == yaml.ScalarNode && root.Tag == "!!null" && root.Value == "" {
		return
	}
	y.decl = &plinth.Declaration{}
	from := y.offset(root)
	v, end := y.value(root, from, y.root, 0)
	if y.over {
		return
	}
	*y.decl = *declare(y.location(from, end))
	yield(Document{Value: v, Decl: y.decl})
}

// decodeYAML parses a text of one document. The parser panics on a few texts that it does not understand; for the caller they
// are broken texts like others.
func decodeYAML(text io.Reader, into *yaml.Node) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("yaml: the parser gave up: %v", r)
		}
	}()
	d := yaml.NewDecoder(text)
	if err := d.Decode(into); err != nil {
		return err
	}
	var rest yaml.Node
	if err := d.Decode(&rest); err == nil {
		return errors.New("yaml: did not find expected end of the document")
	} else if err != io.EOF {
		return err
	}
	return nil
}

// lineReader hands out one line at a time and counts them.
type lineReader struct {
	text string
	n    int
}

func (r *lineReader) Read(b []byte) (int, error) {
	if r.text == "" {
		return 0, io.EOF
	}
	line := r.text
	if i := strings.IndexByte(line, '\n'); i >= 0 {
		line = line[:i+1]
	}
	n := copy(b, line)
	if line[n-1] == '\n' || n == len(r.text) {
		r.n++
	}
	r.text = r.text[n:]
	return n, nil
}

// broken tells of a parser's error, "yaml: line 3: what". The scanner's lines are right. Of what the parser did not expect only
// the beginning of the surrounding collection is told; the place is how far a second look has read.
func (y *yamlText) broken(part string, err error) {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	line := 1
	if rest, ok := strings.CutPrefix(text, "line "); ok {
		if number, what, ok := strings.Cut(rest, ": "); ok {
			if n, err := strconv.Atoi(number); err == nil {
				line, text = n, what
			}
		}
	}
	if strings.HasPrefix(text, "did not find expected") || strings.HasPrefix(text, "unknown anchor") ||
		strings.HasPrefix(text, "found a tab") {
		r := &lineReader{text: part}
		var node yaml.Node
		if decodeYAML(r, &node) != nil {
			line = r.n
		}
	}
	line = min(max(line, 1), len(y.lines.start))
	at := y.lines.place(int(y.lines.start[line-1]))
	kind := plinth.Broken
	if strings.Contains(text, "exceeded max depth") {
		kind = plinth.Limit
	}
	y.faults.add(kind, at, text)
}

func (y *yamlText) offset(n *yaml.Node) int { return y.lines.offset(n.Line, n.Column) }

func (y *yamlText) location(from, to int) plinth.Location {
	return location(y.faults.path, y.lines.place(from), y.lines.place(to))
}

func (y *yamlText) fault(kind plinth.ProblemKind, n *yaml.Node, text string) {
	y.faults.add(kind, y.lines.place(y.offset(n)), text)
}

// enter counts a value and tells whether it may still be read.
func (y *yamlText) enter(n *yaml.Node, depth int) bool {
	y.values++
	if y.aliases > 0 {
		y.expanded++
	}
	switch {
	case y.over:
		return false
	case depth > maxDepth:
		y.fault(plinth.Limit, n, fmt.Sprintf("nested deeper than %d levels", maxDepth))
	case y.values > maxValues:
		y.fault(plinth.Limit, n, fmt.Sprintf("more than %d values in one document", maxValues))
	case y.expanded > maxExpanded:
		y.fault(plinth.Limit, n, fmt.Sprintf("aliases expand to more than %d values", maxExpanded))
	default:
		return true
	}
	y.over = true
	return false
}

// value turns a node into a value. Byte from is where its entry begins, the key included; the byte after the node is returned.
func (y *yamlText) value(n *yaml.Node, from int, at *path, depth int) (plinth.Value, int) {
	if !y.enter(n, depth) {
		return plinth.Value{}, from
	}
	var v plinth.Value
	var end int
	switch n.Kind {
	case yaml.AliasNode:
		v, end = y.alias(n, at, depth)
	case yaml.ScalarNode:
		v, end = y.scalar(n), y.endOfScalar(n)
	case yaml.SequenceNode:
		v, end = y.sequence(n, at, depth)
	default:
		v, end = y.mapping(n, at, depth)
	}
	end = max(end, from)
	if y.Tag != nil && custom(n.Tag) {
		v = y.Tag(n.Tag, v.WithOrigin(y.origin(plinth.Origin{At: y.location(y.offset(n), end), Path: at.text, Decl: y.decl})))
	}
	o := plinth.Origin{At: y.location(from, end), Path: at.text, Decl: y.decl}
	if n.Kind == yaml.AliasNode {
		o.From = v.Origin()
	}
	return v.WithOrigin(y.origin(o)), end
}

// custom tells whether a tag is an application's.
func custom(tag string) bool {
	return tag != "" && tag != "!" && !strings.HasPrefix(tag, "!!")
}

func (y *yamlText) alias(n *yaml.Node, at *path, depth int) (plinth.Value, int) {
	end := y.offset(n) + 1 + len(n.Value)
	if y.open[n.Alias] {
		y.fault(plinth.Broken, n, fmt.Sprintf("alias *%s stands inside its own anchor", n.Value))
		return plinth.UnknownOf("*" + n.Value), end
	}
	y.open[n.Alias] = true
	y.aliases++
	v, _ := y.value(n.Alias, y.offset(n.Alias), at, depth+1)
	y.aliases--
	delete(y.open, n.Alias)
	return v, end
}

func (y *yamlText) sequence(n *yaml.Node, at *path, depth int) (plinth.Value, int) {
	y.mark(n, true)
	defer y.mark(n, false)
	end := y.offset(n)
	list := make([]plinth.Value, 0, len(n.Content))
	outer, apart := y.decl, y.Elements != "" && depth == 1 && at.text == y.Elements
	for i, c := range n.Content {
		inner := y.item(at, i)
		if apart {
			y.decl, inner = &plinth.Declaration{}, y.root
		}
		from := y.offset(c)
		var v plinth.Value
		v, end = y.value(c, from, inner, depth+1)
		if apart {
			*y.decl = *declare(y.location(from, end))
		}
		list = append(list, v)
	}
	y.decl = outer
	return plinth.ListOf(list), y.closing(n, end, ']')
}

// mark notes that an anchored node is being read, so that an alias inside it is found.
func (y *yamlText) mark(n *yaml.Node, open bool) {
	if n.Anchor == "" {
		return
	}
	if open {
		y.open[n] = true
	} else {
		delete(y.open, n)
	}
}

func (y *yamlText) mapping(n *yaml.Node, at *path, depth int) (plinth.Value, int) {
	y.mark(n, true)
	defer y.mark(n, false)
	end := y.offset(n)
	fields := make([]plinth.Field, 0, len(n.Content)/2)
	var merged []plinth.Field
	for i := 0; i+1 < len(n.Content) && !y.over; i += 2 {
		k, c := n.Content[i], n.Content[i+1]
		if k.Kind == yaml.AliasNode && k.Alias.Kind == yaml.ScalarNode {
			k = &yaml.Node{Kind: yaml.ScalarNode, Value: k.Alias.Value, Line: k.Line, Column: k.Column}
		}
		if k.Kind != yaml.ScalarNode {
			y.fault(plinth.Broken, k, "a key is no plain text; the entry is left out")
			_, end = y.value(c, y.offset(c), at, depth+1)
			continue
		}
		if k.Tag == "!!merge" {
			var m []plinth.Field
			m, end = y.merge(c, at, depth)
			merged = append(merged, m...)
			continue
		}
		key := y.share(k.Value)
		var v plinth.Value
		v, end = y.value(c, y.offset(k), y.key(at, key), depth+1)
		fields = append(fields, plinth.Field{Key: key, Value: v})
	}
	if y.over {
		return plinth.Value{}, end
	}
	v := y.mapOf(fields, y.faults)
	if len(merged) > 0 {
		v = overlay(v, merged)
	}
	return v, y.closing(n, end, '}')
}

// merge returns the fields that a merge key (<<) adds, the strongest first.
func (y *yamlText) merge(c *yaml.Node, at *path, depth int) ([]plinth.Field, int) {
	if c.Kind == yaml.SequenceNode {
		var out []plinth.Field
		end := y.offset(c)
		for _, e := range c.Content {
			var fields []plinth.Field
			fields, end = y.merge(e, at, depth+1)
			out = append(out, fields...)
		}
		return out, y.closing(c, end, ']')
	}
	v, end := y.value(c, y.offset(c), at, depth+1)
	switch v.Kind() {
	case plinth.Map:
		return v.Fields(), end
	case plinth.Unknown:
		return nil, end
	}
	y.fault(plinth.Broken, c, "a merge key (<<) wants a map or a list of maps")
	return nil, end
}

// overlay adds the merged fields that v does not have; of several with one key the first counts.
func overlay(v plinth.Value, merged []plinth.Field) plinth.Value {
	fields := slices.Clone(v.Fields())
	have := make(map[string]bool, len(fields)+len(merged))
	for _, f := range fields {
		have[f.Key] = true
	}
	for _, f := range merged {
		if !have[f.Key] {
			have[f.Key] = true
			fields = append(fields, f)
		}
	}
	return plinth.MapOf(fields)
}

func (y *yamlText) scalar(n *yaml.Node) plinth.Value {
	switch n.ShortTag() {
	case "!!null":
		return plinth.Value{}
	case "!!bool":
		switch strings.ToLower(n.Value) {
		case "true", "yes", "on", "y":
			return plinth.BoolOf(true)
		case "false", "no", "off", "n":
			return plinth.BoolOf(false)
		}
	case "!!int", "!!float":
		if f, ok := number(n.Value); ok {
			return plinth.NumberOf(f)
		}
	}
	return plinth.StringOf(y.share(n.Value))
}

// number reads a number as YAML writes it: 12, 0x1f, 0o17, 017, 0b11, 1_000, 1.5e3. What is no finite number, or has a zero in
// front and is no octal number (an account number), is none.
func number(text string) (float64, bool) {
	plain := strings.ReplaceAll(text, "_", "")
	if i, err := strconv.ParseInt(plain, 0, 64); err == nil {
		return float64(i), true
	}
	if u, err := strconv.ParseUint(plain, 0, 64); err == nil {
		return float64(u), true
	}
	if digits := strings.TrimLeft(plain, "+-"); len(digits) > 1 && digits[0] == '0' && strings.Trim(digits, "0123456789") == "" {
		return 0, false
	}
	f, err := strconv.ParseFloat(plain, 64)
	return f, err == nil && !math.IsInf(f, 0) && !math.IsNaN(f)
}
