package account

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
)

const (
	maxTexts  = 10_000 // of one resource that are searched for ARNs
	minPrefix = 4      // letters of a name before a star that tell whose it is
)

// setting is what decides the account and region of resources: a provider configuration of a Terraform root, a template.
type setting struct{ project, root, config string }

// where is an account and a region.
type where struct {
	setting  setting
	account  string
	region   string
	declared bool // the code holds the provider's block
	members  []int32
}

func settingOf(r *plinth.Resource) setting {
	return setting{r.Project, r.Root, r.Terms.Config}
}

func (e *Estate) where(i int32) *where {
	if w := e.worlds[settingOf(e.g.Resources()[i])]; w != nil {
		return w
	}
	return &where{account: unknownAccount, region: unknownRegion}
}

func (e *Estate) account(i int32) string { return e.where(i).account }

// settle finds the account of each provider configuration: what its block says, else what the ARNs in the code say of the resources
// that it makes, else it stays unknown. So with its region: the only one that the code speaks of. Configurations that are not known to be apart share {account}: the unnamed one, and those
// that differ from it in their region only.
func (e *Estate) settle() {
	for i, r := range e.g.Resources() {
		if !isAWS(r) {
			continue
		}
		s := settingOf(r)
		w := e.worlds[s]
		if w == nil {
			w = &where{setting: s, account: unknownAccount, region: unknownRegion, declared: r.Terms.Settings.Kind() == plinth.Map}
			e.worlds[s] = w
		}
		w.members = append(w.members, int32(i))
	}
	list := slices.SortedFunc(maps.Values(e.worlds), func(a, b *where) int {
		return cmp.Or(cmp.Compare(a.setting.project, b.setting.project), cmp.Compare(a.setting.root, b.setting.root), cmp.Compare(a.setting.config, b.setting.config))
	})
	for _, w := range list {
		e.configured(w)
	}
	all := e.said()
	for _, w := range list {
		if w.account == unknownAccount {
			e.infer(w, all)
		}
		for _, s := range [...]setting{w.setting, {project: w.setting.project, root: w.setting.root}} {
			if only := all.regions[s]; w.region == unknownRegion && len(only) == 1 {
				w.region = most(only)
			}
		}
	}
	e.divide(list)
	clear(e.arns)
}

func isAWS(r *plinth.Resource) bool {
	return strings.HasPrefix(r.Type, "AWS::") || r.Decl != nil && strings.HasPrefix(r.Decl.Type, "aws_")
}

// configured reads the provider's block.
func (e *Estate) configured(w *where) {
	i := w.members[0]
	settings := e.g.Resources()[i].Terms.Settings
	if v, ok := settings.Get("region"); ok {
		if s, known := e.text(i, v); known {
			w.region = s
		}
	}
	v, ok := settings.Get("account")
	if !ok {
		return
	}
	s, known := e.render(i, v, 0)
	switch {
	case strings.HasPrefix(s, "arn:"):
		if parts := strings.SplitN(s, ":", 6); len(parts) == 6 && parts[4] != "" {
			w.account = parts[4]
		}
	case known || strings.HasPrefix(s, "{"):
		w.account = s
	}
}

// said is what the code says about which account is whose.
type said struct {
	named    map[string]map[string]int  // accounts by ARN without region and account
	patterns map[string]map[string]int  // the same of ARNs that end in a star, by what stands before it
	spoken   map[setting]map[string]int // accounts of the resources that a configuration's policies are about
	regions  map[setting]map[string]int // regions that a configuration's resources speak of
}

// said counts in which accounts the code says something is.
func (e *Estate) said() *said {
	out := &said{
		named: map[string]map[string]int{}, patterns: map[string]map[string]int{}, spoken: map[setting]map[string]int{}, regions: map[setting]map[string]int{},
	}
	for i, r := range e.g.Resources() {
		if !isAWS(r) {
			continue
		}
		s := settingOf(r)
		n := 0
		visit(r.Props, "", func(prop string, v plinth.Value) bool {
			n++
			text, _ := e.render(int32(i), v, 0)
			parts := strings.SplitN(text, ":", 6)
			if len(parts) == 6 && parts[0] == "arn" && parts[3] != "" && !strings.ContainsAny(parts[3], "*?{$") {
				note(out.regions, s, parts[3])
				note(out.regions, setting{project: s.project, root: s.root}, parts[3])
			}
			if len(parts) == 6 && parts[0] == "arn" && isNumber(parts[4]) {
				if head, tail, star := strings.Cut(bare(parts), "*"); !star {
					note(out.named, head, parts[4])
				} else if tail == "" && len(head) >= minPrefix+strings.LastIndexAny(head, ":/") {
					note(out.patterns, head, parts[4])
				}
				if parts[2] != "iam" && parts[2] != "sts" && parts[2] != "kms" && prop == "Resource" && strings.HasPrefix(r.Type, "AWS::IAM::") {
					note(out.spoken, s, parts[4])
				}
			}
			return n < maxTexts
		})
	}
	return out
}

