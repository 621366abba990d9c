package form

import (
	"path"
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
)

// The types that say how a repository of GitHub protects its branches, and what they come to.
const (
	typeRepository = "github/Repository"
	typeProtection = "github/BranchProtection"
	typeRuleset    = "github/Ruleset"
	typeBranch     = "github/Branch"
)

const (
	heads         = "refs/heads/"
	anyBranch     = "~ALL"
	defaultBranch = "~DEFAULT_BRANCH"
)

// branches brings together what protects a branch: classic protection and rulesets hold at the same time, so that either of them is
// enough. It makes one github/Branch for each classic protection, and for the default and release branches that rulesets alone
// protect; it hangs on the protection that it is about. Its properties are those of the sources, at their places:
//
//	repository, pattern     as the protection names them
//	pull_request            changes come by pull request only
//	approvals               the most that a source asks for
//	dismiss_stale_reviews, require_code_owner_reviews, require_last_push_approval, require_conversation_resolution,
//	restrict_dismissals, restrictions       only some may dismiss reviews, or push
//	required_status_checks, strict, require_signed_commits, required_linear_history, lock_branch    true where one source asks for it
//	merge_queue             changes come in by a queue only; absent where nobody tells: the API of classic protections does not
//	enforce_admins          administrators are held to it
//	allow_force_pushes, allow_deletions        true where no source forbids it
func branches(resources []*plinth.Resource) []*plinth.Resource {
	f := forge{named: map[place]*plinth.Resource{}, shelters: map[place]*shelter{}}
	for _, r := range resources {
		if r.Type == typeRepository && !r.External && !r.Data {
			f.name(r)
		}
	}
	for _, r := range resources {
		if r.Type == typeProtection || r.Type == typeRuleset {
			f.add(r)
		}
	}
	var out []*plinth.Resource
	for _, key := range f.order {
		out = append(out, f.shelters[key].branches(f.wide)...)
	}
	return out
}

// forge is the repositories of a target and their protections.
type forge struct {
	named    map[place]*plinth.Resource
	shelters map[place]*shelter
	order    []place
	wide     []*plinth.Resource // rulesets of organizations, which count for many repositories
}

// shelter is what protects one repository.
type shelter struct {
	repository *plinth.Resource // nil where it is not in the code
	called     string           // its name where that is known
	classic    []*plinth.Resource
	rulesets   []*plinth.Resource
}

func (f *forge) name(r *plinth.Resource) {
	f.named[place{r.Project, r.Root, r.Decl.Address}] = r
	for _, key := range []string{"name", "full_name"} {
		if v, ok := r.Props.Get(key); ok && v.Kind() == plinth.String {
			f.named[place{r.Project, "", v.Str()}] = r
		}
	}
}

func (f *forge) add(r *plinth.Resource) {
	of, ok := r.Props.Get("repository")
	if r.Type == typeRuleset && (!ok || of.IsNull()) {
		f.wide = append(f.wide, r)
		if _, live := r.Props.Get("organization"); live {
			return // the repositories that it counts for have it among their own
		}
	}
	key := place{r.Project, r.Root, "of " + r.Decl.Address}
	if r.Decl.Type == typeRuleset {
		key.address = "of this repository" // files that are kept in it, to be sent to the API
	}
	var repository *plinth.Resource
	switch refs := of.Refs(); {
	case len(refs) > 0:
		key.address = refs[0].To
		repository = f.named[key]
	case of.Kind() == plinth.String:
		key = place{r.Project, "", of.Str()}
		repository = f.named[key]
	}
	if repository != nil {
		key = place{repository.Project, repository.Root, string(repository.ID)}
	}
	s := f.shelters[key]
	if s == nil {
		s = &shelter{repository: repository, called: of.Str()}
		f.shelters[key] = s
		f.order = append(f.order, key)
	}
	if r.Type == typeProtection {
		s.classic = append(s.classic, r)
	} else {
		s.rulesets = append(s.rulesets, r)
	}
}

