package pipeline

import (
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
)

// caching says how an action is told whether to cache.
type caching struct {
	on  string // an input that turns the cache on; "" where it is on by itself
	off string // an input that turns it off when true
	not string // an input that turns it off when false
	opt bool   // nothing said means no cache
}

var caches = map[string]caching{
	"actions/cache": {off: "lookup-only"}, "actions/cache/restore": {off: "lookup-only"}, "actions/setup-java": {on: "cache", opt: true}, "actions/setup-node": {on: "cache", not: "package-manager-cache"},
	"actions/setup-python": {on: "cache", opt: true}, "actions/setup-go": {not: "cache"}, "actions/setup-dotnet": {on: "cache", opt: true}, "astral-sh/setup-uv": {not: "enable-cache"},
	"swatinem/rust-cache": {off: "lookup-only"}, "ruby/setup-ruby": {on: "bundler-cache", opt: true}, "pyo3/maturin-action": {on: "sccache", opt: true}, "ramsey/composer-install": {off: "ignore-cache"},
	"mlugg/setup-zig": {not: "use-cache"}, "oven-sh/setup-bun": {off: "no-cache"}, "denolib/setup-deno": {}, "denoland/setup-deno": {on: "cache", opt: true}, "gradle/actions/setup-gradle": {off: "cache-disabled"},
	"gradle/gradle-build-action": {off: "cache-disabled"}, "docker/setup-buildx-action": {not: "cache-binary"}, "actions-rust-lang/setup-rust-toolchain": {not: "cache"}, "dtolnay/rust-cache": {},
	"moonrepo/setup-rust": {not: "cache"}, "jdx/mise-action": {not: "cache"}, "golangci/golangci-lint-action": {off: "skip-cache"}, "awalsh128/cache-apt-pkgs-action": {}, "mozilla-actions/sccache-action": {},
	"hendrikmuhs/ccache-action": {}, "nix-community/cache-nix-action": {}, "determinatesystems/magic-nix-cache-action": {}, "pnpm/action-setup": {on: "cache", opt: true}, "graalvm/setup-graalvm": {on: "cache", opt: true},
	"erlef/setup-beam": {opt: true, on: "cache"}, "coursier/cache-action": {}, "burrunan/gradle-cache-action": {}, "korandoru/hawkeye": {opt: true, on: "cache"}, "conda-incubator/setup-miniconda": {opt: true, on: "cache"},
	"mamba-org/setup-micromamba": {opt: true, on: "cache-environment"}, "prefix-dev/setup-pixi": {not: "cache"}, "cargo-bins/cache": {}, "subosito/flutter-action": {on: "cache", opt: true}, "bazel-contrib/setup-bazel": {on: "bazelisk-cache", opt: true},
	"julia-actions/cache": {}, "haskell-actions/setup": {opt: true, on: "cache"}, "msys2/setup-msys2": {not: "cache"}, "bufbuild/buf-action": {opt: true, on: "cache"}, "opentofu/setup-opentofu": {opt: true, on: "cache"},
}

// publishing are actions that put out a release.
var publishing = []string{
	"softprops/action-gh-release", "pypa/gh-action-pypi-publish", "docker/build-push-action", "goreleaser/goreleaser-action", "ncipollo/release-action", "rubygems/release-gem", "js-devtools/npm-publish", "svenstaro/upload-release-action",
	"actions/deploy-pages", "peaceiris/actions-gh-pages", "jamesives/github-pages-deploy-action", "google-github-actions/deploy-cloudrun", "google-github-actions/deploy-appengine", "google-github-actions/deploy-cloud-functions", "changesets/action", "release-drafter/release-drafter", "actions/create-release",
	"cycjimmy/semantic-release-action", "azure/webapps-deploy", "azure/functions-action", "aws-actions/amazon-ecs-deploy-task-definition", "serverless/github-action", "cloudflare/wrangler-action", "amondnet/vercel-action", "firebase/firebase-tools", "marvinpinto/action-automatic-releases", "wangyucode/npm-publish",
}

// releases tells whether the workflow puts out releases, and whether it does so for tags and releases only.
func (f *flow) releases() (yes, tagged bool) {
	push := f.on["push"]
	tags := !get(push, "tags").IsNull()
	branches := get(push, "branches")
	branch := branches.Kind() == plinth.List && slices.ContainsFunc(branches.List(), func(b plinth.Value) bool { return strings.Contains(strings.ToLower(b.Str()), "release") })
	yes = f.any("release") || tags || branch
	return yes, yes && !branch
}

// cached judges an action that may use a cache.
func (f *flow) cached(j *job, s *step) {
	c, ok := caches[strings.ToLower(s.uses)]
	if !ok || f.action {
		return
	}
	release, tagged := f.releases()
	if !release && !slices.ContainsFunc(j.steps, func(s *step) bool {
		return s.is(publishing...) && !(s.is("docker/build-push-action") && str(fold(s.with, "push")) == "false")
	}) {
		return
	}
	if f.caches(c, s, release && tagged) {
		f.add(sight{audit: "pipeline-cache-poisoning", severity: plinth.High, at: f.content(s.usesAt), around: s.around, path: pathOf(s.usesAt), message: s.uses})
	}
}

func (f *flow) caches(c caching, s *step, tagged bool) bool {
	said := func(input string) string {
		v := strings.ToLower(strings.TrimSpace(str(fold(s.with, input))))
		if tagged && f.fixed(fold(s.with, input)) {
			return "false"
		}
		return v
	}
	yes := func(v string) bool { return v != "" && v != "false" && v != "no" && v != "0" }
	if s.is("astral-sh/setup-uv") && s.major() >= 10 && slices.Contains([]string{"", "auto"}, said("enable-cache")) {
		return false // off by itself where releases are built
	}
	if c.off != "" && yes(said(c.off)) {
		return false
	}
	if c.on != "" && yes(said(c.on)) {
		return true
	}
	if s.is("actions/setup-node") && s.major() > 0 && s.major() < 5 {
		return false // later ones keep a cache unasked
	}
	if c.not != "" {
		v := said(c.not)
		return v == "" || yes(v)
	}
	return !c.opt
}

// fixed tells whether an expression is false for every tag and release.
func (f *flow) fixed(v plinth.Value) bool {
	if v.Kind() != plinth.String || !strings.HasPrefix(v.Str(), "${{") {
		return false
	}
	list := f.text.expressions(v)
	return len(list) == 1 && list[0].root.kind == unary && forTags(list[0].root.args[0], f.any("release"))
}

// forTags tells whether a condition holds for all pushes of tags, and for releases where there are some.
func forTags(n *node, releases bool) bool {
	switch n.kind {
	case call:
		return n.text == "startswith" && len(n.args) == 2 && n.args[0].text == "github.ref" && n.args[1].kind == literal && (n.args[1].text == "refs/tags/" || n.args[1].text == "refs/tags")
	case binary:
		a, b := n.args[0], n.args[len(n.args)-1]
		switch n.text {
		case "&&":
			return forTags(a, releases) && forTags(b, releases)
		case "||":
			return forTags(a, releases) || forTags(b, releases)
		case "==":
			return a.text == "github.ref_type" && b.text == "tag" || a.text == "github.event_name" && b.text == "push"
		}
	}
	return false
}
