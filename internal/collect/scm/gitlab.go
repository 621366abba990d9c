package scm

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
)

// gitlab asks for a project, or for a group and its projects: https://docs.gitlab.com/api/rest/.
func (k *collection) gitlab(ctx context.Context, name string) error {
	err := k.project(ctx, "projects/"+escaped(name))
	if status(err) != http.StatusNotFound {
		return err
	}
	group := "groups/" + escaped(name)
	body, _, _, err := k.client.get(ctx, group+"?with_projects=false")
	if err != nil {
		return err
	}
	k.keep(group, redacted(body))
	k.list(ctx, group+"/members", "", nil)
	k.list(ctx, group+"/hooks", "", nil)
	k.list(ctx, group+"/variables", "", withoutValue)
	all, err := k.client.list(ctx, group+"/projects?include_subgroups=true&archived=false&simple=true", "")
	if err != nil {
		return err
	}
	var paths []string
	for _, raw := range all {
		var p struct {
			Path string `json:"path_with_namespace"`
		}
		if json.Unmarshal(raw, &p) == nil && p.Path != "" {
			paths = append(paths, "projects/"+escaped(p.Path))
		}
	}
	slices.Sort(paths)
	return k.each(ctx, paths, func(ctx context.Context, path string) {
		if err := k.project(ctx, path); err != nil && ctx.Err() == nil {
			k.fail(path, err)
		}
	})
}

// project asks for the settings of a project. The error is that there is none, or that nobody tells.
func (k *collection) project(ctx context.Context, path string) error {
	body, _, _, err := k.client.get(ctx, path)
	if err != nil {
		return err
	}
	k.keep(path, redacted(body))
	k.object(ctx, path+"/approvals")
	k.list(ctx, path+"/approval_rules", "", nil)
	k.object(ctx, path+"/push_rule")
	k.list(ctx, path+"/members", "", nil)
	k.list(ctx, path+"/protected_branches", "", nil)
	k.list(ctx, path+"/protected_tags", "", nil)
	k.list(ctx, path+"/protected_environments", "", nil)
	k.list(ctx, path+"/hooks", "", nil)
	k.list(ctx, path+"/deploy_keys", "", nil)
	k.list(ctx, path+"/variables", "", withoutValue)
	return ctx.Err()
}

// withoutValue takes the secret out of a variable of a pipeline.
func withoutValue(e map[string]json.RawMessage) { delete(e, "value") }

// redacted takes the token of runners out of a project or group.
func redacted(body []byte) []byte {
	var object map[string]json.RawMessage
	if json.Unmarshal(body, &object) != nil {
		return body
	}
	delete(object, "runners_token")
	out, err := json.Marshal(object)
	if err != nil {
		return body
	}
	return out
}
