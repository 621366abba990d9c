package bind

import (
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/reach"
)

const maxInner = 20_000 // relations between workloads inside one cluster

// endpoint is the node of a workload as the network reaches it, which is not yet its code.
func endpoint(r *plinth.Resource) plinth.ID { return "net:" + r.ID }

// expose tells the ways from outside to the Services of a cluster, what the weaknesses behind them give, and the ways on from
// there to weak workloads inside.
func (w *scene) expose(c *cluster, weak map[plinth.ID][]flaw) {
	c.world = reach.New(c.objects)
	seen := map[plinth.ID]bool{}
	exposures := c.world.Exposures(c.objects)
	mixed := map[string]bool{} // Services before workloads of which policies close some
	for _, x := range exposures {
		mixed[x.Service] = mixed[x.Service] || x.Open.Empty()
	}
	for _, x := range exposures {
		if x.Internal || x.Open.Empty() {
			continue
		}
		service := c.byName["Service/"+x.Service]
		kind, name, _ := strings.Cut(x.By, " ")
		by := c.byName[kind+"/"+name]
		if service == nil || by == nil {
			continue
		}
		first := step(by, x.At, costExposure, kind+" "+name+" is offered outside the cluster")
		if mixed[x.Service] {
			w.arrive(x.To.Resource, seen)
			selector, _ := service.Props.At("spec", "selector")
			selects := step(service, service.Place(selector), costExposure, "Service "+x.Service+" selects "+x.To.Resource.Decl.Address)
			w.relate(plinth.Internet, endpoint(x.To.Resource), plinth.Exposes, first, selects)
			continue
		}
		w.relate(plinth.Internet, by.ID, plinth.Exposes, first)
		if by != service {
			w.relate(by.ID, service.ID, plinth.Exposes, step(by, x.At, costExposure, kind+" "+name+" leads to Service "+x.Service))
		}
	}
	for _, r := range c.objects {
		if len(weak[r.ID]) > 0 {
			w.arrive(r, seen)
			w.gain(c, r, weak[r.ID])
		}
	}
	w.inner(c, weak)
}

// arrive tells the node of a workload as the network reaches it, once.
func (w *scene) arrive(r *plinth.Resource, seen map[plinth.ID]bool) {
	if seen[r.ID] {
		return
	}
	seen[r.ID] = true
	w.to.Node(plinth.Node{ID: endpoint(r), Type: plinth.TypeEndpoint, Name: r.Name, Address: r.Decl.Address, At: r.Decl.Header, Names: []string{r.Decl.Address}})
}

// gain tells what the weaknesses of a workload of a cluster give to whom its ports let in.
func (w *scene) gain(c *cluster, r *plinth.Resource, weak []flaw) {
	_, spec, ok := reach.Template(r)
	if !ok {
		return
	}
	for _, f := range weak {
		f.settle()
		if f.gives&runsCode != 0 {
			w.yield(r, r.ID, &f, nil)
		}
		if f.gives&readsFiles != 0 {
			w.readable(c, r, spec, &f)
		}
		if f.gives&sendsHTTP != 0 && f.gives&runsCode == 0 {
			w.metadata(r, textAt(spec, "hostNetwork") == "true", &f)
		}
	}
}

func (w *scene) yield(r *plinth.Resource, to plinth.ID, f *flaw, more []plinth.Step) {
	w.to.Relation(plinth.Relation{From: endpoint(r), To: to, Kind: plinth.Weakness, Technique: f.technique(), When: f.when, Evidence: slices.Concat(f.evidence, more)})
}

// readable tells what files hold: the tokens of the pod's identity, and its secrets.
func (w *scene) readable(c *cluster, r *plinth.Resource, spec plinth.Value, f *flaw) {
	account, mounted := c.identity(r, spec)
	if account != nil && len(mounted) > 0 {
		w.yield(r, account.ID, f, mounted)
	}
	for _, s := range c.secretsOf(r, spec) {
		w.yield(r, s.to.ID, f, []plinth.Step{s.step})
	}
}

// inner tells which workloads may talk to the weak ones of their cluster: whoever holds a workload goes on from there. A weakness
// that only sends requests gets there as well.
func (w *scene) inner(c *cluster, weak map[plinth.ID][]flaw) {
	n := 0
	for to, target := range c.world.Workloads {
		if target.Resource == nil || len(weak[target.Resource.ID]) == 0 {
			continue
		}
		for from, source := range c.world.Workloads {
			if from == to || source.Resource == nil {
				continue
			}
			ports := c.world.Allowed(from, to)
			if ports.Empty() {
				continue
			}
			if n++; n > maxInner {
				w.to.Problem(plinth.Problem{Kind: plinth.Limit, Text: "more than 20,000 ways between workloads with weaknesses; the others are left out"})
				return
			}
			proof := step(target.Resource, target.Resource.Decl.Header, 0, "no policy keeps "+source.String()+" from "+target.String()+" on "+ports.String())
			w.relate(source.Resource.ID, endpoint(target.Resource), plinth.Reach, proof)
			for _, f := range weak[source.Resource.ID] {
				if f.gives&sendsHTTP != 0 && f.gives&runsCode == 0 {
					w.to.Relation(plinth.Relation{
						From: endpoint(source.Resource), To: endpoint(target.Resource), Kind: plinth.Weakness, Technique: f.technique(),
						When: f.when.And("a request that the attacker shapes there triggers the weakness here"), Evidence: slices.Concat(f.evidence, []plinth.Step{proof}),
					})
				}
			}
		}
	}
}
