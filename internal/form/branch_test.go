package form

import (
	"fmt"
	"strings"
	"testing"

	"github.com/plinthsec/plinth"
)

// TestBranches holds what protects a branch, brought together from classic protection and rulesets.
func TestBranches(t *testing.T) {
	protection := func(body string) [2]string {
		return [2]string{"github_branch_protection", `{"repository_id":"app","pattern":"main"` + body + `}`}
	}
	ruleset := func(include, rules, more string) [2]string {
		return [2]string{"github_repository_ruleset", `{"repository":"app","name":"r","target":"branch","enforcement":"active","conditions":[{"ref_name":[{"include":["` + include + `"],"exclude":[]}]}],"rules":[{` + rules + `}]` + more + `}`}
	}
	const pull = `"pull_request":[{"required_approving_review_count":2,"require_code_owner_review":true}]`
	for _, tc := range []struct {
		name string
		in   [][2]string
		want string // PATTERN key=value …, one line for each branch
	}{
		{"classic alone", [][2]string{protection(`,"allows_deletions":true`)}, "main pull_request= approvals= allow_force_pushes=false allow_deletions=true enforce_admins="},
		{
			"either protects",
			[][2]string{protection(`,"allows_deletions":true,"required_pull_request_reviews":[{"required_approving_review_count":1}]`), ruleset("~DEFAULT_BRANCH", pull+`,"deletion":true`, "")},
			"main pull_request=true approvals=2 allow_force_pushes=false allow_deletions=false enforce_admins=true",
		},
		{
			"another branch's ruleset",
			[][2]string{protection(``), ruleset("refs/heads/feature/*", pull, "")},
			"main pull_request= approvals= allow_force_pushes=false allow_deletions=false enforce_admins=",
		},
		{
			"two rulesets",
			[][2]string{ruleset("~ALL", `"non_fast_forward":true`, ""), ruleset("~DEFAULT_BRANCH", pull, "")},
			"~DEFAULT_BRANCH pull_request=true approvals=2 allow_force_pushes=false allow_deletions=true enforce_admins=true",
		},
		{
			"administrators go past",
			[][2]string{ruleset("refs/heads/main", pull, `,"bypass_actors":[{"actor_id":5,"actor_type":"RepositoryRole","bypass_mode":"always"}]`)},
			"~DEFAULT_BRANCH pull_request=true approvals=2 allow_force_pushes=true allow_deletions=true enforce_admins=false",
		},
		{"no ruleset that counts", [][2]string{{"github_repository_ruleset", `{"repository":"app","target":"branch","enforcement":"evaluate","conditions":[{"ref_name":[{"include":["~ALL"]}]}],"rules":[{}]}`}}, ""},
		{
			"files of rulesets are of one repository",
			[][2]string{
				{"github/Ruleset", `{"enforcement":"active","target":"branch","conditions":{"ref_name":{"include":["~ALL"]}},"rules":[{"type":"deletion"}]}`},
				{"github/Ruleset", `{"enforcement":"active","target":"branch","conditions":{"ref_name":{"include":["~DEFAULT_BRANCH"]}},"rules":[{"type":"pull_request","parameters":{"required_approving_review_count":1}}]}`},
			},
			"~DEFAULT_BRANCH pull_request=true approvals=1 allow_force_pushes=true allow_deletions=false enforce_admins=true",
		},
		{"tags are no branches", [][2]string{{"github_repository_ruleset", `{"repository":"app","target":"tag","enforcement":"active","conditions":[{"ref_name":[{"include":["~ALL"]}]}],"rules":[{}]}`}}, ""},
		{
			"an organization's ruleset",
			[][2]string{protection(``), {"github_organization_ruleset", `{"target":"branch","enforcement":"active","conditions":[{"ref_name":[{"include":["~DEFAULT_BRANCH"]}],"repository_name":[{"include":["a*"]}]}],"rules":[{` + pull + `}]}`}},
			"main pull_request=true approvals=2 allow_force_pushes=false allow_deletions=false enforce_admins=true\n~DEFAULT_BRANCH pull_request=true approvals=2 allow_force_pushes=true allow_deletions=true enforce_admins=true",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var in []*plinth.Resource
			for i, x := range tc.in {
				r := resource(t, x[0], fmt.Sprintf("%s.r%d", x[0], i), x[1])
				if x[0] == typeRuleset {
					r.Type, r.Props, r.Source = typeRuleset, r.Source, plinth.Value{}
				}
				in = append(in, r)
			}
			var got []string
			for _, r := range Complete(in, func(p plinth.Problem) { t.Error(p.Text) }) {
				if r.Type != typeBranch {
					continue
				}
				pattern, _ := r.Props.Get("pattern")
				line := pattern.Str()
				for _, key := range []string{"pull_request", "approvals", "allow_force_pushes", "allow_deletions", "enforce_admins"} {
					v, ok := r.Props.Get(key)
					s := ""
					if ok {
						s = v.String()
					}
					line += " " + key + "=" + s
				}
				got = append(got, line)
			}
			if s := strings.Join(got, "\n"); s != tc.want {
				t.Errorf("got\n%s\nwant\n%s", s, tc.want)
			}
		})
	}
}