func note[K comparable](in map[K]map[string]int, key K, account string) {
	if in[key] == nil {
		in[key] = map[string]int{}
	}
	in[key][account]++
}

// bare is an ARN without region and account.
func bare(parts []string) string { return parts[2] + ":" + parts[5] }

// infer takes the account that the ARNs of most of a configuration's resources name, else the only one that its policies speak of.
func (e *Estate) infer(w *where, all *said) {
	votes := map[string]int{}
	for _, i := range w.members {
		parts := strings.SplitN(e.arn(i), ":", 6)
		if len(parts) < 6 || open(parts[5]) {
			continue
		}
		if isNumber(parts[4]) {
			votes[parts[4]] += 100 // it says so itself
		}
		for account := range all.named[bare(parts)] {
			votes[account] += 2
		}
		for prefix, accounts := range all.patterns {
			if strings.HasPrefix(bare(parts), prefix) {
				for account := range accounts {
					votes[account]++
				}
			}
		}
	}
	if best := most(votes); best != "" {
		w.account = best
		return
	}
	if only := all.spoken[w.setting]; len(only) == 1 && !e.taken(w, most(only)) {
		w.account = most(only)
	}
}

// taken tells whether another configuration of the same root has an account.
func (e *Estate) taken(w *where, account string) bool {
	for s, other := range e.worlds {
		if s.project == w.setting.project && s.root == w.setting.root && other != w && other.account == account {
			return true
		}
	}
	return false
}

// most returns the key with the most votes, "" where two have as many.
func most(votes map[string]int) string {
	best, n := "", 0
	for _, k := range slices.Sorted(maps.Keys(votes)) {
		switch {
		case votes[k] > n:
			best, n = k, votes[k]
		case votes[k] == n:
			best = ""
		}
	}
	return best
}

// divide gives configurations without a known account one of their own where the code passes them as different ones.
func (e *Estate) divide(list []*where) {
	first := map[setting]*where{}
	for _, w := range list {
		root := w.setting
		root.config = ""
		if first[root] == nil || w.setting.config == "aws" {
			first[root] = w
		}
	}
	for _, w := range list {
		root := w.setting
		root.config = ""
		head := first[root]
		if w.account != unknownAccount || w == head {
			continue
		}
		_, alias, ok := strings.Cut(w.setting.config, "aws.")
		if w.declared || !ok || regional(alias) {
			w.account = head.account
			continue
		}
		w.account = "{account." + alias + "}"
	}
}

// regional tells whether a configuration's name speaks of a region.
func regional(alias string) bool {
	for _, part := range strings.FieldsFunc(strings.ToLower(alias), func(c rune) bool { return c == '_' || c == '-' }) {
		switch strings.Trim(part, "0123456789") {
		case "us", "eu", "ap", "ca", "sa", "me", "af", "il", "east", "west", "north", "south", "central", "virginia", "useast", "euwest", "region", "acm",
			"cloudfront", "global", "replica":
			return true
		}
	}
	return false
}

// visit calls f for every text inside a value, with the key of the map that it stands in, until f says false.
func visit(v plinth.Value, key string, f func(string, plinth.Value) bool) bool {
	switch v.Kind() {
	case plinth.String:
		return f(key, v)
	case plinth.Unknown:
		if doc, ok := v.Document(); ok {
			return visit(doc, key, f)
		}
		return f(key, v)
	}
	for _, e := range v.List() {
		if !visit(e, key, f) {
			return false
		}
	}
	for _, field := range v.Fields() {
		if !visit(field.Value, field.Key, f) {
			return false
		}
	}
	return true
}

func isNumber(s string) bool {
	return len(s) == 12 && strings.Trim(s, "0123456789") == ""
}
