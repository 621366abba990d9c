package form

import (
	"fmt"
	"io/fs"
	"path"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/plinthsec/plinth"
)

// serviceDefault is what a service takes when a template leaves a property out.
type serviceDefault struct {
	path  []string
	value plinth.Value
}

// serviceDefaults returns the defaults of a provider-form type, without regard to the case of its name.
func (t *Tables) serviceDefaults(typ string) ([]serviceDefault, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.service == nil {
		if err := t.splitDefaults(); err != nil {
			return nil, err
		}
	}
	key := strings.ToLower(typ)
	if d, ok := t.parsedService[key]; ok {
		return d, nil
	}
	src, ok := t.service[key]
	if !ok {
		return nil, nil
	}
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(src.text), &doc); err != nil {
		return nil, fmt.Errorf("%s:%d: %w", src.file, src.line, err)
	}
	defaults, err := readDefaults(doc.Content[0].Content[1])
	if err != nil {
		return nil, fmt.Errorf("%s:%d: %w", src.file, src.line, err)
	}
	out := make([]serviceDefault, len(defaults))
	for i, d := range defaults {
		out[i] = serviceDefault(d)
	}
	t.parsedService[key] = out
	return out, nil
}

func (t *Tables) splitDefaults() error {
	all := &Tables{text: map[string]source{}, partOf: map[string][]string{}}
	files, err := fs.Glob(defaultFiles, "defaults/*.yaml")
	if err != nil {
		return err
	}
	for _, name := range files {
		data, err := defaultFiles.ReadFile(name)
		if err != nil {
			return err
		}
		if err := all.split(path.Base(name), string(data)); err != nil {
			return err
		}
	}
	t.service, t.parsedService = map[string]source{}, map[string][]serviceDefault{}
	for k, v := range all.text {
		t.service[strings.ToLower(k)] = v
	}
	return nil
}

// withDefaults returns the properties of a resource that was written in its provider's own form, with the service's defaults.
func (t *Tables) withDefaults(r *plinth.Resource) plinth.Value {
	defaults, err := t.serviceDefaults(r.Type)
	if err != nil || len(defaults) == 0 {
		return r.Props
	}
	props := r.Props
	for _, d := range defaults {
		if len(d.path) > 1 && d.path[0] == "properties" { // ARM keeps everything below properties, which may be left out
			if _, ok := props.Get("properties"); !ok && props.Kind() == plinth.Map {
				fields := append(append([]plinth.Field{}, props.Fields()...), plinth.Field{Key: "properties", Value: plinth.MapOf(nil)})
				props = like(plinth.MapOf(fields), props)
			}
		}
		props = withDefault(props, d.path, d.path, d.value, r.Decl)
	}
	return props
}