// branches makes the branches of one repository; wide are rulesets of organizations.
func (s *shelter) branches(wide []*plinth.Resource) []*plinth.Resource {
	rulesets := slices.Clone(s.rulesets)
	for _, w := range wide {
		if !slices.Contains(rulesets, w) && s.within(w) {
			rulesets = append(rulesets, w)
		}
	}
	rulesets = slices.DeleteFunc(rulesets, func(r *plinth.Resource) bool {
		target, _ := r.Props.Get("target")
		enforcement, _ := r.Props.Get("enforcement")
		return target.Kind() == plinth.String && target.Str() != "branch" || enforcement.Kind() == plinth.String && enforcement.Str() != "active"
	})
	var out []*plinth.Resource
	done := map[string]bool{}
	for _, c := range s.classic {
		pattern, _ := c.Props.Get("pattern")
		if s.isDefault(pattern) {
			done[defaultBranch] = true
		}
		done[pattern.Str()] = true
		out = append(out, s.branch(pattern, []*plinth.Resource{c}, rulesets))
	}
	for _, r := range s.rulesets {
		for _, pattern := range s.subjects(r) {
			if !slices.Contains(rulesets, r) || done[pattern] {
				continue
			}
			done[pattern] = true
			out = append(out, s.branch(plinth.StringOf(pattern), nil, append([]*plinth.Resource{r}, without(rulesets, r)...)))
		}
	}
	return out
}

func without(list []*plinth.Resource, r *plinth.Resource) []*plinth.Resource {
	return slices.DeleteFunc(slices.Clone(list), func(x *plinth.Resource) bool { return x == r })
}

// within tells whether a ruleset of an organization takes this repository in.
func (s *shelter) within(r *plinth.Resource) bool {
	include, ok := r.Props.At("conditions", "repository_name", "include")
	if !ok {
		return false
	}
	for _, v := range include.List() {
		if ok, err := path.Match(v.Str(), s.called); v.IsUnknown() || v.Str() == anyBranch || s.called != "" && ok && err == nil {
			return true
		}
	}
	return include.IsUnknown()
}

// subjects are the branches that somebody would miss protection of: the default one, and those that are released from.
func (s *shelter) subjects(r *plinth.Resource) []string {
	include, _ := r.Props.At("conditions", "ref_name", "include")
	var out []string
	for _, v := range include.List() {
		name := strings.TrimPrefix(v.Str(), heads)
		switch {
		case name == anyBranch, name == defaultBranch, s.isDefault(plinth.StringOf(name)), v.IsUnknown():
			out = append(out, defaultBranch)
		case release(name):
			out = append(out, name)
		}
	}
	return out
}

// release tells whether a branch is released from, by its name.
func release(name string) bool {
	word, _, _ := strings.Cut(strings.ToLower(name), "/")
	for _, w := range []string{"release", "prod", "stable", "live"} {
		if strings.HasPrefix(word, w) {
			return true
		}
	}
	return false
}

// isDefault tells whether a pattern takes the default branch in: main or master where nothing says which it is.
func (s *shelter) isDefault(pattern plinth.Value) bool {
	names := []string{"main", "master"}
	if s.repository != nil {
		if v, ok := s.repository.Props.Get("default_branch"); ok && v.Kind() == plinth.String && v.Str() != "" {
			names = []string{v.Str()}
		}
	}
	return pattern.IsUnknown() || slices.ContainsFunc(names, func(name string) bool { return matches(pattern.Str(), name) })
}

func matches(pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	return pattern == name || ok && err == nil || pattern == "**" || pattern == "**/*"
}

// covers tells whether a ruleset holds for a branch. What is not known may hold.
func (s *shelter) covers(r *plinth.Resource, branch plinth.Value) bool {
	among := func(list string) (found, known bool) {
		v, ok := r.Props.At("conditions", "ref_name", list)
		if !ok || v.IsUnknown() {
			return v.IsUnknown(), ok
		}
		for _, e := range v.List() {
			name := strings.TrimPrefix(e.Str(), heads)
			isDefault := branch.Str() == defaultBranch || s.isDefault(branch)
			if e.IsUnknown() || name == anyBranch || matches(name, branch.Str()) || isDefault && (name == defaultBranch || s.isDefault(plinth.StringOf(name))) {
				return true, true
			}
		}
		return false, true
	}
	if out, _ := among("exclude"); out {
		v, _ := r.Props.At("conditions", "ref_name", "exclude")
		return v.IsUnknown()
	}
	in, known := among("include")
	return in || !known
}

