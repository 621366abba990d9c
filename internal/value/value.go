// Package value is what can be done with plinth values: compare, convert, walk and print them, and three-valued truth.
package value

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/plinthsec/plinth"
)

const (
	maxDepth = 200 // nesting of values built from text: deeper input is hostile
)

// Truth is a truth value of Kleene's strong logic.
type Truth int8

// The three truth values.
const (
	False Truth = iota
	True
	Undecided
)

// TruthOf turns a bool into a truth value.
func TruthOf(b bool) Truth {
	if b {
		return True
	}
	return False
}

// Equal compares two values deeply. While an unknown could decide it is Undecided, and why holds the reasons of the unknowns
// that left it open; a known difference decides at once. A number and a string are never equal.
func Equal(a, b plinth.Value) (Truth, []string) {
	if a.IsUnknown() || b.IsUnknown() {
		if differ(a, b) || differ(b, a) {
			return False, nil
		}
		return Undecided, append(slices.Clone(a.Why()), b.Why()...)
	}
	if a.Kind() != b.Kind() {
		return False, nil
	}
	switch a.Kind() {
	case plinth.Null:
		return True, nil
	case plinth.Bool:
		return TruthOf(a.Bool() == b.Bool()), nil
	case plinth.Number:
		return TruthOf(a.Num() == b.Num()), nil
	case plinth.String:
		return TruthOf(a.Str() == b.Str()), nil
	case plinth.List:
		return equalLists(a.List(), b.List())
	}
	return equalMaps(a.Fields(), b.Fields())
}

// differ tells that an unknown string with known ends is not b.
func differ(a, b plinth.Value) bool {
	head, tail := a.Ends()
	if head == "" && tail == "" {
		return false
	}
	switch b.Kind() {
	case plinth.Unknown:
		otherHead, otherTail := b.Ends()
		return !common(head, otherHead, strings.HasPrefix) || !common(tail, otherTail, strings.HasSuffix)
	case plinth.String:
		s := b.Str()
		return len(s) < len(head)+len(tail) || !strings.HasPrefix(s, head) || !strings.HasSuffix(s, tail)
	}
	return true
}

func common(a, b string, has func(s, part string) bool) bool { return has(a, b) || has(b, a) }

const (
	maxParts    = 16  // of a text whose parts are kept: names and ARNs, not scripts
	maxPartText = 512 // bytes of the known ones
)

// Parted gives an unknown text the parts that it is made of, unless it is long.
func Parted(v plinth.Value, parts []plinth.Value) plinth.Value {
	size := 0
	for _, p := range parts {
		size += len(p.Str())
	}
	if len(parts) < 2 || len(parts) > maxParts || size > maxPartText {
		return v
	}
	return v.WithParts(parts)
}

// Ends returns what a text made of known and unknown parts surely begins and ends with.
func Ends(parts []plinth.Value) (head, tail string) {
	for _, p := range parts {
		if p.IsUnknown() {
			more, _ := p.Ends()
			head += more
			break
		}
		head += p.Str()
	}
	for i := len(parts) - 1; i >= 0; i-- {
		if parts[i].IsUnknown() {
			_, more := parts[i].Ends()
			tail = more + tail
			break
		}
		tail = parts[i].Str() + tail
	}
	return head, tail
}

func equalLists(a, b []plinth.Value) (Truth, []string) {
	if len(a) != len(b) {
		return False, nil
	}
	all, why := True, []string(nil)
	for i := range a {
		t, w := Equal(a[i], b[i])
		if t == False {
			return False, nil
		}
		if t == Undecided {
			all, why = Undecided, append(why, w...)
		}
	}
	return all, why
}

func equalMaps(a, b []plinth.Field) (Truth, []string) {
	if len(a) != len(b) {
		return False, nil
	}
	all, why := True, []string(nil)
	for i := range a {
		if a[i].Key != b[i].Key {
			return False, nil
		}
		t, w := Equal(a[i].Value, b[i].Value)
		if t == False {
			return False, nil
		}
		if t == Undecided {
			all, why = Undecided, append(why, w...)
		}
	}
	return all, why
}

// Known tells whether the value has no unknown in it.
func Known(v plinth.Value) bool {
	switch v.Kind() {
	case plinth.Unknown:
		return false
	case plinth.List:
		for _, e := range v.List() {
			if !Known(e) {
				return false
			}
		}
	case plinth.Map:
		for _, f := range v.Fields() {
			if !Known(f.Value) {
				return false
			}
		}
	}
	return true
}

// Reasons returns the root causes of all unknowns in the value, each once, in the order of the walk.
func Reasons(v plinth.Value) []string {
	var out []string
	Walk(v, func(_ string, v plinth.Value) bool {
		for _, w := range v.Why() {
			if !slices.Contains(out, w) {
				out = append(out, w)
			}
		}
		return true
	})
	return out
}

// Walk calls visit for v and everything inside it, parents first, with the path from v: "a.b[0].c", "" for v itself. When
// visit answers false the inside of that value is left out.
func Walk(v plinth.Value, visit func(path string, v plinth.Value) bool) { walk("", v, visit) }

func walk(path string, v plinth.Value, visit func(string, plinth.Value) bool) {
	if !visit(path, v) {
		return
	}
	for i, e := range v.List() {
		walk(path+"["+strconv.Itoa(i)+"]", e, visit)
	}
	for _, f := range v.Fields() {
		at := f.Key
		if path != "" {
			at = path + "." + f.Key
		}
		walk(at, f.Value, visit)
	}
}

