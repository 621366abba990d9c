package fix

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"sort"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/read/terraform/splice"
	"github.com/plinthsec/plinth/internal/rule"
)

const (
	maxNesting   = 60  // of a document
	maxDocuments = 500 // in one file
)

// Document proposes fixes of CloudFormation templates and Kubernetes manifests, in YAML and JSON, from the examples of the finding's
// rule.
type Document struct {
	Examples func(id string) []rule.Example
}

// leaf is one thing that a document says: a scalar, a list of scalars or a mapping of such below keys; * stands for every element of
// a list.
type leaf struct {
	path  []string
	value *yaml.Node
	plain bool
}

// Propose returns the candidates of a finding, those with the fewest changes first.
func (d *Document) Propose(f *plinth.Finding, read func(string) ([]byte, error)) ([]Candidate, string) {
	decl := f.Decl
	if f.Resource != nil && f.Resource.Decl != nil {
		decl = f.Resource.Decl
	}
	if decl == nil || decl.At.Path != f.At.Path {
		return nil, "there is no fix for this kind of file"
	}
	src, err := read(f.At.Path)
	if err != nil {
		return nil, "the file cannot be read: " + err.Error()
	}
	form, target := find(documents(src), int(decl.At.Line))
	if target == nil {
		return nil, "there is no fix for this kind of file"
	}
	p := newPage(f.At.Path, src)
	var out []Candidate
	for _, r := range append([]*plinth.Rule{f.Rule}, f.Also...) {
		out = append(out, d.candidates(p, target, form, r.ID)...)
	}
	if len(out) == 0 {
		return nil, "what to write here only the owner knows: " + f.Rule.Fix
	}
	sort.SliceStable(out, func(i, j int) bool { return rank(out[i], f.Rule.Fix) < rank(out[j], f.Rule.Fix) })
	return out, ""
}

func (d *Document) candidates(p *page, target *yaml.Node, form, id string) []Candidate {
	kind := kindOf(target)
	common := map[string]bool{}
	var good [][]leaf
	for _, ex := range d.Examples(id) {
		if ex.Form != form {
			continue
		}
		for _, text := range ex.Files {
			for _, n := range resources(documents([]byte(text)), form) {
				if kindOf(n) != kind && (form == "cloudformation" || !runsPods(kindOf(n)) || !runsPods(kind)) {
					continue
				}
				list := leaves(n, nil, 0)
				if form == "kubernetes" {
					moved(list, podAt(kindOf(n)), podAt(kind))
				}
				if !ex.Bad {
					good = append(good, list)
					continue
				}
				for _, l := range list {
					common[l.key()] = true
				}
			}
		}
	}
	var out []Candidate
	for _, list := range good {
		var all Candidate
		for _, l := range list {
			if !l.plain || common[l.key()] || form == "kubernetes" && theirs(kind, l.path) {
				continue
			}
			c := Candidate{Summary: "set " + l.key(), Named: l.path[len(l.path)-1], Note: runtimeNote(l.path), Edits: change(p, target, l.path, l.value)}
			if len(c.Edits) > 0 {
				out = append(out, c)
				if l.value.Kind == yaml.MappingNode {
					continue
				}
				all.Summary, all.Note = joined(all.Summary, c.Summary), joined(all.Note, c.Note)
				all.Edits = append(all.Edits, c.Edits...)
			}
		}
		if len(all.Edits) > 1 && !sameParent(all.Edits) {
			out = append(out, all)
		}
	}
	return out
}

// felt are properties that a program feels while it runs.
var felt = []string{"readOnlyRootFilesystem", "runAsNonRoot", "capabilities", "privileged", "hostNetwork", "hostPID", "hostIPC", "automountServiceAccountToken"}

// chosen are keys of Kubernetes by which objects find one another, or that say which program runs, as whom and how often: what an
// example says there is about the example.
var chosen = []string{
	"labels", "matchLabels", "matchExpressions", "selector", "podSelector", "namespaceSelector", "labelSelector", "annotations", "name", "namespace", "generateName",
	"image", "command", "args", "replicas", "minReplicas", "maxReplicas", "minAvailable", "maxUnavailable", "serviceAccountName", "serviceAccount", "serviceName",
	"volumes", "volumeMounts", "ports", "port", "targetPort", "env", "schedule", "storageClassName", "topologyKey", "runAsUser", "runAsGroup", "fsGroup",
	"targetRevision", "revision", "ref", "tag", "version", "branch", "digest", "semver", "startingDeadlineSeconds", "activeDeadlineSeconds", "externalName",
}