// branch is what protects one branch: a classic protection, if there is one, and rulesets.
func (s *shelter) branch(pattern plinth.Value, classic, rulesets []*plinth.Resource) *plinth.Resource {
	rulesets = slices.DeleteFunc(slices.Clone(rulesets), func(r *plinth.Resource) bool { return !s.covers(r, pattern) })
	p := protection{classic: classic, rulesets: rulesets}
	first := append(slices.Clone(classic), rulesets...)[0]
	out := hungOn(first, typeBranch, plinth.MapOf(p.fields(pattern)))
	if pattern.Kind() == plinth.String {
		out.ID += plinth.ID(":" + pattern.Str())
	}
	if s.repository != nil {
		of := plinth.StringOf(s.repository.Decl.Address).WithRefs(plinth.Ref{To: s.repository.Decl.Address})
		out.Source = plinth.MapOf(append(slices.Clone(out.Source.Fields()), plinth.Field{Key: "repository", Value: of}))
	}
	return out
}

// protection is what holds for one branch at the same time.
type protection struct{ classic, rulesets []*plinth.Resource }

func (p protection) fields(pattern plinth.Value) []plinth.Field {
	var out []plinth.Field
	put := func(key string, v plinth.Value, ok bool) {
		if ok {
			out = append(out, plinth.Field{Key: key, Value: v})
		}
	}
	put("pattern", pattern, true)
	review := func(key string) []string { return []string{"required_pull_request_reviews", key} }
	const pull, checks = "pull_request", "required_status_checks"
	for _, x := range []struct {
		to      string
		classic []string // its path in a classic protection; a map counts as true
		rule    string   // the rule of a ruleset, "" where none says so, and its parameter, "" for the rule itself
		param   string
	}{
		{pull, []string{"required_pull_request_reviews"}, pull, ""},
		{"dismiss_stale_reviews", review("dismiss_stale_reviews"), pull, "dismiss_stale_reviews_on_push"},
		{"require_code_owner_reviews", review("require_code_owner_reviews"), pull, "require_code_owner_review"},
		{"restrict_dismissals", review("dismissal_restrictions"), "", ""},
		{"restrictions", []string{"restrictions"}, "", ""},
		{"require_last_push_approval", review("require_last_push_approval"), pull, "require_last_push_approval"},
		{"require_conversation_resolution", []string{"required_conversation_resolution", "enabled"}, pull, "required_review_thread_resolution"},
		{"required_status_checks", []string{checks}, checks, ""},
		{"strict", []string{checks, "strict"}, checks, "strict_required_status_checks_policy"},
		{"require_signed_commits", []string{"required_signatures", "enabled"}, "required_signatures", ""},
		{"required_linear_history", []string{"required_linear_history", "enabled"}, "required_linear_history", ""},
		{"lock_branch", []string{"lock_branch", "enabled"}, "update", ""},
	} {
		v, ok := either(p.values(x.classic, x.rule, x.param))
		put(x.to, v, ok)
	}
	v, ok := most(p.values(review("required_approving_review_count"), pull, "required_approving_review_count"))
	put("approvals", v, ok)
	v, ok = p.queue()
	put("merge_queue", v, ok)
	v, ok = p.admins()
	put("enforce_admins", v, ok)
	put("allow_force_pushes", p.allowed("allow_force_pushes", "non_fast_forward"), true)
	put("allow_deletions", p.allowed("allow_deletions", "deletion"), true)
	return out
}

// values are what the sources say of one setting; those that say nothing are left out.
func (p protection) values(classic []string, rule, param string) []plinth.Value {
	return append(p.said(classic), p.ruled(rule, param)...)
}

// said are the values of the classic protections; a block that is there is true.
func (p protection) said(path []string) (out []plinth.Value) {
	for _, c := range p.classic {
		v, ok := c.Props.At(path...)
		switch {
		case !ok || v.IsNull():
		case v.Kind() == plinth.Map:
			out = append(out, like(plinth.BoolOf(true), v))
		default:
			out = append(out, v)
		}
	}
	return out
}

// ruled are the values of a rule's parameter in the rulesets; without a parameter, whether the rule is there.
func (p protection) ruled(rule, param string) (out []plinth.Value) {
	for _, r := range p.rulesets {
		e, ok := ruleOf(r, rule)
		if !ok || rule == "" {
			continue
		}
		v, said := e.Get("enabled")
		if !said {
			v = like(plinth.BoolOf(true), e)
		}
		if param != "" {
			if v, said = e.At("parameters", param); !said || v.IsNull() {
				continue
			}
		}
		out = append(out, v)
	}
	return out
}

