package cli

import (
	"fmt"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/value"
)

const suppressKey = "suppress"

const exceptionHelp = "`suppress` lists exceptions: findings that somebody accepts, each with a reason and perhaps an end. What an exception names must all fit; what it\n" +
	"leaves out may be anything. One that has ended, and one that silences nothing, is told in the report.\n\n" +
	"```yaml\nsuppress:\n  - rules: [aws-s3-versioning, CKV_AWS_18]   # ids, peers' ids, or the beginning of one and *\n    paths: [\"legacy/**\"]\n    resources: [\"module.archive.*\"]\n" +
	"    why: replaced in spring\n    until: 2027-03-31\n```\n"

// exceptionKeys are the keys of an exception, with what they hold.
var exceptionKeys = []string{"rules", "paths", "resources", "why", "until"}

// readExceptions reads the list below suppress.
func readExceptions(c *plinth.Config, path string, n *yaml.Node) error {
	if n.Kind != yaml.SequenceNode {
		return fmt.Errorf("%s:%d: %s wants a list", path, n.Line, suppressKey)
	}
	for _, item := range n.Content {
		x, err := readException(path, item)
		if err != nil {
			return err
		}
		c.Suppress = append(c.Suppress, x)
	}
	return nil
}

func readException(path string, n *yaml.Node) (plinth.Exception, error) {
	x := plinth.Exception{At: plinth.Location{Path: path, Line: int32(n.Line), Col: int32(n.Column)}}
	if n.Kind != yaml.MappingNode {
		return x, fmt.Errorf("%s:%d: %s wants entries with %v", path, n.Line, suppressKey, exceptionKeys)
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		where := fmt.Sprintf("%s:%d: %s.%s", path, k.Line, suppressKey, k.Value)
		list, err := scalars(v)
		if err != nil {
			return x, fmt.Errorf("%s %w", where, err)
		}
		switch k.Value {
		case "rules":
			x.Rules = list
		case "paths":
			x.Paths = list
		case "resources":
			x.Resources = list
		case "why":
			x.Why = list[0]
		case "until":
			if _, err := time.Parse(time.DateOnly, list[0]); err != nil {
				return x, fmt.Errorf("%s wants a date, YYYY-MM-DD, not %q", where, list[0])
			}
			x.Until = list[0]
		default:
			return x, fmt.Errorf("%s: there is no such key%s", where, value.Hint(k.Value, exceptionKeys))
		}
	}
	if x.Why == "" {
		return x, fmt.Errorf("%s:%d: an exception wants a reason: why", path, n.Line)
	}
	if len(x.Rules)+len(x.Paths)+len(x.Resources) == 0 {
		return x, fmt.Errorf("%s:%d: an exception wants rules, paths or resources", path, n.Line)
	}
	return x, nil
}

func exceptionSchema() map[string]any {
	words := map[string]any{"type": []string{"array", "string"}, "items": map[string]any{"type": "string"}}
	item := object()
	item["properties"] = map[string]any{
		"rules": words, "paths": words, "resources": words, "why": map[string]any{"type": "string", "minLength": 1},
		"until": map[string]any{"type": "string", "format": "date"},
	}
	item["required"] = []string{"why"}
	return map[string]any{"type": "array", "description": "exceptions: findings that somebody accepts", "items": item}
}
