// Package reach answers which workload may talk to which, and to which addresses outside, on which ports, and proves it by the
// rules that let the traffic through.
//
// Policies become sets: workloads as bitsets, addresses and ports as sorted ranges. Pods that no policy tells apart are folded
// into one class, and each class has one row of what it may send and one of what it may receive: the pair is their intersection,
// because both sides must allow. Replies always pass.
package reach

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/plinthsec/plinth"
)

// Limits.
const (
	maxBlocks = 1 << 15 // borders of address blocks: each is a column of every row
	maxCells  = 1 << 26 // of all rows together, 256 MiB; beyond it answers are computed each time they are asked for
)

// World is the network of one cluster. It is not safe for concurrent use.
type World struct {
	Workloads []*Workload      // sorted by namespace, name and kind
	Problems  []plinth.Problem // what could not be evaluated, in the order of the resources

	pods     []*pod
	classes  []*pod // the first pod of each
	atoms    []Span // ranges of addresses that no rule tells apart
	policies []*policy
	admin    []*policy // in the order of their priority
	baseline []*policy
	mesh     mesh
	groups   [2][]*group // of classes
	pool     *pool
}

// group is what all classes share that the same policies select in one direction.
type group struct {
	admin, policies, baseline []*policy
	auth                      []*authorization
	table                     *pod // whose named ports count where the pod itself receives
	row                       []uint32
}

// New evaluates the policies among the objects of one cluster. Objects of other types are passed over; what cannot be read is in
// Problems and has no effect.
func New(resources []*plinth.Resource) *World {
	w := &World{pool: newPool()}
	known := map[string]*Workload{}
	for _, r := range resources {
		if !r.External {
			w.addWorkload(r, known)
		}
	}
	slices.SortStableFunc(w.Workloads, func(a, b *Workload) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Kind, b.Kind))
	})
	c := w.compiler(resources)
	for _, r := range resources {
		if r.Type == "networking.k8s.io/NetworkPolicy" && !r.External {
			c.networkPolicy(r)
		}
	}
	c.admins(resources)
	c.meshOf(resources)
	w.cut()
	w.fold()
	w.columns()
	w.evaluate()
	return w
}

// compiler indexes the labels of namespaces and pods. Every namespace has its name as a label
// (https://kubernetes.io/docs/reference/labels-annotations-taints/#kubernetes-io-metadata-name).
func (w *World) compiler(resources []*plinth.Resource) *compiler {
	c := &compiler{world: w, at: map[string]int{}, pods: newIndex(len(w.pods)), declared: map[string]map[string]string{}}
	for i, p := range w.pods {
		c.pods.add(i, p.labels)
		if _, ok := c.at[p.namespace]; !ok {
			c.at[p.namespace] = len(c.namespaces)
			c.namespaces = append(c.namespaces, p.namespace)
		}
	}
	for _, r := range resources {
		if r.Type == "core/Namespace" && !r.External {
			c.declared[r.Name] = labels(get(r.Props, "metadata", "labels"))
			w.unknownLabels(get(r.Props, "metadata", "labels"), r)
		}
	}
	c.spaces = newIndex(len(c.namespaces))
	for i, name := range c.namespaces {
		own := map[string]string{"kubernetes.io/metadata.name": name}
		for k, v := range c.declared[name] {
			own[k] = v
		}
		c.spaces.add(i, own)
		c.inside = append(c.inside, newSet(len(w.pods)))
	}
	for i, p := range w.pods {
		c.inside[c.at[p.namespace]].add(i)
	}
	return c
}

// rules visits every rule that is about peers.
func (w *World) rules(visit func(*rule)) {
	for _, list := range [][]*policy{w.admin, w.policies, w.baseline} {
		for _, p := range list {
			for _, rules := range p.rules {
				for _, u := range rules {
					visit(u)
				}
			}
		}
	}
	for _, a := range w.mesh.policies {
		for _, u := range a.rules {
			visit(u)
		}
	}
}

// cut divides the addresses at every border that some rule draws.
func (w *World) cut() {
	borders := []uint64{0, 1 << 32}
	w.rules(func(u *rule) {
		for _, s := range u.blocks {
			borders = append(borders, uint64(s.Lo), uint64(s.Hi)+1)
		}
	})
	slices.Sort(borders)
	borders = slices.Compact(borders)
	if len(borders) > maxBlocks {
		w.Problems = append(w.Problems, plinth.Problem{Kind: plinth.Limit, Text: "the policies name too many address blocks; addresses outside are taken as one"})
		borders = []uint64{0, 1 << 32}
	}
	for i := 1; i < len(borders); i++ {
		w.atoms = append(w.atoms, Span{uint32(borders[i-1]), uint32(borders[i] - 1)})
	}
}

