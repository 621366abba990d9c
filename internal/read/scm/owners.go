package scm

import (
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/document"
	"github.com/plinthsec/plinth/internal/lazy"
)

const (
	ownersName = "CODEOWNERS"
	maxOwners  = 3 << 20 // bytes; GitHub takes no larger file
	maxLines   = 50_000  // patterns that are compiled: the largest public files have a tenth of it
	maxPattern = 4096    // bytes of a pattern, as of a path
)

// pipelines are the files and folders that decide what runs with the secrets of a repository.
var pipelines = []string{
	".github/workflows", ".github/actions", ".gitlab-ci.yml", ".gitlab/ci", "Jenkinsfile", "azure-pipelines.yml", ".circleci", "bitbucket-pipelines.yml", ".buildkite",
}

// owned is one line of a CODEOWNERS file.
type owned struct {
	pattern string
	section int // GitLab: sections count apart from each other
	owners  []string
	match   *regexp.Regexp
}

// ownersFolders are where the services look for the file, from the root of the repository; a copy elsewhere is nobody's.
var ownersFolders = []string{"", ".github", ".gitlab", "docs"}

// isOwners tells whether a file is one that GitHub or GitLab looks for.
func isOwners(name string) bool {
	dir, base := path.Split(name)
	return base == ownersName && slices.Contains(ownersFolders, strings.TrimSuffix(dir, "/"))
}

// owners emits one resource for a CODEOWNERS file: errors (line, text), and uncovered, the pipelines that nobody owns (path).
// https://docs.github.com/repositories/managing-your-repositorys-settings-and-features/customizing-your-repository/about-code-owners,
// https://docs.gitlab.com/user/project/codeowners/reference/.
func owners(p *plinth.Project, f plinth.File, to plinth.Sink) {
	if len(f.Data) > maxOwners {
		to.Problem(plinth.Problem{Kind: plinth.Limit, At: plinth.Location{Path: f.Path}, Text: "a CODEOWNERS file of more than 3 MiB, which GitHub does not read"})
		return
	}
	lines := strings.Split(document.Text(f.Data), "\n")
	if len(lines) > maxLines {
		to.Problem(plinth.Problem{Kind: plinth.Limit, At: plinth.Location{Path: f.Path}, Text: "a CODEOWNERS file of more than 50000 lines"})
		return
	}
	whole := plinth.Location{Path: f.Path, Line: 1, Col: 1, EndLine: int32(len(lines)), EndCol: int32(len(lines[len(lines)-1])) + 1}
	head := plinth.Location{Path: f.Path, Line: 1, Col: 1, EndLine: 1, EndCol: int32(len(lines[0])) + 1}
	decl := &plinth.Declaration{Address: f.Path, Type: "scm/CodeOwners", At: whole, Header: head}
	text := func(s string, line int) plinth.Value {
		at := plinth.Location{Path: f.Path, Line: int32(line), Col: 1, EndLine: int32(line), EndCol: int32(len(lines[line-1])) + 1}
		return plinth.StringOf(s).WithOrigin(&plinth.Origin{At: at, Path: "line", Decl: decl})
	}
	gitlab := hasSections(lines) && !strings.HasPrefix(path.Base(path.Dir(f.Path)), ".github") || path.Base(path.Dir(f.Path)) == ".gitlab"
	var errors, uncovered []plinth.Value
	rules := parseOwners(lines, gitlab, func(line int, what string) {
		errors = append(errors, entry("text", text(what, line)))
	})
	for _, probe := range probes(p.FS, rootOf(f.Path)) {
		if !covers(rules, probe) {
			uncovered = append(uncovered, entry("path", plinth.StringOf(probe).WithOrigin(&plinth.Origin{At: head, Decl: decl})))
		}
	}
	platform := "github"
	if gitlab {
		platform = "gitlab"
	}
	to.Resource(&plinth.Resource{
		ID: plinth.ID("codeowners:" + f.Path), Type: "scm/CodeOwners", Name: f.Path, Project: p.Name, Decl: decl,
		Props: plinth.MapOf([]plinth.Field{
			{Key: "errors", Value: plinth.ListOf(errors)}, {Key: "platform", Value: plinth.StringOf(platform)}, {Key: "uncovered", Value: plinth.ListOf(uncovered)},
		}),
	})
}

func entry(key string, v plinth.Value) plinth.Value {
	return plinth.MapOf([]plinth.Field{{Key: key, Value: v}}).WithOrigin(v.Origin())
}

// rootOf is the folder that the patterns of a file are relative to.
func rootOf(name string) string {
	dir := path.Dir(name)
	switch path.Base(dir) {
	case ".github", ".gitlab", "docs":
		dir = path.Dir(dir)
	}
	return dir
}

