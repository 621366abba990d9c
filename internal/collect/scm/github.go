package scm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

const (
	maxBranches = 50 // protected branches of a repository that are asked about one by one
	maxAdmins   = 20 // administrators of a repository whose activity is asked for one by one
)

// repository is what is needed of a repository to know what to ask.
type repository struct {
	FullName      string `json:"full_name"`
	DefaultBranch string `json:"default_branch"`
	Archived      bool   `json:"archived"`
	Private       bool   `json:"private"`
	Owner         struct {
		Type string `json:"type"`
	} `json:"owner"`
	Permissions struct {
		Admin bool `json:"admin"`
	} `json:"permissions"`
}

// github asks for a repository, or for an organization or user and its repositories: https://docs.github.com/rest.
func (k *collection) github(ctx context.Context, name string) error {
	if strings.Contains(name, "/") {
		return k.repository(ctx, "repos/"+name)
	}
	repositories := "users/" + name + "/repos?type=owner"
	body, _, _, err := k.client.get(ctx, "orgs/"+name)
	switch {
	case err == nil:
		k.keep("orgs/"+name, body)
		k.organization(ctx, "orgs/"+name)
		repositories = "orgs/" + name + "/repos?type=all"
	case status(err) != http.StatusNotFound:
		return err
	}
	all, err := k.client.list(ctx, repositories, "")
	if err != nil {
		return err
	}
	var paths []string
	for _, raw := range all {
		var r repository
		if json.Unmarshal(raw, &r) == nil && strings.Count(r.FullName, "/") == 1 && !r.Archived {
			paths = append(paths, "repos/"+r.FullName)
		}
	}
	slices.Sort(paths)
	return k.each(ctx, paths, func(ctx context.Context, path string) {
		if err := k.repository(ctx, path); err != nil && ctx.Err() == nil {
			k.fail(path, err)
		}
	})
}

func (k *collection) organization(ctx context.Context, path string) {
	for _, p := range []string{"/actions/permissions", "/actions/permissions/workflow"} {
		k.object(ctx, path+p)
	}
	k.list(ctx, path+"/hooks", "", nil)
	k.list(ctx, path+"/members?role=admin", "", nil)
	k.list(ctx, path+"/actions/secrets", "secrets", nil)
	k.list(ctx, path+"/actions/runner-groups", "runner_groups", nil)
	k.rulesets(ctx, path, "")
}

// repository asks for the settings of a repository. The error is that there is none, or that nobody tells.
func (k *collection) repository(ctx context.Context, path string) error {
	body, _, _, err := k.client.get(ctx, path)
	if err != nil {
		return err
	}
	var r repository
	if err := json.Unmarshal(body, &r); err != nil {
		return fmt.Errorf("read %s: the answer is no repository", path)
	}
	k.keep(path, body)
	if r.Archived {
		return nil // nobody changes anything in it
	}
	k.alerts(ctx, path, r.Permissions.Admin)
	k.protections(ctx, path, r.DefaultBranch)
	k.rulesets(ctx, path, "?includes_parents=true")
	k.owners(ctx, path)
	k.list(ctx, path+"/environments", "environments", nil)
	k.list(ctx, path+"/keys", "", nil)
	k.list(ctx, path+"/hooks", "", nil)
	if r.Owner.Type == "Organization" {
		k.list(ctx, path+"/collaborators?affiliation=outside", "", nil)
		k.administrators(ctx, path)
	}
	k.object(ctx, path+"/actions/permissions")
	k.object(ctx, path+"/actions/permissions/workflow")
	if !r.Private && k.client.base.Host == "api.github.com" { // servers of one's own do not have it yet
		k.object(ctx, path+"/actions/permissions/fork-pr-contributor-approval")
	}
	return ctx.Err()
}

// alerts asks whether a repository gets alerts. No content means yes; that there is nothing means no to administrators, and that one
// may not know to others.
func (k *collection) alerts(ctx context.Context, path string, admin bool) {
	path += "/vulnerability-alerts"
	_, code, _, err := k.client.get(ctx, path)
	switch {
	case err == nil && code == http.StatusNoContent:
		k.keep(path, []byte(`{"enabled": true}`))
	case status(err) == http.StatusNotFound && admin:
		k.keep(path, []byte(`{"enabled": false}`))
	case err != nil:
		k.fail(path, err)
	}
}

// administrators asks who administers a repository by a right of one's own, and what the last thing is that each of them pushed or merged
// within a year: https://docs.github.com/rest/repos/repos#list-repository-activities. Servers of one's own may not know that.
func (k *collection) administrators(ctx context.Context, path string) {
	admins := k.list(ctx, path+"/collaborators?affiliation=direct&permission=admin", "", nil)
	if len(admins) == 0 || len(admins) > maxAdmins {
		return
	}
	all := []json.RawMessage{}
	for _, raw := range admins {
		var who struct {
			Login string `json:"login"`
		}
		if json.Unmarshal(raw, &who) != nil || who.Login == "" {
			return
		}
		body, _, _, err := k.client.get(ctx, path+"/activity?time_period=year&per_page=1&actor="+url.QueryEscape(who.Login))
		var last []json.RawMessage
		switch {
		case status(err) == http.StatusNotFound:
			return
		case err != nil:
			k.fail(path+"/activity", err)
			return
		case json.Unmarshal(body, &last) != nil:
			k.fail(path+"/activity", errors.New("the answer is no list"))
			return
		}
		all = append(all, last...)
	}
	if body, err := json.Marshal(all); err == nil {
		k.keep(path+"/activity", body)
	}
}

// owners asks for the lines of the CODEOWNERS file that count for nothing: GitHub knows who does not exist or may not write. That there
// is no such file is no fault.
func (k *collection) owners(ctx context.Context, path string) {
	path += "/codeowners/errors"
	switch body, _, _, err := k.client.get(ctx, path); {
	case err == nil:
		k.keep(path, body)
	case status(err) != http.StatusNotFound:
		k.fail(path, err)
	}
}

// protections asks for the classic protection of the default branch and of all others that have one.
func (k *collection) protections(ctx context.Context, path, def string) {
	names := []string{def}
	list, err := k.client.list(ctx, path+"/branches?protected=true", "")
	if err != nil {
		k.fail(path+"/branches", err)
	}
	for _, raw := range list {
		var b struct {
			Name string `json:"name"`
		}
		if json.Unmarshal(raw, &b) == nil && b.Name != "" && b.Name != def {
			names = append(names, b.Name)
		}
	}
	for i, name := range names {
		if i == maxBranches {
			k.fail(path+"/branches", fmt.Errorf("more than %d protected branches", maxBranches))
			break
		}
		if name != "" {
			k.object(ctx, path+"/branches/"+escaped(name)+"/protection")
		}
	}
}

// rulesets asks for the rulesets of a repository, those of its organization included, or of an organization. The list does not tell
// their rules.
func (k *collection) rulesets(ctx context.Context, path, query string) {
	for _, raw := range k.list(ctx, path+"/rulesets"+query, "", nil) {
		var s struct {
			ID int64 `json:"id"`
		}
		if json.Unmarshal(raw, &s) == nil && s.ID != 0 {
			k.object(ctx, fmt.Sprintf("%s/rulesets/%d", path, s.ID))
		}
	}
}