// fold numbers the pods by class: every set that a policy names splits the classes that it cuts through.
func (w *World) fold() {
	class, next := make([]int, len(w.pods)), 0
	first := map[string]int{}
	for i, p := range w.pods {
		key := p.table + "\x01" + w.mesh.key(i)
		if _, ok := first[key]; !ok {
			first[key] = next
			next++
		}
		class[i] = first[key]
	}
	seen := map[string]bool{}
	split := func(s set) {
		key := s.key()
		if seen[key] {
			return
		}
		seen[key] = true
		moved := map[int]int{}
		s.each(func(i int) {
			to, ok := moved[class[i]]
			if !ok {
				to = next
				moved[class[i]] = to
				next++
			}
			class[i] = to
		})
	}
	for _, list := range [][]*policy{w.admin, w.policies, w.baseline} {
		for _, p := range list {
			split(p.subject)
		}
	}
	for _, a := range w.mesh.policies {
		split(a.subject)
	}
	w.rules(func(u *rule) {
		split(u.peers)
		split(u.bare)
	})
	number := map[int]int{}
	for i, p := range w.pods {
		n, ok := number[class[i]]
		if !ok {
			n = len(w.classes)
			number[class[i]] = n
			w.classes = append(w.classes, p)
			p.first = i
		}
		p.class = n
	}
	for _, l := range w.Workloads {
		for _, i := range l.pods {
			if n := w.pods[i].class; !slices.Contains(l.classes, n) {
				l.classes = append(l.classes, n)
			}
		}
	}
}

func (s set) key() string {
	out := make([]byte, 0, 8*len(s))
	for _, word := range s {
		out = binary.LittleEndian.AppendUint64(out, word)
	}
	return string(out)
}

// columns turns the peers of every rule from pods and addresses into columns of the rows.
func (w *World) columns() {
	n := len(w.classes) + len(w.atoms)
	w.rules(func(u *rule) {
		turn := func(pods set) set {
			columns := newSet(n)
			if u.any {
				columns.fill(n)
			}
			for i, p := range w.classes {
				if pods.has(p.first) {
					columns.add(i)
				}
			}
			for i, a := range w.atoms {
				if len(u.blocks) > 0 && u.blocks.Contains(a.Lo) {
					columns.add(len(w.classes) + i)
				}
			}
			return columns
		}
		u.peers, u.fixed, u.resolve = turn(u.peers), w.pool.id(u.ports), map[string]uint32{}
		if u.bare != nil {
			u.bare = turn(u.bare)
		}
	})
}

// evaluate computes the rows.
func (w *World) evaluate() {
	columns, cells := len(w.classes)+len(w.atoms), 0
	for d := range w.groups {
		w.groups[d] = make([]*group, len(w.classes))
		known := map[string]*group{}
		for i, p := range w.classes {
			g, key := w.groupOf(direction(d), p)
			if known[key] == nil {
				known[key] = g
				if cells += columns; cells <= maxCells {
					g.row = make([]uint32, columns)
				}
				for col := range g.row {
					g.row[col] = w.decide(direction(d), g, col, nil)
				}
			}
			w.groups[d][i] = known[key]
		}
	}
}

// side returns what a class allows in one direction for one column.
func (w *World) side(d direction, class, col int) uint32 {
	g := w.groups[d][class]
	if g.row == nil {
		return w.decide(d, g, col, nil)
	}
	return g.row[col]
}

func (w *World) groupOf(d direction, p *pod) (*group, string) {
	g, key := &group{table: p}, []byte{}
	pick := func(list []*policy) (out []*policy) {
		for i, q := range list {
			if q.acts[d] && q.subject.has(p.first) {
				out = append(out, q)
				key = binary.AppendUvarint(key, uint64(i)+1)
			}
		}
		key = append(key, 0)
		return out
	}
	g.admin, g.policies, g.baseline = pick(w.admin), pick(w.policies), pick(w.baseline)
	if d == ingress {
		for i, a := range w.mesh.policies {
			if w.mesh.member(p.first) && a.subject.has(p.first) {
				g.auth = append(g.auth, a)
				key = binary.AppendUvarint(key, uint64(i)+1)
			}
		}
		key = append(key, 0)
		key = append(key, p.table+"\x01"+w.mesh.key(p.first)...)
	}
	return g, string(key)
}

