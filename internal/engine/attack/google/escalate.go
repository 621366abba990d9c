package google

import (
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/engine/attack/technique"
	"github.com/plinthsec/plinth/internal/iam"
	"github.com/plinthsec/plinth/internal/iam/google"
)

// run tells as whom each workload runs.
func (w *scene) run() {
	for _, r := range w.g.Resources() {
		for _, run := range w.Runs(r) {
			w.runs[r.Type] = append(w.runs[r.Type], workload{r, run.As})
			how := r.Label() + " runs as " + run.As.Label()
			if run.Default {
				how = r.Label() + " names no service account and runs as the default one of its project"
			}
			var when plinth.Condition
			if run.Scopes != "" {
				when = plinth.Condition{{"the access scopes of its tokens (" + run.Scopes + ") let it"}}
			}
			w.relate(plinth.Relation{From: r.ID, To: w.node(run.As), Kind: plinth.RunsAs, When: when, Evidence: []plinth.Step{{Note: how, At: run.At, Cost: costIdentity}}})
		}
	}
}

// groups are the scopes of projects, folders and organizations on which a principal has something.
func (w *scene) groups(p *google.Principal) []string {
	var out []string
	for _, b := range p.Bindings() {
		if (strings.HasPrefix(b.On, "projects/") || strings.HasPrefix(b.On, "folders/") || strings.HasPrefix(b.On, "organizations/")) && !slices.Contains(out, b.On) {
			out = append(out, b.On)
		}
	}
	return out
}

// administers tells what a principal may do everything in.
func (w *scene) administers(p *google.Principal) {
	for _, scope := range w.groups(p) {
		if w.surely(p, w.Above(scope)[1:]) {
			continue
		}
		when, ways := w.Administers(p, scope)
		if when.Never() {
			continue
		}
		all := attempt{who: p, when: iam.Always()}
		for _, way := range ways {
			all = all.also(way, "")
		}
		all.when = when
		if w.admins[p] == nil {
			w.admins[p] = map[string]iam.Formula{}
		}
		w.admins[p][scope] = all.when
		for i := range all.steps {
			all.steps[i].Note, _, _ = strings.Cut(all.steps[i].Note, ": ")
		}
		w.relate(plinth.Relation{From: w.node(p), To: w.admin(scope), Kind: plinth.Admin, Permissions: everything, When: all.when.Condition(), Evidence: all.steps})
	}
}

// escalates tells what a principal gets by which technique.
func (w *scene) escalates(p *google.Principal) {
	for i := range w.edges {
		e := &w.edges[i]
		if slices.ContainsFunc(e.Requires, func(r technique.Requirement) bool { return !w.Able(p, r.Action) }) {
			continue
		}
		switch e.To {
		case toPassed, toTarget:
			for _, t := range w.Principals() {
				if t != p && t.Project != "" && t.Resource != nil {
					w.try(p, e, w.Scopes(t.Resource), w.Above(t.Project), nil, func(attempt) plinth.ID { return w.node(t) })
				}
			}
		case toRunning:
			for _, typ := range e.Workloads {
				for _, load := range w.runs[typ] {
					if load.as != p {
						w.try(p, e, w.account(load.as), nil, w.Scopes(load.resource), func(attempt) plinth.ID { return load.resource.ID })
					}
				}
			}
		case toDefault:
			w.made(p, e, w.Default)
		case toAgent:
			w.made(p, e, w.Agent)
		case toAdmin:
			for _, scope := range w.groups(p) {
				if slices.ContainsFunc(e.On, func(prefix string) bool { return strings.HasPrefix(scope, prefix) }) {
					w.try(p, e, nil, w.Above(scope), nil, func(attempt) plinth.ID { return w.admin(scope) })
				}
			}
		case toRole:
			w.rewrites(p, e)
		}
	}
}

// account are the scopes of a service account.
func (w *scene) account(p *google.Principal) []string {
	if p.Resource != nil {
		return w.Scopes(p.Resource)
	}
	return append([]string{p.Member}, w.Above(p.Project)...)
}

