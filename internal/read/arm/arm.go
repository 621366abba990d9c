// Package arm reads Azure Resource Manager templates in JSON into one resource for each resource that they deploy.
//
// Props are the whole resource object with its expressions evaluated and its loops run, without the child resources, which are
// resources of their own: their type is joined to the parent's (Microsoft.Sql/servers/firewallRules), their address is
// parent/child. A parameter without a value is unknown because of parameters('name'); what only the deployment knows
// (reference, resourceGroup, uniqueString …) because of that call. A loop of unknown length gives one resource NAME[*]. A
// condition that is false leaves the resource out, an open one keeps it.
//
// The values of NAME.parameters.json, or azuredeploy.parameters.json, beside the template are taken.
package arm

import (
	"bytes"
	"context"
	"path"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/document"
)

const (
	maxDepth     = 100       // nesting of an expression, and of templates in templates
	maxCopies    = 1000      // turns of one loop; Azure allows 800
	maxResources = 20_000    // resources of one template: loops in loops
	maxSteps     = 5_000_000 // evaluated values of one template, for the same reason
)

type reader struct{}

var _ plinth.Reader = reader{}

// New returns the reader.
func New() plinth.Reader { return reader{} }

func (reader) Name() string { return "arm" }

// Wants asks for JSON files with a deployment template's schema, or with contentVersion and resources at the top, and for the
// bodies of deployments, which have such a template below properties.
func (reader) Wants(name string, data []byte) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".json", ".jsonc", ".arm", ".template":
	default:
		return false
	}
	if strings.HasSuffix(strings.ToLower(name), "parameters.json") {
		return false // values for a template, whatever its schema says
	}
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		data = []byte(document.Text(data))
	}
	if !bytes.Contains(data, []byte("contentVersion")) && !bytes.Contains(data, []byte("eployment")) {
		return false
	}
	keys := outermost(data)
	_, version := keys["contentVersion"]
	_, resources := keys["resources"]
	_, properties := keys["properties"]
	if properties && !resources {
		at := bytes.Index(data, []byte("eploymentTemplate.json"))
		return at > 0 && bytes.Contains(data[:at], []byte(`"template"`))
	}
	return isSchema(keys["$schema"]) || version && resources
}

// isSchema tells whether a $schema is that of a deployment template, for whatever scope.
func isSchema(text string) bool {
	return strings.Contains(strings.ToLower(text), "deploymenttemplate.json")
}

// outermost returns the keys of the outermost object, and of nothing else, of a JSON text, with those of their values that are
// strings.
func outermost(data []byte) map[string]string {
	keys, depth, last := map[string]string{}, 0, ""
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case '/':
			if rest := data[i:]; bytes.HasPrefix(rest, []byte("//")) {
				i += len(rest) - len(bytes.TrimLeftFunc(rest, func(r rune) bool { return r != '\n' }))
			} else if bytes.HasPrefix(rest, []byte("/*")) {
				if end := bytes.Index(rest, []byte("*/")); end > 0 {
					i += end + 1
				}
			}
		case '"':
			end := i + 1
			for end < len(data) && data[end] != '"' {
				if data[end] == '\\' {
					end++
				}
				end++
			}
			if end < len(data) && depth == 1 {
				if bytes.HasPrefix(bytes.TrimLeft(data[end+1:], " \t\r\n"), []byte(":")) {
					last = string(data[i+1 : end])
					keys[last] = ""
				} else if last != "" {
					keys[last], last = string(data[i+1:end]), ""
				}
			}
			i = end
		}
	}
	return keys
}

// Read emits the resources of all templates. Each file is a root of its own.
func (reader) Read(ctx context.Context, p *plinth.Project, to plinth.Sink) error {
	parser := &document.Parser{Relaxed: true}
	for _, f := range p.Files {
		if err := ctx.Err(); err != nil {
			return err
		}
		r := &reading{project: p, path: f.Path, to: to, told: map[plinth.Problem]bool{}, names: map[string]bool{}}
		found := false
		problems := parser.Parse(f.Path, f.Data, func(d document.Document) {
			found = true
			r.file(d.Value)
		})
		for _, x := range problems {
			to.Problem(x)
		}
		if !found && len(problems) == 0 {
			to.Problem(plinth.Problem{Kind: plinth.Broken, At: plinth.Location{Path: f.Path}, Text: "no template in the file"})
		}
	}
	return nil
}
