package kube

import (
	"strconv"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/iam"
)

// tellServices tells which ports the network reaches. What listens there is not yet held: that takes a weakness.
func (c *cluster) tellServices() {
	byNamespace := map[string][]*workload{}
	for _, l := range c.workloads {
		byNamespace[l.namespace] = append(byNamespace[l.namespace], l)
		c.tellPorts(l)
	}
	for _, r := range c.objects {
		selector := get(r.Props, "spec", "selector")
		if r.Type != "core/Service" || selector.Len() == 0 {
			continue
		}
		for _, l := range byNamespace[namespaceOf(r)] {
			if !selects(selector, get(l.meta, "labels")) {
				continue
			}
			c.tell(plinth.Relation{
				From: r.ID, To: endpoint(l), Kind: plinth.Exposes, Technique: "ENDPOINT_EXPLOIT",
				Evidence: []plinth.Step{step(r, r.Place(selector), costExposure, addressOf(r)+" selects "+l.address)},
			})
		}
	}
}

// endpoint is the node of a workload as the network reaches it.
func endpoint(l *workload) plinth.ID { return "net:" + l.id }

// tellPorts tells the ports that a workload declares.
func (c *cluster) tellPorts(l *workload) {
	c.to.Node(plinth.Node{ID: endpoint(l), Type: plinth.TypeEndpoint, Name: l.name.name, Address: l.address, At: l.at})
	for _, x := range l.containers {
		for _, p := range get(x.value, "ports").List() {
			number := get(p, "containerPort")
			if number.Kind() != plinth.Number {
				continue
			}
			of := text(p, "name")
			if of == "" {
				of = strconv.Itoa(int(number.Num()))
			}
			id := endpoint(l) + plinth.ID("/"+of)
			c.to.Node(plinth.Node{ID: id, Type: plinth.TypeEndpoint, Name: of, Address: l.address + ":" + of, At: l.resource.Place(p)})
			c.tell(plinth.Relation{
				From: id, To: endpoint(l), Kind: plinth.Exposes, Technique: "ENDPOINT_EXPLOIT",
				Evidence: []plinth.Step{step(l.resource, l.resource.Place(p), 0, "container "+x.name+" listens on port "+of)},
			})
		}
	}
}

// selects tells whether all labels of a selector are among those of a pod.
func selects(selector, labels plinth.Value) bool {
	for _, f := range selector.Fields() {
		v, ok := labels.Get(f.Key)
		if !ok || v.IsUnknown() || f.Value.IsUnknown() || text(labels, f.Key) != text(selector, f.Key) {
			return false
		}
	}
	return true
}

// tellAdmin tells what the administrator of a cluster gets at, where somebody can become it.
func (c *cluster) tellAdmin() {
	if c.adminProof == nil {
		return
	}
	s := &subject{id: plinth.ClusterAdmin(c.name)}
	for _, l := range [...]struct {
		to   targetKind
		kind plinth.RelationKind
		id   string
	}{{toPods, plinth.Escalate, "POD_EXEC"}, {toAccounts, plinth.Assume, "IDENTITY_IMPERSONATE"}, {toSecrets, plinth.Can, "SECRET_READ"}, {toNewPods, plinth.Escalate, "POD_CREATE"}} {
		k := &claim{
			subject: s, edge: &edge{id: l.id, kind: l.kind}, way: &way{to: l.to}, scope: scope{cluster: true}, when: iam.Always(),
			steps: []plinth.Step{*c.adminProof},
		}
		c.leadToObjects(k)
		c.flush()
	}
	for _, x := range c.subjects {
		if x.account {
			continue // told above
		}
		c.tell(plinth.Relation{
			From: s.id, To: x.id, Kind: plinth.Assume, Technique: "IDENTITY_IMPERSONATE", Evidence: []plinth.Step{*c.adminProof},
		})
	}
}
