package reach

import "github.com/plinthsec/plinth"

// Guard is an AuthorizationPolicy or a PeerAuthentication with the workloads that it is about.
type Guard struct {
	Resource *plinth.Resource
	Mode     string            // of a PeerAuthentication: STRICT, PERMISSIVE, DISABLE, or "" where it is inherited
	Selects  bool              // it has a selector of its own
	Members  []*Workload       // that are in the mesh
	Others   []*Workload       // that are not, for certain
	Never    []plinth.Location // rules of an AuthorizationPolicy that no caller can fulfil, as its workloads take no mutual TLS
}

// Guards returns the policies of Istio, AuthorizationPolicies first, each in the order of the resources.
func (w *World) Guards() []Guard {
	var out []Guard
	for _, a := range w.mesh.policies {
		g := w.guard(a.resource, a.subject)
		for _, u := range a.rules {
			if len(g.Members) > 0 && w.never(u, g.Members) {
				g.Never = append(g.Never, u.at)
			}
		}
		out = append(out, g)
	}
	for _, p := range w.mesh.peers {
		g := w.guard(p.resource, p.subject)
		if g.Mode = p.mode; g.Mode == "UNSET" {
			g.Mode = ""
		}
		out = append(out, g)
	}
	return out
}

func (w *World) guard(r *plinth.Resource, subject set) Guard {
	g := Guard{Resource: r, Selects: get(r.Props, "spec", "selector").Len() > 0}
	for _, l := range w.Workloads {
		some, in, sure := false, false, false
		for _, i := range l.pods {
			if subject.has(i) {
				some, in = true, in || w.mesh.member(i)
				sure = sure || !w.mesh.member(i)
			}
		}
		switch {
		case in:
			g.Members = append(g.Members, l)
		case some && sure:
			g.Others = append(g.Others, l)
		}
	}
	return g
}

// never tells whether a rule asks for an identity of callers that none of the workloads takes.
func (w *World) never(u *rule, list []*Workload) bool {
	if len(u.blocks) > 0 {
		return false
	}
	some := false
	u.bare.each(func(int) { some = true })
	if some {
		return false
	}
	for _, l := range list {
		for _, i := range l.pods {
			if m := w.mesh.modes[i]; w.mesh.member(i) && w.pool.minus(w.pool.id(PortsOf(TCP, 1, lastPort)), m.off) != none {
				return false
			}
		}
	}
	return true
}

// Plaintext returns the DestinationRules that have clients of the mesh talk to its workloads without mutual TLS.
func (w *World) Plaintext() []*plinth.Resource {
	var out []*plinth.Resource
	for _, d := range w.mesh.rules {
		hits := false
		d.targets.each(func(i int) { hits = hits || w.mesh.member(i) })
		if d.plain && hits {
			out = append(out, d.resource)
		}
	}
	return out
}
