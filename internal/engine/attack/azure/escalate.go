package azure

import (
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/engine/attack/technique"
	"github.com/plinthsec/plinth/internal/iam"
	"github.com/plinthsec/plinth/internal/iam/azure"
)

// runners are the types whose code gets tokens of the resource's identities.
var runners = map[string]bool{
	"Microsoft.Compute/virtualMachines": true, "Microsoft.Compute/virtualMachineScaleSets": true, "Microsoft.Web/sites": true, "Microsoft.Web/sites/slots": true,
	"Microsoft.App/containerApps": true, "Microsoft.App/jobs": true, "Microsoft.ContainerInstance/containerGroups": true,
	"Microsoft.Automation/automationAccounts": true, "Microsoft.Logic/workflows": true, "Microsoft.DataFactory/factories": true, "Microsoft.Batch/batchAccounts": true,
	"Microsoft.MachineLearningServices/workspaces": true, "Microsoft.MachineLearningServices/workspaces/computes": true,
	"Microsoft.ContainerService/managedClusters": true, "Microsoft.Resources/deploymentScripts": true,
}

// run tells as which user-assigned identities workloads run, and which tokens identities take.
func (w *scene) run() {
	for i, r := range w.g.Resources() {
		switch {
		case r.Data || r.External:
		case runners[r.Type]:
			w.runsAs(int32(i), r)
		case r.Type == "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials":
			w.takes(int32(i), r, "parent_id", "user_assigned_identity_id")
		case r.Type == "terraform:azuread_application_federated_identity_credential":
			w.takes(int32(i), r, "application_id", "application_object_id")
		}
	}
}

// runsAs reads the identities of a workload. Of a cluster only those of its machines are in reach of code.
func (w *scene) runsAs(i int32, r *plinth.Resource) {
	block, argument := "identity", "identity_ids"
	if r.Type == "Microsoft.ContainerService/managedClusters" {
		block, argument = "kubelet_identity", "user_assigned_identity_id"
	}
	blocks, _ := r.Source.Get(block)
	for _, b := range blocks.List() {
		ids, _ := b.Get(argument)
		for _, v := range append(slices.Clone(ids.List()), ids) {
			for _, k := range w.g.Of(i, v) {
				of := w.g.Resources()[k]
				if of.Type == "Microsoft.ManagedIdentity/userAssignedIdentities" && !of.External {
					w.relate(plinth.Relation{From: r.ID, To: of.ID, Kind: plinth.RunsAs, Evidence: []plinth.Step{
						{Note: r.Label() + " runs as " + of.Label(), At: r.Place(v), Cost: costIdentity},
					}})
				}
			}
		}
	}
}

// takes reads a federated credential. The tokens of clusters are left to whoever knows their pods.
func (w *scene) takes(i int32, r *plinth.Resource, arguments ...string) {
	issuer, _ := r.Source.Get("issuer")
	subject, _ := r.Source.Get("subject")
	if issuer.Kind() != plinth.String || subject.Kind() != plinth.String || strings.HasPrefix(subject.Str(), "system:serviceaccount:") {
		return
	}
	for _, a := range arguments {
		v, _ := r.Source.Get(a)
		for _, k := range w.g.Of(i, v) {
			of := w.g.Resources()[k]
			if of.Data || of.External {
				continue
			}
			for _, to := range w.actors(k) {
				w.relate(plinth.Relation{From: w.token(issuer.Str(), subject.Str(), r.Place(subject)), To: to, Kind: plinth.Assume, Evidence: []plinth.Step{
					{Note: r.Label() + " lets tokens of " + issuer.Str() + " for " + subject.Str() + " act as " + of.Label(), At: r.Place(subject), Cost: costTrust},
				}})
			}
		}
	}
}

// actors are the principals that an application acts as, or an identity itself.
func (w *scene) actors(i int32) []plinth.ID {
	r := w.g.Resources()[i]
	if r.Type != "terraform:azuread_application" && r.Type != "terraform:azuread_application_registration" {
		return []plinth.ID{r.ID}
	}
	var out []plinth.ID
	for _, k := range w.g.Referred(i) {
		if of := w.g.Resources()[k]; of.Type == "terraform:azuread_service_principal" {
			out = append(out, of.ID)
		}
	}
	return out
}