// Refs calls visit for every reference in the value, with the path of the value that holds it.
func Refs(v plinth.Value, visit func(path string, at plinth.Value, r plinth.Ref)) {
	Walk(v, func(path string, v plinth.Value) bool {
		for _, r := range v.Refs() {
			visit(path, v, r)
		}
		if doc, ok := v.Document(); ok {
			Refs(doc, func(inner string, at plinth.Value, r plinth.Ref) { visit(path, at, r) })
		}
		return true
	})
}

// WriteJSON writes the value as JSON in the form of -o resources: {"$unknown":[why…]}, {"$sensitive":true}, {"$json":doc} for
// a string that holds a document with unknown leaves.
func WriteJSON(w *bytes.Buffer, v plinth.Value) {
	if v.Sensitive() {
		w.WriteString(`{"$sensitive":true}`)
		return
	}
	if doc, ok := v.Document(); ok && !v.Partial() && (v.IsUnknown() || v.Kind() == plinth.String && !Known(doc)) {
		w.WriteString(`{"$json":`)
		WriteJSON(w, doc)
		w.WriteByte('}')
		return
	}
	switch v.Kind() {
	case plinth.Null:
		w.WriteString("null")
	case plinth.Bool:
		w.WriteString(strconv.FormatBool(v.Bool()))
	case plinth.Number:
		w.WriteString(plinth.FormatNumber(v.Num()))
	case plinth.String:
		writeString(w, v.Str())
	case plinth.Unknown:
		w.WriteString(`{"$unknown":[`)
		for i, r := range v.Why() {
			if i > 0 {
				w.WriteByte(',')
			}
			writeString(w, r)
		}
		w.WriteString("]}")
	case plinth.List:
		w.WriteByte('[')
		for i, e := range v.List() {
			if i > 0 {
				w.WriteByte(',')
			}
			WriteJSON(w, e)
		}
		w.WriteByte(']')
	case plinth.Map:
		w.WriteByte('{')
		for i, f := range v.Fields() {
			if i > 0 {
				w.WriteByte(',')
			}
			writeString(w, f.Key)
			w.WriteByte(':')
			WriteJSON(w, f.Value)
		}
		w.WriteByte('}')
	}
}

func writeString(w *bytes.Buffer, s string) {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil { // a string always encodes
		panic(err)
	}
	w.Truncate(w.Len() - 1) // Encode ends with a line feed
}

// Plain turns a known value without sensitive parts into JSON text, keys sorted, as Terraform's jsonencode does. It is false
// when an unknown is in the way.
func Plain(v plinth.Value) (string, bool) {
	if !Known(v) {
		return "", false
	}
	var b bytes.Buffer
	WriteJSON(&b, unmark(v))
	s := b.String()
	for _, r := range [...][2]string{{"<", `\u003c`}, {">", `\u003e`}, {"&", `\u0026`}} {
		s = strings.ReplaceAll(s, r[0], r[1])
	}
	return s, true
}

func unmark(v plinth.Value) plinth.Value {
	switch v.Kind() {
	case plinth.List:
		list := make([]plinth.Value, v.Len())
		for i, e := range v.List() {
			list[i] = unmark(e)
		}
		return plinth.ListOf(list)
	case plinth.Map:
		fields := make([]plinth.Field, v.Len())
		for i, f := range v.Fields() {
			fields[i] = plinth.Field{Key: f.Key, Value: unmark(f.Value)}
		}
		return plinth.MapOf(fields)
	}
	return v.WithSensitive(false)
}

// ParseJSON reads one JSON document into a value without origins, with no limit but depth. Use package document where
// positions matter.
func ParseJSON(text string) (plinth.Value, error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	v, err := parse(d, 0)
	if err != nil {
		return plinth.Value{}, err
	}
	if _, err := d.Token(); err != io.EOF {
		return plinth.Value{}, fmt.Errorf("text follows the JSON document")
	}
	return v, nil
}

func parse(d *json.Decoder, depth int) (plinth.Value, error) {
	if depth > maxDepth {
		return plinth.Value{}, fmt.Errorf("nested deeper than %d levels", maxDepth)
	}
	t, err := d.Token()
	if err != nil {
		return plinth.Value{}, err
	}
	switch t := t.(type) {
	case json.Delim:
		if t == '[' {
			return parseList(d, depth)
		}
		return parseMap(d, depth)
	case string:
		return plinth.StringOf(t), nil
	case bool:
		return plinth.BoolOf(t), nil
	case json.Number:
		f, err := strconv.ParseFloat(string(t), 64)
		if err != nil {
			return plinth.Value{}, fmt.Errorf("number %s is out of range", t)
		}
		return plinth.NumberOf(f), nil
	}
	return plinth.Value{}, nil
}

func parseList(d *json.Decoder, depth int) (plinth.Value, error) {
	list := []plinth.Value{}
	for d.More() {
		v, err := parse(d, depth+1)
		if err != nil {
			return plinth.Value{}, err
		}
		list = append(list, v)
	}
	_, err := d.Token()
	return plinth.ListOf(list), err
}

func parseMap(d *json.Decoder, depth int) (plinth.Value, error) {
	fields := []plinth.Field{}
	for d.More() {
		k, err := d.Token()
		if err != nil {
			return plinth.Value{}, err
		}
		v, err := parse(d, depth+1)
		if err != nil {
			return plinth.Value{}, err
		}
		fields = append(fields, plinth.Field{Key: k.(string), Value: v})
	}
	_, err := d.Token()
	return plinth.MapOf(fields), err
}