// ruleOf finds a rule of a ruleset by its type. Rules that nobody can know are one that is unknown.
func ruleOf(r *plinth.Resource, typ string) (plinth.Value, bool) {
	rules, _ := r.Props.Get("rules")
	if rules.IsUnknown() {
		return plinth.MapOf([]plinth.Field{{Key: "enabled", Value: rules}}), true
	}
	for _, e := range rules.List() {
		if v, _ := e.Get("type"); v.Str() == typ {
			return e, true
		}
	}
	return plinth.Value{}, false
}

// either is true where one value is, unknown where one may be, else the first that somebody wrote.
func either(list []plinth.Value) (plinth.Value, bool) {
	for _, v := range list {
		if v.Bool() {
			return v, true
		}
	}
	for _, v := range list {
		if v.IsUnknown() {
			return v, true
		}
	}
	for _, v := range list {
		if o := v.Origin(); o == nil || !o.Default {
			return v, true
		}
	}
	return plinth.Value{}, false
}

// most is the largest number, unknown where one is.
func most(list []plinth.Value) (out plinth.Value, ok bool) {
	for _, v := range list {
		if v.IsUnknown() {
			return v, true
		}
		if !ok || v.Num() > out.Num() {
			out, ok = v, true
		}
	}
	return out, ok
}

// admins tells whether administrators are held to the rules: a classic protection says so, a ruleset holds everybody whom it does not
// let past.
func (p protection) admins() (plinth.Value, bool) {
	var list []plinth.Value
	for _, c := range p.classic {
		if v, ok := c.Props.At("enforce_admins", "enabled"); ok && !v.IsNull() {
			list = append(list, v)
		}
	}
	for _, r := range p.rulesets {
		if _, ok := ruleOf(r, "pull_request"); !ok {
			continue
		}
		actors, said := r.Props.Get("bypass_actors")
		switch {
		case actors.IsUnknown():
			list = append(list, actors)
		case r.Phase == plinth.Live && !said: // the API tells only those who may change the ruleset
		default:
			list = append(list, like(plinth.BoolOf(!slices.ContainsFunc(actors.List(), pastAlways)), actors))
		}
	}
	return either(list)
}

// queue tells whether a ruleset asks for a merge queue.
func (p protection) queue() (plinth.Value, bool) {
	if v, ok := either(p.ruled("merge_queue", "")); ok {
		return v, true
	}
	hidden := slices.ContainsFunc(p.classic, func(c *plinth.Resource) bool { return c.Phase == plinth.Live })
	return plinth.BoolOf(false), !hidden
}

// adminRole is the number of the repository role of administrators, https://docs.github.com/rest/repos/rules.
const adminRole = 5

// pastAlways tells whether a bypass actor is all administrators, pushes without a pull request included.
func pastAlways(actor plinth.Value) bool {
	typ, _ := actor.Get("actor_type")
	id, _ := actor.Get("actor_id")
	mode, _ := actor.Get("bypass_mode")
	admins := typ.Str() == "OrganizationAdmin" || typ.Str() == "RepositoryRole" && id.Num() == adminRole
	return admins && mode.Str() != "pull_request"
}

// allowed tells whether no source forbids something that a classic protection forbids unless it says otherwise.
func (p protection) allowed(classic, rule string) plinth.Value {
	var list []plinth.Value
	for _, c := range p.classic {
		v, ok := c.Props.At(classic, "enabled")
		if !ok || v.IsNull() {
			return plinth.BoolOf(false)
		}
		list = append(list, v)
	}
	for _, v := range p.ruled(rule, "") {
		switch {
		case v.Bool():
			return like(plinth.BoolOf(false), v)
		case v.Kind() == plinth.Bool:
			list = append(list, like(plinth.BoolOf(true), v))
		default:
			list = append(list, v)
		}
	}
	for _, v := range list {
		if v.Kind() == plinth.Bool && !v.Bool() {
			return v
		}
	}
	for _, v := range list {
		if v.IsUnknown() {
			return v
		}
	}
	if len(list) > 0 {
		return list[0]
	}
	return plinth.BoolOf(true)
}
