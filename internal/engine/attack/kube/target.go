package kube

import (
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/iam"
)

// target is an object that a right may be about.
type target struct {
	id        plinth.ID
	address   string
	at        plinth.Location
	namespace string
	names     []string // it is known by; a right for one of them is enough
	pods      *workload
	when      iam.Formula
}

// named tells whether a rule for objects of a name is about the target.
func (t *target) named(of string) bool {
	if t.pods != nil {
		return t.pods.hasPod(of)
	}
	return slices.Contains(t.names, of)
}

// targets are objects, sorted by namespace.
type targets struct {
	all []target
	in  map[string][]target
}

func newTargets(list []target) *targets {
	slices.SortStableFunc(list, func(a, b target) int { return strings.Compare(a.namespace, b.namespace) })
	t := &targets{all: list, in: map[string][]target{}}
	for i := 0; i < len(list); {
		j := i
		for j < len(list) && list[j].namespace == list[i].namespace {
			j++
		}
		t.in[list[i].namespace] = list[i:j]
		i = j
	}
	return t
}

// of are the targets in a scope. The slice is not to be changed.
func (t *targets) of(s scope) []target {
	if s.cluster || s.any {
		return t.all
	}
	return t.in[s.namespace]
}

func (c *cluster) targetsOf(w *way) *targets {
	key := w.to
	if w.only != "" {
		key += targetKind(":" + w.only)
	}
	if t := c.targets[key]; t != nil {
		return t
	}
	t := newTargets(c.controllers(w))
	c.targets[key] = t
	return t
}

// controllers are the workloads of one kind, or the new pods of the namespaces that have one.
func (c *cluster) controllers(w *way) []target {
	var out []target
	at := map[string]int{}
	for _, l := range c.workloads {
		if l.kind != w.only {
			continue
		}
		if w.to == toControllers {
			out = append(out, target{id: l.id, address: l.address, at: l.at, namespace: l.namespace, names: []string{l.name.name}, when: iam.Always()})
			continue
		}
		i, ok := at[l.namespace]
		if !ok {
			i = len(out)
			at[l.namespace] = i
			out = append(out, c.newPod(l.namespace))
		}
		out[i].names = append(out[i].names, l.name.name)
	}
	return out
}

// makeTargets lists the objects that rights may be about.
func (c *cluster) makeTargets() {
	var pods, accounts, tokens, secrets, created []target
	for _, l := range c.workloads {
		pods = append(pods, target{id: l.id, address: l.address, at: l.at, namespace: l.namespace, pods: l, when: iam.Always()})
	}
	for _, a := range c.sortedAccounts() {
		t := target{id: a.id, address: a.address(), at: a.at, namespace: a.namespace, names: []string{a.name.name}, when: iam.Always()}
		accounts = append(accounts, t)
		if t.names = c.keys[a.name]; len(t.names) == 0 {
			t.when = iam.If(iam.Fact("a Secret holds a token of " + a.address() + ", as clusters before 1.24 make one for each account"))
		}
		tokens = append(tokens, t)
	}
	for _, r := range c.secrets {
		secrets = append(secrets, target{id: r.ID, address: addressOf(r), at: r.Head(), namespace: namespaceOf(r), names: []string{r.Name}, when: iam.Always()})
	}
	for _, ns := range c.namespaces() {
		created = append(created, c.newPod(ns))
	}
	c.targets[toPods], c.targets[toAccounts], c.targets[toTokens] = newTargets(pods), newTargets(accounts), newTargets(tokens)
	c.targets[toSecrets], c.targets[toNewPods] = newTargets(secrets), newTargets(created)
}

// namespaces are those that anything is said of, sorted.
func (c *cluster) namespaces() []string {
	out := make([]string, 0, len(c.mentioned))
	for ns := range c.mentioned {
		out = append(out, ns)
	}
	slices.Sort(out)
	return out
}

// newPod is the node of any pod that somebody makes in a namespace.
func (c *cluster) newPod(namespace string) target {
	return target{
		id: plinth.ID("k8s:" + c.name + ":new-pod:" + namespace), address: "any new pod of namespace " + namespace, namespace: namespace,
		at: c.mentioned[namespace], when: iam.Always(),
	}
}

// tellNewPods tells what a pod of one's own choice gives: every service account and secret of its namespace, and the node, unless
// the namespace keeps to one of the stricter pod security standards
// (https://kubernetes.io/docs/concepts/security/pod-security-admission/).
func (c *cluster) tellNewPods() {
	for _, ns := range c.namespaces() {
		pod := c.newPod(ns)
		c.to.Node(plinth.Node{ID: pod.id, Type: "core/Pod", Name: "new pod in " + ns, Address: pod.address, At: pod.at})
		for _, t := range c.targets[toAccounts].in[ns] {
			c.tell(plinth.Relation{
				From: pod.id, To: t.id, Kind: plinth.RunsAs, Technique: "IDENTITY_ASSUME",
				Evidence: []plinth.Step{{Note: "a pod of namespace " + ns + " may run as " + t.address, At: t.at, Resource: t.address}},
			})
		}
		for _, t := range c.targets[toSecrets].in[ns] {
			c.tell(plinth.Relation{
				From: pod.id, To: t.id, Kind: plinth.ReadsSecret,
				Evidence: []plinth.Step{{Note: "a pod of namespace " + ns + " may mount " + t.address, At: t.at, Resource: t.address}},
			})
		}
		when, proof := c.unguarded(ns)
		if !when.Never() {
			c.tell(plinth.Relation{From: pod.id, To: c.nodes(), Kind: plinth.Escape, Technique: "POD_CREATE", When: when.Condition(), Evidence: []plinth.Step{proof}})
		}
	}
}

const enforceLabel = "pod-security.kubernetes.io/enforce"

// unguarded tells whether a namespace takes pods that hold nothing back.
func (c *cluster) unguarded(ns string) (iam.Formula, plinth.Step) {
	r := c.spaces[ns]
	if r == nil {
		when := iam.If(iam.Fact("namespace " + ns + " enforces no pod security standard"))
		return when, plinth.Step{Note: "namespace " + ns + " is used here and declared elsewhere", At: c.mentioned[ns]}
	}
	level := get(r.Props, "metadata", "labels", enforceLabel)
	if labels := get(r.Props, "metadata", "labels"); labels.IsUnknown() {
		level = labels
	}
	proof := step(r, r.Head(), costSetting, addressOf(r)+" enforces no pod security standard")
	switch {
	case level.IsUnknown():
		proof.At = r.Place(level)
		return iam.If(iam.Because(level.Why()...)), proof
	case level.Str() == "restricted" || level.Str() == "baseline":
		return nil, proof
	case level.Str() == "privileged":
		proof.At, proof.Note = r.Place(level), addressOf(r)+" enforces the standard privileged, which allows everything"
	}
	return iam.Always(), proof
}
