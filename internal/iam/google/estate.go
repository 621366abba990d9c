package google

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/graph"
	"github.com/plinthsec/plinth/internal/iam"
)

const (
	maxDepth = 8 // of parts in parts of a text, and of scopes above a resource

	// Everybody is who needs no account, SignedIn who has any account of Google.
	Everybody = everybody
	SignedIn  = signedIn

	typeAccount = "iam.googleapis.com/ServiceAccount"
	typeRole    = "iam.googleapis.com/Role"
	typeProject = "cloudresourcemanager.googleapis.com/Project"
	typeFolder  = "cloudresourcemanager.googleapis.com/Folder"
	typePool    = "iam.googleapis.com/WorkloadIdentityPool"
	dataProject = "data:google_project"
	dataPolicy  = "data:google_iam_policy"

	openProject = "{project}" // the project of a resource that names none, where nobody knows it
	stillEditor = "the default service account still has the role Editor that it is made with"
	agentEditor = "the service account of Google's own APIs still has the role Editor that it is made with"
)

// Principal is somebody to whom policies give roles.
type Principal struct {
	Member   string           // as policies name it; what is not known stands in braces
	Resource *plinth.Resource // the service account; nil for whom no resource declares
	Project  string           // scope of a service account of the code, or that Google makes; "" for all others
	access   Access           // the bindings that name it, and all denials
}

// Label is the principal in the user's words.
func (p *Principal) Label() string {
	if p.Resource != nil {
		return p.Resource.Label()
	}
	return p.Member
}

// Estate is who has which roles on what, as the resources of a target declare it. It is immutable but for what Default adds, and not
// for concurrent use.
type Estate struct {
	g          *graph.Graph
	access     Access
	principals []*Principal
	byMember   map[string]*Principal // by member in lower case
	byID       map[plinth.ID]int32
	lone       map[string]string // by world: the only project that its resources name
	above      map[string]string // by scope: what it lies in
	projects   map[string]int32  // resources of projects and folders by scope
	stripped   map[string]bool   // projects whose default accounts lose their role
	listed     func() []string   // see Projects
}

type key struct{}

// Of returns the estate of a graph, which all who ask share.
func Of(g *graph.Graph) *Estate { return graph.Once(g, key{}, func() *Estate { return New(g) }) }

// New reads the estate of a graph.
func New(g *graph.Graph) *Estate {
	e := &Estate{
		g: g, access: Access{Roles: map[string]iam.Texts{}}, byMember: map[string]*Principal{}, byID: map[plinth.ID]int32{}, lone: map[string]string{},
		above: map[string]string{}, projects: map[string]int32{}, stripped: map[string]bool{},
	}
	e.listed = sync.OnceValue(e.listProjects)
	e.settle()
	for i, r := range g.Resources() {
		if !ours(r) {
			continue
		}
		e.byID[r.ID] = int32(i)
		switch {
		case r.Type == typeProject && !r.External:
			e.lies(int32(i), e.project(int32(i), prop(r, "project_id", "projectId")), "folder_id", "org_id")
		case r.Type == typeFolder:
			e.lies(int32(i), e.folder(int32(i)), "parent")
		case r.Type == typeRole:
			e.access.Roles[string(r.ID)] = iam.TextsOf(prop(r, "permissions", "includedPermissions"))
		case r.Type == typeAccount && !r.External && !r.Data:
			e.add(&Principal{Member: "serviceAccount:" + e.email(int32(i), 0), Resource: r, Project: e.projectOf(int32(i))})
		case r.Type == "terraform:google_project_default_service_accounts":
			e.stripped[e.projectOf(int32(i))] = true
		}
	}
	for i, r := range g.Resources() {
		if ours(r) {
			e.bind(int32(i), r)
		}
	}
	e.name()
	return e
}

// ours tells whether a resource is of Google Cloud.
func ours(r *plinth.Resource) bool {
	return strings.Contains(r.Type, ".googleapis.com/") || strings.HasPrefix(r.Type, "terraform:google_") || strings.HasPrefix(r.Type, "data:google_")
}

// Graph is what the estate was read from.
func (e *Estate) Graph() *graph.Graph { return e.g }

// Principals are those who have something, sorted by what policies call them.
func (e *Estate) Principals() []*Principal { return e.principals }

