package azure

import (
	"maps"
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/iam"
	"github.com/plinthsec/plinth/internal/iam/azure"
)

// access is an action by which a store is read.
type access struct {
	action string
	data   bool // a data action
}

// stores are the types that hold data, with the actions by which each is read, any of them.
var stores = map[string][]access{
	"Microsoft.Storage/storageAccounts": {
		{"Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read", true}, {"Microsoft.Storage/storageAccounts/listKeys/action", false},
	},
	"Microsoft.KeyVault/vaults": {
		{"Microsoft.KeyVault/vaults/secrets/getSecret/action", true}, {"Microsoft.KeyVault/vaults/accessPolicies/write", false},
	},
	"Microsoft.DocumentDB/databaseAccounts": {
		{"Microsoft.DocumentDB/databaseAccounts/listKeys/action", false}, {"Microsoft.DocumentDB/databaseAccounts/readonlyKeys/action", false},
	},
	"Microsoft.Cache/redis":                  {{"Microsoft.Cache/redis/listKeys/action", false}},
	"Microsoft.ServiceBus/namespaces":        {{"Microsoft.ServiceBus/namespaces/messages/receive/action", true}},
	"Microsoft.EventHub/namespaces":          {{"Microsoft.EventHub/namespaces/messages/receive/action", true}},
	"Microsoft.ContainerRegistry/registries": {{"Microsoft.ContainerRegistry/registries/pull/read", false}},
	"Microsoft.AppConfiguration/configurationStores": {
		{"Microsoft.AppConfiguration/configurationStores/keyValues/read", true}, {"Microsoft.AppConfiguration/configurationStores/ListKeys/action", false},
	},
	"Microsoft.Search/searchServices":           {{"Microsoft.Search/searchServices/listAdminKeys/action", false}},
	"Microsoft.CognitiveServices/accounts":      {{"Microsoft.CognitiveServices/accounts/listKeys/action", false}},
	"Microsoft.Sql/servers":                     {{"Microsoft.Sql/servers/write", false}},
	"Microsoft.DBforPostgreSQL/flexibleServers": {{"Microsoft.DBforPostgreSQL/flexibleServers/write", false}},
	"Microsoft.DBforMySQL/flexibleServers":      {{"Microsoft.DBforMySQL/flexibleServers/write", false}},
}

// reads tells which stores a principal may read. Administrators do so as such.
func (w *scene) reads(p *azure.Principal) {
	if len(p.Assignments()) == 0 {
		return
	}
	for _, typ := range slices.Sorted(maps.Keys(stores)) {
		for _, k := range w.g.OfType(typ) {
			r := w.g.Resources()[k]
			if r.Data || r.External || w.surely(p, w.Scopes(r)) {
				continue
			}
			for _, by := range stores[typ] {
				if w.closed(r, by) {
					continue
				}
				ways := w.Ways(p, by.action, by.data, w.Scopes(r))
				if len(ways) == 0 {
					continue
				}
				a := w.also(p, attempt{when: iam.Always()}, ways[0], by.action)
				w.relate(plinth.Relation{From: w.node(p), To: r.ID, Kind: plinth.Can, Permissions: []string{by.action}, When: a.when.Condition(), Evidence: a.steps})
				break
			}
		}
	}
}

// closed tells whether a store does not take what an action gives: keys that are switched off, roles where access policies decide.
func (w *scene) closed(r *plinth.Resource, by access) bool {
	get := func(name string) plinth.Value { v, _ := r.Known().At("properties", name); return v }
	switch by.action {
	case "Microsoft.Storage/storageAccounts/listKeys/action":
		v := get("allowSharedKeyAccess")
		return v.Kind() == plinth.Bool && !v.Bool()
	case "Microsoft.DocumentDB/databaseAccounts/listKeys/action", "Microsoft.DocumentDB/databaseAccounts/readonlyKeys/action":
		return get("disableLocalAuth").Bool()
	case "Microsoft.KeyVault/vaults/secrets/getSecret/action":
		v := get("enableRbacAuthorization")
		return v.Kind() == plinth.Bool && !v.Bool()
	case "Microsoft.KeyVault/vaults/accessPolicies/write":
		return get("enableRbacAuthorization").Bool()
	}
	return false
}

// public tells what storage lets everybody in, and whom the access policies of a vault let in.
func (w *scene) public() {
	for _, k := range w.g.OfType("Microsoft.Storage/storageAccounts/blobServices/containers") {
		r := w.g.Resources()[k]
		level, _ := r.Known().At("properties", "publicAccess")
		if r.Data || r.External || level.Str() == "" || strings.EqualFold(level.Str(), "none") || strings.EqualFold(level.Str(), "private") {
			continue
		}
		steps := []plinth.Step{{Note: r.Label() + " lets everybody read (" + level.Str() + ")", At: r.Place(level), Cost: costTrust}}
		to, open := []plinth.ID{r.ID}, true
		for _, s := range w.Scopes(r)[1:] {
			of := w.At(s)
			if of == nil || of.Type != "Microsoft.Storage/storageAccounts" {
				continue
			}
			allow, _ := of.Known().At("properties", "allowBlobPublicAccess")
			network, _ := of.Known().At("properties", "publicNetworkAccess")
			standard, _ := of.Known().At("properties", "networkAcls", "defaultAction")
			if allow.Kind() == plinth.Bool && !allow.Bool() || strings.EqualFold(network.Str(), "Disabled") || strings.EqualFold(standard.Str(), "Deny") {
				open = false
			}
			to = append(to, of.ID)
			steps = append(steps, plinth.Step{Note: of.Label() + " allows public containers", At: of.Place(allow), Cost: costTrust})
		}
		for _, id := range to {
			if open {
				w.relate(plinth.Relation{From: plinth.Internet, To: id, Kind: plinth.Can, Permissions: []string{"Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read"}, Evidence: steps})
			}
		}
	}
	for _, k := range w.g.OfType("Microsoft.KeyVault/vaults") {
		r := w.g.Resources()[k]
		by, _ := r.Known().At("properties", "enableRbacAuthorization")
		policies, _ := r.Known().At("properties", "accessPolicies")
		for _, one := range policies.List() {
			id, _ := one.Get("objectId")
			if by.Bool() || r.Data || !gets(one) {
				continue
			}
			if p := w.Named(k, id); p != nil {
				w.relate(plinth.Relation{From: w.node(p), To: r.ID, Kind: plinth.Can, Permissions: []string{"get"}, Evidence: []plinth.Step{
					{Note: "an access policy of " + r.Label() + " lets " + p.Label() + " read", At: r.Place(id), Cost: costIdentity},
				}})
			}
		}
	}
}

// gets tells whether an access policy lets somebody read secrets, keys or certificates.
func gets(policy plinth.Value) bool {
	for _, kind := range [...]string{"secrets", "keys", "certificates"} {
		list, _ := policy.At("permissions", kind)
		for _, v := range list.List() {
			if s := strings.ToLower(v.Str()); s == "get" || s == "all" || s == "decrypt" || s == "unwrapkey" {
				return true
			}
		}
	}
	return false
}
