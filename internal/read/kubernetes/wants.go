package kubernetes

import (
	"bytes"
	"path"
	"slices"
	"strings"

	"github.com/plinthsec/plinth/internal/document"
)

// Wants asks for YAML and JSON files that have apiVersion and kind at the top of a document, and for the file that makes a folder a
// Helm chart.
func (reader) Wants(name string, data []byte) bool {
	if path.Base(name) == chartFile {
		return bytes.Contains(data, []byte("name"))
	}
	ext := strings.ToLower(path.Ext(name))
	if ext != ".yaml" && ext != ".yml" && ext != ".json" {
		return false
	}
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		data = []byte(document.Text(data))
	}
	if !bytes.Contains(data, []byte("apiVersion")) || !bytes.Contains(data, []byte("kind")) {
		return false
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if first := bytes.TrimLeft(data, " \t\r\n"); bytes.HasPrefix(first, []byte("{")) {
		return flowObject(first)
	}
	return ext != ".json" && yamlObject(data)
}

// flowObject tells whether a JSON text has both keys in one of its outermost objects.
func flowObject(data []byte) bool {
	depth, version, kind := 0, false, false
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '{', '[':
			if depth == 0 {
				version, kind = false, false
			}
			depth++
		case '}', ']':
			depth--
		case '"', 'a', 'k':
			word, end := flowWord(data, i)
			if depth == 1 && bytes.HasPrefix(bytes.TrimLeft(data[end:], " \t\r\n"), []byte(":")) {
				version = version || string(word) == "apiVersion"
				kind = kind || string(word) == "kind"
			}
			i = end - 1
		}
		if version && kind {
			return true
		}
	}
	return false
}

// flowWord returns the string or bare word that begins at byte i, and the byte after it.
func flowWord(data []byte, i int) ([]byte, int) {
	if data[i] != '"' {
		end := i + 1
		for end < len(data) && (data[end]|0x20 >= 'a' && data[end]|0x20 <= 'z') {
			end++
		}
		return data[i:end], end
	}
	for end := i + 1; end < len(data); end++ {
		switch data[end] {
		case '\\':
			end++
		case '"':
			return data[i+1 : end], end + 1
		}
	}
	return nil, len(data)
}

// yamlObject tells whether a YAML stream has a document with both keys at its outermost level.
func yamlObject(data []byte) bool {
	indent, version, kind := -1, false, false
	for len(data) > 0 {
		line := data
		if n := bytes.IndexByte(data, '\n'); n >= 0 {
			line, data = data[:n], data[n+1:]
		} else {
			data = nil
		}
		if bytes.HasPrefix(line, []byte("---")) {
			indent, version, kind = -1, false, false
			line = line[3:]
			if flow := bytes.TrimLeft(line, " \t"); bytes.HasPrefix(flow, []byte("{")) {
				rest, _, _ := bytes.Cut(data, []byte("\n---"))
				if flowObject(slices.Concat(flow, []byte("\n"), rest)) {
					return true
				}
			}
		}
		body := bytes.TrimLeft(line, " ")
		if len(body) == 0 || body[0] == '#' || body[0] == '%' || body[0] == '\r' {
			continue
		}
		if indent < 0 {
			indent = len(line) - len(body)
		}
		if len(line)-len(body) == indent {
			version = version || isKey(body, "apiVersion")
			kind = kind || isKey(body, "kind")
		}
		if version && kind {
			return true
		}
	}
	return false
}

// isKey tells whether a line begins with the key, in quotes or not.
func isKey(line []byte, key string) bool {
	quote := len(line) > 0 && (line[0] == '"' || line[0] == '\'')
	if quote {
		line = line[1:]
	}
	rest, ok := bytes.CutPrefix(line, []byte(key))
	if ok && quote {
		if len(rest) == 0 {
			return false
		}
		rest = rest[1:]
	}
	return ok && bytes.HasPrefix(bytes.TrimLeft(rest, " \t"), []byte(":"))
}
