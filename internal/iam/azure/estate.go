package azure

import (
	"cmp"
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/graph"
	"github.com/plinthsec/plinth/internal/iam"
)

const (
	maxDepth = 8 // of resources in resources

	typeGroup      = "Microsoft.Resources/resourceGroups"
	typeAssignment = "Microsoft.Authorization/roleAssignments"
	typeDefinition = "Microsoft.Authorization/roleDefinitions"
	typeIdentity   = "Microsoft.ManagedIdentity/userAssignedIdentities"

	subscription = "/subscriptions/{subscription}"
)

// Principal is somebody to whom roles are assigned. A resource stands for its system-assigned identity.
type Principal struct {
	Name     string           // object id, or the address of what stands for it
	Resource *plinth.Resource // nil for whom no resource declares
	access   Access
}

// Label is the principal in the user's words.
func (p *Principal) Label() string {
	if p.Resource != nil {
		return p.Resource.Label()
	}
	return p.Name
}

// Assignments are those that name the principal, in the order of the resources.
func (p *Principal) Assignments() []Assignment { return p.access.Assignments }

// Estate is who has which roles on what, as the resources of a target declare it. It is immutable, and safe for concurrent use.
type Estate struct {
	g          *graph.Graph
	principals []*Principal
	byName     map[string]*Principal
	byID       map[plinth.ID]int32
	roles      []Role
	above      map[string][]string // management groups above a subscription, the nearest first
}

type key struct{}

// Of returns the estate of a graph, which all who ask share.
func Of(g *graph.Graph) *Estate { return graph.Once(g, key{}, func() *Estate { return New(g) }) }

// New reads the estate of a graph.
func New(g *graph.Graph) *Estate {
	e := &Estate{g: g, byName: map[string]*Principal{}, byID: map[plinth.ID]int32{}}
	for i, r := range g.Resources() {
		e.byID[r.ID] = int32(i)
		if r.Type == typeDefinition && !r.Data {
			properties, _ := r.Known().Get("properties")
			role := RoleOf(string(r.ID), properties)
			role.ID = strings.ToLower(string(r.ID))
			e.roles = append(e.roles, role)
		}
	}
	e.govern()
	for i, r := range g.Resources() {
		if r.Data || r.External {
			continue
		}
		switch r.Type {
		case typeIdentity:
			e.add(r)
		case typeAssignment:
			e.assign(int32(i), r)
		}
	}
	for _, p := range e.principals {
		p.access.Roles = e.roles
	}
	slices.SortStableFunc(e.principals, func(a, b *Principal) int { return cmp.Compare(a.Name, b.Name) })
	return e
}

// Principals are those who have something, and the user-assigned identities, sorted by name.
func (e *Estate) Principals() []*Principal { return e.principals }

// Find returns the principal of an object id, an id or an address; nil for none.
func (e *Estate) Find(name string) *Principal {
	for _, p := range e.principals {
		if strings.EqualFold(p.Name, name) || p.Resource != nil && (string(p.Resource.ID) == name || p.Resource.Label() == name) {
			return p
		}
	}
	return nil
}

func (e *Estate) add(r *plinth.Resource) *Principal {
	name := string(r.ID)
	if p := e.byName[name]; p != nil {
		return p
	}
	p := &Principal{Name: name, Resource: r}
	e.byName[name] = p
	e.principals = append(e.principals, p)
	return p
}

// assign reads a role assignment. One whose principal nobody knows says nothing.
func (e *Estate) assign(i int32, r *plinth.Resource) {
	properties, _ := r.Known().Get("properties")
	get := func(name string) plinth.Value { v, _ := properties.Get(name); return v }
	p := e.Named(i, get("principalId"))
	if p == nil {
		return
	}
	a := Assignment{Principal: p.Name, Scope: e.scope(i, get("scope")), At: r.Head(), Label: r.Label()}
	role := get("roleDefinitionId")
	a.Role = role.Str()
	for _, k := range e.g.Of(i, role) {
		of := e.g.Resources()[k]
		if name, ok := of.Source.Get("name"); of.Type == typeDefinition && !of.Data {
			a.Role = string(of.ID)
		} else if ok && of.Data {
			a.Role = name.Str()
		}
	}
	if role.IsUnknown() && a.Role == "" {
		_, a.Role = role.Ends()
	}
	condition := get("condition")
	if a.Condition = strings.Join(strings.Fields(condition.Str()), " "); condition.IsUnknown() {
		a.Condition = "a condition that is not known"
	}
	if a.Scope != "" && a.Role != "" {
		p.access.Assignments = append(p.access.Assignments, a)
	}
}

