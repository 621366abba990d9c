package report

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/document"
)

// TestPURL holds how names of the field become package URLs. An empty one is a name that stands for nothing of somebody else's.
func TestPURL(t *testing.T) {
	const sum = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	tests := []struct {
		of   string
		read func(string) (cdxComponent, bool)
		want string
	}{
		{"nginx", image, "pkg:docker/nginx@latest"},
		{"docker.io/library/nginx:1.27", image, "pkg:docker/nginx@1.27"},
		{"index.docker.io/bitnami/redis:7", image, "pkg:docker/bitnami/redis@7"},
		{"quay.io/a/b/c:v1", image, "pkg:docker/a/b/c@v1?repository_url=quay.io"},
		{"localhost:5000/x:1", image, "pkg:docker/x@1?repository_url=localhost:5000"},
		{"registry:5000/team/x:1", image, "pkg:docker/team/x@1?repository_url=registry:5000"},
		{"alpine:3@" + sum, image, "pkg:oci/alpine@" + sum + "?repository_url=docker.io%2Flibrary%2Falpine&tag=3"},
		{"grafana/loki@" + sum, image, "pkg:oci/loki@" + sum + "?repository_url=docker.io%2Fgrafana%2Floki"},
		{"GHCR.io/a/b:1", image, "pkg:docker/a/b@1?repository_url=ghcr.io"},
		{"Owner/app:1", image, ""},
		{"scratch", image, ""},
		{"auto", image, ""},
		{"app:IMAGE_TAG", image, ""},
		{"app:${TAG}", image, ""},
		{"{{ .Values.image }}", image, ""},
		{"actions/checkout@v4", action, "pkg:githubactions/actions/checkout@v4"},
		{"GitHub/CodeQL-action/init@v3", action, "pkg:githubactions/github/codeql-action@v3"},
		{"a/b/.github/workflows/c.yml@release/1", action, "pkg:githubactions/a/b@release%2F1"},
		{"./local", action, ""},
		{"a/b", action, ""},
		{"terraform-aws-modules/vpc/aws//modules/x", noVersion(module), "pkg:terraform/terraform-aws-modules/vpc/aws"},
		{"app.terraform.io/acme/vpc/aws", noVersion(module), "pkg:terraform/acme/vpc/aws?repository_url=app.terraform.io"},
		{"git::https://github.com/Acme/Modules.git//net?ref=v2", noVersion(module), "pkg:github/acme/modules@v2"},
		{"github.com/acme/modules//net?ref=v2", noVersion(module), "pkg:github/acme/modules@v2"},
		{"git::https://github.com/acme/modules.git?ref=tags/0.1.0", noVersion(module), "pkg:github/acme/modules@0.1.0"},
		{"git@github.com:acme/modules.git", noVersion(module), "pkg:github/acme/modules"},
		{"git::ssh://git@git.example.org/infra/modules.git?depth=1&ref=v1", noVersion(module), "pkg:generic/modules@v1?vcs_url=git%2Bssh:%2F%2Fgit.example.org%2Finfra%2Fmodules%40v1"},
		{"./modules/net", noVersion(module), ""},
		{"../net", noVersion(module), ""},
		{"https://user:word@example.org/x/y.git", noVersion(module), ""},
		{"https://example.org/ci/lint.yml?private_token=abc", download, "pkg:generic/lint.yml?download_url=https:%2F%2Fexample.org%2Fci%2Flint.yml"},
		{"file.yml", download, ""},
		{"https://github.com/a/b//c?ref=v1", remoteBase, "pkg:github/a/b@v1"},
		{"https://github.com/a/b/releases/download/v1/x.yaml", remoteBase, "pkg:generic/x.yaml?download_url=https:%2F%2Fgithub.com%2Fa%2Fb%2Freleases%2Fdownload%2Fv1%2Fx.yaml"},
		{"../base", remoteBase, ""},
		{"base.yaml", remoteBase, ""},
	}
	for _, c := range tests {
		got, ok := c.read(c.of)
		if got.PURL != c.want || ok != (c.want != "") {
			t.Errorf("%s: got %q, want %q", c.of, got.PURL, c.want)
		}
	}
}

func noVersion(read func(string, string) (cdxComponent, bool)) func(string) (cdxComponent, bool) {
	return func(s string) (cdxComponent, bool) { return read(s, "") }
}

