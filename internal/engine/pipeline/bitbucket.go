package pipeline

import (
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
)

const maxPipelines = 30 // how deep pipelines, stages and steps lie in each other; Bitbucket has about ten levels

// bitbucketFile judges the pipelines of Bitbucket: https://support.atlassian.com/bitbucket-cloud/docs/bitbucket-pipelines-configuration-reference.
func bitbucketFile(l *look) {
	l.image(get(l.doc, "image"))
	for _, s := range get(l.doc, "definitions", "services").Fields() {
		l.image(get(s.Value, "image"))
	}
	l.bitbucket(get(l.doc, "definitions"), 0)
	l.bitbucket(get(l.doc, "pipelines"), 0)
	l.released()
}

func (l *look) bitbucket(v plinth.Value, depth int) {
	if depth > maxPipelines {
		return
	}
	for _, x := range v.List() {
		l.bitbucket(x, depth+1)
	}
	for _, f := range v.Fields() {
		switch f.Key {
		case "step":
			l.bitbucketStep(unaliased(f.Value))
		default:
			l.bitbucket(f.Value, depth+1)
		}
	}
}

func (l *look) bitbucketStep(s plinth.Value) {
	if d := get(s, "deployment"); toProduction.MatchString(d.Str()) && get(s, "trigger").Str() != "manual" {
		l.add(sight{audit: "pipeline-missing-approval", severity: plinth.Low, at: l.first(d), path: pathOf(d), message: "deployment " + d.Str()})
	}
	l.image(get(s, "image"))
	for _, label := range entries(get(s, "runs-on")) {
		if label.Str() == "self.hosted" {
			l.add(sight{audit: "pipeline-self-hosted-runner", severity: plinth.Info, at: l.first(get(s, "runs-on")), path: pathOf(label), message: "self.hosted"})
		}
	}
	for _, key := range []string{"script", "after-script"} {
		var list []command
		for _, x := range get(s, key).List() {
			if pipe := get(x, "pipe"); pipe.Kind() == plinth.String {
				l.pipe(pipe)
				continue
			}
			if x = unaliased(x); x.Kind() == plinth.String && len(x.Str()) <= maxScript {
				l.fetched(x, plinth.Location{})
				list = append(list, l.commands(x)...)
			}
		}
		if !slices.ContainsFunc(list, func(c command) bool { return mayEvaluate(c.text) || strings.Contains(c.text, "sh ") }) {
			continue
		}
		sh := &shell{path: l.path, outside: plinth.Medium, variable: func(name string) taint {
			if slices.Contains(l.known.Variables["bitbucket"], name) {
				return taint{severity: plinth.Medium, what: name}
			}
			return unknown()
		}}
		sh.learn(list)
		l.evaluated(sh, list, plinth.Location{}, get(s, key))
		l.callsScripts(sh, list, "", plinth.Location{}, get(s, key))
	}
}

// pipe judges the version of a pipe.
func (l *look) pipe(v plinth.Value) {
	l.permitted(v, plinth.Location{})
	name, docker := strings.CutPrefix(strings.TrimSpace(v.Str()), "docker://")
	_, version, _ := strings.Cut(name, ":")
	switch {
	case strings.Contains(name, "$") || strings.Contains(name, "@sha256:"):
	case version == "" || version == "latest" || slices.Contains(branches, version):
		l.add(sight{audit: "pipeline-unpinned-orb", severity: plinth.High, at: l.first(v), path: pathOf(v), message: v.Str()})
	case docker || strings.Count(version, ".") < 2:
		l.add(sight{audit: "pipeline-unpinned-orb", severity: plinth.Medium, at: l.first(v), path: pathOf(v), message: v.Str()})
	}
}
