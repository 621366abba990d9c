package helm

import (
	"maps"
	"strings"
)

// scope is a chart with the values that count for it.
type scope struct {
	chart  *Chart
	name   string // alias, or the chart's own name
	path   string // of its templates: shop/charts/db
	values map[string]any
	subs   []*scope
	top    bool
}

// scopes gives a chart its values, and those that it brings theirs: what the parent says below their name goes before their own
// values, and global goes to all. See https://helm.sh/docs/chart_template_guide/subcharts_and_globals/.
func (c *Chart) scopes(over map[string]any, name, at string) *scope {
	s := &scope{chart: c, name: name, path: at, values: over3(over, c.values)}
	used := map[*Chart]bool{}
	for _, d := range c.needs {
		for _, sub := range c.subs {
			if sub.Name != d.Name {
				continue
			}
			used[sub] = true
			if d.enabled(s.values) {
				s.sub(sub, d)
			}
		}
	}
	for _, sub := range c.subs {
		if !used[sub] {
			s.sub(sub, dependency{Name: sub.Name})
		}
	}
	return s
}

// sub adds a chart that a dependency names.
func (s *scope) sub(c *Chart, d dependency) {
	name := d.Name
	if d.Alias != "" {
		name = d.Alias
	}
	own, _ := s.values[name].(map[string]any)
	own = clone(own)
	if global, ok := s.values["global"].(map[string]any); ok {
		inner, _ := own["global"].(map[string]any)
		own["global"] = over3(clone(global), inner)
	}
	sub := c.scopes(own, name, s.path+"/charts/"+name)
	s.subs = append(s.subs, sub)
	s.values[name] = sub.values
	for _, one := range d.ImportValues {
		s.imported(sub, one)
	}
}

// imported takes values of a chart into those of its parent, which go before them.
func (s *scope) imported(sub *scope, what any) {
	from, to := "", ""
	switch what := what.(type) {
	case string:
		from = "exports." + what
	case map[string]any:
		from, _ = what["child"].(string)
		to, _ = what["parent"].(string)
	}
	v, ok := find(sub.values, from)
	m, isMap := v.(map[string]any)
	if !ok || !isMap {
		return
	}
	m = clone(m)
	if to != "" && to != "." {
		for _, key := range reversed(strings.Split(to, ".")) {
			m = map[string]any{key: m}
		}
	}
	s.values = over3(s.values, m)
}

func reversed(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[len(list)-1-i] = s
	}
	return out
}

// enabled tells whether the values switch a dependency on: the first condition that is there decides, else the tags.
func (d *dependency) enabled(values map[string]any) bool {
	for condition := range strings.SplitSeq(d.Condition, ",") {
		if v, ok := find(values, strings.TrimSpace(condition)); ok {
			if on, isBool := v.(bool); isBool {
				return on
			}
		}
	}
	tags, _ := values["tags"].(map[string]any)
	on, said := false, false
	for _, t := range d.Tags {
		if v, ok := tags[t].(bool); ok {
			on, said = on || v, true
		}
	}
	return on || !said
}

// find returns what stands at a dotted path.
func find(values map[string]any, at string) (any, bool) {
	if at == "" {
		return nil, false
	}
	var v any = values
	for key := range strings.SplitSeq(at, ".") {
		m, ok := v.(map[string]any)
		if !ok {
			return nil, false
		}
		if v, ok = m[key]; !ok {
			return nil, false
		}
	}
	return v, true
}

// over3 puts values over others: maps are merged, null takes a key away. Neither is changed.
func over3(over, under map[string]any) map[string]any {
	out := clone(under)
	for k, v := range over {
		if v == nil {
			if _, ok := out[k]; ok {
				delete(out, k)
				continue
			}
		}
		a, isMap := v.(map[string]any)
		b, both := out[k].(map[string]any)
		if isMap && both {
			out[k] = over3(a, b)
		} else {
			out[k] = copied(v)
		}
	}
	return out
}

func clone(m map[string]any) map[string]any {
	out := make(map[string]any, len(m))
	for k, v := range m {
		out[k] = copied(v)
	}
	return out
}

// copied is a value none of whose maps and lists is shared.
func copied(v any) any {
	switch v := v.(type) {
	case map[string]any:
		return clone(v)
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = copied(v[i])
		}
		return out
	}
	return v
}

// about is what templates see of the chart itself.
func (s *scope) about() map[string]any {
	out := map[string]any{
		"Name": s.name, "Version": "", "AppVersion": "", "Description": "", "Type": "application", "KubeVersion": "", "Home": "", "Icon": "",
		"Keywords": []any{}, "Sources": []any{}, "Maintainers": []any{}, "Annotations": map[string]any{}, "Deprecated": false, "IsRoot": s.top,
	}
	for k, v := range s.chart.meta {
		if k != "name" && k != "" {
			out[strings.ToUpper(k[:1])+k[1:]] = v
		}
	}
	if v, ok := s.chart.meta["apiVersion"]; ok {
		out["APIVersion"] = v
	}
	return out
}

// context is what templates of a chart begin with.
func (s *scope) context(release map[string]any, capabilities any) map[string]any {
	subs := map[string]any{}
	for _, sub := range s.subs {
		subs[sub.name] = sub.context(release, capabilities)
	}
	return map[string]any{
		"Values": s.values, "Chart": s.about(), "Release": maps.Clone(release), "Capabilities": capabilities, "Files": files(s.chart.files), "Subcharts": subs,
	}
}
