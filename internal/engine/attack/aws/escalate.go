package aws

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/engine/attack/technique"
	"github.com/plinthsec/plinth/internal/iam"
	"github.com/plinthsec/plinth/internal/iam/account"
)

// trusting is a role that a service may act as, under conditions.
type trusting struct {
	role *account.Principal
	when iam.Formula
	by   []iam.Proof
}

// attempt is a technique in the hands of a principal.
type attempt struct {
	*technique.Technique
	who   *account.Principal
	when  iam.Formula
	proof proof
}

// escalate tells who can get what by which technique.
func (w *scene) escalate(ctx context.Context) error {
	for _, p := range w.Principals() {
		if err := ctx.Err(); err != nil {
			return err
		}
		if w.surely(p) {
			continue
		}
		for i := range w.edges {
			e := &w.edges[i]
			if !w.able(p, e) {
				continue
			}
			a := attempt{Technique: e, who: p, when: iam.Always()}
			switch e.To {
			case toPassed:
				w.passed(a)
			case toRunning:
				w.running(a)
			case toTarget, toRewritten:
				w.targets(a)
			case toGroup:
				w.groups(a)
			case toSelf:
				w.self(a)
			}
		}
	}
	return nil
}

// able tells whether a principal's own side lets it do every action of a technique on something at all.
func (w *scene) able(p *account.Principal, e *technique.Technique) bool {
	for _, r := range e.Requires {
		if r.Action != assumeRole && len(w.Can(p, r.Action)) == 0 && (r.Action != passRole || len(e.Trusts) == 0) {
			return false
		}
	}
	return true
}

const passRole = "iam:PassRole"

// also returns the attempt with one more thing that holds.
func (a attempt) also(when iam.Formula) attempt {
	a.when = a.when.And(when)
	a.proof.steps, a.proof.by, a.proof.acts = slices.Clone(a.proof.steps), slices.Clone(a.proof.by), slices.Clone(a.proof.acts)
	return a
}

func (w *scene) tell(a attempt, to plinth.ID, kind plinth.RelationKind) {
	if a.when.Never() || w.dominated(a.who, a.when) {
		return
	}
	w.member(&a.proof, a.who)
	r := plinth.Relation{From: a.who.ID, To: to, Kind: kind, Technique: a.ID, When: a.when.Condition(), Evidence: a.proof.steps}
	for _, one := range a.Requires {
		r.Permissions = append(r.Permissions, one.Action)
	}
	w.relate(r)
}

// on asks for one action on a resource.
func (w *scene) on(a attempt, action string, r *plinth.Resource) attempt {
	got := w.Decide(a.who, action, r, nil)
	if got.Result != iam.Allowed {
		return a.also(nil)
	}
	a = a.also(got.When)
	if ways := w.Ways(got, a.who, action, r); len(ways) > 0 {
		a.proof.add(ways[0].By, action, r.Label(), r.Head())
	}
	return a
}

// some asks for one action on anything that a pattern matches, by the principal's own side. The grant that is taken is the first
// without condition, else the first.
func (w *scene) some(a attempt, action string, over iam.Pattern, on string) (attempt, *iam.Grant) {
	var best *iam.Grant
	var when iam.Formula
	grants := w.Can(a.who, action)
	for i := range grants {
		f := grants[i].Over(over)
		if f.Never() || best != nil && !f.Always() {
			continue
		}
		if best = &grants[i]; f.Always() {
			when = f
			break
		}
		when = f
	}
	a = a.also(when)
	if best != nil {
		a.proof.add(best.By, action, on, a.who.Resource.Head())
	}
	return a, best
}

// anew asks for all actions of a technique that are about something new. Two of them that are about things of one type must be
// allowed on the same one.
func (w *scene) anew(a attempt) attempt {
	var first *iam.Grant
	var types map[string]string
	for _, r := range a.Requires {
		if r.About != onAny {
			continue
		}
		over := iam.ParsePattern("*")
		mine := w.Services().Action(r.Action).Resources()
		if first != nil && shares(types, mine) && len(first.All) == 1 {
			over = first.All[0]
		}
		var g *iam.Grant
		if a, g = w.some(a, r.Action, over, "*"); g == nil {
			return a
		}
		if first == nil && len(mine) > 0 {
			first, types = g, mine
		}
	}
	return a
}

func shares(a, b map[string]string) bool {
	for k := range maps.Keys(a) {
		if _, ok := b[k]; ok {
			return true
		}
	}
	return false
}

