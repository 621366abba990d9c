package function

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/csv"
	"fmt"
	"io"
	"net/url"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/ianaindex"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/value"
)

func encodings() []Func {
	text := func(f func(string) (string, error)) func(*call) (plinth.Value, error) {
		return func(c *call) (plinth.Value, error) {
			s, err := c.text(0)
			if err == nil {
				s, err = f(s)
			}
			if err != nil {
				return plinth.Value{}, fmt.Errorf("%s: %w", c.name, err)
			}
			return plinth.StringOf(s), nil
		}
	}
	return []Func{
		{Name: "base64encode", least: 1, most: 1, run: text(func(s string) (string, error) {
			return base64.StdEncoding.EncodeToString([]byte(s)), nil
		})},
		{Name: "base64decode", least: 1, most: 1, run: text(base64Decode)},
		{Name: "base64gzip", least: 1, most: 1, run: text(base64Gzip)},
		{Name: "base64gunzip", least: 1, most: 1, run: text(base64Gunzip)},
		{Name: "urlencode", least: 1, most: 1, run: text(func(s string) (string, error) { return url.QueryEscape(s), nil })},
		{Name: "urldecode", least: 1, most: 1, run: text(url.QueryUnescape)},
		{Name: "textencodebase64", least: 2, most: 2, run: textEncode},
		{Name: "textdecodebase64", least: 2, most: 2, run: textDecode},
		{Name: "csvdecode", least: 1, most: 1, run: csvDecode},
		{Name: "jsonencode", least: 1, most: 1, unknowns: true, run: jsonEncode},
		{Name: "jsondecode", least: 1, most: 1, unknowns: true, run: jsonDecode},
		{Name: "yamlencode", least: 1, most: 2, unknowns: true, run: yamlEncode},
		{Name: "yamldecode", least: 1, most: 1, unknowns: true, run: new(documents).yamlDecode},
	}
}

func base64Decode(s string) (string, error) {
	b, err := base64.StdEncoding.DecodeString(s)
	if err == nil && !utf8.Valid(b) {
		err = fmt.Errorf("the content is no UTF-8 text")
	}
	return string(b), err
}

func base64Gzip(s string) (string, error) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(s)); err != nil {
		return "", err
	}
	if err := w.Close(); err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(b.Bytes()), nil
}

func base64Gunzip(s string) (string, error) {
	r, err := gzip.NewReader(base64.NewDecoder(base64.StdEncoding, strings.NewReader(s)))
	if err != nil {
		return "", err
	}
	b, err := io.ReadAll(io.LimitReader(r, maxText+1))
	if err == nil && len(b) > maxText {
		err = fmt.Errorf("the content is longer than %d bytes", maxText)
	}
	return string(b), err
}

func textEncode(c *call) (plinth.Value, error) {
	s, err := c.text(0)
	if err != nil {
		return plinth.Value{}, err
	}
	name, err := c.text(1)
	if err != nil {
		return plinth.Value{}, err
	}
	enc, err := ianaindex.IANA.Encoding(name)
	if err != nil || enc == nil {
		return plinth.Value{}, fmt.Errorf("textencodebase64: no encoding %.40q", name)
	}
	out, err := enc.NewEncoder().String(s)
	if err != nil {
		return plinth.Value{}, fmt.Errorf("textencodebase64: %w", err)
	}
	return plinth.StringOf(base64.StdEncoding.EncodeToString([]byte(out))), nil
}

func textDecode(c *call) (plinth.Value, error) {
	s, err := c.text(0)
	if err != nil {
		return plinth.Value{}, err
	}
	name, err := c.text(1)
	if err != nil {
		return plinth.Value{}, err
	}
	enc, err := ianaindex.IANA.Encoding(name)
	if err != nil || enc == nil {
		return plinth.Value{}, fmt.Errorf("textdecodebase64: no encoding %.40q", name)
	}
	raw, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return plinth.Value{}, fmt.Errorf("textdecodebase64: %w", err)
	}
	out, err := enc.NewDecoder().Bytes(raw)
	if err != nil {
		return plinth.Value{}, fmt.Errorf("textdecodebase64: %w", err)
	}
	return plinth.StringOf(string(out)), nil
}

func csvDecode(c *call) (plinth.Value, error) {
	s, err := c.text(0)
	if err != nil {
		return plinth.Value{}, err
	}
	rows, err := csv.NewReader(strings.NewReader(s)).ReadAll()
	if err != nil {
		return plinth.Value{}, fmt.Errorf("csvdecode: %w", err)
	}
	if len(rows) == 0 {
		return plinth.Value{}, fmt.Errorf("csvdecode: no header line")
	}
	out := make([]plinth.Value, 0, len(rows)-1)
	for _, r := range rows[1:] {
		fields := make([]plinth.Field, len(r))
		for i, cell := range r {
			fields[i] = plinth.Field{Key: rows[0][i], Value: plinth.StringOf(cell)}
		}
		out = append(out, plinth.MapOf(fields))
	}
	return plinth.ListOf(out), nil
}

// jsonEncode keeps the value beside the text, so that a hole hides no more than itself.
func jsonEncode(c *call) (plinth.Value, error) {
	v := c.args[0]
	if v.IsUnknown() {
		if doc, ok := v.Document(); ok && !v.Partial() {
			return Unknown(v).WithDocument(doc), nil
		}
		return Unknown(v), nil
	}
	if s, ok := value.Plain(v); ok {
		return plinth.StringOf(s).WithDocument(v), nil
	}
	return Unknown(v).WithDocument(v), nil
}

func jsonDecode(c *call) (plinth.Value, error) {
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
	out, err := value.ParseJSON(s)
	if err != nil {
		return v, fmt.Errorf("jsondecode: %w", err)
	}
	return out.WithOrigin(v.Origin()), nil
}

// JSON encodes a value as jsonencode does: with holes it is an unknown text with its document.
func JSON(v plinth.Value) (plinth.Value, error) {
	fn := Func{Name: "jsonencode", least: 1, most: 1, unknowns: true, run: jsonEncode}
	return fn.Call(nil, []plinth.Value{v})
}

// ParseJSON decodes a JSON text; what is none is null.
func ParseJSON(text plinth.Value) plinth.Value {
	v, err := jsonDecode(&call{name: "jsondecode", args: []plinth.Value{text}})
	if err != nil {
		return plinth.Value{}
	}
	return v
}