// made tells a technique that leads to an account that Google makes in each project.
func (w *scene) made(p *google.Principal, e *technique.Technique, of func(string, plinth.Location) *google.Principal) {
	for _, project := range w.Projects() {
		if len(w.Ways(p, e.Requires[0].Action, w.Above(project))) == 0 {
			continue
		}
		account := append([]string{project + "/made"}, w.Above(project)...)
		w.try(p, e, account, w.Above(project), nil, func(a attempt) plinth.ID {
			if t := of(project, a.steps[0].At); t != p {
				return w.node(t)
			}
			return ""
		})
	}
}

// try tells a technique if a principal has all that it needs: on a service account, a workload, and the scope that both lie in.
func (w *scene) try(p *google.Principal, e *technique.Technique, account, in, workload []string, to func(attempt) plinth.ID) {
	if w.surely(p, account) || w.surely(p, in) || w.surely(p, workload) {
		return
	}
	a := attempt{who: p, when: iam.Always()}
	r := plinth.Relation{Kind: e.Kind, Technique: e.ID}
	for _, q := range e.Requires {
		scopes := in
		switch q.About {
		case onAccount:
			scopes = account
		case onWorkload:
			scopes = workload
		}
		ways := w.Ways(p, q.Action, scopes)
		if len(ways) == 0 {
			return
		}
		way := ways[0]
		if strings.HasSuffix(q.Action, ".setIamPolicy") {
			way.When = google.Unlimited(way.When)
		}
		a = a.also(way, q.Action)
		r.Permissions = append(r.Permissions, q.Action)
	}
	if a.when.Never() {
		return
	}
	r.From, r.To, r.When, r.Evidence = w.node(p), to(a), a.when.Condition(), a.steps
	if r.To == "" || !w.first(&r) {
		return
	}
	w.relate(r)
}

// first tells whether nothing else that rests on the same places leads to the same yet: a role that gives twenty ways gives one
// relation.
func (w *scene) first(r *plinth.Relation) bool {
	k := string(r.From) + "\x00" + string(r.To)
	for _, s := range r.Evidence {
		k += "\x00" + s.At.Path + ":" + itoa(s.At.Line)
	}
	if w.said[k] {
		return false
	}
	w.said[k] = true
	return true
}

// rewrites tells who can change a custom role that he holds himself: he has every permission where he holds it.
func (w *scene) rewrites(p *google.Principal, e *technique.Technique) {
	for _, b := range p.Bindings() {
		for _, name := range b.Role.Known {
			role := w.Of(name)
			if role == nil || !strings.HasPrefix(b.On, "projects/") && !strings.HasPrefix(b.On, "folders/") && !strings.HasPrefix(b.On, "organizations/") {
				continue
			}
			w.try(p, e, nil, w.Scopes(role), nil, func(attempt) plinth.ID { return w.admin(b.On) })
		}
	}
}

// holds tells what whoever administers a scope has in his hand: the projects below it, their stores and service accounts.
func (w *scene) holds() {
	for i := 0; i < len(w.owned); i++ {
		scope := w.owned[i]
		id := plinth.GoogleAdmin(scope)
		for _, project := range w.Projects() {
			if project != scope && slices.Contains(w.Above(project), scope) {
				if r := w.Of(project); r != nil {
					w.relate(plinth.Relation{From: id, To: w.admin(project), Kind: plinth.Admin, Permissions: everything, Evidence: []plinth.Step{
						{Note: r.Label() + " lies in " + place(scope), At: r.Head(), Cost: costFact},
					}})
				}
			}
		}
		for _, p := range w.Principals() {
			if p.Resource != nil && p.Project == scope {
				w.relate(plinth.Relation{From: id, To: p.Resource.ID, Kind: plinth.Escalate, Permissions: everything, Evidence: []plinth.Step{
					{Note: "an administrator of the project can act as " + p.Label(), At: p.Resource.Head(), Cost: costFact},
				}})
			}
		}
		for _, s := range stores {
			for _, k := range w.g.OfType(s.typ) {
				r := w.g.Resources()[k]
				if !r.Data && !r.External && w.ProjectOf(r) == scope {
					w.relate(plinth.Relation{From: id, To: r.ID, Kind: plinth.Can, Permissions: s.actions[:1], Evidence: []plinth.Step{
						{Note: "an administrator of the project reads " + r.Label(), At: r.Head(), Cost: costFact},
					}})
				}
			}
		}
	}
}