// passed tells the roles that a principal can hand to a workload of its own making, or that it may change.
func (w *scene) passed(a attempt) {
	a = w.anew(a)
	a = w.existing(a)
	if a = w.facts(a, nil); a.when.Never() {
		return
	}
	passes := slices.ContainsFunc(a.Requires, func(r technique.Requirement) bool { return r.Action == passRole })
	for _, service := range a.Trusts {
		grants := []iam.Grant{{All: []iam.Pattern{iam.ParsePattern("*")}, When: iam.Always()}}
		if passes {
			grants = w.Pass(a.who, service)
		}
		for _, t := range w.trustedBy(service) {
			if t.role == a.who || t.role.Account != a.who.Account {
				continue
			}
			for i := range grants {
				when := grants[i].On(t.role.ARN)
				if when.Never() {
					continue
				}
				one := a.also(when.And(t.when))
				one.proof.add(grants[i].By, passRole, t.role.Resource.Label(), a.who.Resource.Head())
				one.proof.add(t.by, assumeRole, t.role.Resource.Label(), t.role.Resource.Head())
				w.tell(w.facts(one, t.role), t.role.ID, plinth.Escalate)
				break
			}
		}
	}
}

// existing asks for the actions on a workload that is there, whichever.
func (w *scene) existing(a attempt) attempt {
	var on []technique.Requirement
	for _, r := range a.Requires {
		if r.About == onWorkload {
			on = append(on, r)
		}
	}
	if len(on) == 0 || a.when.Never() {
		return a
	}
	for _, typ := range a.Workloads {
		for _, r := range w.Resources(typ) {
			one := a.also(iam.Always())
			for _, q := range on {
				one = w.on(one, q.Action, r)
			}
			if !one.when.Never() {
				return one
			}
		}
	}
	for _, q := range on {
		a, _ = w.some(a, q.Action, iam.ParsePattern("*"), "*")
	}
	return a.also(iam.If(iam.Fact("a resource of type " + a.Workloads[0] + " is there that it may change")))
}

// trustedBy returns the roles that a service may act as.
func (w *scene) trustedBy(service string) []trusting {
	if list, ok := w.trusting[service]; ok {
		return list
	}
	list := []trusting{}
	for _, role := range w.Principals() {
		if role.Kind != iam.Role || !slices.ContainsFunc(w.Named(role.Resource), func(n string) bool {
			return strings.EqualFold(n, "Service:"+service) || n == "AWS:*"
		}) {
			continue
		}
		a := w.Trust(role, iam.Principal{Kind: iam.Service, ARN: service}, map[string][]string{"aws:SourceAccount": {role.Account}})
		if a.Result == iam.Allowed {
			list = append(list, trusting{role, a.When, a.Allows})
		}
	}
	w.trusting[service] = list
	return list
}

// running tells the workloads that a principal can make run its code.
func (w *scene) running(a attempt) {
	for _, typ := range a.Workloads {
		for _, load := range w.runs[typ] {
			own := w.Account(load.resource) == a.who.Account
			if load.role == a.who || !own && len(w.Named(load.resource)) == 0 {
				continue
			}
			one := a
			for _, r := range a.Requires {
				if one.when.Never() {
					break
				}
				if r.About == onWorkload && w.fits(r.Action, load.resource) {
					one = w.on(one, r.Action, load.resource)
				} else if !own {
					one = one.also(nil)
				} else {
					one, _ = w.some(one, r.Action, w.kin(r.Action, load.resource), "*")
				}
			}
			if !one.when.Never() {
				w.tell(w.facts(one, load.role), load.resource.ID, plinth.Escalate)
			}
		}
	}
}

// fits tells whether an action is about resources of a workload's type.
func (w *scene) fits(action string, r *plinth.Resource) bool {
	types := w.Services().Action(action).Resources()
	if len(types) == 0 {
		return true
	}
	arn := w.ARN(r)
	for _, template := range types {
		if iam.ParsePattern(pattern(template)).Matches(arn) {
			return true
		}
	}
	return false
}

// kin is a pattern of the resources that an action is about where it is not the workload itself: tasks, for a task definition.
func (w *scene) kin(action string, r *plinth.Resource) iam.Pattern {
	types := w.Services().Action(action).Resources()
	for _, k := range slices.Sorted(maps.Keys(types)) {
		parts := strings.SplitN(pattern(types[k]), ":", 6)
		if len(parts) == 6 {
			if own := strings.SplitN(w.ARN(r), ":", 6); len(own) == 6 && parts[4] == "*" {
				parts[3], parts[4] = own[3], own[4]
			}
			return iam.ParsePattern(strings.Join(parts, ":"))
		}
	}
	return iam.ParsePattern("*")
}

