package google

import (
	"strconv"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/iam/account"
	"github.com/plinthsec/plinth/internal/iam/google"
)

// stores are the types that hold data, with the permissions by which each is read, any of them.
var stores = []struct {
	typ     string
	actions []string
}{
	{"storage.googleapis.com/Bucket", []string{"storage.objects.get"}},
	{"bigquery.googleapis.com/Dataset", []string{"bigquery.tables.getData"}},
	{"bigquery.googleapis.com/Table", []string{"bigquery.tables.getData"}},
	{"secretmanager.googleapis.com/Secret", []string{"secretmanager.versions.access"}},
	{"cloudkms.googleapis.com/CryptoKey", []string{"cloudkms.cryptoKeyVersions.useToDecrypt"}},
	{"pubsub.googleapis.com/Subscription", []string{"pubsub.subscriptions.consume"}},
	{"spanner.googleapis.com/Database", []string{"spanner.databases.select"}},
	{"sqladmin.googleapis.com/Instance", []string{"cloudsql.instances.export", "cloudsql.users.update", "cloudsql.users.create"}},
	{"bigtableadmin.googleapis.com/Instance", []string{"bigtable.tables.readRows"}},
	{"firestore.googleapis.com/Database", []string{"datastore.entities.get"}},
	{"artifactregistry.googleapis.com/Repository", []string{"artifactregistry.repositories.downloadArtifacts"}},
	{"sourcerepo.googleapis.com/Repo", []string{"source.repos.get"}},
	{"healthcare.googleapis.com/Dataset", []string{"healthcare.fhirResources.get"}},
}

func itoa(n int32) string { return strconv.Itoa(int(n)) }

// reads tells which stores a principal may read. Administrators do so as such.
func (w *scene) reads(p *google.Principal) {
	for _, s := range stores {
		for _, action := range s.actions {
			if !w.Able(p, action) {
				continue
			}
			for _, k := range w.g.OfType(s.typ) {
				r := w.g.Resources()[k]
				if r.Data || r.External || w.told[plinth.ID(string(w.node(p))+">"+string(r.ID))] {
					continue
				}
				w.read(p, r, action)
			}
		}
	}
}

func (w *scene) read(p *google.Principal, r *plinth.Resource, action string) {
	scopes := w.Scopes(r)
	if w.surely(p, scopes) {
		return
	}
	ways := w.Ways(p, action, scopes)
	for _, way := range ways[:min(len(ways), maxWays)] {
		when, from := way.When.Condition(), w.node(p)
		w.told[plinth.ID(string(from)+">"+string(r.ID))] = true
		if v, _ := r.Known().At("iamConfiguration", "publicAccessPrevention"); v.Str() == "enforced" && (p.Member == google.Everybody || p.Member == google.SignedIn) {
			return
		}
		a := attempt{who: p}.also(way, action)
		w.relate(plinth.Relation{From: from, To: r.ID, Kind: plinth.Can, Permissions: []string{action}, When: when, Evidence: a.steps})
	}
}

// tokens tells whose tokens make somebody a principal of a pool:
// https://cloud.google.com/iam/docs/workload-identity-federation.
func (w *scene) tokens(p *google.Principal) {
	_, rest, ok := strings.Cut(p.Member, "/workloadIdentityPools/")
	pool, name, named := strings.Cut(rest, "/")
	if !ok || !named || !strings.HasPrefix(p.Member, "principal") {
		return
	}
	for _, k := range w.g.OfType("iam.googleapis.com/WorkloadIdentityPoolProvider") {
		r := w.g.Resources()[k]
		issuer, _ := r.Known().At("oidc", "issuerUri")
		if issuer.Kind() != plinth.String || !w.InPool(k, pool) {
			continue
		}
		host := strings.TrimSuffix(strings.TrimPrefix(issuer.Str(), "https://"), "/")
		filter, _ := r.Known().Get("attributeCondition")
		subject, sure := subjectOf(name)
		var when plinth.Condition
		if filter.IsUnknown() || filter.Str() != "" {
			text := strings.Join(strings.Fields(filter.Str()), " ")
			if text == "" {
				text = "a condition that is not known"
			}
			when = plinth.Condition{{text}}
		}
		step := plinth.Step{Note: r.Label() + " takes tokens of " + host, At: r.Place(issuer), Cost: costTrust}
		if when != nil && account.Strange(host, subject) {
			sure, subject = false, strings.Join(when[0], "")
		}
		id := plinth.ID("oidc:" + host + "#" + subject)
		w.virtual(plinth.Node{ID: id, Type: plinth.TypeIdentityToken, Name: subject, Address: "a token of " + host + " for " + subject})
		if sure && account.Strange(host, subject) && !w.told[id+">"] {
			w.told[id+">"] = true
			w.relate(plinth.Relation{From: plinth.Internet, To: id, Kind: plinth.Assume, Evidence: []plinth.Step{
				{Note: host + " gives tokens to everybody, and the pool has no attribute condition", At: r.Head(), Cost: costTrust},
			}})
		}
		w.relate(plinth.Relation{From: id, To: w.node(p), Kind: plinth.Assume, When: when, Evidence: []plinth.Step{step}})
	}
}

// subjectOf is the pattern of the tokens that a member of a pool stands for, and whether it is all that counts.
func subjectOf(name string) (subject string, sure bool) {
	kind, value, _ := strings.Cut(name, "/")
	switch kind {
	case "*":
		return "*", true
	case "subject":
		return value, true
	case "attribute.repository":
		return "repo:" + value + ":*", true
	case "attribute.repository_owner":
		return "repo:" + value + "/*", true
	}
	return name, false
}
