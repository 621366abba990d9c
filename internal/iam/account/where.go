package account

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
)

// maxTexts bounds the texts of one resource that are searched for ARNs.
const maxTexts = 10_000

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
// that it makes, else it stays unknown. Configurations that are not known to be apart share {account}: the unnamed one, and those
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
	said := e.said()
	for _, w := range list {
		if w.account == unknownAccount {
			e.infer(w, said)
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

// said counts, by ARN without region and account, in which accounts the code says it is. Behind a star stand the accounts that
// ARNs of workloads' own roles name, by configuration.
func (e *Estate) said() map[string]map[string]int {
	out := map[string]map[string]int{}
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
			if len(parts) == 6 && parts[0] == "arn" && isNumber(parts[4]) {
				note(out, bare(parts), parts[4])
				if parts[2] != "iam" && parts[2] != "sts" && parts[2] != "kms" && prop == "Resource" && strings.HasPrefix(r.Type, "AWS::IAM::") {
					note(out, "*"+s.project+"\x00"+s.root+"\x00"+s.config, parts[4])
				}
			}
			return n < maxTexts
		})
	}
	return out
}

func note(in map[string]map[string]int, key, account string) {
	if in[key] == nil {
		in[key] = map[string]int{}
	}
	in[key][account]++
}

// bare is an ARN without region and account.
func bare(parts []string) string { return parts[2] + ":" + parts[5] }

// infer takes the account that the ARNs of most of a configuration's resources name, else the only one that its policies speak of.
func (e *Estate) infer(w *where, said map[string]map[string]int) {
	votes := map[string]int{}
	for _, i := range w.members {
		parts := strings.SplitN(e.arn(i), ":", 6)
		if len(parts) < 6 || open(parts[5]) {
			continue
		}
		for account := range said[bare(parts)] {
			votes[account]++
		}
	}
	if best := most(votes); best != "" {
		w.account = best
		return
	}
	s := w.setting
	if only := said["*"+s.project+"\x00"+s.root+"\x00"+s.config]; len(only) == 1 {
		w.account = most(only)
	}
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
