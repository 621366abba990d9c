package bind

import (
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/reach"
)

// container is something that runs an image.
type container struct {
	workload *plinth.Resource
	name     string
	image    plinth.Value
}

// containersOf returns what a resource runs: containers of pods, tasks and functions.
func containersOf(r *plinth.Resource) []container {
	var out []container
	add := func(list plinth.Value) {
		for _, c := range list.List() {
			if image, ok := c.Get("image"); ok {
				out = append(out, container{r, textAt(c, "name"), image})
			}
			if image, ok := c.Get("Image"); ok {
				out = append(out, container{r, textAt(c, "Name"), image})
			}
		}
	}
	if _, spec, ok := reach.Template(r); ok {
		for _, key := range [...]string{"initContainers", "containers"} {
			list, _ := spec.Get(key)
			add(list)
		}
		return out
	}
	switch r.Type {
	case "AWS::ECS::TaskDefinition":
		list, _ := r.Props.Get("ContainerDefinitions")
		if doc, ok := list.Document(); ok {
			list = doc
		}
		add(list)
	case "AWS::Lambda::Function":
		if image, ok := r.Props.At("Code", "ImageUri"); ok {
			out = append(out, container{r, "", image})
		}
	case "run.googleapis.com/Service":
		list, _ := r.Props.At("template", "containers")
		add(list)
	}
	return out
}

// image is a reference to a container image. What is unknown of it is "".
type image struct{ repository, tag, digest string }

// parseImage reads REGISTRY/REPOSITORY:TAG@DIGEST. Docker Hub's short names become long ones.
func parseImage(s string) image {
	var out image
	s, out.digest, _ = strings.Cut(strings.TrimSpace(s), "@")
	if i := strings.LastIndexByte(s, ':'); i > strings.LastIndexByte(s, '/') {
		s, out.tag = s[:i], s[i+1:]
	}
	first, _, several := strings.Cut(s, "/")
	switch {
	case s == "":
	case !several:
		s = "docker.io/library/" + s
	case !strings.ContainsAny(first, ".:") && first != "localhost":
		s = "docker.io/" + s
	}
	out.repository = strings.ToLower(s)
	if out.digest == "" && out.tag == "" {
		out.tag = "latest"
	}
	return out
}

// String is the reference as an id.
func (i image) String() string {
	out := i.repository
	if i.tag != "" {
		out += ":" + i.tag
	}
	if i.digest != "" {
		out += "@" + i.digest
	}
	return out
}

// built tells whether an image that runs is one that a build pushes, and what must hold besides. The build's tag is "" where it
// is made at build time.
func (i image) built(by image) (bool, plinth.Condition) {
	switch {
	case i.repository == "" || i.repository != by.repository:
		return false, nil
	case i.digest != "":
		return true, plinth.Condition{{"the digest " + i.digest + " is one that this build pushed"}}
	case by.tag == "":
		return true, plinth.Condition{{"the tag " + i.tag + " is one that this build pushed"}}
	}
	return i.tag == by.tag, nil
}

// images tells what runs which image, and from which folder it was built.
func (w *scene) images() {
	w.builds = w.findBuilds()
	for _, c := range w.running {
		if c.image.Kind() != plinth.String || c.image.Str() == "" {
			continue
		}
		ref := parseImage(c.image.Str())
		id := plinth.ID("image:" + ref.String())
		w.to.Node(plinth.Node{ID: id, Type: plinth.TypeImage, Name: ref.String(), Address: c.image.Str()})
		w.relate(c.workload.ID, id, plinth.Runs, step(c.workload, c.workload.Place(c.image), 0, "runs image "+c.image.Str()))
		for _, b := range w.builds {
			ok, when := ref.built(b.image)
			if !ok {
				continue
			}
			w.to.Node(plinth.Node{ID: sourceID(b.context), Type: plinth.TypeSource, Name: b.context, Address: b.context, At: plinth.Location{Path: b.context}})
			w.to.Relation(plinth.Relation{From: id, To: sourceID(b.context), Kind: plinth.BuiltFrom, When: when, Evidence: []plinth.Step{b.step()}})
		}
	}
}

func sourceID(folder string) plinth.ID { return plinth.ID("source:" + folder) }
