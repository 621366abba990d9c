package function

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/plinthsec/plinth"
)

const (
	maxYAMLDepth = 200     // nesting: deeper text is hostile
	maxYAMLNodes = 200_000 // values after aliases are written out: more is a bomb
)

// ParseYAML reads one YAML document into a value without origins.
func ParseYAML(text string) (plinth.Value, error) { return parseYAML(text, "") }

// parseYAML gives entries and elements their places in the named file, if there is one.
func parseYAML(text, file string) (plinth.Value, error) {
	var n yaml.Node
	if err := yaml.Unmarshal([]byte(text), &n); err != nil {
		return plinth.Value{}, err
	}
	if n.Kind == 0 {
		return plinth.Value{}, nil
	}
	y := &yamlReader{left: maxYAMLNodes, file: file}
	v, err := y.value(&n, 0)
	if err != nil {
		return plinth.Value{}, err
	}
	return v, nil
}

type yamlReader struct {
	left int
	file string // "" for no places
}

// placed gives a value the place of the node that it begins with.
func (y *yamlReader) placed(v plinth.Value, n *yaml.Node) plinth.Value {
	if y.file == "" || v.Origin() != nil {
		return v
	}
	line := int32(n.Line)
	return v.WithOrigin(&plinth.Origin{At: plinth.Location{Path: y.file, Line: line, Col: int32(n.Column), EndLine: line, EndCol: int32(n.Column)}})
}

func (y *yamlReader) value(n *yaml.Node, depth int) (plinth.Value, error) {
	if y.left--; y.left <= 0 {
		return plinth.Value{}, fmt.Errorf("more than %d values", maxYAMLNodes)
	}
	if depth > maxYAMLDepth {
		return plinth.Value{}, fmt.Errorf("nested deeper than %d levels", maxYAMLDepth)
	}
	switch n.Kind {
	case yaml.DocumentNode:
		if len(n.Content) == 0 {
			return plinth.Value{}, nil
		}
		return y.value(n.Content[0], depth+1)
	case yaml.AliasNode:
		return y.value(n.Alias, depth+1)
	case yaml.SequenceNode:
		list := make([]plinth.Value, 0, len(n.Content))
		for _, e := range n.Content {
			v, err := y.value(e, depth+1)
			if err != nil {
				return v, err
			}
			list = append(list, y.placed(v, e))
		}
		return plinth.ListOf(list), nil
	case yaml.MappingNode:
		return y.mapping(n, depth)
	}
	return scalar(n)
}

func (y *yamlReader) mapping(n *yaml.Node, depth int) (plinth.Value, error) {
	var merged, fields []plinth.Field
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, err := y.value(n.Content[i], depth+1)
		if err != nil {
			return k, err
		}
		v, err := y.value(n.Content[i+1], depth+1)
		if err != nil {
			return v, err
		}
		if n.Content[i].Tag == "!!merge" {
			merged = append(merged, v.Fields()...)
			for j := v.Len() - 1; j >= 0 && v.Kind() == plinth.List; j-- { // earlier maps win
				merged = append(merged, v.List()[j].Fields()...)
			}
			continue
		}
		if k, err = ToString(k); err != nil || k.Kind() != plinth.String {
			return plinth.Value{}, errors.New("a key is no scalar")
		}
		fields = append(fields, plinth.Field{Key: k.Str(), Value: y.placed(v, n.Content[i])})
	}
	return plinth.MapOf(append(merged, fields...)), nil
}

// scalar resolves a scalar the way yamldecode does, which is neither YAML 1.1 nor 1.2: yes and on are true, 010 is ten.
func scalar(n *yaml.Node) (plinth.Value, error) {
	if n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0 || n.Style&yaml.TaggedStyle != 0 && n.ShortTag() == "!!str" {
		return plinth.StringOf(n.Value), nil
	}
	switch s := n.Value; s {
	case "", "~", "null", "Null", "NULL":
		return plinth.Value{}, nil
	case "y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON":
		return plinth.BoolOf(true), nil
	case "n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF":
		return plinth.BoolOf(false), nil
	default:
		if f, ok := yamlNumber(s); ok {
			return plinth.NumberOf(f), nil
		}
		if t, ok := yamlTime(s); ok {
			return plinth.StringOf(t.Format(time.RFC3339)), nil
		}
	}
	return plinth.StringOf(n.Value), nil
}