// theirs tells whether only the owner knows what an object of Kubernetes says at a path.
func theirs(kind string, path []string) bool {
	if kind == "Service" && slices.Equal(path, []string{"spec", "type"}) {
		return true
	}
	return slices.ContainsFunc(path, func(key string) bool { return slices.Contains(chosen, key) })
}

func runtimeNote(path []string) string {
	for _, p := range path {
		if slices.Contains(felt, p) {
			return "the program has to get along with " + p + ": try it first"
		}
	}
	return ""
}

// runsPods tells whether objects of a kind hold the spec of pods.
func runsPods(kind string) bool {
	switch kind {
	case "Pod", "Deployment", "ReplicaSet", "ReplicationController", "StatefulSet", "DaemonSet", "Job", "CronJob":
		return true
	}
	return false
}

// podAt is where an object of a kind holds the spec of its pods.
func podAt(kind string) []string {
	switch kind {
	case "Pod":
		return []string{"spec"}
	case "CronJob":
		return []string{"spec", "jobTemplate", "spec", "template", "spec"}
	}
	return []string{"spec", "template", "spec"}
}

// moved puts what is said of pods to where another kind says it.
func moved(list []leaf, from, to []string) {
	for i, l := range list {
		if len(l.path) > len(from) && slices.Equal(l.path[:len(from)], from) {
			list[i].path = slices.Concat(to, l.path[len(from):])
		}
	}
}

// sameParent tells whether two edits would make the same key.
func sameParent(edits []Edit) bool {
	for i, a := range edits {
		for _, b := range edits[:i] {
			if a.From == b.From && a.From == a.To && argument(a) == argument(b) {
				return true
			}
		}
	}
	return false
}

func (l leaf) key() string {
	var b strings.Builder
	b.WriteString(strings.Join(l.path, ".") + " = " + l.value.Value)
	for _, e := range l.value.Content {
		b.WriteString(" " + e.Value)
		for _, c := range e.Content {
			b.WriteString(" " + c.Value)
		}
	}
	return b.String()
}

// documents parses the documents of a file, as far as they parse.
func documents(src []byte) []*yaml.Node {
	dec := yaml.NewDecoder(bytes.NewReader(src))
	var out []*yaml.Node
	for len(out) < maxDocuments {
		var n yaml.Node
		if err := dec.Decode(&n); err != nil {
			if !errors.Is(err, io.EOF) {
				return nil
			}
			break
		}
		if len(n.Content) == 1 && n.Content[0].Kind == yaml.MappingNode {
			out = append(out, n.Content[0])
		}
	}
	return out
}

func entry(n *yaml.Node, key string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

// resources are the resources of a template, or the objects of a manifest.
func resources(docs []*yaml.Node, form string) []*yaml.Node {
	if form == "kubernetes" {
		return docs
	}
	var out []*yaml.Node
	for _, d := range docs {
		if r := entry(d, "Resources"); r != nil && r.Kind == yaml.MappingNode {
			for i := 1; i < len(r.Content); i += 2 {
				out = append(out, r.Content[i])
			}
		}
	}
	return out
}

// find returns the resource or object that begins at, or last before, a line.
func find(docs []*yaml.Node, line int) (string, *yaml.Node) {
	form, best := "", (*yaml.Node)(nil)
	for _, d := range docs {
		list, f := []*yaml.Node{d}, "kubernetes"
		if entry(d, "Resources") != nil {
			list, f = resources([]*yaml.Node{d}, "cloudformation"), "cloudformation"
		} else if entry(d, "kind") == nil {
			continue
		}
		for _, n := range list {
			if n.Kind == yaml.MappingNode && n.Line <= line+1 && (best == nil || n.Line > best.Line) {
				form, best = f, n
			}
		}
	}
	return form, best
}

func kindOf(n *yaml.Node) string {
	if t := entry(n, "Type"); t != nil {
		return t.Value
	}
	if k := entry(n, "kind"); k != nil {
		return k.Value
	}
	return ""
}

func leaves(n *yaml.Node, at []string, nesting int) []leaf {
	if nesting > maxNesting {
		return nil
	}
	var out []leaf
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i].Value
			if len(at) == 0 && (key == "Type" || key == "kind" || key == "apiVersion" || key == "metadata") {
				continue
			}
			below := append(slices.Clone(at), key)
			list := leaves(n.Content[i+1], below, nesting+1)
			if n.Content[i+1].Kind == yaml.MappingNode && len(list) > 1 && !slices.ContainsFunc(list, func(l leaf) bool { return !l.plain || slices.Contains(l.path[len(below):], "*") }) {
				out = append(out, leaf{below, n.Content[i+1], true})
			}
			out = append(out, list...)
		}
	case yaml.SequenceNode:
		words := !slices.ContainsFunc(n.Content, func(e *yaml.Node) bool { return e.Kind != yaml.ScalarNode })
		if words && len(at) > 0 {
			plain := !splice.Personal(at[len(at)-1]) && !slices.ContainsFunc(n.Content, func(e *yaml.Node) bool { return !plainScalar(e) })
			return append(out, leaf{at, n, plain})
		}
		for _, e := range n.Content {
			out = append(out, leaves(e, append(slices.Clone(at), "*"), nesting+1)...)
		}
	case yaml.ScalarNode:
		if len(at) > 0 {
			out = append(out, leaf{at, n, plainScalar(n) && (n.Tag == "!!bool" || !splice.Personal(at[len(at)-1]))})
		}
	}
	return out
}