func TestChart(t *testing.T) {
	tests := []struct{ name, from, version, purl, constraint string }{
		{"redis", "https://charts.example.org/stable/", "1.2.3", "pkg:helm/redis@1.2.3?repository_url=https:%2F%2Fcharts.example.org%2Fstable", ""},
		{"redis", "https://me:word@charts.example.org", "1.2.3", "pkg:helm/redis@1.2.3?repository_url=https:%2F%2Fcharts.example.org", ""},
		{"redis", "@stable", ">= 1", "pkg:helm/redis", ">= 1"},
		{"oci://ghcr.io/acme/charts/web", "", "0.1.0-rc.1", "pkg:helm/web@0.1.0-rc.1?repository_url=oci:%2F%2Fghcr.io%2Facme%2Fcharts", ""},
		{"web", "file://../web", "1.0.0", "", ""},
		{"./charts/web", "", "", "", ""},
	}
	for _, c := range tests {
		got, _ := chart(c.name, c.from, c.version)
		constraint := ""
		if len(got.Properties) > 0 {
			constraint = got.Properties[0].Value
		}
		if got.PURL != c.purl || constraint != c.constraint {
			t.Errorf("%s of %s: got %q with %q", c.name, c.from, got.PURL, constraint)
		}
	}
}

// FuzzPURL shows that no name makes a package URL that is none.
func FuzzPURL(f *testing.F) {
	for _, s := range []string{"nginx:1", "a/b@v1", "git::https://github.com/a/b.git//c?ref=d", "https://example.org/x?y#z", "oci://h/a/b", "a.b/c/d/e"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for i, read := range []func(string) (cdxComponent, bool){image, action, noVersion(module), noVersion(repository), download, remoteBase} {
			if c, ok := read(s); ok && (!purlForm.MatchString(c.PURL) || c.Name == "") {
				t.Errorf("reader %d makes %q of %q", i, c.PURL, s)
			}
		}
		if c, ok := chart(s, s, s); ok && !purlForm.MatchString(c.PURL) {
			t.Errorf("the chart %q is %q", s, c.PURL)
		}
	})
}

