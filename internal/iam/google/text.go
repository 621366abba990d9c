package google

import (
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/iam"
)

// prop is an argument of Terraform, or the property of the same meaning.
func prop(r *plinth.Resource, argument, property string) plinth.Value {
	if v, ok := r.Source.Get(argument); ok {
		return v
	}
	v, _ := r.Known().At(strings.Split(property, ".")...)
	return v
}

func world(r *plinth.Resource) string {
	head, _, _ := strings.Cut(string(r.ID), "#")
	return head
}

// settle finds for each world the only project that its resources name: those that name none lie in it.
func (e *Estate) settle() {
	for i, r := range e.g.Resources() {
		v, ok := r.Source.Get("project")
		if !ours(r) || !ok || v.IsNull() || v.Kind() == plinth.String && v.Str() == "" {
			continue
		}
		w, name := world(r), e.render(int32(i), v, 0)
		if old, ok := e.lone[w]; ok && old != name {
			name = openProject
		}
		e.lone[w] = name
	}
}

// projectOf is the scope of the project of a resource.
func (e *Estate) projectOf(i int32) string {
	r := e.g.Resources()[i]
	if r.Type == typeProject {
		return e.project(i, prop(r, "project_id", "projectId"))
	}
	v, ok := r.Source.Get("project")
	if !ok || v.IsNull() {
		if rest, found := strings.CutPrefix(prop(r, "name", "name").Str(), "projects/"); found {
			name, _, _ := strings.Cut(rest, "/")
			return "projects/" + name
		}
	}
	return e.project(i, v)
}

// project is the scope of a project that a resource names by its id or number.
func (e *Estate) project(i int32, v plinth.Value) string {
	r := e.g.Resources()[i]
	name := e.projectName(i, v, 0)
	name = strings.TrimPrefix(name, "projects/")
	if strings.Contains(name, "{") {
		return "projects/" + name + "@" + world(r)
	}
	return "projects/" + name
}

func (e *Estate) projectName(i int32, v plinth.Value, depth int) string {
	r := e.g.Resources()[i]
	if v.IsNull() || v.Kind() == plinth.String && v.Str() == "" {
		if lone := e.lone[world(r)]; lone != "" {
			return lone
		}
		return openProject
	}
	if r.Type == typeProject && v.IsUnknown() {
		return "{" + r.Label() + "}"
	}
	return e.render(i, v, depth)
}

func (e *Estate) folder(i int32) string { return "folders/{" + string(e.g.Resources()[i].ID) + "}" }

// lies notes in what a project or a folder lies.
func (e *Estate) lies(i int32, scope string, arguments ...string) {
	r := e.g.Resources()[i]
	e.projects[scope] = i
	for _, a := range arguments {
		v, _ := r.Source.Get(a)
		if v.IsNull() && a == "parent" {
			v, _ = r.Known().Get(a)
		}
		if up := e.node(i, v, map[string]string{"folder_id": "folders/", "org_id": "organizations/"}[a]); up != "" {
			e.above[scope] = up
			return
		}
	}
}

// node is the scope of a folder or an organization that a value names.
func (e *Estate) node(i int32, v plinth.Value, prefix string) string {
	for _, k := range e.g.Of(i, v) {
		if e.g.Resources()[k].Type == typeFolder {
			return e.folder(k)
		}
	}
	text := e.render(i, v, 0)
	if text == "" {
		return ""
	}
	if !strings.HasPrefix(text, "folders/") && !strings.HasPrefix(text, "organizations/") {
		text = prefix + text
	}
	if strings.Contains(text, "{") {
		text += "@" + world(e.g.Resources()[i])
	}
	return text
}

// email is the address of a service account of the code.
func (e *Estate) email(i int32, depth int) string {
	r := e.g.Resources()[i]
	if v, ok := r.Source.Get("account_id"); ok {
		project, _ := r.Source.Get("project")
		return e.render(i, v, depth) + "@" + strings.TrimPrefix(e.projectName(i, project, depth), "projects/") + ".iam.gserviceaccount.com"
	}
	v, _ := r.Known().Get("email")
	return v.Str()
}

// render writes a text, what is not known in braces.
func (e *Estate) render(i int32, v plinth.Value, depth int) string {
	switch {
	case v.Kind() == plinth.String:
		return v.Str()
	case v.Kind() != plinth.Unknown || depth > maxDepth:
		return ""
	case v.Parts() != nil:
		var b strings.Builder
		for _, p := range v.Parts() {
			b.WriteString(e.render(i, p, depth+1))
		}
		return b.String()
	}
	if text := e.attribute(i, v, depth); text != "" {
		return text
	}
	head, tail := v.Ends()
	return head + "{" + strings.Join(v.Why(), ", ") + "}" + tail
}

// attribute writes what a resource of the code will be called.
func (e *Estate) attribute(i int32, v plinth.Value, depth int) string {
	of := e.g.Of(i, v)
	if len(of) != 1 || len(v.Refs()) == 0 {
		return ""
	}
	k, attr := of[0], v.Refs()[0].Attr
	r := e.g.Resources()[k]
	switch r.Type {
	case typeAccount:
		mail := e.email(k, depth+1)
		switch attr {
		case "email":
			return mail
		case "member":
			return "serviceAccount:" + mail
		case "id", "name":
			return "serviceAccounts/" + mail
		}
	case typeProject:
		if attr == "project_id" || attr == "number" || attr == "id" {
			id := prop(r, "project_id", "projectId")
			if depth < maxDepth && k != i && !id.IsUnknown() {
				return e.render(k, id, depth+1)
			}
			return "{" + r.Label() + "}"
		}
	case dataProject:
		if attr == "project_id" || attr == "number" || attr == "id" {
			id, _ := r.Source.Get("project_id")
			if !id.IsNull() && depth < maxDepth {
				return e.render(k, id, depth+1)
			}
			if lone := e.lone[world(r)]; lone != "" {
				return lone
			}
			return openProject
		}
	case typeRole:
		if attr == "id" || attr == "name" {
			return string(r.ID)
		}
	case typePool:
		id, _ := r.Source.Get("workload_identity_pool_id")
		if attr == "name" || attr == "id" {
			return "projects/{project}/locations/global/workloadIdentityPools/" + e.render(k, id, depth+1)
		}
	}
	return ""
}

// texts reads a text or a list of texts. What is not known as a whole stays unknown.
func (e *Estate) texts(i int32, v plinth.Value) iam.Texts {
	list := v.List()
	if doc, ok := v.Document(); ok && v.IsUnknown() && v.Partial() {
		list = doc.List()
	} else if v.Kind() != plinth.List && !v.IsNull() {
		list = []plinth.Value{v}
	}
	var out iam.Texts
	for _, one := range list {
		text := e.render(i, one, 0)
		if text == "" || strings.HasPrefix(text, "{") {
			out.Open = iam.TextsOf(one).Open
			continue
		}
		out.Known = append(out.Known, text)
	}
	return out
}

// InPool tells whether a provider, by its index in the graph, belongs to the pool of a name.
func (e *Estate) InPool(provider int32, name string) bool {
	of, _ := e.g.Resources()[provider].Source.Get("workload_identity_pool_id")
	if of.Kind() == plinth.String {
		return of.Str() == name || strings.HasSuffix(of.Str(), "/"+name)
	}
	for _, k := range e.g.Of(provider, of) {
		id, _ := e.g.Resources()[k].Source.Get("workload_identity_pool_id")
		if id.Str() == name || id.IsUnknown() && strings.HasPrefix(name, "{") {
			return true
		}
	}
	return false
}