// hit is a rule that let ports through; without a rule it is a default.
type hit struct {
	rule  *rule
	text  string
	at    plinth.Location
	ports uint32
}

// decide returns the ports that one side allows for one column: by AdminNetworkPolicies in order of priority, what they pass on
// or leave open by NetworkPolicies, and where none selects the pod by the baseline, else everything. The hits are the proof.
func (w *World) decide(d direction, g *group, col int, proof *[]hit) uint32 {
	note := func(u *rule, text string, ports uint32) {
		if proof != nil && ports != none {
			h := hit{rule: u, text: text, ports: ports}
			if u != nil {
				h.at = u.at
			}
			*proof = append(*proof, h)
		}
	}
	allowed, passed, left := none, none, all
	for _, p := range g.admin {
		for _, u := range p.rules[d] {
			if left == none || !u.peers.has(col) {
				continue
			}
			ports := w.pool.intersect(w.portsOf(d, u, g, col), left)
			left = w.pool.minus(left, ports)
			switch u.action {
			case allow:
				allowed = w.pool.union(allowed, ports)
				note(u, "allows", ports)
			case pass:
				passed = w.pool.union(passed, ports)
				note(u, "passes on", ports)
			}
		}
	}
	left = w.pool.union(left, passed)
	if len(g.policies) > 0 {
		for _, p := range g.policies {
			for _, u := range p.rules[d] {
				if u.peers.has(col) {
					ports := w.pool.intersect(w.portsOf(d, u, g, col), left)
					allowed = w.pool.union(allowed, ports)
					note(u, "allows", ports)
				}
			}
		}
		return w.authorize(d, g, col, allowed, proof)
	}
	for _, p := range g.baseline {
		for _, u := range p.rules[d] {
			if left == none || !u.peers.has(col) {
				continue
			}
			ports := w.pool.intersect(w.portsOf(d, u, g, col), left)
			left = w.pool.minus(left, ports)
			if u.action == allow {
				allowed = w.pool.union(allowed, ports)
				note(u, "allows", ports)
			}
		}
	}
	note(nil, "no policy selects it for "+d.String()+" or decides otherwise, and the default is to allow", left)
	return w.authorize(d, g, col, w.pool.union(allowed, left), proof)
}

// portsOf returns the ports of a rule for one column. Named ports are those of the pod that receives; addresses have none.
func (w *World) portsOf(d direction, u *rule, g *group, col int) uint32 {
	if len(u.names) == 0 {
		return u.fixed
	}
	to := g.table
	if d == egress {
		if col >= len(w.classes) {
			return u.fixed
		}
		to = w.classes[col]
	}
	if id, ok := u.resolve[to.table]; ok {
		return id
	}
	ports := u.ports
	for _, n := range u.names {
		for _, p := range to.ports {
			if p.name == n.name && (n.every || p.protocol == n.protocol) {
				ports = ports.Union(PortsOf(p.protocol, p.port, p.port))
			}
		}
	}
	id := w.pool.id(ports)
	u.resolve[to.table] = id
	return id
}

// Allowed returns on which ports the workload at one index of Workloads may talk to that at another. A workload with several
// pods may do what one of them may. The answer is shared and must not be changed.
func (w *World) Allowed(from, to int) Ports { return w.pool.sets[w.allowed(from, to)] }

func (w *World) allowed(from, to int) uint32 {
	out := none
	for _, a := range w.Workloads[from].classes {
		for _, b := range w.Workloads[to].classes {
			out = w.pool.union(out, w.pool.intersect(w.side(egress, a, b), w.side(ingress, b, a)))
		}
	}
	return out
}

// part is some addresses outside with the ports that are allowed for them.
type part struct {
	addresses Spans
	ports     uint32
}

// outside returns the addresses that a workload may talk to (egress) or be talked to from (ingress), parted by ports and sorted by
// the first address.
func (w *World) outside(d direction, l *Workload) []part {
	var out []part
	at := map[uint32]int{}
	for i, a := range w.atoms {
		id := none
		for _, class := range l.classes {
			id = w.pool.union(id, w.side(d, class, len(w.classes)+i))
		}
		if id == none {
			continue
		}
		n, ok := at[id]
		if !ok {
			n = len(out)
			at[id] = n
			out = append(out, part{ports: id})
		}
		out[n].addresses = append(out[n].addresses, a)
	}
	for i := range out {
		out[i].addresses = SpansOf(out[i].addresses...)
	}
	return out
}
