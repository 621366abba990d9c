package pipeline_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/engine/pipeline"
	"github.com/plinthsec/plinth/internal/golden"
	"github.com/plinthsec/plinth/internal/graph"
	read "github.com/plinthsec/plinth/internal/read/pipeline"
	"github.com/plinthsec/plinth/internal/read/readtest"
	"github.com/plinthsec/plinth/internal/rule"
	"github.com/plinthsec/plinth/internal/scan"
	"github.com/plinthsec/plinth/internal/tree"
)

func judge(t testing.TB, files map[string]string) *scan.Result {
	t.Helper()
	audits, err := pipeline.Audits()
	if err != nil {
		t.Fatal(err)
	}
	engine := pipeline.New(audits)
	if text := files["hub"]; text != "" {
		engine.Hub = hub(text)
	}
	engine.Allow, engine.Deny = strings.Fields(files["allow"]), strings.Fields(files["deny"]) // lists of the configuration
	run := scan.Run{Config: &plinth.Config{Jobs: 1, Offline: true}, Readers: []plinth.Reader{read.New()}, Engines: []scan.Engine{engine}}
	res, err := run.Scan(context.Background(), tree.Memory("test", files))
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// hub is a fake of GitHub: lines of a repository, branch, tag or holds, a name, and a commit.
type hub string

func (h hub) lines(repository, kind string) map[string]string {
	out := map[string]string{}
	for _, l := range strings.Split(string(h), "\n") {
		if f := strings.Fields(l); len(f) == 4 && f[0] == repository && f[1] == kind {
			out[f[2]] = f[3]
		}
	}
	return out
}

func (h hub) Refs(_ context.Context, repository string) (branches, tags map[string]string, err error) {
	if branches, tags = h.lines(repository, "branch"), h.lines(repository, "tag"); len(branches) == 0 {
		return nil, nil, fmt.Errorf("answered 404: Not Found")
	}
	return branches, tags, nil
}

func (h hub) Holds(_ context.Context, repository, ref, commit string) (bool, error) {
	return h.lines(repository, "holds")[ref] == commit, nil
}

// TestGolden judges the files of each archive. The audits that found something anywhere are all that there are.
func TestGolden(t *testing.T) {
	found := map[string]bool{}
	golden.Run(t, "testdata/*.txtar", func(t *testing.T, files map[string]string) string { return show(judge(t, files), found) })
	audits, err := pipeline.Audits()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range audits {
		if !found[a.ID] {
			t.Errorf("no archive shows %s", a.ID)
		}
		if a.Title == "" || a.Why == "" || a.Fix == "" || len(a.Aliases) == 0 || len(a.CWE) == 0 {
			t.Errorf("%s says too little", a.ID)
		}
	}
}

func show(res *scan.Result, found map[string]bool) string {
	var b strings.Builder
	for _, f := range res.Findings {
		found[f.Rule.ID] = true
		silent := ""
		if f.Suppressed != nil {
			silent = " (silenced)"
		}
		_, detail, _ := strings.Cut(f.Message, ": ")
		fmt.Fprintf(&b, "%s:%d %s %s%s %s\n", f.At.Path, f.At.Line, f.Rule.Severity, strings.TrimPrefix(f.Rule.ID, "pipeline-"), silent, detail)
	}
	for _, p := range res.Problems {
		fmt.Fprintf(&b, "%s %s:%d %s\n", p.Kind, p.At.Path, p.At.Line, p.Text)
	}
	return b.String()
}

func TestSelect(t *testing.T) {
	all, err := pipeline.Audits()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		only, skip string
		want       int
	}{
		{"", "", len(all)},
		{"pipeline", "", len(all)},
		{"", "pipeline", 0},
		{"pipeline", "pipeline-artipacked", len(all) - 1},
		{"zizmor:template-injection", "", 2},
		{"pipeline-unpinned-*", "", 5},
		{"secret", "", 0},
	} {
		if got := len(rule.Chosen(all, strings.Fields(c.only), strings.Fields(c.skip))); got != c.want {
			t.Errorf("only %q skip %q: %d audits, want %d", c.only, c.skip, got, c.want)
		}
	}
}

func FuzzFile(f *testing.F) {
	f.Add("on: push\njobs:\n  a:\n    runs-on: x\n    strategy: {matrix: {os: [a]}}\n    steps:\n    - run: |\n        curl x | sh\n        echo ${{ matrix.os || format('{0}', 1) }}\n    - uses: a/b/../c@v1\n")
	f.Add("steps:\n- checkout: self\n- bash: make $(Build.SourceBranch)\n")
	f.Add("runs: {steps: [{run: \"${{ (a).b['c'][d].* }}\", if: \"!x && contains('a', github.ref)\"}]}\n")
	f.Add("pipeline { agent { docker 'a:1' }\n environment { T = credentials('t') }\n stages { stage('Deploy prod') { steps { sh \"${T} ${params.X ?: env.CHANGE_TITLE}\" } } } }")
	f.Add("a:\n  extends: [.b]\n  script: [!reference [.b, script], 'eval \"$CI_COMMIT_TITLE ${X//[^a]/} $(echo a | tr -cd a)\"']\n.b: {script: ['ssh -i k h \"$X\"'], variables: {X: $CI_COMMIT_TAG}}\n")
	f.Add("def call(Map c = [:], x) { sh \"${c.a} ${x}\"; tell(a: env.CHANGE_TITLE, 'b', \"${env.CHANGE_BRANCH}\") }")
	audits, err := pipeline.Audits()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		files := map[string]string{}
		for _, name := range []string{".github/workflows/x.yml", "action.yml", "azure-pipelines.yml", ".gitlab-ci.yml", ".github/dependabot.yml", ".pre-commit-config.yaml", ".circleci/config.yml", "bitbucket-pipelines.yml", "Jenkinsfile", "vars/tell.groovy"} {
			files[name] = text
		}
		g := graph.New(readtest.Run(t, read.New(), files).Resources)
		if _, err := pipeline.New(audits).Check(context.Background(), g, 1, func(plinth.Finding) {}, func(plinth.Problem) {}); err != nil {
			t.Fatal(err)
		}
	})
}
