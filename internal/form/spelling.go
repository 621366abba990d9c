package form

import (
	"strings"

	"github.com/plinthsec/plinth"
)

// Argument returns how the user would write a property of a resource: the Terraform argument, "aws_s3_bucket_versioning.versioning_configuration.status"
// where a resource of its own sets it, or the property itself where the source has the provider's form.
// It is "" where no table line says. The path has no brackets.
func Argument(r *plinth.Resource, path string) string {
	if r.Decl == nil || path == "" {
		return ""
	}
	if r.Source.IsNull() || r.Decl.Type == r.Type || r.Data || strings.HasPrefix(r.Type, "terraform:") || r.Hung {
		return path
	}
	t, err := embedded()
	if err != nil {
		return ""
	}
	e, err := t.entry(r.Decl.Type)
	if err != nil || e == nil {
		return ""
	}
	if words := e.prefer[path]; words != "" {
		return words
	}
	for _, p := range e.parts { // newer providers have split what older ones kept in one resource
		if words := argumentIn(p.lines, path); words != "" {
			return p.tf + "." + words
		}
	}
	return argumentIn(e.lines, path)
}

// argumentIn finds the argument that sets exactly this property.
func argumentIn(lines []line, path string) string {
	for i := range lines {
		if l := &lines[i]; l.hang == "" && l.text == path && len(l.left) == 1 && len(l.left[0]) > 0 {
			return plainPath(l.left[0])
		}
	}
	return ""
}