// escalates tells what a principal gets by which technique.
func (w *scene) escalates(p *azure.Principal) {
	if len(p.Assignments()) == 0 {
		return
	}
	for i := range w.edges {
		e := &w.edges[i]
		switch e.To {
		case toPassed, toTarget:
			for _, t := range w.Principals() {
				if t != p && t.Resource != nil && t.Resource.Type == "Microsoft.ManagedIdentity/userAssignedIdentities" {
					w.passes(p, e, t)
				}
			}
		case toRunning:
			for _, typ := range e.Workloads {
				for _, k := range w.g.OfType(typ) {
					if r := w.g.Resources()[k]; !r.Data && !r.External && r != p.Resource {
						w.try(p, e, nil, nil, w.Scopes(r), r.ID)
					}
				}
			}
		case toAdmin:
			for _, scope := range w.groups(p) {
				if !w.surely(p, w.Above(scope)) && len(w.Ways(p, e.Requires[0].Action, false, w.Above(scope))) > 0 {
					w.try(p, e, nil, w.Above(scope), nil, plinth.AzureAdmin(scope))
				}
			}
		case toRole:
			for _, a := range p.Assignments() {
				if role := w.At(a.Role); role != nil && slices.Contains(w.groups(p), a.Scope) && !w.surely(p, w.Above(a.Scope)) {
					w.try(p, e, nil, w.Above(a.Scope), nil, plinth.AzureAdmin(a.Scope))
				}
			}
		}
	}
}

// passes tells who may hand an identity to something that he makes: wherever he may make it.
func (w *scene) passes(p *azure.Principal, e *technique.Technique, t *azure.Principal) {
	in := w.Scopes(t.Resource)[1:]
	for _, scope := range w.groups(p) {
		if !slices.Contains(in, scope) {
			w.try(p, e, w.Scopes(t.Resource), w.Above(scope), nil, t.Resource.ID)
		}
	}
	w.try(p, e, w.Scopes(t.Resource), in, nil, t.Resource.ID)
}

// try tells a technique if a principal may do all that it needs.
func (w *scene) try(p *azure.Principal, e *technique.Technique, identity, in, workload []string, to plinth.ID) {
	if w.surely(p, identity) || w.surely(p, workload) {
		return
	}
	a := attempt{when: iam.Always()}
	r := plinth.Relation{From: w.node(p), To: to, Kind: plinth.Escalate, Technique: e.ID}
	for _, q := range e.Requires {
		scopes := in
		switch q.About {
		case onIdentity:
			scopes = identity
		case onWorkload:
			scopes = workload
		}
		ways := w.Ways(p, q.Action, false, scopes)
		if len(ways) == 0 {
			return
		}
		way := ways[0]
		if q.Action == "Microsoft.Authorization/roleAssignments/write" {
			way.When = azure.Unlimited(way.When)
		}
		a = w.also(p, a, way, q.Action)
		r.Permissions = append(r.Permissions, q.Action)
	}
	if a.when.Never() {
		return
	}
	r.When, r.Evidence = a.when.Condition(), a.steps
	if !w.first(&r) {
		return
	}
	if e.To == toAdmin || e.To == toRole {
		w.admin(in[0])
	}
	w.relate(r)
}

// holds tells what whoever administers a scope has in his hand.
func (w *scene) holds() {
	for i := 0; i < len(w.owned); i++ {
		scope := w.owned[i]
		id := plinth.AzureAdmin(scope)
		for _, r := range w.g.Resources() {
			if r.Data || r.External || !strings.HasPrefix(r.Type, "Microsoft.") || !slices.Contains(w.Scopes(r)[1:], scope) {
				continue
			}
			if slices.ContainsFunc(w.Scopes(r)[1:], func(s string) bool {
				return s != scope && w.told[plinth.AzureAdmin(s)] && slices.Contains(w.Above(s)[1:], scope)
			}) {
				continue // told of the administrator of what lies between
			}
			one := plinth.Relation{From: id, To: r.ID, Permissions: everything, Evidence: []plinth.Step{
				{Note: "an administrator of " + w.Short(scope) + " holds " + r.Label(), At: r.Head(), Cost: costFact},
			}}
			switch {
			case stores[r.Type] != nil:
				one.Kind = plinth.Can
			case runners[r.Type] || r.Type == "Microsoft.ManagedIdentity/userAssignedIdentities":
				one.Kind = plinth.Escalate
			default:
				continue
			}
			w.relate(one)
		}
		for _, inner := range w.owned {
			if r := w.At(inner); r != nil && slices.Contains(w.Above(inner)[1:], scope) {
				w.relate(plinth.Relation{From: id, To: plinth.AzureAdmin(inner), Kind: plinth.Admin, Permissions: everything, Evidence: []plinth.Step{
					{Note: r.Label() + " lies in " + w.Short(scope), At: r.Head(), Cost: costFact},
				}})
			}
		}
	}
}
