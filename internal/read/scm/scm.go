// Package scm reads what the APIs of GitHub and GitLab answer about the settings of repositories, projects, groups and organizations.
//
// An answer stands under the path that it was asked by: as a file below the folder github or gitlab (github/repos/o/r/hooks.json), or
// as an entry of one object whose keys are such paths ({"repos/o/r/hooks": […]}). Rulesets as GitHub exports them, and the answers
// that name their own repository, are known by their shape. Each setting becomes one resource in the form of the API, of the type that
// Terraform's become, so that the same rules judge both. CODEOWNERS files are settings that lie in the repository.
package scm

import (
	"bytes"
	"context"
	"path"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/document"
	"github.com/plinthsec/plinth/internal/lazy"
)

const (
	maxFile  = 64 << 20 // bytes; an export of a thousand repositories has a fifth of it
	sniffed  = 4 << 10  // bytes in which the shape of an answer shows
	maxDepth = 100      // of values whose places are copied; the parser's own limit is higher than what the APIs nest
)

type reader struct{}

var _ plinth.Reader = reader{}

// New returns the reader.
func New() plinth.Reader { return reader{} }

func (reader) Name() string { return "scm" }

var (
	// keyed is the beginning of an object whose keys are paths of an API.
	keyed = lazy.New(`^\s*\{\s*"/?(repos/[^"/\s]+/[^"/\s]+|orgs/[^"/\s]+|projects/[^"/\s]+|groups/[^"/\s]+|application/settings)(/[^"\s]*)?"\s*:\s*[\[{]`)
	// filed is the name of a file that holds one answer.
	filed = lazy.New(`^(?:.*/)?(?:github/((?:repos/[^/]+|orgs)/[^/]+(?:/.+)?)|gitlab/((?:projects|groups)/[^/]+(?:/.+)?|application/settings))\.json$`)
)

// Wants decides by the shape, and by the folder where a name says what was asked.
func (reader) Wants(name string, data []byte) bool {
	if isOwners(name) {
		return true
	}
	if !strings.HasSuffix(name, ".json") || len(data) == 0 {
		return false
	}
	head := data[:min(len(data), sniffed)]
	if keyed.Match(head) {
		return true
	}
	first := bytes.TrimLeft(head, " \t\r\n\xef\xbb\xbf")
	if len(first) == 0 || first[0] != '{' && first[0] != '[' {
		return false
	}
	return filed.MatchString(name) || first[0] == '{' && shaped(data)
}

// shaped tells whether an object may be one of those that name their own repository.
func shaped(data []byte) bool {
	has := func(keys ...string) bool {
		for _, k := range keys {
			if !bytes.Contains(data, []byte(`"`+k+`"`)) {
				return false
			}
		}
		return true
	}
	return has("enforcement", "rules", "conditions", "ref_name") || has("url", "enforce_admins", "allow_force_pushes") && bytes.Contains(data, []byte("/protection\"")) ||
		has("full_name", "default_branch", "security_and_analysis", "node_id")
}

// Read emits one resource for each setting that the answers tell.
func (reader) Read(ctx context.Context, p *plinth.Project, to plinth.Sink) error {
	b := builder{project: p.Name, to: to, extra: map[string][]plinth.Field{}}
	var parser document.Parser
	for _, f := range p.Files {
		if err := ctx.Err(); err != nil {
			return err
		}
		if isOwners(f.Path) {
			owners(p, f, to)
			continue
		}
		if len(f.Data) > maxFile {
			to.Problem(plinth.Problem{Kind: plinth.Limit, At: plinth.Location{Path: f.Path}, Text: "an export of more than 64 MiB"})
			continue
		}
		for _, x := range parser.Parse(f.Path, f.Data, func(d document.Document) { b.document(f, d.Value) }) {
			to.Problem(x)
		}
	}
	b.finish()
	return nil
}

// document takes the answers out of a file.
func (b *builder) document(f plinth.File, v plinth.Value) {
	understood := false
	if v.Kind() == plinth.Map && keyed.Match(f.Data[:min(len(f.Data), sniffed)]) {
		for _, x := range v.Fields() {
			understood = b.answer(strings.Trim(x.Key, "/"), x.Value) || understood
		}
	} else if m := filed.FindStringSubmatch(f.Path); m != nil {
		understood = b.answer(m[1]+m[2], v)
	} else {
		understood = b.answer(asked(v), v)
	}
	if !understood {
		b.to.Problem(plinth.Problem{Kind: plinth.Unsupported, At: plinth.Location{Path: f.Path}, Text: "looks like an answer of GitHub's or GitLab's API, and tells no setting that is understood"})
	}
}

// asked is the path by which somebody asked for an object that names its own repository, "" where it does not.
func asked(v plinth.Value) string {
	word := func(key string) string { x, _ := v.Get(key); return x.Str() }
	if _, address, ok := strings.Cut(word("url"), "/repos/"); ok && path.Base(address) == "protection" {
		return "repos/" + address
	}
	if rules, ok := v.Get("rules"); ok && rules.Kind() == plinth.List {
		switch source := word("source"); {
		case word("source_type") == "Organization" && source != "":
			return "orgs/" + source + "/rulesets/" + word("name")
		case strings.Contains(source, "/"):
			return "repos/" + source + "/rulesets/" + word("name")
		case word("enforcement") != "" && source == "":
			return "rulesets/" + word("name") // as it is sent to the API
		}
	}
	if name := word("full_name"); strings.Count(name, "/") == 1 {
		return "repos/" + name
	}
	return ""
}
