package scm_test

import (
	"testing"

	"github.com/plinthsec/plinth/internal/read/readtest"
	"github.com/plinthsec/plinth/internal/read/scm"
)

const (
	name   = "settings.json"
	sample = `{"repos/corp/app": {"name": "app", "full_name": "corp/app", "private": true, "default_branch": "main"},
"repos/corp/app/hooks": [{"id": 1, "active": true, "config": {"url": "https://ci.corp.example", "insecure_ssl": "0"}}]}
`
)

func TestGolden(t *testing.T) { readtest.Golden(t, scm.New(), "testdata/*.txtar") }

func TestHostile(t *testing.T) { readtest.Hostile(t, scm.New(), name, sample) }

func TestWants(t *testing.T) {
	const protection = `{"url": "https://api.github.com/repos/corp/app/branches/main/protection", "enforce_admins": {"enabled": true}, "allow_force_pushes": {"enabled": false}}`
	for _, c := range []struct {
		file, text string
		want       bool
	}{
		{name, sample, true},
		{"a.json", `{"/orgs/corp": {"login": "corp"}}`, true},
		{"a.json", `{"orgs/corp": "corp"}`, false},
		{"a.json", `{"repos": {}}`, false},
		{"a.yaml", sample, false},
		{"a.json", protection, true},
		{".github/main.json", `{"name": "main", "enforcement": "active", "rules": [], "conditions": {"ref_name": {}}}`, true},
		{"github/repos/corp/app/hooks.json", `[]`, true},
		{"old/gitlab/projects/7/approvals.json", `{}`, true},
		{"github/workflows/x.json", `{}`, false},
		{"github/repos/corp/app/hooks.json", `x`, false},
		{"repository.json", `{"full_name": "corp/app", "node_id": "x", "default_branch": "main"}`, false},
	} {
		if got := scm.New().Wants(c.file, []byte(c.text)); got != c.want {
			t.Errorf("Wants(%s, %s) = %v", c.file, c.text, got)
		}
	}
}

func TestOwnersHostile(t *testing.T) {
	readtest.Hostile(t, scm.New(), ".github/CODEOWNERS", "* @corp/all\n/.github/ @corp/platform\n[Docs][2] @docs\n")
}

func FuzzOwners(f *testing.F) {
	f.Add("* @corp/all\n!x y\n[Docs][2] @docs\n**/a/*?\\ b mia@corp.example # c\n")
	f.Fuzz(func(t *testing.T, text string) {
		readtest.Run(t, scm.New(), map[string]string{"CODEOWNERS": text, ".github/workflows/a.yml": "on: push"})
	})
}

func FuzzRead(f *testing.F) {
	f.Add(sample)
	f.Add(`{"name": "main", "source_type": "Organization", "source": "corp", "enforcement": "active", "rules": [{"type": "deletion"}], "conditions": {"ref_name": {"include": ["~ALL"]}}}`)
	f.Fuzz(func(t *testing.T, text string) { readtest.Run(t, scm.New(), map[string]string{name: text}) })
}
