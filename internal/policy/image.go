package policy

import (
	"strings"

	"github.com/plinthsec/plinth"
)

// image takes an image reference apart: https://github.com/distribution/reference. The registry is docker.io where none is
// written; what is missing is an empty text.
func image(v plinth.Value) val {
	if v.Kind() != plinth.String && !v.IsNull() {
		return failure("it is for strings")
	}
	name, digest, _ := strings.Cut(strings.TrimSpace(v.Str()), "@")
	tag := ""
	if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') {
		name, tag = name[:i], name[i+1:]
	}
	registry, repository := "docker.io", name
	if head, rest, ok := strings.Cut(name, "/"); ok && (strings.ContainsAny(head, ".:") || head == "localhost") {
		registry, repository = head, rest
	}
	if v.Str() == "" {
		registry = ""
	}
	return plain(plinth.MapOf([]plinth.Field{
		{Key: "digest", Value: plinth.StringOf(digest)},
		{Key: "registry", Value: plinth.StringOf(registry)},
		{Key: "repository", Value: plinth.StringOf(repository)},
		{Key: "tag", Value: plinth.StringOf(tag)},
	}))
}
