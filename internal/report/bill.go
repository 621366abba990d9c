package report

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
)

const maxWritten = 300 // levels of a value that are looked at; parsers stop earlier

// bill gathers components, each once.
type bill struct {
	of     *Report
	target string
	only   func(path string) bool // nil: all files
	byRef  map[string]*cdxComponent
	own    map[string]bool   // images that the target builds itself
	shown  map[string]bool   // providers of root modules that stand at a resource
	repos  map[string]string // addresses of Helm repositories of Flux, by name
}

// billOf looks at all resources of all targets.
func billOf(r *Report) *bill {
	b := &bill{of: r, byRef: map[string]*cdxComponent{}}
	for _, t := range r.Targets {
		b.only = t.Only
		b.target, b.own, b.shown, b.repos = t.Name, map[string]bool{}, map[string]bool{}, map[string]string{}
		for _, res := range t.Resources {
			b.declared(res)
		}
		for _, res := range t.Resources {
			b.resource(res)
		}
	}
	b.unite()
	return b
}

// declared notes what other resources name.
func (b *bill) declared(res *plinth.Resource) {
	switch res.Type {
	case "skaffold/Config":
		list, _ := res.Known().At("build", "artifacts")
		for _, a := range list.List() {
			b.own[text(a, "image")] = true
		}
	case "compose/Service":
		if _, ok := res.Known().Get("build"); ok { // image is then the name of what is built
			b.own[text(res.Known(), "image")] = true
		}
	case "source.toolkit.fluxcd.io/HelmRepository":
		b.repos[text(res.Known(), "metadata", "name")] = text(res.Known(), "spec", "url")
	}
}

// text is a text that is known and no secret, "" for anything else.
func text(v plinth.Value, keys ...string) string {
	v, _ = v.At(keys...)
	if v.Kind() != plinth.String || v.Sensitive() {
		return ""
	}
	return v.Str()
}

// components are sorted by kind and reference, their places by file and line, each once.
func (b *bill) components() []cdxComponent {
	out := make([]cdxComponent, 0, len(b.byRef))
	for _, c := range b.byRef {
		slices.SortFunc(c.Evidence.Occurrences, func(a, b cdxOccurrence) int {
			if a.Location != b.Location {
				return strings.Compare(a.Location, b.Location)
			}
			if a.Line != b.Line {
				return int(a.Line - b.Line)
			}
			return strings.Compare(a.Part, b.Part)
		})
		c.Evidence.Occurrences = slices.Compact(c.Evidence.Occurrences)
		slices.SortFunc(c.Properties, func(a, b cdxProperty) int { return strings.Compare(a.Name+a.Value, b.Name+b.Value) })
		c.Properties = slices.Compact(c.Properties)
		out = append(out, *c)
	}
	slices.SortFunc(out, func(a, b cdxComponent) int { return strings.Compare(a.Type+"\x00"+a.Ref, b.Type+"\x00"+b.Ref) })
	return out
}

func (b *bill) occurrence(target string, at plinth.Location) cdxOccurrence {
	return cdxOccurrence{Location: Clean(b.of.fromRoot(target, at.Path)), Line: at.Line}
}

func (b *bill) add(at plinth.Location, c cdxComponent, ok bool) {
	if !ok || b.only != nil && at.Path != "" && !b.only(at.Path) {
		return
	}
	if c.Ref == "" {
		c.Ref = c.PURL
	}
	if c.Ref == "" {
		c.Ref = c.Type + ":" + path.Join(c.Group, c.Name) + "@" + c.Version
	}
	have := b.byRef[c.Ref]
	if have == nil {
		c.Evidence = &cdxEvidence{Occurrences: []cdxOccurrence{}}
		have = &c
		b.byRef[c.Ref] = have
	} else {
		have.Properties = append(have.Properties, c.Properties...)
	}
	if at.Path != "" {
		o := b.occurrence(b.target, at)
		o.Part = c.part
		have.Evidence.Occurrences = append(have.Evidence.Occurrences, o)
	}
}

func (b *bill) image(name string, at plinth.Location) {
	if !b.own[name] {
		c, ok := image(name)
		b.add(at, c, ok)
	}
}