// Named is the principal of an object id: a literal, or what a resource will have. nil where nobody knows it, or where it is whoever
// applies the code.
func (e *Estate) Named(i int32, v plinth.Value) *Principal {
	if v.Kind() == plinth.String && v.Str() != "" && len(e.g.Of(i, v)) == 0 {
		name := strings.ToLower(v.Str())
		if p := e.byName[name]; p != nil {
			return p
		}
		p := &Principal{Name: name}
		e.byName[name] = p
		e.principals = append(e.principals, p)
		return p
	}
	for _, k := range e.g.Of(i, v) {
		if r := e.g.Resources()[k]; k != i && r.Type != "data:azurerm_client_config" && !r.External {
			return e.add(r)
		}
	}
	return nil
}

// scope is the scope that a value names.
func (e *Estate) scope(i int32, v plinth.Value) string {
	best := ""
	for _, one := range append([]plinth.Value{v}, v.Parts()...) {
		for _, k := range e.g.Of(i, one) {
			r := e.g.Resources()[k]
			switch {
			case r.Type == "data:azurerm_subscription" || r.Type == "data:azurerm_client_config" || r.Type == "terraform:azurerm_subscription":
				if best == "" {
					best = e.subscription(r)
				}
			case r.Type == "data:azurerm_resource_group":
				name, _ := r.Source.Get("name")
				best = e.group(k, name, 0)
			default:
				best = string(r.ID)
			}
		}
	}
	if best != "" {
		return best
	}
	text := v.Str()
	switch {
	case text == "" && len(v.Parts()) > 0:
		if head, tail := v.Ends(); strings.HasPrefix(head, "/subscriptions/") && tail == "" {
			return e.subscription(e.g.Resources()[i])
		}
		return ""
	case strings.Contains(text, "/resourceGroups/"):
		_, rest, _ := strings.Cut(text, "/resourceGroups/")
		name, deeper, _ := strings.Cut(rest, "/")
		if deeper != "" {
			return text
		}
		return e.group(i, plinth.StringOf(name), 0)
	}
	return text
}

func (e *Estate) subscription(r *plinth.Resource) string {
	head, _, _ := strings.Cut(string(r.ID), "#")
	return subscription + "@" + head
}

// group is the scope of a resource group that a resource names.
func (e *Estate) group(i int32, v plinth.Value, depth int) string {
	r := e.g.Resources()[i]
	world, _, _ := strings.Cut(string(r.ID), "#")
	for _, k := range e.g.Of(i, v) {
		of := e.g.Resources()[k]
		if of.Type == typeGroup {
			return string(of.ID)
		}
		if name, ok := of.Source.Get("name"); ok && of.Type == "data:azurerm_resource_group" && k != i && depth < maxDepth {
			return e.group(k, name, depth+1)
		}
	}
	if v.Kind() == plinth.String {
		for _, k := range e.g.OfType(typeGroup) {
			of := e.g.Resources()[k]
			name, _ := of.Known().Get("name")
			if here, _, _ := strings.Cut(string(of.ID), "#"); here == world && strings.EqualFold(name.Str(), v.Str()) && !of.External {
				return string(of.ID)
			}
		}
		return "resourceGroups/" + strings.ToLower(v.Str()) + "@" + world
	}
	return "resourceGroups/{" + strings.Join(v.Why(), ", ") + "}@" + world
}

