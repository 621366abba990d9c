package scan

import (
	"bytes"
	"path"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/document"
	"github.com/plinthsec/plinth/internal/tree"
)

const maxOrphan = 4 << 20 // bytes: larger JSON and YAML that no reader knows is data, no configuration

// loose are JSON files whose own tools allow comments and commas at the end.
var loose = []string{"tsconfig*.json", "jsconfig*.json", "devcontainer.json", ".eslintrc*", "*.code-workspace", ".babelrc*", "renovate.json*", ".devcontainer.json", "launch.json", "settings.json", "tasks.json", "extensions.json", "mcp.json", "keybindings.json", "pyrightconfig.json", "tslint.json", "cspell.json", "deno.json", "api-extractor*.json"}

// templated are marks of files that become JSON or YAML only when something fills them in.
var templated = [][]byte{[]byte("{{"), []byte("{%"), []byte("${"), []byte("%{"), []byte("<%"), []byte("#{")}

// charts are the folders of Helm charts, whose templates are read with them and not by themselves.
type charts map[string]bool

func chartsOf(files []tree.Entry) charts {
	out := charts{}
	for _, f := range files {
		if path.Base(f.Path) == "Chart.yaml" {
			out[path.Dir(f.Path)] = true
		}
	}
	return out
}

// template tells whether a file is a template of a chart.
func (c charts) template(name string) bool {
	if len(c) == 0 {
		return false
	}
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if path.Base(dir) == "templates" && c[path.Dir(dir)] {
			return true
		}
	}
	return false
}

// orphan looks at a JSON or YAML file that no reader wanted. When it does not parse nobody can tell what it was, so it is a
// problem; a template is listed as unsupported.
func orphan(p string, data []byte, problem func(plinth.Problem)) {
	switch strings.ToLower(path.Ext(p)) {
	case ".json", ".yaml", ".yml":
	default:
		return
	}
	if len(data) > maxOrphan {
		return
	}
	for _, pattern := range loose {
		if ok, err := path.Match(pattern, path.Base(p)); err == nil && ok {
			return
		}
	}
	parser := document.Parser{Relaxed: true}
	for _, x := range parser.Parse(p, data, func(document.Document) {}) {
		if x.Kind == plinth.Broken && strings.Contains(x.Text, "stands twice") {
			continue
		}
		for _, mark := range templated {
			if bytes.Contains(data, mark) {
				x.Kind, x.Text = plinth.Unsupported, "a template that is neither JSON nor YAML before it is filled in"
				x.At = plinth.Location{Path: p}
				break
			}
		}
		problem(x)
		return
	}
}
