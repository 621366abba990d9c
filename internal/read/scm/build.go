package scm

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/lazy"
)

// kind is what the answer to one path is.
type kind struct {
	path   *regexp.Regexp // groups: what the answer belongs to, and what it is called
	typ    string         // type of the resource, or of each element
	each   string         // the list in the answer that holds the elements; "." where the answer is the list
	name   []string       // the properties that tell elements apart
	owner  string         // the property that names what it belongs to
	called string         // the property that the name in the path becomes
	into   string         // the property of its owner that the answer becomes; it is no resource of its own
}

// kinds are the answers that are understood: https://docs.github.com/rest, https://docs.gitlab.com/api/rest/.
func kinds() []kind {
	const repo, org, project, group = `^(repos/[^/]+/[^/]+)`, `^(orgs/[^/]+)`, `^(projects/[^/]+)`, `^(groups/[^/]+)`
	list := []struct{ path, typ, each, name, owner, called, into string }{
		{repo + `$`, "github/Repository", "", "", "", "", ""},
		{repo + `/vulnerability-alerts$`, "", "", "", "", "", "vulnerability_alerts"},
		{repo + `/branches/(.+)/protection$`, "github/BranchProtection", "", "", "repository", "pattern", ""},
		{repo + `/rulesets$`, "", ".", "", "", "", ""},
		{repo + `/rulesets/[^/]+$`, "github/Ruleset", "", "", "repository", "", ""},
		{`^(rulesets)/.+$`, "github/Ruleset", "", "", "", "", ""},
		{repo + `/codeowners/errors$`, "github/CodeOwners", "", "", "repository", "", ""},
		{repo + `/environments$`, "github/Environment", "environments", "name", "repository", "", ""},
		{repo + `/keys$`, "github/DeployKey", ".", "id", "repository", "", ""},
		{repo + `/hooks$`, "github/Hook", ".", "id", "repository", "", ""},
		{repo + `/collaborators$`, "github/Collaborator", ".", "login", "repository", "", ""},
		{repo + `/collaborators\?admin$`, "", "", "", "", "", "administrators"},
		{repo + `/activity$`, "", "", "", "", "", "activity"},
		{repo + `/actions/permissions$`, "github/RepositoryActions", "", "", "repository", "", ""},
		{repo + `/actions/permissions/workflow$`, "github/WorkflowPermissions", "", "", "repository", "", ""},
		{repo + `/actions/permissions/fork-pr-contributor-approval$`, "github/ForkApproval", "", "", "repository", "", ""},
		{org + `$`, "github/Organization", "", "", "", "", ""},
		{org + `/members\?admin$`, "", "", "", "", "", "administrators"},
		{org + `/actions/secrets$`, "github/OrganizationSecret", "secrets", "name", "organization", "", ""},
		{org + `/actions/runner-groups$`, "github/RunnerGroup", "runner_groups", "id", "organization", "", ""},
		{org + `/rulesets$`, "", ".", "", "", "", ""},
		{org + `/rulesets/[^/]+$`, "github/Ruleset", "", "", "organization", "", ""},
		{org + `/hooks$`, "github/OrganizationHook", ".", "id", "organization", "", ""},
		{org + `/actions/permissions$`, "github/OrganizationActions", "", "", "organization", "", ""},
		{org + `/actions/permissions/workflow$`, "github/WorkflowPermissions", "", "", "organization", "", ""},
		{org + `/actions/permissions/fork-pr-contributor-approval$`, "github/ForkApproval", "", "", "organization", "", ""},
		{project + `$`, "gitlab/Project", "", "", "", "", ""},
		{project + `/approvals$`, "", "", "", "", "", "approvals"},
		{project + `/approval_rules$`, "", "", "", "", "", "approval_rules"},
		{project + `/push_rule$`, "", "", "", "", "", "push_rule"},
		{project + `/members$`, "", "", "", "", "", "members"},
		{project + `/protected_branches$`, "gitlab/ProtectedBranch", ".", "name", "project", "", ""},
		{project + `/protected_tags$`, "gitlab/ProtectedTag", ".", "name", "project", "", ""},
		{project + `/protected_environments$`, "gitlab/ProtectedEnvironment", ".", "name", "project", "", ""},
		{project + `/hooks$`, "gitlab/Hook", ".", "id", "project", "", ""},
		{project + `/deploy_keys$`, "gitlab/DeployKey", ".", "id", "project", "", ""},
		{project + `/variables$`, "gitlab/Variable", ".", "key environment_scope", "project", "", ""},
		{group + `$`, "gitlab/Group", "", "", "", "", ""},
		{group + `/members$`, "", "", "", "", "", "members"},
		{group + `/hooks$`, "gitlab/GroupHook", ".", "id", "group", "", ""},
		{`^(application/settings)$`, "gitlab/ApplicationSettings", "", "", "", "", ""},
		{group + `/variables$`, "gitlab/GroupVariable", ".", "key environment_scope", "group", "", ""},
	}
	out := make([]kind, len(list))
	for i, k := range list {
		out[i] = kind{regexp.MustCompile(k.path), k.typ, k.each, strings.Fields(k.name), k.owner, k.called, k.into}
	}
	return out
}

