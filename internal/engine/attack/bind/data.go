package bind

import (
	"strings"

	"github.com/plinthsec/plinth"
)

// classTags are the names of tags and labels that say how well data must be kept, in lower case without - and _.
var classTags = map[string]bool{"dataclass": true, "dataclassification": true}

// data tells which stores hold classified data.
func (w *scene) data() {
	for _, r := range w.Resources() {
		for _, t := range tagsOf(r) {
			name := strings.ToLower(strings.NewReplacer("-", "", "_", "").Replace(t.name))
			class := strings.ToLower(t.value.Str())
			if !classTags[name] || t.value.Kind() != plinth.String || class == "" || class == "public" {
				continue
			}
			id := plinth.ID("data:" + class)
			w.to.Node(plinth.Node{ID: id, Type: plinth.TypeDataClass, Name: class, Address: class})
			w.relate(r.ID, id, plinth.Stores, step(r, r.Place(t.value), costData, "tag "+t.name+" says "+t.value.Str()))
			break
		}
	}
}

type tag struct {
	name  string
	value plinth.Value
}

// tagsOf returns the tags or labels of a resource: a list of Key and Value, or a map.
func tagsOf(r *plinth.Resource) []tag {
	var out []tag
	for _, path := range [][]string{{"Tags"}, {"tags"}, {"labels"}, {"metadata", "labels"}, {"userLabels"}, {"resourceLabels"}, {"settings", "userLabels"}} {
		v, ok := r.Props.At(path...)
		if !ok {
			continue
		}
		if v.Partial() {
			v, _ = v.Document()
		}
		for _, f := range v.Fields() {
			out = append(out, tag{f.Key, f.Value})
		}
		for _, e := range v.List() {
			value, _ := e.Get("Value")
			out = append(out, tag{textAt(e, "Key"), value})
		}
	}
	return out
}
