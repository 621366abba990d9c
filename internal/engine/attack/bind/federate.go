package bind

import (
	"strings"

	"github.com/plinthsec/plinth"
)

// The annotations by which a ServiceAccount asks for an identity of Google Cloud or Azure:
// https://cloud.google.com/kubernetes-engine/docs/how-to/workload-identity,
// https://azure.github.io/azure-workload-identity/docs/topics/service-account-labels-and-annotations.html.
const (
	googleAnnotation = "iam.gke.io/gcp-service-account"
	azureAnnotation  = "azure.workload.identity/client-id"
	identityUser     = "roles/iam.workloadIdentityUser"
)

// federations tells which service accounts of Google and managed identities of Azure the ServiceAccounts of a cluster get: those that
// their annotation asks for and that trust that very account.
func (w *scene) federations(c *cluster) {
	for i, r := range w.Resources() {
		switch r.Type {
		case "iam.googleapis.com/ServiceAccount":
			w.google(c, r)
		case "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials":
			w.azure(c, int32(i), r)
		}
	}
}

// google looks for members PROJECT.svc.id.goog[NAMESPACE/NAME] that may act as a service account.
func (w *scene) google(c *cluster, r *plinth.Resource) {
	bindings, _ := r.Props.At("iamPolicy", "bindings")
	for _, b := range bindings.List() {
		members, _ := b.Get("members")
		if textAt(b, "role") != identityUser {
			continue
		}
		for _, m := range members.List() {
			_, text := m.Ends()
			if m.Kind() == plinth.String {
				text = m.Str()
			}
			_, name, ok := strings.Cut(text, ".svc.id.goog[")
			object := c.byName["ServiceAccount/"+strings.TrimSuffix(name, "]")]
			if !ok || object == nil {
				continue
			}
			asks, _ := object.Props.At("metadata", "annotations", googleAnnotation)
			account := textAt(r.Source, "account_id")
			if asks.Kind() != plinth.String || account == "" || !strings.HasPrefix(asks.Str(), account+"@") {
				continue
			}
			w.to.Relation(plinth.Relation{
				From: object.ID, To: r.ID, Kind: plinth.Assume, Permissions: []string{"iam.serviceAccounts.getAccessToken"},
				Evidence: []plinth.Step{
					step(object, object.Place(asks), costTrust, "the ServiceAccount asks for "+asks.Str()),
					step(r, r.Place(m), costTrust, r.Decl.Address+" lets it act as itself"),
				},
			})
		}
	}
}

// azure looks at the subject that a federated credential trusts.
func (w *scene) azure(c *cluster, i int32, r *plinth.Resource) {
	subject, _ := r.Props.At("properties", "subject")
	parts := strings.Split(subject.Str(), ":")
	if subject.Kind() != plinth.String || len(parts) != 4 || parts[0] != "system" || parts[1] != "serviceaccount" {
		return
	}
	object := c.byName["ServiceAccount/"+parts[2]+"/"+parts[3]]
	if object == nil {
		return
	}
	asks, ok := object.Props.At("metadata", "annotations", azureAnnotation)
	if !ok {
		return
	}
	for _, k := range w.Refers(i) {
		identity := w.Resources()[k]
		if identity.Type != "Microsoft.ManagedIdentity/userAssignedIdentities" {
			continue
		}
		w.to.Relation(plinth.Relation{
			From: object.ID, To: identity.ID, Kind: plinth.Assume,
			Evidence: []plinth.Step{
				step(object, object.Place(asks), costTrust, "the ServiceAccount asks for a managed identity"),
				step(r, r.Place(subject), costTrust, r.Decl.Address+" trusts "+subject.Str()),
			},
		})
	}
}