var known = sync.OnceValue(kinds)

// administrators is the query of a list that holds them alone.
var administrators = lazy.New(`(?:^|&)(?:role|permission)=admin(?:&|$)`)

// builder makes resources of answers.
type builder struct {
	project string
	to      plinth.Sink
	owners  []*plinth.Resource        // repositories and projects, which further answers belong to
	extra   map[string][]plinth.Field // by the path of the owner
}

// answer takes one answer and tells whether anybody knows its path; one that is an error is told.
func (b *builder) answer(asked string, v plinth.Value) bool {
	asked, query, _ := strings.Cut(asked, "?")
	if administrators.MatchString(query) {
		asked += "?admin"
	}
	all := known()
	for i := range all {
		k := &all[i]
		m := k.path.FindStringSubmatch(asked)
		if m == nil {
			continue
		}
		refused := b.refused(asked, v)
		switch {
		case refused && k.into != "": // what nobody could look at is not absent
			b.extra[m[1]] = append(b.extra[m[1]], plinth.Field{Key: k.into, Value: plinth.UnknownOf(asked)})
		case refused, k.typ == "" && k.into == "":
		case k.into != "":
			b.extra[m[1]] = append(b.extra[m[1]], plinth.Field{Key: k.into, Value: v})
		case k.each == "":
			b.resource(k, asked, m, v)
		default:
			b.elements(k, asked, m, v)
		}
		return true
	}
	return false
}

func (b *builder) elements(k *kind, asked string, m []string, v plinth.Value) {
	if k.each != "." && v.Kind() == plinth.Map {
		v, _ = v.Get(k.each)
	}
	for _, e := range v.List() {
		var names []string
		for _, key := range k.name {
			if x, ok := e.Get(key); ok && !x.IsNull() {
				names = append(names, strings.Trim(x.String(), `"`))
			}
		}
		name := strings.Join(names, "@")
		if k.typ == "github/Collaborator" && strings.Split(m[1], "/")[1] == name {
			continue // whose repository it is
		}
		b.resource(k, asked+"/"+name, m, e)
	}
}

// refused tells an error that stands in the place of an answer. That a branch is not protected is an answer.
func (b *builder) refused(asked string, v plinth.Value) bool {
	message, ok := v.Get("message")
	if _, more := v.Get("documentation_url"); !ok || !more && v.Len() > 2 {
		return false
	}
	switch {
	case message.Str() == "Branch not protected":
		return true
	case strings.HasPrefix(message.Str(), "Upgrade to "), notFound(v) && paid.MatchString(asked):
		b.to.Problem(plinth.Problem{Kind: plinth.Unsupported, At: placeOf(v), Text: asked + ": the plan or edition does not have it, or the token does not see it"})
		return true
	}
	b.to.Problem(plinth.Problem{Kind: plinth.Refused, At: placeOf(v), Text: asked + " could not be looked at: the API answered " + message.String()})
	if m := protecting.FindStringSubmatch(asked); m != nil {
		b.hidden(m[1])
	}
	return true
}

// paid are the settings of GitLab that not every edition has: https://docs.gitlab.com/subscriptions/choosing_subscription/.
var paid = lazy.New(`^(projects|groups)/[^/]+/(approvals|approval_rules|push_rule|protected_environments)$|^groups/[^/]+/hooks$`)