func plainScalar(n *yaml.Node) bool {
	switch n.Tag {
	case "!!bool", "!!int", "!!float":
		return true
	case "!!str":
		return splice.Word(n.Value)
	}
	return false
}

// change makes a document say a leaf; no edits where it does already, or is written in a way that is not changed here.
func change(p *page, n *yaml.Node, path []string, value *yaml.Node) []Edit {
	if path[0] == "*" {
		if n.Kind != yaml.SequenceNode {
			return nil
		}
		var out []Edit
		for _, e := range n.Content {
			if len(path) > 1 {
				out = append(out, change(p, e, path[1:], value)...)
			}
		}
		return out
	}
	if n.Kind != yaml.MappingNode || len(n.Content) == 0 && n.Style&yaml.FlowStyle == 0 {
		return nil
	}
	there := entry(n, path[0])
	switch {
	case there == nil:
		return add(p, n, path, value)
	case len(path) > 1:
		return change(p, there, path[1:], value)
	case there.Kind != yaml.ScalarNode || value.Kind != yaml.ScalarNode || there.Value == value.Value || strings.HasPrefix(there.Tag, "!") && !strings.HasPrefix(there.Tag, "!!"):
		return nil
	}
	return replace(p, there, value.Value)
}

// add puts a key below a mapping.
func add(p *page, n *yaml.Node, path []string, value *yaml.Node) []Edit {
	if slices.Contains(path, "*") {
		return nil
	}
	if n.Style&yaml.FlowStyle != 0 {
		return addFlow(p, n, path, value)
	}
	first := n.Content[0]
	column := first.Column - 1
	var b strings.Builder
	for i, k := range path {
		b.WriteString(strings.Repeat(" ", column+2*i) + k + ":")
		if i < len(path)-1 {
			b.WriteString("\n")
		}
	}
	below(&b, value, column+2*len(path))
	return []Edit{p.before(p.end(first.Line-1, column-1), b.String()+"\n")}
}

// below writes a value behind its key.
func below(b *strings.Builder, value *yaml.Node, column int) {
	pad := "\n" + strings.Repeat(" ", column)
	switch value.Kind {
	case yaml.SequenceNode:
		if len(value.Content) == 0 {
			b.WriteString(" []")
		}
		for _, e := range value.Content {
			b.WriteString(pad + "- " + written(e))
		}
	case yaml.MappingNode:
		for i := 0; i+1 < len(value.Content); i += 2 {
			b.WriteString(pad + value.Content[i].Value + ":")
			below(b, value.Content[i+1], column+2)
		}
	default:
		b.WriteString(" " + written(value))
	}
}

// written is a scalar as its example writes it.
func written(n *yaml.Node) string {
	if n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 || n.Tag == "!!str" && n.Style == 0 && numberLike(n.Value) {
		return `"` + n.Value + `"`
	}
	return n.Value
}

func numberLike(s string) bool { return s != "" && strings.Trim(s, "0123456789.") == "" }

// replace changes a scalar of one line and keeps its quotes.
func replace(p *page, n *yaml.Node, value string) []Edit {
	i, from := n.Line-1, n.Column-1
	if i < 0 || i >= len(p.lines) || from > len(p.lines[i]) {
		return nil
	}
	text := n.Value
	switch {
	case n.Style&yaml.DoubleQuotedStyle != 0:
		text, value = `"`+text+`"`, `"`+value+`"`
	case n.Style&yaml.SingleQuotedStyle != 0:
		text, value = "'"+text+"'", "'"+value+"'"
	}
	if text == "" || !strings.HasPrefix(p.lines[i][from:], text) {
		return nil
	}
	return []Edit{p.within(i, from, from+len(text), value)}
}
