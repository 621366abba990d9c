package ai

import (
	"bytes"
	"encoding/json"
	"strings"
)

const maxNotebook = 16 << 20 // bytes; its pictures are most of it

// notebook is the program in the cells of a Jupyter notebook, each line where it stands in the file: notebooks are written with one line
// of a cell in one line of the file. https://nbformat.readthedocs.io/en/latest/format_description.html.
func notebook(data []byte) []byte {
	if len(data) > maxNotebook || !bytes.Contains(data, []byte(`"cells"`)) {
		return nil
	}
	var out bytes.Buffer
	code, inside := false, false
	for len(data) > 0 {
		line := data
		if i := bytes.IndexByte(data, '\n'); i >= 0 {
			line, data = data[:i], data[i+1:]
		} else {
			data = nil
		}
		word := bytes.TrimSpace(line)
		switch {
		case inside && len(word) > 0 && word[0] == '"':
			var s string
			if json.Unmarshal(bytes.TrimSuffix(word, []byte(",")), &s) == nil {
				out.Write(bytes.Repeat([]byte{' '}, bytes.IndexByte(line, '"')+1))
				out.WriteString(strings.ReplaceAll(s, "\n", ""))
			}
		case inside:
			inside = false
		case bytes.HasPrefix(word, []byte(`"cell_type"`)):
			code = bytes.Contains(word, []byte(`"code"`))
		case bytes.HasPrefix(word, []byte(`"source": [`)):
			inside = code && !bytes.HasSuffix(bytes.TrimSuffix(word, []byte(",")), []byte("]"))
		}
		out.WriteByte('\n')
	}
	return out.Bytes()
}