func notFound(v plinth.Value) bool {
	status, _ := v.Get("status")
	message, _ := v.Get("message")
	return strings.Trim(status.String(), `"`) == "404" || strings.HasPrefix(message.Str(), "404")
}

// protecting are the answers without which nobody knows whether a repository is protected.
var protecting = lazy.New(`^(repos/[^/]+/[^/]+)/(branches/.+/protection|rulesets(/.+)?)$`)

// hidden notes that a repository may be protected by what nobody could look at.
func (b *builder) hidden(repository string) {
	b.extra[repository] = append(b.extra[repository], plinth.Field{Key: "protection", Value: plinth.UnknownOf("the protection of " + repository)})
}

func placeOf(v plinth.Value) plinth.Location {
	if o := v.Origin(); o != nil {
		return o.At
	}
	return plinth.Location{}
}

// resource makes one resource; m are the groups of its kind's path.
func (b *builder) resource(k *kind, address string, m []string, v plinth.Value) {
	if v.Kind() != plinth.Map {
		return
	}
	at := placeOf(v)
	header := at
	header.EndLine, header.EndCol = at.Line, at.Col+1
	decl := &plinth.Declaration{Address: address, Type: k.typ, At: at, Header: header}
	v = moved(v, decl, prefixOf(v), 0)
	fields := slices.Clone(v.Fields())
	platform, _, _ := strings.Cut(k.typ, "/")
	if k.owner != "" {
		_, name, _ := strings.Cut(m[1], "/")
		fields = append(fields, plinth.Field{Key: k.owner, Value: plinth.StringOf(name).WithRefs(plinth.Ref{To: m[1]})})
	}
	if k.called != "" && len(m) > 2 {
		fields = append(fields, plinth.Field{Key: k.called, Value: plinth.StringOf(unescaped(m[2]))})
	}
	name := address[strings.LastIndexByte(address, '/')+1:]
	r := &plinth.Resource{
		ID: plinth.ID(platform + ":" + b.project + "#" + address), Type: k.typ, Name: name, Project: b.project, Phase: plinth.Live, Decl: decl,
		Props: plinth.MapOf(fields).WithOrigin(v.Origin()),
	}
	if address == m[1] {
		b.owners = append(b.owners, r)
		return
	}
	b.to.Resource(r)
}

func unescaped(name string) string {
	if s, err := url.PathUnescape(name); err == nil {
		return s
	}
	return name
}

// finish hands over the repositories and projects with what further answers say of them.
func (b *builder) finish() {
	for _, r := range b.owners {
		fields := slices.Clone(r.Props.Fields())
		for _, x := range b.extra[r.Decl.Address] {
			if x.Key == "vulnerability_alerts" && !x.Value.IsUnknown() {
				on, ok := x.Value.Get("enabled")
				if !ok {
					continue
				}
				x.Value = on
			}
			x.Value = moved(x.Value, r.Decl, prefixOf(x.Value), 0)
			fields = append(fields, x)
		}
		r.Props = plinth.MapOf(fields).WithOrigin(r.Props.Origin())
		b.to.Resource(r)
	}
}

func prefixOf(v plinth.Value) string {
	if o := v.Origin(); o != nil {
		return o.Path
	}
	return ""
}

// moved gives a value, and what is in it, another declaration; paths begin below prefix.
func moved(v plinth.Value, decl *plinth.Declaration, prefix string, depth int) plinth.Value {
	out := v
	if depth < maxDepth {
		switch v.Kind() {
		case plinth.Map:
			fields := slices.Clone(v.Fields())
			for i := range fields {
				fields[i].Value = moved(fields[i].Value, decl, prefix, depth+1)
			}
			out = plinth.MapOf(fields)
		case plinth.List:
			list := slices.Clone(v.List())
			for i := range list {
				list[i] = moved(list[i], decl, prefix, depth+1)
			}
			out = plinth.ListOf(list)
		}
	}
	o := v.Origin()
	if o == nil {
		return out
	}
	own := *o
	own.Decl = decl
	own.Path = strings.TrimPrefix(strings.TrimPrefix(o.Path, prefix), ".")
	return out.WithOrigin(&own)
}
