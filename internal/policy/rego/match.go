package rego

import (
	"slices"
	"strings"
)

// Matches tells whether the constraint's match wants the object (Gatekeeper, "Constraint Framework: match"). What a field leaves out
// matches everything.
func (c *Constraint) Matches(r *Review) bool {
	o := r.subject()
	for _, part := range []func(match any, r *Review, o any) bool{kinds, scope, inNamespaces, named, labels, namespaceLabels} {
		if !part(c.match, r, o) {
			return false
		}
	}
	source := textAt(c.match, "source")
	return source == "" || source == "All" || source == "Original"
}

func wordsAt(v any, keys ...string) []string {
	var out []string
	for _, e := range elements(at(v, keys...)) {
		if s, ok := e.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

func kinds(match any, _ *Review, o any) bool {
	list := elements(at(match, "kinds"))
	if len(list) == 0 {
		return true
	}
	group, _ := groupVersion(textAt(o, "apiVersion"))
	holds := func(list []string, s string) bool {
		return len(list) == 0 || slices.Contains(list, "*") || slices.Contains(list, s)
	}
	return slices.ContainsFunc(list, func(k any) bool {
		return holds(wordsAt(k, "apiGroups"), group) && holds(wordsAt(k, "kinds"), textAt(o, "kind"))
	})
}

func isNamespace(o any) bool {
	return textAt(o, "kind") == "Namespace" && textAt(o, "apiVersion") == "v1"
}

func scope(match any, r *Review, _ any) bool {
	switch textAt(match, "scope") {
	case "Cluster":
		return r.namespaceName() == ""
	case "Namespaced":
		return r.namespaceName() != ""
	}
	return true
}

// inNamespaces holds namespaces and excludedNamespaces against the object's namespace, or a Namespace's own name. What lies in none is
// in no excluded one, and fits no list.
func inNamespaces(match any, r *Review, o any) bool {
	name := r.namespaceName()
	if isNamespace(o) {
		name = textAt(o, "metadata", "name")
	}
	fits := func(list []string) bool {
		return slices.ContainsFunc(list, func(pattern string) bool { return glob(pattern, name) })
	}
	if list := wordsAt(match, "excludedNamespaces"); name != "" && fits(list) {
		return false
	}
	list := wordsAt(match, "namespaces")
	return len(list) == 0 || name == "" && !isNamespace(o) || fits(list)
}

// glob compares with a pattern that may begin or end with *.
func glob(pattern, name string) bool {
	head, tail := strings.HasPrefix(pattern, "*"), strings.HasSuffix(pattern, "*")
	core := strings.Trim(pattern, "*")
	switch {
	case head && tail:
		return strings.Contains(name, core)
	case head:
		return strings.HasSuffix(name, core)
	case tail:
		return strings.HasPrefix(name, core)
	}
	return pattern == name
}

func named(match any, _ *Review, o any) bool {
	pattern := textAt(match, "name")
	return pattern == "" || glob(pattern, textAt(o, "metadata", "name")) || glob(pattern, textAt(o, "metadata", "generateName"))
}

func labels(match any, r *Review, o any) bool {
	selector := at(match, "labelSelector")
	if selects(selector, at(o, "metadata", "labels")) {
		return true
	}
	if a := r.admission(); a != nil && a["oldObject"] != nil {
		return selects(selector, at(a["oldObject"], "metadata", "labels"))
	}
	return false
}

// namespaceLabels holds namespaceSelector against the labels of the object's namespace; a namespace that is not in sight has the one
// label that every namespace has, its name.
func namespaceLabels(match any, r *Review, o any) bool {
	selector := at(match, "namespaceSelector")
	if selector == nil {
		return true
	}
	if isNamespace(o) {
		return selects(selector, at(o, "metadata", "labels"))
	}
	name := r.namespaceName()
	if name == "" {
		return true
	}
	have := map[string]any{"kubernetes.io/metadata.name": name}
	if own, ok := at(r.namespace(), "metadata", "labels").(map[string]any); ok {
		for k, v := range own {
			have[k] = v
		}
	}
	return selects(selector, have)
}

// selects is the label selector of the Kubernetes API: matchLabels and matchExpressions, all of them.
func selects(selector, have any) bool {
	own, _ := have.(map[string]any)
	if want, ok := at(selector, "matchLabels").(map[string]any); ok {
		for k, v := range want {
			if s, ok := own[k]; !ok || s != v {
				return false
			}
		}
	}
	for _, e := range elements(at(selector, "matchExpressions")) {
		value, exists := own[textAt(e, "key")]
		in := slices.Contains(elements(at(e, "values")), value)
		ok := false
		switch textAt(e, "operator") {
		case "In":
			ok = exists && in
		case "NotIn":
			ok = !exists || !in
		case "Exists":
			ok = exists
		case "DoesNotExist":
			ok = !exists
		}
		if !ok {
			return false
		}
	}
	return true
}