// TestCycloneDX shows that a component is there once with all its places, that an advisory leads to it, and that the same content gives the
// same bytes.
func TestCycloneDX(t *testing.T) {
	r := sample()
	at := func(line int32) *plinth.Origin {
		return &plinth.Origin{At: plinth.Location{Path: ".github/workflows/ci.yml", Line: line, Col: 9, EndLine: line, EndCol: 30}}
	}
	uses := func(name string, line int32) plinth.Value {
		return plinth.MapOf([]plinth.Field{{Key: "uses", Value: plinth.StringOf(name).WithOrigin(at(line))}})
	}
	flow := &plinth.Resource{
		ID: "pipeline:ci", Type: "github/Workflow", Decl: &plinth.Declaration{Address: "ci.yml", Type: "github/Workflow", At: at(1).At},
		Props: plinth.MapOf([]plinth.Field{{Key: "steps", Value: plinth.ListOf([]plinth.Value{
			uses("acme/scan/deep@v1", 8), uses("Acme/scan@v1", 5), uses("acme/scan@v1", 5), uses("./own", 9),
		})}}),
	}
	r.Targets[0].Title, r.Targets[0].Resources = "shop", []*plinth.Resource{flow}
	known := plinth.Finding{
		Key: "k9", Rule: &plinth.Rule{ID: "known", Engine: "pipeline", Title: "x", Severity: plinth.High, CWE: []string{"CWE-1395"}, Fix: "Update."},
		At: at(5).At, Message: "it is broken (GHSA-cxww-7g56-2vh6)", Verdict: plinth.Fail,
	}
	r.Findings = append(r.Findings, Finding{".", &known})
	text := write(t, func(b *bytes.Buffer) error { return writeCycloneDX(b, r, Options{}) })
	var got cdxBOM
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Components) != 1 || len(got.Components[0].Evidence.Occurrences) != 2 || got.Components[0].Evidence.Occurrences[1].Part != "deep" ||
		got.Components[0].Evidence.Occurrences[0].Location != "infra/.github/workflows/ci.yml" {
		t.Errorf("got %+v", got.Components)
	}
	if len(got.Vulnerabilities) != 1 || got.Vulnerabilities[0].Affects[0].Ref != got.Components[0].Ref || got.Vulnerabilities[0].CWEs[0] != 1395 {
		t.Errorf("got %+v", got.Vulnerabilities)
	}
	if !regexp.MustCompile(`^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(got.Serial) {
		t.Error("the serial number is", got.Serial)
	}
	if got.Metadata.Component.Name != "shop" || strings.Contains(text, "timestamp") {
		t.Errorf("got %+v", got.Metadata)
	}
	r.Time = time.Unix(1_700_000_000, 0)
	if again := write(t, func(b *bytes.Buffer) error { return writeCycloneDX(b, r, Options{}) }); again != text {
		t.Error("another time of the run gives another bill")
	}
	r.Dated = true
	if dated := write(t, func(b *bytes.Buffer) error { return writeCycloneDX(b, r, Options{}) }); !strings.Contains(dated, `"timestamp": "2023-11-14T22:13:20Z"`) {
		t.Error("a time that was given is left out")
	}
}

// TestComposeImages shows that the image of a service is a component, unless the service builds it.
func TestComposeImages(t *testing.T) {
	service := func(name string, fields ...plinth.Field) *plinth.Resource {
		d := &plinth.Declaration{Address: name, Type: "compose/Service", At: plinth.Location{Path: "compose.yaml", Line: 2}}
		return &plinth.Resource{Type: "compose/Service", Name: name, Decl: d, Props: plinth.MapOf(fields)}
	}
	text := func(key, s string) plinth.Field { return plinth.Field{Key: key, Value: plinth.StringOf(s)} }
	r := &Report{Targets: []Target{{Name: ".", Resources: []*plinth.Resource{
		service("job", text("image", "acme/web:2")), service("db", text("image", "postgres:17")), service("web", text("image", "acme/web:2"), text("build", ".")),
	}}}}
	got := billOf(r).components()
	if len(got) != 1 || got[0].Name != "postgres" || got[0].Version != "17" {
		t.Errorf("got %+v", got)
	}
}

// FuzzBill shows that no document makes a component without a name, or with a package URL that is none.
func FuzzBill(f *testing.F) {
	kinds := []string{
		"github/Workflow", "gitlab/Pipeline", "azure/Pipeline", "bitbucket/Pipeline", "circleci/Pipeline", "tekton/Object", "pre-commit/Configuration", "jenkins/Pipeline",
		"apps/Deployment", "dockerfile/Stage", "helm/Chart", "skaffold/Config", "helm.toolkit.fluxcd.io/HelmRelease", "source.toolkit.fluxcd.io/OCIRepository",
		"argoproj.io/Application", "kustomize.config.k8s.io/Kustomization", "AWS::Lambda::Function", "module", "helm_release",
		"compose/Service",
	}
	for _, s := range []string{
		"include: [{component: h/a/b/c@1}, {project: a/b, ref: c, file: d}, https://h/x]\nimage: {name: a:1}\nservices: [b:2]",
		"jobs: {a: {container: {image: x}, steps: [{uses: a/b@c}]}}", "orbs: {n: a/b@1}\njobs: {a: {docker: [{image: x}]}}",
		"spec: {chart: {spec: {chart: a, version: '1', sourceRef: {kind: HelmRepository, name: b}}}, values: {image: {repository: r, tag: t}}}",
		"resources: [github.com/a/b?ref=c]\nimages: [{name: a, newName: b, newTag: c}]\nhelmCharts: [{name: a}]", "steps: [{call: docker, args: [a], body: [{call: image, args: [b]}]}]",
		"source: a/b/c\nversion: '1.2.3'\nchart: oci://a/b", "spec: {url: 'oci://a/b', ref: {tag: x}}", "dependencies: [{name: a, version: '1', repository: 'https://h'}]",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var p document.Parser
		p.Parse("a.yml", []byte(text), func(d document.Document) {
			r := &Report{Targets: []Target{{Name: "."}}}
			for _, k := range kinds {
				r.Targets[0].Resources = append(r.Targets[0].Resources, &plinth.Resource{
					Type: k, Name: text, Props: d.Value, Source: d.Value, Decl: &plinth.Declaration{Type: k, At: plinth.Location{Path: "a.yml", Line: 1}},
				})
			}
			for _, c := range billOf(r).components() {
				if c.Name == "" || c.Ref == "" || c.PURL != "" && !purlForm.MatchString(c.PURL) {
					t.Errorf("%+v of %q", c, text)
				}
			}
		})
	})
}

var purlForm = regexp.MustCompile(`^pkg:[a-z]+/[\w.~:%/-]+(@[\w.~:%-]+)?(\?[a-z_]+=[\w.~:%-]+(&[a-z_]+=[\w.~:%-]+)*)?$`)