// resource adds what a resource takes along. A job stands inside its workflow, which is walked as a whole.
func (b *bill) resource(res *plinth.Resource) {
	if res.Decl == nil || res.External {
		return
	}
	v := res.Known()
	b.provider(res)
	switch res.Type {
	case "ai/Model":
		b.add(res.Head(), cdxComponent{Type: "machine-learning-model", Name: Clean(res.Name)}, true)
		return
	case "ai/ModelFile":
		if path.Ext(res.Name) == ".dat" { // a pickle of some program
			return
		}
		c := cdxComponent{Type: "machine-learning-model", Ref: "file:" + Clean(b.of.fromRoot(b.target, res.Head().Path)), Name: Clean(res.Name)}
		b.add(res.Head(), c, true)
		return
	case "ai/Library":
		b.library(res)
		return
	case "dockerfile/Stage":
		b.stage(res, v)
		return
	case "helm/Chart":
		b.dependencies(res, v)
		return
	}
	if pipelineKind(res.Type) {
		if !res.Hung || res.Type == "tekton/Object" {
			b.pipeline(res, v)
		}
		return
	}
	switch res.Decl.Type {
	case "module":
		source, _ := res.Source.Get("source")
		c, ok := module(text(res.Source, "source"), text(res.Source, "version"))
		b.add(res.Place(source), c, ok)
		return
	case "helm_release":
		c, ok := chart(text(res.Source, "chart"), text(res.Source, "repository"), text(res.Source, "version"))
		b.add(res.Head(), c, ok)
		return
	}
	b.cluster(res, v)
	if at := imageAt[res.Type]; at != nil {
		if name := text(v, at...); !strings.HasPrefix(name, "aws/codebuild/") { // CodeBuild's own
			image, _ := v.At(at...)
			b.image(name, res.Place(image))
		}
	}
	b.containers(res, v, 0)
}

// imageAt is where resources keep an image that is in no list of containers.
var imageAt = map[string][]string{
	"AWS::AppRunner::Service":    {"SourceConfiguration", "ImageRepository", "ImageIdentifier"},
	"AWS::Batch::JobDefinition":  {"ContainerProperties", "Image"},
	"AWS::CodeBuild::Project":    {"Environment", "Image"},
	"AWS::Lambda::Function":      {"Code", "ImageUri"},
	"AWS::SageMaker::Model":      {"PrimaryContainer", "Image"},
	"AWS::Serverless::Function":  {"ImageUri"},
	"compose/Service":            {"image"},
	"terraform:docker_container": {"image"},
	"terraform:docker_image":     {"name"},
}

// containers adds the images of the containers of a resource, wherever its provider keeps them.
func (b *bill) containers(res *plinth.Resource, v plinth.Value, depth int) {
	if depth > maxWritten {
		return
	}
	if v.IsUnknown() {
		v, _ = v.Document()
	}
	for _, e := range v.List() {
		b.containers(res, e, depth+1)
	}
	for _, f := range v.Fields() {
		switch strings.ToLower(f.Key) {
		case "containers", "initcontainers", "ephemeralcontainers", "containerdefinitions":
			list := f.Value
			if list.IsUnknown() {
				list, _ = list.Document()
			}
			for _, c := range list.List() {
				if inner, ok := c.Get("properties"); ok { // Azure
					c = inner
				}
				for _, key := range []string{"image", "Image"} {
					if image, ok := c.Get(key); ok {
						b.image(text(image), res.Place(image))
					}
				}
			}
		default:
			b.containers(res, f.Value, depth+1)
		}
	}
}

// stage adds the images that a stage of a Dockerfile starts from and copies from.
func (b *bill) stage(res *plinth.Resource, v plinth.Value) {
	if from, ok := v.At("from", "image"); ok {
		b.image(text(from), res.Place(from))
	}
	list, _ := v.Get("instructions")
	for _, in := range list.List() {
		from, ok := in.At("flags", "from")
		if ok && text(in, "op") == "COPY" && strings.ContainsAny(text(from), ":/@") { // others are stages
			b.image(text(from), res.Place(in))
		}
	}
}

