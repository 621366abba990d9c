package suggest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/document"
	"github.com/plinthsec/plinth/internal/lazy"
	"github.com/plinthsec/plinth/internal/reach"
)

const (
	maxPairs  = 20_000_000 // pairs of workloads that are compared in the proof
	maxFaults = 20
	maxName   = 63 // bytes of a policy's name that any tool takes
)

// shifting are labels that differ from one pod of a workload to the next.
var shifting = []string{
	"pod-template-hash", "controller-revision-hash", "statefulset.kubernetes.io/pod-name", "apps.kubernetes.io/pod-index", "batch.kubernetes.io/job-name", "job-name",
	"batch.kubernetes.io/controller-uid", "controller-uid", "helm.sh/chart", "app.kubernetes.io/version", "app.kubernetes.io/managed-by",
}

// labelsOf are the labels that select the pods of a workload: those that its controller selects by, else those of its pods.
func labelsOf(l *reach.Workload) []Label {
	if l.Resource == nil {
		return nil
	}
	chosen, _ := l.Resource.Props.At("spec", "selector", "matchLabels")
	if chosen.Len() == 0 || l.Kind == "Pod" {
		meta, _, _ := reach.Template(l.Resource)
		chosen, _ = meta.Get("labels")
	}
	var out []Label
	for _, f := range chosen.Fields() {
		if f.Value.Kind() == plinth.String && !slices.Contains(shifting, f.Key) {
			out = append(out, Label{f.Key, f.Value.Str()})
		}
	}
	slices.SortFunc(out, func(a, b Label) int { return cmp.Compare(a.Key, b.Key) })
	return out
}

// dns lets everybody resolve names, wherever the cluster has its server.
var dns = Rule{
	Peers: []Peer{{Namespace: "kube-system", Pods: []Label{{"k8s-app", "kube-dns"}}}},
	Ports: reach.PortsOf(reach.UDP, 53, 53).Union(reach.PortsOf(reach.TCP, 53, 53)), Why: []string{"name resolution"},
}

// policies makes one policy for each namespace that shuts it but for name resolution, and one for each workload that needs more.
func (m *maker) policies() []Policy {
	var out []Policy
	for _, ns := range m.spaces {
		out = append(out, Policy{Namespace: ns, Name: "default-deny", Egress: []Rule{dns}})
	}
	m.note("name resolution is allowed to the pods labelled k8s-app=kube-dns of namespace kube-system, where most clusters have it")
	in, from := map[string][]*need{}, map[string][]*need{}
	for _, key := range slices.SortedFunc(maps.Keys(m.needs), func(a, b pair) int {
		return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to))
	}) {
		n := m.needs[key]
		in[key.to], from[key.from] = append(in[key.to], n), append(from[key.from], n)
	}
	used := map[string]int{}
	for _, l := range m.world.Workloads {
		if system(l) {
			continue
		}
		p := Policy{Namespace: l.Namespace, Name: policyName(l, used), Pods: labelsOf(l)}
		for _, n := range in[l.String()] {
			p.Ingress = append(p.Ingress, Rule{[]Peer{peerOf(n.from)}, n.ports, n.why})
		}
		if r := m.outside[l.String()]; r != nil {
			p.Ingress = append(p.Ingress, *r)
		}
		for _, n := range from[l.String()] {
			p.Egress = append(p.Egress, Rule{[]Peer{peerOf(n.to)}, n.ports, n.why})
		}
		of := m.egress[l.String()]
		for _, key := range slices.Sorted(maps.Keys(of)) {
			p.Egress = append(p.Egress, *of[key])
		}
		if len(p.Ingress)+len(p.Egress) == 0 {
			m.note("%s is shut: no manifest shows who uses it or what it uses", l)
			continue
		}
		if l.HostNetwork {
			m.note("%s uses the network of its node, where most network plugins apply no policies", l)
		}
		if len(p.Pods) == 0 {
			m.note("the pods of %s have no labels that a policy could select: give them some", l)
			continue
		}
		out = append(out, p)
	}
	slices.SortStableFunc(out, func(a, b Policy) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return out
}

func peerOf(l *reach.Workload) Peer { return Peer{Namespace: l.Namespace, Pods: labelsOf(l)} }

func policyName(l *reach.Workload, used map[string]int) string {
	name := "allow-" + strings.ToLower(l.Name)
	name = strings.Trim(name[:min(len(name), maxName-3)], "-.")
	key := l.Namespace + "/" + name
	if used[key]++; used[key] > 1 {
		name += fmt.Sprintf("-%d", used[key])
	}
	return name
}

