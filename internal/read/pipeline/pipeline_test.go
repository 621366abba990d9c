package pipeline_test

import (
	"testing"

	"github.com/plinthsec/plinth/internal/read/pipeline"
	"github.com/plinthsec/plinth/internal/read/readtest"
)

const (
	name   = ".github/workflows/ship.yml"
	sample = `name: ship
on: {push: {branches: [main]}}
env: &shared {LEVEL: "3"}
jobs:
  build: &job
    runs-on: ubuntu-24.04
    env: *shared
    steps:
      - run: |
          make ${{ github.ref_name }}
  again: *job
`
)

func TestGolden(t *testing.T) { readtest.Golden(t, pipeline.New(), "testdata/*.txtar") }

func TestHostile(t *testing.T) { readtest.Hostile(t, pipeline.New(), name, sample) }

func TestHostileGroovy(t *testing.T) {
	readtest.Hostile(t, pipeline.New(), "Jenkinsfile", "pipeline {\n  agent { docker { image \"a:${B}\" } }\n  stages { stage('x') { steps { sh(script: \"\"\"a ${b ? 'c' : \"d\"}\"\"\", x: [1, [y: 2]]).trim() } } }\n}\n")
}

func TestWants(t *testing.T) {
	for file, want := range map[string]bool{
		name: true, "a/b/.github/workflows/x.yaml": true, ".github/workflows/x.json": false, ".github/workflows/sub/x.yml": false,
		"action.yml": true, "lib/action.yaml": true, "reaction.yml": false, ".github/dependabot.yml": true, "dependabot.yml": false,
		".pre-commit-config.yaml": true, ".gitlab-ci.yml": true, "ci/build.gitlab-ci.yml": true, "azure-pipelines.yml": true,
		".azure-pipelines-2.yml": true, ".azure-pipelines/deploy.yml": true, "bitbucket-pipelines.yml": true, ".circleci/config.yml": true,
		"Jenkinsfile": true, "ci/Jenkinsfile.prod": true, "ci/deploy.jenkinsfile": true, "Jenkinsfile.md": false, "jenkinsfiles.txt": false,
		".gitlab/ci/test.yml": true, "config.yml": false, "deploy.yaml": false,
		"ui/vendor/lib/.github/workflows/x.yml": false, "node_modules/x/.github/workflows/x.yml": false,
	} {
		if got := pipeline.New().Wants(file, []byte("runs: {}")); got != want {
			t.Errorf("Wants(%s) = %v", file, got)
		}
	}
	if pipeline.New().Wants("action.yml", []byte("a: 1")) {
		t.Error("wants an action.yml that is no action")
	}
}

// TestLibrary shows which files of a repository are a shared library of Jenkins.
func TestLibrary(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		want       bool
	}{
		{"vars/build.groovy", "def call() { sh 'make' }\n", true},
		{"ci/vars/build.groovy", "def call() {\n  def x = sh(script: 'a', returnStdout: true)\n}\n", true},
		{"src/org/acme/Build.groovy", "class Build { def run() { steps.sh \"make\" } }\n", true},
		{"src/test/groovy/BuildTest.groovy", "class BuildTest { def run() { steps.sh 'make' } }\n", false},
		{"vars/names.groovy", "def call() { ['push', 'flush'].each { push it } }\n", false},
		{"lib/build.groovy", "def call() { sh 'make' }\n", false},
		{"vars/build.txt", "sh 'make'\n", false},
	} {
		if got := pipeline.New().Wants(tc.name, []byte(tc.text)); got != tc.want {
			t.Errorf("Wants(%s) = %v", tc.name, got)
		}
	}
}

// TestContent shows the files that are told by what they hold.
func TestContent(t *testing.T) {
	for text, want := range map[string]bool{
		"apiVersion: tekton.dev/v1\nkind: Task\n": true, "apiVersion: apps/v1\n# tekton.dev/v1\n": false,
		"apiVersion: tekton.dev/v1\nkind: Task\nmetadata: {name: {{ .Values.x }}}\n": false,
		"steps:\n- task: Bash@3\n": true, "pool:\n  vmImage: ubuntu-latest\n": true, "pool: {{ x }}\n  vmImage: y\n": false, "- task: read\n": false,
		"spec:\n  inputs: {a: {}}\n---\nb: {script: ['$[[ inputs.a ]]']}\n": true,
	} {
		if got := pipeline.New().Wants("ci/any.yml", []byte(text)); got != want {
			t.Errorf("Wants(%q) = %v", text, got)
		}
	}
	for text, want := range map[string]bool{
		"// x\npipeline {\n  agent any\n  stages { }\n}\n": true, "node('a') {\n  stage('b') { sh 'c' }\n}\n": true, "def call() { sh 'x' }\n": false, "class A { void pipeline() {} }\n": false,
	} {
		if got := pipeline.New().Wants("ci/any.groovy", []byte(text)); got != want {
			t.Errorf("Wants(%q) = %v", text, got)
		}
	}
	if w := pipeline.New().Wants; !w(".circleci/continue.yml", []byte("version: 2.1\njobs: {}\n")) || w(".circleci/other.yml", []byte("a: 1\n")) {
		t.Error("a continued configuration of CircleCI is told by its jobs")
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(sample))
	f.Add([]byte("node { sh \"${a}\" + 'b' + /c/; def x = [1, [k: $/d/$]] }"))
	f.Add([]byte("script: !reference [.a, b]\ninclude: x\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		readtest.Print(readtest.Run(t, pipeline.New(), map[string]string{name: string(data), ".gitlab-ci.yml": string(data), "Jenkinsfile": string(data)}))
	})
}