// Find returns the principal of a member, an address, an id or an e-mail; nil for none.
func (e *Estate) Find(name string) *Principal {
	if p := e.byMember[strings.ToLower(name)]; p != nil {
		return p
	}
	for _, p := range e.principals {
		_, mail, _ := strings.Cut(p.Member, ":")
		if mail == name || p.Resource != nil && (string(p.Resource.ID) == name || p.Resource.Label() == name) {
			return p
		}
	}
	return nil
}

func (e *Estate) add(p *Principal) *Principal {
	k := strings.ToLower(p.Member)
	if old := e.byMember[k]; old != nil {
		return old
	}
	e.byMember[k] = p
	e.principals = append(e.principals, p)
	return p
}

// Default returns the service account that a project's machines have where none is named, which holds Editor unless somebody took
// it away: https://cloud.google.com/iam/docs/service-account-types#default.
func (e *Estate) Default(project string, at plinth.Location) *Principal {
	p := e.add(&Principal{Member: "serviceAccount:" + strings.TrimPrefix(Short(project), "projects/") + "-compute@developer.gserviceaccount.com", Project: project})
	if len(p.access.Bindings) == 0 && !e.stripped[project] {
		p.access.Denials = e.access.Denials
		p.access.Roles = e.access.Roles
		p.access.Bindings = append(p.access.Bindings, Binding{
			On: project, Role: iam.Texts{Known: []string{"roles/editor"}}, Members: iam.Texts{Known: []string{p.Member}}, Condition: stillEditor, At: at,
			Label: "Google",
		})
	}
	return p
}

// Agent returns the service account as which Google's own APIs make things in a project, which holds Editor:
// https://cloud.google.com/iam/docs/service-agents.
func (e *Estate) Agent(project string, at plinth.Location) *Principal {
	name := strings.TrimPrefix(Short(project), "projects/")
	p := e.add(&Principal{Member: "serviceAccount:" + name + "@cloudservices.gserviceaccount.com", Project: project})
	p.access.Denials, p.access.Roles = e.access.Denials, e.access.Roles
	editor := func(b Binding) bool { return b.Label == "Google" }
	if !slices.ContainsFunc(p.access.Bindings, editor) {
		p.access.Bindings = append(p.access.Bindings, Binding{
			On: project, Role: iam.Texts{Known: []string{"roles/editor"}}, Members: iam.Texts{Known: []string{p.Member}}, Condition: agentEditor, At: at, Label: "Google",
		})
	}
	return p
}

// Way is one binding that gives a permission, and what must hold besides.
type Way struct {
	When iam.Formula
	By   Binding
}

// Ways are the bindings each of which by itself gives a principal a permission on the innermost of some scopes, those without
// condition first. What would rest on a role or member that is not known is no way.
func (e *Estate) Ways(p *Principal, permission string, scopes []string) []Way {
	var out []Way
	for _, b := range e.Decide(p, permission, scopes).By {
		one := Access{Roles: p.access.Roles, Bindings: []Binding{*b}, Denials: p.access.Denials}
		got := one.Decide(Request{Who: p.identity(), Permission: permission, Resource: scopes})
		if when := got.When.Known(); !when.Never() {
			out = append(out, Way{when, *b})
		}
	}
	slices.SortStableFunc(out, func(a, b Way) int {
		switch {
		case a.When.Always() == b.When.Always():
			return 0
		case a.When.Always():
			return -1
		}
		return 1
	})
	return out
}

func (p *Principal) identity() Identity {
	if p.Member == everybody {
		return Identity{}
	}
	return Identity{Member: p.Member}
}

// name gives each principal the bindings that name it.
func (e *Estate) name() {
	basics := map[string][]*Principal{} // by role and scope
	for i := range e.access.Bindings {
		b := &e.access.Bindings[i]
		for _, m := range b.Members.Known {
			kind, _, _ := strings.Cut(m, ":")
			if m == "" || basic[kind] != "" {
				continue
			}
			p := e.add(&Principal{Member: m})
			p.access.Bindings = append(p.access.Bindings, *b)
			for _, role := range b.Role.Known {
				basics[role+"\x00"+b.On] = append(basics[role+"\x00"+b.On], p)
			}
		}
	}
	for i := range e.access.Bindings {
		b := &e.access.Bindings[i]
		for _, m := range b.Members.Known {
			kind, name, _ := strings.Cut(m, ":")
			for _, p := range basics[basic[kind]+"\x00projects/"+name] {
				one := *b
				one.Members.Known = append(slices.Clone(b.Members.Known), p.Member)
				p.access.Bindings = append(p.access.Bindings, one)
			}
		}
	}
	for _, p := range e.principals {
		p.access.Roles, p.access.Denials = e.access.Roles, e.access.Denials
	}
	slices.SortStableFunc(e.principals, func(a, b *Principal) int { return cmp.Compare(a.Member, b.Member) })
}

