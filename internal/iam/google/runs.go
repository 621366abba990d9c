package google

import (
	"strings"

	"github.com/plinthsec/plinth"
)

// identity says where the service account of what runs code stands: the first path that is there. Without one the code has the
// default account of the project's machines, unless that takes a block, which lacks.
type identity struct {
	paths []string
	block string
	none  bool // without a path it has no account, or one that the code cannot tell
}

// identities are the types that run code: https://cloud.google.com/iam/docs/attach-service-accounts.
var identities = map[string]identity{
	"compute.googleapis.com/Instance":             {paths: []string{"serviceAccounts.email"}, block: "serviceAccounts"},
	"compute.googleapis.com/InstanceTemplate":     {paths: []string{"properties.serviceAccounts.email"}, block: "properties.serviceAccounts"},
	"run.googleapis.com/Service":                  {paths: []string{"template.serviceAccount", "spec.template.spec.serviceAccountName"}},
	"run.googleapis.com/Job":                      {paths: []string{"template.template.serviceAccount"}},
	"cloudfunctions.googleapis.com/Function":      {paths: []string{"serviceConfig.serviceAccountEmail"}},
	"cloudfunctions.googleapis.com/CloudFunction": {paths: []string{"serviceAccountEmail"}, none: true},
	"container.googleapis.com/Cluster":            {paths: []string{"nodeConfig.serviceAccount", "nodePools.config.serviceAccount"}, block: "nodeConfig"},
	"container.googleapis.com/NodePool":           {paths: []string{"config.serviceAccount"}},
	"dataproc.googleapis.com/Cluster":             {paths: []string{"config.gceClusterConfig.serviceAccount"}},
	"composer.googleapis.com/Environment":         {paths: []string{"config.nodeConfig.serviceAccount"}},
	"dataflow.googleapis.com/Job":                 {paths: []string{"environment.serviceAccountEmail"}},
	"notebooks.googleapis.com/Instance":           {paths: []string{"serviceAccount", "gceSetup.serviceAccounts.email"}},
	"datafusion.googleapis.com/Instance":          {paths: []string{"dataprocServiceAccount"}},
	"workflows.googleapis.com/Workflow":           {paths: []string{"serviceAccount"}},
	"cloudbuild.googleapis.com/BuildTrigger":      {paths: []string{"serviceAccount"}, none: true},
	"appengine.googleapis.com/Version":            {paths: []string{"serviceAccount"}, none: true},
	"cloudscheduler.googleapis.com/Job":           {paths: []string{"httpTarget.oauthToken.serviceAccountEmail"}, none: true},
}

// Run is that code of a workload acts as a service account.
type Run struct {
	As      *Principal
	At      plinth.Location
	Default bool   // nobody names the account
	Scopes  string // access scopes that narrow what its tokens are good for, "" for none
}

// Runs tells as whom a resource runs code.
func (e *Estate) Runs(r *plinth.Resource) []Run {
	how, ok := identities[r.Type]
	i, here := e.byID[r.ID]
	if !ok || !here || r.Data || r.External || !strings.Contains(r.Type, ".googleapis.com/") {
		return nil
	}
	props := r.Known()
	for _, path := range how.paths {
		for _, v := range reach(props, path) {
			if v.IsNull() || v.Kind() == plinth.String && v.Str() == "" {
				continue
			}
			if v.Kind() == plinth.String && v.Str() == "default" {
				return e.byDefault(i, r.Place(v))
			}
			text := e.render(i, v, 0)
			text = strings.TrimPrefix(text[strings.LastIndexByte(text, '/')+1:], "serviceAccount:")
			p := e.byMember["serviceaccount:"+strings.ToLower(text)]
			if p == nil {
				return nil
			}
			return []Run{{As: p, At: r.Place(v), Scopes: narrow(props, r.Type)}}
		}
	}
	if how.none || how.block != "" && len(reach(props, how.block)) == 0 {
		return nil
	}
	return e.byDefault(i, r.Head())
}

func (e *Estate) byDefault(i int32, at plinth.Location) []Run {
	r := e.g.Resources()[i]
	return []Run{{As: e.Default(e.projectOf(i), at), At: at, Default: true, Scopes: narrow(r.Known(), r.Type)}}
}

// narrow names the access scopes of a machine where none of them is all of Google Cloud:
// https://cloud.google.com/compute/docs/access/service-accounts#accesscopesiam.
func narrow(props plinth.Value, typ string) string {
	path := map[string]string{
		"compute.googleapis.com/Instance": "serviceAccounts.scopes", "compute.googleapis.com/InstanceTemplate": "properties.serviceAccounts.scopes",
		"container.googleapis.com/NodePool": "config.oauthScopes", "container.googleapis.com/Cluster": "nodeConfig.oauthScopes",
	}[typ]
	if path == "" {
		return ""
	}
	var names []string
	for _, list := range reach(props, path) {
		if list.IsUnknown() {
			return ""
		}
		for _, v := range list.List() {
			name := v.Str()[strings.LastIndexByte(v.Str(), '/')+1:]
			if name == "cloud-platform" || v.IsUnknown() {
				return ""
			}
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

// reach returns what stands at a path, in every element of lists on the way.
func reach(v plinth.Value, path string) []plinth.Value {
	at := []plinth.Value{v}
	for name := range strings.SplitSeq(path, ".") {
		var next []plinth.Value
		for _, one := range at {
			steps := one.List()
			if one.Kind() != plinth.List {
				steps = []plinth.Value{one}
			}
			for _, s := range steps {
				if got, ok := s.Get(name); ok {
					next = append(next, got)
				}
			}
		}
		at = next
	}
	return at
}