// pattern turns a template of an ARN into a pattern.
func pattern(template string) string {
	var b strings.Builder
	for {
		head, rest, ok := strings.Cut(template, "${")
		b.WriteString(head)
		if !ok {
			return b.String()
		}
		b.WriteByte('*')
		_, template, _ = strings.Cut(rest, "}")
	}
}

// targets tells the other principals that a principal can act as.
func (w *scene) targets(a attempt) {
	kind := iam.Role
	for _, r := range a.Requires {
		if r.About == onUser {
			kind = iam.User
		}
	}
	for _, t := range w.Principals() {
		if t == a.who || t.Kind != kind || t.Account != a.who.Account || w.surely(t) && a.To == toRewritten {
			continue
		}
		for _, one := range w.against(a, t) {
			if one = w.facts(one, t); one.when.Never() {
				continue
			}
			if a.To == toTarget {
				w.tell(one, t.ID, plinth.Escalate)
				continue
			}
			if one = one.also(w.Rewritten(t)); !one.when.Never() {
				w.tell(one, w.taken(t), plinth.Escalate)
			}
		}
	}
}

// against asks for the actions of a technique on a target: one way for each of its policies that may be changed, else one.
func (w *scene) against(a attempt, t *account.Principal) []attempt {
	ways := []attempt{a}
	for _, r := range a.Requires {
		var next []attempt
		for _, one := range ways {
			switch {
			case one.when.Never():
			case r.About == onPolicy:
				for _, policy := range w.Attached(t) {
					if w.own(a.who, r.Action, policy) {
						next = append(next, w.on(one, r.Action, policy))
					}
				}
			case r.Action == assumeRole || w.own(a.who, r.Action, t.Resource):
				next = append(next, w.on(one, r.Action, t.Resource))
			}
		}
		ways = next
	}
	return ways
}

// taken is the node of a principal whose policies an attacker has rewritten: an administrator.
func (w *scene) taken(t *account.Principal) plinth.ID {
	id := plinth.ID(string(t.ID) + "#taken")
	if w.told[id] {
		return id
	}
	w.virtual(plinth.Node{
		ID: id, Type: plinth.TypeTaken, Name: t.Resource.Name, Address: t.Resource.Label() + " with other policies", Aliases: []plinth.ID{braced(t.ARN)},
		At: t.Resource.Head(),
	})
	w.relate(plinth.Relation{From: id, To: w.admin(t.Account), Kind: plinth.Admin, Permissions: everything, Evidence: []plinth.Step{
		{Note: "whoever writes the policies of " + t.Resource.Label() + " makes it an administrator", At: t.Resource.Head()},
	}})
	return id
}

// braced is an ARN by which a node is found and which makes it no other node: its account stands in braces.
func braced(arn string) plinth.ID {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) == 6 && !strings.HasPrefix(parts[4], "{") {
		parts[4] = "{" + parts[4] + "}"
	}
	return plinth.ID(strings.Join(parts, ":"))
}

// groups tells the groups that a principal can join.
func (w *scene) groups(a attempt) {
	if a.who.Kind != iam.User {
		return
	}
	for _, g := range w.Groups() {
		if g.Account != a.who.Account || slices.Contains(a.who.Groups, g) {
			continue
		}
		one := a
		for _, r := range a.Requires {
			one = w.on(one, r.Action, g.Resource)
		}
		w.tell(one, g.ID, plinth.Escalate)
	}
}

// self tells who can rewrite his own policies, those of a group of his, or what is attached to him.
func (w *scene) self(a attempt) {
	var own []*plinth.Resource
	switch a.Requires[0].About {
	case onRole:
		if a.who.Kind == iam.Role {
			own = append(own, a.who.Resource)
		}
	case onUser:
		if a.who.Kind == iam.User {
			own = append(own, a.who.Resource)
		}
	case onGroup:
		for _, g := range a.who.Groups {
			own = append(own, g.Resource)
		}
	case onPolicy:
		own = w.Attached(a.who)
	}
	for _, r := range own {
		one := a
		for _, q := range a.Requires {
			one = w.on(one, q.Action, r)
		}
		if one = w.facts(one, nil); one.when.Never() {
			continue
		}
		if one = one.also(w.Rewritten(a.who)); !one.when.Never() {
			w.tell(one, w.taken(a.who), plinth.Escalate)
		}
	}
}
