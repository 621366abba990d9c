package secret

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

const maxNotebook = 200 // how deep the values of a notebook may be nested

// cell tells where in a notebook of Jupyter a byte is, in the words of whoever reads it there: "line 2 of code cell 3", counted from 1;
// "" where it is in no cell, or the text is no notebook (https://nbformat.readthedocs.io/en/latest/format_description.html; worksheets
// and input are of format 3).
func cell(path string, text []byte, at int) string {
	if !strings.HasSuffix(strings.ToLower(path), ".ipynb") {
		return ""
	}
	n := notebook{dec: json.NewDecoder(bytes.NewReader(text)), text: text, at: at, count: map[string]int{}}
	if err := n.value("", 0); err != nil && n.found == "" {
		return ""
	}
	return n.found
}

// notebook is read up to the cell that holds a byte.
type notebook struct {
	dec   *json.Decoder
	text  []byte
	at    int
	count map[string]int // cells by type
	found string
}

// errFound ends the reading.
var errFound = fmt.Errorf("found")

// holds tells whether the byte lies between an offset and the end of the token that was read last.
func (n *notebook) holds(from int64) bool {
	return int64(n.at) >= from && int64(n.at) < n.dec.InputOffset()
}

// value reads a value; the elements of a list that is called cells are cells.
func (n *notebook) value(key string, depth int) error {
	t, err := n.dec.Token()
	if err != nil {
		return err
	}
	d, ok := t.(json.Delim)
	if !ok {
		return nil
	}
	if depth > maxNotebook {
		return fmt.Errorf("nested too deeply")
	}
	for n.dec.More() {
		switch {
		case d == '{':
			t, err := n.dec.Token()
			if err != nil {
				return err
			}
			name, _ := t.(string)
			err = n.value(name, depth+1)
			if err != nil {
				return err
			}
		case key == "cells":
			if err := n.cell(depth + 1); err != nil {
				return err
			}
		default:
			if err := n.value("", depth+1); err != nil {
				return err
			}
		}
	}
	_, err = n.dec.Token()
	return err
}

// cell reads one cell. Its type may stand behind its source.
func (n *notebook) cell(depth int) error {
	if t, err := n.dec.Token(); err != nil || t != json.Delim('{') {
		return err
	}
	kind, where, line := "", "", 0
	for n.dec.More() {
		t, err := n.dec.Token()
		if err != nil {
			return err
		}
		from := n.dec.InputOffset()
		switch t {
		case "cell_type":
			v, err := n.dec.Token()
			if err != nil {
				return err
			}
			kind, _ = v.(string)
		case "source", "input":
			if err := n.value("", depth); err != nil {
				return err
			}
			if n.holds(from) {
				where, line = "line", 1+bytes.Count(n.text[from:n.at], []byte(`\n`))
			}
		default:
			if err := n.value("", depth); err != nil {
				return err
			}
			if n.holds(from) {
				where = fmt.Sprint(t)
			}
		}
	}
	if _, err := n.dec.Token(); err != nil {
		return err
	}
	n.count[kind]++
	switch {
	case where == "":
		return nil
	case where == "line":
		n.found = fmt.Sprintf("line %d of %s cell %d", line, kind, n.count[kind])
	default:
		n.found = fmt.Sprintf("%s of %s cell %d", where, kind, n.count[kind])
	}
	return errFound
}