func yamlNumber(s string) (float64, bool) {
	if strings.HasPrefix(s, "0x") || strings.HasPrefix(s, "0o") {
		n, err := strconv.ParseUint(s, 0, 64)
		return float64(n), err == nil && !strings.Contains(s, "_")
	}
	if s[0] != '+' && s[0] != '-' && s[0] != '.' && (s[0] < '0' || s[0] > '9') || strings.ContainsAny(s, "_xXpPiInN") {
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil
}

// yamlTime reads what YAML takes as a timestamp: a date, with a time or without.
func yamlTime(s string) (time.Time, bool) {
	if len(s) < 8 || s[4] != '-' {
		return time.Time{}, false
	}
	for _, layout := range [...]string{"2006-1-2T15:4:5.999999999Z07:00", "2006-1-2t15:4:5.999999999Z07:00", "2006-1-2 15:4:5.999999999", "2006-1-2"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// documents remembers texts that were decoded: the modules of a configuration decode the same files again and again. It is safe for
// concurrent use.
type documents struct {
	mu    sync.Mutex
	known map[document]decoded
	size  int
}

type document struct{ text, file string }

type decoded struct {
	value plinth.Value
	err   error
}

func (d *documents) yaml(text, file string) (plinth.Value, error) {
	key := document{text, file}
	d.mu.Lock()
	out, ok := d.known[key]
	d.mu.Unlock()
	if ok {
		return out.value, out.err
	}
	out.value, out.err = parseYAML(text, file)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.size += len(text); d.size <= maxKept {
		if d.known == nil {
			d.known = map[document]decoded{}
		}
		d.known[key] = out
	}
	return out.value, out.err
}

// yamlDecode is yamldecode.
func (d *documents) yamlDecode(c *call) (plinth.Value, error) {
	v := c.args[0]
	if doc, ok := v.Document(); ok && !v.Partial() {
		return doc, nil
	}
	if v.IsUnknown() {
		return Unknown(v), nil
	}
	s, err := c.text(0)
	if err != nil {
		return v, err
	}
	out, err := d.yaml(s, wholeFile(v))
	if err != nil {
		return v, fmt.Errorf("yamldecode: %w", err)
	}
	return out.WithOrigin(v.Origin()), nil
}

// wholeFile is the file of which a text is the whole content, "" if there is none.
func wholeFile(v plinth.Value) string {
	if o := v.Origin(); o != nil && o.At.Line == 0 {
		return o.At.Path
	}
	return ""
}

// yamlEncode writes block style with quoted strings, as Terraform does, and keeps the value beside the text.
func yamlEncode(c *call) (plinth.Value, error) {
	v := c.args[0]
	m := &marks{left: maxWalk}
	m.walk(v)
	if len(m.why) > 0 {
		u := Unknown(v)
		if v.IsUnknown() {
			return u, nil
		}
		return u.WithDocument(v), nil
	}
	n := yamlNode(v, 0)
	var b strings.Builder
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	e.CompactSeqIndent()
	if err := e.Encode(n); err != nil {
		return v, fmt.Errorf("yamlencode: %w", err)
	}
	if err := e.Close(); err != nil {
		return v, fmt.Errorf("yamlencode: %w", err)
	}
	return plinth.StringOf(b.String()).WithDocument(v), nil
}

func yamlNode(v plinth.Value, depth int) *yaml.Node {
	if depth > maxYAMLDepth {
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}
	}
	switch v.Kind() {
	case plinth.List:
		n := &yaml.Node{Kind: yaml.SequenceNode}
		if v.Len() == 0 {
			n.Style = yaml.FlowStyle
		}
		for _, e := range v.List() {
			n.Content = append(n.Content, yamlNode(e, depth+1))
		}
		return n
	case plinth.Map:
		n := &yaml.Node{Kind: yaml.MappingNode}
		if v.Len() == 0 {
			n.Style = yaml.FlowStyle
		}
		for _, f := range v.Fields() {
			key := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Style: yaml.DoubleQuotedStyle, Value: f.Key}
			n.Content = append(n.Content, key, yamlNode(f.Value, depth+1))
		}
		return n
	case plinth.String:
		style := yaml.DoubleQuotedStyle
		if strings.Contains(v.Str(), "\n") {
			style = yaml.LiteralStyle
		}
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Style: style, Value: v.Str()}
	case plinth.Number:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: plinth.FormatNumber(v.Num())}
	case plinth.Bool:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: map[bool]string{true: "true", false: "false"}[v.Bool()]}
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}
}