// parents are the arguments by which a resource names what it is a part of.
var parents = [...]string{
	"storage_account_id", "storage_account_name", "key_vault_id", "server_id", "namespace_id", "cosmosdb_account_id", "account_name", "virtual_machine_id",
	"automation_account_name", "kubernetes_cluster_id", "parent_id", "user_assigned_identity_id", "data_factory_id", "app_service_id", "function_app_id",
}

// Scopes are a resource and all that it lies in, the innermost first.
func (e *Estate) Scopes(r *plinth.Resource) []string {
	i, ok := e.byID[r.ID]
	if !ok {
		return nil
	}
	return e.scopes(i, 0)
}

func (e *Estate) scopes(i int32, depth int) []string {
	r := e.g.Resources()[i]
	out := []string{string(r.ID)}
	if r.Type != typeGroup {
		for _, a := range parents {
			v, _ := r.Source.Get(a)
			for _, k := range e.g.Of(i, v) {
				if of := e.g.Resources()[k]; k != i && depth < maxDepth && strings.HasPrefix(of.Type, "Microsoft.") {
					return append(out, e.scopes(k, depth+1)...)
				}
			}
		}
		if v, ok := r.Source.Get("resource_group_name"); ok {
			out = append(out, e.group(i, v, 0))
		}
	}
	return append(out, e.governed(e.subscription(r))...)
}

// governed are a subscription and the management groups above it.
func (e *Estate) governed(subscription string) []string {
	return append([]string{subscription}, e.above[subscription]...)
}

// Above are a scope and all that it lies in.
func (e *Estate) Above(scope string) []string {
	if i, ok := e.byID[plinth.ID(scope)]; ok {
		return e.scopes(i, 0)
	}
	if head, world, ok := strings.Cut(scope, "@"); ok && strings.HasPrefix(head, "resourceGroups/") {
		return append([]string{scope}, e.governed(subscription+"@"+world)...)
	}
	return e.governed(scope)
}

// At returns the resource of a scope, nil where no resource declares it.
func (e *Estate) At(scope string) *plinth.Resource {
	if i, ok := e.byID[plinth.ID(scope)]; ok {
		return e.g.Resources()[i]
	}
	return nil
}

// Way is one assignment that gives an action, and what must hold besides.
type Way struct {
	When iam.Formula
	By   Assignment
}

// Ways are the assignments each of which by itself lets a principal do an action on the innermost of some scopes, those without
// condition first. What would rest on a role that nobody knows is no way.
func (e *Estate) Ways(p *Principal, action string, data bool, scopes []string) []Way {
	var out []Way
	for _, a := range p.access.Assignments {
		if len(scopes) == 0 || !slices.Contains(scopes, a.Scope) {
			continue
		}
		one := Access{Roles: e.roles, Assignments: []Assignment{a}}
		got := one.Decide(Request{Principal: p.Name, Action: action, Data: data, Scope: scopes[0], Above: scopes[1:]})
		if when := got.When.Known(); !when.Never() {
			out = append(out, Way{when, a})
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

// Role is the role of an assignment in the user's words.
func (e *Estate) Role(a Assignment) string {
	if r := e.At(a.Role); r != nil {
		return r.Label()
	}
	if r, ok := Builtin(a.Role); ok {
		return r.Name
	}
	return a.Role
}

// Short is a scope in the user's words.
func (e *Estate) Short(scope string) string {
	if r := e.At(scope); r != nil {
		return r.Label()
	}
	head, _, _ := strings.Cut(scope, "@tf:")
	if head == subscription {
		return "the subscription"
	}
	return head
}

// Actions are the patterns of the actions and data actions that an assignment's role holds; what it leaves out follows a minus.
func (e *Estate) Actions(a Assignment) []string {
	role, _ := (&Access{Roles: e.roles}).Role(a.Role)
	var out []string
	for _, p := range role.Permissions {
		out = append(append(out, p.Actions.Known...), p.DataActions.Known...)
		for _, but := range append(slices.Clone(p.NotActions.Known), p.NotDataActions.Known...) {
			out = append(out, "-"+but)
		}
	}
	return out
}