// probes are files of pipelines that are there, relative to the root: one of each folder.
func probes(fsys fs.FS, root string) []string {
	var out []string
	for _, name := range pipelines {
		info, err := fs.Stat(fsys, path.Join(root, name))
		if err != nil {
			continue
		}
		if !info.IsDir() {
			out = append(out, name)
			continue
		}
		list, err := fs.ReadDir(fsys, path.Join(root, name))
		if err == nil && len(list) > 0 {
			out = append(out, name+"/"+list[0].Name())
		}
	}
	return out
}

var section = lazy.New(`^\^?\[[^\]]+\](\[\d+\])?\s*(.*)$`)

func hasSections(lines []string) bool {
	for _, l := range lines {
		if section.MatchString(strings.TrimSpace(l)) {
			return true
		}
	}
	return false
}

// owner is who can own: a user, a team, a group, a role of GitLab, an address.
var owner = lazy.New(`^(@@?[\w.][\w.-]*(/[\w.-]+)*|[^@\s]+@[^@\s]+\.[^@\s]+)$`)

// parseOwners reads the lines; wrong is told what the service does not understand and leaves out.
func parseOwners(lines []string, gitlab bool, wrong func(line int, what string)) []owned {
	var out []owned
	current := 0
	var inherited []string
	for i, line := range lines {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if m := section.FindStringSubmatch(line); gitlab && m != nil {
			current++
			inherited = strings.Fields(m[2])
			continue
		}
		words := fieldsOf(line)
		o := owned{pattern: words[0], section: current}
		for _, w := range words[1:] {
			if w[0] == '#' {
				break
			}
			if !owner.MatchString(w) {
				wrong(i+1, w+" is no owner: owners are @user, @organization/team or an e-mail address")
				continue
			}
			o.owners = append(o.owners, w)
		}
		if len(words) == 1 {
			o.owners = inherited
		}
		switch {
		case len(o.pattern) > maxPattern:
			wrong(i+1, "the pattern is longer than a path")
			continue
		case !gitlab && o.pattern[0] == '!':
			wrong(i+1, o.pattern+": a pattern cannot be negated")
			continue
		case !gitlab && strings.ContainsAny(o.pattern, "[]"):
			wrong(i+1, o.pattern+": a pattern has no ranges of characters")
			continue
		}
		if o.match = compile(o.pattern); o.match != nil {
			out = append(out, o)
		}
	}
	return out
}

// fieldsOf splits at spaces that no backslash escapes.
func fieldsOf(line string) []string {
	parts := strings.Fields(strings.ReplaceAll(line, `\ `, "\x00"))
	for i := range parts {
		parts[i] = strings.ReplaceAll(parts[i], "\x00", " ")
	}
	return parts
}

// compile makes a regular expression of a pattern, in the manner of .gitignore: a pattern without an inner slash matches at any depth, one
// that names a folder all that is in it, but a final * only what is in the folder itself.
func compile(pattern string) *regexp.Regexp {
	p := strings.TrimPrefix(pattern, "/")
	anchored := strings.HasPrefix(pattern, "/") || strings.Contains(strings.TrimSuffix(p, "/"), "/")
	var b strings.Builder
	b.WriteString("^")
	if !anchored {
		b.WriteString("(.*/)?")
	}
	for i := 0; i < len(p); {
		switch {
		case strings.HasPrefix(p[i:], "**/"):
			b.WriteString("(.*/)?")
			i += 3
		case strings.HasPrefix(p[i:], "**"):
			b.WriteString(".*")
			i += 2
		case p[i] == '*':
			b.WriteString("[^/]*")
			i++
		case p[i] == '?':
			b.WriteString("[^/]")
			i++
		default:
			b.WriteString(regexp.QuoteMeta(p[i : i+1]))
			i++
		}
	}
	switch {
	case strings.HasSuffix(p, "/"):
		b.WriteString(".+")
	case !strings.HasSuffix(p, "/*"):
		b.WriteString("(/.*)?")
	}
	b.WriteString("$")
	re, err := regexp.Compile(b.String())
	if err != nil {
		return nil // bytes that are no text
	}
	return re
}

// covers tells whether somebody owns a file: the last line of a section that matches it counts.
func covers(rules []owned, file string) bool {
	last := map[int]bool{}
	for _, r := range rules {
		if r.match.MatchString(file) {
			last[r.section] = len(r.owners) > 0
		}
	}
	for _, yes := range last {
		if yes {
			return true
		}
	}
	return false
}