// Bindings are those that name a principal, in the order of the resources.
func (p *Principal) Bindings() []Binding { return p.access.Bindings }

// Decide answers whether a principal has a permission on the innermost of some scopes. What would rest on something that is not
// known is left out of the answer's condition only where known says so.
func (e *Estate) Decide(p *Principal, permission string, scopes []string) Answer {
	if !p.might(scopes) {
		return Answer{}
	}
	return p.access.Decide(Request{Who: p.identity(), Permission: permission, Resource: scopes})
}

func (p *Principal) might(scopes []string) bool {
	for i := range p.access.Bindings {
		if slices.Contains(scopes, p.access.Bindings[i].On) {
			return true
		}
	}
	return false
}

// Able tells whether a principal may have a permission anywhere.
func (e *Estate) Able(p *Principal, permission string) bool {
	for i := range p.access.Bindings {
		if !p.access.holds(p.access.Bindings[i].Role, permission).Known().Never() {
			return true
		}
	}
	return false
}

// Scopes are a resource and all that it lies in, the innermost first, as bindings name them.
func (e *Estate) Scopes(r *plinth.Resource) []string {
	i, ok := e.byID[r.ID]
	if !ok {
		return nil
	}
	return e.scopes(i, 0)
}

func (e *Estate) scopes(i int32, depth int) []string {
	r := e.g.Resources()[i]
	switch r.Type {
	case typeProject:
		return e.Above(e.project(i, prop(r, "project_id", "projectId")))
	case typeFolder:
		return e.Above(e.folder(i))
	}
	out := []string{string(r.ID)}
	for _, arg := range [...]string{"key_ring", "dataset_id", "instance", "secret"} {
		v, _ := r.Source.Get(arg)
		for _, k := range e.g.Of(i, v) {
			if depth < maxDepth && k != i && ours(e.g.Resources()[k]) {
				return append(out, e.scopes(k, depth+1)...)
			}
		}
	}
	return append(out, e.Above(e.projectOf(i))...)
}

// Above are a scope and all that it lies in.
func (e *Estate) Above(scope string) []string {
	var out []string
	for range maxDepth {
		if scope == "" || slices.Contains(out, scope) {
			break
		}
		out = append(out, scope)
		scope = e.above[scope]
	}
	return out
}

// ProjectOf is the scope of the project that a resource lies in.
func (e *Estate) ProjectOf(r *plinth.Resource) string {
	if i, ok := e.byID[r.ID]; ok {
		return e.projectOf(i)
	}
	return ""
}

// Projects are the scopes of the projects that hold resources or bindings, sorted.
func (e *Estate) Projects() []string { return e.listed() }

func (e *Estate) listProjects() []string {
	all := map[string]bool{}
	for i, r := range e.g.Resources() {
		if ours(r) && !r.Data && !strings.HasPrefix(r.Type, "terraform:") && r.Type != typeFolder && r.Type != "cloudresourcemanager.googleapis.com/Organization" {
			all[e.projectOf(int32(i))] = true
		}
	}
	for i := range e.access.Bindings {
		if strings.HasPrefix(e.access.Bindings[i].On, "projects/") {
			all[e.access.Bindings[i].On] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// Of returns the resource of a scope, nil where no resource declares it.
func (e *Estate) Of(scope string) *plinth.Resource {
	if i, ok := e.projects[scope]; ok {
		return e.g.Resources()[i]
	}
	if i, ok := e.byID[plinth.ID(scope)]; ok {
		return e.g.Resources()[i]
	}
	return nil
}

// Short is a scope or member without the world that keeps unknown ones apart.
func Short(scope string) string {
	head, _, _ := strings.Cut(scope, "@tf:")
	return head
}
