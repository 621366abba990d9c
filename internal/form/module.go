package form

import (
	"regexp"
	"strings"

	"github.com/plinthsec/plinth"
)

// A call of a public module whose code is not in the target is judged by its arguments, where a table knows what the module
// makes of them: an entry whose name is the module's in the registry, terraform-aws-modules/s3-bucket/aws.

// repository is a module's source as a repository: the registry's name follows from the repository's.
var repository = regexp.MustCompile(`github\.com[/:]([\w-]+)/terraform-([a-z0-9]+)-([\w-]+?)(?:\.git)?(//[\w./-]+)?(?:\?.*)?$`)

// registryName returns the name of a module in the registry, "" for other sources.
func registryName(source string) string {
	if m := repository.FindStringSubmatch(source); m != nil {
		return m[1] + "/" + m[3] + "/" + m[2] + m[4]
	}
	source = strings.TrimPrefix(source, "registry.terraform.io/")
	if name, _, _ := strings.Cut(source, "//"); strings.Count(name, "/") != 2 || strings.ContainsAny(name, ".:@ ") {
		return ""
	}
	return source
}

// moduleCall adds the resource that a known module makes first of all. A module with its code needs none of it.
func (c *completion) moduleCall(r *plinth.Resource) {
	source, _ := r.Source.Get("source")
	name := registryName(source.Str())
	if name == "" || c.inside[place{r.Project, r.Root, r.Decl.Address}] {
		return
	}
	e := c.entry(name)
	if e == nil || e.Into == "" {
		return
	}
	made := *r
	made.ID += plinth.ID("/" + e.Into)
	made.Type, made.Data = e.Into, false
	it := &item{r: &made, entry: e, props: &node{}}
	it.run(e.lines, fill(r.Source, e.defaults, e.before, r), r.Decl)
	c.items = append(c.items, it)
}

// modulesInside notes the module calls that have resources.
func modulesInside(resources []*plinth.Resource) map[place]bool {
	out := map[place]bool{}
	for _, r := range resources {
		m := moduleOf(r.Decl.Address)
		for m != "" {
			at := place{r.Project, r.Root, strings.TrimSuffix(m, ".")}
			if out[at] {
				break
			}
			out[at] = true
			m = moduleOf(at.address)
		}
	}
	return out
}