// cluster adds what objects of Kubernetes bring: charts of Flux, Argo CD and Kustomize, remote bases, images that are put in.
func (b *bill) cluster(res *plinth.Resource, v plinth.Value) {
	put := func(at plinth.Value, c cdxComponent, ok bool) { b.add(res.Place(at), c, ok) }
	each := func(visit func(plinth.Value), keys ...string) {
		list, _ := v.At(keys...)
		for _, e := range list.List() {
			visit(e)
		}
	}
	switch res.Type {
	case "helm.toolkit.fluxcd.io/HelmRelease", "source.toolkit.fluxcd.io/HelmChart":
		spec, _ := v.At("spec", "chart", "spec")
		if res.Type == "source.toolkit.fluxcd.io/HelmChart" {
			spec, _ = v.Get("spec")
		}
		if kind := text(spec, "sourceRef", "kind"); kind == "HelmRepository" {
			at, _ := spec.Get("chart")
			c, ok := chart(text(at), b.repos[text(spec, "sourceRef", "name")], text(spec, "version"))
			put(at, c, ok)
		}
		values, _ := v.At("spec", "values")
		b.values(res, values, 0)
	case "source.toolkit.fluxcd.io/OCIRepository":
		b.artifact(res, v)
	case "argoproj.io/Application":
		source := func(s plinth.Value) {
			at, _ := s.Get("chart")
			from := text(s, "repoURL")
			if !strings.Contains(from, "://") { // a registry
				from = "oci://" + from
			}
			if text(at) != "" {
				c, ok := chart(text(at), from, text(s, "targetRevision"))
				put(at, c, ok)
			}
		}
		one, _ := v.At("spec", "source")
		source(one)
		each(source, "spec", "sources")
	case "kustomize.config.k8s.io/Kustomization", "kustomize.config.k8s.io/Component":
		each(func(h plinth.Value) {
			c, ok := chart(text(h, "name"), text(h, "repo"), text(h, "version"))
			put(h, c, ok)
		}, "helmCharts")
		each(func(i plinth.Value) {
			name := cmp.Or(text(i, "newName"), text(i, "name"))
			if tag := text(i, "newTag"); tag != "" {
				name += ":" + tag
			}
			if digest := text(i, "digest"); digest != "" {
				name += "@" + digest
			}
			if name != text(i, "name") {
				b.image(name, res.Place(i))
			}
		}, "images")
		for _, key := range []string{"resources", "components", "bases", "crds"} {
			each(func(base plinth.Value) {
				c, ok := remoteBase(text(base))
				put(base, c, ok)
			}, key)
		}
	}
}

// remoteBase reads a base of Kustomize that is elsewhere: a repository or a file of the web.
func remoteBase(s string) (cdxComponent, bool) {
	if c, ok := repository(s, ""); ok && (strings.Contains(s, "?ref=") || strings.Contains(s, ".git") || strings.HasPrefix(s, "github.com/")) {
		return c, ok
	}
	return download(s)
}

// artifact adds the Helm chart, or another artifact, that Flux takes from a registry.
func (b *bill) artifact(res *plinth.Resource, v plinth.Value) {
	at, _ := v.At("spec", "url")
	address, ok := strings.CutPrefix(text(at), "oci://")
	if !ok || !nameForm.MatchString(path.Base(address)) {
		return
	}
	tag, digest := cmp.Or(text(v, "spec", "ref", "tag"), text(v, "spec", "ref", "semver")), text(v, "spec", "ref", "digest")
	if strings.Contains(text(v, "spec", "layerSelector", "mediaType"), "helm.chart") {
		if c, ok := chart(path.Base(address), "oci://"+path.Dir(address), tag); ok {
			b.add(res.Place(at), c, true)
		}
		return
	}
	p := purl{kind: "oci", name: strings.ToLower(path.Base(address)), version: digest, qualifiers: [][2]string{{"repository_url", address}, {"tag", tag}}}
	b.add(res.Place(at), cdxComponent{Type: "file", Name: Clean(address), Version: cmp.Or(digest, tag), PURL: p.String()}, true)
}

// values adds images that the values of a chart name: a map under image with repository and tag.
func (b *bill) values(res *plinth.Resource, v plinth.Value, depth int) {
	if depth > maxWritten {
		return
	}
	for _, e := range v.List() {
		b.values(res, e, depth+1)
	}
	for _, f := range v.Fields() {
		if strings.HasSuffix(strings.ToLower(f.Key), "image") && text(f.Value, "repository") != "" {
			name := path.Join(text(f.Value, "registry"), text(f.Value, "repository"))
			if tag := text(f.Value, "tag"); tag != "" {
				name += ":" + tag
			}
			if digest := text(f.Value, "digest"); digest != "" && !strings.Contains(name, "@") {
				name += "@" + digest
			}
			if strings.ContainsAny(path.Base(name), ":@") { // without a tag the chart decides
				b.image(name, res.Place(f.Value))
			}
			continue
		}
		b.values(res, f.Value, depth+1)
	}
}

// dependencies adds the charts that a chart names. One that lies beside it is none.
func (b *bill) dependencies(res *plinth.Resource, v plinth.Value) {
	list, _ := v.Get("dependencies")
	for _, d := range list.List() {
		if from := text(d, "repository"); from != "" {
			c, ok := chart(text(d, "name"), from, text(d, "version"))
			b.add(res.Place(d), c, ok)
		}
	}
}