// prove reads the policies back and compares what they let through with what they are made for.
func (m *maker) prove(s *Suggestion) {
	objects := slices.Clone(m.resources)
	faults := (&document.Parser{}).Parse("suggestion.yaml", s.YAML(), func(d document.Document) {
		name, _ := d.Value.At("metadata", "name")
		objects = append(objects, &plinth.Resource{
			ID: plinth.ID("suggestion " + name.Str()), Type: "networking.k8s.io/NetworkPolicy", Name: name.Str(), Props: d.Value, Decl: d.Decl,
		})
	})
	for _, f := range faults {
		s.Faults = append(s.Faults, fmt.Sprintf("line %d: %s", f.At.Line, f.Text))
	}
	w := reach.New(objects)
	if n := len(w.Workloads); n*n > maxPairs {
		m.note("the proof was left out: there are more than %d pairs of workloads", maxPairs)
		return
	}
	for i, from := range w.Workloads {
		for j, to := range w.Workloads {
			if i == j || system(from) && system(to) {
				continue
			}
			got, want := w.Allowed(i, j), reach.Ports{}
			if n := m.needs[pair{from.String(), to.String()}]; n != nil {
				want = n.ports
			}
			if system(to) && slices.Contains(labelsOf(to), dns.Peers[0].Pods[0]) {
				want = want.Union(dns.Ports)
			}
			missing, more := want.Minus(got), got.Minus(want)
			switch {
			case !missing.Empty():
				s.fault("%s does not reach %s on %s", from, to, missing)
			case !want.Empty():
				s.Kept++
			case got.Empty() && !m.world.Allowed(i, j).Empty():
				s.Closed++
			}
			if !more.Empty() {
				s.fault("%s reaches %s on %s besides: a selector takes in pods of several workloads", from, to, more)
			}
		}
	}
}

func (s *Suggestion) fault(format string, args ...any) {
	if len(s.Faults) < maxFaults {
		s.Faults = append(s.Faults, fmt.Sprintf(format, args...))
	}
}

// YAML writes the policies as manifests.
func (s *Suggestion) YAML() []byte {
	var b strings.Builder
	for i, p := range s.Policies {
		if i > 0 {
			b.WriteString("---\n")
		}
		p.write(&b)
	}
	return []byte(b.String())
}

func (p *Policy) write(b *strings.Builder) {
	fmt.Fprintf(b, "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  name: %s\n  namespace: %s\nspec:\n", quote(p.Name), quote(p.Namespace))
	if len(p.Pods) == 0 {
		b.WriteString("  podSelector: {}\n")
	} else {
		b.WriteString("  podSelector:\n")
		writeLabels(b, "    ", p.Pods)
	}
	b.WriteString("  policyTypes: [Ingress, Egress]\n")
	writeRules(b, "ingress", "from", p.Ingress)
	writeRules(b, "egress", "to", p.Egress)
}

func writeLabels(b *strings.Builder, indent string, list []Label) {
	b.WriteString(indent + "matchLabels:\n")
	for _, l := range list {
		fmt.Fprintf(b, "%s  %s: %s\n", indent, quote(l.Key), quote(l.Value))
	}
}

func writeRules(b *strings.Builder, key, peers string, list []Rule) {
	if len(list) == 0 {
		return
	}
	fmt.Fprintf(b, "  %s:\n", key)
	for _, r := range list {
		for _, w := range slices.Sorted(slices.Values(r.Why)) {
			fmt.Fprintf(b, "    # %s\n", strings.Map(printable, w))
		}
		fmt.Fprintf(b, "    - %s:\n", peers)
		for _, p := range r.Peers {
			p.write(b)
		}
		b.WriteString("      ports:\n")
		for _, protocol := range []reach.Protocol{reach.TCP, reach.UDP, reach.SCTP} {
			for _, s := range r.Ports[protocol] {
				fmt.Fprintf(b, "        - protocol: %s\n          port: %d\n", protocol, s.Lo)
				if s.Hi > s.Lo {
					fmt.Fprintf(b, "          endPort: %d\n", s.Hi)
				}
			}
		}
	}
}

// printable drops what would end a comment.
func printable(r rune) rune {
	if r < ' ' || r == 0x7f || r == 0x85 || r == 0x2028 || r == 0x2029 {
		return ' '
	}
	return r
}

func (p *Peer) write(b *strings.Builder) {
	switch {
	case p.Block != "":
		fmt.Fprintf(b, "        - ipBlock:\n            cidr: %s\n", p.Block)
		if len(p.Except) > 0 {
			b.WriteString("            except:\n")
			for _, e := range p.Except {
				fmt.Fprintf(b, "              - %s\n", e)
			}
		}
	case len(p.NotIn) > 0:
		b.WriteString("        - namespaceSelector:\n            matchExpressions:\n              - key: kubernetes.io/metadata.name\n                operator: NotIn\n                values:\n")
		for _, ns := range p.NotIn {
			fmt.Fprintf(b, "                  - %s\n", quote(ns))
		}
	default:
		fmt.Fprintf(b, "        - namespaceSelector:\n            matchLabels:\n              kubernetes.io/metadata.name: %s\n", quote(p.Namespace))
		if len(p.Pods) > 0 {
			b.WriteString("          podSelector:\n")
			writeLabels(b, "            ", p.Pods)
		} else {
			b.WriteString("          podSelector: {}\n")
		}
	}
}

// bare are texts that YAML takes for nothing but texts.
var bare = lazy.New(`^[a-z][a-z0-9./-]*[a-z0-9]$`)

func quote(s string) string {
	if bare.MatchString(s) && !slices.Contains([]string{"true", "false", "null", "yes", "no", "on", "off"}, s) {
		return s
	}
	out, err := json.Marshal(s)
	if err != nil {
		return `""`
	}
	return string(out)
}
