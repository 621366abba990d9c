package report

import (
	"cmp"
	"path"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/lazy"
)

var (
	pinForm  = lazy.New(`^(?:\[[^\]]*\])?["']?\s*(?:=\s*["']|:\s*["'])?\s*(==|[=<>~!^]=?|)\s*v?(\d[\w.*+!-]*)`)
	dashForm = lazy.New(`[-_.]+`)
)

// library adds a library that a list of dependencies or an import names. Its ecosystem is that of the file; PURL stays empty where the file tells
// no whole name.
func (b *bill) library(res *plinth.Resource) {
	at := res.Head()
	c := cdxComponent{Type: "library", Name: Clean(res.Name)}
	p := purl{name: res.Name}
	exact := "" // what stands before a version that leaves nothing open
	switch base, ext := strings.ToLower(path.Base(at.Path)), strings.ToLower(path.Ext(at.Path)); {
	case ext == ".py" || ext == ".ipynb" || ext == ".txt" || ext == ".in" || base == "pyproject.toml" || base == "pipfile" || base == "setup.cfg":
		p.kind, exact = "pypi", "=="
		p.name = dashForm.Compiled().ReplaceAllString(strings.ToLower(p.name), "-") // PEP 503
		c.Name = p.name
	case base == "package.json" || strings.HasPrefix(ext, ".js") || strings.HasPrefix(ext, ".ts") || ext == ".mjs" || ext == ".cjs" || ext == ".mts" || ext == ".vue" || ext == ".svelte":
		p.kind = "npm"
	case base == "go.mod" || ext == ".go":
		p.kind = "golang"
	case base == "cargo.toml" || ext == ".rs":
		p.kind, exact = "cargo", "="
	case strings.HasSuffix(ext, "proj") || base == "directory.packages.props" || ext == ".cs":
		p.kind = "nuget"
	}
	if dir, name := path.Split(p.name); dir != "" {
		p.namespace, p.name = strings.TrimSuffix(dir, "/"), name
		c.Group, c.Name = Clean(p.namespace), Clean(name)
	}
	if version := text(res.Known(), "version"); version != "" {
		operator := "" // of others it is in the version, where there is one
		if exact != "" {
			operator = b.operator(at)
		}
		switch {
		case operator == exact && strings.IndexByte("0123456789v", version[0]) >= 0 && !strings.Contains(version, "*"):
			c.Version, p.version = Clean(version), version
		default:
			c.Properties = []cdxProperty{{constraintProperty, Clean(operator + version)}}
		}
	}
	if p.kind != "" {
		c.PURL = p.String()
	}
	b.add(at, c, true)
}

// operator is what stands in a list of dependencies between a name and its version: ==, >=, or "".
func (b *bill) operator(at plinth.Location) string {
	if b.of.Source == nil {
		return ""
	}
	data, err := b.of.Source(b.target, at.Path)
	if err != nil {
		return ""
	}
	n := int32(1)
	for line := range strings.Lines(string(data)) {
		if n == at.Line && int(at.EndCol) <= len(line) && at.EndCol > 0 {
			if m := pinForm.FindStringSubmatch(line[at.EndCol-1:]); m != nil {
				return m[1]
			}
			return ""
		}
		n++
	}
	return ""
}

// unite lets a library that a program imports be the one that a list of dependencies names with its version.
func (b *bill) unite() {
	named := map[string][]*cdxComponent{} // with a version, by the reference without it
	for ref, c := range b.byRef {
		if c.Type == "library" && c.Version != "" && c.PURL != "" {
			bare, _, _ := strings.Cut(ref, "@"+escapePURL(c.Version))
			named[bare] = append(named[bare], c)
		}
	}
	for ref, c := range b.byRef {
		if c.Type != "library" || c.Version != "" || c.PURL == "" {
			continue
		}
		bare := ref
		for strings.HasPrefix(ref, "pkg:golang/") && len(named[bare]) == 0 && strings.Count(bare, "/") > 2 { // a package of the module
			bare = path.Dir(bare)
		}
		if list := named[bare]; len(list) == 1 && (strings.HasPrefix(ref, "pkg:golang/") || strings.HasPrefix(ref, "pkg:pypi/") || strings.HasPrefix(ref, "pkg:npm/")) {
			list[0].Evidence.Occurrences = append(list[0].Evidence.Occurrences, c.Evidence.Occurrences...)
			list[0].Properties = append(list[0].Properties, c.Properties...)
			delete(b.byRef, ref)
		}
	}
}

// provider adds the provider of a Terraform resource.
func (b *bill) provider(res *plinth.Resource) {
	t := res.Terms
	if t.Provider == "" || t.Package == nil || t.Package.Source == "" {
		return
	}
	host, rest, three := "", t.Package.Source, strings.Count(t.Package.Source, "/") == 2
	if three {
		host, rest, _ = strings.Cut(rest, "/")
	}
	group, name, ok := strings.Cut(strings.ToLower(rest), "/")
	if host == "registry.terraform.io" {
		host = ""
	}
	c := cdxComponent{Type: "library", Group: Clean(group), Name: Clean(name)}
	p := purl{kind: "terraform", namespace: group, name: name, qualifiers: [][2]string{{"repository_url", host}}}
	p.version = c.pin(cmp.Or(t.Package.Locked, t.Version))
	c.PURL = p.String()
	at := t.Package.At
	if at.Path == "" { // nobody asks for it: one resource of it stands for all of its root module
		key := res.Root + "\x00" + c.PURL
		if b.shown[key] {
			return
		}
		b.shown[key], at = true, res.Head()
	}
	b.add(at, c, ok)
}
